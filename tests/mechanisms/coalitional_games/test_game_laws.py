"""Laws of answers about games: what changes nothing in a game changes nothing in an answer.

Utilities are whole multiples of 1/64, so that adding a whole number up to 2^30 is exact: then answers must agree though
levels are a billion times what is at stake.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, NoBlockingPlan, find_blocking_plan
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, feasibility
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.balancedness import BalancedGame, Equality, check_balancedness
from marketgame.mechanisms.core.durability.examination import Refutation
from marketgame.mechanisms.core.durability.search import AlternativeSearch, search_durability
from marketgame.mechanisms.core.outcome import EmptyCore
from marketgame.mechanisms.core.search import find_core_allocation
from marketgame.mechanisms.core.variant import CoreEffort
from marketgame.mechanisms.incentive_efficiency.dominance import dominating_mechanism
from marketgame.mechanisms.incentive_efficiency.search import (
    Budget,
    IncentiveEfficient,
    NoOptimum,
    Participation,
    incentive_efficient,
)
from tests.examples import drawn
from tests.mechanisms.myerson_examples import EXAMPLE_1, EXAMPLE_2, bilateral_trade

SEEDS = st.integers(0, 2**32 - 1)
LEVEL = 2.0**30
# What is decided in these games is decided in the first region, or in its parts.
EFFORT = CoreEffort(starts=3, regions=3, seconds=20)


@dataclass(frozen=True, eq=False)
class Case:
    """A game, stakes ``(P, N)`` and a mechanism in it."""

    game: CoalitionalGame
    stakes: FloatArray
    mechanism: Mechanism


def random_case(seed: int) -> Case:
    """Two or three players with one or two types and interdependent values."""
    generator = np.random.default_rng(seed)
    counts = tuple(generator.integers(1, 3, size=int(generator.integers(2, 4))).tolist())
    profiles, players = int(np.prod(counts)), len(counts)
    actions = {}
    for size in range(1, players + 1):
        for coalition in itertools.combinations(range(players), size):
            choices = int(generator.integers(1, 3))
            worth = generator.normal(size=(choices, size, profiles)) + 0.3 * (size - 1)
            actions[coalition] = ActionSet(tuple(f"action {c}" for c in range(choices)), np.round(64 * worth) / 64)
    game = CoalitionalGame(
        tuple(f"player {i}" for i in range(players)),
        tuple(tuple(f"type {k}" for k in range(count)) for count in counts),
        tuple(generator.dirichlet(np.full(count, 3.0)) for count in counts),
        actions,
    )
    stakes = np.round(64 * (generator.normal(size=(profiles, players)) + 0.3)) / 64
    probability = np.eye(len(actions[game.grand_coalition].names))[np.zeros(profiles, dtype=int)]
    return Case(game, stakes, Mechanism(probability, np.zeros((profiles, players))))


def changed(case: Case, change: Callable[[FloatArray, tuple[int, ...]], FloatArray]) -> CoalitionalGame:
    """Return the game with other utilities."""
    actions = {
        coalition: ActionSet(own.names, change(own.utilities, coalition))
        for coalition, own in case.game.actions.items()
    }
    return CoalitionalGame(case.game.players, case.game.types, case.game.type_probabilities, actions)


def raised(case: Case, generator: np.random.Generator) -> Case:
    """Add a constant to everything each type gets, its own worth and its stake included."""
    game = case.game
    constants = [np.round(generator.uniform(-LEVEL, LEVEL, size=count)) for count in game.type_counts]
    levels = np.stack([own[game.profiles[:, i]] for i, own in enumerate(constants)])
    return Case(
        changed(case, lambda utilities, coalition: utilities + levels[list(coalition)]),
        case.stakes + levels.T,
        case.mechanism,
    )


def measured_in(case: Case, unit: float) -> Case:
    """Measure money in another unit."""
    paid = Mechanism(case.mechanism.action_probability, case.mechanism.payments * unit)
    return Case(changed(case, lambda utilities, _: utilities * unit), case.stakes * unit, paid)


def ruined(case: Case, loss: float) -> Case:
    """Give every coalition an action by which all its members lose, whatever their types."""
    actions = {
        coalition: ActionSet(
            (*own.names, "war"),
            np.concatenate([own.utilities, np.full((1, len(coalition), len(case.game.profiles)), -loss)]),
        )
        for coalition, own in case.game.actions.items()
    }
    probability = np.pad(case.mechanism.action_probability, ((0, 0), (0, 1)))
    game = CoalitionalGame(case.game.players, case.game.types, case.game.type_probabilities, actions)
    return Case(game, case.stakes, Mechanism(probability, case.mechanism.payments))


def reversed_players(case: Case) -> Case:
    """Number players the other way round, and their types and actions too."""
    game = case.game
    last = len(game.players) - 1
    shape = game.type_counts

    def turned(values: FloatArray) -> FloatArray:
        """Reorder the last dimension, profiles."""
        table = values.reshape(*values.shape[:-1], *shape)
        axes = tuple(range(values.ndim - 1))
        order = (*axes, *(len(axes) + i for i in reversed(range(len(shape)))))
        flipped = np.flip(table.transpose(order), axis=tuple(range(len(axes), table.ndim)))
        return np.ascontiguousarray(flipped).reshape(values.shape)

    actions = {
        tuple(sorted(last - i for i in coalition)): ActionSet(own.names[::-1], turned(own.utilities[::-1, ::-1]))
        for coalition, own in game.actions.items()
    }
    turned_game = CoalitionalGame(
        game.players[::-1],
        tuple(names[::-1] for names in game.types[::-1]),
        tuple(p[::-1] for p in game.type_probabilities[::-1]),
        actions,
    )
    chosen = turned(case.mechanism.action_probability.T[::-1]).T
    paid = turned(case.mechanism.payments.T[::-1]).T
    return Case(turned_game, turned(case.stakes.T[::-1]).T, Mechanism(chosen, paid))


def with_twin_type(case: Case) -> Case:
    """Split the last type of the last player in two equal ones of half its probability."""
    game = case.game
    player = len(game.players) - 1
    count = game.type_counts[player]
    place = np.concatenate([np.arange(count), [count - 1]])

    def repeated(values: FloatArray) -> FloatArray:
        table = values.reshape(*values.shape[:-1], -1, count)
        return table[..., place].reshape(*values.shape[:-1], -1)

    odds = game.type_probabilities[player]
    split = np.concatenate([odds[:-1], [odds[-1] / 2, odds[-1] / 2]])
    return Case(
        CoalitionalGame(
            game.players,
            (*game.types[:-1], (*game.types[player], "twin")),
            (*game.type_probabilities[:-1], split),
            {s: ActionSet(own.names, repeated(own.utilities)) for s, own in game.actions.items()},
        ),
        repeated(case.stakes.T).T,
        Mechanism(repeated(case.mechanism.action_probability.T).T, repeated(case.mechanism.payments.T).T),
    )


def with_onlooker(case: Case) -> Case:
    """Add a player who gets nothing from anything, and without whom and with whom coalitions can do the same."""
    game = case.game
    onlooker = len(game.players)
    profiles = len(game.profiles)
    nothing = np.zeros((1, 1, profiles))
    actions = dict(game.actions) | {(onlooker,): ActionSet(("watch",), nothing)}
    for coalition, own in game.actions.items():
        watched = np.concatenate([own.utilities, np.zeros((len(own.names), 1, profiles))], axis=1)
        actions[(*coalition, onlooker)] = ActionSet(own.names, watched)
    return Case(
        CoalitionalGame(
            (*game.players, "onlooker"),
            (*game.types, ("only",)),
            (*game.type_probabilities, np.ones(1)),
            actions,
        ),
        np.pad(case.stakes, ((0, 0), (0, 1))),
        Mechanism(case.mechanism.action_probability, np.pad(case.mechanism.payments, ((0, 0), (0, 1)))),
    )


CHANGES: dict[str, Callable[[Case, np.random.Generator], Case]] = {
    "constants": raised,
    "units of 1e-9": lambda case, _: measured_in(case, 1e-9),
    "units of 1e9": lambda case, _: measured_in(case, 1e9),
    "a loss of 1e3": lambda case, _: ruined(case, 1e3),
    "a loss of 1e8": lambda case, _: ruined(case, 1e8),
    "a loss of 1e12": lambda case, _: ruined(case, 1e12),
    "other numbers": lambda case, _: reversed_players(case),
    "a twin type": lambda case, _: with_twin_type(case),
    "an onlooker": lambda case, _: with_onlooker(case),
}

MONEY = {"units of 1e-9": 1e-9, "units of 1e9": 1e9}


def level(case: Case) -> float:
    """What weighted utility is measured from when the weights are the types' probabilities."""
    alone = at_stake(case.game).alone
    return float(sum(p @ own for p, own in zip(case.game.type_probabilities, alone, strict=True)))


