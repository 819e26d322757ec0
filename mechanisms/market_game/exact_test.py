r"""The test of solvency without rounding errors, for the plays in which floating point cannot be trusted.

Messages are taken for the numbers they are. The cost of a player's trades is rounded up and its net trade to nearest,
once each, at the end; hence a budget is exceeded exactly if the rounded cost is above the transfer, and a transfer of
just this cost pays for the trades.

Adding two floating-point numbers leaves an error that is itself a floating-point number, and so does multiplying two
[Knuth; Dekker]. Adding in a tree and keeping every error therefore replaces T numbers by one sum and T - 1 errors of
the same total. Done twice, what is left is smaller than the terms by two precisions; its plain sum and the bound on its
own error decide nearly every case. The few others, and plays of so many players that keeping every error costs more,
are decided by taking the leading digits off all terms, whose sum is exact, until nothing is left [Rump, Ogita, Oishi];
numbers whose products may overflow or underflow by rationals. Where there are so many doubts that loading it pays, a
compiled test (:mod:`marketgame.mechanisms.market_game.exact_kernel`) decides all but the last, to the same bits.

Sources:
    Dekker (1971), A floating-point technique for extending the available precision; Ogita, Rump and Oishi (2005),
    Accurate sum and dot product; Rump, Ogita and Oishi (2008), Accurate floating-point summation, part I.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.market_game.plays import Block, play_first, play_last
from marketgame.mechanisms.market_game.prices import trade_prices
from marketgame.mechanisms.market_game.rules import Pricing


@dataclass(frozen=True, slots=True)
class ExactTest:
    """What orders amount to; the play is the last dimension."""

    cost: FloatArray
    """The least numbers that are not below the exact costs, ``(N, B)``, units of the numeraire."""
    net_trade: FloatArray
    """The numbers nearest to the exact net trades, ``(N, L, B)``, units of each good."""
    short: BooleanArray
    """Whether announced endowment and net trade add up to less than nothing in some good, ``(N, B)``."""


def exact_test(block: Block, pricing: Pricing) -> ExactTest:
    """Return costs, net trades and short sales of plays whose void trades are cancelled already."""
    harmless = tame(block.quotes).all(axis=(0, 1)) & tame(block.orders).all(axis=(0, 1, 2))
    test = ExactTest(*(np.empty(shape, kind) for shape, kind in _shapes(block)))
    decided = _test_compiled if pricing in _COMPILED and _compiling_pays(block) else _test_in_arrays
    # What is left is looked at one by one.
    for play in np.flatnonzero(~decided(block, pricing, harmless, test)):
        (_test_by_digits if harmless[play] else _test_in_rationals)(block, pricing, int(play), test)
        _IN_DOUBT.took += _PLAY_TAKES
    return test


def _test_in_arrays(block: Block, pricing: Pricing, harmless: BooleanArray, test: ExactTest) -> BooleanArray:
    """Fill in the test of plays, and return for which of them it is certain; the others are left undefined."""
    decided, orders = np.zeros_like(harmless), block.orders
    if orders[..., 0].size >= _MANY_ORDERS:
        return decided
    # What more plays leave of every sum would not stay in the processor's cache.
    length = max(1, _ORDERS_IN_CACHE // orders[..., 0].size)
    for first in range(0, len(harmless), length):
        some = np.arange(first, min(first + length, len(harmless)))
        found, sure = _test_in_floating_point(_terms(block.only(some), pricing))
        for name in _PARTS:
            getattr(test, name)[..., some] = getattr(found, name)
        decided[some] = sure
    return decided & harmless


def _shapes(block: Block) -> tuple[tuple[tuple[int, ...], type], ...]:
    players, goods, plays = block.quotes.shape
    return ((players, plays), np.float64), ((players, goods, plays), np.float64), ((players, plays), np.bool_)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is to be added up without rounding errors; the first dimension is summed, the play is the last."""

    moved: FloatArray
    """What adds up to net trades, ``(T, N, L, B)``."""
    held: FloatArray
    """What adds up to holdings, ``(T + 1, N, L, B)``."""
    charged: FloatArray
    """What adds up to costs, ``(T', N, B)``."""


