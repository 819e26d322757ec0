"""The check that weights and multipliers support stakes, as Theorem 1 asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.arrays import finite_array
from mechanisms.at_stake import at_stake, measured_from_alone
from mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits, Support
from mechanisms.linear_program import RESIDUAL_LIMIT
from mechanisms.virtual_utility import relative_imbalance, transform, transformed, virtual_stakes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mechanisms.arrays import FloatArray
    from mechanisms.at_stake import AtStake
    from mechanisms.coalitional_game import Coalition, CoalitionalGame
    from mechanisms.virtual_utility import VirtualWeights


ROUNDING = 1e-8
"""What rounding may add to a residual, relative to ``RESIDUAL_LIMIT`` and to the terms it is left over from.

Multipliers of rare types are large relative to their probability, and virtual utilities with them, by no more than one
over the probability. Terms that are larger excuse nothing: whoever writes a proof could make them as large as it takes.
"""


@dataclass(frozen=True)
class SupportResiduals:
    """How far weights and multipliers are from supporting stakes.

    Attributes:
        hydraulic: largest violation of the hydraulic equations (5), relative to the probability of the type.
        negativity: by how much a weight or multiplier lies below zero, relative to the probability of its type.
        surplus: largest virtual surplus that some coalition of some types expects from leaving, relative to what is
            at stake for these types; at most zero when (14), or (17) with fine support, holds.
    """

    hydraulic: float
    negativity: float
    surplus: float

    @property
    def largest(self) -> float:
        """The largest of them, and no less than zero."""
        return max(self.hydraulic, self.negativity, self.surplus, 0.0)

    @property
    def acceptable(self) -> bool:
        """Whether the proof may be relied on."""
        return self.largest <= RESIDUAL_LIMIT


def support_residuals(
    game: CoalitionalGame,
    stakes: ArrayLike,
    virtual: VirtualWeights,
    *,
    support: Support = Support.COARSE,
    limits: CoalitionLimits = ALL_COALITIONS,
) -> SupportResiduals:
    r"""Recompute the conditions of Theorem 1 from their definitions, profile by profile.

    Args:
        game: with N players and P type profiles.
        stakes: :math:`\omega_i(t)`, ``(P, N)``.
        virtual: weights and multipliers.
        support: condition (14) or (17).
        limits: which coalitions can form.

    Raises:
        ValueError: the stakes do not fit the game.

    Source:
        Myerson (2006), Theorem 1 and condition (17).
    """
    omega = finite_array("stakes", stakes, (len(game.profiles), len(game.players)))
    measured, stake = measured_from_alone(game), at_stake(game)
    omega = omega - np.stack([stake.alone[i][game.profiles[:, i]] for i in game.grand_coalition], axis=1)
    kept = virtual_stakes(measured, virtual, omega)
    coefficients = transform(virtual, game.type_probabilities)
    surplus = -np.inf
    for coalition in limits.coalitions(game):
        known = coalition if support is Support.COARSE else game.grand_coalition
        utilities = measured.actions[coalition].utilities
        gained = np.zeros((len(utilities), len(kept)))
        for place, player in enumerate(coalition):
            gained += transformed(game, coefficients[player], player, utilities[:, place]) - kept[:, player]
        largest = game.conditional_expectation(gained, known).max(axis=0)
        surplus = max(surplus, float((largest / _scale(game, coalition, known, stake, coefficients)).max()))
    return SupportResiduals(*relative_imbalance(virtual, game.type_probabilities), surplus)


def _scale(
    game: CoalitionalGame,
    coalition: Coalition,
    known: Coalition,
    stake: AtStake,
    coefficients: tuple[FloatArray, ...],
) -> FloatArray:
    """Return what virtual surpluses of a coalition are relative to, given the types known, ``(Q,)``."""
    types = game.coalition_profiles(known)
    own, virtual, odds = np.zeros(len(types)), np.zeros(len(types)), np.ones(len(types))
    for place, player in enumerate(known):
        odds *= game.type_probabilities[player][types[:, place]]
        if player in coalition:
            own += stake.by_type[player][types[:, place]]
            virtual += (np.abs(coefficients[player]).T @ stake.by_type[player])[types[:, place]]
    return own + ROUNDING * np.minimum(virtual, own / odds)
