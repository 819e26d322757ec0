"""Claims about column generation: same answers as enumeration, honest bounds, oracles that are not exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.column_generation import ColumnGenerator, FiniteActions, PricedActions
from marketgame.mechanisms.incentive_efficiency.program import InterimProgram
from marketgame.mechanisms.incentive_efficiency.search import (
    EfficiencyProblem,
    IncentiveEfficient,
    Method,
    NoOptimum,
    OutsideOptions,
    Participation,
    incentive_efficient,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import transform, virtual_utility
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT, Status
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError
from tests.examples import drawn
from tests.mechanisms.myerson_examples import bilateral_trade
from tests.mechanisms.random_games import random_game, random_virtual_weights, random_weights

SEEDS = st.integers(0, 2**32 - 1)


def perturbed(game: CoalitionalGame, size: float, seed: int) -> CoalitionalGame:
    generator = np.random.default_rng(seed)
    actions = {
        coalition: ActionSet(
            action_set.names, action_set.utilities + size * generator.normal(size=action_set.utilities.shape)
        )
        for coalition, action_set in game.actions.items()
    }
    return replace(game, actions=actions)


@settings(max_examples=drawn(40), deadline=None)
@given(SEEDS, st.booleans(), st.booleans())
def test_generated_and_enumerated_programs_have_the_same_value(seed: int, willing: bool, combined: bool) -> None:
    game = random_game(seed, actions=4)
    game = game.superadditive() if combined else game
    weights = random_weights(game, seed)
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    enumerated = incentive_efficient(game, weights, participation, method=Method.ENUMERATION)
    generated = incentive_efficient(game, weights, participation, method=Method.COLUMN_GENERATION)
    assert enumerated.status is generated.status
    if isinstance(enumerated, NoOptimum) or isinstance(generated, NoOptimum):
        assert isinstance(enumerated, NoOptimum)
        assert isinstance(generated, NoOptimum)
        assert enumerated.shortfall is not None
        assert generated.shortfall is not None
        assert enumerated.shortfall.amount == pytest.approx(generated.shortfall.amount, abs=1e-7)
        return
    assert generated.value == pytest.approx(enumerated.value, abs=1e-7)
    assert abs(generated.bound - generated.value) <= 1e-7
    assert generated.conditions.hold
    assert generated.residuals.largest <= RESIDUAL_LIMIT


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_nearby_game_solved_from_the_columns_of_another_has_its_own_optimum(seed: int) -> None:
    game = random_game(seed, actions=5)
    first = incentive_efficient(game, method=Method.COLUMN_GENERATION)
    assert isinstance(first, IncentiveEfficient)
    near = perturbed(game, 0.05, seed)
    warm = incentive_efficient(near, start=first.pool)
    cold = incentive_efficient(near, method=Method.ENUMERATION)
    assert isinstance(warm, IncentiveEfficient)
    assert isinstance(cold, IncentiveEfficient)
    assert warm.value == pytest.approx(cold.value, abs=1e-7)
    assert warm.conditions.hold
    again = incentive_efficient(near, start=warm.pool)
    assert isinstance(again, IncentiveEfficient)
    assert again.rounds == 1


def test_one_problem_answers_weights_and_participation_in_turn() -> None:
    game = random_game(8, players=3, types=3, actions=6).superadditive()
    generated = EfficiencyProblem(game, method=Method.COLUMN_GENERATION)
    enumerated = EfficiencyProblem(game, method=Method.ENUMERATION)
    alone = game.individual_values()
    high = OutsideOptions(tuple(values + 5.0 for values in alone))
    requirements: tuple[Participation | OutsideOptions, ...] = (
        Participation.NONE,
        Participation.INDIVIDUAL,
        high,
        Participation.NONE,
    )
    for seed, participation in enumerate(requirements):
        weights = random_weights(game, seed)
        answers = [problem.solve(weights, participation) for problem in (generated, enumerated)]
        assert answers[0].status is answers[1].status
        assert (answers[0].status is Status.INFEASIBLE) == (participation is high)
        if isinstance(answers[0], IncentiveEfficient) and isinstance(answers[1], IncentiveEfficient):
            assert answers[0].value == pytest.approx(answers[1].value, abs=1e-7)


def test_a_game_too_large_to_enumerate_is_solved_with_its_certificate() -> None:
    game = random_game(3, players=5, types=4, actions=20)
    answer = incentive_efficient(game, random_weights(game, 3))
    assert isinstance(answer, IncentiveEfficient)
    assert answer.pool is not None
    assert len(answer.pool.profiles) < 0.2 * len(game.profiles) * 20
    assert answer.conditions.hold
    assert abs(answer.bound - answer.value) <= 1e-7


class LooseOracle(FiniteActions):
    """Knows the best action only up to a margin."""

    margin = 0.125

    def best_actions(
        self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray, deadline: Deadline = NO_DEADLINE
    ) -> PricedActions:
        found = super().best_actions(coefficients, profiles, deadline)
        return PricedActions(found.actions, found.surplus, found.bound + self.margin)


def test_an_oracle_that_is_not_sure_reports_the_gap_it_leaves() -> None:
    game = random_game(21, players=2, types=3, actions=5)
    exact = ColumnGenerator(FiniteActions(game)).solve(game.type_probabilities)
    loose = ColumnGenerator(LooseOracle(game)).solve(game.type_probabilities)
    assert loose.status is Status.OPTIMAL
    assert loose.value == pytest.approx(exact.value, abs=1e-9)
    assert exact.gap == pytest.approx(0.0, abs=1e-9)
    assert loose.gap == pytest.approx(LooseOracle.margin, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_oracle_of_a_finite_game_maximises_virtual_surplus(seed: int) -> None:
    game = random_game(seed)
    generator = np.random.default_rng(seed)
    virtual = random_virtual_weights(game, generator)
    oracle = FiniteActions(game)
    profiles = generator.permutation(len(game.profiles))
    coefficients = transform(virtual, game.type_probabilities)
    priced = oracle.best_actions(coefficients, profiles)
    surplus = virtual_utility(game, virtual).sum(axis=1)
    assert priced.surplus == pytest.approx(surplus.max(axis=0)[profiles])
    offered = oracle.utilities(priced.actions, profiles)
    first = 0
    recomputed = np.zeros(len(profiles))
    for player, matrix in enumerate(coefficients):
        own = game.profiles[profiles, player]
        recomputed += np.einsum("bk,kb->b", offered[:, first : first + len(matrix)], matrix[:, own])
        first += len(matrix)
    assert recomputed == pytest.approx(priced.surplus)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_all_actions_stated_at_once_equal_actions_stated_one_by_one(seed: int) -> None:
    game = random_game(seed)
    oracle = FiniteActions(game)
    actions = len(game.actions[game.grand_coalition].names)
    once = InterimProgram(game.type_probabilities, game.profiles, oracle.unit)
    once.state_every_action(game.actions[game.grand_coalition].utilities)
    singly = InterimProgram(game.type_probabilities, game.profiles, oracle.unit)
    profile, action = np.divmod(np.arange(len(game.profiles) * actions), actions)
    block = singly.program.variables("action", {"column": len(profile)})
    singly.state_actions(block, profile, oracle.utilities(action, profile))
    difference = once.program.arrays().matrix - singly.program.arrays().matrix
    assert abs(difference).max() <= 1e-15


def test_columns_are_found_even_when_the_first_ones_allow_no_mechanism() -> None:
    # With efficient trade alone no prices make both sides of this market willing.
    values, odds = (np.arange(12) + 0.5) / 12, np.full(12, 1 / 12)
    game = bilateral_trade(values, values, odds, odds)
    answer = incentive_efficient(game, None, Participation.INDIVIDUAL, method=Method.COLUMN_GENERATION)
    full = incentive_efficient(game, None, Participation.INDIVIDUAL, method=Method.ENUMERATION)
    assert isinstance(answer, IncentiveEfficient)
    assert isinstance(full, IncentiveEfficient)
    assert answer.rounds is not None
    assert answer.rounds > 1
    assert answer.value == pytest.approx(full.value, abs=1e-9)


def test_generation_that_runs_out_of_time_is_no_answer() -> None:
    game = random_game(5, players=3, types=3, actions=6)
    with pytest.raises(DeadlinePassedError):
        ColumnGenerator(FiniteActions(game)).solve(game.type_probabilities, deadline=Deadline.after(0.0))
    stopped = incentive_efficient(game, method=Method.COLUMN_GENERATION, deadline=Deadline.after(0.0))
    assert isinstance(stopped, NoOptimum)
    assert stopped.status is Status.TIME_LIMIT
