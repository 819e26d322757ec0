"""Priors against their definitions: numbering, Bayes' rule by enumeration, independence, sampling, refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.economies.beliefs import (
    CorrelatedPrior,
    IndependentPrior,
    Prior,
    beliefs_about_others,
    listed_prior,
    profiles_by_own_type,
)
from tests.mechanisms.strategies import TYPE_COUNTS, correlated_priors, independent_priors

FEW = settings(max_examples=30, deadline=None)
PRIORS = TYPE_COUNTS.flatmap(lambda counts: st.one_of(independent_priors(counts), correlated_priors(counts)))


@given(prior=PRIORS)
@FEW
def test_profiles_are_all_combinations_of_types_with_the_last_player_changing_fastest(prior: Prior) -> None:
    combinations = list(product(*(range(count) for count in prior.type_counts)))
    assert [tuple(profile) for profile in prior.profiles.tolist()] == combinations


@given(prior=PRIORS)
@FEW
def test_the_number_of_a_profile_is_its_row(prior: Prior) -> None:
    assert prior.profile_numbers(prior.profiles).tolist() == list(range(len(prior.profiles)))
    backwards = prior.profiles[::-1].reshape(1, *prior.profiles.shape)
    assert prior.profile_numbers(backwards).tolist() == [list(range(len(prior.profiles)))[::-1]]


@given(prior=PRIORS)
@FEW
def test_probabilities_and_marginals_agree(prior: Prior) -> None:
    assert prior.probability.sum() == pytest.approx(1, abs=1e-14)
    for player, count in enumerate(prior.type_counts):
        for kind in range(count):
            total = sum(
                chance
                for chance, profile in zip(prior.probability, prior.profiles, strict=True)
                if profile[player] == kind
            )
            assert prior.marginal(player)[kind] == pytest.approx(total, abs=1e-14)


@given(prior=PRIORS)
@FEW
def test_beliefs_follow_bayes_rule(prior: Prior) -> None:
    for player, count in enumerate(prior.type_counts):
        beliefs = prior.beliefs(player)
        np.testing.assert_allclose(beliefs.sum(axis=1), 1, atol=1e-14)
        for kind in range(count):
            own = [t for t, profile in enumerate(prior.profiles) if profile[player] == kind]
            total = sum(prior.probability[t] for t in own)
            for t in range(len(prior.profiles)):
                expected = prior.probability[t] / total if t in own else 0.0
                assert beliefs[kind, t] == pytest.approx(expected, abs=1e-14)


@given(counts=TYPE_COUNTS, data=st.data())
@FEW
def test_beliefs_about_the_others_do_not_depend_on_the_own_type_when_types_are_independent(
    counts: tuple[int, ...], data: st.DataObject
) -> None:
    prior = data.draw(independent_priors(counts))
    assert prior.independent
    assert prior.full_support
    for player, count in enumerate(counts):
        about_others = prior.beliefs(player).reshape(count, *counts)
        rows = [about_others[kind].take(kind, axis=player) for kind in range(count)]
        for row in rows:
            np.testing.assert_allclose(row, rows[0], atol=1e-14)


@given(counts=TYPE_COUNTS, data=st.data())
@FEW
def test_independent_types_are_recognised_in_a_joint_table(counts: tuple[int, ...], data: st.DataObject) -> None:
    marginals = data.draw(independent_priors(counts))
    joint = CorrelatedPrior(marginals.probability.reshape(counts))
    assert joint.independent
    for player in range(len(counts)):
        np.testing.assert_allclose(joint.beliefs(player), marginals.beliefs(player), atol=1e-13)


def test_correlated_types_are_recognised_and_impossible_profiles_named() -> None:
    prior = CorrelatedPrior(np.array([[0.5, 0.0], [0.25, 0.25]]))
    assert not prior.independent
    assert not prior.full_support
    assert prior.beliefs(0).tolist() == [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    assert prior.beliefs(1)[0] == pytest.approx([2 / 3, 0.0, 1 / 3, 0.0])


@pytest.mark.parametrize(
    "prior",
    [
        IndependentPrior([np.array([0.2, 0.8]), np.ones(1), np.array([0.5, 0.3, 0.2])]),
        CorrelatedPrior(np.array([[0.1, 0.3], [0.6, 0.0]])),
    ],
)
def test_draws_occur_as_often_as_they_are_probable(prior: Prior) -> None:
    generator = np.random.default_rng(3)
    draws = np.array([prior.sample(generator) for _ in range(20_000)])
    frequency = np.bincount(prior.profile_numbers(draws), minlength=len(prior.profiles)) / len(draws)
    deviation = np.sqrt(prior.probability * (1 - prior.probability) / len(draws))
    assert (np.abs(frequency - prior.probability) <= 5 * deviation).all()


def test_the_same_seed_draws_the_same_profiles() -> None:
    prior = IndependentPrior([np.array([0.2, 0.8]), np.array([0.5, 0.5])])
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(20):
        assert prior.sample(one).tolist() == prior.sample(other).tolist()


def test_probabilities_typed_as_decimals_are_made_to_sum_to_one() -> None:
    prior = IndependentPrior([np.array([0.1] * 10)])
    assert prior.marginal(0).sum() == pytest.approx(1, abs=1e-15)
    CorrelatedPrior(np.array([0.3333333333, 0.3333333333, 0.3333333334]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: IndependentPrior([np.ones(1), np.array([0.5, 0.4])]), "of player 1 sum to 0.9; they must sum to 1"),
        (lambda: IndependentPrior([np.array([1.0, 0.0])]), r"of player 0 are \[1.0, 0.0\]; .* each greater than 0"),
        (lambda: IndependentPrior([np.array([1.5, -0.5])]), "each greater than 0"),
        (lambda: IndependentPrior([np.full((2, 2), 0.25)]), "there must be a list"),
        (lambda: IndependentPrior([np.array([np.nan, 1.0])]), "must be finite"),
        (lambda: CorrelatedPrior(np.array([[0.5, 0.6], [-0.1, 0.0]])), "-0.1; each must be at least 0"),
        (lambda: CorrelatedPrior(np.array([[0.5, 0.6], [0.1, 0.0]])), "joint probabilities sum to 1.2"),
        (lambda: CorrelatedPrior(np.array([[0.5, 0.5], [0.0, 0.0]])), "type 1 of player 0 has probability 0"),
        (lambda: CorrelatedPrior(np.array([[0.0, 0.5], [0.0, 0.5]])), "type 0 of player 1 has probability 0"),
    ],
)
def test_what_is_not_a_probability_is_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=message):
        build()


def test_more_profiles_than_memory_holds_are_refused_before_they_are_built() -> None:
    prior = IndependentPrior([np.full(10, 0.1)] * 12)
    assert prior.marginal(3)[0] == pytest.approx(0.1)
    with pytest.raises(ValueError, match="1000000000000 type profiles; at most 5000000"):
        _ = prior.profiles


def test_profiles_of_many_players_are_refused_before_tables_over_them_fill_the_memory() -> None:
    """Twenty-two players of two types have 4,194,304 profiles; a table over them and the players has 0.7 gigabytes."""
    prior = IndependentPrior([np.array([0.5, 0.5])] * 22)
    with pytest.raises(ValueError, match="4194304 type profiles of 22 players; at most 909090 can be enumerated"):
        _ = prior.profiles


@given(few=TYPE_COUNTS.flatmap(correlated_priors), seed=st.integers(0, 1000))
@FEW
def test_players_of_one_type_may_be_as_many_as_there_are(few: CorrelatedPrior, seed: int) -> None:
    """What the others may be is the same with a hundred more players about whom everything is known."""
    places = np.sort(np.random.default_rng(seed).choice(100 + len(few.type_counts), len(few.type_counts), False))
    counts = np.ones(100 + len(few.type_counts), dtype=int)
    counts[places] = few.type_counts
    many = listed_prior(counts.tolist(), few.probability)
    assert many.type_counts == tuple(counts.tolist())
    np.testing.assert_array_equal(many.profiles[:, places], few.profiles)
    np.testing.assert_allclose(many.probability, few.probability, rtol=1e-14)
    for own, place in enumerate(places.tolist()):
        np.testing.assert_array_equal(profiles_by_own_type(many, place), profiles_by_own_type(few, own))
        np.testing.assert_allclose(beliefs_about_others(many, place), beliefs_about_others(few, own), rtol=1e-13)
