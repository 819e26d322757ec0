r"""Transfers that no coalition of liars can exploit (after Safronov 2018, in closed form).

Reveal the types of everybody but player j one after the other. Whoever speaks is paid by how much that changes what j's
goods are expected to bring j; j pays the sum. Averaged over all orders of speaking,

.. math:: \theta_i(t) = \sum_{j \ne i} Sh_i\bigl(A \mapsto E[v_j | t_A],\ A \subseteq N \setminus \{j\}\bigr)
    - \bigl(E[v_i | t_{-i}] - E[v_i]\bigr),

where :math:`v_j(t)` is the value to j of its bundle at the efficient allocation of the reports t and Sh the Shapley
value.

*Assumed*: types are independent, values private, utility quasi-linear, the allocation efficient for every profile, and
endowments cannot be overstated.

*Balance.* The Shapley value divides :math:`E[v_j | t_{-j}] - E[v_j]` among those who speak, which is what j pays.

*No coalition gains.* Let S report :math:`r_S` while the others tell the truth. Consider one order of speaking about j
and take expectations over the types of the others. What i outside of S is paid for speaking after A averages to zero,
given the types in A. So if j is outside of S, what members are paid about j adds up to
:math:`E[v_j | r_S] - E[v_j]` in expectation, since all other increments of the telescoping sum average to zero. If j is
a member, members are paid increments about j and j pays all of them; the rest, paid to outsiders, averages to zero.
Together :math:`E[\sum_{i \in S} \theta_i | r_S] = E[\sum_{j \notin S} v_j | r_S] - \text{constant}`: a coalition that
pools its money expects the welfare of all at :math:`(r_S, t_{-S})` valued by the true types, less a constant. The
efficient allocation of the true reports maximises that, profile by profile; so it does in expectation, whatever members
know of each other, and for lies that are drawn by lot. A joint lie costs just the welfare it costs.

The argument holds for each order of speaking, so for every average of orders.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation


def coalition_proof_transfers(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    r"""Return balanced transfers under which no coalition gains by lying together; Shapley averages, exact.

    The Shapley value is the integral of the multilinear extension's partial derivatives along the diagonal (Owen 1972).
    At the point s of the diagonal every type is revealed with probability s independently, an operator for each
    dimension of the table of profiles; in s it is a polynomial of degree N - 2, which Gauss and Legendre's rule
    integrates exactly with half as many nodes. So no coalition is enumerated.

    Args:
        economy: with independent types.
        efficient: the efficient allocation of every profile.

    Returns:
        By how much each player's numeraire changes, ``(P, N)``; each row sums to zero.

    Raises:
        ValueError: types are correlated, or there is only one player.

    Source:
        Safronov, Coalition-proof full efficient implementation (2018), the idea; the formula is stated above.
    """
    if not economy.prior.independent:
        raise ValueError("types are correlated; coalition-proof transfers in closed form need independent types")
    players = len(economy.players)
    if players < 2:
        raise ValueError("there is one player; transfers need somebody to pay them")
    counts = economy.prior.type_counts
    marginals = [economy.prior.marginal(player) for player in range(players)]
    gains = economy.gains_from_goods(efficient.profiles, efficient.bundles)
    transfers = np.zeros((*counts, players))
    nodes, weights = _diagonal(players - 1)
    for subject in range(players):
        value = _averaged(gains[:, subject].reshape(counts), subject, marginals)
        speakers = [player for player in range(players) if player != subject and counts[player] > 1]
        for node, weight in zip(nodes, weights, strict=True):
            revealed = value
            for speaker in speakers:
                revealed = node * revealed + (1 - node) * _averaged(revealed, speaker, marginals)
            for speaker in speakers:
                paid = weight / node * (revealed - _averaged(revealed, speaker, marginals))
                transfers[..., speaker] += paid
                transfers[..., subject] -= paid
    return transfers.reshape(-1, players)


def _diagonal(speakers: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes in (0, 1) and weights that integrate polynomials of a degree below that number exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(max(1, ceil(speakers / 2)))
    return (nodes + 1) / 2, weights / 2


def _averaged(table: FloatArray, player: int, marginals: list[FloatArray]) -> FloatArray:
    """Return the table averaged over one player's types, with that dimension kept at length one."""
    return np.expand_dims(np.tensordot(table, marginals[player], axes=(player, 0)), player)
