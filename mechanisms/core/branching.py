"""Branch and bound over regions of the core's relaxation."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, normal_form
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.outcome import Divided, Refutation, Refuted
from marketgame.mechanisms.core.region import Cut, Division, Region
from marketgame.mechanisms.core.relaxation import Candidate, CoreRelaxation
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program import Status, infeasibility_margin, verify
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

GAP = 1e-6
"""Difference between value and bound that counts as none, relative to what is at stake."""

EXACT = 1e-9
"""Products that vanish in the core count as vanishing below this, relative to what is at stake."""

NARROW = 1e-7
"""Intervals of stakes are not divided below this width, relative to what is at stake."""

CONVINCING_MARGIN = 1e-9
"""A proof that a region is empty is accepted only with at least this relative margin."""

NOISE = 1e-11
"""Multipliers in a proof of infeasibility below this share of the largest count as zero."""

FIRST_MULTIPLIER = 1e-3
"""Least width of the lower part when an unlimited interval of multipliers is divided."""

SHARE_OF_SMALLER_PART = 0.2
"""Least share of an interval that either part gets."""


@dataclass(eq=False)
class _Node:
    """A region in the search tree: open, refuted, or divided."""

    region: Region
    bound: float
    depth: int
    candidate: Candidate | None = None
    refutation: Refuted | None = None
    division: Division | None = None
    parts: tuple[_Node, _Node] | None = None


class RegionSearch:
    """Divides the relaxation of a game's core until the best allocation is found or none is left.

    Attributes:
        examined: how many regions have been examined.
        bound: proved lower bound on the objective over the core.
        tolerance: gap that counts as none, in units of the objective.
        reason: why the search stopped without an answer, if it did.
    """

    def __init__(
        self,
        game: CoalitionalGame,
        variant: CoreVariant,
        objective: CoreObjective | None,
        deadline: Deadline = NO_DEADLINE,
    ) -> None:
        self._game, self._variant, self._objective = normal_form(game), variant, objective
        self._deadline = deadline
        self._counter = itertools.count()
        self._open: list[tuple[float, int, _Node]] = []
        self._stuck: list[_Node] = []
        self._root: _Node | None = None
        self.examined = 0
        self.bound = -np.inf
        self.tolerance = GAP * at_stake(game).unit
        self.reason = "the effort allowed was spent before any region was examined"

    @cached_property
    def _relaxation(self) -> CoreRelaxation:
        allowed = self._variant.severance is SeverancePay.ALLOWED
        relaxation = CoreRelaxation(
            self._game, self._variant.support, self._variant.limits, severance=allowed, deadline=self._deadline
        )
        relaxation.minimise(self._objective)
        return relaxation

    def run(self, effort: CoreEffort, attempt: Callable[[FloatArray], float]) -> None:
        """Search until the bound meets the best value, nothing is left, or the effort is spent."""
        if not effort.regions:
            return
        self.reason = ""
        try:
            self._search(effort, attempt)
        except DeadlinePassedError:
            self._stop()

    def _stop(self) -> None:
        """Leave the search where it stands because the time allowed was spent."""
        self.reason = f"the time allowed was spent after {self.examined} regions"

    def _search(self, effort: CoreEffort, attempt: Callable[[FloatArray], float]) -> None:
        self._root = self._examined(self._relaxation.whole, -np.inf, 0)
        best = np.inf
        while self._open:
            if self._deadline.passed:
                self._stop()
                break
            if self.examined >= effort.regions:
                self.reason = f"the effort allowed was spent after {self.examined} regions"
                break
            bound, _, node = heapq.heappop(self._open)
            if node.candidate is not None and bound < best - self.tolerance:
                best = attempt(node.candidate.multipliers)
            if bound >= best - self.tolerance or (self._objective is None and best < np.inf):
                heapq.heappush(self._open, (bound, next(self._counter), node))
                break
            self._divide(node)
        left = [bound for bound, _, _ in self._open] + [node.bound for node in self._stuck]
        self.bound = min([*left, best])
        if self._stuck and not self.reason:
            self.reason = f"{len(self._stuck)} regions could neither be refuted nor divided further"

    @property
    def refutation(self) -> Refutation | None:
        """The proof that there is no core allocation, if every region was refuted."""
        return _assembled(self._root) if self._root is not None else None

    def _divide(self, node: _Node) -> None:
        division = self._division(node)
        if division is None:
            self._stuck.append(node)
            return
        first, second = node.region.divided(division)
        node.division = division
        depth = node.depth + 1
        node.parts = (self._examined(first, node.bound, depth), self._examined(second, node.bound, depth))
        # Only the refutations of the parts are needed from now on.
        node.candidate = None

    def _examined(self, region: Region, bound: float, depth: int) -> _Node:
        """Solve the relaxation on a region; believe the solver only what its own arrays confirm."""
        self.examined += 1
        relaxation, program = self._relaxation, self._relaxation.program
        relaxation.confine(region)
        solution = program.solve(deadline=self._deadline)
        node = _Node(region, bound, depth)
        if solution.status is Status.INFEASIBLE and solution.ray is not None:
            multipliers = without_noise(solution.ray)
            if infeasibility_margin(program, multipliers) > CONVINCING_MARGIN:
                node.refutation = Refuted(multipliers)
                return node
        elif solution.status is Status.OPTIMAL and verify(program, solution).acceptable:
            node.bound = max(bound, solution.objective * relaxation.unit)
            node.candidate = relaxation.read(solution)
        heapq.heappush(self._open, (node.bound, next(self._counter), node))
        return node

    def _division(self, node: _Node) -> Division | None:
        """Return what to distinguish next: vanishing products first, then intervals of stakes."""
        candidate = node.candidate
        if candidate is None:
            return self._halved(node.region)
        slack, severance = candidate.slack_error, candidate.severance_error
        exact = EXACT * self._relaxation.unit
        if max(slack.max(initial=0.0), severance.max()) > exact:
            if slack.max(initial=0.0) >= severance.max():
                return Division(Cut.MULTIPLIER_OR_SLACK, int(slack.argmax()))
            return Division(Cut.WEIGHT_OR_SEVERANCE, int(severance.argmax()))
        error = np.where(self._narrow(node.region), 0.0, candidate.product_error)
        if error.max(initial=0.0) <= exact:
            return self._halved(node.region)
        pair = int(error.argmax())
        differences, multipliers = node.region.differences[:, pair], node.region.multipliers[:, pair]
        # Either factor of a product may be the one whose interval matters, so they take turns.
        if node.depth % 2:
            return Division(Cut.STAKES, pair, _inside(differences, float(candidate.differences[pair])))
        return Division(Cut.MULTIPLIER, pair, _inside(multipliers, float(candidate.multipliers[pair])))

    def _halved(self, region: Region) -> Division | None:
        """Return the division of the widest interval of stakes in the middle."""
        width = np.where(self._narrow(region), 0.0, np.diff(region.differences, axis=0)[0])
        if width.max(initial=0.0) <= 0:
            return None
        pair = int(width.argmax())
        return Division(Cut.STAKES, pair, float(region.differences[:, pair].mean()))

    def _narrow(self, region: Region) -> BooleanArray:
        return np.asarray(np.diff(region.differences, axis=0)[0] <= NARROW * self._relaxation.unit)


def _inside(interval: FloatArray, wanted: float) -> float:
    """Return the point of an interval nearest to the one wanted that leaves both parts a fair share."""
    low, high = float(interval[0]), float(interval[1])
    if not np.isfinite(high):
        return max(wanted, low + FIRST_MULTIPLIER)
    margin = SHARE_OF_SMALLER_PART * (high - low)
    return min(max(wanted, low + margin), high - margin)


def without_noise(multipliers: FloatArray) -> FloatArray:
    """Return multipliers without those that are rounding errors of zero and would spoil an exact cancellation."""
    noise = NOISE * np.abs(multipliers).max(initial=0.0)
    return np.where(np.abs(multipliers) > noise, multipliers, 0.0)


def _assembled(node: _Node) -> Refutation | None:
    if node.refutation is not None or node.parts is None or node.division is None:
        return node.refutation
    first, second = _assembled(node.parts[0]), _assembled(node.parts[1])
    return Divided(node.division, first, second) if first is not None and second is not None else None
