"""What a table is: columns with types, units and meanings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

KEY = pa.dictionary(pa.int32(), pa.string())
WHOLE = pa.int64()
REAL = pa.float64()
TEXT = pa.string()
FLAG = pa.bool_()

NUMERAIRE = "numeraire"
GOOD = "unit of the good"
PRICE = "numeraire per unit of the good"
COUNT = "count"
NAME = "name"
NUMBER = "number"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: as in the file.
        type: its Arrow type.
        unit: what its numbers are measured in, or what kind of label it is.
        meaning: one phrase for the person who reads the table.
        nullable: whether an entry may be missing.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class TableSchema:
    """One table.

    Attributes:
        name: of the table and its file.
        meaning: what one row is.
        columns: in order.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema; each field's metadata holds its ``unit`` and ``meaning``."""
        fields = [
            pa.field(
                column.name,
                column.type,
                nullable=column.nullable,
                metadata={"unit": column.unit, "meaning": column.meaning},
            )
            for column in self.columns
        ]
        return pa.schema(fields, metadata={"meaning": self.meaning})
