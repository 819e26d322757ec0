r"""Compiled efficient allocation of very many type profiles; importing this module needs the optional package Numba.

It computes what :mod:`marketgame.mechanisms.economies.separable_allocation` specifies, by the same Newton's method,
together with the two sides of the duality proof. Three ideas carry the speed:

- Profiles are solved in blocks of ``LANES``. Each step is a loop over the block that the compiler turns into vector
  instructions, and what it reads and writes stays in the processor's first-level cache.
- A block starts from the prices of the block before it and looks up only the players whose types differ there:
  neighbouring profiles differ in few types.
- What a family's formulas share between all bundles and prices is computed once per type.

Whoever calls decides what to do with the profiles that end without a proof.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import exp, expm1, log, sqrt
from typing import NamedTuple, cast

import numba
import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.separable_allocation import (
    COEFFICIENTS,
    EXPONENTIAL,
    LOGARITHMIC,
    POWER,
    QUADRATIC,
    WHOLE_SUPPLY,
    TypeTables,
)

LANES = 64
MOST_STEPS = 64
# Prices closer than this, relatively, are equal.
PRICE_TOLERANCE = 1e-15
# While far away, demand of most families is closer to a power of the price than to a line.
ELASTIC_STEPS = 2
# From below, a step this short leaves an error of its square, once demand has moved along its slope.
LAST_STEP = 1e-9
# By how much, relatively, the rounding of a sum of demands may exceed the supply.
FEASIBILITY_TOLERANCE = 1e-12

# Where things stand in the array of what everybody shares, and in each player's part of the array of what is its own.
# Flat arrays at constant offsets let the compiler prove that what it reads and what it writes do not overlap.
_SUPPLY, _LOWEST, _PRICE, _BEFORE, _LOG_PRICE, _EXCESS, _SLOPE, _VALUE, _INDIRECT, _SPENT, _LARGEST, _SHARED = range(
    0, 12 * LANES, LANES
)
_ENDOWED, _LOWEST_OWN, _FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH, _DEMAND, _OWN_SLOPE, _PLAYER = range(
    0, 11 * LANES, LANES
)

# Products may be fused, which only lowers their rounding error. Infinite and undefined values keep their meaning: they
# are how a profile without a solution shows.
_ARITHMETIC = {"contract", "nsz"}

# Types' rows are counted without a sign, which spares the compiled code from looking for negative ones.
type RowArray = NDArray[np.uint32]


class AllocationArrays(NamedTuple):
    """Arrays the kernel fills in, one row per profile."""

    bundles: FloatArray  # (P, N, G)
    price: FloatArray  # with the numeraire's last, (P, L)
    value: FloatArray  # the players' summed valuations, (P,)
    welfare: FloatArray  # and all the numeraire there is, (P,)
    optimality_gap: FloatArray  # relative; not a number without an answer, or where one player holds a supply, (P,)


def _compiled[F: Callable[..., object]](function: F) -> F:
    # To its callers a compiled function is the function it compiles.
    return cast("F", numba.njit(fastmath=_ARITHMETIC, error_model="numpy", cache=True, nogil=True)(function))


def solve(types: TypeTables, profiles: IntegerArray, answer: AllocationArrays) -> None:
    """Fill in the answers, one thread per core.

    Args:
        types: what the kernel needs to know of the economy.
        profiles: type numbers, ``(P, N)``.
        answer: arrays with one row for each of the at least ``LANES`` profiles.
    """
    threads = max(min(os.cpu_count() or 1, len(profiles) // LANES), 1)
    edges = np.linspace(0, len(profiles), threads + 1).astype(int)
    parts = [slice(*ends) for ends in pairwise(edges)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(_solve, types, profiles[p], AllocationArrays(*(a[p] for a in answer))) for p in parts]:
            done.result()


@_compiled
def _solve(types: TypeTables, profiles: IntegerArray, answer: AllocationArrays) -> None:
    """Fill in the answers for the profiles ``(P, N)``, of which there are at least ``LANES``."""
    goods, players = len(types.columns) - 1, len(types.families)
    rows = np.zeros((players, LANES), np.uint32)
    rows[:] = len(types.columns[0, 0])
    shared = np.zeros(_SHARED)
    own = np.zeros((goods + 1, players, _PLAYER))
    last_price = np.zeros((goods, LANES))
    for block in range(0, len(profiles), LANES):
        start = min(block, len(profiles) - LANES)
        _look_up(types, profiles, start, rows, own)
        for lane in range(LANES):
            shared[_VALUE + lane] = 0
            shared[_INDIRECT + lane] = 0
            shared[_SPENT + lane] = 0
            shared[_LARGEST + lane] = 0
        for good in range(goods):
            _open_market(last_price[good], shared, own[good])
            _clear(types.families, shared, own[good])
            _prove_all(types.families, shared, own[good])
            for lane in range(LANES):
                last_price[good, lane] = shared[_PRICE + lane]
            _hand_out(start, good, shared, own[good], answer)
        _add_supply(shared, own[goods])
        _sum_up(start, shared, answer)


@_compiled
def _look_up(types: TypeTables, profiles: IntegerArray, start: int, rows: RowArray, own: FloatArray) -> None:
    """Gather what the types bring and want of the players whose types differ from the last block's."""
    chosen = profiles[start : start + LANES]
    for i in range(len(rows)):
        mine, first = rows[i], types.first_rows[i]
        differences = 0
        for lane in range(LANES):
            row = chosen[lane, i] + first
            differences |= row ^ mine[lane]
            mine[lane] = row
        if differences != 0:
            _gather(types.columns[-1], 1, mine, own[-1, i])
            for good in range(len(types.columns) - 1):
                _gather(types.columns[good], 2 + COEFFICIENTS[types.families[i]], mine, own[good, i])


