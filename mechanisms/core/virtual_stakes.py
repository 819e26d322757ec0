r"""Virtual stakes and the conditions of Theorem 1, as blocks of a linear program.

Virtual stakes :math:`V_i(t)` are linked to interim stakes :math:`W_i(t_i)` by

.. math:: p_i(t) E[V_i | t] = p_i(t) W_i(t) + \sum_r \alpha_i(t | r) (W_i(t) - W_i(r)),

and must leave no coalition a virtual surplus from leaving, condition (14) or (17):

.. math:: E\Big[\sum_{i \in S} V_i \Big| t_S\Big] \ge E\Big[\sum_{i \in S} v_i(c) \Big| t_S\Big]
          \quad \text{for all } S, t_S, c \in C(S).

The variables are :math:`p(t) V_i(t)`, and the condition of a coalition is stated times :math:`p(t_S)`: then virtual
stakes have coefficients of one everywhere, however rare a profile, and one that a condition hardly depends on is
hardly in it.

The products of multipliers and stakes are left to whoever states the program.

Source:
    Myerson (2006), Theorem 1 and equation (13).
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.blocking import CoalitionLimits, Support
from marketgame.mechanisms.blocking.opportunities import Opportunities, opportunities
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.type_pairs import TypePairs
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, transform
from marketgame.mechanisms.linear_program import Block, LinearProgram, Solution


def leaving_opportunities(game: CoalitionalGame, support: Support, limits: CoalitionLimits) -> list[Opportunities]:
    """Return what every coalition that can form expects from its actions."""
    nothing = np.zeros((len(game.profiles), len(game.players)))
    return [opportunities(game, nothing, coalition, support) for coalition in limits.coalitions(game)]


class VirtualStakes:
    """The blocks, stated in a program that has multipliers already.

    Attributes:
        variables: :math:`p(t) V_i(t)`, ``(P, N)``, in the program's unit of money.
    """

    def __init__(self, program: LinearProgram, game: CoalitionalGame, pairs: TypePairs, unit: float) -> None:
        self._program, self._game, self._pairs, self._unit = program, game, pairs, unit
        shape = {"profile": len(game.profiles), "player": len(game.players)}
        self.variables = program.variables("virtual stake", shape, lower=-np.inf)

    def state_expected(self) -> Block:
        """State rows that link them to interim stakes, ``(M,)``, still without stakes and products."""
        types = self._pairs.types
        rows = self._program.constraints("expected virtual stake", {"type": types.size}, equal_to=0.0)
        own = types.offset + self._game.profiles
        self._program.add(rows[own], self.variables, 1.0)
        return rows

    def spread(self, most: float) -> None:
        """Bound what a profile adds to a player's expected virtual stake by its likelihood to the player.

        Args:
            most: a multiple of the program's unit; infinity for no bound.
        """
        game = self._game
        others = np.stack([game.conditional_probability(game.others((i,))) for i in game.grand_coalition], axis=1)
        limit = others * most
        self._program.set_bounds(self.variables, lower=-limit, upper=limit)

    def read(self, solution: Solution) -> FloatArray:
        """Return virtual stakes :math:`V_i(t)`, ``(P, N)``, in the program's unit."""
        stakes: FloatArray = solution["virtual stake"] / self._game.probability[:, None]
        return stakes

    def state_blocking(self, part: Opportunities, multipliers: Block, first: int = 0) -> None:
        """State the condition for one coalition and all its actions.

        Args:
            part: what the coalition expects from its actions.
            multipliers: block of variables that holds the multiplier of every pair of types.
            first: place in it of the first pair.
        """
        actions, profiles = np.indices((len(part.gains), len(part.types))).reshape(2, -1)
        name = self._game.coalition_name(part.coalition)
        self.add_blocking(f"blocking by {name}", part, self.state_kept(part), multipliers, actions, profiles, first)

    def state_kept(self, part: Opportunities) -> Block:
        """State what the members of a coalition keep together as variables of their own, ``(Q,)``."""
        program = self._program
        name = self._game.coalition_name(part.coalition)
        known = {"known types": len(part.types)}
        kept = program.variables(f"kept by {name}", known, lower=-np.inf)
        sums = program.constraints(f"what {name} keep", known, equal_to=0.0)
        rows = self._game.coalition_profile_of(part.known)
        program.add(sums[rows[:, None]], self.variables[:, list(part.coalition)], 1.0)
        program.add(sums, kept, -1.0)
        return kept

    def add_blocking(
        self,
        name: str,
        part: Opportunities,
        kept: Block,
        multipliers: Block,
        actions: IntegerArray,
        profiles: IntegerArray,
        first: int = 0,
    ) -> None:
        """State the condition for one coalition and R of its actions, each at one profile of known types.

        Args:
            name: of the new constraints.
            part: what the coalition expects from its actions.
            kept: what its members keep, from `state_kept`.
            multipliers: block of variables that holds the multiplier of every pair of types.
            actions: their numbers, ``(R,)``.
            profiles: numbers of the profiles of known types, ``(R,)``.
            first: place in the multipliers of the first pair.
        """
        program = self._program
        gains = part.probability[profiles] * part.gains.sum(axis=1)[actions, profiles] / self._unit
        blocking = program.constraints(name, {"action at known types": len(actions)}, at_least=gains)
        program.add(blocking, kept[profiles], 1.0)
        for member, player in enumerate(part.coalition):
            shape = len(part.types), self._game.type_counts[player] - 1
            _, report, pair = (each.reshape(shape)[profiles] for each in self.pretenders(part, member))
            moved = np.take_along_axis(self.exaggerations(part, member, actions, profiles), report, axis=-1)
            program.add(blocking[:, None], multipliers[first + pair], -part.probability[profiles, None] * moved)

    def most_blocking(self, part: Opportunities, virtual: VirtualWeights) -> tuple[IntegerArray, FloatArray]:
        """Return which action has the largest virtual worth at each profile of known types, and what must be kept.

        Args:
            part: what the coalition expects from its actions.
            virtual: weights and multipliers that satisfy the hydraulic equations.

        Returns:
            Actions and the least that members may keep, times the profile's probability, in the program's unit,
            ``(Q,)`` each.
        """
        worth = part.virtual_surplus(transform(virtual, self._game.type_probabilities))
        best = worth.argmax(axis=1)
        return best, part.probability * worth[np.arange(best.size), best] / self._unit

    def exaggerations(
        self, part: Opportunities, member: int, actions: IntegerArray | slice, profiles: IntegerArray | slice
    ) -> FloatArray:
        r"""Return by how much each multiplier of a pretender moves the member's virtual utility.

        That is :math:`(u_i(c, t) - u_i(c, (t_{-i}, r))) / p_i(t_i)`, ``(..., K_i)``, in the program's unit.

        Args:
            part: what the coalition expects from its actions.
            member: place of the member in it.
            actions: their numbers.
            profiles: numbers of the profiles of known types, likewise.
        """
        probability = self._game.type_probabilities[part.coalition[member]]
        gains = part.gains[:, member] / self._unit
        others = part.misreports[member][profiles]
        told = gains[:, others] if isinstance(actions, slice) else gains[actions[:, None], others]
        differences: FloatArray = gains[actions, profiles][..., None] - told
        return differences / probability[part.types_of(member)[profiles]][:, None]

    def pretenders(self, part: Opportunities, member: int) -> tuple[IntegerArray, IntegerArray, IntegerArray]:
        """Return every profile with every other type of the member, and the pair in which that type pretends."""
        player = part.coalition[member]
        types = part.types_of(member)
        profile, other = np.nonzero(types[:, None] != np.arange(self._game.type_counts[player]))
        offset = self._pairs.types.offset[player]
        return profile, other, self._pairs.number[offset + other, types[profile]]
