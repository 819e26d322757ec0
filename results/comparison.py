"""Compare runs: two or more round by round, or the points of a sweep over seeds, institutions and benchmarks.

Whatever is compared has the same seeds, so that differences are not differences in luck. Functions on sweeps take a
table of runs, such as ``results.load(folder).runs``, and return a table; runs that failed take no part, and how many
did is in the answer.

``compare("obedient", "cartel").table`` is of two folders of runs; of the points of a sweep are
``over_seeds(runs, "mean_welfare", by="rules.solvency")`` and
``paired_differences(runs, "mean_welfare", "rules.solvency", baseline="budget")``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from marketgame.results.loading import Run, input_documents, load
from marketgame.results.selection import NEGLIGIBLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 4000
# Bootstrap samples drawn at once; more would only take more memory.
_DRAWN_AT_ONCE: Final = 1_000_000
_EXPECTATION: Final = -1
# What becomes of a side-contract that all members agree to.
_AGREED: Final = ("accepted", "broken")

type Values = NDArray[np.float64]


class Group(StrEnum):
    """Whose gain a row of a comparison tells."""

    PLAYER = "player"
    COALITION = "coalition"
    EVERYBODY = "everybody"


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What changes from one run to others that play the same rounds of the same economy.

    Attributes:
        runs: them, the one that the others are compared with first.
        confidence: probability with which intervals are to cover the mean gain.
        table: one row for each other run and each player, each coalition that agreed on a side-contract in any of the
            runs, and everybody, with columns ``run`` (its folder), ``group`` (what ``who`` is), ``who``, ``first`` and
            ``here`` (mean utility per round of the first run and of this one, sums over members), ``gain`` (the
            difference), ``low``, ``high`` (all in the unit of money, the last two missing with fewer than two rounds),
            ``share_positive`` (of the rounds, those with a gain) and ``rounds`` (that both have played).
    """

    runs: tuple[Run, ...]
    confidence: float
    table: pd.DataFrame

    @property
    def unit(self) -> str:
        """The unit of money."""
        return self.runs[0].unit("players", "utility")

    def plot(self) -> Figure:
        """Draw what everyone gains against the first run, with intervals."""
        # Matplotlib is loaded when something is drawn.
        draw = import_module("marketgame.results.figures.gains").gains_with_intervals
        figure: Figure = draw(self.table, self.unit, self.confidence)
        return figure

    def __repr__(self) -> str:
        return f"gains against {self.runs[0].folder} per round, in {self.unit}\n{self.table.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, float_format="{:,.6g}".format)


def compare(first: Run | str | Path, *others: Run | str | Path, confidence: float = CONFIDENCE) -> Comparison:
    """Return what each player gains in other runs against a first one, round by round.

    The runs must play the same economy with the same seed, so that nature draws the same types; what differs may be the
    rules, the contract, who behaves how, or who organises whom. Intervals are the percentile bootstrap's over rounds:
    where traders learn, rounds depend on each other, and only more seeds say more.

    Raises:
        ValueError: there is nothing to compare, a folder holds a sweep, runs are of different economies, seeds or
            types, or the confidence is not between 0 and 1.
        FileNotFoundError: a folder is not there.
    """
    if not others:
        raise ValueError("one run alone cannot be compared; name the runs to compare with it")
    _check_confidence(confidence)
    runs = tuple(each if isinstance(each, Run) else load(each) for each in (first, *others))
    for run in runs:
        if run.parameters or len(run.runs) != 1:
            raise ValueError(
                f"{run.folder} holds a sweep; compare single runs, or points by results.paired_differences"
            )
    for run in runs[1:]:
        _check_same_rounds(runs[0], run)
    coalitions = {name: members for run in runs for name, members in _agreed(run).items()}
    base = _utilities(runs[0], coalitions)
    rows: list[list[object]] = []
    for run in runs[1:]:
        here = _utilities(run, coalitions)
        for (group, who), utility in base.items():
            both = pd.concat({"first": utility, "here": here[group, who]}, axis="columns", join="inner").astype(
                np.float64
            )
            changes: Values = (both["here"] - both["first"]).to_numpy()
            gain, positive = _mean_and_share(changes)
            means = (float(both[name].mean()) for name in both)
            low, high = interval(changes, confidence)
            rows.append([str(run.folder), group.value, who, *means, gain, low, high, positive, changes.size])
    columns = ["run", "group", "who", "first", "here", "gain", "low", "high", "share_positive", "rounds"]
    table = pd.DataFrame(rows, columns=columns)
    money = runs[0].unit("players", "utility")
    table.attrs = {"units": dict.fromkeys(("first", "here", "gain", "low", "high"), money) | {"share_positive": "1"}}
    return Comparison(runs, confidence, table)