def _terms(block: Block, pricing: Pricing) -> _Terms:
    """Return flows and charges as numbers with the errors they were rounded by."""
    quotes, orders = block.quotes, block.orders
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # Such plays are left to rationals.
        # What flows to i from j is a number and the error it was rounded by.
        flows = two_sum(orders, -orders.swapaxes(0, 1))
        moved = np.concatenate(flows, axis=1).swapaxes(0, 1)
        values = [
            _by_payer(value)
            for price in _prices(quotes, flows[0], pricing)
            for flow in flows
            for value in two_product(np.broadcast_to(price, flow.shape), flow)
        ]
    held = np.concatenate((moved, block.announced_endowments[np.newaxis]))
    return _Terms(moved, held, np.concatenate(values))


def _test_in_floating_point(terms: _Terms) -> tuple[ExactTest, BooleanArray]:
    """Return the test of plays, and of which of them it is certain if their numbers are harmless."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        net_trade, certain = accurate_sum(terms.moved)
        holding, sure = accurate_sum(terms.held)
        cost, known = rounded_up(terms.charged)
    decided = (certain & sure).all(axis=(0, 1)) & known.all(axis=0)
    return ExactTest(cost, net_trade, (holding < 0.0).any(axis=1)), decided


def _test_compiled(block: Block, pricing: Pricing, harmless: BooleanArray, test: ExactTest) -> BooleanArray:
    """Do the same for all plays whose numbers are harmless."""
    # Numba is optional, and slow to import.
    from marketgame.mechanisms.market_game.exact_kernel import tests  # noqa: PLC0415

    plays = slice(None) if harmless.all() else harmless.nonzero()[0]
    quotes, orders, announced = (
        play_first(values)[plays] for values in (block.quotes, block.orders, block.announced_endowments)
    )
    for name, values in zip(_PARTS, tests(quotes, orders, announced, pricing), strict=True):
        getattr(test, name)[..., plays] = play_last(values)
    return harmless


def _compiling_pays(block: Block) -> bool:
    """Whether doubts have taken so long, by what such plays take, that loading the compiled test is repaid."""
    _IN_DOUBT.took += _ORDER_TAKES * block.orders.size
    return _IN_DOUBT.took >= _KERNEL_PAYS_FROM and importlib.util.find_spec("numba") is not None


def _prices(quotes: FloatArray, flows: FloatArray, pricing: Pricing) -> tuple[FloatArray, ...]:
    """Return prices that add up to what i is charged by trading with j; each broadcasts to ``(N, N, L, B)``."""
    return _prices_between(quotes[:, np.newaxis], quotes[np.newaxis], flows, pricing)


def _prices_between(own: FloatArray, other: FloatArray, flows: FloatArray, pricing: Pricing) -> tuple[FloatArray, ...]:
    """Return prices that add up to what players quoting ``own`` are charged for flows from those quoting ``other``."""
    if pricing is Pricing.MIDPOINT:  # A sum of quotes may be rounded, halves are not.
        return own / 2.0, other / 2.0
    bought, sold = trade_prices(pricing, own, other)
    return (bought if bought is sold else np.where(flows > 0, bought, sold),)


def _by_payer(values: FloatArray) -> FloatArray:
    """Return ``(N, N, L, B)`` as ``(N L, N, B)``: what a player's cost is the sum of comes first."""
    players, _, goods, plays = values.shape
    return values.transpose(1, 2, 0, 3).reshape(players * goods, players, plays)


