"""The trade network shows who trades with whom, however uneven wealth and trades are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.colors import to_rgb

from marketgame import results
from marketgame.results.figures import trade_network
from marketgame.results.loading import Run
from marketgame.results.palette import player_looks
from tests.results.figure_contents import SIX, THIRTY, arrows, axes_of, nodes, points, rows, texts, words


@pytest.mark.parametrize("names", [("ann", "bob", "cem"), SIX, THIRTY])
def test_the_network_has_a_node_for_each_player_and_an_arrow_for_each_pair_that_trades_or_the_300_that_trade_most(
    played: Callable[..., Run], names: tuple[str, ...]
) -> None:
    run = played(names=names, rounds=2)
    trading: dict[str, float] = {}
    for row in rows(run, "trades"):
        if row["round"] == 1 and row["good"] != "money":
            pair = f"{row['counterparty']} to {row['player']}"
            trading[pair] = trading.get(pair, 0.0) + row["value"]
    figure = trade_network(run, 1)
    drawn = set(arrows(figure))
    assert set(nodes(figure)) == set(names)
    assert drawn <= set(trading)
    assert len(drawn) == min(len(trading), 300) > 0
    least = min(trading[pair] for pair in drawn)
    assert all(trading[pair] <= least * (1 + 1e-9) for pair in set(trading) - drawn)
    assert ("the 300 largest" in words(figure)) == (len(trading) > 300)


def test_arrows_point_at_who_receives_the_goods(played: Callable[..., Run]) -> None:
    figure = trade_network(played(), 0)
    places = {name: points(line)[0] for name, line in nodes(figure).items()}
    for name, arrow in arrows(figure).items():
        giver, receiver = name.split(" to ")
        # Matplotlib offers no public way to read where an arrow starts and ends.
        assert np.allclose(arrow._posA_posB, [places[giver], places[receiver]])  # type: ignore[attr-defined]  # private


def test_the_area_of_a_node_is_proportional_to_wealth(played: Callable[..., Run]) -> None:
    run = played(names=SIX)
    wealth = {row["player"]: row["wealth"] for row in rows(run, "players")}
    area = {name: line.get_markersize() ** 2 for name, line in nodes(trade_network(run, 0)).items()}
    ratios = [area[name] / wealth[name] for name in SIX]
    assert ratios == pytest.approx([ratios[0]] * 6)


def test_arrows_of_larger_value_are_wider_and_darker(played: Callable[..., Run]) -> None:
    run = played(names=SIX, goods=("wine", "bread", "money"), units=("litre", "loaf", "euro"))
    value: dict[str, float] = {}
    for row in rows(run, "trades"):
        if row["good"] != "money":
            pair = f"{row['counterparty']} to {row['player']}"
            value[pair] = value.get(pair, 0.0) + row["value"]
    drawn = arrows(trade_network(run, 0))
    order = sorted(value, key=lambda pair: value[pair])
    widths = [drawn[pair].get_linewidth() for pair in order]
    lightness = [sum(to_rgb(drawn[pair].get_edgecolor())) for pair in order]
    assert widths == sorted(widths)
    assert widths[-1] > widths[0]
    assert lightness == sorted(lightness, reverse=True)


def test_bankrupt_players_are_marked_by_shape_and_word(played: Callable[..., Run]) -> None:
    run = played(names=SIX, rounds=2, bankrupt={1: ["JPN", "FSU"]}, behaviours={"FSU": "short-selling"})
    figure = trade_network(run, 1)
    crosses = [line for line in axes_of(figure)[0].lines if line.get_marker() == "X"]
    places = [tuple(points(nodes(figure)[name])[0]) for name in ("JPN", "FSU")]
    assert [tuple(points(line)[0]) for line in crosses] == places
    assert [line.get_markerfacecolor() for line in crosses] == [
        player_looks(SIX)[name].colour for name in ("JPN", "FSU")
    ]
    labels = {text.get_text() for text in texts(figure)}
    assert {"JPN\nbankrupt", "FSU\nshort-selling\nbankrupt", "USA"} <= labels
    assert "2 of 6 players bankrupt" in words(figure)
    assert "X" not in {line.get_marker() for line in axes_of(trade_network(run, 0))[0].lines}


def test_who_left_with_a_mediator_is_a_square_and_says_with_whom(played: Callable[..., Run]) -> None:
    run = played(names=SIX)
    path = run.folder / "players.parquet"
    table = pq.read_table(path)
    with_whom = ["rival" if name == "EEC" else "established" for name in table["player"].to_pylist()]
    pq.write_table(table.append_column("mediator", pa.array(with_whom)), path)
    figure = trade_network(results.load(run.folder), 0)
    assert [name for name, line in nodes(figure).items() if line.get_marker() == "s"] == ["EEC"]
    assert "EEC\nleft with rival" in {text.get_text() for text in texts(figure)}


def test_orders_a_million_times_the_others_leave_the_others_visible(played: Callable[..., Run]) -> None:
    run = played(names=SIX, short_seller="FSU", behaviours={"FSU": "short-selling"})
    drawn = arrows(trade_network(run, 0))
    huge = [arrow.get_linewidth() for pair, arrow in drawn.items() if pair.startswith("FSU")]
    others = [arrow.get_linewidth() for pair, arrow in drawn.items() if not pair.startswith("FSU")]
    assert 1.5 < min(huge) / max(others) < 10
    assert min(others) >= 0.4
    assert "(logarithmic)" in words(trade_network(run, 0))


def test_a_round_without_trade_is_drawn_and_says_so(played: Callable[..., Run]) -> None:
    figure = trade_network(played(trades=False), 0)
    assert not arrows(figure)
    assert len(nodes(figure)) == 3
    assert words(figure).count("no trade") == 2


def test_one_player_with_all_the_wealth_leaves_the_others_visible(played: Callable[..., Run]) -> None:
    drawn = nodes(trade_network(played(names=SIX, richest="EEC"), 0))
    sizes = {name: line.get_markersize() for name, line in drawn.items()}
    assert sizes.pop("EEC") > 20
    assert set(sizes.values()) == {4.0}


def test_nobody_with_any_wealth_is_drawn(played: Callable[..., Run]) -> None:
    run = played(names=SIX, bankrupt={0: SIX[:-1]})
    path = run.folder / "players.parquet"
    table = pq.read_table(path)
    wealth = table.column_names.index("wealth")
    zero = table.column("wealth").combine_chunks().take([0] * len(SIX))
    pq.write_table(table.set_column(wealth, table.field("wealth"), zero), path)
    figure = trade_network(results.load(run.folder), 0)
    assert {line.get_markersize() for line in nodes(figure).values()} == {4.0}


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 10])
def test_labels_of_the_network_do_not_overlap(played: Callable[..., Run], count: int) -> None:
    names = [f"trader {number}" for number in range(count)]
    run = played(names=names, behaviours=dict.fromkeys(names, "best-responding"), bankrupt={0: names})
    figure = trade_network(run, 0)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes_of(figure)[0].texts if text.get_text() != "no trade"]
    assert len(boxes) == count
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
