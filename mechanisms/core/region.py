"""Parts of the core's relaxation, and how they are divided until nothing is left open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from marketgame.mechanisms.arrays import FloatArray


class Cut(Enum):
    """What tells the two parts of a divided region apart."""

    MULTIPLIER_OR_SLACK = "a multiplier is zero, or its incentive constraint binds"
    WEIGHT_OR_SEVERANCE = "a type's weight is zero, or its severance"
    STAKES = "a difference of stakes is at most a number, or at least"
    MULTIPLIER = "a multiplier is at most a number, or at least"


@dataclass(frozen=True)
class Division:
    """One way to divide a region in two.

    Attributes:
        cut: what is distinguished.
        index: pair of types, or type, it is about.
        point: where an interval is cut, in units of money or of probability; unused otherwise.
    """

    cut: Cut
    index: int
    point: float = 0.0


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the core's candidates.

    Attributes:
        without_multiplier: pairs whose multiplier is zero.
        without_slack: pairs whose incentive constraint binds.
        without_weight: types whose weight is zero.
        without_severance: types without severance.
        differences: least and largest difference of stakes, told type's less true type's, of each pair, in
            money, ``(2, J)``.
        multipliers: least and largest multiplier of each pair, ``(2, J)``.
    """

    without_multiplier: frozenset[int] = field(default_factory=frozenset)
    without_slack: frozenset[int] = field(default_factory=frozenset)
    without_weight: frozenset[int] = field(default_factory=frozenset)
    without_severance: frozenset[int] = field(default_factory=frozenset)
    differences: FloatArray = field(default_factory=lambda: np.zeros((2, 0)))
    multipliers: FloatArray = field(default_factory=lambda: np.zeros((2, 0)))

    def divided(self, division: Division) -> tuple[Region, Region]:
        """Return the two parts, which together hold every core allocation of the region."""
        one = frozenset({division.index})
        match division.cut:
            case Cut.MULTIPLIER_OR_SLACK:
                return (
                    replace(self, without_multiplier=self.without_multiplier | one),
                    replace(self, without_slack=self.without_slack | one),
                )
            case Cut.WEIGHT_OR_SEVERANCE:
                return (
                    replace(self, without_weight=self.without_weight | one),
                    replace(self, without_severance=self.without_severance | one),
                )
            case Cut.STAKES:
                low, high = _halves(self.differences, division)
                return replace(self, differences=low), replace(self, differences=high)
            case Cut.MULTIPLIER:
                low, high = _halves(self.multipliers, division)
                return replace(self, multipliers=low), replace(self, multipliers=high)


def _halves(intervals: FloatArray, division: Division) -> tuple[FloatArray, FloatArray]:
    """Return the intervals with one of them cut down to its lower and to its upper part."""
    lower, upper = intervals.copy(), intervals.copy()
    lower[1, division.index] = upper[0, division.index] = division.point
    return lower, upper
