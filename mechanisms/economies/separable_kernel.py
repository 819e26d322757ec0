r"""Compiled efficient allocation of very many type profiles; importing this module needs the optional package Numba.

It computes what :mod:`marketgame.mechanisms.economies.separable_allocation` specifies, by the same Newton's method,
together with the two sides of the duality proof. Four ideas carry the speed:

- Profiles are solved in blocks of ``LANES``. Each step is a loop over the block that the compiler turns into vector
  instructions, and what it reads and writes stays in the processor's first-level cache.
- A block looks up only the players whose types differ from the block before it, and starts from its prices:
  neighbouring profiles differ in few types.
- What a family's formulas share between all bundles and prices is computed once per type.
- Where everybody's demand is a line, and players are few, their number is a compile-time constant: sums over players
  stay in registers.

Cores take pieces whose edges depend on the number of profiles alone, so that answers do not depend on how many cores
there are. Whoever calls decides what to do with the profiles that end without a proof.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from math import exp, expm1, log, sqrt
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from numba import types as compiled_types
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
# A core takes this many profiles at once.
PIECE = 1 << 15
# The compiler turns sums over more players than this into loops, which it does not vectorise.
MOST_IN_REGISTERS = 10
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
_SUPPLY, _LOWEST, _PRICE, _LOG_PRICE, _EXCESS, _SLOPE, _VALUE, _INDIRECT, _SPENT, _LARGEST, _SHARED = range(
    0, 11 * LANES, LANES
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
    edges = [*range(0, max(len(profiles) - PIECE, 0) + 1, PIECE), len(profiles)]
    pieces = iter([slice(*ends) for ends in pairwise(edges)])
    lines = len(types.families) <= MOST_IN_REGISTERS and bool((types.families == QUADRATIC).all())
    solve_piece = _solver_of_lines(types) if lines else partial(_solve, types)

    def work() -> None:
        for piece in pieces:
            solve_piece(profiles[piece], AllocationArrays(*(array[piece] for array in answer)))

    # The calling thread works too: threads that start together may be put on one core.
    others = max(min(os.cpu_count() or 1, len(edges) - 1) - 1, 0)
    with ThreadPoolExecutor(others or 1) as pool:
        working = [pool.submit(work) for _ in range(others)]
        work()
        for done in working:
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
            _respond(families[i], shared, own[i])
        if step < ELASTIC_STEPS and _curved(families):
            _step_by_elasticity(shared)
        elif _step_by_slope(shared):
            break
    for i in range(len(own)):
        mine = own[i]
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
def _respond(family: int, shared: FloatArray, mine: FloatArray) -> None:
    """Compute a player's demand at the prices, and by how much it falls per unit of price."""
    if family == QUADRATIC:
        for lane in range(LANES):
            inverse = mine[_SECOND + lane]
            _record(lane, (mine[_FIRST + lane] - shared[_PRICE + lane]) * inverse, inverse, shared, mine)
    elif family == LOGARITHMIC:
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
    """Add the good to both sides of the duality proof, after seeing that the bundles can be handed out.

    What was the slope of demand is now the largest bundle.
    """
    _take_logarithms(families, shared)
    for lane in range(LANES):
        shared[_EXCESS + lane] = -shared[_SUPPLY + lane]
        shared[_SLOPE + lane] = 0
    for i in range(len(families)):
        mine = own[i]
        for lane in range(LANES):
            demand, most = mine[_DEMAND + lane], shared[_SLOPE + lane]
            shared[_EXCESS + lane] += demand
            shared[_SLOPE + lane] = max(most, demand)
        _prove(families[i], shared, mine)
    for lane in range(LANES):
        supply, largest = shared[_SUPPLY + lane], shared[_LARGEST + lane]
        feasible = (supply > 0) & (shared[_EXCESS + lane] <= supply * FEASIBILITY_TOLERANCE)
        shared[_SPENT + lane] += shared[_PRICE + lane] * supply if feasible else np.nan
        shared[_LARGEST + lane] = max(largest, shared[_SLOPE + lane] / supply)


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


# Where the coefficients of lines stand in each player's part of an array, and what everybody shares in another.
_INTERCEPT, _INVERSE, _HALF_SLOPE, _BOUGHT, _LINE = range(0, 5 * LANES, LANES)
_AT, _MOVE, _WORTH, _SURPLUS, _PAID, _HELD_BY_ONE, _TOGETHER = range(0, 7 * LANES, LANES)

