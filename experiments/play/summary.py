"""What a run amounts to, as tables and as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import isfinite
from typing import TYPE_CHECKING, Any, override

import pandas as pd
from rich.console import Console, Group

from marketgame import results
from marketgame.experiments.efficiency.benchmarks import (
    BenchmarkRow,
    ConstraintRow,
    benchmark_document,
    benchmark_table,
    constraint_document,
    constraint_table,
)
from marketgame.experiments.printing import Printed, named, number, share, table
from marketgame.results.loading import Run
from marketgame.results.mediators import ESTABLISHED
from marketgame.results.names import on_a_line
from marketgame.results.selection import with_stages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The profile number that stands for the expectation over the prior.
EXPECTATION = -1
# What the summary calls the mean over all profiles, each with its probability.
PRIOR = "prior"
INCENTIVE_NAMES = ("incentive-efficient", "incentive-efficient-individual")
# What became of side-contracts is counted by these.
_MET = ["organiser", "stage", "coalition", "fate"]
GAINED = ("realised_gain", "standard_error")
UTILITIES = ("mean_utility", "mean_promised_utility", "mean_wealth")


def summary_document(run: Run) -> dict[str, Any]:
    """Return the summary of a run as the JSON document of ``marketgame run``."""
    return _document(run, benchmark_rows(run))


def _document(run: Run, benchmarks: list[BenchmarkRow]) -> dict[str, Any]:
    first = run.runs.iloc[0]
    return {
        "scenario": str(first["scenario"]),
        "economy": str(first["economy"]),
        "seed": int(first["seed"]),
        "rounds": int(first["rounds"]),
        "status": run.manifest["status"],
        "folder": str(run.folder),
        "unit": run.unit("rounds", "welfare"),
        "welfare": benchmark_document(benchmarks),
        "binding_constraints": constraint_document(constraint_rows(run)),
        "players": _players(run),
        "mediators": mediators_document(run),
        "side_contracts": side_contracts_document(run),
        "bankruptcies": _bankruptcies(run),
        "misreports": int(first["misreports"]),
    }


def benchmark_rows(run: Run) -> list[BenchmarkRow]:
    """Return welfare per round by benchmark, the play first; nothing when no round was played."""
    if run.rounds.empty:
        return []
    # Folders written before benchmarks could be unknown lack the columns that say why.
    noted = run.benchmarks.reindex(
        columns=["benchmark", "profile", "upper_bound", "bound_on_gains", "obstacle", "standard_error"]
    )
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
        standard_error=(finite(note["standard_error"]) or 0.0) if over == PRIOR and note else 0.0,
    )


def constraint_rows(run: Run) -> list[ConstraintRow]:
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
            **{key: float(row[key]) for key in UTILITIES},
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


@dataclass(frozen=True, eq=False, repr=False)
class PlayedRun(Printed, Run):
    """The folder of a run, which shows what the run amounts to."""

    @override
    def print_on(self, console: Console) -> None:
        print_summary(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """Welfare of the play and of each benchmark, mean per round."""
        return results.summary(self)

    @override
    def plot(self) -> Figure:
        """Draw what trade gained in each round; `results.standard_figures` draws more."""
        # Matplotlib is loaded when something is drawn.
        figures = import_module("marketgame.results.figures")
        figure: Figure = figures.welfare_over_rounds(figures.legible(self))
        return figure


def played(run: Run) -> PlayedRun:
    """Return a run that shows what it amounts to."""
    return PlayedRun(run.folder, run.manifest, run.tables)


def print_summary(run: Run, console: Console) -> None:
    """Print what a run amounts to."""
    benchmarks = benchmark_rows(run)
    document = _document(run, benchmarks)
    unit = document["unit"]
    console.print(
        f"[bold]{named(document['scenario'])}[/bold]: {named(document['economy'])}, {document['rounds']} rounds, "
        f"seed {document['seed']}{'' if document['status'] == 'done' else f', {named(document["status"])}'}\n"
    )
    console.print(benchmark_table(f"Welfare per round, in {unit}", benchmarks))
    if any(row.name in INCENTIVE_NAMES and row.welfare is not None for row in benchmarks):
        console.print(constraint_table("Constraints that cost welfare", constraint_rows(run)))
    scale = max((abs(row.welfare) for row in benchmarks if row.welfare is not None), default=0.0)
    console.print(players_table(document["players"], unit, scale))
    mediators = mediators_table(document["mediators"], unit, scale)
    if mediators is not None:
        console.print(mediators)
    side_contracts = side_contracts_table(document["side_contracts"], unit, scale)
    if side_contracts is not None:
        console.print(side_contracts)
    console.print(f"bankruptcies: {on_a_line(_in_words(document['bankruptcies']))}", markup=False)
    console.print(f"misreports:   {document['misreports'] or 'none'}")
    console.print(f"run folder:   {on_a_line(document['folder'])}", markup=False, soft_wrap=True)


def players_table(document: Mapping[str, dict[str, Any]], unit: str, scale: float) -> Group:
    """Return the table of how each player fared."""
    rows = [
        [name, row["behaviour"], *(number(row[key], scale) for key in UTILITIES), str(row["bankruptcies"])]
        for name, row in document.items()
    ]
    columns = ["player", "behaviour", "utility", "promised", "wealth", "bankrupt rounds"]
    return table(f"Players, mean per round, in {unit}", columns, rows, texts=2)


def _in_words(bankruptcies: list[dict[str, Any]]) -> str:
    listed = (f"{each['player']} {each['rounds']} ({each['reason']})" for each in bankruptcies)
    return ", ".join(listed) or "none"


def mediators_document(run: Run) -> dict[str, dict[str, float | None]]:
    """Return what each mediator earned per round; nothing when nobody but the established one was there."""
    summary = results.mediator_summary(run)
    if not (summary.index != ESTABLISHED).any():
        return {}
    return {
        str(name): {str(column): finite(value) for column, value in row.items()} for name, row in summary.iterrows()
    }


def mediators_table(document: Mapping[str, dict[str, float | None]], unit: str, scale: float) -> Group | None:
    """Return the table of what mediators earned; none when nobody but the established one was there."""
    rows = [[name, *_cells(name, row, scale)] for name, row in document.items()]
    columns = ["mediator", "profit", "± 2 standard errors", "promised by its plan", "severance", "led away in"]
    return table(f"Mediators, mean per round, in {unit}", columns, rows) if rows else None


def _cells(name: str, row: dict[str, Any], scale: float) -> list[str]:
    error = row["standard_error"]
    return [
        number(row["profit"], scale),
        "-" if error is None else number(2 * error, scale),
        number(row["expected_profit"], scale),
        number(row["severance"], scale) if name == ESTABLISHED else "-",
        "-" if name == ESTABLISHED else share(row["rounds_with_departures"]),
    ]


def side_contracts_document(run: Run) -> list[dict[str, Any]]:
    """Return, for each organiser, stage, coalition and fate, in how many rounds it was met and what the members gained.

    Gains are means over these rounds of sums over the members: what they expected when they answered, and what they
    realised over what the grand contract promised, with its standard error. They are missing where nobody was asked, or
    nothing was agreed. An agreement on reports promises a gain in expectation over the members' types.
    """
    if "side_contracts" not in run.tables or run.tables["side_contracts"].empty:
        return []
    rows = with_stages(run.tables["side_contracts"]).astype(dict.fromkeys((*_MET, "player"), str))
    attempts = rows.groupby([*_MET, "round"], sort=False)
    gains = attempts[["expected_gain", "realised_gain"]].sum(min_count=1).assign(promise=attempts["promise"].first())
    met = gains.groupby(level=_MET, sort=False)
    frame = met.mean().assign(rounds=met.size(), standard_error=met["realised_gain"].sem()).reset_index()
    return [
        {
            **{key: str(row[key]) for key in _MET},
            "rounds": int(row["rounds"]),
            **{key: finite(row[key]) for key in ("promise", "expected_gain", "realised_gain", "standard_error")},
        }
        for _, row in frame.iterrows()
    ]


def side_contracts_table(document: Sequence[Mapping[str, Any]], unit: str, scale: float) -> Group | None:
    """Return the table of what became of side-contracts; none when nobody organised any.

    What an agreement promises is expected before members know their types or, where only that is known, when they
    answered.
    """
    rows = []
    for each in document:
        promised = each["expected_gain"] if each["promise"] is None else each["promise"]
        realised, error = ("-" if each[key] is None else number(each[key], scale) for key in GAINED)
        cells = (
            "-" if promised is None else number(promised, scale),
            f"{realised} ± {error}" if error != "-" else realised,
        )
        rows.append([*(each[key] for key in _MET), str(each["rounds"]), *cells])
    columns = [*_MET, "rounds", "promised gain", "realised gain ± standard error"]
    title = f"Side-contracts, members' gains in sum, mean per round, in {unit}"
    return table(title, columns, rows, texts=len(_MET)) if rows else None
