"""Welfare is shown as gains over autarky, for one round or thousands."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from marketgame.results.figures import welfare_over_rounds
from marketgame.results.figures.welfare import rolling_window
from marketgame.results.loading import Run
from tests.results.figure_contents import axes_of, bars, marks, points


def wavy(number: int) -> tuple[float, float, float]:
    return 1e6 + 7 + math.sin(number), 1e6 + 10 + math.cos(number), 1e6


@pytest.mark.parametrize("count", [1, 2, 40])
def test_gains_of_every_round_are_shown_when_rounds_are_few(played: Callable[..., Run], count: int) -> None:
    bankrupt = {0: ["ann"], count - 1: ["ann", "bob"]}
    figure = welfare_over_rounds(played(rounds=count, welfare=wavy, bankrupt=bankrupt))
    above, below = axes_of(figure)
    wave = np.array([wavy(number) for number in range(count)]) - 1e6
    assert points(marks(above)["played"])[:, 0].tolist() == list(range(count))
    assert marks(above)["played"].get_ydata() == pytest.approx(wave[:, 0])
    assert marks(above)["first best"].get_ydata() == pytest.approx(wave[:, 1])
    assert set(points(marks(above)["autarky"])[:, 1].tolist()) == {0.0}
    heights = [bar.get_height() for bar in bars(below)]
    assert heights == [len(bankrupt.get(number, ())) for number in range(count)]
    assert [bar.get_x() + bar.get_width() / 2 for bar in bars(below)] == pytest.approx(range(count))


@pytest.mark.parametrize("count", [41, 500, 2000])
def test_many_rounds_are_shown_as_rolling_means(played: Callable[..., Run], count: int) -> None:
    run = played(rounds=count, welfare=wavy, bankrupt={number: ["ann"] for number in range(0, count, 3)})
    above, below = axes_of(welfare_over_rounds(run))
    window = rolling_window(count)
    half = window // 2
    played_gains = np.array([wavy(number)[0] for number in range(count)]) - 1e6
    means = [played_gains[max(0, t - half) : t + half + 1].mean() for t in range(count)]
    assert window % 2 == 1
    assert 1 < window <= count / 30 + 3
    assert marks(above)["played"].get_ydata() == pytest.approx(np.array(means), abs=1e-6)
    assert any(line.get_marker() == "." and len(points(line)) == count for line in above.lines)
    total = sum(bar.get_height() * min(window, count - window * k) for k, bar in enumerate(bars(below)))
    assert total == pytest.approx(len(range(0, count, 3)))
    assert len(below.patches) <= 80


def test_losses_far_below_the_gains_bend_the_axis(played: Callable[..., Run]) -> None:
    shallow = welfare_over_rounds(played(rounds=3, welfare=lambda t: (100.0 - t, 110.0, 100.0)))
    deep = welfare_over_rounds(played(rounds=3, welfare=lambda t: (100.0 - 1e5 * t, 110.0, 100.0)))
    assert axes_of(shallow)[0].get_yscale() == "linear"
    assert axes_of(deep)[0].get_yscale() == "symlog"
    assert "logarithmic" in axes_of(deep)[0].get_ylabel()


@pytest.mark.parametrize(
    ("welfare", "said"),
    [
        ((110.0, 110.0, 100.0), "Play attains the first best"),
        ((107.5, 110.0, 100.0), "Play realises 75.0% of the first-best gains"),
        ((97.5, 110.0, 100.0), "Play realises −25.0% of the first-best gains"),
        ((-480.0, 110.0, 100.0), "Play realises −5,800% of the first-best gains"),
        ((100.0, 100.0, 100.0), "There is nothing to gain from trade"),
    ],
)
def test_the_title_says_what_play_attains(
    played: Callable[..., Run], welfare: tuple[float, float, float], said: str
) -> None:
    figure = welfare_over_rounds(played(rounds=2, welfare=lambda _: welfare, bankrupt={1: ["ann"]}))
    assert figure.get_suptitle().replace("\n", " ") == f"{said}, 1 bankruptcy in 2 rounds"
