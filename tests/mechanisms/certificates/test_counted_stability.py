"""Proofs about replicas of several types, derived at one profile for each count, say what all profiles say."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.counted_stability import CountedStabilityCertificate, certify_counted_stability
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.counted import CountedBounds, CountedContract
from marketgame.mechanisms.certificates.plain.incentives import largest_lie
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import listed_prior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing
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
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior
from tests.mechanisms.replicated_economies import booms_and_busts, copied, replicas

WEALTH = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
USUAL = TransferRule.EXPECTED_EXTERNALITY


def on_demand(economy: Economy, rule: TransferRule = USUAL) -> ContractOnDemand:
    return ContractOnDemand(sampled(economy, listing=Listing.COUNTED), rule)


@cache
def proof() -> CountedStabilityCertificate:
    """Of twenty-four traders of two kinds and two types."""
    return certify_counted_stability(on_demand(replicas(groups=((23, 4.0, 1.0), (1, 5.0, 1.6)))), WEALTH)


@pytest.mark.parametrize("rules", [WEALTH, DEPOSITS], ids=["wealth", "deposits"])
@pytest.mark.parametrize("rule", [USUAL, TransferRule.NONE])
def test_counts_say_what_all_profiles_say(rule: TransferRule, rules: MarketRules) -> None:
    economy = copied(random_economy(1, random_independent_prior(1, (2, 2)), money=20_000.0), 2)
    efficient = efficient_allocation(economy)
    every: GrandContract = grand_contract(economy)
    if rule is USUAL:
        every = GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))
    listed, counted = PlainContract(every, rules), CountedContract.at_counts(on_demand(economy, rule), rules)
    assert sum(counted.probability) == 1
    assert len(counted.profiles) < len(listed.profiles)
    stake = float(every.stakes.max())
    one, other = largest_lie(listed), counted.largest_lie()
    assert float(other.gain) == pytest.approx(float(one.gain), abs=1e-9 * stake)
    assert one.tempting is other.tempting
    found, expected = CountedBounds(counted).by_member, PlainBounds(listed).by_member
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(
        [float(each.gain) for each in found], [float(each.gain) for each in expected], atol=1e-9 * stake
    )
    assert [each.excludes for each in found] == [each.excludes for each in expected]


def test_a_proof_about_many_is_confirmed_and_survives_a_file(tmp_path: Path) -> None:
    stored = proof()
    assert stored.economy.prior.obstacle
    save_certificate(stored, tmp_path / "proof.json")
    again = load_certificate(tmp_path / "proof.json")
    assert isinstance(again, CountedStabilityCertificate)
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["certifies"] == "stability-among-replicas"
    assert document["misreport_gain"]["stored"] == document["misreport_gain"]["recomputed"] == stored.misreport_gain


def test_a_forged_proof_is_refused() -> None:
    stored = proof()
    gains = stored.member_gains.copy()
    gains[3] += 1e-6
    wrong = (
        replace(stored, misreport_gain=stored.misreport_gain * (1 + 1e-6)),
        replace(stored, member_gains=gains),
        replace(stored, transfers=TransferRule.NONE),
        # Neither wealth nor deposits bound anything by the paper's rules, and of these replicas expectations differ.
        replace(stored, rules=PAPER_RULES),
        replace(stored, economy=replicas(booms_and_busts()), member_gains=np.zeros(5)),
    )
    assert not any(verify(each).confirmed for each in wrong)
    # A table of probabilities says of nobody that it can exchange places.
    few = replicas()
    listed = replace(few, prior=listed_prior(few.prior.type_counts, few.prior.probability))
    assert not verify(certify_counted_stability(on_demand(few), WEALTH)).failures
    assert verify(replace(stored, economy=listed, member_gains=np.zeros(5))).failures
    with pytest.raises(ValueError, match="member_gains"):
        replace(stored, member_gains=gains[1:])


def test_a_lie_that_pays_is_no_proof() -> None:
    """Whoever pays the supporting price lies, if it is one of few."""
    economy = copied(random_economy(2, random_independent_prior(2, (2, 2)), money=20_000.0), 2)
    stored = certify_counted_stability(on_demand(economy, TransferRule.NONE), WEALTH)
    found = verify(stored)
    assert stored.misreport_gain > 0
    assert not found.mismatches
    assert any("no type may gain by one" in failure for failure in found.failures)
    assert isinstance(CountedContract.at_counts(on_demand(economy), WEALTH).probability[0], Fraction)
