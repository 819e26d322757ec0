r"""What a blocking mediator believes players would lose by leaving: the stakes :math:`\omega_i(t)`.

It may know the established contract, a public function, and work the stakes out. Or it has only seen rounds: which
types were reported, and what everybody got out of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, override

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame

# How many rounds are watched between two estimates.
ROUNDS_BETWEEN_ESTIMATES = 10


class StakeSource(StrEnum):
    """Where a blocking mediator knows the stakes from."""

    CONTRACT = "contract"
    PAST_ROUNDS = "past-rounds"


class StakeBeliefs(ABC):
    """What a mediator believes about the stakes."""

    @abstractmethod
    def revised(self) -> FloatArray | None:
        """Return stakes ``(P, N)``, units of money, if they have changed since they were last asked for."""

    @abstractmethod
    def remembered(self) -> dict[str, NDArray[Any]]:
        """Return all that it has learnt, as arrays by name."""

    @abstractmethod
    def recall(self, remembered: Mapping[str, NDArray[Any]]) -> None:
        """Believe what was remembered."""

    @abstractmethod
    def observe(self, profile: int, received: FloatArray) -> None:
        """See what a round in which all stayed gave, at the types reported, ``(N,)``, money."""


class KnownStakes(StakeBeliefs):
    """The stakes as they are, ``(P, N)``, units of money."""

    def __init__(self, stakes: FloatArray) -> None:
        self._new: FloatArray | None = stakes

    @override
    def revised(self) -> FloatArray | None:
        new, self._new = self._new, None
        return new

    @override
    def remembered(self) -> dict[str, NDArray[Any]]:
        return {}

    @override
    def recall(self, remembered: Mapping[str, NDArray[Any]]) -> None:
        """Nothing but that they have been asked for."""
        self._new = None

    @override
    def observe(self, profile: int, received: FloatArray) -> None:
        """Learn nothing: what the contract gives is known already."""


class EstimatedStakes(StakeBeliefs):
    """Means over the rounds seen, profile by profile, less the severance ``(P, N)`` that is promised publicly.

    At a profile never seen, players are taken to have as much at stake as the grand coalition could give them or as
    they were ever seen to get, so that nobody is led out of what is unknown.
    """

    def __init__(self, game: CoalitionalGame, severance: FloatArray, caution: float) -> None:
        self._severance = severance
        self._caution = caution
        self._possible: FloatArray = game.actions[game.grand_coalition].utilities.max(axis=0).T
        self._count = np.zeros(len(game.profiles))
        self._sum = np.zeros(self._possible.shape)
        self._sum_of_squares = np.zeros(self._possible.shape)
        self._seen = 0

    @override
    def remembered(self) -> dict[str, NDArray[Any]]:
        arrays = {"possible": self._possible, "count": self._count, "sum": self._sum, "squares": self._sum_of_squares}
        return {"seen": np.array(self._seen), **{name: array.copy() for name, array in arrays.items()}}

    @override
    def recall(self, remembered: Mapping[str, NDArray[Any]]) -> None:
        self._possible, self._count, self._sum, self._sum_of_squares = (
            remembered[name].copy() for name in ("possible", "count", "sum", "squares")
        )
        self._seen = int(remembered["seen"])

    @override
    def observe(self, profile: int, received: FloatArray) -> None:
        self._count[profile] += 1
        self._sum[profile] += received
        self._sum_of_squares[profile] += received**2
        self._possible = np.maximum(self._possible, received)
        self._seen += 1

    @override
    def revised(self) -> FloatArray | None:
        if self._seen < ROUNDS_BETWEEN_ESTIMATES:
            return None
        self._seen = 0
        count = np.maximum(self._count, 1)[:, None]
        mean = self._sum / count
        spread = np.sqrt(np.maximum(self._sum_of_squares / count - mean**2, 0) / count)
        estimate = np.where(self._count[:, None] > 0, mean + self._caution * spread, self._possible)
        return np.asarray(estimate - self._severance)
