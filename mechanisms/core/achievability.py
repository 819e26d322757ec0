r"""Whether given stakes can be achieved by a feasible mechanism with severance and side-bets.

Condition (18) asks for :math:`\omega_i(t) = x_i(t) + \sum_c \mu(c|t) u_i(c, t) - \varepsilon_i(t)` with
:math:`\varepsilon \ge 0`. Only interim expectations matter: some feasible mechanism must give every type at least its
expected stake. What it gives beyond that is severance, and payments at every profile follow from the equation;
where they do not sum to zero they are side-bets with the mediator.

Source:
    Myerson (2006), section 7, condition (18) and program (20).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import finite_array
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.allocation import with_stakes
from marketgame.mechanisms.incentive_efficiency.search import (
    Budget,
    IncentiveEfficient,
    NoOptimum,
    OutsideOptions,
    incentive_efficient,
)


def achieving_mechanism(game: CoalitionalGame, stakes: ArrayLike) -> Mechanism | NoOptimum:
    r"""Return a feasible mechanism that achieves stakes :math:`\omega_i(t)`, ``(P, N)``, or why there is none.

    Returns:
        The mechanism that achieves them with the largest expected welfare, severance included; or what is missing,
        with its proof.

    Raises:
        ValueError: the stakes do not fit the game.
        UnverifiedAnswerError: the solver's answer fails the independent check.

    Source:
        Myerson (2006), condition (18).
    """
    omega = finite_array("stakes", stakes, (len(game.profiles), len(game.players)))
    expected = tuple(game.conditional_expectation(omega[:, i], (i,)) for i in game.grand_coalition)
    found = incentive_efficient(game, None, OutsideOptions(expected), budget=Budget.EXPECTED)
    if not isinstance(found, IncentiveEfficient):
        return found
    severance = tuple(np.maximum(u - w, 0.0) for u, w in zip(found.interim, expected, strict=True))
    return with_stakes(game, found.mechanism.action_probability, omega, severance)
