"""What every trader knows before anything else: which type it is, of those it could have been.

Traders of an economy and players of a coalitional game both have it, so a behaviour that only chooses which type
to report serves either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marketgame.mechanisms.coalitional_games.game import CoalitionalGame


class NamedType(Protocol):
    """A type with a name of its own among its player's types."""

    @property
    def name(self) -> str:
        """Its name."""


class TypedPlayer(Protocol):
    """A player with the types it could be of."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def types(self) -> Sequence[NamedType]:
        """Its types, in order."""


class PrivateType(Protocol):
    """Which of its types a trader is of."""

    @property
    def own(self) -> TypedPlayer:
        """The player it is, with all types it could have had."""

    @property
    def type_number(self) -> int:
        """Its own type."""


@dataclass(frozen=True)
class GameType:
    """A type of a player of a coalitional game."""

    name: str


@dataclass(frozen=True)
class GamePlayer:
    """A player of a coalitional game with its possible types."""

    name: str
    types: tuple[GameType, ...]


@dataclass(frozen=True)
class GameTypeKnowledge:
    """What a player of a coalitional game knows when it reports.

    Attributes:
        own: the player it is.
        type_number: its own type.
    """

    own: GamePlayer
    type_number: int


def type_names(player: TypedPlayer) -> list[str]:
    """Return the names of a player's types, in order."""
    return [kind.name for kind in player.types]


def game_players(game: CoalitionalGame) -> tuple[GamePlayer, ...]:
    """Return the players of a game with their types."""
    return tuple(
        GamePlayer(name, tuple(GameType(kind) for kind in kinds))
        for name, kinds in zip(game.players, game.types, strict=True)
    )
