"""The Edgeworth box of two traders with one good besides the numeraire, and what was played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.interpolate import PchipInterpolator

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure, View
from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_round, rows_of_run

type Point = tuple[float, float]
"""Of the good, then of the numeraire."""

# Curves of indifference are told apart by what they go through.
_CURVES: Final[Mapping[str, Any]] = {"endowment": (0, (1, 1.2)), "played": "-", "efficient": (0, (4, 1.5))}
_NEAR: Final = 1e-6  # of the width of the core, within which play reaches it


@dataclass(frozen=True, eq=False)
class Box:
    """What two traders own and could agree on, seen from the first; amounts of the good and of the numeraire.

    Attributes:
        players: their names.
        supply: how much there is.
        endowment: what the first owns.
        core: the ends of the allocations that are efficient and that each takes for its endowment: the least numeraire
            the first would take there, and the most the second would leave it.
        prices: lowest and highest supporting price of the good, numeraire per unit.
        played: what each consumed in the round shown, seen from the first: two points where anything is wasted.
        others: what the first consumed in other rounds of the same types.
        worths: what amounts of the good are worth to each, ``(A, 2)`` of amounts and numeraire; empty where the folder
            does not know it.
    """

    players: tuple[str, str]
    supply: Point
    endowment: Point
    core: tuple[Point, Point]
    prices: tuple[float, float]
    played: tuple[Point, Point]
    others: npt.NDArray[np.float64]
    worths: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

    @property
    def efficient(self) -> Point:
        """The efficient allocation that the endowments can be traded for at a supporting price, their middle."""
        good, price = self.core[0][0], (self.prices[0] + self.prices[1]) / 2
        return good, self.endowment[1] - price * (good - self.endowment[0])

    def indifferent(self, trader: int, point: Point) -> npt.NDArray[np.float64]:
        """Return what a trader likes as much as a point, seen from the first: ``(A, 2)``; empty where not known."""
        amounts, worth = self.worths[trader].T
        if len(amounts) < 2:
            return np.empty((0, 2))
        good, money = point if trader == 0 else (self.supply[0] - point[0], self.supply[1] - point[1])
        if not amounts[0] <= good <= amounts[-1] * (1 + NEGLIGIBLE):
            return np.empty((0, 2))
        curve = np.column_stack([amounts, money + float(PchipInterpolator(amounts, worth)(good)) - worth])
        curve = curve[amounts <= self.supply[0] * (1 + NEGLIGIBLE)]
        return curve if trader == 0 else np.asarray(np.array(self.supply) - curve)

    @property
    def is_in_core(self) -> bool:
        """Whether what was played is in the core."""
        (good, least), (_, most) = self.core
        slack = _NEAR * max(most - least, NEGLIGIBLE * self.supply[1])
        return all(
            abs(point[0] - good) <= _NEAR * self.supply[0] and least - slack <= point[1] <= most + slack
            for point in self.played
        )


def box_of(run: Run, round_number: int, run_number: int = 0) -> Box:
    """Return the Edgeworth box of a round.

    Raises:
        ValueError: there is no such round, or its premise fails: two traders, one good besides the numeraire.
    """
    if not _has_box(run):
        raise ValueError("an Edgeworth box is of two traders with one good besides the numeraire")
    one, two = run.player_names
    rows = rows_of_run(run, "holdings", run_number)
    shown = rows_of_round(run, "holdings", round_number, run_number)

    def point(player: str, column: str) -> Point:
        at = shown[shown["player"] == player].set_index("good")[column]
        return float(at[run.goods[0]]), float(at[run.goods[1]])

    owned, other = point(one, "endowment"), point(two, "endowment")
    supply = (owned[0] + other[0], owned[1] + other[1])
    least, left = point(one, "reservation"), point(two, "reservation")
    mine, theirs = point(one, "consumption"), point(two, "consumption")
    price = shown[shown["good"] == run.goods[0]].iloc[0]
    rounds = rows_of_run(run, "rounds", run_number).set_index("round")["profile"]
    alike = rounds.index[(rounds == rounds[round_number]) & (rounds.index != round_number)]
    others = rows[(rows["player"] == one) & rows["round"].isin(alike)]
    consumed = others.pivot_table(index="round", columns="good", values="consumption", observed=True)
    return Box(
        (one, two),
        supply,
        owned,
        (least, (least[0], supply[1] - left[1])),
        (float(price["lowest_supporting_price"]), float(price["supporting_price"])),
        (mine, (supply[0] - theirs[0], supply[1] - theirs[1])),
        consumed.reindex(columns=list(run.goods)).to_numpy(float).reshape(-1, 2),
        _worths(run, round_number, run_number),
    )


def _worths(run: Run, round_number: int, run_number: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return what amounts of the good are worth to each trader's type of a round, those that it could not do with."""
    if "valuations" not in run.tables:
        return np.empty((0, 2)), np.empty((0, 2))
    rows = rows_of_run(run, "valuations", run_number).astype({"player": str, "type": str})
    players = rows_of_round(run, "players", round_number, run_number)
    types = dict(zip(players["player"].astype(str), players["type"].astype(str), strict=True))
    one, two = (
        rows[(rows["player"] == name) & (rows["type"] == types[name]) & np.isfinite(rows["worth"])]
        for name in run.player_names
    )
    columns = ["quantity", "worth"]
    return one[columns].to_numpy(np.float64), two[columns].to_numpy(np.float64)


