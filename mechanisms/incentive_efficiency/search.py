r"""Incentive-efficient mechanisms of a finite game, with the multipliers that prove them so.

A mechanism is feasible when no type gains from misreporting and the mediator does not expect to lose. It is
incentive-efficient when it maximises :math:`\sum_i \sum_t \lambda_i(t) U_i(t)` over feasible mechanisms for some
nonnegative weights, equation (1).

Payments let utility be moved between players at will, so (1) is bounded only if :math:`\sum_t \lambda_i(t)` is the
same for all players. Under participation constraints the multipliers of these constraints add to the weights, and
it is the sums of both that come out equal.

Budgets: one balanced at every profile and one balanced in expectation allow the same interim utilities when types
are independent and there are two players or more, because any interim payments whose expectations sum to zero are
realised by payments that sum to zero at every profile (``balanced_payments``). One program serves both.

Source:
    Myerson (2006), section 3; participation as in Myerson and Satterthwaite (1983).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, normal_form
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.incentive_efficiency.column_generation import (
    ColumnGenerator,
    ColumnPool,
    FiniteActions,
    Generated,
)
from marketgame.mechanisms.incentive_efficiency.optimality import Conditions, Requirement, optimality_conditions
from marketgame.mechanisms.incentive_efficiency.program import (
    SHORTFALL_TOLERANCE,
    InterimAnswer,
    InterimProgram,
    Shortfall,
    balanced_payments,
    expected_payments,
    undecided,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, notable_multipliers
from marketgame.mechanisms.linear_program import Residuals, Status, certified
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

SMALL_PROGRAM = 2_000
"""Programs with fewer coefficients are enumerated: generating columns would cost more than it saves."""

FEW_ACTIONS = 3
"""With no more actions than these, most would be generated anyway."""


class Participation(Enum):
    """Who must be willing to take part."""

    NONE = "nobody has to be willing"
    INDIVIDUAL = "each type expects at least what it can get alone"


@dataclass(frozen=True, eq=False)
class OutsideOptions:
    """Given outside options.

    Attributes:
        utilities: least utility of each type, one ``(K_i,)`` for each player; minus infinity for none.
    """

    utilities: tuple[FloatArray, ...]


class Budget(Enum):
    """When payments must not exceed what the players bring."""

    EX_POST = "payments sum to zero at every profile"
    EXPECTED = "payments sum to zero in expectation"


class Method(Enum):
    """How the program is solved; the answer is the same."""

    AUTOMATIC = "by size"
    ENUMERATION = "all actions at all profiles at once"
    COLUMN_GENERATION = "actions priced by virtual surplus"


@dataclass(frozen=True)
class Jeopardy:
    """A type that is tempted to pretend to be another, which the mechanism must make costly.

    Attributes:
        player: whose types they are.
        tempted: the type that jeopardises the other.
        imitated: the type it would pretend to be.
        multiplier: of its incentive constraint, in units of probability; positive.
    """

    player: str
    tempted: str
    imitated: str
    multiplier: float


@dataclass(frozen=True, eq=False)
class IncentiveEfficient:
    r"""An incentive-efficient mechanism and its certificate.

    Attributes:
        game: whose mechanism it is.
        weights: the given :math:`\lambda_i(t)`, one ``(K_i,)`` for each player.
        value: :math:`\sum_i \sum_t \lambda_i(t) U_i(t)` for the given weights, in units of utility.
        bound: proved upper bound on the value.
        mechanism: action probabilities and payments.
        virtual: effective weights, which include the multipliers of participation, and incentive multipliers
            :math:`\alpha`, in units in which the multiplier of the budget is 1.
        participation: multipliers of participation in those units, one ``(K_i,)`` for each player.
        interim: utilities :math:`U_i(t)`, one ``(K_i,)`` for each player.
        conditions: of Theorem 0, recomputed from the game.
        residuals: of the linear program, recomputed from its own arrays.
        rounds: of column generation; none when all actions were enumerated.
        pool: generated columns, to start a similar problem from.
    """

    game: CoalitionalGame
    weights: tuple[FloatArray, ...]
    value: float
    bound: float
    mechanism: Mechanism
    virtual: VirtualWeights
    participation: tuple[FloatArray, ...]
    interim: tuple[FloatArray, ...]
    conditions: Conditions
    residuals: Residuals
    rounds: int | None = None
    pool: ColumnPool | None = None
    status = Status.OPTIMAL  # To be read beside `NoOptimum`.

    @property
    def jeopardies(self) -> tuple[Jeopardy, ...]:
        """Every type that jeopardises another, the largest multiplier first."""
        found = [
            Jeopardy(self.game.players[i], self.game.types[i][t], self.game.types[i][r], float(alpha[t, r]))
            for i, alpha in enumerate(self.virtual.multipliers)
            for t, r in zip(*np.nonzero(notable_multipliers(alpha, self.game.type_probabilities[i])), strict=True)
        ]
        return tuple(sorted(found, key=lambda jeopardy: -jeopardy.multiplier))


@dataclass(frozen=True, eq=False)
class NoOptimum:
    """Why there is no incentive-efficient mechanism to report.

    Attributes:
        status: unbounded, infeasible, or stopped by a limit.
        reason: in a sentence.
        shortfall: when infeasible, what is missing and the proof.
    """

    status: Status
    reason: str
    shortfall: Shortfall | None = None


class EfficiencyProblem:
    """The program of one game, to be solved for several weights or participation constraints in turn."""

    def __init__(
        self,
        game: CoalitionalGame,
        *,
        budget: Budget = Budget.EX_POST,
        method: Method = Method.AUTOMATIC,
        start: ColumnPool | None = None,
    ) -> None:
        if budget is Budget.EX_POST and len(game.players) == 1:
            raise ValueError("a single player has nobody to pay: balance its budget in expectation")
        self.game = game
        self.budget = budget
        self._stake = at_stake(game)
        # Programs see utilities measured from what types have alone; only what is reported has levels.
        self._normal = normal_form(game)
        self._oracle = FiniteActions(self._normal, self._stake.unit)
        if method is Method.AUTOMATIC:
            method = _method_for(game)
        self._generator: ColumnGenerator | None = None
        if method is Method.COLUMN_GENERATION or start is not None:
            self._generator = ColumnGenerator(self._oracle, start)
        else:
            self._program = InterimProgram(game.type_probabilities, game.profiles, self._oracle.unit)
            self._program.state_every_action(self._normal.actions[game.grand_coalition].utilities)

    def solve(
        self,
        weights: Sequence[ArrayLike] | None = None,
        participation: Participation | OutsideOptions = Participation.NONE,
        *,
        deadline: Deadline = NO_DEADLINE,
    ) -> IncentiveEfficient | NoOptimum:
        """Solve as ``incentive_efficient`` does, starting from the last solve."""
        given = checked_weights(self.game, weights)
        outside = outside_utilities(self.game, participation)
        spare = None
        if outside is not None:
            spare = tuple(least - own for least, own in zip(outside, self._stake.alone, strict=True))
        if self._generator is not None:
            try:
                generated = self._generator.solve(given, spare, deadline=deadline)
            except DeadlinePassedError:
                return NoOptimum(Status.TIME_LIMIT, Status.TIME_LIMIT.value)
            return self._generated(generated, given, outside)
        return self._enumerated(given, outside, spare, deadline)

    def _enumerated(
        self,
        weights: tuple[FloatArray, ...],
        outside: tuple[FloatArray, ...] | None,
        spare: tuple[FloatArray, ...] | None,
        deadline: Deadline,
    ) -> IncentiveEfficient | NoOptimum:
        program = self._program.program
        self._program.set_outside(spare)
        self._program.set_weights(weights)
        solution = program.solve(deadline=deadline, evidence=False)
        if outside is not None and undecided(program, solution):
            self._program.minimise_shortfall()
            missing = program.solve(deadline=deadline)
            if not missing.optimal:
                return NoOptimum(missing.status, missing.status.value)
            if -missing.objective > SHORTFALL_TOLERANCE:
                certified(program, missing)
                return _infeasible(self._program.read_shortfall(missing))
            self._program.set_weights(weights)
            self._program.tolerate(-missing.objective)
            solution = program.solve(deadline=deadline, evidence=False)
        if not solution.optimal:
            return self._without_optimum(solution.status, weights)
        residuals = certified(program, solution)
        value = solution.objective * self._oracle.unit
        answer = self._program.read(solution)
        chosen = solution["action"].reshape(len(self.game.profiles), -1)
        return self._efficient(weights, outside, (value, value), answer, chosen, residuals)

    def _generated(
        self, found: Generated, weights: tuple[FloatArray, ...], outside: tuple[FloatArray, ...] | None
    ) -> IncentiveEfficient | NoOptimum:
        if found.shortfall is not None:
            return _infeasible(found.shortfall)
        if found.answer is None or found.probability is None or found.residuals is None:
            return self._without_optimum(found.status, weights)
        actions = self.game.actions[self.game.grand_coalition]
        table = np.zeros((len(self.game.profiles), len(actions.names)))
        table[found.pool.profiles, found.pool.actions.astype(np.int64)] = found.probability
        values = (found.value, found.bound)
        answer = self._efficient(weights, outside, values, found.answer, table, found.residuals)
        return replace(answer, rounds=found.rounds, pool=found.pool)

    def _efficient(
        self,
        weights: tuple[FloatArray, ...],
        outside: tuple[FloatArray, ...] | None,
        values: tuple[float, float],
        answer: InterimAnswer,
        probabilities: FloatArray,
        residuals: Residuals,
    ) -> IncentiveEfficient:
        """Return the answer with payments for every profile and its conditions recomputed."""
        level = sum(float(weight @ own) for weight, own in zip(weights, self._stake.alone, strict=True))
        utilities = tuple(gained + own for gained, own in zip(answer.utilities, self._stake.alone, strict=True))
        positive = np.maximum(probabilities, 0.0)
        if self.budget is Budget.EX_POST:
            payments = balanced_payments(answer.payments, self.game.type_probabilities, self.game.profiles)
        else:
            payments = expected_payments(answer.payments, self.game.profiles)
        mechanism = Mechanism(positive / positive.sum(axis=1, keepdims=True), payments)
        requirement = None if outside is None else Requirement(outside, answer.participation)
        return IncentiveEfficient(
            self.game,
            weights,
            values[0] + level,
            values[1] + level,
            mechanism,
            answer.virtual,
            answer.participation,
            utilities,
            optimality_conditions(self.game, mechanism, answer.virtual, requirement),
            residuals,
        )

    def _without_optimum(self, status: Status, weights: tuple[FloatArray, ...]) -> NoOptimum:
        if status is not Status.UNBOUNDED:
            return NoOptimum(status, status.value)
        sums = np.array([weight.sum() for weight in weights])
        least, most = int(sums.argmin()), int(sums.argmax())
        return NoOptimum(
            status,
            f"weighted utility has no upper bound: money moved from {self.game.players[least]}, whose weights sum "
            f"to {sums[least]:g}, to {self.game.players[most]}, whose weights sum to {sums[most]:g}, always "
            "increases it; give all players the same sum of weights, or require participation",
        )


def incentive_efficient(
    game: CoalitionalGame,
    weights: Sequence[ArrayLike] | None = None,
    participation: Participation | OutsideOptions = Participation.NONE,
    *,
    budget: Budget = Budget.EX_POST,
    method: Method = Method.AUTOMATIC,
    start: ColumnPool | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> IncentiveEfficient | NoOptimum:
    r"""Return a mechanism that maximises weighted interim utility over feasible mechanisms.

    Args:
        game: with N players.
        weights: :math:`\lambda_i(t)`, one ``(K_i,)`` for each player, nonnegative, not all zero; each type's
            probability by default, which maximises ex ante welfare.
        participation: who must be willing to take part.
        budget: how payments balance; the interim payments are the same.
        method: how to solve; by size unless given.
        start: columns of a similar problem with the same players, types and actions, to start from.
        deadline: when to stop.

    Returns:
        The mechanism with its certificate, or why there is none: weights that sum to different amounts for
        different players make the objective unbounded, participation may be infeasible, time may run out.

    Raises:
        ValueError: weights or outside options do not fit the game, or a single player's budget is to balance
            ex post.
        UnverifiedAnswerError: the solver's answer fails the independent check.

    Source:
        Myerson (2006), equation (1) and Theorem 0.
    """
    problem = EfficiencyProblem(game, budget=budget, method=method, start=start)
    return problem.solve(weights, participation, deadline=deadline)


def checked_weights(game: CoalitionalGame, weights: Sequence[ArrayLike] | None) -> tuple[FloatArray, ...]:
    """Return weights of every type, one ``(K_i,)`` for each player; by default the types' probabilities.

    Raises:
        ValueError: they do not fit the game, some are negative, or all are zero.
    """
    if weights is None:
        return game.type_probabilities
    checked = by_type(game, "weights", weights)
    for player, weight in zip(game.players, checked, strict=True):
        if not np.isfinite(weight).all() or weight.min() < 0:
            raise ValueError(f"weights of {player} must be finite and not negative; they are {weight.tolist()}")
    if not any(weight.any() for weight in checked):
        raise ValueError("all weights are zero; at least one type must count")
    return checked


def outside_utilities(
    game: CoalitionalGame, participation: Participation | OutsideOptions
) -> tuple[FloatArray, ...] | None:
    """Return what each type must get at least, one ``(K_i,)`` for each player, or nothing if it need not.

    Raises:
        ValueError: given outside options do not fit the game, or are undefined or plus infinity.
    """
    if isinstance(participation, OutsideOptions):
        checked = by_type(game, "outside options", participation.utilities)
        if any((np.isnan(utility) | (utility == np.inf)).any() for utility in checked):
            raise ValueError("outside options must be numbers, or minus infinity where nothing is required")
        return checked
    return game.individual_values() if participation is Participation.INDIVIDUAL else None


def by_type(game: CoalitionalGame, what: str, values: Sequence[ArrayLike]) -> tuple[FloatArray, ...]:
    """Return one array ``(K_i,)`` for each player.

    Raises:
        ValueError: there is not one array for each player, or one has another shape.
    """
    if len(values) != len(game.players):
        raise ValueError(f"{what} are given for {len(values)} players; there are {len(game.players)}")
    arrays = []
    for player, names, given in zip(game.players, game.types, values, strict=True):
        array = np.array(given, dtype=np.float64)
        if array.shape != (len(names),):
            raise ValueError(f"{what} of {player} have shape {array.shape}; it has {len(names)} types")
        arrays.append(array)
    return tuple(arrays)


def _infeasible(shortfall: Shortfall) -> NoOptimum:
    return NoOptimum(
        Status.INFEASIBLE,
        "no feasible mechanism gives every type what it can get outside: incentive and participation constraints "
        f"would have to be relaxed by {shortfall.amount:.6g}",
        shortfall,
    )


def _method_for(game: CoalitionalGame) -> Method:
    actions = len(game.actions[game.grand_coalition].names)
    coefficients = len(game.profiles) * actions * (1 + sum(game.type_counts))
    if coefficients < SMALL_PROGRAM or actions <= FEW_ACTIONS:
        return Method.ENUMERATION
    return Method.COLUMN_GENERATION


class UndecidedGameError(UnansweredError, ArithmeticError):
    """The solver reached no answer, or none that proves itself."""


def proven_optimum(
    game: CoalitionalGame,
    weights: Sequence[FloatArray],
    participation: Participation = Participation.NONE,
    deadline: Deadline = NO_DEADLINE,
) -> IncentiveEfficient | NoOptimum:
    """Return an incentive-efficient mechanism that proves itself, or the proof that none leaves everybody willing.

    Raises:
        ValueError: all weights are zero, or money moved between players raises the weighted utility without end.
        UndecidedGameError: the solver failed or hit its limit, or its answer does not prove itself.
        DeadlinePassedError: time ran out.
        UnverifiedAnswerError: the solver's answer fails the independent check.
    """
    # A single player's payments cannot balance at every profile unless they are all zero.
    budget = Budget.EX_POST if len(game.players) > 1 else Budget.EXPECTED
    answer = incentive_efficient(game, weights, participation, budget=budget, deadline=deadline)
    match answer:
        case NoOptimum(status=Status.UNBOUNDED):
            raise ValueError(_unequal_weights(game.players, weights))
        case NoOptimum() if answer.status is not Status.INFEASIBLE:
            raise UndecidedGameError(answer.reason)
        case IncentiveEfficient() if not answer.conditions.hold:
            raise UndecidedGameError(
                f"the mechanism found misses the conditions of optimality by {answer.conditions.largest:.1e}"
            )
        case _:
            return answer


def _unequal_weights(players: Sequence[str], weights: Sequence[FloatArray]) -> str:
    sums = [float(weight.sum()) for weight in weights]
    least, most = int(np.argmin(sums)), int(np.argmax(sums))
    return (
        f"weights.{players[least]} is {sums[least]:g} in sum and weights.{players[most]} {sums[most]:g}; the sums must "
        f"be the same for all players, or money moved from {players[least]} to {players[most]} raises weighted "
        "utility without end (--participation individual ends it too)"
    )
