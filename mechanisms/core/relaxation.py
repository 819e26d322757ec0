r"""A linear relaxation of the core: every multiplier times everything that is linear in the mechanism.

The products of multipliers and stakes make the core a nonconvex set. Multiply every linear constraint on the
mechanism by a multiplier :math:`\alpha_i(r|t)` or a weight :math:`\lambda_i(t)`, all nonnegative, and write each
product as a variable of its own: a *copy* of the mechanism whose probabilities sum to the multiplier instead of
one. The products the core is stated in are then linear in the copies. The relaxation keeps

* the hydraulic equations (5), times the mechanism: they tie the copies to the mechanism itself;
* the equalities of the proof of Theorem 3, which hold at every core allocation if the grand coalition can form: no
  multiplier without a binding incentive constraint, no weight on a type with severance, no profit for the
  mediator, and what the grand coalition keeps at a profile is the virtual utility of what it does;
* intervals for the differences of a player's stakes, which hold in every copy relative to its size, and for
  multipliers, whose distances from the ends are as nonnegative as the multipliers themselves.

Every constraint is homogeneous in the copies, so multipliers need no bounds to begin with. When intervals shrink to
points the relaxation is exact. Fixing one factor of a product that must vanish, or cutting an interval, divides it.

Source:
    Myerson (2006), Theorems 1 and 3; lifting as in Sherali and Adams (1990).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import CoalitionLimits, Support
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.region import Region
from marketgame.mechanisms.core.type_pairs import TypePairs
from marketgame.mechanisms.core.virtual_stakes import VirtualStakes, leaving_opportunities
from marketgame.mechanisms.incentive_efficiency.column_generation import FiniteActions
from marketgame.mechanisms.linear_program import LinearProgram, Sense, Solution
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

CORNER = np.array([[1.0, -1.0], [-1.0, 1.0]])
"""Signs that make (multiplier - its end) (difference - its end) nonnegative, by lower or upper end of each."""


@dataclass(frozen=True, eq=False)
class Candidate:
    r"""A point of the relaxation, in units of money.

    Attributes:
        multipliers: of every pair, ``(J,)``.
        stakes: of every type, ``(M,)``.
        differences: of stakes, told type's less true type's, ``(J,)``.
        slack_error: multiplier times the slack of its incentive constraint, ``(J,)``; zero in the core.
        severance_error: weight times severance, ``(M,)``; zero in the core.
        product_error: distance of each product from multiplier times difference, ``(J,)``; zero in the core.
    """

    multipliers: FloatArray
    stakes: FloatArray
    differences: FloatArray
    slack_error: FloatArray
    severance_error: FloatArray
    product_error: FloatArray


class CoreRelaxation:
    """The relaxation of one game's core, to be solved region by region.

    Attributes:
        game: whose core it is.
        pairs: types and pairs of types.
        unit: what one unit of utility in the program is worth.
        whole: the region that holds the whole core.

    Raises:
        DeadlinePassedError: time ran out while the relaxation was built.
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
        self._deadline = deadline
        self.pairs = TypePairs(game)
        self._market = leaving_opportunities(game, support, limits)
        self.unit = at_stake(game).unit
        self._severance_allowed = severance
        # The proof of Theorem 3 needs the condition of the grand coalition.
        self._theorem_3 = limits.admit(game.grand_coalition)
        self._utilities = _utilities_of_types(game) / self.unit
        self._copies = 1 + self.pairs.size + self.pairs.types.size
        self._least = _least_stakes(game, support) / self.unit
        self.whole = self._first_region()
        self._state()

    def _first_region(self) -> Region:
        """Bound differences of stakes by what each type gets at least and all types get together at most."""
        best = self.game.actions[self.game.grand_coalition].utilities.sum(axis=1).max(axis=0)
        spare = float(self.game.probability @ best) / self.unit - float(self.pairs.probability @ self._least)
        most = self._least + max(spare, 0.0) / self.pairs.probability
        true, told = self.pairs.true, self.pairs.told
        differences = np.stack([self._least[told] - most[true], most[told] - self._least[true]])
        unlimited = np.stack([np.zeros(self.pairs.size), np.full(self.pairs.size, np.inf)])
        return Region(differences=differences * self.unit, multipliers=unlimited)

    def _state(self) -> None:
        self.program = LinearProgram(Sense.MINIMIZE)
        for state in (self._state_variables, self._state_mechanisms, self._state_incentives, self._state_ties):
            self._deadline.check()
            state()
        self._virtual = VirtualStakes(self.program, self.game, self.pairs, self.unit)
        for part in self._market:
            self._deadline.check()
            self._virtual.state_blocking(part, self._size, first=1)
        self._state_products()
        if self._theorem_3:
            self._state_virtual_efficiency()
        self._state_intervals()
        self._state_boxes()

    def _state_variables(self) -> None:
        program, types = self.program, self.pairs.types
        copies = {"copy": self._copies}
        by_type = {**copies, "type": types.size}
        profiles, actions, _ = self._utilities.shape
        self._size = program.variables("size", copies)
        program.set_bounds(self._size[0], lower=1.0, upper=1.0)
        self._action = program.variables("action", {**copies, "profile": profiles, "action": actions})
        self._value = program.variables("value", {**by_type, "report": types.most}, lower=-np.inf)
        self._payment = program.variables("payment", by_type, lower=-np.inf)
        self._stake = program.variables("stake", by_type, lower=-np.inf)
        self._severance = program.variables("severance", by_type)
        self._slack = program.variables("slack", {**copies, "pair": self.pairs.size})

    def _state_mechanisms(self) -> None:
        """State for every copy what a mechanism is: probabilities, interim values, budget, stakes."""
        program, types, game = self.program, self.pairs.types, self.game
        copies = {"copy": self._copies}
        by_type = {**copies, "type": types.size}
        profiles = len(game.profiles)
        total = program.constraints("probability", {**copies, "profile": profiles}, equal_to=0.0)
        program.add(total[:, :, None], self._action, 1.0)
        program.add(total, self._size[:, None], -1.0)
        definition = program.constraints("interim value", {**by_type, "report": types.most}, equal_to=0.0)
        program.add(definition, self._value, -1.0)
        kind, own = np.arange(types.size), game.profiles[:, types.player]
        odds = game.probability[:, None] / self.pairs.probability[types.offset[types.player] + own]
        program.add(
            definition[:, kind, own[:, None, :]], self._action[:, :, :, None], self._utilities * odds[:, None, :]
        )
        lowest = 0.0 if self._theorem_3 else -np.inf
        budget = program.constraints("budget", copies, at_least=lowest, at_most=0.0)
        program.add(budget[:, None], self._payment, self.pairs.probability)
        kept = program.constraints("stake and severance", by_type, equal_to=0.0)
        program.add(kept, self._value[:, kind, types.own], 1.0)
        program.add(kept, self._payment, 1.0)
        program.add(kept, self._stake, -1.0)
        program.add(kept, self._severance, -1.0)
        alone = program.constraints("alone", by_type, at_least=0.0)
        program.add(alone, self._stake, 1.0)
        program.add(alone, self._size[:, None], -self._least)

    def _state_incentives(self) -> None:
        program, types = self.program, self.pairs.types
        true, told = self.pairs.true, self.pairs.told
        rows = program.constraints("incentive", {"copy": self._copies, "pair": self.pairs.size}, equal_to=0.0)
        program.add(rows, self._value[:, true, types.own[true]], 1.0)
        program.add(rows, self._payment[:, true], 1.0)
        program.add(rows, self._value[:, true, types.own[told]], -1.0)
        program.add(rows, self._payment[:, told], -1.0)
        program.add(rows, self._slack, -1.0)

    def _state_ties(self) -> None:
        """State the hydraulic equations times everything: sizes, actions, payments and stakes of the copies."""
        for name, block in (
            ("size", self._size),
            ("action", self._action),
            ("payment", self._payment),
            ("stake", self._stake),
        ):
            inner = dict(block.dimensions[1:])
            labels = {"tied type": self.pairs.types.size, **inner}
            rows = self.program.constraints(f"hydraulic {name}", labels, equal_to=0.0)
            shape = (-1, *(1 for _ in inner))
            self.program.add(rows, block[1 + self.pairs.size :], 1.0)
            self.program.add(rows[self.pairs.true], block[1 : 1 + self.pairs.size], 1.0)
            self.program.add(rows[self.pairs.told], block[1 : 1 + self.pairs.size], -1.0)
            self.program.add(rows, block[:1], -self.pairs.probability.reshape(shape))

    def _state_products(self) -> None:
        r"""Link virtual stakes to interim ones, with products read off the copies."""
        true, told = self.pairs.true, self.pairs.told
        copy = 1 + np.arange(self.pairs.size)
        expected = self._virtual.state_expected()
        self.program.add(expected, self._stake[0], -self.pairs.probability)
        self.program.add(expected[told], self._stake[copy, told], -1.0)
        self.program.add(expected[told], self._stake[copy, true], 1.0)

    def _state_virtual_efficiency(self) -> None:
        r"""State that the grand coalition keeps the virtual utility of its actions, :math:`\sum_c \mu \sum_i v_i`."""
        program, game = self.program, self.game
        everybody = next(part for part in self._market if part.coalition == game.grand_coalition)
        rows = program.constraints("virtual efficiency", {"profile": len(game.profiles)}, equal_to=0.0)
        program.add(rows[:, None], self._virtual.variables, 1.0)
        odds = game.probability[:, None]
        program.add(rows[:, None], self._action[0], -odds * everybody.gains.sum(axis=1).T / self.unit)
        for member in game.grand_coalition:
            exaggeration = self._virtual.exaggerations(everybody, member, slice(None), slice(None))
            profile, other, pair = self._virtual.pretenders(everybody, member)
            program.add(
                rows[profile[:, None]],
                self._action[1 + pair, profile],
                -odds[profile] * exaggeration[:, profile, other].T,
            )

    def _state_intervals(self) -> None:
        size = {"copy": self._copies, "pair": self.pairs.size}
        self._above = self.program.constraints("difference at least", size, at_least=0.0)
        self._below = self.program.constraints("difference at most", size, at_least=0.0)
        for rows, sign in ((self._above, 1.0), (self._below, -1.0)):
            self.program.add(rows, self._stake[:, self.pairs.told], sign)
            self.program.add(rows, self._stake[:, self.pairs.true], -sign)

    def _state_boxes(self) -> None:
        """State products of the ends of two intervals, multipliers and differences, without the ends themselves."""
        program, pair = self.program, np.arange(self.pairs.size)
        ends = {"end of multipliers": 2, "end of differences": 2, "pair": self.pairs.size}
        self._box = program.constraints("products of intervals", ends, at_least=0.0)
        program.add(self._box, self._stake[1 + pair, self.pairs.told], CORNER[:, :, None])
        program.add(self._box, self._stake[1 + pair, self.pairs.true], -CORNER[:, :, None])
        actions = {"end of multipliers": 2, "pair": self.pairs.size, **dict(self._action.dimensions[1:])}
        self._action_box = program.constraints("multipliers of actions", actions, at_least=0.0)
        program.add(self._action_box, self._action[1 : 1 + pair.size], CORNER[:, 0].reshape(2, 1, 1, 1))

    def confine(self, region: Region) -> None:
        """Restrict the relaxation to a region."""
        pairs, kinds = self.pairs.size, self.pairs.types.size
        largest = np.full(self._copies, np.inf)
        largest[0] = 1.0
        largest[[1 + pair for pair in region.without_multiplier]] = 0.0
        largest[[1 + pairs + kind for kind in region.without_weight]] = 0.0
        # At every core allocation a multiplier goes with a binding constraint and a weight with no severance.
        slack = np.full((self._copies, pairs), np.inf)
        slack[1 + np.arange(pairs), np.arange(pairs)] = 0.0 if self._theorem_3 else np.inf
        slack[:, sorted(region.without_slack)] = 0.0
        severance = np.full((self._copies, kinds), np.inf if self._severance_allowed else 0.0)
        if self._theorem_3:
            severance[1 + pairs + np.arange(kinds), np.arange(kinds)] = 0.0
        severance[:, sorted(region.without_severance)] = 0.0
        self.program.set_bounds(self._size, upper=largest)
        self.program.set_bounds(self._slack, upper=slack)
        self.program.set_bounds(self._severance, upper=severance)
        self._confine_intervals(region)

    def _confine_intervals(self, region: Region) -> None:
        """Bound differences of stakes in every copy, and what bounds on a multiplier add to its own."""
        program, pair = self.program, np.arange(self.pairs.size)
        differences = region.differences / self.unit
        program.set_coefficients(self._above, self._size[:, None], -differences[0])
        program.set_coefficients(self._below, self._size[:, None], differences[1])
        known = np.isfinite(region.multipliers)
        bound = np.where(known, region.multipliers, 0.0)
        active = np.where(known, 0.0, -np.inf)
        program.set_limits(self._box, at_least=active[:, None])
        program.set_limits(self._action_box, at_least=active[:, :, None, None])
        corner, low_high = CORNER[:, :, None], bound[:, None]
        program.set_coefficients(self._box, self._size[1 + pair], -corner * differences)
        program.set_coefficients(self._box, self._stake[0, self.pairs.told], -corner * low_high)
        program.set_coefficients(self._box, self._stake[0, self.pairs.true], corner * low_high)
        program.set_coefficients(self._box, self._size[0], corner * low_high * differences)
        scaled = -CORNER[:, :1] * bound
        program.set_coefficients(self._action_box, self._action[:1], scaled[:, :, None, None])

    def minimise(self, objective: CoreObjective | None) -> None:
        """Minimise an objective, or look for any point."""
        if objective is None:
            return
        types = self.pairs.types
        parts = (objective.utility, objective.payment, objective.severance)
        utility, payment, severance = (types.joined(part) for part in parts)
        self.program.set_objective(self._value[0, np.arange(types.size), types.own], utility)
        self.program.set_objective(self._payment[0], utility + payment)
        self.program.set_objective(self._severance[0], severance)

    def read(self, solution: Solution) -> Candidate:
        """Return what the relaxation suggests and where it errs."""
        pair, kind = np.arange(self.pairs.size), np.arange(self.pairs.types.size)
        size, stake = solution["size"], solution["stake"]
        alpha, weight = size[1 : 1 + pair.size], size[1 + pair.size :]
        difference = stake[0, self.pairs.told] - stake[0, self.pairs.true]
        product = stake[1 + pair, self.pairs.told] - stake[1 + pair, self.pairs.true]
        vanishing = self.unit if self._theorem_3 else 0.0
        return Candidate(
            np.maximum(alpha, 0.0),
            stake[0] * self.unit,
            difference * self.unit,
            np.abs(alpha * solution["slack"][0]) * vanishing,
            np.abs(weight[kind] * solution["severance"][0]) * vanishing,
            np.abs(product - alpha * difference) * self.unit,
        )


def _utilities_of_types(game: CoalitionalGame) -> FloatArray:
    """Return what every type of every player gets from every action at every profile, ``(P, C, M)``."""
    profiles, actions = len(game.profiles), len(game.actions[game.grand_coalition].names)
    action, profile = np.tile(np.arange(actions), profiles), np.repeat(np.arange(profiles), actions)
    return FiniteActions(game).utilities(action, profile).reshape(profiles, actions, -1)


def _least_stakes(game: CoalitionalGame, support: Support) -> FloatArray:
    """Return what every type must keep at least: what it expects alone, with the types known to the mediator."""
    if support is Support.COARSE:
        return np.concatenate(game.individual_values())
    parts = []
    for player in game.grand_coalition:
        best = game.actions[(player,)].utilities[:, 0].max(axis=0)
        parts.append(game.conditional_expectation(best, (player,)))
    return np.concatenate(parts)
