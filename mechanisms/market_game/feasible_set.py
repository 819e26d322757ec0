r"""The feasible set of the market game, and the orthogonal projection on it.

.. math:: F = \Bigl\{ x \in \mathbb{R}_+^{N \times L} : \sum_i x_{ih} \le s_h \text{ for every good } h \Bigr\}

The set is a product over goods, so the projection rations each good on its own. Source: Giraud and Rochon (2001),
section 2.2, with supply :math:`s = \sum_i e_i`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import FloatArray, finite_array


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
    return np.ascontiguousarray(np.moveaxis(ration(claims, np.zeros_like(claims), available), 0, -2))


def ration(changes: FloatArray, owned: FloatArray, left: FloatArray | float = 0.0) -> FloatArray:
    r"""Cut the changes players claim in their holdings of each good by one ration; the arguments are trusted.

    The projection stated in changes of holdings rather than in holdings, so that it is rounded relative to what
    changes and not to what is owned: :math:`c_i = (d_i - \theta) \vee (-e_i)` with the smallest
    :math:`\theta \ge 0` for which :math:`\sum_i c_i \le l`. Ranked by the claim :math:`e_i + d_i` from the highest,

    .. math:: \theta = \max_k \frac{1}{k} \Bigl( \sum_{j \le k} d_{(j)} - \sum_{j > k} e_{(j)} - l \Bigr),

    or nothing when all claims fit.

    Args:
        changes: desired changes d, ``(N, ...)``: the player comes first.
        owned: holdings e that are pooled, ``(N, ...)``; nonnegative.
        left: what there is beyond the holdings, ``(...)``; nonnegative.

    Returns:
        Changes c, ``(N, ...)``; nobody loses more than it owns.
    """
    with np.errstate(over="ignore"):  # A sum of claims beyond the largest number exceeds the supply all the same.
        floor = -owned
        unrationed = np.maximum(changes, floor)
        fits = unrationed.sum(axis=0) <= left
        if fits.all():
            return unrationed
        # Measured from the largest change, and never more than twice all there is below it (such a claim gets
        # nothing), so that no digit of what changes is lost against a huge claim.
        supply = owned.sum(axis=0) + left
        shifted = np.maximum(changes - changes.max(axis=0), -2.0 * supply)
    ranks = np.argsort(-(shifted + owned), axis=0, kind="stable")
    desired, pooled = np.take_along_axis(shifted, ranks, axis=0), np.take_along_axis(owned, ranks, axis=0)
    served = np.arange(1.0, len(shifted) + 1.0).reshape((-1,) + (1,) * (shifted.ndim - 1))
    # What those own who are not served, summed from the last, so that a sum holds nothing of those who are.
    given_up = np.zeros_like(pooled)
    given_up[:-1] = np.cumsum(pooled[:0:-1], axis=0)[::-1]
    threshold = ((np.cumsum(desired, axis=0) - given_up - left) / served).max(axis=0)
    cut: FloatArray = np.where(fits, unrationed, np.maximum(shifted - threshold, floor))
    return cut
