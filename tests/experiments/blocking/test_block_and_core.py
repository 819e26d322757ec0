"""``marketgame block`` and ``marketgame core``: published numbers, exit codes, and what other programs rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame.experiments.blocking.core_answer import CoreAnswer
from marketgame.experiments.commands import core as core_command
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.core.outcome import UndecidedCore
from marketgame.mechanisms.core.variant import CoreVariant
from tests.experiments.command_calls import Answer, Call, assert_one_line, one_document

GAMES = ECONOMIES.parent / "games"
EQUAL_GAINS = GAMES / "myerson-example-1-equal-gains.toml"
EQUITABLE = GAMES / "myerson-example-1.toml"
POOLING = GAMES / "myerson-example-2.toml"


def test_a_blocked_mechanism_is_answered_with_its_plan_and_exit_code_one(marketgame: Call) -> None:
    answer = marketgame("block", EQUAL_GAINS, "--json")
    document = one_document(answer)
    assert answer.code == 1
    assert document["blocked"] is True
    assert document["finely_inhibitive"] is False
    # The paper's plan takes 5.90 from the buyer and earns 0.4/18; 6 - 1/18 can be taken, which makes 2/81.
    assert document["profit"] == pytest.approx(2 / 81)
    assert document["profit_bound"] == pytest.approx(2 / 81)
    together = [entry for entry in document["plan"] if entry["coalition"] == ["seller", "buyer"]]
    assert [(entry["types"], entry["action"]) for entry in together] == [({"seller": "H", "buyer": "only"}, "trade")]
    assert sum(entry["probability"] for entry in document["plan"]) == pytest.approx(1)
    assert set(document["payments"]) == {"seller", "buyer"}
    assert document["lambda"] is None
    assert document["alpha"] is None


def test_the_profit_is_what_the_payments_say(marketgame: Call) -> None:
    payments = one_document(marketgame("block", POOLING, "--json"))["payments"]
    expected = -0.5 * (payments["seller"]["H"] + payments["seller"]["L"]) - payments["buyer"]["only"]
    assert one_document(marketgame("block", POOLING, "--json"))["profit"] == pytest.approx(expected)


def test_an_inhibitive_mechanism_is_answered_with_its_proof_and_exit_code_zero(marketgame: Call) -> None:
    answer = marketgame("block", EQUITABLE, "--json")
    document = one_document(answer)
    assert answer.code == 0
    assert document["blocked"] is False
    assert document["profit"] == 0
    assert document["plan"] is None
    assert document["payments"] is None
    assert document["lambda"]["seller"] == pytest.approx({"H": 5 / 8, "L": 3 / 8})
    assert document["alpha"]["seller"] == [{"type": "L", "pretends": "H", "multiplier": pytest.approx(1 / 8)}]
    assert document["finely_inhibitive"] is True
    assert max(document["residuals"].values()) <= 1e-7


@pytest.mark.parametrize(("file", "code", "says"), [(EQUAL_GAINS, 1, "Blocked"), (EQUITABLE, 0, "Inhibitive")])
def test_what_is_printed_says_which(marketgame: Call, file: Path, code: int, says: str) -> None:
    answer = marketgame("block", file)
    assert answer.code == code
    assert says in answer.out
    assert "All coalitions were considered." in answer.out


def write_allocation(folder: Path, good: float, bad: float) -> Path:
    """The first example with stakes in place of a mechanism."""
    text = EQUITABLE.read_text(encoding="utf-8")
    file = folder / "stakes.toml"
    rules = (
        f'{{ types = {{ seller = "H" }}, stake = {{ seller = {good}, buyer = 0.0 }} }},'
        f'{{ types = {{ seller = "L" }}, stake = {{ seller = {bad}, buyer = 0.0 }} }}'
    )
    file.write_text(f"{text[: text.index('[mechanism]')]}[allocation]\nrules = [{rules}]\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(("good", "bad", "code"), [(0.2, 1.0, 0), (0.1, 0.9, 1)])
def test_stakes_may_be_given_without_a_mechanism(
    marketgame: Call, tmp_path: Path, good: float, bad: float, code: int
) -> None:
    answer = marketgame("block", write_allocation(tmp_path, good, bad), "--json")
    assert answer.code == code
    assert one_document(answer)["established"] == {
        "feasible": True,
        "largest_misreport_gain": None,
        "expected_cost": None,
    }


def test_limits_on_coalitions_are_obeyed_and_said(marketgame: Call) -> None:
    answer = marketgame("block", EQUAL_GAINS, "--largest", 1, "--json")
    assert answer.code == 0
    assert one_document(answer)["limits"] == {"largest_coalition": 1, "links": None}
    linked = one_document(marketgame("block", EQUAL_GAINS, "--link", "buyer,seller", "--json"))
    assert linked["limits"]["links"] == [["seller", "buyer"]]
    assert linked["profit"] == pytest.approx(2 / 81)
    assert "covers no others" in marketgame("block", EQUAL_GAINS, "--largest", 1).out


def test_a_question_that_is_given_no_time_is_not_answered(marketgame: Call) -> None:
    answer = marketgame("block", EQUITABLE, "--seconds", 0)
    assert answer.code == 3
    assert "the time allowed was spent" in answer.err


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ((GAMES / "majority-1.5.toml",), ["majority-1.5.toml", "mechanism is missing", "[allocation]"]),
        ((EQUITABLE, "--link", "seller"), ["--link is 'seller'", "two different players"]),
        ((EQUITABLE, "--link", "seller,seller"), ["two different players"]),
        ((EQUITABLE, "--link", "seller,byer"), ["--link is 'byer'", "did you mean 'buyer'"]),
        ((ECONOMIES / "three-farmers.toml",), ["kind is 'market-economy'", "coalitional-game"]),
        (("nowhere.toml",), ["nowhere.toml", "no such file"]),
    ],
)
def test_what_cannot_be_blocked_is_refused_in_one_line(
    marketgame: Call, arguments: tuple[object, ...], fragments: list[str]
) -> None:
    assert_one_line(marketgame("block", *arguments), *fragments)


def test_the_smallest_severance_of_example_2_is_five_sixths(marketgame: Call) -> None:
    answer = marketgame("core", POOLING, "--minimize", "severance", "--json")
    document = one_document(answer)
    assert answer.code == 0
    assert document["status"] == "found"
    # The bad type, of probability one half, is promised 5/6.
    assert document["objective"] == pytest.approx(5 / 12, abs=1e-6)
    assert document["optimal"] is True
    assert document["expected_severance"] == pytest.approx(5 / 12, abs=1e-6)
    assert document["mediator_profit"] == pytest.approx(0, abs=1e-6)
    by_type = {entry["types"]["seller"]: entry for entry in document["mechanism"]}
    assert by_type["L"]["severance"]["seller"] == pytest.approx(5 / 6, abs=1e-6)
    assert by_type["H"]["action"] == pytest.approx({"trade": 1.0})
    stakes = {entry["types"]["seller"]: entry["stake"] for entry in document["stake"]}
    for kind, stake in stakes.items():
        worth = {"H": -3.0, "L": -2.0}[kind]
        paid = by_type[kind]["payment"]["seller"] - by_type[kind]["severance"]["seller"]
        assert stake["seller"] == pytest.approx(worth + paid, abs=1e-7)
    assert document["lambda"]["seller"]["L"] == pytest.approx(0, abs=1e-6)
    assert document["residuals"]["largest"] <= 1e-7


def test_without_severance_the_core_of_example_2_is_empty_with_evidence(marketgame: Call) -> None:
    answer = marketgame("core", POOLING, "--no-severance", "--json")
    document = one_document(answer)
    assert answer.code == 0
    assert document["status"] == "empty"
    assert document["mechanism"] is None
    assert document["evidence"]["smallest_margin"] > 0
    assert "Empty" in marketgame("core", POOLING, "--no-severance").out


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("--maximize", "payoff:seller/L", 1.0),
        ("--minimize", "payoff:seller/L", 0.0),
        ("--maximize", "payoff:seller/H", 0.5),
        ("--maximize", "payoff:buyer/only", 0.5),
        ("--minimize", "severance", 0.0),
    ],
)
def test_objectives_over_the_core_of_example_1(marketgame: Call, option: str, name: str, value: float) -> None:
    document = one_document(marketgame("core", EQUITABLE, option, name, "--no-severance", "--json"))
    assert document["objective"] == pytest.approx(value, abs=1e-6)
    assert document["objective_bound"] == pytest.approx(value, abs=1e-5)


def test_welfare_in_the_core_of_example_1_is_bounded_by_what_incentives_allow(marketgame: Call) -> None:
    document = one_document(marketgame("core", EQUITABLE, "--maximize", "welfare", "--json"))
    interim = document["interim"]
    welfare = 0.5 * (interim["seller"]["H"] + interim["seller"]["L"]) + interim["buyer"]["only"]
    assert document["objective"] == pytest.approx(welfare)
    # At the published vertices welfare is 0.5, 0.5 and 0.6.
    assert welfare == pytest.approx(0.6, abs=1e-6)


def test_fine_support_is_passed_on(marketgame: Call) -> None:
    document = one_document(marketgame("core", EQUITABLE, "--fine", "--json"))
    assert document["variant"] == {"fine": True, "severance": True}
    assert document["status"] == "found"


@pytest.mark.parametrize(("game", "status"), [("majority-1.4", "empty"), ("majority-1.5", "found")])
def test_the_majority_game_has_a_core_from_one_and_a_half_on(marketgame: Call, game: str, status: str) -> None:
    answer = marketgame("core", GAMES / f"{game}.toml", "--json")
    assert one_document(answer)["status"] == status
    if status == "found":
        assert one_document(answer)["interim"] == {name: pytest.approx({"only": 0.5}) for name in ("ann", "bob", "cat")}


def test_what_is_not_known_is_said_and_has_its_own_exit_code(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def gave_up(established: object, variant: CoreVariant, *_: object) -> CoreAnswer:
        return CoreAnswer(established, variant, UndecidedCore(variant, "time ran out", 7))  # type: ignore[arg-type]  # A stand-in.

    monkeypatch.setattr(core_command, "search_core", gave_up)
    answer: Answer = marketgame("core", POOLING, "--json")
    assert answer.code == 3
    assert one_document(answer)["status"] == "unknown"
    assert one_document(answer)["evidence"]["reason"] == "time ran out"
    assert "Unknown" in marketgame("core", POOLING).out


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("--minimize", "severence"), ["--minimize is 'severence'", "did you mean 'severance'"]),
        (("--maximize", "payoff"), ["--maximize is 'payoff'", "payoff:PLAYER/TYPE"]),
        (("--maximize", "payoff:sella/H"), ["the player must be one of seller, buyer"]),
        (("--maximize", "payoff:seller/M"), ["the type must be one of H, L"]),
        (("--minimize", "welfare", "--maximize", "welfare"), ["are both given"]),
    ],
)
def test_objectives_that_are_none_are_refused_in_one_line(
    marketgame: Call, arguments: tuple[str, ...], fragments: list[str]
) -> None:
    assert_one_line(marketgame("core", EQUITABLE, *arguments), *fragments)
