r"""Whether weights and multipliers prove a mechanism incentive-efficient: Theorem 0, from the game alone.

A feasible mechanism is incentive-efficient if and only if there are nonnegative :math:`(\lambda, \alpha)` with

* (5) :math:`\lambda_i(t) + \sum_r \alpha_i(r|t) - \sum_r \alpha_i(t|r) = p_i(t)`;
* (6) :math:`\alpha_i(r|t)` positive only where type t is indifferent to reporting r;
* (7) every action used at a profile maximising the sum of virtual utilities there.

Nothing here uses a solver.

Source:
    Myerson (2006), section 3, Theorem 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.mechanism import expected_cost, reported_utilities
from mechanisms.virtual_utility import hydraulic_violation, virtual_utility

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mechanisms.arrays import FloatArray
    from mechanisms.coalitional_game import CoalitionalGame
    from mechanisms.mechanism import Mechanism
    from mechanisms.virtual_utility import VirtualWeights

CONDITION_LIMIT = 1e-7
"""Largest violation, relative to the size of what is compared, that counts as none."""


@dataclass(frozen=True)
class Conditions:
    """Largest violation of each condition of Theorem 0 and of feasibility.

    Attributes:
        hydraulic: of equation (5), in units of probability.
        complementary: of (6), multiplier times slack, in units of utility; participation constraints included.
        virtually_efficient: of (7), virtual surplus expected to be lost at a profile, in units of utility.
        negative: of the sign of weights and multipliers, in units of probability.
        misreport_gain: of incentive compatibility, in units of utility.
        loss: what the mediator expects to lose, in units of utility.
        participation: what a type gets less than outside, in units of utility.
        utility_scale: largest utility of the game in absolute value.
        virtual_scale: largest virtual surplus in absolute value.
    """

    hydraulic: float
    complementary: float
    virtually_efficient: float
    negative: float
    misreport_gain: float
    loss: float
    participation: float
    utility_scale: float
    virtual_scale: float

    @property
    def largest(self) -> float:
        """Largest violation, relative to the scale of what it is a violation of."""
        utility = max(self.utility_scale, np.finfo(float).tiny)
        feasible = max(self.complementary, self.misreport_gain, self.loss, self.participation)
        virtual = max(self.virtual_scale, utility)
        return max(self.hydraulic, self.negative, feasible / utility, self.virtually_efficient / virtual)

    @property
    def hold(self) -> bool:
        """Whether they prove the mechanism incentive-efficient, up to rounding."""
        return self.largest <= CONDITION_LIMIT


@dataclass(frozen=True, eq=False)
class Requirement:
    """Participation constraints and their multipliers.

    Attributes:
        outside: least utility of each type, one ``(K_i,)`` for each player; minus infinity for none.
        multipliers: nonnegative, likewise; part of the weights.
    """

    outside: tuple[FloatArray, ...]
    multipliers: tuple[FloatArray, ...]


def optimality_conditions(
    game: CoalitionalGame,
    mechanism: Mechanism,
    virtual: VirtualWeights,
    requirement: Requirement | None = None,
) -> Conditions:
    """Return by how much each condition is violated.

    Args:
        game: with N players.
        mechanism: claimed to be incentive-efficient.
        virtual: weights and multipliers claimed to prove it, in units in which the budget's multiplier is 1.
        requirement: participation constraints, if the mechanism is to be optimal under them.
    """
    reported = reported_utilities(game, mechanism)
    utilities = [np.diagonal(table) for table in reported]
    gains = [table - utility[:, None] for table, utility in zip(reported, utilities, strict=True)]
    surplus = virtual_utility(game, virtual).sum(axis=1)
    shortfalls = [np.zeros(1)]
    pairs = zip(virtual.multipliers, gains, strict=True)
    products = [float(np.abs(alpha * gain).max()) for alpha, gain in pairs]
    if requirement is not None:
        for utility, least, price in zip(utilities, requirement.outside, requirement.multipliers, strict=True):
            required = np.isfinite(least)
            shortfalls.append(least[required] - utility[required])
            products.append(float(np.abs(price[required] * shortfalls[-1]).max(initial=0.0)))
    cost = expected_cost(game, mechanism)
    return Conditions(
        hydraulic=_largest(hydraulic_violation(virtual, game.type_probabilities)),
        complementary=max(*products, abs(cost)),
        virtually_efficient=_virtual_loss(mechanism.action_probability, surplus),
        negative=max(0.0, -virtual.smallest),
        misreport_gain=max(float(gain.max()) for gain in gains),
        loss=max(cost, 0.0),
        participation=max(0.0, *(float(shortfall.max(initial=0.0)) for shortfall in shortfalls)),
        utility_scale=float(np.abs(game.actions[game.grand_coalition].utilities).max()),
        virtual_scale=float(np.abs(surplus).max()),
    )


def virtual_bound(game: CoalitionalGame, virtual: VirtualWeights) -> float:
    r"""Return :math:`\sum_t p(t) \max_c \sum_i v_i(c, t)`.

    No feasible mechanism has a larger :math:`\sum_i \sum_t \lambda_i(t) U_i(t)`, whatever nonnegative
    :math:`(\lambda, \alpha)` satisfy the hydraulic equations (5); this is the Lagrangian (4) maximised.
    """
    return float(game.probability @ virtual_utility(game, virtual).sum(axis=1).max(axis=0))


def _virtual_loss(action_probability: FloatArray, surplus: FloatArray) -> float:
    lost = surplus.max(axis=0) - surplus
    return float(np.einsum("pc,cp->p", action_probability, lost).max())


def _largest(arrays: Sequence[FloatArray]) -> float:
    return max(float(np.abs(array).max()) for array in arrays)
