"""What becomes of a measure over the points of a sweep, with intervals and failures; and what each parameter changes.

What is drawn follows from the sweep. One parameter gives a curve, two a map, three or more a panel of curves for each
combination of the others; points that are spread over many parameters give a panel for each of these. A parameter
that has one value everywhere counts for nothing. Where runs failed is marked in each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from marketgame.results import palette
from marketgame.results.comparison import over_seeds, paired_differences
from marketgame.results.figures import style
from marketgame.results.figures.legible import legible_names
from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE
from marketgame.results.sensitivity import failures_by_parameter

GAINS: Final = "mean_gains"
WELFARE: Final = "mean_welfare"
# What a measure is at most, by its column.
_BEST: Final = {GAINS: "mean_first_best_gains", WELFARE: "mean_first_best_welfare"}
_WORDS: Final = {GAINS: "gains over autarky per round", WELFARE: "welfare per round"}
_MOST_SERIES: Final = len(palette.SERIES)
_MOST_PANELS: Final = 9
_MOST_AXES: Final = 12
_MOST_LABELLED: Final = 9  # values of a parameter, each with a tick of its own
_MOST_WRITTEN: Final = 72  # cells of a map that say their numbers
_MOST_DIFFERENCES: Final = 40
_CLASSES: Final = 8  # of points, whose means are joined
_LOGARITHMIC: Final = 100.0  # from the smallest to the largest value of a parameter
_ROW: Final = 0.26  # inches
_LINES: Final = ("-", (0, (5, 2)), (0, (1, 1.2)), "-.", (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (2, 2)))


@dataclass(frozen=True, eq=False)
class SweepView:
    """What of a sweep is shown.

    Attributes:
        sweep: a loaded sweep.
        measure: a column of numbers of its table of runs.
    """

    sweep: Run
    measure: str

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The parameters that have more than one value, or the first where none has."""
        varied = tuple(name for name in self.sweep.parameters if len(self.sweep.points[name].unique()) > 1)
        return varied or self.sweep.parameters[:1]

    @cached_property
    def on_grid(self) -> bool:
        """Whether every combination of values is there."""
        return len(self.sweep.points) == math.prod(len(self.values(name)) for name in self.axes)

    def values(self, axis: str) -> list[Any]:
        """Return the values of a parameter: numbers from the smallest to the largest, others as the sweep has them."""
        found = list(self.sweep.points[axis].unique())
        return sorted(found) if self.is_number(axis) else found

    def is_number(self, axis: str) -> bool:
        """Whether a parameter's values are numbers."""
        column = self.sweep.points[axis]
        return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)

    @cached_property
    def means(self) -> pd.DataFrame:
        """The measure over the seeds of each point: the axes, ``mean``, ``low``, ``high``, ``runs`` and ``failed``."""
        return over_seeds(self.sweep.runs, self.measure, self.axes)

    @cached_property
    def best(self) -> pd.Series | None:
        """The most that the measure could be at each point, as known; none where that is no question."""
        column = _BEST.get(self.measure)
        if column is None or column not in self.sweep.runs or not self.sweep.runs[column].notna().any():
            return None
        return self.sweep.runs.groupby(list(self.axes), observed=True)[column].mean()

    @cached_property
    def unit(self) -> str:
        """The unit of the measure."""
        return self.sweep.unit("runs", self.measure)

    @property
    def is_known(self) -> bool:
        """Whether the measure is known at any point."""
        return bool(self.sweep.runs[self.measure].notna().any())

    @property
    def words(self) -> str:
        """What the measure is called."""
        return _WORDS.get(self.measure, self.measure.replace("_", " "))

    def titled(self, what: str) -> tuple[str, ...]:
        """Return the clauses of a title: what is shown, over how many seeds, and how many runs failed."""
        failed = int((self.sweep.runs["status"] != "done").sum())
        seeds = style.count_of(int(self.sweep.runs["seed"].nunique()), "seed")
        return (what, f"{seeds} a point", *([f"{failed} of {len(self.sweep.runs):,} runs failed"] if failed else []))


