"""Compiled sums without rounding errors; importing this module needs the optional package Numba.

Terms are added one by one to numbers that do not overlap and add up to the sum so far, exactly. In the end the largest
two decide what the sum is rounded to, and what is left says on which side of it the exact sum lies.

Source:
    Shewchuk (1997), Adaptive precision floating-point arithmetic and fast robust geometric predicates, section 2.4.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray


# Nothing may be reordered or fused here.
@numba.njit("(float64[:, ::1], float64[::1], int8[::1])", cache=True, nogil=True)
def _add_up(terms: FloatArray, nearest: FloatArray, side: NDArray[np.int8]) -> None:
    parts = np.empty(terms.shape[1] + 1)
    for row in range(terms.shape[0]):
        count = 0
        for column in range(terms.shape[1]):
            term, kept = terms[row, column], 0
            if term == 0.0:
                continue
            for place in range(count):
                part = parts[place]
                total = term + part
                rest = total - term
                error = (term - (total - rest)) + (part - rest)
                if error != 0.0:
                    parts[kept] = error
                    kept += 1
                term = total
            parts[kept] = term
            count = kept + 1
        total, error = 0.0, 0.0
        while count > 0 and error == 0.0:
            count -= 1
            part = parts[count]
            high = total + part
            rest = high - total
            error = (total - (high - rest)) + (part - rest)
            total = high
        # Halfway between two numbers what is left decides which of them is nearer.
        if count > 0 and error * parts[count - 1] > 0.0:
            step = 2.0 * error
            other = total + step
            if other - total == step:
                total, error = other, -error
        nearest[row] = total
        side[row] = 1 if error > 0.0 else (-1 if error < 0.0 else 0)


def exact_sums(terms: FloatArray) -> tuple[FloatArray, NDArray[np.int8]]:
    """Return the numbers nearest to sums, and on which side of them the exact sums lie.

    Args:
        terms: ``(..., T)``, summed over the last dimension; finite, and so small that sums do not overflow.

    Returns:
        ``(...)`` each; the side is 1 where the exact sum is above the number nearest to it, -1 where it is below.
    """
    shape = terms.shape[:-1]
    nearest, side = np.empty(shape), np.empty(shape, np.int8)
    rows = np.ascontiguousarray(terms).reshape(nearest.size, -1)
    _add_up(rows, nearest.reshape(-1), side.reshape(-1))
    return nearest, side
