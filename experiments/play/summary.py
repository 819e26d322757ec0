"""What a run amounts to, as tables and as a document."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any

import pandas as pd
from rich.console import Console

from marketgame import results
from marketgame.experiments.efficiency.benchmark_tables import (
    BenchmarkRow,
    ConstraintRow,
    benchmark_document,
    benchmark_table,
    constraint_document,
    constraint_table,
)
from marketgame.experiments.play.mediator_summary import (
    mediators_document,
    mediators_table,
)
from marketgame.experiments.play.organiser_summary import (
    side_contracts_document,
    side_contracts_table,
)
from marketgame.experiments.printing import (
    named,
    number,
    table,
)
from marketgame.results.loading import Run
from marketgame.results.names import on_a_line

# The profile number that stands for the expectation over the prior.
EXPECTATION = -1
# What the summary calls the mean over all profiles, each with its probability.
PRIOR = "prior"
INCENTIVE_NAMES = ("incentive-efficient", "incentive-efficient-individual")
UTILITIES = ("mean_utility", "mean_promised_utility", "mean_wealth")


def summary_document(run: Run) -> dict[str, Any]:
    """Return the summary of a run as the JSON document of ``marketgame run``."""
    first = run.runs.iloc[0]
    return {
        "scenario": str(first["scenario"]),
        "economy": str(first["economy"]),
        "seed": int(first["seed"]),
        "rounds": int(first["rounds"]),
        "status": run.manifest["status"],
        "folder": str(run.folder),
        "unit": run.unit("rounds", "welfare"),
        "welfare": benchmark_document(_benchmarks(run)),
        "binding_constraints": constraint_document(_constraints(run)),
        "players": _players(run),
        "mediators": mediators_document(run),
        "side_contracts": side_contracts_document(run),
        "bankruptcies": _bankruptcies(run),
        "misreports": int(first["misreports"]),
    }


def _benchmarks(run: Run) -> list[BenchmarkRow]:
    """Return welfare per round by benchmark, the play first; nothing when no round was played."""
    if run.rounds.empty:
        return []
    # Folders written before benchmarks could be unknown lack the columns that say why.
    noted = run.benchmarks.reindex(columns=["benchmark", "profile", "upper_bound", "bound_on_gains", "obstacle"])
    notes = noted[noted["profile"] == EXPECTATION].set_index("benchmark")
    return [_benchmark(str(name), row, notes) for name, row in results.summary(run).iterrows()]


def _benchmark(name: str, row: pd.Series, notes: pd.DataFrame) -> BenchmarkRow:
    welfare, over = finite(row["welfare"]), str(row["over"])
    note = dict(notes.loc[name]) if name in notes.index else {}
    obstacle = note.get("obstacle", "") if welfare is None else ""
    return BenchmarkRow(
        name,
        welfare,
        finite(row["gains"]),
        finite(row["gap_to_first_best"]),
        finite(row["share_of_first_best_gains"]),
        over if welfare is not None else "",
        upper_bound=finite(note["upper_bound"]) if over == PRIOR and note else None,
        bound_on_gains=finite(note["bound_on_gains"]) if over == PRIOR and note else None,
        obstacle="" if pd.isna(obstacle) else str(obstacle),
    )


def _constraints(run: Run) -> list[ConstraintRow]:
    """Return the constraints that cost welfare; nothing for folders written before they were recorded."""
    if "constraints" not in run.tables:
        return []
    rows = run.tables["constraints"]
    columns = [rows[name] for name in ("benchmark", "player", "type", "report", "multiplier")]
    return [
        ConstraintRow(str(benchmark), str(player), str(kind), None if pd.isna(report) else str(report), float(price))
        for benchmark, player, kind, report, price in zip(*columns, strict=True)
    ]


def _players(run: Run) -> dict[str, dict[str, Any]]:
    return {
        str(name): {
            "behaviour": str(row["behaviour"]),
            "mean_utility": float(row["mean_utility"]),
            "mean_promised_utility": float(row["mean_promised_utility"]),
            "mean_wealth": float(row["mean_wealth"]),
            "bankruptcies": int(row["bankruptcies"]),
        }
        for name, row in results.player_summary(run).iterrows()
    }


def _bankruptcies(run: Run) -> list[dict[str, Any]]:
    """Return in how many rounds which player was bankrupt, and why."""
    bankrupt = run.players.loc[run.players["bankrupt"], ["player", "reason"]].astype(str)
    counts = Counter(bankrupt.itertuples(index=False, name=None))
    return [{"player": player, "reason": reason, "rounds": rounds} for (player, reason), rounds in counts.items()]


def finite(value: float) -> float | None:
    """Return a number, or nothing where a table has none."""
    return float(value) if isfinite(value) else None


def print_summary(run: Run, console: Console) -> None:
    """Print what a run amounts to."""
    document = summary_document(run)
    unit = document["unit"]
    console.print(
        f"[bold]{named(document['scenario'])}[/bold]: {named(document['economy'])}, {document['rounds']} rounds, "
        f"seed {document['seed']}\n"
    )
    benchmarks = _benchmarks(run)
    console.print(benchmark_table(f"Welfare per round, in {unit}", benchmarks))
    if any(row.name in INCENTIVE_NAMES and row.welfare is not None for row in benchmarks):
        console.print(constraint_table("Constraints that cost welfare", _constraints(run)))
    scale = max((abs(row.welfare) for row in benchmarks if row.welfare is not None), default=0.0)
    players = [
        [name, row["behaviour"], *(number(row[key], scale) for key in UTILITIES), str(row["bankruptcies"])]
        for name, row in document["players"].items()
    ]
    columns = ["player", "behaviour", "utility", "promised", "wealth", "bankrupt rounds"]
    console.print(table(f"Players, mean per round, in {unit}", columns, players, texts=2))
    mediators = mediators_table(run, unit, scale)
    if mediators is not None:
        console.print(mediators)
    side_contracts = side_contracts_table(run, unit, scale)
    if side_contracts is not None:
        console.print(side_contracts)
    console.print(f"bankruptcies: {on_a_line(_in_words(document['bankruptcies']))}", markup=False)
    console.print(f"misreports:   {document['misreports'] or 'none'}")
    console.print(f"run folder:   {on_a_line(document['folder'])}", markup=False, soft_wrap=True)


def _in_words(bankruptcies: list[dict[str, Any]]) -> str:
    listed = (f"{each['player']} {each['rounds']} ({each['reason']})" for each in bankruptcies)
    return ", ".join(listed) or "none"
