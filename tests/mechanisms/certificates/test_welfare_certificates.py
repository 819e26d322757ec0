"""What trade can bring and what obedience brings: proven in rational numbers, by the laws, forgeries refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.played import AnyCertificate, recomputed, verify
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.mechanisms.certificates.plain import welfare
from marketgame.mechanisms.certificates.welfare import (
    ObedienceCertificate,
    certify_first_best,
    certify_obedience,
    verify_first_best,
    verify_obedience,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import nudged
from tests.mechanisms.certificates.test_joint_truth import restated
from tests.mechanisms.private_value_economies import random_correlated_prior, random_economy, random_independent_prior
from tests.mechanisms.replicated_economies import replicas
from tests.mechanisms.strategies import economies

DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)


@cache
def economy_of(*, goods: int = 1) -> Economy:
    return random_economy(2, random_independent_prior(2, (2, 1, 2)), money=2000.0, goods=goods)


@cache
def contract_of(rule: TransferRule = TransferRule.COALITION_PROOF) -> GrandContract:
    return contract_with_transfers(economy_of(), rule)


def gains_in_floats(economy: Economy) -> float:
    return float(economy.prior.probability @ first_best_gains(economy, efficient_allocation(economy)))


@given(economies())
@settings(max_examples=4, deadline=None)
def test_what_an_efficient_allocation_gains_of_any_valuations_none_exceeds(economy: Economy) -> None:
    found = certify_first_best(economy)
    assert verify(found).confirmed
    efficient = efficient_allocation(economy)
    worth = float((efficient.price[:, None, :-1] * np.maximum(efficient.bundles, 1.0)).sum())
    assert found.gains == pytest.approx(gains_in_floats(economy), rel=1e-9, abs=1e-9 * worth)


@pytest.mark.parametrize("correlated", [False, True])
def test_goods_together_and_correlated_types_are_derived_alike(*, correlated: bool) -> None:
    prior = (random_correlated_prior if correlated else random_independent_prior)(3, (2, 2))
    economy = random_economy(3, prior, money=2000.0, goods=2)
    found = certify_first_best(economy)
    assert found.gains == pytest.approx(gains_in_floats(economy), rel=1e-9)
    assert verify(found).confirmed


def test_among_replicas_counts_of_types_are_enough() -> None:
    economy = replicas(groups=((23, 4.0, 1.0),))
    assert economy.prior.obstacle
    found = certify_first_best(economy)
    assert found.gains > 0
    assert verify(found).confirmed


@pytest.mark.parametrize("rules", [MarketRules(), DEPOSITS], ids=["free", "deposits"])
@pytest.mark.parametrize("rule", [TransferRule.NONE, TransferRule.COALITION_PROOF])
def test_obedience_to_a_contract_for_efficient_allocations_brings_the_first_best(
    rule: TransferRule, rules: MarketRules
) -> None:
    found = certify_obedience(contract_of(rule), rules)
    assert found.gains == pytest.approx(certify_first_best(economy_of()).gains, rel=1e-12)
    assert verify(found).confirmed


@pytest.mark.parametrize(("unit", "more"), [(1000.0, 0.0), (2.0**-20, 0.0), (1.0, 1e6)])
def test_another_unit_of_money_and_more_of_it_change_nothing_else(unit: float, more: float) -> None:
    other = restated(economy_of(), unit=unit, more=more)
    assert certify_first_best(other).gains == pytest.approx(unit * certify_first_best(economy_of()).gains, rel=1e-9)
    obeyed = certify_obedience(contract_with_transfers(other, TransferRule.NONE), MarketRules())
    assert obeyed.gains == pytest.approx(unit * certify_first_best(economy_of()).gains, rel=1e-9)


@pytest.mark.parametrize("kind", ["first-best", "obedience"])
def test_a_welfare_is_confirmed_survives_a_file_and_comes_out_the_same_again(kind: str, tmp_path: Path) -> None:
    stored = certify_first_best(economy_of()) if kind == "first-best" else certify_obedience(contract_of(), DEPOSITS)
    save_certificate(stored, tmp_path / "welfare.json")
    again: AnyCertificate = load_certificate(tmp_path / "welfare.json")
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["certifies"] == kind
    assert document["gains"]["stored"] == stored.gains
    assert document["gains"]["recomputed"] == pytest.approx(stored.gains, rel=1e-12)
    assert verify(recomputed(again)).confirmed


def test_forged_welfares_are_refused() -> None:
    first, obeyed = certify_first_best(economy_of()), certify_obedience(contract_of(), DEPOSITS)
    for field in ("gains", "bound"):
        wrong = verify(replace(first, **{field: getattr(first, field) + 1e-4}))
        assert [one.quantity for one in wrong.mismatches] == [field]
    assert [one.quantity for one in verify(replace(obeyed, gains=obeyed.gains + 1e-4)).mismatches] == ["gains"]
    other = random_economy(4, economy_of().prior, money=2000.0)
    assert not verify(replace(first, economy=other)).confirmed
    assert not verify(replace(obeyed, economy=other)).confirmed
    for place in range(obeyed.numeraire_transfers.size):
        assert not verify(replace(obeyed, numeraire_transfers=nudged(obeyed.numeraire_transfers, place))).confirmed
    with pytest.raises(ValueError, match="numeraire_transfers"):
        with_fields(obeyed, numeraire_transfers=np.zeros((1, 2)))


def test_too_many_profiles_are_refused_at_once_and_deadlines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first, obeyed = certify_first_best(economy_of()), certify_obedience(contract_of(), DEPOSITS)
    with pytest.raises(DeadlinePassedError):
        verify_first_best(first, Deadline.after(0.0))
    with pytest.raises(DeadlinePassedError):
        verify_obedience(obeyed, Deadline.after(0.0))
    monkeypatch.setattr(welfare, "MOST_BUNDLES", 11)
    with pytest.raises(ValueError, match="too many"):
        certify_first_best(economy_of())
    with pytest.raises(ValueError, match="too many"):
        certify_obedience(contract_of(), DEPOSITS)
    assert isinstance(obeyed, ObedienceCertificate)
    assert verify(obeyed).failures
