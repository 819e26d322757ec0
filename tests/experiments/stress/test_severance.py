"""How much severance institutions need, that asking for it is asking for institutions, and what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

import marketgame as face
from marketgame.experiments.certificate_files.files import certificate_in, certificate_text
from marketgame.experiments.certificate_files.played import AnyCertificate, verify
from marketgame.experiments.collusion.certification import certified_scenario
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.stress import leaving, severance
from marketgame.experiments.stress.market_institution import MarketInstitution
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.restrictiveness import restricts_at_least
from marketgame.experiments.stress.ruling import Certainty, Measure, Measured
from marketgame.experiments.stress.selection import chosen
from marketgame.experiments.stress.severance import Severance, promise_of
from marketgame.experiments.stress.words import needed_text
from marketgame.mechanisms.blocking.severance_range import spare
from marketgame.mechanisms.certificates.severance import SeveranceCertificate
from marketgame.mechanisms.coalitional_games.mechanism import ex_post_utilities
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.core.least_severance import LeastSeverance, least_severance
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import PAPER_RULES, MarketRules, Refusal
from tests.experiments.command_calls import Call, assert_one_line, one_document
from tests.mechanisms.myerson_examples import EXAMPLE_2, pooling

FARMERS = "example:three-farmers"
STATED = """
kind = "scenario"
name = "promising"
economy = "three-farmers.toml"
[contract]
transfers = "none"
[contract.severance.ann]
modest = 0.25
"""


def needed(of: str, transfers: str) -> tuple[Verdict, Measured, AnyCertificate | None]:
    """What is said of the paper's rules with some transfers, and its certificate."""
    test = face.stress(of, presets=["paper"], transfers=[transfers], ask=[Question.LEAVING], seconds=None)
    (one,) = test.institutions
    found = one.welfare[Measure.SEVERANCE_NEEDED]
    if found.evidence is None:
        return one.rulings[Question.LEAVING].verdict, found, None
    text = test.certificates[found.evidence.name]
    return one.rulings[Question.LEAVING].verdict, found, certificate_in(text, found.evidence.name, allow_code=False)


def test_who_pays_the_price_needs_no_severance() -> None:
    verdict, found, _ = needed(FARMERS, "none")
    assert verdict is Verdict.PROVEN
    assert (found.certainty, found.value) == (Certainty.EXACT, 0.0)


@pytest.mark.parametrize(
    ("of", "transfers"), [(FARMERS, "expected-externality"), ("example:grain-for-one", "coalition-proof")]
)
def test_no_severance_helps_where_somebody_would_rather_stay_at_home(of: str, transfers: str) -> None:
    verdict, found, certificate = needed(of, transfers)
    assert verdict is Verdict.REFUTED
    assert (found.certainty, found.value) == (Certainty.EXACT, None)
    assert isinstance(certificate, SeveranceCertificate)
    assert certificate.bound is None
    assert verify(certificate).confirmed
    # What proves it, recomputed: stakes may not fall short of what somebody gets alone, and severance lowers them.
    short = min(float(own.min()) for own in spare(certificate.game, certificate.earned))
    assert short < 0 or certificate.ranges


def test_whoever_would_rather_be_at_home_is_led_away_alone_however_types_hang_together() -> None:
    test = face.stress(
        "example:three-farmers-correlated", presets=["paper"], transfers=["lp"], ask=[Question.LEAVING], seconds=None
    )
    (one,) = test.institutions
    ruling, found = one.rulings[Question.LEAVING], one.welfare[Measure.SEVERANCE_NEEDED]
    assert ruling.verdict is Verdict.REFUTED
    assert ruling.coalition == ("ann",)
    assert (found.certainty, found.value) == (Certainty.EXACT, None)
    for evidence in (ruling.evidence, found.evidence):
        assert evidence is not None
        assert evidence.confirmed