@style.in_house_style
def edgeworth_box(run: Run, round_number: int, run_number: int = 0) -> Figure:
    """Draw the Edgeworth box of a round: one good across, the numeraire up, the second trader seen from the far corner.

    Utility is linear in the numeraire, so that efficient allocations all divide the good alike, while each still has
    some numeraire: a vertical line, of which the core is the part that neither trader would leave for its endowment.
    Where one has none left, the contract curve goes on along the edge. Thin curves join what a trader likes equally:
    through the endowments, what was played, and the efficient allocation at the supporting price.
    """
    box = box_of(run, round_number, run_number)
    (good, money), (width, height) = run.goods, box.supply
    figure = style.new_figure(style.COLUMN_WIDTH, 3.9)
    axes = figure.add_subplot()
    (quantity, least), (_, most) = box.core
    # From where the first has nothing, along the edge on which it has no numeraire, up, and along the other edge.
    curve = np.array([(0, 0), (quantity, 0), (quantity, height), (width, height)], dtype=float)
    axes.plot(
        *curve.T, color=palette.GREY, lw=1.6, ls=(0, (4, 2)), gid="contract-curve", label="contract curve", zorder=1
    )
    low, high = max(least, 0.0), min(most, height)
    if low <= high:
        axes.plot(
            [quantity] * 2,
            [low, high],
            color=palette.INK,
            lw=5,
            solid_capstyle="butt",
            clip_on=False,
            gid="core",
            label="core",
            zorder=3.5,
        )
    _draw_budget(axes, box)
    _draw_indifference(axes, box)
    axes.plot(
        *box.endowment,
        "s",
        color=palette.INK,
        mfc=palette.WHITE,
        ms=6,
        gid="endowment",
        label="endowments",
        zorder=4,
        clip_on=False,
    )
    if len(box.others):
        label = "other rounds of these types"
        axes.plot(*box.others.T, ".", color=palette.GREY, ms=4, gid="others", label=label, zorder=3)
    _draw_played(axes, box, round_number)
    axes.set(xlim=(0, width), ylim=(0, height))
    _name_corners(axes, run, box)
    for spine in axes.spines.values():
        spine.set_visible(True)
    style.dress(axes)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for which in (axes.xaxis, axes.yaxis):
        which.set_major_formatter(FuncFormatter(lambda value, _: style.short_number(value)))
    curves = "curves dotted: through the endowments;\nsolid: through what was played; dashed: efficient"
    title = curves if any(map(len, box.worths)) else None
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, title=title)
    fate = "reaches the core" if box.is_in_core else "is not in the core"
    style.put_title(figure, f"Edgeworth box of {good} and {money}", f"what round {round_number} plays {fate}")
    return figure


def _has_box(run: Run) -> bool:
    return len(run.goods) == 2 and len(run.player_names) == 2 and "reservation" in run.holdings


def _worth_drawing(view: View) -> bool:
    """Whether two traders have something to gain, and there is one way to divide the good by which they do."""
    if not _has_box(view.run):
        return False
    box = box_of(view.run, view.round, view.number)
    return box.core[1][1] - box.core[0][1] > NEGLIGIBLE * box.supply[1] and box.prices[1] > 0 and box.supply[0] > 0


BOX: Final = RunFigure(
    25,
    "edgeworth-box",
    "two traders, one good and the numeraire: the core, the supporting price and what was played",
    ("holdings",),
    lambda view: edgeworth_box(view.run, view.round, view.number),
    worthwhile=_worth_drawing,
)


