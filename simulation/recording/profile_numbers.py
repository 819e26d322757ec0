"""Numbers of type profiles, by which tables of a run refer to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marketgame.mechanisms.arrays import IntegerArray
from marketgame.mechanisms.economies.beliefs import Prior


class ProfileNumbers:
    """The numbers of type profiles in a run: places among all, or in order of occurrence if these are too many."""

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._met: dict[bytes, int] = {}
        self._profiles: list[IntegerArray] = []

    def of(self, profiles: IntegerArray) -> IntegerArray:
        """Return the numbers of profiles ``(R, N)``, ``(R,)``."""
        if not self._prior.obstacle:
            return self._prior.profile_numbers(profiles)
        for profile in profiles:
            if self._met.setdefault(profile.tobytes(), len(self._profiles)) == len(self._profiles):
                self._profiles.append(profile)
        return np.array([self._met[profile.tobytes()] for profile in profiles], dtype=np.int64)

    def profiles(self, numbers: Sequence[int]) -> IntegerArray:
        """Return the profiles of numbers that were given, ``(K, N)``."""
        if not self._prior.obstacle:
            return self._prior.profiles[list(numbers)]
        return np.array([self._profiles[number] for number in numbers], np.int64).reshape(
            -1, len(self._prior.type_counts)
        )
