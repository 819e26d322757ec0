"""What ``marketgame core`` answers: a core allocation, the proof that there is none, or that nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, override

import pandas as pd
from rich.console import Console

from marketgame.experiments.blocking.core_printing import interim_stakes, print_core
from marketgame.experiments.efficiency.game_printing import by_type
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import EstablishedGame, core_goal, game_of
from marketgame.experiments.files.input_file import blamed_on, member
from marketgame.experiments.printing import Printed, drawn_bars
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import interim_utilities
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.objective import CoreGoal
from marketgame.mechanisms.core.outcome import CoreOptimum, CoreStatus, EmptyCore, UndecidedCore, refutation_margin
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class CoreAnswer(Printed):
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

    @override
    def print_on(self, console: Console) -> None:
        print_core(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What each type expects in the core allocation, and what it would lose by leaving; missing without one."""
        found, game = self.allocation, self.game
        columns = {
            "lambda": None if found is None else found.virtual.weights,
            "expected_utility": None if found is None else interim_utilities(game, found.mechanism),
            "stake": None if found is None else interim_stakes(game, found),
            "alone": game.individual_values(),
        }
        return by_type(game, columns)

    @override
    def plot(self) -> Figure:
        """Draw what each type would lose by leaving."""
        return drawn_bars(self.table, "stake", f"{self.established.name}: what each type would lose by leaving")

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
    effort: CoreEffort,
    deadline: Deadline = NO_DEADLINE,
) -> CoreAnswer:
    """Return a core allocation of a game, any one or the best one.

    Raises:
        ValueError: the coalition limits do not fit the game.
        UnverifiedAnswerError: an answer fails its independent check.
    """
    game = established.game
    if goal is None:
        return CoreAnswer(established, variant, find_core_allocation(game, variant, effort, deadline))
    found = optimise_core(game, goal.objective, goal.sense, variant, effort, deadline)
    return CoreAnswer(established, variant, found)


@undefined_raises
def core(
    of: Path | str | EstablishedGame | CoalitionalGame,
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    support: Support | str = Support.COARSE,
    severance: SeverancePay | str = SeverancePay.ALLOWED,
    seconds: float = CoreEffort().seconds,
) -> CoreAnswer:
    """Return a core allocation of a game with the mechanism that achieves it, or the proof that its core is empty.

    Args:
        of: a file, ``example:NAME``, or a game; its own mechanism is ignored.
        minimize: find the core allocation with the least ``severance``, ``welfare`` or ``payoff:PLAYER/TYPE``.
        maximize: find the one with the most of it.
        support: ``fine`` stands up to mediators that also know the types of those who stay.
        severance: whether those who leave may be promised anything.
        seconds: wall time after which the answer is that nothing is known.

    Raises:
        InputError: the file is wrong, an option is none, or both objectives are given.
        UnverifiedAnswerError: an answer fails its independent check.
    """
    deadline = Deadline.after(seconds)
    established = game_of(of)
    goal = core_goal(established.game, minimize, maximize, prefix="")
    variant = CoreVariant(member(Support, support, "support"), member(SeverancePay, severance, "severance"))
    if isinstance(of, EstablishedGame | CoalitionalGame):
        return search_core(established, variant, goal, CoreEffort(seconds=seconds), deadline)
    with blamed_on(located(of)):
        return search_core(established, variant, goal, CoreEffort(seconds=seconds), deadline)