def _draw_budget(axes: Axes, box: Box) -> None:
    """Draw what the traders can afford at a supporting price: a line through the endowments, or those between two."""
    goods = np.array([0.0, box.supply[0]])
    lines = [box.endowment[1] - price * (goods - box.endowment[0]) for price in box.prices]
    alike = box.prices[1] - box.prices[0] <= NEGLIGIBLE * box.prices[1]
    if not alike:
        axes.fill_between(
            goods, lines[0], lines[1], color=palette.GREY, alpha=0.25, lw=0, zorder=0, label="supporting prices"
        )
    for line in lines[:1] if alike else lines:
        axes.plot(
            goods,
            line,
            color=palette.INK,
            lw=1.0,
            gid="budget",
            label="supporting price" if alike else None,
            zorder=1.5,
        )


def _draw_indifference(axes: Axes, box: Box) -> None:
    """Draw each trader's indifference curves through the endowments, what was played and what is efficient."""
    for trader, (player, colour) in enumerate(zip(box.players, palette.PALETTE, strict=False)):
        through = {"endowment": box.endowment, "played": box.played[trader], "efficient": box.efficient}
        drawn: list[Point] = []
        for name, point in through.items():
            if any(np.allclose(point, other, rtol=0, atol=_NEAR * max(box.supply)) for other in drawn):
                continue
            curve = box.indifferent(trader, point)
            if len(curve):
                label = f"indifferent: {player}" if not drawn else ""
                axes.plot(
                    *curve.T,
                    color=colour,
                    lw=0.9,
                    ls=_CURVES[name],
                    gid=f"{player} indifferent to {name}",
                    label=style.plain(label) or None,
                    zorder=2,
                )
                drawn.append(point)
    if len(box.worths[0]):
        alike = box.prices[1] - box.prices[0] <= NEGLIGIBLE * box.prices[1]
        axes.plot(
            *box.efficient,
            "*",
            color=palette.WHITE,
            mec=palette.INK,
            mew=0.7,
            ms=9,
            gid="efficient",
            label="efficient, at that price" if alike else "efficient, at their middle",
            zorder=4.5,
            clip_on=False,
        )


def _draw_played(axes: Axes, box: Box, round_number: int) -> None:
    """Draw where the round ended: one point, or one for each trader, joined, where something is wasted."""
    mine, theirs = box.played
    label = f"round {round_number}"
    apart = max(abs(mine[0] - theirs[0]) / (box.supply[0] or 1), abs(mine[1] - theirs[1]) / (box.supply[1] or 1))
    look: dict[str, Any] = {"ls": "none", "ms": 7, "zorder": 5, "clip_on": False, "mec": palette.WHITE, "mew": 0.6}
    if apart <= NEGLIGIBLE:
        axes.plot(*mine, "D", color=palette.INK, gid="played", label=label, **look)
        return
    axes.plot(*zip(mine, theirs, strict=True), color=palette.INK, lw=0.8, ls=":", label="wasted", zorder=4)
    for point, player, marker, colour in zip(box.played, box.players, "<>", palette.PALETTE, strict=False):
        name = f"{label}: {player}"
        axes.plot(*point, marker, color=colour, gid=f"played-{player}", label=style.plain(name), **look)


def _name_corners(axes: Axes, run: Run, box: Box) -> None:
    """Name each trader along the axes on which its amounts are read."""
    good, money = run.goods
    one, two = (style.plain(name) for name in box.players)
    axes.set_xlabel(style.with_unit(f"{good} of {one} →", run.unit("holdings", "consumption", good)))
    axes.set_ylabel(style.with_unit(f"{money} of {one} →", run.unit("holdings", "consumption", money)))
    across, up = axes.secondary_xaxis("top"), axes.secondary_yaxis("right")
    across.set_xlabel(style.plain(f"← {good} of {two}"))
    up.set_ylabel(style.plain(f"← {money} of {two}"))
    for other, total, ticks in ((across.xaxis, box.supply[0], 5), (up.yaxis, box.supply[1], 6)):
        places = np.asarray(MaxNLocator(ticks).tick_values(0, total), dtype=float)
        kept = places[(places >= 0) & (places <= total)]
        other.set_ticks(total - kept, [style.short_number(float(place)) for place in kept])
        other.set_tick_params(labelsize=style.SMALL, length=2.5, width=0.6)
