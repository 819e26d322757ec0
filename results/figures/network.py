"""The trade network of a round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.figures.ring import (
    KEY,
    MANY,
    Trader,
    coalition_line,
    draw_labels,
    draw_nodes,
    explain_nodes,
    make_room,
    node_sample,
    ring_places,
)
from marketgame.results.figures.story import agreements, departures
from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_round

_LARGEST_NODE: Final = 30.0  # points across
_SMALLEST_NODE: Final = 4.0
_THINNEST: Final = 0.4  # points
_THICKEST: Final = 3.0
_FEW_ARROWS: Final = 20
_MOST_ARROWS: Final = 300  # more cannot be told apart, and the largest say most
_LEGEND_NODE: Final = 14.0  # points across
# Amounts further apart than this would leave the smaller ones invisible on a linear scale.
_LARGEST_LINEAR_RATIO: Final = 100.0


@style.in_house_style
def trade_network(run: Run, round_number: int, run_number: int = 0) -> Figure:
    """Draw who gave goods to whom in a round.

    Players stand on a ring in the economy's order, their area proportional to their wealth after trade. An arrow
    runs from giver to receiver, wider and darker the more the goods are worth at the supporting price; the
    numeraire, which flows the other way, is not drawn. Bankrupt players carry a cross, and players who do not follow
    the contract have a thick outline and say how they behave. Lines join those who agreed with each other, dotted if
    somebody broke that; who left with a blocking mediator is a square.
    """
    network = traded(run, round_number, run_number)
    many = len(network.players) > MANY
    figure = style.new_figure(
        *((style.WIDE, style.WIDE * 1.1) if many else (style.COLUMN_WIDTH, style.COLUMN_WIDTH * 1.25)), layout=None
    )
    style.put_title(figure, *_clauses(run, network, round_number))
    axes, sizes_key, arrows_key, nodes_key = _divide(figure)
    places = ring_places(network.players)
    across = _node_sizes(network, (95.0 if many else 60.0) * math.tau / len(network.players))
    labels = draw_labels(axes, network.players, places, across, turned=many)
    make_room(axes, places, across, labels)
    _draw_arrows(axes, network, places, across)
    draw_nodes(axes, network.players, places, across)
    unit = run.unit("players", "wealth")
    _explain_sizes(sizes_key, network, across, unit)
    _explain_arrows(arrows_key, network, unit)
    for members, broken in network.agreements.items():
        axes.add_artist(coalition_line(members, places, broken=broken))
    explain_nodes(nodes_key, network.players, agreed=bool(network.agreements))
    return figure


TRADE_NETWORK: Final = RunFigure(
    20,
    "trade-network",
    "who gave goods to whom in a round, who is rich, who is bankrupt",
    ("holdings",),
    lambda view: trade_network(view.run, view.round, view.number),
)


def _divide(figure: Figure) -> list[Axes]:
    """Return blank places: for the ring, for the keys to sizes and arrows below it, and to nodes below these."""
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


def _node_sizes(network: TradeNetwork, room: float) -> dict[str, float]:
    """Return how many points each node is across, its area proportional to wealth."""
    wealth = {player.name: max(0.0, player.wealth) for player in network.players}
    largest = max(wealth.values())
    widest = min(_LARGEST_NODE, 0.75 * room)
    return {
        name: max(_SMALLEST_NODE, widest * math.sqrt(value / largest)) if largest > 0 else _SMALLEST_NODE
        for name, value in wealth.items()
    }


def _draw_arrows(
    axes: Axes, network: TradeNetwork, places: Mapping[str, tuple[float, float]], across: Mapping[str, float]
) -> None:
    if not network.flows:
        why = "too many trades to list them all;\nnone of those listed is of goods" if network.worth else "no trade"
        axes.text(0, 0, why, ha="center", va="center", color=palette.INK)
        return
    scale = _arrow_scale(network)
    for (giver, receiver), value in sorted(network.flows.items(), key=lambda flow: flow[1])[-_MOST_ARROWS:]:
        strength = scale.strength(value)
        width = _arrow_width(network, strength)
        arrow = FancyArrowPatch(
            places[giver],
            places[receiver],
            arrowstyle="-|>,head_length=1,head_width=0.5",
            connectionstyle="arc3,rad=0.1",
            mutation_scale=2.5 + 2.2 * width,
            shrinkA=across[giver] / 2,
            shrinkB=across[receiver] / 2 + 0.5,
            linewidth=width,
            color=style.FLOWS(strength),
            zorder=1 + strength,
            joinstyle="miter",
        )
        arrow.set_gid(f"{giver} to {receiver}")
        axes.add_artist(arrow)


def _arrow_scale(network: TradeNetwork) -> StrengthScale:
    return StrengthScale.over(list(network.flows.values()))


def _arrow_width(network: TradeNetwork, strength: float) -> float:
    """Return points; the more arrows there are, the thinner, so that many do not run together."""
    thickest = _THICKEST * min(1.0, max(0.35, math.sqrt(_FEW_ARROWS / len(network.flows))))
    return _THINNEST + (thickest - _THINNEST) * strength


def _clauses(run: Run, network: TradeNetwork, round_number: int) -> tuple[str, str]:
    total = network.worth
    amount = f"{style.short_number(total)} {run.unit('trades', 'value')}".strip()
    bankrupt = sum(player.bankrupt for player in network.players)
    moved = f"trade worth {amount}" if total > 0 else "no trade"
    fate = f"{bankrupt} of {len(network.players)} players bankrupt" if bankrupt else "nobody bankrupt"
    return f"Round {round_number}: {moved}", fate


def _explain_sizes(axes: Axes, network: TradeNetwork, across: Mapping[str, float], unit: str) -> None:
    title = style.plain(f"area: wealth after trade\n{unit}")
    axes.legend(handles=_wealth_samples(network, across), title=title, loc="upper left", **KEY)


def _explain_arrows(axes: Axes, network: TradeNetwork, unit: str) -> None:
    if not network.flows:
        return
    scale = _arrow_scale(network)
    samples = [_arrow_sample(network, scale, value) for value in scale.samples()]
    kind = " (logarithmic)" if scale.logarithmic else ""
    kind += f", the {_MOST_ARROWS} largest" if len(network.flows) > _MOST_ARROWS else ""
    title = style.plain(f"arrow: value of goods{kind}\n{unit}")
    axes.legend(handles=samples, title=title, loc="upper left", **KEY)


def _arrow_sample(network: TradeNetwork, scale: StrengthScale, value: float) -> Line2D:
    strength = scale.strength(value)
    width = _arrow_width(network, strength)
    return Line2D([], [], color=style.FLOWS(strength), linewidth=width, label=style.short_number(value))


def _wealth_samples(network: TradeNetwork, across: Mapping[str, float]) -> list[Line2D]:
    """Return what node sizes mean: two round amounts of wealth, and nothing where that occurs."""
    wealth = {player.name: player.wealth for player in network.players}
    richest = max(wealth, key=lambda name: wealth[name])
    if wealth[richest] <= 0:
        return [node_sample(_SMALLEST_NODE, "0")]
    # A larger circle would not fit a line of the legend.
    upper = wealth[richest] * min(1.0, (_LEGEND_NODE / across[richest]) ** 2)
    amounts = {style.round_number_below(upper), style.round_number_below(upper / 4)}
    amounts |= {0.0} if min(wealth.values()) < 0.01 * upper else set()
    sizes = {amount: across[richest] * math.sqrt(amount / wealth[richest]) for amount in sorted(amounts)}
    return [node_sample(max(_SMALLEST_NODE, size), style.short_number(amount)) for amount, size in sizes.items()]


@dataclass(frozen=True)
class TradeNetwork:
    """Who gave goods to whom in a round.

    Attributes:
        players: in the economy's order.
        flows: what the goods are worth at the supporting price, numeraire, by giver and receiver.
        agreements: who agreed with whom, each in the economy's order, and whether somebody broke that.
        worth: what all goods given are worth, numeraire, those as well that are not listed trade by trade.
    """

    players: tuple[Trader, ...]
    flows: Mapping[tuple[str, str], float]
    agreements: Mapping[tuple[str, ...], bool]
    worth: float


def traded(run: Run, round_number: int, run_number: int = 0) -> TradeNetwork:
    """Return who gave goods to whom in a round.

    The numeraire is left out: it pays for the goods and flows against them. So are trades worth less than
    1e-9 of the economy's wealth in that round, which are rounding.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    rows = rows_of_round(run, "players", round_number, run_number)
    left = departures(rows)
    columns = (rows[name] for name in ("player", "wealth", "bankrupt", "behaviour"))
    players = tuple(
        Trader(str(name), float(wealth), bool(bankrupt), str(behaviour), left.get(str(name), ""))
        for name, wealth, bankrupt, behaviour in zip(*columns, strict=True)
    )
    colluding = "side_contracts" in run.tables
    tried = rows_of_round(run, "side_contracts", round_number, run_number) if colluding else None
    trades = rows_of_round(run, "trades", round_number, run_number)
    trades = trades[trades["good"] != run.goods[-1]]
    worth = trades.groupby(["counterparty", "player"], observed=True)["value"].sum()
    large = worth[worth > NEGLIGIBLE * _wealth(run, round_number, run_number)].reset_index()
    columns = (large[name] for name in ("counterparty", "player", "value"))
    flows = {(str(giver), str(receiver)): float(value) for giver, receiver, value in zip(*columns, strict=True)}
    together = agreements([player.name for player in players], tried)
    return TradeNetwork(players, MappingProxyType(flows), together, _worth(run, round_number, run_number, flows))