def _check_same_rounds(first: Run, other: Run) -> None:
    """Raise ValueError unless two runs play the same rounds."""
    between = f"{first.folder} and {other.folder} cannot be compared"
    seeds = [int(run.runs["seed"].iloc[0]) for run in (first, other)]
    if seeds[0] != seeds[1]:
        raise ValueError(f"{between}: their seeds are {seeds[0]} and {seeds[1]}")
    names = [str(run.runs["economy"].iloc[0]) for run in (first, other)]
    if names[0] != names[1]:
        raise ValueError(f"{between}: they play {names[0]!r} and {names[1]!r}")
    if first.player_names != other.player_names or _played(first) != _played(other):
        raise ValueError(f"{between}: {names[0]!r} is not the same in both")
    types = [run.players.set_index(["round", "player"])["type"].astype(str) for run in (first, other)]
    one, two = types[0].align(types[1], join="inner")
    if not one.equals(two):
        raise ValueError(f"{between}: nature draws other types in them")


def _played(run: Run) -> list[Mapping[str, object]]:
    """Return the economy or the game that a run plays, as its manifest keeps it."""
    kinds = {"market-economy", "coalitional-game"}
    return [document for document in input_documents(run.manifest) if document.get("kind") in kinds]


def _agreed(run: Run) -> dict[str, list[str]]:
    """Return the coalitions that ever agreed on a side-contract, with their members."""
    if "side_contracts" not in run.tables:
        return {}
    rows = run.side_contracts
    agreed = rows[rows["fate"].astype(str).isin(_AGREED)]
    by_coalition = agreed.groupby("coalition", observed=True, sort=False)["player"].unique()
    return {str(name): list(map(str, members)) for name, members in by_coalition.items()}


def _utilities(run: Run, coalitions: Mapping[str, Sequence[str]]) -> dict[tuple[Group, str], pd.Series]:
    """Return the utility of each player, of each coalition and of everybody, by round."""
    wide = run.players.pivot_table(index="round", columns="player", values="utility", observed=True)
    wide = wide.set_axis(wide.columns.astype(str), axis="columns")
    players = {(Group.PLAYER, name): wide[name] for name in run.player_names}
    sums = {(Group.COALITION, name): wide[list(members)].sum(axis="columns") for name, members in coalitions.items()}
    everybody = {(Group.EVERYBODY, Group.EVERYBODY.value): run.rounds.set_index("round")["welfare"]}
    return players | sums | everybody


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
        low, high = interval(values, confidence)
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
            low, high = interval(changes, confidence)
            summary = [both["base"].mean(), *_mean_and_share(changes)]
            counts = [changes.size, len(base.index.symmetric_difference(other.index))]
            rows.append([*point, value, summary[0], summary[1], low, high, summary[2], *counts])
    columns = ["baseline_mean", "difference", "low", "high", "share_positive", "pairs", "unpaired"]
    frame = pd.DataFrame(rows, columns=[*keys, along, *columns])
    units = dict.fromkeys(("baseline_mean", "difference", "low", "high"), measure)
    return _noted(frame, runs, [*keys, along], units)


def with_benchmarks(sweep: Run) -> pd.DataFrame:
    """Return the table of runs with what each run's economy could have achieved.

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
    _check_confidence(confidence)
    return keys


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be between 0 and 1")


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


def interval(values: Values, confidence: float) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean; missing for fewer than two values.

    The same values always give the same interval.
    """
    if values.size < 2:
        return np.nan, np.nan
    # Batches bound the memory that long runs take; the numbers do not depend on them.
    found = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        batch=max(1, _DRAWN_AT_ONCE // values.size),
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def intervals(values: Values, confidence: float) -> tuple[Values, Values]:
    """Return the percentile bootstrap intervals of the means of columns, as `interval` that of one.

    Args:
        values: ``(S, C)``, such as a row for each seed; what is missing counts for nothing.
        confidence: probability with which each is to cover its mean.

    Returns:
        The lower and the upper ends, ``(C,)`` each, missing where fewer than two values are known. Rows are drawn
        whole, the same for all columns, and the same values always give the same intervals.
    """
    rows = len(values)
    if rows < 2:
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    times = np.random.default_rng(0).multinomial(rows, np.full(rows, 1 / rows), RESAMPLES).astype(np.float64)
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means = (times @ np.where(known, values, 0.0)) / (times @ known.astype(np.float64))
    ends = np.full((2, values.shape[1]), np.nan)
    enough = known.sum(axis=0) >= 2
    if enough.any():
        # Of few known values a sample may hold none.
        ends[:, enough] = np.nanquantile(means[:, enough], [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return ends[0], ends[1]


def _noted(frame: pd.DataFrame, runs: pd.DataFrame, keys: Sequence[str], measures: dict[str, str]) -> pd.DataFrame:
    """Return a table whose columns have the units of those they come from."""
    units = runs.attrs.get("units", {})
    sources = dict(zip(keys, keys, strict=True)) | measures
    frame.attrs = {"units": {name: units[source] for name, source in sources.items() if source in units}}
    return frame
