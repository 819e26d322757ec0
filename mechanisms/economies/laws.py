r"""Named laws of correlated types, for any number of players: types are independent given a factor common to all.

A player's types stand in an order, as an economy lists them, and keep their own probabilities under every law: what a
law adds is how likely players are of low types, or of high ones, together. Player i's type is the one in which
:math:`F_i`, the distribution of its types, passes a level :math:`u_i` that is uniform on [0, 1].

* *Common shock*: with probability w, a player's own coin, its level is :math:`u`, the same for all who get it; else it
  is the player's own. Given u the chances of types are constant between the points where some :math:`F_i` has a step,
  so that the law is a finite sum, exactly.
* *Gaussian copula* with one factor: :math:`u_i = \Phi(\sqrt{\rho}\, z + \sqrt{1 - \rho}\, \varepsilon_i)` with z and
  :math:`\varepsilon_i` standard normal, so that any two levels have a Gaussian copula of correlation :math:`\rho`. The
  factor z is integrated by the trapezoidal rule, whose error falls faster than any power of the step; steps are halved
  until probabilities of types change by no more than rounding. Draws are from the same sum, so that it *is* the law.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import FactorPrior

# The factor of a copula lies within this many standard deviations but for a chance of 1e-18.
FARTHEST = 9.0
# Halving steps is over when the probabilities of types are those asked for, up to this.
INTEGRATION_TOLERANCE = 1e-13
MOST_STEPS = 1 << 12


def common_shock(marginals: Sequence[FloatArray], weight: float) -> FactorPrior:
    """Return the law under which each player follows the common level with a probability, its own otherwise.

    Args:
        marginals: per player, the probability of each of its types in their order.
        weight: the probability that a player follows the common level, from 0 to 1.

    Raises:
        ValueError: the weight is not from 0 to 1.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight is {weight}; it must be from 0 to 1")
    edges = np.unique(np.concatenate([[0.0, 1.0], *(np.cumsum(each)[:-1] for each in marginals)]))
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    chances = []
    for each in marginals:
        types = (middles[:, None] >= np.cumsum(each)[:-1]).sum(axis=1)
        chances.append(weight * np.eye(len(each))[types] + (1 - weight) * each)
    return FactorPrior(widths / widths.sum(), chances)


def gaussian_copula(marginals: Sequence[FloatArray], correlation: float) -> FactorPrior:
    """Return the law under which any two players' levels have a Gaussian copula.

    Args:
        marginals: per player, the probability of each of its types in their order.
        correlation: of any two players' normal levels, at least 0 and less than 1.

    Raises:
        ValueError: the correlation is out of bounds, or so close to 1 that it cannot be integrated.
    """
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation is {correlation}; it must be at least 0 and less than 1")
    # SciPy's functions load slowly, and few economies need them.
    from scipy.special import ndtr, ndtri  # noqa: PLC0415

    levels = [ndtri(np.minimum(np.cumsum(each)[:-1], 1.0)) for each in marginals]
    steps = 64
    while steps <= MOST_STEPS:
        factor = np.linspace(-FARTHEST, FARTHEST, steps + 1)
        weights = np.exp(-(factor**2) / 2)
        weights /= weights.sum()
        below = [ndtr((each - sqrt(correlation) * factor[:, None]) / sqrt(1 - correlation)) for each in levels]
        found = [np.diff(np.pad(each, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1) for each in below]
        pairs = zip(found, marginals, strict=True)
        off = max(float(np.abs(weights @ chances - each).max()) for chances, each in pairs)
        if off <= INTEGRATION_TOLERANCE:
            return FactorPrior(weights, [np.maximum(each, 0.0) for each in found])
        steps *= 2
    raise ValueError(f"correlation is {correlation}; it is too close to 1 for the law to be integrated")
