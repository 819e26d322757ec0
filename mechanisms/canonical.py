r"""One number for numbers that computation cannot tell apart.

A contract's prices, bundles and payments are computed profile by profile, each to a few roundings. Where two profiles
have the same price (intercepts 5 and 7 add up to what 6 and 6 do), the last digits differ, and a player who is told
both would learn from the last digit what the contract does not say. What members know must not rest on roundings, and
what they are told must not differ where they know the same. So whoever makes a contract replaces numbers that cannot
be told apart by one, and afterwards *two recommendations are the same if and only if they are equal*.

**Which numbers.** Sorted, neighbours at a distance of at most ``SAME_NUMBER`` of what the number is measured against
belong together: prices against the price, bundles against the supply, money against what is at stake between the
players (the value of the supply at the supporting prices, and the payments), never against what anybody happens to own
of it. Bundles and payments are compared only where a player has the same type and faces the same price.

**Why a smaller difference is not decided.** An allocation is proven efficient to a relative 1e-9 of its value
(:mod:`mechanisms.efficiency`). Prices and bundles that close share the proof, so that a real difference below it could
not be shown to be one. Nothing is lost: the contract *is* what results, every member is told the same number, and its
inefficiency is of the order of the distance squared.

**Chains.** When a is close to b and b to c, all three become one number although a and c may be further apart (single
linkage). Any other rule would separate two numbers that cannot be told apart. With computed numbers a chain is as long
as a few roundings.

**Balance.** Bundles still use up the supply and payments still add up to zero to rounding: replacing numbers by one of
them leaves a remainder of at most the distance, which a least change of these numbers removes. It can be removed: the
net trades of nought satisfy every condition there is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from mechanisms.efficiency import FEASIBILITY_TOLERANCE, EfficientAllocation, optimality_gap, value_of_goods

if TYPE_CHECKING:
    from mechanisms.economy import Economy

SAME_NUMBER = 1e-9
"""Numbers this close, relative to what they are measured against, are one."""

# Sums of N numbers err by less than this many roundings of each of them.
_ROUNDINGS = 4 * float(np.finfo(np.float64).eps)
# Marginal values err by about this many roundings of the largest of them, which counts where prices are close to zero.
_ROUNDINGS_OF_PRICE = 64 * float(np.finfo(np.float64).eps)
# The least change is computed by iteration; a second one removes what the first leaves by rounding.
_BALANCING_STEPS = 3


def one_number(values: FloatArray, distance: FloatArray, groups: IntegerArray | None = None) -> FloatArray:
    """Return values in which those that cannot be told apart are equal.

    Args:
        values: ``(K,)``.
        distance: at which neighbours count as one, ``(K,)``, in the values' unit; of two neighbours the larger counts.
        groups: values are compared within a group only, ``(K,)``.

    Returns:
        For each value one of those it is linked to, ``(K,)``: zero if it is among them, else the middle one.
    """
    order = np.argsort(values, kind="stable") if groups is None else np.lexsort((values, groups))
    sorted_values, reach = values[order], distance[order]
    apart = np.diff(sorted_values) > np.maximum(reach[1:], reach[:-1])
    if groups is not None:
        apart |= np.diff(groups[order]) != 0
    if not len(order) or not (np.diff(sorted_values)[~apart] != 0).any():
        return values + 0.0
    starts = np.concatenate(([0], np.flatnonzero(apart) + 1))
    ends = np.append(starts[1:], len(order))
    chosen = sorted_values[(starts + ends - 1) // 2]
    chosen[np.logical_or.reduceat(sorted_values == 0, starts)] = 0.0
    result = np.empty_like(values)
    result[order] = np.repeat(chosen, ends - starts)
    # Adding zero makes minus zero plus zero, so that equal numbers are equal bit for bit.
    return result + 0.0


def canonical_allocation(economy: Economy, efficient: EfficientAllocation) -> EfficientAllocation:
    """Return efficient allocations in which prices and bundles that cannot be told apart are equal.

    Args:
        economy: the economy.
        efficient: allocations of any profiles; numbers are compared between these.

    Returns:
        The same allocations where nothing had to be changed; doing it again changes nothing.
    """
    profiles = efficient.profiles
    owned = economy.endowments(profiles)[..., :-1]
    supply = owned.sum(axis=-2)
    price, lowest = _prices(economy, efficient, supply)
    # Who is to get what it owns, up to rounding, is to trade nothing.
    trades = np.abs(efficient.bundles - owned) > _ROUNDINGS * owned.shape[1] * supply[:, None]
    bundles = _bundles(np.where(trades, efficient.bundles, owned), supply, situations_of_players(profiles, price))
    changed = (price != efficient.price).any(axis=-1) | (bundles != efficient.bundles).any(axis=(-1, -2))
    if not changed.any():
        return efficient
    value, gap = efficient.value_of_goods.copy(), efficient.optimality_gap.copy()
    value[changed] = value_of_goods(economy, profiles[changed], bundles[changed])
    gap[changed] = optimality_gap(economy, profiles[changed], bundles[changed], price[changed])
    money = efficient.welfare - efficient.value_of_goods
    return replace(
        efficient,
        bundles=bundles,
        price=price,
        lowest_price=lowest,
        value_of_goods=value,
        welfare=np.where(changed, value + money, efficient.welfare),
        optimality_gap=gap,
    )


def canonical_payments(economy: Economy, efficient: EfficientAllocation, payments: FloatArray) -> FloatArray:
    """Return payments, ``(P, N)``, numeraire, in which those that cannot be told apart are equal; they still balance.

    Args:
        economy: the economy.
        efficient: a canonical allocation of every profile.
        payments: by how much each player's numeraire changes, ``(P, N)``; they sum to zero.
    """
    supply = economy.endowments(efficient.profiles)[..., :-1].sum(axis=-2)
    worth = (efficient.price[:, :-1] * supply).sum(axis=-1)
    # Payments as large as the rounding of what they are computed from are none.
    paid = np.abs(payments) > _ROUNDINGS * payments.shape[1] * worth[:, None]
    payments = np.where(paid, payments, 0.0)
    moved = np.abs(payments).sum(axis=-1)
    distance = SAME_NUMBER * (worth + moved)
    groups = situations_of_players(efficient.profiles, efficient.price)
    return _same_and_balanced(payments, distance, groups, np.zeros(len(moved)), moved, payments != 0)


def situations_of_players(profiles: IntegerArray, price: FloatArray) -> IntegerArray:
    """Return a number for what each player is and faces, ``(P, N)``: equal where type and price are equal."""
    prices = rows_numbered(price)
    return profiles * (int(prices.max(initial=0)) + 1) + prices[:, None]


def rows_numbered(rows: FloatArray) -> IntegerArray:
    """Return a number for each row of ``(K, M)``, the same for rows that are equal number by number, ``(K,)``."""
    labels = np.zeros(len(rows), dtype=np.int64)
    for column in rows.T:
        _, values = np.unique(column, return_inverse=True)
        _, labels = np.unique(labels * (int(values.max(initial=0)) + 1) + values.reshape(-1), return_inverse=True)
        labels = labels.reshape(-1).astype(np.int64)
    return labels


def _prices(economy: Economy, efficient: EfficientAllocation, supply: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return prices and the lower ends of their intervals, ``(P, L)`` each, with one number for those that are one."""
    price, lowest = efficient.price.copy(), efficient.lowest_price.copy()
    rounding = _ROUNDINGS_OF_PRICE * _marginal_values(economy, efficient.profiles, supply)
    for good in range(supply.shape[1]):
        distance = np.maximum(SAME_NUMBER * price[:, good], rounding[:, good])
        price[:, good] = one_number(price[:, good], distance)
        distance = np.maximum(SAME_NUMBER * lowest[:, good], rounding[:, good])
        lowest[:, good] = one_number(lowest[:, good], distance)
    # Where the interval is a point it stays one.
    point = (efficient.lowest_price == efficient.price) | (lowest > price)
    return price, np.where(point, price, lowest)


