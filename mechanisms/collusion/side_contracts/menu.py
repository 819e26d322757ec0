r"""Menus of joint actions for a coalition's lottery, and the side-transfers they can share.

A lottery's joint actions share one vector of side-transfers, so what the oracle finds one by one may not fit together.
Side-transfers enter through the bankruptcy test alone: an action ends the same way under all side-transfers between
what its solvent members need, :math:`d_i \ge cost_i - y_i`, and what would save those it bankrupts,
:math:`d_i < cost_i - y_i`. Actions fit together if these ranges leave a vector that sums to zero.

Besides what the oracle finds there are *martyrs*. Where a bankrupt player's trades stand, members may sell one of them,
the winner, more than they have: it claims the goods, they go bankrupt and end with nothing. Quoting the goods at
nothing, or at prices that are paid with what the members sell one another, makes the purchase free whatever the
market's pricing. No side-transfers are involved, so that each member can have its turn in one lottery. The idea is
ours; the sacrificed member is the one who quotes low in the proof of Theorem 1 of Giraud and Rochon (2001).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.side_contract import with_side_transfers
from marketgame.mechanisms.deviations.effort import Effort, Objective
from marketgame.mechanisms.deviations.oracle import DeviationSearch, most_profitable_deviation
from marketgame.mechanisms.deviations.order_search import best_orders
from marketgame.mechanisms.deviations.quotes import EXTREME, quoted
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Situation,
    admissible,
    obedient,
    played,
    settled_gains,
    stacked,
)
from marketgame.mechanisms.market_game.rules import BankruptcyReason, Coverage

MOST_ROLES = 6
"""So many ways to exchange the members' roles in an action are tried."""

MOST_TRANSFERS = 8
"""Among so many vectors of side-transfers a clause may choose."""

OTHERS = 0.02
"""Weight of the other members' gains when the best action for one of them is looked for."""

ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Costs and transfers err by less than this share of them."""

MARGIN = 1e-9
"""Side-transfers stay away from a threshold by this share of the cost and of what is at stake."""
QUOTES = (0.0, 1.0, 10.0)
"""What members quote for goods, in multiples of the prescribed quotes."""

CLAIMS = (0.25, 0.5, 1.0, 3.0, 50.0)
"""What the winner orders from the sacrificed, in multiples of the supply."""

KEPT = 2
"""So many actions are kept for each winner."""


@dataclass(eq=False)
class Menu:
    """Joint actions for one cell, growing, and what they bring under each vector of side-transfers.

    Attributes:
        situation: what the coalition faces.
        actions: joint actions; the first is obedience.
        transfers: vectors of side-transfers, ``(|S|,)`` each; the first is none.
    """

    situation: Situation
    actions: list[JointAction]
    transfers: list[FloatArray]
    _settled: dict[tuple[Situation, int], FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, situation: Situation) -> Menu:
        """Return the menu of obedience only."""
        return cls(situation, [obedient(situation)], [np.zeros(len(situation.coalition))])

    def add(self, action: JointAction, *, exchanged: bool = True) -> bool:
        """Add a joint action and what it suggests: its transfers and those it can share, and exchanged roles if asked.

        Returns:
            Whether anything was new.
        """
        variants = _roles_exchanged(self.situation, action) if exchanged else iter((action,))
        fresh = [other for other in variants if not self._known(other)]
        self.actions += fresh
        for vector in self._shared(fresh):
            if len(self.transfers) < MOST_TRANSFERS and not _among(vector, self.transfers):
                self.transfers.append(vector)
        return bool(fresh)

    def table(self, situation: Situation | None = None) -> FloatArray:
        """Return what `settled_gains` says of every action under every vector of side-transfers, ``(D, B, |S|)``.

        It is asked of the menu's situation or of another one, and of every action once.
        """
        faced = self.situation if situation is None else situation
        return np.stack([self._settled_with(faced, level) for level in range(len(self.transfers))])

    def _settled_with(self, situation: Situation, level: int) -> FloatArray:
        """Return what every action brings with one of the vectors of side-transfers, ``(B, |S|)``."""
        asked = (situation, level)
        known = self._settled.get(asked, np.empty((0, len(situation.coalition))))
        if len(known) < len(self.actions):
            fresh = with_side_transfers(stacked(self.actions[len(known) :]), self.transfers[level])
            known = self._settled[asked] = np.concatenate((known, settled_gains(situation, fresh)))
        return known

    def batch(self, chosen: Sequence[int], level: int) -> JointAction:
        """Return some joint actions with one of the vectors of side-transfers."""
        return with_side_transfers(stacked([self.actions[number] for number in chosen]), self.transfers[level])

    def _known(self, action: JointAction) -> bool:
        return any(
            np.array_equal(action.quotes, other.quotes)
            and np.array_equal(action.orders, other.orders)
            and np.array_equal(action.announced_endowments, other.announced_endowments)
            for other in self.actions
        )

    def _shared(self, fresh: list[JointAction]) -> Iterator[FloatArray]:
        """Yield side-transfers that the new actions can share with each other and with old ones."""
        # In exchanged roles a member may owe a transfer that it cannot cover; other side-transfers may still do.
        covered = admissible(self.situation, stacked(fresh)) if fresh else ()
        fresh = [action for action, possible in zip(fresh, covered, strict=True) if possible]
        ranges = [transfer_range(self.situation, action) for action in fresh]
        yield from _meeting(ranges)
        for pair in itertools.combinations(ranges, 2):
            yield from _meeting(list(pair))
        yield from (action.side_transfers for action in fresh)


def transfer_range(situation: Situation, action: JointAction) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest side-transfers that leave an action's outcome as it is, ``(|S|,)`` each."""
    settlement = played(situation, action)
    members = situation.members
    need = settlement.cost[:, members] - situation.prescribed.transfers[:, members]
    margin = MARGIN * (situation.stakes.sum() + np.abs(settlement.cost[:, members]))
    reason = settlement.reason[:, members]
    # The market forgives nothing: what just pays for the trades is rounded up, and so is the sum with the transfer.
    rounding = ROUNDING * (np.abs(settlement.cost[:, members]) + np.abs(situation.prescribed.transfers[:, members]))
    least = np.where(reason == BankruptcyReason.SOLVENT, need + rounding, -np.inf).max(axis=0)
    largest = np.where(reason == BankruptcyReason.BUDGET, need - margin, np.inf).min(axis=0)
    if situation.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        covered = -action.announced_endowments[:, -1] - situation.prescribed.transfers[:, members].min(axis=0)
        least = np.maximum(least, covered)
    return least, largest


