"""What ``marketgame block`` answers: the most profitable blocking plan, or the proof that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np
import pandas as pd
from rich.console import Console, Group

from marketgame.experiments.certificate_files.files import save_certificate
from marketgame.experiments.collusion.files import certificate_folder, commit_certificates
from marketgame.experiments.efficiency.game_solution import (
    by_player_and_type,
    by_type,
    multipliers_table,
    table_by_type,
    virtual_weights_document,
    without_sign_of_zero,
)
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import EstablishedGame, game_of
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on, unknown_name
from marketgame.experiments.files.output_folder import Writing
from marketgame.experiments.printing import Printed, drawn_bars, marked, number, print_heading, table
from marketgame.mechanisms.arrays import FloatArray, undefined_raises
from marketgame.mechanisms.blocking import (
    BlockingPlan,
    CoalitionLimits,
    Invitation,
    NoBlockingPlan,
    Support,
    find_blocking_plan,
)
from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
)
from marketgame.mechanisms.certificates.durability import DurabilityCertificate
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Feasibility, feasibility, stakes
from marketgame.mechanisms.core.durability.examination import Refutation
from marketgame.mechanisms.core.durability.search import NotRefuted, search_durability
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

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
        durability: an alternative game that its members vote for in any case, or that none was found; none if it was
            not asked for.
    """

    established: EstablishedGame
    stakes: FloatArray
    verdict: BlockingPlan | NoBlockingPlan
    fine: BlockingPlan | NoBlockingPlan
    feasibility: Feasibility | None
    durability: NotRefuted | Refutation | None = None

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
    def voted_out(self) -> bool:
        """Whether an alternative game was found that its members vote for, whatever they believe about each other."""
        return isinstance(self.durability, Refutation)

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


def judge_blocking(
    established: EstablishedGame,
    limits: CoalitionLimits,
    deadline: Deadline = NO_DEADLINE,
    *,
    durable: bool = False,
) -> BlockingVerdict:
    """Return whether what a file establishes can be blocked.

    Args:
        established: what the file holds.
        limits: which coalitions can form.
        deadline: when time runs out.
        durable: whether alternative games are tried, too.

    Raises:
        ValueError: the file gives neither a mechanism nor an allocation, or no mechanism whose durability could be
            asked; or the limits do not fit the game.
        UnverifiedAnswerError: the answer fails its independent check.
        DeadlinePassedError: time ran out.
    """
    game, mechanism = established.game, established.mechanism
    if mechanism is not None:
        omega, feasible = stakes(game, mechanism), feasibility(game, mechanism)
    elif established.stakes is not None:
        omega, feasible = established.stakes, None
    else:
        raise ValueError("mechanism is missing; what is to be blocked must be given, as [mechanism] or [allocation]")
    if durable and mechanism is None:
        raise ValueError("mechanism is missing; only of a mechanism it can be asked whether it is durable")
    verdict = find_blocking_plan(game, omega, limits=limits, deadline=deadline)
    fine = verdict
    if isinstance(verdict, NoBlockingPlan):
        fine = find_blocking_plan(game, omega, support=Support.FINE, limits=limits, deadline=deadline)
    asked = (
        None
        if mechanism is None or not durable
        else search_durability(game, mechanism, limits=limits, deadline=deadline)
    )
    return BlockingVerdict(established, omega, verdict, fine, feasible, asked)


