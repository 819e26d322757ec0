"""Learners meet each other in games whose outcome is known: what theory says of regret, play and values holds.

A game is played without a market: what a trader is told of a round is its payoff, or a row of the payoff matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from marketgame.agents.behaviours import (
    Behaviour,
    ExponentialWeights,
    FictitiousPlay,
    Heard,
    Imitating,
    MenuLearning,
    QLearning,
    RegretMatching,
)
from marketgame.agents.behaviours.imitating import Imitation
from marketgame.agents.behaviours.q_learning import Remembered
from marketgame.agents.behaviours.regret_matching import Regretted
from marketgame.agents.private_type import GamePlayer, GameType
from marketgame.mechanisms.arrays import FloatArray, IntegerArray

THREE = ("obedient", "short-selling", "withholding")
TWO = THREE[:2]
PLAYER = GamePlayer("ann", (GameType("only"),))
# A sure statement about chance fails this rarely.
SURELY = 1e-6

ROCK_PAPER_SCISSORS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
CHICKEN = np.array([[0.0, 7.0], [2.0, 6.0]])
PRISONERS_DILEMMA = np.array([[-1.0, -3.0], [0.0, -2.0]])


@dataclass
class Known:
    """All that a menu learner asks of what a trader knows."""

    streams: np.random.Generator
    player: int = 0
    own: GamePlayer = PLAYER
    type_number: int = 0

    def stream(self, purpose: str) -> np.random.Generator:
        return self.streams


def outcome_of(known: Known, played: Behaviour, gain: float, **told: Any) -> Any:
    """Return an outcome, as far as there is one in a game."""
    given = {"hindsight": None, "heard": (), "bound": False, "type_number": known.type_number, **told}
    return SimpleNamespace(knowledge=known, played=played, gain=gain, stream=known.stream, **given)


def beginner(learner: MenuLearning[Any], players: int = 2) -> Any:
    """Return what a learner remembers before the first round of a game."""
    prior = SimpleNamespace(marginal=lambda player: np.ones(1))
    economy = SimpleNamespace(players=[PLAYER] * players, prior=prior)
    common: Any = SimpleNamespace(economy=economy)
    return learner.initial_memory(common, 0)


def history(
    learner: MenuLearning[Any], payoffs: Sequence[FloatArray], rounds: int, seed: int, *, hindsight: bool
) -> IntegerArray:
    """Return the stances, ``(T, 2)``, that two of a kind take; row s of a player's payoffs belongs to its stance s."""
    children = np.random.SeedSequence(seed).spawn(2)
    known: list[Any] = [Known(np.random.default_rng(child), player) for player, child in enumerate(children)]
    memories, menu = [beginner(learner) for _ in range(2)], learner.menu(PLAYER, 0)
    play = np.empty((rounds, 2), np.int64)
    for taken in play:
        planned = [learner.plan(memory, each) for memory, each in zip(memories, known, strict=True)]
        taken[:] = [menu.index(each) for each in planned]
        for own in range(2):
            brought = payoffs[own][:, taken[1 - own]]
            told = {"hindsight": brought} if hindsight else {}
            heard = (Heard(1 - own, planned[1 - own].called, 0.0),)
            outcome = outcome_of(known[own], planned[own], float(brought[taken[own]]), heard=heard, **told)
            memories[own] = learner.learn(memories[own], outcome)
    return play


def external_regret(play: IntegerArray, payoffs: FloatArray, own: int) -> float:
    """Return what the best stance would have brought more than what was taken, a round."""
    brought = payoffs[:, play[:, 1 - own]]
    return float((brought.mean(axis=1) - brought[play[:, own], range(len(play))].mean()).max())


def hedged(size: int, rounds: int) -> float:
    """Cesa-Bianchi and Lugosi (2006), Prediction, learning, and games, theorem 2.3."""
    return sqrt(2 * log(size) / rounds) + sqrt(log(size) / 8) / rounds


def matched(size: int, rounds: int) -> float:
    """Blackwell's theorem: regrets are added at right angles to those there are, at most the range in each of them."""
    return sqrt((size - 1) / rounds)


def explored(size: int, rounds: int) -> float:
    """Neu (2015), corollary 1, for rates that fall as here; its tail is summed up to bound the expectation."""
    tail = (2 * sqrt(size * rounds / log(size)) + 1) * (1 + log(2))
    return 4 * sqrt(size * log(size) / rounds) + tail / rounds


NO_REGRET = (
    (ExponentialWeights(THREE), True, hedged),
    (ExponentialWeights(THREE), False, explored),
    (RegretMatching(THREE), True, matched),
)


