"""How an amount becomes the strength of a mark, and the amounts that a legend shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from marketgame.results.figures.style import round_number_below

# Amounts further apart than this would leave the smaller ones invisible on a linear scale.
LARGEST_LINEAR_RATIO: Final = 100.0


@dataclass(frozen=True)
class StrengthScale:
    """Maps positive amounts to [0, 1]: linear from zero, or logarithmic when they are far apart.

    Attributes:
        smallest: the smallest amount shown.
        largest: the largest amount shown.
        logarithmic: whether the amounts are too far apart for a linear scale.
    """

    smallest: float
    largest: float
    logarithmic: bool

    @classmethod
    def over(cls, amounts: Sequence[float]) -> Self:
        """Return the scale for these positive amounts, at least one."""
        # A fifth of the amounts may be lost from sight before the scale is bent.
        low = np.quantile(amounts, 0.2, method="lower")
        return cls(min(amounts), max(amounts), bool(max(amounts) > LARGEST_LINEAR_RATIO * low))

    def strength(self, amount: float) -> float:
        """Return how strongly to mark an amount, from 0 to 1."""
        if not self.logarithmic:
            return amount / self.largest
        return float(np.log(amount / self.smallest) / np.log(self.largest / self.smallest))

    def samples(self) -> list[float]:
        """Return up to three round amounts within the scale, in increasing order."""
        if self.logarithmic:
            between = [self.smallest * (self.largest / self.smallest) ** share for share in (0.15, 0.5, 1.0)]
        else:
            between = [self.largest * share for share in (0.25, 0.5, 1.0)]
        return sorted({round_number_below(amount) for amount in between})
