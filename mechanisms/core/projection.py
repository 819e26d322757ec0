r"""The core seen in the plane of two interim payoffs, with exact vertices.

The core need not be convex; what is computed is the convex hull of its projection, from its support function
:math:`h(n) = \max \{ n_1 U_1 + n_2 U_2 \}` over the core. Each answer is a vertex, and a proved bound in its
direction. Once the direction perpendicular to every edge of the polygon found so far brings nothing new, the polygon
is the hull.

Source:
    Myerson (2006), section 8, where the core of Example 1 is found facet by facet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, read_only
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import interim_utilities
from marketgame.mechanisms.core.objective import CoreObjective, interim_utility
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore, UndecidedCore
from marketgame.mechanisms.core.search import USUAL_VARIANT, optimise_core
from marketgame.mechanisms.core.variant import CoreVariant
from marketgame.mechanisms.linear_program import Sense

SAME_POINT = 1e-6
"""Points nearer than this, relative to what is at stake, are one vertex."""

FIRST_DIRECTIONS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))


@dataclass(frozen=True)
class PayoffAxis:
    """An interim payoff.

    Attributes:
        player: number of the player.
        kind: number of its type.
    """

    player: int
    kind: int


@dataclass(frozen=True, eq=False)
class CoreProjection:
    """The convex hull of the core in the plane of two interim payoffs.

    Attributes:
        vertices: counterclockwise, ``(V, 2)``, units of money; one for a point, two for a segment.
        exact: whether every edge is proved, so that no core allocation lies outside.
        searches: how many optimisations over the core it took.
    """

    vertices: FloatArray
    exact: bool
    searches: int


def core_projection(
    game: CoalitionalGame,
    axes: tuple[PayoffAxis, PayoffAxis],
    variant: CoreVariant = USUAL_VARIANT,
) -> CoreProjection | EmptyCore | UndecidedCore:
    """Return the hull of the core in the plane of two interim payoffs.

    Returns:
        The hull; the proof that the core is empty; or that nothing is known.

    Raises:
        ValueError: an axis names no player or type of the game.
    """
    for axis in axes:
        if not (0 <= axis.player < len(game.players) and 0 <= axis.kind < game.type_counts[axis.player]):
            raise ValueError(f"{axis} is no payoff of a game with {game.type_counts} types")
    search = _Hull(game, axes, variant)
    for direction in FIRST_DIRECTIONS:
        problem = search.look(np.array(direction))
        if problem is not None:
            return problem
    while (direction_left := search.unproved()) is not None:
        problem = search.look(direction_left)
        if problem is not None:
            return problem
    return CoreProjection(read_only(search.vertices()), search.exact, search.searches)


class _Hull:
    """The polygon found so far and what is proved about it."""

    def __init__(self, game: CoalitionalGame, axes: tuple[PayoffAxis, PayoffAxis], variant: CoreVariant) -> None:
        self._game, self._variant = game, variant
        self._axes = [interim_utility(game, axis.player, axis.kind) for axis in axes]
        self._points: list[FloatArray] = []
        self._looked: list[FloatArray] = []
        self._unit = at_stake(game).unit
        self.exact = True
        self.searches = 0

    def look(self, direction: FloatArray) -> EmptyCore | UndecidedCore | None:
        """Find the core allocation furthest in a direction ``(2,)``; return why there is none, if so."""
        self.searches += 1
        found = optimise_core(self._game, self._objective(direction), Sense.MAXIMIZE, self._variant)
        if not isinstance(found, CoreOptimum):
            return found
        self.exact &= found.optimal
        self._looked.append(direction)
        utility = interim_utilities(self._game, found.allocation.mechanism)
        point = np.array([sum(float(a @ b) for a, b in zip(axis.utility, utility, strict=True)) for axis in self._axes])
        if all(np.abs(point - known).max() > SAME_POINT * self._unit for known in self._points):
            self._points.append(point)
        return None

    def unproved(self) -> FloatArray | None:
        """Return the outward normal of an edge in whose direction has not been looked, ``(2,)``."""
        vertices = self.vertices()
        if len(vertices) < 2:
            return None
        for first, second in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
            edge = second - first
            normal: FloatArray = np.array([edge[1], -edge[0]]) / np.linalg.norm(edge)
            if all(float(np.abs(normal - known).max()) > SAME_POINT for known in self._looked):
                return normal
        return None

    def vertices(self) -> FloatArray:
        """Return the vertices of the hull of the points found, counterclockwise, ``(V, 2)``."""
        points = sorted(self._points, key=lambda point: (point[0], point[1]))
        if len(points) < 3:
            return np.array(points)
        lower, upper = self._chain(points), self._chain(points[::-1])
        return np.array(lower[:-1] + upper[:-1])

    def _chain(self, points: list[FloatArray]) -> list[FloatArray]:
        """Return the part of the hull that turns left from the first point to the last (Andrew's monotone chain)."""
        chain: list[FloatArray] = []
        for point in points:
            while len(chain) > 1 and self._bends_right(chain[-2], chain[-1], point):
                chain.pop()
            chain.append(point)
        return chain

    def _bends_right(self, first: FloatArray, second: FloatArray, third: FloatArray) -> bool:
        one, other = second - first, third - first
        length = float(np.linalg.norm(other))
        return float(one[0] * other[1] - one[1] * other[0]) <= SAME_POINT * self._unit * length

    def _objective(self, direction: FloatArray) -> CoreObjective:
        parts = zip(direction, self._axes, strict=True)
        scaled = [[factor * part for part in axis.utility] for factor, axis in parts]
        utility = tuple(np.sum(part, axis=0) for part in zip(*scaled, strict=True))
        nothing = tuple(np.zeros(count) for count in self._game.type_counts)
        return CoreObjective("payoff in a direction", utility, nothing, nothing)
