"""Proofs that no joint lie pays say what the enumeration in floats says, keep to the laws, and refuse forgeries."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.played import recomputed, verify
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.joint_truth import (
    JointTruthCertificate,
    certify_joint_truth,
    verify_joint_truth,
)
from marketgame.mechanisms.certificates.plain import joint_lies
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.plain.joint_lies import sums_to_compare
from marketgame.mechanisms.certificates.theorem import certify_theorem
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.certificates.welfare import certify_obedience
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.joint_misreports import every_joint_misreport
from marketgame.mechanisms.contracts.stated import StatedRecommendations
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.beliefs import IndependentPrior, Prior, listed_prior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import nudged
from tests.mechanisms.private_value_economies import random_economy

DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
INDEPENDENT: Prior = IndependentPrior([np.array([0.4, 0.6]), np.array([0.5, 0.5]), np.array([0.25, 0.25, 0.5])])
CORRELATED: Prior = listed_prior((2, 2, 2), np.random.default_rng(7).dirichlet(np.ones(8)))


@cache
def contract_of(
    seed: int, rule: TransferRule, *, type_dependent: bool = False, correlated: bool = False
) -> GrandContract:
    prior = CORRELATED if correlated else INDEPENDENT
    return contract_with_transfers(random_economy(seed, prior, money=2000.0, type_dependent=type_dependent), rule)


@cache
def proof() -> JointTruthCertificate:
    return certify_joint_truth(contract_of(3, TransferRule.COALITION_PROOF), MarketRules())


def enumerated(contract: GrandContract) -> FloatArray:
    """Return what the enumeration in floats says of each size, most relative to what is at stake."""
    found: dict[int, tuple[float, float]] = {}
    for own in every_joint_misreport(contract):
        lies = np.where(np.eye(len(own.gains), dtype=bool), -np.inf, own.gains) / own.stakes[:, None]
        place = np.unravel_index(int(lies.argmax()), lies.shape)
        best = (float(lies[place]), float(own.gains[place]))
        size = len(own.members)
        found[size] = max(found.get(size, (-np.inf, 0.0)), best)
    return np.array([found[size][1] for size in sorted(found)])


@pytest.mark.parametrize("rules", [MarketRules(), DEPOSITS], ids=["free", "deposits"])
@pytest.mark.parametrize("correlated", [False, True], ids=["independent", "correlated"])
@pytest.mark.parametrize("type_dependent", [False, True], ids=["common", "own"])
def test_rational_numbers_say_of_every_size_what_the_enumeration_in_floats_says(
    rules: MarketRules, *, correlated: bool, type_dependent: bool
) -> None:
    contract = contract_of(1, TransferRule.NONE, type_dependent=type_dependent, correlated=correlated)
    found = certify_joint_truth(contract, rules)
    np.testing.assert_allclose(found.gains, enumerated(contract), atol=1e-9 * contract.stakes.max())


@pytest.mark.parametrize("seed", range(3))
def test_coalition_proof_transfers_are_proven_and_those_for_single_liars_are_not(seed: int) -> None:
    assert verify(certify_joint_truth(contract_of(seed, TransferRule.COALITION_PROOF), MarketRules())).confirmed
    contract = contract_of(seed, TransferRule.EXPECTED_EXTERNALITY)
    alone, all_sizes = (certify_joint_truth(contract, MarketRules(), size) for size in (1, None))
    assert verify(alone).confirmed
    found = verify(all_sizes)
    assert (all_sizes.gains[1:] > 1e-6).any()
    assert found.failures
    assert all("no coalition may gain by one" in failure for failure in found.failures)


def test_a_proof_is_confirmed_survives_a_file_and_comes_out_the_same_again(tmp_path: Path) -> None:
    stored = proof()
    save_certificate(stored, tmp_path / "proof.json")
    again = load_certificate(tmp_path / "proof.json")
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["certifies"] == "no-joint-lie-pays"
    assert document["largest_coalition"] == 3
    once_more = recomputed(again)
    assert isinstance(once_more, JointTruthCertificate)
    np.testing.assert_array_equal(once_more.gains, stored.gains)


def test_every_number_of_a_proof_is_recomputed() -> None:
    stored = proof()
    for place in range(len(stored.gains)):
        wrong = verify(replace(stored, gains=nudged(stored.gains, place)))
        assert [one.quantity for one in wrong.mismatches] == [f"gains[{place}]"]
    for place in range(stored.numeraire_transfers.size):
        assert not verify(replace(stored, numeraire_transfers=nudged(stored.numeraire_transfers, place))).confirmed
    other = contract_of(2, TransferRule.COALITION_PROOF).economy
    assert not verify(replace(stored, economy=other)).confirmed
    assert stored.prices is not None
    assert not verify(replace(stored, prices=nudged(stored.prices, 0))).confirmed


@pytest.mark.parametrize("paid", [1.0, 1e6, 1e9])
def test_money_that_is_paid_whatever_is_reported_hides_no_lie(paid: float) -> None:
    contract = contract_of(1, TransferRule.NONE)
    richer = restated(contract.economy, more=1e13)
    transfers = contract.numeraire_transfers + paid * np.array([1.0, 1.0, -2.0])
    moved = JointTruthCertificate(richer, MarketRules(), transfers, contract.efficient.price, np.zeros(3))
    assert verify(recomputed(moved)).failures
    instance = Instance(richer, rules=DEPOSITS, numeraire_transfers=transfers, prices=contract.efficient.price)
    assert certify_theorem(Theorem.COMPENSATED, instance) is None


@pytest.mark.parametrize("gains", [np.zeros(0), np.zeros(4), np.zeros((1, 3)), np.full(3, np.nan)])
def test_sizes_that_there_are_not_are_refused(gains: FloatArray) -> None:
    with pytest.raises(ValueError, match="gains"):
        with_fields(proof(), gains=gains)


def restated(economy: Economy, *, unit: float = 1.0, more: float = 0.0) -> Economy:
    """Return the same economy with money in another unit, and everybody owning more of it."""
    players = []
    for player in economy.players:
        types = []
        for kind in player.types:
            assert isinstance(kind.valuation, Quadratic)
            worth = Quadratic(unit * kind.valuation.intercept, unit * kind.valuation.slope)
            owned = np.append(kind.endowment[:-1], unit * kind.endowment[-1] + more)
            types.append(replace(kind, valuation=worth, endowment=owned))
        players.append(replace(player, types=tuple(types)))
    return replace(economy, players=tuple(players))


@pytest.mark.parametrize(("unit", "more"), [(1000.0, 0.0), (2.0**-20, 0.0), (1.0, 1e6)])
def test_another_unit_of_money_and_more_of_it_change_no_verdict(unit: float, more: float) -> None:
    contract = contract_of(1, TransferRule.COALITION_PROOF)
    other = contract_with_transfers(restated(contract.economy, unit=unit, more=more), TransferRule.COALITION_PROOF)
    before, after = (certify_joint_truth(each, MarketRules()) for each in (contract, other))
    np.testing.assert_allclose(after.gains, unit * before.gains, atol=1e-9 * other.stakes.max())
    assert verify(after).confirmed


def test_players_in_another_order_gain_the_same() -> None:
    contract = contract_of(1, TransferRule.NONE)
    economy, order = contract.economy, [2, 0, 1]
    prior = IndependentPrior([economy.prior.marginal(player) for player in order])
    turned = replace(economy, players=tuple(economy.players[player] for player in order), prior=prior)
    found = certify_joint_truth(contract_with_transfers(turned, TransferRule.NONE), MarketRules())
    np.testing.assert_allclose(
        found.gains, certify_joint_truth(contract, MarketRules()).gains, atol=1e-9 * contract.stakes.max()
    )


def test_a_type_split_in_two_changes_nothing_but_lies_that_cost_nothing() -> None:
    """Whoever reports its twin gains nothing, so that what pays most never costs."""
    contract = contract_of(1, TransferRule.NONE)
    economy = contract.economy
    first = economy.players[0]
    twins = replace(first, types=(*first.types, replace(first.types[0], name="twin")))
    marginals = [economy.prior.marginal(player) for player in range(3)]
    split = np.array([marginals[0][0] / 2, marginals[0][1], marginals[0][0] / 2])
    twice = replace(economy, players=(twins, *economy.players[1:]), prior=IndependentPrior([split, *marginals[1:]]))
    before = certify_joint_truth(contract, MarketRules()).gains
    after = certify_joint_truth(contract_with_transfers(twice, TransferRule.NONE), MarketRules()).gains
    np.testing.assert_allclose(np.maximum(before, 0.0), np.maximum(after, 0.0), atol=1e-9 * contract.stakes.max())
    assert (after >= -1e-9 * contract.stakes.max()).all()


def test_more_lies_than_can_be_told_are_refused_before_any_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five to the number of traders with two types, less one; and of correlated types six."""
    assert sums_to_compare(proof().economy, 3) == 5 * 5 * 10 - 1
    assert sums_to_compare(proof().economy, 1) == 4 + 4 + 9
    assert sums_to_compare(contract_of(1, TransferRule.NONE, correlated=True).economy, 3) == 6**3 - 8
    monkeypatch.setattr(joint_lies, "MOST_SUMS", 200)
    with pytest.raises(ValueError, match="too many to enumerate"):
        certify_joint_truth(contract_of(3, TransferRule.COALITION_PROOF), MarketRules())
    assert verify(proof()).failures


