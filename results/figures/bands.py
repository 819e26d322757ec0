"""Welfare and prices over the rounds of a sweep's runs: means over the seeds of a point, with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from marketgame.results import palette
from marketgame.results.comparison import CONFIDENCE, intervals
from marketgame.results.figures import style
from marketgame.results.figures.legible import legible_names
from marketgame.results.figures.sweeps import SweepFigure, SweepView
from marketgame.results.figures.welfare import scale_of_gains
from marketgame.results.loading import Run
from marketgame.results.selection import gains_of

GAINS: Final = "gains"
FIRST_BEST: Final = "first_best"
_SPANS: Final = 60  # how many means of rounds a line joins; more rounds are taken together
_MOST_POINTS: Final = 5
_MOST_GOODS: Final = 3
_DASHES: Final = ("-", (0, (5, 2)), (0, (1, 1.2)), "-.", (0, (3, 1, 1, 1, 1, 1)))

type Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Band:
    """What something was at a point of a sweep, span by span of rounds.

    Attributes:
        rounds: the middle of each span, ``(S,)``.
        mean: over the seeds of what it was on average in the rounds of a span, ``(S,)``; missing where never known.
        low: lower ends of the intervals of these means, likewise; missing where fewer than two seeds know it.
        high: upper ends.
        best: over the seeds, the most that it could be, or the supporting price; likewise.
        seeds: how many runs were done.
    """

    rounds: Array
    mean: Array
    low: Array
    high: Array
    best: Array
    seeds: int


def span_length(rounds: int) -> int:
    """Return over how many rounds is averaged: one, where so few can be told apart."""
    return -(-rounds // _SPANS)


def bands_of_gains(sweep: Run, point: int) -> Band:
    """Return gains over autarky at a point of a sweep, and those of the first best, numeraire per round."""
    rows = _of_point(sweep, "rounds", point)
    gained = gains_of(rows)
    return _band(sweep, rows.assign(**{GAINS: gained["played"], FIRST_BEST: gained["first_best"]}), (GAINS, FIRST_BEST))


def bands_of_price(sweep: Run, point: int, good: str) -> Band:
    """Return what was paid for a unit of a good at a point of a sweep, and its supporting price, numeraire per unit.

    Of each round it is what receivers were charged for all of it that changed hands. A round without trade has no
    price.
    """
    rows = _of_point(sweep, "trade_totals", point)
    rows = rows[(rows["good"].astype(str) == good) & (rows["quantity"] > 0)]
    paid, worth = rows["charged_to_players"] / rows["quantity"], rows["value"] / rows["quantity"]
    return _band(sweep, rows.assign(paid=paid, worth=worth), ("paid", "worth"))


@style.in_house_style
def bands_over_rounds(view: SweepView) -> Figure:
    """Draw gains over autarky and prices over the rounds, a line for each point with a band over its seeds.

    Of more than 5 points those are shown that gain least, most, and evenly between. Prices are drawn where the sweep
    keeps the table ``trade_totals``: of at most 3 goods, those of which most was traded.

    Raises:
        ValueError: the sweep keeps no rounds of runs that are done.
    """
    sweep = view.sweep
    points = _shown_points(sweep)
    goods = _shown_goods(sweep)
    labels = _names(view, points)
    figure = style.new_figure(style.WIDE, 1.35 + 1.55 * (1 + len(goods)) + 0.13 * len(points))
    grid = figure.subplots(1 + len(goods), 1, sharex=True, squeeze=False)[:, 0]
    gained = [bands_of_gains(sweep, point) for point in points]
    _draw(grid[0], gained, labels, GAINS)
    both = pd.DataFrame(
        {"played": np.concatenate([each.mean for each in gained]), "first_best": _together(gained, "best")}
    )
    unit = scale_of_gains(grid[0], both, sweep.unit("rounds", "welfare"))
    grid[0].axhline(0.0, color=palette.GREY, lw=0.8, ls=":", zorder=1)
    grid[0].set_ylabel(style.with_unit("gains over autarky", unit, room=24))
    for axes, good in zip(grid[1:], goods, strict=True):
        _draw(axes, [bands_of_price(sweep, point, good) for point in points], labels, good)
        # Of the table of totals the sweep knows quantities alone.
        money = sweep.unit("trade_totals", "value")
        per = f"{money} per {sweep.good_units[good]}" if good in sweep.good_units else f"{money} per unit"
        axes.set_ylabel(style.with_unit(f"paid for {legible_names([good])[good]}", per, room=24))
    for axes in grid:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        style.dress(axes)
    grid[-1].set_xlabel("round")
    figure.align_ylabels()
    handles, texts = grid[0].get_legend_handles_labels()
    columns = 2 if max(map(len, texts)) <= 34 else 1
    explained = [
        f"bands: {CONFIDENCE:.0%} intervals of means over seeds (percentile bootstrap)",
        _spans_in_words(sweep),
    ]
    figure.legend(handles, texts, loc="outside lower center", ncols=columns, title="\n".join(explained))
    style.put_title(figure, *_clauses(view, points, gained, prices=bool(goods)))
    return figure


BANDS: Final = SweepFigure(
    45,
    "over-rounds",
    "gains over autarky, and prices, over the rounds: means over seeds, with bands",
    bands_over_rounds,
    lambda view: _has_bands(view.sweep),
    of_measure=False,
)


def _has_bands(sweep: Run) -> bool:
    """Whether runs of several rounds are known, and of some point those of several seeds."""
    if "rounds" not in sweep.tables or sweep.rounds.empty or sweep.rounds["round"].nunique() < 2:
        return False
    done = sweep.runs[sweep.runs["status"] == "done"]
    return bool(done["point"].value_counts().max() > 1)


def _of_point(sweep: Run, table: str, point: int) -> pd.DataFrame:
    runs = sweep.runs
    numbers = runs["run"][(runs["point"] == point) & (runs["status"] == "done")]
    rows = sweep.tables[table]
    found: pd.DataFrame = rows[rows["run"].isin(numbers)].copy(deep=False)
    found.attrs = {}
    return found


def _band(sweep: Run, rows: pd.DataFrame, columns: tuple[str, str]) -> Band:
    first, last = int(sweep.rounds["round"].min()), int(sweep.rounds["round"].max())
    length = span_length(last - first + 1)
    span = (rows["round"] - first) // length
    spans = pd.RangeIndex(-(-(last - first + 1) // length))
    means = rows[list(columns)].groupby([rows["run"], span.rename("span")]).mean()
    played, best = (means[name].unstack("span").reindex(columns=spans).to_numpy(np.float64) for name in columns)  # noqa: PD010 -- the index has both
    low, high = intervals(played, CONFIDENCE)
    ends = np.minimum(first + length * (np.arange(len(spans)) + 1), last + 1)
    middle = (first + length * np.arange(len(spans)) + ends - 1) / 2
    return Band(middle, _mean(played), low, high, _mean(best), len(played))


def _mean(values: Array) -> Array:
    """Return the mean of what is known in each column."""
    known = np.isfinite(values)
    sums, counts = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _shown_points(sweep: Run) -> list[int]:
    """Return points whose runs are done: all, or of many those that gain least, most, and evenly between."""
    done = sweep.runs[(sweep.runs["status"] == "done") & sweep.runs["run"].isin(sweep.rounds["run"].unique())]
    if done.empty:
        raise ValueError(f"{sweep.folder} keeps no rounds of a run that is done")
    gained = gains_of(sweep.rounds)["played"].groupby(sweep.rounds["run"]).mean()
    means = done["run"].map(gained).groupby(done["point"]).mean().sort_values(kind="stable")
    if len(means) <= _MOST_POINTS:
        return sorted(int(point) for point in means.index)
    places = np.linspace(0, len(means) - 1, _MOST_POINTS).round().astype(int)
    return [int(point) for point in means.index[places]]


def _shown_goods(sweep: Run) -> list[str]:
    if "trade_totals" not in sweep.tables or sweep.trade_totals.empty:
        return []
    totals = sweep.trade_totals
    value = totals["value"].groupby(totals["good"].astype(str)).sum()
    goods = [good for good in sweep.goods[:-1] if value.get(good, 0.0) > 0]
    return sorted(goods, key=lambda good: -value[good])[:_MOST_GOODS]


def _names(view: SweepView, points: Sequence[int]) -> list[str]:
    """Return what tells points apart: the parameters that vary, each by the end of its name where that is its own."""
    ends = [axis.rpartition(".")[2] or axis for axis in view.axes]
    named = ends if len(set(ends)) == len(ends) else list(view.axes)
    rows = view.sweep.points.set_index("point").loc[list(points), list(view.axes)]
    worded = [[_worded(value) for value in row] for row in rows.itertuples(index=False)]
    letters = legible_names({*named, *(value for row in worded for value in row)})
    return [
        ", ".join(f"{letters[name]} = {letters[value]}" for name, value in zip(named, row, strict=True)) or "all runs"
        for row in worded
    ]


def _worded(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _draw(axes: Axes, bands: Sequence[Band], labels: Sequence[str], what: str) -> None:
    """Draw lines with their bands; what could be at most, or the supporting price, once if all points share it."""
    shared = all(np.allclose(each.best, bands[0].best, rtol=0.01, equal_nan=True) for each in bands)
    limit = "first best" if what == GAINS else "supporting price"
    for place, (band, label) in enumerate(zip(bands, labels, strict=True)):
        colour = palette.SERIES[place]
        look: dict[str, Any] = {"color": colour, "ls": _DASHES[place], "marker": "o" if len(band.rounds) <= 20 else ""}
        axes.plot(band.rounds, band.mean, label=style.plain(label), gid=f"{what} {place}", zorder=3, **look)
        known = np.isfinite(band.low) & np.isfinite(band.high)
        axes.fill_between(
            band.rounds, band.low, band.high, where=known.tolist(), color=colour, alpha=0.18, lw=0, zorder=2
        )
        if not shared:
            axes.plot(band.rounds, band.best, color=colour, lw=0.7, ls=(0, (3, 2)), gid=f"{limit} {place}", zorder=1.5)
    if shared:
        axes.plot(bands[0].rounds, bands[0].best, color=palette.INK, lw=0.9, ls=(0, (3, 2)), gid=limit, zorder=3.5)
    axes.annotate(
        f"thin dashes: {limit}",
        (1.0, 1.0),
        (0, 2),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="bottom",
    )


def _together(bands: Sequence[Band], name: str) -> Array:
    return np.concatenate([getattr(band, name) for band in bands])


def _spans_in_words(sweep: Run) -> str:
    rounds = int(sweep.rounds["round"].max() - sweep.rounds["round"].min()) + 1
    length = span_length(rounds)
    return "each round by itself" if length == 1 else f"lines join means of {length} rounds"


def _clauses(view: SweepView, points: Sequence[int], bands: Sequence[Band], *, prices: bool) -> list[str]:
    seeds = sorted({band.seeds for band in bands})
    many = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else style.count_of(seeds[0], "seed")
    what = "Gains and prices over the rounds" if prices else "Gains over the rounds"
    clauses = [what, f"mean over {many} a point"]
    of = view.sweep.points["point"].nunique()
    return [*clauses, *([f"{len(points)} of {of} points, from least to most gains"] if len(points) < of else [])]