@_compiled
def _gather(columns: FloatArray, count: int, rows: RowArray, mine: FloatArray) -> None:
    for number in range(count):
        column, place = columns[number], mine[number * LANES :]
        for lane in range(LANES):
            place[lane] = column[rows[lane]]


@_compiled
def _add_supply(shared: FloatArray, own: FloatArray) -> None:
    """Add up what everybody brings."""
    for lane in range(LANES):
        shared[_SUPPLY + lane] = 0
    for i in range(len(own)):
        mine = own[i]
        for lane in range(LANES):
            shared[_SUPPLY + lane] += mine[_ENDOWED + lane]


@_compiled
def _open_market(last_price: FloatArray, shared: FloatArray, own: FloatArray) -> None:
    """Add up the supply, and start from the last block's price unless the answer must be higher."""
    _add_supply(shared, own)
    for lane in range(LANES):
        shared[_LOWEST + lane] = 0
    for i in range(len(own)):
        mine = own[i]
        for lane in range(LANES):
            lowest, lowest_own = shared[_LOWEST + lane], mine[_LOWEST_OWN + lane]
            shared[_LOWEST + lane] = max(lowest, lowest_own)
    for lane in range(LANES):
        shared[_PRICE + lane] = max(shared[_LOWEST + lane], last_price[lane])


@_compiled
def _clear(families: IntegerArray, shared: FloatArray, own: FloatArray) -> None:
    """Find the clearing prices, and what everybody demands there."""
    for step in range(MOST_STEPS):
        _take_logarithms(families, shared)
        for lane in range(LANES):
            shared[_EXCESS + lane] = -shared[_SUPPLY + lane]
            shared[_SLOPE + lane] = 0
        for i in range(len(families)):
            if families[i] == QUADRATIC:
                _add_linear_demand(shared, own[i])
            else:
                _respond(families[i], shared, own[i])
        if step < ELASTIC_STEPS and _curved(families):
            _step_by_elasticity(shared)
        elif _step_by_slope(shared):
            break
    for i in range(len(own)):
        mine = own[i]
        if families[i] == QUADRATIC:
            _record_linear_demand(shared, mine)
        for lane in range(LANES):
            demand = mine[_DEMAND + lane] - mine[_OWN_SLOPE + lane] * shared[_EXCESS + lane]
            mine[_DEMAND + lane] = demand if demand > 0 else 0.0


@_compiled
def _step_by_slope(shared: FloatArray) -> bool:
    """Take one of Newton's steps; say whether all prices are settled. The steps replace the excess demands."""
    unsettled = 0
    for lane in range(LANES):
        price, lowest = shared[_PRICE + lane], shared[_LOWEST + lane]
        # What is not a number, because nobody demands anything, makes way for the lowest price.
        newton = max(lowest, price + shared[_EXCESS + lane] / shared[_SLOPE + lane])
        move = newton - price
        shared[_EXCESS + lane] = move
        shared[_BEFORE + lane] = price
        shared[_PRICE + lane] = newton
        settled = (abs(move) <= PRICE_TOLERANCE * price) | ((move > 0) & (move <= LAST_STEP * price))
        unsettled += 0 if settled else 1
    return unsettled == 0


