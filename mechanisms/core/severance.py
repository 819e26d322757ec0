r"""Severance that brings a given mechanism into the core.

For utilities :math:`g_i(t)` of the mechanism and severance :math:`\varepsilon_i(t)`, virtual stakes are

.. math:: p_i(t_i) V_i(t) = p_i(t_i) \omega_i(t)
          + \sum_r \alpha_i(t_i | r) \big(\omega_i(t) - \omega_i(t_{-i}, r)\big), \qquad \omega = g - \varepsilon.

The relaxation has a copy of a player's severance for each of its multipliers and weights, tied by the hydraulic
equations, as in ``relaxation``; the search linearises the products. Severance may be promised at every profile of
reports, as in the paper, or to each type whatever others report, as in scenarios; then it is a variable of the type.

Source:
    Myerson (2006), equation (13), Theorems 1 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, ex_post_utilities, misreport_gains
from marketgame.mechanisms.core.branching import CONVINCING_MARGIN, without_noise
from marketgame.mechanisms.core.trust_region import descend
from marketgame.mechanisms.core.type_pairs import TypePairs
from marketgame.mechanisms.core.variant import CoreVariant
from marketgame.mechanisms.core.virtual_stakes import VirtualStakes, leaving_opportunities
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import (
    RESIDUAL_LIMIT,
    Block,
    LinearProgram,
    Selection,
    Sense,
    Status,
    infeasibility_margin,
)

NEGLIGIBLE = 1e-10
"""Shortfalls of stakes below this, relative to the largest utility, count as none."""

LARGEST_RELAXATION = 5_000
"""Copies of severance beyond which the relaxation is not tried."""

PENALTY = 100.0
"""Price of a unit by which stakes fall short, in units of expected severance."""


@dataclass(frozen=True, eq=False)
class NoSeverance:
    """The proof that no severance brings a mechanism into the core.

    Attributes:
        margin: by which a combination of conditions that every such severance meets contradicts itself, relative
            to its size; positive.
    """

    margin: float


@dataclass(frozen=True, eq=False)
class Choice:
    """A point of the search: multipliers, severance ``(P, N)``, by how much stakes fall short, and both priced."""

    multipliers: FloatArray
    severance: FloatArray
    shortfall: float
    merit: float


class SeveranceChoice:
    """Chooses severance for one mechanism, whose incentive constraints and expected budget hold."""

    def __init__(
        self, game: CoalitionalGame, mechanism: Mechanism, variant: CoreVariant, *, by_type: bool = False
    ) -> None:
        self._game, self._variant, self._by_type = game, variant, by_type
        self._pairs = TypePairs(game)
        self._market = leaving_opportunities(game, variant.support, variant.limits)
        self._unit = at_stake(game).unit
        self._earned = ex_post_utilities(game, mechanism) / self._unit
        self._pair, self._profile, self._lie = self._pretences()
        self._player = self._pairs.types.player[self._pairs.true[self._pair]]
        self._per_type = 1 / self._pairs.probability[self._pairs.told[self._pair]]
        # The proof of Theorem 3 needs the condition of the grand coalition.
        self._theorem_3 = variant.limits.admit(game.grand_coalition)
        binding = self._slack(misreport_gains(game, mechanism)) <= RESIDUAL_LIMIT
        self._largest = np.where(binding | (not self._theorem_3), np.inf, 0.0)
        self._program = LinearProgram(Sense.MINIMIZE)
        self._state()

    def relaxed(self) -> FloatArray | NoSeverance:
        """Return multipliers ``(J,)`` that the relaxation suggests, or the proof that there are none.

        The relaxation of a large game is not worth its time; no multipliers are suggested then.
        """
        if self._pairs.size * len(self._earned) > LARGEST_RELAXATION:
            return np.zeros(self._pairs.size)
        program = LinearProgram(Sense.MINIMIZE)
        multiplier, weight, severance, virtual = self._state_common(program)
        copies = program.variables(
            "severance times multiplier", {"pair": self._pairs.size, "profile": len(self._earned)}
        )
        self._state_ties(program, multiplier, weight, severance, copies)
        rows = program.constraints("virtual stake", dict(severance.dimensions), equal_to=self._earned)
        program.add(rows, virtual.variables, 1 / self._game.probability[:, None])
        program.add(rows, severance, 1.0)
        row = rows[self._profile, self._player]
        program.add(row, multiplier[self._pair], -self._per_type * self._difference(self._earned))
        program.add(row, copies[self._pair, self._profile], self._per_type)
        program.add(row, copies[self._pair, self._lie], -self._per_type)
        solution = program.solve()
        if solution.status is Status.INFEASIBLE and solution.ray is not None:
            margin = infeasibility_margin(program, without_noise(solution.ray))
            if margin > CONVINCING_MARGIN:
                return NoSeverance(margin)
        return np.maximum(solution["multiplier"], 0.0) if solution.optimal else np.zeros(self._pairs.size)

    def from_multipliers(self, multipliers: FloatArray) -> tuple[FloatArray, VirtualWeights] | None:
        """Return severance ``(P, N)`` and its proof found from multipliers ``(J,)``, if the search finds some."""
        reached = descend(self, multipliers, negligible=NEGLIGIBLE, enough=-np.inf)
        if reached is None or reached.shortfall > NEGLIGIBLE:
            return None
        return reached.severance * self._unit, self._pairs.virtual_weights(reached.multipliers)

    def multipliers(self, virtual: VirtualWeights) -> FloatArray:
        """Return the multipliers of a proof in one row, ``(J,)``, those of which the search may make use."""
        return np.minimum(self._pairs.multipliers(virtual), self._largest)

    def _pretences(self) -> tuple[IntegerArray, IntegerArray, IntegerArray]:
        """Return every pair of types, every profile with its told type, and the profile with its true type."""
        pairs, profiles = self._pairs, self._game.profiles
        player = pairs.types.player[pairs.true]
        told = pairs.types.own[pairs.told]
        pair, profile = np.nonzero(told[:, None] == profiles[:, player].T)
        lies = [
            self._game.misreports(int(player[j]))[t, pairs.types.own[pairs.true[j]]]
            for j, t in zip(pair, profile, strict=True)
        ]
        return pair, profile, np.array(lies, dtype=np.int64)

    def _slack(self, gains: tuple[FloatArray, ...]) -> FloatArray:
        """Return the slack of every pair's incentive constraint, ``(J,)``; multipliers go with binding ones."""
        player = self._pairs.types.player[self._pairs.true]
        own = self._pairs.types.own
        places = zip(player, own[self._pairs.true], own[self._pairs.told], strict=True)
        return -np.array([gains[i][t, r] for i, t, r in places]) / self._unit

    def _state(self) -> None:
        """State the program that the search linearises."""
        program = self._program
        self._multiplier, _, self._severance, virtual = self._state_common(program, by_type=self._by_type)
        self._shortfall = program.variables("shortfall", objective=PENALTY)
        self._definition = program.constraints("virtual stake", dict(virtual.variables.dimensions), equal_to=0.0)
        program.add(self._definition, virtual.variables, 1 / self._game.probability[:, None])
        # Virtual utility of a constant is the constant, so raising every stake raises every virtual stake.
        program.add(self._definition, self._shortfall, -1.0)

    def _state_common(
        self, program: LinearProgram, *, by_type: bool = False
    ) -> tuple[Block, Block, Block, VirtualStakes]:
        """State multipliers, weights, severance and virtual stakes that leave no coalition a surplus."""
        game, pairs = self._game, self._pairs
        multiplier = program.variables("multiplier", {"pair": pairs.size}, upper=self._largest)
        weight = program.variables("weight", {"type": pairs.types.size})
        pairs.state_hydraulics(program, multiplier, weight)
        shape = {"profile": len(game.profiles), "player": len(game.players)}
        severance = (
            program.variables("severance", {"type": pairs.types.size}, objective=pairs.probability)
            if by_type
            else program.variables("severance", shape, objective=game.probability[:, None])
        )
        virtual = VirtualStakes(program, game, pairs, self._unit)
        for part in self._market:
            virtual.state_blocking(part, multiplier)
        return multiplier, weight, severance, virtual

    def _state_ties(
        self, program: LinearProgram, multiplier: Block, weight: Block, severance: Block, copies: Block
    ) -> None:
        """Tie the copies of severance to it by the hydraulic equations, and bound them by what a type can spare."""
        pairs, types, game = self._pairs, self._pairs.types, self._game
        profiles = np.arange(len(game.profiles))
        # By Theorem 3 a type with weight has no severance.
        own = types.own[:, None] == game.profiles[:, types.player].T
        weighted = program.variables(
            "severance times weight",
            {"type": types.size, "profile": profiles.size},
            upper=np.where(own & self._theorem_3, 0.0, np.inf),
        )
        ties = program.constraints("hydraulic severance", dict(weighted.dimensions), equal_to=0.0)
        program.add(ties, weighted, 1.0)
        program.add(ties[pairs.true], copies, 1.0)
        program.add(ties[pairs.told], copies, -1.0)
        program.add(ties, severance[profiles, types.player[:, None]], -pairs.probability[:, None])
        spare = self._spare()
        for name, block, size, player in (
            ("multiplier", copies, multiplier, types.player[pairs.true]),
            ("weight", weighted, weight, types.player),
        ):
            limit = program.constraints(f"spare times {name}", {name: size.size, "type": types.size}, at_most=0.0)
            mine = types.offset[player][:, None] + game.profiles[:, player].T
            others = game.probability / pairs.probability[mine]
            copy = np.arange(size.size)[:, None]
            program.add(limit[copy, mine], block, others)
            theirs, kind = np.nonzero(types.player == player[:, None])
            program.add(limit[theirs, kind], size[theirs], -spare[kind])

    def _spare(self) -> FloatArray:
        """Return what each type expects from the mechanism beyond what it can get alone, ``(M,)``."""
        alone = np.concatenate(self._game.individual_values()) / self._unit
        expected = [
            self._game.conditional_expectation(self._earned[:, player], (player,))
            for player in self._game.grand_coalition
        ]
        return np.concatenate(expected) - alone

    def _at_profiles(self, severance: FloatArray) -> FloatArray:
        """Return severance as it was stated, at every profile, ``(P, N)``."""
        return severance[self._pairs.types.offset + self._game.profiles] if self._by_type else severance

    def _difference(self, values: FloatArray) -> FloatArray:
        """Return values ``(P, N)`` at the told type less those at the true type, for every pretence."""
        difference: FloatArray = values[self._profile, self._player] - values[self._lie, self._player]
        return difference

    def solve_at(self, multipliers: FloatArray) -> Choice | None:
        """Return the best severance with these multipliers ``(J,)``."""
        return self._solve(multipliers, np.zeros(self._earned.shape), multipliers, multipliers)

    def solve_near(self, point: Choice, radius: float) -> Choice | None:
        """Return the best point of the linearisation, multipliers no farther than a radius from a point's."""
        alpha = point.multipliers
        return self._solve(alpha, point.severance, alpha - radius, alpha + radius)

    def _solve(
        self, multipliers: FloatArray, severance: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> Choice | None:
        program, profile, player = self._program, self._profile, self._player
        alpha = multipliers[self._pair] * self._per_type
        change = self._difference(severance)
        own = np.ones(self._earned.shape)
        np.add.at(own, (profile, player), alpha)
        rows = self._definition[profile, player]
        promised = self._severance[self._pairs.types.offset + self._game.profiles] if self._by_type else self._severance
        program.set_coefficients(self._definition, promised, own)
        program.set_coefficients(rows, Selection(self._severance, promised.positions[self._lie, player]), -alpha)
        slope = self._per_type * (change - self._difference(self._earned))
        program.set_coefficients(rows, self._multiplier[self._pair], slope)
        constant = self._earned.copy()
        np.add.at(constant, (profile, player), alpha * change)
        program.set_limits(self._definition, equal_to=constant)
        program.set_bounds(
            self._multiplier,
            lower=np.clip(lower, 0.0, self._largest),
            upper=np.clip(upper, 0.0, self._largest),
        )
        solution = program.solve(evidence=False)
        if solution.status is not Status.OPTIMAL:
            return None
        return Choice(
            np.maximum(solution["multiplier"], 0.0),
            self._at_profiles(np.maximum(solution["severance"], 0.0)),
            float(solution["shortfall"]),
            solution.objective,
        )
