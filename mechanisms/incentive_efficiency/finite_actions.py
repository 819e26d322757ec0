"""The grand coalition's actions of a finite game, for programs that enumerate or price them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.incentive_efficiency.column_generation import PricedActions
from marketgame.mechanisms.incentive_efficiency.virtual_utility import transformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from marketgame.mechanisms.arrays import (
        FloatArray,
        IntegerArray,
    )
    from marketgame.mechanisms.coalitional_games.game import CoalitionalGame


class FiniteActions:
    """Prices the grand coalition's actions by trying all of them; an action is its number.

    Attributes:
        game: whose actions they are.
        unit: size of the utilities involved, a positive number in their unit; what is at stake unless given.
    """

    def __init__(self, game: CoalitionalGame, unit: float | None = None) -> None:
        self.game = game
        self.unit = at_stake(game).unit if unit is None else unit
        self._utilities = game.actions[game.grand_coalition].utilities
        self._player = np.repeat(np.arange(len(game.players)), game.type_counts)

    @property
    def type_probabilities(self) -> tuple[FloatArray, ...]:
        """Probabilities of each player's types, one ``(K_i,)`` for each player."""
        return self.game.type_probabilities

    @property
    def profiles(self) -> IntegerArray:
        """Type numbers at each profile, ``(P, N)``."""
        return self.game.profiles

    @cached_property
    def _alternatives(self) -> IntegerArray:
        """Number of the profile in which a player's type is another, for all types of all players, ``(P, M)``."""
        return np.concatenate([self.game.misreports(i) for i in self.game.grand_coalition], axis=1)

    def utilities(self, actions: NDArray[np.generic], profiles: IntegerArray) -> FloatArray:
        """Return what every type of every player gets from each action at its profile, ``(B, M)``."""
        numbers = actions.astype(np.int64)
        found: FloatArray = self._utilities[numbers[:, None], self._player, self._alternatives[profiles]]
        return found

    def best_actions(self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray) -> PricedActions:
        """Return the action of largest virtual surplus at each profile."""
        surplus = sum(
            transformed(self.game, coefficients[player], player, self._utilities[:, player])
            for player in self.game.grand_coalition
        )
        table = np.asarray(surplus)[:, profiles]
        best = table.argmax(axis=0)
        largest = table[best, np.arange(len(profiles))]
        return PricedActions(best, largest, largest)
