"""Solutions whose proofs are checked before anything else is claimed of them."""

from __future__ import annotations

from typing import Any

from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, incentive_efficient
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, virtual_utility
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT


def solved(game: CoalitionalGame, *arguments: Any, **options: Any) -> IncentiveEfficient:
    """The answer of `incentive_efficient`, known to be optimal."""
    answer = incentive_efficient(game, *arguments, **options)
    assert isinstance(answer, IncentiveEfficient), answer
    assert answer.conditions.hold
    assert answer.residuals.largest <= RESIDUAL_LIMIT
    return answer


def virtual_bound(game: CoalitionalGame, virtual: VirtualWeights) -> float:
    r"""Return :math:`\sum_t p(t) \max_c \sum_i v_i(c, t)`.

    No feasible mechanism has a larger :math:`\sum_i \sum_t \lambda_i(t) U_i(t)`, whatever nonnegative
    :math:`(\lambda, \alpha)` satisfy the hydraulic equations (5); this is the Lagrangian (4) maximised.
    """
    return float(game.probability @ virtual_utility(game, virtual).sum(axis=1).max(axis=0))
