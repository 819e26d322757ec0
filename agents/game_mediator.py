r"""The established mediator of a coalitional game: it carries out a mechanism for whoever stays.

Its mechanism :math:`(\mu, x)` with severance may contain side-bets, payments that do not sum to zero at every
profile; the mediator stands in for the difference.

Source:
    Myerson (2006), sections 2 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism


@dataclass(frozen=True, eq=False)
class Established:
    """What the established mediator does in one round.

    Attributes:
        coalition: who stayed; nobody if it is empty.
        action: number of the action of those who stayed, -1 if nobody did.
        payments: to each player, ``(N,)``, units of money.
        severance: to each player, ``(N,)``, units of money; positive only for players who left.
    """

    coalition: Coalition
    action: int
    payments: FloatArray
    severance: FloatArray

    @property
    def profit(self) -> float:
        """What the mediator earns by it, units of money."""
        return -float(self.payments.sum() + self.severance.sum())


class EstablishedGameMediator(RoundAgent):
    """Announces a mechanism, hears reports, and carries the mechanism out if nobody leaves.

    The mechanism is a plan for all players. When some leave with a blocking mediator, the established one pays them
    the severance it promised at the reports made; the plan and its payments are void, and it lets those who stay do
    whatever gives them the largest sum of utilities at the types reported. The papers are silent on those who stay.
    """

    def __init__(self, model: RoundModel, game: CoalitionalGame, mechanism: Mechanism) -> None:
        super().__init__(model)
        self.game = game
        self.mechanism = mechanism.fitting(game)
        self._cumulative = np.cumsum(mechanism.action_probability, axis=1)

    def act(self, reports: IntegerArray, leavers: Coalition, generator: np.random.Generator) -> Established:
        """Carry out the mechanism, or what is left to do without those who have left.

        Args:
            reports: types reported before anybody left, ``(N,)``.
            leavers: who has left.
            generator: draws the action; one number is drawn whether or not it is needed.
        """
        number = int(np.ravel_multi_index(tuple(reports.tolist()), self.game.type_counts))
        drawn = generator.random()
        nothing = np.zeros(len(self.game.players))
        if not leavers:
            limits = self._cumulative[number]
            action = int(np.searchsorted(limits[:-1], drawn * limits[-1], side="right"))
            return Established(self.game.grand_coalition, action, self.mechanism.payments[number], nothing)
        severance = nothing.copy()
        severance[list(leavers)] = self.mechanism.severance[number, list(leavers)]
        staying = self.game.others(leavers)
        return Established(staying, self._best_action(staying, number), nothing, severance)

    def _best_action(self, staying: Coalition, number: int) -> int:
        if not staying:
            return -1
        return int(self.game.actions[staying].utilities[:, :, number].sum(axis=1).argmax())
