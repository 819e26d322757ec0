r"""Valuations with a constant elasticity of substitution between goods, :math:`1 / (1 - \rho)`.

Methods follow the conventions of :class:`marketgame.mechanisms.economies.valuation.Valuation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact, exact_power
from marketgame.mechanisms.economies.valuation import Bundle, Valuation, coefficient, log_ratio, power_gain

LEAST_RHO = 1e-6
"""Nearer to 0, where the family becomes one of products, a rounding of the shares is a millionth of all values."""

LARGEST_LOGARITHM = 690.0
"""Of what a unit of every good is worth, in units of the scale: beyond it values are no numbers."""

CLOSE = 0.5
"""Up to such exponents a sum of powers is counted from the sum of its weights."""


@dataclass(frozen=True, eq=False)
class ConstantElasticity(Valuation):
    r"""v(q) = scale (Σ share q^rho)^(degree/rho); substitutes if rho exceeds degree, complements if it is below.

    It is concave, as the sum is of degree one in q before it is raised to a power below 1; nothing is worth nothing.
    With rho above 0 every good is worth something by itself; with rho below 0 nothing is without all of them.

    Raises:
        ValueError: also, rho is nearer to 0 than `LEAST_RHO` or not below 1, degree is not below 1, or shares add up to
            a sum whose power degree/rho is no number.
    """

    name: ClassVar[str] = "ces"

    scale: FloatArray = coefficient("in units of the numeraire", dimensions=0, gt=0)
    share: FloatArray = coefficient("of each good", gt=0)
    rho: FloatArray = coefficient(
        "1 - 1 / elasticity of substitution; below 1, and no nearer to 0 than 1e-6", dimensions=0
    )
    degree: FloatArray = coefficient("returns to scale; below 1", dimensions=0, gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.rho >= 1).any() or (np.abs(self.rho) < LEAST_RHO).any():
            raise ValueError(f"rho is {self.rho.tolist()}; it must be below 1 and at least {LEAST_RHO:g} away from 0")
        if (self.degree >= 1).any():
            raise ValueError(f"degree is {self.degree.tolist()}; it must be below 1")
        if (np.abs(np.log(self.share.sum(axis=-1)) * self.degree / self.rho) > LARGEST_LOGARITHM).any():
            raise ValueError(
                f"share is {self.share.tolist()}; with rho so near to 0 shares must add up to 1, "
                "or values are no numbers"
            )

    @property
    def _rho(self) -> FloatArray:
        """What one number is for all goods stands beside arrays of goods with a dimension more."""
        return self.rho[..., None]

    def _unit(self, bundles: FloatArray) -> FloatArray:
        """Return a quantity, ``(..., 1)``, in which powers of what counts most in bundles are neither huge nor tiny."""
        most = np.where(self._rho > 0, bundles.max(axis=-1, keepdims=True), bundles.min(axis=-1, keepdims=True))
        return np.where(most > 0, most, 1.0)

    def _total(self, bundles: FloatArray) -> FloatArray:
        """Return the sum that is raised to a power, ``(...)``; infinite where rho is below 0 and a good is missing."""
        with np.errstate(divide="ignore", over="ignore"):
            return (self.share * bundles**self._rho).sum(axis=-1)

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        unit = self._unit(bundles)
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            mean = self._logarithm_of_mean(bundles / unit)
            return self.scale * unit[..., 0] ** self.degree * np.exp(self.degree * mean)

    def _logarithm_of_mean(self, bundles: FloatArray) -> FloatArray:
        """Return the logarithm of the sum to the power 1/rho, ``(...)``; minus infinity where that is nothing."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            exponents = self._rho * np.log(bundles)
            far = np.log(self._total(bundles)) / self.rho
            near = _mean_near_one(self.share, self.share.sum(axis=-1) - 1, exponents) / self.rho
        return np.where((np.abs(exponents) < CLOSE).all(axis=-1), near, far)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        unit = self._unit(before)
        low, high = before / unit, after / unit
        start, end = self._total(low), self._total(high)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            gained = (self.share * power_gain(low, high, change / unit, self._rho)).sum(axis=-1)
            known = np.isfinite(start) & np.isfinite(end) & (start > 0) & (end > 0)
            # The end is not start + gained: a sum that all but vanishes would be lost in the rounding of the start.
            exponent = self.degree / self.rho * log_ratio(start, np.where(known, end, start), gained)
            larger = self.value(np.where((exponent > 0)[..., None], after, before))
            near = np.where(exponent == 0, 0, -np.sign(exponent) * larger * np.expm1(-np.abs(exponent)))
        return np.where(known, near, self.value(after) - self.value(before))

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        # By logarithms of shares of the sum, so that neither is lost where a good is scarce.
        worth, parts = self.value(bundles), self._parts(bundles)
        with np.errstate(divide="ignore", invalid="ignore"):
            marginal = (self.degree * worth)[..., None] * parts / bundles
        # The first unit of a good is worth infinitely much: for itself, or for bringing all the others to use.
        return np.where(bundles > 0, np.nan_to_num(marginal, nan=0.0), np.inf)

    def _parts(self, bundles: FloatArray) -> FloatArray:
        """Return the share of each good in the sum, ``(..., G)``."""
        with np.errstate(divide="ignore"):
            logarithms = np.log(self.share) + self._rho * np.log(bundles)
        largest = logarithms.max(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            weights = np.exp(logarithms - largest)
        weights = np.where(np.isfinite(largest), weights, np.isposinf(logarithms))
        return np.asarray(weights / np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny))

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        worth, parts = self.value(bundles), self._parts(bundles)
        with np.errstate(divide="ignore", invalid="ignore"):
            per_unit = parts / bundles
            own = ((1 - self.rho) * self.degree * worth)[..., None] * per_unit / bundles
            cross = ((self.rho - self.degree) * self.degree * worth)[..., None, None]
            return own[..., None] * np.eye(bundles.shape[-1]) + cross * per_unit[..., None] * per_unit[..., None, :]

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        # The cheapest way to one unit of the sum costs the index; parts of what is spent are as in the sum. By
        # logarithms, as quantities may be too large for numbers, and parts too small, where the index is neither.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            elasticity, returns = 1 / (1 - self._rho), 1 / (1 - self.degree[..., None])
            dearness = np.log(np.maximum(prices, 0))
            spent = elasticity * np.log(self.share) + (1 - elasticity) * dearness
            exponents = (1 - elasticity) * dearness
            # Of weights that are shares to the power of the elasticity, by how much more than 1 they add up to.
            weights = self.share**elasticity
            more = (self.share * np.expm1((elasticity - 1) * np.log(self.share))).sum(axis=-1)
            near = _mean_near_one(weights, more + (self.share.sum(axis=-1) - 1), exponents)[..., None]
            far = np.logaddexp.reduce(spent, axis=-1, keepdims=True)
            close = (np.abs(exponents) < CLOSE).all(axis=-1, keepdims=True)
            index = np.where(close, near, far) / (1 - elasticity)
            # Beside a good for nothing substitutes are not wanted, and complements as if it abounded.
            beside = np.where(elasticity == returns, 0.0, (elasticity - returns) * index)
            of_one = returns * np.log(self.scale * self.degree)[..., None]
            bought = np.exp(of_one + beside + elasticity * (np.log(self.share) - dearness))
        return np.where(prices > 0, bought, np.inf)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        # More of any good makes substitutes worth less; complements are worth least where the others are missing.
        whole = self.gradient(limit)
        with np.errstate(divide="ignore", over="ignore"):
            by_itself = (
                (self.scale * self.degree)[..., None]
                * self.share ** (self.degree / self.rho)[..., None]
                * limit ** (self.degree - 1)[..., None]
            )
        least = np.where((self.rho > 0)[..., None], by_itself, 0.0)
        return np.where((self.degree <= self.rho)[..., None], whole, least)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return False  # inside it is, but where nothing is held of a good the slope is not finite

    @override
    def exact_tangent(self, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        scale, rho, degree = exact([float(self.scale), float(self.rho), float(self.degree)])
        shares = exact(self.share)
        if not any(bundle) or (rho < 0 and not all(bundle)):
            # More of what is missing may be worth infinitely much; of the others, without it, nothing.
            return Fraction(0), [None if not quantity or not any(bundle) else Fraction(0) for quantity in bundle]
        total = sum(
            (share * exact_power(quantity, rho) for share, quantity in zip(shares, bundle, strict=True) if quantity),
            Fraction(0),
        )
        outer = scale * degree * exact_power(total, degree / rho - 1)
        gradient = [
            outer * share * exact_power(quantity, rho - 1) if quantity else None
            for share, quantity in zip(shares, bundle, strict=True)
        ]
        return scale * exact_power(total, degree / rho), gradient


def _mean_near_one(weights: FloatArray, more: FloatArray, exponents: FloatArray) -> FloatArray:
    """Return the logarithm of a weighted sum of exponentials near one, ``(...)``, where weights add up to 1 + more.

    Nothing of small exponents is lost in the rounding of the sum.
    """
    grown = (weights * np.expm1(exponents)).sum(axis=-1) / (1 + more)
    return np.asarray(np.log1p(more) + np.log1p(grown))
