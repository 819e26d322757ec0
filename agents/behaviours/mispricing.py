"""Quoting other prices than recommended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.agents.knowledge import RecommendedKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import parameter


@dataclass(frozen=True)
class Mispricing(Behaviour):
    """Quotes a multiple of the recommended prices, and otherwise obeys.

    Attributes:
        factor: what the recommended prices of all goods but the numeraire are multiplied by.
    """

    name: ClassVar[str] = "mispricing"

    factor: float = field(
        default=0.9,
        metadata=parameter("what the prices of all goods but the numeraire are multiplied by", ge=0),
    )

    @override
    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        quotes = knowledge.recommendation.quotes.copy()
        quotes[:-1] *= self.factor
        return quotes
