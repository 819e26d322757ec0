r"""The core as a program: linear but for the products of multipliers with differences of stakes.

An allocation is in the core if and only if there are interim quantities of a mechanism as in
``incentive_program``, stakes :math:`W_i(t_i) = U_i(t_i) - \varepsilon_i(t_i)` with severance
:math:`\varepsilon \ge 0`, weights and multipliers that satisfy the hydraulic equations (5), and virtual stakes as in
``virtual_stakes``, and the mediator expects no loss.

Only interim expectations of stakes and payments appear: the transform (13) is invertible, so stakes at every
profile can be recovered from virtual ones, and with them payments at every profile that achieve them. Severance
that depends on the own type alone is general enough.

The products are stated linearised at given multipliers and stakes, exact when the multipliers stay there. With
multipliers fixed, minimising what the mediator expects to lose is program (19).

Source:
    Myerson (2006), Theorem 1, achievability (18) and program (19).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import CoalitionLimits, Support
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.type_pairs import TypePairs
from marketgame.mechanisms.core.virtual_stakes import VirtualStakes, leaving_opportunities
from marketgame.mechanisms.incentive_efficiency.program import InterimProgram
from marketgame.mechanisms.linear_program import LinearProgram, Solution, Status
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline


@dataclass(frozen=True, eq=False)
class CorePoint:
    r"""Values of the program's variables, in units of money.

    Attributes:
        action_probability: :math:`\mu(c|t)`, ``(P, C)``.
        stakes: :math:`W_i(t)`, types of all players in one row, ``(M,)``.
        severance: :math:`\varepsilon_i(t)`, likewise.
        virtual_stakes: :math:`V_i(t)`, ``(P, N)``.
        multipliers: :math:`\alpha_i(r|t)` of every pair of types, ``(J,)``.
        cost: what the mediator expects to lose.
        merit: the objective, plus the price of that.
    """

    action_probability: FloatArray
    stakes: FloatArray
    severance: FloatArray
    virtual_stakes: FloatArray
    multipliers: FloatArray
    cost: float
    merit: float


class CoreProgram:
    """The program with products linearised, to be solved from many points.

    Attributes:
        game: whose core it is.
        pairs: types and pairs of types.
        unit: what one unit of utility in the program is worth.
        deadline: when to stop.

    Raises:
        DeadlinePassedError: time ran out while the program was built.
    """

    def __init__(
        self,
        game: CoalitionalGame,
        support: Support,
        limits: CoalitionLimits,
        *,
        severance: bool,
        deadline: Deadline = NO_DEADLINE,
    ) -> None:
        self.game = game
        self.deadline = deadline
        self.pairs = TypePairs(game)
        market = leaving_opportunities(game, support, limits)
        self.unit = at_stake(game).unit
        self._interim = InterimProgram(game.type_probabilities, game.profiles, self.unit)
        self._state_mechanism(severance=severance)
        self._multiplier = self.program.variables("multiplier", {"pair": self.pairs.size})
        weight = self.program.variables("weight", {"type": self.pairs.types.size})
        self.pairs.state_hydraulics(self.program, self._multiplier, weight)
        self._virtual = VirtualStakes(self.program, game, self.pairs, self.unit)
        self._expected = self._virtual.state_expected()
        for part in market:
            deadline.check()
            self._virtual.state_blocking(part, self._multiplier)

    def spread(self, most: float) -> None:
        """Bound how far virtual stakes may go at single profiles, in multiples of the unit and of likelihoods."""
        self._virtual.spread(most)

    @property
    def program(self) -> LinearProgram:
        """The linear program."""
        return self._interim.program

    def _state_mechanism(self, *, severance: bool) -> None:
        program = self.program
        self._interim.state_every_action(self.game.actions[self.game.grand_coalition].utilities)
        row = {"type": self.pairs.types.size}
        self._stake = program.variables("stake", row, lower=-np.inf)
        self._severance = program.variables("severance", row, upper=np.inf if severance else 0.0)
        self._cost = program.variables("cost")
        variables, constraints = program.blocks
        (self._payment,), (self._value,) = variables["payment"], variables["value"]
        (participation,), (budget,) = constraints["participation"], constraints["budget"]
        program.set_limits(participation, equal_to=0.0)
        program.add(participation, self._stake, -1.0)
        program.add(participation, self._severance, -1.0)
        program.add(budget, self._cost, -1.0)

    def minimise(self, objective: CoreObjective | None, price: float) -> None:
        """Minimise an objective plus a price for every unit of money the mediator loses."""
        program, own = self.program, self.pairs.types.own
        program.set_objective(self._cost, -price)
        if objective is not None:
            utility, payment, severance = (
                self.pairs.types.joined(part) for part in (objective.utility, objective.payment, objective.severance)
            )
            program.set_objective(self._value[np.arange(own.size), own], -utility)
            program.set_objective(self._payment, -utility - payment)
            program.set_objective(self._severance, -severance)

    def solve_at(self, multipliers: FloatArray) -> CorePoint | None:
        """Return the best point with these multipliers ``(J,)``, where the linearisation is exact."""
        return self._solve(multipliers, np.zeros(self.pairs.types.size), multipliers, multipliers)

    def solve_near(self, point: CorePoint, radius: float) -> CorePoint | None:
        """Return the best point of the linearisation, multipliers no farther than a radius from a point's."""
        alpha = point.multipliers
        return self._solve(alpha, point.stakes, alpha - radius, alpha + radius)

    def _solve(
        self, multipliers: FloatArray, stakes: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> CorePoint | None:
        self._linearise(multipliers, stakes)
        self.program.set_bounds(self._multiplier, lower=np.maximum(lower, 0.0), upper=np.maximum(upper, 0.0))
        solution = self.program.solve(evidence=False, deadline=self.deadline)
        return self._read(solution) if solution.status is Status.OPTIMAL else None

    def _linearise(self, multipliers: FloatArray, stakes: FloatArray) -> None:
        r"""State every product :math:`\alpha_i(t|r) (W_i(t) - W_i(r))` by its tangent at a point."""
        true, told, size = self.pairs.true, self.pairs.told, self.pairs.types.size
        difference = (stakes[told] - stakes[true]) / self.unit
        weight = self.pairs.probability + np.bincount(told, weights=multipliers, minlength=size)
        self.program.set_coefficients(self._expected, self._stake, -weight)
        self.program.set_coefficients(self._expected[told], self._stake[true], multipliers)
        self.program.set_coefficients(self._expected[told], self._multiplier, -difference)
        constant = np.bincount(told, weights=-multipliers * difference, minlength=size)
        self.program.set_limits(self._expected, equal_to=constant)

    def _read(self, solution: Solution) -> CorePoint:
        """Return an answer in units of money."""
        cost = float(solution["cost"])
        return CorePoint(
            solution["action"].reshape(len(self.game.profiles), -1),
            solution["stake"] * self.unit,
            np.maximum(solution["severance"], 0.0) * self.unit,
            self._virtual.read(solution) * self.unit,
            np.maximum(solution["multiplier"], 0.0),
            cost * self.unit,
            -solution.objective * self.unit,
        )
