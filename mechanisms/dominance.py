r"""Six notions of efficiency told apart, each by looking for a mechanism that dominates the given one.

Holmström and Myerson (1983) ask when welfare is judged and what restrains the alternatives:

================  ==========================================  ==========================================
stage             classical: any mechanism within the budget  incentive: incentive-compatible ones only
================  ==========================================  ==========================================
ex ante           expected utility of each player             the same
interim           expected utility of each player's each type  the same; Myerson's incentive efficiency
ex post           utility of each player at each profile       the same
================  ==========================================  ==========================================

A mechanism that an ex ante improvement exists for may have no interim one, and so on down, with the same
restraint on the alternatives; at the same stage incentive efficiency is weaker than the classical one.

Source:
    Holmström and Myerson (1983), sections 2 and 3; Myerson (2006), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.linear_program import LinearProgram, Sense, certified
from mechanisms.mechanism import Mechanism, ex_post_utilities, interim_utilities
from mechanisms.virtual_utility import VirtualWeights

if TYPE_CHECKING:
    from mechanisms.arrays import FloatArray, IntegerArray
    from mechanisms.coalitional_game import CoalitionalGame
    from mechanisms.linear_program import Residuals, Selection, Solution

DOMINANCE_TOLERANCE = 1e-7
"""Smaller improvements, relative to the game's largest utility, count as none."""


class Stage(Enum):
    """What players know when welfare is judged."""

    EX_ANTE = "nobody knows a type"
    INTERIM = "each player knows its own type"
    EX_POST = "everybody knows all types"


class Restraint(Enum):
    """Which mechanisms are alternatives."""

    CLASSICAL = "all within the budget"
    INCENTIVE = "incentive-compatible ones within the budget"


class Improvement(Enum):
    """When a mechanism dominates another."""

    FOR_ALL = "everybody gains the same positive amount"
    FOR_SOME = "nobody loses and somebody gains"


@dataclass(frozen=True, eq=False)
class Dominance:
    r"""The best improvement on a mechanism.

    Attributes:
        gain: with ``FOR_ALL`` the largest amount everybody can gain at once, with ``FOR_SOME`` the largest
            expected sum of gains when nobody loses; in units of utility.
        scale: largest utility of the game in absolute value.
        mechanism: one that achieves it.
        virtual: at the interim stage, with incentives and ``FOR_ALL``: weights and multipliers. When nothing
            dominates the given mechanism they prove it incentive-efficient by Theorem 0.
        residuals: of the linear program.
    """

    gain: float
    scale: float
    mechanism: Mechanism
    virtual: VirtualWeights | None
    residuals: Residuals

    @property
    def dominated(self) -> bool:
        """Whether the mechanism asked about is dominated; ``mechanism`` is then the witness."""
        return self.gain > DOMINANCE_TOLERANCE * self.scale


def dominating_mechanism(
    game: CoalitionalGame,
    mechanism: Mechanism,
    stage: Stage = Stage.INTERIM,
    restraint: Restraint = Restraint.INCENTIVE,
    improvement: Improvement = Improvement.FOR_ALL,
) -> Dominance:
    """Return the best improvement on a mechanism, which proves it efficient when there is none.

    Args:
        game: with N players.
        mechanism: within its budget in expectation; incentive-compatible when alternatives have to be.
        stage: when welfare is judged.
        restraint: which mechanisms are alternatives; their budgets balance in expectation.
        improvement: when an alternative dominates.

    Raises:
        ValueError: the mechanism does not fit the game.
        UnverifiedAnswerError: the linear program's answer fails the independent check.
    """
    mechanism.fitting(game)
    scale = float(np.abs(game.actions[game.grand_coalition].utilities).max()) or 1.0
    program = _Alternatives(game, scale)
    if restraint is Restraint.INCENTIVE:
        program.require_incentives()
    program.require_improvement(stage, improvement, _judged(game, mechanism, stage) / scale)
    solution = program.program.solve()
    residuals = certified(program.program, solution)
    supports = (stage, restraint, improvement) == (Stage.INTERIM, Restraint.INCENTIVE, Improvement.FOR_ALL)
    return Dominance(
        solution.objective * scale,
        scale,
        program.mechanism(solution),
        program.virtual(solution) if supports else None,
        residuals,
    )


