"""Compiled settlement of large batches; importing this module needs the optional package Numba.

It computes what `mechanisms.market_game.settle` specifies for the rules that leave every trade standing, and reads
each order once. Three ideas carry the speed:

- The numbers of players and goods are compile-time constants, so every inner loop has a known length.
- Small games visit each pair of players once; large ones visit rows, whose entries lie side by side in memory.
- The rounding error allowed to a cost needs the gross value of the player's orders, but only when the cost lies within
  a hair of the purchasing power. One number per play, the volume of all orders, bounds that hair from above; the gross
  value itself is computed for the few players inside it.

Arrays are flat below the play: entry ``i * goods + h`` is good ``h`` of player ``i``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mechanisms.arrays import BooleanArray, FloatArray

# Sums may be reordered and products fused. Infinite and undefined values keep their meaning: they are how the kernel
# notices unsound input.
_ARITHMETIC = {"reassoc", "contract", "nsz"}

# From this many players on, visiting rows is faster than visiting pairs (measured with two to four goods).
_ROWS_FROM = 12


class Tolerances(NamedTuple):
    """What `market_game` forgives, as shares of gross orders and of announced endowments."""

    budget_rounding: float
    holding_rounding: float
    negligible: float


class Batch(NamedTuple):
    """Plays as C-contiguous arrays; a leading dimension of one means the same for every play."""

    quotes: FloatArray
    """``(B or 1, N * L)``."""
    orders: FloatArray
    """``(B or 1, N, N * L)``."""
    announced_endowments: FloatArray
    """``(B or 1, N * L)``."""
    transfers: FloatArray
    """``(B or 1, N)``."""


class Outcome(NamedTuple):
    """Arrays the kernel fills in, one row per play, flat below the play."""

    cost: FloatArray
    bankrupt: BooleanArray
    reason: NDArray[np.int8]
    net_trade: FloatArray
    claim: FloatArray
    allocation: FloatArray
    wasted: FloatArray


def _inlined[F: Callable[..., object]](function: F) -> F:
    """Compile a function into its caller, where the numbers of players and goods are constants."""
    compiled: F = numba.njit(inline="always", fastmath=_ARITHMETIC)(function)
    return compiled


@_inlined
def _total_by_pairs(
    quotes: FloatArray, orders: FloatArray, net_trade: FloatArray, cost: FloatArray, players: int, goods: int
) -> float:
    """Fill in net trades and costs at the counterparties' quotes; return the volume of all orders."""
    net_trade[:] = 0.0
    cost[:] = 0.0
    volume = 0.0
    for i in range(players):
        for j in range(i + 1, players):
            charged_to_i = 0.0
            credited_to_j = 0.0
            for h in range(goods):
                ordered = orders[i, j * goods + h]
                returned = orders[j, i * goods + h]
                flow = ordered - returned
                volume += abs(ordered) + abs(returned)
                net_trade[i * goods + h] += flow
                net_trade[j * goods + h] -= flow
                charged_to_i += quotes[j * goods + h] * flow
                credited_to_j += quotes[i * goods + h] * flow
            cost[i] += charged_to_i
            cost[j] -= credited_to_j
    return volume


@_inlined
def _total_by_rows(
    quotes: FloatArray, orders: FloatArray, net_trade: FloatArray, cost: FloatArray, players: int, goods: int
) -> float:
    """Do what `_total_by_pairs` does, one good of one player's orders at a time."""
    received = players * goods
    credited = 2 * received
    # One array at constant offsets lets the compiler prove that its parts do not overlap.
    work = np.zeros(credited + players)
    for i in range(players):
        for h in range(goods):
            work[h * players + i] = quotes[i * goods + h]
    volume = 0.0
    for i in range(players):
        row = orders[i]
        charged = 0.0
        for h in range(goods):
            quote = quotes[i * goods + h]
            sent = 0.0
            for j in range(players):
                # Loading before selecting keeps this a contiguous load; under a condition it would be a gather.
                entry = row[j * goods + h]
                entry = entry if j != i else 0.0
                sent += entry
                volume += abs(entry)
                charged += work[h * players + j] * entry
                work[received + h * players + j] += entry
                work[credited + j] += quote * entry
            net_trade[i * goods + h] = sent
        cost[i] = charged
    for i in range(players):
        cost[i] -= work[credited + i]
        for h in range(goods):
            net_trade[i * goods + h] -= work[received + h * players + i]
    return volume


@numba.njit(fastmath=_ARITHMETIC)
def _gross_value(
    player: int, quotes: FloatArray, orders: FloatArray, own_share: float, players: int, goods: int
) -> float:
    """Value all orders from and to the player at the prices that apply to it, disregarding their signs."""
    value = 0.0
    for j in range(players):
        if j != player:
            for h in range(goods):
                price = (1.0 - own_share) * quotes[j * goods + h] + own_share * quotes[player * goods + h]
                value += price * (abs(orders[player, j * goods + h]) + abs(orders[j, player * goods + h]))
    return value


