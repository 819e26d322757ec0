"""Hiding part of one's endowment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import (
    Behaviour,
    Order,
)
from marketgame.agents.knowledge import MarketKnowledge


@dataclass(frozen=True)
class Withholding(Behaviour):
    """Announces only part of its endowment of every good, and otherwise obeys.

    Attributes:
        fraction: the share of the endowment that is not announced, between 0 and 1.

    Raises:
        ValueError: the fraction is outside 0 to 1.
    """

    name: ClassVar[str] = "withholding"

    fraction: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"fraction of behaviour 'withholding' is {self.fraction}; it must be from 0 to 1")

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        return Order(knowledge.recommendation.orders, (1 - self.fraction) * knowledge.own_type.endowment)
