"""What a table is: columns with types, units, meanings, and how their values are worked out.

A table is made of a source: of rounds side by side, of a run, of entries one by one. Every column says how its values
come out of the source, beside what they mean; nothing else has to be told of it. Values that are not of the type that
a column promises are refused, so that a recorder which makes its tables of no rounds at all, when it is made itself,
knows that it can make them of any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, get_args, get_type_hints

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, IntegerArray

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

# Kinds of NumPy arrays that columns of each type are made of, and types of columns made of values of each class.
ARRAY_KINDS = {WHOLE: "iu", REAL: "f", FLAG: "b"}
CLASSES = {int: {WHOLE}, float: {REAL}, str: {KEY, TEXT}, bool: {FLAG}}

type Values = NDArray[np.generic] | pa.Array | Sequence[object]
type Value[Source] = Callable[[Source], Values]


class SchemaError(TypeError):
    """What a recorder makes of its rounds is not what the schema of a table says."""


@dataclass(frozen=True)
class Column[Source]:
    """One column of a table.

    Attributes:
        name: as in the file.
        type: its Arrow type.
        unit: what its numbers are measured in, or what kind of label it is.
        meaning: one phrase for the person who reads the table.
        value: how its values are worked out, one for each row; without it they are the source's attribute of its name.
        nullable: whether an entry may be missing.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    value: Value[Source] | None = None
    nullable: bool = False

    def values(self, source: Source) -> Values:
        """Return its values, one for each row of the table."""
        return getattr(source, self.name) if self.value is None else self.value(source)


@dataclass(frozen=True)
class TableSchema[Source]:
    """One table.

    Attributes:
        name: of the table and its file.
        meaning: what one row is.
        columns: in order.
    """

    name: str
    meaning: str
    columns: tuple[Column[Source], ...]

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

    def table(self, source: Source, given: Mapping[str, Values]) -> pa.Table:
        """Return the table of a source.

        Raises:
            SchemaError: a column is missing, unknown, of another type, or lacks entries that it must have.
        """
        unknown = given.keys() - {column.name for column in self.columns}
        if unknown:
            raise SchemaError(f"table {self.name} has no column {min(unknown)!r}")
        arrays = [self._array(column, source, given) for column in self.columns]
        return pa.table(arrays, schema=self.arrow)

    def _array(self, column: Column[Source], source: Source, given: Mapping[str, Values]) -> pa.Array:
        place = f"column {column.name} of table {self.name}"
        try:
            values = given[column.name] if column.name in given else column.values(source)
        except AttributeError as lack:
            raise SchemaError(f"nothing gives {place}: {lack}") from lack
        if isinstance(values, np.ndarray):
            if values.dtype.kind not in ARRAY_KINDS.get(column.type, ""):
                raise SchemaError(f"{place} is of type {column.type}, what gives it of {values.dtype}")
            return pa.array(values.reshape(-1), column.type)
        array = values if isinstance(values, pa.Array) else pa.array(values, column.type)
        if array.type != column.type:
            raise SchemaError(f"{place} is of type {column.type}, what gives it of {array.type}")
        if array.null_count and not column.nullable:
            raise SchemaError(f"{place} must have every entry; {array.null_count} are missing")
        return array

    def refuse_other_entries(self, kind: type[Any], given: Sequence[str]) -> None:
        """Refuse a class of entries, one for each row, whose attributes are not the columns that are to be read off.

        Raises:
            SchemaError: a column is missing, unknown, of another type, or may be missing only here or there.
        """
        hints = get_type_hints(kind)
        wanted = {each.name: each for each in self.columns if each.name not in given and each.value is None}
        for name in sorted(hints.keys() ^ wanted.keys()):
            raise SchemaError(f"column {name!r} is either not in table {self.name}, or not in {kind.__name__}")
        for name, column in wanted.items():
            classes = {*(get_args(hints[name]) or (hints[name],))}
            missing = NoneType in classes
            if missing != column.nullable or any(column.type not in CLASSES[each] for each in classes - {NoneType}):
                raise SchemaError(f"column {name} of table {self.name} is {column.type}, what gives it {hints[name]}")


def keys(
    codes: NDArray[np.integer[Any]] | Sequence[int],
    labels: Sequence[str],
    missing: BooleanArray | Sequence[bool] | None = None,
) -> pa.DictionaryArray:
    """Return a dictionary-encoded column of labels; entries flagged as missing are null."""
    indices = pa.array(
        np.asarray(codes, np.int32).reshape(-1), mask=None if missing is None else np.asarray(missing, np.bool_)
    )
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(labels), pa.string()))


def numbered(names: Sequence[str]) -> tuple[tuple[str, ...], IntegerArray]:
    """Return the different names in order of appearance, and the place of each name among them."""
    different = tuple(dict.fromkeys(names))
    return different, np.array([different.index(name) for name in names], np.int64)


def entry_table[Entry](schema: TableSchema[Sequence[Entry]], run: int, entries: Sequence[Entry]) -> pa.Table:
    """Return entries as the rows of their table."""
    names = [column.name for column in schema.columns if column.value is None and column.name != "run"]
    given: dict[str, Values] = {name: [getattr(entry, name) for entry in entries] for name in names}
    return schema.table(entries, {"run": np.full(len(entries), run), **given})


def grid_table[Source](
    schema: TableSchema[Source], source: Source, run: int, first_round: int, rounds: int, **axes: Sequence[str]
) -> pa.Table:
    """Return one row for each combination of a round with a name from each axis, in this order."""
    shape = (rounds, *map(len, axes.values()))
    number, *codes = (np.broadcast_to(each, shape) for each in np.ogrid[tuple(slice(size) for size in shape)])
    along: dict[str, Values] = {
        name: keys(code, labels) for (name, labels), code in zip(axes.items(), codes, strict=True)
    }
    return schema.table(source, {"run": np.full(shape, run), "round": first_round + number, **along})


def listed_table[Source](
    schema: TableSchema[Source], source: Source, run: int, first_round: int, rounds: Sequence[int] | IntegerArray
) -> pa.Table:
    """Return one row for each thing that is listed with its round, counted from the first."""
    number = np.asarray(rounds, np.int64)
    return schema.table(source, {"run": np.full(number.shape, run), "round": first_round + number})
