"""What a sweep is: a scenario, the paths that vary, the points visited, and the seeds each point is played with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import (
    InputError,
    InputFiles,
    Mistakes,
    blamed_on,
    made,
    shown,
    unknown_name,
)
from marketgame.experiments.files.scenario_file import LARGEST_SEED
from marketgame.experiments.sweep.base import BaseScenario, base_scenario
from marketgame.experiments.sweep.design import Axis, Design, Interval, Point, Values, points
from marketgame.experiments.sweep.paths import ScenarioPath, scenario_path, with_value
from marketgame.simulation.scenario.scenario import Scenario

DEFAULT_SEEDS = 10
DEFAULT_SAMPLES = 64
# Every point is checked before anything is run, which takes milliseconds each.
MOST_POINTS = 100_000
# What a Python user may write for an axis: values, or the two ends of an interval in an `Interval`.
type AxisInput = Axis | Sequence[object]

KEPT_BY_DEFAULT = ("rounds", "benchmarks")


@dataclass(frozen=True)
class Sweep:
    """A sweep as its author states it; nothing is read or checked before it is prepared.

    All points are played with the same seeds, so that differences between points are not differences in luck.

    Attributes:
        scenario: file of the scenario that varies.
        axes: what varies: by dotted path into the scenario, the values it takes.
        settings: what differs from the scenario's file at every point, by dotted path.
        design: how points are chosen.
        seeds: how many seeds each point is played with.
        first_seed: they are this one and those after it; the scenario's own seed when left out.
        samples: how many points a design other than the grid draws.
        sampling_seed: of the points drawn.
        seconds_per_run: a run that takes longer, in wall time, is ended and recorded as timed out.
        tables: which tables of the runs are kept beside the table of runs.
        name: for titles; the scenario file's name when left out.
    """

    scenario: Path | str
    axes: Mapping[str, AxisInput]
    settings: Mapping[str, object] = field(default_factory=dict)
    design: Design = Design.GRID
    seeds: int = DEFAULT_SEEDS
    first_seed: int | None = None
    samples: int = DEFAULT_SAMPLES
    sampling_seed: int = 0
    seconds_per_run: float | None = None
    tables: tuple[str, ...] = KEPT_BY_DEFAULT
    name: str | None = None


@dataclass(frozen=True, eq=False)
class PlannedPoint:
    """One point of a sweep, checked.

    Attributes:
        number: its place in the design.
        parameters: the value of every axis, by its path.
        content: the scenario as a file would hold it.
        scenario: the scenario, with the first seed.
    """

    number: int
    parameters: Mapping[str, object]
    content: Mapping[str, Any]
    scenario: Scenario


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep that can be run: every point has been checked.

    Runs are numbered point by point, seed by seed: run ``point * seeds + k`` has the k-th seed.

    Attributes:
        sweep: what was asked for.
        base: the scenario that varies.
        name: for titles.
        paths: what varies.
        axes: the values of each path.
        points: every point, in order.
        first_seed: seeds are this one and those after it.
        inputs: every file that it was made of, by absolute path, as it was when it was parsed.
    """

    sweep: Sweep
    base: BaseScenario
    name: str
    paths: tuple[ScenarioPath, ...]
    axes: tuple[Axis, ...]
    points: tuple[PlannedPoint, ...]
    first_seed: int
    inputs: Mapping[Path, bytes]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.points) * self.sweep.seeds

    def point_of(self, run: int) -> int:
        """Return the number of the point that a run plays."""
        return run // self.sweep.seeds

    def seed_of(self, run: int) -> int:
        """Return the seed that a run is played with."""
        return self.first_seed + run % self.sweep.seeds


def prepare(sweep: Sweep, blamed: Path | None = None, files: InputFiles | None = None) -> Plan:
    """Check a sweep from end to end without running anything.

    Args:
        sweep: what to check.
        blamed: the file to name in front of a mistake; the scenario's when left out.
        files: keeps what is read; what it has kept already is not read again.

    Raises:
        InputError: a path, a value or a combination of values is not one that the scenario can take.
    """
    scenario_file = located(sweep.scenario)
    blamed = blamed or scenario_file
    files = InputFiles() if files is None else files
    base = base_scenario(scenario_file, files)
    mistakes = Mistakes()
    with mistakes.kept():
        _check_numbers(sweep, blamed)
        _check_points(sweep, blamed)
    first_seed = base.seed if sweep.first_seed is None else sweep.first_seed
    with mistakes.kept():
        if not 0 <= first_seed <= LARGEST_SEED - sweep.seeds:
            raise InputError(f"{blamed}: first_seed is {first_seed}; seeds must be from 0 to {LARGEST_SEED}")
    with mistakes.kept():
        fixed, paths = _paths(sweep, base, blamed)
    mistakes.tell()
    content = base.with_opened(base.content, (*fixed, *paths))
    for path in fixed:
        content = with_value(content, path, sweep.settings[path.text])
    axes = made(
        partial(_axis, path, given, sweep.design, blamed)
        for path, given in zip(paths, sweep.axes.values(), strict=True)
    )
    visited = _visited(sweep, axes, blamed)
    planned = []
    for number, point in enumerate(visited):
        parameters = {path.text: value for path, value in zip(paths, point, strict=True)}
        with _point_blamed(number, parameters, blamed):
            changed = _changed(content, paths, point)
            scenario = base.variant(changed, first_seed)
        planned.append(PlannedPoint(number, MappingProxyType(parameters), changed, scenario))
    return Plan(sweep, base, sweep.name or base.name, paths, axes, tuple(planned), first_seed, files.contents)


