"""What rounding may excuse in a settlement, and what it never may."""

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


@st.composite
def efficient_plans(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    """A price, endowments, a redistribution of them, and whether it respects every player's wealth."""
    generator = np.random.default_rng(draw(SEEDS))
    players, goods = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    units = 10.0 ** generator.uniform(-3, 6, goods)
    price = 10.0 ** generator.uniform(-3, 6, goods)
    price[-1] = 1.0
    endowments = generator.uniform(0, 1, (players, goods)) * units
    bundles = generator.dirichlet(np.ones(players), goods).T * endowments.sum(axis=0)
    if draw(st.booleans()):  # A player far smaller than the others, and one who hardly trades.
        endowments[0] *= 1e-9
        bundles[-1] = endowments[-1]
        bundles *= endowments.sum(axis=0) / bundles.sum(axis=0)
    walrasian = draw(st.booleans())
    if walrasian:
        bundles[:, -1] = endowments @ price - bundles[:, :-1] @ price[:-1]
    return price, endowments, bundles, walrasian


@settings(deadline=None, max_examples=150)
@given(efficient_plans())
def test_nobody_who_obeys_the_grand_contract_is_bankrupt(plan: tuple[FloatArray, FloatArray, FloatArray, bool]) -> None:
    price, endowments, bundles, _ = plan
    quotes, orders, transfers = grand_contract(price, endowments, bundles)
    settlement = settle(Play(quotes, orders, endowments, transfers))
    assert not settlement.bankrupt.any()
    supply = endowments.sum(axis=0)
    largest = max(float(supply @ price), float(supply.max()))
    np.testing.assert_allclose(settlement.claim, bundles, rtol=0, atol=1e-12 * largest)
    if (bundles >= 0).all():
        assert not settle(Play(quotes, orders, endowments, transfers), NO_SHORT_SALES).bankrupt.any()
        np.testing.assert_allclose(settlement.allocation.sum(axis=0), supply, rtol=1e-12)
        assert (settlement.wasted <= 1e-12 * supply).all()


@settings(deadline=None, max_examples=100)
@given(efficient_plans(), SEEDS)
def test_a_millionth_of_the_wealth_beyond_the_budget_is_always_bankrupt(
    plan: tuple[FloatArray, FloatArray, FloatArray, bool], seed: int
) -> None:
    price, endowments, bundles, _ = plan
    quotes, orders, transfers = grand_contract(price, endowments, bundles)
    spender = int(np.random.default_rng(seed).integers(len(endowments)))
    transfers[spender] -= 1e-6 * (endowments.sum(axis=0) @ price) / len(endowments)
    reason = settle(Play(quotes, orders, endowments, transfers)).reason
    assert reason[spender] == BankruptcyReason.BUDGET
    assert reason.sum() == BankruptcyReason.BUDGET


@each_engine
@pytest.mark.parametrize("pretender", [0, 2])
def test_absurd_quotes_excuse_nobody(pretender: int, engine: Engine) -> None:
    quotes, endowments = np.full((3, 2), [2.0, 1.0]), np.ones((3, 2))
    quotes[pretender, 0] = 1e25
    orders = np.zeros((3, 3, 2))
    orders[0, 1] = [1e-6, 0]
    assert settle(Play(quotes, orders, endowments), engine=engine).reason.tolist() == [BankruptcyReason.BUDGET, 0, 0]