# Plain tuples, because Numba stores types on disk, and a stored class would fail to load after this module has changed.
_tuple_of: Callable[[list[Any]], Any] = compiled_types.Tuple
_NUMBERS = compiled_types.float64[::1]
_LINES_SIGNATURE = compiled_types.void(
    _tuple_of([compiled_types.int64[::1], compiled_types.float64[:, :, ::1], compiled_types.boolean[::1]]),
    compiled_types.Array(compiled_types.int64, 2, "C", readonly=True),
    _tuple_of([compiled_types.float64[:, :, ::1], compiled_types.float64[:, ::1], _NUMBERS, _NUMBERS, _NUMBERS]),
)


def _inlined[F: Callable[..., object]](function: F) -> F:
    """Compile a function into its caller, where the number of players is a constant."""
    return cast("F", numba.njit(inline="always", fastmath=_ARITHMETIC, error_model="numpy")(function))


def _solver_of_lines(types: TypeTables) -> Callable[[IntegerArray, AllocationArrays], None]:
    """Return what solves a piece of the profiles of an economy of few players, all with quadratic values."""
    rows = np.ascontiguousarray(types.columns.transpose(0, 2, 1))
    most, least = (bound.reduceat(types.columns[:, 0], types.first_rows, axis=1) for bound in (np.maximum, np.minimum))
    endowments_move = (most != least).any(axis=0)
    kernel = _compiled_lines(len(types.families))

    def solve_piece(profiles: IntegerArray, answer: AllocationArrays) -> None:
        kernel((types.first_rows, rows, endowments_move), profiles, tuple(answer))

    return solve_piece


@lru_cache(maxsize=MOST_IN_REGISTERS)
def _compiled_lines(players: int) -> Callable[..., None]:
    """Return the kernel for a number of players, compiled (in about two seconds) or loaded from disk.

    It does what `_solve` does, but every profile as if it were alone, from the price at which everybody would buy.
    """

    def kernel(types: tuple[Any, ...], profiles: IntegerArray, answer: tuple[Any, ...]) -> None:
        first_rows, rows, endowments_move = types
        bundles, price, value, welfare, gap = answer
        goods = len(rows) - 1
        own, supply, shared = np.zeros((goods, players * _LINE)), np.zeros((goods + 1, LANES)), np.zeros(_TOGETHER)
        before = -1
        for block in range(0, len(profiles), LANES):
            start = min(block, len(profiles) - LANES)
            moved = before < 0
            for i in range(players):
                if before < 0 or _types_differ(profiles, before, start, i):
                    moved |= endowments_move[i]
                    _look_up_lines(profiles, start, i, first_rows[i], rows, own)
            if moved:
                _supply_lines(profiles, start, first_rows, rows, supply, players)
            before = start
            shared[_WORTH:] = 0.0
            for good in range(goods):
                _clear_lines(supply[good], shared, own[good], players)
                _prove_lines(supply[good], shared, own[good], players)
                for lane in range(LANES):
                    price[start + lane, good] = shared[_AT + lane]
                    for i in range(players):
                        bundles[start + lane, i, good] = own[good, i * _LINE + _BOUGHT + lane]
            _sum_up_lines(start, supply[goods], shared, price, value, welfare, gap)

    compiled = numba.njit(_LINES_SIGNATURE, fastmath=_ARITHMETIC, error_model="numpy", cache=True, nogil=True)(kernel)
    return cast("Callable[..., None]", compiled)


@_compiled
def _types_differ(profiles: IntegerArray, before: int, start: int, i: int) -> bool:
    """Say whether a player's types differ between two blocks."""
    for lane in range(LANES):  # noqa: SIM110  A generator would not be compiled.
        if profiles[before + lane, i] != profiles[start + lane, i]:
            return True
    return False


@_inlined
def _look_up_lines(profiles: IntegerArray, start: int, i: int, first: int, rows: FloatArray, own: FloatArray) -> None:
    """Gather what a player's types want."""
    for good in range(len(own)):
        mine = own[good, i * _LINE : (i + 1) * _LINE]
        for lane in range(LANES):
            row = rows[good, first + profiles[start + lane, i]]
            mine[_INTERCEPT + lane] = row[2]
            mine[_INVERSE + lane] = row[3]
            mine[_HALF_SLOPE + lane] = row[4]


