"""Compiled settlement of large batches; importing this module needs the optional package Numba.

It computes what `mechanisms.market_game.settle.settle` specifies for the rules that leave every trade standing, and
reads each order once. Four ideas carry the speed:

- The numbers of players and goods are compile-time constants, so every inner loop has a known length.
- Small games visit each pair of players once; large ones visit rows, whose entries lie side by side in memory.
- The price of the numeraire is one, so its net trade is its cost.
- Nothing is forgiven, but rounding errors matter only within a hair of equality, or where orders cancel. The volume of
  all orders of all goods, at the highest quote, bounds that hair from above. Where it is too coarse, because goods are
  counted or priced in very different units, every good is bounded by its own volume; plays still inside the hair, and
  those that are not sound, are left to the specification, which decides them exactly.

Arrays are flat below the play: entry ``i * goods + h`` is good ``h`` of player ``i``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.market_game.plays import Play

# Sums may be reordered and products fused. Infinite and undefined values keep their meaning: they are how the kernel
# notices plays that are not sound.
_ARITHMETIC = {"reassoc", "contract", "nsz"}

# From this many players on, visiting rows is faster than visiting pairs (measured with two to four goods).
_ROWS_FROM = 18

_BUDGET, _SHORT_SALE = 1, 2
# Below this value products of orders and quotes may have underflowed.
_UNDERFLOW = 1e-280


class KernelRules(NamedTuple):
    """The rules and tolerances of `market_game` as the kernel needs them."""

    own_share: float
    """Share of the own quote in the price of a trade: 0 for counterparty pricing, 1/2 for the midpoint."""
    budget_rounding: float
    """By how much of the gross value of all orders costs may err."""
    holding_rounding: float
    """By how much of all orders of a good net trades may err."""
    known_share: float
    """To what share of the largest net trade of a good, or of its supply, its net trades must be known."""
    no_short_sales: bool
    covered: bool


class _Batch(NamedTuple):
    """Plays and their settlement, the play first and the rest flat; see `Play` and `Settlement`."""

    quotes: FloatArray
    orders: FloatArray
    """``(B, N, N * L)``."""
    announced: FloatArray
    transfers: FloatArray
    cost: FloatArray
    bankrupt: BooleanArray
    reason: NDArray[np.int8]
    net_trade: FloatArray
    claim: FloatArray
    change: FloatArray
    allocation: FloatArray
    wasted: FloatArray


# One kernel serves arrays that are closed to writing and such that are not. Its arguments are plain tuples, because
# Numba stores their types on disk, and a stored class would fail to load after this module has changed.
_tuple_of: Callable[[list[Any]], Any] = types.Tuple
_READ = types.Array(types.float64, 2, "C", readonly=True)
_ROWS = types.float64[:, ::1]
_SIGNATURE = types.void(
    _tuple_of([_READ, types.Array(types.float64, 3, "C", readonly=True), _READ, _READ]),
    _tuple_of([_ROWS, types.boolean[:, ::1], types.int8[:, ::1], _ROWS, _ROWS, _ROWS, _ROWS, _ROWS]),
    types.boolean[::1],
    _tuple_of([types.float64, types.float64, types.float64, types.float64, types.boolean, types.boolean]),
)


def settle_batch(plays: Play, limits: KernelRules, ended: dict[str, NDArray[Any]]) -> BooleanArray:
    """Fill in the settlement of the plays that are sound and not within rounding of a bankruptcy.

    Args:
        plays: with one batch dimension.
        limits: rules and tolerances.
        ended: the arrays of a `Settlement` by name, to fill in, B first.

    Returns:
        For which plays that was done, ``(B,)``; the rows of the others are undefined.
    """
    count, players, goods = plays.announced_endowments.shape
    orders = np.ascontiguousarray(plays.orders).reshape(count, players, players * goods)
    read = (_flat(plays.quotes), orders, _flat(plays.announced_endowments), _flat(plays.transfers))
    written = tuple(_flat(ended[name]) for name in _Batch._fields[len(read) :])
    decided = np.zeros(count, np.bool_)
    _compiled(players, goods)(read, written, decided, tuple(limits))
    return decided


def _flat[T: np.generic](values: NDArray[T]) -> NDArray[T]:
    """Return one contiguous row per play."""
    return np.ascontiguousarray(values).reshape(len(values), prod(values.shape[1:]))


def _inlined[F: Callable[..., object]](function: F) -> F:
    """Compile a function into its caller, where the numbers of players and goods are constants."""
    return cast("F", numba.njit(inline="always", fastmath=_ARITHMETIC)(function))


@_inlined
def _total_by_pairs(batch: _Batch, b: int, players: int, goods: int) -> float:
    """Fill in net trades and costs at the counterparties' quotes; return the volume of all orders of all goods."""
    volume = 0.0  # A number stays in a register; an array by goods would be stored and loaded for every pair.
    for i in range(players):
        batch.cost[b, i] = 0.0
        for h in range(goods):
            batch.net_trade[b, i * goods + h] = 0.0
    for i in range(players):
        for j in range(i + 1, players):
            charged_to_i = 0.0
            credited_to_j = 0.0
            for h in range(goods):
                sent = batch.orders[b, i, j * goods + h]
                received = batch.orders[b, j, i * goods + h]
                flow = sent - received
                volume += abs(sent) + abs(received)
                batch.net_trade[b, i * goods + h] += flow
                batch.net_trade[b, j * goods + h] -= flow
                charged_to_i += batch.quotes[b, j * goods + h] * flow
                credited_to_j += batch.quotes[b, i * goods + h] * flow
            batch.cost[b, i] += charged_to_i
            batch.cost[b, j] -= credited_to_j
    return volume


