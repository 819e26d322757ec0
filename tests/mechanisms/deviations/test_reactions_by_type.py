"""Outsiders of whom everyone answers misquotes in a way of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.stability import StabilityCertificate, certify_stability
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.bounds import BoundReason, least_bound
from marketgame.mechanisms.deviations.reactions import (
    ArbitrageAfterMisquotes,
    ReactionsByType,
    WithholdingAfterMisquotes,
)
from marketgame.mechanisms.deviations.situation import Reaction, Replies, Situation, obedient, played, situation_of
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules, Solvency
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders

COVERED = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
WARY, WARIER, ARBITRAGE = WithholdingAfterMisquotes(1e-3), WithholdingAfterMisquotes(1e-6), ArbitrageAfterMisquotes(0.5)


@cache
def contract() -> GrandContract:
    """Of four players, of whom the third is of one of two types."""
    return grand_contract(random_economy(7, random_independent_prior(7, (1, 1, 2, 1)), goods=2))


def facing(reaction: Reaction, number: int = 0) -> Situation:
    return situation_of(contract(), number, (0,), reaction=reaction)


def misquoted(situation: Situation) -> FloatArray:
    quotes: FloatArray = situation.prescribed.quotes[0].copy()
    quotes[0, :-1] *= 1.5
    return quotes


@pytest.mark.parametrize(("number", "third"), [(0, ARBITRAGE), (1, None)])
def test_everyone_answers_by_the_rule_of_its_own_type(number: int, third: Reaction | None) -> None:
    situation = facing(ReactionsByType(((None,), (WARY,), (ARBITRAGE, None), (WARIER,))), number)
    quotes = misquoted(situation)
    assert situation.reaction is not None
    replies = situation.reaction(situation, 0, quotes)
    told = Replies(situation.prescribed.orders[0], situation.prescribed.announced_endowments[0])
    for player, rule in ((1, WARY), (2, third), (3, WARIER)):
        alone = told if rule is None else rule(situation, 0, quotes)
        np.testing.assert_array_equal(replies.orders[player], alone.orders[player])
        np.testing.assert_array_equal(replies.announced_endowments[player], alone.announced_endowments[player])


@pytest.mark.parametrize("rule", [WARY, ARBITRAGE])
def test_outsiders_who_all_have_one_rule_play_as_by_that_rule(rule: Reaction) -> None:
    alike = facing(rule)
    each = facing(ReactionsByType(((None,), (rule,), (rule, rule), (rule,))))
    action = obedient(alike)
    action = replace(action, quotes=misquoted(alike)[:1])
    one, other = played(alike, action), played(each, action)
    np.testing.assert_array_equal(one.allocation, other.allocation)
    np.testing.assert_array_equal(one.bankrupt, other.bankrupt)


def test_nobody_answers_where_nobody_misquotes() -> None:
    situation = facing(ReactionsByType(((None,), (WARY,), (ARBITRAGE, None), (WARIER,))))
    plain = replace(situation, reaction=None)
    one, other = (played(faced, obedient(faced)) for faced in (situation, plain))
    np.testing.assert_array_equal(one.allocation, other.allocation)


def test_what_a_pair_can_gain_lies_between_what_the_least_and_the_most_wary_leave_it() -> None:
    def bound(third: float, fourth: float) -> float:
        kinds = (WithholdingAfterMisquotes(third),) * 2
        rules = ReactionsByType(((None,), (None,), kinds, (WithholdingAfterMisquotes(fourth),)))
        found = least_bound(situation_of(contract(), 0, (0, 1), COVERED, rules))
        assert found.reason is BoundReason.WEALTH_OR_ALONE
        return found.total_gain

    assert bound(0.7, 0.7) < bound(0.7, 0.8) < bound(0.8, 0.8)


@cache
def stable() -> StabilityCertificate:
    """No pair gains against a third who withholds, whoever it is and however much it withholds."""
    reactions = [ReactionsByType(((WARIER,), (WithholdingAfterMisquotes(1e-7),), (WARIER,)))] * 3
    return certify_stability(grand_contract(three_traders()), COVERED, [(0, 1), (0, 2), (1, 2)], reactions)


def test_a_proof_against_outsiders_with_rules_of_their_own_is_confirmed() -> None:
    assert verify(stable()).confirmed


@pytest.mark.parametrize("other", [None, ARBITRAGE, WithholdingAfterMisquotes(1.0)])
def test_the_proof_is_refused_if_one_outsider_reacts_otherwise(other: Reaction | None) -> None:
    bounds = list(stable().bounds)
    bounds[0] = replace(bounds[0], reaction=ReactionsByType(((WARIER,), (WARIER,), (other,))))
    failures = verify(replace(stable(), bounds=tuple(bounds))).failures
    assert any("could gain up to" in failure for failure in failures)


def test_members_own_rules_change_nothing() -> None:
    bounds = list(stable().bounds)
    bounds[0] = replace(bounds[0], reaction=ReactionsByType(((None,), (ARBITRAGE,), (WARIER,))))
    assert verify(replace(stable(), bounds=tuple(bounds))).confirmed
