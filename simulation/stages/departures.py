"""Stage 8 on a market: who leaves with a blocking mediator, and what that leaves of everybody's orders.

Those who leave withdraw their endowments and divide them among themselves as the blocking mediator planned; the
market goes on without them. Orders between them and those who stay are void, and so are their transfers, while those
who stay keep the purchasing power they were granted, which may no longer cover what they still owe each other.

The invitations go out when all have reported to the established mediator and before it recommends anything, which is
when the paper asks. Recommendations usually reveal everybody's type, and a plan that is worth joining on average
would not survive that.

Source:
    Myerson (2006), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.framework import RoundModel
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.agents.trader import Trader
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.grid_game import grid_bundles
from marketgame.mechanisms.economies.economy import Economy
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.stages.blocking import STAYS, BlockingStage, mediators_followed, side_payments


@dataclass(frozen=True, eq=False)
class Departures:
    """Who left in a round, and with what.

    Attributes:
        approaches: the invitations of blocking mediators, in the order in which they were made.
        followed: the blocking mediator with whom each player left, ``(N,)``; -1 for who stayed.
        outside: what those who left consume of what they own together, ``(N, L)``, units; zero for who stayed.
        side_payments: paid by blocking mediators, negative if the player paid, ``(N,)``, numeraire.
        expected_profits: what each blocking mediator's calculation promised it, ``(B,)``, numeraire.
    """

    approaches: tuple[Approach, ...]
    followed: IntegerArray
    outside: FloatArray
    side_payments: FloatArray
    expected_profits: FloatArray

    @property
    def left(self) -> BooleanArray:
        """Who left, ``(N,)``."""
        return np.asarray(self.followed != STAYS)


def nobody_left(players: int, goods: int) -> Departures:
    """Return the departures of a round in which nobody invited anybody."""
    return Departures((), np.full(players, STAYS), np.zeros((players, goods)), np.zeros(players), np.zeros(0))


class MarketBlocking:
    """The blocking mediators of a market.

    Attributes:
        game: what coalitions could do by themselves.
        stage: the mediators, as in any game.
    """

    def __init__(
        self,
        model: RoundModel,
        blockers: Sequence[Blocker],
        game: CoalitionalGame,
        parts: int,
        common: CommonKnowledge,
        seed: int,
    ) -> None:
        self.game = game
        self._economy: Economy = common.economy
        self._contract = common.listed
        severance = np.zeros(game.profiles.shape) if common.severance is None else common.severance
        self._bundles = {coalition: grid_bundles(common.economy, coalition, parts) for coalition in game.coalitions}
        stakes = self._contract.gains - severance
        self.stage = BlockingStage(model, blockers, game, stakes, severance, seed)

    def play(self, traders: Sequence[Trader], profile: IntegerArray) -> Departures:
        """Let every mediator invite traders who have reported to the established one; true types are ``(N,)``."""
        approaches = self.stage.play(lambda player, offer: traders[player].answer(offer))
        return Departures(
            approaches,
            mediators_followed(approaches, len(traders)),
            self._outside(approaches, profile),
            side_payments(approaches, len(traders)),
            self.stage.expected_profits(),
        )

    def observe(self, reports: IntegerArray, net_consumed: FloatArray) -> None:
        """Let every mediator see reports, ``(N,)``, and what went beyond endowments reported, ``(N, L)``, units."""
        number = int(self._economy.prior.profile_numbers(reports))
        self.stage.observe(number, self._economy.gains(reports, net_consumed))

    def _outside(self, approaches: Sequence[Approach], profile: IntegerArray) -> FloatArray:
        """Return what those who leave consume, ``(N, L)``, units; of a good that does harm they leave some."""
        rows = self._economy.rows(profile)
        endowments = self._economy.endowment_table[rows]
        outside = np.zeros(endowments.shape)
        for approach in approaches:
            members = list(approach.leavers)
            if members:
                received = self._bundles[approach.leavers][approach.invitation.action]
                outside[members, :-1] = self._economy.valuations.dispose(rows[members], received)
                outside[members, -1] = endowments[members, -1]
        return outside
