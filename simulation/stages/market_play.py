"""What happened in one round, as the market saw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.coalitions.organiser import Negotiation
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement
from marketgame.simulation.stages.blocking import STAYS
from marketgame.simulation.stages.learned import Learned


@dataclass(frozen=True, eq=False)
class Round:
    """One round, or rounds side by side along a first dimension.

    Attributes:
        profile: the true types, ``(N,)``.
        reports: the reported types, ``(N,)``.
        draw: how the mediator's device turned out, ``()``.
        delivered: what flowed to each out of deposits before the market opened, ``(N, L)``, units; zero if nothing did.
        raised: how much numeraire the market added to announcements, ``(N,)``, units.
        settlement: what the market made of the play: of transfers with what fellow members of a coalition add, and of
            announcements as it accepted them; whoever left took no part.
        followed: the blocking mediator with whom each player left, ``(N,)``; -1 for who stayed.
        outside: what those who left consume of what they own together, ``(N, L)``, units; zero for who stayed.
        severance: paid by the established mediator to those who left, ``(N,)``, numeraire.
        side_payments: paid by blocking mediators, negative if the player paid, ``(N,)``, numeraire.
        expected_profits: what each blocking mediator's calculation promised it, ``(B,)``, numeraire.
        approaches: the invitations of blocking mediators, in the order in which they were made.
        side_transfers: of purchasing power, received from fellow members of a coalition, ``(N,)``, numeraire; they sum
            to zero.
        paid_for_reports: money received from fellow members of a coalition that agreed on reports, ``(N,)``, numeraire;
            likewise.
        negotiations: what coalition organisers tried, in the order in which they did.
        learned: how those who learn acted, and what it brought them.
    """

    profile: IntegerArray
    reports: IntegerArray
    draw: IntegerArray
    delivered: FloatArray
    raised: FloatArray
    settlement: Settlement
    followed: IntegerArray
    outside: FloatArray
    severance: FloatArray
    side_payments: FloatArray
    expected_profits: FloatArray
    approaches: tuple[Approach, ...]
    side_transfers: FloatArray
    paid_for_reports: FloatArray
    negotiations: tuple[Negotiation, ...]
    learned: tuple[Learned, ...]

    @property
    def play(self) -> Play:
        """What was played."""
        return self.settlement.play

    @property
    def left(self) -> BooleanArray:
        """Who left with a blocking mediator, ``(N,)``."""
        return np.asarray(self.followed != STAYS)


def nothing_played(economy: Economy, rules: MarketRules, blockers: int) -> Round:
    """Return no rounds side by side: every array has a first dimension of length zero."""
    players, goods = len(economy.players), len(economy.goods)
    nobody, nothing = np.zeros((0, players)), np.zeros((0, players, goods))
    types, orders = np.zeros((0, players), np.int64), np.zeros((0, players, players, goods))
    return Round(
        profile=types,
        reports=types,
        draw=np.zeros(0, np.int64),
        delivered=nothing,
        raised=nobody,
        settlement=settle(Play(nothing, orders, nothing, nobody), rules),
        followed=types,
        outside=nothing,
        severance=nobody,
        side_payments=nobody,
        expected_profits=np.zeros((0, blockers)),
        approaches=(),
        side_transfers=nobody,
        paid_for_reports=nobody,
        negotiations=(),
        learned=(),
    )


def consumed_in(play: Round, economy: Economy) -> FloatArray:
    """Return what everybody consumes in a round, or in rounds side by side, ``(..., N, L)``, units.

    That is what the market gives those who stayed, and what those who left divided among themselves.
    """
    owned = np.where(play.left[..., None], 0.0, economy.endowments(play.profile) + play.delivered)
    return play.settlement.consumption(owned) + play.outside


def net_consumed_in(play: Round, economy: Economy) -> FloatArray:
    """Return what everybody consumes beyond its endowment, ``(..., N, L)``, units."""
    owned = economy.endowments(play.profile)
    there = np.where(play.left[..., None], 0.0, owned + play.delivered)
    traded = play.settlement.net_consumption(there) + play.delivered
    return traded + np.where(play.left[..., None], play.outside - owned, play.outside)
