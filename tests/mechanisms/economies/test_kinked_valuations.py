"""Steps, abatement with an intercept, fixed proportions and constant elasticities: formulas, prices, laws, proofs.

Marginal values of the first three jump, so that intervals of prices support an allocation; those of the last are
infinite where nothing is held of a good. Slow twins: sorted blocks, linear programs, a general solver, decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain.contract import surplus
from marketgame.mechanisms.economies import interior_allocation
from marketgame.mechanisms.economies.assumptions import check_assumptions
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.random_economies import ValuationLaw
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation, ValuationTable
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    ConstantElasticity,
    FixedProportions,
    Linear,
    Logarithmic,
    Quadratic,
    Steps,
)
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from tests.examples import drawn
from tests.mechanisms.exact_values import exact_gain
from tests.mechanisms.strategies import economy_of, line, one_type

SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=drawn(20), deadline=None)

type Draw = Callable[[np.random.Generator, int], Valuation]


def steps(generator: np.random.Generator, goods: int) -> Steps:
    """Blocks in halves of units and euros: ties, and supplies that end where blocks do, are common."""
    count = int(generator.integers(1, 4))
    worth = np.sort(generator.integers(0, 12, (goods, count)) / 2, axis=-1)[:, ::-1]
    return Steps(worth, generator.integers(0, 4, (goods, count)) / 2)


def abating(generator: np.random.Generator, goods: int) -> Abatement:
    return Abatement(
        generator.uniform(0.2, 2, goods),
        generator.integers(0, 2, goods) / 2,
        generator.integers(0, 8, goods) / 2,
        generator.integers(0, 3, goods) ** 2 / 2,
    )


def proportions(generator: np.random.Generator, goods: int) -> FixedProportions:
    falling = float(generator.integers(0, 2)) * generator.uniform(0.2, 3)
    return FixedProportions(np.array(generator.uniform(1, 9)), np.array(falling), generator.integers(1, 5, goods) / 2)


def elastic(generator: np.random.Generator, goods: int) -> ConstantElasticity:
    """Substitutes and complements."""
    rho = generator.choice([generator.uniform(0.1, 0.9), generator.uniform(-3, -0.2)])
    scale, degree = np.array(generator.uniform(1, 5)), np.array(generator.uniform(0.1, 0.9))
    return ConstantElasticity(scale, generator.uniform(0.3, 3, goods), np.array(rho), degree)


def smooth(generator: np.random.Generator, goods: int) -> Valuation:
    if generator.random() < 0.5:
        return Quadratic(generator.uniform(1, 8, goods), np.diag(generator.uniform(0.2, 3, goods)))
    return Logarithmic(generator.uniform(0.2, 4, goods), generator.uniform(0.1, 2, goods))


def jointly(generator: np.random.Generator, goods: int) -> Quadratic:
    mixing = generator.normal(size=(goods, goods)) * 0.7
    return Quadratic(generator.uniform(1, 8, goods), mixing @ mixing.T + np.diag(generator.uniform(0.2, 3, goods)))


DRAWS: dict[str, Draw] = {
    "steps": steps,
    "abatement": abating,
    "fixed-proportions": proportions,
    "ces": elastic,
}
TOGETHER: dict[str, Sequence[Draw]] = {
    "steps": (steps,),
    "steps and others good by good": (steps, abating, smooth),
    "fixed proportions": (proportions,),
    "fixed proportions and others": (proportions, jointly, smooth, elastic),
    "constant elasticities and others": (elastic, jointly, smooth),
    "steps beside goods valued jointly": (steps, abating, jointly, elastic),
    "fixed proportions and everything else": (steps, abating, proportions, jointly, elastic),
}


def market(draws: Sequence[Draw], generator: np.random.Generator) -> Economy:
    goods, players = int(generator.integers(1, 4)), int(generator.integers(1, 5))
    owned = generator.integers(0, 5, (players, goods)) / 2
    owned[0] += 0.5
    kinds = [draws[int(generator.integers(len(draws)))](generator, goods) for _ in range(players)]
    traders = enumerate(zip(owned, kinds, strict=True))
    return economy_of([one_type(f"p{i}", [*row, 50.0], kind) for i, (row, kind) in traders])


def valuations(economy: Economy) -> list[Valuation]:
    return [player.types[0].valuation for player in economy.players]


def supply_of(economy: Economy) -> FloatArray:
    return np.asarray(economy.endowments(economy.profiles)[0, :, :-1].sum(axis=0))


@pytest.mark.parametrize("family", DRAWS)
@given(seed=SEEDS)
@FEW
def test_a_gain_is_that_of_the_formula_in_rational_numbers(family: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    goods = int(generator.integers(1, 4))
    valuation, before = DRAWS[family](generator, goods), generator.uniform(0.1, 4, goods)
    for change in (generator.uniform(-0.1, 3, goods), 1e-9 * generator.uniform(-1, 1, goods), -before):
        after = before + change
        gain, size = exact_gain(valuation, before, after)
        moved = after - before
        assert float(valuation.gain(before, after, moved)) == pytest.approx(gain, rel=1e-12, abs=1e-13 * size + 1e-21)
        assert float(valuation.gain(after, before, -moved)) == pytest.approx(-gain, rel=1e-12, abs=1e-13 * size + 1e-21)
    worth, roundings = float(valuation.exact_value(exact(before))), 4 * float(np.finfo(np.float64).eps)
    assert float(valuation.value(before)) == pytest.approx(worth, rel=roundings, abs=1e-12)
    nothing = float(valuation.value(np.zeros(goods)))
    assert nothing == 0 or family == "abatement"


@pytest.mark.parametrize("family", DRAWS)
@given(seed=SEEDS)
@FEW
def test_every_tangent_lies_above_the_valuation_and_none_falls(family: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    goods = int(generator.integers(1, 4))
    valuation = DRAWS[family](generator, goods)
    point, others = generator.integers(0, 8, goods) / 2, generator.integers(0, 12, (40, goods)) / 2
    slope = valuation.supergradient(point)
    assert (slope >= 0).all()
    reachable = np.isfinite(slope)
    rise = np.where(others == point, 0, np.where(reachable, slope, 1e9)) * (others - point)
    assert (valuation.value(others) <= valuation.value(point) + rise.sum(axis=-1) + 1e-9).all()
    assert (valuation.last_unit(point) >= slope - 1e-12).all()
    for good, direction in enumerate(np.eye(goods)):
        if point[good] >= 0.5 and reachable.all():
            before = float(valuation.value(point) - valuation.value(point - 1e-7 * direction)) / 1e-7
            assert before == pytest.approx(valuation.last_unit(point)[good], rel=1e-4, abs=1e-5)
        after = float(valuation.value(point + 1e-7 * direction) - valuation.value(point)) / 1e-7
        assert after <= slope[good] + 1e-5 * (1 + slope[good])
    limit = generator.uniform(0.2, 4, goods)
    inside = generator.uniform(0.01, 1, (40, goods)) * limit
    assert (valuation.gradient(inside) >= valuation.least_gradient(limit) - 1e-9).all()


@pytest.mark.parametrize("family", DRAWS)
@given(seed=SEEDS)
@FEW
def test_demand_is_best_and_bounds_hold_in_floating_point_and_in_rational_numbers(family: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    goods = int(generator.integers(1, 3))
    valuation, prices = DRAWS[family](generator, goods), generator.integers(1, 12, goods) / 4
    limit = generator.integers(1, 8, goods) / 2
    demand = valuation.demand(prices)
    if np.isfinite(demand).all():
        best = float(valuation.value(demand) - prices @ demand)
        others = generator.integers(0, 16, (200, goods)) / 4
        assert (valuation.value(others) - others @ prices <= best + 1e-9).all()
    near = np.minimum(demand, limit)
    within = generator.integers(0, 9, (200, goods)) / 8 * limit
    most = float((valuation.value(within) - within @ prices).max())
    assert most <= float(valuation.indirect_utility(prices, limit)) + 1e-9
    bound = surplus(valuation, exact(prices), exact(limit), exact(near))
    assert bound is None or most <= float(bound) + 1e-9
    if family != "ces" and (near == demand).all():  # and it is no more than what is demanded
        assert float(bound or 0) == pytest.approx(float(valuation.value(near) - prices @ near), abs=1e-6)


@given(seed=SEEDS)
@FEW
def test_the_most_valuable_blocks_are_held_and_the_last_and_the_next_one_bound_the_price(seed: int) -> None:
    economy = market((steps,), np.random.default_rng(seed))
    found, supply = efficient_allocation(economy), supply_of(economy)
    total = 0.0
    for good, there in enumerate(supply):
        kinds = [kind for kind in valuations(economy) if isinstance(kind, Steps)]
        blocks = sorted(
            (
                (float(w), float(q))
                for kind in kinds
                for w, q in zip(kind.worth[good], kind.quantity[good], strict=True)
            ),
            reverse=True,
        )
        filled, last, following = 0.0, None, 0.0
        for worth, size in ((worth, size) for worth, size in blocks if size):
            if filled < there:
                last = worth
                total += worth * min(size, there - filled)
            filled += size
            if filled > there:
                following = worth
                break
        if filled < there:
            last = following = 0.0
        assert (found.price[0, good], found.lowest_price[0, good]) == (last or following, following)
    assert found.value_of_goods[0] == pytest.approx(total, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("together", TOGETHER)
@given(seed=SEEDS)
@FEW
def test_between_the_two_prices_nobody_would_trade_and_nothing_of_worth_is_left(together: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    economy = market(TOGETHER[together], generator)
    found, supply = efficient_allocation(economy), supply_of(economy)
    assert (found.bundles[0].sum(axis=0) <= supply * (1 + 1e-12)).all()
    for end in (found.price[0, :-1], found.lowest_price[0, :-1]):
        assert end @ (supply - found.bundles[0].sum(axis=0)) == pytest.approx(0, abs=1e-7)
        for kind, bundle in zip(valuations(economy), found.bundles[0], strict=True):
            others = generator.uniform(0, 1, (60, len(supply))) ** 2 * supply
            others = np.where(generator.random(others.shape) < 0.4, bundle, others)
            here = float(kind.value(bundle) - end @ bundle)
            assert (kind.value(others) - others @ end <= here + 1e-7 * (1 + abs(here))).all()


@pytest.mark.parametrize("together", TOGETHER)
@given(seed=SEEDS)
@settings(max_examples=6, deadline=None)
def test_units_places_and_copies_do_not_matter(together: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    economy = market(TOGETHER[together], generator)
    found = efficient_allocation(economy)
    order = generator.permutation(len(economy.players))
    permuted = efficient_allocation(economy_of([economy.players[i] for i in order]))
    doubled = efficient_allocation(
        economy_of([*economy.players, *(replace(p, name=p.name + "'") for p in economy.players)])
    )
    dearer = efficient_allocation(_with_each(economy, lambda kind: _in_other_money(kind, 64.0)))
    for other, times, unit in ((permuted, 1, 1.0), (doubled, 2, 1.0), (dearer, 1, 64.0)):
        size = 1 + abs(float(found.value_of_goods[0]))
        assert other.value_of_goods[0] == pytest.approx(times * unit * found.value_of_goods[0], abs=1e-8 * size * unit)
    if "proportions" in together:
        return  # Prices of several goods may support it together, and one of them is found.
    low, high = found.lowest_price[0, :-1], found.price[0, :-1]
    for other, unit in ((permuted, 1.0), (dearer, 64.0)):
        np.testing.assert_allclose(other.price[0, :-1], unit * high, rtol=1e-6, atol=1e-6 * unit)
        np.testing.assert_allclose(other.lowest_price[0, :-1], unit * low, rtol=1e-6, atol=1e-6 * unit)
    # Who alone held all of a good is not alone any more.
    assert (doubled.price[0, :-1] <= high + 1e-6 * (1 + high)).all()
    assert (doubled.lowest_price[0, :-1] >= low - 1e-6 * (1 + high)).all()


def _with_each(economy: Economy, change: Callable[[Valuation], Valuation]) -> Economy:
    kinds = [replace(p, types=(replace(p.types[0], valuation=change(p.types[0].valuation)),)) for p in economy.players]
    return economy_of(kinds)


def _in_other_money(kind: Valuation, factor: float) -> Valuation:
    worths = {"worth", "falling", "scale", "weight", "a", "b", "slope", "intercept"}
    given = {name: getattr(kind, name) for name in kind.parameter_names()}
    return type(kind)(**{name: factor * value if name in worths else value for name, value in given.items()})


@given(seed=SEEDS)
@FEW
def test_a_linear_program_makes_no_better_use_of_goods_in_fixed_proportions(seed: int) -> None:
    def constant(generator: np.random.Generator, goods: int) -> FixedProportions:
        return replace(proportions(generator, goods), falling=np.array(0.0))

    economy = market((constant,), np.random.default_rng(seed))
    kinds = [kind for kind in valuations(economy) if isinstance(kind, FixedProportions)]
    needs = np.array([kind.need for kind in kinds]).T
    found = optimize.linprog([-float(kind.worth) for kind in kinds], A_ub=needs, b_ub=supply_of(economy))
    assert efficient_allocation(economy).value_of_goods[0] == pytest.approx(-float(found.fun or 0), rel=1e-9, abs=1e-9)


@given(seed=SEEDS)
@settings(max_examples=drawn(10), deadline=None)
def test_a_general_solver_finds_no_better_for_constant_elasticities(seed: int) -> None:
    economy = market((elastic, jointly), np.random.default_rng(seed))
    found, supply, kinds = efficient_allocation(economy), supply_of(economy), valuations(economy)
    shape = (len(kinds), len(supply))

    def loss(flat: FloatArray) -> float:
        return -sum(
            float(kind.value(np.maximum(row, 1e-9))) for kind, row in zip(kinds, flat.reshape(shape), strict=True)
        )

    left = optimize.LinearConstraint(np.tile(np.eye(shape[1]), shape[0]), -np.inf, supply)
    start = np.tile(supply / (shape[0] + 1), shape[0])
    solved = optimize.minimize(loss, start, bounds=[(0, None)] * start.size, constraints=[left], method="SLSQP")
    excess = np.maximum(solved.x.reshape(shape).sum(axis=0) - supply, 0)
    slack = 1e-6 + float(found.price[0, :-1] @ excess)
    assert -solved.fun - slack <= found.value_of_goods[0] <= -solved.fun + 1e-3 * (1 + abs(solved.fun))


def _found(*players: tuple[float, Valuation]) -> EfficientAllocation:
    return efficient_allocation(
        economy_of([one_type(f"p{i}", [owned, 9.0], kind) for i, (owned, kind) in enumerate(players)])
    )


def test_any_price_up_to_the_intercept_keeps_a_region_from_abating() -> None:
    """Both have permits for their reference emissions; the first unit of abatement costs 3 and 2: 0 to 2 a permit."""
    one, other = (Abatement(np.ones(1), np.zeros(1), np.array([4.0]), np.array([first])) for first in (3.0, 2.0))
    found = _found((5.0, one), (3.0, other))
    assert found.bundles[0, :, 0].tolist() == [4.0, 4.0]
    assert (found.price[0, 0], found.lowest_price[0, 0]) == (2.0, 0.0)
    # With one permit less the second abates it, at 2 + 1; with another player who wants it at 2.5, it is sold.
    assert _found((4.0, one), (3.0, other)).price[0, 0] == pytest.approx(3.0)
    sold = _found((5.0, one), (3.0, other), (0.0, Steps(np.array([[2.25]]), np.array([[0.5]]))))
    assert sold.bundles[0, :, 0].tolist() == [4.0, 3.5, 0.5]
    assert sold.price[0, 0] == sold.lowest_price[0, 0] == 2.25


def test_a_block_sets_the_price_for_whoever_values_goods_jointly() -> None:
    """Of 10 units of each of two goods the owner wants the first 3 at 6 and the rest at 3; the other has 10 - x - y/2.

    At 3 for both the other wants x + y/2 = 7, 14/3 of each, and the owner is at no kink: the price is one only.
    """
    blocks = Steps(np.array([[6.0, 3.0]] * 2), np.array([[3.0, 7.0]] * 2))
    joint = Quadratic(np.full(2, 10.0), np.array([[1.0, 0.5], [0.5, 1.0]]))
    economy = economy_of([one_type("a", [10.0, 10.0, 50.0], blocks), one_type("b", [0.0, 0.0, 50.0], joint)])
    found = efficient_allocation(economy)
    np.testing.assert_allclose(found.bundles[0, 1], [14 / 3, 14 / 3], rtol=1e-12)
    np.testing.assert_allclose(found.price[0], [3.0, 3.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(found.lowest_price, found.price, rtol=1e-12)
    # With as much as the first blocks take, and another owner of as little, prices are between 3 and 10 - 3/2.
    both = [
        one_type("a", [3.0, 3.0, 50.0], blocks),
        one_type("b", [0.0, 0.0, 50.0], replace(joint, intercept=np.ones(2))),
    ]
    kept = efficient_allocation(economy_of(both))
    assert (kept.bundles[0, 1].tolist(), kept.price[0, 0], kept.lowest_price[0, 0]) == ([0, 0], 6.0, 3.0)


@pytest.mark.parametrize("rho", [-30.0, -300.0, -1000.0, 1e-6, -1e-6])
def test_goods_all_but_useless_without_each_other_and_products_are_divided_with_proof(rho: float) -> None:
    generator = np.random.default_rng(3)
    for _ in range(8):
        goods, players = int(generator.integers(2, 4)), int(generator.integers(2, 5))
        owned = generator.uniform(0.5, 5, (players, goods))
        weights = generator.uniform(0.2, 1, (players, goods))
        kinds = [
            ConstantElasticity(
                np.array(generator.uniform(1, 10)),
                row / row.sum(),
                np.array(rho),
                np.array(generator.uniform(0.2, 0.9)),
            )
            for row in weights
        ]
        traders = enumerate(zip(owned, kinds, strict=True))
        found = efficient_allocation(economy_of([one_type(f"p{i}", [*row, 50.0], kind) for i, (row, kind) in traders]))
        assert found.optimality_gap[0] <= 1e-9


@pytest.mark.parametrize("rho", [1e-6, -1e-6, 1e-3, 0.5, -300.0])
def test_no_digit_of_a_small_gain_is_lost_where_substitution_is_that_of_products(rho: float) -> None:
    generator = np.random.default_rng(4)
    weights = generator.uniform(0.2, 1, 3)
    kind = ConstantElasticity(np.array(3.0), weights / weights.sum(), np.array(rho), np.array(0.6))
    before = generator.uniform(0.5, 4, 3)
    after = before * (1 + 1e-6 * generator.normal(size=3))
    start, end = (kind.exact_value(exact(bundle)) for bundle in (before, after))
    assert float(kind.gain(before, after)) == pytest.approx(float(end - start), rel=1e-9)
    np.testing.assert_allclose(kind.demand(kind.gradient(before)), before, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_what_is_a_linear_program_is_solved_as_one_whatever_its_units(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interior-point method is kept from answering; blocks and proportions still are divided with proof."""
    monkeypatch.setattr(interior_allocation, "MOST_STEPS", 0)
    generator = np.random.default_rng(5)
    for _ in range(4):
        owned = generator.integers(1, 5, (3, 2)) * scale
        kinds: list[Valuation] = [
            replace(proportions(generator, 2), falling=np.array(0.0), need=generator.integers(1, 4, 2) / 1.0),
            Steps(np.array([[4.0, 1.0], [3.0, 2.0]]), np.asarray(generator.integers(1, 3, (2, 2)) * scale, float)),
            Linear(generator.integers(0, 3, 2) / 2),
        ]
        economy = economy_of(
            [one_type(f"p{i}", [*row, 50.0], kind) for i, (row, kind) in enumerate(zip(owned, kinds, strict=True))]
        )
        assert efficient_allocation(economy).optimality_gap[0] <= 1e-9


