r"""Q-learning on quoted prices: what an action is worth depends on what everybody quoted in the round before.

An action is a stance of the menu, at a quote: the stance's own, times a factor of a grid. With `obedient` and
`misreporting` on the menu the actions are a report and a quote, so that it can learn to lie, and to lie together with
others. The state is what players quoted last, relative to the price recommended then, on average over goods, rounded to
the nearest factor of the grid by ratio. With state z, own type k, action a, gain u, next state z', rate :math:`\alpha`
and discount :math:`\delta`,

.. math:: Q(z, k, a) \leftarrow (1 - \alpha) Q(z, k, a) +
    \alpha \Bigl(u + \delta \sum_{k'} \pi_{k'} \max_{a'} Q(z', k', a')\Bigr),

where :math:`\pi` is the prior of the own type, which is drawn anew in each round. After t rounds it tries any action
with probability :math:`e^{-\beta t}` and else takes one of the best. At first every action is worth what living on its
endowment is, nothing.

Source:
    Watkins and Dayan (1992), Q-learning; Calvano, Calzolari, Denicolo and Pastorello (2020), Artificial intelligence,
    algorithmic pricing, and collusion, section II: states, trying, and the rate 0.15 and discount 0.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from math import exp
from typing import ClassVar, override

import numpy as np

from marketgame.agents.behaviours.behaviour import Behaviour, Order
from marketgame.agents.behaviours.learning import Outcome
from marketgame.agents.behaviours.menu import MenuLearning, menu_of
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge, RecommendedKnowledge
from marketgame.agents.private_type import PrivateType, TypedPlayer, type_names
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.registry import parameter


class Remembered(StrEnum):
    """Which quotes of the round before are the state."""

    EACH = "each"
    """Everybody's: as many states as the grid has factors, to the power of the number of players."""
    AVERAGE = "average"
    """The average of the others': for many players."""
    NONE = "none"
    """None: one state."""


@dataclass(frozen=True)
class Repricing(Behaviour):
    """Acts as a stance does, at another quote.

    Attributes:
        stance: how it acts.
        factor: what the quotes of all goods but the numeraire are multiplied by.
    """

    stance: Behaviour
    factor: float

    @property
    @override
    def called(self) -> str:
        return f"{self.stance.called} at {self.factor:g}"

    @override
    def report(self, knowledge: PrivateType) -> int:
        return self.stance.report(knowledge)

    @override
    def answer(self, invited: Invited) -> int | None:
        return self.stance.answer(invited)

    @override
    def join(self, offered: OfferedSideContract) -> int | None:
        return self.stance.join(offered)

    @override
    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        quotes = self.stance.quote(knowledge).copy()
        quotes[:-1] *= self.factor
        return quotes

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        return self.stance.order(knowledge)


@dataclass(frozen=True, eq=False)
class Values:
    """What is remembered: what actions are worth in the states met so far.

    Attributes:
        states: the place on the grid of each quote that is remembered, ``(Z, D)``.
        values: of each action in each state for each type, ``(Z, K, A)``, numeraire.
        state: the number of the state of the next round.
        rounds: played so far.
        prior: of the own type, ``(K,)``.
    """

    states: IntegerArray
    values: FloatArray
    state: int
    rounds: int
    prior: FloatArray


