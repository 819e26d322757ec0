r"""Allocations of divisible goods that maximise virtual surplus, with a bound on what is missed.

With private values the virtual valuation of type :math:`t_i` is a combination of the player's own valuations,

.. math:: \varphi_i(q, t_i) = \sum_k W(t_i, k) v_i(q, k),

with weight :math:`1 + \sum_r \alpha_i(t_i|r) / p_i(t_i)` on its own and :math:`-\alpha_i(t_i|r) / p_i(t_i)` on
each type r that is tempted to imitate it (Myerson, equations (3) and (5)). Where types only shift the linear part
of a quadratic valuation, or the weights are small, it stays concave and the efficient allocation's own method
solves the problem exactly. Otherwise divisions on a grid are compared, all of them, by adding one player after the
other, and the best one is refined; what lies between the points of the grid bounds the optimum from above, and the
distance to the allocation found is reported, never hidden.

A bundle beyond what a player can use counts as disposed of, as in the efficient benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.interior_allocation import allocate_by_interior_point
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation, ValuationTable
from marketgame.mechanisms.incentive_efficiency.column_generation import ColumnGenerator, ColumnPool, PricedActions
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

# How finely the interval from nothing to the whole supply is cut, to prove concavity and to divide a good.
GRID_CELLS = 512
# So many divided goods are cut that finely, more of them less finely, but never into fewer cells than these.
MOST_TABLES = 2000
LEAST_CELLS = 64
# Into how many cells goods are cut where their divisions are tried together: for one, two and three goods.
JOINT_CELLS = (128, 16, 8)
MOST_JOINT_GOODS = len(JOINT_CELLS)
# A division found is improved within its cell and the next, cut so many times into so many parts.
FINER = 4
REFINEMENTS = 10
JOINT_REFINEMENTS = 6
# So many profiles are solved between two looks at the clock: concave ones or good by good, and all goods together.
PROFILES_AT_ONCE, JOINT_PROFILES_AT_ONCE = 2048, 64
# Fewer of the first where players are many: so many bundles, whatever the number of goods.
BUNDLES_AT_ONCE = 1 << 15
# Ends of cells so near, in shares of the supply, to where marginal values jump are there.
AT_EDGE = 1e-12
# A combined curvature above minus this share of its terms is zero up to rounding.
CURVATURE_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class VirtualAllocation:
    """Allocations of the goods other than the numeraire that nearly maximise virtual surplus.

    Attributes:
        bundles: what each player gets, ``(P, N, G)``, units.
        surplus: the summed virtual valuations there, each type's valuation measured from the economy's reference,
            ``(P,)``, numeraire.
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
        reference: the bundle from which each row's values are measured, ``(R, G)``, units, so that constants of
            valuations never enter; nothing when left out.
    """

    table: ValuationTable
    weights: FloatArray
    reference: FloatArray | None = None

    def value(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the combined values, ``(...)``, of bundles ``(..., G)`` to the rows ``(...)``."""
        total = np.zeros(rows.shape)
        for weight, member in self._members(rows):
            total += weight * self.worth(member, bundles)
        return total

    def worth(self, member: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return what bundles ``(..., G)`` are worth to the rows ``(...)`` by themselves, beyond their reference."""
        kept = self.table.dispose(member, bundles)
        if self.reference is None:
            return self.table.value(member, kept)
        return self.table.gain(member, self.reference[member], kept)

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

    def by_activities(self, rows: IntegerArray) -> bool:
        """Say whether all that are combined in a row use goods alike, and some in fixed proportions."""
        members = [member for weight, member in self._members(rows) if weight.any()]
        if not any(self.table.by_activities(member) for member in members):
            return False
        uses = self.uses(rows)
        weighted = [weight for weight, _ in self._members(rows) if weight.any()]
        pairs = zip(weighted, (self.table.uses(member) for member in members), strict=True)
        return all(((uses == used) | (weight == 0)[..., None, None]).all() for weight, used in pairs)

    def uses(self, rows: IntegerArray) -> FloatArray:
        """Return what a unit of each activity takes of each good, ``(..., G, G)``."""
        weights = np.stack([np.abs(weight) for weight, _ in self._members(rows)])
        each = np.stack([self.table.uses(member) for _, member in self._members(rows)])
        first = weights.argmax(axis=0)
        return np.asarray(np.take_along_axis(each, first[None, ..., None, None], axis=0)[0])

    def gradient_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        """Return the combined gradients by levels of activities, ``(..., G)``."""
        total = np.zeros(levels.shape)
        for weight, member in self._members(rows):
            total += weight[..., None] * self.table.gradient_of_activities(member, levels)
        return total

    def curvature_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        """Return minus the combined Hessians by levels of activities, ``(..., G, G)``."""
        total = np.zeros((*levels.shape, levels.shape[-1]))
        for weight, member in self._members(rows):
            total += weight[..., None, None] * self.table.curvature_of_activities(member, levels)
        return total

    def curvature_bounds(self, row: int, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return bounds of a separable sum's curvature on the cells between edges ``(K + 1, G)``, ``(K, G)`` each.

        Curvature falls with the quantity in every separable family, so it is largest where a cell begins. In a cell
        within which marginal values jump it has no bound; at the ends of cells they may.
        """
        low, high = np.zeros(edges[1:].shape), np.zeros(edges[1:].shape)
        for member in np.flatnonzero(self.weights[row]):
            weight = self.weights[row, member]
            if self.table.valuations[member].kinked:
                jumps = _jumps_within(self.table.valuations[member], edges)
                low, high = (
                    (low, np.where(jumps, np.inf, high)) if weight > 0 else (np.where(jumps, -np.inf, low), high)
                )
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


def virtual_allocation(
    economy: Economy, profiles: IntegerArray, weights: FloatArray, deadline: Deadline = NO_DEADLINE
) -> VirtualAllocation:
    """Return allocations that maximise the combined valuations for type profiles, and bounds on the optimum.

    Args:
        economy: the economy, with private values.
        profiles: type numbers, ``(P, N)``.
        weights: the weight of each type's valuation in each type's virtual valuation, ``(R, R)`` over the rows of
            the economy's tables over types; zero between different players.
        deadline: when to give up.

    Returns:
        The allocations with their virtual surplus and its bound.

    Raises:
        DeadlinePassedError: time ran out.

    Source:
        Myerson (2006), equations (3), (4) and (7), for exchange of divisible goods.
    """
    combined = CombinedValuations(economy.valuations, weights, economy.reference_goods)
    supply = economy.endowments(profiles)[..., :-1].sum(axis=-2)
    return largest_surplus(combined, economy.rows(profiles), supply, deadline)


def largest_surplus(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray, deadline: Deadline = NO_DEADLINE
) -> VirtualAllocation:
    """Return divisions of a supply ``(P, G)`` that maximise the sum of combined valuations, of rows ``(P, N)``.

    Raises:
        DeadlinePassedError: time ran out.
    """
    most = supply.max(axis=0)
    concave_rows = np.zeros(len(combined.weights), dtype=bool)
    for row in np.unique(rows):
        deadline.check()
        concave_rows[row] = _proven_concave(combined, row, most)
    concave = concave_rows[rows].all(axis=-1)
    bundles, bound = np.empty((*rows.shape, supply.shape[-1])), np.empty(len(rows))
    # However many profiles are solved at once, what each of them gets is the same.
    cells = _cells(int((~concave).sum()) * rows.shape[-1] * supply.shape[-1], GRID_CELLS)
    at_once = max(min(PROFILES_AT_ONCE, BUNDLES_AT_ONCE // rows.shape[-1]), 1)
    for numbers in _pieces(np.flatnonzero(concave), at_once):
        deadline.check()
        bundles[numbers], bound[numbers] = _allocate_concave(combined, rows[numbers], supply[numbers])
    separable = combined.table.separable
    kinked = np.array([valuation.kinked for valuation in combined.table.valuations])
    jumping = ((combined.weights != 0) & kinked).any(axis=-1)[rows].any(axis=-1)
    for numbers in _pieces(np.flatnonzero(concave & jumping), at_once if separable else len(rows)):
        deadline.check()
        if separable:
            # The method of smooth sums stops short of where marginal values jump, which is where cells end.
            fitting = _aligned(combined, rows[numbers], supply[numbers], cells)
            other, most = _allocate_on_grid(combined, rows[numbers], supply[numbers], fitting)
            worth = [combined.value(rows[numbers], each).sum(axis=-1) for each in (bundles[numbers], other)]
            better = (worth[1] > worth[0])[:, None, None]
            bundles[numbers] = np.where(better, other, bundles[numbers])
            bound[numbers] = np.minimum(bound[numbers], most)
    for numbers in _pieces(np.flatnonzero(~concave), at_once if separable else JOINT_PROFILES_AT_ONCE):
        deadline.check()
        if separable:
            fitting = _aligned(combined, rows[numbers], supply[numbers], cells)
            bundles[numbers], bound[numbers] = _allocate_on_grid(combined, rows[numbers], supply[numbers], fitting)
        else:
            bundles[numbers], bound[numbers] = _allocate_jointly_on_grid(combined, rows[numbers], supply[numbers])
    surplus = combined.value(rows, bundles).sum(axis=-1)
    return VirtualAllocation(bundles, surplus, np.maximum(bound, surplus), bool(concave.all()))


def _pieces(numbers: IntegerArray, most: int) -> Iterator[IntegerArray]:
    """Yield parts of at most so many of the numbers, in order."""
    yield from (numbers[start : start + most] for start in range(0, len(numbers), most))


def _allocate_concave(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the optimum of concave sums, ``(P, N, G)``, and its bound, ``(P,)``."""
    bundles, _ = allocate_by_interior_point(combined, rows, supply)
    surplus = combined.value(rows, bundles).sum(axis=-1)
    return bundles, surplus + _tangent_gap(combined, rows, supply, bundles)


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
    if not all(valuation.separable for valuation in valuations) or any(valuation.kinked for valuation in valuations):
        return False
    edges = np.linspace(np.zeros_like(most), most, GRID_CELLS + 1)
    low, high = combined.curvature_bounds(row, edges)
    return bool((low >= -CURVATURE_TOLERANCE * np.abs(high)).all())


def _allocate_on_grid(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray, cells: int
) -> tuple[FloatArray, FloatArray]:
    """Return the best division, ``(P, N, G)``, of separable sums that are not concave, and its bound, ``(P,)``.

    Each good is divided on a grid. Where a sum lies above the straight line between two points of the grid by no more
    than an error, so much more at these points makes the line an upper bound; a best division for functions that are
    straight between the points gives everybody a whole number of cells.
    """
    goods, players = supply.shape[-1], rows.shape[-1]
    values = np.empty((len(rows), players, goods, cells + 1))
    errors = np.empty((len(rows), players, goods, cells))
    each = np.concatenate([rows.reshape(-1, 1), np.repeat(supply, players, axis=0)], axis=1)
    kinds, place = np.unique(each, axis=0, return_inverse=True)
    table = [_on_grid(combined, int(kind[0]), kind[1:], cells) for kind in kinds]
    values[:] = np.stack([each[0] for each in table])[place].reshape(values.shape)
    errors[:] = np.stack([each[1] for each in table])[place].reshape(errors.shape)
    at_nothing = np.array([each[2] for each in table])[place].reshape(rows.shape)
    raised = values.copy()
    raised[..., 1:] += errors
    raised[..., :-1] = np.maximum(raised[..., :-1], values[..., :-1] + errors)
    by_good = [np.moveaxis(array, 2, 1).reshape(-1, players, cells + 1) for array in (values, raised)]
    _, best = _best_division(by_good[1], (cells,))
    counts, _ = _best_division(by_good[0], (cells,))
    bound = best.reshape(-1, goods).sum(axis=-1) + at_nothing.sum(axis=-1)
    counts = np.moveaxis(counts.reshape(len(rows), goods, players), 1, 2)
    return _refined(combined, rows, supply, counts, cells), bound


def _cells(tables: int, most: int) -> int:
    """Return into how many cells to cut each good so that dividing so many takes a second, not a minute."""
    return int(np.clip(most * np.sqrt(MOST_TABLES / max(tables, 1)), LEAST_CELLS, most))


def _on_grid(
    combined: CombinedValuations, row: int, supply: FloatArray, cells: int
) -> tuple[FloatArray, FloatArray, float]:
    """Return what each good adds to nothing on its grid, how far it rises above the lines, and what nothing is worth.

    Returns:
        Values ``(G, cells + 1)``, errors ``(G, cells)``, and a number, all in numeraire.
    """
    goods = len(supply)
    fractions = np.linspace(0, 1, cells + 1)
    edges = fractions[:, None] * supply
    at_zero = float(combined.value(np.array(row), np.zeros(goods)))
    _, high = combined.curvature_bounds(row, edges)
    values, errors = np.empty((goods, cells + 1)), np.empty((goods, cells))
    for good in range(goods):
        bundles = np.zeros((cells + 1, goods))
        bundles[:, good] = edges[:, good]
        values[good] = combined.value(np.full(cells + 1, row), bundles) - at_zero
        curved = np.maximum(high[:, good], 0) * (supply[good] / cells) ** 2 / 8
        errors[good] = np.minimum(curved, _largest_rise(combined, row, bundles))
    return values, errors, at_zero


def _largest_rise(combined: CombinedValuations, row: int, bundles: FloatArray) -> FloatArray:
    """Return by how much the sum's terms can move within each cell, ``(K,)``; finite where curvature is not."""
    total = np.zeros(len(bundles) - 1)
    for member in np.flatnonzero(combined.weights[row]):
        values = combined.worth(np.full(len(bundles), member), bundles)
        total += np.abs(combined.weights[row, member] * np.diff(values))
    return total


def _places_of_jumps(valuation: Valuation, good: int) -> list[float] | None:
    """Return where marginal values of a good jump, units; none if that is not known."""
    if not isinstance(valuation, SeparableValuation):
        return None
    kinks = [valuation.exact_kinks(each) for each in range(valuation.goods)]
    if not any(kinks):
        return None
    return [float(place) for place, after, before in kinks[good] if before is not None and after != before]


def _jumps_within(valuation: Valuation, edges: FloatArray) -> BooleanArray:
    """Say within which cells between edges ``(K + 1, G)`` marginal values jump, ``(K, G)``."""
    jumps = np.zeros(edges[1:].shape, dtype=bool)
    for good in range(edges.shape[-1]):
        places = _places_of_jumps(valuation, good)
        if places is None:
            return np.ones(edges[1:].shape, dtype=bool)
        at = AT_EDGE * edges[-1, good]
        for place in places:
            jumps[:, good] |= (edges[:-1, good] + at < place) & (place < edges[1:, good] - at)
    return jumps


def _aligned(combined: CombinedValuations, rows: IntegerArray, supply: FloatArray, cells: int) -> int:
    """Return the largest number of cells, no more than given, whose ends are wherever marginal values jump.

    Functions that are straight between jumps are then straight in every cell, and the best division of cells is the
    best there is. It is the given number where there are no jumps, or no such number.
    """
    shares = set[float]()
    for row in np.unique(rows):
        for member in np.flatnonzero(combined.weights[row]):
            valuation = combined.table.valuations[member]
            for good in range(supply.shape[-1] if valuation.kinked else 0):
                there = np.unique(supply[(rows == row).any(axis=-1), good])
                places = _places_of_jumps(valuation, good) or []
                shares |= {place / one for place in places for one in there[there > 0].tolist() if 0 < place < one}
    if not shares:
        return cells
    counts = np.arange(cells, 0, -1)
    ends = np.array(sorted(shares)) * counts[:, None]
    fits = (np.abs(ends - np.round(ends)) <= AT_EDGE * counts[:, None]).all(axis=-1)
    return int(counts[np.argmax(fits)]) if fits.any() else cells


def _best_division(
    values: FloatArray, most: tuple[int, ...], allowed: IntegerArray | None = None
) -> tuple[IntegerArray, FloatArray]:
    """Return who gets how many cells in the best division, player after player, and what it is worth.

    Args:
        values: of each number of cells of each good to each player, ``(P, N, K_1 + 1, ..., K_G + 1)``.
        most: cells of each good that are counted at most, all players together.
        allowed: cells of each good there are, ``(P, G)``; ``most`` when left out.

    Returns:
        Cells, ``(P, N, G)``, and values, ``(P,)``.
    """
    count, players, *nodes = values.shape
    room = tuple(cells + 1 for cells in most)
    best = np.full((count, *room), -np.inf)
    best.reshape(count, -1)[:, 0] = 0
    choices = []
    for player in range(players):
        reached, choice = np.full_like(best, -np.inf), np.zeros(best.shape, dtype=np.int32)
        for number, cells in enumerate(np.ndindex(*nodes)):
            if any(taken >= size for taken, size in zip(cells, room, strict=True)):
                continue
            after = (slice(None), *(slice(taken, None) for taken in cells))
            before = (slice(None), *(slice(size - taken) for taken, size in zip(cells, room, strict=True)))
            worth = values[:, player].reshape(count, -1)[:, number]
            offer = best[before] + worth.reshape(-1, *(1,) * len(room))
            better = offer > reached[after]
            np.copyto(reached[after], offer, where=better)
            np.copyto(choice[after], number, where=better)
        best = reached
        choices.append(choice.reshape(count, -1))
    totals = np.stack(np.unravel_index(np.arange(best[0].size), room), axis=-1)
    flat = best.reshape(count, -1)
    if allowed is not None:
        flat = np.where((totals <= allowed[:, None, :]).all(axis=-1), flat, -np.inf)
    used: IntegerArray = totals[np.argmax(flat, axis=-1)]
    cells_of = np.zeros((count, players, len(room)), dtype=np.int64)
    for player in reversed(range(players)):
        place = np.ravel_multi_index([used[:, good] for good in range(len(room))], room)
        chosen = choices[player][np.arange(count), place]
        cells_of[:, player] = np.stack(np.unravel_index(chosen, tuple(nodes)), axis=-1)
        used = used - cells_of[:, player]
    return cells_of, flat.max(axis=-1)


def _refined(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray, counts: IntegerArray, cells: int
) -> FloatArray:
    """Return the division, ``(P, N, G)``, improved within the neighbouring cells of ever finer grids."""
    goods, players = supply.shape[-1], rows.shape[-1]
    separable = combined.table.separable
    offsets = np.arange(-FINER, FINER + 1)
    for _ in range(REFINEMENTS if separable else JOINT_REFINEMENTS):
        counts, cells = counts * FINER, cells * FINER
        spare = cells - counts.sum(axis=1) + FINER * players
        if separable:
            trial = counts[..., None] + offsets
            values = _one_by_one(combined, rows, supply, np.clip(trial, 0, cells) / cells, counts / cells)
            values[(trial < 0) | (trial > cells)] = -np.inf
            tables = np.moveaxis(values, 2, 1).reshape(-1, players, len(offsets))
            taken, _ = _best_division(tables, (2 * FINER * players,), spare.reshape(-1, 1))
            moved = np.moveaxis(taken.reshape(len(rows), goods, players), 1, 2)
        else:
            steps = np.stack(np.meshgrid(*[offsets] * goods, indexing="ij"), axis=-1)
            trial = counts.reshape(*counts.shape[:2], *(1,) * goods, goods) + steps
            wide = np.broadcast_to(rows.reshape(*rows.shape, *(1,) * goods), trial.shape[:-1])
            share = supply.reshape(-1, 1, *(1,) * goods, goods) / cells
            values = combined.value(wide, np.clip(trial, 0, cells) * share)
            values[((trial < 0) | (trial > cells)).any(axis=-1)] = -np.inf
            moved, _ = _best_division(values, (2 * FINER * players,) * goods, spare)
        counts = counts + moved - FINER
    return counts * (supply / cells)[:, None, :]


def _one_by_one(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray, shares: FloatArray, others: FloatArray
) -> FloatArray:
    """Return what shares ``(P, N, G, K)`` of one good at a time are worth beside shares ``(P, N, G)`` of the others."""
    values = np.empty(shares.shape)
    for good in range(shares.shape[2]):
        bundles = np.repeat(others[:, :, None, :], shares.shape[3], axis=2)
        bundles[..., good] = shares[:, :, good]
        wide = np.broadcast_to(rows[..., None], bundles.shape[:-1])
        values[:, :, good] = combined.value(wide, bundles * supply[:, None, None, :])
    return values


def _allocate_jointly_on_grid(
    combined: CombinedValuations, rows: IntegerArray, supply: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the best division on a grid of all goods together, ``(P, N, G)``, and a bound on any, ``(P,)``.

    The bound takes the positively weighted valuations at their joint optimum. A negatively weighted sum of concave
    valuations is convex, so it is largest at a corner of the box of bundles.
    """
    goods = supply.shape[-1]
    positive = replace(combined, weights=np.maximum(combined.weights, 0))
    negative = replace(combined, weights=np.minimum(combined.weights, 0))
    relaxed, optimum = _allocate_concave(positive, rows, supply)
    corners = np.array(list(product((0.0, 1.0), repeat=goods)))
    at_corners = [negative.value(rows, corner * supply[:, None, :] + np.zeros(relaxed.shape)) for corner in corners]
    bound = optimum + np.max(at_corners, axis=0).sum(axis=-1)
    if goods > MOST_JOINT_GOODS:
        return relaxed, bound
    cells = JOINT_CELLS[goods - 1]
    nodes = np.stack(np.meshgrid(*[np.arange(cells + 1)] * goods, indexing="ij"), axis=-1)
    wide = np.broadcast_to(rows.reshape(*rows.shape, *(1,) * goods), (*rows.shape, *nodes.shape[:-1]))
    values = combined.value(wide, nodes * (supply.reshape(-1, 1, *(1,) * goods, goods) / cells))
    counts, _ = _best_division(values, (cells,) * goods)
    found = _refined(combined, rows, supply, counts, cells)
    better = combined.value(rows, found).sum(axis=-1) > combined.value(rows, relaxed).sum(axis=-1)
    return np.where(better[:, None, None], found, relaxed), bound


class DivisibleActions:
    r"""Prices divisions of an economy's goods; an action lists every player's bundle, ``(N * G,)``, units.

    Utilities are gains over consuming one's own endowment, :math:`v_i(x_i, t_i) - v_i(\omega_i, t_i)`; the numeraire
    enters through payments. Autarky then gives everyone zero, so individual participation asks for gains of at least
    zero. Where nothing of a good of infinite marginal value is owned, the economy's own reference takes the endowment's
    place, and autarky gives minus infinity.

    Args:
        economy: with independent types and endowments that do not depend on them.

    Raises:
        ValueError: types are correlated, or an endowment depends on its player's type, which the reports of a
            mechanism could then prove false.
    """

    def __init__(self, economy: Economy) -> None:
        if not economy.prior.independent:
            raise ValueError("types are correlated; the incentive-efficient benchmark needs independent types")
        differing = endowments_depend_on_types(economy)
        if differing:
            raise ValueError(
                f"the endowment of {', '.join(differing)} depends on its type; the incentive-efficient benchmark "
                f"needs endowments that do not"
            )
        self.economy = economy
        counts = economy.prior.type_counts
        self.type_probabilities = tuple(economy.prior.marginal(player) for player in range(len(counts)))
        self.group: IntegerArray = np.arange(len(counts))
        self._owner = np.repeat(np.arange(len(counts)), counts)
        self.concave = True

    @property
    def autarky(self) -> tuple[FloatArray, ...]:
        """What each type gains by living on its endowment, one ``(K_i,)`` per player: nothing, or minus infinity."""
        endowments = self.economy.endowment_table
        gains = self.economy.gains_of_types(np.arange(len(endowments)), np.zeros_like(endowments))
        return tuple(np.split(gains, self.economy.first_rows[1:]))

    @property
    def profiles(self) -> IntegerArray:
        """Type numbers at each profile, ``(P, N)``."""
        return self.economy.profiles

    @property
    def prior(self) -> FloatArray:
        """The probability of each profile, ``(P,)``."""
        return self.economy.prior.probability

    def generator(self, pool: ColumnPool, holdings: FloatArray | None = None) -> ColumnGenerator:
        """Return what looks for divisions to add to those of a pool."""
        return ColumnGenerator(self, pool, holdings)

    def of_each(self, totals: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        """Return numbers by type, one array for each player, from those of the program."""
        return totals

    def paid(self, payments: FloatArray) -> FloatArray:
        """Return what each player receives at each profile, ``(P, N)``, from the program's own payments."""
        return payments

    @property
    def unit(self) -> float:
        """The value of the whole supply at the players' own marginal values, in numeraire; positive."""
        rows = np.arange(len(self._owner))
        endowments = self.economy.endowment_table[:, :-1]
        marginal = self.economy.valuations.supergradient(rows, np.maximum(endowments, endowments.mean(axis=0)))
        worth = float(np.abs(marginal * endowments.sum(axis=0)).max())
        return worth if np.isfinite(worth) and worth > 0 else 1.0

    def utilities(self, actions: NDArray[np.generic], profiles: IntegerArray) -> FloatArray:
        """Return the gain over autarky of every type of every player from divisions ``(B, N * G)``, ``(B, M)``."""
        bundles = actions.astype(np.float64).reshape(len(actions), -1, self.economy.valuations.goods)
        rows = np.broadcast_to(np.arange(len(self._owner)), (len(actions), len(self._owner)))
        received = self.economy.valuations.dispose(rows, bundles[:, self._owner])
        reference = self.economy.reference_goods
        return self.economy.valuations.gain(rows, np.broadcast_to(reference, received.shape), received)

    def best_actions(
        self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray, deadline: Deadline = NO_DEADLINE
    ) -> PricedActions:
        """Return the division of largest virtual surplus at each profile, with what none can exceed."""
        weights = np.zeros((len(self._owner), len(self._owner)))
        for player, matrix in enumerate(coefficients):
            own = np.flatnonzero(self._owner == player)
            weights[np.ix_(own, own)] = matrix.T
        found = virtual_allocation(self.economy, self.profiles[profiles], weights, deadline)
        self.concave = self.concave and found.concave
        return PricedActions(found.bundles.reshape(len(profiles), -1), found.surplus, found.bound)
