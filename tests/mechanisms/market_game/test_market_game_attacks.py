"""What the papers say about single plays of the market game: the short sale and the arbitrage of Theorem 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import BankruptcyReason, MarketRules
from marketgame.mechanisms.market_game.settle import Engine, settle
from tests.mechanisms.market_messages import each_engine, grand_contract

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import FloatArray

SEEDS = st.integers(0, 2**32 - 1)
NO_SHORT_SALES = MarketRules.no_short_sales()
THREE_TRADERS = np.array([[2.0, 30], [1, 30], [1.5, 30]])
SUPPORTING_PRICE = np.array([67 / 17, 1.0])


def walrasian_bundles() -> FloatArray:
    """Demands of traders who value q at 5q - q²/2, 5.5q - q²/2 and 6.2q - 0.6q², and the money it leaves them."""
    price = SUPPORTING_PRICE[0]
    good = np.array([5 - price, 5.5 - price, (6.2 - price) / 1.2])
    assert good.sum() == pytest.approx(THREE_TRADERS[:, 0].sum())
    return np.stack([good, THREE_TRADERS[:, 1] + price * (THREE_TRADERS[:, 0] - good)], axis=1)


@pytest.mark.parametrize("seller", range(3))
def test_a_short_seller_ends_with_all_the_money_within_its_budget(seller: int) -> None:
    quotes, orders, transfers = grand_contract(SUPPORTING_PRICE, THREE_TRADERS, walrasian_bundles())
    obedient = settle(Play(quotes, orders, THREE_TRADERS, transfers))
    np.testing.assert_allclose(obedient.allocation, walrasian_bundles(), rtol=1e-13)
    orders[seller] += 1000 * np.array([-1.0, SUPPORTING_PRICE[0]])
    sold_short = settle(Play(quotes, orders, THREE_TRADERS, transfers))
    assert not sold_short.bankrupt.any()
    np.testing.assert_allclose(sold_short.cost, 0, atol=1e-9)
    np.testing.assert_allclose(sold_short.allocation[seller], [0, 90], rtol=1e-13)
    repaired = settle(Play(quotes, orders, THREE_TRADERS, transfers), NO_SHORT_SALES)
    assert repaired.reason[seller] == BankruptcyReason.SHORT_SALE
    np.testing.assert_array_equal(repaired.allocation[seller], 0)


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_no_order_of_one_player_reaches_beyond_its_budget_without_short_sales(seed: int) -> None:
    generator = np.random.default_rng(seed)
    quotes, orders, transfers = grand_contract(SUPPORTING_PRICE, THREE_TRADERS, walrasian_bundles())
    deviations = np.tile(orders, (200, 1, 1, 1))
    deviations[:, 0] += generator.normal(0, 10.0 ** generator.uniform(-1, 3, (200, 1, 1)), (200, 3, 2))
    # Half of the deviations spend exactly the budget.
    deviations[::2, 0, :, 1] -= deviations[::2, 0, :, 0] * SUPPORTING_PRICE[0] + deviations[::2, 0, :, 1]
    settlement = settle(Play(quotes, deviations, THREE_TRADERS, transfers), NO_SHORT_SALES)
    wealth = THREE_TRADERS[0] @ SUPPORTING_PRICE
    assert (settlement.allocation[:, 0] @ SUPPORTING_PRICE <= wealth * (1 + 1e-9)).all()


@each_engine
@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_the_arbitrageur_of_theorem_1_takes_the_whole_supply(engine: Engine, seed: int) -> None:
    generator = np.random.default_rng(seed)
    arbitrageur, honest, mispricing, size = 0, 1, 2, 1e9
    players, goods = (4, 3) if engine is Engine.NUMPY else (3, 2)
    price = np.append(generator.uniform(0.5, 3, goods - 1), 1.0)
    endowments = generator.uniform(0.5, 3, (players, goods))
    bundles = generator.dirichlet(np.ones(players), goods).T * endowments.sum(axis=0)
    quotes, orders, transfers = grand_contract(price, endowments, bundles)
    quotes[mispricing, 0] *= 0.9
    large = np.zeros(goods)
    large[0] = size
    # What each other player receives from third parties and asks of the arbitrageur, and then its endowment too.
    asked = orders[:, arbitrageur].copy()
    third = [k for k in range(players) if k != arbitrageur]
    for k in third:
        among_others = sum(orders[k, other] - orders[other, k] for other in third if other != k)
        orders[arbitrageur, k] = among_others + asked[k] + endowments[k]
    orders[arbitrageur, mispricing] += large + endowments.sum(axis=0) - endowments[arbitrageur]
    orders[arbitrageur, honest] -= large
    settlement = settle(Play(quotes, orders, endowments, transfers), engine=engine)
    assert settlement.reason[honest] == BankruptcyReason.BUDGET
    assert not settlement.bankrupt[arbitrageur]
    np.testing.assert_allclose(settlement.allocation[arbitrageur], endowments.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(settlement.allocation[third], 0, atol=1e-6)
