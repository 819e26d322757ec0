"""The tables of a sweep: columns, types, units and meanings of what the tables of its runs do not have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from marketgame.simulation.recording.columns import KEY, NAME, NUMBER, TEXT, WHOLE, Column, TableSchema
from marketgame.simulation.recording.tables import RUNS, TABLES


class RunStatus(StrEnum):
    """What became of a run."""

    DONE = "done"
    RAISED = "raised"
    """It raised an error."""
    TIMED_OUT = "timed-out"
    """It was ended because it took longer than it may."""
    DIED = "died"
    """Its process died with it, every time it was tried."""


_RUN: Column[Any] = Column("run", WHOLE, NUMBER, "which run, numbered point by point and seed by seed")
_POINT: Column[Any] = Column("point", WHOLE, NUMBER, "which point of the design")
_SEED: Column[Any] = Column("seed", WHOLE, NUMBER, "seed of all random streams; the same seeds for every point")
_ENDING: tuple[Column[Any], ...] = (
    Column("status", KEY, NAME, "done, raised, timed-out or died"),
    Column("error", TEXT, "phrase", "what went wrong; missing when nothing did", nullable=True),
    Column("traceback", TEXT, "text", "where it went wrong; missing when nothing did", nullable=True),
)
_MEASURED = tuple(
    replace(column, nullable=True) for column in RUNS.columns if column.name not in {_RUN.name, _SEED.name}
)

# The table of runs as it grows while a sweep is run, before its points are joined to it.
OUTCOMES = TableSchema(RUNS.name, "one run of a sweep", (_RUN, *_ENDING, *_MEASURED))
POINTS = TableSchema("points", "one point of a sweep", (_POINT,))
# What the point of a run adds to its row, beside the parameters.
KEYS = TableSchema("keys", "one run of a sweep", (_RUN, _POINT, _SEED))
# What readers find in the folder of a sweep where that of a single run differs.
SWEEP_TABLES = (
    replace(POINTS, meaning=f"{POINTS.meaning}; one more column for each parameter, named by its path"),
    TableSchema(
        RUNS.name,
        "one run of a sweep; one more column for each parameter, named by its path",
        (*KEYS.columns, *_ENDING, *_MEASURED),
    ),
)
# The tables of runs that a sweep can keep, and those it does keep when nothing is said.
KEPT_FROM: Mapping[str, TableSchema[Any]] = MappingProxyType(
    {name: schema for name, schema in TABLES.items() if name != RUNS.name}
)


def parameter_array(values: Sequence[object]) -> pa.Array:
    """Return the values of a parameter as a column of numbers, flags or names; tables and lists as JSON text."""
    if all(isinstance(value, bool) for value in values):
        return pa.array(values, pa.bool_())
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return pa.array(values, pa.int64())
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        return pa.array(numbers, pa.float64())
    texts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    return pa.array(texts, pa.string()).dictionary_encode()


def parameter_field(column: str, path: str, kind: pa.DataType) -> pa.Field:
    """Return the field of a parameter's column."""
    meaning = f"what the scenario says at {path}"
    return pa.field(column, kind, nullable=False, metadata={"unit": "as in the scenario", "meaning": meaning})
