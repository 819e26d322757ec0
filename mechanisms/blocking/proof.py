r"""The check that weights and multipliers support stakes, as Theorem 1 asks.

A proof may have been written by whoever wants it believed, so nothing in it is taken on trust but the multipliers
:math:`\alpha`. The weights follow from them by the hydraulic equations, none negative, and by weak duality every
tenable plan earns at most the largest virtual surplus

.. math:: \max_{S, t_S, c} E\Big[\sum_{i \in S} v_i(c, t, \lambda, \alpha) - V_i(\omega, t, \lambda, \alpha)
          \,\Big|\, t_S\Big]

times the probability that anybody leaves. It is computed in extended precision, its own rounding added.

It is compared with what is at stake for the one *least* affected among those who could gain: beside somebody's
billions a gain of one half is no rounding to whoever makes it. What is at stake for a member alone is

* what it expects of its stakes, measured from what it can get alone, and
* the most that it gets from an action of a coalition that gains by it in total, but no more than that total.

Members for whom that is nothing gain nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array
from marketgame.mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits, Support
from marketgame.mechanisms.coalitional_games.at_stake import ROUNDING as LEVEL_ROUNDING
from marketgame.mechanisms.coalitional_games.at_stake import AtStake, at_stake
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.incentive_efficiency.virtual_utility import (
    VirtualWeights,
    hydraulic_weights,
    mixed_types,
    relative_imbalance,
)
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT

type LongArray = NDArray[np.longdouble]
"""Numbers of extended precision."""

ROUNDING = 1e-15
"""What rounding may leave of a surplus, relative to the terms it is left over from.

Multipliers are doubles, and so are the levels of utilities and stakes whose differences are gains. Multipliers of rare
types are large relative to their probability, and virtual utilities with them, by no more than one over the
probability. Terms that are larger excuse nothing: whoever writes a proof could make them as large as it takes.
"""


@dataclass(frozen=True)
class SupportResiduals:
    """How far weights and multipliers are from supporting stakes.

    Attributes:
        hydraulic: largest violation of the hydraulic equations (5), relative to the probability of the type.
        negativity: by how much a weight or multiplier lies below zero, relative to the probability of its type.
        surplus: largest virtual surplus that some coalition of some types expects from leaving, relative to what is
            at stake for the least affected of these types that could gain; at most zero when (14), or (17) with fine
            support, holds.
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
        """Whether all of them are rounding beside what a solver leaves in a program with many conditions."""
        return self.largest <= RESIDUAL_LIMIT

    @property
    def proves(self) -> bool:
        """Whether they prove that nobody can profit: no gain that counts for whoever makes it is left."""
        return self.acceptable and self.surplus <= GAIN_TOLERANCE


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
    stake, alone = at_stake(game), _own_stakes(game, omega)
    coefficients = _coefficients(game, virtual)
    parts, least = [], -np.inf
    for coalition in limits.coalitions(game):
        known = coalition if support is Support.COARSE else game.grand_coalition
        scale = _scale(game, omega, coalition, known, (alone, stake, coefficients))
        surplus, error = _surplus_in_doubles(game, omega, coalition, known, coefficients)
        sure = np.divide(surplus - error, scale, out=np.full(surplus.shape, -np.inf), where=scale > 0)
        least = max(least, float(sure.max()))
        parts.append((coalition, known, scale, surplus + error))
    largest = -np.inf
    for coalition, known, scale, most in parts:
        # Only actions that may have the largest surplus of all are worth more digits.
        enough = np.multiply(least, scale, out=np.full(scale.shape, -np.inf), where=scale > 0)
        actions = np.flatnonzero((~(most < enough)).any(axis=1))
        if actions.size:
            found = _largest_surplus(game, omega, coalition, known, coefficients, actions)
            largest = max(largest, float(np.divide(found, scale, out=_without_scale(found), where=scale > 0).max()))
    return SupportResiduals(*relative_imbalance(virtual, game.type_probabilities), largest)


def _without_scale(surplus: FloatArray) -> FloatArray:
    """Return what a surplus is beside nothing."""
    return np.where(surplus > 0, np.inf, 0.0)


def _coefficients(game: CoalitionalGame, virtual: VirtualWeights) -> tuple[LongArray, ...]:
    r"""Return the coefficients of virtual utility that the multipliers alone imply, one ``(K_i, K_i)`` each.

    By the hydraulic equations :math:`\lambda_i(t) + \sum_r \alpha_i(r|t) = p_i(t) + \sum_r \alpha_i(t|r)`.
    """
    result = []
    for probability, multipliers in zip(game.type_probabilities, virtual.multipliers, strict=True):
        _, cut = hydraulic_weights(probability, np.maximum(multipliers, 0.0))
        p, alpha = probability.astype(np.longdouble), cut.astype(np.longdouble)
        result.append((np.diag(p + alpha.sum(axis=0)) - alpha) / p[None, :])
    return tuple(result)