def best_value(case: Case, participation: Participation) -> float | None:
    """The largest expected welfare beyond being alone, or none where nobody can be made willing."""
    answer = incentive_efficient(case.game, None, participation, budget=Budget.EXPECTED)
    if isinstance(answer, NoOptimum):
        assert answer.shortfall is not None
        return None
    assert answer.conditions.hold
    return answer.value - level(case)


def close(found: float | None, expected: float | None, unit: float, money: float, rounding: float = 0.0) -> bool:
    """Whether two amounts agree to 1e-7 of what is at stake and to rounding, or none is there in either case."""
    if found is None or expected is None:
        return found is expected
    return abs(found / money - expected) <= 1e-7 * unit + rounding


@pytest.mark.parametrize("change", CHANGES)
@settings(max_examples=8)
@given(seed=SEEDS)
def test_what_can_be_had_together_stays_the_same(change: str, seed: int) -> None:
    case = random_case(seed)
    other = CHANGES[change](case, np.random.default_rng(seed))
    money, unit = MONEY.get(change, 1.0), at_stake(case.game).unit
    assert at_stake(other.game).unit / money == pytest.approx(unit, rel=1e-6)
    # A value is told as one number, whose last digits are worth this much where constants are large.
    rounding = 4 * float(np.spacing(abs(level(other)))) / money
    for participation in Participation:
        assert close(best_value(other, participation), best_value(case, participation), unit, money, rounding)


