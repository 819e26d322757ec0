"""Claims about given mechanisms: whether they are in the core, and which severance brings them there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.blocking import BlockingPlan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, expected_cost, misreport_gains, stakes
from marketgame.mechanisms.core.achievability import achieving_mechanism
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.membership import InfeasibleMechanism, core_membership, with_best_severance
from marketgame.mechanisms.core.search import find_core_allocation
from marketgame.mechanisms.core.severance import NoSeverance
from marketgame.mechanisms.core.variant import CoreVariant, SeverancePay
from marketgame.mechanisms.incentive_efficiency.search import NoOptimum
from marketgame.mechanisms.linear_program import Status
from tests.mechanisms.myerson_examples import (
    EQUAL_GAINS,
    EXAMPLE_1,
    EXAMPLE_2,
    VIRTUALLY_EQUITABLE,
    bilateral_trade,
    pooling,
)

SELLER, LOW = 0, 0
WITHOUT_SEVERANCE = CoreVariant(severance=SeverancePay.NONE)


@settings(max_examples=25, deadline=None)
@given(st.floats(1.5, 2.0), st.floats(0.6, 1.4), st.floats(0.0, 1.0))
def test_pooling_with_severance_is_in_the_core_exactly_when_condition_27_holds(
    beta: float, severance: float, share: float
) -> None:
    lowest = 3 + 2 * beta * abs(1 - severance)
    price = lowest + share * (3.5 - lowest) if lowest < 3.5 else 3.5
    verdict = core_membership(EXAMPLE_2, pooling(price, 2 * beta * severance, severance))
    if lowest <= 3.5:
        assert isinstance(verdict, CoreAllocation)
    # The same side-bet may fit another beta, so only what no beta allows must be blocked.
    others = np.clip(np.linspace(1.5, 2.0, 2001), 1.5, 2.0)
    reachable = np.abs(2 * others * severance - 2 * beta * severance) < 1e-3
    if (3 + 2 * others[reachable] * abs(1 - severance)).min() > 3.5 + 1e-2:
        assert isinstance(verdict, BlockingPlan)


@pytest.mark.parametrize("price", [3.0, 3.25, 3.5])
def test_no_severance_brings_pooling_without_side_bets_into_the_core_of_example_2(price: float) -> None:
    assert isinstance(core_membership(EXAMPLE_2, pooling(price)), BlockingPlan)
    verdict = with_best_severance(EXAMPLE_2, pooling(price))
    assert isinstance(verdict, NoSeverance)
    assert verdict.margin > 0


@pytest.mark.parametrize(("side_bet", "severance"), [(2.5, 5 / 6), (3.0, 6 / 7), (3.5, 7 / 8)])
def test_the_best_severance_for_a_side_bet_meets_condition_27(side_bet: float, severance: float) -> None:
    # At the price 3.5: tau = 2 beta epsilon and 2 beta (1 - epsilon) = 1/2.
    found = with_best_severance(EXAMPLE_2, pooling(3.5, side_bet))
    assert isinstance(found, CoreAllocation)
    assert found.mechanism.severance[LOW, SELLER] == pytest.approx(severance)


def test_the_mechanisms_of_example_1_are_judged_as_the_paper_judges_them() -> None:
    assert isinstance(core_membership(EXAMPLE_1, VIRTUALLY_EQUITABLE), CoreAllocation)
    assert isinstance(core_membership(EXAMPLE_1, EQUAL_GAINS), BlockingPlan)
    assert isinstance(with_best_severance(EXAMPLE_1, EQUAL_GAINS), NoSeverance)


def test_a_mechanism_that_tempts_a_type_or_loses_money_is_not_feasible() -> None:
    generous = replace(VIRTUALLY_EQUITABLE, payments=VIRTUALLY_EQUITABLE.payments + np.array([[0.1, 0.0], [0.0, 0.0]]))
    verdict = core_membership(EXAMPLE_1, generous)
    assert isinstance(verdict, InfeasibleMechanism)
    assert verdict.loss == pytest.approx(0.05)
    tempting = replace(VIRTUALLY_EQUITABLE, payments=np.array([[1.0, -1.0], [0.6, -0.6]]))
    best = with_best_severance(EXAMPLE_1, tempting)
    assert isinstance(best, InfeasibleMechanism)
    assert best.misreport_gain == pytest.approx(0.5)


@pytest.mark.parametrize("judge", [core_membership, with_best_severance])
def test_severance_where_none_is_allowed_is_refused(
    judge: Callable[[CoalitionalGame, Mechanism, CoreVariant], object],
) -> None:
    with pytest.raises(ValueError, match="allows no"):
        judge(EXAMPLE_2, pooling(3.5, 2.5, 0.9), WITHOUT_SEVERANCE)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_stakes_are_achievable_exactly_up_to_what_the_players_can_earn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    worth = generator.uniform(0.0, 10.0, size=(2, 2, 2))
    odds = [generator.dirichlet(np.full(2, 3.0)) for _ in range(2)]
    game = bilateral_trade(worth[0], worth[1], odds[0], odds[1])
    core = find_core_allocation(game)
    assert isinstance(core, CoreAllocation)
    mechanism = achieving_mechanism(game, core.stakes)
    assert isinstance(mechanism, Mechanism)
    assert stakes(game, mechanism) == pytest.approx(core.stakes, abs=1e-7)
    assert max(float(gain.max()) for gain in misreport_gains(game, mechanism)) <= 1e-6
    assert expected_cost(game, mechanism) <= 1e-6
    assert mechanism.severance.min() >= 0
    # Core mechanisms are incentive-efficient, so nothing gives every type more than with least severance.
    more = achieving_mechanism(game, core.stakes + core.mechanism.severance + 1e-3)
    assert isinstance(more, NoOptimum)
    assert more.status is Status.INFEASIBLE
    assert more.shortfall is not None


def test_the_core_stakes_of_example_2_need_side_bets_and_severance() -> None:
    mechanism = achieving_mechanism(EXAMPLE_2, stakes(EXAMPLE_2, pooling(3.5, 2.5, 5 / 6)))
    assert isinstance(mechanism, Mechanism)
    assert mechanism.severance[LOW, SELLER] == pytest.approx(5 / 6)
    assert mechanism.payments == pytest.approx(pooling(3.5, 2.5).payments, abs=1e-7)
    with pytest.raises(ValueError, match="stakes"):
        achieving_mechanism(EXAMPLE_2, np.zeros(3))
