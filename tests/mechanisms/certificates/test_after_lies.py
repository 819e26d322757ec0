"""That no lie gains that anything may follow, as stability certificates claim it of deposits: who is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.examination import examine
from marketgame.mechanisms.certificates.plain.after_lies import largest_gain_after_lies
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.stability import (
    StabilityCertificate,
    certify_stability_by_member,
    claiming_safety_after_lies,
)
from marketgame.mechanisms.collusion.lies_and_replies import gain_beyond_deposits
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules, Pricing, Refusal, Timing
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior
from tests.mechanisms.replicated_economies import all_different

SAFE = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
EXTERNALITY, SAFRONOV = TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF
ALL = Coalitions(3, 3)


def contract_of(seed: int, transfers: TransferRule) -> GrandContract:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 2)), money=2000.0, type_dependent=seed % 2 > 0)
    return contract_with_transfers(economy, transfers).under(SAFE)


@cache
def claimed() -> StabilityCertificate:
    return claiming_safety_after_lies(certify_stability_by_member(contract_of(1, SAFRONOV), SAFE, ALL))


@pytest.mark.parametrize("transfers", [EXTERNALITY, SAFRONOV])
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_in_rational_numbers_is_the_other_for_every_size_of_coalition(
    seed: int, transfers: TransferRule
) -> None:
    contract = contract_of(seed, transfers)
    found = largest_gain_after_lies(PlainContract(contract, SAFE), ALL)
    shares = [gain_beyond_deposits(contract, SAFE, size) for size in (1, 2)]
    assert found is not None
    assert float(found.gain / found.stake) == pytest.approx(max(one or 0.0 for one in shares), abs=1e-12)
    assert found.excluded == (transfers is SAFRONOV)


def test_what_certify_answers_of_lies_and_disobedience_is_in_its_certificate_and_survives_a_file(
    tmp_path: Path,
) -> None:
    found = examine(contract_of(1, SAFRONOV), SAFE, ALL, Deadline.after(30.0))
    assert (found.lie_and_disobey_alone, found.lie_and_disobey_together) == (Verdict.PROVEN, Verdict.PROVEN)
    assert isinstance(found.proof, StabilityCertificate)
    assert found.proof.gain_after_lies is not None
    save_certificate(found.proof, tmp_path / "proof.json")
    loaded = load_certificate(tmp_path / "proof.json")
    assert isinstance(loaded, StabilityCertificate)
    assert loaded.gain_after_lies == found.proof.gain_after_lies
    assert verify(loaded).failures == ()
    assert verify(recomputed(loaded)).failures == ()


def test_another_number_is_a_mismatch() -> None:
    certificate = claimed()
    assert certificate.gain_after_lies is not None
    for change in (-0.01, 0.01):
        wrong = replace(certificate, gain_after_lies=certificate.gain_after_lies + change)
        assert [one.quantity for one in verify(wrong).mismatches] == ["gain_after_lies"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"rules": replace(SAFE, refusal=Refusal.FREE)}, "of deposits, which bound nothing"),
        ({"rules": replace(SAFE, execution=Execution.UNILATERAL)}, "of deposits, which bound nothing"),
        ({"numeraire_transfers": contract_of(1, EXTERNALITY).numeraire_transfers}, "by a lie and what follows it"),
    ],
)
def test_a_claim_without_its_premises_is_refused(changed: dict[str, Any], why: str) -> None:
    # Under these rules what follows the truth is excluded, deposits or not.
    four = {"pricing": Pricing.SPREAD, "bankruptcy": Bankruptcy.UNWIND}
    certificate = claimed()
    rules = replace(changed.get("rules", SAFE), **four)
    failures = verify(replace(certificate, **{**changed, "rules": rules})).failures
    assert any(why in failure for failure in failures)


def test_nothing_is_claimed_where_lies_told_together_gain_or_outsiders_answer_misquotes() -> None:
    lying = certify_stability_by_member(contract_of(1, EXTERNALITY), SAFE, ALL)
    assert claiming_safety_after_lies(lying).gain_after_lies is None
    # Somebody else may claim it all the same; whoever replays it finds the liars.
    found = largest_gain_after_lies(PlainContract(contract_of(1, EXTERNALITY), SAFE), ALL)
    assert found is not None
    for stated in (0.0, float(found.gain)):
        assert not verify(replace(lying, gain_after_lies=stated)).confirmed
    rules = replace(SAFE, timing=Timing.PRICES_FIRST)
    wary = WithholdingAfterMisquotes(0.01)
    plain = certify_stability_by_member(contract_of(1, SAFRONOV), rules, ALL)
    reacting = replace(plain, bounds=tuple(replace(bound, reaction=wary) for bound in plain.bounds))
    assert claiming_safety_after_lies(reacting).gain_after_lies is None
    assert not verify(replace(reacting, gain_after_lies=0.0)).confirmed


def test_of_more_players_than_arrays_have_dimensions_those_of_one_type_have_no_part_in_what_is_expected() -> None:
    economy = all_different(3)
    others = [
        replace(one, name=f"sure {number}", types=one.types[:1]) for number, one in enumerate([*economy.players] * 22)
    ]
    many = replace(
        economy,
        players=(*economy.players[:2], *others),
        prior=IndependentPrior([np.array([0.5, 0.5])] * 2 + [np.ones(1)] * len(others)),
    )
    for transfers, excluded in ((EXTERNALITY, True), (TransferRule.NONE, False)):
        contract = contract_with_transfers(many, transfers).under(SAFE)
        alone = largest_gain_after_lies(PlainContract(contract, SAFE), Coalitions(len(many.players), 1))
        assert alone is not None
        assert alone.excluded is excluded
        assert (len(alone.coalition), alone.coalition < (2,)) == (1, True)
