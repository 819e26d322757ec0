"""Nested lists of a certificate as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mechanisms.arrays import FloatArray


def array_of(name: str, lists: Sequence[object]) -> FloatArray:
    """Return nested lists of numbers as an array.

    Args:
        name: of the field, for the message.
        lists: the numbers.

    Raises:
        ValueError: the lists are ragged, or a number is too large for a float64.
    """
    try:
        return np.array(lists, dtype=np.float64)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} has lists of different lengths or numbers too large; it must be an array") from None
