r"""Values and marginal values by the formulas of the families, in rational numbers.

A family that is not known here is evaluated by its own methods, in floating point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from marketgame.mechanisms.economies.economy import PlayerType
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    DiagonalQuadratic,
    Exponential,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
)

type Bundle = Sequence[Fraction]
"""Quantities of the goods, units; with or without the numeraire, which then is last."""

DIGITS = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[], Emin=-5000, Emax=5000)


def exact(numbers: Iterable[float]) -> list[Fraction]:
    """Return floating-point numbers as the rational numbers that they are."""
    return [Fraction(float(number)) for number in numbers]


def utility(kind: PlayerType, bundle: Bundle) -> Fraction:
    """Return what a type enjoys of a bundle ``(L,)``, numeraire."""
    return value(kind.valuation, bundle[:-1]) + bundle[-1]


def value(valuation: Valuation, bundle: Bundle) -> Fraction:
    """Return v(q), numeraire, of a bundle ``(G,)``."""
    known = FORMULAS.get(type(valuation))
    if known is None:
        return Fraction(float(valuation.value(np.array([float(quantity) for quantity in bundle]))))
    return known.value(valuation, bundle)


def tangent(valuation: Valuation, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
    r"""Return value and gradient at a bundle of a concave function that is at least v everywhere.

    It is v itself where v is concave, and what v becomes if goods may be thrown away where it is not.

    Returns:
        The value, numeraire, and the marginal values, ``(G,)``, numeraire per unit; none where they are infinite. By
        concavity :math:`v(q) \le \text{value} + \text{gradient} \cdot (q - \text{bundle})` for all
        :math:`q \ge 0`.
    """
    known = FORMULAS.get(type(valuation))
    if known is None:
        point = np.array([float(quantity) for quantity in bundle])
        gradient = valuation.supergradient(point)
        marginal = [Fraction(float(one)) if np.isfinite(one) else None for one in gradient]
        return Fraction(float(valuation.value(valuation.dispose(point)))), marginal
    return known.tangent(valuation, bundle)


class Formula(Protocol):
    """A family of valuations as its formula says."""

    def value(self, valuation: Any, bundle: Bundle) -> Fraction:
        """Return v(q)."""

    def tangent(self, valuation: Any, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        """Return value and gradient of a concave function that is nowhere below v."""


@dataclass(frozen=True)
class GoodByGood:
    """A family that values goods one by one.

    Attributes:
        term: from the parameters of a good and its quantity to its value and its marginal value, none if infinite.
        kept: from the same to the quantity that is worth keeping.
    """

    term: Callable[..., tuple[Fraction, Fraction | None]]
    kept: Callable[..., Fraction] | None = None

    def value(self, valuation: Valuation, bundle: Bundle) -> Fraction:
        """Return v(q)."""
        return sum((self.term(*own, quantity)[0] for *own, quantity in self._goods(valuation, bundle)), Fraction(0))

    def tangent(self, valuation: Valuation, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        """Return value and gradient of a concave function that is nowhere below v."""
        total, gradient = Fraction(0), list[Fraction | None]()
        for *own, quantity in self._goods(valuation, bundle):
            kept = quantity if self.kept is None else min(quantity, self.kept(*own))
            worth, marginal = self.term(*own, kept)
            total += worth
            gradient.append(
                marginal if kept == quantity and (self.kept is None or kept < self.kept(*own)) else Fraction(0)
            )
        return total, gradient

    def _goods(self, valuation: Valuation, bundle: Bundle) -> Iterable[tuple[Fraction, ...]]:
        return zip(*(exact(getattr(valuation, field.name)) for field in fields(valuation)), bundle, strict=True)


class Together:
    """The quadratic family, whose goods may enter together."""

    def value(self, valuation: Quadratic, bundle: Bundle) -> Fraction:
        """Return v(q)."""
        return self.tangent(valuation, bundle)[0]

    def tangent(self, valuation: Quadratic, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        """Return v(q) and its gradient; v is concave."""
        worth, gradient = Fraction(0), list[Fraction | None]()
        for intercept, row, quantity in zip(exact(valuation.intercept), valuation.slope, bundle, strict=True):
            fall = sum((slope * other for slope, other in zip(exact(row), bundle, strict=True)), Fraction(0))
            worth += (intercept - fall / 2) * quantity
            gradient.append(intercept - fall)
        return worth, gradient


def _quadratic(intercept: Fraction, slope: Fraction, quantity: Fraction) -> tuple[Fraction, Fraction]:
    return (intercept - slope * quantity / 2) * quantity, intercept - slope * quantity


def _logarithmic(weight: Fraction, shift: Fraction, quantity: Fraction) -> tuple[Fraction, Fraction]:
    return weight * _log(shift + quantity), weight / (shift + quantity)


def _power_family(
    weight: Fraction, shift: Fraction, gamma: Fraction, quantity: Fraction
) -> tuple[Fraction, Fraction | None]:
    held = shift + quantity
    worth = weight * (_power(held, 1 - gamma) - _power(shift, 1 - gamma)) / (1 - gamma)
    return worth, weight * _power(held, -gamma) if held else None


def _exponential(weight: Fraction, rate: Fraction, quantity: Fraction) -> tuple[Fraction, Fraction]:
    left = _exp(-rate * quantity)
    return weight * (1 - left) / rate, weight * left


def _abatement(a: Fraction, b: Fraction, reference: Fraction, quantity: Fraction) -> tuple[Fraction, Fraction]:
    abated = max(reference - quantity, Fraction(0))
    return -(a * abated / 3 + b / 2) * abated**2, (a * abated + b) * abated


def _permits_kept(a: Fraction, b: Fraction, reference: Fraction) -> Fraction:
    return max(reference + min(b, Fraction(0)) / a, Fraction(0))


def _linear(worth: Fraction, quantity: Fraction) -> tuple[Fraction, Fraction]:
    return worth * quantity, worth


FORMULAS: dict[type[Valuation], Formula] = {
    Quadratic: Together(),
    DiagonalQuadratic: GoodByGood(_quadratic),
    Logarithmic: GoodByGood(_logarithmic),
    Power: GoodByGood(_power_family),
    Exponential: GoodByGood(_exponential),
    Abatement: GoodByGood(_abatement, _permits_kept),
    Linear: GoodByGood(_linear),
}


def _decimal(number: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))


def _log(number: Fraction) -> Fraction:
    return Fraction(DIGITS.ln(_decimal(number)))


def _exp(number: Fraction) -> Fraction:
    return Fraction(DIGITS.exp(_decimal(number)))


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return a positive power of 0, or any power of a positive number."""
    return Fraction(DIGITS.power(_decimal(base), _decimal(exponent))) if base else Fraction(0)
