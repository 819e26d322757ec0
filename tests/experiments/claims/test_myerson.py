"""The evidence about Myerson's statements, on few games; docs/tables/claims.csv has many, from other seeds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.claims.claim import Claim, Effort, How
from marketgame.experiments.claims.myerson import CLAIMS
from marketgame.experiments.claims.myerson.drawn_games import KINDS, books, wild_stakes
from marketgame.experiments.claims.myerson.examples import (
    CORE_OF_EXAMPLE_1,
    EQUAL_GAINS,
    EQUITABLE,
    example_1,
    example_2,
    pooling,
)
from marketgame.experiments.claims.myerson.stated import PAGE
from marketgame.experiments.claims.myerson.textbook import Textbook

FEW = Effort(economies=3, seed=7)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_every_verdict_is_found_anew(claim: Claim) -> None:
    finding = claim.check(FEW)
    assert finding.agrees, finding.found
    assert all(0 <= each.count <= each.among for each in finding.frequencies)


def test_the_programs_written_out_judge_the_mechanisms_of_the_paper() -> None:
    first, second = Textbook(example_1()), Textbook(example_2())
    assert first.profit(first.stakes(EQUAL_GAINS)) == pytest.approx(2 / 81)
    for mechanism in (EQUITABLE, *CORE_OF_EXAMPLE_1):
        assert first.misses(mechanism) == pytest.approx(0.0, abs=1e-12)
        assert first.profit(first.stakes(mechanism)) == pytest.approx(0.0, abs=1e-12)
        assert first.least_surplus(first.stakes(mechanism))[0] <= 1e-12
    assert second.profit(second.stakes(pooling(3.5, 2.5, 5 / 6))) == pytest.approx(0.0, abs=1e-12)
    assert second.profit(second.stakes(pooling(3.5, 2.5, 0.8))) > 1e-3


def test_the_programs_written_out_tell_what_is_not_so() -> None:
    book = Textbook(example_1())
    tempting = replace(EQUITABLE, payments=EQUITABLE.payments + np.array([[0.01, 0.0], [0.0, 0.0]]))
    assert book.misses(tempting) == pytest.approx(0.01)
    poorer = replace(EQUITABLE, payments=EQUITABLE.payments - 0.1)
    assert book.everybody_better_by(poorer) == pytest.approx(0.1)
    assert book.theorem_0(poorer)[0] == pytest.approx(0.0, abs=1e-12)
    idle = replace(EQUITABLE, action_probability=np.tile([1.0, 0.0], (2, 1)), payments=np.zeros((2, 2)))
    assert book.theorem_0(idle)[0] > 0.1
    assert book.weighted_severance(replace(CORE_OF_EXAMPLE_1[0], severance=np.full((2, 2), 0.1))) is None


def test_games_of_every_kind_are_drawn_and_are_what_they_are_called() -> None:
    for kind in KINDS:
        games = [book.game for _, book in books(Effort(12, 5), "kinds", kind=kind)]
        assert len({game.type_counts for game in games}) > 3
        if kind == "rare":
            assert min(float(odds.min()) for game in games for odds in game.type_probabilities) < 0.02
        if kind == "repeated":
            assert all(np.ptp(game.actions[game.grand_coalition].utilities, axis=0).max() == 0 for game in games)
        if kind == "common":
            everybody = [game.actions[game.grand_coalition].utilities for game in games]
            assert all(np.ptp(utilities, axis=1).max() == 0 for utilities in everybody)


def test_stakes_of_every_sort_are_drawn() -> None:
    profits = [book.profit(wild_stakes(generator, book)) for generator, book in books(Effort(40, 5), "sorts")]
    assert 5 < sum(profit > 1e-6 for profit in profits) < 35


def test_every_proof_that_a_reason_names_stands_in_bold_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / PAGE).read_text(encoding="utf-8")
    for claim in CLAIMS:
        for label in re.findall(r"core-theory\.md, ((?:Theorem|Lemma|Proposition) M\d+)", claim.reason):
            assert f"**{label}**" in page, claim.key
        if How.PROOF in claim.how and claim.repair is not None:
            assert claim.repair.page == PAGE, claim.key
