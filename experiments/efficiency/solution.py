"""What ``marketgame solve`` answers for an economy: efficiency, prices, transfers, incentives, second best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, override

import numpy as np
import pandas as pd
from rich.console import Console

from marketgame.experiments.efficiency.benchmarks import benchmark_frame, benchmark_rows
from marketgame.experiments.efficiency.printing import print_solution
from marketgame.experiments.printing import Printed, drawn_bars
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.compatibility import (
    CompatibilityFails,
    CompatibilityHolds,
    UndecidedConditionError,
    check_compatibility,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, check_incentives
from marketgame.mechanisms.contracts.transfers import (
    IncentiveTransfers,
    NoIncentiveTransfers,
    expected_externality_transfers,
    incentive_compatible_transfers,
)
from marketgame.mechanisms.economies.assumptions import Assumption, check_assumptions
from marketgame.mechanisms.economies.beliefs import Prior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import (
    EfficientAllocation,
    autarky_welfare,
    efficient_allocation,
    value_of_goods,
)
from marketgame.mechanisms.economies.walras import WalrasianEquilibrium, walrasian_equilibrium
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money
from marketgame.mechanisms.incentive_efficiency.welfare import (
    IncentiveBenchmark,
    UnknownBenchmark,
    first_best_gains,
    incentive_benchmarks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ContractAnswer:
    """The grand contract under one rule for the transfers.

    Attributes:
        rule: the rule.
        numeraire_transfers: by how much each player's numeraire changes, ``(P, N)``; none when no transfers do
            what the rule asks.
        incentives: whether truthful reports are an equilibrium; none when there is no such contract.
        obstacle: why there is no such contract; empty when there is.
    """

    rule: TransferRule
    numeraire_transfers: FloatArray | None
    incentives: IncentiveCheck | None
    obstacle: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class EconomySolution(Printed):
    """The benchmarks of an economy, profile by profile and in expectation over the prior.

    Attributes:
        economy: what was solved.
        efficient: the efficient allocation of every profile.
        autarky_welfare: summed utilities when nobody trades, ``(P,)``, numeraire.
        autarky_value_of_goods: summed valuations when nobody trades, ``(P,)``, numeraire.
        walrasian_payments: what each player receives when all pay the supporting price, ``(P, N)``, numeraire.
        walrasian: the contract with these payments.
        incentive_transfers: the contract whose transfers make truth pay: expected externality under independent
            types, a linear program's otherwise; none for a single player.
        equilibrium: the competitive equilibrium of every profile in which nobody owes money.
        incentive_benchmarks: the most welfare that incentives allow, by what players must be left with.
        compatibility: whether the compatibility condition holds, with the evidence, or why that is not known.
        assumptions: the paper's assumptions, met or not.
    """

    economy: Economy
    efficient: EfficientAllocation
    autarky_welfare: FloatArray
    autarky_value_of_goods: FloatArray
    walrasian_payments: FloatArray
    walrasian: ContractAnswer
    incentive_transfers: ContractAnswer | None
    equilibrium: WalrasianEquilibrium
    incentive_benchmarks: tuple[IncentiveBenchmark, ...]
    compatibility: CompatibilityHolds | CompatibilityFails | UndecidedConditionError
    assumptions: tuple[Assumption, ...]

    @override
    def print_on(self, console: Console) -> None:
        print_solution(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """Welfare by benchmark, expected over the prior."""
        return benchmark_frame(benchmark_rows(self), self.economy.units[-1])

    @override
    def plot(self) -> Figure:
        """Draw what each benchmark gains over autarky, expected over the prior."""
        return drawn_bars(self.table, "gains", f"{self.economy.name}: expected gains over autarky")

    @property
    def incentives_known(self) -> bool:
        """Whether any of the incentive-efficient benchmarks is known."""
        return any(not isinstance(each, UnknownBenchmark) for each in self.incentive_benchmarks)

    @property
    def solver_failures(self) -> tuple[str, ...]:
        """Why something is unknown for which a solver failed or hit its limit, each reason once."""
        unknown = (each for each in self.incentive_benchmarks if isinstance(each, UnknownBenchmark))
        reasons = [each.reason for each in unknown if each.solver_failed]
        if isinstance(self.compatibility, UndecidedConditionError):
            reasons.append(str(self.compatibility))
        return tuple(dict.fromkeys(reasons))

    def expected(self, values: FloatArray) -> float:
        """Return the expectation over the prior of values by profile, ``(P,)``."""
        return float(self.economy.prior.probability @ values)

    @cached_property
    def gains_from_trade(self) -> float:
        """What the first best is expected to gain over autarky, numeraire."""
        return self.expected(first_best_gains(self.economy, self.efficient))

    @property
    def walrasian_allocation(self) -> FloatArray:
        """What each player ends with when all pay the supporting price, ``(P, N, L)``, units."""
        money = self.economy.endowments(self.economy.profiles)[..., -1] + self.walrasian_payments
        return np.concatenate((self.efficient.bundles, money[..., None]), axis=-1)


def solve_economy(
    economy: Economy,
    participation: tuple[Participation, ...] = tuple(Participation),
    seconds: float | None = None,
    money: Money = Money.OWNED,
) -> EconomySolution:
    """Return the benchmarks of an economy.

    Args:
        economy: the economy.
        participation: for which participation constraints the incentive-efficient benchmark is computed.
        seconds: wall time allowed to each of these benchmarks, or none.
        money: what players can be asked to pay in them.

    Raises:
        ValueError: no efficient allocation exists.
        ArithmeticError: an answer was found that could not be proven; the class says which.
    """
    efficient = efficient_allocation(economy)
    endowments = economy.endowments(economy.profiles)
    payments = walrasian_payments(economy, efficient)
    return EconomySolution(
        economy=economy,
        efficient=efficient,
        autarky_welfare=autarky_welfare(economy),
        autarky_value_of_goods=value_of_goods(economy, economy.profiles, endowments[..., :-1]),
        walrasian_payments=payments,
        walrasian=_contract(economy, efficient, TransferRule.NONE, payments),
        incentive_transfers=_incentive_transfers(economy, efficient),
        equilibrium=walrasian_equilibrium(economy, efficient),
        incentive_benchmarks=incentive_benchmarks(economy, participation, seconds, money),
        compatibility=_compatibility(economy.prior),
        assumptions=check_assumptions(economy),
    )


def _compatibility(prior: Prior) -> CompatibilityHolds | CompatibilityFails | UndecidedConditionError:
    try:
        return check_compatibility(prior)
    except UndecidedConditionError as undecided:
        return undecided


def _contract(
    economy: Economy, efficient: EfficientAllocation, rule: TransferRule, transfers: FloatArray
) -> ContractAnswer:
    try:
        contract = GrandContract(economy, efficient, transfers)
    except ValueError as error:
        return ContractAnswer(rule, transfers, None, str(error))
    return ContractAnswer(rule, transfers, check_incentives(contract))


def _incentive_transfers(economy: Economy, efficient: EfficientAllocation) -> ContractAnswer | None:
    if len(economy.players) < 2:
        return None
    if economy.prior.independent:
        transfers = expected_externality_transfers(economy, efficient)
        return _contract(economy, efficient, TransferRule.EXPECTED_EXTERNALITY, transfers)
    match incentive_compatible_transfers(economy, efficient):
        case IncentiveTransfers(numeraire_transfers):
            return _contract(economy, efficient, TransferRule.LP, numeraire_transfers)
        case NoIncentiveTransfers() as evidence:
            obstacle = f"whatever the balanced transfers, some type gains {evidence.least_gain:.6g} by a misreport"
            return ContractAnswer(TransferRule.LP, None, None, obstacle)
