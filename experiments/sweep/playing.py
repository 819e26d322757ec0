"""Runs played one after another inside one process, their rows put together."""

from __future__ import annotations

import copyreg
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketgame.experiments.sweep.tables import RunStatus
from marketgame.simulation.recording.benchmarks import EXPECTATION
from marketgame.simulation.recording.tables import BENCHMARKS, RUNS
from marketgame.simulation.scenario.established import establish
from marketgame.simulation.scenario.scenario import Scenario

# Contracts kept for further runs of the same point.
POINTS_REMEMBERED = 16

# Games keep their tables behind read-only views, which Python does not send to other processes by itself.
copyreg.pickle(MappingProxyType, lambda view: (_read_only_view, (dict(view),)))

type Simulate = Callable[[Any], Mapping[str, pa.Table]]


@dataclass(frozen=True)
class Task:
    """One run to be played.

    Attributes:
        run: its number.
        point: the point it plays.
        seed: what it is played with.
    """

    run: int
    point: int
    seed: int


@dataclass(frozen=True, eq=False)
class Chunk:
    """Runs handed to a process together.

    Attributes:
        tasks: the runs.
        scenarios: the scenario of each point, whatever its seed.
        simulate: plays a scenario.
        tables: which tables are kept beside the table of runs.
        seconds: once they have passed no further run is begun.
        seconds_per_run: a run may take this long.
        sweep: whose runs these are; points of different sweeps are not confused.
        code: hash of the sources that the results are to come from.
        function: hash of what ``simulate`` and the modules depend on beside them.
        modules: of classes in the scenarios that are not this program's own.
    """

    tasks: tuple[Task, ...]
    scenarios: Mapping[int, Scenario]
    simulate: Simulate
    tables: tuple[str, ...]
    seconds: float
    seconds_per_run: float | None
    sweep: str
    code: str
    function: str
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        task: the run.
        status: how.
        seconds: wall time it took.
        error: what went wrong, in one line; none when nothing did.
        traceback: where.
    """

    task: Task
    status: RunStatus
    seconds: float
    error: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, eq=False)
class Played:
    """What came of a chunk.

    Attributes:
        endings: of the runs that ended, in order.
        tables: the rows of those that were done, ``runs`` among them, in the order of the endings.
        unplayed: the runs that were not begun, or must be played again.
    """

    endings: tuple[Ending, ...]
    tables: Mapping[str, pa.Table]
    unplayed: tuple[Task, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A process will not play a chunk.

    Attributes:
        reason: why.
    """

    reason: str


def _read_only_view(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


def play_chunk(chunk: Chunk, on_run: Callable[[int | None], None]) -> Played:
    """Play runs until done or out of time, telling ``on_run`` each and none after it; an error ends its run alone."""
    started, endings = time.perf_counter(), []
    pieces: dict[str, list[pa.Table]] = {name: [] for name in (RUNS.name, *chunk.tables)}
    done: list[int] = []
    for place, task in enumerate(chunk.tasks):
        if place > 0 and time.perf_counter() - started >= chunk.seconds:
            break
        on_run(task.run)
        ending, tables = _play(task, chunk)
        on_run(None)
        endings.append(ending)
        if tables is not None:
            done.append(task.run)
            for name, kept in pieces.items():
                kept.append(tables[name])
    rows = {name: _numbered(kept, done) for name, kept in pieces.items() if done}
    return Played(tuple(endings), rows, chunk.tasks[len(endings) :])


def _play(task: Task, chunk: Chunk) -> tuple[Ending, Mapping[str, pa.Table] | None]:
    started = time.perf_counter()
    try:
        tables = chunk.simulate(_variant(chunk, task))
        kept = {name: _only_expectations(name, tables[name]) for name in (RUNS.name, *chunk.tables)}
    # Whatever a run raises, an attempt to leave the process included, is the run's own failure.
    except (Exception, SystemExit) as error:
        where = "".join(traceback.format_exception(error)).rstrip()
        what = traceback.format_exception_only(error)[-1].strip()
        return Ending(task, RunStatus.RAISED, time.perf_counter() - started, what, where), None
    return Ending(task, RunStatus.DONE, time.perf_counter() - started), kept


_established: dict[tuple[str, int], Scenario] = {}


def _variant(chunk: Chunk, task: Task) -> Scenario:
    """Return the scenario of a run: its point's with its seed, and with what is established, which all seeds share."""
    key = (chunk.sweep, task.point)
    if key not in _established:
        ready = establish(chunk.scenarios[task.point])
        if len(_established) == POINTS_REMEMBERED:
            del _established[next(iter(_established))]
        _established[key] = ready
    return replace(_established[key], seed=task.seed)


def _only_expectations(name: str, table: pa.Table) -> pa.Table:
    """Return benchmarks without their rows for single profiles, which every run of a point would repeat."""
    return table.filter(pc.equal(table["profile"], EXPECTATION)) if name == BENCHMARKS.name else table


def _numbered(tables: Sequence[pa.Table], runs: Iterable[int]) -> pa.Table:
    """Return the rows of several runs, each with the number of its run."""
    # One piece travels between processes much faster than one for each run.
    rows = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    numbers = np.repeat(np.fromiter(runs, np.int64), [table.num_rows for table in tables])
    place = rows.schema.get_field_index("run")
    return rows.set_column(place, rows.schema.field(place), pa.array(numbers))