def _check_numbers(sweep: Sweep, blamed: Path) -> None:
    mistakes = Mistakes()
    for name, value in (("seeds", sweep.seeds), ("samples", sweep.samples)):
        with mistakes.kept():
            if value < 1:
                raise InputError(f"{blamed}: {name} is {value}; it must be at least 1")
    with mistakes.kept():
        if sweep.seconds_per_run is not None and not sweep.seconds_per_run > 0:
            raise InputError(f"{blamed}: seconds_per_run is {sweep.seconds_per_run}; it must be greater than 0")
    # The schemas need PyArrow, which is heavy; checking a file of another kind does without it.
    kept_from = list(import_module("marketgame.experiments.sweep.tables").KEPT_FROM)
    for table in sweep.tables:
        with mistakes.kept():
            if table not in kept_from:
                raise InputError(f"{blamed}: tables {unknown_name(table, kept_from)}")
    mistakes.tell()


def _check_points(sweep: Sweep, blamed: Path) -> None:
    """Refuse more points than anybody could wait for, before any of them is made."""
    match sweep.design:
        case Design.GRID:
            count = prod(map(_values_of, sweep.axes.values()))
        case Design.SALTELLI:
            count = sweep.samples * (len(sweep.axes) + 2)
        case _:
            count = sweep.samples
    if count > MOST_POINTS:
        what = "axes" if sweep.design is Design.GRID else "samples"
        raise InputError(f"{blamed}: {what} asks for {count} points; a sweep visits at most {MOST_POINTS}")


def _values_of(axis: AxisInput) -> int:
    """Return how many values of an axis a grid visits, at most."""
    match axis:
        case Interval():
            return axis.steps or 1
        case Values():
            return len(axis.values)
        case _:
            return len(axis)


def _paths(sweep: Sweep, base: BaseScenario, blamed: Path) -> tuple[tuple[ScenarioPath, ...], tuple[ScenarioPath, ...]]:
    """Return where the settings and where the axes of a sweep put their values."""
    if not sweep.axes:
        raise InputError(f"{blamed}: axes is empty; a sweep must vary something")
    # Whatever varies inside an economy or a game is looked up there; nobody else opens it.
    inside = any(text.startswith(f"{base.setting}.") for text in (*sweep.settings, *sweep.axes))
    opened = base.opened if inside else None

    def path_of(field_name: str, text: str) -> ScenarioPath:
        with blamed_on(blamed, f"{field_name}: "):
            return scenario_path(text, base.content, base.model, opened)

    named = [*(("settings", text) for text in sweep.settings), *(("axes", text) for text in sweep.axes)]
    paths = made(partial(path_of, *each) for each in named)
    mistakes = Mistakes()
    for place, path in enumerate(paths):
        for other in paths[:place]:
            shorter = min(len(path.steps), len(other.steps))
            with mistakes.kept():
                if path.steps[:shorter] == other.steps[:shorter]:
                    raise InputError(f"{blamed}: {other.text!r} and {path.text!r} set the same thing")
    mistakes.tell()
    return paths[: len(sweep.settings)], paths[len(sweep.settings) :]


def _axis(path: ScenarioPath, given: AxisInput, design: Design, blamed: Path) -> Axis:
    if isinstance(given, str):
        raise InputError(f"{blamed}: axes.{path.text!r} is {shown(given)}; it must be a list of values or an interval")
    try:
        axis = given if isinstance(given, Interval | Values) else Values(tuple(given))
        axis = replace(axis, whole=path.whole) if isinstance(axis, Interval) else axis
        if design is Design.GRID:
            axis.listed()
    except ValueError as error:
        raise InputError(f"{blamed}: axes.{path.text!r} {error}") from None
    return axis


def _visited(sweep: Sweep, axes: Sequence[Axis], blamed: Path) -> list[Point]:
    try:
        return list(points(sweep.design, axes, sweep.samples, sweep.sampling_seed))
    except ValueError as error:
        raise InputError(f"{blamed}: {error}") from None


def _changed(content: Mapping[str, Any], paths: Sequence[ScenarioPath], point: Point) -> Mapping[str, Any]:
    for path, value in zip(paths, point, strict=True):
        content = with_value(content, path, value)
    return content


@contextmanager
def _point_blamed(number: int, parameters: Mapping[str, object], blamed: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        refused = f"{blamed}: point {number} ({in_words(parameters)}) is refused"
        raise InputError(*(f"{refused}: {problem}" for problem in error.problems)) from None


def in_words(parameters: Mapping[str, object]) -> str:
    """Return a point as a phrase."""
    return ", ".join(f"{path} = {shown(value)}" for path, value in parameters.items())
