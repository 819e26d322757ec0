"""Rational numbers for formulas: floating-point numbers as what they are, functions to 60 digits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

DIGITS = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[], Emin=-5000, Emax=5000)


def exact(numbers: Iterable[float]) -> list[Fraction]:
    """Return floating-point numbers as the rational numbers that they are."""
    return [Fraction(float(number)) for number in numbers]


def exact_logarithm(number: Fraction) -> Fraction:
    """Return the natural logarithm of a positive number, to 60 digits."""
    return Fraction(DIGITS.ln(_decimal(number)))


def exact_exponential(number: Fraction) -> Fraction:
    """Return e to the power of a number, to 60 digits."""
    return Fraction(DIGITS.exp(_decimal(number)))


def exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return a positive power of 0, or any power of a positive number, to 60 digits."""
    return Fraction(DIGITS.power(_decimal(base), _decimal(exponent))) if base else Fraction(0)


def _decimal(number: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))
