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

Where everybody together can do very many things, most of them matter neither to the mechanism, which only ever uses
actions of largest virtual surplus, nor as a threat. Then actions are added where the program would pay for them, and
the conditions of large coalitions where they are violated, until neither happens.

Source:
    Myerson (2006), Theorem 1, achievability (18) and program (19).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.blocking import CoalitionLimits, Support
from marketgame.mechanisms.blocking.opportunities import Opportunities
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.type_pairs import TypePairs
from marketgame.mechanisms.core.virtual_stakes import VirtualStakes, leaving_opportunities
from marketgame.mechanisms.incentive_efficiency.column_generation import FiniteActions
from marketgame.mechanisms.incentive_efficiency.program import InterimProgram
from marketgame.mechanisms.linear_program import Block, LinearProgram, Simplex, Solution, Status
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

FEW_ACTIONS = 2000
"""Coalitions with no more actions at all profiles of known types than these have all of them stated at once."""

TOLERANCE = 1e-9
"""Reduced costs of actions and violations of conditions below this, in the program's units and relative to how likely
the profile is, count as none."""


@dataclass(eq=False)
class _Threats:
    """The conditions of a coalition that are stated one by one.

    Attributes:
        part: what the coalition expects from its actions.
        kept: what its members keep, ``(Q,)``.
        stated: which actions are stated at which profiles of known types, ``(C, Q)``.
        blocks: how many blocks of constraints have been stated.
    """

    part: Opportunities
    kept: Block
    stated: BooleanArray
    blocks: int = 0


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
        self._threats: list[_Threats] = []
        for part in market:
            deadline.check()
            if part.size <= FEW_ACTIONS:
                self._virtual.state_blocking(part, self._multiplier)
            else:
                stated = np.zeros((len(part.gains), len(part.types)), dtype=np.bool_)
                self._threats.append(_Threats(part, self._virtual.state_kept(part), stated))

    def spread(self, most: float) -> None:
        """Bound how far virtual stakes may go at single profiles, in multiples of the unit and of likelihoods."""
        self._virtual.spread(most)

    @property
    def program(self) -> LinearProgram:
        """The linear program."""
        return self._interim.program

    def _state_mechanism(self, *, severance: bool) -> None:
        program = self.program
        self._state_actions()
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

    def _state_actions(self) -> None:
        """State every action at every profile, or those of the largest surplus and one that fits everywhere."""
        utilities = self.game.actions[self.game.grand_coalition].utilities
        actions, profiles = len(utilities), np.arange(len(self.game.profiles))
        self._used: BooleanArray | None = None
        if actions * profiles.size <= FEW_ACTIONS:
            self._interim.state_every_action(utilities)
            return
        self._oracle = FiniteActions(self.game, self.unit)
        self._used = np.zeros((actions, profiles.size), dtype=np.bool_)
        self._columns: list[tuple[IntegerArray, IntegerArray]] = []
        self.program.variables("action", {"column": 0})
        # One action at all profiles satisfies every incentive constraint, so that the program is never impossible.
        always = utilities.sum(axis=1) @ self.game.probability
        self._add_actions(np.full(profiles.size, always.argmax()), profiles)
        self._add_actions(utilities.sum(axis=1).argmax(axis=0), profiles)

    def _add_actions(self, actions: IntegerArray, profiles: IntegerArray) -> bool:
        """State those actions at their profiles, ``(B,)`` each, that are not stated yet; say whether there were any."""
        assert self._used is not None
        new = ~self._used[actions, profiles]
        actions, profiles = actions[new], profiles[new]
        if actions.size:
            self._used[actions, profiles] = True
            self._columns.append((actions, profiles))
            part = self.program.extend("action", actions.size)
            self._interim.state_actions(part, profiles, self._oracle.utilities(actions, profiles))
        return bool(actions.size)

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
        if self._used is None and not self._threats:
            solution = self.program.solve(evidence=False, deadline=self.deadline)
            return self._read(solution) if solution.status is Status.OPTIMAL else None
        self._add_threats(multipliers)
        solution = self._run(Simplex.DUAL)
        while solution.status is Status.OPTIMAL and not self.deadline.passed:
            paying, violated = self._add_paying_actions(solution), self._add_threats(solution["multiplier"], solution)
            if not (paying or violated):
                return self._read(solution)
            solution = self._run(Simplex.DUAL if violated else Simplex.PRIMAL)
        return None

    def _run(self, simplex: Simplex) -> Solution:
        """Solve from where the last solve ended, or afresh if that leads in circles."""
        program, limit = self.program, sum(self.program.size)
        warm = program.solve(evidence=False, refine=False, simplex=simplex, iterations=limit, deadline=self.deadline)
        if warm.status is not Status.ITERATION_LIMIT:
            return warm
        program.forget()
        return program.solve(evidence=False, refine=False, deadline=self.deadline)

    def _add_paying_actions(self, solution: Solution) -> bool:
        """Add the action of largest reduced cost at every profile where that is positive."""
        if self._used is None:
            return False
        game, types = self.game, self.pairs.types
        # A column has a coefficient in the row that defines what each type expects from what it reports.
        prices = types.split_square(-solution.shadow_price["interim value"])
        coefficients = tuple(price / p for price, p in zip(prices, game.type_probabilities, strict=True))
        profiles = np.arange(len(game.profiles))
        priced = self._oracle.best_actions(coefficients, profiles)
        reduced = game.probability * priced.surplus / self.unit - solution.shadow_price["probability"]
        better = np.flatnonzero(reduced > TOLERANCE * game.probability)
        return self._add_actions(priced.actions[better].astype(np.int64), profiles[better])

    def _add_threats(self, multipliers: FloatArray, solution: Solution | None = None) -> bool:
        """State, of every coalition and profile of known types, the condition that binds first; say whether any is new.

        Args:
            multipliers: at which, ``(J,)``.
            solution: that has to violate it, if given.
        """
        virtual = self.pairs.virtual_weights(multipliers)
        added = False
        for threats in self._threats:
            part, name = threats.part, self.game.coalition_name(threats.part.coalition)
            best, least = self._virtual.most_blocking(part, virtual)
            new = ~threats.stated[best, np.arange(best.size)]
            if solution is not None:
                new &= least - solution[f"kept by {name}"] > TOLERANCE * part.probability
            profiles = np.flatnonzero(new)
            if profiles.size:
                threats.stated[best[profiles], profiles] = True
                threats.blocks += 1
                block = f"blocking by {name}, part {threats.blocks}"
                self._virtual.add_blocking(block, part, threats.kept, self._multiplier, best[profiles], profiles)
                added = True
        return added

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
            self._action_probability(solution["action"]),
            solution["stake"] * self.unit,
            np.maximum(solution["severance"], 0.0) * self.unit,
            self._virtual.read(solution) * self.unit,
            np.maximum(solution["multiplier"], 0.0),
            cost * self.unit,
            -solution.objective * self.unit,
        )

    def _action_probability(self, columns: FloatArray) -> FloatArray:
        r"""Return :math:`\mu(c|t)`, ``(P, C)``, of the action variables."""
        if self._used is None:
            return columns.reshape(len(self.game.profiles), -1)
        table = np.zeros(self._used.T.shape)
        actions, profiles = (np.concatenate(each) for each in zip(*self._columns, strict=True))
        table[profiles, actions] = columns
        return table
