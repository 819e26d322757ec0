r"""The least severance with which nobody can be led out of a given mechanism, between a bound and a promise.

Severance is promised to each type that leaves, whatever others report, as scenarios promise it. It lowers stakes,
so that everybody is led away the more easily; what it can prevent is that a type is led away *as another*, since then
it collects what it is promised. Two searches close in on the least expected severance:

* **from above**, a promise with weights and multipliers that prove the stakes left inhibitive (Theorem 1), found by
  the local search of ``severance``;
* **from below**, ranges of severance each of which one plan blocks (``blocking.severance_range``), divided where no
  such plan is found, the cheapest range first. All that costs less than the cheapest range left is blocked.

If nothing is left of what types can spare, *no severance whatever* will do.

If truth is strictly best in the mechanism for everybody, the second search ends at its first range: by Theorem 3
multipliers go with incentive constraints that bind, so there are none, and without them stakes may only rise. Such a
mechanism is in the core without severance, or with none; and one plan blocks whatever is promised, which invites
everybody to what the mechanism does, and a coalition that gains to leave, so seldom that no lie pays (Proposition M14
of docs/core-theory.md).

Source:
    Myerson (2006), sections 7 and 9; the search from below is ours.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan, support_residuals
from marketgame.mechanisms.blocking.severance_range import (
    BlockedRange,
    Promise,
    RangeSearch,
    expected_promise,
    spare,
    stakes_after,
)
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, ex_post_utilities, feasibility
from marketgame.mechanisms.core.membership import InfeasibleMechanism
from marketgame.mechanisms.core.search import USUAL_VARIANT
from marketgame.mechanisms.core.severance import NoSeverance, SeveranceChoice
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import UnverifiedAnswerError
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

GAP = 1e-6
"""A bound and a promise that differ by less than this share of what is at stake are one number."""

MOST_RANGES = 400
"""Ranges that are examined at most; an informed seller of two types takes about forty."""

MOST_COLUMNS = 60_000
"""Invitations beyond which programs about ranges take too long to be asked often."""


@dataclass(frozen=True, eq=False)
class LeastSeverance:
    """How much severance a mechanism needs.

    Attributes:
        bound: no promise that is expected to cost less will do, units of money; none if no promise whatever will.
        ranges: of severance, each blocked by one plan, which prove the bound.
        promise: that will do, if one was found.
        virtual: weights and multipliers that prove it.
        stopped: why the search ended before bound and promise met; empty if they did.
    """

    bound: float | None
    ranges: tuple[BlockedRange, ...] = ()
    promise: Promise | None = None
    virtual: VirtualWeights | None = None
    stopped: str = ""


def least_severance(
    game: CoalitionalGame, mechanism: Mechanism, *, ranges: int = MOST_RANGES, deadline: Deadline = NO_DEADLINE
) -> LeastSeverance | InfeasibleMechanism:
    """Return how much severance a mechanism needs so that no blocking plan is tenable.

    Its actions and payments stay; the severance that it promised is replaced.

    Args:
        game: the game.
        mechanism: what is established.
        ranges: of severance to examine at most.
        deadline: when to stop; what is known by then is returned.

    Raises:
        ValueError: the mechanism does not fit the game.
        DeadlinePassedError: time ran out before anything was known.
        UnverifiedAnswerError: an answer fails its independent check.
    """
    found = feasibility(game, mechanism)
    if not found.feasible:
        return InfeasibleMechanism(found.largest_gain, max(found.expected_cost, 0.0))
    established = replace(mechanism, severance=np.zeros(()))
    earned = ex_post_utilities(game, established)
    nothing = tuple(np.zeros(count) for count in game.type_counts)
    unblocked = find_blocking_plan(game, earned, deadline=deadline)
    if not isinstance(unblocked, BlockingPlan):
        return LeastSeverance(0.0, promise=nothing, virtual=unblocked.virtual)
    spared = spare(game, earned)
    if lacks_individually(game, spared):
        return LeastSeverance(None)
    search = RangeSearch(game, earned, deadline)
    if search.columns > MOST_COLUMNS:
        return LeastSeverance(0.0, stopped=f"{search.columns} invitations are too many")
    most = tuple(np.maximum(own, 0.0) for own in spared)
    whole = search.blocked(nothing, most, deadline)
    if whole is not None:
        return LeastSeverance(None, (whole,))
    promise, virtual = _promised(game, established, earned, unblocked.virtual)
    below = _FromBelow(game, search, nothing, most, np.inf if promise is None else expected_promise(game, promise))
    stopped = below.run(ranges, deadline)
    bound = below.bound if np.isfinite(below.bound) else None
    return LeastSeverance(bound, tuple(below.blocked), promise, virtual, stopped)


def lacks_individually(game: CoalitionalGame, spared: Promise) -> bool:
    """Say whether some type expects less than it gets alone, so that it leaves whatever is promised."""
    stake = at_stake(game)
    return any(
        bool((own < -GAIN_TOLERANCE * np.maximum(gained, stake.unit)).any())
        for own, gained in zip(spared, stake.by_type, strict=True)
    )


def _promised(
    game: CoalitionalGame, mechanism: Mechanism, earned: FloatArray, virtual: VirtualWeights
) -> tuple[Promise, VirtualWeights] | tuple[None, None]:
    """Return the cheapest promise that local searches end at, with its proof; none if they end at none."""
    choice = SeveranceChoice(game, mechanism, USUAL_VARIANT, by_type=True)
    best: tuple[float, Promise, VirtualWeights] | None = None
    for start in _starts(game, mechanism, choice, virtual):
        reached = choice.from_multipliers(start)
        if reached is None:
            continue
        promise = tuple(
            np.array([reached[0][game.profiles[:, player] == kind, player][0] for kind in range(count)])
            for player, count in enumerate(game.type_counts)
        )
        cost = expected_promise(game, promise)
        if best is None or cost < best[0]:
            omega = stakes_after(game, earned, promise)
            proof = reached[1] if support_residuals(game, omega, reached[1]).proves else _proof(game, omega)
            best = best if proof is None else (cost, promise, proof)
    return (None, None) if best is None else best[1:]


def _proof(game: CoalitionalGame, omega: FloatArray) -> VirtualWeights | None:
    """Return what proves stakes inhibitive, if the linear program says that they are."""
    try:
        verdict = find_blocking_plan(game, omega)
    except UnverifiedAnswerError:
        return None
    return None if isinstance(verdict, BlockingPlan) else verdict.virtual


def _starts(
    game: CoalitionalGame, mechanism: Mechanism, choice: SeveranceChoice, virtual: VirtualWeights
) -> Iterator[FloatArray]:
    """Yield multipliers to search from: what the relaxation suggests, none, and those of the best plan."""
    relaxed = SeveranceChoice(game, mechanism, USUAL_VARIANT).relaxed()
    none = choice.multipliers(virtual)
    if not isinstance(relaxed, NoSeverance):
        yield relaxed
    yield np.zeros_like(none)
    yield none


class _FromBelow:
    """Divides what may be promised into ranges, the cheapest first.

    Attributes:
        bound: no promise of those looked at so far costs less and will do, units of money.
        blocked: ranges that a plan blocks.
    """

    def __init__(
        self, game: CoalitionalGame, search: RangeSearch, least: Promise, most: Promise, enough: float
    ) -> None:
        self._game, self._search, self._enough = game, search, enough
        self._gap = GAP * search.unit
        # Promises to a player of one type tempt nobody to be led away as another: dividing them is of no use.
        self._divided = [count > 1 for count in game.type_counts]
        self._numbers = itertools.count()
        self._open: list[tuple[float, int, Promise, Promise]] = []
        self._add(least, most)
        self.bound, self.blocked = 0.0, list[BlockedRange]()

    def run(self, ranges: int, deadline: Deadline) -> str:
        """Look at ranges until the bound meets what is known to do, or nothing is left; say what stopped it."""
        for _ in range(ranges):
            self.bound = self._open[0][0] if self._open else np.inf
            if self.bound >= self._enough - self._gap:
                return ""
            if deadline.passed:
                return "time was over"
            _, _, least, most = self._open[0]
            try:
                found = self._search.blocked(least, most, deadline)
            except DeadlinePassedError:
                return "time was over"
            heapq.heappop(self._open)
            if found is None:
                self._divide(least, most)
            else:
                self.blocked.append(found)
        self.bound = self._open[0][0] if self._open else np.inf
        return f"{ranges} ranges of severance were examined"

    def _add(self, least: Promise, most: Promise) -> None:
        heapq.heappush(self._open, (expected_promise(self._game, least), next(self._numbers), least, most))

    def _divide(self, least: Promise, most: Promise) -> None:
        """Divide a range where it is widest, in units of what promises are expected to cost."""
        width = [
            np.where(divided, p * (high - low), -1.0)
            for p, low, high, divided in zip(self._game.type_probabilities, least, most, self._divided, strict=True)
        ]
        player = int(np.argmax([own.max() for own in width]))
        kind = int(width[player].argmax())
        middle = (least[player][kind] + most[player][kind]) / 2
        self._add(least, _with(most, player, kind, middle))
        self._add(_with(least, player, kind, middle), most)


def _with(promise: Promise, player: int, kind: int, amount: float) -> Promise:
    changed = [own.copy() for own in promise]
    changed[player][kind] = amount
    return tuple(changed)
