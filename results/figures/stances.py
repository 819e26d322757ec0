"""What learners did, over the rounds."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from scipy import stats

from marketgame.results import palette
from marketgame.results.comparison import CONFIDENCE, RESAMPLES
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run

_SPANS: Final = 16  # how many shares are drawn for each stance
_SPANS_OF_ONE: Final = 12  # the same of a single run, which no seeds smooth
_MOST_PANELS: Final = 6  # of more learners all are drawn together
_ACROSS: Final = 3
_OTHERS: Final = "others"
_ABOVE_ALL: Final = "obedient"
# Stances are told apart without colours too.
_DASHES: Final[tuple[Any, ...]] = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (4, 1, 1, 1)),
    (0, (2.5, 1)),
    (0, (6, 1, 1, 1, 1, 1)),
    (0, (1, 2.5)),
)


@style.in_house_style
def stances_over_rounds(run: Run, run_number: int = 0) -> Figure:
    """Draw how often each learner took each stance in spans of rounds, whatever its type.

    Of more than six learners all are shown together, and the five whose shares differ most from everybody's. Of a sweep
    all runs of the point are taken together: lines are means over their seeds, with 95% bands.

    Raises:
        ValueError: the folder holds no such run, or nobody learnt in it.
    """
    rows_of_run(run, "stances", run_number)
    numbers = _same_point(run, run_number)
    rows = run.stances[run.stances["run"].isin(numbers)][["run", "round", "player", "stance"]].copy()
    rows.attrs = {}
    if rows.empty:
        raise ValueError(f"nobody learnt in run {run_number} in {run.folder}")
    rows = rows.astype({"player": str, "stance": str})
    spans = _SPANS if len(numbers) > 1 else _SPANS_OF_ONE
    width = max(1, int(np.ceil((rows["round"].max() + 1) / spans)))
    rows["span"] = rows["round"] // width
    names = _shown(rows["stance"])
    rows["stance"] = rows["stance"].where(rows["stance"].isin(names), _OTHERS)
    players = list(rows["player"].unique())
    panels = {}
    if len(players) > _MOST_PANELS:
        panels[f"all {len(players)} learners"] = rows
        players = _most_unlike(rows, players)[: _MOST_PANELS - 1]
    panels |= {player: rows[rows["player"] == player] for player in players}
    everybody = run.player_names if "players" in run.tables else tuple(map(str, run.stances["player"].unique()))
    return _drawn(panels, names, palette.player_looks(everybody), (width, len(numbers)))


STANCES: Final = RunFigure(
    15,
    "stances",
    "how often learners took each stance, over the rounds",
    ("stances",),
    lambda view: stances_over_rounds(view.run, view.number),
)


def _most_unlike(rows: pd.DataFrame, players: list[str]) -> list[str]:
    """Return learners, those first whose shares of stances are farthest from everybody's; of equals in their order."""
    shares = pd.crosstab(rows["player"], rows["stance"], normalize="index").loc[players]
    everybody = rows["stance"].value_counts(normalize=True)
    apart = (shares - everybody[shares.columns]).abs().sum(axis=1)
    return [str(name) for name in apart.sort_values(ascending=False, kind="stable").index]


def _same_point(run: Run, number: int) -> list[int]:
    """Return the runs that differ from one in their seeds alone."""
    if "point" not in run.runs:
        return [number]
    runs = run.runs.set_index("run")
    alike = runs[runs["point"] == runs.loc[number, "point"]]
    return [int(each) for each in alike.index]


def _shown(stances: pd.Series) -> list[str]:
    """Return the stances drawn by name, obedience first; the least frequent of many are drawn as others."""
    counts = stances.value_counts()
    kept = list(counts.index) if len(counts) <= len(palette.SERIES) else list(counts.index[: len(palette.SERIES) - 1])
    names = sorted(kept, key=lambda name: (name != _ABOVE_ALL, name))
    return names if len(counts) == len(kept) else [*names, _OTHERS]


def _drawn(
    panels: dict[str, pd.DataFrame], names: list[str], looks: dict[str, palette.PlayerLook], of: tuple[int, int]
) -> Figure:
    width, runs = of
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    size = style.COLUMN_WIDTH if across == 1 else style.WIDE
    figure = style.new_figure(size, 0.9 + 1.45 * down + 0.15 * -(-len(names) // 3))
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, (title, rows) in zip(grid.flat, panels.items(), strict=False):
        _draw(axes, rows, names, width)
        axes.set_title(style.plain(title), x=0.07 if title in looks else 0.0)
        if title in looks:
            # The colours of lines are those of stances; beside its name a player has its own.
            own: dict[str, Any] = {"marker": "o", "ms": 5, "mec": palette.INK, "mew": palette.THIN, "clip_on": False}
            own |= {"mfc": looks[title].colour, "fillstyle": looks[title].half, "markerfacecoloralt": palette.WHITE}
            axes.plot([0.025], [1.075], transform=axes.transAxes, gid=title, **own)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("share of rounds")
    for axes in grid[-1]:
        axes.set_xlabel("round")
    for axes in grid.flat:
        style.dress(axes)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    spans = f"shares in spans of {style.count_of(width, 'round')}" if width > 1 else "each round by itself"
    seeds = f"means over {runs} seeds, bands: {CONFIDENCE:.0%} intervals" if runs > 1 else "one run"
    together = next(iter(panels)) not in looks
    who = f"What learners do: all, and the {len(panels) - 1} who differ most" if together else "What learners do"
    style.put_title(figure, who, f"{spans}; {seeds}")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, names: list[str], width: int) -> None:
    counts = pd.crosstab([rows["run"], rows["span"]], rows["stance"]).reindex(columns=names, fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0).reset_index()
    for place, name in enumerate(names):
        # A row for each run; learners who are not met in a span of a run are missing there.
        by_run = shares.pivot_table(index="run", columns="span", values=name)
        middle = (by_run.columns.to_numpy() + 0.5) * width - 0.5
        colour, dashes = (palette.GREY, "-") if name == _OTHERS else (palette.SERIES[place], _DASHES[place])
        axes.plot(middle, by_run.mean(axis=0), color=colour, ls=dashes, label=style.plain(name), zorder=3)
        if len(by_run) > 1:
            low, high = _band(by_run.fillna(by_run.mean(axis=0)).to_numpy(np.float64))
            axes.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0, zorder=2)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))


def _band(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the percentile bootstrap interval of the mean over runs in each span."""
    found = stats.bootstrap(
        (shares,),
        np.mean,
        axis=0,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return np.asarray(found.low), np.asarray(found.high)
