"""A blocking plan as it is announced: expected payments, and what the invited can expect, against enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.agents.blocking.offer import BlockingOffer, offer_of
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan, replay
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from tests.mechanisms.random_games import random_game


def blocked_game(seed: int) -> tuple[CoalitionalGame, FloatArray, BlockingPlan]:
    """A random game with stakes low enough to be blocked."""
    game = random_game(seed)
    stakes = np.random.default_rng(seed).normal(-0.5, 1.0, game.profiles.shape)
    plan = find_blocking_plan(game, stakes)
    while not isinstance(plan, BlockingPlan):
        stakes -= 1.0
        plan = find_blocking_plan(game, stakes)
    return game, stakes, plan


def belief_of(game: CoalitionalGame, player: int, kind: int) -> FloatArray:
    others = game.conditional_probability(game.others((player,)))
    return np.where(game.profiles[:, player] == kind, others, 0.0)


def paid_by_enumeration(game: CoalitionalGame, offer: BlockingOffer, player: int, report: int) -> float:
    """What a player that accepts with a report is paid on average, invitation by invitation, type by type."""
    total = 0.0
    for number, invitation in enumerate(offer.invitations):
        if player not in invitation.coalition:
            continue
        place = invitation.coalition.index(player)
        others = [member for member in invitation.coalition if member != player]
        for kinds in itertools.product(*(range(game.type_counts[other]) for other in others)):
            odds = np.prod([game.type_probabilities[other][kind] for other, kind in zip(others, kinds, strict=True)])
            reports = [*kinds[:place], report, *kinds[place:]]
            leaves = tuple(reports) == invitation.types
            paid = offer.payments(number, tuple(reports), leaves=leaves)[player]
            total += invitation.probability * float(odds) * paid
    return total


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_payments_come_to_those_of_the_plan_for_every_report(seed: int) -> None:
    game, stakes, plan = blocked_game(seed)
    offer = offer_of(game, stakes, plan)
    for player in game.grand_coalition:
        if offer.asked[player] == 0:
            np.testing.assert_allclose(plan.payments[player], 0, atol=1e-9)
            continue
        for report in range(game.type_counts[player]):
            paid = paid_by_enumeration(game, offer, player, report)
            assert paid == pytest.approx(plan.payments[player][report], abs=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_invited_expect_what_the_definition_of_tenability_says(seed: int) -> None:
    game, stakes, plan = blocked_game(seed)
    offer = offer_of(game, stakes, plan)
    told = replay(game, stakes, plan.invitations, plan.payments).report_gains
    for player in game.grand_coalition:
        if offer.asked[player] == 0:
            continue
        for kind in range(game.type_counts[player]):
            gains = offer.expected_gains(player, belief_of(game, player, kind), stakes[:, player])
            np.testing.assert_allclose(gains * offer.asked[player], told[player][kind], atol=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_member_gains_the_same_whichever_coalition_it_leaves_with(seed: int) -> None:
    game, stakes, plan = blocked_game(seed)
    offer = offer_of(game, stakes, plan)
    for player in game.grand_coalition:
        gains: dict[int, list[float]] = {}
        for number, invitation in enumerate(offer.invitations):
            if player in invitation.coalition:
                place = invitation.coalition.index(player)
                given = np.all(game.profiles[:, invitation.coalition] == invitation.types, axis=1)
                odds = np.where(given, game.probability, 0) / game.probability[given].sum()
                utility = game.actions[invitation.coalition].utilities[invitation.action, place]
                gain = odds @ (utility - stakes[:, player]) + offer.paid_on_leaving[number][place]
                gains.setdefault(invitation.types[place], []).append(float(gain))
        for alike in gains.values():
            assert max(alike) - min(alike) < 1e-6 * offer.scale / min(1.0, offer.asked[player])


def test_invitations_are_drawn_with_their_probabilities() -> None:
    game, stakes, plan = blocked_game(3)
    offer = offer_of(game, stakes, plan)
    drawn = [offer.invitation_at(value) for value in (np.arange(20_000) + 0.5) / 20_000]
    shares = np.bincount(drawn, minlength=len(offer.invitations)) / len(drawn)
    np.testing.assert_allclose(shares, [invitation.probability for invitation in plan.invitations], atol=1e-4)


def test_a_plan_that_rarely_invites_mostly_invites_nobody() -> None:
    game, _, plan = blocked_game(3)
    rare = tuple(
        type(invitation)(invitation.coalition, invitation.types, invitation.action, invitation.probability / 10)
        for invitation in plan.invitations
    )
    nothing = tuple(np.zeros(count) for count in game.type_counts)
    paid = tuple(np.zeros(len(invitation.coalition)) for invitation in rare)
    offer = BlockingOffer(game, rare, nothing, paid, 0.0, 1.0)
    drawn = [offer.invitation_at(value) for value in (np.arange(1000) + 0.5) / 1000]
    assert drawn.count(-1) == 900
