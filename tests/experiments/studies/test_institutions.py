"""The institution table agrees with the theorems, is complete after an interruption, and is what the code computes."""

from __future__ import annotations

import pickle
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketgame.experiments.stress.examining import ORACLE
from marketgame.experiments.stress.market_institution import (
    REPAIRED,
    MarketInstitution,
    Outsiders,
    combined_institutions,
    institutions,
)
from marketgame.experiments.stress.question import Question
from marketgame.experiments.studies.institutions import report, table
from marketgame.experiments.studies.institutions.answers import (
    AFTER_THE_TRUTH,
    ASKED,
    after_the_truth,
    answers,
    before_the_truth,
    gains_from_trade,
)
from marketgame.experiments.studies.institutions.cartel import KEY as CARTEL_KEY
from marketgame.experiments.studies.institutions.cartel import compared
from marketgame.experiments.studies.institutions.families import SIZES, economies
from marketgame.experiments.studies.institutions.resuming import Kept, Rows
from marketgame.experiments.studies.institutions.table import Case, contract_of
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Coverage, Execution, MarketRules, Refusal, Solvency
from marketgame.results.figures.institutions import cartel_gains, institution_matrix

DOCS = Path(__file__).parents[3] / "docs"
BOTH = replace(REPAIRED, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
COVERED = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
NO, YES = Verdict.REFUTED, Verdict.PROVEN


@pytest.mark.parametrize(
    ("institution", "expected"),
    [
        (MarketInstitution(MarketRules()), [NO, NO, NO]),
        (MarketInstitution(MarketRules.no_short_sales()), [YES, YES, NO]),
        (MarketInstitution(REPAIRED), [YES, YES, YES]),
        (MarketInstitution(COVERED, Outsiders.WITHHOLD), [YES, YES, YES]),
    ],
)
def test_three_traders_are_safe_exactly_where_the_theorems_say(
    institution: MarketInstitution, expected: list[Verdict]
) -> None:
    found = answers(contract_of(0), institution)
    assert [found[question].verdict for question in AFTER_THE_TRUTH] == expected
    assert [found[question].verdict for question in ASKED] == [YES, YES, *expected, expected[0], expected[-1]]
    for answer in found.values():
        assert (answer.gain > 0) == (answer.verdict is NO)
        assert answer.total_gain <= answer.bound * (1 + 1e-6) + 1e-9


def test_expected_externality_transfers_cost_the_three_farmers_the_protection_of_withholding() -> None:
    contract = contract_of(2)
    assert (contract.transfers < 0).any()
    obeying, withholding = (after_the_truth(contract, MarketInstitution(COVERED, outsiders)) for outsiders in Outsiders)
    assert [obeying[question].verdict for question in AFTER_THE_TRUTH] == [YES, YES, NO]
    assert withholding[Question.ANY].verdict is not YES
    assert after_the_truth(contract, MarketInstitution(REPAIRED))[Question.ANY].verdict is YES


def test_that_the_likeliest_pairs_cannot_gain_proves_nothing_about_other_coalitions() -> None:
    """Two buyers and two sellers: neither the last two players nor the first two can gain, but a buyer and a seller."""
    tastes = ((8.0, 0.0), (8.0, 0.0), (5.0, 4.0), (5.0, 4.0))
    players = tuple(
        Player(str(place), (PlayerType("only", np.array([own, 30.0]), Quadratic(np.array([worth]), np.eye(1))),))
        for place, (worth, own) in enumerate(tastes)
    )
    prior = IndependentPrior([np.ones(1)] * 4)
    contract = grand_contract(Economy("two and two", ("good", "money"), ("unit", "euro"), players, prior))
    little = SideEffort(oracle=replace(ORACLE, quote_vectors=1, local_rounds=0), rounds=0, breaches=1, cells=1)
    found = after_the_truth(contract, MarketInstitution(COVERED, Outsiders.WITHHOLD), little)[Question.ANY]
    assert found.verdict is not YES
    assert found.bound > 0


def test_farmers_who_lie_together_gain_on_expected_externality_transfers_under_every_rule_and_not_on_others() -> None:
    contract, institution = contract_of(2), MarketInstitution(REPAIRED)
    found = before_the_truth(contract, institution)
    assert found[Question.ONE_LIAR].verdict is YES
    assert found[Question.LIARS].verdict is NO
    assert len(found[Question.LIARS].coalition) > 1
    worst = check_joint_misreports(contract).worst
    assert worst is not None
    assert found[Question.LIARS].total_gain == pytest.approx(worst.gain / gains_from_trade(contract))
    proof = before_the_truth(contract_of(2, transfers=TransferRule.COALITION_PROOF), institution)
    assert {ruling.verdict for ruling in proof.values()} == {YES}
    without = before_the_truth(contract_of(2, transfers=TransferRule.NONE), institution)
    assert {ruling.verdict for ruling in without.values()} == {NO}


@pytest.mark.parametrize(
    ("rules", "transfers", "expected"),
    [
        # The truth is safe; a lie followed by orders at the price of the lie is not, whatever the transfers.
        (REPAIRED, TransferRule.COALITION_PROOF, [YES, YES, YES, YES, YES, NO, NO]),
        # What was agreed cannot be refused, but liars share what their reports bring.
        (BOTH, TransferRule.EXPECTED_EXTERNALITY, [YES, NO, YES, YES, YES, YES, NO]),
        (BOTH, TransferRule.COALITION_PROOF, [YES, YES, YES, YES, YES, YES, YES]),
    ],
)
def test_only_matched_orders_deposits_and_the_transfers_together_survive_all_seven_questions(
    rules: MarketRules, transfers: TransferRule, expected: list[Verdict]
) -> None:
    found = answers(contract_of(2, transfers=transfers), MarketInstitution(rules, transfers=transfers))
    assert [found[question].verdict for question in ASKED] == expected


def test_an_interrupted_table_is_completed_to_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = TransferRule.COALITION_PROOF
    chosen = (
        MarketInstitution(REPAIRED),
        MarketInstitution(MarketRules()),
        MarketInstitution(REPAIRED, transfers=proof),
    )
    monkeypatch.setattr(table, "_cases", lambda *_: iter([Case(0, "three traders", one) for one in chosen]))
    file, told = tmp_path / "institutions.csv", list[tuple[int, int]]()
    whole = table.compute(file, workers=1, on_cell=lambda *counts: told.append(counts))
    # With complete information the third has the answers of the first.
    assert told == [(1, 2), (2, 2)]
    assert len(whole) == 3 * len(ASKED)
    pd.testing.assert_series_equal(whole["verdict"][:7], whole["verdict"][14:].reset_index(drop=True))
    file.write_text(file.read_text()[:-30])  # the last row was not written to its end
    told.clear()
    again = table.compute(file, workers=1, on_cell=lambda *counts: told.append(counts))
    assert told == [(2, 2)]
    pd.testing.assert_frame_equal(again, whole, check_dtype=False)
    # With one type each nobody lies.
    assert (whole.loc[whole["question"] == Question.LIARS, "verdict"] == YES.answer).all()


def rows_of(name: str) -> Rows:
    return [{"name": name, "place": place} for place in range(2)]


def test_cells_that_are_kept_are_not_computed_again_whatever_a_kill_left_of_the_next(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "cells.csv", ("name",), ("name", "place"), 2)
    # Cells are computed in other processes, to which the tasks are sent.
    sent = pickle.loads(
        pickle.dumps(partial(table._cell, Case(0, "three traders", MarketInstitution(REPAIRED)), 0, ()))
    )
    assert isinstance(sent, partial)
    kept.file.write_text("name,place\na,7\na,8\nb,0\nc,0\nc,")
    found = kept.completed({(name,): partial(rows_of, name) for name in "abc"}, workers=1)
    assert [row["place"] for row in found["a",]] == [7, 8]
    assert found["b",] == rows_of("b")
    assert found["c",] == rows_of("c")
    again = kept.completed({(name,): partial(rows_of, "") for name in "abc"}, workers=1)
    assert {key: [dict(row) for row in rows] for key, rows in again.items()} == found


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return pd.read_csv(DOCS / "tables" / "institutions.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def cartel() -> pd.DataFrame:
    return pd.read_csv(DOCS / "tables" / "carbon-cartel.csv", keep_default_na=False)


def test_the_published_tables_are_complete(published: pd.DataFrame, cartel: pd.DataFrame) -> None:
    assert list(published.columns) == list(table.COLUMNS)
    cells = list(table._cases(0, SIZES))
    asked = [(*case.key, question.value) for case in cells for question in ASKED]
    assert [tuple(row) for row in published[[*table.KEY, "question"]].itertuples(index=False)] == asked
    assert len(cells) == len(list(economies())) * len(list(institutions()))
    assert len(cartel) == len(compared()) == len(cartel.drop_duplicates(list(CARTEL_KEY)))


def test_pages_show_what_the_published_tables_say(published: pd.DataFrame, cartel: pd.DataFrame) -> None:
    for page, shown in report.pages(published, cartel).items():
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, content in shown.items():
            assert f"<!-- table {name} -->\n\n{content}\n\n<!-- end -->" in text


class Drawn:
    """A figure that nobody has to draw: what it would look like is tested below."""

    def __init__(self, *given: object) -> None:
        self.given = given

    def savefig(self, file: Path, **_: object) -> None:
        file.write_text(str(self.given[-1]))


def test_pages_are_written_anew_from_the_tables(
    published: pd.DataFrame, cartel: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for drawing in ("institution_matrix", "cartel_gains"):
        monkeypatch.setattr(report, drawing, Drawn)
    tables = tmp_path / "docs" / "tables"
    tables.mkdir(parents=True)
    changed = published[published["economy"] == "three traders"].assign(verdict=YES.answer, gain=0.0, total_gain=0.0)
    changed.to_csv(tables / "institutions.csv", index=False)
    cartel.to_csv(tables / "carbon-cartel.csv", index=False)
    names = report.pages(changed, cartel)["institutions.md"]
    page = tables.parent / "institutions.md"
    page.write_text("".join(f"<!-- table {name} -->\n<!-- end -->\n" for name in names))
    report.write_pages(tables.parent)
    lines = page.read_text().splitlines()
    assert "| repaired | matched orders | coalition-proof | yes | yes | yes | yes | yes | yes | yes |" in lines
    assert (
        "| *short sales allowed: any* | *any* | *any* | *any* | yes | yes | yes | yes | yes | yes | yes | – |" in lines
    )
    drawn = {file.name: file.read_text() for file in (tables.parent / "pictures").iterdir()}
    assert drawn["institutions.png"] == "Which institutions survive whom: 1 economies, short sales bankrupt"
    assert set(drawn) == {"carbon-cartel.png", "institutions-binding.png", "institutions.png"}


def test_in_the_published_table_every_answer_implies_the_weaker_ones(published: pd.DataFrame) -> None:
    wide = published.pivot_table(index=list(table.KEY), columns="question", values="verdict", aggfunc="first")
    implied = [
        (Question.ANY, Question.CONSISTENT),
        (Question.ANY, Question.ONE),
        (Question.CONSISTENT, Question.ONE),
        (Question.LIARS, Question.ONE_LIAR),
        (Question.DISOBEYS, Question.ONE_LIAR),
        (Question.DISOBEYS, Question.ONE),
        (Question.DISOBEY, Question.DISOBEYS),
        (Question.DISOBEY, Question.LIARS),
        (Question.DISOBEY, Question.ANY),
    ]
    for strong, weak in implied:
        assert (wide.loc[wide[strong] == YES.answer, weak] == YES.answer).all()
        assert (wide.loc[wide[weak] == NO.answer, strong] == NO.answer).all()


def test_what_is_known_without_a_search_is_put_into_a_table_and_nothing_else(
    published: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "economies", lambda *given: islice(economies(*given), 1))
    whole = published[published["economy"] == "three traders"].reset_index(drop=True)
    asked = (
        (whole["question"] == Question.CONSISTENT)
        & (whole["because"] == "kept up to any tolerance")
        & (whole["coverage"] == "unlimited")
    )
    # What was found under other rules stays as it is, whatever it is.
    before = whole.drop(columns="approached").assign(
        verdict=np.where(asked, "not refuted", whole["verdict"]),
        because=np.where(asked, "none found", whole["because"] + "!"),
        coalition=np.where(asked, "", whole["coalition"]),
        total_gain=np.where(asked, 0.0, whole["total_gain"]),
    )
    found = table.with_what_is_known(before, tmp_path / "kept.csv", workers=1)
    again = (found[list(table.KEY)] == whole[asked][list(table.KEY)].iloc[0]).all(axis=1)
    assert again.sum() == len(ASKED)
    assert (found["because"] == np.where(again, whole["because"], whole["because"] + "!")).all()
    assert list(found["verdict"]) == list(whole["verdict"])
    assert list(found["approached"]) == list(whole["approached"])
    assert list(found["total_gain"]) == pytest.approx(list(whole["total_gain"]))


def test_the_published_table_says_where_two_can_hide_what_ruins_one(published: pd.DataFrame) -> None:
    asked = published[published["question"] == Question.CONSISTENT]
    approached = asked["approached"] == table.APPROACHED
    # Everywhere under the rules of Theorem 23, and nowhere else; there nothing is open.
    assert (approached[[_hides(row) for row in asked.to_dict("records")]]).all()
    assert not approached[[not _hides(row) for row in asked.to_dict("records")]].any()
    assert set(asked.loc[approached, "verdict"]) == {NO.answer, YES.answer}
    assert (published.loc[published["question"] != Question.CONSISTENT, "approached"] == "").all()


def _hides(row: Mapping[Hashable, object]) -> bool:
    parts = {"solvency": "no-short-sales", "bankruptcy": "trades-stand", "execution": "unilateral", "refusal": "free"}
    priced = row["pricing"] in {"counterparty", "spread"} and row["outsiders"] == "obey"
    return priced and all(row[name] == value for name, value in parts.items())


def test_the_published_table_proves_theorem_two_on_every_economy(published: pd.DataFrame) -> None:
    rows = published[
        published["pricing"].isin(["void", "spread"])
        & (published["solvency"] == "no-short-sales")
        & (published["bankruptcy"] == "unwind")
        & (published["coverage"] == "announced-numeraire")
        & published["question"].isin(AFTER_THE_TRUTH)
    ]
    assert len(rows) > rows["economy"].nunique() * len(AFTER_THE_TRUTH) * 4
    assert (rows["verdict"] == YES.answer).all()


def test_the_published_table_proves_theorem_eight_and_refutes_whatever_lacks_a_part_of_it(
    published: pd.DataFrame,
) -> None:
    whole = (published["execution"] == "matched") & (published["refusal"] == "escrow")
    proof = published["transfers"] == "coalition-proof"
    after = published["question"].isin(AFTER_THE_TRUTH)
    assert (published.loc[whole & (proof | after), "verdict"] == YES.answer).all()
    everything = published[published["question"] == Question.DISOBEY]
    lacking = everything[~(whole & proof)[everything.index]].groupby(list(table.KEY[1:]))["verdict"]
    assert all(NO.answer in set(verdicts) for _, verdicts in lacking)


def test_the_published_table_is_what_the_code_computes(published: pd.DataFrame) -> None:
    for institution in (
        MarketInstitution(REPAIRED),
        MarketInstitution(MarketRules()),
        MarketInstitution(COVERED, Outsiders.WITHHOLD),
    ):
        key = dict(zip(table.KEY, Case(0, "three traders", institution).key, strict=True))
        row = published[(published[list(key)] == pd.Series(key)).all(axis=1)].set_index("question")
        for question, answer in answers(contract_of(0), institution).items():
            assert row.loc[question, "verdict"] == answer.verdict.answer
            assert row.loc[question, "total_gain"] == pytest.approx(answer.total_gain, rel=1e-6, abs=1e-9)


def test_every_institution_is_compared_once() -> None:
    listed = list(institutions())
    assert len(set(listed)) == len(listed)
    assert len(list(combined_institutions())) == 2 * 4 * 2**3
    # Three sets of rules with four ways to bind and two transfers, one of which are combinations already; two without.
    assert len(listed) == 2 * 4 * 2**3 + 3 * (4 * 2 - 1) + 2


def test_pictures_show_every_institution_and_every_answer() -> None:
    cells = pd.DataFrame(
        {
            "institution": ["strict", "strict", "lax", "lax"],
            "question": ["one player", "any coalition"] * 2,
            "verdict": ["yes", "not refuted", "no", "no"],
            "text": ["yes", "not refuted", "no: 3×", "no: 7×"],
        }
    )
    figure = institution_matrix([("all", cells)], ["one player", "any coalition"], "a title")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == cells["text"].tolist()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["strict", "lax"]


def test_a_cartel_that_can_gain_nothing_is_said_to_be_unable(tmp_path: Path) -> None:
    rows = pd.DataFrame({"institution": ["a", "b"], "least": [0.0, 1.0], "total": [0.0, 3.0], "bound": [0.0, 5.0]})
    (axes,) = cartel_gains(rows, "euro", "a title").axes
    assert [text.get_text().strip() for text in axes.texts] == ["proved: nothing to gain"]


def test_an_empty_comparison_is_refused() -> None:
    with pytest.raises(ValueError, match="no institution to show"):
        institution_matrix([], [], "nothing")
