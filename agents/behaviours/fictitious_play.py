r"""Fictitious play: the best stance against what the others have done so far, as if they drew it from a fixed law.

A trader does not know what its stances bring against what others do, unless that is published, and learns both:

* With hindsight published, what a stance is expected to bring against the empirical distribution of what all others did
  together is the mean of what it would have brought, as payoffs are linear in that distribution (Brown 1951).
* With stances published, it counts how often whom it sees took which stances together, and estimates what each of its
  own brings against them by the mean of what it brought. A stance never taken against what they did is hoped to bring
  the best payoff seen, so that it is tried, once they have done that as often as there are stances; before, or among so
  many that they never do the same again, it is expected to bring what it brought on average.
* With neither, the same without distinguishing what others do.

Where expected payoffs differ by :math:`\Delta` in a range r of the payoffs seen, the better stance is
:math:`e^{\Delta / (\nu r)}` times as likely, with noise :math:`\nu`; without noise only the best are taken. Types learn
separately.

Source:
    Brown (1951), Iterative solution of games by fictitious play; Robinson (1951), An iterative method of solving a
    game, for games of opposed interests; Fudenberg and Levine (1998), The theory of learning in games, chapter 4, for
    noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter
from typing import ClassVar, override

import numpy as np

from marketgame.agents.behaviours.learning import Outcome
from marketgame.agents.behaviours.menu import MenuLearning
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.registry import parameter


@dataclass(frozen=True, eq=False)
class Experience:
    """What is remembered of what others did, and of what the own stances brought against it.

    Attributes:
        others: a number for each thing that those whom it sees did together, ``(Z,)``.
        met: in how many rounds of each type, ``(K, Z)``.
        known: in how many of them it is known what a stance brings, ``(K, Z, S)``.
        brought: in all of those, ``(K, Z, S)``, numeraire.
        lowest: the least payoff seen of each type, ``(K,)``, numeraire; infinite before the first.
        highest: the largest, ``(K,)``; minus infinity before the first.
    """

    others: IntegerArray
    met: IntegerArray
    known: IntegerArray
    brought: FloatArray
    lowest: FloatArray
    highest: FloatArray

    def expected(self, kind: int) -> FloatArray:
        """Return what each stance of a type is expected to bring, ``(S,)``, numeraire."""
        known, brought, met = self.known[kind], self.brought[kind], self.met[kind]
        often = known.sum(axis=0)
        anyhow = np.where(often > 0, brought.sum(axis=0) / np.maximum(often, 1), self.highest[kind])
        untried = np.where(met[:, None] >= len(often), self.highest[kind], anyhow)
        estimate = np.where(known > 0, brought / np.maximum(known, 1), untried)
        return np.asarray(met @ estimate / met.sum())


@dataclass(frozen=True)
class FictitiousPlay(MenuLearning[Experience]):
    """Takes the stance that is best against what the others have done so far, as far as that is published.

    Attributes:
        noise: how much worse a stance is that is taken e times less often, as a share of the range of payoffs.
    """

    name: ClassVar[str] = "fictitious-play"

    noise: float = field(
        default=0.05,
        metadata=parameter(
            "a stance worse by this share of the range of payoffs is taken e times less often; at 0 only the best are",
            ge=0,
        ),
    )

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Experience:
        own = common.economy.players[player]
        kinds, size = len(own.types), len(self.menu(own, 0))
        empty, infinite = np.zeros((kinds, 0, size)), np.full(kinds, np.inf)
        nothing = np.zeros(0, np.int64)
        return Experience(
            nothing, nothing[None].repeat(kinds, axis=0), empty.astype(np.int64), empty, infinite, -infinite
        )

    @override
    def probabilities(self, memory: Experience, type_number: int) -> FloatArray:
        size, span = memory.brought.shape[2], memory.highest[type_number] - memory.lowest[type_number]
        if not np.isfinite(span):
            return np.full(size, 1 / size)
        behind = memory.expected(type_number)
        behind = behind.max() - behind
        if self.noise * span > 0:
            weights = np.exp(-behind / (self.noise * span))
        else:
            weights = np.asarray(behind == 0, np.float64)
        return np.asarray(weights / weights.sum())

    @override
    def learn(self, memory: Experience, outcome: Outcome) -> Experience:
        if outcome.bound:
            # What it gained is not what its stance brings.
            return memory
        kind, told = outcome.type_number, outcome.hindsight
        # What all stances brought is known in each round: there is nothing to be estimated from what others did.
        others = 0 if told is not None else _number(outcome)
        numbers, met, known, brought = memory.others, memory.met, memory.known, memory.brought
        if others in numbers:
            met, known, brought = met.copy(), known.copy(), brought.copy()
        else:
            numbers = np.append(numbers, others)
            met = np.concatenate((met, np.zeros_like(met, shape=(len(met), 1))), axis=1)
            fresh = (known.shape[0], 1, known.shape[2])
            known = np.concatenate((known, np.zeros_like(known, shape=fresh)), axis=1)
            brought = np.concatenate((brought, np.zeros_like(brought, shape=fresh)), axis=1)
        place = int((numbers == others).argmax())
        stances = slice(None) if told is not None else self.taken(outcome)
        seen = outcome.gain if told is None else told
        met[kind, place] += 1
        known[kind, place, stances] += 1
        brought[kind, place, stances] += seen
        lowest, highest = memory.lowest.copy(), memory.highest.copy()
        lowest[kind], highest[kind] = min(lowest[kind], np.min(seen)), max(highest[kind], np.max(seen))
        return Experience(numbers, met, known, brought, lowest, highest)


def _number(outcome: Outcome) -> int:
    """Return a number for what those whom a trader sees did together."""
    content = blake2b("\n".join(map(attrgetter("stance"), outcome.heard)).encode(), digest_size=8)
    content.update(np.fromiter(map(attrgetter("player"), outcome.heard), np.int64).tobytes())
    return int.from_bytes(content.digest(), "big", signed=True)
