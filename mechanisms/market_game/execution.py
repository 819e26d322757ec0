r"""Which of the orders are executed, and who takes no further part.

In the paper's market game either side's order binds the other: what flows to i from j is
:math:`n_{ij} = z_{ij} - z_{ji}`. Under `Execution.MATCHED` a flow executes only as far as both sides order it, good by
good, money included:

.. math:: n_{ij}^h = \operatorname{sign}(z_{ij}^h) \min(|z_{ij}^h|, |z_{ji}^h|)
    \quad \text{where } z_{ij}^h \text{ and } z_{ji}^h \text{ have opposite signs, otherwise } 0.

So nobody is made to trade what it did not order, but a counterparty may still fail to order what it was told to.

Under `Refusal.ESCROW` the market of orders opens when recommended flows have been executed out of what was deposited
with the reports. Then players come with what they hold after these flows, and with no purchasing power but what they
get for it. Whoever trades no further leaves with what it holds: only those who trade share what they brought. Otherwise
a member could sell short to its partner, and the partner's claim, larger than anything there is, would crowd out
outsiders who asked for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Pricing, Refusal


def executed_orders(orders: FloatArray, execution: Execution) -> FloatArray:
    """Return orders that bind the counterparty and lead to the flows that are executed.

    Args:
        orders: as given, ``(..., N, N, L)``, units; those to oneself are ignored.
        execution: the rule.

    Returns:
        Orders ``(..., N, N, L)``, units. Matched ones are stated on the side of the player with the lower number, so
        that flows are not rounded.
    """
    match execution:
        case Execution.UNILATERAL:
            return orders
        case Execution.MATCHED:
            players = orders.shape[-2]
            lower = np.triu(np.ones((players, players), np.bool_), 1)[:, :, np.newaxis]
            return np.where(lower, _matched(orders, np.swapaxes(orders, -2, -3)), 0.0)
        case _:
            assert_never(execution)


def executed_flows(ordered: FloatArray, by_others: FloatArray, rules: MarketRules) -> FloatArray:
    """Return what flows to a player that ordered so much from each, ``(..., N, L)``, of whom each ordered so much."""
    match rules.execution:
        case Execution.UNILATERAL:
            return ordered - by_others
        case Execution.MATCHED:
            return _matched(ordered, by_others)
        case _:
            assert_never(rules.execution)


def _matched(ordered: FloatArray, by_others: FloatArray) -> FloatArray:
    offered = -by_others
    bought = np.maximum(np.minimum(ordered, offered), 0.0)
    sold = np.minimum(np.maximum(ordered, offered), 0.0)
    return np.asarray(bought + sold)


@dataclass(frozen=True, eq=False)
class Executed:
    """What is left to be settled by the market's tests.

    Attributes:
        play: the plays with the orders that are executed, and with nothing announced by who trades no further.
        kept: what these players leave with, ``(..., N, L)``, units; none if all of it is settled together.
    """

    play: Play
    kept: FloatArray | None

    @classmethod
    def of(cls, play: Play, rules: MarketRules) -> Executed:
        """Return what of plays is settled by rules that are tested on whatever orders there are."""
        if rules.execution is not Execution.UNILATERAL:
            play = play.with_arrays(orders=executed_orders(play.orders, rules.execution))
        match rules.refusal:
            case Refusal.FREE:
                return cls(play, None)
            case Refusal.ESCROW:
                apart = _trades_no_further(play, rules.pricing)[..., np.newaxis]
                announced = play.announced_endowments
                left = play.with_arrays(announced_endowments=np.where(apart, 0.0, announced))
                return cls(left, np.where(apart, announced, 0.0))
            case _:
                assert_never(rules.refusal)


def _trades_no_further(play: Play, pricing: Pricing) -> BooleanArray:
    """Say who owes nothing and is in no flow, ``(..., N)``."""
    orders = play.orders - np.swapaxes(play.orders, -2, -3)
    if pricing is Pricing.VOID:
        orders *= (play.quotes[..., :, np.newaxis, :] == play.quotes[..., np.newaxis, :, :]).all(axis=-1)[
            ..., np.newaxis
        ]
    everyone = np.arange(orders.shape[-2])
    orders[..., everyone, everyone, :] = 0.0
    return np.asarray(~orders.any(axis=(-2, -1)) & (play.transfers >= 0.0))
