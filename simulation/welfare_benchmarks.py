"""What an economy could achieve: in competitive equilibrium, and at best when incentives bind.

These stand beside the first best and autarky, which need no more than :mod:`mechanisms.efficiency`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray
from mechanisms.divisible_actions import DivisibleActions
from mechanisms.economy import Economy
from mechanisms.efficiency import EfficientAllocation, value_of_goods
from mechanisms.incentive_efficiency import Participation
from mechanisms.linear_program import SolverRefusedError, Status, UnverifiedAnswerError
from mechanisms.second_best import Money, SecondBest, second_best
from mechanisms.stakes import GAIN_TOLERANCE
from mechanisms.walras import WalrasianEquilibrium


@dataclass(frozen=True)
class UnknownBenchmark:
    """An incentive-efficient benchmark that is not known.

    Attributes:
        participation: which constraints were to be imposed.
        reason: why it is not known.
        solver_failed: whether a solver failed or hit its limit; otherwise the benchmark is not defined here.
        money: what players could have been asked to pay.
    """

    participation: Participation
    reason: str
    solver_failed: bool
    money: Money = Money.OWNED


type IncentiveBenchmark = SecondBest | UnknownBenchmark

INCENTIVE_NAMES = {
    Participation.NONE: "incentive-efficient",
    Participation.INDIVIDUAL: "incentive-efficient-individual",
}


def incentive_benchmarks(
    economy: Economy,
    participation: tuple[Participation, ...] = tuple(Participation),
    seconds: float | None = None,
    money: Money = Money.OWNED,
) -> tuple[IncentiveBenchmark, ...]:
    """Return the most welfare that incentives allow, for each kind of participation constraint.

    Args:
        economy: any; where the benchmark is not defined, the answers say why.
        participation: what every type must be left with.
        seconds: wall time allowed to each, or none.
        money: what players can be asked to pay.
    """
    try:
        DivisibleActions(economy)
    except ValueError as undefined:
        return tuple(UnknownBenchmark(each, str(undefined), solver_failed=False, money=money) for each in participation)
    return tuple(_solved(economy, each, seconds, money) for each in participation)


def _solved(economy: Economy, participation: Participation, seconds: float | None, money: Money) -> IncentiveBenchmark:
    try:
        answer = second_best(economy, participation, seconds, money)
    except (SolverRefusedError, UnverifiedAnswerError) as failure:
        return UnknownBenchmark(participation, str(failure), solver_failed=True, money=money)
    if answer.status is Status.OPTIMAL:
        return answer
    return UnknownBenchmark(participation, answer.status.value, solver_failed=True, money=money)


def incentive_name(benchmark: IncentiveBenchmark) -> str:
    """Return the name of a benchmark in tables and documents; it says so where money need not exist."""
    name = INCENTIVE_NAMES[benchmark.participation]
    return name if benchmark.money is Money.OWNED else f"{name}-{benchmark.money.value}-money"


def gains_from_trade(economy: Economy, bundles: FloatArray) -> FloatArray:
    """Return by how much bundles ``(P, N, G)`` make everybody together better off than autarky, ``(P,)``, numeraire.

    Money only changes hands, so that it makes no difference; profiles are all of the economy's, in order. Where autarky
    is worth minus infinity, gains are measured from the economy's reference.
    """
    return np.asarray(economy.gains_from_goods(economy.profiles, bundles).sum(axis=-1))


def first_best_gains(
    economy: Economy, efficient: EfficientAllocation, numbers: IntegerArray | None = None
) -> FloatArray:
    """Return what the first best gains over autarky, numeraire; zero where that is none of what is at stake.

    Args:
        economy: the economy.
        efficient: its efficient allocations.
        numbers: which of them, ``(R,)``; all when left out.

    Returns:
        Gains, ``(P,)`` or ``(R,)``.
    """
    chosen = slice(None) if numbers is None else numbers
    profiles, bundles, price = efficient.profiles[chosen], efficient.bundles[chosen], efficient.price[chosen, :-1]
    gains = economy.gains_from_goods(profiles, bundles).sum(axis=-1)
    owned = economy.endowments(profiles)[..., :-1]
    at_stake = (price[:, None] * np.maximum(owned, bundles)).sum(axis=(-1, -2))
    return np.where(gains > GAIN_TOLERANCE * at_stake, gains, 0.0)


def walrasian_welfare(economy: Economy, equilibrium: WalrasianEquilibrium) -> FloatArray:
    """Return the players' summed utilities in equilibrium, ``(P,)``, numeraire; not a number where it is not known."""
    value = value_of_goods(economy, economy.profiles, equilibrium.bundles)
    return np.asarray(value + economy.endowments(economy.profiles)[..., -1].sum(axis=-1))
