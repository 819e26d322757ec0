"""Quotes against the supporting price."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.loading import OBEDIENT, Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_run

_MOST_MARKED: Final = 60  # rounds, beyond which only some are drawn
_LINE: Final = 50  # letters of a label
_MOST_SERIES: Final = 5  # groups of quotes off the supporting price that are told apart
_MARKS_OF_SEVERAL: Final = ("x", "+", "1", "2", "3", "4", "_", "|")
# Quotes so many times the supporting price that a linear axis would hide it.
_WILD: Final = 20.0
# A quote this close to the supporting interval, relative to the highest price, lies in it.
_SLACK: Final = 1e-6


@dataclass(frozen=True, eq=False)
class QuoteGroup:
    """Players who quote the same price in every round.

    Attributes:
        players: their names.
        behaviours: how each behaves when it does not follow the contract.
        rounds: ``round``, ``quote``, ``supporting_price`` and ``lowest_supporting_price``, one row per round.
    """

    players: list[str]
    behaviours: Mapping[str, Set[str]]
    rounds: pd.DataFrame

    @property
    def label(self) -> str:
        """Who they are and, unless they are obedient, how they behave."""
        obedient = [name for name in self.players if not self.behaviours[name]]
        others = [
            f"{name} ({', '.join(sorted(self.behaviours[name]))})" for name in self.players if name not in obedient
        ]
        first = obedient if len(obedient) <= 2 else [f"{len(obedient)} obedient players"]
        label = ", ".join([*first, style.some_names(others, limit=2)] if others else first)
        return "\n".join(textwrap.wrap(label, _LINE))

    @property
    def scatters(self) -> bool:
        """Whether the players quote several prices where the supporting price is one."""
        return len(self.rounds[["supporting_price", "quote"]].drop_duplicates()) > len(
            self.rounds["supporting_price"].drop_duplicates()
        )

    @property
    def farthest(self) -> float:
        """The largest distance of a quote from the supporting interval, in units of the quote."""
        above = self.rounds["quote"] - self.rounds["supporting_price"]
        below = self.rounds["lowest_supporting_price"] - self.rounds["quote"]
        return float(max(above.max(), below.max(), 0.0))

    @property
    def deviates(self) -> bool:
        """Whether some quote lies outside the supporting interval by more than rounding."""
        return self.farthest > _SLACK * float(self.rounds["supporting_price"].abs().max())


type _Look = tuple[QuoteGroup, str, str]


@style.in_house_style
def quotes_against_supporting_price(run: Run, good: str, run_number: int = 0) -> Figure:
    """Draw every player's quotes of a good against its supporting price.

    Players who quote alike in every round share a mark and are named together. When the supporting price changes
    with the type profile, quotes are plotted against it and truthful ones lie on the diagonal; otherwise they are
    plotted over rounds. Where every price of an interval supports the efficient allocation, the interval is
    shaded.
    """
    groups = quote_groups(run, good, run_number)
    looks = _looks(groups, palette.player_looks(run.player_names))
    figure = style.new_figure(style.COLUMN_WIDTH, 2.9)
    axes = figure.add_subplot()
    prices = groups[0].rounds
    varies = np.ptp(prices["supporting_price"]) > NEGLIGIBLE * prices["supporting_price"].abs().max()
    if varies:
        _draw_against_price(axes, groups, looks)
        axes.set_xlabel(style.with_unit("supporting price", run.unit("holdings", "supporting_price", good), room=50))
    else:
        _draw_over_rounds(axes, groups, looks)
    _bend_for_wild_quotes(axes, groups, both=bool(varies))
    unit = run.unit("holdings", "quote", good)
    axes.set_ylabel(style.with_unit(f"quote of {good}", unit, room=34))
    style.dress(axes)
    handles, labels = axes.get_legend_handles_labels()
    wide = max(len(label) for label in labels) > _LINE // 2
    figure.legend(handles, labels, loc="outside lower center", ncols=1 if wide else 2)
    style.put_title(figure, *_clauses(groups))
    return figure


QUOTES: Final = RunFigure(
    40,
    "quotes",
    "who quotes off the price that supports the efficient allocation, for each good",
    ("holdings",),
    lambda view: quotes_against_supporting_price(view.run, view.good, view.number),
    by_good=True,
)


def quote_groups(run: Run, good: str, run_number: int = 0) -> list[QuoteGroup]:
    """Return the players grouped by what they quote for a good; the groups that deviate come last, farthest first.

    Raises:
        ValueError: there is no such good, it is the numeraire, the folder holds no such run, or the run played
            no round.
    """
    if good not in run.goods[:-1]:
        raise ValueError(f"quotes are of one of {', '.join(run.goods[:-1])}; {good!r} is not among them")
    rows = rows_of_run(run, "holdings", run_number)
    rows = rows[rows["good"] == good]
    if rows.empty:
        raise ValueError(f"run {run_number} in {run.folder} played no round")
    members: dict[bytes, list[str]] = {}
    series: dict[bytes, pd.DataFrame] = {}
    for player, quoted in rows.groupby("player", observed=True, sort=False):
        # To nine digits, so that rounding does not part those who quote alike.
        key = b"".join(f"{quote:.9g} ".encode() for quote in quoted["quote"])
        members.setdefault(key, []).append(str(player))
        series[key] = quoted[["round", "quote", "supporting_price", "lowest_supporting_price"]]
    deviant = _deviant_behaviours(run, run_number)
    groups = [QuoteGroup(names, {name: deviant[name] for name in names}, series[key]) for key, names in members.items()]
    return sorted(groups, key=lambda group: -group.farthest if group.deviates else -math.inf)


def _deviant_behaviours(run: Run, run_number: int) -> dict[str, set[str]]:
    """Return how each player behaves when it does not follow the contract; it may depend on its type."""
    pairs = rows_of_run(run, "players", run_number)[["player", "behaviour"]].drop_duplicates()
    found: dict[str, set[str]] = {str(name): set() for name in pairs["player"]}
    for name, behaviour in zip(pairs["player"], pairs["behaviour"], strict=True):
        found[str(name)] |= {str(behaviour)} - {OBEDIENT}
    return found


def _draw_over_rounds(axes: Axes, groups: list[QuoteGroup], looks: list[_Look]) -> None:
    prices = groups[0].rounds
    first, last = int(prices["round"].min()), int(prices["round"].max())
    # Half a round at either end, so that even one round has an interval to shade.
    when = np.pad(prices["round"].to_numpy(dtype=float), 1, constant_values=(first - 0.5, last + 0.5))
    price, lowest = (np.pad(prices[name], 1, mode="edge") for name in ("supporting_price", "lowest_supporting_price"))
    line = "supporting price"
    if (price - lowest > NEGLIGIBLE * np.abs(price)).any():
        axes.fill_between(
            when, lowest, price, step="mid", color=palette.PALE, lw=0, label="supporting interval", zorder=0
        )
        line = "highest supporting price"
    axes.plot(when, price, color=palette.INK, lw=0.8, label=line, zorder=1)
    step = -(-len(prices) // _MOST_MARKED)
    for group, colour, marker in looks:
        shown = group.rounds.iloc[::step]
        axes.plot(
            shown["round"],
            shown["quote"],
            marker,
            color=colour,
            mfc="none",
            label=style.plain(group.label),
            clip_on=False,
        )
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("round" if step == 1 else f"round (one in {step} shown)")


def _draw_against_price(axes: Axes, groups: list[QuoteGroup], looks: list[_Look]) -> None:
    prices = groups[0].rounds.drop_duplicates(["supporting_price", "lowest_supporting_price"])
    price, lowest = prices["supporting_price"].to_numpy(), prices["lowest_supporting_price"].to_numpy()
    if (price - lowest > NEGLIGIBLE * np.abs(price)).any():
        axes.vlines(price, lowest, price, color=palette.PALE, lw=4, label="supporting interval", zorder=0)
    ends = [float(price.min()), float(price.max())]
    axes.plot(ends, ends, color=palette.INK, lw=0.8, label="quote = supporting price", zorder=1)
    beside = _steps_aside([group for group, _, _ in looks], price)
    for (group, colour, marker), aside in zip(looks, beside, strict=True):
        # A profile drawn twice gives the same point twice.
        shown = group.rounds.drop_duplicates(["quote", "supporting_price"])
        shown = shown.iloc[:: -(-len(shown) // (3 * _MOST_MARKED))]
        where = shown["supporting_price"] + aside
        axes.plot(where, shown["quote"], marker, color=colour, mfc="none", label=style.plain(group.label))


def _steps_aside(groups: list[QuoteGroup], prices: npt.NDArray[np.float64]) -> list[float]:
    """Return how far to move each group sideways so that columns of scattered quotes do not hide one another."""
    scattered = [group for group in groups if group.scatters]
    if len(scattered) < 2:
        return [0.0] * len(groups)
    room = 0.12 * float(np.diff(np.unique(prices)).min())
    centre = (len(scattered) - 1) / 2
    return [room * (scattered.index(group) - centre) if group in scattered else 0.0 for group in groups]


def _looks(groups: list[QuoteGroup], own: Mapping[str, palette.PlayerLook]) -> list[_Look]:
    """Return each group with its colour and mark; those that exceed the marks are one group.

    A player by itself has its own colour and marker; several are dark.
    """
    deviating = [group for group in groups if group.deviates]
    if len(deviating) > _MOST_SERIES:
        deviating = [*deviating[: _MOST_SERIES - 1], _joined(deviating[_MOST_SERIES - 1 :])]
    marks = iter(_MARKS_OF_SEVERAL)
    looks = []
    for group in [*(group for group in groups if not group.deviates), *deviating]:
        alone = own.get(group.players[0]) if len(group.players) == 1 else None
        looks.append((group, alone.colour, alone.marker) if alone else (group, palette.INK, next(marks)))
    return looks


def _joined(groups: list[QuoteGroup]) -> QuoteGroup:
    name = f"{sum(len(group.players) for group in groups)} others"
    kinds = {kind for group in groups for behaviours in group.behaviours.values() for kind in behaviours}
    return QuoteGroup([name], {name: kinds}, pd.concat([group.rounds for group in groups]))


def _bend_for_wild_quotes(axes: Axes, groups: list[QuoteGroup], *, both: bool) -> None:
    """Use logarithmic axes where quotes would press the supporting prices together."""
    prices = groups[0].rounds["supporting_price"]
    quotes = pd.concat([group.rounds["quote"] for group in groups])
    if quotes.max() <= _WILD * prices.max():
        return
    positive = min(quotes.min(), prices.min()) > 0
    scale = {"value": "log"} if positive else {"value": "symlog", "linthresh": float(prices.max()) or 1.0}
    axes.set_yscale(**scale)
    if both:
        axes.set_xscale(**scale)


def _clauses(groups: list[QuoteGroup]) -> tuple[str, str]:
    deviating = [name for group in groups if group.deviates for name in group.players]
    everyone = sum(len(group.players) for group in groups)
    rounds = style.count_of(len(groups[0].rounds), "round")
    if not deviating:
        return "Everybody quotes a supporting price", rounds
    if len(deviating) == everyone:
        return "Nobody keeps to the supporting price", rounds
    verb = "departs" if len(deviating) == 1 else "depart"
    return f"{style.some_names(deviating)} {verb} from the supporting price", rounds