@_compiled
def _step_by_elasticity(shared: FloatArray) -> None:
    """Go where supply would be demanded if demand were a power of the price."""
    for lane in range(LANES):
        price, supply = shared[_PRICE + lane], shared[_SUPPLY + lane]
        demand = supply + shared[_EXCESS + lane]
        inverse_elasticity = demand / (shared[_SLOPE + lane] * price)
        elastic = price * exp(log(demand / supply) * inverse_elasticity)
        shared[_PRICE + lane] = max(shared[_LOWEST + lane], elastic)


@_compiled
def _curved(families: IntegerArray) -> bool:
    """Say whether some demand is far from linear in the price."""
    curved = False
    for family in families:
        curved |= family in (LOGARITHMIC, POWER, EXPONENTIAL)
    return curved


@_compiled
def _take_logarithms(families: IntegerArray, shared: FloatArray) -> None:
    """Take the logarithm of the prices if a family's demand needs it."""
    for family in families:
        if family in (POWER, EXPONENTIAL):
            for lane in range(LANES):
                shared[_LOG_PRICE + lane] = log(shared[_PRICE + lane])
            break


@_compiled
def _record(lane: int, demand: float, slope: float, shared: FloatArray, mine: FloatArray) -> None:
    """Record a demand, which is at least zero, and by how much it falls per unit of price."""
    slope = slope if demand > 0 else 0.0
    demand = demand if demand > 0 else 0.0
    mine[_DEMAND + lane] = demand
    mine[_OWN_SLOPE + lane] = slope
    shared[_EXCESS + lane] += demand
    shared[_SLOPE + lane] += slope


@_compiled
def _add_linear_demand(shared: FloatArray, mine: FloatArray) -> None:
    """Add a player's demand and by how much it falls; it is so cheap that only the last is recorded, again."""
    for lane in range(LANES):
        inverse = mine[_SECOND + lane]
        demand = (mine[_FIRST + lane] - shared[_PRICE + lane]) * inverse
        shared[_EXCESS + lane] += demand if demand > 0 else 0.0
        shared[_SLOPE + lane] += inverse if demand > 0 else 0.0


@_compiled
def _record_linear_demand(shared: FloatArray, mine: FloatArray) -> None:
    """Record a player's demand, and by how much it falls, at the prices before the last step."""
    for lane in range(LANES):
        inverse = mine[_SECOND + lane]
        demand = (mine[_FIRST + lane] - shared[_BEFORE + lane]) * inverse
        mine[_DEMAND + lane] = demand if demand > 0 else 0.0
        mine[_OWN_SLOPE + lane] = inverse if demand > 0 else 0.0


@_compiled
def _respond(family: int, shared: FloatArray, mine: FloatArray) -> None:
    """Compute a player's demand at the prices, and by how much it falls per unit of price; not of quadratic values."""
    if family == LOGARITHMIC:
        for lane in range(LANES):
            price = shared[_PRICE + lane]
            shifted = mine[_FIRST + lane] / price
            _record(lane, shifted - mine[_SECOND + lane], shifted / price, shared, mine)
    elif family == POWER:
        for lane in range(LANES):
            inverse = mine[_SECOND + lane]
            shifted = exp((mine[_FIRST + lane] - shared[_LOG_PRICE + lane]) * inverse)
            slope = shifted * inverse / shared[_PRICE + lane]
            _record(lane, shifted - mine[_THIRD + lane], slope, shared, mine)
    elif family == EXPONENTIAL:
        for lane in range(LANES):
            inverse = mine[_SECOND + lane]
            demand = (mine[_FIRST + lane] - shared[_LOG_PRICE + lane]) * inverse
            _record(lane, demand, inverse / shared[_PRICE + lane], shared, mine)
    else:
        for lane in range(LANES):
            a, b, price = mine[_FIRST + lane], mine[_SECOND + lane], shared[_PRICE + lane]
            root = sqrt(b * b + 4 * a * price)
            abated = 2 * price / (b + root) if b > 0 else (root - b) / (2 * a)
            _record(lane, mine[_THIRD + lane] - abated, 1 / root, shared, mine)


@_compiled
def _prove_all(families: IntegerArray, shared: FloatArray, own: FloatArray) -> None:
    """Add the good to both sides of the duality proof, after seeing that the bundles can be handed out."""
    _take_logarithms(families, shared)
    for lane in range(LANES):
        shared[_EXCESS + lane] = -shared[_SUPPLY + lane]
    for i in range(len(families)):
        mine = own[i]
        for lane in range(LANES):
            demand, largest = mine[_DEMAND + lane], shared[_LARGEST + lane]
            share = demand / shared[_SUPPLY + lane]
            shared[_EXCESS + lane] += demand
            shared[_LARGEST + lane] = max(largest, share)
        _prove(families[i], shared, mine)
    for lane in range(LANES):
        supply = shared[_SUPPLY + lane]
        feasible = (supply > 0) & (shared[_EXCESS + lane] <= supply * FEASIBILITY_TOLERANCE)
        shared[_SPENT + lane] += shared[_PRICE + lane] * supply if feasible else np.nan