def _marginal_values(economy: Economy, profiles: IntegerArray, supply: FloatArray) -> FloatArray:
    """Return how large the marginal values are from which prices are computed, ``(P, G)``, numeraire per unit."""
    traders = economy.valuations.select(economy.rows(profiles))
    sizes = [
        np.abs(traders.supergradient(np.broadcast_to(bundle[:, None], (*profiles.shape, supply.shape[1])))).max(axis=1)
        for bundle in (supply, supply / profiles.shape[1])
    ]
    size: FloatArray = np.maximum(*sizes)
    # Where there is none of a good whose first unit is worth infinitely much, no price is computed.
    return np.where(np.isfinite(size), size, 0.0)


def _bundles(bundles: FloatArray, supply: FloatArray, groups: IntegerArray) -> FloatArray:
    """Return bundles, ``(P, N, G)``, with one number for those that are one; what was used up still is."""
    players, used = bundles.shape[1], bundles.sum(axis=1)
    used = np.where(used > (1 - FEASIBILITY_TOLERANCE) * supply, supply, used)
    distance = SAME_NUMBER * supply
    result = np.empty_like(bundles)
    for good in range(bundles.shape[2]):
        # Corners stay corners, and nothing becomes negative.
        free = bundles[..., good] > 2 * players * distance[:, [good]]
        total = used[:, good]
        result[..., good] = _same_and_balanced(bundles[..., good], distance[:, good], groups, total, total, free)
    return result


