"""What a coalitional game could give its players, beside what was played."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.coalitional_game import CoalitionalGame
from mechanisms.deadline import Deadline
from mechanisms.incentive_efficiency import (
    Budget,
    IncentiveEfficient,
    NoOptimum,
    Participation,
    incentive_efficient,
)
from simulation.benchmarks import EXPECTATION, BenchmarkEntry, ConstraintEntry
from simulation.welfare_benchmarks import INCENTIVE_NAMES

type GameBenchmark = tuple[str, IncentiveEfficient | NoOptimum]
"""An incentive-efficient mechanism of largest expected welfare, or why there is none, by the benchmark's name."""


def incentive_efficient_benchmarks(game: CoalitionalGame, seconds: float | None = None) -> tuple[GameBenchmark, ...]:
    """Return the most expected welfare that incentives allow, for each kind of participation constraint.

    Args:
        game: what coalitions can do.
        seconds: wall time allowed to each, or none.

    Raises:
        UnverifiedAnswerError: a solver's answer fails its independent check.
    """
    # A single player's payments cannot balance at every profile unless they are all zero.
    budget = Budget.EX_POST if len(game.players) > 1 else Budget.EXPECTED
    return tuple(
        (INCENTIVE_NAMES[each], incentive_efficient(game, None, each, budget=budget, deadline=Deadline.after(seconds)))
        for each in Participation
    )


def first_best(game: CoalitionalGame) -> FloatArray:
    """Return the largest sum of utilities of an action of the grand coalition, ``(P,)``, units of money."""
    utilities = game.actions[game.grand_coalition].utilities
    return np.asarray(utilities.sum(axis=1).max(axis=0))


def autarky(game: CoalitionalGame) -> FloatArray:
    """Return the sum of utilities when everybody does alone what it expects to be best, ``(P,)``, units of money."""
    total = np.zeros(len(game.profiles))
    for player in game.grand_coalition:
        utilities = game.actions[(player,)].utilities[:, 0]
        best = game.conditional_expectation(utilities, (player,)).argmax(axis=0)
        total += utilities[best[game.profiles[:, player]], np.arange(len(total))]
    return total


def game_benchmarks(game: CoalitionalGame, incentives: Sequence[GameBenchmark]) -> list[BenchmarkEntry]:
    """Return the entries of the table of benchmarks.

    Args:
        game: what coalitions can do.
        incentives: incentive-efficient mechanisms of largest expected welfare, by the benchmark's name.
    """
    alone = float(autarky(game) @ game.probability)
    return [*_at_every_profile(game), *(_in_expectation(name, known, alone) for name, known in incentives)]


def game_constraints(incentives: Sequence[GameBenchmark]) -> list[ConstraintEntry]:
    """Return the entries of the table of constraints."""
    return [
        ConstraintEntry(name, each.player, each.tempted, each.imitated, each.multiplier)
        for name, known in incentives
        if isinstance(known, IncentiveEfficient)
        for each in known.jeopardies
    ]


def _at_every_profile(game: CoalitionalGame) -> Iterator[BenchmarkEntry]:
    alone = autarky(game)
    for name, welfare in (("first-best", first_best(game)), ("autarky", alone)):
        gains = welfare - alone
        for number, profile in enumerate(game.profiles.tolist()):
            kinds = zip(game.players, game.types, profile, strict=True)
            words = ", ".join(f"{player}={names[kind]}" for player, names, kind in kinds)
            value, gain = float(welfare[number]), float(gains[number])
            yield BenchmarkEntry(name, number, words, float(game.probability[number]), value, gain, value, gain, "")
        value, gain = float(welfare @ game.probability), float(gains @ game.probability)
        yield BenchmarkEntry(name, EXPECTATION, "", 1.0, value, gain, value, gain, "")


def _in_expectation(name: str, known: IncentiveEfficient | NoOptimum, alone: float) -> BenchmarkEntry:
    if isinstance(known, NoOptimum):
        return BenchmarkEntry(name, EXPECTATION, "", 1.0, None, None, None, None, known.reason)
    values = (known.value, known.value - alone, known.bound, known.bound - alone)
    return BenchmarkEntry(name, EXPECTATION, "", 1.0, *values, "")
