"""Claims about incentive efficiency: published figures, Theorem 0, strong duality, and what participation costs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import mechaudit
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mechanisms.arrays import FloatArray
from mechanisms.coalitional_game import ActionSet, CoalitionalGame, bilateral_trade
from mechanisms.dominance import Improvement, Restraint, Stage, dominating_mechanism
from mechanisms.frontier import efficient_mechanisms, frontier
from mechanisms.incentive_efficiency import (
    Budget,
    IncentiveEfficient,
    Method,
    NoOptimum,
    OutsideOptions,
    Participation,
    incentive_efficient,
)
from mechanisms.linear_program import RESIDUAL_LIMIT, Status
from mechanisms.mechanism import Mechanism, ex_post_utilities, expected_cost, interim_utilities, misreport_gains
from mechanisms.optimality import optimality_conditions, virtual_bound
from mechanisms.virtual_utility import VirtualWeights, equal_weights, hydraulic_violation
from tests.mechanisms.random_games import random_game, random_weights, slow_incentive_efficiency

SEEDS = st.integers(0, 2**32 - 1)

EXAMPLE_1 = bilateral_trade([1, 5], [[2], [6]], [0.5, 0.5], [1.0], names=(("L", "H"), ("only",)))
EXAMPLE_2 = bilateral_trade([2, 3], [[0], [7]], [0.5, 0.5], [1.0], names=(("L", "H"), ("only",)))
EQUAL_GAINS = Mechanism(np.array([[0, 1], [8 / 9, 1 / 9]]), np.array([[1.5, -1.5], [5.5 / 9, -5.5 / 9]]))
SUPPORT_1 = VirtualWeights((np.array([3 / 8, 5 / 8]), np.ones(1)), (np.array([[0, 1 / 8], [0, 0]]), np.zeros((1, 1))))


def uniform_trade(count: int) -> CoalitionalGame:
    """Seller and buyer with values at the midpoints of equal parts of [0, 1]."""
    values, odds = (np.arange(count) + 0.5) / count, np.full(count, 1 / count)
    return bilateral_trade(values, values, odds, odds)


def solved(game: CoalitionalGame, *arguments, **options) -> IncentiveEfficient:
    answer = incentive_efficient(game, *arguments, **options)
    assert isinstance(answer, IncentiveEfficient), answer
    assert answer.conditions.hold
    assert answer.residuals.largest <= RESIDUAL_LIMIT
    return answer


# Published figures


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


def pooling_at(price: float) -> Mechanism:
    return Mechanism(np.array([[0.0, 1.0], [0.0, 1.0]]), np.tile([price, -price], (2, 1)))


@pytest.mark.parametrize("price", [3.0, 3.2, 3.5])
def test_pooling_between_3_and_3_5_is_incentive_efficient_and_accepted_in_example_2(price: float) -> None:
    found = dominating_mechanism(EXAMPLE_2, pooling_at(price))
    assert not found.dominated
    assert found.virtual is not None
    assert optimality_conditions(EXAMPLE_2, pooling_at(price), found.virtual).hold
    alone = EXAMPLE_2.individual_values()
    for utility, least in zip(interim_utilities(EXAMPLE_2, pooling_at(price)), alone, strict=True):
        assert (utility >= least - 1e-12).all()


@pytest.mark.parametrize("beta", [0.5, 1.4, 1.5, 1.7, 2.0, 2.1])
def test_example_2_is_supported_without_weight_on_the_bad_type_where_virtual_gains_allow(beta: float) -> None:
    # With α(H|L) = β and α(L|H) = β - 1/2 the virtual gains from trade are 4 - 2β with H and 2β - 3 with L.
    multipliers = (np.array([[0.0, beta], [beta - 0.5, 0.0]]), np.zeros((1, 1)))
    virtual = VirtualWeights((np.array([0.0, 1.0]), np.ones(1)), multipliers)
    conditions = optimality_conditions(EXAMPLE_2, pooling_at(3.25), virtual)
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


# Theorems on random games


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([Method.ENUMERATION, Method.COLUMN_GENERATION]))
def test_conditions_5_to_7_hold_and_duality_is_strong(seed: int, method: Method) -> None:
    game = random_game(seed)
    weights = random_weights(game, seed)
    answer = solved(game, weights, method=method)
    assert expected_cost(game, answer.mechanism) == pytest.approx(0.0, abs=1e-9)
    assert np.abs(answer.mechanism.payments.sum(axis=1)).max() <= 1e-9
    assert max(gain.max() for gain in misreport_gains(game, answer.mechanism)) <= 1e-9
    for reported, recomputed in zip(answer.interim, interim_utilities(game, answer.mechanism), strict=True):
        assert reported == pytest.approx(recomputed, abs=1e-9)
    assert virtual_bound(game, answer.virtual) == pytest.approx(answer.value, abs=1e-9)
    for effective, given_weights in zip(answer.virtual.weights, weights, strict=True):
        assert effective == pytest.approx(given_weights, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans(), st.booleans())
def test_the_interim_program_has_the_value_of_the_printed_one(seed: int, ex_post: bool, willing: bool) -> None:
    game = random_game(seed).superadditive() if seed % 2 else random_game(seed)
    assume(len(game.profiles) * len(game.actions[game.grand_coalition].names) <= 250)
    weights = random_weights(game, seed)
    outside = game.individual_values() if willing else None
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    budget = Budget.EX_POST if ex_post else Budget.EXPECTED
    answer = incentive_efficient(game, weights, participation, budget=budget)
    slow = slow_incentive_efficiency(game, weights, outside, ex_post=ex_post)
    if slow is None:
        assert isinstance(answer, NoOptimum)
        assert answer.status is Status.INFEASIBLE
        return
    assert isinstance(answer, IncentiveEfficient)
    assert answer.value == pytest.approx(slow, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_budgets_that_balance_ex_post_and_in_expectation_allow_the_same_utilities(seed: int) -> None:
    game = random_game(seed)
    ex_post, expected = (solved(game, budget=budget) for budget in Budget)
    assert ex_post.value == pytest.approx(expected.value, abs=1e-9)
    for one, other in zip(
        interim_utilities(game, ex_post.mechanism), interim_utilities(game, expected.mechanism), strict=True
    ):
        assert one == pytest.approx(other, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_individual_participation_never_beats_none_and_its_multipliers_join_the_weights(seed: int) -> None:
    game = random_game(seed).superadditive()
    free = solved(game)
    held = incentive_efficient(game, None, Participation.INDIVIDUAL)
    if isinstance(held, NoOptimum):
        assert held.status is Status.INFEASIBLE
        return
    assert held.value <= free.value + 1e-9
    alone = game.individual_values()
    for i in game.grand_coalition:
        assert (held.interim[i] >= alone[i] - 1e-9).all()
        assert (held.participation[i] * (held.interim[i] - alone[i]) <= 1e-8).all()
        assert held.virtual.weights[i].sum() == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_proof_that_participation_is_infeasible_is_a_proof(seed: int) -> None:
    game = random_game(seed)
    offsets = np.random.default_rng(seed).random(len(game.players))
    generous = tuple(value + offset for value, offset in zip(game.individual_values(), offsets, strict=True))
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        answer = incentive_efficient(game, None, OutsideOptions(generous), method=method)
        if isinstance(answer, IncentiveEfficient):
            assert slow_incentive_efficiency(game, game.type_probabilities, generous, ex_post=False) is not None
            continue
        assert answer.shortfall is not None
        virtual = answer.shortfall.virtual
        required = sum(float(w @ least) for w, least in zip(virtual.weights, generous, strict=True))
        assert virtual.smallest >= 0
        assert max(np.abs(part).max() for part in hydraulic_violation(virtual, game.type_probabilities)) <= 1e-9
        assert required > virtual_bound(game, virtual) + 1e-9
        assert slow_incentive_efficiency(game, game.type_probabilities, generous, ex_post=False) is None


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([1e-6, 1e6]))
def test_money_in_other_units_scales_the_value(seed: int, unit: float) -> None:
    game = random_game(seed)
    scaled = replace(game, actions={s: ActionSet(a.names, a.utilities * unit) for s, a in game.actions.items()})
    weights = random_weights(game, seed)
    assert solved(scaled, weights).value == pytest.approx(unit * solved(game, weights).value, abs=1e-9 * unit)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_order_of_players_does_not_matter(seed: int) -> None:
    game = random_game(seed)
    weights = random_weights(game, seed)
    order = np.random.default_rng(seed).permutation(len(game.players)).tolist()
    shape = game.type_counts

    def moved(utilities: FloatArray, members: list[int]) -> FloatArray:
        table = utilities[:, members].reshape(*utilities[:, members].shape[:2], *shape)
        return table.transpose(0, 1, *(2 + i for i in order)).reshape(*utilities.shape)

    actions = {}
    for coalition, action_set in game.actions.items():
        members = [place for place in range(len(order)) if order[place] in coalition]
        old = [coalition.index(order[place]) for place in members]
        actions[tuple(members)] = ActionSet(action_set.names, moved(action_set.utilities, old))
    permuted = CoalitionalGame(
        tuple(game.players[i] for i in order),
        tuple(game.types[i] for i in order),
        tuple(game.type_probabilities[i] for i in order),
        actions,
    )
    same = solved(permuted, tuple(weights[i] for i in order))
    assert same.value == pytest.approx(solved(game, weights).value, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_an_action_stated_twice_changes_nothing(seed: int) -> None:
    game = random_game(seed)
    weights = random_weights(game, seed)
    grand = game.actions[game.grand_coalition]
    twice = ActionSet((*grand.names, "again"), np.concatenate([grand.utilities, grand.utilities[:1]]))
    larger = replace(game, actions={**game.actions, game.grand_coalition: twice})
    assert solved(larger, weights).value == pytest.approx(solved(game, weights).value, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.booleans())
def test_an_independent_package_agrees(seed: int, willing: bool) -> None:
    game = random_game(seed)
    assume(len(game.profiles) <= 12)
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    ours = incentive_efficient(game, None, participation)
    theirs = audited_welfare(game, willing=willing)
    if theirs is None:
        assert isinstance(ours, NoOptimum)
        return
    assert isinstance(ours, IncentiveEfficient)
    assert ours.value == pytest.approx(theirs, abs=1e-6)


def audited_welfare(game: CoalitionalGame, *, willing: bool) -> float | None:
    """The largest expected welfare according to mechaudit, with budgets that balance at every profile."""
    types = dict(zip(game.players, game.types, strict=True))
    utilities = game.actions[game.grand_coalition].utilities
    number = {profile: place for place, profile in enumerate(map(tuple, game.profiles.tolist()))}

    def value(agent: str, profile: mechaudit.TypeProfile, outcome: str) -> float:
        place = number[tuple(types[player].index(profile[player]) for player in game.players)]
        action = game.actions[game.grand_coalition].names.index(outcome)
        return float(utilities[action, game.players.index(agent), place])

    marginals = {
        player: dict(zip(types[player], p.tolist(), strict=True))
        for player, p in zip(game.players, game.type_probabilities, strict=True)
    }
    environment = mechaudit.FiniteEnvironment(
        agents=types,
        outcomes=game.actions[game.grand_coalition].names,
        prior=mechaudit.JointPrior.from_independent(marginals),
        values=mechaudit.InterdependentValues(value),
    )
    requirements = [mechaudit.BIC(), mechaudit.StrongBudgetBalance(timing="ex_post")]
    if willing:
        alone = {
            player: dict(zip(types[player], values.tolist(), strict=True))
            for player, values in zip(game.players, game.individual_values(), strict=True)
        }
        requirements.append(mechaudit.InterimIR(alone))
    problem = environment.design(objective=mechaudit.ExpectedResidualSurplus(), requirements=requirements)
    try:
        return problem.solve().objective_value
    except mechaudit.InfeasibleDesignError:
        return None


# Measures of efficiency


def test_ex_ante_and_ex_post_efficiency_are_told_apart_from_interim() -> None:
    judged = {
        (stage, restraint): dominating_mechanism(EXAMPLE_1, EQUAL_GAINS, stage, restraint).dominated
        for stage in Stage
        for restraint in Restraint
    }
    assert judged == {
        (Stage.EX_ANTE, Restraint.CLASSICAL): True,
        (Stage.INTERIM, Restraint.CLASSICAL): True,
        (Stage.EX_POST, Restraint.CLASSICAL): True,
        (Stage.EX_ANTE, Restraint.INCENTIVE): True,
        (Stage.INTERIM, Restraint.INCENTIVE): False,
        (Stage.EX_POST, Restraint.INCENTIVE): False,
    }


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(list(Restraint)))
def test_an_improvement_at_a_later_stage_is_one_at_every_earlier_stage(seed: int, restraint: Restraint) -> None:
    game = random_game(seed)
    generator = np.random.default_rng(seed)
    actions = len(game.actions[game.grand_coalition].names)
    constant = Mechanism(
        np.tile(generator.dirichlet(np.ones(actions)), (len(game.profiles), 1)),
        np.zeros((len(game.profiles), len(game.players))),
    )
    gains = [
        dominating_mechanism(game, constant, stage, restraint).gain
        for stage in (Stage.EX_ANTE, Stage.INTERIM, Stage.EX_POST)
    ]
    assert gains[0] >= gains[1] - 1e-7
    assert gains[1] >= gains[2] - 1e-7
    for stage in Stage:
        witness = dominating_mechanism(game, constant, stage, restraint)
        assert expected_cost(game, witness.mechanism) <= 1e-7
        if restraint is Restraint.INCENTIVE:
            assert max(gain.max() for gain in misreport_gains(game, witness.mechanism)) <= 1e-7
        if stage is Stage.EX_POST:
            better = ex_post_utilities(game, witness.mechanism) - ex_post_utilities(game, constant)
            assert better.min() == pytest.approx(witness.gain, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_what_maximises_positive_weights_is_dominated_by_nothing_and_some_is_ex_ante(seed: int) -> None:
    game = random_game(seed)
    interim = solved(game, random_weights(game, seed)).mechanism
    assert not dominating_mechanism(game, interim).dominated
    assert not dominating_mechanism(game, interim, improvement=Improvement.FOR_SOME).dominated
    ex_ante = solved(game).mechanism
    assert not dominating_mechanism(game, ex_ante, Stage.EX_ANTE).dominated
    assert not dominating_mechanism(game, ex_ante, Stage.EX_ANTE, improvement=Improvement.FOR_SOME).dominated


# Frontier


def test_the_frontier_of_example_1_runs_between_its_two_corners() -> None:
    corners = frontier(EXAMPLE_1, (0, 0), (0, 1))
    assert not isinstance(corners, NoOptimum)
    points = [(corner.interim[0][0], corner.interim[0][1]) for corner in corners]
    assert points == pytest.approx(np.array([(0.5, 0.5), (4 / 3, 0.0)]))
    on_the_way = solved(EXAMPLE_1, ([0.375, 0.625], [0.0]), Participation.INDIVIDUAL)
    assert on_the_way.value == pytest.approx(0.375 * 0.5 + 0.625 * 0.5)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_no_direction_goes_beyond_the_corners_of_a_frontier(seed: int) -> None:
    game = random_game(seed, players=2, types=2).superadditive()
    corners = frontier(game, (0, 0), (1, 1))
    if isinstance(corners, NoOptimum):
        return
    points = np.array([(corner.interim[0][0], corner.interim[1][1]) for corner in corners])
    assert (np.diff(points[:, 0]) > 0).all()
    assert (np.diff(points[:, 1]) < 0).all()
    angle = np.random.default_rng(seed).uniform(0, np.pi / 2)
    direction = np.array([np.cos(angle), np.sin(angle)])
    best = solved(game, ([direction[0], 0.0], [0.0, direction[1]]), Participation.INDIVIDUAL)
    assert best.value == pytest.approx((points @ direction).max(), abs=1e-6)


def test_many_weights_solved_in_turn_equal_each_solved_alone() -> None:
    game = random_game(11, players=3, types=2, actions=4)
    choices = [random_weights(game, seed) for seed in range(5)]
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        for choice, answer in zip(choices, efficient_mechanisms(game, choices, method=method), strict=True):
            assert isinstance(answer, IncentiveEfficient)
            assert answer.conditions.hold
            assert answer.value == pytest.approx(solved(game, choice).value, abs=1e-9)


# Refusals


def test_unequal_sums_of_weights_are_unbounded_and_say_who_would_pay_whom() -> None:
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        answer = incentive_efficient(EXAMPLE_1, ([0.5, 0.6], [1.0]), method=method)
        assert isinstance(answer, NoOptimum)
        assert answer.status is Status.UNBOUNDED
        assert "from buyer, whose weights sum to 1, to seller, whose weights sum to 1.1" in answer.reason
    assert isinstance(incentive_efficient(EXAMPLE_1, ([0.5, 0.6], [1.0]), Participation.INDIVIDUAL), IncentiveEfficient)


def test_running_out_of_time_is_no_answer() -> None:
    game = random_game(1, players=3, types=3, actions=8)
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        answer = incentive_efficient(game, seconds=0.0, method=method)
        assert isinstance(answer, NoOptimum)
        assert answer.status is Status.TIME_LIMIT


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (([0.5, 0.5],), "given for 1 players"),
        (([0.5], [1.0]), "seller have shape"),
        (([0.5, -0.5], [1.0]), "seller must be finite and not negative"),
        (([0.0, 0.0], [0.0]), "all weights are zero"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        incentive_efficient(EXAMPLE_1, weights)


def test_outside_options_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="minus infinity"):
        incentive_efficient(EXAMPLE_1, None, OutsideOptions((np.array([np.inf, 0]), np.zeros(1))))
    nothing = OutsideOptions((np.full(2, -np.inf), np.full(1, -np.inf)))
    assert solved(EXAMPLE_1, None, nothing).value == pytest.approx(1.0)


def test_a_single_player_cannot_balance_ex_post() -> None:
    game = random_game(0)
    alone = CoalitionalGame(
        ("hermit",), (("a", "b"),), (np.array([0.5, 0.5]),), {(0,): ActionSet(("stay",), np.ones((1, 1, 2)))}
    )
    with pytest.raises(ValueError, match="single player"):
        incentive_efficient(alone)
    assert solved(alone, budget=Budget.EXPECTED).value == pytest.approx(1.0)
    assert len(game.players) > 1
