"""Trembling hands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

import numpy as np

from marketgame.agents.behaviours.behaviour import Behaviour, Order
from marketgame.agents.knowledge import MarketKnowledge, RecommendedKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import parameter


@dataclass(frozen=True)
class Noisy(Behaviour):
    """Quotes and orders what it is told to, with errors.

    Quotes are multiplied by ``exp(quote_scale * standard normal)``, so they stay positive. Every order is
    changed by a normal error whose standard deviation is ``order_scale`` times the larger of the order
    recommended for that good and an equal share of the own endowment of it.

    Attributes:
        quote_scale: standard deviation of the logarithm of a quote over the recommended one.
        order_scale: standard deviation of an order, relative to the size of orders.
    """

    name: ClassVar[str] = "noisy"

    quote_scale: float = field(default=0.1, metadata=parameter("relative size of the errors in quotes", ge=0))
    order_scale: float = field(default=0.1, metadata=parameter("relative size of the errors in orders", ge=0))

    @override
    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        quotes = knowledge.recommendation.quotes.copy()
        errors = knowledge.stream("quote").standard_normal(len(quotes) - 1)
        quotes[:-1] *= np.exp(self.quote_scale * errors)
        return quotes

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        recommended = knowledge.recommendation.orders
        share = knowledge.own_type.endowment / len(recommended)
        size = np.maximum(np.abs(recommended).max(axis=0), share)
        errors = knowledge.stream("order").standard_normal(recommended.shape)
        errors[knowledge.player] = 0
        return Order(recommended + self.order_scale * size * errors, knowledge.recommendation.announced_endowment)
