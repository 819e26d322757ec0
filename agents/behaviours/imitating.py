r"""Imitation: now and then a trader looks at one of those it can see, and takes its stance if that one is better off.

Where stances are published, a trader looks at one neighbour, each as likely, and takes up the neighbour's stance with
probability :math:`(u_j - u_i)^+ / r`, with r the range of the gains seen so far: of all rules that use what one other
gained, those that improve on average whatever the payoffs are proportional imitation (Schlag 1998, theorem 1). Or it
takes the stance of whoever gained most of all it can see, if that is more than its own. A neighbour's stance that it
does not have itself, as the lie of a type that it is already, is not taken up. Types of a trader imitate separately.

Gains are compared between traders in numeraire, whatever they own and want: who is rich by birth is imitated, too.

Source:
    Schlag (1998), Why imitate, and if so, how? A boundedly rational approach to multi-armed bandits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import ClassVar, override

import numpy as np

from marketgame.agents.behaviours.learning import Outcome
from marketgame.agents.behaviours.menu import MenuLearning
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import parameter


class Imitation(StrEnum):
    """Whose stance is taken up."""

    PROPORTIONAL = "proportional"
    """That of any one it can see, as likely as that one is better off."""
    BEST = "best"
    """That of the one that is best off of all it can see."""


@dataclass(frozen=True, eq=False)
class Habits:
    """What is remembered: a habit of each type, and what gains there are.

    Attributes:
        shares: the probability of each stance, ``(K, S)``: all alike before the first round of a type, then one is 1.
        lowest: the least gain seen of anybody, numeraire; infinite before the first.
        highest: the largest; minus infinity before the first.
    """

    shares: FloatArray
    lowest: float
    highest: float


@dataclass(frozen=True)
class Imitating(MenuLearning[Habits]):
    """Takes up the stances of traders it can see that are better off, where stances are published.

    Attributes:
        imitates: whose stance is taken up.
        trying: how often it takes any stance instead.
    """

    name: ClassVar[str] = "imitating"

    imitates: Imitation = field(
        default=Imitation.PROPORTIONAL,
        metadata=parameter(
            "whose stance it takes up: proportional, that of anybody it sees, as likely as that one is better off; best"
        ),
    )
    trying: float = field(default=0.01, metadata=parameter("how often it takes any stance of its menu", ge=0, le=1))

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Habits:
        own = common.economy.players[player]
        kinds, size = len(own.types), len(self.menu(own, 0))
        return Habits(np.full((kinds, size), 1 / size), float("inf"), float("-inf"))

    @override
    def probabilities(self, memory: Habits, type_number: int) -> FloatArray:
        shares = memory.shares[type_number]
        return np.asarray(self.trying / len(shares) + (1 - self.trying) * shares)

    @override
    def learn(self, memory: Habits, outcome: Outcome) -> Habits:
        gains = [outcome.gain, *map(attrgetter("gain"), outcome.heard)]
        lowest, highest = min(memory.lowest, *gains), max(memory.highest, *gains)
        if outcome.bound:
            return Habits(memory.shares, lowest, highest)
        kind = outcome.type_number
        habit = self._taken_up(outcome, highest - lowest)
        shares = memory.shares.copy()
        shares[kind] = 0
        shares[kind, self.taken(outcome) if habit is None else habit] = 1
        return Habits(shares, lowest, highest)

    def _taken_up(self, outcome: Outcome, span: float) -> int | None:
        """Return the number of the stance taken up from somebody else, or none; the span is that of gains seen."""
        if not outcome.heard or not span > 0:
            return None
        if self.imitates is Imitation.BEST:
            seen = max(outcome.heard, key=attrgetter("gain"))
            better = seen.gain > outcome.gain
        else:
            stream = outcome.stream("imitation")
            seen = outcome.heard[int(stream.integers(len(outcome.heard)))]
            better = bool(stream.random() * span < seen.gain - outcome.gain)
        names = [stance.called for stance in self.menu(outcome.knowledge.own, outcome.type_number)]
        return names.index(seen.stance) if better and seen.stance in names else None
