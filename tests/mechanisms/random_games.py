"""Random coalitional games, and slow versions of their programs that share no code with the fast ones."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights


def random_game(
    seed: int, *, players: int | None = None, types: int | None = None, actions: int | None = None
) -> CoalitionalGame:
    """Interdependent values, different numbers of types, several actions for every coalition."""
    generator = np.random.default_rng(seed)
    count = players or int(generator.integers(2, 4))
    kinds = [types or int(generator.integers(1, 4)) for _ in range(count)]
    profiles = int(np.prod(kinds))
    table = {}
    for size in range(1, count + 1):
        for coalition in itertools.combinations(range(count), size):
            choices = actions if actions and size == count else int(generator.integers(1, 4))
            table[coalition] = ActionSet(
                tuple(f"action {c}" for c in range(choices)), generator.normal(size=(choices, size, profiles))
            )
    return CoalitionalGame(
        tuple(f"player {i}" for i in range(count)),
        tuple(tuple(f"type {k}" for k in range(number)) for number in kinds),
        tuple(generator.dirichlet(np.full(number, 3.0)) for number in kinds),
        table,
    )


def random_weights(game: CoalitionalGame, seed: int) -> tuple[FloatArray, ...]:
    """Positive weights that sum to one for every player."""
    generator = np.random.default_rng(seed)
    return tuple(generator.dirichlet(np.ones(count)) for count in game.type_counts)


def random_virtual_weights(game: CoalitionalGame, generator: np.random.Generator) -> VirtualWeights:
    """Weights and multipliers between 0 and 1, drawn independently of each other."""
    multipliers = tuple(generator.random((count, count)) for count in game.type_counts)
    for table in multipliers:
        np.fill_diagonal(table, 0.0)
    return VirtualWeights(tuple(generator.random(count) for count in game.type_counts), multipliers)


def slow_incentive_efficiency(
    game: CoalitionalGame,
    weights: tuple[FloatArray, ...],
    outside: tuple[FloatArray, ...] | None = None,
    *,
    ex_post: bool,
) -> float | None:
    """Program (1) as printed, profile by profile, with payments at every profile, through SciPy.

    Returns:
        The optimal value, or none when nothing is feasible.
    """
    players = range(len(game.players))
    profiles = list(itertools.product(*(range(len(names)) for names in game.types)))
    number = {profile: place for place, profile in enumerate(profiles)}
    utilities = game.actions[game.grand_coalition].utilities
    actions = len(utilities)
    action_columns = len(profiles) * actions
    columns = action_columns + len(profiles) * len(players)

    def interim(i: int, truth: int, report: int) -> FloatArray:
        row = np.zeros(columns)
        for place, profile in enumerate(profiles):
            if profile[i] != truth:
                continue
            others = np.prod([game.type_probabilities[j][profile[j]] for j in players if j != i])
            told = number[(*profile[:i], report, *profile[i + 1 :])]
            row[told * actions : (told + 1) * actions] += others * utilities[:, i, place]
            row[action_columns + told * len(players) + i] += others
        return row

    types = [(i, t) for i in players for t in range(len(game.types[i]))]
    objective = sum(weights[i][t] * interim(i, t, t) for i, t in types)
    at_most = [interim(i, t, r) - interim(i, t, t) for i, t in types for r in range(len(game.types[i])) if r != t]
    limits = [0.0] * len(at_most)
    if outside is not None:
        at_most += [-interim(i, t, t) for i, t in types]
        limits += [-outside[i][t] for i, t in types]
    budgets = np.zeros((len(profiles), columns))
    for place in range(len(profiles)):
        start = action_columns + place * len(players)
        budgets[place, start : start + len(players)] = 1.0
    chances = np.array([np.prod([game.type_probabilities[i][profile[i]] for i in players]) for profile in profiles])
    for row in budgets if ex_post else [chances @ budgets]:
        at_most.append(row)
        limits.append(0.0)
    equal = np.zeros((len(profiles), columns))
    for place in range(len(profiles)):
        equal[place, place * actions : (place + 1) * actions] = 1.0
    bounds = [(0, None)] * action_columns + [(None, None)] * (columns - action_columns)
    result = optimize.linprog(
        -np.asarray(objective), np.array(at_most), np.array(limits), equal, np.ones(len(profiles)), bounds
    )
    if result.status == 2:
        return None
    assert result.status == 0
    assert result.fun is not None
    return float(-result.fun)
