"""The carbon markets against the headline figures of their source (Ellerman and Decaux, 1998)."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.efficiency.solution import EconomySolution, solve_economy
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import (
    COST_FACTORS,
    ECONOMIES,
    UNCAPPED_REFERENCE,
    carbon_economies,
    published_regions,
)

# Prices in 1985 US dollars per tonne of carbon, costs in million dollars, as the report states them.
PUBLISHED_PRICE = {"oecd": 240.0, "annex-b": 127.0, "world": 24.0}
PUBLISHED_COST_WITH_TRADE, PUBLISHED_COST_WITHOUT_TRADE = 54_000.0, 120_000.0
PUBLISHED_MARGINAL_COST_WITHOUT_TRADE = {"USA": 186, "JPN": 584, "EEC": 273, "OOE": 233, "EET": 116}


def solve(name: str) -> EconomySolution:
    return solve_economy(load_economy(ECONOMIES / f"{name}.toml"))


@pytest.fixture(autouse=True)
def _expected_warnings_are_quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "marketgame")


@pytest.mark.parametrize("market", PUBLISHED_PRICE)
def test_the_permit_price_is_the_published_one(market: str) -> None:
    np.testing.assert_allclose(solve(market).efficient.price[0, 0], PUBLISHED_PRICE[market], rtol=0.01)


def test_the_cost_of_abatement_with_and_without_trade_is_the_published_one() -> None:
    solution = solve("annex-b")
    np.testing.assert_allclose(-solution.efficient.value_of_goods[0], PUBLISHED_COST_WITH_TRADE, rtol=0.01)
    np.testing.assert_allclose(-solution.autarky_value_of_goods[0], PUBLISHED_COST_WITHOUT_TRADE, rtol=0.01)


def test_marginal_costs_without_trade_are_the_published_ones() -> None:
    economy = load_economy(ECONOMIES / "annex-b.toml")
    for player in economy.players:
        kind = player.types[0]
        marginal_cost = float(kind.valuation.gradient(kind.endowment[:-1])[0])
        expected = PUBLISHED_MARGINAL_COST_WITHOUT_TRADE.get(player.name, 0.0)
        np.testing.assert_allclose(marginal_cost, expected, rtol=0.01)


def test_no_uncapped_region_abates_more_than_its_reference_emissions() -> None:
    solution = solve("world")
    for region in published_regions():
        if region.reference == UNCAPPED_REFERENCE:
            player = solution.economy.player_names.index(region.name)
            assert 0 < solution.efficient.bundles[0, player, 0] < region.permits


def test_private_costs_lie_around_the_published_curves() -> None:
    economy = load_economy(ECONOMIES / "annex-b-private-costs.toml")
    published = {region.name: region for region in published_regions("annex_b")}
    assert len(economy.profiles) == 64
    for player in economy.players:
        region = published[player.name]
        emitted = np.array([0.5 * region.reference])
        abated = 0.5 * region.reference
        for kind in player.types:
            expected = COST_FACTORS[kind.name] * (region.a * abated**2 + region.b * abated)
            np.testing.assert_allclose(kind.valuation.gradient(emitted), expected)


def test_nobody_runs_out_of_money() -> None:
    for market in ("oecd", "annex-b", "annex-b-private-costs", "world"):
        assert (solve(market).walrasian_allocation[..., -1] > 0).all()


def test_the_files_are_what_the_data_give() -> None:
    for name, text in carbon_economies().items():
        assert Path(ECONOMIES, name).read_text(encoding="utf-8") == text
