"""Local search for core allocations: successive linear programs with a trust region in the multipliers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import measured_from_alone, normal_form
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.allocation import CoreAllocation, core_allocation, expanded
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.program import CoreProgram
from marketgame.mechanisms.core.trust_region import descend
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.incentive_efficiency.search import (
    Budget,
    EfficiencyProblem,
    IncentiveEfficient,
    Participation,
)
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

NO_COST = 1e-10
"""Losses of the mediator below this, relative to what is at stake, count as none."""

SPREADS = (100.0, np.inf)
"""How much a profile may add to a player's expected virtual stake, in units of what is at stake and of its likelihood
to the player, to be tried in turn."""

PENALTY = 10.0
"""Price of a unit of loss, relative to what an objective could gain from it."""


class CoreDescent:
    """Searches from many starts in one game.

    Minimises an objective plus a penalty on what the mediator loses, as a function of the multipliers: for fixed
    multipliers that is a linear program. The penalty is exact once it exceeds what a unit of money can add to the
    objective.
    """

    def __init__(
        self,
        game: CoalitionalGame,
        variant: CoreVariant,
        objective: CoreObjective | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> None:
        self.game = game
        self.variant = variant
        self._deadline = deadline
        self._measured = measured_from_alone(game)
        allowed = variant.severance is SeverancePay.ALLOWED
        self._program = CoreProgram(
            normal_form(game), variant.support, variant.limits, severance=allowed, deadline=deadline
        )
        self._pairs = self._program.pairs
        self._searching = objective is None
        self._program.minimise(objective, _penalty(game, objective))

    def from_multipliers(self, multipliers: FloatArray) -> CoreAllocation | None:
        """Return what the search from multipliers ``(J,)`` ends at, if it is a core allocation.

        First with stakes that do not go far at rare profiles, so that side-bets there do not drown what is at stake; if
        that is in vain, wherever they go.
        """
        for most in SPREADS:
            self._program.spread(most)
            found = self._reached(multipliers)
            if found is not None or self._deadline.passed:
                return found
        return None

    def _reached(self, multipliers: FloatArray) -> CoreAllocation | None:
        negligible = NO_COST * self._program.unit
        enough = negligible if self._searching else -np.inf
        reached = descend(self._program, multipliers, negligible=negligible, enough=enough, deadline=self._deadline)
        if reached is None or reached.cost > negligible:
            return None
        virtual = self._pairs.virtual_weights(reached.multipliers)
        severance = self._pairs.types.split(reached.severance)
        mechanism = expanded(self._measured, reached, virtual, severance)
        allocation = core_allocation(self.game, mechanism, virtual, self.variant)
        return allocation if allocation.residuals.acceptable else None

    def starts(self, effort: CoreEffort) -> Iterator[FloatArray]:
        """Yield no multipliers, those of second-best and of efficient mechanisms, and those for random weights."""
        yield np.zeros(self._pairs.size)
        if not self._pairs.size:
            return
        generator = np.random.default_rng(effort.seed)
        problem = EfficiencyProblem(self.game, budget=Budget.EXPECTED)
        for start in range(effort.starts):
            random = tuple(generator.dirichlet(np.full(count, 0.5)) for count in self.game.type_counts)
            if self._deadline.passed:
                return
            efficient = problem.solve(
                random if start >= 2 else self.game.type_probabilities,
                Participation.INDIVIDUAL if start == 0 else Participation.NONE,
                deadline=self._deadline,
            )
            if isinstance(efficient, IncentiveEfficient):
                yield self._pairs.multipliers(efficient.virtual)


def _penalty(game: CoalitionalGame, objective: CoreObjective | None) -> float:
    if objective is None:
        return 1.0
    parts = (objective.utility, objective.payment, objective.severance)
    worth = [
        float((np.abs(coefficient) / probability).max())
        for part in parts
        for coefficient, probability in zip(part, game.type_probabilities, strict=True)
    ]
    return PENALTY * max(*worth, 1.0)