def test_a_deadline_is_kept() -> None:
    with pytest.raises(DeadlinePassedError):
        verify_joint_truth(proof(), Deadline.after(0.0))


@pytest.mark.parametrize("price", [1e6, 1e12])
def test_prices_that_are_stated_hide_neither_who_would_leave_nor_what_obedience_brings(price: float) -> None:
    contract = contract_of(3, TransferRule.NONE)
    prices = contract.efficient.price.copy()
    prices[0:3, 0] = prices[5:7, 0] = prices[-3:, 0] = price
    paid = contract.numeraire_transfers + np.array([-1.0, 1.0, 0.0])
    instance = Instance(contract.economy, rules=MarketRules(), numeraire_transfers=paid, prices=prices)
    assert certify_theorem(Theorem.WORTH_STAYING, instance) is None
    brings = certify_obedience(contract, MarketRules())
    assert not verify(replace(brings, prices=prices, gains=brings.gains * 1.001)).confirmed


@pytest.mark.parametrize("price", [1e6, 1e12])
def test_prices_beside_what_is_stated_hide_no_lie(price: float) -> None:
    contract = contract_of(1, TransferRule.NONE)
    stated = StatedRecommendations(np.ones(1), contract.efficient.price, contract.efficient.bundles)
    prices = np.full_like(contract.efficient.price, price)
    prices[:, -1] = 1.0
    forged = JointTruthCertificate(
        contract.economy, MarketRules(), contract.numeraire_transfers, prices, np.zeros(3), stated
    )
    found = verify(recomputed(forged))
    assert any("no coalition may gain by one" in failure for failure in found.failures)
