"""A sweep from its statement to its folder: whatever happens on the way, running it again goes on from there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.interruption import heard, postponed
from marketgame.experiments.files.output_folder import reason_of, write_manifest, writing
from marketgame.experiments.files.provenance import command_line, input_files, software
from marketgame.experiments.files.sources import outside_modules
from marketgame.experiments.sweep.buffering import Buffer
from marketgame.experiments.sweep.design import Axis, Design, Interval
from marketgame.experiments.sweep.executors import Workers, on_this_machine
from marketgame.experiments.sweep.folder import (
    KIND,
    PURPOSE,
    Found,
    OnChange,
    discard_other_parts,
    identity_digest,
    locked,
    look,
    open_store,
    parts_name,
    point_digests,
)
from marketgame.experiments.sweep.identity import Identity, changes, code_digest, identity
from marketgame.experiments.sweep.playing import Simulate
from marketgame.experiments.sweep.progress import PointSummary, Progress, Tally
from marketgame.experiments.sweep.publishing import publish
from marketgame.experiments.sweep.scheduling import Schedule, played_chunks, runs_to_play
from marketgame.experiments.sweep.statement import Plan, Sweep, prepare
from marketgame.results.manifests import FILES
from marketgame.simulation.run import simulate as simulate_scenario
from marketgame.simulation.scenario.streams import BIT_GENERATOR


class SweepStatus(StrEnum):
    """How far a sweep has come."""

    RUNNING = "running"
    """A process is at it, or was killed."""
    DONE = "done"
    """Every run has ended."""
    INTERRUPTED = "interrupted"
    """Its user stopped it."""


@dataclass(frozen=True)
class SweepOutcome:
    """What became of a sweep.

    Attributes:
        folder: where its tables are.
        status: how far it came.
        runs: how many runs it has.
        done: how many of them are done.
        failed: how many failed; running the sweep again tries them again.
    """

    folder: Path
    status: SweepStatus
    runs: int
    done: int
    failed: int


class SweepInterrupted(KeyboardInterrupt):
    """A sweep was interrupted; what was done until then has been written.

    Attributes:
        outcome: how far it came.
    """

    def __init__(self, outcome: SweepOutcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(frozen=True)
class Watcher:
    """Whoever wants to know how a sweep comes along.

    Attributes:
        on_progress: called a few times a second.
        on_point: called when the last run of a point has ended.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    on_point: Callable[[PointSummary], None] = lambda _: None


def run_sweep(
    sweep: Sweep | Plan,
    folder: Path | str,
    workers: AbstractContextManager[Workers] | int | None = None,
    *,
    on_change: OnChange = OnChange.REFUSE,
    replay_damaged: bool = False,
    simulate: Simulate = simulate_scenario,
    watcher: Watcher = Watcher(),
) -> SweepOutcome:
    """Run a sweep, or the rest of it: runs that are done are skipped, runs that failed are tried again.

    Args:
        sweep: what to run.
        folder: where to; made if need be.
        workers: where runs are played: a number of processes on this machine, one for each core when left out,
            or what :func:`marketgame.experiments.sweep.on_cluster` or :func:`marketgame.experiments.sweep.on_executor`
            return.
        on_change: what to do if the folder holds results of another design or of other code.
        replay_damaged: whether runs are played again whose files in the folder are damaged, instead of refusing it.
        simulate: plays a scenario; a function at the top level of a module, which other processes import by name.
        watcher: is told how it goes.

    Returns:
        How far it came; the folder is read by :func:`marketgame.results.load`.

    Raises:
        InputError: the sweep is wrong, the folder holds something else, or the disk is full. What was done until
            then is kept.
        SweepInterrupted: the user interrupted; what was done until then is kept.
        RunnerError: processes that play runs cannot be started.
        WorkersLostError: the workers fail whatever they are given.
    """
    plan = prepare(sweep) if isinstance(sweep, Sweep) else sweep
    home, now = Path(folder), identity(plan, simulate)
    with postponed() as stopping, locked(home, replay_damaged=replay_damaged), _blamed_on_disk(home):
        found = look(home, replay_damaged=replay_damaged)
        if on_change is not OnChange.RESTART and (finished := _finished(plan, home, now, found)):
            return finished
        session = _Session(plan, home, now, found, on_change, replay_damaged=replay_damaged)
        session.begin()
        where = on_this_machine(workers) if workers is None or isinstance(workers, int) else workers
        try:
            with where as crew:
                session.play(crew, simulate, watcher)
        except KeyboardInterrupt:
            # What has been played is written, however impatient its user is.
            stopping.allowed = False
            raise SweepInterrupted(session.close(SweepStatus.INTERRUPTED)) from None
        return session.close(SweepStatus.DONE)