@_inlined
def _total_by_rows(batch: _Batch, b: int, columns: FloatArray, players: int, goods: int) -> float:
    """Do what `_total_by_pairs` does, one good of one player's orders at a time.

    The work space ``columns`` holds, good by good, the quotes, the sums of columns and their values; in one array the
    compiler can prove that these do not overlap.
    """
    numeraire = goods - 1
    received = players * goods
    credited = 2 * received
    for i in range(players):
        for h in range(goods):
            columns[h * players + i] = batch.quotes[b, i * goods + h]
            columns[received + i * goods + h] = 0.0
            columns[credited + i * goods + h] = 0.0
    volume = 0.0
    for i in range(players):
        row = batch.orders[b, i]
        charged = 0.0
        for h in range(goods):
            quote = columns[h * players + i]
            sent = 0.0
            value = 0.0
            for j in range(players):
                # Loading before selecting keeps the load contiguous; under a condition it would become a gather.
                order = row[j * goods + h]
                order = order if j != i else 0.0
                sent += order
                volume += abs(order)
                columns[received + h * players + j] += order
                if h != numeraire:
                    value += columns[h * players + j] * order
                    columns[credited + h * players + j] += quote * order
            batch.net_trade[b, i * goods + h] = sent
            charged += value if h != numeraire else sent
        batch.cost[b, i] = charged
    for i in range(players):
        for h in range(goods):
            batch.net_trade[b, i * goods + h] -= columns[received + h * players + i]
            batch.cost[b, i] -= columns[(credited if h != numeraire else received) + h * players + i]
    return volume


@_inlined
def _charge_own_quotes(batch: _Batch, b: int, own_share: float, players: int, goods: int) -> None:
    """Move costs by a share of the way to the cost at the own quotes."""
    for i in range(players):
        own = 0.0
        for h in range(goods):
            own += batch.quotes[b, i * goods + h] * batch.net_trade[b, i * goods + h]
        batch.cost[b, i] += own_share * (own - batch.cost[b, i])


