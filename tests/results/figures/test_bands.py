"""Bands over seeds: what a line and its band show are the means of the runs of a point and their interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from marketgame.results.comparison import CONFIDENCE, interval, intervals
from marketgame.results.figures.bands import BANDS, bands_of_gains, bands_of_price, bands_over_rounds, span_length
from marketgame.results.figures.sweeps import SweepView
from marketgame.results.loading import Run
from tests.results.figure_contents import axes_of, points, texts, words

SEEDS, GOODS = 4, ("wheat", "money")


def sweep_of(gains: np.ndarray, failed: Sequence[int] = (), *, traded: bool = True) -> Run:
    """Return a sweep over a tax whose runs gain this much, ``(points, seeds, rounds)``; the first best is 10."""
    count, seeds, rounds = gains.shape
    runs = pd.DataFrame(
        {
            "run": np.arange(count * seeds),
            "point": np.repeat(np.arange(count), seeds),
            "seed": np.tile(np.arange(seeds), count),
            "rules.tax": np.repeat(np.arange(count) / 10, seeds),
        }
    )
    runs["status"] = ["raised" if run in failed else "done" for run in runs["run"]]
    where = {"run": np.repeat(runs["run"], rounds), "round": np.tile(np.arange(rounds), count * seeds)}
    each_round = pd.DataFrame(where | {"gains": gains.ravel(), "first_best_gains": 10.0})
    each_round.attrs = {"units": {"welfare": "numeraire"}}
    # A unit costs what is gained in a round, and is worth 5.
    quantity = np.where(gains.ravel() > 0, 2.0, 0.0)
    paid = {"quantity": quantity, "charged_to_players": quantity * gains.ravel(), "value": 5.0 * quantity}
    totals = pd.concat([pd.DataFrame(where | paid).assign(good=good) for good in GOODS])
    totals.attrs = {"units": {"value": "numeraire"}}
    tables = {"runs": runs, "points": runs[["point", "rules.tax"]].drop_duplicates(), "rounds": each_round}
    tables |= {"trade_totals": totals} if traded else {}
    units = dict(zip(GOODS, ("tonne", "euro"), strict=True))
    return Run(Path("sweep"), {"units": units}, MappingProxyType(tables))


def random_gains(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(1.0, 8.0, shape)


def drawn(figure: Figure, name: str) -> np.ndarray:
    (line,) = [line for axes in axes_of(figure) for line in axes.lines if line.get_gid() == name]
    return points(line)


def test_each_round_of_few_is_a_mean_over_seeds_with_its_interval() -> None:
    gains = random_gains(2, SEEDS, 12)
    sweep = sweep_of(gains)
    for point in range(2):
        band = bands_of_gains(sweep, point)
        np.testing.assert_allclose(band.rounds, np.arange(12))
        np.testing.assert_allclose(band.mean, gains[point].mean(axis=0))
        np.testing.assert_allclose(band.best, 10.0)
        expected = np.array([interval(gains[point, :, number], CONFIDENCE) for number in range(12)])
        # Both are bootstraps, of other draws.
        np.testing.assert_allclose(np.column_stack([band.low, band.high]), expected, atol=0.35)
        assert ((band.low < band.mean) & (band.mean < band.high)).all()
        assert (band.low >= gains[point].min(axis=0)).all()
        assert (band.high <= gains[point].max(axis=0)).all()
    figure = bands_over_rounds(SweepView(sweep, "mean_gains"))
    np.testing.assert_allclose(drawn(figure, "gains 1"), np.column_stack([np.arange(12), gains[1].mean(axis=0)]))
    filled = [part for part in axes_of(figure)[0].collections if isinstance(part, PolyCollection)]
    assert len(filled) == 2
    assert filled[0].get_paths()[0].get_extents().ymax == pytest.approx(bands_of_gains(sweep, 0).high.max())
    said = words(figure).replace("\n", " ")
    for part in ("mean over 4 seeds a point", "95% intervals of means over seeds", "tax = 0.1", "each round by itself"):
        assert part in said
    assert min(float(text.get_fontsize()) for text in texts(figure)) >= 7


@pytest.mark.parametrize("rounds", [61, 1000, 10_000])
def test_long_runs_are_means_of_equal_spans_of_rounds(rounds: int) -> None:
    gains = random_gains(1, SEEDS, rounds)
    length = span_length(rounds)
    band = bands_of_gains(sweep_of(gains, traded=False), 0)
    assert len(band.mean) <= 60
    starts = range(0, rounds, length)
    np.testing.assert_allclose(band.mean, [gains[0, :, at : at + length].mean() for at in starts])
    np.testing.assert_allclose(band.rounds, [np.arange(rounds)[at : at + length].mean() for at in starts])
    if rounds == 1000:
        figure = bands_over_rounds(SweepView(sweep_of(gains, traded=False), "mean_gains"))
        assert f"means of {length} rounds" in words(figure)
        assert len(axes_of(figure)) == 1


def test_a_price_is_what_is_charged_for_a_unit_where_any_is_traded() -> None:
    gains = random_gains(1, SEEDS, 5)
    gains[0, :, 2], gains[0, 1, 3] = 0.0, 0.0
    sweep = sweep_of(gains)
    band = bands_of_price(sweep, 0, "wheat")
    assert np.isnan(band.mean[2])
    known = np.where(gains[0] > 0, gains[0], np.nan)
    np.testing.assert_allclose(band.mean[[0, 1, 3, 4]], np.nanmean(known[:, [0, 1, 3, 4]], axis=0))
    np.testing.assert_allclose(band.best[[0, 1, 3, 4]], 5.0)
    figure = bands_over_rounds(SweepView(sweep, "mean_gains"))
    assert axes_of(figure)[1].get_ylabel().replace("\n", " ") == "paid for wheat (euro per tonne)"
    np.testing.assert_allclose(drawn(figure, "wheat 0")[:, 1], band.mean)
    np.testing.assert_allclose(drawn(figure, "supporting price")[[0, 1, 3, 4], 1], 5.0)


def test_runs_that_failed_count_for_nothing_and_of_many_points_the_extremes_are_shown() -> None:
    gains = random_gains(9, SEEDS, 3) / 100 + np.array([4, 2, 9, 1, 3, 8, 5, 7, 6])[:, None, None]
    sweep = sweep_of(gains, failed=[3 * SEEDS])
    assert bands_of_gains(sweep, 3).seeds == SEEDS - 1
    np.testing.assert_allclose(bands_of_gains(sweep, 3).mean, gains[3, 1:].mean(axis=0))
    figure = bands_over_rounds(SweepView(sweep, "mean_gains"))
    # By rank of what they gain: the least, the third, the fifth, the seventh, the most.
    for place, point in enumerate([3, 4, 6, 7, 2]):
        np.testing.assert_allclose(drawn(figure, f"gains {place}")[:, 1], bands_of_gains(sweep, point).mean)
    said = words(figure).replace("\n", " ")
    assert "5 of 9 points, from least to most gains" in said
    assert "mean over 3 to 4 seeds a point" in said


def test_a_single_seed_or_a_single_round_has_no_bands() -> None:
    for gains in (random_gains(2, 1, 5), random_gains(2, SEEDS, 1)):
        assert not BANDS.worthwhile(SweepView(sweep_of(gains), "mean_gains"))
    assert BANDS.worthwhile(SweepView(sweep_of(random_gains(2, 2, 2)), "mean_gains"))


def test_intervals_of_columns_miss_what_fewer_than_two_rows_know() -> None:
    values = np.array([[1.0, 1.0, np.nan], [3.0, np.nan, np.nan]])
    low, high = intervals(values, 0.95)
    np.testing.assert_allclose([low[0], high[0]], [1.0, 3.0])
    assert np.isnan([*low[1:], *high[1:]]).all()
    assert np.isnan(intervals(values[:1], 0.95)).all()
