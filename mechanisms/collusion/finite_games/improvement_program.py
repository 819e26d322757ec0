r"""The linear program of a coalition's best side-contract, on a finite menu.

Variables :math:`\eta(b, d|r)`: the probability of joint action b and reallocation d after reports r. A reallocation may
depend on the reports only, so that with several of them a binary variable chooses one for each r. With

.. math:: M_i(k; r_{-i}, d, b) = \sum_{t: t_i = k,\, t_{-i} = r_{-i}} \hat q_i(t)\, \hat u_i^{d}(b, t),

truth is worth :math:`\sum \eta(b, d|k, r_{-i}) M_i(k; r_{-i}, d, b)`. Constraints: nobody's type loses, no lie pays
(and no lie with disobedience, as the concept says), and where the agreement is to be obeyed by each single member,
no disobedience after the truth.

Source:
    Giraud and Rochon (2001), Definitions 6, 6' and 7, 7'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import UNTABULATED, Concept
from marketgame.mechanisms.collusion.finite_games.revised_game import RevisedGame
from marketgame.mechanisms.linear_program import LinearProgram, Selection, Sense, Solution, Status, certified


@dataclass(frozen=True, eq=False)
class Wish:
    """What a side-contract shall maximise.

    Attributes:
        weights: of each member's expected gain, ``(|S|,)``; all one is the total gain.
        least: weight of the least expected gain of any type of any member.
    """

    weights: FloatArray
    least: float = 0.0


@dataclass(frozen=True, eq=False)
class SideProblem:
    """A coalition's choice of a side-contract in its revised game.

    Attributes:
        revised: the revised game.
        concept: what a member may do against the side-contract.
        obeyed: whether also no single member may gain by disobedience after the truth, as internal consistency
            demands. Communication equilibrium implies it.
    """

    revised: RevisedGame
    concept: Concept
    obeyed: bool = False

    @cached_property
    def reallocations(self) -> FloatArray:
        """Reallocations among the members that may be chosen from, ``(D, N)``; the first is none."""
        return self.revised.game.reallocations

    @cached_property
    def admissible(self) -> BooleanArray:
        """Which reallocations may follow which reports, ``(T_1, ..., T_m, D)``.

        One may not if after it payoffs are not tabulated in a state in which the reports come about by the truth or
        by one member's lie.
        """
        game = self.revised.game
        allowed = np.ones((*game.type_counts, len(self.reallocations)), dtype=bool)
        for level, reallocation in enumerate(self.reallocations):
            beyond = game.types[game.rows_after(reallocation) == UNTABULATED]
            for reports in beyond:
                for place in game.members:
                    allowed[(*reports[:place], slice(None), *reports[place + 1 :], level)] = False
        return allowed

    @cached_property
    def interim_values(self) -> tuple[FloatArray, ...]:
        """M_i of the module's formula for each member, ``(types of i, T of the others, D, A_1, ..., A_m)``."""
        game = self.revised.game
        tables = []
        for place in game.members:
            others = tuple(np.delete(game.type_counts, place))
            shape = (game.type_counts[place], *others, len(self.reallocations), *game.action_counts)
            table = np.zeros(shape)
            own, rest = game.types[:, place], np.delete(game.types, place, axis=1)
            weight = game.priors[:, place].reshape(-1, *(1,) * len(game.players))
            for level, reallocation in enumerate(self.reallocations):
                rows = game.rows_after(reallocation)
                known = rows != UNTABULATED
                earned = weight * game.payoffs_at(np.maximum(rows, 0), place)
                np.add.at(table, (own[known], *rest[known].T, level), earned[known])
            tables.append(table)
        return tuple(tables)

    @cached_property
    def floors(self) -> tuple[FloatArray, ...]:
        """Status-quo utility times the type's probability, for each member ``(types,)``."""
        revised = self.revised
        return tuple(
            utility * probability
            for utility, probability in zip(revised.status_quo, revised.game.type_probabilities, strict=True)
        )


