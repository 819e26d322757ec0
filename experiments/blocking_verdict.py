"""What ``marketgame block`` answers: the most profitable blocking plan, or the proof that there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.game_file import EstablishedGame
from mechanisms.arrays import FloatArray
from mechanisms.blocking import BlockingPlan, CoalitionLimits, NoBlockingPlan, Support, find_blocking_plan
from mechanisms.coalitional_game import CoalitionalGame
from mechanisms.mechanism import expected_cost, misreport_gains, stakes

# A gain from misreporting or an expected loss below this share of what is at stake is rounding.
FEASIBILITY_TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class BlockingVerdict:
    """Whether what a file establishes can be blocked.

    Attributes:
        established: what the file holds.
        stakes: what each player loses by leaving, ``(P, N)``, units of money.
        verdict: the plan or the proof, for mediators that know the types of those they invite.
        fine: the same for mediators that know everybody's; where the first is a plan, that plan.
        largest_misreport_gain: of a type under the file's mechanism, units of money; none without a mechanism.
        expected_cost: what the established mediator expects to pay, likewise.
    """

    established: EstablishedGame
    stakes: FloatArray
    verdict: BlockingPlan | NoBlockingPlan
    fine: BlockingPlan | NoBlockingPlan
    largest_misreport_gain: float | None
    expected_cost: float | None

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
        if self.largest_misreport_gain is None or self.expected_cost is None:
            return True
        rounding = FEASIBILITY_TOLERANCE * max(float(np.abs(self.stakes).max()), 1.0)
        return max(self.largest_misreport_gain, self.expected_cost) <= rounding


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
        omega = stakes(game, mechanism)
        gain = max(float(gains.max()) for gains in misreport_gains(game, mechanism))
        cost = expected_cost(game, mechanism)
    elif established.stakes is not None:
        omega, gain, cost = established.stakes, None, None
    else:
        raise ValueError("mechanism is missing; what is to be blocked must be given, as [mechanism] or [allocation]")
    verdict = find_blocking_plan(game, omega, limits=limits)
    fine = verdict
    if isinstance(verdict, NoBlockingPlan):
        fine = find_blocking_plan(game, omega, support=Support.FINE, limits=limits)
    return BlockingVerdict(established, omega, verdict, fine, gain, cost)
