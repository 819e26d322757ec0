"""The trade network of a round."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any, Final

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Annotation

from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.figures.ring import largest_ring, ring_places
from marketgame.results.figures.scales import StrengthScale
from marketgame.results.loading import OBEDIENT, Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_round

_MANY: Final = 10  # players, from which labels are turned to the ring's radius
_LARGEST_NODE: Final = 30.0  # points across
_SMALLEST_NODE: Final = 4.0
_THINNEST: Final = 0.4  # points
_THICKEST: Final = 3.0
_LABEL: Final = 16  # letters on a line
_FEW_ARROWS: Final = 20
_LEGEND_NODE: Final = 14.0  # points across
_KEY: Final[dict[str, Any]] = {
    "alignment": "left",
    "borderaxespad": 0.0,
    "borderpad": 0.0,
    "handlelength": 2.4,
    "labelspacing": 0.6,
}


@style.in_house_style
def trade_network(run: Run, round_number: int, run_number: int = 0) -> Figure:
    """Draw who gave goods to whom in a round.

    Players stand on a ring in the economy's order, their area proportional to their wealth after trade. An arrow
    runs from giver to receiver, wider and darker the more the goods are worth at the supporting price; the
    numeraire, which flows the other way, is not drawn. Bankrupt players carry a cross, and players who do not
    follow the contract say how they behave.
    """
    graph = trade_graph(run, round_number, run_number)
    many = len(graph) > _MANY
    figure = style.new_figure(
        *((style.WIDE, style.WIDE * 1.1) if many else (style.COLUMN_WIDTH, style.COLUMN_WIDTH * 1.25)), layout=None
    )
    style.put_title(figure, *_clauses(run, graph, round_number))
    axes, sizes_key, arrows_key, colours_key = _divide(figure)
    places = ring_places(graph)
    across = _node_sizes(graph, (95.0 if many else 60.0) * math.tau / len(graph))
    labels = _draw_labels(axes, graph, places, across, turned=many)
    _make_room(axes, places, across, labels)
    _draw_arrows(axes, graph, places, across)
    _draw_nodes(axes, graph, places, across)
    unit = run.unit("players", "wealth")
    _explain_sizes(sizes_key, graph, across, unit)
    _explain_arrows(arrows_key, graph, unit)
    _explain_colours(colours_key, graph)
    return figure


TRADE_NETWORK: Final = RunFigure(
    20,
    "trade-network",
    "who gave goods to whom in a round, who is rich, who is bankrupt",
    ("holdings",),
    lambda view: trade_network(view.run, view.round, view.number),
)


def _divide(figure: Figure) -> list[Axes]:
    """Return blank places: for the ring, for the keys to sizes and arrows below it, and to colours below these."""
    edge, inch = 0.02, 1 / figure.get_figheight()
    title = edge / inch + 0.06 + 0.14 * (1 + figure.get_suptitle().count("\n"))  # inches
    boxes = (
        (edge, 1.2 * inch, 1 - 2 * edge, 1 - (1.2 + title) * inch),
        (edge, 0.25 * inch, 0.48, 0.87 * inch),
        (0.5, 0.25 * inch, 0.48, 0.87 * inch),
        (edge, 0.05 * inch, 1 - 2 * edge, 0.15 * inch),
    )
    places = [figure.add_axes(box) for box in boxes]
    for axes in places:
        axes.set_axis_off()
    return places


def _make_room(
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


def _node_sizes(graph: nx.DiGraph[str], room: float) -> dict[str, float]:
    """Return how many points each node is across, its area proportional to wealth."""
    wealth = {name: max(0.0, value) for name, value in node_wealth(graph).items()}
    largest = max(wealth.values())
    widest = min(_LARGEST_NODE, 0.75 * room)
    return {
        name: max(_SMALLEST_NODE, widest * math.sqrt(value / largest)) if largest > 0 else _SMALLEST_NODE
        for name, value in wealth.items()
    }


def _draw_arrows(
    axes: Axes, graph: nx.DiGraph[str], places: Mapping[str, tuple[float, float]], across: Mapping[str, float]
) -> None:
    values = edge_values(graph)
    if not values:
        axes.text(0, 0, "no trade", ha="center", va="center", color=style.GREY)
        return
    scale = _arrow_scale(graph)
    for (giver, receiver), value in sorted(values.items(), key=lambda edge: edge[1]):
        strength = scale.strength(value)
        width = _arrow_width(graph, strength)
        arrow = FancyArrowPatch(
            places[giver],
            places[receiver],
            arrowstyle="-|>,head_length=1,head_width=0.5",
            connectionstyle="arc3,rad=0.1",
            mutation_scale=2.5 + 2.2 * width,
            shrinkA=across[giver] / 2,
            shrinkB=across[receiver] / 2 + 0.5,
            linewidth=width,
            color=style.STRENGTH(strength),
            zorder=1 + strength,
            joinstyle="miter",
        )
        arrow.set_gid(f"{giver} to {receiver}")
        axes.add_artist(arrow)


def _arrow_scale(graph: nx.DiGraph[str]) -> StrengthScale:
    return StrengthScale.over(list(edge_values(graph).values()))


def _arrow_width(graph: nx.DiGraph[str], strength: float) -> float:
    """Return points; the more arrows there are, the thinner, so that many do not run together."""
    thickest = _THICKEST * min(1.0, max(0.35, math.sqrt(_FEW_ARROWS / graph.number_of_edges())))
    return _THINNEST + (thickest - _THINNEST) * strength


def _draw_nodes(
    axes: Axes, graph: nx.DiGraph[str], places: Mapping[str, tuple[float, float]], across: Mapping[str, float]
) -> None:
    for name, player in graph.nodes(data=True):
        colour = _colour(bankrupt=player["bankrupt"], behaviour=player["behaviour"])
        axes.plot(
            *places[name], "o", ms=across[name], mfc=colour, mec=style.INK, mew=0.6, zorder=3, gid=name, clip_on=False
        )
        if player["bankrupt"]:
            axes.plot(*places[name], "X", ms=7, mfc=style.VERMILION, mec=style.INK, mew=0.5, zorder=4, clip_on=False)


def _colour(*, bankrupt: bool, behaviour: str) -> str:
    if bankrupt:
        return style.VERMILION
    return style.SKY if behaviour == OBEDIENT else style.ORANGE


def _draw_labels(
    axes: Axes,
    graph: nx.DiGraph[str],
    places: Mapping[str, tuple[float, float]],
    across: Mapping[str, float],
    *,
    turned: bool,
) -> dict[str, Annotation]:
    labels = {}
    for name, player in graph.nodes(data=True):
        east, north = places[name]
        remarks = [] if player["behaviour"] == OBEDIENT else [player["behaviour"]]
        remarks += ["bankrupt"] if player["bankrupt"] else []
        radius = max(across[name] / 2, 4.0 if player["bankrupt"] else 0.0)
        lines = textwrap.wrap(name, 2 * _LABEL if turned else _LABEL)
        lines += [", ".join(remarks)] if turned and remarks else remarks
        text = axes.annotate(
            style.plain("\n".join(lines)),
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


def _clauses(run: Run, graph: nx.DiGraph[str], round_number: int) -> tuple[str, str]:
    total = sum(edge_values(graph).values())
    amount = f"{style.short_number(total)} {run.unit('trades', 'value')}".strip()
    bankrupt = [name for name, fate in graph.nodes(data="bankrupt") if fate]
    moved = f"trade worth {amount}" if total > 0 else "no trade"
    fate = f"{len(bankrupt)} of {len(graph)} players bankrupt" if bankrupt else "nobody bankrupt"
    return f"Round {round_number}: {moved}", fate


def _explain_sizes(axes: Axes, graph: nx.DiGraph[str], across: Mapping[str, float], unit: str) -> None:
    title = style.plain(f"area: wealth after trade\n{unit}")
    axes.legend(handles=_wealth_samples(graph, across), title=title, loc="upper left", **_KEY)


def _explain_arrows(axes: Axes, graph: nx.DiGraph[str], unit: str) -> None:
    if not graph.number_of_edges():
        return
    scale = _arrow_scale(graph)
    samples = [_arrow_sample(graph, scale, value) for value in scale.samples()]
    kind = " (logarithmic)" if scale.logarithmic else ""
    title = style.plain(f"arrow: value of goods{kind}\n{unit}")
    axes.legend(handles=samples, title=title, loc="upper left", **_KEY)


def _explain_colours(axes: Axes, graph: nx.DiGraph[str]) -> None:
    handles = _status_samples(graph)
    axes.legend(handles=handles, loc="upper left", ncols=3, columnspacing=1.5, **(_KEY | {"handlelength": 1.2}))


def _arrow_sample(graph: nx.DiGraph[str], scale: StrengthScale, value: float) -> Line2D:
    strength = scale.strength(value)
    width = _arrow_width(graph, strength)
    return Line2D([], [], color=style.STRENGTH(strength), linewidth=width, label=style.short_number(value))


def _wealth_samples(graph: nx.DiGraph[str], across: Mapping[str, float]) -> list[Line2D]:
    """Return what node sizes mean: two round amounts of wealth, and nothing where that occurs."""
    wealth = node_wealth(graph)
    richest = max(wealth, key=lambda name: wealth[name])
    if wealth[richest] <= 0:
        return [_node_sample(_SMALLEST_NODE, "0")]
    # A larger circle would not fit a line of the legend.
    upper = wealth[richest] * min(1.0, (_LEGEND_NODE / across[richest]) ** 2)
    amounts = {style.round_number_below(upper), style.round_number_below(upper / 4)}
    amounts |= {0.0} if min(wealth.values()) < 0.01 * upper else set()
    sizes = {amount: across[richest] * math.sqrt(amount / wealth[richest]) for amount in sorted(amounts)}
    return [_node_sample(max(_SMALLEST_NODE, size), style.short_number(amount)) for amount, size in sizes.items()]


def _node_sample(across: float, label: str, colour: str = "none", marker: str = "o") -> Line2D:
    return Line2D([], [], ls="", marker=marker, ms=across, mfc=colour, mec=style.INK, mew=0.6, label=label)


def _status_samples(graph: nx.DiGraph[str]) -> list[Line2D]:
    """Return the colours of the nodes in words."""
    seen = {_colour(bankrupt=player["bankrupt"], behaviour=player["behaviour"]) for _, player in graph.nodes(data=True)}
    words = {style.SKY: ("obedient", "o"), style.ORANGE: ("not obedient", "o"), style.VERMILION: ("bankrupt", "X")}
    return [_node_sample(7.0, word, colour, mark) for colour, (word, mark) in words.items() if colour in seen]


def trade_graph(run: Run, round_number: int, run_number: int = 0) -> nx.DiGraph[str]:
    """Return who gave goods to whom in a round.

    The numeraire is left out: it pays for the goods and flows against them. So are trades worth less than
    1e-9 of the economy's wealth in that round, which are rounding.

    Returns:
        A graph whose nodes are the players, with attributes ``wealth`` (numeraire), ``bankrupt`` and
        ``behaviour``, and whose edges run from giver to receiver, with attribute ``value`` (numeraire): what the
        goods are worth at the supporting price.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    players = rows_of_round(run, "players", round_number, run_number)
    columns = (players[name] for name in ("player", "wealth", "bankrupt", "behaviour"))
    for name, wealth, bankrupt, behaviour in zip(*columns, strict=True):
        graph.add_node(str(name), wealth=float(wealth), bankrupt=bool(bankrupt), behaviour=str(behaviour))
    trades = rows_of_round(run, "trades", round_number, run_number)
    trades = trades[trades["good"] != run.goods[-1]]
    worth = trades.groupby(["counterparty", "player"], observed=True)["value"].sum()
    large = worth[worth > NEGLIGIBLE * _wealth(run, round_number, run_number)].reset_index()
    for giver, receiver, value in zip(large["counterparty"], large["player"], large["value"], strict=True):
        graph.add_edge(str(giver), str(receiver), value=float(value))
    return graph


def edge_values(graph: nx.DiGraph[str]) -> dict[tuple[str, str], float]:
    """Return the value on each edge, by giver and receiver."""
    return {(giver, receiver): float(edge["value"]) for giver, receiver, edge in graph.edges(data=True)}


def node_wealth(graph: nx.DiGraph[str]) -> dict[str, float]:
    """Return the wealth of each player."""
    return {str(name): float(player["wealth"]) for name, player in graph.nodes(data=True)}


def _wealth(run: Run, round_number: int, run_number: int) -> float:
    """Return what all endowments are worth at the supporting price."""
    holdings = rows_of_round(run, "holdings", round_number, run_number)
    return float(np.dot(holdings["endowment"], holdings["supporting_price"]))
