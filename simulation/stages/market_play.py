"""What happened in one round, as the market saw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.coalitions.organiser import Negotiation
from marketgame.mechanisms.arrays import (
    BooleanArray,
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.settlement import (
    MarketRules,
    Settlement,
    settle,
)
from marketgame.simulation.stages.blocking import STAYS


@dataclass(frozen=True, eq=False)
class Play:
    """One round.

    Attributes:
        profile: the true types, ``(N,)``.
        reports: the reported types, ``(N,)``.
        transfers: purchasing power granted, with what fellow members of a coalition add, ``(N,)``, numeraire.
        quotes: ``(N, L)``, numeraire per unit.
        orders: net demand of player i addressed to player j, ``(N, N, L)``, units.
        announced_endowments: as accepted by the market, ``(N, L)``, units.
        raised: how much numeraire the market added to announcements, ``(N,)``, units.
        settlement: what the market made of it; whoever left took no part.
        followed: the blocking mediator with whom each player left, ``(N,)``; -1 for who stayed.
        outside: what those who left consume of what they own together, ``(N, L)``, units; zero for who stayed.
        severance: paid by the established mediator to those who left, ``(N,)``, numeraire.
        side_payments: paid by blocking mediators, negative if the player paid, ``(N,)``, numeraire.
        expected_profits: what each blocking mediator's calculation promised it, ``(B,)``, numeraire.
        approaches: the invitations of blocking mediators, in the order in which they were made.
        side_transfers: received from fellow members of a coalition, ``(N,)``, numeraire; they sum to zero.
        negotiations: what coalition organisers tried, in the order in which they did.
    """

    profile: IntegerArray
    reports: IntegerArray
    transfers: FloatArray
    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    raised: FloatArray
    settlement: Settlement
    followed: IntegerArray
    outside: FloatArray
    severance: FloatArray
    side_payments: FloatArray
    expected_profits: FloatArray
    approaches: tuple[Approach, ...]
    side_transfers: FloatArray
    negotiations: tuple[Negotiation, ...]

    @property
    def left(self) -> BooleanArray:
        """Who left with a blocking mediator, ``(N,)``."""
        return np.asarray(self.followed != STAYS)

    @property
    def net_flows(self) -> FloatArray:
        """What player i was to receive from player j on balance, ``(N, N, L)``, units."""
        return self.orders - np.swapaxes(self.orders, 0, 1)


def nothing_played(economy: Economy, rules: MarketRules, blockers: int) -> Play:
    """Return no rounds side by side: every array has a first dimension of length zero.

    Args:
        economy: what would be traded.
        rules: of the market.
        blockers: how many blocking mediators there are.
    """
    players, goods = len(economy.players), len(economy.goods)
    nobody, nothing = np.zeros((0, players)), np.zeros((0, players, goods))
    types, orders = np.zeros((0, players), np.int64), np.zeros((0, players, players, goods))
    return Play(
        profile=types,
        reports=types,
        transfers=nobody,
        quotes=nothing,
        orders=orders,
        announced_endowments=nothing,
        raised=nobody,
        settlement=settle(nothing, orders, nothing, nobody, rules),
        followed=types,
        outside=nothing,
        severance=nobody,
        side_payments=nobody,
        expected_profits=np.zeros((0, blockers)),
        approaches=(),
        side_transfers=nobody,
        negotiations=(),
    )
