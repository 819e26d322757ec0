"""Quoting other prices than recommended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import (
    Behaviour,
    refuse_negative,
)
from marketgame.agents.knowledge import RecommendedKnowledge
from marketgame.mechanisms.arrays import FloatArray


@dataclass(frozen=True)
class Mispricing(Behaviour):
    """Quotes a multiple of the recommended prices, and otherwise obeys.

    Attributes:
        factor: what the recommended prices of all goods but the numeraire are multiplied by.

    Raises:
        ValueError: the factor is negative or not finite.
    """

    name: ClassVar[str] = "mispricing"

    factor: float = 0.9

    def __post_init__(self) -> None:
        refuse_negative(self, "factor")

    @override
    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        quotes = knowledge.recommendation.quotes.copy()
        quotes[:-1] *= self.factor
        return quotes
