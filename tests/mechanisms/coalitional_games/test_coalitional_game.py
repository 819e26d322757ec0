"""Claims about coalitional games and their mechanisms: order of profiles, expectations, combinations of actions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import (
    Mechanism,
    ex_post_utilities,
    expected_cost,
    interim_utilities,
    misreport_gains,
    reported_utilities,
    rules,
    stakes,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import (
    equal_weights,
    transform,
    virtual_stakes,
    virtual_utility,
)
from tests.field_changes import with_fields
from tests.mechanisms.myerson_examples import EQUAL_GAINS, EXAMPLE_1
from tests.mechanisms.random_games import random_game, random_virtual_weights

SEEDS = st.integers(0, 2**32 - 1)


def random_mechanism(game: CoalitionalGame, seed: int) -> Mechanism:
    generator = np.random.default_rng(seed)
    actions = len(game.actions[game.grand_coalition].names)
    return Mechanism(
        generator.dirichlet(np.ones(actions), size=len(game.profiles)),
        generator.normal(size=(len(game.profiles), len(game.players))),
        generator.random((len(game.profiles), len(game.players))),
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_profiles_are_lexicographic_and_probabilities_are_products(seed: int) -> None:
    game = random_game(seed)
    listed = list(itertools.product(*(range(count) for count in game.type_counts)))
    assert [tuple(profile) for profile in game.profiles.tolist()] == listed
    products = [np.prod([p[t] for p, t in zip(game.type_probabilities, profile, strict=True)]) for profile in listed]
    assert game.probability == pytest.approx(np.array(products))
    for player in game.grand_coalition:
        for number, report in itertools.product(range(len(listed)), range(game.type_counts[player])):
            told = list(listed[number])
            told[player] = report
            assert listed[game.misreports(player)[number, report]] == tuple(told)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_conditional_expectation_is_the_average_over_outsiders(seed: int) -> None:
    game = random_game(seed)
    values = np.random.default_rng(seed).normal(size=(2, len(game.profiles)))
    for coalition in game.coalitions:
        known = game.coalition_profiles(coalition)
        numbers = game.coalition_profile_of(coalition)
        outsiders = game.conditional_probability(game.others(coalition))
        for place, types in enumerate(known):
            inside = (game.profiles[:, list(coalition)] == types).all(axis=1)
            assert (numbers[inside] == place).all()
            expected = (values[:, inside] * outsiders[inside]).sum(axis=1)
            assert game.conditional_expectation(values, coalition)[:, place] == pytest.approx(expected)


def test_superadditivity_adds_every_combination_of_every_partition() -> None:
    game = random_game(4, players=3, types=2)
    closed = game.superadditive()
    sizes = {coalition: len(action_set.names) for coalition, action_set in game.actions.items()}
    partitions = [((0,), (1, 2)), ((1,), (0, 2)), ((2,), (0, 1)), ((0,), (1,), (2,))]
    expected = sizes[(0, 1, 2)] + sum(int(np.prod([sizes[part] for part in parts])) for parts in partitions)
    grand = closed.actions[(0, 1, 2)]
    assert len(grand.names) == len(set(grand.names)) == expected
    name = "action 0(player 0,player 2)+action 0(player 1)"
    utilities = grand.utilities[grand.names.index(name)]
    assert utilities[0] == pytest.approx(game.actions[(0, 2)].utilities[0, 0])
    assert utilities[1] == pytest.approx(game.actions[(1,)].utilities[0, 0])
    assert utilities[2] == pytest.approx(game.actions[(0, 2)].utilities[0, 1])
    assert closed.actions[(0,)].names == game.actions[(0,)].names


def test_combined_actions_are_named_by_their_parts() -> None:
    assert EXAMPLE_1.superadditive().actions[(0, 1)].names == ("keep", "trade", "keep+keep")


def test_the_equal_gains_mechanism_of_example_1_pays_what_the_paper_says() -> None:
    interim = interim_utilities(EXAMPLE_1, EQUAL_GAINS)
    assert interim[0] == pytest.approx([0.5, 1 / 18])
    assert ex_post_utilities(EXAMPLE_1, EQUAL_GAINS)[:, 1] == pytest.approx([0.5, 1 / 18])
    gains = misreport_gains(EXAMPLE_1, EQUAL_GAINS)
    assert gains[0][0, 1] == pytest.approx(0.0)
    assert gains[0][1, 0] < 0
    assert expected_cost(EXAMPLE_1, EQUAL_GAINS) == pytest.approx(0.0)
    first, second = rules(EXAMPLE_1, EQUAL_GAINS)
    assert first.types == {"seller": "L", "buyer": "only"}
    assert first.action == {"trade": 1.0}
    assert second.action == pytest.approx({"keep": 8 / 9, "trade": 1 / 9})
    assert second.payment == pytest.approx({"seller": 5.5 / 9, "buyer": -5.5 / 9})


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_interim_utilities_are_those_of_a_slow_enumeration(seed: int) -> None:
    game = random_game(seed)
    mechanism = random_mechanism(game, seed)
    utilities = game.actions[game.grand_coalition].utilities
    tables = reported_utilities(game, mechanism)
    for i in game.grand_coalition:
        for truth, report in itertools.product(range(game.type_counts[i]), repeat=2):
            total = 0.0
            for number, profile in enumerate(game.profiles):
                if profile[i] != truth:
                    continue
                chance = game.probability[number] / game.type_probabilities[i][truth]
                told = game.misreports(i)[number, report]
                gain = mechanism.action_probability[told] @ utilities[:, i, number]
                total += chance * (mechanism.payments[told, i] + gain)
            assert tables[i][truth, report] == pytest.approx(total)
    assert stakes(game, mechanism) == pytest.approx(ex_post_utilities(game, mechanism) - mechanism.severance)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_virtual_utility_is_equation_3_written_out(seed: int) -> None:
    game = random_game(seed)
    generator = np.random.default_rng(seed)
    virtual = random_virtual_weights(game, generator)
    coalition = game.coalitions[seed % len(game.coalitions)]
    utilities = game.actions[coalition].utilities
    computed = virtual_utility(game, virtual, coalition)
    for place, i in enumerate(coalition):
        for number, profile in enumerate(game.profiles):
            t = profile[i]
            own = virtual.weights[i][t] + virtual.multipliers[i][t].sum()
            written = own * utilities[0, place, number]
            for r in range(game.type_counts[i]):
                written -= virtual.multipliers[i][r, t] * utilities[0, place, game.misreports(i)[number, r]]
            assert computed[0, place, number] == pytest.approx(written / game.type_probabilities[i][t])


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_virtual_utility_with_probabilities_as_weights_is_utility(seed: int) -> None:
    game = random_game(seed)
    virtual = equal_weights(game.type_probabilities)
    assert virtual_utility(game, virtual) == pytest.approx(game.actions[game.grand_coalition].utilities)
    omega = np.random.default_rng(seed).normal(size=(len(game.profiles), len(game.players)))
    assert virtual_stakes(game, virtual, omega) == pytest.approx(omega)
    for matrix in transform(virtual, game.type_probabilities):
        assert matrix == pytest.approx(np.eye(len(matrix)))


def test_a_type_expects_alone_the_best_of_its_actions() -> None:
    nothing = ActionSet(("stay",), np.zeros((1, 1, 2)))
    game = CoalitionalGame(
        ("worker", "firm"),
        (("only",), ("bad", "good")),
        (np.array([1.0]), np.array([0.25, 0.75])),
        {
            (0,): ActionSet(("farm", "fish"), np.array([[[1.0, 1.0]], [[0.0, 4.0]]])),
            (1,): nothing,
            (0, 1): ActionSet(("work",), np.ones((1, 2, 2))),
        },
    )
    assert game.individual_values()[0] == pytest.approx([3.0])
    assert game.individual_values()[1] == pytest.approx([0.0, 0.0])


def game_with(**changes: object) -> CoalitionalGame:
    stay = ActionSet(("stay",), np.zeros((1, 1, 2)))
    game = CoalitionalGame(
        players=("ann", "bob"),
        types=(("low", "high"), ("only",)),
        type_probabilities=(np.array([0.5, 0.5]), np.array([1.0])),
        actions={(0,): stay, (1,): stay, (0, 1): ActionSet(("trade",), np.zeros((1, 2, 2)))},
    )
    return with_fields(game, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"players": ("ann", "ann")}, "repeated: ann"),
        ({"types": (("low", "low"), ("only",))}, "types of ann"),
        ({"types": (("low", "high"),)}, "1 players; there are 2"),
        ({"type_probabilities": (np.array([1.0, 0.0]), np.array([1.0]))}, "ann's type high must be positive"),
        ({"type_probabilities": (np.array([0.5, 0.6]), np.array([1.0]))}, "ann sum to 1.1"),
        ({"type_probabilities": (np.array([0.5, 0.5]),)}, "given for 1 players"),
        ({"actions": {(0,): ActionSet(("stay",), np.zeros((1, 1, 2)))}}, "coalition bob has no action"),
        ({"actions": {(1, 0): ActionSet(("stay",), np.zeros((1, 2, 2)))}}, "increasing order"),
        ({"actions": {(0,): ActionSet(("stay", "go"), np.zeros((1, 1, 2)))}}, "utilities of ann has shape"),
        ({"actions": {(0,): ActionSet(("stay",), np.full((1, 1, 2), np.nan))}}, "finite"),
    ],
)
def test_a_game_that_is_none_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game_with(**changes)


@pytest.mark.parametrize(
    ("probability", "payments", "severance", "message"),
    [
        ([[0.5, 0.6], [1, 0]], np.zeros((2, 2)), 0.0, "profile 0 sum to 1.1"),
        ([[1.5, -0.5], [1, 0]], np.zeros((2, 2)), 0.0, "negative"),
        ([[1, 0], [1, 0]], np.zeros((3, 2)), 0.0, "payments"),
        ([[1, 0], [1, 0]], np.zeros((2, 2)), -1.0, "severance must not be negative"),
        ([[1, 0], [1, 0]], np.zeros((2, 2)), np.zeros(3), "severance has shape"),
    ],
)
def test_a_mechanism_that_is_none_is_refused(
    probability: list[list[float]], payments: FloatArray, severance: float | FloatArray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Mechanism(np.array(probability, dtype=float), payments, np.asarray(severance, dtype=float))


def test_a_mechanism_for_another_game_is_refused() -> None:
    with pytest.raises(ValueError, match="the game has 2, 2 and 2"):
        interim_utilities(EXAMPLE_1, Mechanism(np.ones((2, 1)), np.zeros((2, 2))))


def test_games_and_mechanisms_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        EXAMPLE_1.actions[(0, 1)].utilities[0, 0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        EQUAL_GAINS.payments[0, 0] = 1.0