@dataclass(frozen=True)
class SweepFigure:
    """A figure of a sweep, beside the function that draws it.

    Attributes:
        order: where it stands among the figures of a sweep; smaller numbers come first.
        name: of its file, without ending.
        title: what it shows, for a list of figures.
        draw: draws it.
        worthwhile: whether it is for a sweep like this.
        of_measure: whether it shows the measure, and nothing where that is not known at any point.
    """

    order: int
    name: str
    title: str
    draw: Callable[[SweepView], Figure]
    worthwhile: Callable[[SweepView], bool]
    of_measure: bool = True


def usual_measure(sweep: Run) -> str:
    """Return what a sweep is looked at by: gains over autarky, or welfare in folders that do not know them."""
    return GAINS if GAINS in sweep.runs and sweep.runs[GAINS].notna().any() else WELFARE


@style.in_house_style
def curve(view: SweepView) -> Figure:
    """Draw a measure against the one parameter of a sweep, with the intervals of its means."""
    figure = style.new_figure(style.COLUMN_WIDTH, 2.9)
    axes = figure.add_subplot()
    (axis,) = view.axes
    places = _draw_along(axes, view, axis)
    failing = _draw_series(
        axes, view, view.means, axis, places, palette.BLUE, palette.MARKERS[0], "mean with 95% interval"
    )
    _draw_best(axes, view, axis, places)
    _name_axis(axes, view)
    _explain(figure, axes, failing)
    style.put_title(figure, *view.titled(_sentence(view, f"by {_short(axis)}")))
    return figure


CURVE: Final = SweepFigure(
    10, "curve", "a measure against one parameter, with intervals", curve, lambda view: len(view.axes) == 1
)


@style.in_house_style
def map_of_two(view: SweepView) -> Figure:
    """Draw a measure over the two parameters of a sweep; the cells of a small map say its numbers."""
    across, up = sorted(view.axes, key=lambda axis: (-len(view.values(axis)), view.axes.index(axis)))
    columns, rows = view.values(across), view.values(up)
    table = view.means.set_index([across, up])
    mean = np.array([[table.loc[(column, row), "mean"] for column in columns] for row in rows], dtype=float)
    figure = style.new_figure(style.WIDE if len(columns) > 4 else style.COLUMN_WIDTH, 1.7 + 0.45 * min(len(rows), 10))
    axes = figure.add_subplot()
    axes.set_facecolor(palette.WHITE)
    drawn = axes.imshow(np.ma.masked_invalid(mean), cmap=style.STRENGTH, aspect="auto", origin="lower", gid="map")
    written = mean.size <= _MOST_WRITTEN
    told, limits = False, drawn.get_clim()
    for (y, row), (x, column) in product(enumerate(rows), enumerate(columns)):
        point = {name: float(table.loc[(column, row), name]) for name in ("low", "high", "runs", "failed")}
        failed = point["failed"] > 0
        if failed:
            axes.add_patch(_cell_mark(x, y))
            told = True
        lines = [] if not written else _cell_lines(float(mean[y, x]), point)
        dark = mean[y, x] > limits[0] + 0.55 * (limits[1] - limits[0])
        colour = palette.WHITE if dark else palette.INK
        box = {"fc": palette.WHITE, "ec": "none", "pad": 0.8} if failed and written else None
        axes.text(x, y, "\n".join(lines), ha="center", va="center", color=palette.INK if box else colour, bbox=box)
    for which, values in ((axes.xaxis, columns), (axes.yaxis, rows)):
        _tick_values(which, values)
        which.set_tick_params(length=0)
    axes.set_xlabel(style.plain(across))
    axes.set_ylabel(style.plain("\n".join(_wrapped(up, 26))))
    bar = figure.colorbar(drawn, ax=axes, pad=0.02)
    bar.set_label(style.with_unit(view.words, view.unit, room=30))
    bar.ax.tick_params(labelsize=style.SMALL)
    style.dress(axes)
    handles = (
        [Patch(fc="none", ec=palette.INK, hatch="////", lw=0.6, label="runs failed here: how many of how many")]
        if told
        else []
    )
    if handles:
        figure.legend(handles=handles, loc="outside lower center")
    style.put_title(figure, *view.titled(_sentence(view, f"by {_short(across)} and {_short(up)}")))
    return figure


