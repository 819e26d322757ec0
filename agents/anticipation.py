"""What a trader expects of its own order, if the others follow their recommendations.

The others are expected to have reported truthfully and to order what the contract recommends at the profiles
the trader still considers possible. Dimension ``K`` runs over these profiles, ``C`` over candidate orders.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from marketgame.agents.knowledge import MarketKnowledge, RecommendedKnowledge
from marketgame.mechanisms.arrays import FloatArray, read_only
from marketgame.mechanisms.market_game.execution import executed_flows
from marketgame.mechanisms.market_game.one_deviates import sums_suffice
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Coverage, Execution, Refusal, Withholding
from marketgame.mechanisms.market_game.settle import settle

# Candidate orders are settled in pieces of about this many numbers, so that they stay in the cache.
NUMBERS_AT_ONCE = 1 << 18
# No more of the budget is kept back for rounding than this share of the value of the recommended orders.
MOST_KEPT_BACK = 1e-9
# So much of the value of orders is kept back for their rounding where the contract grants nothing for it.
KEPT_BACK_OF_ORDERS = 1e-11
# Among more players than this candidates are settled by sums over players instead of over pairs of them.
MANY_PLAYERS = 64


def expected_endowments(knowledge: RecommendedKnowledge) -> FloatArray:
    """Return what players would own when the market opens, ``(K, N, L)``, units; the trader's own is what it has."""
    endowments = knowledge.belief.endowments.copy()
    endowments[:, knowledge.player] = knowledge.owned
    return endowments


def receipts_without_own_orders(knowledge: RecommendedKnowledge) -> FloatArray:
    """Return what each player would gain by trade if the trader ordered nothing, ``(K, N, L)``, units."""
    orders, player = knowledge.belief.orders_to_each.copy(), knowledge.player
    if _matched(knowledge):
        # What two order from each other is the difference of what they order from the first.
        without = (orders.shape[1] - 1) * orders - (orders.sum(axis=1, keepdims=True) - orders[:, player, None])
        without[:, player] = 0
        return np.asarray(without)
    ordered = _ordered_in_all(orders).copy()
    ordered[:, player] = orders[:, player] = 0
    return np.asarray(ordered - _ordered_from_any(orders))


def _matched(knowledge: RecommendedKnowledge) -> bool:
    """Say whether others are told to order from each what both order; else they order the same from everybody."""
    common = knowledge.common
    return common.rules.execution is Execution.MATCHED and common.contract.refusal is Refusal.FREE


def _ordered_in_all(orders: FloatArray) -> FloatArray:
    """Return what each player orders in all, ``(K, N, L)``, if it orders the same, ``(K, N, L)``, from each."""
    return _ordered_in_all_by(orders.tobytes(), orders.shape)


# What all are told to order is worked out once for everybody, not by each trader for itself.
@lru_cache(maxsize=32)
def _ordered_in_all_by(orders: bytes, shape: tuple[int, ...]) -> FloatArray:
    to_each = np.frombuffer(orders).reshape(shape)
    return read_only(np.repeat(to_each[:, :, None], shape[1], axis=2).sum(axis=2))


def _ordered_from_any(orders: FloatArray) -> FloatArray:
    """Return what all together order from any one player, ``(K, 1, L)``, if they order the same from each."""
    return np.asarray(np.add.accumulate(orders, axis=1)[:, -1:])


def stripping_orders(knowledge: RecommendedKnowledge) -> FloatArray:
    """Return the orders, ``(N, L)``, that leave each player owing all it owns and all it is to receive.

    Largest over the profiles considered possible, as in Giraud and Rochon's proof of Theorem 1; the row of
    the trader itself is zero.
    """
    holdings = receipts_without_own_orders(knowledge) + expected_endowments(knowledge)
    orders = holdings.max(axis=0)
    orders[knowledge.player] = 0
    return np.asarray(orders)


def largest_supply(knowledge: RecommendedKnowledge) -> FloatArray:
    """Return the most of each good there may be, ``(L,)``, units."""
    return np.asarray(expected_endowments(knowledge).sum(axis=1).max(axis=0))


def largest_own_cost(knowledge: MarketKnowledge, net_demands: FloatArray) -> float:
    """Return the largest cost the trader may face, numeraire, of orders ``(N, L)`` at the quotes it knows."""
    flows = executed_flows(net_demands, knowledge.belief.play.orders[:, :, knowledge.player], knowledge.common.rules)
    flows[:, knowledge.player] = 0
    return float((knowledge.quotes * flows).sum(axis=(-1, -2)).max())


