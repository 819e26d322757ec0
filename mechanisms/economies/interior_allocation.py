r"""Efficient allocation when goods are substitutes or complements: an interior-point method.

The problem is :math:`\max \sum_i v_i(x_i)` subject to :math:`\sum_i x_i + w = s` and :math:`x, w \ge 0`, with
the price p dual to supply and u dual to :math:`x \ge 0`. Its first-order conditions are

.. math:: \nabla v_i(x_i) - p + u_i = 0, \quad x_i u_i = \mu, \quad w p = \mu, \quad \sum_i x_i + w = s

as :math:`\mu \to 0`. Players meet only in the G supply constraints, so each Newton step inverts one small
matrix per player and one for the prices. A final step on the goods actually held makes corners exact.

A player may have use for so much of a good and no more, its cap. The room below the cap then is a second quantity that
must not fall below zero, with a price :math:`v` of its own: :math:`\nabla v_i(x_i) - p + u_i - v_i = 0`.

Where somebody uses goods in fixed proportions, everybody's variables are the levels of its activities, of which
:math:`A_i` says what they take of each good: :math:`A_i x_i` and :math:`A_i^\top p` stand for :math:`x_i` and p.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray

MOST_STEPS = 100
# How much of the complementarity gap each step aims to keep, and how near the boundary it may go.
CENTRING = 0.1
BOUNDARY_FRACTION = 0.99
# The complementarity gap, relative to the value of the supply, at which the corners are known.
GAP_REACHED = 1e-15
POLISHING_STEPS = 4
# By how much prices that are not decided are kept where they are.
EVENLY = 1e-15
# Goods that are used together are looked for where there is some of each.
NEEDED_AND_MISSING = "somebody uses goods in fixed proportions, and of one of the goods nobody owns anything"
# A bundle or a price below this share of the supply, or of its value, may stand for nothing.
NEGLIGIBLE = 1e-12


class Concave(Protocol):
    """Gradients and curvatures of many rows at once, by goods or by levels of activities."""

    def supergradient(self, rows: IntegerArray, bundles: FloatArray, /) -> FloatArray:
        """Return gradients, ``(..., G)``, at bundles ``(..., G)`` of the rows ``(...)``."""

    def curvature(self, rows: IntegerArray, bundles: FloatArray, /) -> FloatArray:
        """Return minus the Hessians, ``(..., G, G)``."""


class ConcaveValuations(Concave, Protocol):
    """What the method asks of valuations: gradients and curvatures of many rows at once."""

    def by_activities(self, rows: IntegerArray, /) -> bool:
        """Say whether goods are valued for the activities that use them by some of the rows ``(...)``."""

    def uses(self, rows: IntegerArray, /) -> FloatArray:
        """Return what a unit of each activity takes of each good, ``(..., G, G)``."""

    def gradient_of_activities(self, rows: IntegerArray, levels: FloatArray, /) -> FloatArray:
        """Return gradients by levels of activities ``(..., G)``, ``(..., G)``."""

    def curvature_of_activities(self, rows: IntegerArray, levels: FloatArray, /) -> FloatArray:
        """Return minus the Hessians by levels of activities, ``(..., G, G)``."""


def allocate_by_interior_point(
    table: ConcaveValuations, rows: IntegerArray, supply: FloatArray, caps: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return efficient bundles and supporting prices for smooth valuations, as `allocate_good_by_good` does.

    Args:
        table: the valuations.
        rows: where each player's type stands in the table, ``(P, N)``.
        supply: what there is of each good, ``(P, G)``, units.
        caps: how much of each good, or of each activity, a player has use for, ``(P, N, G)``; above zero, infinite
            where there is no such quantity.

    Of a good of which there is none everybody gets nothing, at the price of the first unit to whoever values it most:
    infinite where that unit is worth infinitely much.
    """
    # In shares of the supply every good weighs what it is worth, whatever its unit.
    unit = np.max(supply, axis=0, initial=0.0)
    unit = np.where(unit > 0, unit, 1.0)
    if table.by_activities(rows):
        if not (supply > 0).all():
            raise ValueError(NEEDED_AND_MISSING)
        activities = _InActivities(table, unit)
        levels, worth = _allocate(
            activities, rows, supply / unit, None if caps is None else caps / activities.units(rows)
        )
        return activities.used(rows, levels) * unit, worth / unit
    shares, worth = _allocate_shares(_InUnits(table, unit), rows, supply / unit, None if caps is None else caps / unit)
    return shares * unit, worth / unit


