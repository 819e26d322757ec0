"""The benchmarks of a solved economy as rows, for its tables and for its document alike."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.benchmark_tables import BenchmarkRow, ConstraintRow
from experiments.solution import EconomySolution
from mechanisms.efficiency import value_of_goods
from mechanisms.second_best import SecondBest
from simulation.welfare_benchmarks import INCENTIVE_NAMES, UnknownBenchmark, walrasian_welfare

# Gains below this share of welfare are rounding: there is nothing to share.
NEGLIGIBLE = 1e-9


def benchmark_rows(solution: EconomySolution) -> Iterator[BenchmarkRow]:
    """Yield every benchmark, expected over the prior."""
    efficient = solution.efficient
    goods = solution.expected(efficient.value_of_goods)
    yield _row(solution, "first-best", solution.expected(efficient.welfare), goods)
    economy, equilibrium = solution.economy, solution.equilibrium
    if equilibrium.obstacle:
        yield BenchmarkRow("walrasian", None, obstacle=equilibrium.obstacle)
    else:
        welfare = solution.expected(walrasian_welfare(economy, equilibrium))
        traded = solution.expected(value_of_goods(economy, economy.profiles, equilibrium.bundles))
        yield _row(solution, "walrasian", welfare, traded)
    for benchmark in solution.incentive_benchmarks:
        name = INCENTIVE_NAMES[benchmark.participation]
        if isinstance(benchmark, UnknownBenchmark):
            yield BenchmarkRow(name, None, obstacle=benchmark.reason)
        else:
            yield _row(solution, name, benchmark.welfare, upper_bound=benchmark.bound)
    autarky, own_goods = solution.expected(solution.autarky_welfare), solution.expected(solution.autarky_value_of_goods)
    yield _row(solution, "autarky", autarky, own_goods)


def _row(
    solution: EconomySolution,
    name: str,
    welfare: float,
    goods: float | None = None,
    upper_bound: float | None = None,
) -> BenchmarkRow:
    best, autarky = solution.expected(solution.efficient.welfare), solution.expected(solution.autarky_welfare)
    gains, most = welfare - autarky, best - autarky
    share = gains / most if most > NEGLIGIBLE * abs(best) else None
    return BenchmarkRow(name, welfare, gains, best - welfare, share, value_of_goods=goods, upper_bound=upper_bound)


def constraint_rows(solution: EconomySolution) -> Iterator[ConstraintRow]:
    """Yield the constraints that cost welfare, benchmark by benchmark."""
    for benchmark in solution.incentive_benchmarks:
        if isinstance(benchmark, SecondBest):
            name = INCENTIVE_NAMES[benchmark.participation]
            for each in benchmark.binding:
                yield ConstraintRow(name, each.player, each.type, each.report or None, each.multiplier)
