r"""Transfers that make truthful reports to an efficient contract an equilibrium (Giraud and Rochon, section 6.1).

Transfers :math:`\theta_i(t)` change each player's numeraire and balance in every profile:
:math:`\theta_i = f_i - \frac{1}{N-1} \sum_{j \ne i} f_j`. Under independent beliefs d'Aspremont and
Gérard-Varet's expected externality :math:`f_i(t_i) = E[\sum_{j \ne i} v_j(x_j(t), t_j) | t_i]` makes each
player's interim utility the expected welfare of all, less what it cannot influence.
"""

from __future__ import annotations

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.economy import Economy
from mechanisms.efficiency import EfficientAllocation


def expected_externality_transfers(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """Return the transfers of d'Aspremont and Gérard-Varet.

    Args:
        economy: with independent types.
        efficient: the efficient allocation of every profile.

    Returns:
        By how much each player's numeraire changes, ``(P, N)``; each row sums to zero.

    Raises:
        ValueError: types are correlated, for which the formula does not give incentives; or there is only
            one player.

    Source:
        Giraud and Rochon, section 6.1, the formula under the independence condition.
    """
    if not economy.prior.independent:
        raise ValueError("types are correlated; expected-externality transfers need independent types")
    players = len(economy.players)
    if players < 2:
        raise ValueError("there is one player; transfers need somebody to pay them")
    values = economy.valuations.value(economy.rows(efficient.profiles), efficient.bundles)
    others_value = values.sum(axis=-1, keepdims=True) - values
    externality = np.empty_like(values)
    for player in range(players):
        expected = economy.prior.beliefs(player) @ others_value[:, player]
        externality[:, player] = expected[efficient.profiles[:, player]]
    total = externality.sum(axis=-1, keepdims=True)
    return externality - (total - externality) / (players - 1)
