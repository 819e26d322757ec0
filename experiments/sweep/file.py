"""Files of ``kind = "sweep"``: a base scenario, what varies in it, and how often each point is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from marketgame.experiments.files.class_tables import Name, built
from marketgame.experiments.files.examples import file_named
from marketgame.experiments.files.input_file import InputFiles, InputModel, read_input, refuse
from marketgame.experiments.files.scenario_file import LARGEST_SEED
from marketgame.experiments.sweep.design import Axis, Design, Interval, Scale, Values
from marketgame.experiments.sweep.statement import (
    DEFAULT_SAMPLES,
    DEFAULT_SEEDS,
    KEPT_BY_DEFAULT,
    MOST_POINTS,
    Plan,
    Sweep,
    prepare,
)

MOST_SEEDS = 1_000_000


class IntervalInput(InputModel):
    """Numbers between two ends, instead of a list of values."""

    low: float = Field(description="the lower end")
    high: float = Field(description="the upper end")
    scale: Annotated[Scale, Field(strict=False)] = Field(Scale.LINEAR, description="how values are spaced")
    steps: Annotated[int, Field(ge=2, le=MOST_POINTS)] | None = Field(
        None, description="how many values a grid takes, both ends included; other designs need none"
    )

    def build(self) -> Interval:
        """Return the interval."""
        return Interval(self.low, self.high, self.scale, self.steps)


def _form(value: object) -> str:
    return "interval" if isinstance(value, dict | IntervalInput) else "values"


type AxisTable = Annotated[
    Annotated[list[Any], Tag("values")] | Annotated[IntervalInput, Tag("interval")], Discriminator(_form)
]


class SweepInput(InputModel):
    """One scenario run at many points of a space of parameters, at every point with the same seeds."""

    kind: Literal["sweep"] = Field(description="what the file holds")
    name: Name | None = Field(None, description="for titles; without it the scenario's name")
    scenario: Name = Field(description="path of the scenario file that varies, relative to this file, or example:NAME")
    axes: dict[Name, AxisTable] = Field(
        min_length=1,
        description='what varies: "dotted.path.into.the.scenario" = list of values, or low and high of an interval; '
        '"traders.share.noisy" is the share in the [[traders]] table with that behaviour, "organisers.NAME.depth" a '
        'field of the table of that name, "economy.players.NAME.types.NAME.endowment[0]" a number of the economy',
    )
    settings: dict[Name, Any] = Field(
        {}, description="what differs from the scenario's file at every point, by the same paths"
    )
    design: Annotated[Design, Field(strict=False)] = Field(
        Design.GRID, description="which points are visited: every combination, or a sample of the space"
    )
    samples: Annotated[int, Field(ge=1, le=MOST_POINTS)] = Field(
        DEFAULT_SAMPLES,
        description="how many points a design other than the grid draws; a power of 2 for sobol and saltelli, which "
        "takes (axes + 2) points for each",
    )
    sampling_seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = Field(0, description="of the points drawn")
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] = Field(
        DEFAULT_SEEDS, description="how many seeds every point is run with, the same for all points"
    )
    first_seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = Field(
        None, description="they are this one and those after it; without it the scenario's own seed"
    )
    seconds_per_run: Annotated[float, Field(gt=0)] | None = Field(
        None, description="a run that takes longer, in wall time, is ended and recorded as timed out"
    )
    tables: list[Name] = Field(
        list(KEPT_BY_DEFAULT), description="which tables of the runs are kept beside the table of runs"
    )


def read_sweep(path: Path | str, files: InputFiles | None = None) -> Sweep:
    """Return the sweep that a file states; what it says of the scenario is checked by ``load_sweep``.

    Raises:
        InputError: the file cannot be read or is wrong.
    """
    path = Path(path)
    content = read_input(SweepInput, path, files)
    axes = {name: _axis(name, table, path) for name, table in content.axes.items()}
    scenario, tables = file_named(content.scenario, path, "scenario"), tuple(content.tables)
    stated: Sweep = built(content, Sweep, scenario=scenario, axes=axes, tables=tables)
    return stated


def load_sweep(path: Path | str, files: InputFiles | None = None) -> Plan:
    """Return the sweep in a file, every point of it checked.

    Raises:
        InputError: the file or the scenario cannot be read or is wrong.
    """
    files = InputFiles() if files is None else files
    return prepare(read_sweep(path, files), Path(path), files)


def _axis(name: str, table: list[Any] | IntervalInput, path: Path) -> Axis:
    try:
        return table.build() if isinstance(table, IntervalInput) else Values(tuple(table))
    except ValueError as error:
        refuse(path, f"axes.{name!r}", str(error))
