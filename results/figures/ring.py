"""Players on a ring, as every figure of who has to do with whom shows them: one place and one colour for each."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.loading import OBEDIENT

MANY: Final = 10  # players, from which labels are turned to the ring's radius
MOST_NAMED: Final = 60  # of more players none is named beside its circle: the letters would run together
_LABEL: Final = 16  # letters on a line
_ON_A_CIRCLE: Final = 100  # of more players every second, third, ... stands on a smaller circle
_CLOSER: Final = 0.045  # by so much of the radius
KEY: Final[dict[str, Any]] = {
    "alignment": "left",
    "borderaxespad": 0.0,
    "borderpad": 0.0,
    "handlelength": 2.4,
    "labelspacing": 0.6,
}

AGREEMENT: Final = "agreement"
_CROSS: Final = 7.0  # points across
# How lines around those who agreed look: broad and pale beneath everything else, for hue says who somebody is.
_AGREED: Final[dict[str, Any]] = {"color": palette.GREY, "lw": 3.0, "alpha": 0.8}
_STATUS: Final = {
    "obedient": ("o", palette.THIN),
    "not obedient": ("o", palette.THICK),
    "bankrupt": ("X", palette.THIN),
    "left": ("s", palette.THIN),
}

type _Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trader:
    """Whom a node of the network stands for.

    Attributes:
        name: of the player.
        wealth: after trade, numeraire.
        bankrupt: whether it could not deliver.
        behaviour: what it does.
        left: the blocking mediator with whom it left; empty if it stayed.
    """

    name: str
    wealth: float
    bankrupt: bool
    behaviour: str
    left: str = ""


@dataclass(frozen=True)
class Ring:
    """A ring on a page whose origin is its lower left corner.

    Attributes:
        radius: in points.
        centre: across and up, in points.
    """

    radius: float
    centre: tuple[float, float]


def ring_places(players: Sequence[Trader]) -> dict[str, tuple[float, float]]:
    """Return places on the unit circle, clockwise from the top in the order of players; the centre for one alone.

    Of more players than a circle has room for, neighbours stand on circles within each other.
    """
    if len(players) == 1:
        return {players[0].name: (0.0, 0.0)}
    numbers = np.arange(len(players))
    angles = math.tau * numbers / len(players)
    circles = min(-(-len(players) // _ON_A_CIRCLE), 4)
    radius = 1 - _CLOSER * (numbers % circles)
    return {
        player.name: (float(east), float(north))
        for player, east, north in zip(players, radius * np.sin(angles), radius * np.cos(angles), strict=True)
    }


def largest_ring(places: _Places, before: _Places, after: _Places, page: tuple[float, float]) -> Ring:
    """Return the largest ring that keeps what is drawn around its places on the page.

    Args:
        places: on the unit circle, ``(N, 2)``.
        before: how far the drawing at each place reaches left and down from it, ``(N, 2)``, points.
        after: how far it reaches right and up, ``(N, 2)``, points.
        page: width and height, points.

    Returns:
        The ring; of radius 1 where the page has no room for any.
    """
    radius = max(page)  # of a single place, which no ring moves
    for axis in range(2):
        # With one drawing at each end, the ring may fill what they leave of the page.
        apart = places[:, None, axis] - places[None, :, axis]
        room = page[axis] - after[:, None, axis] - before[None, :, axis]
        ends = apart > 1e-9
        radius = min(radius, float((room[ends] / apart[ends]).min(initial=radius)))
    radius = max(radius, 1.0)
    lowest = (before - radius * places).max(axis=0)
    highest = (np.array(page) - after - radius * places).min(axis=0)
    across, up = (lowest + highest) / 2
    return Ring(radius, (float(across), float(up)))


def make_room(
    axes: Axes, places: Mapping[str, tuple[float, float]], across: Mapping[str, float], labels: Mapping[str, Annotation]
) -> None:
    """Set the limits of the axes so that the ring is as large as its labels allow."""
    point = axes.figure.dpi / 72
    page = axes.get_window_extent()
    unit = np.array(list(places.values()))
    nodes = axes.transData.transform(unit) / point
    boxes = np.array([labels[name].get_window_extent().get_points() for name in places]) / point
    half = np.array([[across[name] / 2] for name in places]) + 1
    before, after = np.maximum(nodes - boxes[:, 0], half), np.maximum(boxes[:, 1] - nodes, half)
    width, height = page.width / point, page.height / point
    ring = largest_ring(unit, before, after, (width, height))
    east, north = ring.centre
    axes.set_xlim(-east / ring.radius, (width - east) / ring.radius)
    axes.set_ylim(-north / ring.radius, (height - north) / ring.radius)


def draw_nodes(
    axes: Axes, players: Sequence[Trader], places: Mapping[str, tuple[float, float]], across: Mapping[str, float]
) -> None:
    """Draw a circle of so many points, in its own colour, for each player; give all that there are.

    The outline is thick where the player does not obey; a player that left is a square, and a bankrupt one has a cross.
    """
    looks = palette.player_looks(player.name for player in players)
    for player in players:
        name = player.name
        look = {"zorder": 3, "gid": name, "clip_on": False, **node_look(looks[name], player)}
        axes.plot(*places[name], ms=across[name], **look)
        if player.bankrupt:
            axes.plot(*places[name], zorder=4, clip_on=False, **cross_look(looks[name], len(players)))


def node_look(look: palette.PlayerLook, player: Trader) -> dict[str, Any]:
    """Return how the node of a player looks, but for its size."""
    return {
        "ls": "",
        "marker": "s" if player.left else "o",
        **_face(look),
        "mec": palette.INK,
        "mew": palette.THIN if player.behaviour == OBEDIENT else palette.THICK,
    }


def cross_look(look: palette.PlayerLook, players: int) -> dict[str, Any]:
    """Return how the cross over the node of a bankrupt player looks, one of so many players."""
    size = _CROSS if players <= MOST_NAMED else max(3.5, _CROSS * MOST_NAMED / players)
    return {"ls": "", "marker": "X", "ms": size, **_face(look), "mec": palette.INK, "mew": 0.6}


def _face(look: palette.PlayerLook) -> dict[str, Any]:
    return {"mfc": look.colour, "fillstyle": look.half, "markerfacecoloralt": palette.WHITE}


def draw_labels(
    axes: Axes,
    players: Sequence[Trader],
    places: Mapping[str, tuple[float, float]],
    across: Mapping[str, float],
    *,
    turned: bool,
) -> dict[str, Annotation]:
    """Name each player beside its circle, and say how it behaves unless it obeys; many names run outwards, turned.

    Labels of more players than can be named have no letters.
    """
    labels = {}
    for player in players:
        name, (east, north) = player.name, places[player.name]
        remarks = [] if player.behaviour == OBEDIENT else [player.behaviour]
        remarks += ["bankrupt"] if player.bankrupt else []
        remarks += [f"left with {player.left}"] if player.left else []
        radius = max(across[name] / 2, 4.0 if player.bankrupt else 0.0)
        lines = textwrap.wrap(name, 2 * _LABEL if turned else _LABEL)
        lines += [", ".join(remarks)] if turned and remarks else remarks
        text = axes.annotate(
            style.plain("\n".join(lines)) if len(players) <= MOST_NAMED else "",
            (east, north),
            (0, 0),
            textcoords="offset points",
            annotation_clip=False,
            fontsize=style.SMALL,
            fontweight="bold" if remarks else "normal",
            linespacing=1.05,
        )
        if turned:
            _turn_outward(text, east, north, radius + 3)
        else:
            _put_on_shoulder(text, east, north, radius + 2)
        labels[name] = text
    return labels


def _turn_outward(text: Annotation, east: float, north: float, away: float) -> None:
    """Let a label run along the ring's radius, never upside down."""
    angle = math.degrees(math.atan2(north, east))
    text.set_position((away * east, away * north))
    text.set(rotation=angle + 180 if abs(angle) > 90 else angle, rotation_mode="anchor")
    text.set(ha="left" if east > -1e-9 else "right", va="center")


