"""Quotes are shown against the supporting price, and who departs from it is named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketgame.results.figures import quotes_against_supporting_price
from marketgame.results.loading import Run
from tests.results.figure_contents import SIX, THIRTY, axes_of, marks, points


def test_quotes_are_drawn_over_rounds_while_the_supporting_price_stays(played: Callable[..., Run]) -> None:
    run = played(
        names=SIX,
        rounds=5,
        behaviours={"JPN": "mispricing"},
        quote=lambda number, player, price: price - number if player == "JPN" else price,
    )
    (axes,) = axes_of(quotes_against_supporting_price(run, "wheat"))
    drawn = marks(axes)
    assert set(drawn) == {"supporting price", "5 obedient players", "JPN (mispricing)"}
    assert points(drawn["JPN (mispricing)"]).tolist() == [[t, 4.0 - t] for t in range(5)]
    assert points(drawn["5 obedient players"])[:, 1].tolist() == [4.0] * 5
    assert drawn["JPN (mispricing)"].get_marker() != drawn["5 obedient players"].get_marker()
    assert drawn["JPN (mispricing)"].get_color() != drawn["5 obedient players"].get_color()


def test_quotes_are_drawn_against_the_supporting_price_when_it_varies(played: Callable[..., Run]) -> None:
    run = played(
        names=SIX,
        rounds=30,
        price=lambda number: 3.0 + number % 3,
        quote=lambda _, player, price: 0.9 * price if player == "FSU" else price,
        behaviours={"FSU": "mispricing"},
    )
    figure = quotes_against_supporting_price(run, "wheat")
    (axes,) = axes_of(figure)
    assert points(marks(axes)["FSU (mispricing)"]).ravel() == pytest.approx([3, 2.7, 4, 3.6, 5, 4.5])
    assert points(marks(axes)["quote = supporting price"]).tolist() == [[3, 3], [5, 5]]
    assert figure.get_suptitle().replace("\n", " ") == "FSU departs from the supporting price, 30 rounds"


@pytest.mark.parametrize("price", [lambda _: 4.0, lambda number: 4.0 + number % 2])
def test_an_interval_of_supporting_prices_is_shaded(played: Callable[..., Run], price: Callable[[int], float]) -> None:
    figure = quotes_against_supporting_price(played(rounds=4, price=price, width=lambda _: 1.5), "wheat")
    (axes,) = axes_of(figure)
    (shade,) = [shade for shade in axes.collections if shade.get_label() == "supporting interval"]
    heights = np.concatenate([np.asarray(path.vertices)[:, 1] for path in shade.get_paths()])
    assert heights.min() == 2.5
    assert heights.max() == max(price(0), price(1))
    pointed = quotes_against_supporting_price(played(rounds=4, price=price), "wheat")
    assert not axes_of(pointed)[0].collections


def test_a_quote_inside_the_supporting_interval_is_no_deviation(played: Callable[..., Run]) -> None:
    inside = played(width=lambda _: 1.5, quote=lambda _, player, price: price - (player == "bob"))
    outside = played(width=lambda _: 1.5, quote=lambda _, player, price: price - 2 * (player == "bob"))
    said = [quotes_against_supporting_price(run, "wheat").get_suptitle() for run in (inside, outside)]
    assert said == ["Everybody quotes a supporting price, 1 round", "bob departs from the supporting price, 1 round"]


def test_players_who_do_not_deviate_in_quotes_are_told_with_how_they_behave(played: Callable[..., Run]) -> None:
    run = played(names=SIX, behaviours={"FSU": "short-selling"})
    (axes,) = axes_of(quotes_against_supporting_price(run, "wheat"))
    assert "5 obedient players, FSU (short-selling)" in marks(axes)


def test_many_deviating_players_share_the_last_mark_and_the_farthest_keep_their_own(
    played: Callable[..., Run],
) -> None:
    run = played(
        names=THIRTY,
        rounds=3,
        behaviours=dict.fromkeys(THIRTY, "noisy"),
        quote=lambda _, player, price: price * (1 + float(player.split()[1]) / 10),
    )
    (axes,) = axes_of(quotes_against_supporting_price(run, "wheat"))
    named = [f"player {number} (noisy)" for number in (29, 28, 27, 26)]
    assert list(marks(axes)) == ["supporting price", "player 0 (noisy)", *named, "25 others (noisy)"]


def test_thousands_of_rounds_are_thinned_and_the_axis_says_so(played: Callable[..., Run]) -> None:
    (axes,) = axes_of(quotes_against_supporting_price(played(rounds=1000), "wheat"))
    assert 30 <= len(points(marks(axes)["3 obedient players"])) <= 60
    assert axes.get_xlabel() == "round (one in 17 shown)"


@pytest.mark.parametrize(("wild", "scale"), [(1e6, "log"), (-1e6, "linear"), (1.1, "linear")])
def test_wild_quotes_do_not_hide_the_supporting_price(played: Callable[..., Run], wild: float, scale: str) -> None:
    run = played(rounds=2, quote=lambda _, player, price: wild if player == "bob" else price)
    (axes,) = axes_of(quotes_against_supporting_price(run, "wheat"))
    assert axes.get_yscale() == scale


@pytest.mark.parametrize("good", ["money", "whaet"])
def test_quotes_of_the_numeraire_or_an_unknown_good_are_refused(played: Callable[..., Run], good: str) -> None:
    with pytest.raises(ValueError, match=f"quotes are of one of wheat; '{good}' is not among them"):
        quotes_against_supporting_price(played(), good)
