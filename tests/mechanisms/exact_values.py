"""Differences of values in decimal arithmetic of 80 digits, written from the formulas and not from the code.

A family without a formula here is evaluated by its own, in rational numbers.

Every answer comes with the size of the terms whose sum it is: what floating point may round is in proportion to that.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact
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

DIGITS = 80


def exact_gain(valuation: Valuation, before: FloatArray, after: FloatArray) -> tuple[float, float]:
    """Return v(after) - v(before) and the size of its terms, for one valuation and bundles ``(G,)``."""
    with localcontext() as context:
        context.prec = DIGITS
        starts, ends = ([Decimal(float(quantity)) for quantity in bundle] for bundle in (before, after))
        if isinstance(valuation, Quadratic):
            gain, size = _quadratic(valuation, starts, ends)
        elif type(valuation) not in FORMULAS:
            worth = valuation.exact_value(exact(after)) - valuation.exact_value(exact(before))
            gain = Decimal(worth.numerator) / worth.denominator
            size = abs(gain)
        else:
            parameters = [
                [Decimal(float(entry)) for entry in getattr(valuation, name)] for name in valuation.parameter_names()
            ]
            parts = [
                FORMULAS[type(valuation)](start, end, *own)
                for start, end, *own in zip(starts, ends, *parameters, strict=True)
            ]
            gain = sum((part for part, _ in parts), Decimal(0))
            size = sum((part for _, part in parts), Decimal(0))
        return float(gain), float(size)


def _quadratic(valuation: Quadratic, starts: list[Decimal], ends: list[Decimal]) -> tuple[Decimal, Decimal]:
    gain = size = Decimal(0)
    for good, intercept in enumerate(valuation.intercept):
        change = ends[good] - starts[good]
        gain += Decimal(float(intercept)) * change
        size += abs(Decimal(float(intercept)) * change)
        for other, slope in enumerate(valuation.slope[good]):
            halfway = Decimal(float(slope)) * (ends[other] + starts[other]) / 2 * change
            gain -= halfway
            size += abs(halfway)
    return gain, size


def _diagonal(start: Decimal, end: Decimal, intercept: Decimal, slope: Decimal) -> tuple[Decimal, Decimal]:
    terms = intercept * (end - start), slope * (end * end - start * start) / 2
    return terms[0] - terms[1], abs(terms[0]) + abs(terms[1])


def _logarithmic(start: Decimal, end: Decimal, weight: Decimal, shift: Decimal) -> tuple[Decimal, Decimal]:
    gain = weight * ((shift + end) / (shift + start)).ln()
    return gain, abs(gain)


def _power(start: Decimal, end: Decimal, weight: Decimal, shift: Decimal, gamma: Decimal) -> tuple[Decimal, Decimal]:
    def power(base: Decimal) -> Decimal:
        return (base.ln() * (1 - gamma)).exp() if base else Decimal(0)

    gain = weight * (power(shift + end) - power(shift + start)) / (1 - gamma)
    return gain, abs(gain)


def _exponential(start: Decimal, end: Decimal, weight: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
    gain = weight * ((-rate * start).exp() - (-rate * end).exp()) / rate
    # The rounding of r q alone changes e^(-r q) by that much.
    return gain, abs(gain) * (1 + rate * min(start, end))


def _abatement(
    start: Decimal, end: Decimal, a: Decimal, b: Decimal, reference: Decimal, intercept: Decimal
) -> tuple[Decimal, Decimal]:
    before, after = max(reference - start, Decimal(0)), max(reference - end, Decimal(0))
    terms = a / 3 * (before**3 - after**3), b / 2 * (before**2 - after**2), intercept * (before - after)
    return sum(terms, Decimal(0)), sum(map(abs, terms), Decimal(0))


def _linear(start: Decimal, end: Decimal, value: Decimal) -> tuple[Decimal, Decimal]:
    return value * (end - start), abs(value * (end - start))


FORMULAS: dict[type[Valuation], Callable[..., tuple[Decimal, Decimal]]] = {
    DiagonalQuadratic: _diagonal,
    Logarithmic: _logarithmic,
    Power: _power,
    Exponential: _exponential,
    Abatement: _abatement,
    Linear: _linear,
}
