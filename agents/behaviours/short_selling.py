r"""Selling what one does not have, which the paper's game form lets a single player do with impunity.

Orders are unbounded and bind the counterparty. A player can therefore sell a good h short at the quoted
prices and order every other good until all others owe all they have. No budget changes; the projection on the
feasible set clips the negative holdings to zero, the player's own holding of h included, and hands it
everything else. While the others quote :math:`p^*` this yields
:math:`\max_{h: p^*_h > 0} u_i(\text{aggregate endowment with good } h \text{ set to } 0)`, so the grand
contract is broken by one player unless the rules bankrupt whoever would hold less than nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

import numpy as np

from marketgame.agents.anticipation import (
    expected_endowments,
    largest_own_cost,
    largest_supply,
    promised_gain,
    spendable,
    stripping_orders,
)
from marketgame.agents.behaviours.behaviour import Behaviour, Order, recommended_order
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import parameter

# A prize this little above the promise, as a share of what is at stake, is rounding.
WORTH_WHILE = 1e-9
# No sale comes closer to the value of what is bought than this share of it: the last digit of either, and their sum.
ROUNDING_OF_A_SALE = 2 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ShortSelling(Behaviour):
    """Sells one good short and takes all others, where the prize beats what the contract promises.

    It judges the prize by the paper's rules whatever the rules in force are, so that the same order can be
    played under each.

    Attributes:
        size: how much more than everything it orders from each player, in multiples of the aggregate
            endowment; the prize does not depend on it as long as the others follow the contract.
    """

    name: ClassVar[str] = "short-selling"

    size: float = field(
        default=10.0,
        metadata=parameter("how much more than everything it orders", unit="aggregate endowments", ge=0),
    )

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        prizes = short_sale_prizes(knowledge)
        good = int(np.argmax(prizes))
        if prizes[good] <= promised_gain(knowledge) + WORTH_WHILE * knowledge.stake:
            return recommended_order(knowledge)
        return Order(short_sale(knowledge, good, self.size), knowledge.owned)


def short_sale_prizes(knowledge: MarketKnowledge) -> FloatArray:
    """Return by how much everything there is but good h beats living on the own endowment, ``(L,)``, numeraire.

    A good that nobody in reach prices cannot be sold for anything: minus infinity.
    """
    others = np.delete(expected_endowments(knowledge), knowledge.player, axis=1).sum(axis=1)
    goods = others.shape[-1]
    spoils = np.where(np.eye(goods, dtype=bool), -knowledge.owned, others[:, None, :])
    expected = knowledge.belief.probability @ knowledge.gain_at_market(spoils)
    return np.where((knowledge.quotes[knowledge.partners] > 0).any(axis=0), expected, -np.inf)


def short_sale(knowledge: MarketKnowledge, good: int, size: float) -> FloatArray:
    """Return orders that strip everybody in reach of all goods but one and pay with that one.

    What is sold to a player is worth, at that player's quotes, what is ordered from it beyond the
    recommended order, so that nobody's cost changes but by rounding, and no more is ordered than rounds to less than
    the contract grants for it; a player that quotes nothing for the good is paid for by selling to the others.

    Args:
        knowledge: what the trader knows when it orders.
        good: the good sold short.
        size: how much more than everything is ordered, in multiples of the aggregate endowment.

    Returns:
        Orders, ``(N, L)``, units; their largest cost equals the trader's transfer, up to rounding and not above it.
    """
    quotes = knowledge.quotes
    others = np.zeros(len(quotes), dtype=bool)
    others[knowledge.partners] = True
    orders, more = stripping_orders(knowledge), largest_supply(knowledge)
    orders[:, good] = more[good] = 0
    recommended = knowledge.recommendation.orders
    granted = abs(
        float(knowledge.recommendation.transfers[knowledge.player]) - largest_own_cost(knowledge, recommended)
    )
    worth, worth_of_more = (quotes[others] * orders[others]).sum(), (quotes[others] * more).sum()
    if worth_of_more > 0:
        size = min(size, max(granted / ROUNDING_OF_A_SALE - float(worth), 0.0) / float(worth_of_more))
    orders[others] += size * more

    proceeds = np.where(others, (quotes * (orders - recommended)).sum(axis=-1), 0)
    spare = spendable(knowledge, orders) - largest_own_cost(knowledge, recommended)
    buyers = others & (quotes[:, good] > 0)
    unpaid = proceeds[~buyers].sum() - spare
    value_sold = proceeds[buyers] + unpaid / np.count_nonzero(buyers)
    orders[buyers, good] = -value_sold / quotes[buyers, good]
    return orders
