"""The members' best orders at given quotes: solve, make safe from rounding, settle, tighten, and solve again.

Budgets must also meet exactly. Where all quote the same prices, costs add up to zero: what a member buys from an
outsider at these prices is then paid for only if both are exactly at their budgets, up to what the contract grants for
rounding, and the market forgives nothing (:mod:`marketgame.mechanisms.market_game.exact_test`). Orders that come out of
a solver are right to some digits only. A little money moved between players makes them right: each ends with the same
part of the room they have together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.effort import Effort, Objective
from marketgame.mechanisms.deviations.lean_money import lean_money, with_all_money
from marketgame.mechanisms.deviations.order_program import OrderProgram, add_tangents, starting_points
from marketgame.mechanisms.deviations.situation import JointAction, Situation, gains, played, with_replies
from marketgame.mechanisms.deviations.stage_two import StageTwo
from marketgame.mechanisms.linear_program import NamedArrays, Solution, Status
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, Execution, Pricing

# By how much the solvent keep clear of bankruptcy in what is reported where they can, in shares of what everything is
# worth or of the supply of a good; the solver is less accurate than settlement, which forgives nothing.
SAFETY = 1e-7
# Bound and settled gain this close, relative to what everything is worth, are one.
CLOSED = 1e-5
# Tangents at fixed binaries are refined until they promise no less by this, relative to what everything is worth.
PRECISION = 1e-7
_TANGENTS_AT_FIXED_BINARIES = 15
# Who is this near to its budget, in shares of what everything is worth, is meant to be at it.
_NEAR = 1e-7


@dataclass(frozen=True, eq=False)
class OrderSearch:
    """The best orders found at given quotes, and what no others exceed.

    Attributes:
        best: what the members play; None if nothing admissible was found.
        gains: recomputed by settling it, ``(S,)``, numeraire; not a number without a best.
        value: of the objective.
        bound: no orders, announcements and side transfers at these quotes give more, for orders within the limit;
            infinity if a settled play gives more than the solver held possible.
        programs: how many programs were solved.
        iterations: how many simplex iterations that took.
    """

    best: JointAction | None
    gains: FloatArray
    value: float
    bound: float
    programs: int
    iterations: int


def best_orders(
    situation: Situation,
    quotes: FloatArray,
    objective: Objective = Objective.TOTAL,
    effort: Effort | None = None,
    weights: FloatArray | None = None,
) -> OrderSearch:
    """Return the members' most profitable orders, announcements and side transfers at given quotes.

    Args:
        situation: what the coalition faces.
        quotes: the members' quotes, ``(S, L)``, numeraire per unit.
        objective: what to make large.
        effort: limits of the search.
        weights: of the members' gains in the objective, ``(S,)``, nonnegative; one each if left out.

    Returns:
        The best deviation with these quotes, and the program's bound on all such deviations in which no more than
        ``effort.order_limit`` times the worth of everything flows between a member and one player, beyond what was
        prescribed.

    Raises:
        ValueError: quotes or weights do not fit the coalition, or a weight is negative.
    """
    effort = effort or Effort()
    members, goods = len(situation.coalition), situation.prescribed.quotes.shape[-1]
    weights = np.ones(members) if weights is None else np.asarray(weights, dtype=np.float64)
    if quotes.shape != (members, goods) or weights.shape != (members,) or (weights < 0).any():
        raise ValueError(
            f"quotes of shape {quotes.shape} and weights {weights.tolist()} must fit {members} members and {goods} "
            "goods, and weights be at least 0"
        )
    facing = with_replies(situation, quotes)

    def searched(facing: Situation, original: Situation) -> OrderSearch:
        stage = StageTwo(facing, original, effort.order_limit, effort.side_transfers)
        built = OrderProgram(stage, objective, weights)
        return _Refinement(built, OrderProgram(stage, objective, weights, whole=False), effort, situation).run()

    found = searched(facing, situation)
    lean = lean_money(situation)
    if lean is None or effort.deadline.passed:
        return found
    # What can be had where nobody owns more money than is needed is lost in rounding where all own a thousand times
    # as much. It is no bound: who owns more can be robbed of more.
    other = searched(lean.of(facing), lean.of(situation))
    best = other if other.value > found.value else found
    return replace(
        best,
        bound=max(found.bound, best.value),
        programs=found.programs + other.programs,
        iterations=found.iterations + other.iterations,
    )


def objective_value(objective: Objective, weights: FloatArray, gained: FloatArray) -> FloatArray:
    """Return the objective's value of gains ``(..., S)``."""
    weighted: FloatArray = weights * gained
    return weighted.sum(axis=-1) if objective is Objective.TOTAL else weighted.min(axis=-1)