def test_whoever_cannot_be_kept_by_any_severance_leaves_however_little_time_there_is() -> None:
    market = certified_scenario(FARMERS, InputFiles())
    for transfers in TransferRule:
        one = MarketInstitution(MarketRules.paper(), transfers=transfers)
        found = one.answer(Inquiry.LEAVING, market, {}, Deadline.after(0.0))
        ruling, measured = found.rulings[Question.LEAVING], found.welfare[Measure.SEVERANCE_NEEDED]
        assert (ruling.verdict is Verdict.REFUTED) == (measured.certainty is not Certainty.UNKNOWN)


def test_what_few_divisions_say_is_what_the_large_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def verdict(of: str, transfers: str) -> Verdict:
        test = face.stress(of, presets=["paper"], transfers=[transfers], ask=[Question.LEAVING], seconds=None)
        return test.institutions[0].rulings[Question.LEAVING].verdict

    asked = [("example:two-alike", "expected-externality"), ("example:grain-for-one", "lp"), (FARMERS, "none")]
    large = [verdict(*one) for one in asked]
    monkeypatch.setattr(leaving, "MOST_ACTIONS", 0)
    monkeypatch.setattr(leaving, "alone", lambda *_: None)
    assert [verdict(*one) for one in asked] == large == [Verdict.REFUTED, Verdict.REFUTED, Verdict.PROVEN]


def test_with_complete_information_severance_is_not_needed_or_of_no_use() -> None:
    for transfers, value in (("none", 0.0), ("expected-externality", None)):
        _, found, _ = needed("example:three-traders", transfers)
        assert (found.certainty, found.value) == (Certainty.EXACT, value)


def test_the_document_and_the_table_say_what_is_needed(marketgame: Call, tmp_path: Path) -> None:
    out = tmp_path / "farmers"
    answer = marketgame(
        *("stress", FARMERS, "--preset", "paper", "--transfers", "expected-externality", "--workers", 1),
        *("--ask", Question.LEAVING.value, "--out", out, "--json"),
    )
    (one,) = one_document(answer)["institutions"]
    assert one["rules"]["severance"] == "none"
    assert one["welfare"]["severance_needed"] is None
    known = one["welfare_known"]["severance_needed"]
    assert known["certainty"] == "exact"
    assert known["because"].startswith("no severance whatever keeps coalitions")
    assert known["confirmed"]
    assert (out / known["certificate"]).exists()
    assert (tmp_path / "farmers" / "stress.json").exists()
    assert "none helps" in (out / "institutions.csv").read_text()


def test_what_is_promised_is_part_of_an_institution_and_dearer_than_nothing() -> None:
    by_promise = {each: MarketInstitution(PAPER_RULES, severance=each) for each in Severance}
    assert len({one.name for one in by_promise.values()}) == len(Severance)
    assert {one.described["severance"] for one in by_promise.values()} == set(Severance)
    nothing = by_promise[Severance.NONE]
    for promise, one in by_promise.items():
        assert restricts_at_least(one, nothing)
        assert restricts_at_least(nothing, one) == (promise is Severance.NONE)


def test_all_combinations_ask_severance_only_where_it_can_matter() -> None:
    private = certified_scenario(FARMERS, InputFiles())
    known = certified_scenario("example:three-traders", InputFiles())
    for scenario, some in ((private, True), (known, False)):
        asked = [one for one in chosen(scenario, own=False, every=True) if isinstance(one, MarketInstitution)]
        least = [one for one in asked if one.severance is Severance.LEAST]
        assert bool(least) == some
        assert all(one.rules.refusal is Refusal.FREE for one in least)
    usual = [one for one in chosen(private, own=False) if isinstance(one, MarketInstitution)]
    assert {one.severance for one in usual} == {Severance.NONE}


def test_the_least_severance_that_keeps_everybody_is_promised_or_the_institution_is_not_admitted() -> None:
    test = face.stress(
        FARMERS,
        presets=["paper"],
        transfers=["none", "expected-externality"],
        severance=["least"],
        ask=[Question.LEAVING],
        seconds=None,
    )
    kept, lost = test.institutions
    assert kept.institution.name == "as printed, least severance; transfers none"
    assert kept.rulings[Question.LEAVING].verdict is Verdict.PROVEN
    assert lost.refused == "no severance whatever keeps coalitions"
    assert test.recommended.institution == kept.institution.name


