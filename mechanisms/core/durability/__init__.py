"""Coalitional durability, refuted or not by alternative games of one and two players.

Source:
    Myerson (2006), section 10, after Holmström and Myerson (1983).
"""

from marketgame.mechanisms.core.durability.examination import (
    AlternativeGame,
    Refutation,
    Rejection,
    coalition_payoffs,
    examine_alternative,
    rejection_violation,
)
from marketgame.mechanisms.core.durability.search import AlternativeSearch, NotRefuted, search_durability

__all__ = [
    "AlternativeGame",
    "AlternativeSearch",
    "NotRefuted",
    "Refutation",
    "Rejection",
    "coalition_payoffs",
    "examine_alternative",
    "rejection_violation",
    "search_durability",
]
