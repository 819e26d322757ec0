"""Everybody's consent where profiles are many: when it costs nothing, and bounds otherwise."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money, second_best
from marketgame.mechanisms.incentive_efficiency.willing import (
    fixed_price_gains,
    least_payments,
    uniformly_rationed,
    willing_bounds,
)
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior
from tests.mechanisms.strategies import economy_of


def traders(spread: float, kinds: int = 4) -> Economy:
    """A seller and a buyer whose tastes are spread around each other: whether trade pays is their secret."""
    players = []
    for name, owned in (("seller", 1.0), ("buyer", 0.0)):
        levels = np.linspace(5.0 - spread, 5.0 + spread, kinds)
        types = (
            PlayerType(f"level {level:.2f}", np.array([owned, 500.0]), Quadratic(np.array([level]), np.eye(1) / 4))
            for level in levels
        )
        players.append(Player(name, tuple(types)))
    return economy_of(players)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["random", "two traders"])
def test_consent_costs_nothing_exactly_where_the_program_over_all_profiles_says_so(kind: str, seed: int) -> None:
    if kind == "random":
        economy = random_economy(seed, random_independent_prior(seed, (2, 2, 2)), money=500.0)
    else:
        economy = traders(1.0, 2 + seed)
    sample = sampled(economy, listing=Listing.LISTED)
    found = willing_bounds(economy, Money.UNLIMITED, sample)
    best = second_best(economy, Participation.INDIVIDUAL, money=Money.UNLIMITED)
    rounding = 1e-7 * found.bound_on_gains
    assert found.concave == (best.gains >= found.bound_on_gains - rounding)
    assert found.gains <= best.bound_on_gains + rounding
    assert best.gains <= found.bound_on_gains + rounding
    assert all((gains >= -rounding).all() for gains in found.interim_gains)


def test_both_answers_occur() -> None:
    answers = [
        willing_bounds(economy, Money.UNLIMITED, sampled(economy, listing=Listing.LISTED)).concave
        for economy in (traders(0.05), traders(0.2), traders(1.0), traders(1.0, 5))
    ]
    assert set(answers) == {False, True}


def test_who_cannot_pay_does_not_consent_for_nothing() -> None:
    economy = random_economy(0, random_independent_prior(0, (2, 2, 2)), money=500.0)
    assert willing_bounds(economy, Money.OWNED, sampled(economy, listing=Listing.LISTED)).concave
    poor = random_economy(0, random_independent_prior(0, (2, 2, 2)), money=0.01)
    found = willing_bounds(poor, Money.OWNED, sampled(poor, listing=Listing.LISTED))
    assert not found.concave
    assert 0 <= found.gains <= found.bound_on_gains


@given(seed=st.integers(0, 10_000), types=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_least_payments_are_those_of_a_linear_program(seed: int, types: int) -> None:
    generator = np.random.default_rng(seed)
    # What a concave welfare makes of types that are ordered can be implemented.
    levels, goods = np.sort(generator.uniform(0, 3, types)), np.sort(generator.uniform(0, 2, types))
    utility = np.multiply.outer(levels, goods) + generator.normal(size=types)[:, None]
    utility[generator.random((types, types)) < 0.2 * (1 - np.eye(types))] = -np.inf
    rows, limits = [], []
    for kind, said in product(range(types), range(types)):
        if kind != said and np.isfinite(utility[kind, said]):
            row = np.zeros(types)
            row[kind], row[said] = -1.0, 1.0
            rows.append(row)
            limits.append(utility[kind, kind] - utility[kind, said])
    likely = generator.dirichlet(np.ones(types))
    bounds = [(-utility[kind, kind], None) for kind in range(types)]
    expected = linprog(likely, np.array(rows) if rows else None, limits or None, bounds=bounds)
    assert likely @ least_payments(utility) == pytest.approx(expected.fun, abs=1e-8)


@given(seed=st.integers(0, 10_000), players=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_rationing_cuts_all_claims_at_one_size_and_hands_out_what_there_is(seed: int, players: int) -> None:
    generator = np.random.default_rng(seed)
    claims = generator.uniform(0, 1, (20, players, 2)) * (generator.random((20, players, 2)) < 0.7)
    available = np.minimum(claims.sum(axis=1), generator.uniform(0, 2, (20, 2)))
    given_out = uniformly_rationed(claims, available)
    np.testing.assert_allclose(given_out.sum(axis=1), available, atol=1e-12)
    assert (given_out <= claims + 1e-12).all()
    largest = given_out.max(axis=1, keepdims=True)
    assert ((given_out >= largest - 1e-12) | (np.abs(given_out - claims) <= 1e-12)).all()


@pytest.mark.parametrize("seed", range(5))
def test_at_a_fixed_price_nobody_loses_and_no_type_wants_to_name_another_trade(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (3, 2, 3)), money=500.0)
    sample = sampled(economy, listing=Listing.LISTED)
    gains = gains_by_hand(economy)
    together = fixed_price_gains(economy, sample)
    for number, profile in enumerate(economy.profiles):
        truth = gains(profile, profile)
        assert truth.sum() == pytest.approx(together[number], abs=1e-9)
        assert (truth >= -1e-9).all()
        for player, count in enumerate(economy.prior.type_counts):
            for said in range(count):
                reported = profile.copy()
                reported[player] = said
                assert gains(profile, reported)[player] <= truth[player] + 1e-9


def gains_by_hand(economy: Economy) -> Callable[[IntegerArray, IntegerArray], FloatArray]:
    """What everybody gains, of true types, by the net trades that the reported types would name, one at a time."""
    efficient = efficient_allocation(economy)
    price = float(economy.prior.probability @ efficient.price[:, 0])

    def gains(true: IntegerArray, reported: IntegerArray) -> FloatArray:
        named = []
        for player, kind in zip(economy.players, reported, strict=True):
            own = player.types[kind]
            assert isinstance(own.valuation, Quadratic)
            wanted = float((own.valuation.intercept[0] - price) / own.valuation.slope[0, 0])
            total = sum(each.types[0].endowment[0] for each in economy.players)
            named.append(min(max(wanted, 0.0), own.endowment[0] + own.endowment[1] / price, total) - own.endowment[0])
        short, sign = min((sum(n for n in named if n > 0), 1), (-sum(n for n in named if n < 0), -1))
        long = sorted(-sign * n for n in named if sign * n < 0)
        left, size = short, np.inf
        for place, claim in enumerate(long):
            if left / (len(long) - place) <= claim:
                size = left / (len(long) - place)
                break
            left -= claim
        traded = [n if sign * n >= 0 else -sign * min(-sign * n, size) for n in named]
        result = []
        for player, kind, change in zip(economy.players, true, traded, strict=True):
            own = player.types[kind]
            before, after = own.endowment[:1], own.endowment[:1] + change
            result.append(float(own.valuation.value(after) - own.valuation.value(before)) - price * change)
        return np.array(result)

    return gains
