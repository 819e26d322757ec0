"""What ``marketgame block`` answers: the most profitable blocking plan, or the proof that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, override

import pandas as pd
from rich.console import Console

from marketgame.experiments.blocking.coalition_options import Link, coalition_limits
from marketgame.experiments.blocking.tables import print_verdict
from marketgame.experiments.efficiency.game_tables import by_type
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import EstablishedGame, game_of
from marketgame.experiments.files.input_file import blamed_on
from marketgame.experiments.printing import Printed, drawn_bars
from marketgame.mechanisms.arrays import FloatArray, undefined_raises
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

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class BlockingVerdict(Printed):
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

    @override
    def print_on(self, console: Console) -> None:
        print_verdict(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What the plan pays each type and what that gains; the weights λ of the proof where there is no plan."""
        plan = self.verdict if isinstance(self.verdict, BlockingPlan) else None
        proof = self.verdict if isinstance(self.verdict, NoBlockingPlan) else None
        columns = {
            "paid": None if plan is None else plan.payments,
            "gain": None if plan is None else plan.interim_gains,
            "lambda": None if proof is None else proof.virtual.weights,
        }
        return by_type(self.game, columns)

    @override
    def plot(self) -> Figure:
        """Draw what the plan pays each type; where there is none, the weights λ that prove it."""
        if self.blocked:
            return drawn_bars(self.table, "paid", f"{self.established.name}: what the plan pays each type")
        return drawn_bars(self.table, "lambda", f"{self.established.name}: the weights that prove that no plan profits")

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


@undefined_raises
def block(
    of: Path | str | EstablishedGame, *, largest: int | None = None, links: Sequence[Link] = ()
) -> BlockingVerdict:
    """Return the most profitable plan against a game's mechanism or allocation, or the proof that there is none.

    Args:
        of: a file, ``example:NAME``, or a game with a mechanism or an allocation.
        largest: of how many members coalitions may be.
        links: pairs of players who can talk to each other; with any, only connected coalitions form.

    Raises:
        InputError: the file is wrong, or a link does not name two players.
        ValueError: the game has neither a mechanism nor an allocation, or the limits do not fit it.
        UnverifiedAnswerError: the answer fails its independent check.
    """
    established = game_of(of)
    limits = coalition_limits(established.game, largest, links, "a link")
    if isinstance(of, EstablishedGame):
        return judge_blocking(established, limits)
    with blamed_on(located(of)):
        return judge_blocking(established, limits)