def _judged(game: CoalitionalGame, mechanism: Mechanism, stage: Stage) -> FloatArray:
    """Return the utilities that count, in the order of the improvement constraints."""
    if stage is Stage.EX_POST:
        return ex_post_utilities(game, mechanism).T.ravel()
    interim = interim_utilities(game, mechanism)
    if stage is Stage.INTERIM:
        return np.concatenate(interim)
    return np.array([p @ utility for p, utility in zip(game.type_probabilities, interim, strict=True)])


class _Alternatives:
    """The program over all mechanisms within the budget, with payments at every profile."""

    def __init__(self, game: CoalitionalGame, scale: float) -> None:
        self.game = game
        self.scale = scale
        self.utilities = game.actions[game.grand_coalition].utilities / scale
        actions, players, profiles = self.utilities.shape
        program = self.program = LinearProgram(Sense.MAXIMIZE)
        self.action = program.variables("action", {"action": actions, "profile": profiles})
        self.payment = program.variables("payment", {"player": players, "profile": profiles}, lower=-np.inf)
        probability = program.constraints("probability", {"profile": profiles}, equal_to=1.0)
        budget = program.constraints("budget", at_most=0.0)
        program.add(probability[None, :], self.action, 1.0)
        program.add(budget, self.payment, game.probability)

    def require_incentives(self) -> None:
        """State that no type gains from any report, a type for each player in a row."""
        game, most = self.game, max(self.game.type_counts)
        size = {"type": sum(game.type_counts), "report": most}
        incentive = self.program.constraints("incentive", size, at_least=0.0)
        first = 0
        for player, count in enumerate(game.type_counts):
            others = game.conditional_probability(game.others((player,)))
            truth = game.profiles[:, player]
            for step in range(1, count):
                report = (truth + step) % count
                told = game.misreports(player)[np.arange(len(truth)), report]
                rows = incentive[first + truth, report]
                self._add_payoff(rows, player, np.arange(len(truth)), others)
                self._add_payoff(rows, player, told, -others)
            first += count

    def require_improvement(self, stage: Stage, improvement: Improvement, judged: FloatArray) -> None:
        """State that nobody gets less than now, and maximise what is gained."""
        game, program = self.game, self.program
        better = program.constraints("improvement", {"judged": judged.size}, at_least=judged)
        if improvement is Improvement.FOR_ALL:
            program.add(better, program.variables("gain", objective=1.0), -1.0)
        else:
            gains = program.variables("gain", {"judged": judged.size}, objective=self._odds(stage))
            program.add(better, gains, -1.0)
        first = 0
        for player, count in enumerate(game.type_counts):
            everywhere = np.arange(len(game.profiles))
            if stage is Stage.EX_ANTE:
                rows, weight = better[np.full_like(everywhere, player)], game.probability
            elif stage is Stage.INTERIM:
                rows = better[first + game.profiles[:, player]]
                weight = game.conditional_probability(game.others((player,)))
            else:
                rows, weight = better[player * len(everywhere) + everywhere], np.ones(len(everywhere))
            self._add_payoff(rows, player, everywhere, weight)
            first += count

    def _odds(self, stage: Stage) -> FloatArray:
        """Prior probability of each judgement, so that gains add up to an expectation."""
        game = self.game
        if stage is Stage.EX_ANTE:
            return np.ones(len(game.players))
        return (
            np.concatenate(game.type_probabilities)
            if stage is Stage.INTERIM
            else np.tile(game.probability, len(game.players))
        )

    def _add_payoff(self, rows: Selection, player: int, played: IntegerArray, weight: FloatArray) -> None:
        """Add what a player expects, when the mechanism plays as if the profiles were others, ``(P,)`` each."""
        self.program.add(rows, self.payment[player, played], weight)
        self.program.add(rows, self.action[:, played], weight * self.utilities[:, player])

    def mechanism(self, solution: Solution) -> Mechanism:
        """Return the mechanism found."""
        positive = np.maximum(solution["action"].T, 0.0)
        return Mechanism(positive / positive.sum(axis=1, keepdims=True), solution["payment"].T * self.scale)

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