def oracle_actions(situation: Situation, effort: Effort, least: DeviationSearch | None = None) -> Iterator[JointAction]:
    """Yield what the oracle finds: the largest total gain, the largest least gain, and each member's own best.

    The first and the last also without side transfers: those of actions in one lottery must be the same, and what
    favours one member with them rarely goes with what favours another. Where transfers need no cover, the members'
    own best is also asked for given the transfers of the largest total gain, which may finance one of them by
    another's bankruptcy. What was answered about the largest ``least`` gain before is not asked again.
    """
    alone = len(situation.coalition) == 1
    for allowed in (effort,) if alone else (effort, replace(effort, side_transfers=False)):
        found = most_profitable_deviation(situation, Objective.TOTAL, allowed).best
        if found is not None:
            yield found
        if not alone:
            quotes = situation.prescribed.quotes[0, situation.members] if found is None else found.quotes
            yield from _favouring(situation, quotes, allowed)
        if found is not None and found.side_transfers.any() and situation.rules.coverage is Coverage.UNLIMITED:
            yield from _keeping_transfers(situation, found, replace(effort, side_transfers=False))
    if alone:
        return
    found = (least or most_profitable_deviation(situation, Objective.LEAST, effort)).best
    if found is not None:
        yield found
    covered = _covered(situation)
    if covered is not None:
        yield from oracle_actions(covered, effort)


def _covered(situation: Situation) -> Situation | None:
    """Return the situation under the stricter rule of coverage, whose deviations are open here too.

    Where a member may be bankrupted by a transfer, that is what brings most in total, and hides what else there is.
    """
    rules = situation.rules
    owed = (situation.prescribed.transfers < -situation.prescribed.announced_endowments[..., -1]).any()
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE or owed:
        return None
    return replace(situation, rules=replace(rules, coverage=Coverage.ANNOUNCED_NUMERAIRE))


