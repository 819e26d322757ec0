"""A lie to a contract whose profiles cannot be listed is settled at drawn profiles, replayed, and refused if forged."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.experiments.collusion.printing import print_certification
from marketgame.experiments.printing import PlainConsole, number
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.examination import DeviationKind, Examination
from marketgame.mechanisms.certificates.sampled_examination import examine_sampled
from marketgame.mechanisms.certificates.sampled_lie import SampledLieCertificate, certify_sampled_lie
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import joint_misreport_gains
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import FactorPrior, IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Execution, MarketRules, Refusal
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior
from tests.mechanisms.replicated_economies import booms_and_busts, copied, replicas

DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)


@cache
def examined() -> Examination:
    """Of twenty-seven traders who pay the supporting price, which they move by what they report."""
    many = copied(random_economy(1, random_independent_prior(1, (2, 2, 2)), money=20_000.0), 9)
    contract = ContractOnDemand(sampled(many), TransferRule.NONE)
    return examine_sampled(contract, PAPER_RULES, Coalitions(27, 27))


def joint_lie() -> SampledLieCertificate:
    (found,) = (one for one in examined().deviations if one.kind is DeviationKind.JOINT_LIE)
    assert isinstance(found.certificate, SampledLieCertificate)
    return found.certificate


def test_a_joint_lie_among_many_is_found_bounded_and_certified() -> None:
    found = examined()
    assert found.coalitions_report_truthfully is Verdict.REFUTED
    assert found.joint_lies.worst is not None
    assert found.joint_lies.bound is not None
    assert found.joint_lies.worst.gain < found.joint_lies.bound
    stored = joint_lie()
    assert verify(stored).confirmed
    # Settled at draws of their own members gain what the formula says.
    apart = abs(stored.total_gain - found.joint_lies.worst.gain)
    assert apart <= 5 * np.hypot(stored.standard_error, found.joint_lies.standard_error)


@pytest.mark.parametrize("rules", [PAPER_RULES, DEPOSITS], ids=["free", "deposits"])
def test_what_is_settled_at_draws_is_what_enumeration_expects(rules: MarketRules) -> None:
    economy = replicas(groups=((3, 4.0, 1.0), (2, 5.0, 1.6)))
    contract = ContractOnDemand(sampled(economy, listing=Listing.COUNTED), TransferRule.NONE)
    members, true, reported = (0, 3), (1, 1), (0, 0)
    certificate = certify_sampled_lie(contract, rules, members, true, reported)
    expected = joint_misreport_gains(grand_contract(economy), members).gains[3, 0]
    assert abs(certificate.total_gain - expected) <= 5 * certificate.standard_error


def test_where_a_factor_correlates_types_liars_draw_outsiders_as_they_believe() -> None:
    economy = replicas(prior=booms_and_busts())
    contract = ContractOnDemand(sampled(economy, listing=Listing.COUNTED), TransferRule.NONE)
    members = (0, 3)
    for true, reported in (((1, 1), (0, 0)), ((0, 1), (1, 0))):
        certificate = certify_sampled_lie(contract, PAPER_RULES, members, true, reported)
        expected = joint_misreport_gains(grand_contract(economy), members).gains
        told, said = (int(np.ravel_multi_index(kinds, (2, 2))) for kinds in (true, reported))
        assert abs(certificate.total_gain - expected[told, said]) <= 5 * certificate.standard_error


def test_a_lie_among_many_whom_a_factor_correlates_is_read_back_and_verified(tmp_path: Path) -> None:
    many = examined().contract.economy
    prior = FactorPrior(np.array([0.35, 0.65]), [np.array([[0.8, 0.2], [0.3, 0.7]])] * 27)
    contract = ContractOnDemand(sampled(replace(many, prior=prior)), TransferRule.NONE)
    found = examine_sampled(contract, PAPER_RULES, Coalitions(27, 1))
    assert found.coalitions_report_truthfully is Verdict.REFUTED
    (stored,) = (one.certificate for one in found.deviations if one.kind is DeviationKind.JOINT_LIE)
    save_certificate(stored, tmp_path / "lie.json")
    again = load_certificate(tmp_path / "lie.json")
    assert isinstance(again, SampledLieCertificate)
    assert isinstance(again.economy.prior, FactorPrior)
    assert verify(again).confirmed
    # Who believed that outsiders are drawn as if nobody knew anything would expect something else.
    blind = IndependentPrior([prior.marginal(player) for player in range(27)])
    assert not verify(replace(again, economy=replace(many, prior=blind))).confirmed


def test_a_stored_lie_is_read_back_and_replayed_and_called_sampled(tmp_path: Path) -> None:
    stored = joint_lie()
    save_certificate(stored, tmp_path / "lie.json")
    again = load_certificate(tmp_path / "lie.json")
    assert isinstance(again, SampledLieCertificate)
    assert again.economy.prior.obstacle
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["sampled"]["draws"] == stored.draws
    assert document["total_gain"]["stored"] == pytest.approx(stored.total_gain, rel=1e-12)


def test_what_is_searched_is_printed_as_sampled_with_its_error_and_its_bound() -> None:
    written = StringIO()
    print_certification("many", examined(), {}, None, PlainConsole(file=written))
    check = examined().joint_lies
    assert check.bound is not None
    line = next(each for each in written.getvalue().splitlines() if each.startswith("Joint lies were searched for"))
    assert "sampled" in line
    assert "±" in line
    assert number(check.bound, float(examined().contract.stakes.max())) in line
    assert "prove" not in line


def test_a_forged_lie_is_refused() -> None:
    stored = joint_lie()
    truth = replace(stored, reported_types=stored.true_types)
    richer = replace(stored, gains=stored.gains * 1.001)
    surer = replace(stored, standard_error=stored.standard_error / 2)
    longer = replace(stored, draws=stored.draws + 1)
    assert not any(verify(forged).confirmed for forged in (truth, richer, surer, longer))
    pair = replace(stored, coalition=(0, 1), true_types=(0, 0), reported_types=(1, 1), gains=np.ones(2))
    for wrong in ({"coalition": (1, 0)}, {"coalition": (0, 99)}, {"true_types": (2, 2)}, {"draws": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            replace(pair, **wrong)
