"""``marketgame core --figure``: the core in the plane of two payoffs."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame.experiments.blocking.core_picture import core_picture, plane_of
from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.core.projection import PayoffAxis
from marketgame.mechanisms.core.search import USUAL_VARIANT
from tests.experiments.command_calls import GAMES, Call
from tests.results.figure_contents import axes_of, points


def test_the_payoffs_are_those_of_two_types_where_a_player_has_them() -> None:
    seller = load_game(GAMES / "myerson-example-1.toml").game
    assert {axis.player for axis in plane_of(seller, None)} == {0}
    majority = load_game(GAMES / "majority-1.5.toml").game
    assert plane_of(majority, None) == (PayoffAxis(0, 0), PayoffAxis(1, 0))


def test_what_a_majority_divides_is_divided_equally_or_not_at_all() -> None:
    # Three players of whom any two get 1: at 1.5 in all the core is the point at which each has a half.
    found = load_game(GAMES / "majority-1.5.toml")
    figure = core_picture(found, plane_of(found.game, None), USUAL_VARIANT, {})
    assert figure is not None
    (vertices,) = [line for line in axes_of(figure)[0].lines if line.get_gid() == "vertices"]
    assert points(vertices).ravel() == pytest.approx([0.5, 0.5])
    assert axes_of(figure)[0].get_xlim()[1] - axes_of(figure)[0].get_xlim()[0] > 0.01
    less = load_game(GAMES / "majority-1.4.toml")
    assert core_picture(less, plane_of(less.game, None), USUAL_VARIANT, {}) is None


def test_the_command_writes_the_file_and_refuses_what_is_no_picture(marketgame: Call, tmp_path: Path) -> None:
    answer = marketgame("core", GAMES / "majority-1.5.toml", "--figure", "core.svg")
    assert answer.code == 0
    assert "<svg" in (tmp_path / "core.svg").read_text(encoding="utf-8")
    for words, said in (
        (("--figure", "core.gif"), "--figure is 'core.gif'; it must end in .png, .pdf, .svg"),
        (("--figure", "core.svg", "--plane", "ann/only,ann/only"), "it must be two payoffs"),
        (("--figure", "core.svg", "--plane", "ann/only,bob/other"), "'bob/other' is no payoff"),
        (("--plane", "ann/only,bob/only"), "name its file with --figure"),
        (("--figure", "core.svg", "--mark", GAMES / "myerson-example-1.toml"), "which is another game"),
    ):
        refused = marketgame("core", GAMES / "majority-1.5.toml", *words)
        assert refused.code == 2
        assert said in refused.err
