r"""Efficient allocation of goods that enter valuations one by one: a price for each good by Newton's method.

At price p player i takes :math:`d_i(p)`, the least maximiser of :math:`v_i(q) - pq`. In every family demand is
a convex decreasing function of the price, so Newton's method started at a price where demand covers supply
climbs to the market-clearing price without ever passing it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from mechanisms.valuation import ValuationTable

# Newton's method needs about ten steps; bisection, its safeguard, at most as many as a float has bits.
MOST_STEPS = 200
# Prices closer than this, relatively, are equal: the rounding of a sum of a few demands.
PRICE_TOLERANCE = 4 * np.finfo(np.float64).eps


def allocate_good_by_good(
    table: ValuationTable, rows: IntegerArray, supply: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return efficient bundles and supporting prices when every valuation is separable.

    Args:
        table: the valuation of every type.
        rows: where each player's type stands in the table, ``(P, N)``.
        supply: what there is of each good, ``(P, G)``, units.

    Returns:
        Bundles, ``(P, N, G)``, units, and prices, ``(P, G)``, numeraire per unit.

    Raises:
        ValueError: there is none of a good whose first unit is worth infinitely much.
    """
    market = _Market(table, rows, supply)
    low, high = market.price_bounds()
    if not np.isfinite(high).all():
        raise ValueError("nobody owns any unit of a good whose first unit is worth infinitely much")
    price = _clearing_price(market, low, high)
    return market.share_out(price), price


@dataclass(frozen=True)
class _Market:
    """All goods of all profiles, cleared at once."""

    table: ValuationTable
    rows: IntegerArray
    supply: FloatArray

    def price_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return prices, ``(P, G)``, at which demand covers supply, and at which supply covers demand.

        Somebody holds at most an equal share of the supply and somebody at least that; nobody holds more than
        all of it. Marginal values at these bundles bound the price.
        """
        whole = self._gradients_at(self.supply)
        equal = self._gradients_at(self.supply / self.rows.shape[-1])
        low = np.maximum(whole.max(axis=-2), equal.min(axis=-2))
        high = np.maximum(equal.max(axis=-2), low)
        return np.maximum(low, 0), np.maximum(high, 0)

    def _gradients_at(self, bundle: FloatArray) -> FloatArray:
        everyones = np.broadcast_to(bundle[:, None, :], (*self.rows.shape, bundle.shape[-1]))
        return self.table.supergradient(self.rows, everyones)

    def demand(self, price: FloatArray) -> FloatArray:
        """Return everyone's demand, ``(P, N, G)``."""
        return self.table.demand(self.rows, price[:, None, :])

    def demand_slopes(self, demand: FloatArray) -> FloatArray:
        """Return by how much each player's demand falls per unit of price, ``(P, N, G)``."""
        curvature = np.diagonal(self.table.curvature(self.rows, demand), axis1=-2, axis2=-1)
        with np.errstate(divide="ignore"):
            return np.where((demand > 0) & (curvature > 0), 1 / curvature, 0)

    def share_out(self, price: FloatArray) -> FloatArray:
        """Return demands at the price, corrected for rounding and for ties, so that they fit the supply."""
        demand = self.demand(price)
        residual = self.supply - demand.sum(axis=-2)
        weights = self.demand_slopes(demand)
        # Where the marginal value is constant at the price, demand is any share of what others leave.
        constant = self._gradients_at(self.supply) == price[:, None, :]
        left_over = residual > PRICE_TOLERANCE * self.supply
        indifferent = left_over[:, None, :] & constant & (price > 0)[:, None, :]
        weights = np.where(indifferent.any(axis=-2, keepdims=True), indifferent, weights)
        total = weights.sum(axis=-2)
        # At price zero the residual is more than anybody wants: it stays where it is.
        correction = np.where((price > 0) & (total > 0), residual / np.where(total > 0, total, 1), 0)
        return np.maximum(demand + correction[:, None, :] * weights, 0)


def _clearing_price(market: _Market, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the least prices at which demand does not exceed supply, between the bounds, ``(P, G)``."""
    price = low.copy()
    open_markets: BooleanArray = np.ones(price.shape, dtype=bool)
    for _ in range(MOST_STEPS):
        demand = market.demand(price)
        excess = demand.sum(axis=-2) - market.supply
        low = np.where(excess >= 0, price, low)
        high = np.where(excess <= 0, price, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = price + excess / market.demand_slopes(demand).sum(axis=-2)
        usable = np.isfinite(newton) & (newton > low) & (newton < high)
        proposal = np.where(usable, newton, 0.5 * (low + high))
        settled = (excess == 0) | (high - low <= PRICE_TOLERANCE * high)
        settled |= np.isfinite(newton) & (np.abs(newton - price) <= PRICE_TOLERANCE * price)
        settled |= (excess <= 0) & (price <= low)
        open_markets &= ~settled
        if not open_markets.any():
            break
        price = np.where(open_markets, proposal, price)
    return price
