r"""One number for numbers that computation cannot tell apart.

A contract's prices, bundles and payments are computed profile by profile, each to a few roundings. Where two profiles
have the same price (intercepts 5 and 7 add up to what 6 and 6 do), the last digits differ, and a player who is told
both would learn from the last digit what the contract does not say. What members know must not rest on roundings, and
what they are told must not differ where they know the same. So whoever makes a contract replaces numbers that cannot
be told apart by one, and afterwards *two recommendations are the same if and only if they are equal*.

**Which numbers.** Sorted, neighbours at a distance of at most ``SAME_NUMBER`` of what the number is measured against
belong together: bundles against the least of the good that anybody who gets some owns or is to get in any profile,
prices against the price times the share that this is of the supply, and payments against the least that anybody who
pays has at stake (what it owns or is to get at the supporting prices, and its payment). For what one player's numbers
lose by becoming one the others have to make up, and to the smallest of them it must be next to nothing too. Never
against what anybody happens to own of money. Bundles and payments are compared only where a player has the same type
and faces the same price. In any case, numbers are one that differ by no more than the rounding of what they are
computed from: prices by that of the quantities that clear the market, times how much a unit more would lower them
(steep marginal values of whoever gets next to nothing do not make that much), quantities by that of the supply,
payments by that of all payments and the worth of the supply.

**Why a smaller difference is not decided.** An allocation is proven efficient to a relative 1e-9 of its value
(:mod:`marketgame.mechanisms.economies.efficiency`). Prices and bundles that close share the proof, so that a real
difference below it could not be shown to be one. Nothing is lost: the contract *is* what results, every member is told
the same number, and its inefficiency is of the order of the distance squared.

**Chains.** When a is close to b and b to c, all three become one number although a and c may be further apart (single
linkage). Any other rule would separate two numbers that cannot be told apart. With computed numbers a chain is as long
as a few roundings.

**Balance.** Bundles still use up the supply and payments still add up to zero to rounding: replacing numbers by one of
them leaves a remainder of at most the distance, which a least relative change of these numbers removes. It can be
removed: the net trades of nought satisfy every condition there is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import (
    FEASIBILITY_TOLERANCE,
    OPTIMALITY_TOLERANCE,
    EfficientAllocation,
    optimality_gap,
    value_of_goods,
)

SAME_NUMBER = 1e-9
"""Numbers this close, relative to what they are measured against, are one."""

# Sums of N numbers err by less than this many roundings of each of them.
_ROUNDINGS = 4 * float(np.finfo(np.float64).eps)
# Quantities computed from them err by this many roundings of all there is, and by _ROUNDINGS more for each player.
_SPARE_ROUNDINGS = 32 * float(np.finfo(np.float64).eps)
# Prices err by about this many roundings of what clears the market, which counts where prices are close to zero.
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

    Returns:
        The same allocations where nothing had to be changed; doing it again changes nothing.
    """
    profiles = efficient.profiles
    owned = economy.endowments(profiles)[..., :-1]
    supply = owned.sum(axis=-2)
    price, lowest = _prices(economy, efficient, owned)
    # Who is to get what it owns, up to rounding, is to trade nothing.
    trades = np.abs(efficient.bundles - owned) > _ROUNDINGS * owned.shape[1] * supply[:, None]
    bundles = _bundles(np.where(trades, efficient.bundles, owned), owned, situations_of_players(profiles, price))
    changed = (price != efficient.price).any(axis=-1) | (bundles != efficient.bundles).any(axis=(-1, -2))
    if not changed.any():
        return efficient
    value, gap = efficient.value_of_goods.copy(), efficient.optimality_gap.copy()
    value[changed] = value_of_goods(economy, profiles[changed], bundles[changed])
    gap[changed] = optimality_gap(economy, profiles[changed], bundles[changed], price[changed])
    if not (gap <= np.maximum(OPTIMALITY_TOLERANCE, efficient.optimality_gap)).all():
        # Better to tell what cannot be told apart than to promise what is not efficient.
        return efficient
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
    """Return payments, ``(P, N)``, in which those that cannot be told apart are equal; they still balance."""
    owned = economy.endowments(efficient.profiles)[..., :-1]
    prices = efficient.price[:, None, :-1]
    worth = (prices * owned).sum(axis=(-1, -2))
    # Payments as large as the rounding of what they are computed from are none.
    paid = np.abs(payments) > _ROUNDINGS * payments.shape[1] * worth[:, None]
    payments = np.where(paid, payments, 0.0)
    moved = np.abs(payments).sum(axis=-1)
    at_stake = (prices * np.maximum(owned, efficient.bundles)).sum(axis=-1) + np.abs(payments)
    distance = _distance(at_stake, payments != 0, worth + moved)
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


