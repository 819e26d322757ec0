"""What a coalitional game could give its players, beside what was played."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, NoOptimum
from marketgame.mechanisms.incentive_efficiency.welfare import GameBenchmark, autarky_of_game, first_best_of_game
from marketgame.simulation.recording.market_benchmarks import (
    EXPECTATION,
    BenchmarkEntry,
    ConstraintEntry,
)


def game_benchmarks(game: CoalitionalGame, incentives: Sequence[GameBenchmark]) -> list[BenchmarkEntry]:
    """Return the entries of the table of benchmarks.

    Args:
        game: what coalitions can do.
        incentives: incentive-efficient mechanisms of largest expected welfare, by the benchmark's name.
    """
    alone = float(autarky_of_game(game) @ game.probability)
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
    alone = autarky_of_game(game)
    for name, welfare in (("first-best", first_best_of_game(game)), ("autarky", alone)):
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