def _allocate_shares(
    table: Concave, rows: IntegerArray, supply: FloatArray, caps: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return efficient bundles and supporting prices, in units in which supplies are of order one."""
    if (supply > 0).all():
        return _allocate(table, rows, supply, caps)
    bundles, price = np.zeros((*rows.shape, supply.shape[-1])), np.empty(supply.shape)
    there = supply > 0
    for pattern in np.unique(there, axis=0):
        alike, goods = (there == pattern).all(axis=-1), np.flatnonzero(pattern)
        if goods.size:
            capped = None if caps is None else caps[alike][..., goods]
            some = _SomeGoods(table, goods, supply.shape[-1])
            part = _allocate(some, rows[alike], supply[np.ix_(alike, goods)], capped)
            bundles[np.ix_(alike, range(rows.shape[-1]), goods)], price[np.ix_(alike, goods)] = part
    marginal = table.supergradient(rows, bundles).max(axis=-2)
    return bundles, np.where(there, price, np.maximum(marginal, 0))


@dataclass(frozen=True)
class _InUnits:
    """The same valuations of goods in other units."""

    table: Concave
    unit: FloatArray  # (G,)

    def supergradient(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        return self.table.supergradient(rows, bundles * self.unit) * self.unit

    def curvature(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        return self.table.curvature(rows, bundles * self.unit) * self.unit[:, None] * self.unit


@dataclass(frozen=True)
class _InActivities:
    """Valuations of the levels of activities, in units in which each takes at most one unit of any good."""

    table: ConcaveValuations
    unit: FloatArray  # of goods, (G,)

    def uses(self, rows: IntegerArray) -> FloatArray:
        """Return what a unit of each activity takes of each good, ``(..., G, G)``."""
        return self._uses(rows) * self.units(rows)[..., None, :]

    def _uses(self, rows: IntegerArray) -> FloatArray:
        return self.table.uses(rows) / self.unit[:, None]

    def units(self, rows: IntegerArray) -> FloatArray:
        """Return the level of each activity that counts as one, ``(..., G)``."""
        most = self._uses(rows).max(axis=-2)
        return 1 / np.where(most > 0, most, 1)

    def used(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        """Return the goods that levels ``(..., G)`` of activities take, ``(..., G)``."""
        return (self.uses(rows) @ levels[..., None])[..., 0]

    def supergradient(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        units = self.units(rows)
        return self.table.gradient_of_activities(rows, levels * units) * units

    def curvature(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        units = self.units(rows)
        curved = self.table.curvature_of_activities(rows, levels * units)
        return curved * units[..., :, None] * units[..., None, :]


def _used(table: Concave, rows: IntegerArray, levels: FloatArray) -> FloatArray:
    """Return the goods that players hold, ``(P, N, G)``: what their activities take, or themselves."""
    return table.used(rows, levels) if isinstance(table, _InActivities) else levels


def _charged(table: Concave, rows: IntegerArray, price: FloatArray) -> FloatArray:
    """Return what goods cost, ``(P, 1, G)``, or a unit of each activity, ``(P, N, G)``."""
    if isinstance(table, _InActivities):
        return (np.swapaxes(table.uses(rows), -1, -2) @ price[:, None, :, None])[..., 0]
    return price[:, None, :]


def _of_goods(table: Concave, rows: IntegerArray, inverse: FloatArray) -> FloatArray:
    """Return by how much what players hold of each good moves with prices, ``(P, N, G, G)``."""
    if isinstance(table, _InActivities):
        uses = table.uses(rows)
        return uses @ inverse @ np.swapaxes(uses, -1, -2)
    return inverse


@dataclass(frozen=True)
class _SomeGoods:
    """Valuations of some of the goods by those who have nothing of the others."""

    table: Concave
    goods: IntegerArray
    of: int

    def supergradient(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        return self.table.supergradient(rows, self._with_nothing_else(bundles))[..., self.goods]

    def curvature(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        curved = self.table.curvature(rows, self._with_nothing_else(bundles))
        return curved[..., self.goods[:, None], self.goods]

    def _with_nothing_else(self, bundles: FloatArray) -> FloatArray:
        whole = np.zeros((*bundles.shape[:-1], self.of))
        whole[..., self.goods] = bundles
        return whole


def _allocate(
    table: Concave, rows: IntegerArray, supply: FloatArray, caps: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return efficient bundles and supporting prices where there is some of every good."""
    point = _central_start(table, rows, supply, caps)
    value_of_supply = (point.price * supply).sum(axis=-1) + np.abs(point.reduced * point.bundles).sum(axis=(-1, -2))
    # Going on after the gap is closed would only let rounding grow, so every profile stops by itself.
    for _ in range(MOST_STEPS):
        unfinished = np.flatnonzero(point.gap() > GAP_REACHED * value_of_supply)
        if not unfinished.size:
            break
        step = _interior_step(table, rows[unfinished], supply[unfinished], point.take(unfinished))
        point.put(unfinished, step)
    units = _units_of_quantity(table, rows, supply)
    answers = [_polish(table, rows, supply, point, units), (point.bundles, point.price)]
    rounded = [_rounded(*answer, supply, units, caps) for answer in answers]
    # Where a speck of a good is worth keeping, worthless goods are still free.
    freed = [(bundles, price) for (bundles, _), (_, price) in zip(answers, rounded, strict=True)]
    return _best(table, rows, supply, rounded + freed + answers, GAP_REACHED * value_of_supply, caps)


@dataclass(frozen=True)
class _Point:
    """Strictly positive primal and dual variables of every profile."""

    bundles: FloatArray  # x, (P, N, G)
    waste: FloatArray  # w, (P, G)
    price: FloatArray  # p, (P, G)
    reduced: FloatArray  # u, (P, N, G)
    room: FloatArray | None = None  # what caps leave, (P, N, G), infinite where there is no cap; none if nobody has one
    crowding: FloatArray | None = None  # v, the price of room, (P, N, G)

    def take(self, profiles: IntegerArray) -> _Point:
        """Return the variables of some profiles."""
        bundles, waste, price, reduced = (
            part[profiles] for part in (self.bundles, self.waste, self.price, self.reduced)
        )
        if self.room is None or self.crowding is None:
            return _Point(bundles, waste, price, reduced)
        return _Point(bundles, waste, price, reduced, self.room[profiles], self.crowding[profiles])

    def put(self, profiles: IntegerArray, point: _Point) -> None:
        """Replace the variables of some profiles."""
        for field in fields(self):
            part = getattr(self, field.name)
            if part is not None:
                part[profiles] = getattr(point, field.name)

    def gap(self) -> FloatArray:
        """Return the complementarity gap of each profile, ``(P,)``, numeraire."""
        closed = (self.bundles * self.reduced).sum(axis=(-1, -2)) + (self.waste * self.price).sum(axis=-1)
        if self.room is None or self.crowding is None:
            return closed
        return closed + (np.where(np.isfinite(self.room), self.room, 0) * self.crowding).sum(axis=(-1, -2))


def _central_start(table: Concave, rows: IntegerArray, supply: FloatArray, caps: FloatArray | None) -> _Point:
    share = supply / (rows.shape[-1] + 1)
    bundles = np.broadcast_to(share[:, None, :], (*rows.shape, supply.shape[-1])).copy()
    if isinstance(table, _InActivities):
        bundles = np.broadcast_to(share.min(axis=-1)[:, None, None], bundles.shape).copy()
    if caps is not None:
        bundles = np.minimum(bundles, 0.5 * caps)
    gradient = table.supergradient(rows, bundles)
    floor = 0.1 * _scale(np.abs(gradient).max(axis=(-1, -2)))[:, None]
    price = np.maximum(gradient.max(axis=-2), floor)
    reduced = np.maximum(_charged(table, rows, price) - gradient, 0) + floor[:, None, :]
    if caps is None:
        return _Point(bundles, share, price, reduced)
    capped = np.isfinite(caps)
    crowding = np.where(capped, np.maximum(gradient - _charged(table, rows, price), 0) + floor[:, None, :], 0)
    return _Point(bundles, share, price, reduced, np.where(capped, caps - bundles, np.inf), crowding)


def _scale(largest: FloatArray) -> FloatArray:
    """Return the largest marginal values, or one where all are zero because everybody has enough."""
    scale: FloatArray = np.where(largest > 0, largest, 1.0)
    return scale


def _interior_step(table: Concave, rows: IntegerArray, supply: FloatArray, point: _Point) -> _Point:
    """Take one damped Newton step towards the first-order conditions with a smaller gap."""
    x, w, p, u = point.bundles, point.waste, point.price, point.reduced
    s, v = point.room, point.crowding
    pairs = x.shape[-1] * (x.shape[-2] + 1)
    if s is not None:
        pairs = pairs + np.isfinite(s).sum(axis=(-1, -2))[:, None]
    target = CENTRING * point.gap()[:, None] / pairs
    stiffness = u / x if s is None or v is None else u / x + v / s
    curvature = table.curvature(rows, x) + stiffness[..., None] * np.eye(x.shape[-1])
    inverse = np.linalg.inv(curvature)
    stationarity = table.supergradient(rows, x) - _charged(table, rows, p) + target[:, None, :] / x
    if s is not None:
        stationarity = stationarity - target[:, None, :] / s
    free_move = (inverse @ stationarity[..., None])[..., 0]
    shortfall = supply - _used(table, rows, x).sum(axis=-2) - target / p
    price_matrix = _of_goods(table, rows, inverse).sum(axis=-3) + (w / p)[..., None] * np.eye(x.shape[-1])
    wanted = _used(table, rows, free_move).sum(axis=-2) - shortfall
    if isinstance(table, _InActivities):
        price_move = _solved_evenly(price_matrix, wanted)
    else:
        price_move = np.linalg.solve(price_matrix, wanted[..., None])[..., 0]
    move = free_move - (inverse @ _charged(table, rows, price_move)[..., None])[..., 0]
    reduced_move = target[:, None, :] / x - u - u / x * move
    waste_move = target / p - w - w / p * price_move
    length = np.minimum(
        np.minimum(_longest_step(x, move), _longest_step(u, reduced_move)),
        np.minimum(_longest_step(w, waste_move), _longest_step(p, price_move)),
    )
    if s is None or v is None:
        each, every = length[:, None], length[:, None, None]
        return _Point(x + every * move, w + each * waste_move, p + each * price_move, u + every * reduced_move)
    crowding_move = target[:, None, :] / s - v + v / s * move
    length = np.minimum(length, np.minimum(_longest_step(s, -move), _longest_step(v, crowding_move)))
    each, every = length[:, None], length[:, None, None]
    return _Point(
        x + every * move,
        w + each * waste_move,
        p + each * price_move,
        u + every * reduced_move,
        s - every * move,
        v + every * crowding_move,
    )


def _solved_evenly(matrix: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the solution of positive definite equations, ``(P, G)``, each good in units in which it moves by one.

    Where fewer activities than goods decide, prices of single goods are hardly decided, and a little more in the
    equation of every good decides them.
    """
    own = np.sqrt(np.diagonal(matrix, axis1=-2, axis2=-1))
    even = matrix / own[..., :, None] / own[..., None, :] + EVENLY * np.eye(own.shape[-1])
    return np.asarray(np.linalg.solve(even, (wanted / own)[..., None])[..., 0] / own)


def _longest_step(values: FloatArray, moves: FloatArray) -> FloatArray:
    """Return the largest step, at most one, ``(P,)``, that keeps positive values well inside."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(moves < 0, -values / moves, np.inf).reshape(len(values), -1).min(axis=-1)
    return np.minimum(1.0, BOUNDARY_FRACTION * room)


def _units_of_quantity(table: Concave, rows: IntegerArray, supply: FloatArray) -> FloatArray:
    """Return for each good, ``(P, G)``, the quantity that weighs as much as one numeraire of marginal value."""
    share = np.broadcast_to((supply / rows.shape[-1])[:, None, :], (*rows.shape, supply.shape[-1]))
    marginal = np.abs(table.supergradient(rows, share)).max(axis=-2)
    floor = 1e-6 * _scale(marginal.max(axis=-1, keepdims=True))
    units: FloatArray = supply / np.maximum(marginal, floor)
    return units


def _rounded(
    bundles: FloatArray, price: FloatArray, supply: FloatArray, units: FloatArray, caps: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return nothing in place of next to nothing, which is exact where what is left to share is worthless."""
    held = bundles > NEGLIGIBLE * supply[:, None, :]
    charged = price * units > NEGLIGIBLE * supply
    if caps is not None:
        bundles = np.where(bundles >= caps - NEGLIGIBLE * supply[:, None, :], caps, bundles)
    return np.where(held, bundles, 0), np.where(charged, price, 0)


def _best(
    table: Concave,
    rows: IntegerArray,
    supply: FloatArray,
    answers: list[tuple[FloatArray, FloatArray]],
    negligible: FloatArray,
    caps: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Return, profile by profile, the first feasible answer whose tangents leave least, or next to nothing, to gain."""
    bundles, prices = (np.maximum(np.stack(parts), 0) for parts in zip(*answers, strict=True))
    most = supply[:, None, :] if caps is None else np.minimum(supply[:, None, :], caps)
    losses = []
    for held, price in zip(bundles, prices, strict=True):
        surplus = table.supergradient(rows, held) - _charged(table, rows, price)
        spare = supply - _used(table, rows, held).sum(axis=-2)
        with np.errstate(invalid="ignore"):
            regret = np.where(surplus > 0, surplus * np.maximum(most - held, 0), -surplus * held)
        loss = regret.sum(axis=(-1, -2)) + (price * np.abs(spare)).sum(axis=-1)
        feasible = (spare >= -NEGLIGIBLE * supply).all(axis=-1)
        if caps is not None:
            feasible &= (held <= caps * (1 + NEGLIGIBLE)).all(axis=(-1, -2))
        losses.append(np.where(feasible & np.isfinite(loss), loss, np.inf))
    best = np.argmax(losses <= np.maximum(np.min(losses, axis=0), negligible), axis=0)
    everyone = np.arange(len(rows))
    return bundles[best, everyone], prices[best, everyone]


def _polish(
    table: Concave, rows: IntegerArray, supply: FloatArray, point: _Point, units: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Solve the first-order conditions exactly for the goods held and the prices charged at the limit."""
    held: BooleanArray = point.bundles > point.reduced * units[:, None, :]
    charged: BooleanArray = point.price * units > point.waste
    bundles, price = np.where(held, point.bundles, 0), np.where(charged, point.price, 0)
    if point.room is not None and point.crowding is not None:
        full = held & (point.crowding * units[:, None, :] > point.room)
        bundles = np.where(full, point.bundles + np.where(np.isfinite(point.room), point.room, 0), bundles)
        held &= ~full
    identity = np.eye(supply.shape[-1])
    for _ in range(POLISHING_STEPS):
        both = held[..., :, None] & held[..., None, :]
        curvature = np.where(both, table.curvature(rows, bundles), identity)
        inverse = np.where(both, np.linalg.pinv(curvature, hermitian=True), 0)
        stationarity = np.where(held, table.supergradient(rows, bundles) - _charged(table, rows, price), 0)
        free_move = (inverse @ stationarity[..., None])[..., 0]
        shortfall = supply - _used(table, rows, bundles).sum(axis=-2)
        charged_both = charged[..., :, None] & charged[..., None, :]
        price_matrix = np.where(charged_both, _of_goods(table, rows, inverse).sum(axis=-3), identity)
        wanted = np.where(charged, _used(table, rows, free_move).sum(axis=-2) - shortfall, 0)
        price_move = (np.linalg.pinv(price_matrix, hermitian=True) @ wanted[..., None])[..., 0]
        bundles = bundles + free_move - (inverse @ _charged(table, rows, price_move)[..., None])[..., 0]
        price = price + price_move
    return bundles, price
