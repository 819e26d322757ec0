"""Obedience to the grand contract, played through the market game itself, is the efficient allocation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract, walrasian_payments
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency, Withholding
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.strategies import SMOOTH, economies, economy_of, line, one_type, quadratics

FEW = settings(max_examples=12, deadline=None)
EVERY_RULE = [
    MarketRules(pricing=pricing, solvency=solvency, bankruptcy=bankruptcy, coverage=coverage, withholding=withholding)
    for pricing, solvency, bankruptcy, coverage, withholding in product(
        Pricing, Solvency, Bankruptcy, Coverage, Withholding
    )
]
DESIRED = {"logarithmic": SMOOTH["logarithmic"], "power": SMOOTH["power"], "exponential": SMOOTH["exponential"]}
SATIABLE = {"quadratic": quadratics, "abatement": SMOOTH["abatement"]}


def assert_obedience_is_efficient(contract: GrandContract, rules: MarketRules) -> None:
    economy = contract.economy
    for number, profile in enumerate(economy.profiles):
        told = contract.recommend(profile)
        settlement = settle(told, rules)
        assert not settlement.bankrupt.any()
        size = 1e-9 * (1 + np.abs(contract.allocation[number]).max())
        np.testing.assert_allclose(settlement.allocation, contract.allocation[number], atol=size)
        np.testing.assert_allclose(settlement.allocation.sum(axis=0), told.announced_endowments.sum(axis=0), atol=size)
        if rules.withholding is Withholding.WASTED:
            consumed = settlement.consumption(economy.endowments(profile))
            welfare = economy.utility(profile, consumed).sum()
            assert welfare == pytest.approx(contract.efficient.welfare[number], rel=1e-9)


@pytest.mark.parametrize("rules", EVERY_RULE[::7], ids=str)
def test_obedience_is_efficient_under_every_combination_of_rules_with_three_traders(rules: MarketRules) -> None:
    kinds = tuple(PlayerType(name, np.array([2.0, 30.0]), line(value)) for name, value in (("low", 5.0), ("high", 8.0)))
    economy = economy_of(
        [Player("a", kinds), one_type("b", [1.0, 30.0], line(5.5)), one_type("c", [1.5, 30.0], line(6.2, 1.2))]
    )
    assert_obedience_is_efficient(grand_contract(economy), rules)


@given(
    economy=economies(families=DESIRED, counts=st.sampled_from([(2, 2), (2, 1, 2)]), numeraire=500.0), data=st.data()
)
@FEW
def test_obedience_is_efficient_where_all_goods_are_desired(economy: Economy, data: st.DataObject) -> None:
    assert_obedience_is_efficient(grand_contract(economy), data.draw(st.sampled_from(EVERY_RULE)))


@given(
    economy=economies(families=SATIABLE, counts=st.sampled_from([(2, 2), (2, 1, 2)]), numeraire=500.0), data=st.data()
)
@FEW
def test_obedience_is_efficient_where_some_goods_are_too_many(economy: Economy, data: st.DataObject) -> None:
    assert_obedience_is_efficient(grand_contract(economy), data.draw(st.sampled_from(EVERY_RULE)))


def test_surplus_is_left_unannounced_rather_than_pressed_on_somebody() -> None:
    """Five units that two traders want at most one each of: two are used, by those who own them."""
    economy = economy_of([one_type("a", [4.0, 1.0], line(1.0)), one_type("b", [1.0, 1.0], line(1.0))])
    contract = grand_contract(economy)
    assert contract.efficient.price[0].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(contract.announced_endowments[0], [[1.6, 1.0], [0.4, 1.0]])
    np.testing.assert_allclose(contract.allocation[0], [[1.0, 1.0], [1.0, 1.0]])
    assert_obedience_is_efficient(contract, MarketRules())


@given(economy=economies(type_dependent=True, counts=st.sampled_from([(2, 2), (1, 2, 2)]), numeraire=500.0))
@FEW
def test_without_transfers_everybody_pays_for_what_it_gets(economy: Economy) -> None:
    contract = grand_contract(economy)
    price = contract.efficient.price[:, None, :]
    wealth_before = (price * economy.endowments(economy.profiles)).sum(axis=-1)
    wealth_after = (price * contract.allocation).sum(axis=-1)
    np.testing.assert_allclose(wealth_after, wealth_before, rtol=1e-9)
    np.testing.assert_allclose(contract.transfers, 0, atol=1e-9 * np.abs(wealth_before).max())
    np.testing.assert_allclose(walrasian_payments(economy, contract.efficient), contract.numeraire_transfers)
    autarky = economy.utility(economy.profiles, economy.endowments(economy.profiles))
    assert (contract.utilities >= autarky - 1e-7).all()  # who can stay out of the market does not lose in it


@given(economy=economies(counts=st.sampled_from([(2, 2), (1, 2, 2)]), numeraire=500.0), seed=st.integers(0, 99))
@FEW
def test_transfers_reach_whom_they_are_meant_for(economy: Economy, seed: int) -> None:
    shifts = np.random.default_rng(seed).uniform(-20, 20, economy.profiles.shape)
    shifts -= shifts.mean(axis=1, keepdims=True)
    contract = grand_contract(economy, shifts)
    money = economy.endowments(economy.profiles)[..., -1]
    np.testing.assert_allclose(contract.allocation[..., -1], money + shifts, rtol=1e-12)
    np.testing.assert_allclose(contract.transfers.sum(axis=1), 0, atol=1e-9 * 500)
    assert_obedience_is_efficient(contract, MarketRules())


@given(economy=economies(numeraire=500.0))
@FEW
def test_what_is_recommended_is_what_theorem_1_writes_down(economy: Economy) -> None:
    contract = grand_contract(economy)
    players = len(economy.players)
    for number, profile in enumerate(economy.profiles):
        told = contract.recommend(profile)
        net_trade = contract.allocation[number] - told.announced_endowments
        for i, j in product(range(players), repeat=2):
            np.testing.assert_allclose(told.orders[i, j], net_trade[i] / players, atol=1e-15)
        assert (told.quotes == contract.efficient.price[number]).all()
        np.testing.assert_allclose(
            told.transfers, net_trade @ contract.efficient.price[number], atol=1e-9 * (1 + np.abs(net_trade).max())
        )
        assert (told.announced_endowments <= economy.endowments(profile)).all()


def poor() -> Economy:
    return economy_of([one_type("rich", [9.0, 50.0], line(9.0)), one_type("poor", [0.0, 1.0], line(9.0))])


def test_who_cannot_pay_is_named_with_what_is_missing() -> None:
    """The poor trader should get 4.5 units at 4.5 each, 20.25 in all, but owns 1 of the numeraire."""
    with pytest.raises(ValueError, match=rf"poor would end with -19\.25 {poor().money} .*at least 19\.25 more"):
        grand_contract(poor())
    GrandContract(poor(), efficient_allocation(poor()), np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("transfers", "message"),
    [
        (np.array([[1.0, 0.0]]), "numeraire transfers sum to 1 in some profile; they must balance"),
        (np.zeros((1, 3)), r"numeraire transfers has shape \(1, 3\); its last dimensions must be \(1, 2\)"),
        (np.array([[np.nan, 0.0]]), "must be finite"),
        (np.array([[3.0, -3.0]]), f"poor would end with -2 {poor().money} for types"),
    ],
)
def test_transfers_that_cannot_be_are_refused(transfers: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grand_contract(poor(), transfers)
