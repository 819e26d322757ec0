"""Twenty kills and not a row lost: ``python -m benchmarks.kill_evidence [SUBJECT...]``.

``sweep`` kills the command ``marketgame sweep`` with SIGKILL at random moments, starting it again each time, whatever
it was at: starting, playing, writing, merging, publishing. ``workers`` kills the processes that play its runs instead.
Either way the tables must be those of a sweep that nobody disturbed, value by value. Takes a few minutes.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

KILLS = 20
# Lives end at a random moment up to this many times what it takes until the first rows are on the disk.
LONGEST_LIFE = 1.0
SCENARIO = Path(__file__).parents[1] / "experiments" / "scenarios" / "three-traders-learning.toml"
COMMAND = "from marketgame.experiments.commands.command_line import main; main()"
# Seeds of a point are played side by side, but those of noisy traders, who draw something of their own.
SWEEP = """
kind     = "sweep"
scenario = "{scenario}"
seeds    = 300
settings = {{ rounds = 20 }}
[axes]
"rules.solvency"              = ["budget", "no-short-sales"]
"traders.everybody.behaviour" = ["exponential-weights", "short-selling", "obedient", "noisy"]
"""


def start(file: Path, folder: Path) -> subprocess.Popen[bytes]:
    options = ["--workers", "2", "--figures", "none", "--out", str(folder)]
    command = [sys.executable, "-c", COMMAND, "sweep", str(file), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=SCENARIO.parents[2])


def finish(file: Path, folder: Path) -> float:
    """Run a sweep to its end, and return the seconds until its first rows were on the disk."""
    started, first = time.monotonic(), None
    process = start(file, folder)
    while process.poll() is None:
        if first is None and any(part.name[-8:].strip("0") for part in finished_parts(folder)):
            first = time.monotonic() - started
        time.sleep(0.01)
    if process.returncode != 0:
        sys.exit(f"the sweep ended with exit code {process.returncode}")
    return time.monotonic() - started if first is None else first


def kill_the_sweep(file: Path, folder: Path, first_rows: float) -> None:
    chance, killed = random.Random(1), 0
    while killed < KILLS:
        process = start(file, folder)
        moment = chance.uniform(0, LONGEST_LIFE * first_rows)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            print(f"kill {killed:2} after {moment:4.1f} s: {describe(folder)}", flush=True)
        else:
            print(f"the sweep was over after {killed} kills, the others find it so")
    finish(file, folder)


def kill_workers(file: Path, folder: Path, first_rows: float) -> None:
    chance, killed = random.Random(2), 0
    process = start(file, folder)
    while process.poll() is None and killed < KILLS:
        time.sleep(chance.uniform(0, first_rows / 2))
        workers = descendants(process.pid)
        if workers:
            os.kill(chance.choice(workers), signal.SIGKILL)
            killed += 1
    print(f"{killed} processes killed while the sweep ran")
    if process.wait() != 0:
        sys.exit(f"the sweep ended with exit code {process.returncode}")


def descendants(process: int) -> list[int]:
    """Return the processes that a process has started, and those that they have started."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return descendants_in(parents, process)


def descendants_in(parents: dict[int, int], process: int) -> list[int]:
    children = [child for child, parent in parents.items() if parent == process]
    return children + [grandchild for child in children for grandchild in descendants_in(parents, child)]


def finished_parts(folder: Path) -> list[Path]:
    """Return the parts of a sweep that are complete, in order; the first of all has no rows."""
    return sorted(part for part in folder.glob("parts-*/*-*") if not part.name.endswith(".partial"))


def describe(folder: Path) -> str:
    """Return what a killed sweep has left behind."""
    parts = finished_parts(folder)
    torn = [path.name for path in folder.rglob("*partial*")]
    rows = sum(pq.read_metadata(part / "runs.parquet").num_rows for part in parts)
    return f"{rows} runs in {len(parts)} parts{f', torn: {torn}' if torn else ''}"


def same_tables(one: Path, other: Path) -> bool:
    names = {path.name for path in one.glob("*.parquet")}
    if names != {path.name for path in other.glob("*.parquet")}:
        return False
    pairs = [(pq.read_table(one / name), pq.read_table(other / name)) for name in sorted(names)]
    return all(
        first.schema.equals(second.schema) and first.to_pylist() == second.to_pylist() for first, second in pairs
    )


@dataclass(frozen=True)
class Undisturbed:
    """A sweep that nobody disturbed.

    Attributes:
        file: what it was asked for in.
        folder: its tables.
        first_rows: seconds until its first rows were on the disk.
    """

    file: Path
    folder: Path
    first_rows: float


def undisturbed(home: Path) -> Undisturbed:
    """Run the sweep in a folder and leave it alone."""
    file, folder = home / "sweep.toml", home / "undisturbed"
    file.write_text(SWEEP.format(scenario=SCENARIO))
    return Undisturbed(file, folder, finish(file, folder))


def tables_stay_the_same(subject: str, reference: Undisturbed) -> bool:
    """Run the sweep again, killing what the subject says, and compare its tables."""
    folder = reference.folder.with_name(subject)
    SUBJECTS[subject](reference.file, folder, reference.first_rows)
    same = same_tables(reference.folder, folder)
    print(f"{subject}: the tables are {'the same' if same else 'NOT THE SAME'} as undisturbed")
    return same


SUBJECTS: dict[str, Callable[[Path, Path, float], None]] = {"sweep": kill_the_sweep, "workers": kill_workers}


def main(subjects: list[str]) -> None:
    """Gather the evidence for the named subjects, or all of them; exit code 1 if any table differs."""
    with tempfile.TemporaryDirectory() as name:
        reference = undisturbed(Path(name))
        same = [tables_stay_the_same(subject, reference) for subject in subjects or SUBJECTS]
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
