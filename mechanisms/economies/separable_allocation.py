r"""Efficient allocation of goods that enter valuations one by one: a price for each good by Newton's method.

At price p player i takes :math:`d_i(p)`, the least maximiser of :math:`v_i(q) - pq`. In families without kinks demand
is a convex decreasing function of the price, so Newton's method started at a price where demand covers supply
climbs to the market-clearing price without ever passing it. Where demand jumps or stands still it may, and bisection
takes its place; whoever jumps at the price divides what the others leave.

Inside, players come before profiles, ``(N, P, G)``: sums over players then add long rows.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuation import Valuation, ValuationBatch, ValuationTable
from marketgame.mechanisms.economies.valuations import Abatement, DiagonalQuadratic, Exponential, Logarithmic, Power

# Newton's method needs about ten steps; bisection, its safeguard, at most as many as a float has bits.
MOST_STEPS = 200
# Prices closer than this, relatively, are equal: the rounding of a sum of a few demands.
PRICE_TOLERANCE = 4 * np.finfo(np.float64).eps
# Prices so much, relatively, above and below another one show whose demand jumps there; of what share of the supply a
# jump is no rounding.
JUST_BESIDE = 1e-12
DIVIDED = 1e-9
# A bundle this close, relatively, to the whole supply is the whole supply.
WHOLE_SUPPLY = 1 - 1e-12
# Why there is no efficient allocation, nor a price, of a good of which there is none.
WORTH_INFINITELY_MUCH = "nobody owns any unit of a good whose first unit is worth infinitely much"


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
    market = _Market(table.select(np.ascontiguousarray(rows.T)), supply)
    low, high = market.price_bounds()
    if not np.isfinite(high).all():
        raise ValueError(WORTH_INFINITELY_MUCH)
    price = _clearing_price(market, low, high)
    if market.traders.kinked:
        bundles, price = market.share_out_at_jumps(price)
    else:
        bundles = market.share_out(price)
    return np.moveaxis(bundles, 0, 1), price


@dataclass(frozen=True)
class _Market:
    """All goods of all profiles, cleared at once."""

    traders: ValuationBatch  # (N, P)
    supply: FloatArray

    def price_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return prices, ``(P, G)``, at which demand covers supply, and at which supply covers demand.

        Somebody holds at most an equal share of the supply and somebody at least that; nobody holds more than
        all of it. Marginal values at these bundles bound the price.
        """
        whole = self.traders.supergradient(self.supply)
        equal = self.traders.supergradient(self.supply / self.traders.shape[0])
        low = np.maximum(whole.max(axis=0), equal.min(axis=0))
        high = np.maximum(equal.max(axis=0), low)
        return np.maximum(low, 0), np.maximum(high, 0)

    def share_out(self, price: FloatArray) -> FloatArray:
        """Return demands at the price, corrected for rounding and for ties, so that they fit the supply."""
        demand = self.traders.demand(price)
        residual = self.supply - demand.sum(axis=0)
        # At price zero the residual is more than anybody wants: it stays where it is.
        weights = np.where(price > 0, self.traders.demand_slope(price, demand), 0)
        left_over = (residual > PRICE_TOLERANCE * self.supply) & (price > 0)
        if left_over.any():
            # Where the marginal value is constant at the price, demand is any share of what others leave.
            indifferent = left_over & (self.traders.supergradient(self.supply) == price)
            weights = np.where(indifferent.any(axis=0), indifferent, weights)
        total = weights.sum(axis=0)
        correction = np.where(total > 0, residual / np.where(total > 0, total, 1), 0)
        # Of a good of which there is none, rounding must not hand out a speck: nobody gets more than there is.
        shares: FloatArray = np.clip(demand + correction * weights, 0, self.supply)
        return shares

    def share_out_at_jumps(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return bundles that fit the supply, ``(N, P, G)``, and the price, exactly, at which somebody's demand jumps.

        Demand just above the price is given; of what is demanded only just below it everybody gets the same share.
        """
        least = np.minimum(self.traders.demand(price * (1 + JUST_BESIDE)), self.supply)
        most = np.minimum(self.traders.demand(price * (1 - JUST_BESIDE)), self.supply)
        jump = np.maximum(most - least, 0)
        total, left = jump.sum(axis=0), np.maximum(self.supply - least.sum(axis=0), 0)
        share = np.clip(left / np.where(total > 0, total, 1), 0, 1)
        divided = jump > DIVIDED * self.supply
        worth = np.where(divided, self.traders.supergradient(least + 0.5 * jump), 0).max(axis=0)
        exactly = divided.any(axis=0) & (np.abs(worth - price) <= 2 * JUST_BESIDE * price)
        price = np.where(exactly, worth, price)
        # At a price that is known exactly whoever does not jump wants what it wants, and at price zero everybody.
        wanted = self.traders.demand(price)
        jump = np.where(divided, np.maximum(most - wanted, 0), 0)
        total, left = jump.sum(axis=0), np.maximum(self.supply - wanted.sum(axis=0), 0)
        divided_anew = wanted + np.clip(left / np.where(total > 0, total, 1), 0, 1) * jump
        bundles = np.where(share < 1, least + share * (most - least), most)
        bundles = np.where(price > 0, np.where(exactly, divided_anew, bundles), wanted)
        return np.minimum(bundles, self.supply), price


def _clearing_price(market: _Market, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the least prices at which demand does not exceed supply, between the bounds, ``(P, G)``."""
    price = low
    for _ in range(MOST_STEPS):
        demand = market.traders.demand(price)
        excess = demand.sum(axis=0) - market.supply
        low = np.where(excess >= 0, price, low)
        high = np.where(excess <= 0, price, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = price + excess / market.traders.demand_slope(price, demand).sum(axis=0)
        settled = (excess == 0) | (high - low <= PRICE_TOLERANCE * high) | ((excess <= 0) & (price <= low))
        settled |= (price > 0) & (np.abs(newton - price) <= PRICE_TOLERANCE * price)
        if settled.all():
            break
        between = (newton > low) & (newton < high)
        price = np.where(settled, price, np.where(between, newton, 0.5 * (low + high)))
    return price


# Codes of the families whose formulas the kernel knows.
QUADRATIC, LOGARITHMIC, POWER, EXPONENTIAL, ABATEMENT = range(5)
# How many coefficients the formulas of each family use.
COEFFICIENTS = (3, 3, 6, 4, 3)
CODES: dict[type[Valuation], int] = {
    DiagonalQuadratic: QUADRATIC,
    Logarithmic: LOGARITHMIC,
    Power: POWER,
    Exponential: EXPONENTIAL,
    Abatement: ABATEMENT,
}


class TypeTables(NamedTuple):
    """What the kernel needs to know of each type; R rows, one for each type of each player."""

    families: IntegerArray  # the code of each player's family, (N,)
    first_rows: IntegerArray  # where each player's types begin, (N,)
    columns: FloatArray  # per good, endowment, lowest price, coefficients; of the numeraire the endowment, (L, 8, R)


_TABLES: weakref.WeakKeyDictionary[Economy, TypeTables | None] = weakref.WeakKeyDictionary()


def type_tables(economy: Economy) -> TypeTables | None:
    """Return what the kernel needs to know, or none if a player's types are not all of one family it knows.

    It is computed once for each economy.
    """
    if economy not in _TABLES:
        _TABLES[economy] = _tabulated(economy)
    return _TABLES[economy]


def _tabulated(economy: Economy) -> TypeTables | None:
    """Compute what `type_tables` returns."""
    families = [{_code(kind.valuation.simplified()) for kind in player.types} for player in economy.players]
    codes = [code for family in families for code in family if code is not None]
    if any(len(family) > 1 for family in families) or len(codes) < len(families):
        return None
    table = economy.valuations
    # At these prices somebody wants more than any supply, so that market-clearing prices are at least as high.
    most = np.sum(
        [np.max([kind.endowment[:-1] for kind in player.types], axis=0) for player in economy.players], axis=0
    )
    lowest_prices = np.maximum(table.supergradient(np.arange(len(table.valuations)), most), 0)
    columns = np.zeros((len(economy.goods), 2 + max(COEFFICIENTS), len(table.valuations)))
    columns[:, 0] = economy.endowment_table.T
    columns[:-1, 1] = lowest_prices.T
    columns[:-1, 2:] = np.stack([_coefficients(valuation) for valuation in table.valuations]).transpose(2, 1, 0)
    return TypeTables(np.array(codes), np.array(economy.first_rows), columns)


def _code(valuation: Valuation) -> int | None:
    """Return the code of a valuation's family, or none if the kernel does not know its formula."""
    return None if valuation.kinked else CODES.get(type(valuation))


def _coefficients(valuation: Valuation) -> FloatArray:
    """Return the numbers that the kernel's formulas of the family use, ``(6, G)``."""
    table = np.zeros((max(COEFFICIENTS), valuation.goods))
    match valuation.simplified():
        case DiagonalQuadratic(intercept, slope):
            table[:3] = intercept, 1 / slope, slope / 2
        case Logarithmic(weight, shift):
            table[:3] = weight, shift, weight * np.log(shift)
        case Power(weight, shift, gamma):
            scale = weight / (1 - gamma)
            table[:] = np.log(weight), 1 / gamma, shift, 1 - gamma, scale, scale * shift ** (1 - gamma)
        case Exponential(weight, rate):
            table[:4] = np.log(weight), 1 / rate, weight / rate, rate
        case Abatement(a, b, reference):
            table[:3] = a, b, reference
    return table