def _worth(run: Run, round_number: int, run_number: int, flows: Mapping[tuple[str, str], float]) -> float:
    """Return what all goods given are worth: of many players only the largest trades are listed one by one."""
    listed = sum(flows.values())
    if "trade_totals" not in run.tables or "trades" not in run.manifest:
        return listed
    totals = rows_of_round(run, "trade_totals", round_number, run_number)
    return float(totals.loc[totals["good"] != run.goods[-1], "value"].sum())


def _wealth(run: Run, round_number: int, run_number: int) -> float:
    """Return what all endowments are worth at the supporting price."""
    holdings = rows_of_round(run, "holdings", round_number, run_number)
    return float(np.dot(holdings["endowment"], holdings["supporting_price"]))


@dataclass(frozen=True)
class StrengthScale:
    """Maps positive amounts to [0, 1]: linear from zero, or logarithmic when they are far apart.

    Attributes:
        smallest: the smallest amount shown.
        largest: the largest amount shown.
        logarithmic: whether the amounts are too far apart for a linear scale.
    """

    smallest: float
    largest: float
    logarithmic: bool

    @classmethod
    def over(cls, amounts: Sequence[float]) -> Self:
        """Return the scale for these positive amounts, at least one."""
        # A fifth of the amounts may be lost from sight before the scale is bent.
        low = np.quantile(amounts, 0.2, method="lower")
        return cls(min(amounts), max(amounts), bool(max(amounts) > _LARGEST_LINEAR_RATIO * low))

    def strength(self, amount: float) -> float:
        """Return how strongly to mark an amount, from 0 to 1."""
        if not self.logarithmic:
            return amount / self.largest
        return float(np.log(amount / self.smallest) / np.log(self.largest / self.smallest))

    def samples(self) -> list[float]:
        """Return up to three round amounts within the scale, in increasing order."""
        if self.logarithmic:
            between = [self.smallest * (self.largest / self.smallest) ** share for share in (0.15, 0.5, 1.0)]
        else:
            between = [self.largest * share for share in (0.25, 0.5, 1.0)]
        return sorted({style.round_number_below(amount) for amount in between})
