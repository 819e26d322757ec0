r"""What coalitions can gain by leaving, seen with what the blocking mediator knows when it invites them.

For members :math:`i \in S`, actions :math:`c \in C(S)` and known types :math:`t_S` (:math:`t` with fine support)
the gain of leaving is :math:`g_i(c, t_S) = E[u_i(c, t) - \omega_i(t) | t_S]`. Types are independent, so all of
:math:`t_{N-S}` that matters is this expectation, and virtual utility is the same linear transform of it as of
utility itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.blocking.coalition_limits import Support
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.virtual_utility import mixed_types


@dataclass(frozen=True, eq=False)
class Opportunities:
    r"""Gains of one coalition from leaving.

    Attributes:
        coalition: its members.
        known: players whose types are known; the members, or everybody.
        type_counts: number of types of each known player.
        types: of the known players in each of their type profiles, ``(Q, K)``.
        probability: of each of these profiles, ``(Q,)``.
        gains: :math:`g_i(c, t_S)`, ``(C, S, Q)``.
    """

    coalition: Coalition
    known: Coalition
    type_counts: tuple[int, ...]
    types: IntegerArray
    probability: FloatArray
    gains: FloatArray

    @property
    def size(self) -> int:
        """Number of pairs of an action and known types."""
        return math.prod((len(self.gains), len(self.types)))

    def types_of(self, member: int) -> IntegerArray:
        """Return the type of the member in this place in every profile, ``(Q,)``."""
        types: IntegerArray = self.types[:, self._place(member)]
        return types

    def misreports(self, member: int) -> IntegerArray:
        """Return the number of the profile in which the member has each type instead, ``(Q, K_i)``."""
        place = self._place(member)
        stride = math.prod(self.type_counts[place + 1 :])
        change = np.arange(self.type_counts[place]) - self.types[:, place, None]
        return np.arange(len(self.types))[:, None] + change * stride

    def virtual_surplus(self, coefficients: Sequence[FloatArray]) -> FloatArray:
        r"""Return :math:`E[\sum_{i \in S} v_i(c, t) - V_i(\omega, t) | t_S]`, ``(C, Q)``."""
        actions, _, profiles = self.gains.shape
        surplus = np.zeros((actions, profiles))
        for member, player in enumerate(self.coalition):
            place = self._place(member)
            before = actions * math.prod(self.type_counts[:place])
            expanded = self.gains[:, member].reshape(before, self.type_counts[place], -1)
            surplus += mixed_types(coefficients[player], expanded).reshape(actions, profiles)
        return surplus

    def _place(self, member: int) -> int:
        return self.known.index(self.coalition[member])


def opportunities(game: CoalitionalGame, stakes: FloatArray, coalition: Coalition, support: Support) -> Opportunities:
    r"""Return the gains of a coalition from leaving, with stakes :math:`\omega_i(t)`, ``(P, N)``."""
    known = coalition if support is Support.COARSE else game.grand_coalition
    utilities = game.expected_utilities(coalition, known)
    kept = game.conditional_expectation(stakes.T[list(coalition)], known)
    types = game.coalition_profiles(known)
    marginals = [game.type_probabilities[player][types[:, place]] for place, player in enumerate(known)]
    return Opportunities(
        coalition,
        known,
        tuple(game.type_counts[player] for player in known),
        types,
        np.prod(marginals, axis=0),
        utilities - kept,
    )