def test_a_program_is_not_impossible_because_presolve_says_so() -> None:
    """Without participation the constant mechanism is feasible; next to a loss of 1e8 presolve saw a contradiction."""
    case = random_case(3210)
    other = CHANGES["a loss of 1e8"](case, np.random.default_rng(3210))
    found = best_value(other, Participation.NONE)
    assert close(found, best_value(case, Participation.NONE), at_stake(case.game).unit, 1.0)


@pytest.mark.parametrize("change", CHANGES)
@settings(max_examples=drawn(12))
@given(seed=SEEDS)
def test_what_a_blocking_mediator_can_earn_stays_the_same(change: str, seed: int) -> None:
    case = random_case(seed)
    other = CHANGES[change](case, np.random.default_rng(seed))
    found, expected = find_blocking_plan(other.game, other.stakes), find_blocking_plan(case.game, case.stakes)
    assert type(found) is type(expected)
    if isinstance(found, BlockingPlan) and isinstance(expected, BlockingPlan) and change != "a twin type":
        money = MONEY.get(change, 1.0)
        assert found.profit / money == pytest.approx(expected.profit, rel=1e-6)


@settings(max_examples=drawn(40, tested=4))
@given(seed=SEEDS)
def test_whether_the_core_is_empty_stays_the_same(seed: int) -> None:
    case = random_case(seed)
    verdict = find_core_allocation(case.game, effort=EFFORT)
    if not isinstance(verdict, CoreAllocation | EmptyCore):
        return  # What is left open contradicts nothing.
    for name, change in CHANGES.items():
        found = find_core_allocation(change(case, np.random.default_rng(seed)).game, effort=EFFORT)
        decided = isinstance(found, CoreAllocation | EmptyCore)
        assert isinstance(found, type(verdict)) or not decided, (name, verdict, found)


def test_a_solver_that_moves_variables_from_bound_to_bound_for_ever_is_stopped() -> None:
    """It did so in this game, for as long as it was given, and left open whether the core is empty."""
    case = ruined(random_case(0), 1e3)
    assert isinstance(find_core_allocation(case.game, effort=EFFORT), EmptyCore)


@pytest.mark.parametrize("change", CHANGES)
@settings(max_examples=6)
@given(seed=SEEDS)
def test_what_dominates_a_mechanism_stays_the_same(change: str, seed: int) -> None:
    case = random_case(seed)
    other = CHANGES[change](case, np.random.default_rng(seed))
    one, two = feasibility(case.game, case.mechanism), feasibility(other.game, other.mechanism)
    assert one.feasible is two.feasible
    if one.feasible:
        money = MONEY.get(change, 1.0)
        expected = dominating_mechanism(case.game, case.mechanism)
        found = dominating_mechanism(other.game, other.mechanism)
        # An onlooker wants its share of what everybody gains.
        share = len(case.game.players) / len(other.game.players)
        assert found.gain / money == pytest.approx(expected.gain * share, abs=1e-6 * expected.scale)


@pytest.mark.parametrize("change", ["constants", "units of 1e-9", "units of 1e9", "other numbers"])
@settings(max_examples=6)
@given(seed=SEEDS)
def test_whether_a_game_is_balanced_stays_the_same(change: str, seed: int) -> None:
    case = random_case(seed)
    other = CHANGES[change](case, np.random.default_rng(seed))
    assert type(check_balancedness(other.game)) is type(check_balancedness(case.game))


