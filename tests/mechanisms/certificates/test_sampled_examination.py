"""What is said of contracts whose profiles cannot be listed is what listed ones bear out; draws prove nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.examination import DeviationKind, Examination
from marketgame.mechanisms.certificates.sampled_examination import examine_sampled
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.deviations.bounds import wealth_beyond, wealth_beyond_bundles
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing
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
)
from tests.mechanisms.replicated_economies import all_different, replicas

REPAIRED = MarketRules(
    Pricing.VOID,
    Solvency.NO_SHORT_SALES,
    Bankruptcy.UNWIND,
    Coverage.ANNOUNCED_NUMERAIRE,
)
PROOF = TransferRule.COALITION_PROOF
DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few players more draws are made than a test needs."""
    monkeypatch.setattr("marketgame.mechanisms.contracts.sampled.MOST_BUNDLES", 1 << 13)
    monkeypatch.setattr("marketgame.mechanisms.contracts.sampled.MOST_BUNDLES_OF_LIARS", 1 << 13)


def usual(economy: Economy) -> GrandContract:
    return GrandContract(
        economy, efficient_allocation(economy), expected_externality_transfers(economy, efficient_allocation(economy))
    )


@cache
def found(rule: TransferRule, rules: MarketRules) -> Examination:
    contract = ContractOnDemand(sampled(replicas(), listing=Listing.COUNTED), rule)
    return examine_sampled(contract, rules, Coalitions(5, 5))


@pytest.mark.parametrize("seed", range(3))
def test_wealth_beyond_bundles_is_the_bound_by_wealth_without_a_play(seed: int) -> None:
    economy = all_different(4, seed)
    efficient = efficient_allocation(economy)
    for contract in (
        grand_contract(economy),
        GrandContract(economy, efficient, expected_externality_transfers(economy, efficient)),
    ):
        settled = wealth_beyond(contract, REPAIRED)
        assert settled is not None
        np.testing.assert_allclose(
            wealth_beyond_bundles(economy, contract.efficient), settled, atol=1e-11 * contract.stakes.max()
        )
    # Whoever does not trade could enjoy its wealth more.
    own = replace(efficient, bundles=economy.endowments(economy.profiles)[..., :-1])
    assert (wealth_beyond_bundles(economy, own) > 1e-3).any()


@pytest.mark.parametrize("rules", [REPAIRED, DEPOSITS])
def test_what_wealth_or_deposits_exclude_at_all_counts_of_types_is_proved(rules: MarketRules) -> None:
    examined = found(TransferRule.EXPECTED_EXTERNALITY, rules)
    assert examined.unilaterally_stable is Verdict.PROVEN
    assert examined.strongly_collusion_proof is Verdict.PROVEN
    assert examined.proof is not None
    # Two who lie together gain, and that is settled where they do.
    exact = check_joint_misreports(usual(examined.contract.economy)).worst
    assert exact is not None
    assert exact.gain > 0
    assert examined.coalitions_report_truthfully is Verdict.REFUTED
    assert [one.kind for one in examined.deviations] == [DeviationKind.JOINT_LIE]
    assert verify(examined.deviations[0].certificate).confirmed
    assert sum(one.alike for one in examined.findings) == 5


@pytest.mark.parametrize(
    ("listing", "rule", "rules"),
    [
        (Listing.DRAWN, TransferRule.NONE, REPAIRED),
        (Listing.DRAWN, PROOF, DEPOSITS),
        (Listing.COUNTED, PROOF, DEPOSITS),
    ],
)
def test_what_is_excluded_where_it_is_looked_is_proved_everywhere_if_money_suffices_and_else_sampled(
    listing: Listing, rule: TransferRule, rules: MarketRules, few_draws: None
) -> None:
    # There is no time for a certificate, and of money more than is ever paid, but no more than might be.
    for money, verdict in ((60.0, Verdict.PROVEN), (12.0, Verdict.SAMPLED)):
        contract = ContractOnDemand(sampled(all_different(5, money=(money,) * 5), listing=listing), rule)
        examined = examine_sampled(contract, rules, Coalitions(5, 5), Deadline.after(0.0))
        assert examined.unilaterally_stable is verdict
        assert examined.everybody
        assert examined.proof is None


def test_nothing_is_said_where_no_bound_by_member_holds_and_lies_count_as_far_as_they_are_known() -> None:
    open_question = found(TransferRule.EXPECTED_EXTERNALITY, PAPER_RULES)
    assert open_question.unilaterally_stable is Verdict.NOT_REFUTED
    assert open_question.collusion_proof is Verdict.NOT_REFUTED
    assert open_question.unexamined == 2**5 - 1 - 5
    known = found(TransferRule.EXPECTED_EXTERNALITY, REPAIRED)
    for compatible, verdict in ((False, Verdict.REFUTED), (None, Verdict.NOT_REFUTED)):
        told = replace(known, incentives=replace(known.incentives, incentive_compatible=compatible))
        assert told.truth_is_best is verdict
        assert told.strongly_collusion_proof is verdict
        assert told.unilaterally_stable is Verdict.PROVEN
