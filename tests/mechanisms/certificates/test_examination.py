"""The examination of a grand contract: what is proved, refuted and left open, and that nothing false is passed on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest

from marketgame.mechanisms.certificates import examination as module
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.examination import (
    DeviationKind,
    Examination,
    Examiner,
    Thoroughness,
    examine,
    examine_coalition,
    examine_consistency,
    excluded,
)
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate
from marketgame.mechanisms.certificates.stability import StabilityCertificate
from marketgame.mechanisms.collusion.side_contracts.obedience import ObedienceCheck
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideContractSearch,
    SideSpent,
    find_constructed_side_contract,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Verdict, together
from marketgame.mechanisms.deviations.oracle import DeviationSearch, most_profitable_deviation
from marketgame.mechanisms.deviations.reactions import ArbitrageAfterMisquotes
from marketgame.mechanisms.deviations.situation import Situation, obedient
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import (
    PAPER_RULES,
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)
from tests.mechanisms.private_value_economies import three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

# Where trades with bankrupt players are cancelled, nothing excludes that an agreement between two is kept.
NOT_DETERRED = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND)
NO_SHORT_SALES = MarketRules.no_short_sales()
REPAIRED = replace(NOT_DETERRED, pricing=Pricing.SPREAD, coverage=Coverage.ANNOUNCED_NUMERAIRE)
ALONE = [(0,), (1,), (2,)]
ALL = list(chain.from_iterable(combinations(range(3), size) for size in (1, 2, 3)))


@cache
def traders() -> GrandContract:
    return grand_contract(three_traders())


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_the_repaired_market_is_strongly_collusion_proof(pricing: Pricing) -> None:
    rules = replace(NOT_DETERRED, pricing=pricing, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    found = examine(traders(), rules, ALL)
    assert found.unilaterally_stable is Verdict.PROVEN
    assert found.strongly_collusion_proof is Verdict.PROVEN
    assert found.collusion_proof is Verdict.PROVEN
    assert not found.deviations
    assert found.proof is not None
    assert excluded(Examiner(traders(), rules), ALL)


def test_the_examination_of_the_papers_rules_names_who_breaks_the_contract() -> None:
    found = examine(traders(), PAPER_RULES, ALONE)
    assert found.incentive_compatible
    assert found.unilaterally_stable is Verdict.REFUTED
    assert found.collusion_proof is Verdict.REFUTED
    assert [deviation.coalition for deviation in found.deviations] == ALONE
    assert excluded(Examiner(traders(), PAPER_RULES), ALONE) is None


def test_nothing_is_proved_about_coalitions_that_were_not_examined() -> None:
    found = examine(traders(), NO_SHORT_SALES, ALONE)
    assert found.unilaterally_stable is Verdict.PROVEN
    assert found.strongly_collusion_proof is Verdict.NOT_REFUTED


def test_several_verdicts_are_no_better_than_the_worst_of_them() -> None:
    assert together([]) is Verdict.PROVEN
    assert together([Verdict.PROVEN, Verdict.NOT_REFUTED]) is Verdict.NOT_REFUTED
    assert together([Verdict.PROVEN, Verdict.REFUTED, Verdict.NOT_REFUTED]) is Verdict.REFUTED


def test_an_examination_that_derives_nothing_twice_comes_to_the_same_without_certificates() -> None:
    quick = Examiner(traders(), PAPER_RULES, thoroughness=Thoroughness(derived_twice=False))
    once, twice = (examine_coalition(one, (0,)) for one in (quick, Examiner(traders(), PAPER_RULES)))
    assert once.improvement is twice.improvement is Verdict.REFUTED
    assert once.bound == twice.bound
    assert once.found is not None
    assert once.found.certificate is None
    assert twice.found is not None
    assert twice.found.certificate is not None


def test_that_arbitrage_deters_is_claimed_only_of_outsiders_who_play_on() -> None:
    examiner = Examiner(traders(), NO_SHORT_SALES, deadline=Deadline.after(60.0))
    playing_on = examine_coalition(examiner, (0, 1))
    reacting = examine_coalition(replace(examiner, reaction_to=lambda _: ArbitrageAfterMisquotes(3.0)), (0, 1))
    assert playing_on.consistent is Verdict.PROVEN
    assert reacting.consistent is Verdict.NOT_REFUTED
    # Answering misquotes by orders does not keep a pair from gaining.
    assert reacting.improvement is playing_on.improvement is Verdict.REFUTED
    assert reacting.found is not None
    assert reacting.found.certificate is not None
    assert verify(reacting.found.certificate).confirmed


def two_of_three(rules: MarketRules, coalition: tuple[int, ...] = (0, 1)) -> Examination:
    return examine(traders(), rules, [*ALONE, coalition], Deadline.after(60.0))


def test_an_agreement_that_nobody_breaks_refutes_that_the_contract_is_collusion_proof() -> None:
    found = two_of_three(NOT_DETERRED)
    assert found.collusion_proof is found.strongly_collusion_proof is Verdict.REFUTED
    assert found.unilaterally_stable is Verdict.PROVEN
    kinds = [(one.kind, one.internally_consistent) for one in found.deviations]
    assert kinds == [
        (DeviationKind.SIDE_CONTRACT, Verdict.NOT_REFUTED),
        (DeviationKind.SIDE_CONTRACT, Verdict.PROVEN),
    ]
    for one in found.deviations:
        assert isinstance(one.certificate, SideContractCertificate)
        assert one.certificate.kept_alone == (one.internally_consistent is Verdict.PROVEN)
        assert verify(one.certificate).confirmed
    assert min(one.gains.values()) > 0.5


@pytest.mark.parametrize("verdict", [Verdict.PROVEN, Verdict.NOT_REFUTED])
def test_an_agreement_that_may_be_broken_leaves_collusion_proofness_open_whatever_a_search_says(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    def judged(contract: GrandContract, rules: MarketRules, coalition: tuple[int, ...], **_: Any) -> Any:
        crowding = find_constructed_side_contract(contract, rules, coalition)
        return SideContractSearch(crowding, Verdict.REFUTED, np.inf, ObedienceCheck(verdict, ()), SideSpent())

    monkeypatch.setattr(module, "find_consistent_side_contract", judged)
    # Where what is withheld is consumed, nothing else is known of consistent improvements.
    found = two_of_three(replace(NO_SHORT_SALES, pricing=Pricing.SPREAD, withholding=Withholding.CONSUMED))
    assert found.collusion_proof is Verdict.NOT_REFUTED
    assert found.strongly_collusion_proof is Verdict.REFUTED


@pytest.mark.parametrize(
    ("pricing", "exactly", "told"),
    [(Pricing.SPREAD, Verdict.NOT_REFUTED, Verdict.REFUTED), (Pricing.COUNTERPARTY, Verdict.PROVEN, Verdict.PROVEN)],
)
def test_what_only_a_guess_breaks_refutes_what_is_open_and_stands_beside_what_is_proven(
    pricing: Pricing, exactly: Verdict, told: Verdict
) -> None:
    found = two_of_three(replace(NO_SHORT_SALES, pricing=pricing))
    assert (found.exactly_collusion_proof, found.collusion_proof) == (exactly, told)
    assert found.approached is not None
    assert verify(found.approached.certificate).confirmed


def test_what_a_search_claims_falsely_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = most_profitable_deviation

    def boasting(situation: Situation, *arguments: Any) -> DeviationSearch:
        search = honest(situation, *arguments)
        return replace(search, best=obedient(situation), verdict=Verdict.REFUTED)

    monkeypatch.setattr(module, "most_profitable_deviation", boasting)
    finding = examine_coalition(Examiner(traders(), PAPER_RULES, deadline=Deadline.after(60.0)), (1,))
    assert finding.improvement is Verdict.NOT_REFUTED
    assert finding.found is None


def test_after_the_deadline_no_search_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a search began")

    for name in (
        "most_profitable_deviation",
        "find_side_contract",
        "find_consistent_side_contract",
        "find_kept_side_contract",
    ):
        monkeypatch.setattr(module, name, forbidden)
    late = Examiner(traders(), PAPER_RULES, deadline=Deadline.after(0.0), bounds_by=Deadline.after(60.0))
    finding = examine_coalition(late, (0, 1))
    assert examine_consistency(late, finding) is finding
    assert finding.improvement is Verdict.NOT_REFUTED
    assert finding.bound is not None
    assert finding.bound > 0
    unknown = examine_coalition(replace(late, bounds_by=None), (0, 1))
    assert (unknown.improvement, unknown.consistent, unknown.bound) == (Verdict.NOT_REFUTED, Verdict.NOT_REFUTED, None)


def test_what_one_player_gains_alone_settles_all_answers_and_larger_coalitions_wait_until_asked_for() -> None:
    found = examine(traders(), PAPER_RULES, Coalitions(3, 3))
    assert [finding.coalition for finding in found.findings] == ALONE
    assert found.unexamined == 4
    assert not found.everybody
    answers = (found.unilaterally_stable, found.collusion_proof, found.strongly_collusion_proof)
    assert answers == (Verdict.REFUTED,) * 3
    named = examine(traders(), PAPER_RULES, Coalitions(3, 1, ((0, 2),)))
    assert [finding.coalition for finding in named.findings] == [*ALONE, (0, 2)]
    assert named.unexamined == 0


def test_one_pair_that_gains_settles_what_no_consistent_agreement_can_change() -> None:
    seen: list[tuple[int, ...]] = []
    found = examine(traders(), NO_SHORT_SALES, Coalitions(3, 3), watch=lambda coalition, _: seen.append(coalition))
    assert seen == [*ALONE, (0, 1)]
    assert found.unilaterally_stable is found.collusion_proof is Verdict.PROVEN
    assert found.strongly_collusion_proof is Verdict.REFUTED
    assert found.unexamined == 3


def five(alike: bool) -> GrandContract:
    """Two buyers and three sellers; alike in their groups, or different by a millionth."""
    tell = [0.0 if alike else 1e-6 * place for place in range(5)]
    buyers = [one_type(f"buyer {place}", [0.5, 40.0], line(7.0 + tell[place])) for place in range(2)]
    sellers = [one_type(f"seller {place}", [3.0, 40.0], line(5.0 + tell[2 + place])) for place in range(3)]
    return grand_contract(economy_of([sellers[0], buyers[0], sellers[1], buyers[1], sellers[2]]))


@pytest.mark.parametrize("rules", [PAPER_RULES, REPAIRED])
def test_equal_players_are_examined_once_and_the_answers_are_those_of_players_who_hardly_differ(
    rules: MarketRules,
) -> None:
    equal, different = (examine(five(alike), rules, Coalitions(5, 5)) for alike in (True, False))
    assert len([one for one in equal.findings if len(one.coalition) == 1]) == 2
    assert [one.alike for one in equal.findings[:2]] == [3, 2]
    assert equal.everybody == different.everybody
    for answer in ("incentive_compatible", "unilaterally_stable", "collusion_proof", "strongly_collusion_proof"):
        assert getattr(equal, answer) == getattr(different, answer)
    verdicts = {one.coalition: one.improvement for one in different.findings}
    for finding in equal.findings:
        assert verdicts[finding.coalition] is finding.improvement
    if equal.proof is not None:
        assert verify(equal.proof).confirmed
        assert sum(one.alike for one in equal.findings) == 31


def test_twenty_players_are_proved_safe_by_a_number_for_each() -> None:
    players = [one_type(f"player {place}", [1.0 + 0.1 * place, 40.0], line(5.0 + 0.3 * place)) for place in range(20)]
    found = examine(grand_contract(economy_of(players)), REPAIRED, Coalitions(20, 20))
    assert found.strongly_collusion_proof is Verdict.PROVEN
    assert found.everybody
    assert found.by_member is not None
    assert found.by_member.unlisted + len(found.findings) == 2**20 - 1
    assert isinstance(found.proof, StabilityCertificate)
    assert len(found.proof.bounds) == 1
    assert verify(found.proof).confirmed


@pytest.mark.parametrize("rules", [REPAIRED, MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)])
def test_three_hundred_players_are_proved_safe_by_as_many_numbers_and_none_of_them_can_be_another(
    rules: MarketRules,
) -> None:
    different = [one_type(f"player {place}", [1.0 + place % 7, 90.0], line(5.0 + place % 11)) for place in range(300)]
    found = examine(grand_contract(economy_of(different)), rules, Coalitions(300, 300))
    assert found.strongly_collusion_proof is Verdict.PROVEN
    assert found.coalitions_report_truthfully is Verdict.PROVEN
    assert found.everybody
    assert found.proof is not None
    assert found.proof.member_gains is not None
    assert len(found.proof.member_gains) == 300
    wrong = found.proof.member_gains.copy()
    wrong[123] -= 1e-3
    assert not verify(replace(found.proof, member_gains=wrong)).confirmed


def test_of_many_players_no_more_are_asked_once_one_gains_alone() -> None:
    players = [one_type(f"player {place}", [1.0 + 0.1 * place, 90.0], line(5.0 + 0.1 * place)) for place in range(70)]
    found = examine(grand_contract(economy_of(players)), PAPER_RULES, Coalitions(70, 70))
    assert found.strongly_collusion_proof is Verdict.REFUTED
    assert [one.coalition for one in found.deviations] == [(0,)]
    assert found.unexamined == 2**70 - 2
