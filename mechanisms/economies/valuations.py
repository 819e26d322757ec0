r"""The families of valuations: quadratic, logarithmic, power, exponential, abatement and linear.

Each class states its formula; parameters have the shape ``(..., G)`` unless it says otherwise, and every
method follows the conventions of :class:`mechanisms.economies.valuation.Valuation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.quadratic import (
    DiagonalQuadratic,
    Quadratic,
)
from marketgame.mechanisms.economies.valuation import (
    SeparableValuation,
    diagonal_matrices,
    log_ratio,
    store_checked,
)

__all__ = [
    "Abatement",
    "DiagonalQuadratic",
    "Exponential",
    "Linear",
    "Logarithmic",
    "Power",
    "Quadratic",
]


@dataclass(frozen=True, eq=False)
class Logarithmic(SeparableValuation):
    r""":math:`v(q) = \sum_h w_h \log(s_h + q_h)`, with weight w > 0 and shift s > 0.

    Raises:
        ValueError: shapes disagree, or a weight or shift is not positive.
    """

    weight: FloatArray
    shift: FloatArray

    def __post_init__(self) -> None:
        store_checked(self, positive=("weight", "shift"))

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return (self.weight * np.log(self.shift + bundles)).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        return (self.weight * log_ratio(self.shift + before, self.shift + after, change)).sum(axis=-1)

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        return self.weight / (self.shift + bundles)

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return diagonal_matrices(self.weight / (self.shift + bundles) ** 2)

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum(self.weight / prices - self.shift, 0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return (demand > 0) * (self.shift + demand) / prices

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.gradient(limit)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Power(SeparableValuation):
    r""":math:`v(q) = \sum_h w_h [(s_h + q_h)^{1-\gamma_h} - s_h^{1-\gamma_h}] / (1-\gamma_h)`.

    Raises:
        ValueError: shapes disagree; a weight or gamma is not positive; a shift is negative; gamma is 1 (use
            the logarithmic family); or gamma exceeds 1 where shift is 0, which makes v(0) undefined.
    """

    weight: FloatArray
    shift: FloatArray
    gamma: FloatArray

    def __post_init__(self) -> None:
        store_checked(self, positive=("weight", "gamma"), nonnegative=("shift",))
        if (self.gamma == 1).any():
            raise ValueError(f"gamma is {self.gamma.tolist()}; 1 is the logarithmic family")
        if ((self.gamma > 1) & (self.shift == 0)).any():
            raise ValueError(f"shift is {self.shift.tolist()}; it must be greater than 0 where gamma exceeds 1")

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        power = 1 - self.gamma
        gain = (self.shift + bundles) ** power - self.shift**power
        return (self.weight * gain / power).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        power, start, end = 1 - self.gamma, self.shift + before, self.shift + after
        # The larger of the two powers is taken out, so that the exponential of the rest is at most one.
        exponent = power * log_ratio(start, end, change)
        larger = np.where(exponent > 0, end, start)
        rest = -np.sign(exponent) * np.expm1(-np.abs(exponent))
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(change == 0, 0, larger**power * rest)
        return (self.weight * gain / power).sum(axis=-1)

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return self.weight * (self.shift + bundles) ** -self.gamma

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return diagonal_matrices(self.weight * self.gamma * (self.shift + bundles) ** (-self.gamma - 1))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum((self.weight / prices) ** (1 / self.gamma) - self.shift, 0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return (demand > 0) * (self.shift + demand) / (self.gamma * prices)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.gradient(limit)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        # Without a shift the Hessian is infinite at zero and v undefined below it, where Psi_i reaches.
        return bool((self.shift > 0).all())


@dataclass(frozen=True, eq=False)
class Exponential(SeparableValuation):
    r""":math:`v(q) = \sum_h w_h (1 - e^{-r_h q_h}) / r_h`, with weight w > 0 and rate r > 0.

    Raises:
        ValueError: shapes disagree, or a weight or rate is not positive.
    """

    weight: FloatArray
    rate: FloatArray

    def __post_init__(self) -> None:
        store_checked(self, positive=("weight", "rate"))

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return (-self.weight * np.expm1(-self.rate * bundles) / self.rate).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        at_less = self.weight / self.rate * np.exp(-self.rate * np.minimum(before, after))
        return (-np.sign(change) * at_less * np.expm1(-self.rate * np.abs(change))).sum(axis=-1)

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        return self.weight * np.exp(-self.rate * bundles)

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return diagonal_matrices(self.rate * self.weight * np.exp(-self.rate * bundles))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(self.weight / prices) / self.rate, 0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return (demand > 0) / (self.rate * prices)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.gradient(limit)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Abatement(SeparableValuation):
    r"""Emission permits: :math:`v(q) = -\sum_h (a_h m_h^3/3 + b_h m_h^2/2)`, :math:`m_h = (r_h - q_h)^+`.

    Holding q permits, a player abates the rest m of its reference emissions r at marginal cost
    :math:`a m^2 + b m`. With a slightly negative b the first :math:`-b/a` units of abatement earn money, and
    v is concave only where :math:`m \ge -b/(2a)`; at every price from zero up the player then abates at
    least :math:`-b/a`, so demand still is a single bundle.

    Raises:
        ValueError: shapes disagree, a is not positive, or the reference is negative.
    """

    a: FloatArray
    b: FloatArray
    reference: FloatArray

    def __post_init__(self) -> None:
        store_checked(self, positive=("a",), nonnegative=("reference",))

    @property
    def satiation(self) -> FloatArray:
        """The least bundle, ``(..., G)``, beyond which further permits are worth nothing."""
        satiation: FloatArray = np.maximum(self.reference + np.minimum(self.b, 0) / self.a, 0)
        return satiation

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        abated = np.maximum(self.reference - bundles, 0)
        cost: FloatArray = ((self.a / 3 * abated + self.b / 2) * abated**2).sum(axis=-1)
        return -cost

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        abated_before = np.maximum(self.reference - before, 0)
        abated_after = np.maximum(self.reference - after, 0)
        # Of the change only what lies short of the reference emissions saves abatement.
        short = (before <= self.reference) & (after <= self.reference)
        saved = np.where(short, change, abated_before - abated_after)
        squares = abated_before**2 + abated_before * abated_after + abated_after**2
        per_unit = self.a / 3 * squares + self.b / 2 * (abated_before + abated_after)
        gain: FloatArray = (saved * per_unit).sum(axis=-1)
        return gain

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        abated = np.maximum(self.reference - bundles, 0)
        return (self.a * abated + self.b) * abated

    @override
    def supergradient(self, bundles: FloatArray) -> FloatArray:
        # Permits that lower the value even from zero on are disposed of.
        return np.maximum(self.gradient(self.dispose(bundles)), 0)

    @override
    def dispose(self, bundles: FloatArray) -> FloatArray:
        kept: FloatArray = np.minimum(bundles, self.satiation)
        return kept

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        abated = np.maximum(self.reference - bundles, 0)
        return diagonal_matrices(np.where(bundles < self.satiation, 2 * self.a * abated + self.b, 0))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        root = np.sqrt(self.b**2 + 4 * self.a * prices)
        # The larger root of a m^2 + b m = p, in the form that does not cancel for the sign of b.
        with np.errstate(divide="ignore", invalid="ignore"):
            abated = np.where(self.b > 0, 2 * prices / (self.b + root), (root - self.b) / (2 * self.a))
        return np.maximum(self.reference - abated, 0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        # The marginal cost rises by 2 a m + b, the root of the equation it solves.
        with np.errstate(divide="ignore"):
            return np.where(demand > 0, 1 / np.sqrt(self.b**2 + 4 * self.a * prices), 0)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        # Marginal cost is least at the smallest abatement, or at its vertex when b is negative.
        vertex = np.maximum(-self.b / (2 * self.a), 0)
        least = np.maximum(np.maximum(self.reference - limit, 0), np.minimum(vertex, self.reference))
        marginal_cost: FloatArray = (self.a * least + self.b) * least
        return marginal_cost

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        least = np.maximum(self.reference - limit, 0)
        return bool((limit < self.reference).all() and (2 * self.a * least + self.b > 0).all())

    @override
    def concave_sum(self, weights: FloatArray) -> bool:
        # Beyond a common satiation everything is flat; short of it the curvature is linear in the abatement.
        least = self.reference - self.satiation
        same_shape = (self.reference == self.reference[0]).all() and np.allclose(least, least[0], rtol=1e-12, atol=0)
        ends = np.stack((least[0], self.reference[0]))
        curvature = 2 * (weights @ self.a) * ends + weights @ self.b
        return bool(same_shape and (curvature >= 0).all())


@dataclass(frozen=True, eq=False)
class Linear(SeparableValuation):
    r""":math:`v(q) = \text{value} \cdot q`, for linear or indivisible exchange; not strictly concave.

    Demand is zero at prices of at least the value and infinite below.
    """

    marginal_value: FloatArray

    def __post_init__(self) -> None:
        store_checked(self)

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return (self.marginal_value * bundles).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        return (self.marginal_value * change).sum(axis=-1)

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        return self.marginal_value + np.zeros_like(bundles)

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return np.zeros((*bundles.shape, bundles.shape[-1]))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        return np.where(prices < self.marginal_value, np.inf, 0.0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        return np.zeros_like(demand)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.marginal_value

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return False