@pytest.mark.parametrize(("learner", "hindsight", "bound"), NO_REGRET, ids=["hedge", "exp3", "regret matching"])
def test_regret_is_bounded_as_theory_says_and_average_play_nears_the_equilibrium_of_a_game_of_opposed_interests(
    learner: MenuLearning[Any], hindsight: bool, bound: Any
) -> None:
    rounds, payoffs, seeds = 300, ROCK_PAPER_SCISSORS, range(3)
    regrets = []
    for seed in seeds:
        play = history(learner, [payoffs, payoffs], rounds, seed, hindsight=hindsight)
        regrets.append([external_regret(play, payoffs, own) for own in range(2)])
        shares = [np.bincount(play[:, own], minlength=3) / rounds for own in range(2)]
        exploitability = sum((payoffs @ shares[1 - own]).max() for own in range(2))
        assert exploitability == pytest.approx(sum(regrets[-1]))
    # The bounds are for expected payoffs; those drawn differ from them by no more than this.
    luck = sqrt(log(1 / SURELY) / (2 * rounds * len(seeds)))
    assert np.mean(regrets) <= np.ptp(payoffs) * (bound(3, rounds) + luck)
    # Nor is the bound empty: who always does the same has all the range for regret against somebody who learns.
    assert bound(3, rounds) + luck < 1


@pytest.mark.parametrize("hindsight", [True, False])
def test_internal_regret_vanishes_so_that_play_nears_the_correlated_equilibria(hindsight: bool) -> None:
    learner, payoffs = RegretMatching(TWO, Regretted.INTERNAL), CHICKEN
    regrets = []
    for seed in range(3):
        play = history(learner, [payoffs, payoffs], 400, seed, hindsight=hindsight)
        for own in range(2):
            more = payoffs[:, play[:, 1 - own]] - payoffs[play[:, own], play[:, 1 - own]]
            regrets.append(max(more[:, play[:, own] == stance].sum(axis=1).max() / 400 for stance in range(2)))
    assert np.mean(regrets) <= 0.1 * np.ptp(payoffs)


DOMINATING = (
    (ExponentialWeights(TWO), False),
    (ExponentialWeights(TWO), True),
    (RegretMatching(TWO), False),
    (RegretMatching(TWO), True),
    (RegretMatching(TWO, Regretted.INTERNAL), True),
    (FictitiousPlay(TWO), False),
    (FictitiousPlay(TWO, noise=0), True),
)


@pytest.mark.parametrize(("learner", "hindsight"), DOMINATING)
def test_what_is_dominated_is_given_up(learner: MenuLearning[Any], hindsight: bool) -> None:
    plays = [history(learner, [PRISONERS_DILEMMA] * 2, 400, seed, hindsight=hindsight)[-100:] for seed in range(2)]
    assert np.mean(plays) > 0.8


def test_estimated_regrets_do_not_depend_on_a_constant_of_payoffs_nor_on_their_unit() -> None:
    for learner in (RegretMatching(TWO), RegretMatching(TWO, Regretted.INTERNAL)):
        plain = history(learner, [CHICKEN, CHICKEN], 60, 3, hindsight=False)
        moved = history(learner, [8 * CHICKEN + 1024, 0.5 * CHICKEN - 4], 60, 3, hindsight=False)
        np.testing.assert_array_equal(plain, moved)


def test_fictitious_play_nears_the_equilibrium_of_a_game_of_opposed_interests() -> None:
    """Robinson (1951); how fast is not known, the conjectured rate is one over the root of the rounds."""
    learner, payoffs, exploitability = FictitiousPlay(THREE, noise=0.0), ROCK_PAPER_SCISSORS, []
    for rounds in (25, 400):
        play = history(learner, [payoffs, payoffs], rounds, 1, hindsight=True)
        exploitability.append(sum(external_regret(play, payoffs, own) for own in range(2)))
    assert exploitability[1] < exploitability[0] / 2
    assert exploitability[1] < 2 * np.ptp(payoffs) / sqrt(400)


def test_fictitious_play_expects_of_a_stance_what_it_brings_against_what_it_hears_that_others_do() -> None:
    """Of a law of the other's play that is not uniform, whatever it took itself in which round."""
    learner, stream = FictitiousPlay(TWO), np.random.default_rng(4)
    known, menu, memory = Known(np.random.default_rng(3)), learner.menu(PLAYER, 0), beginner(learner)
    drawn = stream.random(60) < 0.8
    for number, cautious in enumerate(drawn.astype(int)):
        own = number % 2 if number < 20 else 0
        heard = (Heard(1, TWO[cautious], 0.0),)
        memory = learner.learn(memory, outcome_of(known, menu[own], float(CHICKEN[own, cautious]), heard=heard))
    law = np.array([1 - drawn.mean(), drawn.mean()])
    np.testing.assert_allclose(memory.expected(0), CHICKEN @ law)
    better, worse = learner.probabilities(memory, 0)
    gap = (CHICKEN[0] - CHICKEN[1]) @ law
    assert better / worse == pytest.approx(exp(gap / (0.05 * np.ptp(CHICKEN))))


