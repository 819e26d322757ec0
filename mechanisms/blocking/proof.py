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

What makes a coalition lose in total may have a virtual surplus that is large beside what its members could gain, which
is nothing, and still be no profit. Let it lose at least :math:`l`, and others gain in total at most :math:`g`. No type
loses by accepting a tenable plan, so that on average more is gained than lost: what makes coalitions lose has at most
:math:`g/l` times the probability of what makes them gain. A surplus of a share of :math:`l/g` times what is at stake
for those who gain adds to the bound on the profit no more than that share of what is at stake, and so that is what it
is compared with. Where no coalition gains by anything, no plan is profitable.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array
from marketgame.mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits, Support
from marketgame.mechanisms.blocking.opportunities import Opportunities, expected_alternatives
from marketgame.mechanisms.coalitional_games.at_stake import ROUNDING as LEVEL_ROUNDING
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.incentive_efficiency.virtual_utility import (
    VirtualWeights,
    hydraulic_weights,
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
        Myerson (2006), Theorem 1, its dual program (16), and conditions (14) and (17).
    """
    omega = finite_array("stakes", stakes, (len(game.profiles), len(game.players)))
    coefficients = _coefficients(game, virtual)
    measures = _Measures.of(game, omega, coefficients)
    doubles = [array.astype(np.float64) for array in coefficients]
    asked = [expected_alternatives(game, coalition, support) for coalition in limits.coalitions(game)]
    kept = [_kept(game, omega, part) for part in asked]
    scales = _beside_losses(list(map(_most_gained, asked, kept)), [measures.scale(part) for part in asked])
    parts, least = [], -np.inf
    for part, one, scale in zip(asked, kept, scales, strict=True):
        error = measures.error(part.coalition)
        surplus = part.virtual_surplus(doubles) - one.virtual_surplus(doubles)
        sure = np.divide(surplus - error, scale, out=np.full(scale.shape, -np.inf), where=scale > 0)
        least = max(least, float(sure.max()))
        parts.append((part, scale, surplus, error))
    residual = -np.inf if all((scale < np.inf).any() for scale in scales) else 0.0
    for part, scale, surplus, error in parts:
        # Only what may be the largest surplus of all is worth more digits.
        enough = np.multiply(least, scale, out=np.full(scale.shape, -np.inf), where=(scale > 0) & (scale < np.inf))
        profiles, actions = np.nonzero(~(surplus + error < enough) & (scale < np.inf))
        if profiles.size:
            beside = scale[profiles, actions]
            found = _exact_surplus(game, omega, part, coefficients, (actions, profiles))
            shares = np.divide(found, beside, out=np.where(found > 0, np.inf, 0.0), where=beside > 0)
            residual = max(residual, float(shares.max()))
    return SupportResiduals(*relative_imbalance(virtual, game.type_probabilities), residual)


def _kept(game: CoalitionalGame, omega: FloatArray, part: Opportunities) -> Opportunities:
    """Return what a coalition's members have at stake given the types known, as what a single action gives them."""
    expected = game.conditional_expectation(omega.T[list(part.coalition)], part.known)
    return replace(part, gains=expected[None])


def _most_gained(part: Opportunities, kept: Opportunities) -> FloatArray:
    """Return what each action gives members at most in total beyond what they keep, given the types, ``(Q, C)``."""
    level = np.abs(part.gains).sum(axis=1) + np.abs(kept.gains).sum(axis=1)
    most: FloatArray = part.gains.sum(axis=1) - kept.gains.sum(axis=1) + LEVEL_ROUNDING * level
    return most.T


def _beside_losses(totals: list[FloatArray], scales: list[FloatArray]) -> list[FloatArray]:
    """Return what surpluses of actions with these totals are relative to, ``(Q, C)``, given ``(Q,)`` for any action."""
    everywhere = [np.broadcast_to(scale[:, None], most.shape) for most, scale in zip(totals, scales, strict=True)]
    gains = [scale[most > 0] / most[most > 0] for most, scale in zip(totals, everywhere, strict=True)]
    share = np.concatenate(gains).min(initial=np.inf)
    return [
        np.maximum(scale, np.multiply(share, -most, out=np.zeros(most.shape), where=most < 0))
        for most, scale in zip(totals, everywhere, strict=True)
    ]


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


def _exact_surplus(
    game: CoalitionalGame,
    omega: FloatArray,
    part: Opportunities,
    coefficients: tuple[LongArray, ...],
    chosen: tuple[IntegerArray, IntegerArray],
) -> FloatArray:
    """Return the virtual surplus of chosen actions at profiles of known types, ``(chosen,)``, with rounding added."""
    used, action = np.unique(chosen[0], return_inverse=True)
    utilities = game.actions[part.coalition].utilities
    rounding = np.finfo(np.longdouble).eps * sum(game.type_counts)
    surplus: Any = np.longdouble(0)
    terms: Any = np.longdouble(0)
    for member, player in enumerate(part.coalition):
        gained = utilities[used, member].astype(np.longdouble) - omega[:, player]
        told = (action[:, None], part.misreports[member][chosen[1]])
        own = coefficients[player].T[part.types_of(member)[chosen[1]]]
        surplus = surplus + (own * _expected(game, gained, part.known)[told]).sum(axis=1)
        terms = terms + (np.abs(own) * _expected(game, np.abs(gained), part.known)[told]).sum(axis=1)
    largest: FloatArray = (surplus + rounding * terms).astype(np.float64)
    return largest


def _expected(game: CoalitionalGame, values: LongArray, known: Coalition) -> LongArray:
    """Return expectations given the types of the players known, ``(C, Q)``, of values ``(C, P)``."""
    expanded = values.reshape(-1, *game.type_counts)
    for player in reversed(game.others(known)):
        expanded = np.moveaxis(expanded, 1 + player, -1) @ game.type_probabilities[player].astype(np.longdouble)
    return expanded.reshape(len(values), -1)


_GAINED: weakref.WeakKeyDictionary[CoalitionalGame, tuple[FloatArray, ...]] = weakref.WeakKeyDictionary()


def _gained_together(game: CoalitionalGame, alone: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    """Return the most each type gets from what coalitions gain, ``(K_i,)`` each; computed once for each game."""
    if game in _GAINED:
        return _GAINED[game]
    result = tuple(np.zeros(count) for count in game.type_counts)
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
    return _GAINED.setdefault(game, result)


@dataclass(frozen=True, eq=False)
class _Measures:
    """What virtual surpluses are relative to, and what rounding is in them.

    Attributes:
        own: what is at stake for each type alone, one ``(K_i,)`` for each player.
        virtual: the virtual value of what is at stake for each type, likewise.
        by_type: what is at stake for each type, likewise.
        level: of stakes, of what a player expects alone, and of what is at stake for it, of which stakes are rounded
            sums, ``(N,)``.
        terms: the largest terms of each player's virtual utility, ``(N,)``.
        steps: roundings of a surplus at most.
    """

    own: tuple[FloatArray, ...]
    virtual: tuple[FloatArray, ...]
    by_type: tuple[FloatArray, ...]
    level: tuple[float, ...]
    terms: tuple[float, ...]
    steps: int

    @classmethod
    def of(cls, game: CoalitionalGame, omega: FloatArray, coefficients: tuple[LongArray, ...]) -> _Measures:
        stake = at_stake(game)
        own = []
        for player, (value, gained) in enumerate(zip(stake.alone, _gained_together(game, stake.alone), strict=True)):
            level = np.abs(value).max() + np.abs(omega[:, player]).max()
            kept = np.abs(game.conditional_expectation(omega[:, player], (player,)) - value)
            own.append(np.maximum(np.where(kept > LEVEL_ROUNDING * level, kept, 0.0), gained))
        largest = game.largest_utility + float(np.abs(omega).max())
        return cls(
            tuple(own),
            tuple(
                np.abs(table).T.astype(np.float64) @ most
                for table, most in zip(coefficients, stake.by_type, strict=True)
            ),
            stake.by_type,
            tuple(
                float(np.abs(omega[:, i]).max() + np.abs(alone).max() + stake.by_type[i].max())
                for i, alone in enumerate(stake.alone)
            ),
            tuple(largest * float(np.abs(table).sum(axis=0).max()) for table in coefficients),
            # A sum errs by no more than the number of its terms, and every type of every player is one at most twice.
            4 * (sum(game.type_counts) + len(game.players) + 4),
        )

    def error(self, coalition: Coalition) -> float:
        """Return what rounding can do to virtual surpluses of a coalition in double precision."""
        return self.steps * float(np.finfo(np.float64).eps) * sum(self.terms[player] for player in coalition)

    def scale(self, part: Opportunities) -> FloatArray:
        """Return what virtual surpluses of a coalition are relative to, given the types known, ``(Q,)``."""
        least, excused = np.full(len(part.types), np.inf), np.zeros(len(part.types))
        for member, player in enumerate(part.coalition):
            kinds = part.types_of(member)
            own = self.own[player][kinds]
            least = np.where(own > 0, np.minimum(least, own), least)
            excused += np.minimum(self.virtual[player][kinds], self.by_type[player][kinds] / part.probability)
            excused += self.level[player]
        return np.where(np.isfinite(least), least, 0.0) + ROUNDING / GAIN_TOLERANCE * excused
