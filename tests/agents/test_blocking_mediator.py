"""Blocking mediators: what becomes of invitations, who accepts, and what they learn from watching."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from marketgame.agents.behaviours import Behaviour, BestResponding, Loyal, Misreporting, Obedient
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.blocking.mediator import Approach, BlockingMediator, InvitationFate
from marketgame.agents.blocking.offer import BlockingOffer
from marketgame.agents.blocking.stake_beliefs import ROUNDS_BETWEEN_ESTIMATES, EstimatedStakes, KnownStakes
from marketgame.agents.framework import RoundModel
from marketgame.agents.private_type import game_players
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from tests.mechanisms.myerson_examples import bilateral_trade

# Myerson's second example, pooling at 3.5: the plan of section 9 is one of the profitable ones.
GAME = bilateral_trade([3.0, 2.0], [[7.0], [0.0]], [0.5, 0.5], [1.0], names=(("H", "L"), ("only",)))
STAKES = np.array([[0.5, 3.5], [1.5, -3.5]])


def mediator(stakes: FloatArray = STAKES, game: CoalitionalGame = GAME) -> BlockingMediator:
    return BlockingMediator(RoundModel(0), 0, "rival", game, KnownStakes(stakes))


def approached(
    reports: Mapping[int, int | None], gone: frozenset[int] = frozenset(), seed: int = 0
) -> tuple[Approach, BlockingMediator]:
    rival = mediator()
    approach = rival.invite(np.random.default_rng(seed), gone, lambda player, offer: (reports[player], 0.0))
    assert approach is not None
    return approach, rival


def wanted(seed: int) -> Mapping[int, int | None]:
    """The answers with which the invitation drawn with a seed ends in departure."""
    approach, _ = approached({0: 0, 1: 0}, seed=seed)
    return {0: 0, 1: 0} | dict(zip(approach.invitation.coalition, approach.invitation.types, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_a_coalition_leaves_if_all_accept_and_have_the_types_that_are_wanted(seed: int) -> None:
    approach, _ = approached(wanted(seed), seed=seed)
    assert approach.fate is InvitationFate.LEFT
    assert approach.leavers == approach.invitation.coalition
    assert approach.profit == pytest.approx(-approach.payments.sum())


@pytest.mark.parametrize("seed", range(4))
def test_one_refusal_sends_everybody_back(seed: int) -> None:
    answers = dict(wanted(seed))
    answers[0] = None
    approach, _ = approached(answers, seed=seed)
    assert approach.fate is InvitationFate.REFUSED
    assert approach.leavers == ()
    assert approach.payments[0] == 0


@pytest.mark.parametrize("seed", range(4))
def test_another_type_than_wanted_sends_everybody_back(seed: int) -> None:
    answers = dict(wanted(seed))
    answers[0] = 1 - (answers[0] or 0)
    approach, _ = approached(answers, seed=seed)
    assert approach.fate is InvitationFate.OTHER_TYPES
    assert approach.leavers == ()


def test_who_has_left_with_another_mediator_is_not_asked_again() -> None:
    def ask(player: int, offer: BlockingOffer) -> tuple[int | None, float]:
        raise AssertionError("nobody may be asked")

    approach = mediator().invite(np.random.default_rng(0), frozenset({0}), ask)
    assert approach is not None
    assert approach.fate is InvitationFate.TOO_LATE
    assert not approach.payments.any()


def test_a_mediator_that_knows_of_no_profitable_plan_invites_nobody_but_draws_all_the_same() -> None:
    generator = np.random.default_rng(0)
    assert mediator(STAKES + 10).invite(generator, frozenset(), lambda player, offer: (0, 0.0)) is None
    one_draw_later = np.random.default_rng(0)
    one_draw_later.random()
    assert generator.random() == one_draw_later.random()


SELLER = game_players(GAME)[0]


@pytest.mark.parametrize(
    ("behaviour", "gains", "answer"),
    [
        (Obedient(), [0.0, -5.0], 0),
        (Obedient(), [-1.0, 5.0], None),
        (Obedient(), [-1e-12, 5.0], 0),
        (Misreporting({"H": "L"}), [1.0, 2.0], 1),
        (Misreporting({"H": "L"}), [1.0, -2.0], None),
        (Misreporting({"L": "H"}), [1.0, 2.0], 0),
        (BestResponding(), [1.0, 2.0], 1),
        (BestResponding(), [2.0, 2.0 + 1e-12], 0),
        (BestResponding(), [-2.0, -1.0], None),
        (Loyal(), [9.0, 9.0], None),
    ],
)
def test_the_invited_answer_as_they_behave(behaviour: Behaviour, gains: list[float], answer: int | None) -> None:
    assert behaviour.answer(Invited(SELLER, 0, np.array(gains), 1.0)) == answer


def watch(beliefs: EstimatedStakes, rounds: list[tuple[int, FloatArray]]) -> None:
    for profile, received in rounds:
        beliefs.observe(profile, received)


def test_a_mediator_learns_the_stakes_by_watching() -> None:
    severance = np.array([[0.0, 0.0], [0.25, 0.0]])
    beliefs = EstimatedStakes(GAME, severance, caution=0.0)
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.1, (2000, 2))
    profiles = generator.integers(0, 2, 2000)
    watch(beliefs, [(int(profile), STAKES[profile] + each) for profile, each in zip(profiles, noise, strict=True)])
    found = beliefs.revised()
    assert found is not None
    np.testing.assert_allclose(found, STAKES - severance, atol=0.02)


def test_caution_adds_standard_errors() -> None:
    outcomes = [(0, np.array([value, 0.0])) for value in (0.0, 2.0) * 5]
    bold, cautious = (EstimatedStakes(GAME, np.zeros((2, 2)), caution) for caution in (0.0, 2.0))
    watch(bold, outcomes)
    watch(cautious, outcomes)
    low, high = bold.revised(), cautious.revised()
    assert low is not None
    assert high is not None
    assert low[0, 0] == pytest.approx(1.0)
    # Ten outcomes with standard deviation one.
    assert high[0, 0] == pytest.approx(1.0 + 2.0 / np.sqrt(10))


def test_nobody_is_led_out_of_what_was_never_seen() -> None:
    beliefs = EstimatedStakes(GAME, np.zeros((2, 2)), caution=0.0)
    watch(beliefs, [(0, np.array([0.5, 9.0]))] * ROUNDS_BETWEEN_ESTIMATES)
    found = beliefs.revised()
    assert found is not None
    # The other profile gave nobody anything yet; elsewhere they were seen to get 0.5 and 9, more than it could.
    np.testing.assert_allclose(found, [[0.5, 9.0], [0.5, 9.0]])


def test_estimates_are_made_anew_only_every_so_often() -> None:
    beliefs = EstimatedStakes(GAME, np.zeros((2, 2)), caution=0.0)
    revisions = []
    for _ in range(3 * ROUNDS_BETWEEN_ESTIMATES):
        beliefs.observe(0, np.zeros(2))
        revisions.append(beliefs.revised() is not None)
    assert revisions.count(True) == 3
