"""Claims about balanced games: known collections, Bondareva and Shapley, witnesses, and Theorem 2."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.coalitional_games.at_stake import at_stake, normal_form
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.balancedness import (
    BalancedGame,
    Equality,
    UnbalancedPlan,
    check_balancedness,
    direction_advantage,
    minimal_balanced_collections,
    plan_utilities,
)
from marketgame.mechanisms.core.search import find_core_allocation
from tests.examples import drawn
from tests.mechanisms.myerson_examples import bilateral_trade

SEEDS = st.integers(0, 2**32 - 1)


def random_game(generator: np.random.Generator, players: int, types: int = 2, actions: int = 2) -> CoalitionalGame:
    everybody = range(players)
    return CoalitionalGame(
        tuple(f"player {i}" for i in everybody),
        tuple(tuple(f"type {k}" for k in range(types)) for _ in everybody),
        tuple(generator.dirichlet(np.full(types, 3.0)) for _ in everybody),
        {
            s: ActionSet(
                tuple(f"action {c}" for c in range(actions)), generator.normal(size=(actions, size, types**players))
            )
            for size in range(1, players + 1)
            for s in itertools.combinations(everybody, size)
        },
    )


def with_every_balanced_plan(game: CoalitionalGame) -> CoalitionalGame:
    """The game in which the grand coalition may also do what any extreme balanced plan does."""
    everybody = game.grand_coalition
    utilities = [game.actions[everybody].utilities]
    for collection in minimal_balanced_collections(len(game.players)):
        for actions in itertools.product(*(range(len(game.actions[s].names)) for s in collection)):
            joint = np.zeros((len(everybody), len(game.profiles)))
            for (coalition, rate), action in zip(collection.items(), actions, strict=True):
                joint[list(coalition)] += rate * game.actions[coalition].utilities[action]
            utilities.append(joint[None])
    together = np.concatenate(utilities)
    names = tuple(f"action {c}" for c in range(len(together)))
    sets = {**game.actions, everybody: ActionSet(names, together)}
    return CoalitionalGame(game.players, game.types, game.type_probabilities, sets)


def complete_information(values: dict[tuple[int, ...], float], players: int) -> CoalitionalGame:
    """Every coalition can share its worth, here all of it given to its first member, with money."""
    sets = {
        s: ActionSet(("share",), np.array([[[values.get(s, 0.0) if i == s[0] else 0.0] for i in s]]))
        for size in range(1, players + 1)
        for s in itertools.combinations(range(players), size)
    }
    names = tuple(f"player {i}" for i in range(players))
    return CoalitionalGame(names, (("only",),) * players, (np.ones(1),) * players, sets)


@pytest.mark.parametrize(("players", "count"), [(1, 1), (2, 2), (3, 6), (4, 42), (5, 1292)])
def test_there_are_as_many_minimal_balanced_collections_as_known(players: int, count: int) -> None:
    # Counts of Laplace Mermoud, Grabisch and Sudhölter (2023), Minimal balanced collections.
    assert sum(1 for _ in minimal_balanced_collections(players)) == count


def test_the_collections_of_three_players_are_the_partitions_and_the_pairs() -> None:
    found = {frozenset(collection.items()) for collection in minimal_balanced_collections(3)}
    pairs: dict[tuple[int, ...], float] = {(0, 1): 0.5, (0, 2): 0.5, (1, 2): 0.5}
    partitions: list[dict[tuple[int, ...], float]] = [
        {(0, 1, 2): 1.0},
        {(0,): 1.0, (1,): 1.0, (2,): 1.0},
        {(0,): 1.0, (1, 2): 1.0},
        {(1,): 1.0, (0, 2): 1.0},
        {(2,): 1.0, (0, 1): 1.0},
    ]
    rounded = {frozenset((s, round(rate, 9)) for s, rate in one) for one in found}
    assert rounded == {frozenset(one.items()) for one in [pairs, *partitions]}


@pytest.mark.parametrize("players", [2, 3, 4])
def test_weights_of_a_balanced_collection_cover_every_player_once(players: int) -> None:
    for collection in minimal_balanced_collections(players):
        assert min(collection.values()) > 0
        for player in range(players):
            assert sum(rate for s, rate in collection.items() if player in s) == pytest.approx(1.0)


def test_the_trading_examples_of_the_paper_are_balanced() -> None:
    for seller, buyer in (([1.0, 5.0], [[2.0], [6.0]]), ([2.0, 3.0], [[0.0], [7.0]])):
        verdict = check_balancedness(bilateral_trade(seller, buyer, [0.5, 0.5], [1.0]))
        assert isinstance(verdict, BalancedGame)
        assert verdict.plans == 1


def test_two_players_who_cannot_separate_make_an_unbalanced_game() -> None:
    alone = ActionSet(("alone",), np.ones((1, 1, 1)))
    together = ActionSet(("together",), np.zeros((1, 2, 1)))
    game = CoalitionalGame(
        ("a", "b"), (("only",), ("only",)), (np.ones(1), np.ones(1)), {(0,): alone, (1,): alone, (0, 1): together}
    )
    verdict = check_balancedness(game)
    assert isinstance(verdict, UnbalancedPlan)
    assert {activity.coalition for activity in verdict.activities} == {(0,), (1,)}
    assert isinstance(check_balancedness(game.superadditive()), BalancedGame)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 3))
def test_a_witness_goes_farther_in_its_direction_than_any_action_of_the_grand_coalition(
    seed: int, players: int
) -> None:
    game = random_game(np.random.default_rng(seed), players)
    for equality in Equality:
        verdict = check_balancedness(game, equality)
        assert isinstance(verdict, UnbalancedPlan)
        for player in range(players):
            assert sum(one.rate for one in verdict.activities if player in one.coalition) == pytest.approx(1.0)
        assert plan_utilities(game, verdict.activities) == pytest.approx(verdict.utilities)
        together = game.actions[game.grand_coalition].utilities
        reach = max(float((action * verdict.direction).sum()) for action in together)
        assert float((verdict.utilities * verdict.direction).sum()) - reach == pytest.approx(verdict.advantage)
        assert verdict.advantage > 0
        assert np.abs(verdict.direction).max() <= 1 + 1e-9
        if equality is Equality.UP_TO_PAYMENTS:
            # A constant payment moves the plan's worth by the same in this direction, whoever gets it.
            totals = verdict.direction.sum(axis=1)
            assert totals == pytest.approx(np.full(players, totals[0]), abs=1e-7)
            assert totals[0] >= -1e-7
    assert isinstance(verdict, UnbalancedPlan)
    reversed_direction = -verdict.direction
    assert direction_advantage(game, verdict.utilities, reversed_direction) != pytest.approx(verdict.advantage)


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.integers(2, 3))
def test_games_that_can_imitate_every_extreme_plan_are_balanced_and_have_a_core(seed: int, players: int) -> None:
    game = with_every_balanced_plan(random_game(np.random.default_rng(seed), players))
    verdict = check_balancedness(game)
    assert isinstance(verdict, BalancedGame)
    assert verdict.largest_distance <= 1e-8
    assert isinstance(find_core_allocation(game), CoreAllocation)


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, st.integers(2, 4))
def test_with_one_type_each_balanced_up_to_payments_means_a_nonempty_ordinary_core(seed: int, players: int) -> None:
    generator = np.random.default_rng(seed)
    coalitions = [s for size in range(1, players + 1) for s in itertools.combinations(range(players), size)]
    values = {s: float(generator.exponential() * (len(s) - 1) ** 1.5) for s in coalitions}
    values[coalitions[-1]] = max(values.values()) * generator.uniform(0.9, 2.0)
    member = np.array([[float(i in s) for i in range(players)] for s in coalitions[:-1]])
    worth = np.array([values[s] for s in coalitions[:-1]])
    needed = optimize.linprog(np.ones(players), -member, -worth, bounds=(None, None)).fun
    assert needed is not None
    assume(abs(needed - values[coalitions[-1]]) > 1e-4)
    verdict = check_balancedness(complete_information(values, players), Equality.UP_TO_PAYMENTS)
    assert isinstance(verdict, BalancedGame) == (needed < values[coalitions[-1]])


@pytest.mark.parametrize(("worth", "balanced"), [(1.4, False), (1.5, True)])
def test_three_player_majority_is_balanced_when_everybody_is_worth_one_and_a_half(worth: float, balanced: bool) -> None:
    game = complete_information({(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0, (0, 1, 2): worth}, 3)
    verdict = check_balancedness(game, Equality.UP_TO_PAYMENTS)
    assert isinstance(verdict, BalancedGame) == balanced
    if isinstance(verdict, UnbalancedPlan):
        assert {activity.coalition for activity in verdict.activities} == {(0, 1), (0, 2), (1, 2)}
        assert [activity.rate for activity in verdict.activities] == pytest.approx([0.5, 0.5, 0.5])


def test_too_many_players_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 5 players, not 6"):
        next(minimal_balanced_collections(6))


@pytest.mark.parametrize("alone", [1.605229855304001, 0.1, 1e6 / 3])
def test_what_rounding_leaves_of_levels_is_not_at_stake(alone: float) -> None:
    # Together both can only do what each does alone, so nobody can gain anything: 0.1 - 0.3 + 0.2 is not at stake.
    own = ActionSet(("own",), np.array([[[alone, alone]]]))
    other = ActionSet(("other", "worse"), np.array([[[0.3 * alone]], [[0.2 * alone]]]).repeat(2, axis=2))
    both = np.concatenate([own.utilities, other.utilities[:1]], axis=1)
    together = ActionSet(("apart", "nearly"), np.concatenate([both, both * (1 - 1e-16)]))
    game = CoalitionalGame(
        ("a", "b"),
        (("x", "y"), ("only",)),
        (np.array([0.3, 0.7]), np.ones(1)),
        {(0,): own, (1,): other, (0, 1): together},
    )
    assert at_stake(game).unit == pytest.approx(0.1 * alone)
    assert at_stake(normal_form(game)).unit == pytest.approx(0.1 * alone)
    assert isinstance(check_balancedness(game), BalancedGame | UnbalancedPlan)
    assert isinstance(find_core_allocation(game), CoreAllocation)


def test_the_core_of_one_player_whose_actions_differ_by_a_last_digit_is_found() -> None:
    own = ActionSet(("0", "1"), np.array([[[0.10000000000000009, 1.1]], [[0.09999999999999998, 0.09999999999999998]]]))
    game = CoalitionalGame(("a",), (("x", "y"),), (np.full(2, 0.5),), {(0,): own})
    found = find_core_allocation(game)
    assert isinstance(found, CoreAllocation)
    assert at_stake(normal_form(game)).unit == at_stake(game).unit == pytest.approx(1.0)
