"""Profiles that stand for all: counts of replicas are exact, draws honest about their errors."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, FactorPrior, IndependentPrior, Prior
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.laws import common_shock, gaussian_copula
from marketgame.mechanisms.economies.profiles import (
    Listing,
    drawn_profiles,
    exact_profiles,
    listing_of,
    others_of,
    players_alike,
    seeded,
)
from tests.mechanisms.replicated_economies import all_different, booms_and_busts, replicas

MARGINALS = [np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.4]), np.array([0.25, 0.75])]
# Some types are impossible in busts, others in booms.
NOT_EVERYTHING = FactorPrior(
    np.array([0.35, 0.65]), [np.array([[1.0, 0.0], [0.3, 0.7]])] * 3 + [np.array([[0.6, 0.4], [0.0, 1.0]])] * 2
)


@pytest.mark.parametrize(
    "prior", [None, NOT_EVERYTHING, booms_and_busts()], ids=["independent", "sure", "a common factor"]
)
def test_counts_of_replicas_give_the_expectations_of_all_profiles(prior: Prior | None) -> None:
    economy = replicas(prior)
    every, counted = (exact_profiles(economy, listing) for listing in (Listing.LISTED, Listing.COUNTED))
    # Three and two replicas of two types each: 4 times 3 counts stand for 32 profiles.
    assert (len(every.types), len(counted.types)) == (32, 12)
    expected = [each.expected(efficient_allocation(economy, each.types).welfare) for each in (every, counted)]
    assert expected[1].value == pytest.approx(expected[0].value, rel=1e-13)
    assert expected[1].standard_error == 0


@pytest.mark.parametrize("prior", [None, booms_and_busts()], ids=["independent", "a common factor"])
@pytest.mark.parametrize("player", [0, 4])
def test_what_the_others_may_be_is_expected_alike_from_every_list(prior: Prior | None, player: int) -> None:
    economy = replicas(prior)
    draws = economy.prior.draws(seeded(), 4000)
    found = []
    for source in (Listing.LISTED, Listing.COUNTED, draws):
        others = others_of(economy, player, source)
        types = others.types.copy()
        types[:, player] = 1
        welfare = efficient_allocation(economy, types).welfare
        found.append(others.belief @ welfare)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-13)
    deviation = found[2] - found[0]
    # Welfare varies by some two euro, and beliefs given a factor weigh draws by at most four.
    assert np.abs(deviation).max() < 5 * 2 * 2 / np.sqrt(4000)
    assert np.abs(deviation).max() > 0


def test_players_are_replicas_only_if_everything_about_them_is_the_same() -> None:
    assert players_alike(replicas()).tolist() == [0, 0, 0, 3, 3]
    assert players_alike(all_different(4)).tolist() == [0, 1, 2, 3]
    unlike = IndependentPrior([np.array([0.4, 0.6]), np.array([0.3, 0.7])] + [np.array([0.4, 0.6])] * 3)
    assert players_alike(replicas(unlike)).tolist() == [0, 1, 0, 3, 3]


def test_few_profiles_are_listed_replicas_counted_and_others_drawn() -> None:
    assert listing_of(replicas()) is Listing.LISTED
    assert listing_of(replicas(groups=((40, 4.0, 1.0), (40, 5.0, 1.5)))) is Listing.COUNTED
    assert listing_of(all_different(40)) is Listing.DRAWN


def test_standard_errors_cover_the_truth_as_often_as_they_should() -> None:
    economy = replicas()
    exact = exact_profiles(economy, Listing.LISTED)
    welfare = efficient_allocation(economy).welfare
    truth, covered, runs = exact.expected(welfare).value, 0, 400
    for seed in range(runs):
        drawn = drawn_profiles(economy.prior.draws(np.random.default_rng(seed), 100))
        found = drawn.expected(welfare[economy.prior.profile_numbers(drawn.types)])
        covered += abs(found.value - truth) <= 2 * found.standard_error
    # 95.4% for a normal mean; five standard deviations of a binomial count on either side.
    assert abs(covered / runs - 0.954) < 5 * np.sqrt(0.954 * 0.046 / runs)


@pytest.mark.parametrize(
    "prior",
    [common_shock(MARGINALS, 0.6), gaussian_copula(MARGINALS, 0.5), gaussian_copula(MARGINALS, 0.99)],
    ids=["common shock", "copula", "nearly one level"],
)
def test_a_law_keeps_the_probabilities_of_types_and_correlates_them(prior: FactorPrior) -> None:
    table = prior.probability.reshape(prior.type_counts)
    for player, marginal in enumerate(MARGINALS):
        others = tuple(axis for axis in range(3) if axis != player)
        np.testing.assert_allclose(table.sum(axis=others), marginal, rtol=1e-11)
    assert not prior.independent
    # Highest types go together more often than they would independently.
    assert table.sum(axis=0)[1, 1] > 1.1 * MARGINALS[1][1] * MARGINALS[2][1]


def test_a_common_shock_is_a_mixture_of_one_level_and_independent_ones() -> None:
    # Both follow the level with chance 1/4; then the types are the same, else as good as independent.
    prior = common_shock([np.array([0.5, 0.5])] * 2, 0.5)
    np.testing.assert_allclose(prior.probability.reshape(2, 2), [[0.3125, 0.1875], [0.1875, 0.3125]], rtol=1e-14)


def test_a_gaussian_copula_has_the_quadrant_probabilities_of_sheppards_formula() -> None:
    # Two medians: P(both above) = 1/4 + arcsin(correlation) / (2 pi).
    for correlation in (0.0, 0.3, 0.8):
        prior = gaussian_copula([np.array([0.5, 0.5])] * 2, correlation)
        assert prior.probability[-1] == pytest.approx(0.25 + np.arcsin(correlation) / (2 * np.pi), abs=1e-12)


def test_laws_without_correlation_are_independent_and_impossible_ones_refused() -> None:
    assert common_shock(MARGINALS, 0.0).independent
    assert gaussian_copula(MARGINALS, 0.0).independent
    with pytest.raises(ValueError, match="correlation is 1"):
        gaussian_copula(MARGINALS, 1.0)
    with pytest.raises(ValueError, match="weight is"):
        common_shock(MARGINALS, 1.5)


def test_draws_are_as_frequent_as_the_law_says_and_the_same_for_the_same_seed() -> None:
    prior = gaussian_copula(MARGINALS, 0.7)
    draws = prior.draws(np.random.default_rng(3), 20_000)
    found = np.bincount(prior.profile_numbers(draws.profiles), minlength=prior.size) / 20_000
    assert np.abs(found - prior.probability).max() < 5 * np.sqrt(0.25 / 20_000)
    np.testing.assert_array_equal(draws.profiles[:10], prior.draws(np.random.default_rng(3), 10).profiles)


def test_draws_from_a_table_give_its_beliefs() -> None:
    joint = np.array([[0.5, 0.1], [0.1, 0.3]])
    draws = CorrelatedPrior(joint).draws(np.random.default_rng(1), 20_000)
    economy = all_different(2)
    others = others_of(economy, 0, draws)
    high = others.belief @ (others.types[:, 1] == 1)
    np.testing.assert_allclose(high, [1 / 6, 3 / 4], atol=0.02)


def test_replicas_exchange_places_without_changing_how_likely_profiles_are() -> None:
    economy = replicas(booms_and_busts())
    chances = {tuple(order): economy.prior.chance(np.array([[*order, 0, 1]]))[0] for order in permutations((0, 1, 1))}
    assert len(set(np.round(list(chances.values()), 15))) == 1
