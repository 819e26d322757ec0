"""What became of side-contracts in a run, as a table and as a document."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Group

from marketgame.experiments.printing import (
    number,
    table,
)
from marketgame.results.loading import Run


def side_contracts_document(run: Run) -> list[dict[str, Any]]:
    """Return, for each organiser, coalition and fate, in how many rounds it was met and what the members gained.

    Gains are means over these rounds of sums over the members: what they expected when they answered, and what they
    realised over what the grand contract promised. They are missing where nobody was asked, or nothing was agreed.
    """
    if "side_contracts" not in run.tables or run.tables["side_contracts"].empty:
        return []
    rows = run.tables["side_contracts"].astype({"organiser": str, "coalition": str, "fate": str, "player": str})
    attempts = rows.groupby(["organiser", "coalition", "fate", "round"], sort=False)[
        ["expected_gain", "realised_gain"]
    ].sum(min_count=1)
    met = attempts.groupby(level=["organiser", "coalition", "fate"], sort=False)
    frame = met.mean().assign(rounds=met.size()).reset_index()
    return [
        {
            "organiser": str(row["organiser"]),
            "coalition": str(row["coalition"]),
            "fate": str(row["fate"]),
            "rounds": int(row["rounds"]),
            "expected_gain": _known(row["expected_gain"]),
            "realised_gain": _known(row["realised_gain"]),
        }
        for _, row in frame.iterrows()
    ]


def side_contracts_table(run: Run, unit: str, scale: float) -> Group | None:
    """Return the table of what became of side-contracts; none when nobody organised any.

    Args:
        run: a loaded run folder.
        unit: of money.
        scale: size of the numbers, next to which smaller ones are rounding.
    """
    rows = [
        [
            *(each[key] for key in ("organiser", "coalition", "fate")),
            str(each["rounds"]),
            *("-" if each[key] is None else number(each[key], scale) for key in ("expected_gain", "realised_gain")),
        ]
        for each in side_contracts_document(run)
    ]
    columns = ["organiser", "coalition", "fate", "rounds", "expected gain", "realised gain"]
    title = f"Side-contracts, members' gains in sum, mean per round, in {unit}"
    return table(title, columns, rows, texts=3) if rows else None


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
