"""The arbitrage of Giraud and Rochon's proof of Theorem 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

import numpy as np

from marketgame.agents.anticipation import largest_own_cost, largest_supply, stripping_orders
from marketgame.agents.behaviours.behaviour import Behaviour, Order, recommended_order
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.execution import executed_flows
from marketgame.registry import parameter

# Quotes this close, relatively, are the same price.
SAME_PRICE = 1e-9


@dataclass(frozen=True)
class Arbitraging(Behaviour):
    """Buys a good from who quotes it low, sells it to who quotes it high, and strips everybody else.

    The strategy is the one written out in the paper: it takes from every player all it owns and all it is to
    receive, and passes so much of the good from the low to the high quoter that its own budget holds
    whatever the others were recommended, while the high quoter, charged at the arbitrageur's own quote, is
    certainly bankrupt. It then gets the aggregate endowment and everyone else nothing. (The paper adds the
    rest of the aggregate endowment to the order to the low quoter once more; without it the arbitrageur's net
    trade is exactly the rest of the aggregate endowment, as the paper claims.) Where all quotes agree, or are
    not seen in time, it obeys.

    Attributes:
        size: how much more than necessary it passes on, in multiples of the aggregate endowment.
    """

    name: ClassVar[str] = "arbitraging"

    size: float = field(
        default=10.0,
        metadata=parameter("how much more than needed it passes on", unit="aggregate endowments", ge=0),
    )

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        gap = largest_gap(knowledge)
        if gap is None:
            return recommended_order(knowledge)
        return Order(arbitrage(knowledge, gap, self.size), knowledge.owned)


@dataclass(frozen=True)
class Gap:
    """A good that two of the others price differently.

    Attributes:
        good: the good.
        low: who quotes least for it.
        high: who quotes most for it.
    """

    good: int
    low: int
    high: int


def largest_gap(knowledge: MarketKnowledge) -> Gap | None:
    """Return where the quotes of those in reach differ most, valued at the aggregate endowment, if they differ.

    Only goods count for which the trader's own quote is positive: it is at this quote that the high quoter
    will have to pay.
    """
    others = knowledge.partners
    if not others.size:
        return None
    quotes = knowledge.quotes[others]
    spread = quotes.max(axis=0) - quotes.min(axis=0)
    differs = (spread > SAME_PRICE * quotes.max(axis=0)) & (knowledge.quotes[knowledge.player] > 0)
    if not differs.any():
        return None
    worth = spread * largest_supply(knowledge)
    good = int(np.argmax(np.where(differs, worth, -1)))
    return Gap(good, low=int(others[quotes[:, good].argmin()]), high=int(others[quotes[:, good].argmax()]))


def arbitrage(knowledge: MarketKnowledge, gap: Gap, size: float) -> FloatArray:
    """Return the arbitrageur's orders, ``(N, L)``, units; the size is in multiples of the aggregate endowment.

    With :math:`z^*` of the good passed on from the low quoter :math:`i_o` to the high quoter i, its own cost
    falls by :math:`z^* (p_i - p_{i_o})` and the high quoter's rises by :math:`z^* p_j`; :math:`z^*` is twice
    what either needs, plus the given size.

    Source:
        Giraud and Rochon, proof of Theorem 1, the strategy of player j.
    """
    player, quotes, good = knowledge.player, knowledge.quotes, gap.good
    transfers = knowledge.recommendation.transfers
    orders = knowledge.within_reach(stripping_orders(knowledge))
    own_need = largest_own_cost(knowledge, orders) - transfers[player]
    own_gain = quotes[gap.high, good] - quotes[gap.low, good]
    rival_slack = transfers[gap.high] - _least_cost(knowledge, orders, gap.high)
    supply = largest_supply(knowledge)[good]
    passed_on = 2 * max(0.0, own_need / own_gain, rival_slack / quotes[player, good]) + size * supply
    orders[gap.low, good] += passed_on
    orders[gap.high, good] -= passed_on
    return orders


def _least_cost(knowledge: MarketKnowledge, own_orders: FloatArray, rival: int) -> float:
    """Return the least cost another player may face, numeraire, given the trader's orders ``(N, L)``."""
    orders = knowledge.belief.play.orders
    from_rival = orders[:, :, rival].copy()
    from_rival[:, knowledge.player] = own_orders[rival]
    flows = executed_flows(orders[:, rival], from_rival, knowledge.common.rules)
    return float((knowledge.quotes * flows).sum(axis=(-1, -2)).min())
