"""Compare the points of a sweep: over seeds, between institutions, against benchmarks.

Every function takes a table of runs, such as ``results.load(folder).runs``, and returns a table. Points are compared
on the same seeds, so that differences between them are not differences in luck. Runs that failed take no part; how
many did is in the answer.

    >>> import results
    >>> runs = results.load("results/runs/solvency").runs                                       # doctest: +SKIP
    >>> results.over_seeds(runs, "mean_welfare", by="rules.solvency")                           # doctest: +SKIP
    >>> results.paired_differences(runs, "mean_welfare", "rules.solvency", baseline="budget")   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 4000
# Bootstrap samples drawn at once; more would only take more memory.
_DRAWN_AT_ONCE: Final = 1_000_000
_EXPECTATION: Final = -1

type Values = NDArray[np.float64]


def over_seeds(
    runs: pd.DataFrame,
    measure: str,
    by: str | Sequence[str],
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Return the mean of a measure over the seeds of each point, with a bootstrap interval.

    Args:
        runs: the table of runs of a sweep.
        measure: a column of numbers.
        by: the parameters that tell points apart; runs that agree in them are taken together.
        confidence: probability with which intervals are to cover the mean.

    Returns:
        One row for each combination of parameters, in their order: the parameters, ``mean``, ``low``, ``high`` (in
        the unit of the measure; low and high are missing with fewer than two runs), ``runs`` and ``failed``.

    Raises:
        ValueError: there is no such column, or the confidence is not between 0 and 1.
    """
    keys = _checked(runs, measure, by, confidence)
    rows = []
    for point, members in _groups(runs, keys):
        values = _measured(members, measure)
        low, high = _interval(values, confidence)
        mean = float(values.mean()) if values.size else np.nan
        rows.append([*point, mean, low, high, values.size, len(members) - values.size])
    frame = pd.DataFrame(rows, columns=[*keys, "mean", "low", "high", "runs", "failed"])
    return _noted(frame, runs, keys, dict.fromkeys(("mean", "low", "high"), measure))


def paired_differences(
    runs: pd.DataFrame,
    measure: str,
    along: str,
    baseline: object,
    by: str | Sequence[str] = (),
    confidence: float = CONFIDENCE,
    pair_on: Sequence[str] = ("seed",),
) -> pd.DataFrame:
    """Return how much a measure changes when one parameter leaves its baseline and nothing else changes.

    Runs are paired that have the same seed and agree in ``by``; both must be done.

    Args:
        runs: the table of runs of a sweep.
        measure: a column of numbers.
        along: the parameter that changes, such as ``rules.solvency``.
        baseline: its value that the others are compared with.
        by: further parameters of the sweep; differences are taken at each combination of their values.
        confidence: probability with which intervals are to cover the mean difference.
        pair_on: the columns whose agreement makes a pair.

    Returns:
        One row for each combination of ``by`` and each other value of ``along``: these, ``baseline_mean``,
        ``difference``, ``low``, ``high`` (in the unit of the measure), ``share_positive`` (of the pairs, those in
        which the measure rises), ``pairs`` and ``unpaired`` (runs whose partner failed or is missing).

    Raises:
        ValueError: there is no such column or baseline, or runs of one combination share a seed, so that ``by``
            leaves out a parameter.
    """
    keys = _checked(runs, measure, [*([by] if isinstance(by, str) else by), along], confidence)[:-1]
    known = [value for value in runs[along].unique() if not pd.isna(value)]
    if baseline not in known:
        raise ValueError(f"{along!r} is never {baseline!r}; it is {', '.join(map(repr, known))}")
    rows = []
    for point, members in _groups(runs, keys):
        series = {value: _by_pair(members[members[along] == value], measure, pair_on) for value in known}
        base = series.pop(baseline)
        for value, other in series.items():
            both = pd.concat({"base": base, "other": other}, axis=1, join="inner")
            changes: Values = (both["other"] - both["base"]).to_numpy(np.float64)
            low, high = _interval(changes, confidence)
            summary = [both["base"].mean(), *_mean_and_share(changes)]
            counts = [changes.size, len(base.index.symmetric_difference(other.index))]
            rows.append([*point, value, summary[0], summary[1], low, high, summary[2], *counts])
    columns = ["baseline_mean", "difference", "low", "high", "share_positive", "pairs", "unpaired"]
    frame = pd.DataFrame(rows, columns=[*keys, along, *columns])
    units = dict.fromkeys(("baseline_mean", "difference", "low", "high"), measure)
    return _noted(frame, runs, [*keys, along], units)


