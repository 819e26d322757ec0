r"""What incentives allow two types to have at once: the frontier of interim utilities.

The set of interim utilities that feasible mechanisms give is convex, and so is its shadow on the plane of two
types' utilities. Its frontier runs from the best mechanism for one to the best for the other, and every
corner of it is the incentive-efficient mechanism for some weights on the two. Other types count through their
participation constraints.

Source:
    Myerson (2006), section 3: weights :math:`\lambda` trace incentive-efficient mechanisms.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.search import (
    EfficiencyProblem,
    IncentiveEfficient,
    NoOptimum,
    OutsideOptions,
    Participation,
)

type PlayerType = tuple[int, int]
"""A player's number and the number of one of its types."""

CORNER_TOLERANCE = 1e-8
"""Corners that lie closer than this to the line between their neighbours, relative to its length, are none."""


def frontier(
    game: CoalitionalGame,
    first: PlayerType,
    second: PlayerType,
    participation: Participation | OutsideOptions = Participation.INDIVIDUAL,
) -> tuple[IncentiveEfficient, ...] | NoOptimum:
    """Return the corners of the frontier of two types' interim utilities.

    Without participation somebody could pay the two without limit.

    Returns:
        Mechanisms in the order in which the first type's utility rises and the second's falls; or why there
        is none.

    Raises:
        ValueError: the two are the same, or not of the game.
        UnverifiedAnswerError: an answer fails the independent check.
    """
    for player, kind in (first, second):
        if not (0 <= player < len(game.players) and 0 <= kind < game.type_counts[player]):
            raise ValueError(f"there is no type {kind} of player {player}")
    if first == second:
        raise ValueError("a frontier needs two different types")
    tracer = _Tracer(game, first, second, participation)
    ends = [tracer.corner(np.array(direction)) for direction in ((0.0, 1.0), (1.0, 0.0))]
    for end in ends:
        if isinstance(end, NoOptimum):
            return end
    best_for_second, best_for_first = (end for end in ends if isinstance(end, IncentiveEfficient))
    corners = [best_for_second, *tracer.between(best_for_second, best_for_first), best_for_first]
    return tuple(tracer.undominated(corners))


class _Tracer:
    """Finds corners of the frontier in given directions."""

    def __init__(
        self,
        game: CoalitionalGame,
        first: PlayerType,
        second: PlayerType,
        participation: Participation | OutsideOptions,
    ) -> None:
        self.game = game
        self.types = (first, second)
        self.participation = participation
        self.problem = EfficiencyProblem(game)
        self.scale = at_stake(game).unit

    def corner(self, direction: FloatArray) -> IncentiveEfficient | NoOptimum:
        """Return the mechanism that goes farthest in a direction, ``(2,)``."""
        weights = [np.zeros(count) for count in self.game.type_counts]
        for (player, kind), weight in zip(self.types, direction, strict=True):
            weights[player][kind] = weight
        return self.problem.solve(weights, self.participation)

    def point(self, mechanism: IncentiveEfficient) -> FloatArray:
        """Return the two types' utilities, ``(2,)``."""
        return np.array([mechanism.interim[player][kind] for player, kind in self.types])

    def between(self, left: IncentiveEfficient, right: IncentiveEfficient) -> list[IncentiveEfficient]:
        """Return the corners strictly between two of them, by going farthest across the line that joins them."""
        step = self.point(right) - self.point(left)
        length = float(np.hypot(*step))
        if length <= CORNER_TOLERANCE * self.scale or step[0] <= 0 or step[1] >= 0:
            return []
        normal = np.array([-step[1], step[0]]) / length
        found = self.corner(normal)
        if isinstance(found, NoOptimum):
            return []
        if normal @ (self.point(found) - self.point(left)) <= CORNER_TOLERANCE * self.scale:
            return []
        return [*self.between(left, found), found, *self.between(found, right)]

    def undominated(self, corners: list[IncentiveEfficient]) -> list[IncentiveEfficient]:
        """Return the corners without those whose neighbour is as good for one type and better for the other."""
        kept: list[IncentiveEfficient] = []
        for corner in corners:
            others = [self.point(other) - self.point(corner) for other in corners if other is not corner]
            slack = CORNER_TOLERANCE * self.scale
            worse = any((gain >= -slack).all() and gain.max() > slack for gain in others)
            same = any(np.abs(self.point(other) - self.point(corner)).max() <= slack for other in kept)
            if not worse and not same:
                kept.append(corner)
        return kept