@dataclass(eq=False)
class _Refinement:
    """Solve with tangents, settle, and add tangents where the program thought too well of its answer."""

    built: OrderProgram
    exact: OrderProgram
    effort: Effort
    situation: Situation
    best: JointAction | None = None
    gained: FloatArray | None = None
    value: float = -np.inf
    bound: float = np.inf
    programs: int = 0
    iterations: int = 0

    def run(self) -> OrderSearch:
        """Refine until the bound is reached, or as often as the effort allows."""
        stage = self.built.stage
        self._add_tangents(starting_points(self.built, self.effort.tangents))
        self._consider(stage.unchanged)
        for _ in range(self.effort.refinements + 1):
            if self.effort.deadline.passed:
                break
            solution = self._solve(self.built, self.effort.gap)
            if solution.status is Status.INFEASIBLE:
                self.bound = -np.inf
                break
            if np.isfinite(solution.bound):
                self.bound = min(self.bound, self._gain_of(solution.bound))
            values = _values_of(solution)
            if values is None or self._closed(self.bound):
                break
            before = self.value
            self._add_tangents([values["consumed"][:, :, :-1]])
            self._polish(values)
            if self._closed(self.bound) or (self.value == before and solution.status is not Status.OPTIMAL):
                break
        if self.built.unwinds and not self._closed(self.bound) and not self.effort.deadline.passed:
            self._try_one_round()
        members = len(stage.situation.coalition)
        gained = np.full(members, np.nan) if self.gained is None else self.gained
        disproved = self.value - self.bound > CLOSED * stage.money
        bound = np.inf if disproved else max(self.bound, self.value)
        return OrderSearch(self.best, gained, self.value, bound, self.programs, self.iterations)

    def _try_one_round(self) -> None:
        """Look for plays in which all who fail fail the first test, which the program describes exactly."""
        later = self.built.blocks["later"]
        self.built.program.set_bounds(later, upper=0.0)
        values = _values_of(self._solve(self.built, self.effort.gap))
        if values is not None:
            self._add_tangents([values["consumed"][:, :, :-1]])
            self._polish(values)
        self.built.program.set_bounds(later, upper=1.0)

    def _closed(self, bound: float) -> bool:
        return bound - self.value <= CLOSED * self.built.stage.money

    def _add_tangents(self, points: list[FloatArray]) -> None:
        add_tangents(self.built, points)
        add_tangents(self.exact, points)

    def _solve(self, built: OrderProgram, gap: float) -> Solution:
        solution = built.program.solve(
            gap=gap, seconds=self.effort.seconds_per_program, evidence=False, deadline=self.effort.deadline
        )
        self.programs += 1
        self.iterations += solution.iterations
        return solution

    def _gain_of(self, objective: float) -> float:
        """Return the gain that an objective of the program stands for, numeraire."""
        gain = objective * self.built.stage.money
        if self.built.objective is Objective.LEAST:
            return gain
        return gain - float(self.built.weights @ self.built.stage.original.obedient_gains)

    def _polish(self, values: NamedArrays) -> None:
        """Fix who is bankrupt, keep clear of rounding, make the tangents exact, and settle what comes out."""
        bankrupt = 1.0 - np.round(values["solvent"]).clip(0.0, 1.0)
        for block in self.exact.binaries:
            whole = np.round(values[block.name]).clip(0.0, 1.0)
            if block.name in ("over budget", "short"):
                # The solver may let the solvent fail by its tolerance, which counts for nothing.
                whole *= bankrupt if whole.ndim == 2 else bankrupt[..., None]
            self.exact.program.set_bounds(block, lower=whole, upper=whole)
        # Budgets of a whole market cannot all have room, since what one pays another gets; holdings still may, if no
        # more is asked of a player than it has: outsiders who withhold announce next to nothing.
        wide = np.full_like(self.built.stage.announced, SAFETY)
        owned = np.minimum(wide, self.built.stage.announced / 2)
        for budgets, holdings in ((SAFETY, wide), (0.0, wide), (0.0, owned), (0.0, 0.0 * wide)):
            self._keep_clear(budgets, holdings)
            if self._settle_fixed():
                break

    def _settle_fixed(self) -> bool:
        """Solve with the binaries fixed, drawing tangents at the answers, and settle; return whether that worked."""
        promised = np.inf
        for _ in range(_TANGENTS_AT_FIXED_BINARIES):
            solution = self._solve(self.exact, 0.0)
            values = _values_of(solution)
            if values is None:
                return False
            action = self.exact.stage.action(values["order"], values["announced"], values["side"])
            for tried in (action, _without_bankrupt(self.exact.stage, self.situation, action)):
                self._consider(tried)
                self._consider(None if tried is None else evened(self.exact.stage.situation, tried))
            improved = promised - self._gain_of(solution.objective)
            promised = self._gain_of(solution.objective)
            if promised <= self.value or improved <= PRECISION * self.exact.stage.money:
                break
            self._add_tangents([values["consumed"][:, :, :-1]])
        return True

    def _keep_clear(self, budgets: float, holdings: FloatArray) -> None:
        """Demand of the solvent that they pass their tests by a margin, except where nothing can be done about it.

        Args:
            budgets: by how much within the budget, share of what everything is worth.
            holdings: how much of each good at least, ``(K, N, L)``, shares of its supply.
        """
        for test in self.exact.tests:
            pinned = self.exact.stage.pinned
            fixed = pinned if test.limit.ndim == 2 else pinned[..., None]
            margin = np.where(fixed, 0.0, budgets if test.limit.ndim == 2 else holdings)
            if test.at_most:
                self.exact.program.set_limits(test.rows, at_most=test.limit - margin)
            else:
                self.exact.program.set_limits(test.rows, at_least=test.limit + margin)

    def _consider(self, action: JointAction | None) -> None:
        """Settle an action and keep it if it is the best so far."""
        if action is None:
            return
        action = with_all_money(self.situation, self.built.stage.original, action)
        try:
            gained = gains(self.situation, action)
        except ValueError:  # A transfer is not covered, by rounding or by what outsiders announce.
            return
        value = float(objective_value(self.built.objective, self.built.weights, gained))
        if value > self.value:
            self.best, self.gained, self.value = action, gained, value


