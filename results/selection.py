"""Pick the rows of one run, or of one of its rounds."""

from __future__ import annotations

from typing import Final

import pandas as pd

from results.loading import Run

# Smaller than this share of what it is measured against, an amount is rounding.
NEGLIGIBLE: Final = 1e-9


def rows_of_run(run: Run, table: str, run_number: int) -> pd.DataFrame:
    """Return the rows of one run.

    Raises:
        ValueError: the folder holds no such run.
    """
    frame = run.tables[table]
    known = run.runs["run"]
    if run_number not in set(known):
        raise ValueError(f"{run.folder} has no run {run_number}; it has {known.min()} to {known.max()}")
    return frame[frame["run"] == run_number]


def rows_of_round(run: Run, table: str, round_number: int, run_number: int) -> pd.DataFrame:
    """Return the rows of one round of one run.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    played = rows_of_run(run, "rounds", run_number)["round"]
    if round_number not in set(played):
        extent = f"it played {played.min()} to {played.max()}" if len(played) else "it played none"
        raise ValueError(f"run {run_number} in {run.folder} has no round {round_number}; {extent}")
    frame = rows_of_run(run, table, run_number)
    return frame[frame["round"] == round_number]


def telling_round(run: Run, run_number: int = 0) -> int:
    """Return the round that shows most: the most bankruptcies, then the largest loss against first best.

    The earliest of equals, so that runs in which nothing happens show their first round.

    Raises:
        ValueError: the folder holds no such run, or the run played no round.
    """
    rounds = rows_of_run(run, "rounds", run_number)
    if rounds.empty:
        raise ValueError(f"run {run_number} in {run.folder} played no round")
    worst = rounds[rounds["bankruptcies"] == rounds["bankruptcies"].max()]
    loss = worst["first_best_welfare"] - worst["welfare"]
    rounding = NEGLIGIBLE * worst["first_best_welfare"].abs().max()
    return int(worst.loc[loss >= loss.max() - rounding, "round"].iloc[0])
