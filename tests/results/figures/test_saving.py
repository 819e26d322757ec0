"""All figures: nothing cut off, units on every axis, equal files for equal runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from marketgame.results.figures import (
    FigureFormat,
    save_figure,
    save_figures,
    standard_figures,
    trade_network,
    welfare_over_rounds,
    who_ends_with_what,
)
from marketgame.results.loading import Run
from marketgame.results.palette import PALETTE
from tests.results.figure_contents import LONG_UNITS, SIX, THIRTY, axes_of, inside, texts, words

PLAYS: dict[str, dict[str, Any]] = {
    "long units": {"names": SIX, "units": LONG_UNITS, "rounds": 50, "price": lambda number: 100.0 + number % 7},
    "long names": {
        "names": [f"the former republic of number {number}" for number in range(4)],
        "behaviours": {"the former republic of number 1": "best-responding"},
        "bankrupt": {0: ["the former republic of number 1"]},
    },
    "many": {
        "names": THIRTY,
        "rounds": 3,
        "behaviours": {"player 3": "noisy", "player 17": "short-selling"},
        "bankrupt": {0: ["player 17"]},
        "short_seller": "player 17",
    },
    "dollars": {"names": ("$a", "b$", "$c$"), "goods": ("$x$_1", "money$"), "units": ("$^2$", "US$")},
}


@pytest.mark.parametrize("features", PLAYS.values(), ids=PLAYS.keys())
def test_no_text_is_cut_off(played: Callable[..., Run], features: dict[str, Any]) -> None:
    for figure in standard_figures(played(**features)).values():
        figure.draw_without_rendering()
        page = figure.bbox.padded(1)
        drawn = [axis for axes in axes_of(figure) if axes.axison for axis in (axes.xaxis, axes.yaxis)]
        # Tick labels beyond the limits exist but are not drawn; the box of their axis leaves them out.
        ticks = {label for axis in drawn for label in axis.get_ticklabels(which="both")}
        boxes = {text.get_text(): text.get_window_extent() for text in texts(figure) if text not in ticks}
        boxes |= {str(axis): box for axis in drawn if (box := axis.get_tightbbox())}
        outside = {name for name, box in boxes.items() if not inside(box, page)}
        assert outside == set()


@pytest.mark.parametrize("features", PLAYS.values(), ids=PLAYS.keys())
def test_titles_stand_clear_of_what_they_head(played: Callable[..., Run], features: dict[str, Any]) -> None:
    for figure in standard_figures(played(**features)).values():
        figure.draw_without_rendering()
        (title,) = [text for text in texts(figure) if text.get_text() == figure.get_suptitle()]
        heading = title.get_window_extent()
        headed = [axes.get_window_extent() for axes in axes_of(figure) if axes.axison]
        headed += [text.get_window_extent() for axes in axes_of(figure) for text in axes.texts]
        assert headed
        assert not any(heading.overlaps(box) for box in headed)


def test_every_axis_that_measures_carries_its_unit(played: Callable[..., Run]) -> None:
    figures = standard_figures(played(rounds=4, price=lambda number: 3.0 + number))
    assert axes_of(figures["welfare"])[0].get_ylabel() == "gains over autarky (euro)"
    assert axes_of(figures["quotes-wheat"])[0].get_ylabel() == "quote of wheat (euro per tonne)"
    assert axes_of(figures["quotes-wheat"])[0].get_xlabel() == "supporting price (euro per tonne)"
    network = words(figures["trade-network"])
    assert "area: wealth after trade\neuro" in network
    assert "arrow: value of goods\neuro" in network
    assert re.search(r"wheat: [\d.]+ tonne", words(figures["who-ends-with-what"]))


def test_names_with_dollar_signs_are_printed_as_they_stand(played: Callable[..., Run], tmp_path: Path) -> None:
    run = played(**PLAYS["dollars"])
    figures = standard_figures(run)
    assert r"quote of \$x\$_1 (US\$ per \$^2\$)" in words(figures["quotes-x-_1"])
    assert all(path.exists() for path in save_figures(run, tmp_path, [FigureFormat.PNG]))


def test_standard_figures_show_every_good_and_the_telling_round(played: Callable[..., Run]) -> None:
    run = played(rounds=4, bankrupt={2: ["ann"]}, goods=("Red wine", "bread", "money"), units=("l", "loaf", "euro"))
    figures = standard_figures(run)
    names = ["welfare", "trade-network", "bankruptcies", "who-ends-with-what", "quotes-red-wine", "quotes-bread"]
    assert list(figures) == names
    assert "Round 2" in figures["trade-network"].get_suptitle()
    assert "Round 3" in standard_figures(run, 3)["who-ends-with-what"].get_suptitle()


def test_a_round_that_was_not_played_is_refused(played: Callable[..., Run]) -> None:
    run = played(rounds=3)
    for draw in (trade_network, who_ends_with_what):
        with pytest.raises(ValueError, match=r"run 0 in .*run has no round 3; it played 0 to 2"):
            draw(run, 3)


def test_saving_writes_each_figure_in_each_format(played: Callable[..., Run], tmp_path: Path) -> None:
    run = played()
    paths = save_figures(run, tmp_path / "new" / "figures", tuple(FigureFormat))
    names = ("welfare", "trade-network", "who-ends-with-what", "quotes-wheat")
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in names for kind in ("png", "pdf", "svg")]
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert all(path.read_bytes().startswith(starts[path.suffix]) for path in paths)
    drawn = (tmp_path / "new" / "figures" / "who-ends-with-what.svg").read_text(encoding="utf-8")
    assert ">share of the aggregate endowment</text>" in drawn
    assert "sans-serif" in drawn


def test_saving_the_largest_network_keeps_it_small_and_its_colours_apart(
    played: Callable[..., Run], tmp_path: Path
) -> None:
    path = save_figure(trade_network(played(**PLAYS["many"]), 0), tmp_path / "network.png")
    assert path.stat().st_size < 300_000
    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
        counted = image.convert("RGB").getcolors(maxcolors=256)
    assert counted is not None
    drawn = np.array([colour for _, colour in counted])
    for colour in PALETTE:
        wanted = np.array(mpl.colors.to_rgb(colour)) * 255
        assert np.abs(drawn - wanted).max(axis=1).min() <= 12


@pytest.mark.parametrize("kind", FigureFormat)
def test_equal_runs_give_equal_files(played: Callable[..., Run], tmp_path: Path, kind: FigureFormat) -> None:
    run = played()
    first = save_figure(trade_network(run, 0), tmp_path / f"a.{kind}")
    second = save_figure(trade_network(run, 0), tmp_path / f"b.{kind}")
    assert first.read_bytes() == second.read_bytes()


def test_the_style_of_the_caller_neither_shows_nor_changes(played: Callable[..., Run], tmp_path: Path) -> None:
    run = played()
    usual = save_figure(welfare_over_rounds(run), tmp_path / "a.png").read_bytes()
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black", "lines.linewidth": 9, "xtick.color": "red"}):
        before = dict(mpl.rcParams)
        figure = welfare_over_rounds(run)
        assert save_figure(figure, tmp_path / "b.png").read_bytes() == usual
        assert dict(mpl.rcParams) == before


def test_an_unknown_format_is_refused(played: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'bmp' is not a valid FigureFormat"):
        save_figure(welfare_over_rounds(played()), tmp_path / "a.bmp")


@pytest.mark.parametrize("kind", FigureFormat)
def test_a_figure_replaces_a_link_and_not_what_it_leads_to(kind: FigureFormat, tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / f"figure.{kind}"
    precious.write_text("mine")
    link.symlink_to(precious)
    save_figure(Figure(), link)
    assert precious.read_text() == "mine"
    assert not link.is_symlink()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [link.name, "precious"]
