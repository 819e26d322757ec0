"""What ``marketgame solve`` answers for a coalitional game: an incentive-efficient mechanism and its proof."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.game_file import EstablishedGame
from mechanisms.arrays import FloatArray
from mechanisms.coalitional_game import CoalitionalGame
from mechanisms.deadline import NO_DEADLINE, Deadline
from mechanisms.dominance import Dominance, dominating_mechanism
from mechanisms.incentive_efficiency import (
    Budget,
    IncentiveEfficient,
    NoOptimum,
    Participation,
    incentive_efficient,
)
from mechanisms.linear_program import Status
from mechanisms.mechanism import Mechanism, feasibility, interim_utilities


class UndecidedGameError(ArithmeticError):
    """The solver reached no answer, or none that proves itself incentive-efficient."""


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


@dataclass(frozen=True, eq=False)
class GameSolution:
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


def solve_game(
    established: EstablishedGame,
    participation: Participation = Participation.NONE,
    deadline: Deadline = NO_DEADLINE,
) -> GameSolution:
    """Return the incentive-efficient benchmark of a game for the weights of its file.

    Args:
        established: what the file holds.
        participation: who must be willing to take part.
        deadline: when to give up.

    Raises:
        ValueError: all weights are zero, or money moved between players raises the weighted utility without end.
        UndecidedGameError: the solver failed or hit its limit, or its answer does not prove itself.
        DeadlinePassedError: time ran out before the file's mechanism was judged.
        UnverifiedAnswerError: the solver's answer fails the independent check.
    """
    game = established.game
    # A single player's payments cannot balance at every profile unless they are all zero.
    budget = Budget.EX_POST if len(game.players) > 1 else Budget.EXPECTED
    answer = incentive_efficient(game, established.weights, participation, budget=budget, deadline=deadline)
    match answer:
        case NoOptimum(status=Status.UNBOUNDED):
            raise ValueError(_unequal_weights(established))
        case NoOptimum() if answer.status is not Status.INFEASIBLE:
            raise UndecidedGameError(answer.reason)
        case IncentiveEfficient() if not answer.conditions.hold:
            raise UndecidedGameError(
                f"the mechanism found misses the conditions of optimality by {answer.conditions.largest:.1e}"
            )
        case _:
            pass
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


def _unequal_weights(established: EstablishedGame) -> str:
    players, sums = established.game.players, [float(weight.sum()) for weight in established.weights]
    least, most = int(np.argmin(sums)), int(np.argmax(sums))
    return (
        f"weights.{players[least]} is {sums[least]:g} in sum and weights.{players[most]} {sums[most]:g}; the sums must "
        f"be the same for all players, or money moved from {players[least]} to {players[most]} raises weighted "
        "utility without end (--participation individual ends it too)"
    )
