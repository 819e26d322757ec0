"""Each family against its definition: derivatives by differences, demand by search, refusals by message."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import override

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies import valuations
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation, ValuationTable, coefficient
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    Exponential,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
    quadratic,
)
from tests.examples import drawn
from tests.mechanisms.strategies import (
    FAMILIES,
    SEPARABLE,
    SMOOTH,
    abatements,
    any_valuation,
    line,
    quadratics,
    slopes,
    vectors,
)

FEW = settings(max_examples=drawn(20), deadline=None)
GOODS = st.integers(1, 3)
# Beyond this, no strategy's valuation wants anything at the prices used below.
MOST = 60.0


def surplus(valuation: Valuation, bundle: FloatArray, prices: FloatArray) -> float:
    return float(valuation.value(bundle) - prices @ bundle)


@pytest.mark.parametrize("family", FAMILIES)
@FEW
@given(data=st.data(), goods=GOODS)
def test_the_gradient_is_the_derivative_of_the_value(family: str, data: st.DataObject, goods: int) -> None:
    valuation = data.draw(FAMILIES[family](goods))
    bundle = data.draw(vectors(goods, 0.05, 4.0))
    step = 1e-6
    for good, direction in enumerate(np.eye(goods)):
        difference = valuation.value(bundle + step * direction) - valuation.value(bundle - step * direction)
        assert valuation.gradient(bundle)[good] == pytest.approx(difference / (2 * step), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@FEW
@given(data=st.data(), goods=GOODS)
def test_the_curvature_is_minus_the_derivative_of_the_supergradient(
    family: str, data: st.DataObject, goods: int
) -> None:
    valuation = data.draw(FAMILIES[family](goods))
    bundle = data.draw(vectors(goods, 0.05, 4.0))
    if isinstance(valuation, Abatement):  # The majorant has a kink in its slope where permits stop being worth having.
        bundle = np.where(np.abs(bundle - valuation.satiation) < 1e-3, bundle + 2e-3, bundle)
    step = 1e-6
    for direction, column in zip(np.eye(goods), valuation.curvature(bundle), strict=True):
        difference = valuation.supergradient(bundle + step * direction) - valuation.supergradient(
            bundle - step * direction
        )
        np.testing.assert_allclose(column, -difference / (2 * step), rtol=1e-4, atol=1e-4)


def best_quantity(valuation: SeparableValuation, prices: FloatArray, good: int) -> float:
    """Search a fine grid for the best quantity of one good, then refine between its neighbours."""
    direction = np.eye(len(prices))[good]
    fixed = np.full(len(prices), 0.5)

    def loss(quantity: float) -> float:
        bundle = np.where(direction > 0, quantity, fixed)
        return float(prices[good] * quantity - valuation.value(bundle))

    grid = np.unique(np.concatenate((np.linspace(0, 6, 2001), np.linspace(6, MOST, 1001))))
    everywhere = np.where(direction > 0, grid[:, None], fixed)
    losses = prices[good] * grid - valuation.value(everywhere)
    best = int(np.argmin(losses))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    refined = optimize.minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10})
    return float(refined.x) if refined.fun < losses[best] else float(grid[best])


@pytest.mark.parametrize("family", SMOOTH)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), goods=GOODS)
def test_separable_demand_is_the_global_maximiser_found_by_search(family: str, data: st.DataObject, goods: int) -> None:
    valuation = data.draw(SMOOTH[family](goods))
    assert isinstance(valuation, SeparableValuation | Quadratic)
    prices = data.draw(vectors(goods, 0.3, 9.0))
    demand = valuation.demand(prices)
    if demand.max() > MOST:
        return  # Beyond the grid; the first-order conditions below cover it.
    for good in range(goods):
        found = best_quantity(valuation, prices, good)  # type: ignore[arg-type]  # a diagonal quadratic is separable
        np.testing.assert_allclose(demand[good], found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "linear"])
@FEW
@given(data=st.data(), goods=GOODS)
def test_demand_satisfies_the_first_order_conditions(family: str, data: st.DataObject, goods: int) -> None:
    valuation = data.draw(FAMILIES[family](goods))
    prices = data.draw(vectors(goods, 0.05, 9.0))
    demand = valuation.demand(prices)
    excess = valuation.gradient(demand) - prices
    assert (demand >= 0).all()
    np.testing.assert_allclose(excess[demand > 0], 0, atol=1e-9 * (1 + prices.max()))
    if isinstance(valuation, Abatement):
        return  # Not concave: at zero the derivative may point upwards although the maximum is there.
    assert (excess <= 1e-9 * (1 + prices.max())).all()


@given(data=st.data(), goods=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_quadratic_demand_meets_its_optimality_conditions_for_any_number_of_goods(
    data: st.DataObject, goods: int
) -> None:
    slope, intercept = data.draw(slopes(goods)), data.draw(vectors(goods, -4.0, 8.0))
    demand = quadratic.quadratic_demand(intercept, slope)
    excess = intercept - slope @ demand
    assert (demand >= 0).all()
    assert (excess <= 1e-9).all()
    np.testing.assert_allclose(demand * excess, 0, atol=1e-8)


@given(data=st.data(), goods=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_enumeration_and_least_squares_find_the_same_demand(data: st.DataObject, goods: int) -> None:
    slope, intercept = data.draw(slopes(goods)), data.draw(vectors(goods, -4.0, 8.0))
    enumerated = quadratic._best_over_supports(intercept[None], slope[None])[0]
    np.testing.assert_allclose(enumerated, quadratic._least_squares(intercept, slope), atol=1e-8)


@given(data=st.data(), goods=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_quadratic_demand_agrees_with_a_general_solver(data: st.DataObject, goods: int) -> None:
    valuation, prices = data.draw(quadratics(goods)), data.draw(vectors(goods, 0.0, 8.0))

    def loss(bundle: FloatArray) -> float:
        return -surplus(valuation, bundle, prices)

    def slope(bundle: FloatArray) -> FloatArray:
        return prices - valuation.gradient(bundle)

    found = optimize.minimize(
        loss,
        np.ones(goods),
        jac=slope,
        bounds=[(0, None)] * goods,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000},
    )
    assert surplus(valuation, valuation.demand(prices), prices) >= -found.fun - 1e-12
    np.testing.assert_allclose(valuation.demand(prices), found.x, atol=1e-4)


@pytest.mark.parametrize("family", SEPARABLE)
@FEW
@given(data=st.data(), goods=GOODS)
def test_the_demand_slope_is_minus_the_derivative_of_demand(family: str, data: st.DataObject, goods: int) -> None:
    valuation = data.draw(SEPARABLE[family](goods)).simplified()
    assert isinstance(valuation, SeparableValuation)
    prices = data.draw(vectors(goods, 0.5, 6.0))
    demand = valuation.demand(prices)
    step = 1e-6
    low, high = valuation.demand(prices - step), valuation.demand(prices + step)
    smooth = (high > 0) | (low == 0)  # away from the price where demand begins
    smooth &= np.isfinite(low)
    difference = np.where(smooth, low, 0) - np.where(smooth, high, 0)
    slope = valuation.demand_slope(prices, demand)
    np.testing.assert_allclose(difference[smooth] / (2 * step), slope[smooth], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@FEW
@given(data=st.data(), goods=GOODS)
def test_no_bundle_within_the_limit_beats_the_indirect_utility(family: str, data: st.DataObject, goods: int) -> None:
    valuation = data.draw(FAMILIES[family](goods))
    limit, prices = data.draw(vectors(goods, 0.1, 4.0)), data.draw(vectors(goods, 0.0, 6.0))
    bound = float(valuation.indirect_utility(prices, limit))
    shares = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * goods), axis=-1).reshape(-1, goods)
    surpluses = valuation.value(shares * limit) - (prices * shares * limit).sum(axis=-1)
    assert surpluses.max() <= bound + 1e-9
    if valuation.separable and goods == 1:  # and one bundle attains it
        quantities = np.linspace(0, limit[0], 4001)[:, None]
        attained = (valuation.value(quantities) - prices[0] * quantities[:, 0]).max()
        assert attained >= float(valuation.simplified().indirect_utility(prices, limit)) - 1e-3 * (1 + abs(attained))


@pytest.mark.parametrize("family", FAMILIES)
@FEW
@given(data=st.data(), goods=GOODS)
def test_no_marginal_value_within_the_limit_is_below_the_least_gradient(
    family: str, data: st.DataObject, goods: int
) -> None:
    valuation = data.draw(FAMILIES[family](goods))
    limit = data.draw(vectors(goods, 0.1, 4.0))
    shares = np.stack(np.meshgrid(*[np.linspace(0.001, 1, 8)] * goods), axis=-1).reshape(-1, goods)
    assert (valuation.gradient(shares * limit) >= valuation.least_gradient(limit) - 1e-9).all()


@pytest.mark.parametrize("family", FAMILIES)
@FEW
@given(data=st.data(), goods=GOODS)
def test_a_strictly_concave_valuation_lies_above_its_chords(family: str, data: st.DataObject, goods: int) -> None:
    valuation = data.draw(FAMILIES[family](goods))
    limit = data.draw(vectors(goods, 0.5, 4.0))
    if not valuation.strictly_concave(limit):
        return
    one, other = limit * data.draw(vectors(goods, 0.0, 1.0)), limit * data.draw(vectors(goods, 0.0, 1.0))
    chord = (valuation.value(one) + valuation.value(other)) / 2
    assert valuation.value((one + other) / 2) >= chord - 1e-12
    if np.abs(one - other).max() > 0.1:
        assert valuation.value((one + other) / 2) > chord


def test_strict_concavity_is_denied_where_it_fails() -> None:
    limit = np.array([2.0])
    assert not Linear(np.array([1.0])).strictly_concave(limit)
    assert not Power(np.ones(1), np.zeros(1), np.array([0.5])).strictly_concave(limit)
    permits = Abatement(np.ones(1), np.array([-1.0]), np.array([2.2]))  # m >= 0.2 there, but 2 a m + b needs m > 0.5
    assert not permits.strictly_concave(limit)
    assert permits.strictly_concave(np.array([1.6]))
    assert not permits.strictly_concave(np.array([3.0]))


@given(valuation=abatements(1), price=st.floats(0.0, 3.0))
@settings(max_examples=40, deadline=None)
def test_permits_are_demanded_at_the_global_maximum_also_where_marginal_costs_start_negative(
    valuation: Abatement, price: float
) -> None:
    grid = np.linspace(0, valuation.reference[0], 20001)[:, None]
    best = (valuation.value(grid) - price * grid[:, 0]).max()
    demand = valuation.demand(np.array([price]))
    assert surplus(valuation, demand, np.array([price])) >= best - 1e-12


@given(valuation=abatements(1), permits=st.floats(0.0, 6.0))
@settings(max_examples=40, deadline=None)
def test_the_supergradient_of_permits_bounds_every_change_of_their_value(valuation: Abatement, permits: float) -> None:
    kept = valuation.dispose(np.array([permits]))
    other = np.linspace(0, 7, 1001)[:, None]
    tangent = valuation.value(kept) + valuation.supergradient(np.array([permits])) * (other[:, 0] - kept)
    assert (valuation.value(other) <= tangent + 1e-9).all()
    assert valuation.value(kept) >= valuation.value(np.array([permits])) - 1e-12


@settings(max_examples=15, deadline=None)
@given(data=st.data(), goods=st.integers(1, 2))
def test_a_table_of_mixed_families_evaluates_each_row_as_its_own_valuation(data: st.DataObject, goods: int) -> None:
    valuations = data.draw(st.lists(any_valuation(goods, FAMILIES), min_size=1, max_size=5))
    table = ValuationTable(valuations)
    rows = data.draw(
        st.lists(st.lists(st.integers(0, len(valuations) - 1), min_size=3, max_size=3), min_size=2, max_size=2)
    )
    chosen = np.array(rows)
    points = np.array([[data.draw(vectors(goods, 0.1, 4.0)) for _ in row] for row in rows])
    for method in ("value", "gradient", "supergradient", "dispose", "curvature", "demand"):
        together = getattr(table, method)(chosen, points)
        for place in np.ndindex(chosen.shape):
            alone = getattr(valuations[chosen[place]], method)(points[place])
            np.testing.assert_allclose(together[place], alone, rtol=1e-12, atol=1e-12)
    bounds = table.indirect_utility(chosen, points, np.full(goods, 2.0))
    for place in np.ndindex(chosen.shape):
        alone = valuations[chosen[place]].simplified().indirect_utility(points[place], np.full(goods, 2.0))
        np.testing.assert_allclose(bounds[place], alone, rtol=1e-12, atol=1e-12)
    assert table.separable == all(valuation.separable for valuation in valuations)


def test_a_table_needs_valuations_over_the_same_goods() -> None:
    two_goods = Linear(np.ones(2))
    with pytest.raises(ValueError, match=r"over \[1, 2\] goods; all must be over the same number"):
        ValuationTable([line(1.0), two_goods])
    with pytest.raises(ValueError, match="all must be over the same number"):
        ValuationTable([])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Quadratic(np.ones(2), np.array([[1.0, 2.0], [2.0, 1.0]])), "must be positive definite"),
        (lambda: Quadratic(np.ones(2), np.array([[1.0, 0.5], [0.4, 1.0]])), "must be symmetric"),
        (lambda: Quadratic(np.ones(2), np.eye(3)), r"slope has shape \(3, 3\); its last dimensions must be \(2, 2\)"),
        (lambda: Quadratic(np.ones((3, 1)), np.eye(1)), "must go together"),
        (lambda: Quadratic(np.array([np.nan]), np.eye(1)), "intercept must be finite"),
        (lambda: Quadratic(np.array(["many"]), np.eye(1)), "intercept must be an array of real numbers"),
        (lambda: Logarithmic(np.zeros(1), np.ones(1)), r"weight is \[0.0\]; every entry must be greater than 0"),
        (lambda: Logarithmic(np.ones(1), np.array([-1.0])), "shift is .* greater than 0"),
        (lambda: Logarithmic(np.ones(2), np.ones(3)), "they must have the same"),
        (lambda: Logarithmic(np.ones(1), np.ones(3)), "they must have the same"),
        (lambda: Power(np.ones(1), np.ones(1), np.ones(1)), "1 is the logarithmic family"),
        (lambda: Power(np.ones(1), np.zeros(1), np.array([2.0])), "shift is .* where gamma exceeds 1"),
        (lambda: Power(np.ones(1), np.array([-0.1]), np.array([0.5])), "shift is .* at least 0"),
        (lambda: Exponential(np.ones(1), np.zeros(1)), "rate is .* greater than 0"),
        (lambda: Abatement(np.zeros(1), np.ones(1), np.ones(1)), "a is .* greater than 0"),
        (lambda: Abatement(np.ones(1), np.ones(1), np.array([-1.0])), "reference is .* at least 0"),
    ],
)
def test_parameters_that_break_a_family_are_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=message):
        build()


def test_parameters_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="read-only"):
        line(1.0).intercept[0] = 2.0


@pytest.mark.parametrize("family", valuations.FAMILIES.own, ids=valuations.FAMILIES.name_of)
def test_every_family_of_ours_can_be_certified(family: type[Valuation]) -> None:
    assert family.is_exact()


def test_a_family_without_a_formula_of_its_own_in_rational_numbers_is_not_exact() -> None:
    class Doubled(Logarithmic):
        """What it inherits in rational numbers is not what it is worth."""

        @override
        def value(self, bundles: FloatArray) -> FloatArray:
            return 2 * super().value(bundles)

    class Unsaid(Valuation):
        """A family whose goods enter together, in floating point only."""

        @override
        def value(self, bundles: FloatArray) -> FloatArray:
            return bundles.prod(axis=-1)

    assert not Doubled.is_exact()
    assert not Unsaid.is_exact()
    with pytest.raises(ValueError, match="not given in rational numbers"):
        Valuation.exact_tangent(line(1.0), [Fraction(1)])


@dataclass(frozen=True, eq=False)
class Shared(Logarithmic):
    """v(q) = factor Σ weight log(shift + q)."""

    factor: FloatArray = coefficient("one number for all goods", dimensions=0, gt=0)


def test_a_parameter_may_be_one_number_for_all_goods() -> None:
    one = Shared(np.ones(2), np.ones(2), np.array(3.0))
    stack = Shared.stack([one, one])
    assert stack.factor.shape == (2,)
    assert stack.goods == 2
    assert Shared(stack.weight, stack.shift, stack.factor).take(np.array([0])).factor.shape == (1,)
    with pytest.raises(ValueError, match=r"factor has shape \(2,\), weight \(2,\); they must go together"):
        Shared(np.ones(2), np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"factor is 0.0; every entry must be greater than 0"):
        Shared(np.ones(2), np.ones(2), np.array(0.0))