@undefined_raises
def block(
    of: Path | str | EstablishedGame,
    *,
    largest: int | None = None,
    links: Sequence[Link] = (),
    seconds: float | None = None,
    out: Path | str | None = None,
    durable: bool = False,
) -> BlockingVerdict:
    """Return the most profitable plan against a game's mechanism or allocation, or the proof that there is none.

    Args:
        of: a file, ``example:NAME``, or a game with a mechanism or an allocation.
        largest: of how many members coalitions may be.
        links: pairs of players who can talk to each other; with any, only connected coalitions form.
        seconds: wall time allowed, reading the file included; no limit without it.
        out: folder in which to write the plan or the proof as a certificate, instead of those of an earlier call.
        durable: whether to look, too, for games that one or two members vote for whatever they believe.

    Raises:
        InputError: the file is wrong, a link does not name two players, or the folder cannot be written.
        ValueError: the game has neither a mechanism nor an allocation, or the limits do not fit it.
        UnverifiedAnswerError: the answer fails its independent check.
        DeadlinePassedError: time ran out.
    """
    deadline = Deadline.after(seconds)
    read = InputFiles()
    established = game_of(of, read)
    limits = coalition_limits(established.game, largest, links, "a link")
    file = Path() if isinstance(of, EstablishedGame) else located(of)
    with nullcontext() if isinstance(of, EstablishedGame) else blamed_on(file):
        if out is None:
            return judge_blocking(established, limits, deadline, durable=durable)
        with certificate_folder(file, Path(out)) as folder:
            verdict = judge_blocking(established, limits, deadline, durable=durable)
            write_certificate(verdict, folder)
            commit_certificates(folder, read.contents, file.parent)
    return verdict


PLAN = "blocking-plan.json"
PROOF = "no-blocking-plan.json"
ALTERNATIVE = "not-durable.json"


def blocking_certificate(verdict: BlockingVerdict) -> BlockingCertificate | InhibitionCertificate:
    """Return the certificate of a verdict, its numbers recomputed without the solver."""
    found = verdict.verdict
    if isinstance(found, BlockingPlan):
        return certify_plan(verdict.game, verdict.stakes, found.invitations, found.payments)
    return certify_inhibition(verdict.game, verdict.stakes, found.virtual, found.support, found.limits)


def write_certificate(verdict: BlockingVerdict, folder: Writing) -> Path:
    """Write the certificate of a verdict into a folder, and return where it will be; also that of a refuted durability.

    Raises:
        InputError: the file cannot be written.
    """
    name = PLAN if verdict.blocked else PROOF
    save_certificate(blocking_certificate(verdict), folder.stage / name)
    mechanism, refuted = verdict.established.mechanism, verdict.durability
    if mechanism is not None and isinstance(refuted, Refutation):
        save_certificate(DurabilityCertificate.of(verdict.game, mechanism, refuted), folder.stage / ALTERNATIVE)
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


# What is known of a plan, and of the proof that there is none.
PLAN_KEYS = ("profit_bound", "largest_profit", "plan", "payments", "interim_gain")
PROOF_KEYS = ("lambda", "alpha", "residuals")


def blocking_document(verdict: BlockingVerdict, certificate: Path | None = None) -> dict[str, Any]:
    """Return the verdict as the JSON document of ``marketgame block``.

    ``profit`` is normalised so that the probabilities of all invitations sum to one; ``largest_profit`` is that of
    the same plan with its invitations as frequent as probabilities allow at every profile of types.
    """
    game, found = verdict.game, verdict.verdict
    plan = isinstance(found, BlockingPlan)
    return {
        "kind": "coalitional-game",
        "game": verdict.established.name,
        "players": list(game.players),
        "blocked": verdict.blocked,
        "profit": found.profit if isinstance(found, BlockingPlan) else 0.0,
        **(plan_document(game, found) if isinstance(found, BlockingPlan) else dict.fromkeys(PLAN_KEYS)),
        **(_proof_document(game, found) if isinstance(found, NoBlockingPlan) else dict.fromkeys(PROOF_KEYS)),
        "finely_inhibitive": verdict.finely_inhibitive,
        "fine_plan": _fine_document(game, verdict.fine) if not plan else None,
        "limits": _limits_document(game, found.limits),
        "established": {
            "feasible": verdict.feasible,
            "largest_misreport_gain": verdict.largest_misreport_gain,
            "expected_cost": verdict.expected_cost,
        },
        "durability": _durability_document(verdict, certificate),
        "certificate": None if certificate is None else str(certificate),
    }


