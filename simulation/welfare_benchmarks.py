"""What an economy could achieve: in competitive equilibrium, and at best when incentives bind.

These stand beside the first best and autarky, which need no more than :mod:`mechanisms.efficiency`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.divisible_actions import DivisibleActions
from mechanisms.economy import Economy
from mechanisms.efficiency import EfficientAllocation
from mechanisms.grand_contract import HOLDING_TOLERANCE, walrasian_payments
from mechanisms.incentive_efficiency import Participation
from mechanisms.linear_program import SolverRefusedError, Status, UnverifiedAnswerError
from mechanisms.second_best import SecondBest, second_best

NO_EQUILIBRIUM = "at some types somebody would have to owe numeraire"


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


def walrasian_welfare(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """Return the welfare of the competitive equilibrium from the endowments when types are known.

    Args:
        economy: the economy.
        efficient: its efficient allocations with their supporting prices.

    Returns:
        Sum of utilities, ``(P,)``, numeraire; not a number where somebody would have to owe numeraire, because
        the equilibrium is then not the efficient allocation.
    """
    endowments = economy.endowments(efficient.profiles)
    money = endowments[..., -1] + walrasian_payments(economy, efficient)
    bundles = np.concatenate((efficient.bundles, money[..., None]), axis=-1)
    welfare = economy.utility(efficient.profiles, bundles).sum(axis=-1)
    least = -HOLDING_TOLERANCE * (1 + endowments[..., -1].sum(axis=-1))
    return np.where(money.min(axis=-1) < least, np.nan, welfare)
