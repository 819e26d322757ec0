"""Nested lists of a certificate as arrays, and back.

A table of a certificate names its fields as the object it stores does, so that the fields of the table say which
arrays to read and which to write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketgame.experiments.files.input_file import InputModel

type Vector = list[float]
type Matrix = list[list[float]]
type Orders = list[list[list[float]]]


def array_of(name: str, lists: Sequence[object]) -> NDArray[Any]:
    """Return nested lists as an array, of float64 for numbers and of bool for truth values.

    Args:
        name: of the field, for the message.
        lists: the entries.

    Raises:
        ValueError: the lists are ragged.
    """
    try:
        return np.array(lists)
    except ValueError:
        raise ValueError(f"{name} has lists of different lengths; it must be an array") from None


def arrays_in(table: InputModel, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return the named fields of a table, or all, as arrays.

    Raises:
        ValueError: the lists of a field are ragged.
    """
    return {name: array_of(name, getattr(table, name)) for name in names or type(table).model_fields}


def fields_of(holder: object, names: Iterable[str]) -> dict[str, Any]:
    """Return the named attributes of an object as JSON holds them: arrays and tuples as lists, options as text."""
    return {name: _written(getattr(holder, name)) for name in names}


def _written(value: Any) -> Any:
    match value:
        case np.ndarray() | np.generic():
            return value.tolist()
        case tuple():
            return [_written(entry) for entry in value]
        case Enum():
            return value.value
    return value
