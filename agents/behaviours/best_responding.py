"""The numerical best reply in orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

import numpy as np

from marketgame.agents.anticipation import expected_gain
from marketgame.agents.behaviours.behaviour import Behaviour, Order, recommended_order
from marketgame.agents.behaviours.order_candidates import Candidates, neighbours, structured_candidates
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import parameter

# An order must beat obedience by this share of what is at stake to be preferred: less is rounding.
WORTH_WHILE = 1e-8
# The local search starts from this many of the structured orders, the best ones.
STARTS = 3
# Proposals are made and settled in batches of this size.
BATCH = 32
FIRST_SCALE = 0.3
MOST_CANDIDATES = 1_000_000


@dataclass(frozen=True)
class BestResponding(Behaviour):
    """Orders what pays best if the others obey, given the rules, the quotes seen and its belief.

    It evaluates structured orders (obedience, no trade, demand at the quotes, short sales, arbitrage) and
    then searches around the best of them at random, with steps that grow after a success and shrink after a
    failure. Every candidate is settled exactly; obedience is one of them, so the reply is never expected to
    be worse than obeying. To blocking mediators and side-devices it reports whatever pays it most.

    Attributes:
        effort: how many orders are evaluated; the structured ones always are.
    """

    name: ClassVar[str] = "best-responding"

    effort: int = field(default=512, metadata=parameter("how many candidate orders it tries", ge=1, le=MOST_CANDIDATES))

    @override
    def answer(self, invited: Invited) -> int | None:
        best, truth = int(np.argmax(invited.gains)), invited.type_number
        if invited.gains[best] <= invited.gains[truth] + invited.rounding:
            best = truth
        return best if invited.worthwhile(best) else None

    @override
    def join(self, offered: OfferedSideContract) -> int | None:
        return offered.best if offered.worthwhile(offered.best) else None

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        structured = structured_candidates(knowledge)
        worth = expected_gain(knowledge, structured.net_demands, structured.announced_endowments)
        obedience = worth[0]
        starts = np.argsort(-worth, kind="stable")[:STARTS]
        batches = max(0, self.effort - len(structured)) // BATCH
        found = [
            _climb(knowledge, structured, int(start), float(worth[start]), batches // len(starts)) for start in starts
        ]
        start, net_demands, best = max(found, key=lambda climbed: climbed[2])
        if best <= obedience + WORTH_WHILE * knowledge.stake:
            return recommended_order(knowledge)
        return Order(net_demands, structured.announced_endowments[start])


def _climb(
    knowledge: MarketKnowledge, structured: Candidates, start: int, worth: float, batches: int
) -> tuple[int, FloatArray, float]:
    """Return the start, the best orders found from there, ``(N, L)``, and what they are expected to gain."""
    best, scale = structured.net_demands[start], FIRST_SCALE
    announced = np.repeat(structured.announced_endowments[start][None], BATCH, axis=0)
    stream = knowledge.stream(f"order search {start}")
    for _ in range(batches):
        proposals = neighbours(knowledge, best, scale, BATCH, stream)
        values = expected_gain(knowledge, proposals, announced)
        winner = int(np.argmax(values))
        if values[winner] > worth:
            best, worth, scale = proposals[winner], float(values[winner]), scale * 2
        else:
            scale /= 2
    return start, best, worth
