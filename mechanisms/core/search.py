"""Core allocations: any one, the best one, or the proof that there is none."""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.allocation import CoreAllocation, interim_objective
from marketgame.mechanisms.core.branching import RegionSearch
from marketgame.mechanisms.core.descent import CoreDescent
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore, UndecidedCore
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant
from marketgame.mechanisms.linear_program import Sense, UnverifiedAnswerError
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

USUAL_VARIANT = CoreVariant()
"""The core as the paper defines it."""

NATURAL_STARTS = 3
"""Starts that are all tried before the best answer so far is believed good enough to prune with."""

USUAL_EFFORT = CoreEffort()
"""Enough for every game of the paper, with room to spare."""


def find_core_allocation(
    game: CoalitionalGame,
    variant: CoreVariant = USUAL_VARIANT,
    effort: CoreEffort = USUAL_EFFORT,
    deadline: Deadline = NO_DEADLINE,
) -> CoreAllocation | EmptyCore | UndecidedCore:
    """Return some core allocation, or the proof that there is none.

    Local searches start from no multipliers and from those of incentive-efficient mechanisms. Only when all of
    them fail is the core's relaxation divided, region by region.

    Returns:
        An allocation, recomputed from the definition; the proof that there is none; or that nothing is known.

    Raises:
        ValueError: the coalition limits do not fit the game.

    Source:
        Myerson (2006), section 7.
    """
    limit = deadline.within(effort.seconds)
    try:
        descent = CoreDescent(game, variant, deadline=limit)
        for start in descent.starts(effort):
            found = descent.from_multipliers(start)
            if found is not None:
                return found
    except DeadlinePassedError:
        return UndecidedCore(variant, "the time allowed was spent before any region was examined", 0)
    best = _Best(game, descent, None)
    search = RegionSearch(game, variant, None, limit)
    search.run(effort, best.attempt)
    return best.allocation or _without_allocation(search, variant)


def optimise_core(
    game: CoalitionalGame,
    objective: CoreObjective,
    sense: Sense = Sense.MINIMIZE,
    variant: CoreVariant = USUAL_VARIANT,
    effort: CoreEffort = USUAL_EFFORT,
    deadline: Deadline = NO_DEADLINE,
) -> CoreOptimum | EmptyCore | UndecidedCore:
    """Return the core allocation with the smallest or largest value of a linear objective.

    Returns:
        The best allocation found, with a bound on all others; the proof that the core is empty; or that nothing
        is known.

    Raises:
        ValueError: the objective or the coalition limits do not fit the game.
    """
    if tuple(part.size for part in objective.utility) != game.type_counts:
        raise ValueError(f"{objective.name!r} is not an objective for a game with {game.type_counts} types")
    minimised = objective if sense is Sense.MINIMIZE else objective.negated()
    limit = deadline.within(effort.seconds)
    try:
        descent = CoreDescent(game, variant, minimised, limit)
    except DeadlinePassedError:
        return UndecidedCore(variant, "the time allowed was spent before any region was examined", 0)
    best = _Best(game, descent, minimised)
    for number, start in enumerate(descent.starts(effort)):
        if best.attempt(start) < np.inf and number >= NATURAL_STARTS - 1:
            break
    search = RegionSearch(game, variant, minimised, limit)
    search.run(effort, best.attempt)
    if best.allocation is None:
        return _without_allocation(search, variant)
    if search.refutation is not None:
        raise UnverifiedAnswerError("a core allocation was found although the core was proved empty")
    # The search measures utilities from what types have alone.
    level = sum(float(part @ own) for part, own in zip(objective.utility, at_stake(game).alone, strict=True))
    value, bound = best.value * sense.value + level, search.bound * sense.value + level
    return CoreOptimum(objective, sense, best.allocation, value, bound, search.tolerance, search.examined)


class _Best:
    """The best core allocation that local searches have found."""

    def __init__(self, game: CoalitionalGame, descent: CoreDescent, objective: CoreObjective | None) -> None:
        self._game = measured_from_alone(game)
        self._descent = descent
        self._objective = objective
        self.allocation: CoreAllocation | None = None
        self.value = np.inf

    def attempt(self, multipliers: FloatArray) -> float:
        """Search from multipliers ``(J,)`` and return the best value so far."""
        found = self._descent.from_multipliers(multipliers)
        if found is not None:
            value = 0.0 if self._objective is None else interim_objective(self._game, found.mechanism, self._objective)
            if value < self.value:
                self.allocation, self.value = found, value
        return self.value


def _without_allocation(search: RegionSearch, variant: CoreVariant) -> EmptyCore | UndecidedCore:
    if search.refutation is not None:
        return EmptyCore(variant, search.refutation, search.examined)
    return UndecidedCore(variant, search.reason, search.examined)
