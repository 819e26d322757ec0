"""The ``[random]`` table of an economy's file: the law by which its players are drawn, instead of a list of them."""

from __future__ import annotations

import dataclasses
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from marketgame.experiments.files.class_tables import Name, Registered, bounded, built, read_from, table_model
from marketgame.experiments.files.input_file import InputModel, MistakesError, entry_path, made
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.economy import Player
from marketgame.mechanisms.economies.random_economies import Count, EconomyLaw, Range, ValuationLaw
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import FAMILIES

FAMILY = "family"
MOST_DRAWN = 100_000


def _said(name: str) -> str:
    """Return what the law's class says of one of its fields."""
    (described,) = (each.metadata["description"] for each in fields(EconomyLaw) if each.name == name)
    return str(described)


type _Whole = Annotated[int, Field(ge=1, le=MOST_DRAWN)]
type _Amount = Annotated[float, Field(ge=0)]
type _Part = Annotated[float, Field(ge=0, le=1)]
type _Between[Number] = Annotated[list[Number], Field(min_length=2, max_length=2)]


@read_from(ValuationLaw, "mixing", "faint", "portion")
class ValuationLawTable(InputModel):
    """What the tables of all families share; a parameter's numbers lie between the two that stand under its key.

    Attributes:
        holds: the valuations of the family.
    """

    holds: ClassVar[type[Valuation]]

    name: Name | None = Field(None, description="what messages and the axes of sweeps call this table")

    def build(self) -> ValuationLaw:
        """Return the law.

        Raises:
            ValueError: a range is empty.
        """
        ranges = {name: _pair(getattr(self, key)) for name, key in self.holds.keys().items()}
        law: ValuationLaw = built(self, ValuationLaw, family=self.holds, ranges=ranges)
        return law


@cache
def law_table_of(family: type[Valuation], name: str) -> type[ValuationLawTable]:
    """Return the model of the laws of a family, which call it by a name."""
    table = table_model(family, name, FAMILY, ValuationLawTable, _between)
    table.holds = family
    return table


def _between(field: dataclasses.Field[Any]) -> Any:
    return Annotated[list[bounded(float, field)], Field(min_length=2, max_length=2)]  # type: ignore[misc]


def _of_numbers(family: type[Valuation]) -> bool:
    return not family.blocks()


type ValuationLawInput = Annotated[
    ValuationLawTable,
    Registered(FAMILIES, FAMILY, law_table_of, _of_numbers, "whose goods come in blocks, which no law draws"),
]


@read_from(EconomyLaw, "concentration", "allotment", "copies")
class RandomInput(InputModel):
    """A law by which players are drawn, each time the same from the same seed."""

    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = Field(0, description="of the players that are drawn")
    players: _Whole | _Between[_Whole] = Field(3, description=_said("players"))
    types: _Whole | _Between[_Whole] = Field(1, description=_said("types"))
    endowment: _Between[_Amount] = Field([0.5, 3.0], description=_said("endowment"))
    money: _Amount | _Between[_Amount] = Field(200.0, description=_said("money"))
    owned: _Between[_Part] | None = Field(None, description=_said("owned"))
    valuations: list[ValuationLawInput] = Field(
        min_length=1,
        description="one table [[random.valuations]] for each law by which players value goods: a family, and the "
        "least and the most of each of its parameters",
    )

    def draw(self, goods: int) -> tuple[tuple[Player, ...], list[FloatArray]]:
        """Return players who trade so many goods beside the numeraire, and the probabilities of the types of each.

        Raises:
            ValueError: a range is empty, or what is drawn is no valuation; begins with the field that is wrong.
        """
        makers = [lambda place=place, each=each: _built(place, each) for place, each in enumerate(self.valuations)]
        laws = made(makers, MistakesError)
        try:
            law: EconomyLaw = built(
                self,
                EconomyLaw,
                valuations=laws,
                players=_counts(self.players),
                goods=(goods, goods),
                types=_counts(self.types),
                endowment=_pair(self.endowment),
                money=_pair(self.money),
                owned=None if self.owned is None else _pair(self.owned),
            )
            return law.draw(np.random.default_rng(self.seed))
        except ValueError as error:
            raise ValueError(f"random.{error}") from None


def _built(place: int, table: ValuationLawTable) -> ValuationLaw:
    try:
        return table.build()
    except ValueError as error:
        raise ValueError(f"{entry_path('random.valuations', place, table.name)}.{error}") from None


def _pair(given: float | list[float]) -> Range:
    low, high = given if isinstance(given, list) else (given, given)
    return low, high


def _counts(given: int | list[int]) -> Count:
    low, high = given if isinstance(given, list) else (given, given)
    return low, high