def _durability_document(verdict: BlockingVerdict, certificate: Path | None) -> dict[str, Any] | None:
    """Return which alternative game is voted for, or how many were tried of which none is; none if it was not asked."""
    game, asked = verdict.game, verdict.durability
    if asked is None:
        return None
    refuted = asked if isinstance(asked, Refutation) else None
    return {
        "refuted": refuted is not None,
        "tried": len(asked.tried) if isinstance(asked, NotRefuted) else None,
        "largest_coalition": min(2, len(game.players)),
        "margin": None if refuted is None else refuted.margin,
        "alternative": None if refuted is None else _alternative_document(game, refuted),
        "certificate": None if refuted is None or certificate is None else str(certificate.with_name(ALTERNATIVE)),
    }


def _alternative_document(game: CoalitionalGame, refuted: Refutation) -> dict[str, Any]:
    """Return an alternative game: what members' choices, counted from 0, lead to."""
    alternative = refuted.alternative
    names = [game.players[member] for member in alternative.coalition]
    actions = game.actions[alternative.coalition].names
    choices = np.ndindex(alternative.payments.shape[:-1])
    return {
        "coalition": names,
        "outcomes": [
            {
                "choices": dict(zip(names, place, strict=True)),
                "action": {
                    action: float(odds)
                    for action, odds in zip(actions, alternative.action_probability[place], strict=True)
                    if odds > 0
                },
                "payment": dict(zip(names, alternative.payments[place].tolist(), strict=True)),
            }
            for place in choices
        ],
    }


def plan_document(game: CoalitionalGame, plan: BlockingPlan) -> dict[str, Any]:
    """Return a blocking plan: whom it invites, what it pays, and what everybody gains."""
    return {
        "profit_bound": plan.profit_bound,
        "largest_profit": plan.largest_profit,
        "plan": [invitation_document(game, invitation) for invitation in plan.invitations],
        "payments": by_player_and_type(game, plan.payments),
        "interim_gain": by_player_and_type(game, plan.interim_gains),
    }


def invitation_document(game: CoalitionalGame, invitation: Invitation) -> dict[str, Any]:
    """Return an invitation in names."""
    fine = len(invitation.types) == len(game.players)
    known = game.grand_coalition if fine else invitation.coalition
    return {
        "coalition": [game.players[player] for player in invitation.coalition],
        "types": {
            game.players[player]: game.types[player][kind] for player, kind in zip(known, invitation.types, strict=True)
        },
        "action": game.actions[invitation.coalition].names[invitation.action],
        "probability": invitation.probability,
    }


def _proof_document(game: CoalitionalGame, proof: NoBlockingPlan) -> dict[str, Any]:
    return {
        **virtual_weights_document(game, proof.virtual),
        "residuals": {
            "hydraulic": proof.residuals.hydraulic,
            "negativity": proof.residuals.negativity,
            "surplus": without_sign_of_zero(max(proof.residuals.surplus, 0.0)),
        },
    }


def _fine_document(game: CoalitionalGame, fine: BlockingPlan | NoBlockingPlan) -> dict[str, Any] | None:
    return {"profit": fine.profit, **plan_document(game, fine)} if isinstance(fine, BlockingPlan) else None


def _limits_document(game: CoalitionalGame, limits: CoalitionLimits) -> dict[str, Any]:
    """Return what was left out of the search; the answer covers no other coalitions."""
    links = None if limits.network is None else sorted(limits.network)
    return {
        "largest_coalition": limits.largest,
        "links": None if links is None else [[game.players[first], game.players[second]] for first, second in links],
    }


def print_verdict(verdict: BlockingVerdict, console: Console, certificate: Path | None = None) -> None:
    """Print whether what a file establishes can be blocked, and the plan or the proof."""
    game, established = verdict.game, verdict.established
    print_heading(console, established.name, len(game.players), len(game.profiles), established.source)
    console.print()
    if not verdict.feasible:
        console.print(
            "[bold]Note[/bold]: the file's mechanism is not feasible, somebody gains by lying or its mediator loses; "
            "the stakes are those of truthful reports.\n"
        )
    if isinstance(verdict.verdict, BlockingPlan):
        _print_plan(game, verdict.verdict, at_stake(verdict.game).unit, console)
    else:
        _print_proof(verdict, verdict.verdict, console)
    console.print(_what_was_searched(game, verdict.verdict.limits))
    if verdict.durability is not None:
        _print_durability(game, verdict.durability, console)
    if certificate is not None:
        console.print(f"To see it checked: marketgame replay {marked(str(certificate))}", soft_wrap=True)


