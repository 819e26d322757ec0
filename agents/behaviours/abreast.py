"""The memories of one learner in many replications of the same market, which learn side by side.

`MenuLearning.abreast` makes them. As a rule each memory is asked and told by itself; a learner whose memories are
arrays of one shape can keep them stacked and work on all at once, to the same bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, override

import numpy as np

from marketgame.agents.behaviours.learning import fixed
from marketgame.mechanisms.arrays import FloatArray, IntegerArray

if TYPE_CHECKING:
    from marketgame.agents.behaviours.learning import Outcome
    from marketgame.agents.behaviours.menu import MenuLearning


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a trader knows when a round is over in each of some replications, in none of which it was bound.

    Attributes:
        types: its types, ``(B,)``.
        taken: the number of the stance that it took, ``(B,)``.
        probabilities: of each stance, when it was drawn, ``(B, S)``.
        gains: its utilities above that of its endowment, ``(B,)``, numeraire.
        hindsight: what each stance of its menu would have gained, ``(B, S)``, numeraire; only if it is published.
        outcome: returns all that is known in one of them, by its place.
    """

    types: IntegerArray
    taken: IntegerArray
    probabilities: FloatArray
    gains: FloatArray
    hindsight: FloatArray | None
    outcome: Callable[[int], Outcome]


class Abreast[Memory](ABC):
    """What a trader remembers in each of R replications."""

    @abstractmethod
    def probabilities(self, rows: IntegerArray, types: IntegerArray) -> FloatArray:
        """Return the probability of each stance in the replications ``(B,)`` in which it is of types ``(B,)``.

        Returns:
            ``(B, S)``, as `MenuLearning.probabilities` returns them.
        """

    @abstractmethod
    def learn(self, rows: IntegerArray, outcomes: Outcomes) -> None:
        """Hear what became of the round in the replications ``(B,)``, each once."""

    @abstractmethod
    def memory(self, row: int) -> Memory:
        """Return what is remembered in one replication."""


class OneByOne[Memory](Abreast[Memory]):
    """Memories of any kind, each asked and told by itself."""

    def __init__(self, learner: MenuLearning[Memory], memory: Memory, count: int) -> None:
        # Several share one memory, which nobody writes into.
        self._learner, self._memories = learner, [fixed(memory)] * count

    @override
    def probabilities(self, rows: IntegerArray, types: IntegerArray) -> FloatArray:
        asked, memories = self._learner.probabilities, self._memories
        return np.stack([asked(memories[row], kind) for row, kind in zip(rows.tolist(), types.tolist(), strict=True)])

    @override
    def learn(self, rows: IntegerArray, outcomes: Outcomes) -> None:
        for place, row in enumerate(rows.tolist()):
            self._memories[row] = fixed(self._learner.learn(self._memories[row], outcomes.outcome(place)))

    @override
    def memory(self, row: int) -> Memory:
        return self._memories[row]
