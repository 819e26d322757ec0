r"""Quadratic valuations, in which goods may be substitutes or complements.

Methods follow the conventions of :class:`marketgame.mechanisms.economies.valuation.Valuation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from itertools import product
from typing import ClassVar, override

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import (
    Bundle,
    SeparableValuation,
    Valuation,
    coefficient,
    diagonal_matrices,
)

# A matrix entered by hand is symmetric when it is so to the rounding of its decimals.
SYMMETRY_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Quadratic(Valuation):
    """v(q) = intercept·q - ½ q·slope·q.

    Raises:
        ValueError: also, a slope is not symmetric positive definite.
    """

    name: ClassVar[str] = "quadratic"

    intercept: FloatArray = coefficient("marginal values at zero, in numeraire per unit")
    slope: FloatArray = coefficient(
        "symmetric, positive definite; above 0 off the diagonal for substitutes, below for complements", dimensions=2
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        slope = self.slope
        # In units of the goods in which every own slope is one, symmetry and definiteness do not depend on units.
        own = np.diagonal(slope, axis1=-2, axis2=-1)
        if not (own > 0).all():
            raise ValueError(f"slope is {slope.tolist()}; it must be positive definite")
        alike = slope / np.sqrt(own[..., :, None]) / np.sqrt(own[..., None, :])
        if (np.abs(alike - np.swapaxes(alike, -1, -2)) > SYMMETRY_TOLERANCE).any():
            raise ValueError(f"slope is {slope.tolist()}; it must be symmetric")
        if (np.linalg.eigvalsh(alike)[..., 0] <= SYMMETRY_TOLERANCE).any():
            raise ValueError(f"slope is {slope.tolist()}; it must be positive definite")

    @override
    def exact_tangent(self, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        worth, gradient = Fraction(0), list[Fraction | None]()
        for intercept, row, quantity in zip(exact(self.intercept), self.slope, bundle, strict=True):
            fall = sum((slope * other for slope, other in zip(exact(row), bundle, strict=True)), Fraction(0))
            worth += (intercept - fall / 2) * quantity
            gradient.append(intercept - fall)
        return worth, gradient

    @property
    @override
    def separable(self) -> bool:
        return bool((self.slope * (1 - np.eye(self.goods)) == 0).all())

    @override
    def simplified(self) -> Valuation:
        return self._simplified

    @cached_property
    def _simplified(self) -> Valuation:
        own_slope = np.diagonal(self.slope, axis1=-2, axis2=-1)
        return DiagonalQuadratic(self.intercept, own_slope) if self.separable else self

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return ((self.intercept - 0.5 * self._slope_times(bundles)) * bundles).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        # A quadratic changes by its gradient half-way times the change.
        return (self.gradient(0.5 * before + 0.5 * after) * change).sum(axis=-1)

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        return self.intercept - self._slope_times(bundles)

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return np.broadcast_to(self.slope, (*bundles.shape, bundles.shape[-1]))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        return quadratic_demand(self.intercept - prices, self.slope)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.intercept - np.maximum(self.slope, 0) @ limit

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return True

    @override
    def concave_sum(self, weights: FloatArray) -> bool:
        # Likewise in units of the goods in which the largest own slope is one.
        unit = np.sqrt(np.diagonal(self.slope, axis1=-2, axis2=-1).max(axis=0))
        slope = np.tensordot(weights, self.slope, axes=1) / unit[:, None] / unit
        return bool(np.linalg.eigvalsh(slope)[0] >= -SYMMETRY_TOLERANCE * np.abs(weights).max())

    def _slope_times(self, bundles: FloatArray) -> FloatArray:
        return (self.slope @ bundles[..., None])[..., 0]


@dataclass(frozen=True, eq=False)
class DiagonalQuadratic(SeparableValuation):
    """v(q) = Σ (intercept q - ½ slope q²): the quadratic family where goods are neither substitutes nor complements."""

    intercept: FloatArray = coefficient("marginal values at zero, in numeraire per unit")
    slope: FloatArray = coefficient("by which marginal values fall, in numeraire per unit squared", gt=0)

    @property
    @override
    def listed(self) -> Quadratic:
        return Quadratic(self.intercept, diagonal_matrices(self.slope))

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction]:
        intercept, slope = self.exact_parameters(good)
        return (intercept - slope * quantity / 2) * quantity, intercept - slope * quantity

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return ((self.intercept - 0.5 * self.slope * bundles) * bundles).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        # A quadratic changes by its gradient half-way times the change.
        return (self.gradient(0.5 * before + 0.5 * after) * change).sum(axis=-1)

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        return self.intercept - self.slope * bundles

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return diagonal_matrices(np.broadcast_to(self.slope, bundles.shape))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        return np.maximum((self.intercept - prices) / self.slope, 0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        return (demand > 0) / self.slope

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.gradient(limit)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return True

    @override
    def concave_sum(self, weights: FloatArray) -> bool:
        return bool((weights @ self.slope >= 0).all())


# Up to this many goods, trying all 2^G sets of goods bought is faster than one bundle at a time.
MOST_GOODS_ENUMERATED = 6


def quadratic_demand(net_intercept: FloatArray, slope: FloatArray) -> FloatArray:
    r"""Return the bundle that maximises :math:`c \cdot q - \tfrac12 q^\top S q` over nonnegative bundles.

    The maximiser is unique because S is positive definite. With few goods every set of goods bought is tried at
    once for a whole batch; with many, the problem is a nonnegative least-squares problem solved bundle by bundle.

    Args:
        net_intercept: marginal value at zero less price, ``(..., G)``, numeraire per unit.
        slope: symmetric positive definite, ``(..., G, G)``, numeraire per unit squared.

    Returns:
        The bundle demanded, ``(..., G)``, units of each good.
    """
    goods = net_intercept.shape[-1]
    batch = np.broadcast_shapes(net_intercept.shape[:-1], slope.shape[:-2])
    intercepts = np.broadcast_to(net_intercept, (*batch, goods)).reshape(-1, goods)
    slopes = np.broadcast_to(slope, (*batch, goods, goods)).reshape(-1, goods, goods)
    off_diagonal = slopes * (1 - np.eye(goods))
    if not off_diagonal.any():
        demand = np.maximum(intercepts / np.diagonal(slopes, axis1=-2, axis2=-1), 0)
    elif goods <= MOST_GOODS_ENUMERATED:
        demand = _best_over_supports(intercepts, slopes)
    else:
        demand = np.array([_least_squares(c, s) for c, s in zip(intercepts, slopes, strict=True)])
    return demand.reshape(*batch, goods)


def _best_over_supports(intercepts: FloatArray, slopes: FloatArray) -> FloatArray:
    """Solve the first-order conditions for every set of goods bought and keep the best nonnegative bundle."""
    goods = intercepts.shape[-1]
    best = np.zeros_like(intercepts)
    best_surplus = np.zeros(len(intercepts))
    for chosen in product((False, True), repeat=goods):
        support: BooleanArray = np.array(chosen)
        if not support.any():
            continue
        bundle = np.zeros_like(intercepts)
        restricted = slopes[:, support][:, :, support]
        bundle[:, support] = np.linalg.solve(restricted, intercepts[:, support, None])[..., 0]
        surplus = 0.5 * (intercepts * bundle).sum(axis=-1)
        better = (bundle >= 0).all(axis=-1) & (surplus > best_surplus)
        best[better] = bundle[better]
        best_surplus[better] = surplus[better]
    return best


def _least_squares(intercept: FloatArray, slope: FloatArray) -> FloatArray:
    r"""Write the problem as :math:`\min_{q \ge 0} |R q - R^{-\top} c|` with :math:`S = R^\top R`."""
    root = np.linalg.cholesky(slope).T
    target = np.linalg.solve(root.T, intercept)
    # SciPy's optimisers take longer to load than most commands to run, and only markets of many goods need them.
    solution: FloatArray = import_module("scipy.optimize").nnls(root, target)[0]
    return solution
