"""A lie followed by a reorder pays wherever outsiders play on, and less the more traders there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from marketgame.experiments.studies import price_impact as study
from marketgame.mechanisms.contracts import price_impact
from marketgame.mechanisms.contracts.price_impact import expected_impact, largest_price_impact, price_impacts
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.random_economies import replica
from tests.documentation import PAGES
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

SMALL = ["three-farmers", "two-sided-divisible", "three-farmers-correlated", "two-goods-complements"]


@pytest.mark.parametrize("name", SMALL)
def test_on_small_markets_a_lie_followed_by_a_reorder_pays_wherever_outsiders_play_on(name: str) -> None:
    economies = study.private_economies()
    found = study.lies_table({name: economies[name]}, list(study.playing_on())[::9])
    assert len(found) > 10
    assert set(found["refusal"]) == {"free", "escrow"}
    assert (found["gain"] > 0).all()
    if economies[name].prior.independent and name == "three-farmers":
        # One of the two lies gains at least half of what they gain in sum, but for what rounding takes.
        assert (found["gain"] >= found["there_and_back"] / 2 * (1 - 1e-6))[found["bankruptcy"] == "trades-stand"].all()


def test_named_economies_are_computed_anew_and_those_without_transfers_have_no_rows() -> None:
    economies = study.private_economies()
    published = study.published_lies(PAGES / "tables")
    stale = published.groupby("economy").head(1)
    wrong = stale.iloc[[0]].assign(economy="turning-tastes")
    found = study.with_lies_of(["turning-tastes"], pd.concat([wrong, stale]), economies)
    pd.testing.assert_frame_equal(found, stale.reset_index(drop=True))
    assert set(published["economy"]) == set(economies) - {"turning-tastes", "three-hundred-traders"}


@pytest.mark.parametrize("copies", [2, 4])
def test_where_demands_are_lines_of_one_slope_the_impact_falls_exactly_as_one_over_the_size(copies: int) -> None:
    farmers = study.private_economies()["three-farmers"]
    found = largest_price_impact(farmers, efficient_allocation(farmers))
    assert found is not None
    grown = expected_impact(replica(farmers, copies), found.player, found.types, 10, np.random.default_rng(1))
    assert grown.draws is None
    assert copies * grown.sum == pytest.approx(found.sum, rel=1e-9)


def test_drawn_impacts_are_those_of_all_profiles_within_their_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    economy = random_economy(2, random_independent_prior(2, (2, 3, 2)), money=2000.0)
    listed = price_impacts(economy, efficient_allocation(economy), 1)
    monkeypatch.setattr(price_impact, "MOST_LISTED", 1)
    drawn = expected_impact(economy, 1, (0, 2), 500, np.random.default_rng(3))
    assert drawn.draws == 500
    assert abs(drawn.sum - listed[0, 2]) <= 5 * drawn.standard_error
    assert 0 < drawn.standard_error < 0.2 * listed[0, 2]


def test_a_replica_has_everybody_as_often_and_nobody_twice_by_name() -> None:
    economy = random_economy(1, random_independent_prior(1, (2, 1)))
    grown = replica(economy, 3)
    assert len(set(grown.player_names)) == 6
    assert isinstance(grown.prior, IndependentPrior)
    assert grown.prior.type_counts == (2, 1) * 3
    with pytest.raises(ValueError, match="one or more"):
        replica(economy, 0)
