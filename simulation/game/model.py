"""A coalitional game played round after round by Mesa agents, without a market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, override

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.framework import RoundModel
from marketgame.agents.game_mediator import Established, EstablishedGameMediator
from marketgame.agents.game_trader import GameCommonKnowledge, GameTrader
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.mechanism import stakes
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.simulation.recording.game import GameRecorder
from marketgame.simulation.scenario.established_mechanism import established_mechanism
from marketgame.simulation.scenario.game_scenario import GameScenario
from marketgame.simulation.scenario.streams import random_stream
from marketgame.simulation.stages.blocking import (
    STAYS,
    BlockingStage,
    Formed,
    departed,
    mediators_followed,
    side_payments,
)
from marketgame.simulation.stages.game_play import GamePlay


class GameModel(RoundModel):
    """Plays a scenario; every ``step`` is one round in the order of Myerson's section 4.

    Reports go to the established mediator first. Then, before it commits itself to anything, blocking mediators ask
    who would rather leave; whoever is sent back keeps the established plan as it was.

    Attributes:
        mediator: the established mediator.
        traders: one per player, in the game's order.
        blocking: the blocking mediators.
        recorder: keeps every round and turns them into tables.
        last_play: the round played last, if any.
    """

    def __init__(self, game_scenario: GameScenario) -> None:
        super().__init__(game_scenario.seed)
        mechanism = established_mechanism(game_scenario)
        self.game_scenario = game_scenario = replace(game_scenario, mechanism=mechanism)
        self.game = game_scenario.game
        seed = game_scenario.seed
        common = GameCommonKnowledge(self.game, mechanism)
        behaviours = game_scenario.behaviours()
        self.nature = random_stream(seed, "nature")
        self.prior = IndependentPrior(list(self.game.type_probabilities))
        self.mediator = EstablishedGameMediator(self, self.game, mechanism)
        self._mediator_stream = random_stream(seed, "established mediator")
        self.traders = tuple(GameTrader(self, player, by_type, common) for player, by_type in enumerate(behaviours))
        self.blocking = BlockingStage(
            self, game_scenario.blockers, self.game, stakes(self.game, mechanism), mechanism.severance, seed
        )
        self.recorder = GameRecorder(game_scenario, behaviours)
        self.last_play: GamePlay | None = None

    def step(self) -> None:
        """Play one round."""
        # Stage 1: nature draws a type profile; each player learns its own type.
        profile = self.prior.sample(self.nature)
        for trader, type_number in zip(self.traders, profile.tolist(), strict=True):
            trader.learn_type(type_number)
        # Stages 2 and 3: under the mechanism announced, players report their types.
        reports = np.array([trader.report() for trader in self.traders])
        # Stage 8: blocking mediators invite; what is agreed on is carried out, by whoever leaves and whoever stays.
        approaches = self.blocking.play(lambda player, offer: self.traders[player].answer(offer))
        leavers = tuple(sorted(player for approach in approaches for player in approach.leavers))
        established = self.mediator.act(reports, leavers, self._mediator_stream)
        self.last_play = self._concluded(profile, reports, approaches, established)
        if not leavers:
            self._show(self.last_play)
        self.recorder.add(self.last_play)

    @property
    @override
    def generators(self) -> dict[str, np.random.Generator]:
        own = {"nature": self.nature, "established mediator": self._mediator_stream}
        return own | self.blocking.generators

    @override
    def remembered(self) -> dict[str, dict[str, NDArray[Any]]]:
        return self.blocking.remembered()

    @override
    def recall(self, remembered: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        self.blocking.recall(remembered)

    def _concluded(
        self,
        profile: IntegerArray,
        reports: IntegerArray,
        approaches: tuple[Approach, ...],
        established: Established,
    ) -> GamePlay:
        players, number = len(self.traders), int(self.prior.profile_numbers(profile))
        formed = departed(approaches)
        if established.coalition:
            formed = (Formed(established.coalition, established.action, STAYS), *formed)
        paid = side_payments(approaches, players)
        return GamePlay(
            profile=number,
            reports=int(self.prior.profile_numbers(reports)),
            approaches=approaches,
            formed=formed,
            established=established,
            expected_profits=self.blocking.expected_profits(),
            side_payments=paid,
            followed=mediators_followed(approaches, players),
            utility=self._earned(formed, number) + established.payments + established.severance + paid,
        )

    def _earned(self, formed: tuple[Formed, ...], profile: int) -> FloatArray:
        """Return each player's utility from what its coalition does at a profile of types, ``(N,)``."""
        utility = np.zeros(len(self.traders))
        for each in formed:
            utility[list(each.coalition)] = self.game.actions[each.coalition].utilities[each.action, :, profile]
        return utility

    def _show(self, play: GamePlay) -> None:
        """Let blocking mediators see what the established plan gave, judged at the types that were reported."""
        self.blocking.observe(play.reports, self._earned(play.formed, play.reports) + play.established.payments)
