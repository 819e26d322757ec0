"""Claims about durability: Theorem 4, refutations that no beliefs escape, and rejections recomputed by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.durability.examination import (
    AlternativeGame,
    Refutation,
    Rejection,
    coalition_payoffs,
    examine_alternative,
    rejection_violation,
)
from marketgame.mechanisms.core.durability.search import AlternativeSearch, NotRefuted, search_durability
from marketgame.mechanisms.core.search import find_core_allocation
from tests.examples import drawn
from tests.mechanisms.balanced_games import lemons
from tests.mechanisms.myerson_examples import EXAMPLE_1, EXAMPLE_2, bilateral_trade

SEEDS = st.integers(0, 2**32 - 1)
FEW = AlternativeSearch(games=8)


KNOWN_VALUES = bilateral_trade([1.0], [[3.0]], [1.0], [1.0])
NO_TRADE = Mechanism(np.tile([1.0, 0.0], (2, 1)), np.zeros((2, 2)))


def random_alternative(generator: np.random.Generator, choices: tuple[int, int], fee: float = 0.05) -> AlternativeGame:
    payments = generator.uniform(-6.0, 6.0, size=(*choices, 2))
    payments[..., 1] = -payments[..., 0] - fee
    return AlternativeGame((0, 1), np.eye(2)[generator.integers(2, size=choices)], payments)


def random_mechanism(generator: np.random.Generator, game: CoalitionalGame) -> Mechanism:
    probability = generator.dirichlet(np.ones(2), size=len(game.profiles))
    payments = generator.uniform(-3.0, 3.0, size=(len(game.profiles), 1))
    return Mechanism(probability, np.concatenate([payments, -payments], axis=1))


def test_a_mechanism_that_forgoes_known_gains_is_refuted_and_one_that_does_not_is_not() -> None:
    forgone = search_durability(KNOWN_VALUES, Mechanism(np.array([[1.0, 0.0]]), np.zeros((1, 2))), FEW)
    assert isinstance(forgone, Refutation)
    # With one type each the margin is what the member who gains less gains.
    utilities, kept = coalition_payoffs(KNOWN_VALUES, Mechanism(np.array([[1.0, 0.0]]), np.zeros((1, 2))), (0, 1))
    earned = np.einsum("abc,cmq->abmq", forgone.alternative.action_probability, utilities)[..., 0]
    gains = (earned + forgone.alternative.payments - kept[:, 0]).reshape(-1, 2)
    assert forgone.margin == pytest.approx(gains.min())
    kept_gains = search_durability(KNOWN_VALUES, Mechanism(np.array([[0.0, 1.0]]), np.array([[2.0, -2.0]])), FEW)
    assert isinstance(kept_gains, NotRefuted)


def test_no_trade_is_refuted_in_both_examples_of_the_paper() -> None:
    for game in (EXAMPLE_1, EXAMPLE_2):
        assert isinstance(search_durability(game, NO_TRADE), Refutation)


def test_a_type_that_does_better_alone_refutes_durability_by_itself() -> None:
    forced = Mechanism(np.tile([0.0, 1.0], (2, 1)), np.tile([3.0, -3.0], (2, 1)))
    refuted = search_durability(EXAMPLE_1, forced, FEW)
    assert isinstance(refuted, Refutation)
    assert refuted.alternative.coalition == (0,)
    # The seller of type H gives up 5 for 3; leaving saves it 2, less the fee.
    assert refuted.margin == pytest.approx(2 + refuted.alternative.payments.item())


@settings(max_examples=drawn(12), deadline=None)
@given(SEEDS, st.sampled_from([(2, 1), (2, 2), (3, 2)]))
@example(56794, (2, 1))  # The solver's own cuts once excluded the optimum of a program with integers.
def test_core_mechanisms_are_durable_against_every_alternative_tried(seed: int, counts: tuple[int, int]) -> None:
    game = lemons(np.random.default_rng(seed), counts)
    core = find_core_allocation(game)
    assert isinstance(core, CoreAllocation)
    found = search_durability(game, core.mechanism, replace(FEW, seed=seed))
    assert isinstance(found, NotRefuted)
    assert found.coalitions == ((0,), (1,), (0, 1))
    for alternative, rejection in found.tried:
        assert rejection_violation(game, core.mechanism, alternative, rejection) <= 1e-3
        assert max(float(rejection.gains[rejection.opponent].max()), rejection.regret) <= 1e-3


def rejected_by(
    game: CoalitionalGame,
    mechanism: Mechanism,
    alternative: AlternativeGame,
    beliefs: Sequence[FloatArray],
    plays: Sequence[Sequence[int] | IntegerArray],
) -> bool:
    """Whether given beliefs and pure plays ``(K_i,)`` reject the alternative, by the definition and with loops."""
    utilities, kept = coalition_payoffs(game, mechanism, (0, 1))
    never = []
    for i in (0, 1):
        j = 1 - i
        gains = []
        for own in range(game.type_counts[i]):
            worth = np.zeros(alternative.payments.shape[i])
            stay = 0.0
            for other in range(game.type_counts[j]):
                types = (own, other) if i == 0 else (other, own)
                profile = types[0] * game.type_counts[1] + types[1]
                stay += beliefs[j][other] * kept[i, profile]
                for choice in range(worth.size):
                    both = (choice, plays[j][other]) if i == 0 else (plays[j][other], choice)
                    value = alternative.action_probability[both] @ utilities[:, i, profile]
                    worth[choice] += beliefs[j][other] * (value + alternative.payments[(*both, i)])
            if worth[plays[i][own]] < worth.max():
                return False
            gains.append(worth.max() - stay)
        ratio = beliefs[i] / game.type_probabilities[i]
        if any(gain > 0 and r < ratio.max() - 1e-12 for gain, r in zip(gains, ratio, strict=True)):
            return False
        never.append(max(gains) <= 0)
    return any(never)


@settings(max_examples=drawn(40), deadline=None)
@given(SEEDS, st.sampled_from([(1, 1), (2, 1), (2, 2)]))
def test_what_enumeration_rejects_the_program_rejects(seed: int, choices: tuple[int, int]) -> None:
    generator = np.random.default_rng(seed)
    game = lemons(generator, (2, 2))
    mechanism = random_mechanism(generator, game)
    alternative = random_alternative(generator, choices)
    outcome = examine_alternative(game, mechanism, alternative)
    grid = [np.array([q, 1 - q]) for q in (0.0, 1.0)] + list(generator.dirichlet(np.ones(2), size=4))
    grid_of = [[*grid, prior] for prior in game.type_probabilities]
    plays = [list(itertools.product(range(count), repeat=2)) for count in choices]
    rejections = [
        (beliefs, played)
        for beliefs in itertools.product(*grid_of)
        for played in itertools.product(*plays)
        if rejected_by(game, mechanism, alternative, beliefs, played)
    ]
    if rejections:
        assert isinstance(outcome, Rejection)
    if isinstance(outcome, Rejection):
        assert rejection_violation(game, mechanism, alternative, outcome) <= 1e-3


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS)
def test_a_refutation_survives_random_beliefs_and_plays(seed: int) -> None:
    generator = np.random.default_rng(seed)
    game = lemons(generator, (2, 2))
    nothing = Mechanism(np.tile([1.0, 0.0], (4, 1)), np.zeros((4, 2)))
    found = search_durability(game, nothing, FEW)
    if not isinstance(found, Refutation) or len(found.alternative.coalition) == 1:
        return
    assert found.margin > 0
    choices = found.alternative.payments.shape[:2]
    for _ in range(200):
        beliefs = tuple(generator.dirichlet(np.full(2, 0.5)) for _ in range(2))
        plays = tuple(generator.integers(count, size=2) for count in choices)
        assert not rejected_by(game, nothing, found.alternative, beliefs, plays)


def test_a_rejection_with_other_beliefs_or_strategies_fails_its_check() -> None:
    core = Mechanism(np.array([[0.0, 1.0], [0.9, 0.1]]), np.array([[1.5, -1.5], [0.6, -0.6]]))
    buy_high = AlternativeGame((0, 1), np.array([[[0.0, 1.0]], [[1.0, 0.0]]]), np.array([[[5.5, -5.6]], [[0.0, -0.1]]]))
    rejection = examine_alternative(EXAMPLE_1, core, buy_high)
    assert isinstance(rejection, Rejection)
    assert rejection_violation(EXAMPLE_1, core, buy_high, rejection) <= 1e-6
    worse = replace(rejection, strategies=(rejection.strategies[0][:, ::-1], rejection.strategies[1]))
    assert rejection_violation(EXAMPLE_1, core, buy_high, worse) > 0.01
    other = replace(rejection, opponent=1 - rejection.opponent)
    assert rejection_violation(EXAMPLE_1, core, buy_high, other) > 0.01
    doubled = replace(rejection, beliefs=(2 * rejection.beliefs[0], rejection.beliefs[1]))
    assert rejection_violation(EXAMPLE_1, core, buy_high, doubled) > 0.01


def test_only_coalitions_of_one_and_two_are_examined_and_the_answer_says_so() -> None:
    sets = {
        s: ActionSet(("nothing",), np.zeros((1, size, 1)))
        for size in (1, 2, 3)
        for s in itertools.combinations(range(3), size)
    }
    game = CoalitionalGame(("a", "b", "c"), (("only",),) * 3, (np.ones(1),) * 3, sets)
    found = search_durability(game, Mechanism(np.ones((1, 1)), np.zeros((1, 3))), AlternativeSearch(games=2))
    assert isinstance(found, NotRefuted)
    assert max(len(coalition) for coalition in found.coalitions) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AlternativeGame((0, 1), np.ones((1, 1, 1)), np.zeros((1, 1, 2))), "less than 0"),
        (lambda: AlternativeGame((0, 1), np.ones((1, 1, 2)), np.full((1, 1, 2), -1.0)), "sum to 1"),
        (lambda: AlternativeGame((0, 1), np.ones((1, 1)), np.full((1, 2), -1.0)), "no alternative game for 2"),
        (lambda: AlternativeGame((0, 1, 2), np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 3), -1.0)), "one or two"),
        (lambda: AlternativeSearch(choices=0), "at least 1 choice"),
        (
            lambda: examine_alternative(
                EXAMPLE_1, NO_TRADE, AlternativeGame((0, 1), np.ones((1, 1, 1)), np.full((1, 1, 2), -1.0))
            ),
            "has 1 actions; seller \\+ buyer have 2",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_an_equilibrium_is_found_where_the_solver_says_that_there_is_none() -> None:
    # Every alternative has an equilibrium, so that the program has a point; without presolve the solver denied it.
    alone = (
        np.array([[[0.9286405316019335, 1.2401311102572217]], [[0.5655807219452513, -0.01514039223775301]]]),
        np.array([[[1.1289092520992547, -1.1202515181504427]], [[-0.8070219866728421, -1.1697665878899337]]]),
    )
    apart = [np.concatenate([alone[0][a], alone[1][b]]) for a in (0, 1) for b in (0, 1)]
    first = np.array([[-0.16587078800438615, 0.6215702222208063], [2.0329306678772654, 0.3401571025035372]])
    game = CoalitionalGame(
        ("a", "b"),
        (("only",), ("x", "y")),
        (np.ones(1), np.full(2, 0.5)),
        {
            **{(i,): ActionSet(("0", "1"), alone[i]) for i in (0, 1)},
            (0, 1): ActionSet(tuple("01234"), np.array([first, *apart])),
        },
    )
    mechanism = Mechanism(np.eye(5)[[1, 0]], np.array([[0.0, 0.0], [1.46040862065398, -1.46040862065398]]))
    paid = np.array(
        [
            [[-1.0148092200228662, 1.0068401115776542], [-3.6426834804921975, 3.634714372046985]],
            [[-0.6130860363376117, 0.6051169278923996], [-0.5106388739391365, 0.5026697654939245]],
        ]
    )
    alternative = AlternativeGame((0, 1), np.eye(5)[[[3, 3], [4, 2]]], paid)
    rejection = examine_alternative(game, mechanism, alternative)
    assert isinstance(rejection, Rejection)
    assert rejection_violation(game, mechanism, alternative, rejection) <= 1e-3
