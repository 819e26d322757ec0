"""The benchmarks beside every run: at best, in equilibrium, without trade, and at best when incentives bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.contracts.grand_contract import listed
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, autarky_welfare
from marketgame.mechanisms.economies.profiles import Estimate
from marketgame.mechanisms.economies.walras import Equilibrium, walrasian_equilibrium
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, NoOptimum
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import (
    INCENTIVE_NAMES,
    GameBenchmark,
    IncentiveBenchmark,
    autarky_of_game,
    first_best_gains,
    first_best_of_game,
    gains_from_trade,
    walrasian_welfare,
)
from marketgame.simulation.recording.profile_numbers import ProfileNumbers

# Economies with more profiles than this list only those that were drawn, and the expectation over all.
MOST_PROFILES_LISTED = 4096
# The number that stands for the expectation over the prior.
EXPECTATION = -1


class BenchmarkEntry(NamedTuple):
    """One row of the table of benchmarks, as its columns are described there, without the run."""

    benchmark: str
    profile: int
    profile_types: str
    probability: float
    welfare: float | None
    gains: float | None
    upper_bound: float | None
    bound_on_gains: float | None
    obstacle: str
    standard_error: float | None = 0.0


class ConstraintEntry(NamedTuple):
    """One row of the table of constraints, as its columns are described there, without the run."""

    benchmark: str
    player: str
    type: str
    report: str | None
    multiplier: float


def benchmarks_of_economy(
    contract: DirectContract,
    numbers: ProfileNumbers,
    drawn: AbstractSet[int],
    incentives: Sequence[IncentiveBenchmark],
) -> list[BenchmarkEntry]:
    """Return one entry for each benchmark and profile, of many those drawn, and one for its expectation."""
    return [*_at_every_profile(contract, numbers, drawn), *map(_in_expectation, incentives)]


def constraints_of_economy(incentives: Sequence[IncentiveBenchmark]) -> list[ConstraintEntry]:
    """Return one entry for each constraint that costs welfare, benchmark by benchmark."""
    return [
        ConstraintEntry(INCENTIVE_NAMES[known.participation], at.player, at.type, at.report or None, at.multiplier)
        for known in incentives
        if isinstance(known, SecondBest)
        for at in known.binding
    ]


def benchmarks_of_game(game: CoalitionalGame, incentives: Sequence[GameBenchmark]) -> list[BenchmarkEntry]:
    """Return one entry for each benchmark and profile, and one for each benchmark's expectation."""
    alone = autarky_of_game(game)
    entries = []
    for name, welfare in (("first-best", first_best_of_game(game)), ("autarky", alone)):
        gains = welfare - alone
        for number, profile in enumerate(game.profiles.tolist()):
            kinds = {player: names[kind] for player, names, kind in zip(game.players, game.types, profile, strict=True)}
            values = (float(welfare[number]), float(gains[number]))
            entries.append(_exact(name, number, _in_words(kinds), float(game.probability[number]), values))
        entries.append(
            _exact(name, EXPECTATION, "", 1.0, (float(welfare @ game.probability), float(gains @ game.probability)))
        )
    return [*entries, *(_found(name, known, float(alone @ game.probability)) for name, known in incentives)]


def constraints_of_game(incentives: Sequence[GameBenchmark]) -> list[ConstraintEntry]:
    """Return one entry for each constraint that costs welfare, benchmark by benchmark."""
    return [
        ConstraintEntry(name, each.player, each.tempted, each.imitated, each.multiplier)
        for name, known in incentives
        if isinstance(known, IncentiveEfficient)
        for each in known.jeopardies
    ]


def _found(name: str, known: IncentiveEfficient | NoOptimum, alone: float) -> BenchmarkEntry:
    if isinstance(known, NoOptimum):
        return _unknown(name, EXPECTATION, "", 1.0, known.reason)
    values = (known.value, known.value - alone, known.bound, known.bound - alone)
    return BenchmarkEntry(name, EXPECTATION, "", 1.0, *values, "")


