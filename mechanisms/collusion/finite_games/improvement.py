r"""Improvements: side-contracts that their members' incentives allow, that harm none of their types, and help one.

Since no type may lose and one must gain, an improvement exists if and only if the largest total expected gain is
positive. A coalition without one has a proof: multipliers that bound the total gain by zero, or, when a reallocation
must be chosen among several, the solver's branch and bound.

Source:
    Giraud and Rochon (2001), Definitions 6 and 6'. Definition 6(b) is read literally: no loss at any pair of type and
    recommendation of positive probability, a gain at one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.finite_games.equilibrium import (
    INCENTIVE_TOLERANCE,
    InadmissibleTransferError,
    incentive_gain,
    interim_utilities,
)
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    require_fit,
)
from marketgame.mechanisms.collusion.finite_games.improvement_bound import (
    Multipliers,
    bound_of,
    contradiction,
    multipliers_of,
)
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem, SideProgram, Wish
from marketgame.mechanisms.collusion.finite_games.revised_game import RevisedGame, revised_game
from marketgame.mechanisms.deviations.effort import Objective
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.linear_program import Solution, Status

GAIN_TOLERANCE = 1e-6
"""Total expected gains below this share of the largest payoff are not called gains."""


class Proof(Enum):
    """Why there is no improvement."""

    MULTIPLIERS = "multipliers bound the total gain by zero"
    BRANCH_AND_BOUND = "the solver searched all choices of reallocations"
    NOTHING_ALLOWED = "no side-contract meets the constraints, not even obedience to the contract"


@dataclass(frozen=True, eq=False)
class Improvement:
    """A side-contract that improves upon a contract.

    Attributes:
        coalition: its members.
        concept: what they may do against it.
        contract: the side-contract, for the revised game.
        promised: expected utility of each (type, recommendation) of each member, ``(types,)`` each.
        status_quo: likewise, if all obey the contract.
    """

    coalition: Coalition
    concept: Concept
    contract: CommunicationContract
    promised: tuple[FloatArray, ...]
    status_quo: tuple[FloatArray, ...]

    @property
    def gains(self) -> tuple[FloatArray, ...]:
        """Expected gain of each (type, recommendation) of each member, ``(types,)`` each."""
        return tuple(after - before for after, before in zip(self.promised, self.status_quo, strict=True))


@dataclass(frozen=True, eq=False)
class NoImprovement:
    """There is none, and why.

    Attributes:
        coalition: of whom.
        concept: under which.
        bound: on the total expected gain of every side-contract.
        proof: how it is known.
        multipliers: that prove the bound, if they do.
    """

    coalition: Coalition
    concept: Concept
    bound: float
    proof: Proof
    multipliers: Multipliers | None = None


class Flaw(Enum):
    """What is wrong with a claimed improvement."""

    MISFIT = "the side-contract is not one of the coalition's revised game"
    INADMISSIBLE = "some report leads to transfers that are not admitted"
    INCENTIVE = "some type of a member gains by what the concept allows it to do"
    LOSS = "some type of a member loses"
    NO_GAIN = "no type of any member gains"
    FALSE_PROMISE = "the utilities stated are not those the side-contract brings"


class UndecidedError(UnansweredError, ArithmeticError):
    """The solver ended without an answer and without a proof that there is none."""


def improvement(
    game: ExtendedGame,
    contract: CommunicationContract,
    coalition: Coalition,
    concept: Concept = Concept.BIC,
    objective: Objective = Objective.TOTAL,
) -> Improvement | NoImprovement:
    """Return an improvement of a coalition upon a contract, or the proof that there is none.

    Raises:
        ValueError: the contract or the coalition does not fit the game.
        InadmissibleTransferError: the contract leads to transfers that are not tabulated.
        UndecidedError: the solver gave no answer.

    Source:
        Giraud and Rochon (2001), Definitions 6 and 6'.
    """
    problem = SideProblem(revised_game(game, contract, coalition), concept)
    return best_side_contract(problem, objective)


def best_side_contract(problem: SideProblem, objective: Objective = Objective.TOTAL) -> Improvement | NoImprovement:
    """Return the best side-contract of a problem if it is an improvement, or the proof that there is none.

    Raises:
        UndecidedError: the solver gave no answer.
    """
    members = len(problem.revised.game.players)
    total = Wish(np.ones(members))
    refuted = disproof(problem, SideProgram(problem, whole=False))
    if refuted is not None:
        return refuted
    program = SideProgram(problem, whole=len(problem.reallocations) > 1)
    solution = answered(program.solve(total))
    game = problem.revised.game
    coalition = game.players
    if solution.status is Status.INFEASIBLE:
        return NoImprovement(coalition, problem.concept, -np.inf, Proof.BRANCH_AND_BOUND)
    if _total_gain(problem, solution.objective) <= GAIN_TOLERANCE * game.scale:
        bound = _total_gain(problem, solution.bound if np.isfinite(solution.bound) else solution.objective)
        return NoImprovement(coalition, problem.concept, bound, Proof.BRANCH_AND_BOUND)
    if objective is Objective.LEAST:
        solution = answered(program.solve(Wish(np.full(members, 1e-3), least=1.0)))
    return improvement_from(problem, solution)


def disproof(problem: SideProblem, program: SideProgram) -> NoImprovement | None:
    """Return a proof by multipliers that there is no improvement, if a program without whole numbers gives one.

    Raises:
        UndecidedError: the solver gave no answer.
    """
    game = problem.revised.game
    ones = np.ones(len(game.players))
    solution = answered(program.solve(Wish(ones)))
    if solution.status is Status.INFEASIBLE:
        return _nothing_allowed(problem, program)
    if _total_gain(problem, solution.objective) > GAIN_TOLERANCE * game.scale:
        return None
    multipliers = multipliers_of(problem, solution.dual)
    bound = bound_of(problem, ones, multipliers, program.forbidden)
    if bound > GAIN_TOLERANCE * game.scale:
        raise UndecidedError(f"the multipliers only bound the total gain by {bound:.3g}")
    return NoImprovement(game.players, problem.concept, bound, Proof.MULTIPLIERS, multipliers)


def _nothing_allowed(problem: SideProblem, program: SideProgram) -> NoImprovement:
    """Return the proof that the constraints contradict each other."""
    solution = program.least_shortfall()
    if solution.optimal:
        multipliers = multipliers_of(problem, solution.dual)
        if contradiction(problem, multipliers, program.forbidden) > 0:
            return NoImprovement(
                problem.revised.game.players, problem.concept, -np.inf, Proof.NOTHING_ALLOWED, multipliers
            )
    raise UndecidedError("the solver finds the constraints contradictory, but its proof does not hold")


def improvement_from(problem: SideProblem, solution: Solution) -> Improvement:
    """Return the improvement an optimal answer describes, with utilities recomputed from the side-contract."""
    contract = side_contract_from(problem, solution)
    game = problem.revised.game
    promised = tuple(interim_utilities(game, contract, place) for place in game.members)
    return Improvement(game.players, problem.concept, contract, promised, problem.revised.status_quo)


def side_contract_from(problem: SideProblem, solution: Solution) -> CommunicationContract:
    """Return the side-contract of an optimal answer: a device, and one reallocation after each profile of reports."""
    game = problem.revised.game
    members = len(game.players)
    device = np.maximum(solution["device"], 0.0)
    by_level = device.reshape(*device.shape[: members + 1], -1).sum(axis=-1)
    level = by_level.argmax(axis=-1)
    index = level.reshape(*level.shape, *(1,) * (members + 1))
    chosen = np.take_along_axis(device, index, axis=members).squeeze(axis=members)
    totals = chosen.reshape(*game.type_counts, -1).sum(axis=-1)
    probability = chosen / totals.reshape(*game.type_counts, *(1,) * members)
    return CommunicationContract(probability, problem.reallocations[level])


def flaws_of(game: ExtendedGame, contract: CommunicationContract, claimed: Improvement) -> tuple[Flaw, ...]:
    """Return what is wrong with a claimed improvement, recomputed without the solver; nothing if it is one.

    Raises:
        ValueError: the contract or the coalition does not fit the game.
    """
    revised = revised_game(game, contract, claimed.coalition)
    try:
        require_fit(revised.game, claimed.contract)
    except ValueError:
        return (Flaw.MISFIT,)
    try:
        temptation = incentive_gain(revised.game, claimed.contract, claimed.concept)
    except InadmissibleTransferError:
        return (Flaw.INADMISSIBLE,)
    return tuple(_flaws_of_utilities(revised, claimed, temptation))


def answered(solution: Solution) -> Solution:
    """Return the solution if it decides something.

    Raises:
        UndecidedError: it is neither optimal nor infeasible.
    """
    if solution.status not in {Status.OPTIMAL, Status.INFEASIBLE}:
        raise UndecidedError(f"the solver gave no answer: {solution.status.value}")
    return solution


def _total_gain(problem: SideProblem, objective: float) -> float:
    return objective - sum(float(floor.sum()) for floor in problem.floors)


def _flaws_of_utilities(revised: RevisedGame, claimed: Improvement, temptation: float) -> list[Flaw]:
    game = revised.game
    found = [Flaw.INCENTIVE] if temptation > INCENTIVE_TOLERANCE * game.scale else []
    promised = [interim_utilities(game, claimed.contract, place) for place in game.members]
    possible = [probability > 0 for probability in game.type_probabilities]
    gains = [
        (after - before)[types] for after, before, types in zip(promised, revised.status_quo, possible, strict=True)
    ]
    if min(float(gain.min()) for gain in gains) < -INCENTIVE_TOLERANCE * game.scale:
        found.append(Flaw.LOSS)
    if max(float(gain.max()) for gain in gains) <= INCENTIVE_TOLERANCE * game.scale:
        found.append(Flaw.NO_GAIN)
    stated = (*claimed.promised, *claimed.status_quo)
    actual = (*promised, *revised.status_quo)
    if any(
        left.shape != right.shape or np.abs(left - right).max(initial=0.0) > INCENTIVE_TOLERANCE * game.scale
        for left, right in zip(stated, actual, strict=True)
    ):
        found.append(Flaw.FALSE_PROMISE)
    return found
