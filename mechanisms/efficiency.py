r"""The efficient benchmark: outcome-efficient allocations, the prices that support them, and their proof.

For a type profile t the efficient allocation maximises :math:`\sum_i v_i(x_i, t_i)` over
:math:`x \ge 0, \sum_i x_i \le \sum_i \omega_i` (Giraud and Rochon, section 4, outcome efficiency); the
numeraire may then be shared in any way. At the supporting price p every player's bundle maximises
:math:`v_i(q, t_i) - p \cdot q`. Weak duality proves optimality for any answer, whoever found it:

.. math:: \sum_i v_i(x_i) \le \max \le p \cdot s + \sum_i \max_q [v_i(q) - p \cdot q].

Both sides agree exactly when the first-order conditions hold, and the bound stands even where a valuation is
not concave. An answer is only returned with its two sides closer than ``OPTIMALITY_TOLERANCE``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray
from mechanisms.economy import Economy
from mechanisms.interior_allocation import allocate_by_interior_point
from mechanisms.separable_allocation import allocate_good_by_good

# The largest relative distance between an allocation's value and its dual bound that is reported as efficient.
OPTIMALITY_TOLERANCE = 1e-9
# Profiles are solved in pieces so that the work arrays stay in the processor's cache and in memory.
PROFILES_AT_ONCE = 1 << 14
# A bundle this close, relatively, to the whole supply is the whole supply.
WHOLE_SUPPLY = 1 - 1e-12


class UnprovenOptimumError(ArithmeticError):
    """An allocation was found whose optimality could not be proven to the required tolerance."""


@dataclass(frozen=True, eq=False)
class EfficientAllocation:
    """Efficient allocations of an economy, one per type profile.

    Attributes:
        profiles: type numbers, ``(P, N)``.
        bundles: what each player gets of the goods other than the numeraire, ``(P, N, G)``, units.
        price: the supporting price, ``(P, L)``, numeraire per unit; the numeraire's own price, 1, comes last.
        lowest_price: the lower end of the supporting prices, ``(P, L)``. It is below ``price`` only for a good
            that one player holds wholly: any price between leaves that player content with what there is.
        value_of_goods: the players' summed valuations, ``(P,)``, numeraire.
        welfare: the players' summed utilities, ``(P,)``: value of goods and all numeraire there is.
        optimality_gap: how far the dual bound lies above the value of goods, relatively, ``(P,)``.
    """

    profiles: IntegerArray
    bundles: FloatArray
    price: FloatArray
    lowest_price: FloatArray
    value_of_goods: FloatArray
    welfare: FloatArray
    optimality_gap: FloatArray


def efficient_allocation(economy: Economy, profiles: IntegerArray | None = None) -> EfficientAllocation:
    """Return the efficient allocation, its supporting price and its welfare for type profiles.

    Args:
        economy: the economy.
        profiles: type numbers, ``(P, N)``; every profile of the economy when left out.

    Returns:
        The allocations, each proven optimal to a relative ``OPTIMALITY_TOLERANCE``.

    Raises:
        ValueError: nobody owns any unit of a good whose first unit is worth infinitely much, or of a good
            that enters valuations jointly with others.
        UnprovenOptimumError: an answer's proof falls short of the tolerance.

    Source:
        Giraud and Rochon, section 4 (outcome efficiency) and the proof of Theorem 1 (supporting prices).
    """
    chosen = economy.profiles if profiles is None else np.atleast_2d(profiles)
    pieces = [
        _solve(economy, chosen[start : start + PROFILES_AT_ONCE])
        for start in range(0, len(chosen), PROFILES_AT_ONCE)
    ]
    columns = (np.concatenate(column) for column in zip(*pieces, strict=True))
    result = EfficientAllocation(chosen, *columns)
    worst = int(np.argmax(result.optimality_gap))
    if not result.optimality_gap[worst] <= OPTIMALITY_TOLERANCE:
        raise UnprovenOptimumError(
            f"the allocation for types {economy.type_names(chosen[worst])} is only proven optimal to a relative "
            f"{result.optimality_gap[worst]:.1e}; {OPTIMALITY_TOLERANCE:.0e} is required"
        )
    return result


def value_of_goods(economy: Economy, profiles: IntegerArray, bundles: FloatArray) -> FloatArray:
    """Return the players' summed valuations, ``(P,)``, numeraire, of bundles ``(P, N, G)``."""
    return economy.valuations.value(economy.rows(profiles), bundles).sum(axis=-1)


def autarky_welfare(economy: Economy, profiles: IntegerArray | None = None) -> FloatArray:
    """Return the players' summed utilities, ``(P,)``, numeraire, when everyone consumes its own endowment."""
    chosen = economy.profiles if profiles is None else profiles
    return economy.utility(chosen, economy.endowments(chosen)).sum(axis=-1)


def _solve(economy: Economy, profiles: IntegerArray) -> tuple[FloatArray, ...]:
    """Return bundles, price, lowest price, value of goods, welfare and gap for a piece of the profiles."""
    table, rows = economy.valuations, economy.rows(profiles)
    endowments = economy.endowments(profiles)
    supply = endowments[..., :-1].sum(axis=-2)
    allocate = allocate_good_by_good if table.separable else allocate_by_interior_point
    bundles, price = allocate(table, rows, supply)
    bundles = table.dispose(rows, bundles)

    value = table.value(rows, bundles).sum(axis=-1)
    indirect = table.indirect_utility(rows, price[:, None, :], supply[:, None, :]).sum(axis=-1)
    spent = (price * supply).sum(axis=-1)
    scale = np.abs(value) + np.abs(indirect) + spent
    gap = (spent + indirect - value) / np.where(scale > 0, scale, 1)

    # Whoever holds less than the whole supply pins the price from below by its own marginal value.
    holds_all = bundles >= WHOLE_SUPPLY * supply[:, None, :]
    marginal = np.where(holds_all, 0, table.supergradient(rows, bundles))
    lowest = np.clip(marginal.max(axis=-2), 0, price)
    lowest = np.where(holds_all.any(axis=-2), lowest, price)
    numeraire = np.ones((len(profiles), 1))
    return (
        bundles,
        np.concatenate((price, numeraire), axis=-1),
        np.concatenate((lowest, numeraire), axis=-1),
        value,
        value + endowments[..., -1].sum(axis=-1),
        gap,
    )
