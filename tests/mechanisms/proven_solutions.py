"""Solutions whose proofs are checked before anything else is claimed of them."""

from __future__ import annotations

from typing import Any

from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, incentive_efficient
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT


def solved(game: CoalitionalGame, *arguments: Any, **options: Any) -> IncentiveEfficient:
    """The answer of `incentive_efficient`, known to be optimal."""
    answer = incentive_efficient(game, *arguments, **options)
    assert isinstance(answer, IncentiveEfficient), answer
    assert answer.conditions.hold
    assert answer.residuals.largest <= RESIDUAL_LIMIT
    return answer
