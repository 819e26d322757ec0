"""Myerson's statements on games that nobody has seen before: seeds are drawn each time, and games are larger.

The verdicts of the ledger must survive; the seed of whatever contradicts them is in the message. A few of each are
among the tests, and docs/tables/claims.csv says what a fixed seed brought.
"""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from marketgame.experiments.claims.claim import Claim, Effort
from marketgame.experiments.claims.myerson import CLAIMS
from marketgame.experiments.claims.myerson.drawn_games import books, wild_mechanism, wild_stakes
from marketgame.mechanisms.blocking import BlockingPlan, NoBlockingPlan, Support, find_blocking_plan
from marketgame.mechanisms.incentive_efficiency.dominance import dominating_mechanism

SEED = secrets.randbelow(2**32)
LARGER = ((3, 3), (4, 2), (5, 1), (2, 2, 2), (3, 2, 1), (2, 1, 1, 1), (2, 2, 1, 1))
NOTHING = 1e-7


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_every_verdict_survives_a_seed_that_is_new(claim: Claim) -> None:
    finding = claim.check(Effort(200, SEED))
    assert finding.agrees, f"seed {SEED}: {finding.found}"


def test_the_repaired_theorem_0_and_the_engine_agree_on_larger_games() -> None:
    for number, (generator, book) in enumerate(books(Effort(150, SEED), "larger, theorem 0", LARGER)):
        mechanism = wild_mechanism(generator, book)
        better = book.everybody_better_by(mechanism)
        keeps = -float(book.cost @ book.point(mechanism))
        holds = book.theorem_0(mechanism)[0] <= NOTHING and keeps <= NOTHING
        assert holds == (better <= NOTHING), (SEED, number)
        assert dominating_mechanism(book.game, mechanism).gain == pytest.approx(better, abs=1e-6), (SEED, number)


@pytest.mark.parametrize("support", list(Support))
def test_theorem_1_and_the_engine_agree_on_larger_games(support: Support) -> None:
    fine = support is Support.FINE
    for number, (generator, book) in enumerate(books(Effort(150, SEED), "larger, theorem 1", LARGER)):
        omega = wild_stakes(generator, book)
        profit, surplus = book.profit(omega, fine=fine), book.least_surplus(omega, fine=fine)[0]
        assert max(surplus, 0.0) == pytest.approx(profit, abs=1e-7), (SEED, number)
        answer = find_blocking_plan(book.game, omega, support=support)
        if isinstance(answer, BlockingPlan):
            assert answer.profit == pytest.approx(profit, rel=1e-6, abs=1e-8), (SEED, number)
        else:
            assert isinstance(answer, NoBlockingPlan)
            assert profit <= NOTHING, (SEED, number)
            weights = answer.virtual
            told = np.concatenate([*weights.weights, *[weights.multipliers[i][k, r : r + 1] for i, k, r in book.lies]])
            assert (book.surpluses(omega, fine=fine) @ told).max() <= NOTHING, (SEED, number)
            assert book.hydraulic @ told == pytest.approx(book.odds, abs=1e-9), (SEED, number)
