r"""Local search among all quotes and orders, so that what is on no menu can be found.

A way to deviate from what is recommended is a point of a continuous space: the logarithm of a factor for the quote of
each good, how much of each good is ordered from each player beyond what is recommended, in multiples of all there may
be of it, and the share of the endowment that is not announced. Whatever is ordered is paid for, in numeraire, at the
quote of the player it is ordered from, whether the trader has that numeraire or not. The origin is obedience.

Each type plays the best point found so far and a candidate near it in turns. Both are judged by what they bring on
average beyond what the contract promised in the round, so that luck with the others' types counts little. A candidate
is given up as soon as it is behind, and is the best if it is ahead after a number of rounds; a best point that turns
out to bring less than obedience did makes place for it. Candidates are drawn around the best point with a scale that
doubles after a success and falls by :math:`2^{-1/4}` after a failure, so that one of five succeeds: the (1+1) evolution
strategy. Half of the coordinates move, and steps are now and then much longer than the scale, as obedience is a local
optimum: short sales bring less than nothing until they are large. Where the scale has become too small, it starts from
the first again.

Source:
    Rechenberg (1973), Evolutionsstrategie: the rule of one in five; Kern, Mueller, Hansen, Buche, Ocenasek and
    Koumoutsakos (2004), Learning probability distributions in continuous evolutionary algorithms, for the factors;
    Maron and Moore (1994), Hoeffding races, for giving up early.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
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
# The scale starts from the first again when it is the first of these shares of it, and is the second at most.
TOO_SMALL, LARGEST = 1e-3, 8.0
# Steps are as much longer or shorter than the scale as e to the power of a normal number of this standard deviation.
SPREAD = 1.0
# Quotes move by this much where orders move by everything there is.
QUOTES_MOVE = 0.3
# No quote is moved by more than a factor of e to this, no order by more than so many times all there may be.
FARTHEST_QUOTE, FARTHEST_ORDER = 3.0, 1e3
# What a point brings is averaged over its rounds, later ones over about so many, as others learn, too.
ROUNDS_REMEMBERED = 32


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
        rounds: of each type, ``(K,)``; in every other one the candidate is played.
        played: in how many rounds the best, and the candidate, were played, ``(K, 2)``.
        brought: what they brought on average beyond the contract's promise, ``(K, 2)``, numeraire.
        obeying: what obedience did when it was played last, ``(K,)``, numeraire.
    """

    best: FloatArray
    candidate: FloatArray
    scale: FloatArray
    rounds: IntegerArray
    played: IntegerArray
    brought: FloatArray
    obeying: FloatArray


@dataclass(frozen=True)
class Searching(Learning[Search]):
    """Searches all quotes and orders, near the best so far, for what brings more than obedience.

    Attributes:
        reach: how far it searches at first.
        trials: how many rounds a candidate must stay ahead.
    """

    name: ClassVar[str] = "searching"

    reach: float = field(
        default=1.0,
        metadata=parameter("how far from the best so far it orders at first", unit="aggregate endowments", gt=0),
    )
    trials: int = field(
        default=3, metadata=parameter("in how many rounds a candidate must be ahead of the best so far", ge=1)
    )

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Search:
        players, goods = len(common.economy.players), len(common.economy.goods)
        kinds = len(common.economy.players[player].types)
        origin, pairs = np.zeros((kinds, (goods - 1) * (players + 1) + 1)), np.zeros((kinds, 2))
        whole = pairs.astype(np.int64)
        return Search(origin, origin, np.full(kinds, self.reach), whole[:, 0], whole, pairs, pairs[:, 0])

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
        kind, rounding = outcome.type_number, WORTH_WHILE * outcome.knowledge.stake
        found = Search(*(getattr(memory, each.name).copy() for each in fields(memory)))
        best, played, brought = found.best[kind], found.played[kind], found.brought[kind]
        turn = int(found.rounds[kind]) % 2
        found.rounds[kind] += 1
        played[turn] += 1
        beyond = outcome.gain - promised_gain(outcome.knowledge)
        brought[turn] += (beyond - brought[turn]) / min(int(played[turn]), ROUNDS_REMEMBERED)
        if turn == 1:
            if brought[1] > brought[0] + rounding:
                if played[1] < self.trials:
                    return found
                best[:], brought[0], played[0] = found.candidate[kind], brought[1], played[1]
                found.scale[kind] = min(SUCCESS * found.scale[kind], LARGEST * self.reach)
            else:
                found.scale[kind] *= FAILURE
        elif not best.any():
            found.obeying[kind] = brought[0]
            return found
        elif played[0] > self.trials and brought[0] < found.obeying[kind] - rounding:
            best[:], brought[0], played[0], found.scale[kind] = 0, found.obeying[kind], 0, self.reach
        else:
            return found
        if found.scale[kind] < TOO_SMALL * self.reach:
            found.scale[kind] = self.reach
        found.candidate[kind] = self._near(best, float(found.scale[kind]), outcome)
        played[1], brought[1] = 0, 0
        return found

    @staticmethod
    def _near(best: FloatArray, scale: float, outcome: Outcome) -> FloatArray:
        """Return a random point near the best, ``(D,)``."""
        stream, goods = outcome.stream("search"), outcome.quotes.shape[1] - 1
        step = stream.standard_normal(len(best)) * np.exp(SPREAD * stream.standard_normal())
        step *= scale * (stream.random(len(best)) < 0.5)
        step[:goods] *= QUOTES_MOVE
        farthest = np.full(len(best), FARTHEST_ORDER)
        farthest[:goods] = FARTHEST_QUOTE
        return np.asarray((best + step).clip(-farthest, farthest))


def _folded(point: float) -> float:
    """Return a share from 0 to 1 for any number, rising and falling by turns, so that no step from it leads nowhere."""
    return abs((point + 1) % 2 - 1)
