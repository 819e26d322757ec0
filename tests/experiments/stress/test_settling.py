"""How long learners play: an answer is given once more rounds would not change it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.stress.market_institution import REPAIRED
from marketgame.experiments.stress.played import Effort, learning
from marketgame.experiments.stress.question import Question
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.simulation.market.sampled_play.settling import DOUBLINGS, TOLERANCE, Settling, stands
from marketgame.simulation.scenario.market_scenario import MarketScenario

USUAL = 40
# Replications miss so much more or less than their mean.
APART = np.array([-1.0, 0.5, 0.5, 0.0])


def played(missed: Callable[[float], float]) -> tuple[Settling, int]:
    """Let learners play who miss so much after so many rounds, and return how many they played."""

    def missing(_: IntegerArray, gains: FloatArray) -> FloatArray:
        return gains

    settling = Settling(missing, USUAL, NO_DEADLINE)
    gains = np.array([missed(float(number + 1)) for number in range(settling.most)]) * (1 + 0.01 * APART[:, None])
    for number in range(1, settling.most + 1):
        if settling(np.zeros((4, number), np.int64), gains[:, :number]):
            return settling, number
    return settling, settling.most


@pytest.mark.parametrize(
    ("missed", "doublings"),
    [
        (lambda _: 0.0, 0),
        (lambda _: TOLERANCE / 2, 0),
        (lambda _: 0.2, 0),
        # What vanishes as regrets do is waited for, and found to be borne.
        (lambda rounds: 2 * TOLERANCE * USUAL / rounds, 2),
        (lambda rounds: 3 * TOLERANCE * (USUAL / rounds) ** 0.7, 3),
        # What grows is not taken for what is borne.
        (lambda rounds: 0.9 * TOLERANCE * rounds / USUAL, 1),
    ],
)
def test_learners_play_until_more_rounds_would_not_change_the_answer(
    missed: Callable[[float], float], doublings: int
) -> None:
    settling, rounds = played(missed)
    assert settling.settled
    assert rounds == USUAL << doublings


def test_what_does_not_settle_is_played_for_so_long_and_no_longer() -> None:
    endless, rounds = played(lambda rounds: TOLERANCE * 10 * (USUAL / rounds) ** 0.6)
    assert not endless.settled
    assert rounds == USUAL << DOUBLINGS


@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_an_answer_stands_only_if_its_interval_is_on_one_side(scale: float) -> None:
    wide = TOLERANCE + scale * APART
    assert not stands(wide, wide)
    assert stands(TOLERANCE / 2 + 0 * APART, None)
    assert stands(np.full(4, 2 * TOLERANCE), np.full(4, 2 * TOLERANCE))
    assert not stands(np.full(4, 2 * TOLERANCE), np.full(4, 4 * TOLERANCE))


def test_learners_whom_time_cut_short_say_neither_yes_nor_no() -> None:
    farmers = load_economy(located("example:three-farmers"))
    asked = MarketScenario("asked", farmers, rules=REPAIRED, transfers=TransferRule.COALITION_PROOF)

    class Soon(Deadline):
        """Passes at the second look at what learners have brought."""

        looks = 0

        @property
        def passed(self) -> bool:
            type(self).looks += 1
            return self.looks > USUAL // 2

    effort = Effort(replications=2, rounds=USUAL, longer=1)
    whole = learning(asked, NO_DEADLINE, effort).rulings[Question.LEARNING]
    cut = learning(asked, Soon(), effort).rulings[Question.LEARNING]
    assert whole.verdict is Verdict.SAMPLED
    assert cut.verdict is Verdict.NOT_REFUTED
    assert "more rounds might change it" in dict(cut.premises)["played"]
