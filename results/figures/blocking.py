"""Blocking mediators: what they earn over the rounds of a run, and whom they invite."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure, View
from marketgame.results.loading import Run
from marketgame.results.mediators import ESTABLISHED, LEFT
from marketgame.results.selection import rows_of_run

_BAND: Final = 2.0  # standard errors on either side of a mean
_MARKS: Final = 8  # on each line
_POINTS: Final = 400  # along a line; more would be drawn on top of each other
# What became of invitations: how it is written, its colour and its hatch.
_FATES: Final = (
    (LEFT, "all joined and left", palette.VERMILION, ""),
    ("other-types", "sent back: types other than wanted", palette.PALE, ""),
    ("refused", "sent back: somebody refused", palette.SKY, "////"),
    ("too-late", "somebody had left already", palette.WHITE, "...."),
)
_ROW: Final = 0.15  # inches, for a line of text
_LINE: Final = 24  # letters
_DASHES: Final = (0, (4, 2))


def _has_rivals(view: View) -> bool:
    return bool((rows_of_run(view.run, "mediators", view.number)["mediator"] != ESTABLISHED).any())


@style.in_house_style
def mediator_profits(run: Run, run_number: int = 0) -> Figure:
    """Draw the mean profit per round of every mediator, from the first round up to each.

    Bands are two standard errors wide on either side. A dashed line shows what a mediator's own plan promised it.
    """
    rows = _recorded(run, "mediators", run_number)
    figure = style.new_figure(style.COLUMN_WIDTH, 2.6)
    axes = figure.add_subplot()
    for place, name in enumerate(_mediators(rows)):
        _draw_mean(axes, rows[rows["mediator"] == name], name, place)
    axes.axhline(0.0, color=palette.GREY, lw=0.8, ls=":", zorder=1)
    axes.plot([], [], color=palette.GREY, ls=_DASHES, lw=0.9, label="promised by its plan")
    axes.set_xlabel("rounds played")
    axes.set_ylabel(style.with_unit("mean profit per round", run.unit("mediators", "profit"), room=30))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.margins(x=0.01)
    style.dress(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    style.put_title(figure, *_profit_clauses(rows))
    return figure


MEDIATOR_PROFITS: Final = RunFigure(
    50,
    "mediator-profits",
    "what blocking mediators earn over the rounds, against what their plans promise",
    ("mediators",),
    lambda view: mediator_profits(view.run, view.number),
    worthwhile=_has_rivals,
)


@style.in_house_style
def invitations(run: Run, run_number: int = 0) -> Figure:
    """Draw who was invited by whom to do what, and what became of it."""
    rows = _recorded(run, "invitations", run_number)
    rounds = len(rows_of_run(run, "rounds", run_number))
    shares = _invitation_shares(rows, _doubtful(rows, rows_of_run(run, "players", run_number)), rounds)
    names = [str(name) for name in shares.index.unique("mediator")]
    headings = len(names)
    lines = max(str(what).count("\n") + 1 for _, what in shares.index)
    figure = style.new_figure(style.COLUMN_WIDTH, 1.25 + _ROW * lines * (len(shares) + headings))
    axes = figure.add_subplot()
    ticks: list[tuple[float, str]] = []
    height = 0.0
    for name in names:
        axes.text(0.0, height, style.plain(f"{name} invites"), ha="left", va="center", fontweight="bold")
        for what, row in shares.xs(name).iterrows():
            height += 1
            _draw_fates(axes, height, row)
            ticks.append((height, str(what)))
        height += 1
    _dress_invitations(axes, ticks, height)
    present = [fate for fate in _FATES if fate[0] in shares and shares[fate[0]].any()]
    handles = [
        Patch(fc=colour, ec=palette.INK, lw=0.4, hatch=hatch, label=label) for _, label, colour, hatch in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    style.put_title(figure, *_invitation_clauses(rows, rounds))
    return figure


INVITATIONS: Final = RunFigure(
    60,
    "invitations",
    "whom blocking mediators invite, and what becomes of it",
    ("mediators", "invitations"),
    lambda view: invitations(view.run, view.number),
    worthwhile=_has_rivals,
)


def _recorded(run: Run, table: str, run_number: int) -> pd.DataFrame:
    rows = rows_of_run(run, table, run_number) if table in run.tables else pd.DataFrame()
    if rows.empty:
        raise ValueError(f"run {run_number} in {run.folder} records no {table}")
    return rows


def _mediators(rows: pd.DataFrame) -> list[str]:
    """Return the mediators in order; the established one only if it ever gained or lost."""
    names = [str(name) for name in rows["mediator"].unique()]
    still = not rows.loc[rows["mediator"] == ESTABLISHED, "profit"].any()
    return [name for name in names if name != ESTABLISHED or not still or len(names) == 1]


def _draw_mean(axes: Axes, rows: pd.DataFrame, name: str, place: int) -> None:
    profit = rows["profit"].to_numpy(dtype=float)
    played = np.arange(1, len(profit) + 1)
    mean = np.cumsum(profit) / played
    spread = np.sqrt(np.maximum(np.cumsum(profit**2) / played - mean**2, 0.0) / played)
    promised = np.cumsum(rows["expected_profit"].to_numpy(dtype=float)) / played
    # The first rounds say nothing and would set the scale.
    first = min(len(profit) // 20, len(profit) - 1)
    shown = np.unique(np.linspace(first, len(profit) - 1, min(_POINTS, len(profit))).astype(int))
    colour = palette.INK if name == ESTABLISHED else palette.SERIES[place % len(palette.SERIES)]
    marks: dict[str, Any] = {
        "marker": palette.MARKERS[place % len(palette.MARKERS)],
        "markevery": max(1, len(shown) // _MARKS),
    }
    axes.plot(played[shown], mean[shown], color=colour, label=style.plain(name), gid=name, **marks)
    low, high = (mean + sign * _BAND * spread for sign in (-1, 1))
    axes.fill_between(played[shown], low[shown], high[shown], color=colour, alpha=0.15, lw=0)
    axes.plot(played[shown], promised[shown], color=colour, ls=_DASHES, lw=0.9, gid=f"{name} promised")


def _profit_clauses(rows: pd.DataFrame) -> list[str]:
    clauses = []
    for name in _mediators(rows):
        profit = rows.loc[rows["mediator"] == name, "profit"]
        values = profit.to_numpy(dtype=float)
        mean, error = float(values.mean()), float(values.std() / np.sqrt(len(values)))
        margin = f" ± {style.short_number(_rounded(_BAND * error))}" if error > 0 else ""
        clauses.append(f"{name} earns {style.short_number(_rounded(mean))}{margin} per round".replace("-", "−"))
    return clauses


def _rounded(value: float) -> float:
    """Return a number of which two digits are shown."""
    return float(f"{value:.2g}")


def _doubtful(rows: pd.DataFrame, players: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of those asked whose type is not the same in every round."""
    types = players.groupby("player", observed=True)["type"].nunique()
    return rows[rows["player"].astype(str).isin({str(name) for name in types.index[types > 1]})]


