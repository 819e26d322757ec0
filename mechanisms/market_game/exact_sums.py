r"""Sums of many numbers without rounding errors, for questions that rounding must not answer.

Adding two floating-point numbers leaves an error that is itself a floating-point number, and so does multiplying two
[Knuth; Dekker]. Adding in a tree and keeping every error therefore replaces T numbers by one sum and T - 1 errors of
the same total. Done twice, what is left is smaller than the terms by two precisions; its plain sum and the bound on its
own error decide nearly every case, and rationals the few others.

Sources:
    Dekker (1971), A floating-point technique for extending the available precision; Ogita, Rump and Oishi (2005),
    Accurate sum and dot product.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.arrays import (
    BooleanArray,
    FloatArray,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_PRECISION = float(np.finfo(np.float64).eps)
# Splits a number into halves of 26 digits, whose products are exact.
_SPLITTER = 2.0**27 + 1.0
# Between these magnitudes neither the product of two numbers nor its error overflows or underflows.
LEAST_FACTOR, LARGEST_FACTOR = 1e-130, 1e130


def two_sum(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded sum of two arrays and its error, which add up to it exactly."""
    total = first + second
    rest = total - first
    return total, (first - (total - rest)) + (second - rest)


def two_product(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded product and its error, exact for factors that are zero or within the limits above."""
    product = first * second
    high, low = _halves(first)
    other_high, other_low = _halves(second)
    error = low * other_low - (((product - high * other_high) - low * other_high) - high * other_low)
    return product, error


def _halves(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    large = _SPLITTER * values
    high = large - (large - values)
    return high, values - high


def tame(values: FloatArray) -> BooleanArray:
    """Return whether numbers are zero or so far from overflow and underflow that products of two are exact."""
    sizes = np.abs(values)
    harmless: BooleanArray = (sizes == 0.0) | ((sizes >= LEAST_FACTOR) & (sizes <= LARGEST_FACTOR))
    return harmless


def accurate_sum(terms: FloatArray) -> tuple[FloatArray, BooleanArray]:
    """Return sums over the first dimension, and whether they are certain.

    A certain sum is one of the two numbers next to the exact one, and the exact one where floating point holds it; so
    its sign is right. Terms must not overflow when added.

    Args:
        terms: ``(T, ...)``.

    Returns:
        Sums and certainty, ``(...)`` each.
    """
    first, errors = _distilled(terms)
    second, errors = _distilled(errors)
    third = errors.sum(axis=0)
    doubt = len(terms) * _PRECISION * np.abs(errors).sum(axis=0)
    high, low = two_sum(first, second)
    rest = low + third
    total = high + rest
    allowed = _PRECISION / 8 * np.abs(total)
    certain = (doubt == 0.0) | (2.0 * doubt + _PRECISION / 2 * np.where(low == 0.0, 0.0, np.abs(rest)) <= allowed)
    return total, certain


def _distilled(terms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded sum over the first dimension, and errors ``(T - 1, ...)`` that make it exact."""
    errors = [np.zeros((1, *terms.shape[1:]))]
    while len(terms) > 1:
        half = len(terms) // 2
        total, error = two_sum(terms[:half], terms[half : 2 * half])
        errors.append(error)
        terms = np.concatenate((total, terms[2 * half :])) if len(terms) % 2 else total
    return terms[0], np.concatenate(errors)


def rounded_up(terms: FloatArray) -> tuple[FloatArray, BooleanArray]:
    """Return the least numbers that are not below the exact sums over the first dimension, and whether it is certain.

    Args:
        terms: ``(T, ...)``.

    Returns:
        Sums and certainty, ``(...)`` each.
    """
    total, certain = accurate_sum(terms)
    excess, sure = accurate_sum(np.concatenate((terms, -total[np.newaxis])))
    return np.where(excess > 0.0, np.nextafter(total, np.inf), total), certain & sure


def nearest_float(exact: Fraction) -> float:
    """Return the number nearest to a rational; infinity beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")


def float_not_below(exact: Fraction) -> float:
    """Return the least number that is not below a rational."""
    nearest = nearest_float(exact)
    below = nearest != float("inf") and (nearest == float("-inf") or Fraction(nearest) < exact)
    return float(np.nextafter(nearest, np.inf)) if below else nearest


def rationals(values: Iterable[float]) -> list[Fraction]:
    """Return numbers as rationals."""
    return [Fraction(value) for value in values]
