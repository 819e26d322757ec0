"""What is simulated, on a market or in a coalitional game: who behaves how, for how long and from which seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from marketgame.agents.behaviours import Behaviour
from marketgame.agents.private_type import TypedPlayer
from marketgame.mechanisms.economies.random_economies import Allotment
from marketgame.simulation.scenario.assignments import Assignment, behaviour_table, check_assignments
from marketgame.simulation.scenario.blockers import Blocker, check_blockers


@dataclass(frozen=True, eq=False)
class Scenario(ABC):
    """Everything that determines a run, but for what is played.

    Attributes:
        name: for titles and tables.
        assignments: who behaves how; later ones win, and whoever none applies to obeys.
        rounds: how many are played.
        seed: of all random streams.
        blockers: the blocking mediators.
        allotment: how shares of behaviours become players; none where a larger share is to contain a smaller one drawn
            from the same seed.

    Raises:
        ValueError: a player or type is unknown, shares exceed one, a behaviour does not suit its players, blocking
            mediators do not go together, rounds are not positive, or the seed is negative.
    """

    SETTING: ClassVar[str]
    """What is played in, for messages: an economy or a game."""

    name: str
    assignments: tuple[Assignment, ...] = field(default=(), kw_only=True)
    rounds: int = field(default=100, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    blockers: tuple[Blocker, ...] = field(default=(), kw_only=True)
    allotment: Allotment | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; there must be at least 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be at least 0")
        check_assignments(self.assignments, self.players, self.SETTING)
        check_blockers(self.blockers, len(self.players))

    @property
    @abstractmethod
    def players(self) -> Sequence[TypedPlayer]:
        """All who play."""

    @property
    @abstractmethod
    def setting_name(self) -> str:
        """Name of the economy or the game."""

    def behaviours(self) -> tuple[tuple[Behaviour, ...], ...]:
        """Return how each player behaves, by its type: entry ``[player][type]``."""
        return behaviour_table(self.assignments, self.players, self.seed, self.allotment)