@_inlined
def _measure(
    batch: _Batch, b: int, volume: float, supply: FloatArray, bounds: FloatArray, players: int, goods: int
) -> float:
    """Fill in the supply and bounds on the orders of each good; return a sum of all messages.

    The sum is not finite if an entry is not, is negative, or a numeraire is not quoted at one. Bounds on the
    volume of each good are the volume of all, and after them comes its value at the highest of all quotes.
    """
    check = volume
    sound = True
    highest = 0.0
    for h in range(goods):
        lowest = batch.quotes[b, h]
        total = 0.0
        for i in range(players):
            quote = batch.quotes[b, i * goods + h]
            announced = batch.announced[b, i * goods + h]
            lowest = min(lowest, quote)
            highest = max(highest, quote)
            check += quote
            total += announced
            sound &= announced >= 0.0
        sound &= lowest >= 0.0
        supply[h] = total
        bounds[h] = volume
        check += total
    bounds[goods] = highest * volume
    for i in range(players):
        sound &= batch.quotes[b, i * goods + goods - 1] == 1.0
        check += batch.cost[b, i] + batch.transfers[b, i]
    return check if sound else np.nan


@_inlined
def _measure_each_good(batch: _Batch, b: int, bounds: FloatArray, players: int, goods: int) -> None:
    """Fill in the volume of the orders of each good, and after them their value at the highest quote of each."""
    value = 0.0
    for h in range(goods):
        volume = 0.0
        highest = 0.0
        for i in range(players):
            highest = max(highest, batch.quotes[b, i * goods + h])
            for j in range(players):
                order = batch.orders[b, i, j * goods + h]
                volume += abs(order) if j != i else 0.0
        bounds[h] = volume
        value += highest * volume
    bounds[goods] = value


@_inlined
def _known(
    batch: _Batch, b: int, supply: FloatArray, bounds: FloatArray, limits: KernelRules, players: int, goods: int
) -> bool:
    """Return whether net trades are known to the digits of the largest of their good, or of its supply."""
    known = True
    for h in range(goods):
        largest = 0.0
        for i in range(players):
            largest = max(largest, abs(batch.net_trade[b, i * goods + h]))
        known &= limits.holding_rounding * bounds[h] <= limits.known_share * min(largest, supply[h])
    return known


@_inlined
def _judge(
    batch: _Batch, b: int, supply: FloatArray, bounds: FloatArray, limits: KernelRules, players: int, goods: int
) -> bool:
    """Fill in who is bankrupt, why, and the claims; return whether nobody is in doubt.

    Who is bankrupt is as good as random, so that a branch on it would be mispredicted: sums and products instead.
    """
    # No price exceeds the highest quote, so that this bounds the rounding errors of all costs.
    value = bounds[goods]
    rounding = limits.budget_rounding * value
    decided = _known(batch, b, supply, bounds, limits, players, goods)
    decided &= (value == 0.0) | (value > _UNDERFLOW)
    for i in range(players):
        cost, transfer = batch.cost[b, i], batch.transfers[b, i]
        decided &= (not limits.covered) | (-transfer <= batch.announced[b, (i + 1) * goods - 1])
        excess = cost - transfer
        over_budget = excess > rounding
        decided &= over_budget | (excess <= -rounding)
        any_short = False
        if limits.no_short_sales:
            for h in range(goods):
                lacking = -(batch.announced[b, i * goods + h] + batch.net_trade[b, i * goods + h])
                short = lacking > limits.holding_rounding * bounds[h]
                decided &= short | (lacking <= -limits.holding_rounding * bounds[h]) | over_budget
                any_short |= short
        solvent = (not over_budget) & (not any_short)
        batch.bankrupt[b, i] = not solvent
        batch.reason[b, i] = _BUDGET * over_budget + _SHORT_SALE * (any_short & (not over_budget))
        for h in range(goods):
            holding = batch.announced[b, i * goods + h] + batch.net_trade[b, i * goods + h]
            batch.claim[b, i * goods + h] = solvent * holding
    return bool(decided)


