"""Who holds what before trade, and who consumes what after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.loading import OBEDIENT, Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_round

_MOST_NAMED: Final = len(palette.SERIES)
_LETTER: Final = 0.0165  # of the bar's width, what one letter of a name takes
_STEP: Final = 2.7  # from one good to the next, in bars
_NOTEWORTHY: Final = 0.01  # of a good, from which the title speaks of waste
_BANKRUPT: Final = "bankrupt"
WASTED: Final = "nobody (wasted)"


@dataclass(frozen=True)
class _Look:
    """How one player, or all that are not named, is drawn."""

    colour: str
    hatch: str
    label: str


@style.in_house_style
def who_ends_with_what(run: Run, round_number: int, run_number: int = 0) -> Figure:
    """Draw how every good is divided among the players before and after a round.

    For each good one bar divides the endowments and one the consumption, both as shares of the aggregate
    endowment. Bankrupt players are hatched, those who do not follow the contract say how they behave, and what
    nobody consumes is shown as wasted. Of many players only those who stand out are named: who is bankrupt, who
    does not follow the contract, and who holds the largest shares.
    """
    before = shares(run, "endowment", round_number, run_number)
    after = shares(run, "consumption", round_number, run_number)
    looks = _looks(run, before, after, round_number, run_number)
    before, after = _gathered(before, list(looks)), _gathered(after, list(looks))
    figure = style.new_figure(style.COLUMN_WIDTH, 1.0 + 0.62 * len(run.goods) + 0.16 * (len(looks) // 2 + 1))
    axes = figure.add_subplot()
    rows = rows_of_round(run, "holdings", round_number, run_number)
    for place, good in enumerate(run.goods):
        for bar, parts in enumerate((before, after)):
            _draw_bar(axes, _STEP * place + bar, _by_name(parts[good]), looks)
        total = style.short_number(float(rows.loc[rows["good"] == good, "endowment"].sum()))
        words = f"{good}: {total} {run.unit('holdings', 'endowment', good)}".strip()
        axes.text(0, _STEP * place - 0.58, style.plain(words), ha="left", va="bottom", fontweight="bold")
    _dress(axes, len(run.goods))
    _explain(figure, {name: looks[name] for name in looks if max(before.loc[name].max(), after.loc[name].max()) > 0})
    style.put_title(figure, *_clauses(run, after, looks, round_number))
    return figure


WHO_ENDS_WITH_WHAT: Final = RunFigure(
    30,
    "who-ends-with-what",
    "how each good is divided before and after a round",
    ("holdings",),
    lambda view: who_ends_with_what(view.run, view.round, view.number),
)


def shares(run: Run, column: str, round_number: int, run_number: int = 0) -> pd.DataFrame:
    """Return what part of the aggregate endowment of each good every player has, by a column of the table of holdings.

    Returns:
        One row for each player and one column for each good, between 0 and 1; missing where there is none of a
        good.
    """
    rows = rows_of_round(run, "holdings", round_number, run_number)
    amounts = rows.pivot_table(index="player", columns="good", values=column, observed=True, sort=False)
    supply = rows.groupby("good", observed=True)["endowment"].sum()
    frame = amounts.div(supply.where(supply > 0))
    return frame.rename_axis(index=None, columns=None).rename(index=str, columns=str)[list(run.goods)]


def _looks(run: Run, before: pd.DataFrame, after: pd.DataFrame, round_number: int, run_number: int) -> dict[str, _Look]:
    """Return how to draw each named player, the others together, and waste."""
    remarks = _remarks(rows_of_round(run, "players", round_number, run_number))
    largest = pd.concat([before, after], axis=1).max(axis=1)
    order = sorted(remarks, key=lambda name: (not remarks[name], -largest[name]))
    named = set(order if len(order) <= _MOST_NAMED else order[: _MOST_NAMED - 1])
    looks: dict[str, _Look] = {}
    for name, own in palette.player_looks(remarks).items():
        if name in named:
            label = f"{name} ({', '.join(remarks[name])})" if remarks[name] else name
            bankrupt = palette.BANKRUPT_HATCH if _BANKRUPT in remarks[name] else ""
            looks[name] = _Look(own.colour, own.hatch + bankrupt, label)
    if len(named) < len(order):
        others = f"{len(order) - len(named)} others"
        looks[others] = _Look(palette.PALE, "", others)
    return looks | {WASTED: _Look(palette.WHITE, "....", WASTED)}


def _remarks(players: pd.DataFrame) -> dict[str, list[str]]:
    """Return what is to be said of each player: how it behaves unless it obeys, and that it is bankrupt."""
    remarks: dict[str, list[str]] = {}
    for name, behaviour, bankrupt in zip(players["player"], players["behaviour"], players["bankrupt"], strict=True):
        remarks[str(name)] = [] if behaviour == OBEDIENT else [str(behaviour)]
        if bankrupt:
            remarks[str(name)].append(_BANKRUPT)
    return remarks


def _gathered(parts: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return shares by name, with all players that are not named in one row and what is left as waste."""
    rows = parts.reindex(names, fill_value=0.0)
    unnamed = parts.drop(index=[name for name in names if name in parts.index])
    if not unnamed.empty:
        rows.loc[names[-2]] = unnamed.sum(skipna=False)
    waste = 1.0 - parts.sum(skipna=False)
    rows.loc[WASTED] = waste.mask(waste <= NEGLIGIBLE, 0.0)
    return rows


