"""Array types shared by the mathematics, and the validation every public function applies to its arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

type FloatArray = NDArray[np.float64]
type IntegerArray = NDArray[np.int64]
type BooleanArray = NDArray[np.bool_]

# Probabilities sum to one up to the rounding of decimals.
PROBABILITY_TOLERANCE = 1e-9
# Decorates functions in which numbers that overflow or are undefined are not to go on as if they were numbers.
undefined_raises = np.errstate(over="raise", divide="raise", invalid="raise")


def finite_array(name: str, values: ArrayLike, trailing_shape: tuple[int | None, ...] = ()) -> FloatArray:
    """Return the values as a float64 array whose last dimensions have the given shape.

    Args:
        name: what the values are, for the error message.
        values: any array-like of real numbers.
        trailing_shape: required sizes of the last dimensions; ``None`` accepts any size.

    Returns:
        The array, with any number of leading batch dimensions; not copied when it already fits.

    Raises:
        ValueError: the values are not real numbers, not finite, or of another shape.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    wanted = len(trailing_shape)
    actual = array.shape[array.ndim - wanted :] if wanted else ()
    if array.ndim < wanted or any(
        size is not None and size != found for size, found in zip(trailing_shape, actual, strict=True)
    ):
        expected = ", ".join("any" if size is None else str(size) for size in trailing_shape)
        raise ValueError(f"{name} has shape {array.shape}; its last dimensions must be ({expected})")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; it holds infinite or undefined values")
    return array


def read_only[T: np.generic](values: NDArray[T]) -> NDArray[T]:
    """Return a copy of the array that refuses writing, so that frozen dataclasses are frozen throughout."""
    copy = values.copy()
    copy.flags.writeable = False
    return copy
