"""The ledger of claims, the page made from it, and the code agree."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from marketgame.experiments import ExitCode
from marketgame.experiments.claims.claim import Claim, Effort, Finding, How, Kind, Verdict
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.claims.ledger import LEDGER, chosen
from marketgame.experiments.claims.page import PAGE, TABLE, Kept, anchor, page, read_table, write_table
from marketgame.experiments.commands import claims as command
from marketgame.experiments.files.input_file import InputError
from tests.experiments.command_calls import Call, assert_one_line, one_document

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
BY_KEY = {each.key: each for each in LEDGER}
SHOWN = {each.counterexample.command: each.counterexample.exit_code for each in LEDGER if each.counterexample}


def test_every_claim_has_its_own_name() -> None:
    assert [key for key, times in Counter(each.key for each in LEDGER).items() if times > 1] == []


def test_what_a_verdict_says_comes_with_what_shows_it() -> None:
    for each in LEDGER:
        assert each.how, each.key
        assert each.tests, each.key
        match each.verdict:
            case Verdict.HOLDS:
                assert How.PROOF in each.how or How.CERTIFICATE in each.how or each.kind is Kind.EXAMPLE, each.key
                assert each.counterexample is None, each.key
            case Verdict.REPAIRED:
                assert each.repair, each.key
            case Verdict.REFUTED:
                assert each.counterexample, each.key
            case Verdict.VACUOUS | Verdict.OPEN:
                pass


def test_every_test_that_the_ledger_names_exists() -> None:
    for each in LEDGER:
        for test in each.tests:
            file, _, name = test.partition("::")
            assert (ROOT / file).is_file(), f"{each.key}: {test}"
            if name:
                assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), test


def test_every_proof_that_the_ledger_names_stands_in_the_documentation() -> None:
    for each in LEDGER:
        if each.repair and each.repair.page:
            assert anchor(DOCS / each.repair.page, each.repair.label), each.key


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_every_counterexample_is_shown_by_the_command_beside_it(words: tuple[str, ...], marketgame: Call) -> None:
    answer = marketgame(*words)
    assert answer.code == SHOWN[words], answer.err
    assert answer.out


def test_the_page_is_the_one_that_the_ledger_makes() -> None:
    kept = read_table(DOCS / TABLE)
    assert [key for key in kept if key not in BY_KEY] == []
    assert [each.key for each in LEDGER if each.key not in kept] == []
    assert all(each.finding.agrees for each in kept.values())
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(LEDGER, kept, DOCS)


def test_links_within_the_page_lead_somewhere() -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_a_claim_is_found_by_its_number_or_what_begins_like_its_name() -> None:
    lemma = BY_KEY["gr-lemma-1"]
    for words in ("lemma 1", "Lemma-1", "gr-lemma-1"):
        assert chosen([words]) == (lemma,)
    assert lemma in chosen(["1"])
    assert chosen([]) == LEDGER
    with pytest.raises(InputError, match="did you mean"):
        chosen(["lemma-one"])


def test_the_table_reads_as_it_was_written(tmp_path: Path) -> None:
    kept = {
        "a": Kept(Effort(7, 3), Finding(True, "found, twice", (Frequency("heads", 3, 7), Frequency("tails", 4, 7)))),
        "b": Kept(Effort(1, 2), Finding(False, "nothing")),
    }
    write_table(tmp_path / "table.csv", kept)
    assert read_table(tmp_path / "table.csv") == kept


def test_an_interval_holds_the_probability_as_often_as_it_says() -> None:
    binomial = {0: 0.9**3, 1: 3 * 0.1 * 0.9**2, 2: 3 * 0.1**2 * 0.9, 3: 0.1**3}
    held = sum(odds for count, odds in binomial.items() if _holds(Frequency("", count, 3), 0.1))
    assert held >= 0.95
    assert Frequency("", 0, 0).interval == (0.0, 1.0)


def _holds(frequency: Frequency, probability: float) -> bool:
    low, high = frequency.interval
    return low <= probability <= high


def test_a_check_that_contradicts_the_ledger_is_told_and_exits_with_one(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(effort: Effort) -> Finding:
        return Finding(effort.economies != 3, "something else", (Frequency("heads", 1, 3),))

    def claims(*_: object) -> tuple[Claim, ...]:
        return (Claim(**{**vars(LEDGER[0]), "check": otherwise}),)

    monkeypatch.setattr(command, "chosen", claims)
    answer = marketgame("claims", "--check", "--economies", 3)
    assert answer.code == ExitCode.NO
    assert "contradicts the ledger: something else" in " ".join(answer.out.split())
    assert marketgame("claims", "--check", "--economies", 4).code == ExitCode.DONE
    document = one_document(marketgame("claims", "--check", "--economies", 3, "--json"))
    assert document["claims"][0]["finding"]["agrees"] is False


def test_one_claim_is_told_whole(marketgame: Call) -> None:
    claim = BY_KEY["gr-lemma-1"]
    told = " ".join(marketgame("claims", "lemma-1").out.split())
    for said in (claim.statement, claim.reason, claim.tested, *claim.tests):
        assert " ".join(said.split()) in told


def test_words_that_name_no_claim_are_bad_input(marketgame: Call) -> None:
    assert_one_line(marketgame("claims", "lemma-77"), "there is no claim 'lemma-77'")
