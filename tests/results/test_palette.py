"""Colours are told apart by every reader and printer, each player keeps its own, and no figure has one of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import is_color_like, to_hex
from numpy.typing import NDArray

from marketgame.results import palette
from marketgame.results.figures import network_of_links, trade_network
from marketgame.results.figures.bankruptcies import bankruptcies_by_player
from marketgame.results.figures.style import NORMAL, SMALL
from marketgame.results.loading import Run
from tests.results.figure_contents import SIX, nodes

HOME = Path(__file__).parents[2]
DRAWING = [
    *(HOME / "results/figures").glob("*.py"),
    *(HOME / "results/report").glob("*.py"),
    *(HOME / "experiments/studies").rglob("*.py"),
]
# Of what is drawn by scripts, these are edges and letters; hues come from the palette.
SCRIPTS = [HOME / "results/report/page.js", *(HOME / "experiments/app/static").glob("*.js")]

# Machado, Oliveira and Fernandes (2009), complete deficiency, on linear RGB.
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "none": np.eye(3),
}


def lab(colour: str, deficiency: str = "none") -> NDArray[np.float64]:
    """Return CIELAB coordinates of a colour as a reader sees it."""
    encoded = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(DEFICIENCIES[deficiency]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    relative = to_xyz @ seen / [0.9505, 1.0, 1.089]
    root = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_are_told_apart_by_readers_with_any_colour_deficiency(deficiency: str) -> None:
    seen = [lab(colour, deficiency) for colour in palette.PALETTE]
    # A difference of 2 is just seen side by side, one of 10 at a glance.
    assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > 20


def test_colours_are_told_apart_on_paper_without_colours() -> None:
    lightness = sorted(lab(colour)[0] for colour in palette.PALETTE)
    assert float(np.diff(lightness).min()) > 8
    # The lightest is seen on white, and ink on whatever is written upon.
    assert lightness[-1] < 90
    for colour in palette.PALETTE:
        assert abs(lab(colour)[0] - lab(palette.ink_on(colour))[0]) > 35


@pytest.mark.parametrize("steps", [palette.STRENGTH_STEPS, palette.FLOW_STEPS, palette.PROFIT_STEPS])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_ranges_grow_darker_for_every_reader(steps: tuple[str, ...], deficiency: str) -> None:
    assert float(np.diff([lab(step, deficiency)[0] for step in steps]).max()) < -15


def test_forty_players_look_different_by_colour_and_half_and_fifty_six_by_colour_and_marker() -> None:
    looks = [palette.player_look(place) for place in range(56)]
    assert len({(look.colour, look.half) for look in looks[:40]}) == 40
    assert len({(look.colour, look.hatch) for look in looks[:40]}) == 40
    assert len({(look.colour, look.marker) for look in looks}) == 56
    assert [look.half for look in looks[: len(palette.PALETTE)]] == ["full"] * len(palette.PALETTE)
    assert palette.BANKRUPT_HATCH not in {look.hatch for look in looks}


def test_a_player_has_its_colour_in_every_run_whatever_it_does(played: Callable[..., Run]) -> None:
    own = {name: look.colour for name, look in palette.player_looks(SIX).items()}
    run = played(names=SIX, bankrupt={0: ["JPN"]})
    figures = [trade_network(run, 0)]
    rows = [np.asarray(image.get_array())[0, 0, :3] for image in bankruptcies_by_player(run).axes[0].images]
    assert [to_hex(tuple(row)).upper() for row in rows[: len(SIX)]] == list(own.values())
    run = played(names=SIX, behaviours={"FSU": "noisy"}, links=list(combinations(SIX, 2))[:9])
    for figure in (*figures, trade_network(run, 0), network_of_links(run)):
        assert {name: node.get_markerfacecolor() for name, node in nodes(figure).items()} == own


def literals(path: Path) -> Iterator[str]:
    """Yield the colours written out in a module; none, numbers and letters, which name other things, are not meant."""
    other = re.compile(r" *[0-9.]+ *|[a-z]|none")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, str) and is_color_like(value) and not other.fullmatch(value.lower()):
            yield f"{path.name}: {value}"


def test_no_module_that_draws_has_a_colour_of_its_own() -> None:
    assert len(DRAWING) > 40
    assert [found for path in DRAWING for found in literals(path)] == []


def test_no_module_that_draws_has_letters_of_a_size_of_its_own() -> None:
    """Sizes are those of the style, of which none is below seven points."""
    assert min(SMALL, NORMAL) >= 7
    for path in DRAWING:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in {"fontsize", "labelsize", "size"}:
                said = ast.unparse(node.value)
                assert said.rpartition(".")[2] in {"SMALL", "NORMAL"}, f"{path.name}: {node.arg}={said}"


def test_scripts_have_no_hue_but_those_of_the_palette() -> None:
    found = {code.lower() for path in SCRIPTS for code in re.findall(r'"(#[0-9a-fA-F]{3,6})"', path.read_text("utf-8"))}
    assert found
    hues = {code for code in map(to_hex, found) if np.ptp(np.array(mpl.colors.to_rgb(code))) > 0.1}
    assert hues <= {colour.lower() for colour in palette.PALETTE}
