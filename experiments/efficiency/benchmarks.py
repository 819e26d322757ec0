"""The benchmarks of a solved economy as rows, for its tables and for its document alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from marketgame.experiments.efficiency.benchmark_tables import (
    BenchmarkRow,
    ConstraintRow,
)
from marketgame.mechanisms.economies.efficiency import value_of_goods
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import (
    UnknownBenchmark,
    gains_from_trade,
    incentive_name,
    walrasian_welfare,
)

if TYPE_CHECKING:
    from marketgame.experiments.efficiency.solution import EconomySolution


def benchmark_rows(solution: EconomySolution) -> Iterator[BenchmarkRow]:
    """Yield every benchmark, expected over the prior."""
    economy, efficient, equilibrium = solution.economy, solution.efficient, solution.equilibrium
    goods = solution.expected(efficient.value_of_goods)
    yield _row(solution, "first-best", solution.expected(efficient.welfare), solution.gains_from_trade, goods)
    if equilibrium.obstacle:
        yield BenchmarkRow("walrasian", None, obstacle=equilibrium.obstacle)
    else:
        welfare = solution.expected(walrasian_welfare(economy, equilibrium))
        gains = solution.expected(gains_from_trade(economy, equilibrium.bundles))
        traded = solution.expected(value_of_goods(economy, economy.profiles, equilibrium.bundles))
        yield _row(solution, "walrasian", welfare, gains, traded)
    for benchmark in solution.incentive_benchmarks:
        name = incentive_name(benchmark)
        if isinstance(benchmark, UnknownBenchmark):
            yield BenchmarkRow(name, None, obstacle=benchmark.reason)
        else:
            row = _row(solution, name, benchmark.welfare, benchmark.gains)
            yield replace(row, upper_bound=benchmark.bound, bound_on_gains=benchmark.bound_on_gains)
    autarky, own_goods = solution.expected(solution.autarky_welfare), solution.expected(solution.autarky_value_of_goods)
    yield _row(solution, "autarky", autarky, 0.0, own_goods)


def _row(
    solution: EconomySolution, name: str, welfare: float, gains: float, goods: float | None = None
) -> BenchmarkRow:
    most = solution.gains_from_trade
    share = gains / most if most > 0 else None
    return BenchmarkRow(name, welfare, gains, most - gains, share, value_of_goods=goods)


def constraint_rows(solution: EconomySolution) -> Iterator[ConstraintRow]:
    """Yield the constraints that cost welfare, benchmark by benchmark."""
    for benchmark in solution.incentive_benchmarks:
        if isinstance(benchmark, SecondBest):
            name = incentive_name(benchmark)
            for each in benchmark.binding:
                yield ConstraintRow(name, each.player, each.type, each.report or None, each.multiplier)