def _test_by_digits(block: Block, pricing: Pricing, play: int, test: ExactTest) -> None:
    """Fill in the test of one play whose numbers are harmless."""
    quotes, orders = block.quotes[..., play], block.orders[..., play]
    players, goods = quotes.shape
    length = max(1, _ORDERS_AT_ONCE // (players * goods))
    for first in range(0, players, length):
        some = slice(first, first + length)
        flows = two_sum(orders[some], -orders[:, some].swapaxes(0, 1))
        own = quotes[some]
        prices = _prices_between(own[:, np.newaxis], quotes[np.newaxis], flows[0], pricing)
        values = (
            value
            for price in prices
            for flow in flows
            if flow.any()
            for value in two_product(np.broadcast_to(price, flow.shape), flow)
        )
        cost = np.concatenate(
            [_by_digits(value.reshape(len(own), -1)) for value in values] or [np.zeros((1, len(own)))]
        )
        moved = np.concatenate([_by_digits(np.ascontiguousarray(flow.swapaxes(1, 2))) for flow in flows])
        for i in range(len(own)):
            player = first + i
            test.cost[player, play] = _sum_not_below(cost[:, i].tolist())
            parts = moved[:, i].T.tolist()
            test.net_trade[player, :, play] = [math.fsum(each) for each in parts]
            announced = block.announced_endowments[player, :, play].tolist()
            test.short[player, play] = any(
                math.fsum((*each, held)) < 0.0 for each, held in zip(parts, announced, strict=True)
            )


def _by_digits(terms: FloatArray) -> FloatArray:
    """Return numbers ``(K, ...)`` that add up to the sums of terms ``(..., T)`` over the last dimension, exactly.

    Adding a large power of two to a term and taking it off again leaves the term's leading digits; of as many as T,
    they add up without rounding.
    """
    parts = [np.zeros(terms.shape[:-1])]
    room = 2.0 ** math.ceil(math.log2(terms.shape[-1] + 2))
    while largest := max(float(terms.max()), -float(terms.min())):
        power = room * 2.0 ** math.frexp(largest)[1]
        leading = (power + terms) - power
        terms = terms - leading
        parts.append(leading.sum(axis=-1))
    return np.stack(parts)


def _sum_not_below(terms: list[float]) -> float:
    """Return the least number that is not below an exact sum."""
    total = math.fsum(terms)
    return math.nextafter(total, math.inf) if math.fsum((*terms, -total)) > 0.0 else total


def _test_in_rationals(block: Block, pricing: Pricing, play: int, test: ExactTest) -> None:
    """Fill in the test of one play."""
    quotes: NDArray[Any] = np.array([rationals(row) for row in block.quotes[..., play].tolist()])
    prices = trade_prices(pricing, quotes[:, np.newaxis], quotes[np.newaxis])
    bought, sold = (np.broadcast_to(price, (len(quotes), *quotes.shape)) for price in prices)
    announced = [rationals(row) for row in block.announced_endowments[..., play].tolist()]
    orders = [[rationals(row) for row in rows] for rows in block.orders[..., play].tolist()]
    players, goods = range(len(quotes)), range(len(quotes[0]))
    for i in players:
        cost, short = Fraction(0), False
        net_trade = [Fraction(0) for _ in goods]
        for j in players:
            for h in goods:
                flow = orders[i][j][h] - orders[j][i][h]
                if flow:
                    cost += (bought if flow > 0 else sold)[i, j, h] * flow
                    net_trade[h] += flow
        for h in goods:
            short |= announced[i][h] + net_trade[h] < 0
            test.net_trade[i, h, play] = nearest_float(net_trade[h])
        test.cost[i, play] = float_not_below(cost)
        test.short[i, play] = short


@dataclass(slots=True)
class _Met:
    """About how long doubts have taken since the program began; it decides how they are decided, not what."""

    took: float = 0.0


_IN_DOUBT = _Met()
# What the compiled test knows to charge by.
_COMPILED = (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD, Pricing.MIDPOINT)
_PARTS = tuple(each.name for each in fields(ExactTest))
# An order in doubt takes so many seconds in arrays, and a play by its digits; loading the compiled test takes more than
# half a second, and then an order takes a fifth.
_ORDER_TAKES, _PLAY_TAKES, _KERNEL_PAYS_FROM = 4e-7, 5e-4, 1.0
# From this many orders on, digits are faster than keeping every error, and taken of so many orders at once.
_MANY_ORDERS = 1 << 17
_ORDERS_AT_ONCE = 1 << 15
# What is added up for so many orders stays in the processor's cache.
_ORDERS_IN_CACHE = 1 << 13
_PRECISION = float(np.finfo(np.float64).eps)
# Splits a number into halves of 26 digits, whose products are exact.
_SPLITTER = 2.0**27 + 1.0
# Between these magnitudes neither the product of two numbers nor its error overflows or underflows.
LEAST_FACTOR, LARGEST_FACTOR = 1e-130, 1e130


def two_sum(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded sum of two arrays and its error, which add up to it exactly."""
    total = first + second
    rest = total - first
    return total, (first - (total - rest)) + (second - rest)


def two_product(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded product and its error, exact for factors that are zero or within the limits above."""
    product = first * second
    high, low = _halves(first)
    other_high, other_low = _halves(second)
    error = low * other_low - (((product - high * other_high) - low * other_high) - high * other_low)
    return product, error


def _halves(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    large = _SPLITTER * values
    high = large - (large - values)
    return high, values - high


def tame(values: FloatArray) -> BooleanArray:
    """Return whether numbers are zero or so far from overflow and underflow that products of two are exact."""
    sizes = np.abs(values)
    harmless: BooleanArray = (sizes == 0.0) | ((sizes >= LEAST_FACTOR) & (sizes <= LARGEST_FACTOR))
    return harmless


def accurate_sum(terms: FloatArray) -> tuple[FloatArray, BooleanArray]:
    """Return sums of terms ``(T, ...)`` over the first dimension, and whether they are certain, ``(...)`` each.

    A certain sum is the number nearest to the exact one, so that its sign is right. Terms must not overflow when added.
    """
    first, errors = _distilled(terms)
    second, errors = _distilled(errors)
    third = errors.sum(axis=0)
    doubt = len(terms) * _PRECISION * np.abs(errors).sum(axis=0)
    high, low = two_sum(first, second)
    rest = low + third
    total = high + rest
    allowed = _PRECISION / 8 * np.abs(total)
    unknown = 2.0 * doubt + _PRECISION * np.abs(rest)
    # Wherever within the bound the exact rest lies, it is rounded to the same number.
    certain = (unknown <= allowed) & (high + (rest - unknown) == high + (rest + unknown))
    return total, (doubt == 0.0) | certain


def _distilled(terms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded sum over the first dimension, and errors ``(T - 1, ...)`` that make it exact."""
    errors = [np.zeros((1, *terms.shape[1:]))]
    while len(terms) > 1:
        half = len(terms) // 2
        total, error = two_sum(terms[:half], terms[half : 2 * half])
        errors.append(error)
        terms = np.concatenate((total, terms[2 * half :])) if len(terms) % 2 else total
    return terms[0], np.concatenate(errors)


def rounded_up(terms: FloatArray) -> tuple[FloatArray, BooleanArray]:
    """Return the least numbers not below sums of terms ``(T, ...)``, and whether it is certain, ``(...)`` each."""
    total, certain = accurate_sum(terms)
    excess, sure = accurate_sum(np.concatenate((terms, -total[np.newaxis])))
    return np.where(excess > 0.0, np.nextafter(total, np.inf), total), certain & sure


def nearest_float(exact: Fraction) -> float:
    """Return the number nearest to a rational; infinity beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")


def float_not_below(exact: Fraction) -> float:
    """Return the least number that is not below a rational."""
    nearest = nearest_float(exact)
    below = nearest != float("inf") and (nearest == float("-inf") or Fraction(nearest) < exact)
    return float(np.nextafter(nearest, np.inf)) if below else nearest


def rationals(values: Iterable[float]) -> list[Fraction]:
    """Return numbers as rationals."""
    return [Fraction(value) for value in values]
