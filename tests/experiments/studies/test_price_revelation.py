"""Prices tell the profile where they must, and do not where they cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from marketgame.experiments import HOME
from marketgame.experiments.studies import price_revelation as study
from marketgame.experiments.studies.institutions.families import Family, random_economy
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic

PUBLISHED = HOME.parent / "docs" / "tables" / f"{study.NAME}.csv"


def linear(intercepts: list[list[float]], owned: float = 3.0) -> Economy:
    """Return an economy of one good in which every trader's demand is a line of slope -1, from these intercepts."""
    economy = random_economy(Family.QUADRATIC, len(intercepts), 1, len(intercepts[0]), np.random.default_rng(0))
    players = [
        replace(
            one,
            types=tuple(
                replace(kind, endowment=np.array([owned, 9.0]), valuation=Quadratic(np.array([a]), np.eye(1)))
                for kind, a in zip(one.types, own, strict=True)
            ),
        )
        for one, own in zip(economy.players, intercepts, strict=True)
    ]
    return replace(economy, players=tuple(players))


def test_where_demands_are_lines_of_one_slope_the_price_tells_the_sum_of_the_intercepts_and_no_more() -> None:
    # The price is the mean of the intercepts less the mean of what is owned: 5.5 + 6 and 5 + 6.5 are one sum.
    told = study.revelation(linear([[5.0, 5.5], [6.0, 6.4]]), (0.0, 0.5))
    assert told == study.Revelation(interior=True, revealing=(True, False))
    assert study.revelation(linear([[5.0, 5.5], [6.0, 6.5]]), (0.0,)).revealing == (False,)
    # Two types that value everything the same are one.
    assert study.revelation(linear([[5.0, 5.5], [6.0, 6.0]]), (0.0,)).revealing == (True,)


def test_a_trader_who_holds_nothing_of_two_types_hides_which_it_is_however_the_others_are_changed() -> None:
    for shift in (0.0, 0.013, -0.027):
        told = study.revelation(linear([[1.0, 1.1 + shift], [9.0, 9.4 + shift]]), (0.0,))
        assert told == study.Revelation(interior=False, revealing=(False,))


@pytest.mark.parametrize("family", Family)
def test_interior_prices_differ_and_equal_ones_are_of_profiles_that_differ_only_in_who_holds_nothing(
    family: Family,
) -> None:
    """The converse of the remark in the module: ties beyond it would need numbers that happen to agree."""
    hidden = 0
    for stream in np.random.SeedSequence(3).spawn(12):
        economy = random_economy(family, 4, 1, 2, np.random.default_rng(stream))
        efficient = efficient_allocation(economy)
        price, held, profiles = efficient.price[:, 0], efficient.bundles[..., 0], efficient.profiles
        changed = profiles[:, None] != profiles
        idle = (held[:, None] <= 0) & (held <= 0)
        must = (~changed | idle).all(axis=-1) & changed.any(axis=-1)
        same = (np.abs(price[:, None] - price) <= 1e-12 * price) & changed.any(axis=-1)
        assert np.array_equal(must, same)
        told = study.revelation(economy)
        assert told.revealing[0] == (not must.any())
        # Coarser ticks tell less wherever the finer are multiples of them.
        assert not told.interior or told.revealing[0]
        hidden += must.any()
    assert (hidden > 0) == (family is Family.QUADRATIC)


def test_intervals_are_those_that_a_binomial_count_of_that_size_exceeds_with_a_fortieth() -> None:
    (row,) = study.frequencies(
        pd.DataFrame([{"economies": 40, "revealing": 31, "interior": 0, "interior_revealing": 0}])
    ).to_dict("records")
    assert stats.binom.sf(30, 40, row["low"]) == pytest.approx(0.025)
    assert stats.binom.cdf(31, 40, row["high"]) == pytest.approx(0.025)
    assert np.isnan(row["interior_frequency"])


def test_the_table_goes_on_where_it_was_stopped_and_no_interior_economy_of_free_numbers_ever_hid_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "SIZES", ((2, 1, 2),))
    file = tmp_path / "kept.csv"
    first = study.compute(file, economies=4, workers=1)
    monkeypatch.setattr(study, "revelation", None)
    pd.testing.assert_frame_equal(first, study.compute(file, economies=4, workers=1))
    published = pd.read_csv(PUBLISHED)
    exact = published[(published["levels"] == 0) & (published["tick"] == 0)]
    assert (exact["interior_revealing"] == exact["interior"]).all()
    assert len(published) == len(first) * 7
