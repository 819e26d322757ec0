r"""Small changes by which one member may do better than it was told: found by settling many, never a proof.

From the part it was told a member exchanges goods with one player, or passes them on from one to another, in amounts
from a hundredth of the supply to all that somebody holds, paid for at the counterparty's quote or not at all. The best
change is taken as the next starting point. Every agreement that leaves money on the table between two quotes falls to
one of these; the oracle, which rebuilds a member's orders from nothing, may overlook them at the edge of somebody's
solvency.

Source:
    Giraud and Rochon (2001), equation (1) and the arbitrage in the proof of Theorem 1.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.collusion.side_contracts.menu import settled_gains
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    obedient,
    played,
    stacked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marketgame.mechanisms.arrays import FloatArray
    from marketgame.mechanisms.deviations.situation import Situation

SHARES = (0.01, 0.1, 0.5, 1.0, 3.0)
"""Amounts exchanged, in multiples of the supply of the good."""

JUST_BELOW = 1.0 - 1e-9
"""Amounts that exhaust a holding stay below it by rounding."""

STEPS = 4
"""So many changes are made one after the other."""


def best_small_change(situation: Situation) -> tuple[JointAction, float]:
    """Return the best of many small changes to what a lone member was told, and its gain.

    Args:
        situation: of a coalition of one.

    Returns:
        A joint action of one, obedience if nothing is better, and its expected gain, numeraire.
    """
    best, gain = obedient(situation), 0.0
    for _ in range(STEPS):
        tried = list(_changes(situation, best))
        values = settled_gains(situation, stacked(tried))[:, 0] - situation.obedient_gains[0]
        winner = int(values.argmax())
        if values[winner] <= gain:
            break
        best, gain = tried[winner], float(values[winner])
    return best, gain


def _changes(situation: Situation, action: JointAction) -> Iterator[JointAction]:
    """Yield an action with one more exchange."""
    member = situation.coalition[0]
    play = played(situation, action)
    holding = play.settlement.claim.min(axis=0)
    quotes = play.quotes[0]
    others = [player for player in range(len(quotes)) if player != member]
    goods = range(quotes.shape[-1] - 1)
    for good, other in itertools.product(goods, others):
        amounts = _amounts(situation, good, float(holding[other, good]), float(holding[member, good]))
        for amount, price in itertools.product(amounts, {0.0, float(quotes[other, good])}):
            change = np.zeros_like(action.orders)
            change[0, other, good] = amount
            change[0, other, -1] = -amount * price
            yield _changed(action, change)
        for third, amount in itertools.product(others, amounts):
            if third != other:
                change = np.zeros_like(action.orders)
                change[0, other, good] = amount
                change[0, third, good] = -amount
                yield _changed(action, change)
    for other, share in itertools.product(others, SHARES):
        for amount in (share * situation.supply[0, -1], JUST_BELOW * float(holding[other, -1])):
            change = np.zeros_like(action.orders)
            change[0, other, -1] = amount
            yield _changed(action, change)


def _amounts(situation: Situation, good: int, others: float, own: float) -> list[float]:
    supply = float(situation.supply[0, good])
    amounts = [sign * share * supply for sign in (1, -1) for share in SHARES]
    return [*amounts, JUST_BELOW * others, -JUST_BELOW * own]


def _changed(action: JointAction, change: FloatArray) -> JointAction:
    return JointAction(action.quotes, action.orders + change, action.announced_endowments, action.side_transfers)
