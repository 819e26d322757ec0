"""Pick the rows of one run, or of one of its rounds."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import pandas as pd

from marketgame.results.loading import REQUIRED_COLUMNS, Run

# Smaller than this share of what it is measured against, an amount is rounding.
NEGLIGIBLE: Final = 1e-9


def rows_of_run(run: Run, table: str, run_number: int) -> pd.DataFrame:
    """Return the rows of one run, without notes on units: pandas would copy these whenever a column is picked.

    Raises:
        ValueError: the folder holds no such run.
    """
    frame = run.tables[table].copy(deep=False)
    frame.attrs = {}
    known = run.runs["run"]
    if run_number not in set(known):
        raise ValueError(f"{run.folder} has no run {run_number}; it has {known.min()} to {known.max()}")
    return frame[frame["run"] == run_number]


def single_run(sweep: Run, run_number: int) -> Run:
    """Return one run of a sweep as a run of its own, with what tables the sweep keeps of it; its number is 0.

    Raises:
        ValueError: the sweep has no such run, or keeps not all that is known of single runs.
    """
    lacking = [name for name in REQUIRED_COLUMNS if name not in sweep.tables]
    if lacking:
        named = ", ".join(map(repr, lacking))
        raise ValueError(
            f"{sweep.folder} keeps no table {named} of its runs; a sweep keeps what its file's 'tables' names"
        )
    tables = {}
    for name in sweep.tables:
        if name != "points":
            rows = rows_of_run(sweep, name, run_number).assign(run=0).reset_index(drop=True)
            rows.attrs = sweep.tables[name].attrs
            tables[name] = rows.drop(columns=["point", *sweep.parameters], errors="ignore")
    return Run(sweep.folder, sweep.manifest, MappingProxyType(tables))


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


def gains_of(rounds: pd.DataFrame) -> pd.DataFrame:
    """Return what was gained over autarky in each round, and what could be, as columns ``played`` and ``first_best``.

    Folders written before gains were recorded know the levels only; differences of these that are rounding count as
    nothing.
    """
    if {"gains", "first_best_gains"} <= set(rounds.columns):
        return pd.DataFrame({"played": rounds["gains"], "first_best": rounds["first_best_gains"]})
    autarky, best = rounds["autarky_welfare"], rounds["first_best_welfare"]
    possible = (best - autarky).where(best - autarky > NEGLIGIBLE * best.abs(), 0.0)
    return pd.DataFrame({"played": rounds["welfare"] - autarky, "first_best": possible})


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
    gained = gains_of(worst)
    loss = gained["first_best"] - gained["played"]
    rounding = NEGLIGIBLE * float(gained.abs().to_numpy().max())
    return int(worst.loc[loss >= loss.max() - rounding, "round"].iloc[0])


def with_stages(side_contracts: pd.DataFrame) -> pd.DataFrame:
    """Return rows of side-contracts with what was to be agreed upon, and what that promises.

    Folders written before reports could be agreed upon lack both: all was about orders, and nothing promised more.
    """
    if "stage" in side_contracts:
        return side_contracts
    return side_contracts.assign(stage="orders", promise=float("nan"))