MAP: Final = SweepFigure(
    20, "map", "a measure over two parameters", map_of_two, lambda view: len(view.axes) == 2 and view.on_grid
)


@style.in_house_style
def panels_of_curves(view: SweepView) -> Figure:
    """Draw a measure against the parameter of most values: a curve for each value of another, a panel for each rest."""
    axis, series, rest = _roles(view)
    combinations = list(product(*(view.values(name) for name in rest)))
    columns = min(len(combinations), 3)
    lines = math.ceil(len(combinations) / columns)
    figure = style.new_figure(style.WIDE if columns > 1 else style.COLUMN_WIDTH, 1.3 + 1.9 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    failing = False
    labels = legible_names([_worded(value) for value in view.values(series)])
    for axes, combination in zip(grid, combinations, strict=False):
        here = view.means
        for name, value in zip(rest, combination, strict=True):
            here = here[here[name] == value]
        places = _draw_along(axes, view, axis)
        for place, value in enumerate(view.values(series)):
            looks = (palette.SERIES[place], palette.MARKERS[place], labels[_worded(value)])
            aside = (place - (len(labels) - 1) / 2) * (0.1 if not view.is_number(axis) else 0.0)
            shifted = {each: at + aside for each, at in places.items()}
            rows = here[here[series] == value]
            failing |= _draw_series(axes, view, rows, axis, shifted, *looks, line=_LINES[place])
        if view.measure == GAINS:
            axes.axhline(0.0, color=palette.GREY, lw=0.8, ls=":", zorder=1)
        named = [f"{_short(name)} = {_worded(value)}" for name, value in zip(rest, combination, strict=True)]
        axes.set_title(style.plain("\n".join(named)), fontsize=style.SMALL)
    for axes in grid[len(combinations) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel(style.with_unit(view.words, view.unit, room=24))
    _explain(figure, grid[0], failing, title=series)
    style.put_title(figure, *view.titled(_sentence(view, f"by {_short(axis)}")))
    return figure


PANELS: Final = SweepFigure(
    30,
    "curves",
    "a measure against one parameter, a curve or a panel for each value of the others",
    panels_of_curves,
    lambda view: len(view.axes) > 2 and view.on_grid and _fits(view),
)


@style.in_house_style
def parameter_by_parameter(view: SweepView) -> Figure:
    """Draw every point's mean against each parameter, and the means of points alike in it."""
    shown = view.axes[:_MOST_AXES]
    columns = min(len(shown), 3)
    lines = math.ceil(len(shown) / columns)
    figure = style.new_figure(style.WIDE if columns > 1 else style.COLUMN_WIDTH, 1.1 + 1.75 * lines)
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    points = _points(view)
    failing = False
    for axes, axis in zip(grid, shown, strict=False):
        places = _draw_along(axes, view, axis)
        at = points[axis].map(places).to_numpy(float)
        axes.plot(
            at, points["mean"], ".", color=palette.SKY, ms=2.5, mew=0, label="one point", rasterized=True, zorder=1
        )
        classes = _classes(points[axis], at)
        by_class = points["mean"].groupby(classes).mean()
        where = pd.Series(at).groupby(classes).mean()
        if axes.get_xscale() == "log":
            where = pd.Series(np.log(at)).groupby(classes).mean().map(math.exp)
        axes.plot(where, by_class, "o-", color=palette.INK, ms=3, label="mean of points alike in the parameter")
        failing |= _mark_failures(axes, at[points["failed"].to_numpy() > 0])
        axes.set_xlabel(style.plain("\n".join(_wrapped(axis, 24))))
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel(style.with_unit(view.words, view.unit, room=24))
    _explain(figure, grid[0], failing)
    style.put_title(
        figure, *view.titled(_sentence(view, "parameter by parameter").replace(" parameter", ", parameter", 1))
    )
    return figure


PARAMETERS: Final = SweepFigure(
    40,
    "parameters",
    "a measure against each of many parameters",
    parameter_by_parameter,
    lambda view: len(view.axes) > 1 and not (view.on_grid and (len(view.axes) == 2 or _fits(view))),
)


@style.in_house_style
def differences(view: SweepView) -> Figure:
    """Draw what leaving the first value of one parameter changes, the seeds and all else being equal."""
    rows = list(_differences(view))
    size = float(view.means["mean"].abs().max())
    rounding = NEGLIGIBLE * size if np.isfinite(size) else 0.0
    figure = style.new_figure(style.WIDE, 1.1 + _ROW * (len(rows) + len(view.axes)))
    axes = figure.add_subplot()
    names, height, last = [], 0.0, ""
    for axis, value, row in rows:
        height += 0.0 if axis == last else 1.0
        if axis != last:
            base = f"{axis}, against {_worded(view.values(axis)[0])}"
            names.append((height - 1.0, base, True))
        last = axis
        interval = [[row["difference"] - row["low"]], [row["high"] - row["difference"]]]
        sure = row["low"] > rounding or row["high"] < -rounding
        axes.errorbar(
            [row["difference"]],
            [height],
            xerr=None if np.isnan(interval).any() else interval,
            fmt="o",
            color=palette.BLUE,
            mfc=palette.BLUE if sure else palette.WHITE,
            capsize=2,
            lw=1.0,
            gid=f"{axis}={_worded(value)}",
        )
        names.append((height, f"{_worded(value)} ({int(row['pairs'])})", False))
        height += 1.0
    axes.axvline(0.0, color=palette.GREY, lw=0.8, ls=":", zorder=1)
    axes.set_ylim(height - 0.4, -0.6)
    axes.set_yticks(
        [place for place, _, heading in names if not heading],
        [style.plain(text) for _, text, heading in names if not heading],
    )
    for place, text, heading in names:
        if heading:
            axes.annotate(
                style.plain(text),
                (0.0, place),
                (3, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontweight="bold",
            )
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if rounding and max(map(abs, axes.get_xlim())) <= rounding:
        # What is rounding is not drawn as large as the page.
        axes.set_xlim(-0.01 * size, 0.01 * size)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel(
        style.with_unit(f"change of {view.words}, with 95% interval, filled where it excludes 0", view.unit, 80)
    )
    style.dress(axes)
    style.put_title(
        figure, "What one parameter changes, all else and the seeds being equal", "(pairs of runs in brackets)"
    )
    return figure


def _few_values(view: SweepView) -> bool:
    return view.on_grid and 0 < sum(len(view.values(axis)) - 1 for axis in view.axes) <= _MOST_DIFFERENCES


DIFFERENCES: Final = SweepFigure(
    50, "differences", "what leaving the first value of a parameter changes, run by run", differences, _few_values
)


@style.in_house_style
def failures(view: SweepView) -> Figure:
    """Draw what share of runs failed at each value, or class of values, of each parameter."""
    table = failures_by_parameter(view.sweep)
    table = table[table["parameter"].isin(view.axes)]
    names = list(table["parameter"].unique())
    figure = style.new_figure(style.COLUMN_WIDTH, 1.0 + _ROW * (len(table) + len(names)))
    axes = figure.add_subplot()
    labels, height = [], 0.0
    for name in names:
        axes.annotate(
            style.plain(str(name)), (0, height), (0, 0), textcoords="offset points", va="center", fontweight="bold"
        )
        height += 1
        for row in table[table["parameter"] == name].itertuples():
            axes.barh(height, row.share_failed, height=0.7, color=palette.VERMILION, gid=f"{name}={row.value}")
            axes.annotate(f" {row.failed} of {row.runs}", (row.share_failed, height), va="center")
            labels.append((height, str(row.value)))
            height += 1
    axes.set_yticks([place for place, _ in labels], [style.plain(text) for _, text in labels])
    axes.set(xlim=(0, 1.15 * float(table["share_failed"].max())), ylim=(height - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("share of runs that failed")
    style.dress(axes)
    failed = int((view.sweep.runs["status"] != "done").sum())
    style.put_title(figure, f"{failed:,} of {len(view.sweep.runs):,} runs failed, and where")
    return figure


FAILURES: Final = SweepFigure(
    60,
    "failures",
    "what share of runs failed at each value of each parameter",
    failures,
    lambda view: bool((view.sweep.runs["status"] != "done").any()),
    of_measure=False,
)


def _roles(view: SweepView) -> tuple[str, str, tuple[str, ...]]:
    """Return the parameter along the axis, the one told apart by colour, and the others."""
    order = sorted(view.axes, key=lambda axis: (not view.is_number(axis), -len(view.values(axis))))
    along = order[0]
    others = sorted(order[1:], key=lambda axis: -len(view.values(axis)))
    series = next((axis for axis in others if len(view.values(axis)) <= _MOST_SERIES), others[0])
    return along, series, tuple(axis for axis in view.axes if axis not in {along, series})


def _fits(view: SweepView) -> bool:
    if len(view.axes) < 3:
        return False
    _, series, rest = _roles(view)
    panels = math.prod(len(view.values(axis)) for axis in rest)
    return len(view.values(series)) <= _MOST_SERIES and panels <= _MOST_PANELS


def _differences(view: SweepView) -> Iterator[tuple[str, Any, pd.Series]]:
    runs = view.sweep.runs
    for axis in view.axes:
        first, *others = view.values(axis)
        alike = ("seed", *(name for name in view.axes if name != axis))
        table = paired_differences(runs, view.measure, axis, first, pair_on=alike).set_index(axis)
        for value in others:
            yield axis, value, table.loc[value]


def _points(view: SweepView) -> pd.DataFrame:
    """Return the mean of the measure at each point, and how many of its runs failed; a frame in the points' order."""
    runs = view.sweep.runs
    done = runs[runs["status"] == "done"].groupby("point")[view.measure].mean()
    failed = (runs["status"] != "done").groupby(runs["point"]).sum()
    points = view.sweep.points
    return points.assign(mean=points["point"].map(done).astype(float), failed=points["point"].map(failed).fillna(0))


def _classes(values: pd.Series, at: npt.NDArray[np.float64]) -> pd.Series:
    """Return which points are alike in a parameter: those of one value, or of one of some classes of equal size."""
    if values.nunique() <= _MOST_LABELLED:
        return pd.Series(at)
    return pd.Series(pd.qcut(pd.Series(at), _CLASSES, labels=False, duplicates="drop"))


def _draw_along(axes: Axes, view: SweepView, axis: str) -> dict[Any, float]:
    """Make the horizontal axis a parameter's, and return where each of its values stands."""
    values = view.values(axis)
    if not view.is_number(axis):
        _tick_values(axes.xaxis, values)
        axes.set_xlim(-0.5, len(values) - 0.5)
        places = {value: float(place) for place, value in enumerate(values)}
    else:
        places = {value: float(value) for value in values}
        if _spans_powers(values):
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(
                FixedLocator([float(value) for value in values])
                if 1 < len(values) <= _MOST_LABELLED and _evenly(values)
                else MaxNLocator(5)
            )
            axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel(style.plain(axis))
    style.dress(axes)
    return places


def _spans_powers(values: Sequence[float]) -> bool:
    """Whether numbers, in order, lie as evenly by their size as by their sum they do not."""
    first, middle, last = float(values[0]), float(np.median(values)), float(values[-1])
    return first > 0 and last >= _LOGARITHMIC * first and middle < 0.25 * (first + last) / 2


def _evenly(values: Sequence[float]) -> bool:
    steps = np.diff(np.array(values, dtype=float))
    return bool(steps.min() > 0.06 * (values[-1] - values[0]))


def _draw_series(  # noqa: PLR0913, PLR0917 -- what is drawn, where, and how it looks
    axes: Axes,
    view: SweepView,
    rows: pd.DataFrame,
    axis: str,
    places: dict[Any, float],
    colour: str,
    marker: str,
    label: str,
    line: Any = "-",
) -> bool:
    """Draw means with their intervals; return whether there are failures, which are marked."""
    rows = rows.assign(at=[places[value] for value in rows[axis]]).sort_values("at")
    at = rows["at"].to_numpy(float)
    mean, low, high = (rows[name].to_numpy(float) for name in ("mean", "low", "high"))
    known = np.isfinite(low) & np.isfinite(high)
    axes.errorbar(
        at,
        mean,
        yerr=np.where(known, np.maximum([mean - low, high - mean], 0.0), 0.0),
        color=colour,
        marker=marker,
        ls=line if view.is_number(axis) else "none",
        lw=1.0,
        elinewidth=1.0,
        capsize=2,
        label=style.plain(label),
    )
    if view.is_number(axis):
        axes.fill_between(at, low, high, where=known.tolist(), color=colour, alpha=0.15, lw=0)
    return _mark_failures(axes, at[rows["failed"].to_numpy() > 0])


def _mark_failures(axes: Axes, at: npt.NDArray[np.float64]) -> bool:
    if at.size:
        axes.plot(
            at,
            np.full(at.size, 0.03),
            "x",
            color=palette.VERMILION,
            ms=5 if at.size <= _MOST_LABELLED else 3,
            mew=1.4 if at.size <= _MOST_LABELLED else 0.8,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            gid="failures",
        )
    return bool(at.size)


def _draw_best(axes: Axes, view: SweepView, axis: str, places: dict[Any, float]) -> None:
    if view.best is not None:
        best = view.best
        at = np.array([places[value] for value in best.index])
        order = np.argsort(at)
        joined = {"ls": (0, (3, 2))} if view.is_number(axis) else {"ls": "none", "marker": "_", "ms": 12}
        axes.plot(
            at[order], best.to_numpy(float)[order], color=palette.INK, lw=1.0, label="first best", zorder=1, **joined
        )
    if view.measure == GAINS:
        axes.axhline(0.0, color=palette.GREY, lw=0.8, ls=":", label="autarky", zorder=1)
    axes.margins(y=0.1)


def _name_axis(axes: Axes, view: SweepView) -> None:
    axes.set_ylabel(style.with_unit(view.words, view.unit, room=34))
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))


def _explain(figure: Figure, axes: Axes, failing: bool, title: str | None = None) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if failing:
        handles.append(axes.plot([], [], "x", color=palette.VERMILION, ms=5, mew=1.4)[0])
        labels.append("runs failed here")
    columns = 2 if max(map(len, labels), default=0) <= 28 else 1
    named = None if title is None else style.plain(title)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=named)


def _tick_values(which: Any, values: Sequence[Any]) -> None:
    """Give values of a parameter a tick each, or some of them where there are many."""
    step = max(1, math.ceil(len(values) / 14))
    words = [_worded(value) for value in values]
    labels = legible_names(words)
    shown = range(0, len(values), step)
    room = 12 if which.axis_name == "x" else 24
    which.set_ticks(list(shown), [style.plain("\n".join(_wrapped(labels[words[place]], room))) for place in shown])


def _cell_mark(x: int, y: int) -> Patch:
    return Rectangle((x - 0.5, y - 0.5), 1, 1, fc="none", ec=palette.INK, hatch="////", lw=0, gid=f"failed-{x}-{y}")


def _cell_lines(mean: float, point: Mapping[str, float]) -> list[str]:
    """Return what a cell of a map says: the mean, the larger half of its interval, and how many runs failed."""
    half, failed = max(point["high"] - mean, mean - point["low"]), int(point["failed"])
    lines = [] if math.isnan(mean) else [_tick(mean)]
    if not math.isnan(half):
        lines.append(f"±{style.short_number(float(f'{half:.2g}'))}")
    return [*lines, *([f"{failed} of {failed + int(point['runs'])}"] if failed else [])]


def _wrapped(text: str, room: int) -> list[str]:
    """Break a path at its dots, and other text between words or at hyphens, into lines of about so many letters."""
    lines = [""]
    for part in text.replace(".", ".\0").replace("-", "-\0").replace(" ", " \0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > room:
            lines.append("")
        lines[-1] += part
    return lines


def _short(axis: str) -> str:
    """Return the end of a parameter's path that tells what it is."""
    return axis if len(axis) <= 24 else axis.rpartition(".")[2] or axis


def _worded(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _tick(value: float, _: int | None = None) -> str:
    return style.short_number(value).replace("-", "−")


def _sentence(view: SweepView, by: str) -> str:
    words = view.words.removesuffix(" per round")
    return f"{words[:1].upper()}{words[1:]} {by}"
