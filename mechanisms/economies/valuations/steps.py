r"""Values in steps: every good comes in blocks, each of constant marginal value, as in bids of blocks.

Methods follow the conventions of :class:`marketgame.mechanisms.economies.valuation.Valuation`. At the end of a block
marginal values jump, so that an interval of prices leaves a player there; `gradient` is what the next unit is worth,
`last_unit` what the last one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation, coefficient
from marketgame.mechanisms.economies.valuations.separable import Linear


@dataclass(frozen=True, eq=False)
class Steps(SeparableValuation):
    """v(q) = the worth of the q most valuable units: blocks of constant marginal value; not strictly concave.

    Parameters are ``(..., G, B)``, B blocks of every good, the most valuable first. A good that has fewer ends with
    blocks of no quantity, which files may leave out.

    Raises:
        ValueError: also, a block is worth more than the one before it.
    """

    name: ClassVar[str] = "steps"

    worth: FloatArray = coefficient(
        "the marginal value in each block, falling from block to block, in numeraire per unit",
        blocks=True,
        key="value",
        ge=0,
    )
    quantity: FloatArray = coefficient("how much there is in each block, in units of the good", blocks=True, ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (np.diff(self.worth, axis=-1) > 0).any():
            raise ValueError(f"value is {self.worth.tolist()}; no block may be worth more than the one before it")

    @classmethod
    @override
    def stack(cls, valuations: Sequence[Self]) -> Self:
        most = max(each.worth.shape[-1] for each in valuations)
        rows = {
            name: np.stack([_padded(getattr(each, name), most) for each in valuations])
            for name in cls.parameter_names()
        }
        return cls._unchecked(rows)

    @property
    @override
    def kinked(self) -> bool:
        return True

    @override
    def pieces(self) -> list[tuple[Valuation, FloatArray]]:
        return [
            (Linear(worth), np.asarray(size))
            for worth, size in zip(self.worth.T, self.quantity.T, strict=True)
            if size.any()
        ]

    @property
    def _ends(self) -> FloatArray:
        """Where each block ends, ``(..., G, B)``, units."""
        return np.cumsum(self.quantity, axis=-1)

    @property
    def _starts(self) -> FloatArray:
        ends = self._ends
        return np.concatenate((np.zeros_like(ends[..., :1]), ends[..., :-1]), axis=-1)

    def _blocks(self, good: int) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield what a unit of each block of a good is worth, and how much there is of it."""
        return zip(exact(self.worth[good]), exact(self.quantity[good]), strict=True)

    @override
    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction]:
        total, left = Fraction(0), quantity
        for worth, size in self._blocks(good):
            if left < size:
                return total + worth * left, worth
            total, left = total + worth * size, left - size
        return total, Fraction(0)

    @override
    def exact_kinks(self, good: int) -> list[tuple[Fraction, Fraction, Fraction | None]]:
        found, place, before = list[tuple[Fraction, Fraction, Fraction | None]](), Fraction(0), None
        for worth, size in self._blocks(good):
            found.append((place, worth, before))
            place, before = place + size, worth
        return [*found, (place, Fraction(0), before)]

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return (self.worth * self._filled(bundles)).sum(axis=(-1, -2))

    def _filled(self, bundles: FloatArray) -> FloatArray:
        """Return how much of each block is in bundles, ``(..., G, B)``."""
        return np.clip(bundles[..., None] - self._starts, 0, self.quantity)

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        starts, ends = self._starts, self._ends
        low, high = np.minimum(before, after)[..., None], np.maximum(before, after)[..., None]
        passed = np.minimum(high, ends) - np.maximum(low, starts)
        # Within one block nothing of the change is lost in the rounding of where it begins and ends.
        passed = np.where((low >= starts) & (high <= ends), np.abs(change)[..., None], passed)
        gain: FloatArray = (np.sign(change)[..., None] * self.worth * np.maximum(passed, 0)).sum(axis=(-1, -2))
        return gain

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        held = bundles[..., None]
        inside = (held >= self._starts) & (held < self._ends)
        return (self.worth * inside).sum(axis=-1)

    @override
    def last_unit(self, bundles: FloatArray) -> FloatArray:
        held = bundles[..., None]
        inside = (held > self._starts) & (held <= self._ends)
        return np.where(bundles > 0, (self.worth * inside).sum(axis=-1), np.inf)

    @override
    def dispose(self, bundles: FloatArray) -> FloatArray:
        kept: FloatArray = np.minimum(bundles, self.quantity.sum(axis=-1))
        return kept

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return np.zeros((*bundles.shape, bundles.shape[-1]))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        # Counted as the ends of blocks are, so that what is wanted is the end of one to the last digit.
        return np.where(self.worth > prices[..., None], self._ends, 0).max(axis=-1, initial=0)

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        return np.zeros_like(demand)

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.gradient(limit)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return False

    @override
    def concave_sum(self, weights: FloatArray) -> bool:
        # Between the ends of anybody's blocks the sum is straight: it must not become steeper at any of them.
        for good in range(self.goods):
            ends = np.unique(np.append(self._ends[:, good], 0.0))
            middles = np.repeat(0.5 * (ends[:-1] + ends[1:])[:, None], self.goods, axis=1)
            slopes = np.array([weights @ self.gradient(middle)[:, good] for middle in middles])
            if (np.diff(np.append(slopes, 0.0)) > 0).any():
                return False
        return True


def _padded(blocks: FloatArray, count: int) -> FloatArray:
    """Return blocks ``(G, B)`` with blocks of nothing after them, ``(G, count)``."""
    missing = count - blocks.shape[-1]
    return np.concatenate((blocks, np.zeros((*blocks.shape[:-1], missing))), axis=-1) if missing else blocks
