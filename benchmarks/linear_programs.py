"""How fast incentive-efficient mechanisms are computed, against handing HiGHS the whole program.

Random games with interdependent values and random weights. The whole program is stated in interim terms too, as fast
as we can, and solved by HiGHS alone; our side includes building, pricing, both independent checks and the mechanism.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from ctypes import CDLL
from dataclasses import replace
from statistics import median
from time import process_time

import numpy as np

from benchmarks.measurement import Measurement, print_table, time_of
from benchmarks.whole_program import handed_over, solved_by_the_better
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.program import InterimProgram
from marketgame.mechanisms.incentive_efficiency.search import (
    EfficiencyProblem,
    IncentiveEfficient,
    Method,
    NoOptimum,
    incentive_efficient,
)
from marketgame.mechanisms.linear_program import Arrays
from marketgame.mechanisms.linear_program.highs import Solver

PATIENCE = 60.0
"""Seconds after which the whole program is given up."""

NEARBY = 8
"""Games in a sweep of nearby ones."""


def random_game(players: int, types: int, actions: int) -> CoalitionalGame:
    generator = np.random.default_rng(1)
    everybody = range(players)
    nothing = tuple(np.zeros((1, size, types**players)) for size in range(players))
    utilities = generator.normal(size=(actions, players, types**players))
    names = tuple(f"action {number}" for number in range(actions))
    return CoalitionalGame(
        tuple(f"player {number}" for number in everybody),
        tuple(tuple(f"type {number}" for number in range(types)) for _ in everybody),
        tuple(generator.dirichlet(np.full(types, 3.0)) for _ in everybody),
        {
            coalition: ActionSet(("nothing",), nothing[size])
            for size in range(1, players)
            for coalition in itertools.combinations(everybody, size)
        }
        | {tuple(everybody): ActionSet(names, utilities)},
    )


def random_weights(game: CoalitionalGame) -> tuple[FloatArray, ...]:
    generator = np.random.default_rng(2)
    return tuple(generator.dirichlet(np.ones(count)) for count in game.type_counts)


def coefficients(game: CoalitionalGame) -> int:
    actions = len(game.actions[game.grand_coalition].names)
    return len(game.profiles) * actions * (1 + sum(game.type_counts))


def certified_answer(answer: IncentiveEfficient | NoOptimum) -> IncentiveEfficient:
    if not isinstance(answer, IncentiveEfficient) or not answer.conditions.hold:
        raise AssertionError("no certified optimum")
    return answer


def stated(game: CoalitionalGame, weights: tuple[FloatArray, ...]) -> Arrays:
    """Return the whole program, stated in interim terms, in finished arrays."""
    program = InterimProgram(game.type_probabilities, game.profiles, 1.0)
    program.state_every_action(game.actions[game.grand_coalition].utilities)
    program.set_weights(weights)
    return program.program.arrays()


def against_the_whole_program(players: int, types: int, actions: int, target: float | None) -> Measurement:
    game = random_game(players, types, actions)
    weights = random_weights(game)
    building = time_of(lambda: stated(game, weights), 3, process_time)
    solving, method, value = solved_by_the_better(stated(game, weights), PATIENCE)
    generated = certified_answer(incentive_efficient(game, weights, method=Method.COLUMN_GENERATION))
    ours = time_of(lambda: incentive_efficient(game, weights, method=Method.COLUMN_GENERATION), 3, process_time)
    if value is not None and abs(value - generated.value) > 1e-7:
        raise AssertionError("the two answers differ")
    return Measurement(
        work=f"incentive efficiency, {players} players x {types} types x {actions} actions",
        baseline=f"whole program in HiGHS, {method} of simplex and interior point"
        + (f", given up after {PATIENCE:g} s" if value is None else ""),
        ratio=(building + solving) / ours,
        target=target,
        note=f"{coefficients(game)} coefficients; certified after {generated.rounds} rounds",
    )


def nearby_games() -> Measurement:
    game = random_game(4, 4, 20)
    weights = random_weights(game)
    generator = np.random.default_rng(3)

    def near() -> CoalitionalGame:
        actions = {
            coalition: ActionSet(
                action_set.names,
                action_set.utilities * (1 + 0.01 * generator.normal(size=action_set.utilities.shape)),
            )
            for coalition, action_set in game.actions.items()
        }
        return replace(game, actions=actions)

    games = [near() for _ in range(NEARBY)]
    first = certified_answer(incentive_efficient(game, weights, method=Method.COLUMN_GENERATION))

    def in_turn() -> None:
        pool = first.pool
        for one in games:
            pool = certified_answer(incentive_efficient(one, weights, start=pool)).pool

    cold = time_of(lambda: EfficiencyProblem(games[0], method=Method.ENUMERATION).solve(weights), 3)
    return Measurement(
        work="a nearby game, 4 players x 4 types x 20 actions",
        baseline="cold whole program in HiGHS",
        ratio=cold / (time_of(in_turn, 5) / NEARBY),
        target=50.0,
        note="utilities perturbed by 1%; columns and basis kept",
    )


def in_turn_cold(functions: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return median processor seconds of functions called in turn, each with no memory left over from before.

    A program is stated and passed once. Repeated without more ado, the solver would find the memory of its last copy,
    while what is stated afresh would not.
    """
    give_back, times = CDLL(None).malloc_trim, {name: list[float]() for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            give_back(0)
            times[name].append(time_of(function, 1, process_time))
    return {name: median(each) for name, each in times.items()}


def building(players: int, types: int, actions: int) -> Measurement:
    game = random_game(players, types, actions)
    finished = stated(game, game.type_probabilities)
    seconds = in_turn_cold(
        {
            "passed": lambda: handed_over(finished),
            "both": lambda: Solver().load(stated(game, game.type_probabilities)),
        },
        15,
    )
    return Measurement(
        work=f"stating and passing a program of {coefficients(game)} coefficients",
        baseline="passing finished arrays to HiGHS",
        ratio=seconds["passed"] / seconds["both"],
        target=1 / 1.5,
        note=f"what stating adds to passing: {seconds['both'] * 1e3:.1f} ms for {seconds['passed'] * 1e3:.1f}",
    )


def measure() -> list[Measurement]:
    return [
        against_the_whole_program(4, 4, 20, None),
        against_the_whole_program(4, 5, 30, 20.0),
        against_the_whole_program(5, 4, 20, 20.0),
        against_the_whole_program(6, 4, 20, 20.0),
        nearby_games(),
        building(5, 4, 20),
        building(6, 4, 20),
    ]


if __name__ == "__main__":
    print_table(measure())
