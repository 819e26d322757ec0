"""Orders worth trying against the recommendations of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from marketgame.agents.anticipation import largest_supply, spendable
from marketgame.agents.behaviours.arbitraging import arbitrage, largest_gap
from marketgame.agents.behaviours.short_selling import short_sale
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.market_game.rules import Execution, Withholding

# Attacks are tried barely large enough, comfortably, and against rules that ration what is ordered.
ATTACK_SIZES = (0.0, 1.0, 10.0)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Orders to choose from.

    Attributes:
        net_demands: ``(C, N, L)``, units.
        announced_endowments: announced with each, ``(C, L)``, units.
    """

    net_demands: FloatArray
    announced_endowments: FloatArray

    def __len__(self) -> int:
        return len(self.net_demands)


def structured_candidates(knowledge: MarketKnowledge) -> Candidates:
    """Return the orders economics suggests; the first is the recommended one.

    These are: no trade; buying what is demanded at the mean of the quotes from everybody alike, or at the best
    quotes from whoever offers them; each good sold short; the arbitrage between differing quotes. Where the
    rules let a trader consume what it does not announce, each is also tried with nothing announced.
    """
    recommendation = knowledge.recommendation
    honest = [recommendation.orders, _no_trade(knowledge), *_demanded(knowledge)]
    attacks = _attacks(knowledge)
    announced = [recommendation.announced_endowment] * len(honest)
    announced += [knowledge.owned] * len(attacks)
    orders, shown = np.stack(honest + attacks), np.stack(announced)
    if knowledge.common.rules.withholding is Withholding.CONSUMED:
        orders, shown = np.concatenate((orders, orders)), np.concatenate((shown, np.zeros_like(shown)))
    return Candidates(orders, shown)


def neighbours(
    knowledge: MarketKnowledge, centre: FloatArray, scale: float, count: int, stream: np.random.Generator
) -> FloatArray:
    """Return random orders, ``(count, N, L)``, near given ones, ``(N, L)``.

    Each changes the trade with some players in some goods by about ``scale`` times the aggregate endowment,
    paid for at the quote of the player traded with; half of them also move some numeraire unpaid.
    """
    players, goods = centre.shape
    steps = stream.standard_normal((count, players, goods)) * scale * largest_supply(knowledge)
    steps *= stream.random((count, players, 1)) < 0.5
    steps *= stream.random((count, 1, goods)) < 0.5
    steps[: count // 2, :, -1] = 0
    steps[..., -1] -= (steps[..., :-1] * knowledge.quotes[:, :-1]).sum(axis=-1)
    steps[:, knowledge.player] = 0
    return np.asarray(centre + steps)


def _no_trade(knowledge: MarketKnowledge) -> FloatArray:
    """Return orders that undo what the others are expected to order, ``(N, L)``, units."""
    incoming = knowledge.belief.play.orders[:, :, knowledge.player]
    match knowledge.common.rules.execution:
        case Execution.UNILATERAL:
            return np.asarray(np.tensordot(knowledge.belief.probability, incoming, axes=1))
        case Execution.MATCHED:
            return np.zeros(incoming.shape[1:])
        case _:
            assert_never(knowledge.common.rules.execution)


def _demanded(knowledge: MarketKnowledge) -> list[FloatArray]:
    """Return orders for the demand at mean quotes from all alike, and at the best quotes from the best."""
    others = knowledge.partners
    if not others.size:
        return []
    quotes = knowledge.quotes[others, :-1]
    alike = np.full(quotes.shape, 1 / len(others))
    cheapest = _indicator(quotes.argmin(axis=0), len(others))
    dearest = _indicator(quotes.argmax(axis=0), len(others))
    endowment = knowledge.owned[:-1]

    at_mean = _net_demand(knowledge, quotes.mean(axis=0), endowment)
    to_buy = np.maximum(_net_demand(knowledge, quotes.min(axis=0), endowment), 0)
    to_sell = np.minimum(_net_demand(knowledge, quotes.max(axis=0), endowment), 0)
    return [
        _paid_for(knowledge, others, alike * at_mean),
        _paid_for(knowledge, others, cheapest * to_buy + dearest * to_sell),
    ]


def _indicator(places: IntegerArray, count: int) -> FloatArray:
    """Return ``(count, G)`` ones where good g is traded with the player in ``places[g]``, else zeros."""
    return np.asarray(np.arange(count)[:, None] == places, np.float64)


def _net_demand(knowledge: MarketKnowledge, prices: FloatArray, endowment: FloatArray) -> FloatArray:
    """Return demand less endowment, ``(G,)``, units, where at price zero no more is wanted than there is."""
    demand = knowledge.own_type.valuation.demand(prices)
    return np.asarray(np.minimum(demand, largest_supply(knowledge)[:-1]) - endowment)


def _paid_for(knowledge: MarketKnowledge, others: IntegerArray, goods: FloatArray) -> FloatArray:
    """Return orders that bring flows ``(N-1, G)`` from the others, paid at the quote of each."""
    orders = _no_trade(knowledge)
    orders[others, :-1] += goods
    orders[others, -1] -= (knowledge.quotes[others, :-1] * goods).sum(axis=-1)
    orders[others, -1] += spendable(knowledge, orders) / len(others)
    return orders


def _attacks(knowledge: MarketKnowledge) -> list[FloatArray]:
    sellable = np.flatnonzero((knowledge.quotes[knowledge.partners] > 0).any(axis=0))
    attacks = [short_sale(knowledge, int(good), size) for good in sellable for size in ATTACK_SIZES]
    gap = largest_gap(knowledge)
    if gap is not None:
        attacks += [arbitrage(knowledge, gap, size) for size in ATTACK_SIZES]
    return attacks
