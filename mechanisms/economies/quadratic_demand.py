r"""Demand with substitutes and complements: :math:`\max_{q \ge 0} c \cdot q - \tfrac12 q^\top S q`.

The maximiser is unique because S is positive definite. With few goods every set of goods bought is tried at
once for a whole batch; with many, the problem is a nonnegative least-squares problem solved bundle by bundle.
"""

from __future__ import annotations

from importlib import import_module
from itertools import product

import numpy as np

from marketgame.mechanisms.arrays import (
    BooleanArray,
    FloatArray,
)

# Up to this many goods, trying all 2^G sets of goods bought is faster than one bundle at a time.
MOST_GOODS_ENUMERATED = 6


def quadratic_demand(net_intercept: FloatArray, slope: FloatArray) -> FloatArray:
    r"""Return the bundle that maximises :math:`c \cdot q - \tfrac12 q^\top S q` over nonnegative bundles.

    Args:
        net_intercept: marginal value at zero less price, ``(..., G)``, numeraire per unit.
        slope: symmetric positive definite, ``(..., G, G)``, numeraire per unit squared.

    Returns:
        The bundle demanded, ``(..., G)``, units of each good.
    """
    goods = net_intercept.shape[-1]
    batch = np.broadcast_shapes(net_intercept.shape[:-1], slope.shape[:-2])
    intercepts = np.broadcast_to(net_intercept, (*batch, goods)).reshape(-1, goods)
    slopes = np.broadcast_to(slope, (*batch, goods, goods)).reshape(-1, goods, goods)
    off_diagonal = slopes * (1 - np.eye(goods))
    if not off_diagonal.any():
        demand = np.maximum(intercepts / np.diagonal(slopes, axis1=-2, axis2=-1), 0)
    elif goods <= MOST_GOODS_ENUMERATED:
        demand = _best_over_supports(intercepts, slopes)
    else:
        demand = np.array([_least_squares(c, s) for c, s in zip(intercepts, slopes, strict=True)])
    return demand.reshape(*batch, goods)


def _best_over_supports(intercepts: FloatArray, slopes: FloatArray) -> FloatArray:
    """Solve the first-order conditions for every set of goods bought and keep the best nonnegative bundle."""
    goods = intercepts.shape[-1]
    best = np.zeros_like(intercepts)
    best_surplus = np.zeros(len(intercepts))
    for chosen in product((False, True), repeat=goods):
        support: BooleanArray = np.array(chosen)
        if not support.any():
            continue
        bundle = np.zeros_like(intercepts)
        restricted = slopes[:, support][:, :, support]
        bundle[:, support] = np.linalg.solve(restricted, intercepts[:, support, None])[..., 0]
        surplus = 0.5 * (intercepts * bundle).sum(axis=-1)
        better = (bundle >= 0).all(axis=-1) & (surplus > best_surplus)
        best[better] = bundle[better]
        best_surplus[better] = surplus[better]
    return best


def _least_squares(intercept: FloatArray, slope: FloatArray) -> FloatArray:
    r"""Write the problem as :math:`\min_{q \ge 0} |R q - R^{-\top} c|` with :math:`S = R^\top R`."""
    root = np.linalg.cholesky(slope).T
    target = np.linalg.solve(root.T, intercept)
    # SciPy's optimisers take longer to load than most commands to run, and only markets of many goods need them.
    solution: FloatArray = import_module("scipy.optimize").nnls(root, target)[0]
    return solution
