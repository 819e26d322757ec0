"""How fast the most profitable blocking plan is found, against handing HiGHS the whole program (15) once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from time import process_time
from typing import NoReturn
from unittest.mock import patch

import highspy
import numpy as np

from benchmarks.measurement import Measurement, medians_of, print_table
from benchmarks.whole_program import solved_by_the_better
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import find_blocking_plan, search
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.linear_program import Arrays, LinearProgram

PATIENCE = 60.0
"""Seconds after which a method of HiGHS is given up."""

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


class _StatedError(Exception):
    """Raised in place of an answer when only the program is wanted."""


def whole_program(game: CoalitionalGame, stakes: FloatArray) -> Arrays:
    """Return the program that decides, with every column stated at once."""
    stated: list[Arrays] = []

    def keep(program: LinearProgram, **_: object) -> NoReturn:
        stated.append(program.arrays())
        raise _StatedError

    everything = patch.object(search, "FEW_COLUMNS", 10**9)
    with everything, patch.object(LinearProgram, "solve", keep), suppress(_StatedError):
        find_blocking_plan(game, stakes)
    return stated[0]


def compare(players: int, types: int, actions: int, level: float) -> Measurement:
    generator = np.random.default_rng(1)
    game = random_game(generator, players, types, actions)
    stakes = generator.normal(scale=0.3, size=(len(game.profiles), players)) + level
    columns = actions * ((1 + types) ** players - 1)
    find_blocking_plan(game, stakes)  # What many questions about a game share is computed once.
    inside = in_the_solver(lambda: find_blocking_plan(game, stakes))
    generated = medians_of({"ours": lambda: find_blocking_plan(game, stakes)}, 10, process_time)["ours"]
    building = medians_of({"stated": lambda: whole_program(game, stakes)}, 3, process_time)["stated"]
    solving, method, _ = solved_by_the_better(whole_program(game, stakes), PATIENCE)
    return Measurement(
        work=f"blocking LP, {columns} columns, {'blocked' if level == BLOCKED else 'not blocked'}",
        baseline=f"whole program in HiGHS, {method} of simplex and interior point",
        ratio=(building + solving) / generated,
        target=200.0 if columns >= 10**5 else None,
        note=f"{players} players x {types} types x {actions} actions of each coalition; {generated * 1e3:.0f} ms, "
        f"{inside * 1e3:.0f} of them in the solver, for {building + solving:.2f} s",
    )


def in_the_solver(question: Callable[[], object]) -> float:
    """Return how many processor seconds of a question the solver runs."""
    spent, usual = 0.0, highspy.Highs.run

    def watched(solver: highspy.Highs) -> highspy.HighsStatus:
        nonlocal spent
        begin = process_time()
        status = usual(solver)
        spent += process_time() - begin
        return status

    with patch.object(highspy.Highs, "run", watched):
        question()
    return spent


def measure() -> list[Measurement]:
    return [
        compare(players, types, actions, level)
        for players, types, actions in ((4, 3, 20), (4, 4, 40), (5, 4, 33))
        for level in (BLOCKED, UNBLOCKED)
    ]


if __name__ == "__main__":
    print_table(measure())
