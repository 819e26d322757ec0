r"""Joint actions in which one member takes all it can from others who are sacrificed, without side-transfers.

Where a bankrupt player's trades stand, members may sell one of them, the winner, more than they have: it claims the
goods, they go bankrupt and end with nothing. Quoting the goods at nothing, or at prices that are paid with what the
members sell one another, makes the purchase free whatever the market's pricing. No side-transfers are involved, so
that each member can have its turn in one lottery.

Source:
    Ours; the sacrificed member is the one who quotes low in the proof of Theorem 1 of Giraud and Rochon (2001).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.collusion.side_contracts.menu import (
    ROUNDING,
    settled_gains,
)
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    obedient,
    played,
    stacked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marketgame.mechanisms.deviations.situation import Situation

QUOTES = (0.0, 1.0, 10.0)
"""What members quote for goods, in multiples of the prescribed quotes."""

CLAIMS = (0.25, 0.5, 1.0, 3.0, 50.0)
"""What the winner orders from the sacrificed, in multiples of the supply."""

KEPT = 2
"""So many actions are kept for each winner."""


def martyr_actions(situation: Situation) -> Iterator[JointAction]:
    """Yield for each member the actions found best for it among those that sacrifice all others.

    Args:
        situation: of two or more members.
    """
    for winner in range(len(situation.coalition)):
        tried = [
            _balanced(situation, _sacrifice(situation, winner, *choice), winner)
            for choice in itertools.product(QUOTES, CLAIMS, (True, False))
        ]
        values = settled_gains(situation, stacked(tried))[:, winner]
        for number in np.argsort(-values, kind="stable")[:KEPT]:
            if values[number] > situation.obedient_gains[winner]:
                yield tried[number]


def _sacrifice(situation: Situation, winner: int, factor: float, claims: float, trades_on: bool) -> JointAction:
    """Return what members play when all but the winner sell it some multiple of the supply of every good."""
    told = obedient(situation)
    quotes, orders = told.quotes.copy(), told.orders.copy()
    quotes[:, :-1] *= factor
    members, outsiders = situation.members, situation.outsiders
    orders[:, members] = 0.0
    if not trades_on:
        orders[:, outsiders] = situation.orders[0][np.ix_(outsiders, members)].swapaxes(0, 1)
    others = [member for member in members if member != members[winner]]
    orders[winner, others, :-1] = claims * situation.supply[0, :-1]
    owned = situation.endowments[0, members]
    return JointAction(quotes, orders, owned, np.zeros(len(members)))


def _balanced(situation: Situation, action: JointAction, winner: int) -> JointAction:
    """Return the action with the winner's budget spent on, or paid for with, numeraire from a sacrificed member."""
    member = situation.coalition[winner]
    other = next(player for player in situation.coalition if player != member)
    play = played(situation, action)
    cost, transfers = play.settlement.cost[:, member], situation.transfers[:, member]
    orders = action.orders.copy()
    # The market forgives nothing: whatever this is rounded by stays unspent.
    gross = float((play.quotes[0] * (np.abs(action.orders[winner]) + np.abs(play.orders[0, :, member]))).sum())
    orders[winner, other, -1] += float((transfers - cost).min()) - ROUNDING * (gross + float(np.abs(transfers).max()))
    return JointAction(action.quotes, orders, action.announced_endowments, action.side_transfers)
