"""Hiding part of one's endowment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import Behaviour, Order
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.registry import parameter


@dataclass(frozen=True)
class Withholding(Behaviour):
    """Announces only part of its endowment of every good, and otherwise obeys.

    Attributes:
        fraction: the share of the endowment that is not announced.
    """

    name: ClassVar[str] = "withholding"

    fraction: float = field(
        default=0.5, metadata=parameter("the share of the endowment that is not announced", ge=0, le=1)
    )

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        return Order(knowledge.recommendation.orders, (1 - self.fraction) * knowledge.owned)
