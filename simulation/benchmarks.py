"""The benchmarks beside every run: what trade could achieve at best, in equilibrium, and not at all."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
import pyarrow as pa

from mechanisms.arrays import FloatArray
from mechanisms.efficiency import autarky_welfare
from mechanisms.grand_contract import HOLDING_TOLERANCE, GrandContract, walrasian_payments
from simulation.rows import keys, table_of
from simulation.tables import BENCHMARKS

NAMES = ("first-best", "autarky", "walrasian")
# Economies with more profiles than this list only those that were drawn, and the expectation over all.
MOST_PROFILES_LISTED = 4096
# The number that stands for the expectation over the prior.
EXPECTATION = -1


def benchmark_rows(run: int, contract: GrandContract, drawn: AbstractSet[int]) -> pa.Table:
    """Return one row for each benchmark and profile, and one for each benchmark's expectation.

    Args:
        run: number of the run.
        contract: the established contract; the benchmarks are those of its economy.
        drawn: numbers of the profiles that were drawn.

    Returns:
        The rows, benchmark by benchmark, profiles in order, the expectation last.
    """
    economy, profiles = contract.economy, contract.efficient.profiles
    listed = np.arange(len(profiles)) if len(profiles) <= MOST_PROFILES_LISTED else np.array(sorted(drawn))
    welfare = np.stack((contract.efficient.welfare, autarky_welfare(economy, profiles), _walrasian_welfare(contract)))
    expected = (welfare * economy.prior.probability).sum(axis=-1, keepdims=True)
    words = [_in_words(economy.type_names(profiles[number])) for number in listed]
    per_benchmark = len(listed) + 1
    return table_of(
        BENCHMARKS,
        {
            "run": np.full(len(NAMES) * per_benchmark, run),
            "benchmark": keys(np.repeat(np.arange(len(NAMES)), per_benchmark), NAMES),
            "profile": np.tile(np.append(listed, EXPECTATION), len(NAMES)),
            "profile_types": [*words, ""] * len(NAMES),
            "probability": np.tile(np.append(economy.prior.probability[listed], 1.0), len(NAMES)),
            "welfare": pa.array(np.append(welfare[:, listed], expected, axis=-1).ravel(), from_pandas=True),
        },
    )


def _walrasian_welfare(contract: GrandContract) -> FloatArray:
    """Return the welfare of the competitive equilibrium from the endowments, ``(P,)``, numeraire.

    Where somebody would have to owe numeraire the formula for large endowments does not hold: not a number.
    """
    efficient = contract.efficient
    money = contract.endowments[..., -1] + walrasian_payments(contract.economy, efficient)
    bundles = np.concatenate((efficient.bundles, money[..., None]), axis=-1)
    welfare = contract.economy.utility(efficient.profiles, bundles).sum(axis=-1)
    least = -HOLDING_TOLERANCE * (1 + contract.endowments[..., -1].sum(axis=-1))
    return np.where(money.min(axis=-1) < least, np.nan, welfare)


def _in_words(types: dict[str, str]) -> str:
    return ", ".join(f"{player}={kind}" for player, kind in types.items())
