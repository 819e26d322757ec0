r"""Valuations of goods that are of use in fixed proportions only (Leontief).

Methods follow the conventions of :class:`marketgame.mechanisms.economies.valuation.Valuation`. A player counts complete
sets, :math:`z = \min_h q_h / \text{need}_h`, the first of which is worth most:

.. math:: v(q) = \text{worth}\, z - \tfrac12 \text{falling}\, z^2

until another one is worth nothing. Where goods are held in these proportions marginal values jump: any prices at which
a set costs what the last one is worth leave the player there, whatever the price of each good. The efficient allocation
is therefore looked for in sets (`uses`), and of its supporting prices one is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import Bundle, Valuation, coefficient, diagonal_matrices


@dataclass(frozen=True, eq=False)
class FixedProportions(Valuation):
    """v(q) = worth z - ½ falling z² of z = min q/need complete sets, until one more is worth nothing; it has kinks."""

    name: ClassVar[str] = "fixed-proportions"

    worth: FloatArray = coefficient("of the first set, in units of the numeraire", dimensions=0, gt=0)
    falling: FloatArray = coefficient(
        "by which the next set is worth less, in units of the numeraire", dimensions=0, ge=0
    )
    need: FloatArray = coefficient("how much of each good a set takes, in units of the good", gt=0)

    @property
    @override
    def kinked(self) -> bool:
        return True

    @property
    def _most(self) -> FloatArray:
        """How many sets are worth having, ``(...)``."""
        falls = self.falling > 0
        return np.where(falls, self.worth / np.where(falls, self.falling, 1), np.inf)

    def _sets(self, bundles: FloatArray) -> FloatArray:
        """Return how many complete sets that are worth something are in bundles, ``(...)``."""
        sets: FloatArray = np.minimum((bundles / self.need).min(axis=-1), self._most)
        return sets

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        sets = self._sets(bundles)
        return (self.worth - 0.5 * self.falling * sets) * sets

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        low, high, moved = np.broadcast_arrays(before / self.need, after / self.need, change / self.need)
        scarce_before, scarce_after = low.argmin(axis=-1)[..., None], high.argmin(axis=-1)[..., None]
        start, end = self._sets(before), self._sets(after)
        # Of the same scarce good nothing of the change is lost.
        exactly = np.take_along_axis(moved, scarce_before, axis=-1)[..., 0]
        alike = (scarce_before == scarce_after)[..., 0] & (np.maximum(start, end) < self._most)
        more = np.where(alike, exactly, end - start)
        gain: FloatArray = (self.worth - 0.5 * self.falling * (start + end)) * more
        return gain

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        per_good = bundles / self.need
        sets = per_good.min(axis=-1, keepdims=True)
        scarce = per_good == sets
        # More of one good alone is worth nothing where another is as scarce.
        alone = scarce & (scarce.sum(axis=-1, keepdims=True) == 1)
        return np.where(alone, self._next(sets[..., 0])[..., None] / self.need, 0.0)

    @override
    def supergradient(self, bundles: FloatArray) -> FloatArray:
        per_good = bundles / self.need
        sets = per_good.min(axis=-1, keepdims=True)
        scarce = per_good == sets
        return np.asarray(self._next(sets[..., 0])[..., None] / self.need * scarce / scarce.sum(axis=-1, keepdims=True))

    def _next(self, sets: FloatArray) -> FloatArray:
        """Return what one more set is worth, ``(...)``."""
        worth: FloatArray = np.maximum(self.worth - self.falling * sets, 0)
        return worth

    @override
    def last_unit(self, bundles: FloatArray) -> FloatArray:
        per_good = bundles / self.need
        sets = per_good.min(axis=-1, keepdims=True)
        return np.where(per_good == sets, self._next(sets[..., 0])[..., None] / self.need, 0.0)

    @override
    def dispose(self, bundles: FloatArray) -> FloatArray:
        return self._sets(bundles)[..., None] * self.need

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return np.zeros((*bundles.shape, bundles.shape[-1]))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        surplus = self.worth - (prices * self.need).sum(axis=-1)
        falls = self.falling > 0
        endless = np.where(surplus > 0, np.inf, 0.0)
        sets = np.where(falls, np.maximum(surplus, 0) / np.where(falls, self.falling, 1), endless)
        return np.where(sets[..., None] > 0, sets[..., None], 0.0) * self.need

    @override
    def indirect_utility(self, prices: FloatArray, limit: FloatArray) -> FloatArray:
        return self.indirect_gain(np.zeros_like(prices), prices, limit)

    @override
    def indirect_gain(self, start: FloatArray, prices: FloatArray, limit: FloatArray) -> FloatArray:
        best = np.minimum(self.demand(prices), self._within(limit))
        return self._gain_less_expense(start, prices, best)

    def _within(self, limit: FloatArray) -> FloatArray:
        """Return the bundle of as many complete sets as there are in a limit, ``(..., G)``."""
        return (limit / self.need).min(axis=-1, keepdims=True) * self.need

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return np.zeros_like(self.need)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return False

    @override
    def concave_sum(self, weights: FloatArray) -> bool:
        # Up to where the first of them has enough; beyond that a weight below zero may bend the sum upwards.
        same = bool((self.need == self.need[0]).all()) and bool((self.falling == self.falling[0]).all())
        enough = bool((weights >= 0).all()) or not self.falling[0]
        return same and enough and bool(weights @ self.worth >= 0)

    @property
    @override
    def uses(self) -> FloatArray:
        first = np.zeros((*self.need.shape, self.need.shape[-1]))
        first[..., 0] = self.need
        return first

    @override
    def gradient_of_activities(self, levels: FloatArray) -> FloatArray:
        # The first activity makes sets; there are no others.
        marginal = np.broadcast_to(-self.worth[..., None], levels.shape).copy()
        marginal[..., 0] = self._next(levels[..., 0])
        return marginal

    @override
    def curvature_of_activities(self, levels: FloatArray) -> FloatArray:
        curved = np.zeros_like(levels)
        curved[..., 0] = np.where(levels[..., 0] < self._most, self.falling, 0)
        return diagonal_matrices(curved)

    @override
    def exact_tangent(self, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        need = exact(self.need)
        per_good = [quantity / one for quantity, one in zip(bundle, need, strict=True)]
        sets = min(per_good)
        worth, marginal = self._exact_sets(sets)
        scarce = [each == sets for each in per_good]
        return worth, [
            marginal / one / sum(scarce) if few else Fraction(0) for one, few in zip(need, scarce, strict=True)
        ]

    def _exact_sets(self, sets: Fraction) -> tuple[Fraction, Fraction]:
        """Return what so many sets are worth, and one more."""
        worth, falling = exact([float(self.worth), float(self.falling)])
        wanted = min(sets, worth / falling) if falling else sets
        return (worth - falling * wanted / 2) * wanted, max(worth - falling * sets, Fraction(0))

    @override
    def exact_surplus(self, price: Bundle, limit: Bundle, near: Bundle) -> Fraction:
        worth, falling = exact([float(self.worth), float(self.falling)])
        need = exact(self.need)
        surplus = worth - sum((max(p, Fraction(0)) * one for p, one in zip(price, need, strict=True)), Fraction(0))
        most = min(there / one for there, one in zip(limit, need, strict=True))
        # Prices below zero pay for taking what is of no use.
        paid = sum((-p * there for p, there in zip(price, limit, strict=True) if p < 0), Fraction(0))
        if surplus <= 0:
            return paid
        sets = min(most, surplus / falling) if falling else most
        return (surplus - falling * sets / 2) * sets + paid
