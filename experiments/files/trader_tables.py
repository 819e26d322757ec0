"""The ``[[traders]]`` tables of a scenario file: who behaves how."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import Field

from marketgame.agents.behaviours import BEHAVIOURS, Behaviour
from marketgame.experiments.files.class_tables import ClassTable, Name, table_of
from marketgame.experiments.files.registered import Registered

BEHAVIOUR = "behaviour"


class TraderTable(ClassTable):
    """Whom a behaviour is given to; without any of the three, to everybody.

    Where several tables name a trader, the last one counts. The tables themselves are those of ``BEHAVIOURS``.
    """

    name: Name | None = Field(None, description="what messages and the axes of sweeps call this table")
    players: list[Name] | None = Field(None, min_length=1, description="these players, by name")
    types: list[Name] | None = Field(None, min_length=1, description="whoever is of one of these types in a round")
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="this share of the players that no other table names, drawn once from the seed"
    )


def _suits_games(behaviour: type[Behaviour]) -> bool:
    return behaviour.suits_games()


@cache
def _table_of(behaviour: type[Behaviour], name: str) -> type[TraderTable]:
    return table_of(behaviour, name, BEHAVIOUR, TraderTable)


type TraderInput = Annotated[TraderTable, Registered(BEHAVIOURS, BEHAVIOUR, _table_of)]
type GameTraderInput = Annotated[
    TraderTable,
    Registered(BEHAVIOURS, BEHAVIOUR, _table_of, _suits_games, "which needs a market; this scenario has none"),
]