def _prices(economy: Economy, efficient: EfficientAllocation, owned: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return prices and the lower ends of their intervals, ``(P, L)`` each, with one number for those that are one."""
    price, lowest = efficient.price.copy(), efficient.lowest_price.copy()
    supply = owned.sum(axis=1)
    rounding = _rounding_of_prices(economy, efficient, supply)
    for good in range(supply.shape[1]):
        shares, there = efficient.bundles[..., good], supply[:, good]
        total = np.where(there > 0, there, 1.0)
        least = _distance(np.maximum(shares, owned[..., good]), _may_change(shares, there), there) / total
        distance = np.maximum(least * price[:, good], rounding[:, good])
        price[:, good] = one_number(price[:, good], distance)
        distance = np.maximum(least * lowest[:, good], rounding[:, good])
        lowest[:, good] = one_number(lowest[:, good], distance)
    # Where the interval is a point it stays one.
    point = (efficient.lowest_price == efficient.price) | (lowest > price)
    return price, np.where(point, price, lowest)


def _rounding_of_prices(economy: Economy, efficient: EfficientAllocation, supply: FloatArray) -> FloatArray:
    r"""Return by how much rounding may have changed prices, ``(P, G)``, numeraire per unit.

    Players' quantities and the supply are rounded in proportion to what there is, and prices are what equates them. By
    how much a unit more of a good h would lower the price of g is :math:`(\sum_i H_i^{-1})^{-1}_{gh}` with the
    curvatures :math:`H_i` of those who hold the goods. That matrix is positive semidefinite, and its diagonal at most
    :math:`a_g = 1 / \sum_i (1 / H_{i,gg})`, so its entries are at most :math:`\sqrt{a_g a_h}`.
    """
    traders = economy.valuations.select(economy.rows(efficient.profiles))
    held = efficient.bundles > 0
    curvature = np.diagonal(traders.curvature(efficient.bundles), axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", over="ignore"):
        # Whoever values a good linearly takes any quantity at the price.
        elasticity = np.where(held, 1 / np.maximum(np.where(held, curvature, 0.0), 0.0), 0.0).sum(axis=1)
        root = np.where(elasticity > 0, 1 / np.sqrt(np.where(elasticity > 0, elasticity, 1.0)), 0.0)
    cleared = root * (root * supply).sum(axis=-1, keepdims=True)
    return _ROUNDINGS_OF_PRICE * (efficient.price[:, :-1] + cleared)


def _distance(sizes: FloatArray, free: BooleanArray, total: FloatArray) -> FloatArray:
    """Return at which distance numbers of a profile and of any other are one, ``(P,)``.

    Args:
        sizes: what each player's number is measured against, ``(P, N)``.
        free: whose numbers may have to make up for the others', ``(P, N)``.
        total: what numbers are rounded in proportion to, ``(P,)``.
    """
    smallest = float(sizes[free].min()) if free.any() else 0.0
    return np.maximum(SAME_NUMBER * smallest, _accuracy(sizes.shape[1], total))


def _accuracy(players: int, total: FloatArray) -> FloatArray:
    """Return to what quantities computed from what adds up to a total ``(P,)`` are known, ``(P,)``."""
    return (_SPARE_ROUNDINGS + _ROUNDINGS * players) * total


def _may_change(shares: FloatArray, supply: FloatArray) -> BooleanArray:
    """Say which shares ``(P, N)`` of a supply ``(P,)`` are not so small that changing them makes corners of them."""
    players = shares.shape[1]
    return np.asarray(shares > 2 * players * _accuracy(players, supply)[:, None])


def _bundles(bundles: FloatArray, owned: FloatArray, groups: IntegerArray) -> FloatArray:
    """Return bundles, ``(P, N, G)``, with one number for those that are one; what was used up still is."""
    used, supply = bundles.sum(axis=1), owned.sum(axis=1)
    used = np.where(used > (1 - FEASIBILITY_TOLERANCE) * supply, supply, used)
    result = np.empty_like(bundles)
    for good in range(bundles.shape[2]):
        shares, total = bundles[..., good], used[:, good]
        free = _may_change(shares, supply[:, good])
        distance = _distance(np.maximum(shares, owned[..., good]), free, supply[:, good])
        result[..., good] = _same_and_balanced(shares, distance, groups, total, total, free)
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
    if len(values) == 1:
        # There is nothing to tell a single profile from.
        return _balanced(values + 0.0, totals, moved, groups, free)
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
    """Return the nearest values, ``(P, N)``, that add up to the totals to the rounding, equal ones changed alike.

    Nearest relative to what they are: who gets much makes up for more than who gets little.
    """
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
    size = np.zeros(unknowns)
    size[number[rows, columns]] = np.abs(values[rows, columns])
    summed = np.abs(np.where(free, values, 0.0)).sum(axis=1)
    summed = np.where(summed > 0, summed, 1.0)
    shares = np.abs(values[rows, columns]) / summed[rows]
    sums = sparse.csr_array((shares, (rows, number[rows, columns])), shape=(len(values), unknowns))
    balanced = values
    for _ in range(_BALANCING_STEPS):
        change = size * lsmr(sums, remainder / summed, atol=1e-12, btol=1e-12, maxiter=1000)[0]
        balanced = np.where(free, balanced + change[number], balanced)
        remainder = totals - balanced.sum(axis=1)
        if not (np.abs(remainder) > rounding).any():
            break
    return balanced
