"""The institution table agrees with the theorems, is complete after an interruption, and is what the code computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketgame.experiments.studies.institutions import report, table
from marketgame.experiments.studies.institutions.answers import (
    LIARS_TOGETHER,
    ORACLE,
    Question,
    answers,
    gains_from_trade,
    liars_together,
)
from marketgame.experiments.studies.institutions.institution import Institution, Outsiders, institutions
from marketgame.experiments.studies.institutions.table import contract_of
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from marketgame.results.figures.institutions import cartel_gains, institution_matrix

REPAIRED = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, coverage=Coverage.ANNOUNCED_NUMERAIRE)
COVERED = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
NO, YES = Verdict.REFUTED, Verdict.PROVEN


@pytest.mark.parametrize(
    ("institution", "expected"),
    [
        (Institution(MarketRules()), [NO, NO, NO]),
        (Institution(MarketRules.no_short_sales()), [YES, YES, NO]),
        (Institution(REPAIRED), [YES, YES, YES]),
        (Institution(COVERED, Outsiders.WITHHOLD), [YES, YES, YES]),
    ],
)
def test_three_traders_are_safe_exactly_where_the_theorems_say(
    institution: Institution, expected: list[Verdict]
) -> None:
    found = answers(contract_of(0), institution)
    assert [found[question].verdict for question in Question] == expected
    for answer in found.values():
        assert (answer.gain > 0) == (answer.verdict is NO)
        assert answer.total_gain <= answer.bound * (1 + 1e-6) + 1e-9


def test_expected_externality_transfers_cost_the_three_farmers_the_protection_of_withholding() -> None:
    contract = contract_of(2)
    assert (contract.transfers < 0).any()
    obeying, withholding = (answers(contract, Institution(COVERED, outsiders)) for outsiders in Outsiders)
    assert [obeying[question].verdict for question in Question] == [YES, YES, NO]
    assert withholding[Question.ANY].verdict is not YES
    assert answers(contract, Institution(REPAIRED))[Question.ANY].verdict is YES


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
    found = answers(contract, Institution(COVERED, Outsiders.WITHHOLD), little)[Question.ANY]
    assert found.verdict is not YES
    assert found.bound > 0


def test_farmers_who_lie_together_gain_on_expected_externality_transfers_under_every_rule_and_not_on_others() -> None:
    contract, institution = contract_of(2), Institution(REPAIRED)
    found = liars_together(contract, institution)
    assert found.verdict is NO
    assert len(found.coalition) > 1
    worst = check_joint_misreports(contract).worst
    assert worst is not None
    assert found.total_gain == pytest.approx(worst.gain / gains_from_trade(contract))
    proof = contract_with_transfers(contract.economy, TransferRule.COALITION_PROOF)
    assert liars_together(proof, institution).verdict is YES


def test_liars_have_a_column_where_a_table_asks_about_them(published: pd.DataFrame) -> None:
    asked = published[published["question"] == Question.ONE].assign(question=LIARS_TOGETHER, verdict=YES.answer)
    with_liars = report.institution_markdown(pd.concat([asked, published])).splitlines()
    without = report.institution_markdown(published).splitlines()
    assert "liars together | one player" in with_liars[0]
    assert "liars together" not in without[0]
    for line, shorter in zip(with_liars[2:], without[2:], strict=True):
        cells = line.split(" | ")
        assert cells.pop(4) == "yes"
        assert " | ".join(cells) == shorter


def test_an_interrupted_table_is_completed_to_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(0, "three traders", Institution(rules)) for rules in (REPAIRED, MarketRules())]
    monkeypatch.setattr(table, "_cases", lambda *_: iter(cases))
    file = tmp_path / "institutions.csv"
    whole = table.compute(file, workers=1)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))  # the last cell lost a row
    told: list[tuple[int, int]] = []
    again = table.compute(file, workers=1, on_cell=lambda *counts: told.append(counts))
    assert told == [(2, 2)]
    pd.testing.assert_frame_equal(again, whole, check_dtype=False)
    # With one type each nobody lies.
    assert (whole.loc[whole["question"] == LIARS_TOGETHER, "verdict"] == YES.answer).all()


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).parents[3] / "docs" / "tables" / "institutions.csv", keep_default_na=False)


def test_in_the_published_table_every_answer_implies_the_weaker_ones(published: pd.DataFrame) -> None:
    wide = published.pivot_table(index=list(table.KEY), columns="question", values="verdict", aggfunc="first")
    strongest, middle, weakest = Question.ANY, Question.CONSISTENT, Question.ONE
    for strong, weak in ((strongest, middle), (strongest, weakest), (middle, weakest)):
        assert (wide.loc[wide[strong] == YES.answer, weak] == YES.answer).all()
        assert (wide.loc[wide[weak] == NO.answer, strong] == NO.answer).all()


def test_the_published_table_proves_theorem_two_on_every_economy(published: pd.DataFrame) -> None:
    rows = published[
        published["pricing"].isin(["void", "spread"])
        & (published["solvency"] == "no-short-sales")
        & (published["bankruptcy"] == "unwind")
        & (published["coverage"] == "announced-numeraire")
    ]
    assert len(rows) == rows["economy"].nunique() * len(Question) * 4
    assert (rows["verdict"] == YES.answer).all()


def test_the_published_table_is_what_the_code_computes(published: pd.DataFrame) -> None:
    for institution in (Institution(REPAIRED), Institution(MarketRules()), Institution(COVERED, Outsiders.WITHHOLD)):
        rules = institution.rules
        key = {"economy": "three traders", "outsiders": institution.outsiders.value} | {
            name: getattr(rules, name).value for name in ("pricing", "solvency", "bankruptcy", "coverage")
        }
        row = published[(published[list(key)] == pd.Series(key)).all(axis=1)].set_index("question")
        for question, answer in answers(contract_of(0), institution).items():
            assert row.loc[question, "verdict"] == answer.verdict.answer
            assert row.loc[question, "total_gain"] == pytest.approx(answer.total_gain, rel=1e-6, abs=1e-9)


def test_every_institution_is_compared_once() -> None:
    listed = list(institutions())
    assert len(set(listed)) == len(listed) == 2 * 4 * 2**3


def test_pictures_show_every_institution_and_every_answer(published: pd.DataFrame, tmp_path: Path) -> None:
    report.institution_picture(published, tmp_path / "institutions.png")
    assert (tmp_path / "institutions.png").stat().st_size > 10_000
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