class SideProgram:
    """The linear program of a `SideProblem`, solved for one wish after another."""

    def __init__(self, problem: SideProblem, *, whole: bool) -> None:
        """State the program.

        Args:
            problem: what is to be solved.
            whole: whether one reallocation must be chosen after each profile of reports, instead of a lottery.
        """
        self.problem = problem
        self.program = LinearProgram(Sense.MAXIMIZE)
        game = problem.revised.game
        self._members = len(game.players)
        self._reports = {f"report of {player}": game.type_counts[i] for i, player in enumerate(game.players)}
        self._levels = {"reallocation": len(problem.reallocations)}
        menus = {f"action of {player}": game.action_counts[i] for i, player in enumerate(game.players)}
        spread = problem.admissible.reshape(*problem.admissible.shape, *(1,) * len(game.players))
        self.device = self.program.variables(
            "device", {**self._reports, **self._levels, **menus}, upper=spread.astype(float)
        )
        self.forbidden = np.zeros(self.device.shape, dtype=bool)
        self.least = self.program.variables("least gain", lower=-np.inf, upper=2 * game.scale)
        self.shortfall = self.program.variables("shortfall", upper=0.0)
        total = self.program.constraints("probability", self._reports, equal_to=1.0)
        joint = len(self._levels) + len(game.players)
        self.program.add(total[(..., *(None,) * joint)], self.device, 1.0)
        if whole:
            self._choose_one_reallocation()
        for place in game.members:
            self._state_participation(place)
            self._state_honesty(place)
            if problem.obeyed and problem.concept is Concept.BIC:
                self._state_obedience(place)

    def forbid(self, unwanted: BooleanArray) -> None:
        """Rule out joint actions after reports, ``(T_1, ..., T_m, D, A_1, ..., A_m)``."""
        self.forbidden = self.forbidden | unwanted
        self.program.set_bounds(self.device[unwanted], upper=0.0)

    def solve(self, wish: Wish, *, seconds: float | None = None) -> Solution:
        """Return the best side-contract for a wish, checked against the program's own arrays.

        Raises:
            UnverifiedAnswerError: the solver's answer fails the check.
        """
        values = self.problem.interim_values
        objective = np.zeros(self.device.shape)
        for place, table in enumerate(values):
            objective += wish.weights[place] * np.moveaxis(table, 0, place)
        self.program.set_objective(self.device, objective)
        self.program.set_objective(self.least, wish.least)
        solution = self.program.solve(seconds=seconds)
        if solution.status is Status.OPTIMAL:
            certified(self.program, solution)
        return solution

    def least_shortfall(self) -> Solution:
        """Return the answer that misses the constraints by as little as possible; nothing else is solved afterwards.

        Its multipliers prove that the constraints contradict each other if they do.
        """
        self.program.set_bounds(self.shortfall, upper=np.inf)
        self.program.set_objective(self.device, 0.0)
        self.program.set_objective(self.least, 0.0)
        self.program.set_objective(self.shortfall, -1.0)
        return self.program.solve()

    def _after(self, place: int, report: int) -> Selection:
        """Return the device's variables after a report, ``(T of the others, D, A_1, ..., A_m)``."""
        return self.device[(*(slice(None),) * place, report)]

    def _told_first(self, place: int, report: int) -> Selection:
        """Return the device's variables after a report, ``(A_i told, all else)``."""
        after = self._after(place, report)
        return Selection(self.device, own_action_first(after.positions, place, self._members))

    def _choose_one_reallocation(self) -> None:
        dimensions = {**self._reports, **self._levels}
        chosen = self.program.variables("chosen reallocation", dimensions, upper=1.0, integer=True)
        linked = self.program.constraints("one reallocation", dimensions, equal_to=0.0)
        actions = (..., *(None,) * len(self.problem.revised.game.players))
        self.program.add(linked[actions], self.device, 1.0)
        self.program.add(linked, chosen, -1.0)

    def _state_participation(self, place: int) -> None:
        """Definition 6(b): no type of positive probability loses; the least of all gains, per unit of probability."""
        game, player = self.problem.revised.game, self.problem.revised.game.players[place]
        probability = game.type_probabilities[place]
        types = {"type": len(probability)}
        floor = self.problem.floors[place]
        kept = self.program.constraints(f"participation of {player}", types, at_least=floor)
        gain = self.program.constraints(f"gain of {player}", types, at_least=floor)
        self.program.add(gain, self.least, -probability)
        self.program.add(kept, self.shortfall, 1.0)
        for kind in range(len(probability)):
            for rows in (kept, gain):
                self.program.add(rows[kind], self._after(place, kind), self.problem.interim_values[place][kind])

    def _state_honesty(self, place: int) -> None:
        """Definition 6(a): truth pays at least as much as any lie, alone or with the best disobedience."""
        player = self.problem.revised.game.players[place]
        table, count = self.problem.interim_values[place], len(self.problem.interim_values[place])
        types = {"type": count, "report": count}
        honest = self.program.constraints(f"honesty of {player}", types, at_least=0.0)
        self.program.add(honest, self.shortfall, 1.0)
        for kind in range(count):
            truth = self.device[(*(slice(None),) * place, kind, ..., None)]
            self.program.add(honest[kind], truth, table[kind][..., None])
        if self.problem.concept is Concept.BIC:
            for kind, report in np.ndindex(count, count):
                self.program.add(honest[kind, report], self._after(place, report), -table[kind])
            return
        menu = self.problem.revised.game.action_counts[place]
        best = self.program.variables(f"temptation of {player}", {**types, "told": menu}, lower=-np.inf)
        self.program.add(honest[:, :, None], best, -1.0)
        tempted = self.program.constraints(
            f"disobedience of {player}", {**types, "told": menu, "played": menu}, at_least=0.0
        )
        self.program.add(tempted, best[..., None], 1.0)
        for kind, report, played in np.ndindex(count, count, menu):
            value = own_action_first(table[kind], place, self._members)[played]
            self.program.add(tempted[kind, report, :, played, None], self._told_first(place, report), -value)

    def _state_obedience(self, place: int) -> None:
        """Definition 7 for a single member: after the truth, no other action pays more than the one it is told."""
        game = self.problem.revised.game
        table, menu = self.problem.interim_values[place], game.action_counts[place]
        dimensions = {"type": len(table), "told": menu, "played": menu}
        obedient = self.program.constraints(f"obedience of {game.players[place]}", dimensions, at_least=0.0)
        self.program.add(obedient, self.shortfall, 1.0)
        for kind, played in np.ndindex(len(table), menu):
            value = own_action_first(table[kind], place, self._members)
            lost = value - value[played]
            self.program.add(obedient[kind, :, played, None], self._told_first(place, kind), lost)


def own_action_first[T: np.generic](values: NDArray[T], place: int, members: int) -> NDArray[T]:
    """Return ``(T of the others, D, A_1, ..., A_m)`` as ``(A_i, all else)`` for the member at a place."""
    moved = np.moveaxis(values, members + place, 0)
    return moved.reshape(len(moved), -1)
