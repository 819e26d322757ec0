"""What has been worked out once, kept until it takes too much room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable


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

    def answer(self, key: Key, work_out: Callable[[], Value]) -> Value:
        """Return what was worked out for a key, or work it out."""
        if key in self._answers:
            self._answers.move_to_end(key)
            return self._answers[key][0]
        value = work_out()
        size = self._size(key, value)
        while self._answers and self._held + size > self._most_bytes:
            self._held -= self._answers.popitem(last=False)[1][1]
        self._answers[key] = value, size
        self._held += size
        return value
