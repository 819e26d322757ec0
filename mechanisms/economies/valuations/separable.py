r"""The families of valuations that value goods one by one.

Each class states its formula, twice: in floating point for whatever searches, in rational numbers for whatever checks.
Every method follows the conventions of :class:`marketgame.mechanisms.economies.valuation.Valuation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact_exponential, exact_logarithm, exact_power
from marketgame.mechanisms.economies.valuation import (
    SeparableValuation,
    Valuation,
    coefficient,
    diagonal_matrices,
    log_ratio,
    power_gain,
)


@dataclass(frozen=True, eq=False)
class Logarithmic(SeparableValuation):
    """v(q) = Σ weight log(shift + q)."""

    name: ClassVar[str] = "logarithmic"

    weight: FloatArray = coefficient("in units of the numeraire", gt=0)
    shift: FloatArray = coefficient("in units of the good", gt=0)

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction]:
        weight, shift = self.exact_parameters(good)
        return weight * exact_logarithm(shift + quantity), weight / (shift + quantity)

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
    """v(q) = Σ weight ((shift + q)^(1-gamma) - shift^(1-gamma)) / (1-gamma).

    Raises:
        ValueError: also, gamma is 1; or gamma exceeds 1 where shift is 0, which makes v(0) undefined.
    """

    name: ClassVar[str] = "power"

    weight: FloatArray = coefficient("the marginal value where shift + q is 1, in numeraire per unit", gt=0)
    shift: FloatArray = coefficient("in units of the good; must exceed 0 where gamma exceeds 1", ge=0)
    gamma: FloatArray = coefficient("curvature, not 1 (use logarithmic)", gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.gamma == 1).any():
            raise ValueError(f"gamma is {self.gamma.tolist()}; 1 is the logarithmic family")
        if ((self.gamma > 1) & (self.shift == 0)).any():
            raise ValueError(f"shift is {self.shift.tolist()}; it must be greater than 0 where gamma exceeds 1")

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction | None]:
        weight, shift, gamma = self.exact_parameters(good)
        held = shift + quantity
        worth = weight * (exact_power(held, 1 - gamma) - exact_power(shift, 1 - gamma)) / (1 - gamma)
        return worth, weight * exact_power(held, -gamma) if held else None

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        power = 1 - self.gamma
        gain = (self.shift + bundles) ** power - self.shift**power
        return (self.weight * gain / power).sum(axis=-1)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        power = 1 - self.gamma
        return (self.weight * power_gain(self.shift + before, self.shift + after, change, power) / power).sum(axis=-1)

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
    """v(q) = Σ weight (1 - exp(-rate q)) / rate."""

    name: ClassVar[str] = "exponential"

    weight: FloatArray = coefficient("marginal values at zero, in numeraire per unit", gt=0)
    rate: FloatArray = coefficient("by which marginal values fall, per unit of the good", gt=0)

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction]:
        weight, rate = self.exact_parameters(good)
        left = exact_exponential(-rate * quantity)
        return weight * (1 - left) / rate, weight * left

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
    r"""v(q) = -Σ (a m³/3 + b m²/2 + intercept m), m = max(reference - q, 0): permits save abatement.

    Holding q permits, a player abates the rest m of its reference emissions at marginal cost
    :math:`a m^2 + b m + c`, c being the intercept. Where that is above 0, so is the cost of the first unit of
    abatement, and the value of permits has a kink at the reference: any price from 0 to c leaves a player there. With a
    slightly negative b the first :math:`-b/a` units of abatement earn money, and v is concave only where
    :math:`m \ge -b/(2a)`; at every price from zero up the player then abates at least :math:`-b/a`, so demand still is
    a single bundle.

    Raises:
        ValueError: also, b is below 0 where there is an intercept.
    """

    name: ClassVar[str] = "abatement"

    a: FloatArray = coefficient("marginal cost of abating m is a m² + b m; numeraire per unit cubed", gt=0)
    b: FloatArray = coefficient("numeraire per unit squared; slightly below 0 is accepted with a warning")
    reference: FloatArray = coefficient("emissions without abatement, in units of the good", ge=0)
    intercept: FloatArray = coefficient(
        "the marginal cost of the first unit of abatement, in numeraire per unit", default=0.0, ge=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if ((self.b < 0) & (self.intercept > 0)).any():
            raise ValueError(f"b is {self.b.tolist()}; it must be at least 0 where there is an intercept")

    @property
    @override
    def kinked(self) -> bool:
        return bool((self.intercept > 0).any())

    @override
    def pieces(self) -> list[tuple[Valuation, FloatArray]]:
        caps = np.where(self.intercept > 0, self.reference, np.inf)
        return [(_ShortOfTheReference(self.a, self.b, self.reference, self.intercept) if self.kinked else self, caps)]

    @override
    def remark(self) -> str:
        if not (self.b < 0).any():
            return ""
        return (
            f"b is {self.b.tolist()}; below 0, the first units of abatement earn money and the valuation is not "
            "concave there (the benchmark stays exact)"
        )

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction]:
        a, b, reference, intercept = self.exact_parameters(good)
        abated = max(reference - quantity, Fraction(0))
        first = intercept if abated else Fraction(0)
        return -((a * abated / 3 + b / 2) * abated + intercept) * abated, (a * abated + b) * abated + first

    @override
    def exact_satiation(self, good: int) -> Fraction:
        a, b, reference, _ = self.exact_parameters(good)
        return max(reference + min(b, Fraction(0)) / a, Fraction(0))

    @override
    def exact_kinks(self, good: int) -> list[tuple[Fraction, Fraction, Fraction | None]]:
        _, _, reference, intercept = self.exact_parameters(good)
        return [(reference, Fraction(0), intercept)] if intercept else []

    @property
    def satiation(self) -> FloatArray:
        """The least bundle, ``(..., G)``, beyond which further permits are worth nothing."""
        satiation: FloatArray = np.maximum(self.reference + np.minimum(self.b, 0) / self.a, 0)
        return satiation

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        abated = np.maximum(self.reference - bundles, 0)
        cost: FloatArray = ((self.a / 3 * abated + self.b / 2) * abated**2 + self.intercept * abated).sum(axis=-1)
        return -cost

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        abated_before = np.maximum(self.reference - before, 0)
        abated_after = np.maximum(self.reference - after, 0)
        # Of the change only what lies short of the reference emissions saves abatement.
        short = (before <= self.reference) & (after <= self.reference)
        saved = np.where(short, change, abated_before - abated_after)
        squares = abated_before**2 + abated_before * abated_after + abated_after**2
        per_unit = self.a / 3 * squares + self.b / 2 * (abated_before + abated_after) + self.intercept
        gain: FloatArray = (saved * per_unit).sum(axis=-1)
        return gain

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        abated = np.maximum(self.reference - bundles, 0)
        marginal: FloatArray = (self.a * abated + self.b) * abated + self.intercept * (abated > 0)
        return marginal

    @override
    def last_unit(self, bundles: FloatArray) -> FloatArray:
        # The last permit before the reference is reached saves what the first unit of abatement costs.
        last: FloatArray = self.supergradient(bundles) + self.intercept * (bundles == self.reference)
        return last

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
        above = np.maximum(prices - self.intercept, 0)
        root = np.sqrt(self.b**2 + 4 * self.a * above)
        # The larger root of a m^2 + b m + c = p, in the form that does not cancel for the sign of b.
        with np.errstate(divide="ignore", invalid="ignore"):
            abated = np.where(self.b > 0, 2 * above / (self.b + root), (root - self.b) / (2 * self.a))
        return np.maximum(self.reference - abated, 0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        # The marginal cost rises by 2 a m + b, the root of the equation it solves.
        above = prices - self.intercept
        with np.errstate(divide="ignore"):
            slope = 1 / np.sqrt(self.b**2 + 4 * self.a * np.maximum(above, 0))
        return np.where((demand > 0) & ((above > 0) | (self.intercept == 0)), slope, 0)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        # Marginal cost is least at the smallest abatement, or at its vertex when b is negative.
        vertex = np.maximum(-self.b / (2 * self.a), 0)
        least = np.maximum(np.maximum(self.reference - limit, 0), np.minimum(vertex, self.reference))
        marginal_cost: FloatArray = (self.a * least + self.b) * least + self.intercept * (least > 0)
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
        kink = weights @ self.intercept  # at the reference, where there is one
        return bool(same_shape and (curvature >= 0).all() and (kink >= 0).all())


@dataclass(frozen=True, eq=False)
class _ShortOfTheReference(Abatement):
    """The same of permits up to the reference emissions, where there is an intercept: what the last one is worth."""

    @override
    def supergradient(self, bundles: FloatArray) -> FloatArray:
        return super().supergradient(bundles) + np.where(bundles >= self.reference, self.intercept, 0)


@dataclass(frozen=True, eq=False)
class Linear(SeparableValuation):
    """v(q) = value·q; not strictly concave: outside Assumption 1.

    It is for linear or indivisible exchange. Demand is zero at prices of at least the value and infinite below.
    """

    name: ClassVar[str] = "linear"

    marginal_value: FloatArray = coefficient("marginal values, in numeraire per unit", key="value")

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction]:
        (worth,) = self.exact_parameters(good)
        return worth * quantity, worth

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
