"""What is simulated without a market: a coalitional game, an established mechanism, and who tries to break it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from marketgame.agents.behaviours import BEHAVIOURS
from marketgame.agents.private_type import GamePlayer, game_players
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.simulation.scenario.established_mechanism import WantedMechanism
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.mechanisms.incentive_efficiency.welfare import GameBenchmark


@dataclass(frozen=True, eq=False)
class GameScenario(Scenario):
    """Everything that determines a run of a coalitional game.

    Attributes:
        game_name: for titles and tables.
        game: what coalitions can do.
        mechanism: what the established mediator has announced, severance and side-bets included, or what it is yet to
            find; finding it may take longer than a run, so it is found once where runs are prepared.
        incentives: the incentive-efficient benchmarks of the game, to be recorded beside the others.

    Raises:
        ValueError: what every scenario refuses, the mechanism does not fit the game, or a behaviour needs a market.
    """

    SETTING = "game"

    game_name: str
    game: CoalitionalGame
    mechanism: Mechanism | WantedMechanism
    incentives: tuple[GameBenchmark, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.mechanism, Mechanism):
            self.mechanism.fitting(self.game)
        for assignment in self.assignments:
            if not assignment.behaviour.suits_games():
                names = ", ".join(behaviour.name for behaviour in BEHAVIOURS.own if behaviour.suits_games())
                raise ValueError(
                    f"behaviour {assignment.behaviour.name!r} needs a market; without one the behaviours are {names}"
                )
        super().__post_init__()

    @cached_property
    def players(self) -> tuple[GamePlayer, ...]:
        """All who play, with their types."""
        return game_players(self.game)

    @property
    def setting_name(self) -> str:
        """Name of the game."""
        return self.game_name
