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
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation

# Up to so many type profiles expectations are computed from all of them.
MOST_LISTED = 4096


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
    prices = efficient.price[profiles_by_own_type(economy.prior, player), :-1]
    likely = beliefs_about_others(economy.prior, player)[0]
    kinds = range(economy.prior.type_counts[player])
    value = np.stack([_indirect_gain(economy, player, kind, prices) @ likely for kind in kinds], axis=1)
    own_value = np.diagonal(value)
    return np.asarray(value + value.T - own_value[:, None] - own_value)


def _indirect_gain(economy: Economy, player: int, kind: int, prices: FloatArray) -> FloatArray:
    """Return V(p, t) less a constant of the type at prices ``(..., G)``, numeraire."""
    first, likes = economy.first_rows[player], _likes(economy, player, kind, prices)
    valuation = economy.players[player].types[kind].valuation
    worth = valuation.gain(economy.reference_goods[first + kind], likes) - (prices * likes).sum(axis=-1)
    return np.asarray(worth)


def _likes(economy: Economy, player: int, kind: int, prices: FloatArray) -> FloatArray:
    """Return what a type likes best at prices ``(..., G)`` of what there may be, units."""
    rows = np.full(prices.shape[:-1], economy.first_rows[player] + kind)
    owned = np.split(economy.endowment_table[:, :-1], economy.first_rows[1:])
    there_is = sum(most.max(axis=0) for most in owned)
    return np.asarray(np.minimum(economy.valuations.demand(rows, prices), there_is))


@dataclass(frozen=True)
class ExpectedImpact:
    """What two types gain in sum by reporting each other and then ordering what they like best, in expectation.

    Attributes:
        sum: numeraire.
        standard_error: of the sum, numeraire; 0 where it is computed from every profile.
        draws: how many profiles of the others' types it is the mean over; none where it is over all of them.
    """

    sum: float
    standard_error: float
    draws: int | None


def expected_impact(
    economy: Economy, player: int, types: tuple[int, int], draws: int, generator: np.random.Generator
) -> ExpectedImpact:
    """Return the price impact of a player's two types, in economies of any size.

    Args:
        economy: with independent types.
        player: its number.
        types: the numbers of two of its types.
        draws: how many profiles are drawn where there are more than ``MOST_LISTED``.
        generator: draws them.

    Raises:
        ValueError: types are correlated.
    """
    if not economy.prior.independent:
        raise ValueError("types are correlated; what a report does to the price is then not all that it does")
    if economy.prior.size <= MOST_LISTED:
        impacts = price_impacts(economy, efficient_allocation(economy), player)
        return ExpectedImpact(float(impacts[types]), 0.0, None)
    profiles = economy.prior.draws(generator, draws).profiles
    value: dict[tuple[int, int], FloatArray] = {}
    for reported in types:
        told = profiles.copy()
        told[:, player] = reported
        prices = efficient_allocation(economy, told).price[:, :-1]
        value |= {(reported, kind): _indirect_gain(economy, player, kind, prices) for kind in types}
    one, other = types
    sums = value[one, other] + value[other, one] - value[one, one] - value[other, other]
    return ExpectedImpact(float(sums.mean()), float(sums.std(ddof=1) / np.sqrt(draws)), draws)
