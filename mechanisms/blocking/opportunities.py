r"""What coalitions can gain by leaving, seen with what the blocking mediator knows when it invites them.

For members :math:`i \in S`, actions :math:`c \in C(S)` and known types :math:`t_S` (:math:`t` with fine support)
the gain of leaving is :math:`g_i(c, t_S) = E[u_i(c, t) - \omega_i(t) | t_S]`. Types are independent, so all of
:math:`t_{N-S}` that matters is this expectation, and virtual utility is the same linear transform of it as of
utility itself.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        misreports: number of the profile in which a member has each type instead, one ``(Q, K_i)`` for each member.
        gains: :math:`g_i(c, t_S)`, ``(C, S, Q)``; in memory member by member, then profile by profile, with the
            actions side by side.
    """

    coalition: Coalition
    known: Coalition
    type_counts: tuple[int, ...]
    types: IntegerArray
    probability: FloatArray
    misreports: tuple[IntegerArray, ...]
    gains: FloatArray

    @property
    def size(self) -> int:
        """Number of pairs of an action and known types."""
        return math.prod((len(self.gains), len(self.types)))

    def types_of(self, member: int) -> IntegerArray:
        """Return the type of the member in this place in every profile, ``(Q,)``."""
        types: IntegerArray = self.types[:, self.known.index(self.coalition[member])]
        return types

    def virtual_surplus(self, coefficients: Sequence[FloatArray]) -> FloatArray:
        r"""Return :math:`E[\sum_{i \in S} v_i(c, t) - V_i(\omega, t) | t_S]`, ``(Q, C)``."""
        actions, _, profiles = self.gains.shape
        surplus = np.zeros((profiles, actions))
        for member, player in enumerate(self.coalition):
            place = self.known.index(player)
            by_type = self.gains[:, member].T
            by_type = by_type.reshape(math.prod(self.type_counts[:place]), self.type_counts[place], -1)
            surplus += mixed_types(coefficients[player], by_type).reshape(surplus.shape)
        return surplus


_UNSTAKED: weakref.WeakKeyDictionary[CoalitionalGame, dict[tuple[Coalition, Support], Opportunities]] = (
    weakref.WeakKeyDictionary()
)


def opportunities(game: CoalitionalGame, stakes: FloatArray, coalition: Coalition, support: Support) -> Opportunities:
    r"""Return the gains of a coalition from leaving, with stakes :math:`\omega_i(t)`, ``(P, N)``."""
    without = expected_alternatives(game, coalition, support)
    kept = game.conditional_expectation(stakes.T[list(coalition)], without.known)
    by_action = without.gains.transpose(1, 2, 0) - kept[..., None]
    return replace(without, gains=by_action.transpose(2, 0, 1))


def expected_alternatives(game: CoalitionalGame, coalition: Coalition, support: Support) -> Opportunities:
    """Return what members expect from leaving when they have nothing at stake; computed once for each game."""
    kept = _UNSTAKED.setdefault(game, {})
    if (coalition, support) not in kept:
        known = coalition if support is Support.COARSE else game.grand_coalition
        types = game.coalition_profiles(known)
        counts = tuple(game.type_counts[player] for player in known)
        marginals = [game.type_probabilities[player][types[:, place]] for place, player in enumerate(known)]
        misreports = []
        for place in map(known.index, coalition):
            change = np.arange(counts[place]) - types[:, place, None]
            misreports.append(np.arange(len(types))[:, None] + change * math.prod(counts[place + 1 :]))
        kept[coalition, support] = Opportunities(
            coalition,
            known,
            counts,
            types,
            np.prod(marginals, axis=0),
            tuple(misreports),
            game.expected_utilities(coalition, known),
        )
    return kept[coalition, support]
