"""Claims about the least severance of a given mechanism: what suffices, what does not, and that both replay."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import Normalisation, Support
from marketgame.mechanisms.blocking.severance_range import expected_promise, stakes_after
from marketgame.mechanisms.certificates.blocking import certify_inhibition
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.severance import SeveranceCertificate
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, ex_post_utilities, misreport_gains
from marketgame.mechanisms.core.least_severance import LeastSeverance, least_severance
from marketgame.mechanisms.core.membership import InfeasibleMechanism
from tests.mechanisms.blocking.test_blocking import enumerated_profit
from tests.mechanisms.myerson_examples import (
    EQUAL_GAINS,
    EXAMPLE_1,
    EXAMPLE_2,
    VIRTUALLY_EQUITABLE,
    bilateral_trade,
    example,
    pooling,
)

# Bound and promise meet up to a millionth of what is at stake, which is twelve times what is promised here.
CLOSE = 2e-5


def found(game: CoalitionalGame, mechanism: Mechanism) -> LeastSeverance:
    answer = least_severance(game, mechanism)
    assert isinstance(answer, LeastSeverance)
    return answer


def certified(game: CoalitionalGame, mechanism: Mechanism, answer: LeastSeverance) -> SeveranceCertificate:
    without = replace(mechanism, severance=np.zeros(()))
    return SeveranceCertificate(game, ex_post_utilities(game, without), answer.bound, answer.ranges)


def expected_least(game: CoalitionalGame, mechanism: Mechanism) -> float:
    """What is promised, once the bound says that nothing cheaper will do and the proof that this does."""
    answer = found(game, mechanism)
    assert answer.promise is not None
    assert answer.virtual is not None
    assert answer.bound is not None
    assert not answer.stopped
    left = stakes_after(game, ex_post_utilities(game, mechanism), answer.promise)
    assert verify(certify_inhibition(game, left, answer.virtual)).confirmed
    assert verify(certified(game, mechanism, answer)).confirmed
    promised = expected_promise(game, answer.promise)
    assert promised == pytest.approx(answer.bound, abs=CLOSE * max(promised, 1e-9))
    return promised


@pytest.mark.parametrize(("side_bet", "severance"), [(2.5, 5 / 6), (3.0, 6 / 7), (3.5, 7 / 8)])
def test_the_least_severance_of_example_2_is_the_published_one(side_bet: float, severance: float) -> None:
    # Equation (27) at the price 3.5; types are equally likely.
    assert expected_least(EXAMPLE_2, pooling(3.5, side_bet)) == pytest.approx(severance / 2, rel=1e-6)


def test_example_1_needs_none_or_has_no_use_for_any() -> None:
    assert expected_least(EXAMPLE_1, VIRTUALLY_EQUITABLE) == 0.0
    blocked = found(EXAMPLE_1, EQUAL_GAINS)
    assert blocked.bound is None
    assert blocked.promise is None
    assert verify(certified(EXAMPLE_1, EQUAL_GAINS, blocked)).confirmed


@pytest.mark.parametrize("price", [3.0, 3.25, 3.5])
def test_no_severance_whatever_keeps_the_players_of_example_2_without_side_bets(price: float) -> None:
    answer = found(EXAMPLE_2, pooling(price))
    assert answer.bound is None
    assert verify(certified(EXAMPLE_2, pooling(price), answer)).confirmed


def test_whoever_expects_less_than_alone_leaves_whatever_is_promised() -> None:
    mechanism = pooling(2.5)
    answer = found(EXAMPLE_2, mechanism)
    assert answer.bound is None
    assert not answer.ranges
    assert verify(certified(EXAMPLE_2, mechanism, answer)).confirmed
    assert not verify(certified(EXAMPLE_2, pooling(3.25), answer)).confirmed


def test_the_slow_program_finds_plans_below_the_least_severance_and_none_at_it() -> None:
    # Full program (15) with columns enumerated, through SciPy, for promises along both axes.
    mechanism = pooling(3.5, 2.5)
    earned = ex_post_utilities(EXAMPLE_2, mechanism)

    def profit(low: float, high: float) -> float:
        promised = (np.array([low, high]), np.zeros(1))
        left = stakes_after(EXAMPLE_2, earned, promised)
        return enumerated_profit(EXAMPLE_2, left, Normalisation.TOTAL, Support.COARSE)

    assert profit(5 / 6, 0.0) == pytest.approx(0.0, abs=1e-9)
    for low in np.linspace(0.0, 0.83, 6):
        assert all(profit(low, 2 * cost - low) > 1e-6 for cost in np.linspace(low / 2, 0.416, 4))


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_the_least_severance_scales_with_the_unit_of_money(unit: float) -> None:
    game = example([2.0 * unit, 3.0 * unit], [0.0, 7.0 * unit])
    mechanism = pooling(3.5, 2.5)
    assert expected_least(game, replace(mechanism, payments=unit * mechanism.payments)) == pytest.approx(
        5 / 12 * unit, rel=1e-6
    )


def test_whose_number_is_first_makes_no_difference() -> None:
    sets = EXAMPLE_2.actions
    turned = CoalitionalGame(
        EXAMPLE_2.players[::-1],
        EXAMPLE_2.types[::-1],
        EXAMPLE_2.type_probabilities[::-1],
        {
            (0,): sets[1,],
            (1,): sets[0,],
            (0, 1): ActionSet(sets[0, 1].names, sets[0, 1].utilities[:, ::-1]),
        },
    )
    mechanism = pooling(3.5, 2.5)
    assert expected_least(turned, replace(mechanism, payments=mechanism.payments[:, ::-1])) == pytest.approx(5 / 12)


def test_a_type_of_which_there_are_two_needs_what_it_needed() -> None:
    doubled = bilateral_trade([2.0, 2.0, 3.0], np.array([[0.0], [0.0], [7.0]]), [0.3, 0.2, 0.5], [1.0])
    mechanism = pooling(3.5, 2.5)
    twice = Mechanism(mechanism.action_probability[[0, 0, 1]], mechanism.payments[[0, 0, 1]])
    answer = found(doubled, twice)
    assert answer.promise is not None
    assert answer.bound is not None
    assert expected_promise(doubled, answer.promise) == pytest.approx(5 / 12, rel=1e-5)
    assert answer.bound <= 5 / 12 + 1e-9


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_where_truth_is_strictly_best_severance_is_not_needed_or_no_use(seed: int) -> None:
    # Proposition of theory: multipliers go with incentive constraints that bind (Theorem 3), so there are none.
    game, mechanism = expected_externality(seed)
    lies = [table[~np.eye(len(table), dtype=bool)].max() for table in misreport_gains(game, mechanism)]
    assume(max(lies) < -1e-3)
    answer = found(game, mechanism)
    assert answer.bound in {None, 0.0}
    assert not answer.stopped
    assert len(answer.ranges) <= 1
    assert verify(certified(game, mechanism, answer)).confirmed


def expected_externality(seed: int) -> tuple[CoalitionalGame, Mechanism]:
    """Three players with private values, the efficient action, and each paid what it means to the others."""
    generator = np.random.default_rng(seed)
    players, coalitions = range(3), [s for size in (1, 2, 3) for s in itertools.combinations(range(3), size)]
    types = np.array(list(itertools.product(range(2), repeat=3)))
    tables = {s: generator.normal(size=(6 if len(s) == 3 else 2, len(s), 2)) + 0.3 * len(s) for s in coalitions}
    actions = {
        s: ActionSet(
            tuple(map(str, range(len(table)))),
            np.stack([table[:, place, types[:, player]] for place, player in enumerate(s)], axis=1),
        )
        for s, table in tables.items()
    }
    odds = [generator.dirichlet(np.full(2, 5.0)) for _ in players]
    game = CoalitionalGame(("a", "b", "c"), (("low", "high"),) * 3, tuple(odds), actions)
    utilities = actions[0, 1, 2].utilities
    best = utilities.sum(axis=1).argmax(axis=0)
    given = utilities[best, :, np.arange(8)]
    means = [game.conditional_expectation(given.sum(axis=1) - given[:, i], (i,))[types[:, i]] for i in players]
    payments = np.stack([means[i] - (means[i - 1] + means[i - 2]) / 2 for i in players], axis=1)
    return game, Mechanism(np.eye(6)[best], payments)


def test_a_mechanism_that_tempts_somebody_is_not_one_of_the_core_with_any_severance() -> None:
    tempting = replace(VIRTUALLY_EQUITABLE, payments=np.array([[1.0, -1.0], [0.6, -0.6]]))
    assert isinstance(least_severance(EXAMPLE_1, tempting), InfeasibleMechanism)


@pytest.fixture(scope="module")
def certificate() -> SeveranceCertificate:
    """What proves that no severance below the least keeps the players of Example 2."""
    return certified(EXAMPLE_2, pooling(3.5, 2.5), found(EXAMPLE_2, pooling(3.5, 2.5)))


def test_a_range_that_is_left_out_leaves_a_promise(certificate: SeveranceCertificate) -> None:
    for place in range(len(certificate.ranges)):
        fewer = certificate.ranges[:place] + certificate.ranges[place + 1 :]
        assert not verify(replace(certificate, ranges=fewer)).confirmed


def test_a_bound_that_is_higher_or_none_at_all_is_refused(certificate: SeveranceCertificate) -> None:
    assert certificate.bound is not None
    for bound in (certificate.bound + 1e-4, None):
        assert not verify(replace(certificate, bound=bound)).confirmed


def test_a_range_that_is_wider_than_its_plan_is_refused(certificate: SeveranceCertificate) -> None:
    one = certificate.ranges[-1]
    wider = replace(one, most=tuple(own + 1.0 for own in one.most))
    assert not verify(replace(certificate, ranges=(*certificate.ranges[:-1], wider))).confirmed


def test_a_plan_that_pays_or_invites_otherwise_is_refused(certificate: SeveranceCertificate) -> None:
    one = certificate.ranges[0]
    paid: tuple[FloatArray, ...] = (one.payments[0] - 1.0, *one.payments[1:])
    invited = tuple(replace(each, probability=each.probability / 2) for each in one.invitations[:1])
    for changed in (replace(one, payments=paid), replace(one, invitations=invited + one.invitations[1:])):
        assert not verify(replace(certificate, ranges=(changed, *certificate.ranges[1:]))).confirmed


def test_one_plan_blocks_whatever_is_promised_where_truth_is_strictly_best_though_a_stake_is_rounding() -> None:
    # The first buyer is left with 0.88 - 0.88, which floating point makes 1e-16; the seller's stakes are hundreds.
    trades = np.array([[[0.0, 0.0], [0.0, 0.0]], [[1.0, -1.0], [-3.0, -2.0]], [[2.0, 1.0], [-1.0, 0.0]]])
    home = ActionSet(("stay",), np.zeros((1, 1, 2)))
    buyers = np.array([0.42508799, 0.57491201])
    actions = {(0,): home, (1,): home, (0, 1): ActionSet(("none", "one", "other"), trades)}
    game = CoalitionalGame(("seller", "buyer"), (("only",), ("a", "b")), (np.ones(1), buyers), actions)
    paid = 500.0 * buyers[0] - (buyers * [0.88, 0.94]).sum()
    for rounded in (0.0, 1.1102230246251565e-16):
        payments = np.array([[-500.0, 0.88 + rounded], [paid / buyers[1], 0.94]])
        answer = found(game, Mechanism(np.array([[0.12, 0.0, 0.88], [0.0, 0.0, 1.0]]), payments))
        assert (answer.bound, len(answer.ranges), answer.stopped) == (None, 1, "")