def test_q_learning_finds_the_values_of_a_decision_problem_whose_state_is_what_it_quoted() -> None:
    """Quoting high costs 0.3 and brings 1 a round later, so that it is worth its cost to the patient only."""
    for discount in (0.1, 0.8):
        learner = QLearning(("obedient",), (1.0, 2.0), Remembered.EACH, rate=0.5, discount=discount, fading=0.0)
        known: Any = Known(np.random.default_rng(5))
        memory, menu = beginner(learner, 1), learner.menu(PLAYER, 0)
        known.recommendation = SimpleNamespace(quotes=np.array([3.0, 1.0]))
        high = 0
        for _ in range(600):
            planned = learner.plan(memory, known)
            gain, high = high - 0.3 * menu.index(planned), menu.index(planned)
            quotes = np.array([[3.0 * (1 + high), 1.0]])
            memory = learner.learn(memory, outcome_of(known, planned, gain, quotes=quotes))
        values = np.zeros((2, 2))
        for _ in range(400):
            values = np.array([[now - 0.3 * high + discount * values[high].max() for high in (0, 1)] for now in (0, 1)])
        order = memory.states[:, 0].argsort()
        np.testing.assert_allclose(memory.values[order, 0], values, atol=1e-4)
        assert (values[0].argmax() == 1) == (discount > 0.3)


@pytest.mark.parametrize("factors", [(0.0, 1.0), (1.1, 0.9), (1.0, 1.0)])
def test_factors_of_quotes_that_make_no_grid_are_refused(factors: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"behaviour 'q-learning' has factors .*; they must be positive and ascending"):
        QLearning(factors=factors).check([PLAYER])


def test_q_learning_tries_ever_less() -> None:
    learner = QLearning(TWO, (1.0,), Remembered.NONE, fading=0.5)
    memory = beginner(learner)
    known, played = Known(np.random.default_rng(1)), learner.menu(PLAYER, 0)[1]
    for rounds in range(1, 5):
        memory = learner.learn(memory, outcome_of(known, played, 1.0))
        assert learner.probabilities(memory, 0)[0] == pytest.approx(exp(-0.5 * rounds) / 2)


def test_a_better_stance_is_imitated_as_likely_as_it_is_better_and_a_worse_one_never() -> None:
    learner = Imitating(TWO, trying=0.0)
    known, (obeying, _) = Known(np.random.default_rng(2)), learner.menu(PLAYER, 0)
    memory = beginner(learner)
    # The widest difference seen is 4.
    memory = learner.learn(memory, outcome_of(known, obeying, 0.0, heard=(Heard(1, "obedient", 4.0),)))
    shares = {}
    for gain in (-1.0, 0.0, 1.0, 3.0, 4.0):
        heard = (Heard(1, "short-selling", gain),)
        taken_up = [
            learner.learn(memory, outcome_of(known, obeying, 0.0, heard=heard)).shares[0, 1] for _ in range(400)
        ]
        shares[gain] = np.mean(taken_up)
    assert (shares[-1.0], shares[0.0], shares[4.0]) == (0, 0, 1)
    for gain in (1.0, 3.0):
        assert abs(shares[gain] - gain / 4) < sqrt(log(2 / SURELY) / (2 * 400))


def test_only_the_best_off_is_imitated_if_asked_and_no_stance_it_does_not_have() -> None:
    learner = Imitating(TWO, Imitation.BEST, trying=0.0)
    known, (obeying, _) = Known(np.random.default_rng(2)), learner.menu(PLAYER, 0)
    heard = (Heard(1, "withholding", 1.0), Heard(2, "short-selling", 2.0), Heard(3, "obedient", 1.5))
    memory = beginner(learner)
    assert learner.learn(memory, outcome_of(known, obeying, 0.0, heard=heard)).shares.tolist() == [[0, 1]]
    assert learner.learn(memory, outcome_of(known, obeying, 3.0, heard=heard)).shares.tolist() == [[1, 0]]
    assert learner.learn(memory, outcome_of(known, obeying, 0.0, heard=heard[:1])).shares.tolist() == [[1, 0]]
