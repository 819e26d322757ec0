"""The ``valuation`` table of a type in an economy file: made from the families of valuations.

Every list has one entry for each good other than the numeraire, in the order of the file's ``goods``.
"""

from __future__ import annotations

from dataclasses import Field
from functools import cache
from types import GenericAlias
from typing import Annotated, Any, ClassVar

import numpy as np

from marketgame.experiments.files.input_file import InputModel
from marketgame.experiments.files.registered import Registered, bounded, table_model
from marketgame.mechanisms.economies.valuation import NOT_EXACT, Valuation
from marketgame.mechanisms.economies.valuations import FAMILIES

FAMILY = "family"


class FamilyTable(InputModel):
    """What the tables of all families share; a table's keys are the family's parameters.

    Attributes:
        holds: the valuations of the family.
    """

    holds: ClassVar[type[Valuation]]

    def sizes(self) -> dict[str, int]:
        """Return the number of entries of every list, by its path in the table."""
        return {path: size for key, value in self for path, size in _sizes(key, value)}

    def build(self) -> Valuation:
        """Return the valuation.

        Raises:
            ValueError: the parameters are not those of a valuation of the family; begins with the field's name.
        """
        return self.holds(**{name: np.array(getattr(self, key)) for name, key in self.holds.keys().items()})


@cache
def table_of(family: type[Valuation], name: str) -> type[FamilyTable]:
    """Return the model of a family's tables, which call it by a name."""
    table = table_model(family, name, FAMILY, FamilyTable, _lists)
    table.holds = family
    return table


type ValuationInput = Annotated[FamilyTable, Registered(FAMILIES, FAMILY, table_of)]


def valuation_document(valuation: Valuation) -> dict[str, Any]:
    """Return the table that a valuation can be read from again.

    Raises:
        ValueError: it is of a family that is only computed with, or not given in rational numbers.
    """
    listed = valuation.listed
    if not listed.is_exact():
        raise ValueError(NOT_EXACT.format(type(listed).__name__))
    parameters = {key: getattr(listed, name).tolist() for name, key in listed.keys().items()}
    return {FAMILY: FAMILIES.called(type(listed)), **parameters}


def _lists(field: Field[Any]) -> Any:
    """Return the type of a parameter's values: as many lists inside each other as it runs over goods."""
    annotation = bounded(float, field)
    for _ in range(field.metadata["dimensions"]):
        annotation = GenericAlias(list, (annotation,))
    return annotation


def _sizes(path: str, value: object) -> list[tuple[str, int]]:
    if not isinstance(value, list):
        return []
    inner = (each for place, entry in enumerate(value) for each in _sizes(f"{path}[{place}]", entry))
    return [(path, len(value)), *inner]
