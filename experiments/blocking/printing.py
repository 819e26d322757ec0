"""The tables that ``marketgame block`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, Group

from marketgame.experiments.blocking.document import invitation_document
from marketgame.experiments.printing import marked, named, number, table
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, CoalitionLimits, NoBlockingPlan
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, notable_multipliers

if TYPE_CHECKING:
    from marketgame.experiments.blocking.verdict import BlockingVerdict


def print_verdict(verdict: BlockingVerdict, console: Console, certificate: Path | None = None) -> None:
    """Print whether what a file establishes can be blocked, and the plan or the proof."""
    game = verdict.game
    console.print(
        f"[bold]{named(verdict.established.name)}[/bold]: {len(game.players)} players, "
        f"{len(game.profiles)} type profile(s)"
    )
    if verdict.established.source:
        console.print(f"source: {marked(verdict.established.source)}", style="dim")
    console.print()
    if not verdict.feasible:
        console.print(
            "[bold]Note[/bold]: the file's mechanism is not feasible, somebody gains by lying or its mediator loses; "
            "the stakes are those of truthful reports.\n"
        )
    if isinstance(verdict.verdict, BlockingPlan):
        _print_plan(game, verdict.verdict, _scale(verdict), console)
    else:
        _print_proof(verdict, verdict.verdict, console)
    console.print(_what_was_searched(game, verdict.verdict.limits))
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
    rows = (
        [
            player if kind == 0 else "",
            name,
            number(float(payments[i][kind]), scale),
            number(float(gains[i][kind]), scale),
        ]
        for i, player in enumerate(game.players)
        for kind, name in enumerate(game.types[i])
    )
    title = "What each type expects: paid by the mediator, and gained over staying"
    return table(title, ["player", "type", "paid", "gain"], rows, texts=2)


def _print_proof(verdict: BlockingVerdict, proof: NoBlockingPlan, console: Console) -> None:
    game, fine = verdict.game, verdict.fine
    console.print("[bold]Inhibitive[/bold]: no blocking mediator can expect a profit.")
    if isinstance(fine, BlockingPlan):
        scale = _scale(verdict)
        console.print(
            f"Not finely so: one that also knew the types of those who stay could expect {number(fine.profit, scale)}."
        )
        console.print(_plan_table("A plan of such a mediator", game, fine))
        console.print(_terms_table(game, fine.payments, fine.interim_gains, scale))
    else:
        console.print("Finely so: not even one that knows the types of those who stay.\n")
    console.print(weights_table(game, proof.virtual))
    console.print(multipliers_table(game, proof.virtual))
    missed = proof.residuals.largest
    console.print(f"Theorem 1's conditions, recomputed without the solver, are missed by {missed:.1e} at most.")


def weights_table(game: CoalitionalGame, virtual: VirtualWeights) -> Group:
    """Return a table of the weights λ of all types."""
    rows = (
        [
            player if kind == 0 else "",
            name,
            number(float(game.type_probabilities[i][kind])),
            number(float(virtual.weights[i][kind]), 1.0),
        ]
        for i, player in enumerate(game.players)
        for kind, name in enumerate(game.types[i])
    )
    return table("Weights λ of virtual utility", ["player", "type", "probability", "λ"], rows, texts=2)


def multipliers_table(game: CoalitionalGame, virtual: VirtualWeights) -> Group:
    """Return a table of the multipliers α that are not zero."""
    rows = [
        [player, names[kind], names[report], number(float(alpha[kind, report]))]
        for player, names, alpha, probability in zip(
            game.players, game.types, virtual.multipliers, game.type_probabilities, strict=True
        )
        for kind, report in np.argwhere(notable_multipliers(alpha, probability))
    ]
    columns = ["player", "type", "tempted to report", "α"]
    return table("Multipliers α of lies", columns, rows or [["none", "", "", ""]], texts=3)


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


def _scale(verdict: BlockingVerdict) -> float:
    """Return the size of the numbers, next to which smaller ones are rounding."""
    return at_stake(verdict.game).unit