@numba.njit(fastmath=_ARITHMETIC)
def _gross_quantity(player: int, good: int, orders: FloatArray, players: int, goods: int) -> float:
    """Add up all orders of one good from and to the player, disregarding their signs."""
    quantity = 0.0
    for j in range(players):
        if j != player:
            quantity += abs(orders[player, j * goods + good]) + abs(orders[j, player * goods + good])
    return quantity


@_inlined
def _ration(
    claim: FloatArray, good: int, supply: float, allocation: FloatArray, players: int, goods: int
) -> float:
    """Hand out one good; return what is left. The threshold is found by dropping who gets nothing (Michelot 1986)."""
    highest = claim[good]
    demanded = 0.0
    for i in range(players):
        highest = max(highest, claim[i * goods + good])
        demanded += max(claim[i * goods + good], 0.0)
    base = 0.0
    floor = 0.0
    threshold = 0.0
    if demanded > supply:
        # Measured from the highest claim, and never below the whole supply under it: no digit of a huge claim is lost.
        base = highest
        floor = -supply
        threshold = -supply
        before = players + 1
        served = players
        while served < before:
            before = served
            served = 0
            total = 0.0
            for i in range(players):
                shifted = max(claim[i * goods + good] - highest, floor)
                if shifted >= threshold:
                    total += shifted
                    served += 1
            threshold = max(threshold, (total - supply) / served)
    handed_out = 0.0
    for i in range(players):
        share = max(max(claim[i * goods + good] - base, floor) - threshold, 0.0)
        allocation[i * goods + good] = share
        handed_out += share
    return max(supply - handed_out, 0.0)


@lru_cache(maxsize=64)
def compiled_settlement(players: int, goods: int) -> Callable[[Batch, Outcome, Tolerances, float, bool], bool]:
    """Return the kernel for a size of game, compiling it at the first call (about two seconds) or loading it.

    The kernel takes the batch, the outcome to fill in, the tolerances, the share of the own quote in the price of a
    trade (0: counterparty pricing, 1/2: midpoint) and whether short sales bankrupt. It returns False, with the outcome
    undefined, when a play holds something that is not allowed or overflows; the caller then finds out what.
    """
    by_rows = players >= _ROWS_FROM

    @numba.njit(cache=True, fastmath=_ARITHMETIC)
    def kernel(batch, outcome, tolerances, own_share, no_short_sales):
        lowest = np.empty(goods)
        supply = np.empty(goods)
        for play in range(outcome.cost.shape[0]):
            quotes = batch.quotes[play if batch.quotes.shape[0] > 1 else 0]
            orders = batch.orders[play if batch.orders.shape[0] > 1 else 0]
            endowments = batch.announced_endowments[play if batch.announced_endowments.shape[0] > 1 else 0]
            transfers = batch.transfers[play if batch.transfers.shape[0] > 1 else 0]
            cost = outcome.cost[play]
            net_trade = outcome.net_trade[play]
            claim = outcome.claim[play]
            if by_rows:
                volume = _total_by_rows(quotes, orders, net_trade, cost, players, goods)
            else:
                volume = _total_by_pairs(quotes, orders, net_trade, cost, players, goods)
            # validate, prices
            check = volume
            highest = 0.0
            least = 0.0
            forgiven = 0.0
            for h in range(goods):
                low = quotes[h]
                total = 0.0
                for i in range(players):
                    quote = quotes[i * goods + h]
                    low = min(low, quote)
                    highest = max(highest, quote)
                    check += quote
                    total += endowments[i * goods + h]
                    least = min(least, endowments[i * goods + h])
                least = min(least, low)
                supply[h] = total
                check += total
                forgiven += low * total
            forgiven *= tolerances.negligible
            for i in range(players):
                if quotes[i * goods + goods - 1] != 1.0:
                    return False
                for h in range(goods):
                    cost[i] += own_share * (quotes[i * goods + h] * net_trade[i * goods + h])
                check += cost[i] + transfers[i]
            if not (np.isfinite(check) and least >= 0.0):
                return False
            for i in range(players):
                excess = cost[i] - transfers[i] - forgiven - tolerances.budget_rounding * abs(transfers[i])
                reason = 0
                if excess > 0.0 and (
                    excess > tolerances.budget_rounding * highest * volume
                    or excess
                    > tolerances.budget_rounding * _gross_value(i, quotes, orders, own_share, players, goods)
                ):
                    reason = 1
                if reason == 0 and no_short_sales:
                    for h in range(goods):
                        short = (
                            -(endowments[i * goods + h] + net_trade[i * goods + h])
                            - tolerances.negligible * supply[h]
                        )
                        if short > 0.0 and (
                            short > tolerances.holding_rounding * volume
                            or short > tolerances.holding_rounding * _gross_quantity(i, h, orders, players, goods)
                        ):
                            reason = 2
                outcome.reason[play, i] = reason
                outcome.bankrupt[play, i] = reason != 0
                for h in range(goods):
                    claim[i * goods + h] = (
                        endowments[i * goods + h] + net_trade[i * goods + h] if reason == 0 else 0.0
                    )
            for h in range(goods):
                outcome.wasted[play, h] = _ration(claim, h, supply[h], outcome.allocation[play], players, goods)
        return True

    return kernel
