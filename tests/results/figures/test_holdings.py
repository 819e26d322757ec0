"""Shares before and after a round are those of the table of holdings."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from marketgame import results
from marketgame.results.figures import who_ends_with_what
from marketgame.results.loading import Run
from tests.results.figure_contents import SIX, THIRTY, axes_of, rows, words


def bars(figure: Figure) -> list[tuple[float, str, float, str]]:
    (axes,) = axes_of(figure)
    return [
        (bar.get_y() + bar.get_height() / 2, name, bar.get_width(), bar.get_hatch() or "")
        for bar in axes.patches
        if isinstance(bar, Rectangle) and (name := bar.get_gid())
    ]


def test_bars_divide_each_good_as_the_table_does(played: Callable[..., Run]) -> None:
    run = played(names=SIX, rounds=2)
    held = [row for row in rows(run, "holdings") if row["round"] == 1]
    places = sorted({height for height, *_ in bars(who_ends_with_what(run, 1))})
    wanted = [("wheat", "endowment"), ("wheat", "consumption"), ("money", "endowment"), ("money", "consumption")]
    for place, (good, column) in zip(places, wanted, strict=True):
        supply = sum(row["endowment"] for row in held if row["good"] == good)
        shares = {row["player"]: row[column] / supply for row in held if row["good"] == good}
        drawn = {name: width for height, name, width, _ in bars(who_ends_with_what(run, 1)) if height == place}
        assert drawn == pytest.approx(shares)


def test_bankrupt_players_are_hatched_and_named_so(played: Callable[..., Run]) -> None:
    run = played(names=SIX, bankrupt={0: ["EET"]}, behaviours={"EET": "arbitraging"})
    figure = who_ends_with_what(run, 0)
    hatched = {name for _, name, _, hatch in bars(figure) if hatch}
    assert hatched == {"EET"}
    assert "EET (arbitraging, bankrupt)" in words(figure)


def test_one_player_with_everything_is_said_in_the_title(played: Callable[..., Run]) -> None:
    figure = who_ends_with_what(played(names=SIX, richest="FSU", behaviours={"FSU": "short-selling"}), 0)
    assert figure.get_suptitle().replace("\n", " ") == "Round 0 leaves FSU with all the wheat and money"


def test_what_nobody_consumes_is_shown_as_wasted(played: Callable[..., Run]) -> None:
    run = played(names=SIX)
    path = run.folder / "holdings.parquet"
    table = pq.read_table(path)
    consumption = table.column_names.index("consumption")
    half = [value / 2 for value in table["consumption"].to_pylist()]
    pq.write_table(table.set_column(consumption, table.field("consumption"), [half]), path)
    figure = who_ends_with_what(results.load(run.folder), 0)
    wasted = [width for _, name, width, _ in bars(figure) if name == "nobody (wasted)"]
    assert wasted == pytest.approx([0.5, 0.5])
    assert "50% of the wheat and 50% of the money wasted" in figure.get_suptitle().replace("\n", " ")


def test_of_many_players_those_who_stand_out_are_named(played: Callable[..., Run]) -> None:
    run = played(names=THIRTY, behaviours={"player 7": "noisy"}, bankrupt={0: ["player 21"]})
    figure = who_ends_with_what(run, 0)
    names = {name for _, name, _, _ in bars(figure)}
    assert {"player 7", "player 21", "24 others"} <= names
    assert len(names) == 7
    totals: dict[float, float] = {}
    for height, _, width, _ in bars(figure):
        totals[height] = totals.get(height, 0.0) + width
    assert list(totals.values()) == pytest.approx([1.0] * 4)


def test_a_good_that_nobody_has_is_said_to_be_missing(played: Callable[..., Run]) -> None:
    run = played()
    path = run.folder / "holdings.parquet"
    table = pq.read_table(path)
    for column in ("endowment", "consumption"):
        values = [
            0.0 if good == "wheat" else value
            for good, value in zip(table["good"].to_pylist(), table[column].to_pylist(), strict=True)
        ]
        table = table.set_column(table.column_names.index(column), table.field(column), [values])
    pq.write_table(table, path)
    assert words(who_ends_with_what(results.load(run.folder), 0)).count("there is none") == 2