def test_a_scenario_that_promises_severance_is_asked_with_it_and_its_need_without(tmp_path: Path) -> None:
    source = Path(face.__file__).parents[1] / "experiments/economies/three-farmers.toml"
    (tmp_path / "three-farmers.toml").write_text(source.read_text())
    place = tmp_path / "promising.toml"
    place.write_text(STATED)
    test = face.stress(place, presets=["paper"], transfers=["none"], severance=["as-stated"], ask=[Question.LEAVING])
    own, stated = test.institutions
    assert own.institution.described["severance"] == stated.institution.described["severance"] == "as-stated"
    assert stated.institution.name == "as printed, severance as stated; transfers none"
    # At the price nobody leaves; promised something for leaving somebody does.
    assert stated.rulings[Question.LEAVING].verdict is Verdict.REFUTED
    assert stated.welfare[Measure.SEVERANCE_NEEDED].value == 0.0


@pytest.mark.parametrize(
    ("value", "fragment"), [("lesat", "severance"), ("as-stated", "promises none; state it under contract.severance")]
)
def test_severance_that_cannot_be_asked_is_said_in_one_line(value: str, fragment: str, marketgame: Call) -> None:
    assert_one_line(marketgame("stress", FARMERS, "--severance", value), fragment)
    with pytest.raises(InputError, match="severance"):
        face.stress(FARMERS, severance=[value])


def test_severance_is_promised_by_type_and_to_nobody_who_needs_none() -> None:
    economy = certified_scenario(FARMERS, InputFiles()).economy
    nothing = [np.zeros(len(player.types)) for player in economy.players]
    nothing[1][0] = 2.5
    name, kind = economy.players[1].name, economy.players[1].types
    assert promise_of(economy, tuple(nothing)) == {name: {kind[0].name: 2.5, kind[1].name: 0.0}}


def test_the_certificate_of_a_bound_survives_its_file_and_a_changed_one_is_refused() -> None:
    mechanism = pooling(3.5, 2.5)
    answer = least_severance(EXAMPLE_2, mechanism)
    assert isinstance(answer, LeastSeverance)
    earned = ex_post_utilities(EXAMPLE_2, mechanism)
    text = certificate_text(SeveranceCertificate(EXAMPLE_2, earned, answer.bound, answer.ranges))
    again = certificate_in(text, "severance", allow_code=False)
    assert isinstance(again, SeveranceCertificate)
    assert len(again.ranges) == len(answer.ranges) > 1
    assert verify(again).confirmed
    assert certificate_text(again) == text
    document = json.loads(text)["content"]
    document["ranges"][0]["most"][0][0] += 1.0
    with pytest.raises(InputError, match="changed after it was written"):
        certificate_in(json.dumps({**json.loads(text), "content": document}), "severance", allow_code=False)


def test_a_bound_that_is_positive_is_told_as_such_with_what_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # No market is known that needs some; Example 2 stands in for one.
    mechanism = pooling(3.5, 2.5)
    answer = least_severance(EXAMPLE_2, mechanism)
    earned = ex_post_utilities(EXAMPLE_2, mechanism)
    monkeypatch.setattr(severance, "alone", lambda *_: None)
    monkeypatch.setattr(severance, "_answered", lambda *_: (EXAMPLE_2, answer))
    contract = cast("GrandContract", SimpleNamespace(gains=earned))
    found = severance.severance_needed(contract, {}, (), NO_DEADLINE)
    assert found.certainty is Certainty.BOUND
    assert found.value == found.low == pytest.approx(5 / 12, abs=1e-5)
    assert found.because == "against the divisions looked at 0.416667 will do"
    assert needed_text(found).startswith("at least 0.416")
    assert found.evidence is not None
    assert verify(certificate_in(found.evidence.text, found.evidence.name, allow_code=False)).confirmed
    promised = severance.least_promise(contract, {}, (), NO_DEADLINE)
    assert promised[0] == pytest.approx([5 / 6, 0.0])
