"""The call market clears, conserves goods and money, and hands truthful traders the efficient allocation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.comparison_markets.call_market import (
    PriceRule,
    Schedules,
    TypeSchedules,
    WithSteps,
    clear,
    clear_reports,
)
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuation import ValuationTable
from marketgame.mechanisms.economies.valuations import Linear, Quadratic
from marketgame.mechanisms.economies.walras import Equilibrium, walrasian_equilibrium
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

SEEDS = st.integers(0, 2**32 - 1)


def pieces(values: list[float], owned: list[float], money: float = 100.0) -> TypeSchedules:
    """Traders to whom every unit is worth the same."""
    table = ValuationTable([Linear(np.array([value])) for value in values])
    return TypeSchedules(table.select(np.arange(len(values))), np.array(owned)[:, None], np.full(len(values), money))


def wanted_by(value: float, price: float, money: float, owned: float, supply: float) -> float:
    return min(supply, owned + money / price) if price < value else 0.0


@settings(max_examples=drawn(100, 10))
@given(SEEDS, st.sampled_from(PriceRule), st.integers(1, 3))
def test_truthful_schedules_end_at_the_efficient_allocation_at_a_supporting_price(
    seed: int, rule: PriceRule, goods: int
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 1, 2)), goods=goods)
    efficient, owned = efficient_allocation(economy), economy.endowments(economy.profiles)
    ended = clear_reports(economy, economy.profiles, rule)
    np.testing.assert_allclose(owned[..., :-1] + ended.net_trades[..., :-1], efficient.bundles, atol=1e-8)
    assert (ended.price <= efficient.price[:, :-1] * (1 + 1e-8)).all()
    assert (ended.price >= efficient.lowest_price[:, :-1] * (1 - 1e-8)).all()


@settings(max_examples=drawn(100, 12))
@given(SEEDS, st.integers(0, 2))
def test_goods_and_money_are_conserved_and_nobody_ends_in_debt_whatever_is_submitted(seed: int, player: int) -> None:
    generator = np.random.default_rng(seed)
    economy = random_economy(seed, random_independent_prior(seed, (2, 1, 2)), money=float(generator.uniform(0.0, 4.0)))
    profiles, owned = economy.profiles, economy.endowments(economy.profiles)
    limits = np.sort(generator.uniform(0.0, 12.0, (1, 3)))
    holdings = -np.sort(-generator.uniform(0.0, 9.0, (1, 4)))
    true = TypeSchedules(economy.valuations.select(economy.rows(profiles)), owned[..., :-1], owned[..., -1])
    ended = clear(WithSteps(true, player, limits, holdings[:, :-1], holdings[:, -1]))
    left = ended.net_trades.sum(axis=-2)
    scale = owned.sum(axis=-2)
    np.testing.assert_allclose(left[:, :-1] + ended.disposed, 0, atol=1e-11 * scale[:, :-1].max())
    np.testing.assert_allclose(
        left[:, -1], ended.price[:, 0] * ended.disposed[:, 0], atol=1e-9 * (1 + scale[:, -1].max())
    )
    assert (owned + ended.net_trades >= -1e-9 * (1 + scale.max())).all()


@settings(max_examples=drawn(100, 10))
@given(SEEDS)
def test_a_budget_that_binds_gives_the_walrasian_equilibrium_within_budgets(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (1, 2, 1)), money=0.7)
    walras = walrasian_equilibrium(economy, efficient_allocation(economy))
    ended = clear_reports(economy, economy.profiles, PriceRule.HIGHEST)
    owned = economy.endowments(economy.profiles)
    for number, kind in enumerate(walras.kind):
        if kind in {Equilibrium.EFFICIENT, Equilibrium.POOR}:
            np.testing.assert_allclose(ended.price[number], walras.price[number, :-1], rtol=1e-6)
            held = owned[number, :, :-1] + ended.net_trades[number, :, :-1]
            np.testing.assert_allclose(held, walras.bundles[number], atol=1e-6)


@settings(max_examples=drawn(100, 12))
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=2, max_size=5))
def test_clearing_prices_of_unit_values_are_those_a_search_of_all_prices_finds(traders: list[tuple[int, int]]) -> None:
    values, owned = [float(value) for value, _ in traders], [float(units) for _, units in traders]
    supply = sum(owned)
    if supply == 0:
        return
    ended = clear(pieces(values, owned))

    def total(price: float) -> float:
        return sum(wanted_by(v, price, 100.0, w, supply) for v, w in zip(values, owned, strict=True))

    steps = np.unique(np.concatenate((np.arange(1, 40) / 4, [price for v in values for price in (v - 1e-6, v + 1e-6)])))
    clearing = [
        price for price in steps if total(price + 1e-7) <= supply + 1e-6 and total(price - 1e-7) >= supply - 1e-6
    ]
    assert clearing
    if supply * 9 <= 100:
        assert abs(min(clearing) - ended.lowest[0]) <= 0.25
        np.testing.assert_allclose(ended.highest[0], max(values), rtol=1e-9)
    held = np.array(owned) + ended.net_trades[:, 0]
    # Above its value nobody holds anything, and whoever values it more has all that it can pay.
    assert all(units <= 1e-9 for units, value in zip(held, values, strict=True) if value < ended.price[0] - 1e-9)


def test_a_tie_is_rationed_in_proportion_to_what_is_wanted() -> None:
    # Two buyers would pay 5 and own money for 2 and 4 units; the seller's 3 units cost 5 each.
    table = ValuationTable([Linear(np.array([value])) for value in (5.0, 5.0, 1.0)])
    schedules = TypeSchedules(table.select(np.arange(3)), np.array([[0.0], [0.0], [3.0]]), np.array([10.0, 20.0, 0.0]))
    ended = clear(schedules)
    assert ended.price[0] == pytest.approx(5.0)
    # Of more than the whole supply nobody wants more than that: 2 and 3 units are wanted, 3 are there.
    np.testing.assert_allclose(ended.net_trades[:, 0], [1.2, 1.8, -3.0], rtol=1e-9)
    np.testing.assert_allclose(ended.net_trades[:, 1], [-6.0, -9.0, 15.0], rtol=1e-9)


def test_two_traders_meet_in_the_middle() -> None:
    for rule, price in ((PriceRule.LOWEST, 2.0), (PriceRule.MIDPOINT, 3.0), (PriceRule.HIGHEST, 4.0)):
        ended = clear(pieces([4.0, 2.0], [0.0, 1.0]), rule)
        assert ended.price[0] == pytest.approx(price)
        np.testing.assert_allclose(ended.net_trades, [[1.0, -price], [-1.0, price]])


def test_what_nobody_wants_for_nothing_is_disposed_of() -> None:
    table = ValuationTable([Quadratic(np.array([4.0]), np.array([[2.0]]))] * 2)
    schedules = TypeSchedules(table.select(np.arange(2)), np.array([[5.0], [1.0]]), np.full(2, 3.0))
    ended = clear(schedules)
    assert ended.price[0] == 0
    np.testing.assert_allclose(ended.net_trades, [[-3.0, 0.0], [1.0, 0.0]], atol=1e-12)
    assert ended.disposed[0] == pytest.approx(2.0)


def test_a_good_that_nobody_owns_is_not_traded() -> None:
    ended = clear(pieces([4.0, 2.0], [0.0, 0.0]))
    assert not ended.net_trades.any()
    assert np.isfinite(ended.price).all()


def test_money_that_binds_for_two_goods_together_is_respected() -> None:
    def owner(name: str, owned: list[float], intercept: list[float]) -> Player:
        valuation = Quadratic(np.array(intercept), np.diag([1.0, 1.0]))
        return Player(name, (PlayerType("only", np.array(owned), valuation),))

    economy = Economy(
        "poor",
        ("bread", "wine", "money"),
        ("a", "b", "c"),
        (owner("rich", [2.0, 2.0, 9.0], [4.0, 4.0]), owner("poor", [0.0, 0.5, 1.0], [6.0, 9.0])),
        IndependentPrior([np.ones(1)] * 2),
    )
    ended = clear_reports(economy, economy.profiles)
    owned = economy.endowments(economy.profiles)
    assert (owned + ended.net_trades >= -1e-9).all()
    # The efficient bundles would cost the poor trader more than it owns.
    efficient = efficient_allocation(economy)
    assert (efficient.price[0, :-1] * (efficient.bundles[0, 1] - owned[0, 1, :-1])).sum() > owned[0, 1, -1]


def test_schedules_that_rise_are_refused() -> None:
    true: Schedules = pieces([4.0, 2.0], [0.0, 1.0])

    def steps(limits: list[float], holdings: list[float], last: float) -> Schedules:
        return WithSteps(true, 0, np.array([limits]), np.array([holdings]), np.array([last]))

    with pytest.raises(ValueError, match="must fall"):
        steps([1.0, 2.0], [0.0, 1.0], 0.0)
    with pytest.raises(ValueError, match="must fall"):
        steps([2.0, 1.0], [1.0, 0.0], 0.0)
    with pytest.raises(ValueError, match="at least 0"):
        steps([1.0], [1.0], -1.0)
    assert clear(steps([3.0], [1.0], 0.0)).price[0] == pytest.approx(2.5)
