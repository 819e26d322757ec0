r"""Virtual utility: what players seem to maximise when incentive constraints bind.

Weights :math:`\lambda_i(t_i)` of types and multipliers :math:`\alpha_i(r_i | t_i)` of the constraints "type
:math:`t_i` should not gain by reporting :math:`r_i`" turn any payoff :math:`w_i(t)` into virtual utility

.. math:: \Big[ \big(\lambda_i(t_i) + \sum_{r} \alpha_i(r | t_i)\big) w_i(t)
          - \sum_{r} \alpha_i(t_i | r) w_i(t_{-i}, r) \Big] / p_i(t_i),

with payoffs of actions :math:`u_i(c, t)` in place of :math:`w_i(t)` in equation (3), and stakes
:math:`\omega_i(t)` in equation (13). It is linear in the payoffs that the types of player i would get from the
same action or report, with the coefficients that ``transform`` returns.

Source:
    Myerson (2006), sections 3 and 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, finite_array, read_only
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame

NOTABLE = 1e-7
"""Multipliers and prices above this share of the probability of their types are more than rounding."""

FEW_AFTER = 4
"""With no more profiles of the players after a player than these, all products are made at once."""

EXCUSED_FLOW = 1e-8
"""Share of what flows through a type, up to one, that its probability is taken to be larger by: a rounding of 1e-15
is then 1e-7 of it."""


@dataclass(frozen=True, eq=False)
class VirtualWeights:
    r"""The parameters :math:`(\lambda, \alpha)` of virtual utility.

    Attributes:
        weights: :math:`\lambda_i(t_i)`, one ``(K_i,)`` for each player.
        multipliers: :math:`\alpha_i(r_i|t_i)` indexed by type, then by the type it pretends to be, one
            ``(K_i, K_i)`` for each player with a zero diagonal.

    Raises:
        ValueError: shapes disagree, or something is not finite.
    """

    weights: tuple[FloatArray, ...]
    multipliers: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.multipliers):
            raise ValueError(
                f"weights are given for {len(self.weights)} players, multipliers for {len(self.multipliers)}"
            )
        weights, multipliers = [], []
        for player, (weight, multiplier) in enumerate(zip(self.weights, self.multipliers, strict=True)):
            checked = finite_array(f"weights of player {player}", weight, (None,))
            weights.append(read_only(checked))
            table = finite_array(f"multipliers of player {player}", multiplier, (checked.size, checked.size))
            if np.diagonal(table).any():
                raise ValueError(f"player {player} has a multiplier for a type pretending to be itself")
            multipliers.append(read_only(table))
        object.__setattr__(self, "weights", tuple(weights))
        object.__setattr__(self, "multipliers", tuple(multipliers))

    @property
    def smallest(self) -> float:
        """The smallest weight or multiplier; none may be negative."""
        return min(float(array.min(initial=math.inf)) for array in (*self.weights, *self.multipliers))

    def scaled(self, factor: float) -> VirtualWeights:
        """Return all weights and multipliers times a factor."""
        return VirtualWeights(
            tuple(weight * factor for weight in self.weights),
            tuple(multiplier * factor for multiplier in self.multipliers),
        )


def notable_multipliers(multipliers: FloatArray, probability: FloatArray) -> BooleanArray:
    """Return which multipliers of a player are more than rounding beside the rarer of the two types, ``(K_i, K_i)``."""
    least: FloatArray = np.minimum.outer(probability, probability)
    return np.asarray(multipliers > NOTABLE * least)


def equal_weights(probabilities: Sequence[ArrayLike]) -> VirtualWeights:
    r"""Return :math:`\lambda = p` and :math:`\alpha = 0`, for which virtual utility is utility."""
    weights = tuple(np.array(probability, dtype=np.float64) for probability in probabilities)
    return VirtualWeights(weights, tuple(np.zeros((weight.size, weight.size)) for weight in weights))


def transform(virtual: VirtualWeights, probabilities: Sequence[ArrayLike]) -> tuple[FloatArray, ...]:
    r"""Return the coefficients of virtual utility, one ``(K_i, K_i)`` for each player.

    Entry ``[k, t]`` is the coefficient of :math:`w_i(t_{-i}, k)` in the virtual utility of type :math:`t`.

    Source:
        Myerson (2006), equations (3) and (13).
    """
    result = []
    for weight, alpha, given in zip(virtual.weights, virtual.multipliers, probabilities, strict=True):
        p = np.asarray(given, dtype=np.float64)
        result.append((np.diag(weight + alpha.sum(axis=1)) - alpha) / p[None, :])
    return tuple(result)


def hydraulic_violation(virtual: VirtualWeights, probabilities: Sequence[ArrayLike]) -> tuple[FloatArray, ...]:
    r"""Return :math:`\lambda_i(t) + \sum_r \alpha_i(r|t) - \sum_r \alpha_i(t|r) - p_i(t)`, ``(K_i,)`` each.

    Source:
        Myerson (2006), the hydraulic equations (5).
    """
    return tuple(
        weight + alpha.sum(axis=1) - alpha.sum(axis=0) - np.asarray(p, dtype=np.float64)
        for weight, alpha, p in zip(virtual.weights, virtual.multipliers, probabilities, strict=True)
    )


def relative_imbalance(virtual: VirtualWeights, probabilities: Sequence[ArrayLike]) -> tuple[float, float]:
    r"""Return by how much the hydraulic equations (5) are missed and signs are wrong, relative to probabilities.

    The equation of a rare type holds only if it holds relative to the type's probability. What flows through a type may
    be much more than that, by up to one; its rounding, and no more, is excused.

    Returns:
        The largest violation of an equation, and by how much some weight or multiplier lies below zero.
    """
    imbalance = negativity = 0.0
    violations = hydraulic_violation(virtual, probabilities)
    parts = zip(probabilities, violations, virtual.weights, virtual.multipliers, strict=True)
    for probability, violation, weight, alpha in parts:
        flows = np.abs(alpha).sum(axis=1) + np.abs(alpha).sum(axis=0)
        scale = np.asarray(probability) + EXCUSED_FLOW * np.minimum(flows, 1.0)
        imbalance = max(imbalance, float((np.abs(violation) / scale).max()))
        least = np.minimum(weight, alpha.min(axis=1))
        negativity = max(negativity, float((-least / scale).max()))
    return imbalance, negativity


def hydraulic_weights(probability: FloatArray, multipliers: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Return the weights that equations (5) give to one player's multipliers ``(K_i, K_i)``, none negative.

    Where rounding would make a weight negative, what the type is tempted by in all, the outflow
    :math:`\sum_r \alpha_i(r|t)`, is cut down to its probability and inflow; that takes from the inflow of others, and
    so on. Cutting what is clipped off a weight from the equations instead would matter to a rare type.

    Returns:
        The weights, ``(K_i,)``, and the multipliers they belong to.
    """
    alpha = multipliers.copy()
    for _ in range(len(probability) + 1):
        available, outflow = probability + alpha.sum(axis=0), alpha.sum(axis=1)
        excessive = outflow > available
        if not excessive.any():
            break
        alpha[excessive] *= (available[excessive] / outflow[excessive])[:, None]
    return np.maximum(probability - alpha.sum(axis=1) + alpha.sum(axis=0), 0.0), alpha


