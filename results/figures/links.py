"""The network of a run: who is linked to whom."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.figures.ring import (
    MANY,
    Trader,
    draw_labels,
    draw_nodes,
    explain_nodes,
    make_room,
    ring_places,
    status_samples,
)
from marketgame.results.loading import OBEDIENT, Run
from marketgame.results.selection import rows_of_run

_NODE: Final = 9.0  # points across
_MOST_ON_RING: Final = 60  # players
_MOST_LINKS_EACH: Final = 4.0  # on average, beyond which lines on a ring run together
_FEW: Final = 9  # players, whose lines never do
_MOST_NAMED: Final = 36  # players along the sides of a square, each on a line of its own
_MOST_CELLS: Final = 250  # along them, beyond which several players share one
_TICKS: Final = 8  # names there, of more players
_SMALLEST_MARK: Final = 1.0  # points across
_SEEN: Final = 4.0  # points across, from which a thin outline leaves colour to be seen
_BENT: Final = 0.6  # how far the middle of a line is from the ring's centre, of what it would be were it straight


@dataclass(frozen=True)
class KnownNetwork:
    """Who is linked to whom.

    Attributes:
        players: in the economy's order.
        links: of two players each, by their places, ``(K, 2)``.
        limits: what takes only those who are linked, in words.
    """

    players: tuple[Trader, ...]
    links: NDArray[np.int64]
    limits: str

    @property
    def crowded(self) -> bool:
        """Whether it has too many players or links to be drawn as lines on a ring."""
        players = len(self.players)
        dense = len(self.links) > _MOST_LINKS_EACH / 2 * players and players > _FEW
        return players > _MOST_ON_RING or dense


@style.in_house_style
def network_of_links(run: Run, run_number: int = 0) -> Figure:
    """Draw who is linked to whom in a run.

    Players stand on a ring in the economy's order, at the places that they have among those who trade, with a line
    between two who are linked. Where lines would run together, a square has a row and a column for each player, dark
    where two are linked; among very many players a cell stands for several, the darker the more pairs of them are
    linked. Players look as they do in all figures, in a square along its diagonal.

    Raises:
        ValueError: the folder holds no such run, or nobody is linked in it.
    """
    network = linked(run, run_number)
    draw = _draw_square if network.crowded else _draw_ring
    return draw(network)


LINKS: Final = RunFigure(
    18,
    "links",
    "who is linked to whom in the network of players",
    ("links",),
    lambda view: network_of_links(view.run, view.number),
)


def linked(run: Run, run_number: int = 0) -> KnownNetwork:
    """Return who is linked to whom in a run; players who obey in some rounds only are called by all they do.

    Raises:
        ValueError: the folder holds no such run, or nobody is linked in it.
    """
    rows = rows_of_run(run, "links", run_number)
    if rows.empty:
        raise ValueError(f"nobody is linked in run {run_number} in {run.folder}")
    players = _behaving(rows_of_run(run, "players", run_number))
    places = {player.name: place for place, player in enumerate(players)}
    pairs = zip(rows["player"].astype(str), rows["neighbour"].astype(str), strict=True)
    links = np.array([[places[one], places[other]] for one, other in pairs], np.int64)
    return KnownNetwork(players, links, str(rows["limits"].iloc[0]))


def _behaving(rows: pd.DataFrame) -> tuple[Trader, ...]:
    """Return the players of a run in their order, each with what it does; who does several things may obey at times."""
    known: defaultdict[str, list[str]] = defaultdict(list)
    for name, behaviour in rows[["player", "behaviour"]].astype(str).drop_duplicates().itertuples(index=False):
        known[name].append(behaviour)
    return tuple(Trader(name, 0.0, bankrupt=False, behaviour=" or ".join(each)) for name, each in known.items())


def _draw_ring(network: KnownNetwork) -> Figure:
    many = len(network.players) > MANY
    size = (style.WIDE, style.WIDE * 1.05) if many else (style.COLUMN_WIDTH, style.COLUMN_WIDTH * 1.1)
    figure = style.new_figure(*size, layout=None)
    style.put_title(figure, *_clauses(network))
    axes, key = _divide(figure)
    places = ring_places(network.players)
    room = (95.0 if many else 60.0) * math.tau / len(network.players)
    across = dict.fromkeys(places, min(_NODE, 0.75 * room))
    make_room(axes, places, across, draw_labels(axes, network.players, places, across, turned=many))
    where = np.array(list(places.values()))
    for one, other in network.links:
        # Among many, straight lines to the neighbours but one would run through the neighbours.
        middle = where[[one, other]].mean(axis=0) * (_BENT if many else 1.0)
        curve = Path([where[one], middle, where[other]], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        line = PathPatch(curve, facecolor="none", edgecolor=palette.GREY, linewidth=0.8, zorder=1)
        line.set_gid(f"{network.players[one].name} to {network.players[other].name}")
        axes.add_patch(line)
    draw_nodes(axes, network.players, places, across)
    explain_nodes(key, network.players)
    return figure


def _divide(figure: Figure) -> list[Axes]:
    """Return blank places: for the ring, and for the key to nodes below it."""
    edge, inch = 0.02, 1 / figure.get_figheight()
    title = edge / inch + 0.06 + 0.14 * (1 + figure.get_suptitle().count("\n"))  # inches
    boxes = (
        (edge, 0.25 * inch, 1 - 2 * edge, 1 - (0.25 + title) * inch),
        (edge, 0.05 * inch, 1 - 2 * edge, 0.15 * inch),
    )
    places = [figure.add_axes(box) for box in boxes]
    for axes in places:
        axes.set_axis_off()
    return places


def _draw_square(network: KnownNetwork) -> Figure:
    players = len(network.players)
    together = -(-players // _MOST_CELLS)
    figure = style.new_figure(style.WIDE, style.WIDE * 1.05)
    axes = figure.subplots()
    density = _density(network, together)
    axes.imshow(
        np.ma.masked_equal(density, 0),
        cmap=style.STRENGTH,
        vmin=0,
        vmax=1 if together == 1 else max(density.max(), 1e-9),
        extent=(-0.5, players - 0.5, players - 0.5, -0.5),
        interpolation="nearest",
        gid="links",
    )
    across = float(np.clip(0.7 * 72 * 0.75 * style.WIDE / players, _SMALLEST_MARK, _NODE))
    looks = palette.player_looks(player.name for player in network.players)
    obeys = np.array([player.behaviour == OBEDIENT for player in network.players])
    axes.scatter(
        *(np.arange(players),) * 2,
        s=across**2,
        c=[look.colour for look in looks.values()],
        edgecolors=palette.INK,
        # Of very many players only the outlines of those who do not obey can be seen.
        linewidths=np.where(obeys, palette.THIN if across > _SEEN else 0.0, min(palette.THICK, 0.5 * across)).tolist(),
        gid="players",
    )
    shown = np.arange(players)[:: 1 if players <= _MOST_NAMED else -(-players // _TICKS)]
    names = [style.plain(network.players[place].name) for place in shown]
    axes.set_xticks(shown, names, rotation=90)
    axes.set_yticks(shown, names)
    style.dress(axes)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    figure.legend(handles=status_samples(network.players), loc="outside lower left", ncols=3)
    clauses = _clauses(network)
    if together > 1:
        most = f"{density.max():.0%}" if density.max() < 1 else "all"
        clauses = (
            *clauses,
            f"cells of {together} by {together} players, darkest where {most} of the pairs are linked",
        )
    style.put_title(figure, *clauses)
    return figure


def _density(network: KnownNetwork, together: int) -> NDArray[np.float64]:
    """Return for each two groups of so many players in a row which share of their pairs is linked, ``(C, C)``."""
    players = len(network.players)
    cells = -(-players // together)
    one, other = network.links.T // together
    linked = np.zeros((cells, cells))
    np.add.at(linked, (one, other), 1)
    np.add.at(linked, (other, one), 1)
    sizes = np.bincount(np.arange(players) // together)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    return linked / np.maximum(pairs, 1)


def _clauses(network: KnownNetwork) -> tuple[str, ...]:
    neighbours = np.bincount(network.links.ravel(), minlength=len(network.players))
    fewest, most = int(neighbours.min()), int(neighbours.max())
    each = style.count_of(most, "neighbour") if fewest == most else f"{fewest or 'no'} to {most} neighbours"
    links = f"{style.count_of(len(network.links), 'link')} among {len(network.players)} players"
    return links, f"{each} each", f"they limit {network.limits.replace('+', ' and ') or 'nothing'}"