def _at_every_profile(
    contract: DirectContract, numbers: ProfileNumbers, drawn: AbstractSet[int]
) -> Iterator[BenchmarkEntry]:
    economy, prior = contract.economy, contract.economy.prior
    if isinstance(contract, ContractOnDemand):
        shown, expected = sorted(drawn), contract.sample.profiles.expected
        profiles = numbers.profiles(shown)
        everywhere = _Levels.of(economy, contract.sample.efficient)
        at_shown, odds = _Levels.of(economy, contract.terms(profiles).efficient), prior.chance(profiles)
        # Who was what is in the table of players, round by round.
        words = [""] * len(shown)
    else:
        efficient = listed(contract).efficient
        few = len(efficient.profiles) <= MOST_PROFILES_LISTED
        shown = list(range(len(efficient.profiles))) if few else sorted(drawn)
        words = [_in_words(economy.type_names(efficient.profiles[number])) for number in shown]
        everywhere = _Levels.of(economy, efficient)
        at_shown, odds = everywhere.at(shown), prior.probability[shown]

        def expected(values: FloatArray) -> Estimate:
            return Estimate(float((values * prior.probability).sum()), 0.0)

    for name, (welfare, gains) in at_shown.benchmarks.items():
        for place, number in enumerate(shown):
            values = (float(welfare[place]), float(gains[place]))
            yield _exact(name, number, words[place], float(odds[place]), values, at_shown.equilibrium[place].value)
        level, gained = (expected(values) for values in everywhere.benchmarks[name])
        entry = _exact(name, EXPECTATION, "", 1.0, (level.value, gained.value), everywhere.obstacle)
        if entry.welfare is not None and gained.standard_error > 0:
            # A mean over draws bounds nothing.
            entry = entry._replace(upper_bound=None, bound_on_gains=None, standard_error=gained.standard_error)
        yield entry


@dataclass(frozen=True, eq=False)
class _Levels:
    """Welfare and gains over autarky at some profiles, by benchmark, and what is known of equilibria there."""

    benchmarks: dict[str, tuple[FloatArray, FloatArray]]
    equilibrium: Sequence[Equilibrium]
    obstacle: str

    @classmethod
    def of(cls, economy: Economy, efficient: EfficientAllocation) -> _Levels:
        profiles, equilibrium = efficient.profiles, walrasian_equilibrium(economy, efficient)
        traded = gains_from_trade(economy, profiles, equilibrium.bundles)
        benchmarks = {
            "first-best": (efficient.welfare, first_best_gains(economy, efficient)),
            "autarky": (autarky_welfare(economy, profiles), np.zeros(len(profiles))),
            "walrasian": (walrasian_welfare(economy, profiles, equilibrium), traded),
        }
        return cls(benchmarks, equilibrium.kind, equilibrium.obstacle)

    def at(self, places: list[int]) -> _Levels:
        """Return the same at some of the profiles."""
        benchmarks = {name: (welfare[places], gains[places]) for name, (welfare, gains) in self.benchmarks.items()}
        return _Levels(benchmarks, [self.equilibrium[place] for place in places], self.obstacle)


def _exact(
    name: str, profile: int, words: str, probability: float, values: tuple[float, float], obstacle: str = ""
) -> BenchmarkEntry:
    """Return the row of a benchmark's welfare and gains; the obstacle counts where they are not numbers."""
    if np.isnan(values[0]):
        return _unknown(name, profile, words, probability, obstacle)
    welfare, gains = values
    return BenchmarkEntry(name, profile, words, probability, welfare, gains, welfare, gains, "")


def _in_expectation(benchmark: IncentiveBenchmark) -> BenchmarkEntry:
    name = INCENTIVE_NAMES[benchmark.participation]
    if isinstance(benchmark, SecondBest):
        known = (benchmark.welfare, benchmark.gains, benchmark.bound, benchmark.bound_on_gains)
        return BenchmarkEntry(name, EXPECTATION, "", 1.0, *known, "", benchmark.standard_error)
    return _unknown(name, EXPECTATION, "", 1.0, benchmark.reason)


def _unknown(name: str, profile: int, words: str, probability: float, obstacle: str) -> BenchmarkEntry:
    return BenchmarkEntry(name, profile, words, probability, None, None, None, None, obstacle, None)


def _in_words(types: dict[str, str]) -> str:
    return ", ".join(f"{player}={kind}" for player, kind in types.items())