def _largest_surplus(
    game: CoalitionalGame,
    omega: FloatArray,
    coalition: Coalition,
    known: Coalition,
    coefficients: tuple[LongArray, ...],
    actions: IntegerArray,
) -> FloatArray:
    """Return the largest virtual surplus of some of a coalition's actions given the types known, ``(Q,)``.

    Rounding is added to it.
    """
    utilities = game.actions[coalition].utilities[actions]
    rounding = np.finfo(np.longdouble).eps * sum(game.type_counts)
    surplus: Any = np.longdouble(0)
    terms: Any = np.longdouble(0)
    for place, player in enumerate(coalition):
        gained = utilities[:, place].astype(np.longdouble) - omega[:, player]
        expected = _expected(game, gained, known)
        size = _expected(game, np.abs(gained), known)
        surplus = surplus + _transformed(game, known, player, coefficients[player], expected)
        terms = terms + _transformed(game, known, player, np.abs(coefficients[player]), size)
    largest: FloatArray = (surplus + rounding * terms).max(axis=0).astype(np.float64)
    return largest


def _surplus_in_doubles(
    game: CoalitionalGame,
    omega: FloatArray,
    coalition: Coalition,
    known: Coalition,
    coefficients: tuple[LongArray, ...],
) -> tuple[FloatArray, float]:
    """Return the virtual surplus of a coalition's actions given the types known, ``(C, Q)``, and its largest error."""
    gains = game.expected_utilities(coalition, known) - game.conditional_expectation(omega.T[list(coalition)], known)
    surplus = np.zeros((len(gains), gains.shape[-1]))
    largest = game.largest_utility + float(np.abs(omega).max())
    terms = 0.0
    for place, player in enumerate(coalition):
        before = math.prod(game.type_counts[one] for one in known[: known.index(player)])
        expanded = gains[:, place].reshape(len(gains) * before, game.type_counts[player], -1)
        surplus += mixed_types(coefficients[player].astype(np.float64), expanded).reshape(surplus.shape)
        terms += largest * float(np.abs(coefficients[player]).sum(axis=0).max())
    # A sum errs by no more than the number of its terms, and every type of every player is one at most twice.
    steps = 4 * (sum(game.type_counts) + len(game.players) + 4)
    return surplus, steps * float(np.finfo(np.float64).eps) * terms


def _expected(game: CoalitionalGame, values: LongArray, known: Coalition) -> LongArray:
    """Return expectations given the types of the players known, ``(C, Q)``, of values ``(C, P)``."""
    expanded = values.reshape(-1, *game.type_counts)
    for player in reversed(game.others(known)):
        expanded = np.moveaxis(expanded, 1 + player, -1) @ game.type_probabilities[player].astype(np.longdouble)
    return expanded.reshape(len(values), -1)


def _transformed(
    game: CoalitionalGame, known: Coalition, player: int, coefficients: LongArray, values: LongArray
) -> LongArray:
    """Return one player's virtual values given the types known, ``(C, Q)``."""
    counts = [game.type_counts[one] for one in known]
    axis = 1 + known.index(player)
    expanded = np.moveaxis(values.reshape(-1, *counts), axis, -1) @ coefficients
    return np.moveaxis(expanded, -1, axis).reshape(values.shape)


def _own_stakes(game: CoalitionalGame, omega: FloatArray) -> tuple[FloatArray, ...]:
    """Return what is at stake for each type alone, one ``(K_i,)`` for each player."""
    alone = game.individual_values()
    result = []
    for player, own in enumerate(alone):
        level = np.abs(own).max() + np.abs(omega[:, player]).max()
        kept = np.abs(game.conditional_expectation(omega[:, player], (player,)) - own)
        result.append(np.where(kept > LEVEL_ROUNDING * level, kept, 0.0))
    for coalition in game.actions:
        if len(coalition) == 1:
            continue
        types = game.coalition_profiles(coalition)
        before = np.stack([alone[player][types[:, place]] for place, player in enumerate(coalition)])
        gained = game.expected_utilities(coalition, coalition) - before
        level = np.abs(before).sum(axis=0)
        best = gained.sum(axis=1).max(axis=0)
        best = np.where(best > LEVEL_ROUNDING * (level + np.abs(best)), best, 0.0)
        for place, player in enumerate(coalition):
            most = np.minimum(gained[:, place].max(axis=0), best)
            most = np.where(most > LEVEL_ROUNDING * (np.abs(before[place]) + best), most, 0.0)
            np.maximum.at(result[player], types[:, place], most)
    return tuple(result)


def _scale(
    game: CoalitionalGame,
    omega: FloatArray,
    coalition: Coalition,
    known: Coalition,
    measures: tuple[tuple[FloatArray, ...], AtStake, tuple[LongArray, ...]],
) -> FloatArray:
    """Return what virtual surpluses of a coalition are relative to, given the types known, ``(Q,)``."""
    alone, stake, coefficients = measures
    types = game.coalition_profiles(known)
    odds = np.ones(len(types))
    for place, player in enumerate(known):
        odds *= game.type_probabilities[player][types[:, place]]
    least, excused = np.full(len(types), np.inf), np.zeros(len(types))
    for player in coalition:
        kinds = types[:, known.index(player)]
        own = alone[player][kinds]
        least = np.where(own > 0, np.minimum(least, own), least)
        virtual = (np.abs(coefficients[player]).T.astype(np.float64) @ stake.by_type[player])[kinds]
        excused += np.minimum(virtual, stake.by_type[player][kinds] / odds)
        excused += np.abs(omega[:, player]).max() + np.abs(stake.alone[player]).max()
    return np.where(np.isfinite(least), least, 0.0) + ROUNDING / GAIN_TOLERANCE * excused
