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

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone, normal_form
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import (
    Mechanism,
    ex_post_utilities,
    feasibility,
    interim_utilities,
)
from marketgame.mechanisms.incentive_efficiency.program import TypeRows, expected_payments
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import LinearProgram, Residuals, Selection, Sense, Solution, Status, certified
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

DOMINANCE_TOLERANCE = 1e-7
"""Smaller improvements, relative to what is at stake, count as none."""


class Stage(Enum):
    """What players know when welfare is judged."""

    EX_ANTE = "nobody knows a type"
    INTERIM = "each player knows its own type"
    EX_POST = "everybody knows all types"


class Restraint(Enum):
    """Which mechanisms are alternatives."""

    CLASSICAL = "all within the budget"
    INCENTIVE = "incentive-compatible ones within the budget"


class Beneficiaries(Enum):
    """When a mechanism dominates another."""

    FOR_ALL = "everybody gains the same positive amount"
    FOR_SOME = "nobody loses and somebody gains"


@dataclass(frozen=True, eq=False)
class Dominance:
    r"""The best improvement on a mechanism.

    Attributes:
        gain: with ``FOR_ALL`` the largest amount everybody can gain at once, with ``FOR_SOME`` the largest
            expected sum of gains when nobody loses; in units of utility.
        scale: what is at stake in the game, in units of utility.
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
    improvement: Beneficiaries = Beneficiaries.FOR_ALL,
    deadline: Deadline = NO_DEADLINE,
) -> Dominance:
    """Return the best improvement on a mechanism, which proves it efficient when there is none.

    Args:
        game: with N players.
        mechanism: within its budget in expectation; incentive-compatible when alternatives have to be. What it misses
            of either by rounding its alternatives may miss too.
        stage: when welfare is judged.
        restraint: which mechanisms are alternatives; their budgets balance in expectation.
        improvement: when an alternative dominates.
        deadline: when to give up.

    Raises:
        DeadlinePassedError: time ran out.
        ValueError: the mechanism does not fit the game.
        UnverifiedAnswerError: the linear program's answer fails the independent check.
    """
    own = feasibility(game, mechanism)
    scale = at_stake(game).unit
    program = _Alternatives(normal_form(game), scale, max(own.expected_cost, 0.0), ex_post=stage is Stage.EX_POST)
    if restraint is Restraint.INCENTIVE:
        program.require_incentives(own.gains)
    program.require_improvement(stage, improvement, _judged(measured_from_alone(game), mechanism, stage) / scale)
    solution = program.program.solve(deadline=deadline)
    if solution.status is Status.TIME_LIMIT:
        raise DeadlinePassedError(
            "whether another mechanism is better for everybody was not decided in the time allowed"
        )
    residuals = certified(program.program, solution)
    supports = (stage, restraint, improvement) == (Stage.INTERIM, Restraint.INCENTIVE, Beneficiaries.FOR_ALL)
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
    r"""The program over all mechanisms within the budget.

    Payments matter through their interim expectations, but where utility is judged ex post. There the variable of a
    payment is :math:`p(t_{-i}) x_i(t)`, what it adds to the expectation of the type it is paid to: however rare the
    profile, it stands in conditions of types and in the budget with coefficients of their own size.
    """

    def __init__(self, game: CoalitionalGame, scale: float, loss: float, *, ex_post: bool) -> None:
        self.game = game
        self.scale = scale
        self.utilities = game.actions[game.grand_coalition].utilities / scale
        self.types = TypeRows(game.type_counts)
        self.others = np.stack([game.conditional_probability(game.others((i,))) for i in game.grand_coalition])
        self.ex_post = ex_post
        actions, players, profiles = self.utilities.shape
        program = self.program = LinearProgram(Sense.MAXIMIZE)
        self.action = program.variables("action", {"action": actions, "profile": profiles})
        probability = program.constraints("probability", {"profile": profiles}, equal_to=1.0)
        program.add(probability[None, :], self.action, 1.0)
        budget = program.constraints("budget", at_most=loss / scale)
        own = self.types.joined(game.type_probabilities)
        if ex_post:
            size = {"player": players, "profile": profiles}
            self.payment = program.variables("payment", size, lower=-np.inf)
            program.add(budget, self.payment, own[self.types.offset + game.profiles].T)
        else:
            self.payment = program.variables("payment", {"type": self.types.size}, lower=-np.inf)
            program.add(budget, self.payment, own)

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

    def require_improvement(self, stage: Stage, improvement: Beneficiaries, judged: FloatArray) -> None:
        """State that nobody gets less than now, and maximise what is gained."""
        game, program = self.game, self.program
        weights = np.ones(judged.size)
        if stage is Stage.EX_POST:
            weights = self.others.ravel()
        better = program.constraints("improvement", {"judged": judged.size}, at_least=judged * weights)
        if improvement is Beneficiaries.FOR_ALL:
            program.add(better, program.variables("gain", lower=-np.inf, objective=1.0), -weights)
        else:
            gains = program.variables("gain", {"judged": judged.size}, objective=self._odds(stage))
            program.add(better, gains, -weights)
        first = 0
        everywhere = np.arange(len(game.profiles))
        for player, count in enumerate(game.type_counts):
            if stage is Stage.EX_ANTE:
                own = game.type_probabilities[player][game.profiles[:, player]]
                self._add_expectation(better[np.full_like(everywhere, player)], player, everywhere, own)
            elif stage is Stage.INTERIM:
                self._add_expectation(better[first + game.profiles[:, player]], player, everywhere, 1.0)
            else:
                self._add_expectation(better[player * len(everywhere) + everywhere], player, everywhere, 1.0)
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

    def _add_expectation(self, rows: Selection, player: int, played: IntegerArray, weight: FloatArray | float) -> None:
        """Add what a player expects, when the mechanism plays as if the profiles were others, ``(P,)`` each."""
        if self.ex_post:
            self.program.add(rows, self.payment[player, played], weight)
        else:
            told = self.types.offset[player] + self.game.profiles[played, player]
            self.program.add(rows, self.payment[told], weight * self.others[player])
        self.program.add(rows, self.action[:, played], weight * self.others[player] * self.utilities[:, player])

    def mechanism(self, solution: Solution) -> Mechanism:
        """Return the mechanism found."""
        positive = np.maximum(solution["action"].T, 0.0)
        paid = solution["payment"]
        if self.ex_post:
            payments = (paid / self.others).T * self.scale
        else:
            payments = expected_payments(self.types.split(paid * self.scale), self.game.profiles)
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
