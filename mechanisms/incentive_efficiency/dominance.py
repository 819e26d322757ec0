"""Incentive efficiency of a mechanism, tested by looking for another that dominates it.

Of the notions that Holmström and Myerson (1983) tell apart this is the one in which welfare is judged when each player
knows its own type, and the alternatives are the incentive-compatible mechanisms within the budget.

Source:
    Holmström and Myerson (1983), sections 2 and 3; Myerson (2006), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone, normal_form
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, feasibility, interim_utilities
from marketgame.mechanisms.incentive_efficiency.program import TypeRows, expected_payments
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import LinearProgram, Residuals, Selection, Sense, Solution, Status, certified
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

DOMINANCE_TOLERANCE = 1e-7
"""Smaller improvements, relative to what is at stake, count as none."""


@dataclass(frozen=True, eq=False)
class Dominance:
    r"""The best improvement on a mechanism.

    Attributes:
        gain: the largest amount that every type of every player can gain at once, in units of utility.
        scale: what is at stake in the game, in units of utility.
        mechanism: one that achieves it.
        virtual: weights and multipliers. When nothing dominates the given mechanism they prove it incentive-efficient
            by Theorem 0.
        residuals: of the linear program.
    """

    gain: float
    scale: float
    mechanism: Mechanism
    virtual: VirtualWeights
    residuals: Residuals

    @property
    def dominated(self) -> bool:
        """Whether the mechanism asked about is dominated; ``mechanism`` is then the witness."""
        return self.gain > DOMINANCE_TOLERANCE * self.scale


def dominating_mechanism(game: CoalitionalGame, mechanism: Mechanism, deadline: Deadline = NO_DEADLINE) -> Dominance:
    """Return the best improvement on a mechanism, which proves it efficient when there is none.

    Args:
        game: with N players.
        mechanism: incentive-compatible and within its budget in expectation. What it misses of either by rounding its
            alternatives may miss too.
        deadline: when to give up.

    Raises:
        DeadlinePassedError: time ran out.
        ValueError: the mechanism does not fit the game.
        UnverifiedAnswerError: the linear program's answer fails the independent check.

    Source:
        Giraud and Rochon (2001), Definition 1 (interim efficiency), and Lemma 2, which asks for one nearby.
    """
    own = feasibility(game, mechanism)
    scale = at_stake(game).unit
    program = _Alternatives(normal_form(game), scale, max(own.expected_cost, 0.0))
    program.require_incentives(own.gains)
    program.require_improvement(np.concatenate(interim_utilities(measured_from_alone(game), mechanism)) / scale)
    solution = program.program.solve(deadline=deadline)
    if solution.status is Status.TIME_LIMIT:
        raise DeadlinePassedError(
            "whether another mechanism is better for everybody was not decided in the time allowed"
        )
    residuals = certified(program.program, solution)
    return Dominance(
        solution.objective * scale,
        scale,
        program.mechanism(solution),
        program.virtual(solution),
        residuals,
    )


class _Alternatives:
    """The program over all mechanisms within the budget; payments matter through their interim expectations."""

    def __init__(self, game: CoalitionalGame, scale: float, loss: float) -> None:
        self.game = game
        self.scale = scale
        self.utilities = game.actions[game.grand_coalition].utilities / scale
        self.types = TypeRows(game.type_counts)
        self.others = np.stack([game.conditional_probability(game.others((i,))) for i in game.grand_coalition])
        actions, _, profiles = self.utilities.shape
        program = self.program = LinearProgram(Sense.MAXIMIZE)
        self.action = program.variables("action", {"action": actions, "profile": profiles})
        probability = program.constraints("probability", {"profile": profiles}, equal_to=1.0)
        program.add(probability[None, :], self.action, 1.0)
        budget = program.constraints("budget", at_most=loss / scale)
        self.payment = program.variables("payment", {"type": self.types.size}, lower=-np.inf)
        program.add(budget, self.payment, self.types.joined(game.type_probabilities))

    def require_incentives(self, gains: tuple[FloatArray, ...]) -> None:
        """State that no type gains more from any report than it does now, a type for each player in a row."""
        game, most = self.game, max(self.game.type_counts)
        size = {"type": sum(game.type_counts), "report": most}
        tolerated = np.zeros(tuple(size.values()))
        for player, table in enumerate(gains):
            first = sum(game.type_counts[:player])
            tolerated[first : first + len(table), : len(table)] = np.maximum(table, 0.0) / self.scale
        incentive = self.program.constraints("incentive", size, at_least=-tolerated)
        first = 0
        for player, count in enumerate(game.type_counts):
            truth = game.profiles[:, player]
            for step in range(1, count):
                report = (truth + step) % count
                told = game.misreports(player)[np.arange(len(truth)), report]
                rows = incentive[first + truth, report]
                self._add_expectation(rows, player, np.arange(len(truth)), 1.0)
                self._add_expectation(rows, player, told, -1.0)
            first += count

    def require_improvement(self, judged: FloatArray) -> None:
        """State that every type gains the same beyond what it gets now, and maximise that."""
        game, program = self.game, self.program
        better = program.constraints("improvement", {"judged": judged.size}, at_least=judged)
        program.add(better, program.variables("gain", lower=-np.inf, objective=1.0), -1.0)
        for player, first in enumerate(self.types.offset):
            self._add_expectation(better[first + game.profiles[:, player]], player, np.arange(len(game.profiles)), 1.0)

    def _add_expectation(self, rows: Selection, player: int, played: IntegerArray, weight: float) -> None:
        """Add what a player expects, when the mechanism plays as if the profiles were others, ``(P,)`` each."""
        told = self.types.offset[player] + self.game.profiles[played, player]
        self.program.add(rows, self.payment[told], weight * self.others[player])
        self.program.add(rows, self.action[:, played], weight * self.others[player] * self.utilities[:, player])

    def mechanism(self, solution: Solution) -> Mechanism:
        """Return the mechanism found."""
        positive = np.maximum(solution["action"].T, 0.0)
        payments = expected_payments(self.types.split(solution["payment"] * self.scale), self.game.profiles)
        return Mechanism(positive / positive.sum(axis=1, keepdims=True), payments)

    def virtual(self, solution: Solution) -> VirtualWeights:
        """Return weights and multipliers, in units in which the multiplier of the budget is 1."""
        budget = float(solution.dual["budget"])
        starts = np.cumsum(self.game.type_counts)[:-1]
        weights = np.split(np.maximum(solution.dual["improvement"], 0.0) / budget, starts)
        tables = np.split(np.maximum(solution.dual["incentive"], 0.0) / budget, starts)
        multipliers = [table[:, : len(table)].copy() for table in tables]
        for multiplier in multipliers:
            np.fill_diagonal(multiplier, 0.0)
        return VirtualWeights(tuple(weights), tuple(multipliers))
