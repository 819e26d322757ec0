"""A "yes" of a stress test carries a file that is confirmed, and refused once it is about something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import marketgame as face
from marketgame.experiments.certificate_files.files import content_hash, load_certificate
from marketgame.experiments.certificate_files.played import verify
from marketgame.experiments.stress.leaving import leaving
from marketgame.experiments.stress.proven import contract_instance, proven_by
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Ruling
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal
from tests.mechanisms.strategies import economy_of, line, one_type

ESCROW = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)


def shipped(name: str) -> Economy:
    economy = face.load(f"example:{name}")
    assert isinstance(economy, Economy)
    return economy


def compensated() -> Ruling:
    economy = shipped("three-farmers")
    efficient = efficient_allocation(economy)
    contract = GrandContract(economy, efficient, coalition_proof_transfers(economy, efficient))
    found = proven_by(Theorem.COMPENSATED, contract_instance(contract, ESCROW))
    assert found is not None
    return found


def tempted() -> Ruling:
    contract = grand_contract(shipped("three-traders"))
    found = proven_by(Theorem.ARBITRAGE, contract_instance(contract, MarketRules.no_short_sales()))
    assert found is not None
    return found


def kept() -> Ruling:
    contract = grand_contract(shipped("three-traders"))
    found = proven_by(Theorem.AT_THE_PRICE, contract_instance(contract, MarketRules.paper()))
    assert found is not None
    return found


def dearer(content: dict[str, Any]) -> None:
    first = content["economy"]["players"][0]["types"][0]["valuation"]
    first["intercept"] = [2 * first["intercept"][0]]


def poorer(content: dict[str, Any]) -> None:
    for row in content["numeraire_transfers"]:
        row[0], row[1] = row[0] + 0.5, row[1] - 0.5
        break


def promising(content: dict[str, Any]) -> None:
    content["severance"] = [[1.0, 0.0, 0.0]]


def setting(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content[name] = value

    return change


def rule(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["rules"][name] = value

    return change


def certain(content: dict[str, Any]) -> None:
    content["premises"][0]["found"] = "certainly"


MUTATED: list[tuple[Callable[[], Ruling], Callable[[dict[str, Any]], None]]] = [
    (compensated, dearer),
    (compensated, poorer),
    (compensated, certain),
    (compensated, setting("theorem", Theorem.WORTH_STAYING.value)),
    (compensated, setting("numeraire_transfers", None)),
    (tempted, dearer),
    (tempted, poorer),
    (tempted, rule("pricing", "void")),
    (tempted, rule("timing", "simultaneous")),
    (tempted, setting("theorem", Theorem.BUYING_OUT.value)),
    (kept, dearer),
    (kept, poorer),
    (kept, promising),
    (kept, setting("theorem", Theorem.DEPOSITS.value)),
]


@pytest.mark.parametrize("made", [compensated, tempted, kept])
def test_a_theorem_s_file_is_confirmed_and_says_what_the_ruling_says(
    made: Callable[[], Ruling], tmp_path: Path
) -> None:
    ruling = made()
    assert ruling.evidence is not None
    path = tmp_path / ruling.evidence.name
    path.write_text(ruling.evidence.text, encoding="utf-8")
    assert verify(load_certificate(path)).confirmed
    stored = json.loads(ruling.evidence.text)["content"]
    assert [about for about, _ in ruling.premises] == [premise["about"] for premise in stored["premises"]]
    assert Theorem(stored["theorem"]).says in ruling.theorem  # type: ignore[call-arg]  # looked up by name


@pytest.mark.parametrize(("made", "change"), MUTATED)
def test_a_file_about_something_else_is_refused(
    made: Callable[[], Ruling], change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    evidence = made().evidence
    assert evidence is not None
    document = json.loads(evidence.text)
    change(document["content"])
    document["sha256"] = content_hash(document)
    path = tmp_path / evidence.name
    path.write_text(json.dumps(document), encoding="utf-8")
    assert not verify(load_certificate(path)).confirmed


def test_nothing_is_proven_without_a_file() -> None:
    with pytest.raises(TypeError, match="without a file"):
        Answered({Question.ANY: Ruling(Verdict.PROVEN, "so it is said")})
    assert Ruling(Verdict.SAMPLED, "so it is said").evidence is None


def test_who_pays_less_than_a_good_is_worth_for_want_of_money_is_led_away() -> None:
    """All pay one price, which supports nothing: the seller and one buyer make 7.5 more of what they own."""
    buyers = [one_type(name, [0.0, 1.0], line(10.0)) for name in ("ann", "bob")]
    contract = grand_contract(economy_of([one_type("seller", [2.0, 10.0], line(0.5)), *buyers]))
    assert contract.efficient.price[0, 0] == pytest.approx(1.0)
    nothing = np.zeros(contract.gains.shape)
    found = leaving(contract, MarketRules.paper(), nothing, 1.0, NO_DEADLINE).rulings[Question.LEAVING]
    assert found.verdict is Verdict.REFUTED
    assert found.money == pytest.approx(7.5)
