"""Runs compared with each other, as tables and as a document."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pandas as pd
from rich.console import Console

from marketgame import results
from marketgame.experiments.play.summary import finite
from marketgame.experiments.printing import marked, number, share, table
from marketgame.results.loading import Run

NUMBERS = ("first", "here", "gain", "low", "high")


def comparison_document(comparison: results.Comparison) -> dict[str, Any]:
    """Return a comparison as the JSON document of ``marketgame compare``."""
    first, *others = comparison.runs
    return {
        "first": _run_document(first),
        "unit": comparison.unit,
        "confidence": comparison.confidence,
        "runs": [
            _run_document(run) | {"gains": [_gain_document(row) for row in _rows_of(comparison, run)]} for run in others
        ],
    }


def _run_document(run: Run) -> dict[str, str]:
    return {"folder": str(run.folder), "scenario": str(run.runs["scenario"].iloc[0])}


def _rows_of(comparison: results.Comparison, run: Run) -> list[dict[str, Any]]:
    rows = comparison.table[comparison.table["run"] == str(run.folder)]
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _gain_document(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: finite(row[name]) for name in (*NUMBERS, "share_positive")}
    return {"group": row["group"], "who": row["who"], **numbers, "rounds": int(row["rounds"])}


def print_comparison(comparison: results.Comparison, console: Console) -> None:
    """Print what is gained in each run against the first one."""
    first, *others = comparison.runs
    console.print(
        f"compared with [bold]{marked(str(first.folder))}[/bold]: {marked(_run_document(first)['scenario'])}\n"
    )
    sizes = comparison.table[["first", "here"]].abs().to_numpy()
    scale = float(sizes[pd.notna(sizes)].max(initial=0.0))
    for run in others:
        rows = _rows_of(comparison, run)
        cells = [[row["who"], *_cells(row, scale)] for row in rows]
        console.print(f"[bold]{marked(str(run.folder))}[/bold]: {marked(_run_document(run)['scenario'])}\n")
        title = f"Gains, mean over {rows[0]['rounds']} rounds, in {comparison.unit}"
        bound = f"{comparison.confidence:.0%} from"
        console.print(table(title, ["", "there", "here", "gain", bound, "to", "rounds with a gain"], cells))


def _cells(row: dict[str, Any], scale: float) -> list[str]:
    numbers = [number(row[name], scale) if isfinite(row[name]) else "-" for name in NUMBERS]
    return [*numbers, share(finite(row["share_positive"]))]