def with_benchmarks(sweep: Run) -> pd.DataFrame:
    """Return the table of runs with what each run's economy could have achieved.

    Args:
        sweep: a loaded sweep folder that keeps the table of benchmarks.

    Returns:
        The table of runs with one more column for each benchmark, named ``expected_<benchmark>_welfare``
        (expectation over the prior, numeraire; missing where it is not known), and ``share_of_first_best_gains``:
        of what could be gained over autarky at the types drawn, the part that was; missing when nothing could.

    Raises:
        ValueError: the folder keeps no table of benchmarks.
    """
    expected = sweep.benchmarks[sweep.benchmarks["profile"] == _EXPECTATION]
    wide = expected.pivot_table(index="run", columns="benchmark", values="welfare", observed=True, dropna=False)
    names = {name: f"expected_{str(name).replace('-', '_')}_welfare" for name in wide.columns}
    runs = sweep.runs.merge(wide.rename(columns=names), left_on="run", right_index=True, how="left")
    if {"mean_gains", "mean_first_best_gains"} <= set(runs.columns):
        gained, possible = runs["mean_gains"], runs["mean_first_best_gains"]
        least = 0.0 * possible
    else:
        # Folders written before gains were recorded know the levels only.
        possible = runs["mean_first_best_welfare"] - runs["mean_autarky_welfare"]
        gained = runs["mean_welfare"] - runs["mean_autarky_welfare"]
        least = NEGLIGIBLE * runs["mean_first_best_welfare"].abs()
    runs["share_of_first_best_gains"] = (gained / possible).where(possible > least)
    unit = sweep.runs.attrs["units"]["mean_welfare"]
    added = dict.fromkeys(names.values(), unit) | {"share_of_first_best_gains": "1"}
    runs.attrs = {"units": sweep.runs.attrs["units"] | added, "meaning": sweep.runs.attrs["meaning"]}
    return runs


def with_parameters(sweep: Run, table: str) -> pd.DataFrame:
    """Return a table of a sweep with the status and the parameters of each row's run.

    Args:
        sweep: a loaded sweep folder.
        table: name of a table it keeps, such as ``rounds``.

    Raises:
        ValueError: the folder keeps no such table.
    """
    if table not in sweep.tables:
        raise ValueError(f"{sweep.folder} keeps no table {table!r}; it has {', '.join(sweep.tables)}")
    frame = sweep.tables[table]
    joined = frame.merge(sweep.runs[["run", "point", "seed", *sweep.parameters]], on="run", how="left")
    notes = {kind: sweep.runs.attrs[kind] | frame.attrs[kind] for kind in ("units", "meaning")}
    joined.attrs = {kind: {name: kept[name] for name in joined if name in kept} for kind, kept in notes.items()}
    return joined


def _checked(runs: pd.DataFrame, measure: str, by: str | Sequence[str], confidence: float) -> list[str]:
    """Return the columns to group by, all of which exist."""
    keys = [by] if isinstance(by, str) else list(by)
    for column in (*keys, measure):
        if column not in runs:
            raise ValueError(f"the table of runs has no column {column!r}; it has {', '.join(map(str, runs.columns))}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be between 0 and 1")
    return keys


def _groups(runs: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    """Return the runs that agree in the keys, with what they agree in."""
    if not keys:
        return [((), runs)]
    return [(tuple(point), members) for point, members in runs.groupby(keys, observed=True, sort=True)]


def _measured(runs: pd.DataFrame, measure: str) -> Values:
    values: Values = _done(runs)[measure].to_numpy(np.float64, na_value=np.nan)
    return values[np.isfinite(values)]


def _done(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["status"] == "done"] if "status" in runs else runs


def _by_pair(runs: pd.DataFrame, measure: str, pair_on: Sequence[str]) -> pd.Series:
    """Return the measure of runs that are done, by what makes a pair."""
    series = _done(runs).set_index(list(pair_on))[measure].astype("Float64").dropna().astype(np.float64)
    if not series.index.is_unique:
        twice = series.index[series.index.duplicated()][0]
        raise ValueError(f"several runs have {', '.join(pair_on)} {twice}; name the parameters they differ in as `by`")
    return series


def _mean_and_share(changes: Values) -> tuple[float, float]:
    if not changes.size:
        return np.nan, np.nan
    return float(changes.mean()), float((changes > 0).mean())


def _interval(values: Values, confidence: float) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean; missing for fewer than two values.

    The same values always give the same interval.
    """
    if values.size < 2:
        return np.nan, np.nan
    draw = np.random.default_rng(0)
    at_once = max(1, _DRAWN_AT_ONCE // values.size)
    means = [
        draw.choice(values, (min(at_once, RESAMPLES - start), values.size)).mean(axis=1)
        for start in range(0, RESAMPLES, at_once)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail))
    return float(low), float(high)


def _noted(frame: pd.DataFrame, runs: pd.DataFrame, keys: Sequence[str], measures: dict[str, str]) -> pd.DataFrame:
    """Return a table whose columns have the units of those they come from."""
    units = runs.attrs.get("units", {})
    sources = dict(zip(keys, keys, strict=True)) | measures
    frame.attrs = {"units": {name: units[source] for name, source in sources.items() if source in units}}
    return frame
