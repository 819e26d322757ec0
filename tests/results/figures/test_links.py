"""The figure of a network shows every link and no other, on a ring or, where that would be crowded, in a square."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import PathPatch
from numpy.typing import NDArray

from marketgame.results.figures import network_of_links, trade_network
from marketgame.results.loading import Run
from marketgame.results.palette import THICK, THIN, player_looks
from tests.results.figure_contents import SIX, THIRTY, axes_of, nodes, points, words

# Everybody knows the first, and its next neighbour.
STAR = [*combinations(SIX, 2)][:6]
MANY = tuple(f"player {number}" for number in range(620))


def pairs_within(links: list[tuple[str, str]], names: tuple[str, ...]) -> set[frozenset[str]]:
    assert all(one in names and other in names for one, other in links)
    return set(map(frozenset, links))


def lines_on_ring(figure: Figure) -> set[frozenset[str]]:
    """Return between which players a line runs, found by where it begins and ends."""
    places = {name: points(line)[0] for name, line in nodes(figure).items()}
    found = set()
    for line in figure.findobj(PathPatch):
        if line.get_gid():
            ends = np.asarray(line.get_path().vertices)[[0, -1]]
            found.add(frozenset(name for name, place in places.items() if np.isclose(ends, place).all(axis=1).any()))
    return found


def square(figure: Figure) -> NDArray[np.float64]:
    (image,) = [image for image in figure.findobj(AxesImage) if image.get_gid() == "links"]
    shown = image.get_array()
    assert shown is not None
    return np.ma.filled(shown, 0.0)


def test_a_line_runs_between_two_who_are_linked_and_nobody_else(played: Callable[..., Run]) -> None:
    ring = [*pairwise(THIRTY), (THIRTY[0], THIRTY[17])]
    for names, links in ((SIX, STAR), (SIX[:2], [SIX[:2]]), (THIRTY, ring)):
        figure = network_of_links(played(names=names, links=links))
        assert lines_on_ring(figure) == pairs_within(links, names)
        assert set(nodes(figure)) == set(names)


def test_players_stand_in_the_figure_of_links_in_the_order_and_colours_in_which_they_trade(
    played: Callable[..., Run],
) -> None:
    run = played(names=SIX, links=STAR, behaviours={"FSU": "short-selling"})
    here, there = nodes(network_of_links(run)), nodes(trade_network(run, 0))
    assert list(here) == list(there) == list(SIX)
    for name in SIX:
        np.testing.assert_array_equal(points(here[name]), points(there[name]))
        assert here[name].get_markerfacecolor() == there[name].get_markerfacecolor()
        assert here[name].get_markerfacecolor() == player_looks(SIX)[name].colour
    assert (here["FSU"].get_markeredgewidth(), here["USA"].get_markeredgewidth()) == (THICK, THIN)


def test_a_crowded_network_is_a_square_with_a_dark_cell_for_each_link(played: Callable[..., Run]) -> None:
    links = [pair for number, pair in enumerate(combinations(THIRTY, 2)) if number % 3]
    figure = network_of_links(played(names=THIRTY, links=links, behaviours={THIRTY[4]: "noisy"}))
    assert not lines_on_ring(figure)
    dark = square(figure)
    found = {frozenset((THIRTY[one], THIRTY[other])) for one, other in np.argwhere(dark)}
    assert found == pairs_within(links, THIRTY)
    np.testing.assert_array_equal(dark, dark.T)
    (players,) = [each for each in axes_of(figure)[0].collections if each.get_gid() == "players"]
    colours = {name: tuple(colour) for name, colour in zip(THIRTY, np.asarray(players.get_facecolor()), strict=True)}
    assert colours == {name: to_rgba(look.colour) for name, look in player_looks(THIRTY).items()}
    widths = np.asarray(players.get_linewidth())
    assert [name for name, width in zip(THIRTY, widths, strict=True) if width > widths.min()] == [THIRTY[4]]
    assert set(THIRTY) <= {text.get_text() for text in axes_of(figure)[0].get_yticklabels()}


def test_a_cell_that_several_players_share_is_as_dark_as_the_share_of_their_pairs_that_is_linked(
    played: Callable[..., Run],
) -> None:
    # Three share a cell: of the first three all pairs are linked, and one of the nine between the first and the last.
    links = [*combinations(MANY[:3], 2), (MANY[2], MANY[-1])]
    figure = network_of_links(played(names=MANY, links=links, trades=False))
    shares = square(figure)
    assert {(int(row), int(column)) for row, column in np.argwhere(shares)} == {(0, 0), (0, 206), (206, 0)}
    assert shares[0, 0] == 1
    # The last cell has only two players.
    assert shares[0, 206] == pytest.approx(1 / 6)
    assert "cells of 3 by 3 players, darkest where all of the pairs are linked" in words(figure)


def test_the_title_counts_links_and_neighbours_and_says_what_they_limit(played: Callable[..., Run]) -> None:
    said = words(network_of_links(played(names=SIX, links=STAR[:5]))).replace("\n", " ")
    assert "5 links among 6 players, 1 to 5 neighbours each, they limit collusion and imitation" in said


def test_where_nobody_is_linked_there_is_nothing_to_draw(played: Callable[..., Run]) -> None:
    run = played(links=[("ann", "bob")])
    empty = Run(run.folder, run.manifest, dict(run.tables) | {"links": run.links.iloc[:0]})
    with pytest.raises(ValueError, match="nobody is linked in run 0"):
        network_of_links(empty)