def spendable(knowledge: MarketKnowledge, net_demands: FloatArray) -> float:
    """Return what the trader may spend, numeraire, if orders like ``(N, L)`` are not to fail by their own rounding.

    The market forgives nothing; the contract grants a little more than its recommended orders cost, see
    `mechanisms.contracts.recommended_orders`. Half of it is kept for the rounding of the orders, half for that of the
    others. Where nothing is to be ordered, nothing is granted, and the trader itself leaves room for its orders.
    """
    recommended = knowledge.recommendation
    granted = float(recommended.transfers[knowledge.player])
    if knowledge.common.contract.refusal is Refusal.ESCROW:
        return granted - KEPT_BACK_OF_ORDERS * float(np.abs(knowledge.quotes * net_demands).sum())
    room = abs(granted - largest_own_cost(knowledge, recommended.orders))
    traded = float(np.abs(knowledge.quotes[knowledge.player] * recommended.orders).sum())
    return granted - min(room / 2, MOST_KEPT_BACK * traded)


def promised_gain(knowledge: RecommendedKnowledge) -> float:
    """Return by how much what the contract promises is expected to beat living on the endowment, numeraire."""
    orders, player = knowledge.belief.orders_to_each, knowledge.player
    if _matched(knowledge):
        received = orders.shape[1] * orders[:, player] - orders.sum(axis=1)
    else:
        received = (_ordered_in_all(orders) - _ordered_from_any(orders))[:, player]
    withheld = knowledge.owned - knowledge.belief.play.announced_endowments[:, player]
    return float(knowledge.belief.probability @ knowledge.gain_at_market(received - withheld))


def expected_gain(knowledge: MarketKnowledge, net_demands: FloatArray, announced_endowments: FloatArray) -> FloatArray:
    """Return by how much candidates ``(C, N, L)``, units, are expected to beat the endowment, ``(C,)``, numeraire.

    To those out of reach, what is recommended is ordered in their place.
    """
    net_demands = knowledge.within_reach(net_demands)
    if _among_many(knowledge) and _covered(knowledge, announced_endowments):
        return _expected_gain_among_many(knowledge, net_demands, announced_endowments)
    pieces = max(1, net_demands.shape[0] * knowledge.belief.play.orders.size // NUMBERS_AT_ONCE)
    return np.concatenate(
        [
            _expected_gain(knowledge, orders, announced)
            for orders, announced in zip(
                np.array_split(net_demands, pieces), np.array_split(announced_endowments, pieces), strict=True
            )
        ]
    )


def _expected_gain(knowledge: MarketKnowledge, net_demands: FloatArray, announced: FloatArray) -> FloatArray:
    belief, player, rules = knowledge.belief, knowledge.player, knowledge.common.rules
    batch = (len(net_demands), *belief.probability.shape)
    orders, shown = (
        np.broadcast_to(array, (*batch, *array.shape[1:])).copy()
        for array in (belief.play.orders, belief.play.announced_endowments)
    )
    orders[:, :, player] = net_demands[:, None]
    shown[:, :, player] = announced[:, None]
    quotes = np.broadcast_to(knowledge.quotes, shown.shape)
    transfers = np.broadcast_to(knowledge.recommendation.transfers, shown.shape[:-1])
    settlement = settle(Play(quotes, orders, shown, transfers), rules)
    endowments = np.broadcast_to(expected_endowments(knowledge), shown.shape)
    net = settlement.net_consumption(endowments)[:, :, player]
    return np.asarray(knowledge.gain_at_market(net) @ belief.probability)


def _among_many(knowledge: MarketKnowledge) -> bool:
    """Say whether there are so many players that their pairs are not looked at, and need not be."""
    common = knowledge.common
    if len(knowledge.quotes) <= MANY_PLAYERS or common.contract.refusal is not Refusal.FREE:
        return False
    return sums_suffice(common.rules, knowledge.quotes)


def _covered(knowledge: MarketKnowledge, announced: FloatArray) -> bool:
    """Say whether announcements ``(C, L)`` cover what is taken from the trader, where they must."""
    taken = -knowledge.recommendation.transfers[knowledge.player]
    return knowledge.common.rules.coverage is Coverage.UNLIMITED or bool((announced[:, -1] >= taken).all())


def _expected_gain_among_many(knowledge: MarketKnowledge, net_demands: FloatArray, announced: FloatArray) -> FloatArray:
    belief, rules = knowledge.belief, knowledge.common.rules
    net = np.empty((len(net_demands), len(belief.probability), net_demands.shape[-1]))
    for place, deviation in enumerate(knowledge.own_deviations):
        net[:, place] = deviation.change(net_demands, announced)
    if rules.withholding is Withholding.WASTED:
        net -= (knowledge.owned - announced)[:, None]
    return np.asarray(knowledge.gain_at_market(net) @ belief.probability)
