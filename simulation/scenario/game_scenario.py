"""What is simulated without a market: a coalitional game, an established mechanism, and who tries to break it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketgame.agents.behaviours import (
    BEHAVIOURS,
    Behaviour,
)
from marketgame.agents.private_type import game_players
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.simulation.scenario.assignments import (
    Assignment,
    behaviour_table,
    check_assignments,
)
from marketgame.simulation.scenario.blockers import (
    Blocker,
    check_blockers,
)
from marketgame.simulation.scenario.established_mechanism import WantedMechanism

if TYPE_CHECKING:
    from marketgame.mechanisms.incentive_efficiency.welfare import GameBenchmark


@dataclass(frozen=True, eq=False)
class GameScenario:
    """Everything that determines a run.

    Attributes:
        name: for titles and tables.
        game_name: likewise.
        game: what coalitions can do.
        mechanism: what the established mediator has announced, severance and side-bets included, or what it is yet to
            find; finding it may take longer than a run, so it is found once where runs are prepared.
        assignments: who behaves how; later ones win, and whoever none applies to obeys.
        blockers: the blocking mediators.
        rounds: how many are played.
        seed: of all random streams.
        incentives: the incentive-efficient benchmarks of the game, to be recorded beside the others.

    Raises:
        ValueError: the mechanism does not fit the game, a player or type is unknown, shares exceed one, a behaviour
            needs a market, two mediators have one name, rounds are not positive, or the seed is negative.
    """

    name: str
    game_name: str
    game: CoalitionalGame
    mechanism: Mechanism | WantedMechanism
    assignments: tuple[Assignment, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    rounds: int = 100
    seed: int = 0
    incentives: tuple[GameBenchmark, ...] = ()

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; there must be at least 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be at least 0")
        if isinstance(self.mechanism, Mechanism):
            self.mechanism.fitting(self.game)
        for assignment in self.assignments:
            if not assignment.behaviour.suits_games():
                names = ", ".join(behaviour.name for behaviour in BEHAVIOURS.own if behaviour.suits_games())
                raise ValueError(
                    f"behaviour {assignment.behaviour.name!r} needs a market; without one the behaviours are {names}"
                )
        check_assignments(self.assignments, game_players(self.game), "game")
        check_blockers(self.blockers, len(self.game.players))

    def behaviours(self) -> tuple[tuple[Behaviour, ...], ...]:
        """Return how each player behaves, by its type: entry ``[player][type]``."""
        return behaviour_table(self.assignments, game_players(self.game), self.seed)
