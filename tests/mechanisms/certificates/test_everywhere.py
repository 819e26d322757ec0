"""What a theorem says of profiles too many to list has a certificate, whose premises are checked and not believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.theorem import TheoremCertificate, certify_theorem, verify_theorem
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.sampled import sampled, standing_for_all
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)
from tests.mechanisms.replicated_economies import all_different, booms_and_busts, replicas

NONE, PROOF = TransferRule.NONE, TransferRule.COALITION_PROOF
DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
REPAIRED = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)


@pytest.mark.parametrize("economy", [all_different(30), replicas(groups=((40, 4.0, 1.0), (1, 5.0, 1.6)))])
@pytest.mark.parametrize(
    ("theorem", "rules", "rule"),
    [
        (Theorem.IN_TURN, None, PROOF),
        (Theorem.EVERYWHERE, DEPOSITS, NONE),
        (Theorem.EVERYWHERE, REPAIRED, PROOF),
        (Theorem.AFTER_LIES, DEPOSITS, PROOF),
    ],
)
def test_what_many_traders_survive_by_a_theorem_survives_a_file_and_changed_numbers_do_not(
    economy: Economy, theorem: Theorem, rules: MarketRules | None, rule: TransferRule, tmp_path: Path
) -> None:
    assert economy.prior.obstacle
    proof = certify_theorem(theorem, Instance(economy, rules=rules, transfers=rule))
    assert proof is not None
    save_certificate(proof, tmp_path / "proof.json")
    loaded = load_certificate(tmp_path / "proof.json")
    assert isinstance(loaded, TheoremCertificate)
    assert verify_theorem(loaded).confirmed
    place = next(place for place, one in enumerate(loaded.premises) if one.about.startswith("money left"))
    amount = loaded.premises[place].amount
    assert amount is not None
    changed = replace(loaded.premises[place], amount=amount + 1.0)
    premises = (*loaded.premises[:place], changed, *loaded.premises[place + 1 :])
    assert not verify_theorem(replace(loaded, premises=premises)).confirmed


def test_no_theorem_applies_whose_premises_fail() -> None:
    rich, poor = all_different(5), all_different(5, money=(12.0,) * 5)
    consumed = replace(REPAIRED, withholding=Withholding.CONSUMED)
    for theorem, instance in (
        (Theorem.IN_TURN, Instance(rich, transfers=NONE)),
        (Theorem.IN_TURN, Instance(poor, transfers=PROOF)),
        (Theorem.IN_TURN, Instance(replicas(booms_and_busts()), transfers=PROOF)),
        (Theorem.EVERYWHERE, Instance(rich, rules=MarketRules(), transfers=NONE)),
        (Theorem.EVERYWHERE, Instance(rich, rules=consumed, transfers=NONE)),
        (Theorem.EVERYWHERE, Instance(all_different(5, money=(15.0,) * 5), rules=REPAIRED, transfers=PROOF)),
        (Theorem.AFTER_LIES, Instance(rich, rules=REPAIRED, transfers=PROOF)),
        (Theorem.AFTER_LIES, Instance(rich, rules=DEPOSITS, transfers=NONE)),
    ):
        assert certify_theorem(theorem, instance) is None
    assert certify_theorem(Theorem.AFTER_LIES, Instance(rich, rules=DEPOSITS, transfers=PROOF)) is not None


def test_what_stands_for_all_profiles_is_the_same_whether_reports_are_asked_about_or_not() -> None:
    economy = all_different(30)
    sample, (profiles, efficient) = sampled(economy), standing_for_all(economy)
    assert profiles.listing is Listing.DRAWN
    assert (sample.profiles.types == profiles.types).all()
    assert (sample.efficient.bundles == efficient.bundles).all()