def _print_plan(game: CoalitionalGame, plan: BlockingPlan, scale: float, console: Console) -> None:
    console.print(
        f"[bold]Blocked[/bold]: a blocking mediator can expect a profit of [bold]{number(plan.profit, scale)}[/bold] "
        f"per invitation, and nobody one of more than {number(plan.profit_bound, scale)}.\n"
        f"Inviting as often as probabilities allow, the same plan earns {number(plan.largest_profit, scale)}.\n"
    )
    console.print(_plan_table("The plan: whom to invite, and what they do if these are their types", game, plan))
    console.print(_terms_table(game, plan.payments, plan.interim_gains, scale))


def _plan_table(title: str, game: CoalitionalGame, plan: BlockingPlan) -> Group:
    rows = []
    for invitation in plan.invitations:
        named = invitation_document(game, invitation)
        types = ", ".join(f"{player}={kind}" for player, kind in named["types"].items())
        rows.append([coalition_name(named["coalition"]), types, named["action"], number(named["probability"])])
    return table(title, ["invited", "types", "action", "probability"], rows, texts=3)


def _terms_table(
    game: CoalitionalGame, payments: Sequence[FloatArray], gains: Sequence[FloatArray], scale: float
) -> Group:
    title = "What each type expects: paid by the mediator, and gained over staying"
    return table_by_type(title, game, {"paid": (payments, scale), "gain": (gains, scale)})


def _print_proof(verdict: BlockingVerdict, proof: NoBlockingPlan, console: Console) -> None:
    game, fine = verdict.game, verdict.fine
    console.print("[bold]Inhibitive[/bold]: no blocking mediator can expect a profit.")
    if isinstance(fine, BlockingPlan):
        scale = at_stake(verdict.game).unit
        console.print(
            f"Not finely so: one that also knew the types of those who stay could expect {number(fine.profit, scale)}."
        )
        console.print(_plan_table("A plan of such a mediator", game, fine))
        console.print(_terms_table(game, fine.payments, fine.interim_gains, scale))
    else:
        console.print("Finely so: not even one that knows the types of those who stay.\n")
    weights = {"probability": (game.type_probabilities, 0.0), "λ": (proof.virtual.weights, 1.0)}
    console.print(table_by_type("Weights λ of virtual utility", game, weights))
    console.print(multipliers_table(game, proof.virtual))
    missed = proof.residuals.largest
    console.print(f"Theorem 1's conditions, recomputed without the solver, are missed by {missed:.1e} at most.")


def _print_durability(game: CoalitionalGame, asked: NotRefuted | Refutation, console: Console) -> None:
    if isinstance(asked, NotRefuted):
        console.print(
            f"Not refuted: of {len(asked.tried)} alternative games for one or two members none is voted for in any "
            "case. Others were not tried."
        )
        return
    alternative = _alternative_document(game, asked)
    console.print(
        f"[bold]Not durable[/bold]: {marked(coalition_name(alternative['coalition']))} vote for another game, whatever "
        f"they believe about each other and however it is played, by {number(asked.margin)} at least.\n"
    )
    rows = [
        [
            ", ".join(f"{name}: {choice}" for name, choice in one["choices"].items()),
            ", ".join(f"{action} {number(odds)}" for action, odds in one["action"].items()),
            ", ".join(f"{name} {number(paid)}" for name, paid in one["payment"].items()),
        ]
        for one in alternative["outcomes"]
    ]
    console.print(table("What choices lead to in it", ["choices", "action", "payment"], rows, texts=3))


def _what_was_searched(game: CoalitionalGame, limits: CoalitionLimits) -> str:
    if not limits.bind:
        return "All coalitions were considered."
    what = []
    if limits.largest is not None:
        what.append(f"of at most {limits.largest} members")
    if limits.network is not None:
        links = ", ".join(f"{game.players[first]}-{game.players[second]}" for first, second in sorted(limits.network))
        what.append(f"connected by the links {links}")
    return f"Only coalitions {' and '.join(what)} were considered; the answer covers no others."
