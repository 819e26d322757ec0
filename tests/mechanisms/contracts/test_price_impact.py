"""A lie followed by orders of one's own pays whatever the transfers, wherever the lie moves the price."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.communication_equilibrium import best_bundle, check_communication_equilibrium
from marketgame.mechanisms.contracts.contract import device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.price_impact import largest_price_impact, price_impacts
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.market_game.rules import MarketRules
from tests.mechanisms.private_value_economies import random_correlated_prior, random_economy, random_independent_prior


def gains_of_lies_and_reorders(contract: GrandContract) -> tuple[FloatArray, ...]:
    economy = contract.economy
    alternatives = [best_bundle(economy, kind, other) for kind in range(2) for other in range(2)]
    device = device_of(contract, MarketRules.no_short_sales())
    return check_communication_equilibrium(device, alternatives).gains


@pytest.mark.parametrize("rule", [TransferRule.NONE, TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF])
def test_a_lie_and_its_reverse_gain_the_price_impact_in_sum_whatever_the_transfers(rule: TransferRule) -> None:
    contract = contract_with_transfers(load_economy(ECONOMIES / "three-farmers.toml"), rule)
    for player, gains in enumerate(gains_of_lies_and_reorders(contract)):
        if len(gains) > 1:
            sums = price_impacts(contract.economy, contract.efficient, player)
            assert sums[0, 1] > 0
            assert gains[0, 1] + gains[1, 0] == pytest.approx(sums[0, 1], abs=1e-9 * contract.stakes.max())


def test_where_no_single_partner_owns_all_that_is_ordered_less_is_gained() -> None:
    economy = load_economy(ECONOMIES / "ten-traders.toml")
    contract = contract_with_transfers(economy, TransferRule.EXPECTED_EXTERNALITY)
    pairs = [
        (gains[0, 1] + gains[1, 0], price_impacts(economy, contract.efficient, player)[0, 1])
        for player, gains in enumerate(gains_of_lies_and_reorders(contract))
        if len(gains) > 1
    ]
    assert all(gained <= impact + 1e-9 * contract.stakes.max() for gained, impact in pairs)
    assert any(gained < 0.9 * impact for gained, impact in pairs)


@pytest.mark.parametrize("seed", range(20))
def test_no_price_impact_is_negative(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 3, 2)), goods=1 + seed % 2, money=2000.0)
    efficient = efficient_allocation(economy)
    for player in range(3):
        sums = price_impacts(economy, efficient, player)
        assert sums.min() >= -1e-9 * np.abs(efficient.value_of_goods).max()
        np.testing.assert_allclose(sums, sums.T, rtol=1e-9, atol=1e-12)
    found = largest_price_impact(economy, efficient)
    assert found is not None
    assert found.sum == price_impacts(economy, efficient, found.player)[found.types]


def test_with_correlated_types_or_one_type_each_there_is_nothing_to_say() -> None:
    correlated = random_economy(1, random_correlated_prior(1, (2, 2)))
    assert largest_price_impact(correlated, efficient_allocation(correlated)) is None
    known = load_economy(ECONOMIES / "three-traders.toml")
    assert largest_price_impact(known, efficient_allocation(known)) is None
