"""What learners are told beyond what became of themselves, and what the observer works out about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from marketgame.agents.behaviours import Publication
from marketgame.registry import parameter

# Automatically the regrets of at most so many learners are worked out: each stance of each plays every round again.
MOST_REGRETTING = 10


class Regrets(StrEnum):
    """Whether the observer works out, in each round, what every stance of every learner would have brought."""

    AUTOMATIC = "automatic"
    """With at most 10 learners, where nobody organises coalitions or leads them away."""
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True)
class LearningRules:
    """What learners are told, and what is recorded of them.

    Attributes:
        published: what everybody who learns is told beyond what became of itself.
        regrets: whether regrets are recorded; they are the observer's, no learner hears of them.
    """

    published: tuple[Publication, ...] = field(
        default=(),
        metadata=parameter(
            "what learners are told beyond their own outcome: hindsight, what each stance would have brought; stances, "
            "by which behaviour each of those they can see acted and what it gained"
        ),
    )
    regrets: Regrets = field(
        default=Regrets.AUTOMATIC,
        metadata=parameter(
            "whether the observer works out what every stance would have brought: all; none; automatic: of at most "
            f"{MOST_REGRETTING} learners, without organisers and blockers"
        ),
    )