@pytest.mark.parametrize("loss", [1e3, 1e8, 1e12])
@pytest.mark.parametrize(("together", "balanced"), [(1.6, True), (1.4, False)])
def test_a_ruinous_action_leaves_the_majority_game_as_balanced_as_it_is(
    together: float, balanced: bool, loss: float
) -> None:
    """Bondareva and Shapley: the three pairs at one half each need 1.5."""
    worth = {1: 0.0, 2: 1.0, 3: together}
    game = CoalitionalGame(
        ("a", "b", "c"),
        (("only",),) * 3,
        (np.ones(1),) * 3,
        {
            s: ActionSet(("share",), np.array([[[worth[size]], *([[0.0]] * (size - 1))]]))
            for size in (1, 2, 3)
            for s in itertools.combinations(range(3), size)
        },
    )
    case = ruined(Case(game, np.zeros((1, 3)), Mechanism(np.ones((1, 1)), np.zeros((1, 3)))), loss)
    assert isinstance(check_balancedness(case.game, Equality.UP_TO_PAYMENTS), BalancedGame) is balanced
    assert isinstance(find_core_allocation(case.game), CoreAllocation if balanced else EmptyCore)


@pytest.mark.parametrize("change", CHANGES)
def test_no_trade_is_never_durable_where_trade_gains(change: str) -> None:
    """Seller 1, buyer 3, both known: any price between is voted for by both, whatever they believe."""
    game = bilateral_trade([1.0], [[3.0]], [1.0], [1.0])
    nothing = Mechanism(np.array([[1.0, 0.0]]), np.zeros((1, 2)))
    case = CHANGES[change](Case(game, np.zeros((1, 2)), nothing), np.random.default_rng(1))
    assert isinstance(search_durability(case.game, case.mechanism, AlternativeSearch(games=2)), Refutation)


@pytest.mark.parametrize("example", [EXAMPLE_1, EXAMPLE_2])
@pytest.mark.parametrize("change", CHANGES)
def test_the_cores_of_the_papers_examples_stay_what_they_are(example: CoalitionalGame, change: str) -> None:
    profiles = len(example.profiles)
    keep = Mechanism(np.tile([1.0, 0.0], (profiles, 1)), np.zeros((profiles, 2)))
    case = CHANGES[change](Case(example, np.zeros((profiles, 2)), keep), np.random.default_rng(5))
    assert isinstance(find_core_allocation(case.game), CoreAllocation)


@pytest.mark.parametrize("odds", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-12])
@settings(max_examples=6)
@given(seed=SEEDS)
def test_games_with_rare_types_are_solved(odds: float, seed: int) -> None:
    """Every condition holds in the own expectation of the rare type, whatever its probability."""
    case = random_case(seed)
    rare = replace(
        case.game,
        type_probabilities=tuple(
            np.array([1 - odds, odds]) if count == 2 else np.ones(1) for count in case.game.type_counts
        ),
    )
    for participation in Participation:
        answer = incentive_efficient(rare, None, participation, budget=Budget.EXPECTED)
        if isinstance(answer, IncentiveEfficient):
            assert answer.conditions.hold
            assert feasibility(rare, answer.mechanism).feasible
        else:
            assert answer.shortfall is not None
    verdict = find_blocking_plan(rare, case.stakes)
    if isinstance(verdict, NoBlockingPlan):
        assert verdict.residuals.acceptable


@pytest.mark.parametrize("odds", [1e-1, 1e-3, 1e-6, 1e-9, 1e-12])
def test_a_rare_type_that_gets_less_than_alone_is_led_away(odds: float) -> None:
    """The rare type can have 3 alone and is left with nothing; it leaves for 3, which the mediator can take."""
    alone = np.array([[[0.0, 3.0]]])
    game = CoalitionalGame(
        ("a", "b"),
        (("common", "rare"), ("only",)),
        (np.array([1 - odds, odds]), np.ones(1)),
        {
            (0,): ActionSet(("stay",), alone),
            (1,): ActionSet(("stay",), np.zeros((1, 1, 2))),
            (0, 1): ActionSet(("nothing",), np.zeros((1, 2, 2))),
        },
    )
    found = find_blocking_plan(game, np.zeros((2, 2)))
    assert isinstance(found, BlockingPlan)
    assert found.profit == pytest.approx(3 * odds)
