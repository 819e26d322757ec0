r"""Whether a coalitional game is balanced, which suffices for a nonempty core.

A balanced plan forms coalition :math:`S` to do :math:`c \in C(S)` at rate :math:`\theta_{S,c} \ge 0`, so that every
player's rates sum to one. The game is balanced if for every balanced plan the grand coalition has a randomised
action :math:`\sigma` with

.. math:: \sum_d \sigma(d) u_i(d, t) = \sum_{S \ni i} \sum_c \theta_{S,c} u_i(c, t) \quad \text{for all } i, t.

Both sides are linear, so only the extreme balanced plans matter: those on a minimal balanced collection of
coalitions, each with one action. There are finitely many, and for each a linear program decides whether the point
it achieves is a mixture of the grand coalition's; if not, its dual is a direction in which the plan goes farther
than any action of the grand coalition.

Source:
    Myerson (2006), section 7; minimal balanced collections as in Shapley (1967).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense, certified

MOST_PLAYERS = 5
"""More players have too many minimal balanced collections to enumerate: 200,214 for six."""

NEGLIGIBLE = 1e-8
"""Distances from the grand coalition's mixtures below this count as none, relative to what is at stake, or to what the
plan itself gives if that is more."""


class Equality(Enum):
    """How closely the grand coalition must imitate a balanced plan."""

    UTILITIES = "every player gets the same at every type profile"
    UP_TO_PAYMENTS = "every player gets the same up to a constant, and the constants do not sum to more than zero"
    """Constant payments tempt nobody to lie, so Theorem 2 holds with this weaker condition as well; with one type
    for every player it is the condition of Bondareva and Shapley."""


@dataclass(frozen=True)
class Activity:
    """One coalition at work in a balanced plan.

    Attributes:
        coalition: who.
        action: number of the action among the coalition's.
        rate: how often, relative to the players' arrival.
    """

    coalition: Coalition
    action: int
    rate: float


@dataclass(frozen=True, eq=False)
class UnbalancedPlan:
    r"""A balanced plan that the grand coalition cannot imitate.

    Attributes:
        activities: the plan.
        utilities: what it gives to each player at each profile, ``(N, P)``.
        direction: weights :math:`w_i(t)` with which the plan is worth more than every action of the grand
            coalition, ``(N, P)``, none larger than one in absolute value.
        advantage: by how much, in units of utility.
    """

    activities: tuple[Activity, ...]
    utilities: FloatArray
    direction: FloatArray
    advantage: float


@dataclass(frozen=True)
class BalancedGame:
    """The game is balanced.

    Attributes:
        plans: how many extreme balanced plans were imitated.
        largest_distance: of any of them from what the grand coalition can do, relative likewise.
    """

    plans: int
    largest_distance: float


def check_balancedness(game: CoalitionalGame, equality: Equality = Equality.UTILITIES) -> BalancedGame | UnbalancedPlan:
    """Return whether a game is balanced, with a plan the grand coalition cannot imitate if it is not.

    Raises:
        ValueError: there are too many players.
        UnverifiedAnswerError: the solver's answer fails the independent check.

    Source:
        Myerson (2006), section 7, the premise of Theorem 2.
    """
    # Every player is busy once in a balanced plan, so that what it has alone cancels out of both sides.
    measured = measured_from_alone(game)
    imitation = _Imitation(measured, equality, at_stake(game).unit)
    plans, farthest = 0, 0.0
    for activities in _extreme_plans(game):
        utilities = plan_utilities(measured, activities)
        direction = imitation.direction(utilities)
        advantage = direction_advantage(measured, utilities, direction)
        distance = advantage / max(imitation.unit, float(np.abs(utilities).max()))
        plans += 1
        farthest = max(farthest, distance)
        if distance > NEGLIGIBLE:
            return UnbalancedPlan(activities, plan_utilities(game, activities), direction, advantage)
    return BalancedGame(plans, farthest)


def plan_utilities(game: CoalitionalGame, activities: tuple[Activity, ...]) -> FloatArray:
    """Return what a balanced plan gives to each player at each type profile, ``(N, P)``."""
    utilities = np.zeros((len(game.players), len(game.profiles)))
    for activity in activities:
        gained = game.actions[activity.coalition].utilities[activity.action]
        utilities[list(activity.coalition)] += activity.rate * gained
    return utilities


def direction_advantage(game: CoalitionalGame, utilities: FloatArray, direction: FloatArray) -> float:
    """Return by how much utilities ``(N, P)`` exceed every action of the grand coalition in a direction ``(N, P)``."""
    values = np.einsum("cip,ip->c", game.actions[game.grand_coalition].utilities, direction)
    return float((utilities * direction).sum() - values.max())


def minimal_balanced_collections(players: int) -> Iterator[dict[Coalition, float]]:
    """Yield every minimal balanced collection of coalitions with its only weights, small collections first.

    Raises:
        ValueError: there are too many players.

    Source:
        Myerson (2006), section 7 and equation (26): the rates of every player sum to one.
    """
    if not 1 <= players <= MOST_PLAYERS:
        raise ValueError(f"balanced collections are enumerated for 1 to {MOST_PLAYERS} players, not {players}")
    coalitions = [s for size in range(1, players + 1) for s in itertools.combinations(range(players), size)]
    member = np.array([[float(i in s) for i in range(players)] for s in coalitions])
    for size in range(1, players + 1):
        chosen = np.array(list(itertools.combinations(range(len(coalitions)), size)))
        matrix = member[chosen]
        gram = matrix @ matrix.transpose(0, 2, 1)
        # Gram determinants of such matrices are whole numbers; zero means that weights are not unique.
        independent = np.linalg.det(gram) > 1 / 2
        chosen, matrix, gram = chosen[independent], matrix[independent], gram[independent]
        weights = np.linalg.solve(gram, matrix.sum(axis=2)[:, :, None])[:, :, 0]
        covered = np.einsum("bs,bsi->bi", weights, matrix)
        balanced = (np.abs(covered - 1).max(axis=1) < 1e-9) & (weights.min(axis=1) > 1e-9)
        for numbers, rates in zip(chosen[balanced].tolist(), weights[balanced].tolist(), strict=True):
            yield {coalitions[number]: rate for number, rate in zip(numbers, rates, strict=True)}


def _extreme_plans(game: CoalitionalGame) -> Iterator[tuple[Activity, ...]]:
    """Yield every minimal balanced collection with every choice of actions, but what the grand coalition does."""
    for collection in minimal_balanced_collections(len(game.players)):
        if game.grand_coalition in collection:
            continue
        choices = [range(len(game.actions[coalition].names)) for coalition in collection]
        for actions in itertools.product(*choices):
            pairs = zip(collection.items(), actions, strict=True)
            yield tuple(Activity(coalition, action, rate) for (coalition, rate), action in pairs)


class _Imitation:
    """The program that looks for the mixture of the grand coalition's actions nearest to a point."""

    def __init__(self, game: CoalitionalGame, equality: Equality, unit: float) -> None:
        utilities = game.actions[game.grand_coalition].utilities
        self.unit = unit
        self._program = LinearProgram(Sense.MINIMIZE)
        self._point = self._state(utilities / self.unit, equality)

    def _state(self, utilities: FloatArray, equality: Equality) -> Block:
        program = self._program
        actions, players, profiles = utilities.shape
        mixture = program.variables("mixture", {"action": actions})
        program.add(program.constraints("probability", equal_to=1.0), mixture, 1.0)
        size = {"player": players, "profile": profiles}
        point = program.constraints("point", size, equal_to=0.0)
        program.add(point[:, :, None], mixture, utilities.transpose(1, 2, 0))
        for name, sign in (("too little", 1.0), ("too much", -1.0)):
            program.add(point, program.variables(name, size, objective=1.0), sign)
        if equality is Equality.UP_TO_PAYMENTS:
            payment = program.variables("payment", {"player": players}, lower=-np.inf)
            program.add(point, payment[:, None], 1.0)
            program.add(program.constraints("budget", at_most=0.0), payment, 1.0)
        return point

    def direction(self, utilities: FloatArray) -> FloatArray:
        """Return the direction in which utilities ``(N, P)`` lie farthest beyond what can be imitated."""
        self._program.set_limits(self._point, equal_to=utilities / self.unit)
        solution = self._program.solve()
        certified(self._program, solution)
        return solution.shadow_price["point"]
