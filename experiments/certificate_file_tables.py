"""The tables that ``marketgame replay`` prints."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.markup import escape

from experiments.certificate_file_reaction import reaction_text
from experiments.certificate_file_replay import Replay
from experiments.printing import number, table
from mechanisms.certificates import (
    BlockingCertificate,
    BoundCertificate,
    DeviationCertificate,
    InhibitionCertificate,
    MisreportCertificate,
    SideContractCertificate,
    StabilityCertificate,
)
from mechanisms.market_rules import MarketRules

type PlayedCertificate = DeviationCertificate | MisreportCertificate

# Wrong numbers listed before the rest is only counted.
MOST_MISMATCHES = 30
UNPLAYABLE = "-"


def print_replay(replay: Replay, console: Console) -> None:
    """Print a replayed certificate: its numbers beside the recomputed ones, what is wrong, and the verdict."""
    match replay.certificate:
        case DeviationCertificate() as stored:
            _print_deviation(stored, replay, console)
        case SideContractCertificate() as stored:
            _print_side_contract(stored, replay, console)
        case MisreportCertificate() as stored:
            _print_misreport(stored, replay, console)
        case BoundCertificate() as stored:
            _print_bound(stored, replay, console)
        case StabilityCertificate() as stored:
            _print_stability(stored, replay, console)
        case BlockingCertificate() as stored:
            _print_plan(stored, replay, console)
        case InhibitionCertificate() as stored:
            _print_inhibition(stored, replay, console)
    _print_findings(replay, console)


def _print_deviation(stored: DeviationCertificate, replay: Replay, console: Console) -> None:
    situation, economy = stored.situation, stored.economy
    members = " + ".join(economy.player_names[member] for member in situation.coalition)
    console.print(f"[bold]{escape(economy.name)}[/bold]: {escape(members)} deviating from what everybody was to play")
    console.print(f"rules: {_rules(situation.rules)}\n", style="dim")
    _print_outcome(stored, situation.coalition, replay, console)


def _print_misreport(stored: MisreportCertificate, replay: Replay, console: Console) -> None:
    liar = stored.economy.players[stored.player]
    true_type, reported = liar.types[stored.true_type].name, liar.types[stored.reported_type].name
    console.print(
        f"[bold]{escape(stored.economy.name)}[/bold]: {escape(liar.name)} of type {escape(true_type)} "
        f"reporting {escape(reported)}"
    )
    console.print(f"rules: {_rules(stored.rules)}\n", style="dim")
    _print_outcome(stored, (stored.player,), replay, console)


def _print_outcome(stored: PlayedCertificate, members: tuple[int, ...], replay: Replay, console: Console) -> None:
    economy = stored.economy
    found = replay.recomputed if isinstance(replay.recomputed, DeviationCertificate | MisreportCertificate) else None
    columns = ["player", "", "promised", "recomputed", "gets", "recomputed", "gain", "recomputed"]
    scale = float(np.abs(stored.outcome.promised).max())
    rows = []
    for place, name in enumerate(economy.player_names):
        row = [name, "member" if place in members else ""]
        for quantity in ("promised", "obtained", "gain"):
            kept = getattr(stored.outcome, quantity)
            again = UNPLAYABLE if found is None else number(float(getattr(found.outcome, quantity)[place]), scale)
            row += [number(float(kept[place]), scale), again]
        rows.append(row)
    console.print(table("Expected utilities, stored and recomputed", columns, rows, texts=2))
    if found is not None:
        holdings = [f"{good} {when}" for good in economy.goods for when in ("before", "after")]
        columns = ["draw", "player", "bankrupt", *holdings]
        console.print(table("Recomputed: who goes bankrupt, and what each consumes", columns, _fates(found), texts=3))


def _fates(found: PlayedCertificate) -> Iterator[list[str]]:
    """Yield a row for every draw and player of a recomputed play."""
    before, after = found.outcome.before, found.outcome.after
    for draw in range(len(after.bankrupt)):
        for place, name in enumerate(found.economy.player_names):
            holdings = zip(before.consumption[draw, place], after.consumption[draw, place], strict=True)
            fate = "yes" if after.bankrupt[draw, place] else "no"
            fate += " (also before)" if before.bankrupt[draw, place] else ""
            numbers = [number(float(held), 1.0) for pair in holdings for held in pair]
            yield ["" if place else str(draw + 1), name, fate, *numbers]


def _print_side_contract(stored: SideContractCertificate, replay: Replay, console: Console) -> None:
    names = stored.economy.player_names
    members = " + ".join(names[member] for member in stored.coalition)
    console.print(f"[bold]{escape(stored.economy.name)}[/bold]: side-contract of {escape(members)}")
    console.print(f"rules: {_rules(stored.rules)}\n", style="dim")
    if stored.reaction is not None:
        console.print(f"outsiders after a misquote: {reaction_text(stored.reaction)}\n", style="dim")
    found = replay.recomputed if isinstance(replay.recomputed, SideContractCertificate) else None
    scale = max(float(np.abs(kept).max(initial=0.0)) for kept in stored.status_quo)
    rows = []
    for place, member in enumerate(stored.coalition):
        kinds = stored.economy.players[member].types
        for number_of, known in enumerate(stored.information[place]):
            row = [names[member], kinds[known.type].name, ", ".join(map(str, known.profiles))]
            for quantity in ("status_quo", "promised"):
                kept = float(getattr(stored, quantity)[place][number_of])
                again = None if found is None else float(getattr(found, quantity)[place][number_of])
                row += [number(kept, scale), _shown(again, scale)]
            rows.append(row)
    columns = ["member", "type", "profiles it thinks possible", "without", "recomputed", "promised", "recomputed"]
    console.print(table("What members expect, by what they know", columns, rows, texts=3))
    if found is not None:
        columns = ["profiles", "probability", "bankrupt", *(f"{names[member]} gets" for member in stored.coalition)]
        console.print(table("Recomputed: what the device draws, and what comes of it", columns, _draws(found), texts=3))


def _draws(found: SideContractCertificate) -> Iterator[list[str]]:
    """Yield a row for every clause and joint action that it draws."""
    names, members = found.economy.player_names, list(found.coalition)
    for clause, outcome in zip(found.clauses, found.outcomes, strict=True):
        likely = found.economy.prior.probability[list(clause.profiles)]
        for place, chance in enumerate(clause.probability):
            failed = outcome.bankrupt[place].any(axis=0)
            broke = ", ".join(name for name, fails in zip(names, failed, strict=True) if fails) or "nobody"
            utility = (likely / likely.sum()) @ outcome.utility[place]
            reports = "" if place else ", ".join(map(str, clause.profiles))
            yield [reports, number(float(chance)), broke, *(number(float(one), 1.0) for one in utility[members])]


def _print_bound(stored: BoundCertificate, replay: Replay, console: Console) -> None:
    names = stored.situation.economy.player_names
    members = " + ".join(names[member] for member in stored.situation.coalition)
    console.print(
        f"[bold]{escape(stored.situation.economy.name)}[/bold]: {escape(members)} cannot gain, "
        f"by the bound on {stored.bound.reason.value.replace('-', ' ')}\n"
    )
    found = replay.recomputed if isinstance(replay.recomputed, BoundCertificate) else None
    rows = [
        ["utility at most", stored.bound.total_utility, None if found is None else found.bound.total_utility],
        ["without deviation", stored.status_quo, None if found is None else found.status_quo],
        ["gain at most", stored.bound.total_gain, None if found is None else found.bound.total_gain],
    ]
    _print_pairs("What the members get together", rows, abs(stored.status_quo), console)


def _print_stability(stored: StabilityCertificate, replay: Replay, console: Console) -> None:
    names = stored.economy.player_names
    console.print(f"[bold]{escape(stored.economy.name)}[/bold]: no coalition of these gains against the contract")
    console.print(f"rules: {_rules(stored.rules)}\n", style="dim")
    found = replay.recomputed if isinstance(replay.recomputed, StabilityCertificate) else None
    scale = float(np.abs(stored.numeraire_transfers).max()) + 1
    rows: list[list[object]] = [["lie", "", stored.misreport_gain, None if found is None else found.misreport_gain]]
    for place, bound in enumerate(stored.bounds):
        members = " + ".join(names[member] for member in bound.coalition)
        again = None if found is None else found.bounds[place].total_gain
        rows.append([members, bound.reason.value, bound.total_gain, again])
    texts = [[str(who), str(why), *(_shown(value, scale) for value in values)] for who, why, *values in rows]
    console.print(table("Gain at most", ["by", "bound", "stored", "recomputed"], texts, texts=2))
    for text in dict.fromkeys(reaction_text(bound.reaction) for bound in stored.bounds if bound.reaction is not None):
        against = [bound for bound in stored.bounds if bound.reaction and reaction_text(bound.reaction) == text]
        members = ", ".join(" + ".join(names[member] for member in bound.coalition) for bound in against)
        console.print(f"outsiders of {escape(members)} after a misquote: {text}", style="dim")


def _print_plan(stored: BlockingCertificate, replay: Replay, console: Console) -> None:
    console.print(f"Blocking plan with {len(stored.invitations)} invitation(s)\n", style="bold")
    found = replay.recomputed if isinstance(replay.recomputed, BlockingCertificate) else None
    scale = float(np.abs(stored.stakes).max())
    rows: list[list[object]] = [["profit", stored.profit, None if found is None else found.profit]]
    for place, name in enumerate(stored.game.players):
        for kind, kind_name in enumerate(stored.game.types[place]):
            again = None if found is None else float(found.interim_gains[place][kind])
            rows.append([f"gain of {name}/{kind_name}", float(stored.interim_gains[place][kind]), again])
    lie = None if found is None else found.largest_misreport_gain
    rows.append(["gain from a lie", stored.largest_misreport_gain, lie])
    _print_pairs("What the mediator and the invited expect", rows, scale, console)


def _print_inhibition(stored: InhibitionCertificate, replay: Replay, console: Console) -> None:
    console.print("No blocking plan is tenable: conditions of Myerson's Theorem 1\n", style="bold")
    found = replay.recomputed if isinstance(replay.recomputed, InhibitionCertificate) else None
    rows = [
        [name, getattr(stored.residuals, name), None if found is None else getattr(found.residuals, name)]
        for name in ("hydraulic", "negativity", "surplus")
    ]
    _print_pairs("By how much they are missed", rows, 0.0, console)


def _print_pairs(title: str, rows: list[list[object]], scale: float, console: Console) -> None:
    texts = [[str(name), *(_shown(value, scale) for value in values)] for name, *values in rows]
    console.print(table(title, ["", "stored", "recomputed"], texts))


def _shown(value: object, scale: float) -> str:
    return number(float(value), scale) if isinstance(value, int | float) else UNPLAYABLE


def _print_findings(replay: Replay, console: Console) -> None:
    mismatches = replay.verification.mismatches
    if mismatches:
        rows = [[one.quantity, repr(one.stored), repr(one.recomputed)] for one in mismatches[:MOST_MISMATCHES]]
        console.print(table("Numbers that are not what comes out", ["number", "stored", "recomputed"], rows))
    if len(mismatches) > MOST_MISMATCHES:
        console.print(f"and {len(mismatches) - MOST_MISMATCHES} more")
    for failure in replay.verification.failures:
        console.print(escape(f"{failure}."))
    verdict = "confirmed" if replay.confirmed else "refused"
    console.print(f"[bold]{verdict}[/bold]")


def _rules(rules: MarketRules) -> str:
    named = ("pricing", "solvency", "bankruptcy", "coverage", "withholding", "timing")
    return ", ".join(f"{name} {getattr(rules, name)}" for name in named)
