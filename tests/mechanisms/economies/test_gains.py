"""Differences of values against decimal arithmetic of 80 digits, at parameters and bundles of any size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE, UndecidableError, counts_as_gain, stakes_by_type
from marketgame.mechanisms.economies.valuation import Valuation, ValuationTable
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    DiagonalQuadratic,
    Exponential,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
)
from tests.examples import drawn
from tests.mechanisms.exact_values import exact_gain
from tests.mechanisms.strategies import SEPARABLE, any_valuation, economy_of, line, one_type, vectors

# What the few operations of one good may round, in units of the last place of their terms.
ROUNDING = 64 * np.finfo(np.float64).eps
MANY = settings(max_examples=drawn(300), deadline=None)

type Numbers = st.SearchStrategy[float]


def magnitudes(low: float = -12, high: float = 12) -> Numbers:
    """Positive numbers of every size between the powers of ten."""
    return st.floats(low, high).map(lambda exponent: float(10**exponent))


def one(number: float) -> FloatArray:
    return np.array([number])


WILD: dict[str, st.SearchStrategy[Valuation]] = {
    "diagonal quadratic": st.builds(lambda b, s: DiagonalQuadratic(one(b), one(s)), magnitudes(), magnitudes()),
    "logarithmic": st.builds(lambda w, s: Logarithmic(one(w), one(s)), magnitudes(), magnitudes()),
    "power": st.builds(
        lambda w, s, g: Power(one(w), one(s), one(g)),
        magnitudes(),
        magnitudes(-9, 9),
        st.floats(0.01, 6).filter(lambda gamma: gamma != 1),
    ),
    "power without a shift": st.builds(lambda w, g: Power(one(w), one(0), one(g)), magnitudes(), st.floats(0.01, 0.99)),
    "exponential": st.builds(lambda w, r: Exponential(one(w), one(r)), magnitudes(), magnitudes(-6, 2)),
    "abatement": st.builds(
        lambda a, b, r: Abatement(one(a), one(b), one(r)), magnitudes(), st.floats(-1e6, 1e6), magnitudes()
    ),
    "linear": st.builds(lambda v: Linear(one(v)), st.floats(-1e12, 1e12)),
}


@st.composite
def moves(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """Two holdings: far apart, as near as floating point allows, or with nothing at one end."""
    before = draw(st.one_of(magnitudes(), st.just(0.0)))
    nearby = st.floats(-16, 0).map(lambda exponent: before * (1 + float(10**exponent)))
    after = draw(st.one_of(magnitudes(), st.just(0.0), nearby))
    return (one(before), one(after)) if draw(st.booleans()) else (one(after), one(before))


def assert_exact(valuation: Valuation, before: FloatArray, after: FloatArray) -> None:
    gain, size = exact_gain(valuation, before, after)
    computed = float(valuation.gain(before, after))
    assert computed == pytest.approx(gain, rel=0, abs=ROUNDING * size + 1e-290)


@pytest.mark.parametrize("family", WILD)
@MANY
@given(data=st.data(), move=moves())
def test_a_gain_is_exact_to_the_rounding_of_its_own_terms(
    family: str, data: st.DataObject, move: tuple[FloatArray, FloatArray]
) -> None:
    assert_exact(data.draw(WILD[family]), *move)


@given(
    mixing=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    scale=magnitudes(),
    intercept=st.tuples(magnitudes(), magnitudes()),
    moves=st.tuples(moves(), moves()),
)
@MANY
def test_so_is_a_gain_of_goods_valued_jointly(
    mixing: list[float],
    scale: float,
    intercept: tuple[float, float],
    moves: tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]],
) -> None:
    matrix = np.reshape(mixing, (2, 2))
    valuation = Quadratic(np.array(intercept), scale * (matrix @ matrix.T + np.eye(2)))
    before, after = (np.concatenate([move[end] for move in moves]) for end in (0, 1))
    assert_exact(valuation, before, after)


def test_a_thousandth_of_a_good_of_infinite_appeal_is_not_lost() -> None:
    """Where v(1e-9 + q) is about -5e17, a value is rounded by 64; the gain from 0.2 to 0.5 is 12.5 - 2.

    By the formula, (0.2^-2 - 0.5^-2) / 2 = (25 - 4) / 2, less the effect of the shift, 2e-9 (125 - 8) / 2.
    """
    valuation = Power(one(1.0), one(1e-9), one(3.0))
    gain = float(valuation.gain(one(0.2), one(0.5)))
    assert gain == pytest.approx(10.5 - 1.17e-7, abs=1e-11)
    assert_exact(valuation, one(0.2), one(0.5))


@pytest.mark.parametrize("constant", [1e6, 1e12])
def test_a_change_smaller_than_the_rounding_of_what_is_owned_still_counts(constant: float) -> None:
    change = one(1e-9)
    for valuation in (
        DiagonalQuadratic(one(2.0), one(1.0 / constant)),
        Logarithmic(one(constant), one(1.0)),
        Power(one(1.0), one(1.0), one(0.5)),
        Abatement(one(1.0), one(1.0), one(2 * constant)),
    ):
        held = one(constant)
        computed = float(valuation.gain(held, held + change, change))
        assert computed == pytest.approx(float(valuation.gradient(held)[0]) * 1e-9, rel=1e-9)


@given(data=st.data(), seed=st.integers(0, 1000))
@settings(max_examples=drawn(40), deadline=None)
def test_tables_and_stacks_say_what_each_valuation_says(data: st.DataObject, seed: int) -> None:
    valuations = [data.draw(any_valuation(2, SEPARABLE)) for _ in range(4)]
    before, after = np.random.default_rng(seed).uniform(0, 3, (2, 5, 4, 2))
    rows = np.broadcast_to(np.arange(4), (5, 4))
    together = ValuationTable(valuations).gain(rows, before, after)
    one_by_one = np.stack(
        [valuation.gain(before[:, row], after[:, row]) for row, valuation in enumerate(valuations)], axis=-1
    )
    np.testing.assert_allclose(together, one_by_one, rtol=1e-13, atol=1e-13)


@given(data=st.data(), goods=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_gain_and_the_gain_back_cancel(data: st.DataObject, goods: int) -> None:
    valuation = data.draw(any_valuation(goods, SEPARABLE))
    before, after = data.draw(vectors(goods, 0, 4)), data.draw(vectors(goods, 0, 4))
    assert float(valuation.gain(before, after)) == pytest.approx(-float(valuation.gain(after, before)), abs=1e-12)


OWNED_MONEY = st.one_of(st.just(0.0), magnitudes(0, 12))


@given(money=OWNED_MONEY, unit=magnitudes(-9, 9), good_unit=magnitudes(-9, 9))
@settings(max_examples=60, deadline=None)
def test_what_is_at_stake_knows_no_levels_and_no_units(money: float, unit: float, good_unit: float) -> None:
    def stakes(money: float, unit: float, good_unit: float) -> FloatArray:
        def player(name: str, intercept: float, owned: float) -> object:
            return one_type(
                name, [owned / good_unit, money * unit], line(intercept * unit * good_unit, unit * good_unit**2)
            )

        economy = economy_of([player("a", 5.0, 2.0), player("b", 8.0, 1.0)])  # type: ignore[list-item]
        return stakes_by_type(economy, efficient_allocation(economy))

    np.testing.assert_allclose(stakes(money, unit, good_unit), unit * stakes(0.0, 1.0, 1.0), rtol=1e-9)


def test_what_is_at_stake_is_what_is_held_and_gained_and_not_what_is_paid_whatever_happens() -> None:
    """Two with v = 5q - q^2/2 and 8q - q^2/2 own 2 and 1: they hold 0 and 3 at the price 5.

    At stake are 5 * 2 and 5 * 3, and the losses and gains v(0) - v(2) = -8 and v(3) - v(1) = 12.
    """
    economy = economy_of([one_type("a", [2.0, 9.0], line(5.0)), one_type("b", [1.0, 9.0], line(8.0))])
    efficient = efficient_allocation(economy)
    np.testing.assert_allclose(stakes_by_type(economy, efficient), [18.0, 27.0], rtol=1e-12)
    paid = stakes_by_type(economy, efficient, np.array([[4.0, -4.0]]))
    np.testing.assert_allclose(paid, [18.0, 27.0], rtol=1e-12)
    # What is paid is rounded, and nobody is tempted by that.
    least = stakes_by_type(economy, efficient, np.array([[4e9, -4e9]])) * GAIN_TOLERANCE
    assert (10 * np.finfo(np.float64).eps * 4e9 < least).all()
    assert (least < 1000 * np.finfo(np.float64).eps * 4e9).all()


def test_only_roundings_of_the_others_trades_are_at_stake_for_whoever_owns_and_wants_nothing() -> None:
    """What counts as a gain for the bystander is a few dozen roundings of the 45 that the others have at stake."""
    bystander = one_type("c", [0.0, 1e9], Linear(one(0.0)))
    economy = economy_of([one_type("a", [2.0, 9.0], line(5.0)), one_type("b", [1.0, 9.0], line(8.0)), bystander])
    stakes = stakes_by_type(economy, efficient_allocation(economy))
    np.testing.assert_allclose(stakes[:2], [18.0, 27.0], rtol=1e-12)
    assert 0 < GAIN_TOLERANCE * stakes[2] <= 100 * np.finfo(np.float64).eps * 45.0


def test_a_gain_within_rounding_is_neither_one_nor_none() -> None:
    assert not counts_as_gain(np.array([0.5 * GAIN_TOLERANCE]), np.ones(1)).any()
    assert counts_as_gain(np.array([2 * GAIN_TOLERANCE]), np.ones(1)).all()
    assert counts_as_gain(np.array([1.0]), np.ones(1), rounding=1e-3).all()
    assert not counts_as_gain(np.array([-1.0]), np.ones(1), rounding=1e-3).any()
    with pytest.raises(UndecidableError, match="a gain of 1e-06 cannot be told from none"):
        counts_as_gain(np.array([1e-6]), np.ones(1), rounding=1e-3)


def gains_at(economy_gains: Callable[..., FloatArray], net: FloatArray) -> FloatArray:
    return economy_gains(np.zeros(2, np.int64), net)


@pytest.mark.parametrize("money", [0.0, 1e9, 1e12])
def test_gains_of_an_economy_do_not_feel_what_is_owned(money: float) -> None:
    """One unit moves from a to b for 6: a loses 5 - 1.5 = 3.5 and gains 6, b gains 8 - 1.5 = 6.5 and loses 6."""
    economy = economy_of([one_type("a", [2.0, money], line(5.0)), one_type("b", [1.0, money], line(8.0))])
    net = np.array([[-1.0, 6.0], [1.0, -6.0]])
    np.testing.assert_allclose(gains_at(economy.gains, net), [2.5, 0.5], rtol=1e-12)
