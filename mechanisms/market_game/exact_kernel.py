"""The compiled test of solvency without rounding errors; importing this module needs the optional package Numba.

Terms are added one by one to numbers that do not overlap and add up to the sum so far, exactly. In the end the largest
two decide what the sum is rounded to, and what is left says on which side of it the exact sum lies. Most sums are of
few such numbers, so that a play of ten players takes a fifth of the time of keeping all errors in arrays.

Source:
    Shewchuk (1997), Adaptive precision floating-point arithmetic and fast robust geometric predicates, section 2.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.market_game.prices import Pricing

# How trades are charged, by the numbers that the compiled code knows.
_OTHERS_QUOTE, _SPREAD, _MIDPOINT = 0, 1, 2
_CHARGED = {
    Pricing.COUNTERPARTY: _OTHERS_QUOTE,
    Pricing.VOID: _OTHERS_QUOTE,
    Pricing.SPREAD: _SPREAD,
    Pricing.MIDPOINT: _MIDPOINT,
}
# Splits a number into halves of 26 digits, whose products are exact.
_SPLITTER = 2.0**27 + 1.0


def _inlined[F: Callable[..., object]](function: F) -> F:
    """Compile a function into its caller; nothing may be reordered or fused in it."""
    return cast("F", numba.njit(inline="always")(function))


@_inlined
def _summed(first: float, second: float) -> tuple[float, float]:
    """Return the rounded sum of two numbers and its error."""
    total = first + second
    rest = total - first
    return total, (first - (total - rest)) + (second - rest)


@_inlined
def _grown(parts: FloatArray, count: int, term: float) -> int:
    """Add a term to a sum of so many parts, from the least on, and return how many there are now."""
    if term == 0.0:
        return count
    kept = 0
    for place in range(count):
        term, error = _summed(term, parts[place])
        if error != 0.0:
            parts[kept] = error
            kept += 1
    if term != 0.0:
        parts[kept] = term
        kept += 1
    return kept


@_inlined
def _grown_by_product(parts: FloatArray, count: int, price: float, flow: float) -> int:
    """Add a product without rounding it."""
    if flow == 0.0:
        return count
    product = price * flow
    large = _SPLITTER * price
    high = large - (large - price)
    low = price - high
    large = _SPLITTER * flow
    other_high = large - (large - flow)
    other_low = flow - other_high
    error = low * other_low - (((product - high * other_high) - low * other_high) - high * other_low)
    return _grown(parts, _grown(parts, count, error), product)


@_inlined
def _charged(charges: FloatArray, count: int, own: float, other: float, flow: float, error: float, rule: int) -> int:
    """Add what a flow and the error it was rounded by are charged, by what its sides quote."""
    price = other
    if rule == _SPREAD:
        price = max(own, other) if flow > 0.0 else min(own, other)
    elif rule == _MIDPOINT:
        # A sum of quotes may be rounded, halves are not.
        price = other / 2.0
        count = _grown_by_product(charges, count, own / 2.0, flow)
        count = _grown_by_product(charges, count, own / 2.0, error)
    count = _grown_by_product(charges, count, price, flow)
    return _grown_by_product(charges, count, price, error)


@_inlined
def _rounded(parts: FloatArray, count: int) -> tuple[float, float]:
    """Return the number nearest to a sum, and what has the sign of the exact sum less that."""
    total, error = 0.0, 0.0
    while count > 0 and error == 0.0:
        count -= 1
        total, error = _summed(total, parts[count])
    # Halfway between two numbers what is left decides which of them is nearer.
    if count > 0 and error * parts[count - 1] > 0.0:
        step = 2.0 * error
        other = total + step
        if other - total == step:
            total, error = other, -error
    return total, error


_READ = types.Array(types.float64, 3, "C", readonly=True)


@numba.njit(
    types.void(
        _READ,
        types.Array(types.float64, 4, "C", readonly=True),
        _READ,
        types.int64,
        types.float64[:, ::1],
        types.float64[:, :, ::1],
        types.boolean[:, ::1],
    ),
    cache=True,
    nogil=True,
)
def _test_all(
    quotes: FloatArray,
    orders: FloatArray,
    announced: FloatArray,
    rule: int,
    cost: FloatArray,
    net_trade: FloatArray,
    short: BooleanArray,
) -> None:
    plays, players, goods = quotes.shape
    charges = np.empty(8 * players * goods + 1)
    moved = np.empty((goods, 2 * players + 2))
    moves = np.empty(goods, np.int64)
    for b in range(plays):
        for i in range(players):
            paid = 0
            moves[:] = 0
            for j in range(players):
                for h in range(goods):
                    flow, error = _summed(orders[b, i, j, h], -orders[b, j, i, h])
                    moves[h] = _grown(moved[h], moves[h], flow)
                    moves[h] = _grown(moved[h], moves[h], error)
                    if h < goods - 1:
                        paid = _charged(charges, paid, quotes[b, i, h], quotes[b, j, h], flow, error, rule)
            # The numeraire is quoted at one.
            for place in range(moves[goods - 1]):
                paid = _grown(charges, paid, moved[goods - 1, place])
            total, excess = _rounded(charges, paid)
            cost[b, i] = np.nextafter(total, np.inf) if excess > 0.0 else total
            lacks = False
            for h in range(goods):
                net_trade[b, i, h] = _rounded(moved[h], moves[h])[0]
                moves[h] = _grown(moved[h], moves[h], announced[b, i, h])
                # The largest part has the sign of the sum.
                lacks |= moves[h] > 0 and moved[h, moves[h] - 1] < 0.0
            short[b, i] = lacks


def tests(
    quotes: FloatArray, orders: FloatArray, announced: FloatArray, pricing: Pricing
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return what orders amount to in plays whose numbers are so tame that no product overflows or underflows.

    Args:
        quotes: ``(B, N, L)``, numeraire per unit.
        orders: ``(B, N, N, L)``, units.
        announced: endowments, ``(B, N, L)``, units.
        pricing: at what price trades are charged. Void trades are cancelled already.

    Returns:
        The least numbers that are not below the exact costs, ``(B, N)``; those nearest to the exact net trades,
        ``(B, N, L)``; and whether announced endowment and net trade add up to less than nothing, ``(B, N)``.
    """
    cost, net_trade = np.empty(quotes.shape[:2]), np.empty(quotes.shape)
    short = np.empty(quotes.shape[:2], np.bool_)
    _test_all(
        np.ascontiguousarray(quotes),
        np.ascontiguousarray(orders),
        np.ascontiguousarray(announced),
        _CHARGED[pricing],
        cost,
        net_trade,
        short,
    )
    return cost, net_trade, short
