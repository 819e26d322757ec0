"""A player of a coalitional game: it reports a type, and answers blocking mediators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.agents.behaviours.behaviour import Behaviour, answered
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.blocking.offer import BlockingOffer
from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.agents.private_type import GamePlayer, GameTypeKnowledge, game_players
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism


@dataclass(frozen=True, eq=False)
class GameCommonKnowledge:
    """What everybody knows, and knows that everybody knows.

    Attributes:
        game: what coalitions can do, and how likely types are.
        mechanism: what the established mediator has announced.
    """

    game: CoalitionalGame
    mechanism: Mechanism

    @cached_property
    def players(self) -> tuple[GamePlayer, ...]:
        """The players with their types."""
        return game_players(self.game)

    def stakes_after(self, player: int, type_number: int, report: int) -> FloatArray:
        r"""Return what a player loses by leaving once it has made a report to the established mediator.

        Returns:
            Its payoff :math:`x_i(t_{-i}, r) + \sum_c \mu(c | t_{-i}, r) u_i(c, t) - \varepsilon_i(t_{-i}, r)` at
            every profile with its own true type, ``(P,)``, units of money; zero elsewhere.
        """
        game, mechanism = self.game, self.mechanism
        possible = np.flatnonzero(game.profiles[:, player] == type_number)
        reported = game.misreports(player)[possible, report]
        utilities = game.actions[game.grand_coalition].utilities[:, player, possible]
        stakes = np.zeros(len(game.profiles))
        stakes[possible] = (
            (mechanism.action_probability[reported] * utilities.T).sum(axis=1)
            + mechanism.payments[reported, player]
            - mechanism.severance[reported, player]
        )
        return stakes

    def belief(self, player: int, type_number: int) -> FloatArray:
        """Return what a player believes knowing its own type, over profiles, ``(P,)``."""
        others = self.game.conditional_probability(self.game.others((player,)))
        return np.where(self.game.profiles[:, player] == type_number, others, 0.0)


class GameTrader(RoundAgent):
    """Reports a type to the established mediator and answers blocking ones, as its behaviour decides.

    Attributes:
        type_number: its type in this round.
        reported: the type it reported to the established mediator in this round.
    """

    def __init__(
        self, model: RoundModel, player: int, behaviours: tuple[Behaviour, ...], common: GameCommonKnowledge
    ) -> None:
        super().__init__(model)
        self.player = player
        self.behaviours = behaviours
        self.common = common
        self.type_number = 0
        self.reported = 0
        self._prospects: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}

    @property
    def own(self) -> GamePlayer:
        """The player it is, with all types it could have had."""
        return self.common.players[self.player]

    @property
    def behaviour(self) -> Behaviour:
        """How it behaves, being of the type it is."""
        return self.behaviours[self.type_number]

    def learn_type(self, type_number: int) -> None:
        """Begin a round: learn one's own type and nothing else."""
        self.type_number = type_number

    def report(self) -> int:
        """Return the type reported to the established mediator."""
        self.reported = self.behaviour.report(GameTypeKnowledge(self.own, self.type_number))
        return self.reported

    def answer(self, offer: BlockingOffer) -> tuple[int | None, float]:
        """Return the type reported to a blocking mediator, or none, and what the answer is expected to gain."""
        belief, stakes = self._prospect()
        gains = offer.expected_gains(self.player, belief, stakes)
        return answered(self.behaviour, Invited(self.own, self.type_number, gains, offer.stake_when_asked(self.player)))

    def _prospect(self) -> tuple[FloatArray, FloatArray]:
        """Return its belief over profiles and what it would lose by leaving at each, ``(P,)``."""
        key = (self.type_number, self.reported)
        if key not in self._prospects:
            belief = self.common.belief(self.player, self.type_number)
            self._prospects[key] = belief, self.common.stakes_after(self.player, *key)
        return self._prospects[key]
