r"""What lies followed by orders of one's own bring whatever the transfers: the impact of a report on the price.

Let :math:`V(p, t) = \max_q v_i(q, t) - p \cdot q`. A player of type t that reports r is left with the wealth of whoever
has type r, transfers included, and at the price :math:`p_r` of its lie, at which outsiders play on, it orders what it
likes best. What transfers do for it on the way from t to r they take back on the way from r to t, so that

.. math:: gain(t \to r) + gain(r \to t)
    = -E[V(p_t, t) + V(p_r, r) - V(p_r, t) - V(p_t, r)] \ge 0

over the types of the others. It is not negative because :math:`p_t` minimises :math:`V(\cdot, t)` plus the others'
indirect utilities and the value of supply, and :math:`p_r` the same with r: add the two inequalities. It is positive
wherever that minimum is unique and the price moves. So one of the two lies pays, with any transfers, balanced or not,
if others own what is then ordered.

*Assumed*: independent types, private values, endowments that do not depend on the type, and the efficient allocation
bought at a supporting price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation


@dataclass(frozen=True)
class LieThereAndBack:
    """Two types of a player, each reporting the other and then ordering what it likes best.

    Attributes:
        player: its number.
        types: the numbers of the types.
        sum: of what both gain, numeraire, whatever the transfers.
    """

    player: int
    types: tuple[int, int]
    sum: float


def largest_price_impact(economy: Economy, efficient: EfficientAllocation) -> LieThereAndBack | None:
    """Return the two types whose lies and reorders bring most in sum, of those that can report each other.

    Args:
        economy: any.
        efficient: the efficient allocation of every profile.

    Returns:
        Nothing where types are correlated, or no two of a player own the same.
    """
    if not economy.prior.independent:
        return None
    best: LieThereAndBack | None = None
    for player in range(len(economy.players)):
        sums = price_impacts(economy, efficient, player)
        for true, reported in zip(*np.triu_indices(len(sums), 1), strict=True):
            first, second = (economy.endowment_table[economy.first_rows[player] + kind] for kind in (true, reported))
            found = float(sums[true, reported])
            if (first == second).all() and (best is None or found > best.sum):
                best = LieThereAndBack(player, (int(true), int(reported)), found)
    return best


def price_impacts(economy: Economy, efficient: EfficientAllocation, player: int) -> FloatArray:
    """Return what types t and r gain in sum by reporting each other and reordering, entry ``[t, r]``, numeraire.

    Nobody orders more of a good than there may be.

    Args:
        economy: with independent types.
        efficient: the efficient allocation of every profile.
        player: whose types.

    Returns:
        ``(types, types)``, symmetric, nonnegative up to rounding, with zeros on the diagonal.
    """
    first, count = economy.first_rows[player], economy.prior.type_counts[player]
    prices = efficient.price[profiles_by_own_type(economy.prior, player), :-1]
    likely = beliefs_about_others(economy.prior, player)[0]
    there_is = economy.endowments(economy.profiles)[..., :-1].sum(axis=-2).max(axis=0)
    value = np.empty((count, count))
    for kind, own in enumerate(economy.players[player].types):
        rows = np.full(prices.shape[:-1], first + kind)
        likes = np.minimum(economy.valuations.demand(rows, prices), there_is)
        worth = own.valuation.gain(economy.reference_goods[first + kind], likes) - (prices * likes).sum(axis=-1)
        value[:, kind] = worth @ likely
    own_value = np.diagonal(value)
    return np.asarray(value + value.T - own_value[:, None] - own_value)
