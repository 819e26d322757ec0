"""The check that weights and multipliers support stakes, as Theorem 1 asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.arrays import finite_array
from mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits, Support
from mechanisms.linear_program import RESIDUAL_LIMIT
from mechanisms.virtual_utility import hydraulic_violation, transform, transformed, virtual_stakes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mechanisms.coalitional_game import CoalitionalGame
    from mechanisms.virtual_utility import VirtualWeights


@dataclass(frozen=True)
class SupportResiduals:
    """How far weights and multipliers are from supporting stakes.

    Attributes:
        hydraulic: largest violation of the hydraulic equations (5), in probability.
        negativity: by how much the smallest weight or multiplier lies below zero, in probability.
        surplus: largest expected virtual surplus some coalition has from leaving, relative to the largest virtual
            utility or stake; at most zero when (14), or (17) with fine support, holds.
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
    kept = virtual_stakes(game, virtual, omega)
    surplus, scale = -np.inf, float(np.abs(kept).max())
    coefficients = transform(virtual, game.type_probabilities)
    for coalition in limits.coalitions(game):
        known = coalition if support is Support.COARSE else game.grand_coalition
        utilities = game.actions[coalition].utilities
        gained = np.zeros((len(utilities), len(kept)))
        for place, player in enumerate(coalition):
            value = transformed(game, coefficients[player], player, utilities[:, place])
            scale = max(scale, float(value.max()), -float(value.min()))
            gained += value - kept[:, player]
        surplus = max(surplus, float(game.conditional_expectation(gained, known).max()))
    imbalance = max(
        float(np.abs(violation).max()) for violation in hydraulic_violation(virtual, game.type_probabilities)
    )
    return SupportResiduals(imbalance, max(-virtual.smallest, 0.0), surplus / scale if scale > 0 else 0.0)