def _put_on_shoulder(text: Annotation, east: float, north: float, away: float) -> None:
    """Put a label above a node of the ring's upper half and below one of the lower, clear of the arrows.

    A label beside its node would take the width of the ring; centred above, it would cover the arrows between
    neighbours.
    """
    side = 0 if abs(east) < 0.3 else int(math.copysign(1, east))
    if abs(north) < 0.3:
        text.set_position((side * (away + 1), 0))
        text.set(ha="left" if side > 0 else "right", va="center")
        return
    up = int(math.copysign(1, north))
    text.set_position((side * away * 0.1, up * away) if side == 0 else (side * away * 0.35, up * away * 0.95))
    text.set(ha=("right", "center", "left")[side + 1], va="bottom" if up > 0 else "top")


def coalition_line(members: Sequence[str], places: Mapping[str, tuple[float, float]], *, broken: bool) -> Line2D:
    """Return a line around players who agreed with each other; dotted where somebody broke the agreement."""
    corners = [places[name] for name in (*members, members[0])]
    across, up = zip(*corners, strict=True)
    dashes: Any = (0, (0.6, 1)) if broken else (0, (2.2, 1))
    return Line2D(across, up, ls=dashes, zorder=0.5, clip_on=False, gid=AGREEMENT, **_AGREED)


def agreement_sample() -> Line2D:
    """Return what stands in a key for a line around those who agreed with each other."""
    return Line2D([], [], ls=(0, (2.2, 1)), label="agreed", **_AGREED)


def explain_nodes(axes: Axes, players: Sequence[Trader], *, agreed: bool = False) -> None:
    """Say what outlines and shapes of nodes mean, those that there are, and lines around those who agreed."""
    handles = [*status_samples(players), *([agreement_sample()] if agreed else [])]
    axes.legend(handles=handles, loc="upper left", ncols=4, columnspacing=1.5, **(KEY | {"handlelength": 1.2}))
    if len(players) > MOST_NAMED:
        said = textwrap.shorten(order_in_words([player.name for player in players]), 64)
        axes.text(1, 1, style.plain(said), ha="right", va="top", transform=axes.transAxes)


def order_in_words(names: Sequence[str]) -> str:
    """Return who stands where, of players too many to be named."""
    return f"clockwise from the top: {names[0]} to {names[-1]}"


def node_sample(across: float, label: str, marker: str = "o", width: float = palette.THIN) -> Line2D:
    """Return what stands for a node in a key, without the colour of any player."""
    return Line2D([], [], ls="", marker=marker, ms=across, mfc="none", mec=palette.INK, mew=width, label=label)


def status_samples(players: Iterable[Trader]) -> list[Line2D]:
    """Return in words what the outlines and shapes of the nodes of these players say."""
    known = list(players)
    met = {
        "obedient": any(player.behaviour == OBEDIENT for player in known),
        "not obedient": any(player.behaviour != OBEDIENT for player in known),
        "bankrupt": any(player.bankrupt for player in known),
        "left": any(player.left for player in known),
    }
    return [node_sample(7.0, word, *_STATUS[word]) for word, is_met in met.items() if is_met]
