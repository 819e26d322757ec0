"""The benchmarks beside every run: at best, in equilibrium, without trade, and at best when incentives bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.economies.efficiency import autarky_welfare
from marketgame.mechanisms.economies.walras import walrasian_equilibrium
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import (
    INCENTIVE_NAMES,
    IncentiveBenchmark,
    first_best_gains,
    gains_from_trade,
    walrasian_welfare,
)
from marketgame.simulation.recording.rows import table_of
from marketgame.simulation.recording.tables import (
    BENCHMARKS,
    CONSTRAINTS,
    TableSchema,
)

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


class ConstraintEntry(NamedTuple):
    """One row of the table of constraints, as its columns are described there, without the run."""

    benchmark: str
    player: str
    type: str
    report: str | None
    multiplier: float


def benchmark_rows(
    run: int, contract: GrandContract, drawn: AbstractSet[int], incentives: Sequence[IncentiveBenchmark] = ()
) -> pa.Table:
    """Return one row for each benchmark and profile, and one for each benchmark's expectation.

    Args:
        run: number of the run.
        contract: the established contract; the benchmarks are those of its economy.
        drawn: numbers of the profiles that were drawn.
        incentives: the incentive-efficient benchmarks of the economy, known in expectation only.

    Returns:
        The rows, benchmark by benchmark, profiles in order, the expectation last.
    """
    return entry_table(BENCHMARKS, run, [*_at_every_profile(contract, drawn), *map(_in_expectation, incentives)])


def constraint_rows(run: int, incentives: Sequence[IncentiveBenchmark]) -> pa.Table:
    """Return one row for each constraint that costs welfare, benchmark by benchmark."""
    return entry_table(
        CONSTRAINTS,
        run,
        [
            ConstraintEntry(INCENTIVE_NAMES[known.participation], at.player, at.type, at.report or None, at.multiplier)
            for known in incentives
            if isinstance(known, SecondBest)
            for at in known.binding
        ],
    )


def _at_every_profile(contract: GrandContract, drawn: AbstractSet[int]) -> Iterator[BenchmarkEntry]:
    economy, profiles = contract.economy, contract.efficient.profiles
    listed = range(len(profiles)) if len(profiles) <= MOST_PROFILES_LISTED else sorted(drawn)
    words = {number: _in_words(economy.type_names(profiles[number])) for number in listed}
    odds = economy.prior.probability
    equilibrium = walrasian_equilibrium(economy, contract.efficient)
    benchmarks = {
        "first-best": (contract.efficient.welfare, first_best_gains(economy, contract.efficient)),
        "autarky": (autarky_welfare(economy, profiles), np.zeros(len(profiles))),
        "walrasian": (walrasian_welfare(economy, equilibrium), gains_from_trade(economy, equilibrium.bundles)),
    }
    for name, (welfare, gains) in benchmarks.items():
        for number in listed:
            values = (float(welfare[number]), float(gains[number]))
            yield _exact(name, number, words[number], float(odds[number]), values, equilibrium.kind[number].value)
        expected = (float((welfare * odds).sum()), float((gains * odds).sum()))
        yield _exact(name, EXPECTATION, "", 1.0, expected, equilibrium.obstacle)


def _exact(
    name: str, profile: int, words: str, probability: float, values: tuple[float, float], obstacle: str
) -> BenchmarkEntry:
    """Return the row of a benchmark's welfare and gains; the obstacle counts where they are not numbers."""
    if np.isnan(values[0]):
        return BenchmarkEntry(name, profile, words, probability, None, None, None, None, obstacle)
    welfare, gains = values
    return BenchmarkEntry(name, profile, words, probability, welfare, gains, welfare, gains, "")


def _in_expectation(benchmark: IncentiveBenchmark) -> BenchmarkEntry:
    name = INCENTIVE_NAMES[benchmark.participation]
    if isinstance(benchmark, SecondBest):
        known = (benchmark.welfare, benchmark.gains, benchmark.bound, benchmark.bound_on_gains)
        return BenchmarkEntry(name, EXPECTATION, "", 1.0, *known, "")
    return BenchmarkEntry(name, EXPECTATION, "", 1.0, None, None, None, None, benchmark.reason)


def entry_table(
    schema: TableSchema, run: int, entries: Sequence[BenchmarkEntry] | Sequence[ConstraintEntry]
) -> pa.Table:
    """Return entries as the rows of their table."""
    names = [column.name for column in schema.columns if column.name != "run"]
    columns = zip(*entries, strict=True) if entries else ((),) * len(names)
    return table_of(schema, {"run": np.full(len(entries), run), **dict(zip(names, columns, strict=True))})


def _in_words(types: dict[str, str]) -> str:
    return ", ".join(f"{player}={kind}" for player, kind in types.items())