def virtual_utility(game: CoalitionalGame, virtual: VirtualWeights, coalition: Coalition | None = None) -> FloatArray:
    r"""Return :math:`v_i(c, t, \lambda, \alpha)` for the members and actions of a coalition, ``(C, S, P)``.

    The coalition is the grand one by default.

    Source:
        Myerson (2006), equation (3).
    """
    members = game.grand_coalition if coalition is None else coalition
    utilities = game.actions[members].utilities
    coefficients = transform(virtual, game.type_probabilities)
    values = [
        transformed(game, coefficients[player], player, utilities[:, place]) for place, player in enumerate(members)
    ]
    return np.stack(values, axis=1)


def virtual_stakes(game: CoalitionalGame, virtual: VirtualWeights, stakes: ArrayLike) -> FloatArray:
    r"""Return :math:`V_i(\omega, t, \lambda, \alpha)`, ``(P, N)``, of stakes :math:`\omega_i(t)`, ``(P, N)``.

    Source:
        Myerson (2006), equation (13).
    """
    omega = finite_array("stakes", stakes, (len(game.profiles), len(game.players)))
    coefficients = transform(virtual, game.type_probabilities)
    values = [transformed(game, coefficients[player], player, omega[:, player]) for player in game.grand_coalition]
    return np.stack(values, axis=1)


def transformed(game: CoalitionalGame, coefficients: FloatArray, player: int, values: FloatArray) -> FloatArray:
    """Return one player's virtual values of values ``(..., P)``, by its coefficients from ``transform``."""
    before = math.prod(game.type_counts[:player])
    expanded = values.reshape(*values.shape[:-1], before, game.type_counts[player], -1)
    if expanded.shape[-1] == 1:
        # One product of large matrices instead of very many with vectors.
        return (expanded[..., 0].reshape(-1, len(coefficients)) @ coefficients).reshape(values.shape)
    return (coefficients.T @ expanded).reshape(values.shape)


def mixed_types(coefficients: FloatArray, values: FloatArray) -> FloatArray:
    r"""Return :math:`\sum_k A[k, t] w(\cdot, k, \cdot)`, ``(B, K, A)``, of coefficients ``(K, K)`` and values.

    Args:
        coefficients: of one player, from ``transform``.
        values: with the player's types in the middle, ``(B, K, A)``.
    """
    after = values.shape[-1]
    if after > FEW_AFTER:
        return coefficients.T @ values
    # One product of large matrices instead of very many of small ones.
    wide = np.kron(coefficients, np.eye(after))
    return (values.reshape(len(values), -1) @ wide).reshape(values.shape)
