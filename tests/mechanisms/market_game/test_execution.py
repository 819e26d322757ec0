"""Matched orders, and recommended flows in escrow: what is executed, and who is out of reach."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.execution import executed_orders
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules, Pricing, Refusal, Solvency
from marketgame.mechanisms.market_game.settle import Engine, settle
from tests.mechanisms.market_messages import assert_same, needs_numba, random_messages
from tests.mechanisms.slow_settlement import settle_one_play

SEEDS = st.integers(0, 2**32 - 1)
VARIANTS = [
    (execution, refusal)
    for execution, refusal in itertools.product(Execution, Refusal)
    if (execution, refusal) != (Execution.UNILATERAL, Refusal.FREE)
]
SETTLING = st.sampled_from(list(itertools.product(Pricing, Solvency, Bankruptcy)))


def under(options: tuple[Pricing, Solvency, Bankruptcy], execution: Execution, refusal: Refusal) -> MarketRules:
    return MarketRules(*options, execution=execution, refusal=refusal)


def sparse_play(generator: np.random.Generator, count: int, players: int, goods: int) -> Play:
    """Plays in quarters; many orders are nought, many answer each other, some quotes agree, some transfers are owed."""

    def quarters(low: int, high: int, *shape: int) -> FloatArray:
        return generator.integers(low, high, (count, *shape)) / 4

    orders = quarters(-6, 7, players, players, goods) * (generator.random((count, players, players, 1)) < 0.5)
    answered = generator.random((count, players, players, goods)) < 0.5
    orders = np.where(answered & (np.arange(players)[:, None, None] < np.arange(players)[:, None]), orders, orders)
    orders = np.where(answered, -orders.swapaxes(1, 2) + quarters(-1, 2, players, players, goods), orders)
    quotes = quarters(0, 4, players, goods)
    quotes[generator.random((count, players)) < 0.6] = 1.0
    quotes[..., -1] = 1.0
    return Play(quotes, orders, quarters(0, 9, players, goods), quarters(-1, 8, players))


@pytest.mark.parametrize(("execution", "refusal"), VARIANTS)
@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, options=SETTLING, players=st.integers(1, 4), goods=st.integers(1, 3))
def test_every_variant_settles_as_one_would_by_hand(
    seed: int,
    options: tuple[Pricing, Solvency, Bankruptcy],
    players: int,
    goods: int,
    execution: Execution,
    refusal: Refusal,
) -> None:
    play = sparse_play(np.random.default_rng(seed), 4, players, goods)
    settled = settle(play, under(options, execution, refusal))
    names = (*(str(option) for option in options), execution.value, refusal.value)
    for number in range(4):
        exact: list[Any] = [np.vectorize(Fraction, otypes=[object])(array[number]).tolist() for array in play.arrays]
        expected = settle_one_play(exact[0], exact[1], exact[2], exact[3], names)
        assert settled.reason[number].tolist() == expected["reason"]
        for name in ("cost", "net_trade", "claim"):
            assert getattr(settled, name)[number].tolist() == expected[name]
        for name in ("allocation", "wasted"):
            wanted = np.array(expected[name], dtype=float)
            np.testing.assert_allclose(getattr(settled, name)[number], wanted, rtol=1e-13, atol=1e-13)
        flows = settled.ordered_flows[number]
        np.testing.assert_array_equal(flows, -flows.swapaxes(0, 1))
        if options[2] is Bankruptcy.TRADES_STAND:
            np.testing.assert_array_equal(flows.sum(axis=1), settled.net_trade[number])


@given(seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_nobody_trades_what_it_did_not_order_where_orders_are_matched(seed: int) -> None:
    orders = np.random.default_rng(seed).normal(size=(20, 3, 3, 2))
    matched = executed_orders(orders, Execution.MATCHED)
    flows = matched - matched.swapaxes(1, 2)
    own = np.where(np.eye(3, dtype=bool)[:, :, None], 0.0, orders)
    assert ((flows == 0) | (np.sign(flows) == np.sign(own))).all()
    assert (np.abs(flows) <= np.abs(own)).all()
    np.testing.assert_array_equal(flows, -flows.swapaxes(1, 2))


@pytest.mark.parametrize("options", list(itertools.product(Pricing, Solvency, Bankruptcy)))
def test_whoever_orders_nothing_is_out_of_reach_where_orders_are_matched_and_deposits_executed(
    options: tuple[Pricing, Solvency, Bankruptcy],
) -> None:
    generator = np.random.default_rng(4)
    quotes, orders, endowments, _ = random_messages(generator, (500,), 5, 2)
    orders[:, 3:] = 0.0
    # The others order anything from anybody, without bound, and sell each other more than there is.
    orders[:, :3] *= 10.0 ** generator.uniform(-1, 8, (500, 1, 1, 1))
    orders[::2, 1] = -orders[::2, :, 1]
    settled = settle(Play(quotes, orders, endowments), under(options, Execution.MATCHED, Refusal.ESCROW))
    np.testing.assert_array_equal(settled.allocation[:, 3:], endowments[:, 3:])
    supply = endowments[:, :3].sum(axis=1)
    assert (settled.allocation[:, :3].sum(axis=1) <= supply * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("execution", "refusal"), [variant for variant in VARIANTS if variant != (Execution.MATCHED, Refusal.ESCROW)]
)
def test_with_one_of_the_two_rules_alone_a_pair_takes_what_an_outsider_holds(
    execution: Execution, refusal: Refusal
) -> None:
    """The first sells the second more than there is and is bankrupt; its partner's claim crowds out the third.

    Where unmatched orders bind, the third is ordered to deliver.
    """
    orders = np.zeros((3, 3, 2))
    orders[1, 0], orders[0, 1] = [1e6, 0.0], [-1e6, 0.0]
    if execution is Execution.UNILATERAL:
        orders[1, 2] = [1e6, 0.0]
    quotes = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES, execution=execution, refusal=refusal)
    settled = settle(Play(quotes, orders, np.ones((3, 2))), rules)
    assert settled.allocation[1, 0] > 1.99
    assert settled.allocation[2, 0] < 0.01


@needs_numba
@pytest.mark.parametrize(("execution", "refusal"), VARIANTS)
@pytest.mark.parametrize("pricing", [Pricing.COUNTERPARTY, Pricing.MIDPOINT])
def test_both_engines_agree_on_every_variant(pricing: Pricing, execution: Execution, refusal: Refusal) -> None:
    play = sparse_play(np.random.default_rng(2), 500, 3, 2)
    rules = MarketRules(pricing, execution=execution, refusal=refusal)
    engines = [settle(play, rules, engine=engine) for engine in (Engine.COMPILED, Engine.NUMPY)]
    assert_same(engines[0], engines[1], 1e-12)
    assert 0 < engines[0].bankrupt.mean() < 1
