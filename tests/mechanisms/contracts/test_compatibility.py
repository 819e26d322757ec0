"""The compatibility condition with its witnesses and proofs, and the non-degeneracy assumption."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.compatibility import (
    CompatibilityFails,
    CompatibilityHolds,
    UndecidedConditionError,
    check_compatibility,
    proof_residual,
    witness_residual,
)
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior, Prior
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_correlated_prior, random_independent_prior

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.sampled_from([(2, 2), (3, 2), (3, 3), (2, 2, 2), (1, 3, 2), (3, 2, 4), (2, 2, 2, 2)])

# Two players, two types each; with probability 0.8 both have the same type number.
SAME_TYPE_LIKELY = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))


def largest_equation_error(prior: Prior, weights: tuple[FloatArray, ...], prices: FloatArray) -> float:
    """The condition's equations written out: q(t_-i|t_i) sum_m l(m, t_i) = k(t) + sum_m l(t_i, m) q(t_-i|m).

    Entry ``[k, m]`` of the weights is lambda_i(m, k): type k does not report m.
    """
    errors = []
    for i, count in enumerate(prior.type_counts):
        for number, profile in enumerate(prior.profiles):
            own = int(profile[i])

            def belief(kind: int, i: int = i, profile: IntegerArray = profile) -> float:
                changed = profile.copy()
                changed[i] = kind
                return float(prior.probability[prior.profile_numbers(changed)] / prior.marginal(i)[kind])

            left = belief(own) * sum(weights[i][own, m] for m in range(count))
            right = prices[number] + sum(weights[i][m, own] * belief(m) for m in range(count))
            errors.append(abs(left - right))
    return float(max(errors))


def test_two_correlated_players_violate_the_condition_with_equal_weights() -> None:
    """Interim beliefs are 0.8 and 0.2. With all four weights 1 the equations read, for either player,

    kappa(same) = 0.8 - 0.2 = 0.6 and kappa(different) = 0.2 - 0.8 = -0.6, alike for both: a price that is not zero.
    """
    ones = np.array([[0.0, 1.0], [1.0, 0.0]])
    by_hand = CompatibilityFails((ones, ones), np.array([0.6, -0.6, -0.6, 0.6]))
    assert largest_equation_error(SAME_TYPE_LIKELY, by_hand.misreport_multipliers, by_hand.balance_multipliers) < 1e-15
    assert witness_residual(SAME_TYPE_LIKELY, by_hand) < 1e-15
    computed = check_compatibility(SAME_TYPE_LIKELY)
    assert isinstance(computed, CompatibilityFails)
    np.testing.assert_allclose(computed.misreport_multipliers, by_hand.misreport_multipliers, atol=1e-12)
    np.testing.assert_allclose(computed.balance_multipliers, by_hand.balance_multipliers, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([(2, 2), (3, 2), (2, 4), (3, 3)]))
def test_two_players_with_random_correlation_violate_the_condition(seed: int, counts: tuple[int, int]) -> None:
    prior = random_correlated_prior(seed, counts)
    witness = check_compatibility(prior)
    assert isinstance(witness, CompatibilityFails)
    assert min(weights.min() for weights in witness.misreport_multipliers) >= 0
    size = np.abs(witness.balance_multipliers).max()
    assert size > 1e-9
    error = largest_equation_error(prior, witness.misreport_multipliers, witness.balance_multipliers)
    assert error <= 1e-9 * max(1.0, size)


@settings(max_examples=25, deadline=None)
@given(SEEDS, COUNTS)
def test_under_independence_the_condition_always_holds(seed: int, counts: tuple[int, ...]) -> None:
    independent = random_independent_prior(seed, counts)
    proof = check_compatibility(independent)
    assert isinstance(proof, CompatibilityHolds)
    # No balanced transfers can punish a lie without rewarding another: beliefs do not tell types apart.
    assert not any(punished.any() for punished in proof.punished)
    as_table = CorrelatedPrior(independent.probability.reshape(counts))
    assert isinstance(check_compatibility(as_table), CompatibilityHolds)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([(2, 2, 2), (3, 2, 2), (2, 2, 2, 2), (3, 3, 3)]))
def test_three_players_with_random_correlation_meet_it_and_balanced_transfers_punish_every_lie(
    seed: int, counts: tuple[int, ...]
) -> None:
    prior = random_correlated_prior(seed, counts)
    proof = check_compatibility(prior)
    assert isinstance(proof, CompatibilityHolds)
    assert np.abs(proof.transfers.sum(axis=1)).max() <= 1e-9 * (1 + np.abs(proof.transfers).max())
    for i, count in enumerate(counts):
        beliefs = prior.beliefs(i)
        for true_type, report in itertools.permutations(range(count), 2):
            said = prior.profiles.copy()
            said[:, i] = report
            after_lie = proof.transfers[prior.profile_numbers(said), i]
            assert beliefs[true_type] @ (proof.transfers[:, i] - after_lie) >= 1 - 1e-6


def test_a_third_player_about_whom_beliefs_agree_breaks_the_budget_of_two_correlated_ones() -> None:
    joint = np.einsum("ab,c->abc", SAME_TYPE_LIKELY.joint, [0.3, 0.7])
    proof = check_compatibility(CorrelatedPrior(joint))
    assert isinstance(proof, CompatibilityHolds)
    assert [int(punished.sum()) for punished in proof.punished] == [2, 2, 0]


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, st.sampled_from([(2, 2), (2, 3), (2, 2, 2)]), st.integers(1, 4))
def test_the_verdict_is_that_of_maximising_every_price_in_both_directions(
    seed: int, counts: tuple[int, ...], coarseness: int
) -> None:
    """Coarse probabilities make equal rows, zeros and independent players; the twin is one program per price."""
    generator = np.random.default_rng(seed)
    joint = generator.integers(0, coarseness, counts, endpoint=True).astype(float)
    for i, count in enumerate(counts):
        for kind in range(count):
            if not joint.take(kind, axis=i).any():
                joint[(0,) * i + (kind,) + (0,) * (len(counts) - i - 1)] = 1.0
    prior = CorrelatedPrior(joint / joint.sum())
    assert isinstance(check_compatibility(prior), CompatibilityHolds) == (largest_price(prior) <= 1e-7)


def largest_price(prior: Prior) -> float:
    """The largest |kappa(t)| over all t and all weights that sum to at most one."""
    lies = [(i, k, m) for i, n in enumerate(prior.type_counts) for k, m in itertools.permutations(range(n), 2)]
    profiles, players = prior.profiles.shape
    rows = np.zeros((players, profiles, len(lies) + profiles))
    for column, (i, k, m) in enumerate(lies):
        for number, profile in enumerate(prior.profiles):
            if profile[i] in (k, m):
                truth = profile.copy()
                truth[i] = k
                belief = prior.probability[prior.profile_numbers(truth)] / prior.marginal(i)[k]
                rows[i, number, column] += belief if profile[i] == k else -belief
    rows[:, np.arange(profiles), len(lies) + np.arange(profiles)] = -1.0
    budget = np.append(np.ones(len(lies)), np.zeros(profiles))[None]
    bounds = [(0, None)] * len(lies) + [(None, None)] * profiles
    flat = rows.reshape(players * profiles, -1)
    largest = 0.0
    for number, sign in itertools.product(range(profiles), (1.0, -1.0)):
        cost = np.zeros(flat.shape[1])
        cost[len(lies) + number] = -sign
        best = optimize.linprog(cost, budget, [1.0], flat, np.zeros(len(flat)), bounds)
        assert best.fun is not None
        largest = max(largest, -best.fun)
    return largest


@settings(max_examples=15, deadline=None)
@given(SEEDS, COUNTS, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order_of_players(seed: int, counts: tuple[int, ...], order: object) -> None:
    prior = random_correlated_prior(seed, counts)
    permutation = np.random.default_rng(seed).permutation(len(counts))
    turned = CorrelatedPrior(prior.joint.transpose(permutation))
    assert type(check_compatibility(prior)) is type(check_compatibility(turned))


def test_the_condition_holds_for_two_correlated_players_who_cannot_overstate_their_type() -> None:
    """With one lie each, its weight would have to be the price of both rows of the same belief: only 0 will do."""
    only_understating = [np.array([[True, False], [True, True]])] * 2
    proof = check_compatibility(SAME_TYPE_LIKELY, only_understating)
    assert isinstance(proof, CompatibilityHolds)
    assert all((punished == [[False, False], [True, False]]).all() for punished in proof.punished)


@pytest.mark.parametrize("number", range(5))
def test_corrupted_witnesses_are_rejected(number: int) -> None:
    witness = check_compatibility(SAME_TYPE_LIKELY)
    assert isinstance(witness, CompatibilityFails)
    weights, prices = witness.misreport_multipliers, witness.balance_multipliers
    corrupted = [
        replace(witness, balance_multipliers=-prices),
        replace(witness, balance_multipliers=0 * prices),
        replace(witness, misreport_multipliers=(weights[0], 1.01 * weights[1])),
        replace(witness, misreport_multipliers=(-weights[0], -weights[1]), balance_multipliers=-prices),
        CompatibilityFails(tuple(0 * matrix for matrix in weights), 0 * prices),
    ][number]
    assert witness_residual(SAME_TYPE_LIKELY, corrupted) > 1e-3


def test_corrupted_proofs_are_rejected() -> None:
    prior = random_correlated_prior(4, (2, 2, 2))
    proof = check_compatibility(prior)
    assert isinstance(proof, CompatibilityHolds)
    assert proof_residual(prior, proof) <= 1e-7
    nothing_punished = tuple(np.zeros_like(matrix) for matrix in proof.punished)
    for corrupted in (
        replace(proof, transfers=0 * proof.transfers),
        replace(proof, transfers=-proof.transfers),
        replace(proof, transfers=proof.transfers + np.array([1.0, 0.0, 0.0])),
        CompatibilityHolds(proof.transfers, nothing_punished),
    ):
        assert proof_residual(prior, corrupted) > 1e-3
    # For two correlated players nothing can pass for a proof.
    for transfers in (np.zeros((4, 2)), np.ones((4, 2)) * [1, -1]):
        for punished in (np.zeros((2, 2), dtype=bool), ~np.eye(2, dtype=bool)):
            claimed = CompatibilityHolds(transfers, (punished, punished))
            assert proof_residual(SAME_TYPE_LIKELY, claimed) > 1e-3


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="one square"):
        check_compatibility(SAME_TYPE_LIKELY, [np.ones((3, 3), dtype=bool)] * 2)
    witness = check_compatibility(SAME_TYPE_LIKELY)
    assert isinstance(witness, CompatibilityFails)
    with pytest.raises(ValueError, match="another size"):
        witness_residual(random_correlated_prior(1, (3, 3)), witness)
    holds = check_compatibility(random_independent_prior(1, (2, 2)))
    assert isinstance(holds, CompatibilityHolds)
    with pytest.raises(ValueError, match="another size"):
        proof_residual(random_correlated_prior(1, (2, 2, 2)), holds)


@pytest.mark.parametrize("chance", [1e-1, 1e-4, 1e-7, 1e-9, 1e-12])
def test_the_condition_holds_under_independence_however_rare_a_type(chance: float) -> None:
    """Then kappa(t) = b_i(t_i) q(t_-i) for all i, so b_i / p_i is constant; b_i sums to zero, so it is 0."""
    prior = IndependentPrior([np.array([chance, 1 - chance]), np.array([0.6, 0.4]), np.array([0.3, 0.7])])
    proof = check_compatibility(prior)
    assert isinstance(proof, CompatibilityHolds)
    assert proof_residual(prior, proof) <= 1e-12


@settings(max_examples=40)
@given(seed=SEEDS, counts=COUNTS)
def test_under_independence_lies_that_lead_nowhere_back_are_punished(seed: int, counts: tuple[int, ...]) -> None:
    generator = np.random.default_rng(seed)
    prior = random_independent_prior(seed, counts)
    reportable = [generator.random((count, count)) < 0.6 for count in counts]
    proof = check_compatibility(prior, reportable)
    assert isinstance(proof, CompatibilityHolds)
    assert proof_residual(prior, proof, reportable) <= 1e-9


def test_a_rare_type_that_knows_more_makes_types_dependent() -> None:
    """Its chance is 1e-10; given it, the other's types are 0.9 and 0.1 instead of 0.5 each."""
    joint = np.array([[0.9e-10, 0.1e-10], [0.5 - 0.9e-10, 0.5 - 0.1e-10]])
    assert not CorrelatedPrior(joint).independent
    assert CorrelatedPrior(np.outer([1e-10, 1 - 1e-10], [0.3, 0.7])).independent


@pytest.mark.parametrize("chance", [10.0**-power for power in range(1, 15)])
@pytest.mark.parametrize("seed", range(4))
def test_two_players_of_two_dependent_types_are_never_said_to_meet_the_condition(chance: float, seed: int) -> None:
    """With weights a and b of the two players' lies, all alike, kappa is +-a (q(1|1) - q(1|2)), and likewise for b.

    Rows of the one player's kappa are opposite, columns of the other's: both are multiples of ((1, -1), (-1, 1)), of
    the sign of the determinant of the joint probabilities. So some a, b > 0 refute the condition, however rare a type.
    """
    given_type = np.random.default_rng(seed).dirichlet(np.ones(2), size=2)
    prior = CorrelatedPrior(np.array([chance, 1 - chance])[:, None] * given_type)
    assert not prior.independent
    try:
        answer = check_compatibility(prior)
    except UndecidedConditionError:
        assert chance < 1e-6
    else:
        assert isinstance(answer, CompatibilityFails)
