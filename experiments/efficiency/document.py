"""The JSON document of ``marketgame solve`` on an economy."""

from __future__ import annotations

from typing import Any

from marketgame.experiments.efficiency.benchmarks import (
    benchmark_document,
    benchmark_rows,
    constraint_document,
    constraint_rows,
)
from marketgame.experiments.efficiency.solution import ContractAnswer, EconomySolution
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.compatibility import CompatibilityHolds, UndecidedConditionError
from marketgame.mechanisms.economies.economy import Economy


def solution_document(solution: EconomySolution) -> dict[str, Any]:
    """Return the solution as the JSON document of ``marketgame solve``.

    ``allocation`` gives each player the efficient goods and the numeraire left after paying for them at the
    supporting price; ``transfers`` say by how much the numeraire changes instead under ``transfer_rule``, to which
    ``incentive_compatible`` and ``largest_misreport_gain`` refer. ``walrasian`` says the same of paying the price.
    ``benchmarks`` are expected over the prior; a multiplier says how much money in the mediator's budget is
    worth as much as relaxing the constraint by one unit.
    """
    economy, efficient = solution.economy, solution.efficient
    return {
        "kind": "market-economy",
        "economy": economy.name,
        "goods": list(economy.goods),
        "units": dict(zip(economy.goods, economy.units, strict=True)),
        "profiles": [_profile_document(solution, number) for number in range(len(economy.profiles))],
        "first_best_welfare": solution.expected(efficient.welfare),
        "autarky_welfare": solution.expected(solution.autarky_welfare),
        "gains_from_trade": solution.gains_from_trade,
        "value_of_goods": solution.expected(efficient.value_of_goods),
        "autarky_value_of_goods": solution.expected(solution.autarky_value_of_goods),
        "largest_optimality_gap": float(efficient.optimality_gap.max()),
        "assumptions": [
            {"name": each.name, "source": each.source, "holds": each.holds, "reason": each.reason}
            for each in solution.assumptions
        ],
        **_transfers_document(solution),
        "walrasian": _incentives_document(solution.walrasian),
        "compatibility_condition": None
        if isinstance(solution.compatibility, UndecidedConditionError)
        else isinstance(solution.compatibility, CompatibilityHolds),
        "benchmarks": benchmark_document(benchmark_rows(solution)),
        "binding_constraints": constraint_document(constraint_rows(solution)),
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
    answer, economy = solution.incentive_transfers, solution.economy
    if answer is None:
        unknown = ("transfer_rule", "transfers", "incentive_compatible", "largest_misreport_gain", "worst_misreport")
        return dict.fromkeys(unknown)
    transfers = None
    if answer.numeraire_transfers is not None:
        transfers = [
            {
                "types": economy.type_names(profile),
                "transfer": dict(zip(economy.player_names, map(float, row), strict=True)),
            }
            for profile, row in zip(economy.profiles, answer.numeraire_transfers, strict=True)
        ]
    return {"transfer_rule": answer.rule.value, "transfers": transfers, **_incentives_document(answer)}


def _incentives_document(answer: ContractAnswer) -> dict[str, Any]:
    if answer.incentives is None:
        return {
            "incentive_compatible": False if answer.numeraire_transfers is None else None,
            "largest_misreport_gain": None,
            "worst_misreport": None,
            "obstacle": answer.obstacle,
        }
    worst = answer.incentives.worst
    misreport = worst and {"player": worst.player, "type": worst.true_type, "report": worst.reported_type}
    return {
        "incentive_compatible": answer.incentives.incentive_compatible,
        # Without a player of two types there is no misreport, and no gain from one.
        "largest_misreport_gain": worst.gain if worst else 0.0,
        "worst_misreport": misreport,
        "obstacle": None,
    }


def _by_good(economy: Economy, values: FloatArray) -> dict[str, float]:
    return dict(zip(economy.goods, map(float, values), strict=True))