@dataclass(frozen=True)
class QLearning(MenuLearning[Values]):
    """Learns what each stance, at each of several quotes, is worth after what was quoted in the round before.

    Attributes:
        stances: the names of behaviours; see :mod:`marketgame.agents.behaviours.menu`.
        factors: what a stance's quotes are multiplied by, ascending.
        remembers: which quotes of the round before are the state.
        rate: the weight of what a round brought.
        discount: the worth of the next round's numeraire in this round's.
        fading: how fast it tries less.
    """

    name: ClassVar[str] = "q-learning"

    stances: tuple[str, ...] = field(
        default=("obedient", "misreporting"),
        metadata=parameter(
            "names of behaviours among which it learns; misreporting is one for each type there is to pretend",
            min_length=1,
        ),
    )
    factors: tuple[float, ...] = field(
        default=(0.9, 1.0, 1.1),
        metadata=parameter("what a stance's quotes of all goods but the numeraire are multiplied by", min_length=1),
    )
    remembers: Remembered = field(
        default=Remembered.EACH,
        metadata=parameter(
            "which quotes of the round before it distinguishes: each player's; average, of the others together; none"
        ),
    )
    rate: float = field(default=0.15, metadata=parameter("the weight of what the latest round brought", gt=0, le=1))
    discount: float = field(default=0.95, metadata=parameter("what is gained one round later counts as", ge=0, lt=1))
    fading: float = field(
        default=1e-3, metadata=parameter("after t rounds it tries any action with probability exp(-fading t)", ge=0)
    )

    @override
    def menu(self, own: TypedPlayer, type_number: int) -> tuple[Behaviour, ...]:
        return _menu_of(self.stances, self.factors, tuple(type_names(own)), type_number)

    @override
    def check(self, players: Sequence[TypedPlayer]) -> None:
        if min(self.factors) <= 0 or list(self.factors) != sorted(set(self.factors)):
            raise ValueError(f"behaviour {self.name!r} has factors {self.factors}; they must be positive and ascending")
        super().check(players)

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Values:
        own = common.economy.players[player]
        width = {Remembered.EACH: len(common.economy.players), Remembered.AVERAGE: 1, Remembered.NONE: 0}
        states = self._rounded(np.ones(width[self.remembers]))[None]
        values = np.zeros((1, len(own.types), len(self.menu(own, 0))))
        return Values(states, values, 0, 0, np.asarray(common.economy.prior.marginal(player)))

    @override
    def probabilities(self, memory: Values, type_number: int) -> FloatArray:
        values, tried = memory.values[memory.state, type_number], exp(-self.fading * memory.rounds)
        best = values == values.max()
        return np.asarray(tried / len(values) + (1 - tried) * best / np.count_nonzero(best))

    @override
    def learn(self, memory: Values, outcome: Outcome) -> Values:
        seen = self._state(outcome)
        states, values = memory.states, memory.values
        (met,) = (states == seen).all(axis=1).nonzero()
        if len(met):
            state = int(met[0])
            values = values.copy()
        else:
            state = len(states)
            states, values = np.concatenate((states, seen[None])), np.concatenate((values, np.zeros_like(values[:1])))
        if not outcome.bound:
            entry = memory.state, outcome.type_number, self.taken(outcome)
            worth = outcome.gain + self.discount * float(memory.prior @ values[state].max(axis=1))
            values[entry] += self.rate * (worth - values[entry])
        return Values(states, values, state, memory.rounds + 1, memory.prior)

    def _state(self, outcome: Outcome) -> IntegerArray:
        """Return the places on the grid of the quotes that are remembered, ``(D,)``."""
        if self.remembers is Remembered.NONE:
            return np.zeros(0, np.int64)
        told = outcome.knowledge.recommendation.quotes[:-1]
        priced = told > 0
        if not priced.any():
            ratios = np.ones(len(outcome.quotes))
        else:
            ratios = (outcome.quotes[:, :-1][:, priced] / told[priced]).mean(axis=1)
        if self.remembers is Remembered.AVERAGE:
            ratios = np.delete(ratios, outcome.knowledge.player).mean(keepdims=True)
        return self._rounded(ratios)

    def _rounded(self, ratios: FloatArray) -> IntegerArray:
        """Return the nearest factors of ratios to recommended quotes, ``(D,)``."""
        factors = np.array(self.factors)
        between = np.sqrt(factors[1:] * factors[:-1])
        return np.asarray(between.searchsorted(ratios), np.int64)


@cache
def _menu_of(
    stances: tuple[str, ...], factors: tuple[float, ...], types: tuple[str, ...], type_number: int
) -> tuple[Behaviour, ...]:
    """Return each stance at each factor; at its own quotes it is the stance itself."""
    menu = menu_of(stances, types, type_number)
    return tuple(stance if factor == 1 else Repricing(stance, factor) for stance in menu for factor in factors)
