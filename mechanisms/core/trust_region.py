"""Successive linear programs: minimising a function of multipliers that each fixed value makes a linear program."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

FIRST_RADIUS = 0.25
"""How far a multiplier may move in the first step, in units of probability."""

SMALLEST_RADIUS = 1e-10
"""Steps shorter than this end the search."""

MOST_STEPS = 60
"""Steps after which the search ends anyway; it usually takes fewer than ten."""

SUFFICIENT_DECREASE = 1e-4
"""Share of the decrease promised by the linearisation that a step must achieve."""

GOOD_DECREASE = 0.75
"""Share of the promised decrease above which longer steps are tried."""


class Point(Protocol):
    """Where a search stands."""

    @property
    def multipliers(self) -> FloatArray:
        """Multipliers of every pair of types, ``(J,)``."""

    @property
    def merit(self) -> float:
        """What is minimised."""


class Linearised[P: Point](Protocol):
    """A program that is linear once its multipliers are fixed."""

    def solve_at(self, multipliers: FloatArray) -> P | None:
        """Return the best point with these multipliers, or none if the solver has none."""

    def solve_near(self, point: P, radius: float) -> P | None:
        """Return the best point of the linearisation, multipliers no farther than a radius from a point's."""


def descend[P: Point](
    program: Linearised[P],
    multipliers: FloatArray,
    *,
    negligible: float,
    enough: float,
    deadline: Deadline = NO_DEADLINE,
) -> P | None:
    """Return where the search from multipliers ends.

    Args:
        program: to minimise.
        multipliers: where to start, ``(J,)``.
        negligible: a promised decrease that is not worth a step.
        enough: merit at which to stop.
        deadline: after which the search ends where it stands.
    """
    present = program.solve_at(multipliers)
    radius = FIRST_RADIUS
    for _ in range(MOST_STEPS):
        if present is None or present.merit <= enough or radius < SMALLEST_RADIUS or deadline.passed:
            break
        proposed = program.solve_near(present, radius)
        if proposed is None or present.merit - proposed.merit <= negligible:
            break
        promised = present.merit - proposed.merit
        reached = program.solve_at(proposed.multipliers)
        achieved = present.merit - reached.merit if reached is not None else -np.inf
        if achieved > SUFFICIENT_DECREASE * promised:
            present = reached
            radius = radius * 2 if achieved > GOOD_DECREASE * promised else radius
        else:
            radius /= 4
    return present
