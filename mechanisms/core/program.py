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
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.core.type_pairs import TypePairs
from mechanisms.core.virtual_stakes import VirtualStakes, leaving_opportunities
from mechanisms.finite_actions import FiniteActions
from mechanisms.incentive_program import InterimProgram

if TYPE_CHECKING:
    from mechanisms.arrays import FloatArray
    from mechanisms.blocking import CoalitionLimits, Support
    from mechanisms.coalitional_game import CoalitionalGame
    from mechanisms.core.objective import CoreObjective
    from mechanisms.linear_program import LinearProgram, Solution


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
        objective: what was minimised besides.
    """

    action_probability: FloatArray
    stakes: FloatArray
    severance: FloatArray
    virtual_stakes: FloatArray
    multipliers: FloatArray
    cost: float
    objective: float


class CoreProgram:
    """The program with products linearised, to be solved from many points.

    Attributes:
        game: whose core it is.
        pairs: types and pairs of types.
        unit: what one unit of utility in the program is worth.
    """

    def __init__(self, game: CoalitionalGame, support: Support, limits: CoalitionLimits, *, severance: bool) -> None:
        self.game = game
        self.pairs = TypePairs(game)
        market = leaving_opportunities(game, support, limits)
        self.unit = max(float(np.abs(part.gains).max()) for part in market) or 1.0
        self._interim = InterimProgram(game.type_probabilities, game.profiles, self.unit)
        self._price = 0.0
        self._state_mechanism(severance=severance)
        self._state_multipliers()
        self._virtual = VirtualStakes(self.program, game, self.pairs, self.unit)
        for part in market:
            self._virtual.state_blocking(part, self._multiplier)
        self.linearise(np.zeros(self.pairs.size), np.zeros(self.pairs.types.size))

    @property
    def program(self) -> LinearProgram:
        """The linear program."""
        return self._interim.program

    def _state_mechanism(self, *, severance: bool) -> None:
        program = self.program
        utilities = FiniteActions(self.game).all_utilities()
        action = program.variables("action", {"profile": utilities.shape[0], "action": utilities.shape[1]})
        self._interim.state_actions(action, np.arange(utilities.shape[0])[:, None], utilities)
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

    def _state_multipliers(self) -> None:
        """State the hydraulic equations (5)."""
        program, pairs = self.program, self.pairs
        row = {"type": pairs.types.size}
        self._multiplier = program.variables("multiplier", {"pair": pairs.size})
        weight = program.variables("weight", row)
        hydraulic = program.constraints("hydraulic", row, equal_to=pairs.probability)
        program.add(hydraulic, weight, 1.0)
        program.add(hydraulic[pairs.true], self._multiplier, 1.0)
        program.add(hydraulic[pairs.told], self._multiplier, -1.0)

    def linearise(self, multipliers: FloatArray, stakes: FloatArray) -> None:
        r"""State every product :math:`\alpha_i(t|r) (W_i(t) - W_i(r))` by its tangent at a point.

        Args:
            multipliers: of every pair of types, ``(J,)``.
            stakes: of every type, in units of money, ``(M,)``.
        """
        true, told, size = self.pairs.true, self.pairs.told, self.pairs.types.size
        difference = (stakes[told] - stakes[true]) / self.unit
        weight = self.pairs.probability + np.bincount(told, weights=multipliers, minlength=size)
        expected = self._virtual.expected
        self.program.set_coefficients(expected, self._stake, -weight)
        self.program.set_coefficients(expected[told], self._stake[true], multipliers)
        self.program.set_coefficients(expected[told], self._multiplier, -difference)
        constant = np.bincount(told, weights=-multipliers * difference, minlength=size)
        self.program.set_limits(expected, equal_to=constant)

    def confine(self, lower: FloatArray, upper: FloatArray) -> None:
        """Bound the multipliers of every pair of types, ``(J,)`` each."""
        self.program.set_bounds(self._multiplier, lower=np.maximum(lower, 0.0), upper=np.maximum(upper, 0.0))

    def minimise(self, objective: CoreObjective | None, price: float) -> None:
        """Minimise an objective plus a price for every unit of money the mediator loses."""
        program, own = self.program, self.pairs.types.own
        self._price = price
        program.set_objective(self._cost, -price)
        if objective is not None:
            utility, payment, severance = (
                self.pairs.types.joined(part) for part in (objective.utility, objective.payment, objective.severance)
            )
            program.set_objective(self._value[np.arange(own.size), own], -utility)
            program.set_objective(self._payment, -utility - payment)
            program.set_objective(self._severance, -severance)

    def read(self, solution: Solution) -> CorePoint:
        """Return an answer in units of money."""
        cost = float(solution["cost"])
        return CorePoint(
            solution["action"],
            solution["stake"] * self.unit,
            np.maximum(solution["severance"], 0.0) * self.unit,
            solution["virtual stake"] * self.unit,
            np.maximum(solution["multiplier"], 0.0),
            cost * self.unit,
            -(solution.objective + self._price * cost) * self.unit,
        )
