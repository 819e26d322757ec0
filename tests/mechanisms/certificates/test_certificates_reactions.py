"""Certificates against outsiders who answer misquotes by a rule: the rule is part of what is certified."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.deviation import Claim, DeviationCertificate, certify_deviation
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate, certify_side_contract
from marketgame.mechanisms.certificates.stability import StabilityCertificate, certify_stability
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    promised_utilities,
    status_quo_utilities,
)
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.deviations.reactions import ArbitrageAfterMisquotes, ReactionRule, WithholdingAfterMisquotes
from marketgame.mechanisms.deviations.situation import Replies, Situation, gains, obedient, situation_of, stacked
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules, Solvency, Timing
from tests.mechanisms.certificates.test_certificates import short_sale
from tests.mechanisms.certificates.test_certificates_contracts import all_coalitions, refused, walrasian
from tests.mechanisms.private_value_economies import three_traders

COVERED = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
WARY = WithholdingAfterMisquotes()
ARBITRAGE = ArbitrageAfterMisquotes(0.5)


@cache
def stable_against_wary_outsiders() -> StabilityCertificate:
    coalitions = all_coalitions()
    reactions = [WARY if len(coalition) < 3 else None for coalition in coalitions]
    return certify_stability(grand_contract(three_traders()), COVERED, coalitions, reactions)


def test_wary_outsiders_make_the_papers_market_stable_and_the_proof_is_recomputed() -> None:
    certificate = stable_against_wary_outsiders()
    assert verify(certificate).confirmed
    again = recomputed(certificate)
    assert isinstance(again, StabilityCertificate)
    assert verify(again).confirmed
    assert [one.reaction for one in again.bounds] == [one.reaction for one in certificate.bounds]
    pairs = [one.reason for one in certificate.bounds if len(one.coalition) == 2]
    assert pairs == [BoundReason.WEALTH_OR_ALONE] * 3


@pytest.mark.parametrize("reaction", [None, ArbitrageAfterMisquotes(), WithholdingAfterMisquotes(1.0)])
@pytest.mark.parametrize("place", [3, 4, 5])
def test_the_proof_for_a_pair_is_refused_if_outsiders_react_otherwise(
    reaction: ReactionRule | None, place: int
) -> None:
    certificate = stable_against_wary_outsiders()
    bounds = list(certificate.bounds)
    bounds[place] = replace(bounds[place], reaction=reaction)
    failures = verify(replace(certificate, bounds=tuple(bounds))).failures
    assert any("could gain up to" in failure for failure in failures)


@pytest.mark.parametrize(
    "rules", [replace(COVERED, timing=Timing.SIMULTANEOUS), replace(COVERED, coverage=Coverage.UNLIMITED)]
)
def test_reactions_prove_nothing_where_they_come_too_late_or_transfers_are_not_covered(rules: MarketRules) -> None:
    failures = verify(replace(stable_against_wary_outsiders(), rules=rules)).failures
    assert any("wealth-or-alone, which does not hold" in failure for failure in failures)


def test_a_share_that_is_worth_stealing_is_no_proof() -> None:
    """The more outsiders announce after a misquote, the more a coalition can take; none of it may be forgotten."""
    certificate = stable_against_wary_outsiders()
    found = [verify(with_share(certificate, share)).confirmed for share in (1e-9, 1e-6, 1.0)]
    assert found == [True, True, False]


def with_share(certificate: StabilityCertificate, share: float) -> StabilityCertificate:
    bounds = tuple(
        one if one.reaction is None else replace(one, reaction=WithholdingAfterMisquotes(share))
        for one in certificate.bounds
    )
    return replace(certificate, bounds=bounds)


@cache
def an_agreement_against_arbitrageurs() -> SideContractCertificate:
    """One of two members, drawn by lot, sells short and takes the money; the other misquotes, and is arbitraged."""
    contract, rules = walrasian(), MarketRules()
    knowledge = knowledge_of(contract, (0, 1), rules, ARBITRAGE)
    clauses = []
    for cell in knowledge.cells:
        roles = []
        for seller in range(2):
            action = obedient(cell.situation)
            orders, quotes = action.orders.copy(), action.quotes.copy()
            orders[seller, 2] += [-1000.0, 1000.0 * cell.situation.prescribed.quotes[0, 0, 0]]
            quotes[1 - seller, 0] *= 1.01
            roles.append(replace(action, orders=orders, quotes=quotes))
        clauses.append(Clause(cell.reports, cell.profiles, stacked(roles), np.array([0.45, 0.55])))
    promised, kept = promised_utilities(knowledge, tuple(clauses)), status_quo_utilities(knowledge)
    agreed = SideContract((0, 1), Concept.BIC, knowledge.information, tuple(clauses), promised, kept)
    return certify_side_contract(contract, rules, agreed, ARBITRAGE)


def test_a_side_contract_is_replayed_against_outsiders_who_react() -> None:
    certificate = an_agreement_against_arbitrageurs()
    assert verify(certificate).confirmed
    knowledge = knowledge_of(walrasian(), (0, 1), certificate.rules, ARBITRAGE)
    expected = promised_utilities(knowledge, certificate.clauses)
    for place in range(2):
        np.testing.assert_allclose(certificate.promised[place], expected[place])


@pytest.mark.parametrize("reaction", [None, WARY, ArbitrageAfterMisquotes(0.51)])
def test_a_side_contract_is_refused_if_outsiders_react_otherwise(reaction: ReactionRule | None) -> None:
    assert refused(replace(an_agreement_against_arbitrageurs(), reaction=reaction)).mismatches


def a_short_sale_against_arbitrageurs() -> DeviationCertificate:
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0, 1), reaction=ARBITRAGE)
    action = short_sale(situation)
    # The second member misquotes, and is arbitraged.
    action = replace(action, quotes=action.quotes * [[1.0, 1.0], [1.01, 1.0]])
    return certify_deviation(situation, action, contract, Claim.TOTAL_GAIN)


def test_a_deviation_against_outsiders_who_follow_a_rule_is_replayed_with_the_rule() -> None:
    certificate = a_short_sale_against_arbitrageurs()
    assert certificate.situation.reaction == ARBITRAGE
    assert verify(certificate).confirmed
    np.testing.assert_allclose(certificate.outcome.gain[:2], gains(certificate.situation, certificate.action))
    for reaction in (None, WARY, ArbitrageAfterMisquotes(0.51)):
        situation = replace(certificate.situation, reaction=reaction)
        assert verify(replace(certificate, situation=situation)).mismatches


def test_who_does_not_misquote_gives_nothing_to_react_to() -> None:
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0,), reaction=WARY)
    certificate = certify_deviation(situation, short_sale(situation), contract)
    assert certificate.situation.reaction is None
    assert verify(certificate).confirmed


def test_a_reaction_without_a_rule_cannot_be_part_of_a_proof() -> None:
    def sulk(situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        told = situation.prescribed[draw]
        return Replies(np.zeros_like(told.orders), told.announced_endowments)

    with pytest.raises(ValueError, match="not a rule that a certificate can store"):
        certify_stability(grand_contract(three_traders()), COVERED, [(0, 1)], [sulk])