def _draw_bar(axes: Axes, height: float, parts: dict[str, float], looks: dict[str, _Look]) -> None:
    if any(math.isnan(width) for width in parts.values()):
        axes.text(0.0, height, "there is none", ha="left", va="center")
        return
    left = 0.0
    for name, look in looks.items():
        width = parts[name]
        if width <= 0:
            continue
        axes.barh(height, width, 0.86, left, gid=name, **_filled(look))
        if width > _LETTER * len(name) + 0.02 and name != WASTED:
            letters: dict[str, Any] = {"color": palette.ink_on(look.colour), "ha": "center", "va": "center"}
            axes.text(left + width / 2, height, style.plain(name), **letters)
        left += width


def _filled(look: _Look) -> dict[str, Any]:
    """Return how a bar looks, its hatch as well to be seen as letters on its colour."""
    edge = palette.ink_on(look.colour) if look.hatch else palette.INK
    return {"fc": look.colour, "ec": edge, "lw": 0.4, "hatch": look.hatch}


def _by_name(parts: pd.Series) -> dict[str, float]:
    return {str(name): float(part) for name, part in parts.items()}


def _explain(figure: Figure, looks: dict[str, _Look]) -> None:
    handles = [Patch(label=style.plain(look.label), **_filled(look)) for look in looks.values()]
    columns = 2 if max((len(look.label) for look in looks.values()), default=0) <= 30 else 1
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _dress(axes: Axes, goods: int) -> None:
    style.dress(axes)
    axes.set(xlim=(0, 1), ylim=(_STEP * (goods - 1) + 1.55, -1.2))
    axes.set_yticks([_STEP * place + bar for place in range(goods) for bar in (0, 1)], ["before", "after"] * goods)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("share of the aggregate endowment")


def _clauses(run: Run, after: pd.DataFrame, looks: dict[str, _Look], round_number: int) -> list[str]:
    """Say who ends with all of something, or how much anybody ends with, and what is wasted."""
    parts = {good: _by_name(after[good].dropna()) for good in run.goods}
    wasted = [
        f"{_percent(part[WASTED])} of the {good}"
        for good, part in parts.items()
        if part.get(WASTED, 0.0) >= _NOTEWORTHY
    ]
    waste = [f"{style.some_names(wasted)} wasted"] if wasted else []
    held = {
        name: {good: part[name] for good, part in parts.items() if name in part}
        for name in looks
        if name in run.player_names
    }
    largest = max((part for share in held.values() for part in share.values()), default=0.0)
    if largest <= 0:
        return [f"Round {round_number} leaves nobody with anything"]
    taken = {name: [good for good, part in share.items() if part > 1 - NEGLIGIBLE] for name, share in held.items()}
    winners = [f"{name} with all the {' and '.join(goods)}" for name, goods in taken.items() if goods]
    if winners:
        return [f"Round {round_number} leaves {style.some_names(winners)}", *waste]
    return [f"Round {round_number} leaves nobody more than {_percent(largest)} of any good", *waste]


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
