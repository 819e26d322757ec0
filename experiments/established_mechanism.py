"""The mechanism established in a coalitional game: the file's, an incentive-efficient one, or one in the core."""

from __future__ import annotations

from experiments.core_objectives import CoreGoal, core_goal
from experiments.game_file import EstablishedGame
from experiments.game_solution import UndecidedGameError, solve_game
from experiments.mechanism_choice import MechanismChoice
from mechanisms.core import CoreAllocation, CoreOptimum, EmptyCore, find_core_allocation, optimise_core
from mechanisms.incentive_efficiency import IncentiveEfficient
from mechanisms.mechanism import Mechanism


def established_mechanism(
    established: EstablishedGame,
    choice: MechanismChoice,
    minimize: str | None = None,
    maximize: str | None = None,
    prefix: str = "",
) -> Mechanism:
    """Return the mechanism in force.

    Args:
        established: what the game's file holds.
        choice: which mechanism is wanted.
        minimize: name of an objective over the core.
        maximize: likewise.
        prefix: what stands before these two words where they were written, for messages.

    Raises:
        InputError: no such objective exists.
        ValueError: the file has no mechanism, or the core is empty.
        UndecidedGameError: no mechanism was found, and none was proved not to exist.
    """
    match choice:
        case MechanismChoice.FILE:
            if established.mechanism is None:
                raise ValueError("mechanism is 'file', but the game's file has no [mechanism]; choose another")
            return established.mechanism
        case MechanismChoice.INCENTIVE_EFFICIENT:
            answer = solve_game(established).answer
            if not isinstance(answer, IncentiveEfficient):
                raise UndecidedGameError(answer.reason)
            return answer.mechanism
        case MechanismChoice.CORE:
            return _in_core(established, core_goal(established.game, minimize, maximize, prefix))


def _in_core(established: EstablishedGame, goal: CoreGoal | None) -> Mechanism:
    game = established.game
    found = find_core_allocation(game) if goal is None else optimise_core(game, goal.objective, goal.sense)
    match found:
        case CoreAllocation():
            return found.mechanism
        case CoreOptimum():
            return found.allocation.mechanism
        case EmptyCore():
            raise ValueError(f"mechanism is 'core', but the core of {established.name!r} is empty; choose another")
        case _:
            raise UndecidedGameError(f"whether {established.name!r} has a core allocation is not known: {found.reason}")
