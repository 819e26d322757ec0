"""What ``marketgame solve`` answers for a coalitional game: an incentive-efficient mechanism and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, override

import pandas as pd
from rich.console import Console

from marketgame.experiments.efficiency.game_printing import by_type, print_game_solution
from marketgame.experiments.files.game_file import EstablishedGame
from marketgame.experiments.printing import Printed, drawn_bars
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, feasibility, interim_utilities
from marketgame.mechanisms.incentive_efficiency.dominance import Dominance, dominating_mechanism
from marketgame.mechanisms.incentive_efficiency.search import (
    IncentiveEfficient,
    NoOptimum,
    Participation,
    proven_optimum,
)
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class EstablishedMechanism:
    r"""What the mechanism in a file gives, and whether another would be better for everybody.

    Attributes:
        mechanism: the mechanism.
        interim: utilities :math:`U_i(t)`, one ``(K_i,)`` for each player.
        misreport_gains: by type and report, one ``(K_i, K_i)`` for each player, in units of utility.
        expected_cost: what the mediator expects to pay, in units of utility.
        feasible: whether no type gains from misreporting and the mediator expects no loss.
        dominance: the best improvement for all types at once; none for a mechanism that is not feasible.
    """

    mechanism: Mechanism
    interim: tuple[FloatArray, ...]
    misreport_gains: tuple[FloatArray, ...]
    expected_cost: float
    feasible: bool
    dominance: Dominance | None

    @property
    def incentive_efficient(self) -> bool:
        """Whether it is feasible and no feasible mechanism is better for all types of all players."""
        return self.dominance is not None and not self.dominance.dominated

    @property
    def largest_misreport_gain(self) -> float:
        """What the most tempted type gains, in units of utility; zero when truth is best."""
        return max(float(gains.max()) for gains in self.misreport_gains)


@dataclass(frozen=True, eq=False, repr=False)
class GameSolution(Printed):
    """The incentive-efficient benchmark of a game, beside what its file establishes.

    Attributes:
        established: the game with the weights that count and the mechanism in force, if any.
        participation: who had to be willing to take part.
        answer: a mechanism with its proof, or the proof that none leaves everybody willing.
        mechanism: what the file's mechanism gives; none when the file gives none.
    """

    established: EstablishedGame
    participation: Participation
    answer: IncentiveEfficient | NoOptimum
    mechanism: EstablishedMechanism | None

    @property
    def game(self) -> CoalitionalGame:
        """The game."""
        return self.established.game

    @override
    def print_on(self, console: Console) -> None:
        print_game_solution(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What each type expects, beside what it could get alone; missing, as λ, where nothing is optimal."""
        optimal = self.answer if isinstance(self.answer, IncentiveEfficient) else None
        columns = {
            "weight": self.established.weights,
            "lambda": None if optimal is None else optimal.virtual.weights,
            "expected_utility": None if optimal is None else optimal.interim,
            "alone": self.game.individual_values(),
        }
        return by_type(self.game, columns)

    @override
    def plot(self) -> Figure:
        """Draw what each type expects."""
        return drawn_bars(self.table, "expected_utility", f"{self.established.name}: what each type expects")


def solve_game(
    established: EstablishedGame,
    participation: Participation = Participation.NONE,
    deadline: Deadline = NO_DEADLINE,
) -> GameSolution:
    """Return the incentive-efficient benchmark of a game for the weights of its file.

    Raises:
        ValueError: all weights are zero, or money moved between players raises the weighted utility without end.
        UndecidedGameError: the solver failed or hit its limit, or its answer does not prove itself.
        DeadlinePassedError: time ran out before the file's mechanism was judged.
        UnverifiedAnswerError: the solver's answer fails the independent check.
    """
    game = established.game
    answer = proven_optimum(game, established.weights, participation, deadline)
    own = established.mechanism
    return GameSolution(established, participation, answer, None if own is None else assess(game, own, deadline))


def assess(game: CoalitionalGame, mechanism: Mechanism, deadline: Deadline = NO_DEADLINE) -> EstablishedMechanism:
    """Return what a mechanism gives, whether it is feasible, and whether it is incentive-efficient.

    Raises:
        ValueError: the mechanism does not fit the game.
        UnverifiedAnswerError: the solver's answer fails the independent check.
    """
    found = feasibility(game, mechanism)
    dominance = dominating_mechanism(game, mechanism, deadline=deadline) if found.feasible else None
    utilities = interim_utilities(game, mechanism)
    return EstablishedMechanism(mechanism, utilities, found.gains, found.expected_cost, found.feasible, dominance)
