"""What ``marketgame solve`` answers for an economy: efficiency, prices, autarky, transfers and incentives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.assumptions import Assumption, check_assumptions
from mechanisms.economy import Economy
from mechanisms.efficiency import EfficientAllocation, autarky_welfare, efficient_allocation, value_of_goods
from mechanisms.grand_contract import GrandContract, walrasian_payments
from mechanisms.incentives import IncentiveCheck, check_incentives
from mechanisms.transfers import expected_externality_transfers


@dataclass(frozen=True, eq=False)
class ContractAnswer:
    """The grand contract under one rule for the transfers.

    Attributes:
        rule: its name.
        numeraire_transfers: by how much each player's numeraire changes, ``(P, N)``.
        incentives: whether truthful reports are an equilibrium; none when the contract is impossible.
        obstacle: why the contract is impossible; empty when it is not.
    """

    rule: str
    numeraire_transfers: FloatArray
    incentives: IncentiveCheck | None
    obstacle: str = ""


@dataclass(frozen=True, eq=False)
class EconomySolution:
    """The benchmarks of an economy, profile by profile and in expectation over the prior.

    Attributes:
        economy: what was solved.
        efficient: the efficient allocation of every profile.
        autarky_welfare: summed utilities when nobody trades, ``(P,)``, numeraire.
        autarky_value_of_goods: summed valuations when nobody trades, ``(P,)``, numeraire.
        walrasian: the contract in which everyone pays for its goods at the supporting price.
        expected_externality: the contract with d'Aspremont and Gérard-Varet's transfers; none under a prior or
            with a number of players for which they are not defined.
        assumptions: the paper's assumptions, met or not.
    """

    economy: Economy
    efficient: EfficientAllocation
    autarky_welfare: FloatArray
    autarky_value_of_goods: FloatArray
    walrasian: ContractAnswer
    expected_externality: ContractAnswer | None
    assumptions: tuple[Assumption, ...]

    def expected(self, values: FloatArray) -> float:
        """Return the expectation over the prior of values by profile, ``(P,)``."""
        return float(self.economy.prior.probability @ values)

    @property
    def walrasian_allocation(self) -> FloatArray:
        """What each player ends with when all pay the supporting price, ``(P, N, L)``, units."""
        money = self.economy.endowments(self.economy.profiles)[..., -1] + self.walrasian.numeraire_transfers
        return np.concatenate((self.efficient.bundles, money[..., None]), axis=-1)


def solve_economy(economy: Economy) -> EconomySolution:
    """Return the benchmarks of an economy.

    Raises:
        ValueError: no efficient allocation exists.
        UnprovenOptimumError: an allocation's optimality could not be proven.
    """
    efficient = efficient_allocation(economy)
    endowments = economy.endowments(economy.profiles)
    externality = None
    if economy.prior.independent and len(economy.players) > 1:
        transfers = expected_externality_transfers(economy, efficient)
        externality = _contract(economy, efficient, "expected-externality", transfers)
    return EconomySolution(
        economy=economy,
        efficient=efficient,
        autarky_welfare=autarky_welfare(economy),
        autarky_value_of_goods=value_of_goods(economy, economy.profiles, endowments[..., :-1]),
        walrasian=_contract(economy, efficient, "none", walrasian_payments(economy, efficient)),
        expected_externality=externality,
        assumptions=check_assumptions(economy),
    )


def _contract(economy: Economy, efficient: EfficientAllocation, rule: str, transfers: FloatArray) -> ContractAnswer:
    try:
        contract = GrandContract(economy, efficient, transfers)
    except ValueError as error:
        return ContractAnswer(rule, transfers, None, str(error))
    return ContractAnswer(rule, transfers, check_incentives(contract))


def solution_document(solution: EconomySolution) -> dict[str, Any]:
    """Return the solution as the JSON document of ``marketgame solve``.

    ``allocation`` gives each player the efficient goods and the numeraire left after paying for them at the
    supporting price; ``transfers`` say by how much the numeraire changes instead under the expected-externality
    rule, to which ``incentive_compatible`` and ``largest_misreport_gain`` refer.
    """
    economy, efficient = solution.economy, solution.efficient
    first_best, autarky = solution.expected(efficient.welfare), solution.expected(solution.autarky_welfare)
    return {
        "kind": "market-economy",
        "economy": economy.name,
        "goods": list(economy.goods),
        "units": dict(zip(economy.goods, economy.units, strict=True)),
        "profiles": [_profile_document(solution, number) for number in range(len(economy.profiles))],
        "first_best_welfare": first_best,
        "autarky_welfare": autarky,
        "gains_from_trade": first_best - autarky,
        "value_of_goods": solution.expected(efficient.value_of_goods),
        "autarky_value_of_goods": solution.expected(solution.autarky_value_of_goods),
        "largest_optimality_gap": float(efficient.optimality_gap.max()),
        "assumptions": [
            {"name": each.name, "source": each.source, "holds": each.holds, "reason": each.reason}
            for each in solution.assumptions
        ],
        **_transfers_document(solution),
        "walrasian": _incentives_document(solution.walrasian),
    }


def _profile_document(solution: EconomySolution, number: int) -> dict[str, Any]:
    economy, efficient = solution.economy, solution.efficient
    allocation = solution.walrasian_allocation[number]
    return {
        "types": economy.type_names(economy.profiles[number]),
        "probability": float(economy.prior.probability[number]),
        "allocation": {
            name: _by_good(economy, bundle) for name, bundle in zip(economy.player_names, allocation, strict=True)
        },
        "price": _by_good(economy, efficient.price[number]),
        "lowest_price": _by_good(economy, efficient.lowest_price[number]),
        "welfare": float(efficient.welfare[number]),
        "autarky_welfare": float(solution.autarky_welfare[number]),
        "value_of_goods": float(efficient.value_of_goods[number]),
        "autarky_value_of_goods": float(solution.autarky_value_of_goods[number]),
    }


def _transfers_document(solution: EconomySolution) -> dict[str, Any]:
    answer, economy = solution.expected_externality, solution.economy
    if answer is None:
        return {"transfers": None, "incentive_compatible": None, "largest_misreport_gain": None}
    transfers = [
        {
            "types": economy.type_names(profile),
            "transfer": dict(zip(economy.player_names, map(float, row), strict=True)),
        }
        for profile, row in zip(economy.profiles, answer.numeraire_transfers, strict=True)
    ]
    return {"transfers": transfers, **_incentives_document(answer)}


def _incentives_document(answer: ContractAnswer) -> Mapping[str, Any]:
    if answer.incentives is None:
        return {"incentive_compatible": None, "largest_misreport_gain": None, "obstacle": answer.obstacle}
    worst = answer.incentives.worst
    misreport = worst and {"player": worst.player, "type": worst.true_type, "report": worst.reported_type}
    return {
        "incentive_compatible": answer.incentives.incentive_compatible,
        # Without a player of two types there is no misreport, and no gain from one.
        "largest_misreport_gain": worst.gain if worst else 0.0,
        "worst_misreport": misreport,
    }


def _by_good(economy: Economy, values: FloatArray) -> dict[str, float]:
    return dict(zip(economy.goods, map(float, values), strict=True))
