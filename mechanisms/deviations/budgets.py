r"""Budgets that meet exactly: the last digits of orders shared out so that all who just pass their test do pass it.

Where all quote the same prices, costs add up to zero. What a member buys from an outsider at these prices is then paid
for only if both are exactly at their budgets, up to what the contract grants for rounding, and the market forgives
nothing (:mod:`mechanisms.market_game.exact_test`). Orders that come out of a solver, or of a product of price and
quantity, are right to some digits only. A little money moved between players makes them right: each ends with the same
part of the room they have together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Situation,
    played,
)
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Pricing,
)

# Who is this near to its budget, in shares of what everything is worth, is meant to be at it.
_NEAR = 1e-7


def evened(situation: Situation, action: JointAction) -> JointAction | None:
    """Return one joint action with money moved so that all who are at their budgets share what room there is.

    Args:
        situation: what the coalition faces.
        action: one action of the members.

    Returns:
        The action, different in what one member orders of the numeraire; None where there is no room.

    Raises:
        ValueError: the action does not fit the coalition.
    """
    tested_once = replace(situation.rules, bankruptcy=Bankruptcy.TRADES_STAND, coverage=Coverage.UNLIMITED)
    play = played(replace(situation, rules=tested_once), action)
    excess = (play.settlement.cost - play.transfers).max(axis=0)
    worth = float((situation.quotes @ situation.supply.max(axis=0)).min())
    near = np.abs(excess) <= _NEAR * worth
    members = np.flatnonzero(near[situation.members])
    if not members.size:
        return None
    member = int(members[0])
    payer = situation.coalition[member]
    if situation.rules.pricing is Pricing.VOID:
        near = near & (play.quotes[:, payer, None] == play.quotes).all(axis=(0, -1))
    room = -float(excess[near].mean())
    if room <= 0.0:
        return None
    orders = action.orders.copy()
    orders[member, near, -1] += excess[near] + room
    orders[member, payer, -1] = action.orders[member, payer, -1]
    return replace(action, orders=orders)
