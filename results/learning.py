"""What learners came to play: how often each stance was taken, by itself and together, and whether that has settled.

Of the rounds of a run the *late* ones are its last half, those *before* the quarter ahead of it. If play has settled,
stances are taken as often late as before. Rounds of one run depend on each other, so that intervals are over runs with
other seeds: the percentile bootstrap's of the mean over runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import pandas as pd

from marketgame.results.comparison import CONFIDENCE, interval
from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run

# Shares that change by no more than this have settled.
LITTLE: Final = 0.05
# Of fewer runs nothing is said: with few the bootstrap promises more than it keeps.
FEWEST_RUNS: Final = 5
_WHOSE: Final = ["player", "type", "stance"]
_NUMBERS: Final = ["share", "late", "low", "high", "before", "change", "change_low", "change_high"]


class Settled(StrEnum):
    """Whether a stance is taken as often late as before."""

    YES = "settled"
    """The interval of the change lies within 5 percentage points of none."""
    NO = "moving"
    """The interval of the change does not hold zero, and is not that narrow."""
    UNKNOWN = "not known"
    """Neither, or there are fewer than 5 runs."""


def learned_play(run: Run, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """Return how often learners took each stance, being of each type, over the runs of a folder or of each point of it.

    Returns:
        One row for each stance that a type of a player took in any run of the point: the sweep's parameters,
        ``player``, ``type``, ``stance``, ``share`` (of the rounds of the type, mean over runs), ``late``, ``low`` and
        ``high`` (of the late rounds, with its interval), ``before``, ``change`` (from before to late), ``change_low``,
        ``change_high``, ``verdict`` (a `Settled`) and ``runs``. Numbers are missing where the type was not met, and
        intervals with fewer than two runs.

    Raises:
        ValueError: the folder keeps no stances, or the confidence is not between 0 and 1.
    """
    rows, keys = _windows(run), list(run.parameters)
    found = []
    for point, members in _points(rows, keys):
        for player, kind in members[["player", "type"]].drop_duplicates().itertuples(index=False):
            own = members[(members["player"] == player) & (members["type"] == kind)]
            shares = {name: _shares(own[own[name]]) for name in ("all", "late", "before")}
            for stance in own["stance"].unique():
                every, late, before = (
                    frame[stance] if stance in frame else 0.0 * frame.sum(axis=1) for frame in shares.values()
                )
                change = (late - before).dropna()
                late_low, late_high = interval(late.to_numpy(), confidence)
                low, high = interval(change.to_numpy(), confidence)
                verdict = _verdict(change.size, low, high).value
                shown = (every.mean(), late.mean(), late_low, late_high, before.mean(), change.mean(), low, high)
                found.append([*point, player, kind, stance, *shown, verdict, len(every)])
    return pd.DataFrame(found, columns=[*keys, *_WHOSE, *_NUMBERS, "verdict", "runs"])


def joint_play(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return how often learners took stances together, the most frequent first.

    Returns:
        One row for each combination met of types and stances of all who learn: ``types`` and ``stances`` (texts by
        player), ``rounds`` and ``share`` (of the rounds of the run).

    Raises:
        ValueError: the folder keeps no stances, or holds no such run.
    """
    rows = rows_of_run(run, "stances", run_number).astype({"player": str, "type": str})
    rows = rows.assign(types=rows["player"] + ": " + rows["type"], stances=rows["player"] + ": " + rows["stance"])
    together = rows.groupby("round", sort=False)[["types", "stances"]].agg(", ".join)
    counted = together.value_counts().rename("rounds").reset_index()
    return counted.assign(share=counted["rounds"] / len(together))


def late_from(rounds: int) -> int:
    """Return the first of the late rounds of a run of so many."""
    return rounds // 2


def _windows(run: Run) -> pd.DataFrame:
    """Return the stances taken, and which rounds are late and before."""
    kept = run.stances[["run", "round", *_WHOSE]].astype({"player": str, "type": str})
    kept.attrs = {}
    played = run.runs.set_index("run")["rounds"].astype(float)
    rows = kept.merge(run.runs[["run", *run.parameters]], on="run", how="left")
    rounds = rows["run"].map(played)
    late = rows["round"] >= rounds // 2
    return rows.assign(all=True, late=late, before=(rows["round"] >= rounds // 4) & ~late)


def _points(rows: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    if not keys:
        return [((), rows)]
    return [(tuple(point), members) for point, members in rows.groupby(keys, observed=True, sort=True)]


def _shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each stance was taken in each run, a row for each run and a column for each stance."""
    counts = pd.crosstab(rows["run"], rows["stance"])
    return counts.div(counts.sum(axis=1), axis=0)


def _verdict(runs: int, low: float, high: float) -> Settled:
    if runs < FEWEST_RUNS:
        return Settled.UNKNOWN
    if -LITTLE <= low <= high <= LITTLE:
        return Settled.YES
    return Settled.NO if low > 0 or high < 0 else Settled.UNKNOWN