def test_one_glove_too_many_is_worth_nothing_and_a_pair_is_worth_what_it_is() -> None:
    """Two left gloves, three right ones, pairs worth 4, 3 and 2 to three players: a left one costs what a pair does."""
    pairs = [FixedProportions(np.array(worth), np.array(9.0), np.ones(2)) for worth in (4.0, 3.0, 2.0)]
    bounded = [replace(pair, falling=np.array(0.0)) for pair in pairs]
    economy = economy_of([one_type(f"p{i}", [2.0 / 3, 1.0, 9.0], kind) for i, kind in enumerate(bounded)])
    found = efficient_allocation(economy)
    np.testing.assert_allclose(found.bundles[0], [[2, 2], [0, 0], [0, 0]], atol=1e-9)
    np.testing.assert_allclose(found.price[0, :-1], [4.0, 0.0], atol=1e-9)


def test_the_premises_that_fail_at_kinks_are_said_to_fail() -> None:
    kinds = [steps, proportions, elastic]
    generator = np.random.default_rng(1)
    for draw in kinds:
        economy = economy_of([one_type(name, [1.0, 1.0, 9.0], draw(generator, 2)) for name in "abc"])
        concave = next(each for each in check_assumptions(economy) if "strictly concave" in each.name)
        assert not concave.holds
    permits = Abatement(np.ones(1), np.ones(1), np.array([4.0]), np.ones(1))
    assert permits.strictly_concave(np.array([3.0]))
    assert not permits.strictly_concave(np.array([4.0]))