class _Session:
    """One process's work at a sweep."""

    def __init__(
        self, plan: Plan, folder: Path, now: Identity, found: Found, on_change: OnChange, *, replay_damaged: bool
    ) -> None:
        self._plan, self._folder, self._now, self._found = plan, folder, now, found
        self._started, self._clock = datetime.now(UTC), time.perf_counter()
        self._tally = Tally(plan, {})
        self._purpose = replace(PURPOSE, damaged_too=replay_damaged)
        self._store = open_store(
            plan,
            folder,
            now,
            on_change,
            found,
            self._manifest(SweepStatus.RUNNING),
            replay_damaged=replay_damaged,
        )
        self._buffer = Buffer(self._store)
        ended = self._store.statuses()
        self._waiting = runs_to_play(plan, ended)
        self._tally = Tally(plan, ended)

    def begin(self) -> None:
        """Say in the manifest that the sweep is being run, where that of an earlier one is not still true."""
        if self._found.manifest is None:
            write_manifest(self._folder, self._manifest(SweepStatus.RUNNING) | {FILES: {}})
        discard_other_parts(self._folder, self._now)

    def play(self, workers: Workers, simulate: Simulate, watcher: Watcher) -> None:
        """Play all runs; whatever ends this, runs that have ended are written."""
        schedule = Schedule(
            self._plan,
            simulate,
            identity_digest(self._now),
            code_digest(),
            self._now["code"]["simulate"],
            outside_modules(point.scenario for point in self._plan.points),
            workers.count,
            self._waiting,
        )
        with _interruption() as interruption:
            coming = played_chunks(schedule, workers.executor, partial(self._tick, watcher, interruption))
            try:
                with closing(coming):
                    for played in coming:
                        self._buffer.add(played)
                        for point in self._tally.add(played):
                            watcher.on_point(point)
            finally:
                self._buffer.write()
            watcher.on_progress(self._tally.progress)

    def close(self, status: SweepStatus) -> SweepOutcome:
        """Let the sweep's own tables and manifest take the place of earlier ones."""
        with writing(self._folder, self._purpose) as written:
            publish(self._plan, self._store.parts, written.stage)
            written.commit(self._manifest(status))
        discard_other_parts(self._folder, self._now)
        if status is SweepStatus.DONE:
            self._store.clear()
        return self._outcome(status)

    def _tick(self, watcher: Watcher, interruption: Interruption) -> None:
        self._buffer.write_if_due()
        watcher.on_progress(self._tally.progress)
        interruption.act()

    def _outcome(self, status: SweepStatus) -> SweepOutcome:
        progress = self._tally.progress
        return SweepOutcome(self._folder, status, progress.runs, progress.done, progress.failed)

    def _manifest(self, status: SweepStatus) -> dict[str, object]:
        plan, outcome = self._plan, self._outcome(status)
        return {
            "kind": KIND,
            "name": plan.name,
            "identity": self._now,
            "sweep": sweep_document(plan),
            "runs": {"runs": outcome.runs, "done": outcome.done, "failed": outcome.failed},
            "inputs": input_files(plan.inputs, plan.base.file.parent),
            "command": command_line(),
            "bit_generator": BIT_GENERATOR,
            **software(),
            "started": self._started.isoformat(timespec="seconds"),
            "wall_seconds": round(time.perf_counter() - self._clock, 3),
            "status": status.value,
        }


class Interruption:
    """Waits with an interruption until it can be acted on, because rows are not written by halves."""

    def __init__(self) -> None:
        self._wanted = False

    def ask(self, *_: object) -> None:
        """Take note of an interruption; the second does not wait.

        Raises:
            KeyboardInterrupt: it was asked for before.
        """
        if self._wanted:
            raise KeyboardInterrupt
        self._wanted = True

    def act(self) -> None:
        """Interrupt if it was asked for.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self._wanted:
            raise KeyboardInterrupt


@contextmanager
def _interruption() -> Iterator[Interruption]:
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    with heard(interruption.ask):
        yield interruption


@contextmanager
def _blamed_on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {reason_of(error)}; {PURPOSE.advice}") from error


def sweep_document(plan: Plan) -> dict[str, object]:
    """Return what a sweep varies, as plain JSON values."""
    sweep = plan.sweep
    return {
        "scenario": plan.base.name,
        "design": sweep.design.value,
        "axes": {path.column: _axis_document(axis) for path, axis in zip(plan.paths, plan.axes, strict=True)},
        "samples": None if sweep.design is Design.GRID else sweep.samples,
        "sampling_seed": None if sweep.design is Design.GRID else sweep.sampling_seed,
        "seeds": sweep.seeds,
        "first_seed": plan.first_seed,
        "seconds_per_run": sweep.seconds_per_run,
        "tables": list(sweep.tables),
        "points": point_digests(plan),
    }


def _axis_document(axis: Axis) -> object:
    if isinstance(axis, Interval):
        return {"low": axis.low, "high": axis.high, "scale": axis.scale.value, "whole": axis.whole}
    return list(axis.values)


def _finished(plan: Plan, folder: Path, now: Identity, found: Found) -> SweepOutcome | None:
    """Return what became of a sweep of which nothing is left to do; none if there is."""
    held = found.manifest
    if held is None or found.damaged or changes(held["identity"], now) or (folder / parts_name(now)).exists():
        return None
    counts = held["runs"]
    if held["status"] != SweepStatus.DONE or counts["done"] < plan.runs:
        return None
    return SweepOutcome(folder, SweepStatus.DONE, **counts)