@_inlined
def _supply_lines(
    profiles: IntegerArray, start: int, first_rows: IntegerArray, rows: FloatArray, supply: FloatArray, players: int
) -> None:
    """Add up what everybody brings."""
    for good in range(len(supply)):
        for lane in range(LANES):
            total = 0.0
            for i in range(players):
                total += rows[good, first_rows[i] + profiles[start + lane, i], 0]
            supply[good, lane] = total


@_inlined
def _clear_lines(supply: FloatArray, shared: FloatArray, own: FloatArray, players: int) -> None:
    """Find prices from which a last step of Newton's method clears the market, and that step.

    Demand is at least what it would be if everybody bought, or sold short, along its line: the price that clears this
    is the first, and prices rise from it until nobody else stops buying. Those that have settled stay.
    """
    for lane in range(LANES):
        excess, slope = -supply[lane], 0.0
        for i in range(players):
            inverse = own[i * _LINE + _INVERSE + lane]
            excess += own[i * _LINE + _INTERCEPT + lane] * inverse
            slope += inverse
        price = excess / slope
        shared[_AT + lane] = price if price > 0 else 0.0
    for _ in range(MOST_STEPS):
        unsettled = 0
        for lane in range(LANES):
            price = shared[_AT + lane]
            excess, slope = -supply[lane], 0.0
            for i in range(players):
                inverse = own[i * _LINE + _INVERSE + lane]
                demand = (own[i * _LINE + _INTERCEPT + lane] - price) * inverse
                excess += demand if demand > 0 else 0.0
                slope += inverse if demand > 0 else 0.0
            newton = price + excess / slope
            newton = newton if newton > 0 else 0.0
            move = newton - price
            rises = move > PRICE_TOLERANCE * price
            shared[_MOVE + lane] = move
            shared[_AT + lane] = newton if rises else price
            unsettled += 1 if rises else 0
        if unsettled == 0:
            break


@_inlined
def _prove_lines(supply: FloatArray, shared: FloatArray, own: FloatArray, players: int) -> None:
    """Take the last step, record what everybody buys, and add the good to both sides of the duality proof."""
    for lane in range(LANES):
        before, move, available = shared[_AT + lane], shared[_MOVE + lane], supply[lane]
        price = before + move
        excess, most, worth, surplus = -available, 0.0, 0.0, 0.0
        for i in range(players):
            intercept, inverse = own[i * _LINE + _INTERCEPT + lane], own[i * _LINE + _INVERSE + lane]
            demand = (intercept - before) * inverse
            demand = demand - inverse * move if demand > 0 else 0.0
            demand = demand if demand > 0 else 0.0
            gain = intercept - price
            gain = gain if gain > 0 else 0.0
            own[i * _LINE + _BOUGHT + lane] = demand
            excess += demand
            most = max(most, demand)
            worth += (intercept - own[i * _LINE + _HALF_SLOPE + lane] * demand) * demand
            surplus += gain * gain * inverse
        feasible = (available > 0) & (excess <= available * FEASIBILITY_TOLERANCE)
        shared[_AT + lane] = price
        shared[_WORTH + lane] += worth
        shared[_SURPLUS + lane] += 0.5 * surplus
        shared[_PAID + lane] += price * available if feasible else np.nan
        shared[_HELD_BY_ONE + lane] += 1.0 if most >= WHOLE_SUPPLY * available else 0.0


@_inlined
def _sum_up_lines(
    start: int,
    numeraire: FloatArray,
    shared: FloatArray,
    price: FloatArray,
    value: FloatArray,
    welfare: FloatArray,
    gap: FloatArray,
) -> None:
    """Write what concerns all goods of a profile, as `_sum_up` does."""
    for lane in range(LANES):
        worth, paid = shared[_WORTH + lane], shared[_PAID + lane]
        price[start + lane, price.shape[1] - 1] = 1.0
        value[start + lane] = worth
        welfare[start + lane] = worth + numeraire[lane]
        distance = (paid + shared[_SURPLUS + lane] - worth) / (paid if paid != 0 else 1.0)
        gap[start + lane] = distance if shared[_HELD_BY_ONE + lane] == 0 else np.nan