def test_sums_are_called_concave_only_where_they_are() -> None:
    tall, flat = (Steps(np.array([worth]), np.ones((1, 2))) for worth in ([4.0, 1.0], [2.0, 2.0]))
    stack = Steps.stack([tall, flat, Steps(np.array([[3.0]]), np.ones((1, 1)))])
    assert stack.worth.shape == (3, 1, 2)
    assert Steps.stack([tall, flat]).concave_sum(np.array([1.0, -0.5]))
    assert not Steps.stack([flat, tall]).concave_sum(np.array([1.0, -0.5]))  # 0 and then 1.5
    # Of blocks of other sizes: 5.7 and then 3; 0 and then 3; and beyond the end of the others' less than nothing.
    assert stack.concave_sum(np.array([1.0, 1.0, -0.1]))
    assert not stack.concave_sum(np.array([1.0, 1.0, -2.0]))
    assert not Steps.stack([tall, Steps(np.array([[1.0]]), np.array([[3.0]]))]).concave_sum(np.array([1.0, -0.5]))
    one, other = (Abatement(np.ones(1), np.ones(1), np.ones(1), np.array([first])) for first in (1.0, 3.0))
    assert Abatement.stack([one, other]).concave_sum(np.array([1.0, -0.2]))
    assert not Abatement.stack([one, other]).concave_sum(np.array([1.0, -0.5]))


