"""Proofs that no reply to any report pays: as tight as the bounds in floats, above what is found, forgeries refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.played import recomputed, verify
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.mechanisms.certificates.plain import replies
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.replies import replies_to_bound, weakest_replies
from marketgame.mechanisms.certificates.replies import RepliesBound, RepliesCertificate, certify_replies, verify_replies
from marketgame.mechanisms.certificates.stability import certify_stability, claiming_safety_after_lies
from marketgame.mechanisms.collusion.lies_and_replies import lies_of, with_replies
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.economies.beliefs import IndependentPrior, Prior, listed_prior
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
)
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import nudged
from tests.mechanisms.private_value_economies import random_economy

WEALTH = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
RULES = {
    "paper": MarketRules(),
    "no short sales": MarketRules.no_short_sales(),
    "wealth": WEALTH,
    "uncovered": replace(WEALTH, coverage=Coverage.UNLIMITED),
    "matched": MarketRules(execution=Execution.MATCHED),
    "deposits": DEPOSITS,
}
INDEPENDENT: Prior = IndependentPrior([np.array([0.4, 0.6]), np.ones(1), np.array([0.3, 0.7])])
CORRELATED: Prior = listed_prior((2, 1, 2), np.random.default_rng(7).dirichlet(np.ones(4)))


@cache
def contract_of(rule: TransferRule, *, correlated: bool = False, goods: int = 1) -> GrandContract:
    prior = CORRELATED if correlated else INDEPENDENT
    return contract_with_transfers(random_economy(1, prior, money=2000.0, goods=goods), rule)


def flat() -> Economy:
    """Types differ by less than counts and move no price, so that nobody has a reason to lie."""
    kinds = [
        PlayerType(name, np.array([1.0, 10.0]), Quadratic(np.array([4.0]), np.array([[slope]])))
        for name, slope in (("one", 1.0), ("other", 1.0 + 1e-13))
    ]
    names = ("grain", "money")
    players = tuple(Player(f"trader {place}", tuple(kinds[: 1 + (place == 0)])) for place in range(3))
    return Economy("flat", names, names, players, IndependentPrior([np.array([0.5, 0.5]), np.ones(1), np.ones(1)]))


@cache
def proof() -> RepliesCertificate:
    """Of coalitions of any size, after deposits."""
    found, excluded = certify_replies(contract_of(TransferRule.COALITION_PROOF), DEPOSITS, 3)
    assert excluded
    return found


def by_floats(contract: GrandContract, rules: MarketRules, coalition: Coalition) -> Iterator[tuple[float, float]]:
    """Yield what each lie of a coalition brings with the best replies found, and what none exceeds, of the stakes."""
    for lie in lies_of(contract, rules, coalition):
        replied = with_replies(contract, rules, lie)
        if replied is not None:
            rows = contract.economy.first_rows[list(coalition)] + lie.true_types
            stake = contract.stakes[rows].sum()
            yield replied.gain / stake, replied.bound / stake


ASKED = [(name, (0,)) for name in RULES] + [(name, (0, 2)) for name in ("wealth", "uncovered", "deposits")]


@pytest.mark.parametrize("correlated", [False, True], ids=["independent", "correlated"])
@pytest.mark.parametrize(("name", "coalition"), ASKED)
def test_no_lie_with_replies_brings_more_than_is_proven_and_floats_prove_no_less(
    name: str, coalition: Coalition, *, correlated: bool
) -> None:
    contract, rules = contract_of(TransferRule.NONE, correlated=correlated).under(RULES[name]), RULES[name]
    found = {
        one.coalition: one for one in weakest_replies(PlainContract(contract, rules), len(coalition), lambda _: None)
    }
    bound = float(found[coalition].gain / found[coalition].stake)
    brought = list(by_floats(contract, rules, coalition))
    assert max(gain for gain, _ in brought) <= bound + 1e-9
    assert bound == pytest.approx(max(most for _, most in brought), abs=1e-9)


def test_a_price_that_moves_leaves_every_liar_something_unless_it_has_deposited() -> None:
    """Theorem G2: whoever may reorder gains by one of any two lies; after deposits nobody does."""
    contract = contract_of(TransferRule.COALITION_PROOF)
    for name, rules in RULES.items():
        found, excluded = certify_replies(contract, rules, 1)
        # Where orders are matched what a liar would rather have is not there, which here is enough.
        assert excluded is (name in {"matched", "deposits"})
        assert verify(found).confirmed is excluded


def test_deposits_prove_for_every_size_what_the_proof_of_stability_claims_after_lies() -> None:
    contract = contract_of(TransferRule.COALITION_PROOF)
    everybody = [one for size in (1, 2, 3) for one in combinations(range(3), size)]
    stable = claiming_safety_after_lies(certify_stability(contract, DEPOSITS, everybody))
    assert stable.gain_after_lies is not None
    assert max(bound.total_gain for bound in proof().bounds) <= 1e-9 * contract.stakes.max()
    found, excluded = certify_replies(contract_of(TransferRule.EXPECTED_EXTERNALITY), DEPOSITS, 3)
    assert not excluded
    assert any("by a report and what follows it" in failure for failure in verify(found).failures)


@pytest.mark.parametrize(
    "rules", [WEALTH, RULES["matched"], RULES["uncovered"]], ids=["wealth", "matched", "uncovered"]
)
def test_where_no_type_moves_the_price_nothing_is_gained_by_any_lie_whatever_follows(rules: MarketRules) -> None:
    found, excluded = certify_replies(contract_with_transfers(flat(), TransferRule.NONE), rules, 1)
    assert excluded
    assert verify(found).confirmed


def test_outsiders_who_withhold_are_part_of_what_is_proven() -> None:
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    contract = contract_with_transfers(flat(), TransferRule.NONE)
    wary = WithholdingAfterMisquotes(1e-12)
    found, excluded = certify_replies(contract, rules, 2, lambda _: wary)
    assert excluded
    assert {bound.reaction for bound in found.bounds} == {wary}
    assert verify(found).confirmed
    plays_on = tuple(replace(bound, reaction=None) for bound in found.bounds)
    assert not verify(replace(found, bounds=plays_on)).confirmed


def test_a_proof_is_confirmed_survives_a_file_and_comes_out_the_same_again(tmp_path: Path) -> None:
    stored = proof()
    save_certificate(stored, tmp_path / "proof.json")
    again = load_certificate(tmp_path / "proof.json")
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["certifies"] == "no-lie-and-reply-pays"
    assert len(document["coalitions"]) == 7
    once_more = recomputed(again)
    assert isinstance(once_more, RepliesCertificate)
    assert once_more.bounds == stored.bounds


def test_every_part_of_a_proof_is_checked() -> None:
    stored = proof()
    for place, bound in enumerate(stored.bounds):
        wrong = replace(bound, total_gain=bound.total_gain - 0.01)
        bounds = (*stored.bounds[:place], wrong, *stored.bounds[place + 1 :])
        found = verify(replace(stored, bounds=bounds))
        assert [one.quantity for one in found.mismatches] == [f"bounds[{place}].total_gain"]
    assert verify(replace(stored, bounds=stored.bounds[1:])).failures
    assert verify(replace(stored, bounds=(*stored.bounds, stored.bounds[0]))).failures
    for place in range(0, stored.numeraire_transfers.size, 4):
        assert not verify(replace(stored, numeraire_transfers=nudged(stored.numeraire_transfers, place))).confirmed
    for rules in (MarketRules(), WEALTH):
        assert not verify(replace(stored, rules=rules)).confirmed
    assert stored.prices is not None
    assert not verify(replace(stored, prices=nudged(stored.prices, 0))).confirmed


@pytest.mark.parametrize(
    ("bounds", "message"),
    [((), "none"), ((RepliesBound((0, 7), 0.0),), "coalition"), ((RepliesBound((1, 0), 0.0),), "coalition")],
)
def test_members_that_there_are_not_are_refused(bounds: tuple[RepliesBound, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_fields(proof(), bounds=bounds)


def test_more_replies_than_can_be_bounded_are_refused_before_any_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two types: each member's four pairs of true and reported ones, each outsider's two; the second has one."""
    contract = contract_of(TransferRule.NONE)
    assert replies_to_bound(contract.economy, 1) == 8 + 4 + 8
    assert replies_to_bound(contract.economy, 3) == (8 + 4 + 8) + 2 * (8 + 16 + 8)
    monkeypatch.setattr(replies, "MOST_REPLIES", 19)
    with pytest.raises(ValueError, match="too many to bound"):
        certify_replies(contract, WEALTH, 1)


def test_a_deadline_is_kept() -> None:
    with pytest.raises(DeadlinePassedError):
        verify_replies(proof(), Deadline.after(0.0))
