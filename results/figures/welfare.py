"""Welfare and bankruptcies over the rounds of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.loading import Run
from marketgame.results.selection import gains_of, rows_of_run

_MOST_MARKED: Final = 40  # rounds, beyond which single rounds fade behind their rolling mean
_SPANS: Final = 40  # how many bars, and how many lengths of the rolling mean, share the width
# Losses so many times the gains that a linear axis would hide the gains.
_DEEP_LOSS: Final = 20.0


@style.in_house_style
def welfare_over_rounds(run: Run, run_number: int = 0) -> Figure:
    """Draw what trade gained over autarky in each round, against the most it could gain, and who went bankrupt.

    Welfare contains every endowment of the numeraire, which may be vast; the gains over autarky do not. Runs of
    more than 40 rounds show the rolling mean over single rounds drawn faintly, and bankruptcies as the mean of
    spans of rounds.
    """
    rounds = rows_of_run(run, "rounds", run_number)
    if rounds.empty:
        raise ValueError(f"run {run_number} in {run.folder} played no round")
    figure = style.new_figure(style.COLUMN_WIDTH, 3.1)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    unit = run.unit("rounds", "welfare")
    _draw_gains(above, rounds, unit)
    _draw_bankruptcies(below, rounds)
    for axes in (above, below):
        style.dress(axes)
    figure.align_ylabels()
    window = rolling_window(len(rounds))
    title = f"dots: single rounds; lines: mean of {window} rounds" if window > 1 else None
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=3, title=title)
    style.put_title(figure, *_clauses(rounds))
    return figure


WELFARE: Final = RunFigure(
    10,
    "welfare",
    "gains over autarky against first best, and bankruptcies, over the rounds",
    ("rounds",),
    lambda view: welfare_over_rounds(view.run, view.number),
)


def gains(rounds: pd.DataFrame) -> pd.DataFrame:
    """Return what is gained over autarky in each ``round``: ``played`` and ``first_best``, numeraire."""
    return pd.concat([rounds[["round"]], gains_of(rounds)], axis=1)


def _draw_gains(axes: Axes, rounds: pd.DataFrame, unit: str) -> None:
    gained = gains(rounds)
    window = rolling_window(len(gained))
    _draw_series(axes, gained["round"], gained["played"], window, _PLAYED)
    _draw_series(axes, gained["round"], gained["first_best"], window, _FIRST_BEST)
    axes.axhline(0.0, color=palette.GREY, lw=0.8, ls=":", label="autarky", zorder=1)
    axes.set_ylabel(style.with_unit("gains over autarky", scale_of_gains(axes, gained, unit), room=30))


def scale_of_gains(axes: Axes, gained: pd.DataFrame, unit: str) -> str:
    """Let an axis show what `gains` returns, logarithmic where losses would hide the gains; return its unit."""
    best, worst = float(gained["first_best"].max()), float(gained["played"].min())
    if 0 < best < -worst / _DEEP_LOSS:
        straight = 10.0 ** math.ceil(math.log10(best))
        axes.set_yscale("symlog", linthresh=straight, linscale=1.5)
        axes.set_ylim(2 * worst, 1.3 * straight)
        return f"{unit}, logarithmic below −{style.short_number(straight)}".lstrip(", ")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    return unit


@dataclass(frozen=True)
class _Look:
    """How one series is drawn: every round on its own, or as a rolling mean."""

    label: str
    colour: str
    single: Mapping[str, Any]
    mean: Mapping[str, Any]


_PLAYED: Final = _Look("played", palette.BLUE, {"marker": "o", "lw": 0.8}, {"lw": 1.6})
_FIRST_BEST: Final = _Look(
    "first best",
    palette.INK,
    {"marker": "_", "ls": "", "ms": 8, "mew": 1.2, "zorder": 3},
    {"ls": (0, (3, 2)), "lw": 1.0},
)


def _draw_series(axes: Axes, rounds: pd.Series, values: pd.Series, window: int, look: _Look) -> None:
    """Draw each round with a mark, or faintly behind the rolling mean when there are many."""
    if window == 1:
        axes.plot(rounds, values, color=look.colour, label=look.label, **look.single)
        return
    axes.plot(rounds, values, ".", color=look.colour, ms=2, mew=0, alpha=0.25, zorder=1.5)
    smooth = values.rolling(window, center=True, min_periods=1).mean()
    axes.plot(rounds, smooth, color=look.colour, label=look.label, **look.mean)


def rolling_window(rounds: int) -> int:
    """Return over how many rounds to average, an odd number: one where each can be seen."""
    return 1 if rounds <= _MOST_MARKED else 2 * max(1, rounds // (2 * _SPANS)) + 1


def _draw_bankruptcies(axes: Axes, rounds: pd.DataFrame) -> None:
    width = rolling_window(len(rounds))
    first = int(rounds["round"].min())
    span = (rounds["round"] - first) // width
    means = rounds.groupby(span)["bankruptcies"].mean()
    centres = first - 0.5 + (means.index.to_numpy() + 0.5) * width
    axes.bar(centres, means.to_numpy(), width=width * (0.6 if width == 1 else 1.0), color=palette.GREY)
    axes.set(xlabel="round", xlim=(first - 0.6, int(rounds["round"].max()) + 0.6))
    axes.set_ylabel("bankruptcies" if width == 1 else "bankruptcies\nper round")
    axes.set_ylim(0, 1.1 * float(means.max()) or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10], integer=width == 1))
    if not means.any():
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=palette.GREY)


def _clauses(rounds: pd.DataFrame) -> tuple[str, str]:
    gained = gains(rounds)
    most = float(gained["first_best"].mean())
    bankruptcies = int(rounds["bankruptcies"].sum())
    fate = f"{style.count_of(bankruptcies, 'bankruptcy', 'bankruptcies')} in {style.count_of(len(rounds), 'round')}"
    if most <= 0:
        return "There is nothing to gain from trade", fate
    share = float(gained["played"].mean()) / most
    if abs(share - 1) <= 1e-9:
        return "Play attains the first best", fate
    percent = f"{100 * share:.1f}" if abs(share) < 10 else style.short_number(100 * share)
    return f"Play realises {percent.replace('-', '−')}% of the first-best gains", fate