def test_a_table_pads_blocks_and_evaluates_each_row_as_its_own() -> None:
    generator = np.random.default_rng(5)
    kinds = [draw(generator, 2) for draw in (*DRAWS.values(), *DRAWS.values(), steps, steps)]
    table, points = ValuationTable(kinds), generator.uniform(0.1, 3, (len(kinds), 2))
    rows = np.arange(len(kinds))
    for method in ("value", "gradient", "supergradient", "dispose", "curvature", "demand"):
        together = getattr(table, method)(rows, points)
        for row, kind in enumerate(kinds):
            np.testing.assert_allclose(together[row], getattr(kind, method)(points[row]), rtol=1e-12, atol=1e-12)


def test_what_cannot_be_computed_together_is_refused_in_a_sentence() -> None:
    pair = FixedProportions(np.array(1.0), np.array(0.0), np.ones(2))
    with pytest.raises(ValueError, match="in fixed proportions, and of one of the goods nobody owns anything"):
        efficient_allocation(economy_of([one_type("a", [1.0, 0.0, 9.0], pair), one_type("b", [1.0, 0.0, 9.0], pair)]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Steps(np.array([[1.0, 2.0]]), np.ones((1, 2))),
            "value is .*; no block may be worth more than the one",
        ),
        (lambda: Steps(np.ones((1, 2)), np.ones((1, 3))), "they must have the same"),
        (lambda: Steps(-np.ones((1, 1)), np.ones((1, 1))), "every entry must be at least 0"),
        (lambda: Abatement(np.ones(1), -np.ones(1), np.ones(1), np.ones(1)), "b is .*; it must be at least 0 where"),
        (lambda: Abatement(np.ones(1), np.ones(1), np.ones(1), -np.ones(1)), "intercept is .* at least 0"),
        (lambda: ConstantElasticity(np.array(1.0), np.ones(2), np.array(0.0), np.array(0.5)), "rho is 0.0; it must be"),
        (
            lambda: ConstantElasticity(np.array(1.0), np.ones(2), np.array(9e-7), np.array(0.5)),
            "rho is 9e-07; it must be below 1 and at least 1e-06 away from 0",
        ),
        (
            lambda: ConstantElasticity(np.array(1.0), np.ones(2), np.array(1e-4), np.array(0.5)),
            "share is .*; with rho so near to 0 shares must add up to 1",
        ),
        (lambda: ConstantElasticity(np.array(1.0), np.ones(2), np.array(1.0), np.array(0.5)), "rho is 1.0; it must be"),
        (lambda: ConstantElasticity(np.array(1.0), np.ones(2), np.array(0.5), np.array(1.0)), "degree is 1.0; it must"),
        (lambda: FixedProportions(np.array(1.0), np.array(0.0), np.zeros(2)), "need is .* greater than 0"),
    ],
)
def test_parameters_that_break_a_family_are_refused(build: Callable[[], Valuation], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_an_intercept_that_is_left_out_is_nought_and_draws_nothing() -> None:
    ranges = {"a": (0.5, 1.0), "b": (0.0, 1.0), "reference": (2.0, 4.0)}
    laws = ValuationLaw(Abatement, ranges), ValuationLaw(Abatement, {**ranges, "intercept": (0.0, 0.0)})
    first, second = (law.draw(2, np.random.default_rng(3)) for law in laws)
    assert isinstance(first, Abatement)
    assert isinstance(second, Abatement)
    assert first.intercept.tolist() == second.intercept.tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(first.reference, second.reference)
    assert not first.kinked
    assert not line(1.0).kinked
    assert not isinstance(Linear(np.ones(1)), Steps)
    assert issubclass(Steps, SeparableValuation)


def test_the_first_best_survives_incentives_and_consent_where_goods_are_used_in_fixed_proportions() -> None:
    """Under expected externality payments and fixed ones, all gain and truth is best: nothing efficient is better."""
    kinds = tuple(
        PlayerType(name, np.array([2.0, 1.0, 50.0]), FixedProportions(np.array(worth), np.array(0.5), np.ones(2)))
        for name, worth in (("low", 3.0), ("high", 5.0))
    )
    bob = FixedProportions(np.array(4.0), np.array(0.0), np.array([1.0, 2.0]))
    cat = ConstantElasticity(np.array(4.0), np.ones(2), np.array(0.5), np.array(0.4))
    economy = economy_of(
        [Player("ann", kinds), one_type("bob", [1.0, 2.0, 50.0], bob), one_type("cat", [1.0, 2.0, 50.0], cat)]
    )
    efficient = efficient_allocation(economy)
    (found,) = incentive_benchmarks(economy, (Participation.INDIVIDUAL,), None, Money.OWNED, None)
    assert isinstance(found, SecondBest)
    first_best = economy.prior.probability @ first_best_gains(economy, efficient)
    assert found.gains == pytest.approx(first_best, rel=1e-7)


@pytest.mark.parametrize("rho", [-300.0, -80.0, -5.0, -1e-3, 1e-3, 0.5, 0.99])
def test_values_and_gains_are_right_where_powers_of_quantities_are_huge_or_tiny(rho: float) -> None:
    each = ConstantElasticity(np.array(2.0), np.array([0.25, 0.75]), np.array(rho), np.array(0.5))
    for scale in (1e-12, 1.0, 15000.0):
        before = scale * np.array([1.0, 1.25])
        for change in (scale * np.array([2.0, 3.0]), scale * np.array([1e-9, 0.0]), -0.75 * before):
            after = before + change
            gain, _ = exact_gain(each, before, after)
            level = float(each.exact_value(exact(after)))
            assert each.value(after) == pytest.approx(level, rel=1e-11)
            assert each.difference(before, after, after - before) == pytest.approx(gain, rel=1e-9)


@pytest.mark.parametrize(
    ("rho", "degree", "beside"),
    [(0.9, 0.5, 0.0), (0.5, 0.5, 0.25), (0.3, 0.5, np.inf), (-1.0, 0.5, 0.25), (-1e-3, 0.9, 0.9**10)],
)
def test_beside_a_free_good_substitutes_are_not_wanted_and_complements_as_if_it_abounded(
    rho: float, degree: float, beside: float
) -> None:
    each = ConstantElasticity(np.array(2.0), np.ones(2), np.array(rho), np.array(degree))
    # Of the other good v = 2 q^degree where the first is its complement with rho below 0, or is valued apart from it.
    assert each.demand(np.array([0.0, 2.0])).tolist() == pytest.approx([np.inf, beside])
