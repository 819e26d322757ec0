"""Dataclasses changed in fields that a test names while it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def with_fields[T: DataclassInstance](original: T, **fields: object) -> T:
    """Return a copy with other values of some fields, of any type: what does not fit is for its class to refuse."""
    return replace(original, **fields)
