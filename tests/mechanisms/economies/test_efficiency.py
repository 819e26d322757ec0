"""Efficient allocations against first-order conditions, other solvers and published prices."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import (
    OPTIMALITY_TOLERANCE,
    autarky_welfare,
    efficient_allocation,
    optimality_gap,
    value_of_goods,
)
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Abatement, Logarithmic, Power, Quadratic
from tests.examples import drawn
from tests.mechanisms.strategies import FAMILIES, SMOOTH, economies, economy_of, line, one_type, supplies

FEW = settings(max_examples=drawn(40), deadline=None)
FEWER = settings(max_examples=drawn(12), deadline=None)
ONE_TYPE = st.sampled_from([(1, 1), (1, 1, 1)])
ONE_GOOD, TWO_GOODS = st.just(1), st.integers(1, 2)
CONCAVE = {name: family for name, family in FAMILIES.items() if name != "abatement"}
STRICTLY_CONCAVE = {name: family for name, family in SMOOTH.items() if name != "abatement"}


def valuations_of(economy: Economy, number: int) -> list[Valuation]:
    profile = economy.profiles[number]
    return [player.types[kind].valuation for player, kind in zip(economy.players, profile, strict=True)]


@given(economy=economies(type_dependent=True))
@FEW
def test_the_first_order_conditions_hold_in_every_profile(economy: Economy) -> None:
    efficient, supply = efficient_allocation(economy), supplies(economy)
    assert (efficient.bundles >= 0).all()
    assert (efficient.price >= 0).all()
    assert (efficient.price[:, -1] == 1).all()
    used = efficient.bundles.sum(axis=1)
    assert (used <= supply * (1 + 1e-12)).all()
    for number in range(len(economy.profiles)):
        price = efficient.price[number, :-1]
        tolerance = 1e-6 * (1 + price.max())
        wasted = used[number] < supply[number] * (1 - 1e-6)
        assert (price[wasted] <= tolerance).all(), "what is left over must be worth nothing"
        for bundle, valuation in zip(efficient.bundles[number], valuations_of(economy, number), strict=True):
            marginal = valuation.supergradient(bundle)
            assert (marginal[bundle < supply[number]] <= price[bundle < supply[number]] + tolerance).all()
            held = bundle > 1e-9
            assert (marginal[held] >= price[held] - tolerance).all()


@given(economy=economies(type_dependent=True))
@FEW
def test_every_answer_comes_with_a_proof(economy: Economy) -> None:
    efficient = efficient_allocation(economy)
    assert (np.abs(efficient.optimality_gap) <= OPTIMALITY_TOLERANCE).all()
    again = optimality_gap(economy, economy.profiles, efficient.bundles, efficient.price)
    assert (np.abs(again) <= OPTIMALITY_TOLERANCE).all()
    for number in range(len(economy.profiles)):
        kinds = valuations_of(economy, number)
        value = sum(float(v.value(q)) for v, q in zip(kinds, efficient.bundles[number], strict=True))
        money = economy.endowments(economy.profiles[number])[:, -1].sum()
        assert efficient.value_of_goods[number] == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert efficient.welfare[number] == pytest.approx(value + money, rel=1e-12)
    np.testing.assert_allclose(
        value_of_goods(economy, economy.profiles, efficient.bundles), efficient.value_of_goods, rtol=1e-12, atol=1e-12
    )


@given(economy=economies(type_dependent=True), data=st.data())
@FEW
def test_no_feasible_allocation_is_worth_more(economy: Economy, data: st.DataObject) -> None:
    efficient, supply = efficient_allocation(economy), supplies(economy)
    generator = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for _ in range(20):
        shares = generator.dirichlet(np.ones(len(economy.players) + 1), size=supply.shape)[..., :-1]
        others = np.moveaxis(shares, -1, 1) * supply[:, None, :]
        kept = economy.valuations.dispose(economy.rows(economy.profiles), others)
        best = efficient.value_of_goods + 1e-9 * (1 + np.abs(efficient.value_of_goods))
        assert (value_of_goods(economy, economy.profiles, others) <= best).all()
        assert (value_of_goods(economy, economy.profiles, kept) <= best).all()
    autarky = autarky_welfare(economy)
    assert (autarky <= efficient.welfare + 1e-9 * (1 + np.abs(efficient.welfare))).all()


@pytest.mark.parametrize("goods", [1, 2])
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_a_general_solver_finds_no_better_and_the_same_welfare(data: st.DataObject, goods: int) -> None:
    economy = data.draw(economies(families=CONCAVE, goods=st.just(goods), counts=ONE_TYPE))
    efficient, supply = efficient_allocation(economy), supplies(economy)[0]
    kinds, players = valuations_of(economy, 0), len(economy.players)

    def loss(flat: FloatArray) -> float:
        bundles = np.maximum(flat.reshape(players, goods), 1e-12)
        return -sum(float(v.value(q)) for v, q in zip(kinds, bundles, strict=True))

    def loss_gradient(flat: FloatArray) -> FloatArray:
        bundles = np.maximum(flat.reshape(players, goods), 1e-12)
        return -np.concatenate([v.gradient(q) for v, q in zip(kinds, bundles, strict=True)])

    left_over = optimize.LinearConstraint(np.tile(np.eye(goods), players), -np.inf, supply)
    start = np.tile(supply / (players + 1), players)
    bounds = [(0.0, None)] * (players * goods)
    found = optimize.minimize(
        loss, start, jac=loss_gradient, bounds=bounds, constraints=[left_over], method="SLSQP", options={"ftol": 1e-12}
    )
    excess = np.maximum(found.x.reshape(players, goods).sum(axis=0) - supply, 0)
    slack = 1e-7 + float(efficient.price[0, :-1] @ excess)
    assert efficient.value_of_goods[0] >= -found.fun - slack
    assert efficient.value_of_goods[0] <= -found.fun + 1e-3 * (1 + abs(found.fun))


@pytest.mark.parametrize("family", STRICTLY_CONCAVE)
@given(data=st.data())
@FEWER
def test_the_price_is_the_root_of_excess_demand_found_by_brent(family: str, data: st.DataObject) -> None:
    economy = data.draw(economies(families={family: SMOOTH[family]}, goods=TWO_GOODS))
    efficient, supply = efficient_allocation(economy), supplies(economy)
    for number in range(len(economy.profiles)):
        kinds = valuations_of(economy, number)
        for good in range(supply.shape[1]):

            def excess(price: float, kinds: list[Valuation] = kinds, good: int = good, number: int = number) -> float:
                prices = np.full(supply.shape[1], price)
                return float(sum(v.demand(prices)[good] for v in kinds) - supply[number, good])

            low, high = 1e-9, 1e3
            if excess(low) <= 0:
                assert efficient.price[number, good] <= 1e-9
            else:
                root = optimize.brentq(excess, low, high, xtol=1e-14, rtol=1e-14, maxiter=500)
                assert efficient.price[number, good] == pytest.approx(root, rel=1e-11)


@given(economy=economies(families={"abatement": SMOOTH["abatement"]}, goods=ONE_GOOD, counts=st.just((1, 1))))
@FEW
def test_permits_are_shared_out_globally_best_also_where_valuations_are_not_concave(economy: Economy) -> None:
    supply = supplies(economy)[0, 0]
    one, other = valuations_of(economy, 0)
    grid = np.linspace(0, supply, 401)
    best_alone = [np.maximum.accumulate(v.value(grid[:, None])) for v in (one, other)]  # nobody must keep all it gets
    best = (best_alone[0] + best_alone[1][::-1]).max()
    welfare = efficient_allocation(economy).value_of_goods[0]
    assert best <= welfare + 1e-12
    assert best >= welfare - 1e-3 * (1 + abs(welfare))


def corner() -> Economy:
    players = [one_type("a", [0.5, 9.0], line(2.0)), one_type("b", [0.5, 9.0], line(2.0))]
    return economy_of([*players, one_type("c", [0.0, 9.0], line(9.0))])


def test_who_values_a_good_most_gets_it_whole_and_an_interval_of_prices_supports_that() -> None:
    efficient = efficient_allocation(corner())
    assert efficient.bundles[0, :, 0].tolist() == pytest.approx([0.0, 0.0, 1.0], abs=1e-15)
    assert efficient.price[0, 0] == pytest.approx(8.0)
    assert efficient.lowest_price[0, 0] == pytest.approx(2.0)


@given(economy=economies(counts=st.sampled_from([(1, 1), (1, 1, 1)])))
@FEW
def test_between_the_lowest_price_and_the_price_nobody_wants_to_trade(economy: Economy) -> None:
    """With at most the supply to be had, every bundle is best at both ends of the interval."""
    efficient, supply = efficient_allocation(economy), supplies(economy)
    table, rows = economy.valuations, economy.rows(economy.profiles)
    for end in (efficient.price, 0.5 * (efficient.price + efficient.lowest_price), efficient.lowest_price):
        surplus = table.value(rows, efficient.bundles) - (end[:, None, :-1] * efficient.bundles).sum(axis=-1)
        generator = np.random.default_rng(2)
        for _ in range(50):
            others = generator.uniform(0, 1, efficient.bundles.shape) ** 2 * supply[:, None, :]
            others = np.where(generator.random(others.shape) < 0.3, efficient.bundles, others)
            other_surplus = table.value(rows, others) - (end[:, None, :-1] * others).sum(axis=-1)
            assert (other_surplus <= surplus + 1e-7 * (1 + np.abs(surplus))).all()


def test_where_there_is_none_of_a_good_its_lowest_price_keeps_everybody_from_asking() -> None:
    economy = economy_of([one_type("a", [0.0, 1.0], line(5.0)), one_type("b", [0.0, 1.0], line(3.0))])
    efficient = efficient_allocation(economy)
    assert efficient.bundles.tolist() == [[[0.0], [0.0]]]
    assert efficient.price[0, 0] == efficient.lowest_price[0, 0] == 5.0


def test_symmetric_profiles_have_the_same_price() -> None:
    """Intercepts (5, 6, 5) and (6, 5, 5): from such prices the profile cannot be read."""

    def tastes(name: str) -> Player:
        kinds = (("low", 5.0), ("high", 6.0))
        return Player(name, tuple(PlayerType(kind, np.array([1.0, 9.0]), line(value)) for kind, value in kinds))

    economy = economy_of([tastes("a"), tastes("b"), one_type("c", [1.0, 9.0], line(5.0))])
    efficient = efficient_allocation(economy, np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]))
    assert efficient.price[0, 0] == efficient.price[1, 0] == pytest.approx(16 / 3 - 1)
    assert efficient.price[2, 0] == pytest.approx(4.0)


def test_the_price_of_the_three_trader_economy() -> None:
    players = [
        one_type("a", [2.0, 30.0], line(5.0)),
        one_type("b", [1.0, 30.0], line(5.5)),
        one_type("c", [1.5, 30.0], line(6.2, 1.2)),
    ]
    assert efficient_allocation(economy_of(players)).price[0, 0] == pytest.approx(3.941176, abs=1e-6)


CARBON = tomllib.loads(Path(__file__).parents[3].joinpath("experiments/data/kyoto_mac.toml").read_text())["regions"]


@pytest.mark.parametrize(
    ("market", "published_price"),
    [("oecd", 240.0), ("annex_b", 127.0), (None, 24.0)],
)
@pytest.mark.parametrize("uncapped_reference", [1000.0, 4000.0])
def test_carbon_prices_are_the_published_ones(
    market: str | None, published_price: float, uncapped_reference: float
) -> None:
    players = []
    for name, region in CARBON.items():
        if market is None or region[market]:
            reference = region.get("reference", uncapped_reference)
            permits = region.get("cap", reference)
            curve = Abatement(np.array([region["a"]]), np.array([region["b"]]), np.array([reference]))
            players.append(one_type(name, [permits, 1e6], curve))
    economy = economy_of(players)
    efficient = efficient_allocation(economy)
    assert efficient.price[0, 0] == pytest.approx(published_price, rel=0.01)
    if market == "annex_b":
        assert -efficient.value_of_goods[0] == pytest.approx(54_000, rel=0.01)
        without_trade = autarky_welfare(economy)[0] - 1e6 * len(players)
        assert -without_trade == pytest.approx(120_000, rel=0.01)


# What is refused.


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ([[0, 0]], r"profiles have shape \(1, 2\); there must be 3 types in each row"),
        ([[0, 1, 0]], r"a type that does not exist; players have \[1, 1, 1\] types"),
        ([[0, -1, 0]], "a type that does not exist"),
        ([[[0, 0, 0]]], "there must be 3 types in each row"),
    ],
)
def test_profiles_that_do_not_exist_are_refused(profiles: list[object], message: str) -> None:
    for function in (efficient_allocation, autarky_welfare):
        with pytest.raises(ValueError, match=message):
            function(corner(), np.array(profiles))


def test_a_good_that_nobody_owns_and_everybody_needs_has_no_price() -> None:
    root = Power(np.ones(1), np.zeros(1), np.array([0.5]))
    economy = economy_of([one_type("a", [0.0, 1.0], root), one_type("b", [0.0, 1.0], root)])
    with pytest.raises(ValueError, match="nobody owns any unit of a good whose first unit is worth infinitely much"):
        efficient_allocation(economy)


def test_a_good_that_nobody_owns_costs_what_its_first_unit_is_worth_beside_the_others() -> None:
    """v = q1 + q2 - q1 q2 / 2 - (q1^2 + q2^2) / 2 for both, one unit each of good two: its price is 1 - 1 = 0.

    Of good one there is nothing; beside one unit of good two its first unit is worth 1 - 1/2.
    """
    joint = Quadratic(np.ones(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    economy = economy_of([one_type("a", [0.0, 1.0, 1.0], joint), one_type("b", [0.0, 1.0, 1.0], joint)])
    found = efficient_allocation(economy)
    np.testing.assert_allclose(found.bundles[0], [[0.0, 1.0], [0.0, 1.0]], atol=1e-9)
    np.testing.assert_allclose(found.price[0], [0.5, 0.0, 1.0], atol=1e-9)


@pytest.mark.parametrize("slope", [np.eye(2), np.array([[1.0, 0.3], [0.3, 1.0]])])
def test_where_nobody_owns_anything_there_is_nothing_to_divide(slope: FloatArray) -> None:
    """Any price from the marginal values at nothing on supports that; the least of these is reported."""
    kinds = [Quadratic(np.array(intercept), slope) for intercept in ([3.0, 1.0], [2.0, 4.0])]
    economy = economy_of([one_type("a", [0.0, 0.0, 1.0], kinds[0]), one_type("b", [0.0, 0.0, 1.0], kinds[1])])
    found = efficient_allocation(economy)
    np.testing.assert_array_equal(found.bundles, np.zeros((1, 2, 2)))
    np.testing.assert_allclose(found.price[0], [3.0, 4.0, 1.0])


def test_no_profiles_asked_no_answers_given() -> None:
    empty = efficient_allocation(corner(), np.empty((0, 3), np.int64))
    assert empty.bundles.shape == (0, 3, 1)
    assert empty.welfare.shape == (0,)


def test_what_is_left_over_costs_nothing_exactly_so_that_payments_balance() -> None:
    """The buyer wants 0.015 units of each good at most, the owner of two tenths wants none: the rest is left over."""
    nothing = Quadratic(np.zeros(3), 0.2 * np.eye(3))
    wants = Abatement(np.full(3, 0.2), np.array([-0.001, 0.0, 0.0]), np.array([0.015, 0.0, 0.0]))
    owner = Player("owner", (PlayerType("only", np.array([0.2, 0.2, 0.2, 500.0]), nothing),))
    buyer = Player("buyer", (PlayerType("only", np.array([0.0, 0.0, 0.0, 500.0]), wants),))
    economy = economy_of([owner, buyer])
    efficient = efficient_allocation(economy)
    left_over = efficient.bundles.sum(axis=1) < 0.1
    assert left_over.all()
    assert not efficient.price[:, :-1].any()
    assert not grand_contract(economy).numeraire_transfers.any()


def test_nothing_is_handed_out_of_a_good_of_which_there_is_none() -> None:
    """At the price of its first unit, w / c, the demand w / p - c is nought up to rounding, and that is no unit."""
    generator = np.random.default_rng(105)
    for _ in range(50):
        players = [
            one_type(name, [owned, 0.0, 9.0], Logarithmic(generator.uniform(1, 2, 2), generator.uniform(0.8, 1.5, 2)))
            for name, owned in (("ann", 0.0), ("bob", 1.2))
        ]
        efficient = efficient_allocation(economy_of(players))
        assert not efficient.bundles[..., 1].any()
        assert efficient.optimality_gap[0] <= OPTIMALITY_TOLERANCE
