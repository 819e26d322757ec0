"""Small sweeps for tests, what it means that two sweeps are the same, and a sweep in a process that can be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marketgame.experiments.sweep import OnChange, Sweep, buffering, run_sweep, storage
from marketgame.results.manifests import PENDING
from tests.experiments import faulty_runs

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "experiments" / "scenarios" / "ten-traders-noisy.toml"
SHARE = "traders.share.noisy"
SMALL = Sweep(SCENARIO, {SHARE: [0.0, 0.5], "rules.solvency": ["budget", "no-short-sales"]}, seeds=10, first_seed=0)
LONG = replace(SMALL, seeds=50)
# Name of an environment variable that says what a process of its own does with what it finds.
ON_CHANGE = "MARKETGAME_TEST_ON_CHANGE"
# Three of its runs in ten fail, each in its own way; the limit is far more than the others take on any machine.
TROUBLED = replace(SMALL, axes={SHARE: [0.5]}, seconds_per_run=3.0)
# Where a killed sweep may be struck, when a part, all tables or one of them, complete now, take their place: the method
# of paths that does it, and the names of the places.
STEPS: Mapping[str, tuple[str, str]] = {
    "part complete": ("rename", r"\d{8}-\d{8}"),
    "result complete": ("replace", re.escape(PENDING)),
    "table complete": ("replace", r"[^.].*\.parquet"),
}


def tables(folder: Path) -> dict[str, pa.Table]:
    """Return every table of a sweep."""
    return {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}


def assert_same(one: Path, other: Path) -> None:
    """Check that two sweeps have the same tables, value by value and row by row."""
    first, second = tables(one), tables(other)
    assert first.keys() == second.keys()
    for name, table in first.items():
        assert table.schema.equals(second[name].schema, check_metadata=True)
        assert table.to_pylist() == second[name].to_pylist(), name


def runs_on_disk(folder: Path) -> int:
    """Return how many runs the complete parts of a sweep have, as far as they can be seen from outside."""
    runs: set[int] = set()
    for part in folder.glob("parts-*/*-*"):
        # Parts are merged and removed while they are looked at; what is being written is not yet there. A process
        # killed over a merge leaves some runs in two parts.
        if not part.name.endswith(storage.PARTIAL):
            try:
                runs.update(pq.read_table(part / "runs.parquet", columns=["run"])["run"].to_pylist())
            except (OSError, pa.ArrowException):
                continue
    return len(runs)


@contextmanager
def in_a_process_of_its_own(
    folder: Path, *arguments: object, gate: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the long sweep in a process that is gone when the block is left."""
    command = [sys.executable, "-m", "tests.experiments.sweep_cases", str(folder), *map(str, arguments)]
    environment = os.environ if gate is None else os.environ | {faulty_runs.GATE: str(gate)}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Wait for something that a process brings about."""
    while not holds():
        assert process.poll() is None, f"it ended with exit code {process.returncode}"
        time.sleep(0.01)


def parents() -> dict[int, int]:
    """Return the processes of this machine that have not ended, each with the one that started it."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state not in "ZX":
            found[int(entry.name)] = int(parent)
    return found


def players(process: int) -> list[tuple[int, ...]]:
    """Return the processes in which a process has runs played: each nursery, followed by its player if it has one."""
    known = parents()
    nurseries = [child for child, parent in known.items() if parent == process and _is_nursery(child)]
    return [(nursery, *(child for child, parent in known.items() if parent == nursery)) for nursery in nurseries]


def _is_nursery(process: int) -> bool:
    try:
        return b"marketgame.experiments.sweep.runner" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def alive(processes: Collection[int]) -> set[int]:
    """Return those processes that have not ended."""
    return set(processes) & parents().keys()


def _kill_at(step: str, time_of_death: int) -> None:
    """Let this process be killed just before it takes a step for the n-th time."""
    name, place = STEPS[step]
    function, calls = getattr(Path, name), iter(range(1, time_of_death))

    def call(path: Path, target: Path) -> object:
        if re.fullmatch(place, Path(target).name) and next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(path, target)

    setattr(Path, name, call)


def main(folder: str, step: str = "", time_of_death: str = "0") -> None:
    """Run the long sweep, writing often, until the end or until it is killed."""
    buffering.LEAST_SECONDS_AT_RISK = 0.0  # type: ignore[misc]  # A Final, set lower in a process that is to be killed.
    storage.MOST_PARTS = 3
    if step:
        _kill_at(step, int(time_of_death))
    on_change = OnChange(os.environ.get(ON_CHANGE, OnChange.REFUSE))
    # Where it is killed over what it writes, one worker gives it enough to write.
    run_sweep(LONG, folder, 1 if step else 2, simulate=faulty_runs.stops_at_the_gate, on_change=on_change)


if __name__ == "__main__":
    main(*sys.argv[1:])