@_inlined
def _ration(batch: _Batch, b: int, good: int, supply: float, work: FloatArray, players: int, goods: int) -> None:
    """Ration one good as `feasible_set.ration` does.

    The threshold rises from below by dropping who gets nothing, until nobody is dropped (Michelot 1986). The work space
    holds what players own, then what they claim, measured from the largest: side by side, unlike in the batch.
    """
    largest = -np.inf
    demanded = 0.0
    for i in range(players):
        owned = batch.announced[b, i * goods + good]
        lost = 1.0 * batch.bankrupt[b, i]  # Arithmetic: a branch would be a coin toss.
        change = (1.0 - lost) * batch.net_trade[b, i * goods + good] - lost * owned
        largest = max(change, largest)
        demanded += max(change, -owned)
        work[i] = owned
        work[players + i] = change
    # Measured from the largest change, and never more than twice the supply under it: no digit is lost.
    fits = demanded <= 0.0
    origin = 0.0 if fits else largest
    floor = -np.inf if fits else -2.0 * supply
    threshold = 0.0 if fits else -supply
    for i in range(players):
        work[players + i] = max(work[players + i] - origin, floor)
    before = players + 2.0
    served = before if fits else before - 1.0
    while served < before:
        before = served
        served = 0.0
        total = 0.0
        for i in range(players):
            owned = work[i]
            shifted = work[players + i]
            keep = 1.0 if shifted + owned >= threshold else 0.0  # Arithmetic again.
            served += keep
            total += keep * shifted - (1.0 - keep) * owned
        threshold = max(total / served, threshold)
    left = 0.0
    for i in range(players):
        owned = work[i]
        change = max(work[players + i] - threshold, -owned)
        batch.change[b, i * goods + good] = change
        batch.allocation[b, i * goods + good] = owned + change
        left -= change
    batch.wasted[b, good] = max(left, 0.0)


@lru_cache(maxsize=64)
def _compiled(players: int, goods: int) -> Callable[..., None]:
    """Return the kernel for a size of game, compiled (in about two seconds) or loaded from disk."""
    by_rows = players >= _ROWS_FROM
    entries = players * goods

    def kernel(
        read: tuple[FloatArray, ...], written: tuple[Any, ...], decided: BooleanArray, limits: tuple[Any, ...]
    ) -> None:
        quotes, orders, announced, transfers = read
        cost, bankrupt, reason, net_trade, claim, change, allocation, wasted = written
        batch = _Batch(
            quotes, orders, announced, transfers, cost, bankrupt, reason, net_trade, claim, change, allocation, wasted
        )
        rules = KernelRules(limits[0], limits[1], limits[2], limits[3], limits[4], limits[5])
        columns, work = np.empty(3 * entries), np.empty(2 * players)
        supply, bounds = np.empty(goods), np.empty(goods + 1)
        for b in range(len(decided)):
            volume = (
                _total_by_rows(batch, b, columns, players, goods)
                if by_rows
                else _total_by_pairs(batch, b, players, goods)
            )
            if rules.own_share > 0.0:
                _charge_own_quotes(batch, b, rules.own_share, players, goods)
            check = _measure(batch, b, volume, supply, bounds, players, goods)
            sound = abs(check) < np.inf  # Not `isfinite`, whose subtraction may be reordered away.
            certain = _judge(batch, b, supply, bounds, rules, players, goods)
            if sound and not certain:
                _measure_each_good(batch, b, bounds, players, goods)
                certain = _judge(batch, b, supply, bounds, rules, players, goods)
            decided[b] = sound and certain
            for h in range(goods):
                _ration(batch, b, h, supply[h], work, players, goods)

    compiled = numba.njit(_SIGNATURE, cache=True, fastmath=_ARITHMETIC, error_model="numpy")(kernel)
    return cast("Callable[..., None]", compiled)
