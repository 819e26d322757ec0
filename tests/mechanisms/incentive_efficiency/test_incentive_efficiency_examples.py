"""Published figures of incentive efficiency: Myerson's two examples, two-sided trade, and lemons."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, interim_utilities
from marketgame.mechanisms.incentive_efficiency.dominance import dominating_mechanism
from marketgame.mechanisms.incentive_efficiency.optimality import optimality_conditions
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, equal_weights
from tests.mechanisms.myerson_examples import EQUAL_GAINS, EXAMPLE_1, EXAMPLE_2, bilateral_trade, pooling
from tests.mechanisms.proven_solutions import solved, virtual_bound

SUPPORT_1 = VirtualWeights((np.array([3 / 8, 5 / 8]), np.ones(1)), (np.array([[0, 1 / 8], [0, 0]]), np.zeros((1, 1))))


def uniform_trade(count: int) -> CoalitionalGame:
    """Seller and buyer with values at the midpoints of equal parts of [0, 1]."""
    values, odds = (np.arange(count) + 0.5) / count, np.full(count, 1 / count)
    return bilateral_trade(values, values, odds, odds)


def test_example_1_has_the_multipliers_of_the_paper() -> None:
    answer = solved(EXAMPLE_1, SUPPORT_1.weights)
    assert answer.value == pytest.approx(0.5)
    assert answer.virtual.multipliers[0] == pytest.approx(SUPPORT_1.multipliers[0])
    assert answer.virtual.weights[0] == pytest.approx([3 / 8, 5 / 8])
    assert answer.virtual.weights[1] == pytest.approx([1.0])
    (jeopardy,) = answer.jeopardies
    assert (jeopardy.player, jeopardy.tempted, jeopardy.imitated) == ("seller", "L", "H")
    assert jeopardy.multiplier == pytest.approx(1 / 8)


def test_the_equal_gains_mechanism_of_example_1_is_incentive_efficient() -> None:
    assert optimality_conditions(EXAMPLE_1, EQUAL_GAINS, SUPPORT_1).largest <= 1e-12
    weighted = sum(
        float(weight @ utility)
        for weight, utility in zip(SUPPORT_1.weights, interim_utilities(EXAMPLE_1, EQUAL_GAINS), strict=True)
    )
    assert weighted == pytest.approx(virtual_bound(EXAMPLE_1, SUPPORT_1)) == pytest.approx(0.5)


def test_weights_that_support_the_equal_gains_mechanism_are_found_without_being_given() -> None:
    found = dominating_mechanism(EXAMPLE_1, EQUAL_GAINS)
    assert not found.dominated
    assert found.virtual is not None
    assert optimality_conditions(EXAMPLE_1, EQUAL_GAINS, found.virtual).hold
    assert found.virtual.weights[0] == pytest.approx([3 / 8, 5 / 8])
    assert found.virtual.multipliers[0] == pytest.approx(SUPPORT_1.multipliers[0])


def test_the_virtually_equitable_mechanism_of_example_1_is_incentive_efficient_too() -> None:
    equitable = Mechanism(np.array([[0, 1], [0.9, 0.1]]), np.array([[1.5, -1.5], [0.6, -0.6]]))
    assert optimality_conditions(EXAMPLE_1, equitable, SUPPORT_1).largest <= 1e-12


def test_other_mechanisms_and_multipliers_are_refused_in_example_1() -> None:
    wasteful = Mechanism(np.array([[0, 1], [0.95, 0.05]]), EQUAL_GAINS.payments)
    assert optimality_conditions(EXAMPLE_1, wasteful, SUPPORT_1).complementary > 1e-3
    refusing = Mechanism(np.array([[1, 0], [1, 0]]), np.zeros((2, 2)))
    assert optimality_conditions(EXAMPLE_1, refusing, SUPPORT_1).virtually_efficient > 0.5
    tempting = Mechanism(np.array([[0, 1], [0, 1]]), EQUAL_GAINS.payments)
    assert optimality_conditions(EXAMPLE_1, tempting, SUPPORT_1).misreport_gain == pytest.approx(1.5 - 5.5 / 9)
    generous = Mechanism(EQUAL_GAINS.action_probability, EQUAL_GAINS.payments + 0.1)
    assert optimality_conditions(EXAMPLE_1, generous, SUPPORT_1).loss == pytest.approx(0.2)
    naive = equal_weights(EXAMPLE_1.type_probabilities)
    assert not optimality_conditions(EXAMPLE_1, EQUAL_GAINS, naive).hold
    unbalanced = VirtualWeights((np.array([0.5, 0.5]), np.ones(1)), SUPPORT_1.multipliers)
    assert optimality_conditions(EXAMPLE_1, EQUAL_GAINS, unbalanced).hydraulic == pytest.approx(1 / 8)
    negative = VirtualWeights((np.array([-0.5, 1.5]), np.ones(1)), SUPPORT_1.multipliers)
    assert optimality_conditions(EXAMPLE_1, EQUAL_GAINS, negative).negative == pytest.approx(0.5)


@pytest.mark.parametrize("price", [3.0, 3.2, 3.5])
def test_pooling_between_3_and_3_5_is_incentive_efficient_and_accepted_in_example_2(price: float) -> None:
    found = dominating_mechanism(EXAMPLE_2, pooling(price))
    assert not found.dominated
    assert found.virtual is not None
    assert optimality_conditions(EXAMPLE_2, pooling(price), found.virtual).hold
    alone = EXAMPLE_2.individual_values()
    for utility, least in zip(interim_utilities(EXAMPLE_2, pooling(price)), alone, strict=True):
        assert (utility >= least - 1e-12).all()


@pytest.mark.parametrize("beta", [0.5, 1.4, 1.5, 1.7, 2.0, 2.1])
def test_example_2_is_supported_without_weight_on_the_bad_type_where_virtual_gains_allow(beta: float) -> None:
    # With α(H|L) = β and α(L|H) = β - 1/2 the virtual gains from trade are 4 - 2β with H and 2β - 3 with L.
    multipliers = (np.array([[0.0, beta], [beta - 0.5, 0.0]]), np.zeros((1, 1)))
    virtual = VirtualWeights((np.array([0.0, 1.0]), np.ones(1)), multipliers)
    conditions = optimality_conditions(EXAMPLE_2, pooling(3.25), virtual)
    assert conditions.hydraulic == pytest.approx(0.0, abs=1e-12)
    assert conditions.virtually_efficient == pytest.approx(max(0.0, 3 - 2 * beta, 2 * beta - 4), abs=1e-12)
    assert conditions.hold == (1.5 <= beta <= 2.0)


@pytest.mark.parametrize("seed", range(12))
def test_every_incentive_efficient_mechanism_of_example_2_that_all_accept_pools(seed: int) -> None:
    (bad, good), (buyer,) = (np.random.default_rng(seed).dirichlet(np.ones(3))[part] for part in ([0, 1], [2]))
    answer = solved(EXAMPLE_2, ([bad, good], [buyer]), Participation.INDIVIDUAL)
    assert answer.mechanism.action_probability == pytest.approx(np.array([[0, 1], [0, 1]]))
    assert answer.mechanism.payments[0] == pytest.approx(answer.mechanism.payments[1])
    assert 3.0 - 1e-9 <= answer.mechanism.payments[0, 0] <= 3.5 + 1e-9


def test_myersons_trading_problem_is_worth_8() -> None:
    game = bilateral_trade([40, 20], [[50], [30]], [0.2, 0.8], [1.0], names=(("1.a", "1.b"), ("2",)))
    answer = solved(game, ([0.3, 0.7], [1.0]))
    assert answer.value == pytest.approx(8.0)
    (jeopardy,) = answer.jeopardies
    assert (jeopardy.tempted, jeopardy.imitated) == ("1.b", "1.a")
    assert jeopardy.multiplier == pytest.approx(0.1)


@pytest.mark.parametrize(("count", "gains"), [(5, 0.16), (10, 0.1512)])
def test_two_sided_trade_gains_what_is_known(count: int, gains: float) -> None:
    assert solved(uniform_trade(count), None, Participation.INDIVIDUAL).value == pytest.approx(gains, abs=1e-12)


def test_two_sided_trade_falls_towards_nine_sixty_fourths_and_the_first_best_to_one_sixth() -> None:
    second, first = [], []
    for count in (5, 10, 20):
        second.append(solved(uniform_trade(count), None, Participation.INDIVIDUAL).value)
        first.append(solved(uniform_trade(count)).value)
    assert all(later < earlier for earlier, later in pairwise(second))
    assert all(value > 9 / 64 for value in second)
    # The grid's error is of first order in the second best, of second order in the first best.
    assert 2 * second[-1] - second[-2] == pytest.approx(9 / 64, abs=2e-3)
    assert first[-1] + (first[-1] - first[-2]) / 3 == pytest.approx(1 / 6, abs=1e-9)


def test_trade_in_lemons_gains_at_most_three_hundredths() -> None:
    quality = np.arange(1, 11) / 10
    game = bilateral_trade(quality, 1.5 * quality[:, None], np.full(10, 0.1), [1.0])
    assert solved(game, None, Participation.INDIVIDUAL).value == pytest.approx(0.03)
    assert solved(game).value == pytest.approx(0.5 * quality.mean())
