"""The projection on the feasible set, against its optimality conditions and against a general solver."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.feasible_set import ration

ROUNDING = 1e-12

CLAIMS = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1.0, -1.0, 4.0])
SUPPLY = st.floats(0, 1e3) | st.sampled_from([0.0, 1.0, 4.0])


def projected(bundles: ArrayLike, supply: ArrayLike) -> FloatArray:
    """The feasible allocation nearest to bundles ``(..., N, L)``."""
    claims = np.moveaxis(np.asarray(bundles, dtype=np.float64), -2, 0)
    return np.moveaxis(ration(claims, np.zeros_like(claims), np.asarray(supply)), 0, -2)


@st.composite
def problems(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """Claims of several players to several goods, in batches of any shape, and a supply."""
    batch = draw(array_shapes(min_dims=0, max_dims=2, max_side=3)) if draw(st.booleans()) else ()
    players, goods = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    bundles = draw(arrays(np.float64, (*batch, players, goods), elements=CLAIMS))
    supply = draw(arrays(np.float64, (*batch, goods), elements=SUPPLY))
    return bundles, supply


def test_projection_is_not_two_successive_projections() -> None:
    claims, supply = np.array([[-10.0], [3.0], [2.0]]), np.array([4.0])
    excess = max(claims.sum() - supply.item(), 0.0) / 3
    two_steps = np.maximum(claims - excess, 0.0)
    np.testing.assert_array_equal(two_steps.ravel(), [0, 3, 2])
    assert two_steps.sum() > supply.item()
    exact = projected(claims, supply)
    np.testing.assert_allclose(exact.ravel(), [0, 2.5, 1.5], atol=1e-15)


@settings(deadline=None, max_examples=100)
@given(problems())
def test_projection_meets_the_optimality_conditions(problem: tuple[FloatArray, FloatArray]) -> None:
    bundles, supply = problem
    allocation = projected(bundles, supply)
    scale = 1 + np.abs(bundles).max()
    total = allocation.sum(axis=-2)
    assert (allocation >= 0).all()
    assert (total <= supply + ROUNDING * scale).all()
    # Everybody served is cut by the same ration, nobody by more; without scarcity there is no ration.
    cut = np.where(allocation > 0, bundles - allocation, -np.inf)
    ration = np.maximum(cut.max(axis=-2), 0.0)
    served = allocation > 0
    assert np.abs(np.where(served, cut - ration[..., np.newaxis, :], 0.0)).max() <= ROUNDING * scale
    scarce = ration > ROUNDING * scale
    assert (total[scarce] >= supply[scarce] - ROUNDING * scale).all()
    # Whoever gets nothing claims no more than the ration, which is at least the highest claim if nothing is handed out.
    any_served = served.any(axis=-2)
    beaten = bundles <= ration[..., np.newaxis, :] + ROUNDING * scale
    assert (served | beaten | ~any_served[..., np.newaxis, :]).all()
    assert (supply[~any_served & (bundles > 0).any(axis=-2)] <= ROUNDING * scale).all()


def nearest_by_enumeration(claims: FloatArray, supply: float) -> FloatArray:
    """Try every set of players that may be served, with and without exhausting the supply; keep the nearest."""
    candidates = [np.zeros_like(claims)]
    for served in itertools.product([False, True], repeat=len(claims)):
        if any(served):
            unconstrained = np.where(served, claims, 0.0)
            cut = (unconstrained.sum() - supply) / sum(served)
            candidates += [unconstrained, np.where(served, claims - cut, 0.0)]
    feasible = [x for x in candidates if (x >= 0).all() and x.sum() <= supply + ROUNDING]
    return min(feasible, key=lambda x: float(((x - claims) ** 2).sum()))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_nothing_feasible_is_nearer(seed: int, players: int) -> None:
    generator = np.random.default_rng(seed)
    bundles = generator.normal(1, 3, (players, 2))
    supply = generator.uniform(0, 4, 2)
    nearest = [nearest_by_enumeration(bundles[:, good], supply[good]) for good in range(2)]
    np.testing.assert_allclose(projected(bundles, supply), np.transpose(nearest), atol=ROUNDING * 10)


@settings(deadline=None, max_examples=50)
@given(problems())
def test_projecting_twice_changes_nothing(problem: tuple[FloatArray, FloatArray]) -> None:
    bundles, supply = problem
    once = projected(bundles, supply)
    np.testing.assert_allclose(projected(once, supply), once, rtol=0, atol=ROUNDING * (1 + supply.max()))


@settings(deadline=None, max_examples=50)
@given(problems(), st.integers(0, 2**32 - 1))
def test_projection_brings_no_two_points_further_apart(problem: tuple[FloatArray, FloatArray], seed: int) -> None:
    bundles, supply = problem
    moved = bundles + np.random.default_rng(seed).normal(0, 10, bundles.shape)
    before = np.linalg.norm(moved - bundles)
    after = np.linalg.norm(projected(moved, supply) - projected(bundles, supply))
    assert after <= before + ROUNDING * (1 + np.abs(bundles).max())


@settings(deadline=None, max_examples=50)
@given(problems(), st.integers(0, 2**32 - 1))
def test_projection_treats_players_and_goods_alike(problem: tuple[FloatArray, FloatArray], seed: int) -> None:
    bundles, supply = problem
    generator = np.random.default_rng(seed)
    players, goods = generator.permutation(bundles.shape[-2]), generator.permutation(bundles.shape[-1])
    shuffled = projected(bundles[..., players, :][..., goods], supply[..., goods])
    expected = projected(bundles, supply)[..., players, :][..., goods]
    np.testing.assert_allclose(shuffled, expected, rtol=0, atol=ROUNDING * (1 + supply.max()))


@pytest.mark.parametrize("size", [1e6, 1e12, 1e15])
def test_huge_claims_are_rationed_to_the_last_digit_of_the_supply(size: float) -> None:
    claims = np.array([[size], [size - 4.0], [5.0], [-size]])
    allocation = projected(claims, [10.0])
    np.testing.assert_allclose(allocation.ravel(), [7, 3, 0, 0], rtol=1e-15)


def test_claims_at_the_end_of_the_number_range_are_rationed() -> None:
    allocation = projected([[1.7e308], [1.7e308], [-1.7e308]], [10.0])
    np.testing.assert_array_equal(allocation.ravel(), [5, 5, 0])


def test_nothing_is_handed_out_of_nothing() -> None:
    np.testing.assert_array_equal(projected([[3.0], [-1.0]], [0.0]), [[0], [0]])
