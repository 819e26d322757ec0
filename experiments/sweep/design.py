"""Designs: which points of a space of parameters a sweep visits.

A point gives every axis a value. A grid visits every combination; the other designs spread a given number of points
over the unit cube and read each coordinate as a share of the way along its axis:

| design | points | good for |
|---|---|---|
| grid | every combination, the last axis changing fastest | few axes, exact comparisons |
| latin-hypercube | one in every slice of every axis | a first look at many axes |
| sobol | a scrambled Sobol' sequence | averages over many axes |
| saltelli | a Sobol' sequence with one axis exchanged at a time | Sobol' sensitivity indices |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import exp, floor, log

import numpy as np

from marketgame.mechanisms.arrays import FloatArray


class Design(StrEnum):
    """How the points of a sweep are chosen."""

    GRID = "grid"
    LATIN_HYPERCUBE = "latin-hypercube"
    SOBOL = "sobol"
    SALTELLI = "saltelli"


class Scale(StrEnum):
    """How values are spaced along an interval."""

    LINEAR = "linear"
    LOGARITHMIC = "logarithmic"


@dataclass(frozen=True)
class Values:
    """An axis that lists its values.

    Attributes:
        values: anything that may stand in a scenario file, in the order visited.

    Raises:
        ValueError: there is none, or one stands there twice.
    """

    values: tuple[object, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("has no values; it must have at least one")
        for place, value in enumerate(self.values):
            if value in self.values[:place]:
                raise ValueError(f"has {value!r} twice")

    def listed(self) -> tuple[object, ...]:
        """Return the values of a grid."""
        return self.values

    def at(self, share: float) -> object:
        """Return the value a share in [0, 1) of the way along."""
        return self.values[floor(share * len(self.values))]


@dataclass(frozen=True)
class Interval:
    """An axis of numbers between two ends.

    Attributes:
        low: the lower end.
        high: the upper end.
        scale: how values are spaced.
        steps: how many values a grid takes, both ends included.
        whole: whether values are whole numbers, both ends included.

    Raises:
        ValueError: the ends are not finite or not in order, a logarithmic scale does not start above 0, or whole
            numbers are asked for between ends that are not.
    """

    low: float
    high: float
    scale: Scale = Scale.LINEAR
    steps: int | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if not -float("inf") < self.low < self.high < float("inf"):
            raise ValueError(f"goes from {self.low!r} to {self.high!r}; low must be less than high, both finite")
        if self.scale is Scale.LOGARITHMIC and self.low <= 0:
            raise ValueError(f"goes from {self.low!r} on a logarithmic scale; low must be greater than 0")
        if self.whole and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise ValueError(f"goes from {self.low!r} to {self.high!r}; the ends must be whole numbers")
        if self.steps is not None and self.steps < 2:
            raise ValueError(f"has {self.steps} steps; there must be at least 2")

    def listed(self) -> tuple[object, ...]:
        """Return the values of a grid.

        Raises:
            ValueError: it was not said how many there are.
        """
        if self.steps is None:
            raise ValueError("is an interval without `steps`, which a grid needs; or list the values")
        values = [self._spaced(self.low, self.high, step / (self.steps - 1)) for step in range(self.steps)]
        return tuple(dict.fromkeys(map(round, values))) if self.whole else tuple(values)

    def at(self, share: float) -> object:
        """Return the value a share in [0, 1) of the way along."""
        if not self.whole:
            return self._spaced(self.low, self.high, share)
        # Every whole number gets an interval of its own, so that on a linear scale all are equally likely.
        return min(floor(self._spaced(self.low, self.high + 1, share)), int(self.high))

    def _spaced(self, low: float, high: float, share: float) -> float:
        if self.scale is Scale.LOGARITHMIC:
            return min(max(exp(log(low) + share * (log(high) - log(low))), low), high)
        return low + share * (high - low)


type Axis = Values | Interval
type Point = tuple[object, ...]


def points(design: Design, axes: Sequence[Axis], samples: int, seed: int) -> Iterator[Point]:
    """Yield the points of a design, the same ones in the same order every time.

    Args:
        design: how they are chosen.
        axes: one for each parameter.
        samples: how many; a grid ignores it, and the Saltelli design takes axes + 2 points for each.
        seed: of the random part of the design.

    Yields:
        One value for each axis.

    Raises:
        ValueError: the number of samples does not suit the design.
    """
    if design is Design.GRID:
        yield from product(*(axis.listed() for axis in axes))
        return
    for shares in _unit_cube(design, len(axes), samples, seed):
        yield tuple(axis.at(float(share)) for axis, share in zip(axes, shares, strict=True))


def _unit_cube(design: Design, dimensions: int, samples: int, seed: int) -> FloatArray:
    """Return points of the unit cube, one a row."""
    # Takes as long to load as everything else that reads a sweep's file.
    from scipy.stats import qmc  # noqa: PLC0415

    generator = np.random.default_rng(seed)
    if design is Design.LATIN_HYPERCUBE:
        return qmc.LatinHypercube(dimensions, rng=generator).random(samples)
    if samples & (samples - 1):
        raise ValueError(f"samples is {samples}; a Sobol' sequence is balanced only for 1, 2, 4, 8, 16, ... points")
    if design is Design.SOBOL:
        return qmc.Sobol(dimensions, rng=generator).random(samples)
    return _saltelli(qmc.Sobol(2 * dimensions, rng=generator).random(samples))


def _saltelli(pairs: FloatArray) -> FloatArray:
    """Return, for each pair of points, the first, the first with one coordinate of the second, and the second.

    Source:
        Saltelli et al. (2010), Variance based sensitivity analysis of model output, Table 2 (radial sampling).
    """
    samples, twice = pairs.shape
    dimensions = twice // 2
    first, second = pairs[:, None, :dimensions], pairs[:, None, dimensions:]
    exchanged = np.where(np.eye(dimensions, dtype=bool), second, first)
    rows: FloatArray = np.concatenate((first, exchanged, second), axis=1)
    return rows.reshape(samples * (dimensions + 2), dimensions)