def _invitation_shares(rows: pd.DataFrame, asked: pd.DataFrame, rounds: int) -> pd.DataFrame:
    """Return in what share of rounds each coalition was invited, by mediator and by what became of it."""
    key = ["round", "mediator"]
    named = asked["player"].astype(str) + "=" + asked["wanted_type"].astype(str)
    wanted = named.groupby([asked[name].astype(str) for name in key]).agg(", ".join)
    made = rows.drop_duplicates(key).astype(dict.fromkeys(("mediator", "coalition", "action", "fate"), str))
    places = zip(made["round"].astype(str), made["mediator"], strict=True)
    conditions = [f" if {wanted[place]}" if place in wanted.index else "" for place in places]
    lines = zip(made["coalition"], made["action"], conditions, strict=True)
    what = pd.Series([f"{who}\n{_two_lines(does, condition)}" for who, does, condition in lines], made.index, dtype=str)
    counts = pd.crosstab([made["mediator"], what.rename("what")], made["fate"])
    frequent = counts.sum(axis=1).sort_values(ascending=False, kind="stable").index
    return counts.loc[frequent].sort_index(level="mediator", sort_remaining=False) / rounds


def _two_lines(action: str, condition: str) -> str:
    """Return what is done under which condition, on two lines if one would be long."""
    short = len(action) + len(condition) <= _LINE
    return f"{action}{condition}" if short else f"{action}\n{condition.strip()}"


def _draw_fates(axes: Axes, height: float, shares: pd.Series) -> None:
    left = 0.0
    widths = shares.to_dict()
    for fate, _, colour, hatch in _FATES:
        width = float(widths.get(fate, 0.0))
        if width > 0:
            axes.barh(height, width, 0.7, left, fc=colour, ec=palette.INK, lw=0.4, hatch=hatch, gid=fate)
            left += width


def _dress_invitations(axes: Axes, ticks: list[tuple[float, str]], height: float) -> None:
    style.dress(axes)
    axes.set_yticks([at for at, _ in ticks], [style.plain(what) for _, what in ticks])
    axes.set_ylim(height - 0.3, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlim(left=0)
    axes.set_xlabel("share of rounds")


def _invitation_clauses(rows: pd.DataFrame, rounds: int) -> list[str]:
    away = rows[rows["fate"] == LEFT]
    if away.empty:
        return [f"Nobody leaves in {style.count_of(rounds, 'round')}"]
    share = away["round"].nunique() / rounds
    names = [str(name) for name in away["mediator"].unique()]
    who = f"{style.some_names(names)} {'leads' if len(names) == 1 else 'lead'}"
    return [f"{who} players away in {100 * share:.3g}% of {style.count_of(rounds, 'round')}"]
