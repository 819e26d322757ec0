"""Certificates of joint lies: what the checker promises is what comes out when the lie is told, and forgeries fail."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.joint_misreport import JointMisreportCertificate, certify_joint_misreport
from marketgame.mechanisms.certificates.misreport import certify_misreport
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.joint_misreports import JointMisreport, check_joint_misreports
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.market_game.rules import MarketRules, Withholding
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import nudged
from tests.mechanisms.private_value_economies import random_economy


@cache
def contract_of(seed: int, rule: TransferRule, *, type_dependent: bool = False) -> GrandContract:
    prior = IndependentPrior([np.array([0.4, 0.6]), np.array([0.5, 0.5]), np.array([0.25, 0.25, 0.5])])
    economy = random_economy(seed, prior, money=2000.0, type_dependent=type_dependent)
    return contract_with_transfers(economy, rule)


def certified(contract: GrandContract, lie: JointMisreport, rules: MarketRules) -> JointMisreportCertificate:
    economy = contract.economy
    members = tuple(map(economy.player_names.index, lie.coalition))
    true_types, reported_types = (
        tuple(
            [kind.name for kind in economy.players[member].types].index(name)
            for member, name in zip(members, names, strict=True)
        )
        for names in (lie.true_types, lie.reported_types)
    )
    return certify_joint_misreport(contract, rules, members, true_types, reported_types)


def worst_lie(contract: GrandContract, rules: MarketRules) -> JointMisreport:
    worst = check_joint_misreports(contract, rules.withholding).worst
    assert worst is not None
    return worst


@cache
def a_joint_lie() -> JointMisreportCertificate:
    contract, rules = contract_of(3, TransferRule.EXPECTED_EXTERNALITY), MarketRules.no_short_sales()
    lie = worst_lie(contract, rules)
    assert len(lie.coalition) > 1
    return certified(contract, lie, rules)


@pytest.mark.parametrize("withholding", Withholding)
@pytest.mark.parametrize("seed", range(3))
def test_the_most_profitable_joint_lie_brings_what_the_checker_says_when_it_is_settled(
    seed: int, withholding: Withholding
) -> None:
    contract = contract_of(seed, TransferRule.EXPECTED_EXTERNALITY, type_dependent=seed > 0)
    rules = MarketRules(withholding=withholding)
    lie = worst_lie(contract, rules)
    certificate = certified(contract, lie, rules)
    gain = certificate.outcome.gain[list(certificate.coalition)].sum()
    assert gain == pytest.approx(lie.gain, rel=1e-9, abs=1e-9 * contract.stakes.max())


def test_a_joint_lie_is_confirmed_and_comes_out_the_same_again() -> None:
    certificate = a_joint_lie()
    assert verify(certificate).confirmed
    assert verify(recomputed(certificate)).confirmed


def test_a_coalition_of_one_gains_what_a_single_liar_gains() -> None:
    contract, rules = contract_of(3, TransferRule.NONE), MarketRules()
    alone = certify_joint_misreport(contract, rules, (2,), (1,), (0,))
    single = certify_misreport(contract, rules, 2, (1, 0))
    np.testing.assert_array_equal(alone.outcome.gain, single.outcome.gain)
    np.testing.assert_array_equal(alone.outcome.after.consumption, single.outcome.after.consumption)


@pytest.mark.parametrize("seed", range(3))
def test_under_coalition_proof_transfers_no_joint_lie_is_confirmed(seed: int) -> None:
    contract, rules = contract_of(seed, TransferRule.COALITION_PROOF), MarketRules()
    (failure,) = verify(certified(contract, worst_lie(contract, rules), rules)).failures
    assert "must gain something" in failure


def test_the_truth_is_no_profitable_joint_lie() -> None:
    certificate = a_joint_lie()
    (failure,) = verify(recomputed(replace(certificate, reported_types=certificate.true_types))).failures
    assert "must gain something" in failure


@pytest.mark.parametrize("part", ["coalition", "true_types", "reported_types"])
def test_another_coalition_or_other_types_are_refused(part: str) -> None:
    certificate = a_joint_lie()
    counts = certificate.economy.prior.type_counts
    changes = []
    for place, member in enumerate(certificate.coalition):
        given = list(getattr(certificate, part))
        allowed = range(len(counts)) if part == "coalition" else range(counts[member])
        changes += [(*given[:place], other, *given[place + 1 :]) for other in allowed if other != given[place]]
    refused = 0
    for changed in changes:
        try:
            forged = with_fields(certificate, **{part: tuple(changed)})
        except ValueError:
            refused += 1
        else:
            refused += not verify(forged).confirmed
    assert refused == len(changes) > 0


@pytest.mark.parametrize("quantity", ["promised", "obtained", "gain"])
def test_every_number_that_a_joint_lie_claims_is_recomputed(quantity: str) -> None:
    certificate = a_joint_lie()
    for player in range(3):
        wrong = nudged(getattr(certificate.outcome, quantity), player)
        verification = verify(replace(certificate, outcome=with_fields(certificate.outcome, **{quantity: wrong})))
        assert [one.quantity for one in verification.mismatches] == [f"outcome.{quantity}[{player}]"]


def test_other_payments_are_refused() -> None:
    certificate = a_joint_lie()
    for place in range(certificate.numeraire_transfers.size):
        changed = nudged(certificate.numeraire_transfers, place)
        assert not verify(replace(certificate, numeraire_transfers=changed)).confirmed


def test_nobody_reports_what_it_cannot_show() -> None:
    contract, rules = contract_of(1, TransferRule.EXPECTED_EXTERNALITY, type_dependent=True), MarketRules()
    players = contract.economy.players
    richer = [int(players[one].types[1].endowment[0] > players[one].types[0].endowment[0]) for one in (0, 1)]
    poorer = tuple(1 - kind for kind in richer)
    with pytest.raises(ValueError, match="more than it owns"):
        certify_joint_misreport(contract, rules, (0, 1), poorer, tuple(richer))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coalition": (1, 0)}, "coalition"),
        ({"coalition": ()}, "coalition"),
        ({"coalition": (0, 7)}, "coalition"),
        ({"true_types": (0,)}, "entries"),
        ({"reported_types": (0, 9)}, "must be 0 to"),
    ],
)
def test_members_and_types_that_do_not_exist_are_refused(fields: dict[str, tuple[int, ...]], message: str) -> None:
    pair = certify_joint_misreport(contract_of(3, TransferRule.NONE), MarketRules(), (0, 1), (0, 0), (1, 1))
    with pytest.raises(ValueError, match=message):
        with_fields(pair, **fields)
