r"""Multiplicative weights over a menu of stances, whether all their payoffs are told or only one's own.

With :math:`\hat L_s` the estimated loss of stance s so far, numeraire, and r the range of the payoffs seen, the
probability of a stance is proportional to :math:`\exp(-\eta_t \hat L_s / r)`. Where hindsight is published, the loss of
every stance is known and :math:`\eta_t = \sqrt{8 \ln S / t}` (Hedge). Where only the own payoff is seen, the loss
:math:`\ell` of the stance taken with probability p counts as :math:`\ell / (p + \eta_t / 2)`, with
:math:`\eta_t = \sqrt{\ln S / (S t)}` (EXP3 with implicit exploration). Types learn separately, and t counts the rounds
of the own type. A round's losses are counted from the largest payoff seen by then, which moves all of them alike.

Source:
    Freund and Schapire (1997), A decision-theoretic generalization of on-line learning, section 2; Auer, Cesa-Bianchi,
    Freund and Schapire (2002), The nonstochastic multiarmed bandit problem; Neu (2015), Explore no more, theorem 1 and
    corollary 1, for the rates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import log, sqrt
from typing import ClassVar, override

import numpy as np

from marketgame.agents.behaviours.abreast import Abreast, Outcomes
from marketgame.agents.behaviours.learning import Outcome
from marketgame.agents.behaviours.menu import MenuLearning
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.registry import parameter


@dataclass(frozen=True, eq=False)
class Weights:
    """What is remembered of each stance, by type.

    Attributes:
        losses: estimated, ``(K, S)`` for a player of ``K`` types, numeraire.
        rounds: of each type, ``(K,)``.
        lowest: the least payoff seen of each type, ``(K,)``, numeraire; infinite before the first.
        highest: the largest, ``(K,)``; minus infinity before the first.
        informed: for each type whether hindsight was published in its last round, ``(K,)``.
    """

    losses: FloatArray
    rounds: IntegerArray
    lowest: FloatArray
    highest: FloatArray
    informed: IntegerArray


@dataclass(frozen=True)
class ExponentialWeights(MenuLearning[Weights]):
    """Takes stances with probabilities that fall exponentially in their losses: Hedge, or EXP3 from own payoffs.

    Attributes:
        rate: how fast it learns, in multiples of the rate for which its regret is bounded best.
    """

    name: ClassVar[str] = "exponential-weights"

    rate: float = field(default=1.0, metadata=parameter("how fast it learns; at 1 regret is bounded best", gt=0))

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Weights:
        own = common.economy.players[player]
        kinds, size = len(own.types), len(self.menu(own, 0))
        nothing = np.zeros(kinds, np.int64)
        return Weights(np.zeros((kinds, size)), nothing, np.full(kinds, np.inf), np.full(kinds, -np.inf), nothing)

    @override
    def probabilities(self, memory: Weights, type_number: int) -> FloatArray:
        losses = memory.losses[type_number]
        span = memory.highest[type_number] - memory.lowest[type_number]
        if not span > 0:
            return np.full(len(losses), 1 / len(losses))
        weights = np.exp(-self._pace(memory, type_number) * (losses - losses.min()) / span)
        return np.asarray(weights / weights.sum())

    @override
    def learn(self, memory: Weights, outcome: Outcome) -> Weights:
        if outcome.bound:
            # What it gained is not what its stance brings.
            return memory
        kind, told = outcome.type_number, outcome.hindsight
        seen = np.array([outcome.gain]) if told is None else told
        lowest, highest = memory.lowest.copy(), memory.highest.copy()
        lowest[kind], highest[kind] = min(lowest[kind], seen.min()), max(highest[kind], seen.max())
        losses, rounds, informed = memory.losses.copy(), memory.rounds.copy(), memory.informed.copy()
        if told is None:
            taken = self.taken(outcome)
            probability = self.probabilities(memory, kind)[taken]
            losses[kind, taken] += (highest[kind] - outcome.gain) / (probability + self._pace(memory, kind) / 2)
        else:
            losses[kind] += highest[kind] - told
        rounds[kind] += 1
        informed[kind] = told is not None
        return Weights(losses, rounds, lowest, highest, informed)

    @override
    def abreast(self, memory: Weights, count: int) -> Abreast[Weights]:
        return _Stacked(self, memory, count)

    def _pace(self, memory: Weights, kind: int) -> float:
        """Return the rate of learning in the next round of a type."""
        size, time = memory.losses.shape[1], int(memory.rounds[kind]) + 1
        return self.rate * sqrt(8 * log(size) / time if memory.informed[kind] else log(size) / (size * time))


class _Stacked(Abreast[Weights]):
    """The same in many replications at once; operations come in the same order, so that numbers are the same."""

    def __init__(self, learner: ExponentialWeights, memory: Weights, count: int) -> None:
        self._rate = learner.rate
        self._losses, self._rounds, self._lowest, self._highest, self._informed = (
            np.repeat(getattr(memory, each.name)[None], count, axis=0) for each in fields(memory)
        )

    @override
    def probabilities(self, rows: IntegerArray, types: IntegerArray) -> FloatArray:
        at, losses = (rows, types), self._losses[rows, types]
        span = (self._highest[at] - self._lowest[at])[:, None]
        seen = span > 0
        falling = -self._pace(at)[:, None] * (losses - losses.min(axis=1, keepdims=True))
        weights = np.exp(falling / np.where(seen, span, 1.0))
        return np.asarray(np.where(seen, weights / weights.sum(axis=1, keepdims=True), 1 / losses.shape[1]))

    @override
    def learn(self, rows: IntegerArray, outcomes: Outcomes) -> None:
        at, told, pace = (rows, outcomes.types), outcomes.hindsight, self._pace((rows, outcomes.types))
        least, most = (outcomes.gains, outcomes.gains) if told is None else (told.min(axis=1), told.max(axis=1))
        self._lowest[at] = np.minimum(self._lowest[at], least)
        self._highest[at] = highest = np.maximum(self._highest[at], most)
        if told is None:
            drawn = outcomes.probabilities[np.arange(len(rows)), outcomes.taken]
            self._losses[*at, outcomes.taken] += (highest - outcomes.gains) / (drawn + pace / 2)
        else:
            self._losses[at] += highest[:, None] - told
        self._rounds[at] += 1
        self._informed[at] = told is not None

    @override
    def memory(self, row: int) -> Weights:
        kept = self._losses, self._rounds, self._lowest, self._highest, self._informed
        return Weights(*(each[row].copy() for each in kept))

    def _pace(self, at: tuple[IntegerArray, IntegerArray]) -> FloatArray:
        size, time = self._losses.shape[-1], self._rounds[at] + 1
        told = self._informed[at] > 0
        return np.asarray(self._rate * np.sqrt(np.where(told, 8 * log(size) / time, log(size) / (size * time))))
