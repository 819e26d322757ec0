r"""Core allocations, recomputed from the definition.

A mechanism with severance achieves stakes :math:`\omega`, condition (18). It is in the core when it is feasible and
the stakes are inhibitive, which weights and multipliers prove (Theorem 1). At a core allocation the same weights
and multipliers prove the mechanism incentive-efficient, severance goes only to types without weight (Theorem 3),
and the mediator expects to keep nothing.

Source:
    Myerson (2006), section 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import SupportResiduals, support_residuals
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, expected_cost, interim_utilities, stakes
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.program import CorePoint
from marketgame.mechanisms.core.variant import CoreVariant, SeverancePay
from marketgame.mechanisms.incentive_efficiency.optimality import optimality_conditions
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, transform, transformed
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT


@dataclass(frozen=True)
class CoreResiduals:
    """How far a mechanism and its multipliers are from a core allocation; money relative to what is at stake.

    Attributes:
        misreport_gain: largest gain of a type from a false report, relative to what is at stake for this type.
        loss: what the mediator expects to lose.
        severance: severance promised although the variant allows none.
        support: of the conditions of Theorem 1.
        severance_complementarity: expected weight times severance; zero by Theorem 3.
        incentive_complementarity: largest multiplier times slack of its incentive constraint; zero as in (6).
        virtual_efficiency: virtual surplus the mechanism is expected to forgo; zero as in (7).
        profit: what the mediator expects to keep; zero by the proof of Theorem 3.
        theorem_3: whether the theorem applies, which needs that the grand coalition could block; otherwise the
            last four need not vanish.
    """

    misreport_gain: float
    loss: float
    severance: float
    support: SupportResiduals
    severance_complementarity: float
    incentive_complementarity: float
    virtual_efficiency: float
    profit: float
    theorem_3: bool

    @property
    def largest(self) -> float:
        """The largest of those that must vanish."""
        needed = max(self.misreport_gain, self.loss, self.severance, self.support.largest)
        if not self.theorem_3:
            return needed
        implied = (self.severance_complementarity, self.incentive_complementarity, self.virtual_efficiency)
        return max(needed, *implied, self.profit)

    @property
    def acceptable(self) -> bool:
        """Whether the allocation may be called a core allocation."""
        return self.largest <= RESIDUAL_LIMIT


@dataclass(frozen=True, eq=False)
class CoreAllocation:
    r"""A core allocation with its proof.

    Attributes:
        mechanism: :math:`(\mu, x)` with severance, which may contain side-bets: payments that do not sum to zero
            at every profile.
        stakes: :math:`\omega_i(t)`, ``(P, N)``.
        virtual: weights and multipliers that prove the stakes inhibitive.
        variant: the version of the core.
        residuals: recomputed from the definitions.
    """

    mechanism: Mechanism
    stakes: FloatArray
    virtual: VirtualWeights
    variant: CoreVariant
    residuals: CoreResiduals


def core_residuals(
    game: CoalitionalGame, mechanism: Mechanism, virtual: VirtualWeights, variant: CoreVariant
) -> CoreResiduals:
    """Recompute what makes a mechanism a core allocation, profile by profile and without linear programming.

    Raises:
        ValueError: the mechanism does not fit the game.
    """
    omega = stakes(game, mechanism)
    conditions = optimality_conditions(game, mechanism, virtual)
    scale = at_stake(game).unit
    paid = np.zeros(len(game.profiles))
    for player, weight in enumerate(virtual.weights):
        others = game.conditional_probability(game.others((player,)))
        paid += others * weight[game.profiles[:, player]] * mechanism.severance[:, player]
    allowed = variant.severance is SeverancePay.ALLOWED
    cost = expected_cost(game, mechanism)
    return CoreResiduals(
        conditions.by_type,
        conditions.loss / scale,
        0.0 if allowed else float(mechanism.severance.max()) / scale,
        support_residuals(game, omega, virtual, support=variant.support, limits=variant.limits),
        float(paid.sum()) / scale,
        conditions.complementary / scale,
        conditions.forgone / scale,
        max(-cost, 0.0) / scale,
        variant.limits.admit(game.grand_coalition),
    )


def core_allocation(
    game: CoalitionalGame, mechanism: Mechanism, virtual: VirtualWeights, variant: CoreVariant
) -> CoreAllocation:
    """Return a mechanism as a core allocation with its residuals, acceptable or not."""
    residuals = core_residuals(game, mechanism, virtual, variant)
    return CoreAllocation(mechanism, stakes(game, mechanism), virtual, variant, residuals)


def interim_objective(game: CoalitionalGame, mechanism: Mechanism, objective: CoreObjective) -> float:
    """Return an objective at a mechanism, from its interim expectations."""
    expected = [
        tuple(game.conditional_expectation(table[:, player], (player,)) for player in game.grand_coalition)
        for table in (mechanism.payments, mechanism.severance)
    ]
    return objective.value(interim_utilities(game, mechanism), expected[0], expected[1])


def expanded(
    game: CoalitionalGame, point: CorePoint, virtual: VirtualWeights, severance: tuple[FloatArray, ...]
) -> Mechanism:
    r"""Return the mechanism whose stakes have the virtual stakes of a point of the core program.

    The virtual transform is inverted player by player; its matrix has nonpositive entries off the diagonal and
    columns that sum to the type's probability, so that its inverse exists and is nonnegative.
    """
    coefficients = transform(virtual, game.type_probabilities)
    omega = np.stack(
        [
            transformed(game, np.linalg.inv(coefficients[player]), player, point.virtual_stakes[:, player])
            for player in game.grand_coalition
        ],
        axis=1,
    )
    positive = np.maximum(point.action_probability, 0.0)
    return with_stakes(game, positive / positive.sum(axis=1, keepdims=True), omega, severance)


def with_stakes(
    game: CoalitionalGame, probability: FloatArray, omega: FloatArray, severance: tuple[FloatArray, ...]
) -> Mechanism:
    r"""Return the mechanism with given actions, stakes and severance, payments following from condition (18).

    Args:
        game: with N players and P type profiles.
        probability: :math:`\mu(c|t)`, ``(P, C)``.
        omega: stakes :math:`\omega_i(t)`, ``(P, N)``.
        severance: of each type, one ``(K_i,)`` for each player.
    """
    promised = np.stack([severance[i][game.profiles[:, i]] for i in game.grand_coalition], axis=1)
    utilities = game.actions[game.grand_coalition].utilities
    earned: FloatArray = np.einsum("pc,cip->pi", probability, utilities)
    return Mechanism(probability, omega + promised - earned, promised)
