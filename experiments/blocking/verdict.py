"""What ``marketgame block`` answers: the most profitable blocking plan, or the proof that there is none."""

from __future__ import annotations

from dataclasses import dataclass

from marketgame.experiments.files.game_file import EstablishedGame
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import (
    BlockingPlan,
    CoalitionLimits,
    NoBlockingPlan,
    Support,
    find_blocking_plan,
)
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import (
    Feasibility,
    feasibility,
    stakes,
)


@dataclass(frozen=True, eq=False)
class BlockingVerdict:
    """Whether what a file establishes can be blocked.

    Attributes:
        established: what the file holds.
        stakes: what each player loses by leaving, ``(P, N)``, units of money.
        verdict: the plan or the proof, for mediators that know the types of those they invite.
        fine: the same for mediators that know everybody's; where the first is a plan, that plan.
        feasibility: of the file's mechanism; none without one.
    """

    established: EstablishedGame
    stakes: FloatArray
    verdict: BlockingPlan | NoBlockingPlan
    fine: BlockingPlan | NoBlockingPlan
    feasibility: Feasibility | None

    @property
    def game(self) -> CoalitionalGame:
        """The game."""
        return self.established.game

    @property
    def blocked(self) -> bool:
        """Whether a blocking mediator can expect a profit."""
        return isinstance(self.verdict, BlockingPlan)

    @property
    def finely_inhibitive(self) -> bool:
        """Whether no mediator can expect a profit, not even one that knows everybody's type."""
        return isinstance(self.fine, NoBlockingPlan)

    @property
    def feasible(self) -> bool:
        """Whether truth is best under the file's mechanism and its mediator expects no loss; stakes alone are not."""
        return self.feasibility is None or self.feasibility.feasible

    @property
    def largest_misreport_gain(self) -> float | None:
        """Of a type under the file's mechanism, units of money; none without a mechanism."""
        return None if self.feasibility is None else self.feasibility.largest_gain

    @property
    def expected_cost(self) -> float | None:
        """What the established mediator expects to pay, likewise."""
        return None if self.feasibility is None else self.feasibility.expected_cost


def judge_blocking(established: EstablishedGame, limits: CoalitionLimits) -> BlockingVerdict:
    """Return whether what a file establishes can be blocked.

    Args:
        established: what the file holds.
        limits: which coalitions can form.

    Raises:
        ValueError: the file gives neither a mechanism nor an allocation, or the limits do not fit the game.
        UnverifiedAnswerError: the answer fails its independent check.
    """
    game, mechanism = established.game, established.mechanism
    if mechanism is not None:
        omega, feasible = stakes(game, mechanism), feasibility(game, mechanism)
    elif established.stakes is not None:
        omega, feasible = established.stakes, None
    else:
        raise ValueError("mechanism is missing; what is to be blocked must be given, as [mechanism] or [allocation]")
    verdict = find_blocking_plan(game, omega, limits=limits)
    fine = verdict
    if isinstance(verdict, NoBlockingPlan):
        fine = find_blocking_plan(game, omega, support=Support.FINE, limits=limits)
    return BlockingVerdict(established, omega, verdict, fine, feasible)
