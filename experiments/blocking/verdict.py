"""What ``marketgame block`` answers: the most profitable blocking plan, or the proof that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, override

import pandas as pd
from rich.console import Console

from marketgame.experiments.blocking.printing import print_verdict
from marketgame.experiments.certificate_files.files import save_certificate
from marketgame.experiments.collusion.files import certificate_folder, commit_certificates
from marketgame.experiments.efficiency.game_printing import by_type
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import EstablishedGame, game_of
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on, unknown_name
from marketgame.experiments.files.output_folder import Writing
from marketgame.experiments.printing import Printed, drawn_bars
from marketgame.mechanisms.arrays import FloatArray, undefined_raises
from marketgame.mechanisms.blocking import BlockingPlan, CoalitionLimits, NoBlockingPlan, Support, find_blocking_plan
from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
)
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Feasibility, feasibility, stakes

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
    of: Path | str | EstablishedGame,
    *,
    largest: int | None = None,
    links: Sequence[Link] = (),
    out: Path | str | None = None,
) -> BlockingVerdict:
    """Return the most profitable plan against a game's mechanism or allocation, or the proof that there is none.

    Args:
        of: a file, ``example:NAME``, or a game with a mechanism or an allocation.
        largest: of how many members coalitions may be.
        links: pairs of players who can talk to each other; with any, only connected coalitions form.
        out: folder in which to write the plan or the proof as a certificate, instead of those of an earlier call.

    Raises:
        InputError: the file is wrong, a link does not name two players, or the folder cannot be written.
        ValueError: the game has neither a mechanism nor an allocation, or the limits do not fit it.
        UnverifiedAnswerError: the answer fails its independent check.
    """
    read = InputFiles()
    established = game_of(of, read)
    limits = coalition_limits(established.game, largest, links, "a link")
    file = Path() if isinstance(of, EstablishedGame) else located(of)
    with nullcontext() if isinstance(of, EstablishedGame) else blamed_on(file):
        if out is None:
            return judge_blocking(established, limits)
        with certificate_folder(file, Path(out)) as folder:
            verdict = judge_blocking(established, limits)
            write_certificate(verdict, folder)
            commit_certificates(folder, read.contents, file.parent)
    return verdict


PLAN = "blocking-plan.json"
PROOF = "no-blocking-plan.json"


def blocking_certificate(verdict: BlockingVerdict) -> BlockingCertificate | InhibitionCertificate:
    """Return the certificate of a verdict, its numbers recomputed without the solver."""
    found = verdict.verdict
    if isinstance(found, BlockingPlan):
        return certify_plan(verdict.game, verdict.stakes, found.invitations, found.payments)
    return certify_inhibition(verdict.game, verdict.stakes, found.virtual, found.support, found.limits)


def write_certificate(verdict: BlockingVerdict, folder: Writing) -> Path:
    """Write the certificate of a verdict into a folder, and return where it will be.

    Raises:
        InputError: the file cannot be written.
    """
    name = PLAN if verdict.blocked else PROOF
    save_certificate(blocking_certificate(verdict), folder.stage / name)
    return folder.folder / name


type Link = str | tuple[str, str]


def coalition_limits(
    game: CoalitionalGame, largest: int | None, links: Sequence[Link] | None, field: str = "--link"
) -> CoalitionLimits:
    """Return the limits that options describe.

    Args:
        game: whose players links name.
        largest: size of the largest coalition, or none.
        links: each two names, or a text with a comma between them.
        field: what a link is called in messages.

    Raises:
        InputError: a link does not name two different players of the game.
    """
    network = frozenset(_link(game, link, field) for link in links) if links else None
    return CoalitionLimits(largest, network)


def _link(game: CoalitionalGame, link: Link, field: str) -> tuple[int, int]:
    names = [name.strip() for name in link.split(",")] if isinstance(link, str) else list(link)
    if len(names) != 2 or names[0] == names[1]:
        raise InputError(f"{field} is {link!r}; it must name two different players with a comma between them")
    for name in names:
        if name not in game.players:
            raise InputError(f"{field} {unknown_name(name, game.players)}")
    first, second = sorted(game.players.index(name) for name in names)
    return first, second
