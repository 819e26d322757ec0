"""What it takes that all agree to something efficient, against closed forms and transfers that are known."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.files.contract_file import load_contract
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.consent import consent_to
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import reported_gains
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.efficient_improvement import needed_from_outside

MANY = 6


def screening(generator: np.random.Generator) -> tuple[Economy, float]:
    """One of two players has two types that differ by a constant of marginal value; the other owns and sells."""
    low, step, chance = generator.uniform(5, 8), generator.uniform(0.5, 2), generator.uniform(0.2, 0.8)

    def kind(name: str, owned: float, intercept: float) -> PlayerType:
        return PlayerType(name, np.array([owned, 100.0]), Quadratic(np.array([intercept]), np.eye(1)))

    buyer = Player("buyer", (kind("low", 1.0, low), kind("high", 1.0, low + step)))
    seller = Player("seller", (kind("only", 3.0, generator.uniform(5, 8)),))
    prior = IndependentPrior([np.array([1 - chance, chance]), np.ones(1)])
    return Economy("screening", ("grain", "money"), ("tonne", "euro"), (buyer, seller), prior), step


@pytest.mark.parametrize("seed", range(MANY))
def test_one_informed_player_must_be_left_what_its_types_enjoy_more_of_each_others_goods(seed: int) -> None:
    generator = np.random.default_rng(seed)
    economy, step = screening(generator)
    efficient = efficient_allocation(economy)
    low, high = (float(efficient.bundles[profile, 0, 0]) - 1.0 for profile in (0, 1))
    now = [generator.uniform(-1, 2, 2), generator.uniform(-1, 2, 1)]
    odds = economy.prior.marginal(0)
    surplus = economy.gains_from_goods(efficient.profiles, efficient.bundles).sum(axis=1)
    promised = np.array(now[0])
    promised[1] = max(promised[1], promised[0] + step * low)
    promised[0] = max(promised[0], promised[1] - step * high)
    closed_form = odds @ promised + now[1][0] - odds @ surplus
    assert needed_from_outside(economy, now) == pytest.approx(closed_form, abs=1e-8)


def promised_now(contract: GrandContract) -> list[FloatArray]:
    return [np.diagonal(reported_gains(contract, player)) for player in range(len(contract.economy.players))]


@pytest.mark.parametrize("name", ["three-farmers", "two-sided-divisible", "parity"])
def test_nothing_is_needed_where_transfers_are_known_and_what_all_are_given_beyond_is(name: str) -> None:
    economy = load_economy(HOME / "economies" / f"{name}.toml")
    efficient = efficient_allocation(economy)
    if economy.prior.independent:
        contract = GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))
        assert needed_from_outside(economy, promised_now(contract), efficient) == pytest.approx(0.0, abs=1e-8)
        assert (
            needed_from_outside(economy, [0 * now for now in promised_now(contract)]) <= consent_to(contract).shortfall
        )
    unpaid = promised_now(GrandContract(economy, efficient, np.zeros(efficient.profiles.shape)))
    base = needed_from_outside(economy, unpaid, efficient)
    more = needed_from_outside(economy, [each + 0.25 for each in unpaid], efficient)
    assert base >= -1e-9  # all that there is to enjoy is promised already
    assert more == pytest.approx(base + 0.25 * len(economy.players), abs=1e-8)


def test_a_seller_and_a_buyer_lack_a_twentieth_of_a_euro_with_a_bystander_or_without() -> None:
    economy = load_economy(HOME / "economies" / "two-sided-divisible.toml")
    idle = PlayerType("only", np.array([0.0, 5.0]), Quadratic(np.array([0.2]), 0.05 * np.eye(1)))
    prior = IndependentPrior([*(economy.prior.marginal(player) for player in (0, 1)), np.ones(1)])
    three = Economy("three", economy.goods, economy.units, (*economy.players, Player("idle", (idle,))), prior)
    for each in (economy, three):
        assert needed_from_outside(each, [np.zeros(len(who.types)) for who in each.players]) == pytest.approx(0.05)


def test_the_screened_buyer_lacks_one_and_a_half() -> None:
    contract = load_contract(HOME / "contracts" / "screened-buyer-kept-short.toml").contract
    assert needed_from_outside(contract.economy, promised_now(contract)) == pytest.approx(1.5)
