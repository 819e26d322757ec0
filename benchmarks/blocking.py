"""How fast the most profitable blocking plan is found, against handing HiGHS the whole program."""

from __future__ import annotations

import itertools
from time import process_time

import numpy as np

from benchmarks.measurement import Measurement, medians_of, print_table, time_of
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import find_blocking_plan, search
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame

BLOCKED, UNBLOCKED = 1.5, 4.0
"""Average stakes at which random games of these sizes are and are not blocked."""


def random_game(generator: np.random.Generator, players: int, types: int, actions: int) -> CoalitionalGame:
    everybody = range(players)
    names = tuple(f"action {number}" for number in range(actions))
    return CoalitionalGame(
        tuple(f"player {number}" for number in everybody),
        tuple(tuple(f"type {number}" for number in range(types)) for _ in everybody),
        tuple(generator.dirichlet(np.full(types, 5.0)) for _ in everybody),
        {
            coalition: ActionSet(names, generator.normal(size=(actions, size, types**players)) + 0.3 * size)
            for size in range(1, players + 1)
            for coalition in itertools.combinations(everybody, size)
        },
    )


def find_with_every_column(game: CoalitionalGame, stakes: FloatArray) -> None:
    """Solve with every column stated at once."""
    usual, search.FEW_COLUMNS = search.FEW_COLUMNS, 10**9
    try:
        find_blocking_plan(game, stakes)
    finally:
        search.FEW_COLUMNS = usual


def compare(players: int, types: int, actions: int, level: float) -> Measurement:
    generator = np.random.default_rng(1)
    game = random_game(generator, players, types, actions)
    stakes = generator.normal(scale=0.3, size=(len(game.profiles), players)) + level
    columns = actions * ((1 + types) ** players - 1)
    find_blocking_plan(game, stakes)  # What many questions about a game share is computed once.
    generated = medians_of({"ours": lambda: find_blocking_plan(game, stakes)}, 10, process_time)["ours"]
    whole = time_of(lambda: find_with_every_column(game, stakes), 1, process_time)
    return Measurement(
        work=f"blocking LP, {columns} columns, {'blocked' if level == BLOCKED else 'not blocked'}",
        baseline="whole program in HiGHS",
        ratio=whole / generated,
        target=200.0 if columns >= 10**5 else None,
        note=f"{players} players x {types} types x {actions} actions of each coalition; {generated * 1e3:.0f} ms",
    )


def measure() -> list[Measurement]:
    return [
        compare(players, types, actions, level)
        for players, types, actions in ((4, 3, 20), (4, 4, 40), (5, 4, 33))
        for level in (BLOCKED, UNBLOCKED)
    ]


if __name__ == "__main__":
    print_table(measure())
