"""Who is bankrupt is decided as in exact arithmetic, so that no order of any size buys anything with its rounding."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.market_game import exact_test
from marketgame.mechanisms.market_game.exact_test import accurate_sum, float_not_below, rounded_up, two_product
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules, Pricing
from marketgame.mechanisms.market_game.settle import Engine, settle
from marketgame.mechanisms.market_game.settlement import Settlement
from tests.examples import drawn
from tests.mechanisms.market_messages import (
    COMPILED_RULES,
    SETTLING_RULES,
    Messages,
    by_rules,
    each_engine,
    needs_numba,
    random_messages,
)
from tests.mechanisms.slow_settlement import settle_one_play

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import FloatArray

SEEDS = st.integers(0, 2**32 - 1)


def in_rationals(play: Messages, rules: MarketRules) -> dict[str, list[Any]]:
    """Settle the messages, taken for the numbers they are, without any rounding."""
    exact = [np.vectorize(Fraction, otypes=[object])(values).tolist() for values in play]
    names = (rules.pricing.value, rules.solvency.value, rules.bankruptcy.value)
    return settle_one_play(exact[0], exact[1], exact[2], exact[3], names)


def at_the_edge(generator: np.random.Generator, rules: MarketRules, size: tuple[int, int] | None = None) -> Messages:
    """A play of huge orders that cancel but for ordinary ones, whose players are at their budgets or a digit off.

    Some sell exactly all they hold, some a digit more; some quotes agree, some are nought. Players and goods are as
    many as is said, or few.
    """
    players, goods = size or (int(generator.integers(1, 6)), int(generator.integers(1, 4)))
    quotes = generator.uniform(0.5, 2, (players, goods)) * (generator.random((players, goods)) < 0.9)
    quotes[generator.random(players) < 0.5] = quotes[0]
    quotes[:, -1] = 1.0
    huge = generator.normal(0, 10.0 ** generator.uniform(0, 18), (players, players, goods))
    huge = np.where(generator.random((players, players, 1)) < 0.5, huge, 0.0)
    orders = huge + huge.swapaxes(0, 1) + generator.normal(0, 1, huge.shape)
    moved = [
        sum((Fraction(orders[i, j, h]) - Fraction(orders[j, i, h]) for j in range(players)), Fraction(0))
        for i, h in itertools.product(range(players), range(goods))
    ]
    sold_out = np.array([max(float_not_below(-net), 0.0) for net in moved]).reshape(players, goods)
    endowments = np.where(generator.random((players, goods)) < 0.7, sold_out, generator.uniform(0, 2, (players, goods)))
    endowments = np.where(generator.random((players, goods)) < 0.1, np.nextafter(endowments, 0.0), endowments)
    transfers = np.zeros(players)
    cost = in_rationals(Messages(quotes, orders, endowments, transfers), rules)["cost"]
    transfers = np.array([float_not_below(Fraction(value)) for value in cost])
    below = np.where(transfers == 0.0, -1e-200, np.nextafter(transfers, -np.inf))
    transfers = np.where(generator.random(players) < 0.2, below, transfers)
    return Messages(quotes, orders, endowments, transfers)


def assert_exact(settlement: Settlement, play: Messages, rules: MarketRules) -> None:
    exact = in_rationals(play, rules)
    assert settlement.reason.tolist() == exact["reason"]
    net_trade = rounded(exact["net_trade"])
    # A net trade is known to the digits of the largest in its good, however much was ordered.
    assert (np.abs(settlement.net_trade - net_trade) <= 1e-10 * np.abs(net_trade).max(axis=0)).all()
    supply = play.endowments.sum(axis=0)
    error = settlement.allocation - rounded(exact["allocation"])
    assert (np.abs(error) <= 1e-10 * supply).all()
    assert (settlement.allocation.sum(axis=0) <= supply * (1 + 1e-14)).all()


def rounded(values: list[Any]) -> FloatArray:
    return np.array(np.vectorize(float, otypes=[float])(np.array(values, dtype=object)))


@by_rules(SETTLING_RULES)
@settings(deadline=None, max_examples=drawn(60))
@given(SEEDS)
def test_huge_orders_that_cancel_are_settled_as_in_exact_arithmetic(rules: MarketRules, seed: int) -> None:
    play = at_the_edge(np.random.default_rng(seed), rules)
    assert_exact(settle(Play(*play), rules, engine=Engine.NUMPY), play, rules)


@by_rules(SETTLING_RULES)
@settings(deadline=None, max_examples=drawn(25))
@given(SEEDS)
def test_plays_of_many_players_are_settled_as_in_exact_arithmetic(rules: MarketRules, seed: int) -> None:
    play = at_the_edge(np.random.default_rng(seed), rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_test, "_MANY_ORDERS", 0)
        patch.setattr(exact_test, "_ORDERS_AT_ONCE", 8)
        assert_exact(settle(Play(*play), rules, engine=Engine.NUMPY), play, rules)


@needs_numba
@by_rules(COMPILED_RULES)
@settings(deadline=None, max_examples=drawn(60))
@given(SEEDS)
def test_the_compiled_engine_settles_them_as_in_exact_arithmetic_too(rules: MarketRules, seed: int) -> None:
    # The size that other tests have compiled.
    play = at_the_edge(np.random.default_rng(seed), rules, (3, 3))
    assert_exact(settle(Play(*play), rules, engine=Engine.COMPILED), play, rules)


@by_rules(SETTLING_RULES)
@settings(deadline=None, max_examples=drawn(15))
@given(SEEDS)
def test_a_play_ends_alike_alone_and_in_a_batch_and_whatever_the_players_numbers(rules: MarketRules, seed: int) -> None:
    generator = np.random.default_rng(seed)
    play = at_the_edge(generator, rules)
    alone = settle(Play(*play), rules)
    others = [Messages(*(values * scale for values, scale in zip(play, (1, 2, 1, 1), strict=True))) for _ in range(2)]
    batch = settle(
        Play(*Messages(*(np.stack(values) for values in zip(others[0], play, others[1], strict=True)))), rules
    )
    to = generator.permutation(len(play.quotes))
    renamed = settle(Play(play.quotes[to], play.orders[to][:, to], play.endowments[to], play.transfers[to]), rules)
    for name in ("reason", "net_trade", "claim"):
        np.testing.assert_array_equal(getattr(batch, name)[1], getattr(alone, name))
        np.testing.assert_array_equal(getattr(renamed, name), getattr(alone, name)[to])


@by_rules(SETTLING_RULES)
@settings(deadline=None, max_examples=5)
@example(0, 5, 2)
@given(SEEDS, st.integers(1, 17), st.integers(2, 9))
def test_any_play_ends_alike_alone_and_among_others_to_the_last_bit(
    rules: MarketRules, seed: int, players: int, goods: int
) -> None:
    batch = Play(*random_messages(np.random.default_rng(seed), (3,), players, goods))
    many, alone = settle(batch, rules, engine=Engine.NUMPY), settle(batch[1], rules, engine=Engine.NUMPY)
    for name in Settlement.array_names():
        assert getattr(many, name)[1].tobytes() == getattr(alone, name).tobytes(), name


@by_rules(SETTLING_RULES)
@settings(deadline=None, max_examples=drawn(15))
@given(SEEDS, st.integers(-30, 30), st.integers(-30, 30))
def test_binary_units_of_money_and_goods_change_no_verdict(
    rules: MarketRules, seed: int, money: int, good: int
) -> None:
    quotes, orders, endowments, transfers = at_the_edge(np.random.default_rng(seed), rules)
    unit = np.full(quotes.shape[-1], 2.0**good)
    unit[-1] = 2.0**money
    settlement = settle(Play(quotes, orders, endowments, transfers), rules)
    rescaled = settle(Play(quotes / unit * unit[-1], orders * unit, endowments * unit, transfers * unit[-1]), rules)
    np.testing.assert_array_equal(rescaled.reason, settlement.reason)
    np.testing.assert_array_equal(rescaled.net_trade, settlement.net_trade * unit)


@each_engine
@pytest.mark.parametrize("size", [1e6, 1e9, 1e12, 1e15, 1e18])
def test_orders_that_cancel_buy_no_budget_however_large(size: float, engine: Engine) -> None:
    # Players 0 and 1 order the same huge amount of money from each other, which moves nothing and costs nothing, and
    # player 0 a unit of the good from player 2 for nothing: it costs 1, and nobody grants it anything.
    orders = np.zeros((3, 3, 2))
    orders[0, 1, 1] = orders[1, 0, 1] = size
    orders[0, 2] = [1.0, 0.0]
    settlement = settle(Play(np.ones((3, 2)), orders, np.full((3, 2), 2.0), np.zeros(3)), engine=engine)
    assert settlement.bankrupt.tolist() == [True, False, False]
    # Nor does a last digit: one unit is bought for a unit less the least amount there is.
    orders[0, 2] = [1.0, -np.nextafter(1.0, 0.0)]
    settlement = settle(Play(np.ones((3, 2)), orders, np.full((3, 2), 2.0), np.zeros(3)), engine=engine)
    assert settlement.bankrupt.tolist() == [True, False, False]
    orders[0, 2] = [1.0, -1.0]
    settlement = settle(Play(np.ones((3, 2)), orders, np.full((3, 2), 2.0), np.zeros(3)), engine=engine)
    assert not settlement.bankrupt.any()
    np.testing.assert_array_equal(settlement.change, [[1, -1], [0, 0], [-1, 1]])


def test_numbers_beyond_exact_products_are_settled_in_rationals() -> None:
    # 1e-200 units at 1e-200 each: the product underflows, but is no gift. At 1e200 each a unit of 1e-200 costs 1.
    orders = np.zeros((2, 2, 2))
    orders[0, 1] = [1e-200, 0.0]
    quotes = np.array([[1e-200, 1.0], [1e-200, 1.0]])
    assert settle(Play(quotes, orders, np.ones((2, 2)))).bankrupt.tolist() == [True, False]
    dear = np.array([[1e200, 1.0], [1e200, 1.0]])
    cost = float_not_below(Fraction(1e200) * Fraction(1e-200))
    assert settle(Play(dear, orders, np.ones((2, 2)), np.array([cost, 0.0]))).bankrupt.tolist() == [False, False]
    assert settle(Play(dear, orders, np.ones((2, 2)), np.array([np.nextafter(cost, 0.0), 0.0]))).bankrupt.tolist() == [
        True,
        False,
    ]


@settings(deadline=None, max_examples=200)
@given(SEEDS, st.integers(1, 40), st.sampled_from([0, 6, 15, 30]))
def test_certain_sums_are_the_exact_ones_rounded(seed: int, count: int, spread: int) -> None:
    generator = np.random.default_rng(seed)
    terms = generator.normal(size=(count, 5)) * 10.0 ** generator.uniform(-spread, spread, (count, 5))
    cancelled = np.concatenate((terms, -terms[: count // 2], np.round(terms)))
    total, certain = accurate_sum(cancelled)
    up, sure = rounded_up(cancelled)
    for column in range(5):
        exact = sum((Fraction(value) for value in cancelled[:, column].tolist()), Fraction(0))
        if certain[column]:
            assert total[column] == float(exact)
        if sure[column]:
            assert up[column] == float_not_below(exact)
    assert certain.mean() >= 0.8


@settings(deadline=None, max_examples=100)
@given(SEEDS, st.integers(1, 40), st.sampled_from([0, 6, 30, 120]))
def test_leading_digits_taken_off_until_nothing_is_left_add_up_to_the_exact_sum(
    seed: int, count: int, spread: int
) -> None:
    generator = np.random.default_rng(seed)
    terms = generator.normal(size=(5, count)) * 10.0 ** generator.uniform(-spread, spread, (5, count))
    terms = np.concatenate((terms, -terms[:, : count // 2]), axis=1)
    parts = exact_test._by_digits(terms)
    for row, part in zip(terms.tolist(), parts.T.tolist(), strict=True):
        assert sum(map(Fraction, row), Fraction(0)) == sum(map(Fraction, part), Fraction(0))


@needs_numba
@settings(deadline=None, max_examples=100)
@given(SEEDS, st.integers(1, 40), st.sampled_from([0, 6, 30, 120]))
def test_compiled_sums_are_the_exact_ones_rounded(seed: int, count: int, spread: int) -> None:
    from marketgame.mechanisms.market_game.exact_kernel import tests  # noqa: PLC0415 -- Numba is optional

    generator = np.random.default_rng(seed)
    terms = generator.normal(size=(5, count)) * 10.0 ** generator.uniform(-spread, spread, (5, count))
    terms = np.concatenate((terms, -terms[:, : count // 2], np.round(terms)), axis=1)
    # Halfway between two numbers, and a hair to either side.
    sign, least = generator.choice([-1.0, 1.0]), 2.0**-53
    halfway = [
        [1.0, least, 0.0],
        [1.0, least, 2.0**-99],
        [1.0, least, -(2.0**-99)],
        [1.0 + 2 * least, least, -(2.0**-99)],
    ]
    doubtful = np.array([[float(sign) * number for number in row] for row in halfway], dtype=np.float64)
    for rows in (np.asarray(terms, dtype=np.float64), doubtful):
        # The first player orders them of the numeraire, one from each other, and holds what it has to deliver or less.
        plays, others = rows.shape
        orders, announced = np.zeros((plays, others + 1, others + 1, 1)), np.zeros((plays, others + 1, 1))
        orders[:, 0, 1:, 0] = rows
        exact = [sum(map(Fraction, row), Fraction(0)) for row in rows.tolist()]
        announced[:, 0, 0] = [max(-float(number), 0.0) for number in exact]
        cost, net_trade, short = tests(np.ones(announced.shape), orders, announced, Pricing.COUNTERPARTY)
        assert net_trade[:, 0, 0].tolist() == [float(number) for number in exact]
        assert cost[:, 0].tolist() == [float_not_below(number) for number in exact]
        held = [number + Fraction(own) for number, own in zip(exact, announced[:, 0, 0].tolist(), strict=True)]
        assert short[:, 0].tolist() == [number < 0 for number in held]


@needs_numba
@by_rules(SETTLING_RULES)
@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_whether_doubts_are_decided_compiled_or_in_arrays_changes_no_bit(rules: MarketRules, seed: int) -> None:
    generator = np.random.default_rng(seed)
    plays = [at_the_edge(generator, rules, (3, 2)) for _ in range(3)]
    batch = Play(*(np.stack(arrays) for arrays in zip(*plays, strict=True)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exact_test, "_KERNEL_PAYS_FROM", np.inf)
        in_arrays = settle(batch, rules, engine=Engine.NUMPY)
        patched.setattr(exact_test, "_KERNEL_PAYS_FROM", 0)
        compiled = settle(batch, rules, engine=Engine.NUMPY)
    for name in Settlement.array_names():
        assert getattr(compiled, name).tobytes() == getattr(in_arrays, name).tobytes()


@settings(deadline=None, max_examples=100)
@given(st.floats(1e-130, 1e130), st.floats(-1e130, -1e-130))
def test_a_product_and_its_error_add_up_to_it(first: float, second: float) -> None:
    product, error = two_product(np.array([first]), np.array([second]))
    assert Fraction(product[0]) + Fraction(error[0]) == Fraction(first) * Fraction(second)
