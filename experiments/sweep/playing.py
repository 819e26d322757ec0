"""Runs played inside one process, their rows put together.

Runs of one point differ in their seeds alone: where that is possible they are played side by side, with the same
results, otherwise one after another.
"""

from __future__ import annotations

import copyreg
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketgame.experiments.sweep.tables import RunStatus
from marketgame.simulation.recording.benchmarks import EXPECTATION
from marketgame.simulation.recording.tables import BENCHMARKS, RUNS
from marketgame.simulation.run import simulate, simulate_abreast
from marketgame.simulation.scenario.established import establish
from marketgame.simulation.scenario.scenario import Scenario

# Contracts kept for further runs of the same point.
POINTS_REMEMBERED = 16

# So many runs side by side gain nearly all that can be gained, and a process that dies takes no more along.
MOST_SIDE_BY_SIDE = 128

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
        one_by_one: points whose runs are not to be played side by side, since one of them may be the end of all.
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
    one_by_one: frozenset[int] = frozenset()


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


# How a run ended, and its tables if it is done.
type _One = tuple[Ending, Mapping[str, pa.Table] | None]


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
    started = time.perf_counter()
    endings: list[Ending] = []
    pieces: dict[str, list[pa.Table]] = {name: [] for name in (RUNS.name, *chunk.tables)}
    done: list[int] = []
    while len(endings) < len(chunk.tasks):
        if endings and time.perf_counter() - started >= chunk.seconds:
            break
        tasks = _side_by_side(chunk, len(endings))
        on_run(tasks[0].run)
        played = _play_abreast(tasks, chunk) if len(tasks) > 1 else [_play(tasks[0], chunk)]
        on_run(None)
        for ending, tables in played:
            endings.append(ending)
            if tables is not None:
                done.append(ending.task.run)
                for name, kept in pieces.items():
                    kept.append(tables[name])
    rows = {name: _numbered(kept, done) for name, kept in pieces.items() if done}
    return Played(tuple(endings), rows, chunk.tasks[len(endings) :])


def _side_by_side(chunk: Chunk, first: int) -> Sequence[Task]:
    """Return the runs from one on that may be played abreast: of the same point, if nobody times each of them."""
    task = chunk.tasks[first]
    alone = chunk.simulate is not simulate or chunk.seconds_per_run is not None or task.point in chunk.one_by_one
    if alone or (chunk.sweep, task.point) in _one_by_one:
        return [task]
    return list(takewhile(lambda each: each.point == task.point, chunk.tasks[first : first + MOST_SIDE_BY_SIDE]))


def _play_abreast(tasks: Sequence[Task], chunk: Chunk) -> list[_One]:
    """Play runs of one point side by side; only the first if they must be played one by one."""
    started = time.perf_counter()
    try:
        played = simulate_abreast(_variant(chunk, tasks[0]), [task.seed for task in tasks])
    # Whose failure it is turns out where each is played by itself.
    except (Exception, SystemExit):
        played = None
    if played is None:
        _one_by_one.add((chunk.sweep, tasks[0].point))
        return [_play(tasks[0], chunk)]
    seconds = (time.perf_counter() - started) / len(tasks)
    return [
        (Ending(task, RunStatus.DONE, seconds), _kept(tables, chunk))
        for task, tables in zip(tasks, played, strict=True)
    ]


def _play(task: Task, chunk: Chunk) -> _One:
    started = time.perf_counter()
    try:
        kept = _kept(chunk.simulate(_variant(chunk, task)), chunk)
    # Whatever a run raises, an attempt to leave the process included, is the run's own failure.
    except (Exception, SystemExit) as error:
        where = "".join(traceback.format_exception(error)).rstrip()
        what = traceback.format_exception_only(error)[-1].strip()
        return Ending(task, RunStatus.RAISED, time.perf_counter() - started, what, where), None
    return Ending(task, RunStatus.DONE, time.perf_counter() - started), kept


def _kept(tables: Mapping[str, pa.Table], chunk: Chunk) -> dict[str, pa.Table]:
    return {name: _only_expectations(name, tables[name]) for name in (RUNS.name, *chunk.tables)}


# Points whose runs cannot be played side by side.
_one_by_one: set[tuple[str, int]] = set()
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
