r"""The feasible set of the market game, and the orthogonal projection on it.

.. math:: F = \Bigl\{ x \in \mathbb{R}_+^{N \times L} : \sum_i x_{ih} \le s_h \text{ for every good } h \Bigr\}

The set is a product over goods, so the projection rations each good on its own. Source: Giraud and Rochon (2001),
section 2.2, with supply :math:`s = \sum_i e_i`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mechanisms.arrays import finite_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mechanisms.arrays import FloatArray


def project_feasible(bundles: ArrayLike, supply: ArrayLike) -> FloatArray:
    r"""Return the feasible allocation nearest to the desired bundles.

    For each good :math:`h` the claims :math:`d_{ih}` are cut by one ration,
    :math:`x_{ih} = (d_{ih} - \theta_h)^+`, with the smallest :math:`\theta_h \ge 0`
    such that :math:`\sum_i x_{ih} \le s_h`.

    Args:
        bundles: desired holdings, ``(..., N, L)``, units of each good; any sign.
        supply: what there is to hand out, ``(..., L)``, units of each good; nonnegative. Leading dimensions
            broadcast against those of the bundles.

    Returns:
        Allocation, ``(..., N, L)``, units of each good; nonnegative. Sums over players are right to rounding
        relative to the supply, however large the claims.

    Raises:
        ValueError: shapes disagree, a bundle is not finite, or supply is negative or not finite.

    Source:
        Giraud and Rochon (2001), section 2.2. Their remark that the projection splits into a first one on what does
        not exceed supply and a second one on the nonnegative orthant does not hold: desired holdings (-10, 3, 2) of
        one good with supply 4 give (0, 2.5, 1.5), while the two steps give (0, 3, 2).
    """
    desired = finite_array("bundles", bundles, (None, None))
    available = finite_array("supply", supply, (desired.shape[-1],))
    if (available < 0).any():
        raise ValueError(f"supply must be nonnegative; it holds {available.min()}")
    if not desired.shape[-2]:
        raise ValueError(f"bundles of shape {desired.shape} belong to nobody")
    try:
        batch = np.broadcast_shapes(desired.shape[:-2], available.shape[:-1])
    except ValueError:
        raise ValueError(
            f"bundles of shape {desired.shape} and supply of shape {available.shape} must have leading "
            "dimensions that broadcast"
        ) from None
    claims = np.moveaxis(np.broadcast_to(desired, batch + desired.shape[-2:]), -2, 0)
    return np.ascontiguousarray(np.moveaxis(ration(claims, available), 0, -2))


def ration(claims: FloatArray, supply: FloatArray) -> FloatArray:
    r"""Cut the claims to each good by its smallest sufficient ration; the arguments are trusted.

    With the claims sorted from the highest, the ration is
    :math:`\theta = \max_k \bigl(\sum_{j \le k} d_{(j)} - s\bigr) / k`, or nothing when all claims fit.

    Args:
        claims: desired holdings, ``(N, ...)``: the player comes first.
        supply: what there is of each good, ``(...)``.

    Returns:
        Allocation, ``(N, ...)``.
    """
    with np.errstate(over="ignore"):  # A sum of claims beyond the largest number exceeds the supply all the same.
        fits = np.maximum(claims, 0.0).sum(axis=0) <= supply
        # Measured from the highest claim, and never below the whole supply under it (such a claim gets nothing), so
        # that no digit of the supply is lost against a huge claim.
        shifted = np.maximum(claims - claims.max(axis=0), -supply)
    served = np.arange(1.0, len(shifted) + 1.0).reshape((-1,) + (1,) * (shifted.ndim - 1))
    highest_first = -np.sort(-shifted, axis=0)
    threshold = ((np.cumsum(highest_first, axis=0) - supply) / served).max(axis=0)
    allocation: FloatArray = np.maximum(np.where(fits, claims, shifted - threshold), 0.0)
    return allocation
