"""What the call market and trading posts bring the obedient is derived at every profile, and forgeries are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.played import recomputed, verify
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.mechanisms.certificates.compared_welfare import (
    ComparedWelfareCertificate,
    certify_compared_welfare,
    verify_compared_welfare,
)
from marketgame.mechanisms.certificates.plain import welfare
from marketgame.mechanisms.certificates.welfare import certify_first_best
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, gains_from, obeyed_trades
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

ECONOMY = random_economy(2, random_independent_prior(2, (2, 1, 2)), money=2000.0)


@pytest.mark.parametrize("market", ComparedMarket)
def test_what_obedience_brings_is_what_the_engine_says_and_no_more_than_there_is(
    market: ComparedMarket, tmp_path: Path
) -> None:
    found = certify_compared_welfare(ECONOMY, market)
    engine = gains_from(ECONOMY, ECONOMY.profiles, obeyed_trades(ECONOMY, market, ECONOMY.profiles)).sum(axis=-1)
    assert found.gains == pytest.approx(float(ECONOMY.prior.probability @ engine), rel=1e-9)
    assert found.gains <= certify_first_best(ECONOMY).bound * (1 + 1e-9)
    save_certificate(found, tmp_path / "welfare.json")
    again = load_certificate(tmp_path / "welfare.json")
    assert isinstance(again, ComparedWelfareCertificate)
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["certifies"] == "compared-obedience"
    assert isinstance(again, ComparedWelfareCertificate)
    assert verify(recomputed(again)).confirmed


def test_who_reports_the_truth_to_a_call_market_ends_at_the_price_that_supports_the_first_best() -> None:
    found = certify_compared_welfare(ECONOMY, ComparedMarket.CALL)
    assert found.gains == pytest.approx(certify_first_best(ECONOMY).gains, rel=1e-9)


@pytest.mark.parametrize("market", ComparedMarket)
def test_a_forged_welfare_is_refused(market: ComparedMarket) -> None:
    found = certify_compared_welfare(ECONOMY, market)
    assert [one.quantity for one in verify(replace(found, gains=found.gains + 1e-4)).mismatches] == ["gains"]
    other = random_economy(4, ECONOMY.prior, money=2000.0)
    assert not verify(replace(found, economy=other)).confirmed


def test_too_many_profiles_are_refused_at_once_and_deadlines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = certify_compared_welfare(ECONOMY, ComparedMarket.CALL)
    with pytest.raises(DeadlinePassedError):
        verify_compared_welfare(found, Deadline.after(0.0))
    monkeypatch.setattr(welfare, "MOST_BUNDLES", 11)
    assert verify(found).failures
