"""Claims about the frontier of interim utilities: its corners, and many weights solved in turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.incentive_efficiency.frontier import frontier
from marketgame.mechanisms.incentive_efficiency.search import (
    EfficiencyProblem,
    IncentiveEfficient,
    Method,
    NoOptimum,
    Participation,
)
from tests.mechanisms.myerson_examples import EXAMPLE_1
from tests.mechanisms.proven_solutions import solved
from tests.mechanisms.random_games import random_game, random_weights

SEEDS = st.integers(0, 2**32 - 1)


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
        problem = EfficiencyProblem(game, method=method)
        for choice in choices:
            answer = problem.solve(choice, Participation.NONE)
            assert isinstance(answer, IncentiveEfficient)
            assert answer.conditions.hold
            assert answer.value == pytest.approx(solved(game, choice).value, abs=1e-9)
