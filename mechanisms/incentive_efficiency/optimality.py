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

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import (
    SMALLEST_PROBABILITY,
    Mechanism,
    expected_cost,
    interim_utilities,
    misreport_gains,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import (
    VirtualWeights,
    hydraulic_violation,
    relative_imbalance,
    virtual_utility,
)

CONDITION_LIMIT = 1e-7
"""Largest violation, relative to what is at stake, that counts as none."""


@dataclass(frozen=True)
class Conditions:
    """Largest violation of each condition of Theorem 0 and of feasibility.

    Attributes:
        hydraulic: of equation (5), in units of probability.
        complementary: of (6), multiplier times slack, in units of utility; participation constraints included.
        virtually_efficient: of (7), virtual surplus expected to be lost at a profile, in units of utility.
        forgone: what is expected to be lost over all profiles, by which the mechanism misses the optimum.
        negative: of the sign of weights and multipliers, in units of probability.
        imbalance: the larger of these two relative to the probability of the type.
        misreport_gain: of incentive compatibility, in units of utility.
        loss: what the mediator expects to lose, in units of utility.
        participation: what a type gets less than outside, in units of utility.
        by_type: the largest violation of incentive compatibility or participation relative to what is at stake for the
            type that suffers it.
        unit: what is at stake for players on average, in units of utility.
        virtual_scale: largest virtual surplus of an action that is chosen, in absolute value, measured from what the
            types have alone.
    """

    hydraulic: float
    complementary: float
    virtually_efficient: float
    forgone: float
    negative: float
    imbalance: float
    misreport_gain: float
    loss: float
    participation: float
    by_type: float
    unit: float
    virtual_scale: float

    @property
    def largest(self) -> float:
        """Largest violation, relative to what is at stake for whom it is a violation."""
        money = max(self.complementary, self.loss, self.forgone)
        return max(self.imbalance, self.by_type, money / self.unit)

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

    Source:
        Myerson (2006), Theorem 0, conditions (5) to (7).
    """
    measured, stake = measured_from_alone(game), at_stake(game)
    gains = misreport_gains(game, mechanism)
    utilities = interim_utilities(measured, mechanism)
    surplus = virtual_utility(measured, virtual).sum(axis=1)
    pairs = zip(virtual.multipliers, gains, strict=True)
    products = [float(np.abs(alpha * gain).max()) for alpha, gain in pairs]
    relative = [float((gain.max(axis=1) / own).max()) for gain, own in zip(gains, stake.by_type, strict=True)]
    shortfall = 0.0
    if requirement is not None:
        for player, (least, price) in enumerate(zip(requirement.outside, requirement.multipliers, strict=True)):
            required = np.isfinite(least)
            missing = ((least - stake.alone[player]) - utilities[player])[required]
            shortfall = max(shortfall, float(missing.max(initial=0.0)))
            relative.append(float((missing / stake.by_type[player][required]).max(initial=0.0)))
            products.append(float(np.abs(price[required] * missing).max(initial=0.0)))
    cost = expected_cost(game, mechanism)
    lost = _virtual_loss(mechanism.action_probability, surplus)
    missed = hydraulic_violation(virtual, game.type_probabilities)
    chosen = mechanism.action_probability.T > SMALLEST_PROBABILITY
    return Conditions(
        hydraulic=max(float(np.abs(violation).max()) for violation in missed),
        complementary=max(*products, abs(cost)),
        virtually_efficient=float(lost.max()),
        forgone=float(game.probability @ lost),
        negative=max(0.0, -virtual.smallest),
        imbalance=max(relative_imbalance(virtual, game.type_probabilities)),
        misreport_gain=max(float(gain.max()) for gain in gains),
        loss=max(cost, 0.0),
        participation=shortfall,
        by_type=max(relative),
        unit=stake.unit,
        virtual_scale=float(np.abs(np.where(chosen, surplus, 0.0)).max()),
    )


def _virtual_loss(action_probability: FloatArray, surplus: FloatArray) -> FloatArray:
    """Return the virtual surplus expected to be lost at each profile, ``(P,)``."""
    lost = np.where(action_probability.T > 0, surplus.max(axis=0) - surplus, 0.0)
    return np.asarray(np.einsum("pc,cp->p", action_probability, lost))
