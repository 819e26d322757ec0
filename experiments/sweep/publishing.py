"""The tables of a sweep as its readers get them: runs with the point they belong to, and the points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from marketgame.experiments.sweep.statement import Plan
from marketgame.experiments.sweep.storage import MergedRows, Part, write_table
from marketgame.experiments.sweep.tables import KEPT_FROM, KEYS, OUTCOMES, POINTS, parameter_array, parameter_field


def stored_schemas(plan: Plan) -> dict[str, pa.Schema]:
    """Return the schemas of the tables that a sweep's parts hold."""
    return {OUTCOMES.name: OUTCOMES.arrow} | {name: KEPT_FROM[name].arrow for name in plan.sweep.tables}


def points_table(plan: Plan) -> pa.Table:
    """Return one row for each point: its number and its parameters."""
    numbers = pa.array([point.number for point in plan.points], pa.int64())
    columns, fields = [numbers], [POINTS.arrow.field("point")]
    for path in plan.paths:
        values = parameter_array([point.parameters[path.text] for point in plan.points])
        columns.append(values)
        fields.append(parameter_field(path.column, path.text, values.type))
    return pa.table(columns, schema=pa.schema(fields, metadata={"meaning": POINTS.meaning}))


def publish(plan: Plan, parts: tuple[Part, ...], folder: Path) -> None:
    """Write the tables of a sweep, each in the order of the runs, from the parts it has so far.

    Raises:
        OSError: a table cannot be written.
    """
    merged, points = MergedRows(parts), points_table(plan)
    for name, schema in stored_schemas(plan).items():
        blocks = merged.blocks(name, schema)
        if name == OUTCOMES.name:
            schema = _runs_schema(points)  # noqa: PLW2901 -- this table gains columns
            blocks = (_with_points(block, plan, points, schema) for block in blocks)
        write_table(folder / f"{name}.parquet", schema, blocks)
    write_table(folder / f"{POINTS.name}.parquet", points.schema, iter([points]))


def _runs_schema(points: pa.Table) -> pa.Schema:
    outcomes = [field for field in OUTCOMES.arrow if field.name != "run"]
    fields = [KEYS.arrow.field("run"), *points.schema, KEYS.arrow.field("seed"), *outcomes]
    return pa.schema(fields, metadata={"meaning": OUTCOMES.meaning})


def _with_points(rows: pa.Table, plan: Plan, points: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows of runs with the point, the parameters and the seed of each."""
    runs = rows["run"].to_numpy()
    place, seeds = np.divmod(runs, plan.sweep.seeds)
    columns = {name: points[name].take(pa.array(place)) for name in points.column_names}
    columns |= {name: rows[name] for name in rows.column_names}
    columns["seed"] = pa.chunked_array([pa.array(plan.first_seed + seeds)])
    return pa.table([columns[field.name] for field in schema], schema=schema)