def _without_bankrupt(stage: StageTwo, situation: Situation, action: JointAction) -> JointAction | None:
    """Return the action with no flows between members and players who end bankrupt, where these count for nothing."""
    if stage.situation.rules.bankruptcy is not Bankruptcy.UNWIND:
        return None
    try:
        whole = with_all_money(situation, stage.original, action)
        bankrupt = played(situation, whole).bankrupt.any(axis=0)
    except ValueError:
        return None
    if not bankrupt.any():
        return None
    members = stage.situation.members
    # Orders that undo those of outsiders, which bind nobody where orders are matched.
    offset = stage.situation.prescribed.orders[0][:, members].swapaxes(0, 1) * (not stage.matched)
    offset[:, members] = 0.0
    orders = np.where(bankrupt[:, None], offset, action.orders)
    orders[bankrupt[members]] = offset[bankrupt[members]]
    return JointAction(action.quotes, orders, action.announced_endowments, action.side_transfers)


def _values_of(solution: Solution) -> NamedArrays | None:
    """Return the best point known, by variable block."""
    if solution.answer is not None:
        return NamedArrays(solution.answer.values, solution.variables)
    return NamedArrays(solution.best_known, solution.variables) if solution.best_known is not None else None


def evened(situation: Situation, action: JointAction) -> JointAction | None:
    """Return one joint action with money moved so that all who are at their budgets share what room there is.

    Returns:
        The action, different in what one member orders of the numeraire; None where there is no room, or others would
        have to order the same.

    Raises:
        ValueError: the action does not fit the coalition.
    """
    if situation.rules.execution is Execution.MATCHED:
        return None
    tested_once = replace(situation.rules, bankruptcy=Bankruptcy.TRADES_STAND, coverage=Coverage.UNLIMITED)
    settlement = played(replace(situation, rules=tested_once), action)
    excess = (settlement.cost - settlement.play.transfers).max(axis=0)
    worth = float((situation.prescribed.quotes @ situation.supply.max(axis=0)).min())
    near = np.abs(excess) <= _NEAR * worth
    members = np.flatnonzero(near[situation.members])
    if not members.size:
        return None
    member = int(members[0])
    payer = situation.coalition[member]
    if situation.rules.pricing is Pricing.VOID:
        quotes = settlement.play.quotes
        near = near & (quotes[:, payer, None] == quotes).all(axis=(0, -1))
    room = -float(excess[near].mean())
    if room <= 0.0:
        return None
    orders = action.orders.copy()
    orders[member, near, -1] += excess[near] + room
    orders[member, payer, -1] = action.orders[member, payer, -1]
    return replace(action, orders=orders)
