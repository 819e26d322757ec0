r"""Allocations of divisible goods that maximise virtual surplus, with a bound on what is missed.

With private values the virtual valuation of type :math:`t_i` is a combination of the player's own valuations,

.. math:: \varphi_i(q, t_i) = \sum_k W(t_i, k) v_i(q, k),

with weight :math:`1 + \sum_r \alpha_i(t_i|r) / p_i(t_i)` on its own and :math:`-\alpha_i(t_i|r) / p_i(t_i)` on
each type r that is tempted to imitate it (Myerson, equations (3) and (5)). Where types only shift the linear part
of a quadratic valuation, or the weights are small, it stays concave and the efficient allocation's own method
solves the problem exactly. Otherwise each valuation is replaced by the concave hull of its values on a grid, which
bounds the optimum from above; the distance to the allocation found is reported, never hidden.

A bundle beyond what a player can use counts as disposed of, as in the efficient benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from mechanisms.economy import Economy
from mechanisms.interior_allocation import allocate_by_interior_point
from mechanisms.valuation import ValuationTable

# How finely the interval from nothing to the whole supply is cut, to prove concavity and to build hulls.
GRID_CELLS = 512
# A combined curvature above minus this share of its terms is zero up to rounding.
CURVATURE_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class VirtualAllocation:
    """Allocations of the goods other than the numeraire that nearly maximise virtual surplus.

    Attributes:
        bundles: what each player gets, ``(P, N, G)``, units.
        surplus: the summed virtual valuations there, ``(P,)``, numeraire.
        bound: what no allocation can exceed, ``(P,)``, numeraire.
        concave: whether every virtual valuation was proven concave, so that the bound is reached.
    """

    bundles: FloatArray
    surplus: FloatArray
    bound: FloatArray
    concave: bool


@dataclass(frozen=True, eq=False)
class CombinedValuations:
    """Weighted sums of the valuations of a player's types, one sum for each row of the table over types.

    Attributes:
        table: the valuation of every type, R rows.
        weights: entry ``[r, k]`` is the weight of row k in the sum of row r, ``(R, R)``; zero between players.
    """

    table: ValuationTable
    weights: FloatArray

    def value(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the combined values, ``(...)``, of bundles ``(..., G)`` to the rows ``(...)``."""
        total = np.zeros(rows.shape)
        for weight, member in self._members(rows):
            total += weight * self.table.value(member, self.table.dispose(member, bundles))
        return total

    def supergradient(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the combined gradients, ``(..., G)``."""
        total = np.zeros(bundles.shape)
        for weight, member in self._members(rows):
            total += weight[..., None] * self.table.supergradient(member, bundles)
        return total

    def curvature(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return minus the combined Hessians, ``(..., G, G)``."""
        total = np.zeros((*bundles.shape, bundles.shape[-1]))
        for weight, member in self._members(rows):
            total += weight[..., None, None] * self.table.curvature(member, bundles)
        return total

    def curvature_bounds(self, row: int, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return bounds of a separable sum's curvature on the cells between edges ``(K + 1, G)``, ``(K, G)`` each.

        Curvature falls with the quantity in every separable family, so it is largest where a cell begins.
        """
        low, high = np.zeros(edges[1:].shape), np.zeros(edges[1:].shape)
        for member in np.flatnonzero(self.weights[row]):
            weight = self.weights[row, member]
            matrices = self.table.curvature(np.full(len(edges), member), edges)
            terms = weight * np.diagonal(matrices, axis1=-2, axis2=-1)
            low += np.minimum(terms[:-1], terms[1:])
            high += np.maximum(terms[:-1], terms[1:])
        return low, high

    def _members(self, rows: IntegerArray) -> list[tuple[FloatArray, IntegerArray]]:
        """Return, for each place in a row's list of weighted rows, the weights and the rows, ``(...)`` each."""
        width = int((self.weights != 0).sum(axis=-1).max())
        order = np.argsort(self.weights == 0, axis=-1, kind="stable")[:, :width]
        return [(self.weights[rows, order[rows, place]], order[rows, place]) for place in range(width)]


def virtual_allocation(economy: Economy, profiles: IntegerArray, weights: FloatArray) -> VirtualAllocation:
    """Return allocations that maximise the combined valuations for type profiles, and bounds on the optimum.

    Args:
        economy: the economy, with private values.
        profiles: type numbers, ``(P, N)``.
        weights: the weight of each type's valuation in each type's virtual valuation, ``(R, R)`` over the rows of
            the economy's tables over types; zero between different players.

    Returns:
        The allocations with their virtual surplus and its bound.

    Raises:
        ValueError: nobody owns any unit of some good.

    Source:
        Myerson (2006), equations (3), (4) and (7), for exchange of divisible goods.
    """
    combined = CombinedValuations(economy.valuations, weights)
    rows = economy.rows(profiles)
    supply = economy.endowments(profiles)[..., :-1].sum(axis=-2)
    most = supply.max(axis=0)
    if all(_proven_concave(combined, row, most) for row in np.unique(rows)):
        bundles, _ = allocate_by_interior_point(combined, rows, supply)
        surplus = combined.value(rows, bundles).sum(axis=-1)
        return VirtualAllocation(bundles, surplus, surplus + _tangent_gap(combined, rows, supply, bundles), True)
    if economy.valuations.separable:
        return _allocate_on_hulls(combined, rows, supply)
    return _allocate_convexified(combined, rows, supply)


def _tangent_gap(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray, bundles: FloatArray
) -> FloatArray:
    """Return how much more than the bundles any allocation could be worth, ``(P,)``, by tangent planes."""
    gradient = combined.supergradient(rows, bundles)
    best_use = (supply * np.maximum(gradient.max(axis=-2), 0)).sum(axis=-1)
    gap: FloatArray = np.maximum(best_use - (gradient * bundles).sum(axis=(-1, -2)), 0)
    return gap


def _proven_concave(combined: CombinedValuations, row: int, most: FloatArray) -> bool:
    """Say whether a combined valuation is provably concave on all bundles between zero and ``most``."""
    members = np.flatnonzero(combined.weights[row])
    weights = combined.weights[row, members]
    if (weights >= 0).all():
        return True
    valuations = [combined.table.valuations[member] for member in members]
    family = type(valuations[0])
    if all(type(valuation) is family for valuation in valuations) and family.stack(valuations).concave_sum(weights):
        return True
    if not all(valuation.separable for valuation in valuations):
        return False
    edges = np.linspace(np.zeros_like(most), most, GRID_CELLS + 1)
    low, high = combined.curvature_bounds(row, edges)
    return bool((low >= -CURVATURE_TOLERANCE * np.abs(high)).all())


def _allocate_on_hulls(combined: CombinedValuations, rows: IntegerArray, supply: FloatArray) -> VirtualAllocation:
    """Share out each good along the steepest pieces of the players' concave hulls on a grid."""
    bundles = np.zeros((*rows.shape, supply.shape[-1]))
    bound = np.zeros(len(rows))
    hulls: dict[tuple[int, bytes], _Hulls] = {}
    for profile, everyones in enumerate(rows):
        key = supply[profile].tobytes()
        chosen = []
        for row in everyones:
            if (int(row), key) not in hulls:
                hulls[int(row), key] = _hulls(combined, int(row), supply[profile])
            chosen.append(hulls[int(row), key])
        for good in range(supply.shape[-1]):
            cells, best = _share_out([hull.pieces[good] for hull in chosen])
            cells = _use_left_over(cells, [hull.values[good] for hull in chosen])
            bundles[profile, :, good] = cells * supply[profile, good] / GRID_CELLS
            bound[profile] += best
        bound[profile] += sum(hull.at_zero + hull.error for hull in chosen)
    surplus = combined.value(rows, bundles).sum(axis=-1)
    return VirtualAllocation(bundles, surplus, np.maximum(bound, surplus), False)


@dataclass(frozen=True, eq=False)
class _Hulls:
    """The concave hulls of one separable combined valuation on a grid, good by good."""

    at_zero: float
    error: float  # by how much the valuation can exceed its hull between the points of the grid
    values: list[FloatArray]  # per good: what each point of the grid adds to nothing, (K + 1,)
    pieces: list[tuple[IntegerArray, FloatArray]]  # per good: lengths in cells, and gains, of the hull's pieces


def _hulls(combined: CombinedValuations, row: int, supply: FloatArray) -> _Hulls:
    goods = len(supply)
    fractions = np.linspace(0, 1, GRID_CELLS + 1)
    edges = fractions[:, None] * supply
    at_zero = float(combined.value(np.array(row), np.zeros(goods)))
    pieces, grid_values = [], []
    error = 0.0
    _, high = combined.curvature_bounds(row, edges)
    for good in range(goods):
        bundles = np.zeros((len(fractions), goods))
        bundles[:, good] = edges[:, good]
        values = combined.value(np.full(len(fractions), row), bundles) - at_zero
        corners = _upper_hull(values)
        pieces.append((np.diff(corners), np.diff(values[corners])))
        grid_values.append(values)
        width = supply[good] / GRID_CELLS
        curved = np.maximum(high[:, good], 0) * width**2 / 8
        risen = _largest_rise(combined, row, bundles)
        error += float(np.minimum(curved, risen).max())
    return _Hulls(at_zero, error, grid_values, pieces)


def _largest_rise(combined: CombinedValuations, row: int, bundles: FloatArray) -> FloatArray:
    """Return by how much the sum's terms can move within each cell, ``(K,)``; finite where curvature is not."""
    total = np.zeros(len(bundles) - 1)
    for member in np.flatnonzero(combined.weights[row]):
        members = np.full(len(bundles), member)
        values = combined.table.value(members, combined.table.dispose(members, bundles))
        total += np.abs(combined.weights[row, member] * np.diff(values))
    return total


def _upper_hull(values: FloatArray) -> IntegerArray:
    """Return which equally spaced points are the corners of their concave hull."""
    corners: list[int] = []
    for point, value in enumerate(values):
        while len(corners) > 1:
            last, before = corners[-1], corners[-2]
            rise, run = values[last] - values[before], last - before
            if rise * (point - before) > (value - values[before]) * run:
                break
            corners.pop()
        corners.append(point)
    return np.array(corners)


def _share_out(pieces: list[tuple[IntegerArray, FloatArray]]) -> tuple[IntegerArray, float]:
    """Give the cells of the supply to the steepest pieces; return cells per player and the hulls' best value.

    A piece that no longer fits whole counts in part towards the value but is not given, since the valuation
    inside it may lie below the hull.
    """
    owner = np.concatenate([np.full(len(lengths), player) for player, (lengths, _) in enumerate(pieces)])
    lengths = np.concatenate([lengths for lengths, _ in pieces])
    gains = np.concatenate([gains for _, gains in pieces])
    order = np.argsort(-gains / lengths, kind="stable")
    order = order[gains[order] > 0]
    before = np.cumsum(lengths[order]) - lengths[order]
    part = np.clip((GRID_CELLS - before) / lengths[order], 0, 1)
    given: BooleanArray = part == 1
    cells = np.bincount(owner[order][given], weights=lengths[order][given], minlength=len(pieces))
    return cells.astype(np.int64), float((part * gains[order]).sum())


def _use_left_over(cells: IntegerArray, values: list[FloatArray]) -> IntegerArray:
    """Give the player who gains most from them as many of the cells left over as it can use."""
    left = GRID_CELLS - int(cells.sum())
    gains = [worth[held : held + left + 1] - worth[held] for held, worth in zip(cells, values, strict=True)]
    winner = int(np.argmax([gain.max() for gain in gains]))
    used = cells.copy()
    used[winner] += int(np.argmax(gains[winner]))
    return used


def _allocate_convexified(combined: CombinedValuations, rows: IntegerArray, supply: FloatArray) -> VirtualAllocation:
    """Allocate by the positively weighted valuations alone; bound what the others add.

    A negatively weighted sum of concave valuations is convex, so it is largest at a corner of the box of bundles.
    """
    positive = CombinedValuations(combined.table, np.maximum(combined.weights, 0))
    negative = CombinedValuations(combined.table, np.minimum(combined.weights, 0))
    bundles, _ = allocate_by_interior_point(positive, rows, supply)
    optimum = positive.value(rows, bundles).sum(axis=-1) + _tangent_gap(positive, rows, supply, bundles)
    corners = np.array(list(product((0.0, 1.0), repeat=supply.shape[-1])))
    at_corners = [negative.value(rows, corner * supply[:, None, :] + np.zeros(bundles.shape)) for corner in corners]
    bound = optimum + np.max(at_corners, axis=0).sum(axis=-1)
    surplus = combined.value(rows, bundles).sum(axis=-1)
    return VirtualAllocation(bundles, surplus, np.maximum(bound, surplus), False)