def _keeping_transfers(situation: Situation, found: JointAction, effort: Effort) -> Iterator[JointAction]:
    """Yield each member's own best with the side transfers of a joint action.

    Members quote what they quote in it, what is prescribed, or so much that a speck sold by one of them to another
    pays for any transfer.
    """
    transfers = situation.prescribed.transfers.copy()
    transfers[:, situation.members] += found.side_transfers
    moved = situation.prescribing(transfers=transfers)
    members, goods = len(situation.coalition), situation.prescribed.quotes.shape[-1]
    enormous = quoted(situation, np.full((members, goods - 1), EXTREME))
    for quotes in (found.quotes, situation.prescribed.quotes[0, situation.members], enormous):
        for action in _favouring(moved, quotes, effort):
            yield replace(action, side_transfers=found.side_transfers)


def _favouring(situation: Situation, quotes: FloatArray, effort: Effort) -> Iterator[JointAction]:
    """Yield each member's own best at given quotes."""
    for place in range(len(situation.coalition)):
        weights = np.full(len(situation.coalition), OTHERS)
        weights[place] = 1.0
        best = best_orders(situation, quotes, Objective.TOTAL, effort, weights).best
        if best is not None:
            yield best


def _roles_exchanged(situation: Situation, action: JointAction) -> Iterator[JointAction]:
    """Yield an action, and it with the members' roles exchanged: each member's turn to be sacrificed."""
    count = len(situation.coalition)
    owned = situation.endowments[0, situation.members]
    for order in itertools.islice(itertools.permutations(range(count)), MOST_ROLES):
        role = list(order)
        orders = action.orders[role].copy()
        orders[:, situation.members] = action.orders[np.ix_(role, situation.members[role])]
        shown = np.minimum(action.announced_endowments[role], owned)
        # Whoever showed everything shows everything in its new role.
        whole = action.announced_endowments[role] >= owned[role] * (1 - MARGIN)
        yield JointAction(action.quotes[role], orders, np.where(whole, owned, shown), action.side_transfers[role])


def _meeting(ranges: list[tuple[FloatArray, FloatArray]]) -> Iterator[FloatArray]:
    """Yield side-transfers within all ranges that sum to zero, if there are any."""
    if not ranges:
        return
    least = np.max([low for low, _ in ranges], axis=0)
    largest = np.min([high for _, high in ranges], axis=0)
    if (least > largest).any() or least.sum() > 0 or largest.sum() < 0:
        return
    start: FloatArray = np.minimum(np.maximum(0.0, least), largest)
    excess = float(start.sum())
    # Everybody moves the same share of the way to its limit until the sum is zero.
    room = np.abs(start - (least if excess > 0 else largest))
    room = np.where(np.isfinite(room), room, 2.0 * abs(excess))
    if excess and room.sum() < abs(excess):
        return
    moved = start - excess * room / room.sum() if excess else start
    moved[int(np.argmax(room))] -= moved.sum()
    yield moved


def _among(vector: FloatArray, known: Sequence[FloatArray]) -> bool:
    """Say whether side-transfers are known, up to rounding in the size of either."""
    return any(
        np.abs(vector - other).max() <= MARGIN * max(np.abs(vector).max(), np.abs(other).max()) for other in known
    )


def martyr_actions(situation: Situation) -> Iterator[JointAction]:
    """Yield for each member the actions found best for it among those that sacrifice all others."""
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
        orders[:, outsiders] = situation.prescribed.orders[0][np.ix_(outsiders, members)].swapaxes(0, 1)
    others = [member for member in members if member != members[winner]]
    orders[winner, others, :-1] = claims * situation.supply[0, :-1]
    owned = situation.endowments[0, members]
    return JointAction(quotes, orders, owned, np.zeros(len(members)))


def _balanced(situation: Situation, action: JointAction, winner: int) -> JointAction:
    """Return the action with the winner's budget spent on, or paid for with, numeraire from a sacrificed member."""
    member = situation.coalition[winner]
    other = next(player for player in situation.coalition if player != member)
    settlement = played(situation, action)
    cost, transfers = settlement.cost[:, member], situation.prescribed.transfers[:, member]
    orders = action.orders.copy()
    # The market forgives nothing: whatever this is rounded by stays unspent.
    play = settlement.play
    gross = float((play.quotes[0] * (np.abs(action.orders[winner]) + np.abs(play.orders[0, :, member]))).sum())
    orders[winner, other, -1] += float((transfers - cost).min()) - ROUNDING * (gross + float(np.abs(transfers).max()))
    return JointAction(action.quotes, orders, action.announced_endowments, action.side_transfers)
