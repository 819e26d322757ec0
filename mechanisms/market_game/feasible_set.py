r"""The feasible set of the market game, and the orthogonal projection on it.

.. math:: F = \Bigl\{ x \in \mathbb{R}_+^{N \times L} : \sum_i x_{ih} \le s_h \text{ for every good } h \Bigr\}

The set is a product over goods, so the projection rations each good on its own. Source: Giraud and Rochon (2001),
section 2.2, with supply :math:`s = \sum_i e_i`.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray


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
