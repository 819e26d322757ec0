r"""Local search among all quotes and orders, so that what is on no menu can be found.

A way to deviate from what is recommended is a point of a continuous space: the logarithm of a factor for the quote of
each good, how much of each good is ordered from each player beyond what is recommended, in multiples of all there may
be of it, and the share of the endowment that is not announced. Whatever is ordered is paid for, in numeraire, at the
quote of the player it is ordered from, whether the trader has that numeraire or not. The origin is obedience.

Each type plays the best point found so far and a candidate near it in turns, a number of rounds each, and moves to the
candidate if that brought more, compared with what the contract promised in each of the rounds. Candidates are drawn
around the best point with a scale that doubles after a success and falls by :math:`2^{-1/4}` after a failure, so that
one of five succeeds: the (1+1) evolution strategy. Half of the coordinates move, and steps are now and then much longer
than the scale, as obedience is a local optimum: short sales bring less than nothing until they are large. Where the
scale has become too small, it starts from the first again.

Source:
    Rechenberg (1973), Evolutionsstrategie: the rule of one in five; Kern, Mueller, Hansen, Buche, Ocenasek and
    Koumoutsakos (2004), Learning probability distributions in continuous evolutionary algorithms, for the factors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

import numpy as np

from marketgame.agents.anticipation import largest_own_cost, largest_supply, promised_gain, spendable
from marketgame.agents.behaviours.behaviour import Behaviour, Order, recommended_order
from marketgame.agents.behaviours.learning import Learning, Outcome
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.registry import parameter

# A candidate must bring so much more, as a share of what is at stake; less is rounding.
WORTH_WHILE = 1e-9
SUCCESS, FAILURE = 2.0, 2.0**-0.25
# The scale starts from the first again when it is this share of it.
TOO_SMALL = 1e-3
# Steps are as much longer or shorter than the scale as e to the power of a normal number of this standard deviation.
SPREAD = 1.0
# Quotes move by this much where orders move by everything there is.
QUOTES_MOVE = 0.3


@dataclass(frozen=True, eq=False)
class Departing(Behaviour):
    """Departs from what is recommended by a point of the space that is searched.

    Attributes:
        quotes: logarithms of factors of quotes, ``(L - 1,)``.
        goods: what is ordered from each player beyond the recommended, ``(N, L - 1)``, multiples of all there may be.
        withheld: the share of the endowment that is not announced, from 0 to 1.
    """

    quotes: FloatArray
    goods: FloatArray
    withheld: float

    @property
    @override
    def called(self) -> str:
        return Searching.name

    @override
    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        quotes = knowledge.recommendation.quotes.copy()
        quotes[:-1] *= np.exp(self.quotes)
        return quotes

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        recommended = recommended_order(knowledge)
        orders = recommended.net_demands
        announced = recommended.announced_endowment * (1 - self.withheld)
        if self.goods.any():
            orders = orders.copy()
            more = self.goods * largest_supply(knowledge)[:-1]
            more[knowledge.player] = 0
            orders[:, :-1] += more
            orders[:, -1] -= (knowledge.quotes[:, :-1] * more).sum(axis=-1)
            # What rounding makes too expensive is bought with less numeraire.
            others = np.arange(len(orders)) != knowledge.player
            orders[others, -1] += (spendable(knowledge, orders) - largest_own_cost(knowledge, orders)) / others.sum()
        return Order(orders, announced)


@dataclass(frozen=True, eq=False)
class Search:
    """What is remembered of the search, by type.

    Attributes:
        best: the best point found so far, ``(K, D)``.
        candidate: the point that it is compared with, ``(K, D)``.
        scale: of steps, ``(K,)``.
        rounds: in which either was played since the comparison began, ``(K,)``.
        brought: what best and candidate brought beyond the contract's promise in these rounds, ``(K, 2)``, numeraire.
    """

    best: FloatArray
    candidate: FloatArray
    scale: FloatArray
    rounds: IntegerArray
    brought: FloatArray


@dataclass(frozen=True)
class Searching(Learning[Search]):
    """Searches all quotes and orders, near the best so far, for what brings more than obedience.

    Attributes:
        reach: how far it searches at first.
        trials: how many rounds a candidate is tried.
    """

    name: ClassVar[str] = "searching"

    reach: float = field(
        default=1.0,
        metadata=parameter("how far from the best so far it orders at first", unit="aggregate endowments", gt=0),
    )
    trials: int = field(
        default=1, metadata=parameter("how many rounds each the best so far and a candidate are compared", ge=1)
    )

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Search:
        players, goods = len(common.economy.players), len(common.economy.goods)
        kinds = len(common.economy.players[player].types)
        origin = np.zeros((kinds, (goods - 1) * (players + 1) + 1))
        none = np.zeros(kinds, np.int64)
        return Search(origin, origin, np.full(kinds, self.reach), none, np.zeros((kinds, 2)))

    @override
    def plan(self, memory: Search, knowledge: TypeKnowledge) -> Behaviour:
        kind = knowledge.type_number
        point = (memory.best, memory.candidate)[memory.rounds[kind] % 2][kind]
        goods = len(knowledge.common.economy.goods) - 1
        return Departing(point[:goods], point[goods:-1].reshape(-1, goods), _folded(float(point[-1])))

    @override
    def learn(self, memory: Search, outcome: Outcome) -> Search:
        if outcome.bound:
            return memory
        kind = outcome.type_number
        rounds, brought = memory.rounds.copy(), memory.brought.copy()
        brought[kind, rounds[kind] % 2] += outcome.gain - promised_gain(outcome.knowledge)
        rounds[kind] += 1
        if rounds[kind] < 2 * self.trials:
            return Search(memory.best, memory.candidate, memory.scale, rounds, brought)
        best, candidate, scale = memory.best.copy(), memory.candidate.copy(), memory.scale.copy()
        won, lost = brought[kind, 1], brought[kind, 0]
        if won > lost + WORTH_WHILE * self.trials * outcome.knowledge.stake:
            best[kind] = candidate[kind]
            scale[kind] *= SUCCESS
        else:
            scale[kind] *= FAILURE
        if scale[kind] < TOO_SMALL * self.reach:
            scale[kind] = self.reach
        candidate[kind] = best[kind] + scale[kind] * _step(len(outcome.quotes[0]) - 1, best.shape[1], outcome)
        rounds[kind], brought[kind] = 0, 0
        return Search(best, candidate, scale, rounds, brought)


def _folded(point: float) -> float:
    """Return a share from 0 to 1 for any number, rising and falling by turns, so that no step from it leads nowhere."""
    return abs((point + 1) % 2 - 1)


def _step(goods: int, size: int, outcome: Outcome) -> FloatArray:
    """Return a random step of scale one, ``(D,)``."""
    stream = outcome.stream("search")
    step = stream.standard_normal(size) * np.exp(SPREAD * stream.standard_normal()) * (stream.random(size) < 0.5)
    step[:goods] *= QUOTES_MOVE
    return np.asarray(step)
