"""What mediators earned in a run, as a table and as a document."""

from __future__ import annotations

from math import isfinite
from typing import Any

from rich.console import Group

from marketgame import results
from marketgame.experiments.printing import (
    number,
    share,
    table,
)
from marketgame.results.loading import Run

ESTABLISHED = "established"


def mediators_document(run: Run) -> dict[str, dict[str, float | None]]:
    """Return what each mediator earned per round; nothing when nobody but the established one was there."""
    summary = results.mediator_summary(run)
    if not (summary.index != ESTABLISHED).any():
        return {}
    return {
        str(name): {str(column): float(value) if isfinite(value) else None for column, value in row.items()}
        for name, row in summary.iterrows()
    }


def mediators_table(run: Run, unit: str, scale: float) -> Group | None:
    """Return the table of what mediators earned; none when nobody but the established one was there.

    Args:
        run: a loaded run folder.
        unit: of money.
        scale: size of the numbers, next to which smaller ones are rounding.
    """
    document = mediators_document(run)
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