@_compiled
def _prove(family: int, shared: FloatArray, mine: FloatArray) -> None:
    """Add a player's value of its bundle, and the most by which any bundle's value exceeds its cost."""
    if family == QUADRATIC:
        for lane in range(LANES):
            intercept, bundle = mine[_FIRST + lane], mine[_DEMAND + lane]
            gain = intercept - shared[_PRICE + lane]
            gain = gain if gain > 0 else 0.0
            shared[_VALUE + lane] += (intercept - mine[_THIRD + lane] * bundle) * bundle
            shared[_INDIRECT + lane] += 0.5 * gain * gain * mine[_SECOND + lane]
    elif family == LOGARITHMIC:
        for lane in range(LANES):
            weight, shift, price = mine[_FIRST + lane], mine[_SECOND + lane], shared[_PRICE + lane]
            shifted = max(weight / price, shift)
            shared[_VALUE + lane] += weight * log(shift + mine[_DEMAND + lane])
            shared[_INDIRECT + lane] += weight * log(shifted) - price * (shifted - shift)
    elif family == POWER:
        for lane in range(LANES):
            shift, power, price = mine[_THIRD + lane], mine[_FOURTH + lane], shared[_PRICE + lane]
            scale, at_zero = mine[_FIFTH + lane], mine[_SIXTH + lane]
            shifted = exp((mine[_FIRST + lane] - shared[_LOG_PRICE + lane]) * mine[_SECOND + lane])
            surplus = price * (shifted * (1 / power - 1) + shift) - at_zero
            shared[_VALUE + lane] += scale * exp(power * log(shift + mine[_DEMAND + lane])) - at_zero
            shared[_INDIRECT + lane] += surplus if shifted > shift else 0.0
    elif family == EXPONENTIAL:
        for lane in range(LANES):
            inverse, scale, price = mine[_SECOND + lane], mine[_THIRD + lane], shared[_PRICE + lane]
            demand = (mine[_FIRST + lane] - shared[_LOG_PRICE + lane]) * inverse
            surplus = scale - price * (inverse + demand)
            shared[_VALUE + lane] -= scale * expm1(-mine[_FOURTH + lane] * mine[_DEMAND + lane])
            shared[_INDIRECT + lane] += surplus if demand > 0 else 0.0
    else:
        for lane in range(LANES):
            a, b, reference = mine[_FIRST + lane], mine[_SECOND + lane], mine[_THIRD + lane]
            price = shared[_PRICE + lane]
            root = sqrt(b * b + 4 * a * price)
            best = min(2 * price / (b + root) if b > 0 else (root - b) / (2 * a), reference)
            abated = max(reference - mine[_DEMAND + lane], 0.0)
            shared[_VALUE + lane] -= (a / 3 * abated + b / 2) * abated * abated
            shared[_INDIRECT + lane] -= (a / 3 * best + b / 2) * best * best + price * (reference - best)


@_compiled
def _hand_out(start: int, good: int, shared: FloatArray, own: FloatArray, answer: AllocationArrays) -> None:
    """Write the bundles and prices of a good."""
    end = start + LANES
    bundles, price = answer.bundles[start:end], answer.price[start:end]
    for lane in range(LANES):
        price[lane, good] = shared[_PRICE + lane]
        for i in range(len(own)):
            bundles[lane, i, good] = own[i, _DEMAND + lane]


@_compiled
def _sum_up(start: int, shared: FloatArray, answer: AllocationArrays) -> None:
    """Write what concerns all goods of a profile; what is called supply is now the numeraire."""
    end, numeraire = start + LANES, answer.price.shape[1] - 1
    price, gap = answer.price[start:end], answer.optimality_gap[start:end]
    value, welfare = answer.value[start:end], answer.welfare[start:end]
    for lane in range(LANES):
        worth, indirect, spent = shared[_VALUE + lane], shared[_INDIRECT + lane], shared[_SPENT + lane]
        # Less than is at stake: what is not proven this way is left to be proven without the rounding of values.
        scale = spent
        price[lane, numeraire] = 1
        value[lane] = worth
        welfare[lane] = worth + shared[_SUPPLY + lane]
        distance = (spent + indirect - worth) / (scale if scale != 0 else 1.0)
        # Where one player holds a whole supply, the supporting prices form an interval.
        gap[lane] = distance if shared[_LARGEST + lane] < WHOLE_SUPPLY else np.nan