def _same_and_balanced(
    values: FloatArray,
    distance: FloatArray,
    groups: IntegerArray,
    totals: FloatArray,
    moved: FloatArray,
    free: BooleanArray,
) -> FloatArray:
    """Return values, ``(P, N)``, with one number for those that are one, that add up to totals ``(P,)`` over players.

    Balancing may bring numbers closer to each other, so it is repeated until no more become one.
    """
    while True:
        columns = [one_number(values[:, i], distance, groups[:, i]) for i in range(values.shape[1])]
        same = np.stack(columns, axis=1)
        balanced = _balanced(same, totals, moved, groups, free)
        if (balanced == same).all() or (same == values).all():
            return balanced
        values = balanced


def _balanced(
    values: FloatArray, totals: FloatArray, moved: FloatArray, groups: IntegerArray, free: BooleanArray
) -> FloatArray:
    """Return values, ``(P, N)``, that add up to the totals ``(P,)`` over players, equal ones being changed alike.

    Args:
        values: equal where they must stay equal.
        totals: to be reached.
        moved: what the sums are rounded in proportion to, ``(P,)``.
        groups: of each value, ``(P, N)``: a player's values must stay equal if they and their groups are.
        free: which values may change, ``(P, N)``.
    """
    players = values.shape[1]
    rounding = _ROUNDINGS * players * moved
    open_sums = np.abs(totals - values.sum(axis=1)) > rounding
    if not open_sums.any() or not free.any():
        return values
    linked = _linked(groups, open_sums)
    balanced = values.copy()
    balanced[linked] = _with_sums(values[linked], totals[linked], rounding[linked], groups[linked], free[linked])
    return balanced


def _linked(groups: IntegerArray, chosen: BooleanArray) -> BooleanArray:
    """Return which profiles share a player's group with a chosen one, or with one that does, and so on, ``(P,)``."""
    while True:
        linked = np.any([np.isin(column, column[chosen]) for column in groups.T], axis=0)
        if (linked == chosen).all():
            return np.asarray(linked)
        chosen = linked


def _with_sums(
    values: FloatArray, totals: FloatArray, rounding: FloatArray, groups: IntegerArray, free: BooleanArray
) -> FloatArray:
    """Return the nearest values, ``(P, N)``, that add up to the totals to the rounding, equal ones changed alike."""
    players, remainder = values.shape[1], totals - values.sum(axis=1)
    number, unknowns = np.empty(values.shape, dtype=np.int64), 0
    for player in range(players):
        number[:, player] = unknowns + rows_numbered(np.column_stack((groups[:, player], values[:, player])))
        unknowns = int(number[:, player].max()) + 1
    # Equal values change alike or not at all.
    fixed = np.bincount(number[~free], minlength=unknowns) > 0
    free = ~fixed[number]
    # SciPy's solvers take long to load, and most contracts balance without.
    from scipy import sparse  # noqa: PLC0415
    from scipy.sparse.linalg import lsmr  # noqa: PLC0415

    rows, columns = np.nonzero(free)
    sums = sparse.csr_array((np.ones(len(rows)), (rows, number[rows, columns])), shape=(len(values), unknowns))
    balanced = values
    for _ in range(_BALANCING_STEPS):
        change = lsmr(sums, remainder, atol=1e-12, btol=1e-12, maxiter=1000)[0]
        balanced = np.where(free, balanced + change[number], balanced)
        remainder = totals - balanced.sum(axis=1)
        if not (np.abs(remainder) > rounding).any():
            break
    return balanced
