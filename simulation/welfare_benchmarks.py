"""What an economy could achieve: in competitive equilibrium, and at best when incentives bind.

These stand beside the first best and autarky, which need no more than :mod:`mechanisms.efficiency`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.divisible_actions import DivisibleActions
from mechanisms.economy import Economy
from mechanisms.efficiency import value_of_goods
from mechanisms.incentive_efficiency import Participation
from mechanisms.linear_program import SolverRefusedError, Status, UnverifiedAnswerError
from mechanisms.second_best import SecondBest, second_best
from mechanisms.walras import WalrasianEquilibrium


@dataclass(frozen=True)
class UnknownBenchmark:
    """An incentive-efficient benchmark that is not known.

    Attributes:
        participation: which constraints were to be imposed.
        reason: why it is not known.
        solver_failed: whether a solver failed or hit its limit; otherwise the benchmark is not defined here.
    """

    participation: Participation
    reason: str
    solver_failed: bool


type IncentiveBenchmark = SecondBest | UnknownBenchmark

INCENTIVE_NAMES = {
    Participation.NONE: "incentive-efficient",
    Participation.INDIVIDUAL: "incentive-efficient-individual",
}


def incentive_benchmarks(
    economy: Economy,
    participation: tuple[Participation, ...] = tuple(Participation),
    seconds: float | None = None,
) -> tuple[IncentiveBenchmark, ...]:
    """Return the most welfare that incentives allow, for each kind of participation constraint.

    Args:
        economy: any; where the benchmark is not defined, the answers say why.
        participation: what every type must be left with.
        seconds: wall time allowed to each, or none.
    """
    try:
        DivisibleActions(economy)
    except ValueError as undefined:
        return tuple(UnknownBenchmark(each, str(undefined), solver_failed=False) for each in participation)
    return tuple(_solved(economy, each, seconds) for each in participation)


def _solved(economy: Economy, participation: Participation, seconds: float | None) -> IncentiveBenchmark:
    try:
        answer = second_best(economy, participation, seconds)
    except (SolverRefusedError, UnverifiedAnswerError) as failure:
        return UnknownBenchmark(participation, str(failure), solver_failed=True)
    if answer.status is Status.OPTIMAL:
        return answer
    return UnknownBenchmark(participation, answer.status.value, solver_failed=True)


def walrasian_welfare(economy: Economy, equilibrium: WalrasianEquilibrium) -> FloatArray:
    """Return the players' summed utilities in equilibrium, ``(P,)``, numeraire; not a number where it is not known."""
    value = value_of_goods(economy, economy.profiles, equilibrium.bundles)
    return np.asarray(value + economy.endowments(economy.profiles)[..., -1].sum(axis=-1))
