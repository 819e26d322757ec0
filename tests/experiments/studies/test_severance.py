"""Severance in Myerson's second example: blocking stops where condition (27) says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.experiments.studies.severance import (
    HIGHEST_PRICE,
    Promises,
    blocking_profits,
    example,
    predicted_bounds,
    predicted_region,
    sweep_severance,
)
from marketgame.mechanisms.blocking import inhibitive
from marketgame.mechanisms.coalitional_games.mechanism import expected_cost, misreport_gains, stakes
from tests.examples import drawn

GAME = example()


def test_the_predicted_bounds_are_the_published_ones() -> None:
    assert predicted_bounds(HIGHEST_PRICE)[0] == pytest.approx(5 / 6)
    smallest = Promises(3.5, 5 / 6, 2.5)
    assert smallest.predicted_stable
    assert inhibitive(GAME, stakes(GAME, smallest.mechanism(GAME)))


@given(price=st.floats(3.0, 3.5), severance=st.floats(0.01, 2.0), beta=st.floats(1.0, 2.5))
@settings(max_examples=drawn(150), deadline=None)
def test_condition_27_tells_what_can_be_blocked(price: float, severance: float, beta: float) -> None:
    promises = Promises(price, severance, 2 * beta * severance)
    slack = price - 3 - 2 * beta * abs(1 - severance)
    edges = (beta - 1.5, 2 - beta, slack)
    if min(map(abs, edges)) < 1e-4:
        return
    assert inhibitive(GAME, stakes(GAME, promises.mechanism(GAME))) == promises.predicted_stable


@given(price=st.floats(3.0, 3.5), severance=st.floats(0, 2), side_bet=st.floats(-3, 5))
@settings(max_examples=30, deadline=None)
def test_every_mechanism_of_the_family_is_feasible(price: float, severance: float, side_bet: float) -> None:
    mechanism = Promises(price, severance, side_bet).mechanism(GAME)
    assert max(float(gains.max()) for gains in misreport_gains(GAME, mechanism)) <= 1e-12
    assert abs(expected_cost(GAME, mechanism)) <= 1e-12


def test_the_corners_of_the_region_are_just_stable() -> None:
    for severance, side_bet in predicted_region(3.4, points=5):
        assert Promises(3.4, severance, side_bet).predicted_stable
        outside = Promises(3.4, 1 + 1.01 * (severance - 1), side_bet * (1 + 1.01 * (severance - 1)) / severance)
        assert not outside.predicted_stable


def test_profits_vanish_exactly_inside_the_region() -> None:
    profits = blocking_profits(GAME, 3.5, np.linspace(0.7, 1.25, 12).tolist(), np.linspace(2.2, 4.7, 11).tolist())
    assert len(profits) == 132
    for severance, side_bet, profit in profits.itertuples(index=False):
        assert (profit <= 1e-9) == Promises(3.5, severance, side_bet).predicted_stable


def test_the_blocking_rate_falls_to_zero_at_the_predicted_severance_and_rises_again() -> None:
    low, high = predicted_bounds(HIGHEST_PRICE)
    tried = [0.0, 0.4, low - 0.01, low, 1.0, high, high + 0.01, 1.4]
    sweep = sweep_severance(GAME, HIGHEST_PRICE, tried, rounds=1500, seed=1).set_index("severance")
    for severance, row in zip(sweep.index.to_list(), sweep.to_dict("records"), strict=True):
        stable = low - 1e-9 <= severance <= high + 1e-9
        assert bool(row["predicted_stable"]) is stable
        assert (row["blocking_rate"] == 0) == stable
        assert (row["program_profit"] <= 1e-9) == stable
        assert abs(row["mean_profit"] - row["program_profit"]) <= 4 * row["standard_error"] + 1e-12
