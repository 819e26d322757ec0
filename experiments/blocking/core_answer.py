"""What ``marketgame core`` answers: a core allocation, the proof that there is none, or that nothing is known."""

from __future__ import annotations

from dataclasses import dataclass

from marketgame.experiments.files.game_file import EstablishedGame
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core import (
    CoreAllocation,
    CoreOptimum,
    CoreStatus,
    CoreVariant,
    EmptyCore,
    SearchEffort,
    UndecidedCore,
    find_core_allocation,
    optimise_core,
    refutation_margin,
)
from marketgame.mechanisms.core.objective import CoreGoal
from marketgame.mechanisms.linear_program.deadline import (
    NO_DEADLINE,
    Deadline,
)


@dataclass(frozen=True, eq=False)
class CoreAnswer:
    """What is known about the core of the game in a file.

    Attributes:
        established: what the file holds.
        variant: the version of the core.
        answer: as the search gave it.
    """

    established: EstablishedGame
    variant: CoreVariant
    answer: CoreAllocation | CoreOptimum | EmptyCore | UndecidedCore

    @property
    def game(self) -> CoalitionalGame:
        """The game."""
        return self.established.game

    @property
    def allocation(self) -> CoreAllocation | None:
        """The core allocation, if one was found."""
        match self.answer:
            case CoreAllocation():
                return self.answer
            case CoreOptimum():
                return self.answer.allocation
            case _:
                return None

    @property
    def optimum(self) -> CoreOptimum | None:
        """The allocation as the answer to an optimisation, if one was asked for and something was found."""
        return self.answer if isinstance(self.answer, CoreOptimum) else None

    @property
    def status(self) -> CoreStatus:
        """Whether an allocation was found."""
        return CoreStatus.FOUND if isinstance(self.answer, CoreAllocation) else self.answer.status

    @property
    def refutation_margin(self) -> float | None:
        """By how much the proof of emptiness contradicts itself everywhere, replayed without the solver."""
        return refutation_margin(self.game, self.answer) if isinstance(self.answer, EmptyCore) else None


def search_core(
    established: EstablishedGame,
    variant: CoreVariant,
    goal: CoreGoal | None,
    effort: SearchEffort,
    deadline: Deadline = NO_DEADLINE,
) -> CoreAnswer:
    """Return a core allocation of a game, any one or the best one.

    Args:
        established: what the file holds; only its game counts.
        variant: the version of the core.
        goal: what is optimised; none for any allocation.
        effort: when to give up.
        deadline: of everything this is part of; whichever limit comes first holds.

    Raises:
        ValueError: the coalition limits do not fit the game.
        UnverifiedAnswerError: an answer fails its independent check.
    """
    game = established.game
    if goal is None:
        return CoreAnswer(established, variant, find_core_allocation(game, variant, effort, deadline))
    found = optimise_core(game, goal.objective, goal.sense, variant, effort, deadline)
    return CoreAnswer(established, variant, found)
