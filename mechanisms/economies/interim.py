r"""Interim arithmetic over type profiles: one player's types against everybody else's.

Tables over profiles, ``(P,)``, are rearranged for one player into ``(types, profiles of the others)``; incentive
conditions add up along the second dimension, weighed with the beliefs :math:`q_i(t_{-i}|t_i)`.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import (
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.economies.beliefs import Prior


def beliefs_about_others(prior: Prior, player: int) -> FloatArray:
    """Return q(others' types | own type), ``(types, profiles of the others)``."""
    joint = np.moveaxis(prior.probability.reshape(prior.type_counts), player, 0)
    return joint.reshape(len(joint), -1) / prior.marginal(player)[:, None]


def profiles_by_own_type(prior: Prior, player: int) -> IntegerArray:
    """Return the number of each profile, ``(types, profiles of the others)``."""
    numbers = np.arange(len(prior.probability)).reshape(prior.type_counts)
    return np.moveaxis(numbers, player, 0).reshape(prior.type_counts[player], -1)


def transfer_weights(prior: Prior, player: int, multipliers: FloatArray) -> FloatArray:
    r"""Return the weight of a player's transfer in each profile when its incentive conditions are added up.

    Args:
        prior: the beliefs.
        player: the player's number.
        multipliers: entry ``[t, m]`` is the weight of "type t does not report m", ``(types, types)``.

    Returns:
        :math:`q_i(t_{-i}|t_i) \sum_m \lambda_i(m, t_i) - \sum_m \lambda_i(t_i, m) q_i(t_{-i}|m)`, ``(P,)``.

    Source:
        Giraud and Rochon, compatibility condition, with the indices that its use requires.
    """
    beliefs = beliefs_about_others(prior, player)
    weights = multipliers.sum(axis=1)[:, None] * beliefs - multipliers.T @ beliefs
    counts = prior.type_counts
    others = tuple(count for other, count in enumerate(counts) if other != player)
    return np.moveaxis(weights.reshape(counts[player], *others), 0, player).reshape(-1)
