"""Draws the pictures of the published sweeps: ``python -m marketgame.experiments.studies.sweep_pictures FOLDER``.

A sweep is run, or the rest of it, in ``results/runs``, as ``marketgame sweep`` would run it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame import results
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.sweep_pages import MISREPORTERS, SWEEPS, WELFARE, with_changes
from marketgame.experiments.sweep import run_sweep
from marketgame.experiments.sweep.file import load_sweep
from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.saving import save_figure
from marketgame.results.loading import Run

MISREPORTING = "share-of-misreporters"
# Of the numeraire of its economy.
UNIT = "euro"


def draw(folder: Path) -> list[Path]:
    """Run the sweeps behind the pictures and draw them.

    Raises:
        InputError: the folder of a sweep cannot be written, or holds results of other code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = DEFAULT_RUNS / MISREPORTING
    run_sweep(load_sweep(SWEEPS / f"{MISREPORTING}.toml"), home)
    return [save_figure(welfare_by_misreporters(results.load(home)), folder / f"{MISREPORTING}.png")]


@style.in_house_style
def welfare_by_misreporters(sweep: Run) -> Figure:
    """Draw what lies cost at each share of liars: all traders together, a liar, and each of the others."""
    runs = with_changes(sweep, MISREPORTERS, "misreporting")
    figure = style.new_figure(style.COLUMN_WIDTH, 4.1)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.15))
    best = float(runs["mean_first_best_welfare"].mean())
    above.axhline(best, color=palette.GREY, lw=0.8, ls=":")
    above.annotate(
        "first best", (1, best), (0, 2), textcoords="offset points", ha="right", va="bottom", color=palette.GREY
    )
    _draw_band(above, results.over_seeds(runs, WELFARE, MISREPORTERS), palette.INK, palette.MARKERS[0])
    above.set_ylabel(style.with_unit("welfare per round", UNIT))
    above.margins(y=0.12)
    below.axhline(0, color=palette.GREY, lw=0.5)
    for column, name, colour, marker, offset in (
        ("change_of_them", "a liar", palette.ORANGE, palette.MARKERS[1], 7),
        ("change_of_others", "a trader who\ntells the truth", palette.BLUE, palette.MARKERS[2], 6),
    ):
        change = results.over_seeds(runs, column, MISREPORTERS).dropna(subset="mean")
        _draw_band(below, change, colour, marker)
        last = change.iloc[-1]
        below.annotate(
            name,
            (last[MISREPORTERS], last["mean"]),
            (offset, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
    below.set_ylabel(style.with_unit("change per round\nagainst nobody lying", UNIT))
    below.set_xlabel("share of the six traders with private types who misreport")
    below.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for axes in (above, below):
        axes.set_xlim(-0.03, 1.03)
        style.dress(axes)
    figure.align_ylabels()
    style.put_title(
        figure, "A single liar bears the whole cost of the lie", "six liars together gain at the others' expense"
    )
    return figure


def _draw_band(axes: Axes, means: pd.DataFrame, colour: str, marker: str) -> None:
    """Draw means over the share of misreporters with their intervals."""
    shares = means[MISREPORTERS].to_numpy(float)
    low, middle, high = (means[name].to_numpy(float) for name in ("low", "mean", "high"))
    axes.fill_between(shares, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(shares, middle, color=colour, marker=marker, clip_on=False)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
