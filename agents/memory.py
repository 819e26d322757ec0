"""What has been worked out once, kept until it takes too much room."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

import numpy as np


def _any(_: object) -> bool:
    return True


class Memory[Key: Hashable, Value]:
    """Answers by question; those asked for least lately make room. What is forgotten is worked out anew, the same.

    Args:
        most_bytes: how much all answers may take together; the latest is kept whatever it takes.
        size: what one takes.
    """

    def __init__(self, most_bytes: int, size: Callable[[Key, Value], int]) -> None:
        self._most_bytes, self._size, self._held = most_bytes, size, 0
        self._answers: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, key: Key, work_out: Callable[[], Value], *, keep: Callable[[Value], bool] = _any) -> Value:
        """Return what was worked out for a key, or work it out and keep it, if it is of those to be kept."""
        if key in self._answers:
            self._answers.move_to_end(key)
            return self._answers[key][0]
        value = work_out()
        if not keep(value):
            return value
        size = self._size(key, value)
        while self._answers and self._held + size > self._most_bytes:
            self._held -= self._answers.popitem(last=False)[1][1]
        self._answers[key] = value, size
        self._held += size
        return value


def content_key(value: object) -> str | None:
    """Return a hash of all that a value consists of; none where that cannot be told, as of classes of somebody else's.

    It is of this program's own dataclasses, of arrays, and of what Python has built in.
    """
    content = hashlib.sha256()
    return content.hexdigest() if _hashed(value, content.update) else None


def _hashed(value: object, tell: Callable[[bytes], object]) -> bool:
    """Tell what a value consists of; return whether all of it can be told, as of this program's own classes."""
    tell(f"{type(value).__module__}.{type(value).__qualname__}:".encode())
    match value:
        case np.ndarray():
            tell(f"{value.dtype}{value.shape}".encode())
            tell(value.tobytes())
        case Enum() | None | str() | bytes() | bool() | int() | float():
            tell(repr(value).encode())
        case Mapping():
            return all(_hashed(key, tell) and _hashed(each, tell) for key, each in value.items())
        case tuple() | list():
            tell(str(len(value)).encode())
            return all(_hashed(each, tell) for each in value)
        case _:
            ours = type(value).__module__.startswith("marketgame.")
            if isinstance(value, type) or not is_dataclass(value) or not ours:
                return False
            return all(_hashed(getattr(value, each.name), tell) for each in fields(value))
    return True
