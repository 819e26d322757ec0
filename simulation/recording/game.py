"""Rounds of a coalitional game turned into the tables of a run.

The tables are those of every run; the ones that speak of goods are empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from marketgame.agents.behaviours import Behaviour
from marketgame.agents.blocking.mediator import Approach
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.mechanism import expected_cost
from marketgame.mechanisms.incentive_efficiency.welfare import autarky_of_game, first_best_of_game
from marketgame.simulation.recording.benchmarks import (
    BenchmarkEntry,
    ConstraintEntry,
    benchmarks_of_game,
    constraints_of_game,
)
from marketgame.simulation.recording.coalitions import blocking_profits
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.recording.recorder import Recorder
from marketgame.simulation.scenario.established_mechanism import established_mechanism
from marketgame.simulation.scenario.game_scenario import GameScenario
from marketgame.simulation.stages.blocking import Formed
from marketgame.simulation.stages.game_play import GamePlay


@dataclass(frozen=True, eq=False)
class GameMeasures:
    """Rounds side by side; players who neither trade nor are bound by a budget have no cost and are never bankrupt.

    Attributes:
        profile_numbers: of the true types, ``(R,)``.
        profile: the true types, ``(R, N)``.
        reports: the reported types, ``(R, N)``.
        transfers: what the established mediator paid, ``(R, N)``, units of money.
        severance: what it paid to those who left it, ``(R, N)``, units of money.
        side_payments: what blocking mediators paid, ``(R, N)``, units of money.
        followed: the blocking mediator with whom each player left, ``(R, N)``; -1 for who stayed.
        utility: everything that was paid included, ``(R, N)``, units of money.
        promised_utility: what the mechanism was expected to give at the reports made, at the true types, ``(R, N)``.
        first_best: largest welfare, ``(R,)``, units of money.
        autarky: welfare if everybody were alone, ``(R,)``, units of money.
        profits: what each mediator earned, the established one first, ``(R, 1 + B)``, units of money.
        expected_profits: what each expected to earn, ``(R, 1 + B)``, units of money.
        approaches: the invitations of blocking mediators in each round.
        labels: the names behind the numbers.
    """

    profile_numbers: IntegerArray
    profile: IntegerArray
    reports: IntegerArray
    transfers: FloatArray
    severance: FloatArray
    side_payments: FloatArray
    followed: IntegerArray
    utility: FloatArray
    promised_utility: FloatArray
    first_best: FloatArray
    autarky: FloatArray
    profits: FloatArray
    expected_profits: FloatArray
    approaches: tuple[tuple[Approach, ...], ...]
    labels: Labels

    @property
    def paid(self) -> FloatArray:
        """What all mediators paid, ``(R, N)``, units of money."""
        return self.transfers + self.severance + self.side_payments

    @property
    def gains(self) -> FloatArray:
        """Welfare above autarky; what mediators put in is no gain, and what they keep is not lost."""
        return np.asarray(self.utility.sum(axis=1) - self.paid.sum(axis=1) - self.autarky)

    @property
    def first_best_gains(self) -> FloatArray:
        """The same of the largest welfare, ``(R,)``, units of money."""
        return self.first_best - self.autarky

    @property
    def volume(self) -> FloatArray:
        """What players were paid in all, ``(R,)``, units of money."""
        return np.asarray(np.maximum(self.paid, 0).sum(axis=1))

    @property
    def wealth(self) -> FloatArray:
        """Utility, for want of goods that have a price."""
        return self.utility

    @property
    def price_dispersion(self) -> FloatArray:
        """Nothing, for want of prices."""
        return np.zeros(len(self.utility))

    wasted = price_dispersion

    @property
    def cost(self) -> FloatArray:
        """Nothing, for want of trades."""
        return np.zeros(self.utility.shape)

    @property
    def bankrupt(self) -> BooleanArray:
        """Nobody is."""
        return np.zeros(self.utility.shape, np.bool_)

    @property
    def reason(self) -> IntegerArray:
        """Everybody is solvent."""
        return np.zeros(self.utility.shape, np.int64)

    wave = reason


class GameRecorder(Recorder[GamePlay, GameMeasures]):
    """Keeps every round of one run of a coalitional game."""

    def __init__(self, scenario: GameScenario, behaviours: tuple[tuple[Behaviour, ...], ...], run: int = 0) -> None:
        self._game = game = scenario.game
        self._incentives = scenario.incentives
        self._mechanism = established_mechanism(scenario)
        self._first_best, self._autarky = first_best_of_game(game), autarky_of_game(game)
        blockers = [blocker.name for blocker in scenario.blockers]
        labels = Labels(scenario.players, behaviours, blockers, game)
        super().__init__(scenario, labels, run)

    def measured(self, plays: Sequence[GamePlay]) -> GameMeasures:
        """Return some rounds side by side, or none."""
        rounds, players, blockers = len(plays), len(self._game.players), len(self._labels.mediators) - 1
        numbers = np.array([play.profile for play in plays], np.int64)
        told = np.array([play.reports for play in plays], np.int64)
        approaches = tuple(play.approaches for play in plays)

        def by_player(amounts: Sequence[FloatArray]) -> FloatArray:
            return np.array(amounts, np.float64).reshape(rounds, players)

        promised = np.full((rounds, 1), -expected_cost(self._game, self._mechanism))
        expected = np.array([play.expected_profits for play in plays], np.float64).reshape(rounds, blockers)
        established = np.array([play.established.profit for play in plays], np.float64)
        return GameMeasures(
            profile_numbers=numbers,
            profile=self._game.profiles[numbers],
            reports=self._game.profiles[told],
            transfers=by_player([play.established.payments for play in plays]),
            severance=by_player([play.established.severance for play in plays]),
            side_payments=by_player([play.side_payments for play in plays]),
            followed=np.array([play.followed for play in plays], np.int64).reshape(rounds, players),
            utility=by_player([play.utility for play in plays]),
            promised_utility=self._promised(numbers, told),
            first_best=self._first_best[numbers],
            autarky=self._autarky[numbers],
            profits=np.column_stack((established, blocking_profits(approaches, blockers))),
            expected_profits=np.hstack((promised, expected)),
            approaches=approaches,
            labels=self._labels,
        )

    def formed(self, plays: Sequence[GamePlay]) -> list[tuple[int, Formed]]:
        """Return the coalitions that left, and the one that stayed."""
        return [(number, each) for number, play in enumerate(plays) for each in play.formed]

    def benchmarks(self, drawn: AbstractSet[int]) -> list[BenchmarkEntry]:
        """Return what the players could have achieved."""
        return benchmarks_of_game(self._game, self._incentives)

    def constraints(self) -> list[ConstraintEntry]:
        """Return what costs welfare in incentive-efficient benchmarks."""
        return constraints_of_game(self._incentives)

    def _promised(self, true: IntegerArray, told: IntegerArray) -> FloatArray:
        utilities = self._game.actions[self._game.grand_coalition].utilities[:, :, true]
        earned: FloatArray = np.einsum("rc,cir->ri", self._mechanism.action_probability[told], utilities)
        return earned + self._mechanism.payments[told]
