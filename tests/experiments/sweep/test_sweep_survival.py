"""Whatever happens to a sweep on its way, its tables are those of a sweep to which nothing happened.

Kills at random moments, twenty of them, are in ``benchmarks/kill_evidence.py``; here every kill strikes at a moment of
its own choice, however fast the machine is.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import distributed
import pytest

from marketgame import results
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.sweep import (
    OnChange,
    SweepInterrupted,
    SweepStatus,
    Watcher,
    Workers,
    identity,
    on_cluster,
    on_executor,
    on_this_machine,
    run_sweep,
)
from marketgame.experiments.sweep.file import load_sweep
from marketgame.experiments.sweep.isolation import RunnerError
from marketgame.experiments.sweep.playing import Ending, Played, play_chunk
from marketgame.experiments.sweep.progress import Progress
from marketgame.experiments.sweep.scheduling import Schedule, runs_to_play
from marketgame.experiments.sweep.statement import Sweep, prepare
from marketgame.experiments.sweep.tables import RunStatus
from marketgame.simulation.run import simulate
from tests.experiments import faulty_runs
from tests.experiments.sweep_cases import (
    LONG,
    ON_CHANGE,
    ROOT,
    SCENARIO,
    SHARE,
    SMALL,
    TROUBLED,
    alive,
    assert_same,
    in_a_process_of_its_own,
    players,
    runs_on_disk,
    tables,
    wait_until,
)
from tests.field_changes import with_fields

type Crew = Callable[[], AbstractContextManager[Workers]]


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """One worker that the tests share, so that its process is started only once."""
    with on_this_machine(1) as workers:
        yield lambda: nullcontext(workers)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, crew: Crew) -> Path:
    """The long sweep, run by one worker to its end."""
    return run_sweep(
        LONG, tmp_path_factory.mktemp("undisturbed"), crew(), simulate=faulty_runs.stops_at_the_gate
    ).folder


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory, crew: Crew) -> Path:
    """A sweep of which three runs in ten fail: one raises, one hangs, one kills its process."""
    return run_sweep(TROUBLED, tmp_path_factory.mktemp("troubled"), crew(), simulate=faulty_runs.faulty).folder


def test_a_run_that_raises_hangs_or_dies_is_a_row_with_its_error_and_ends_nothing_else(troubled: Path) -> None:
    loaded = results.load(troubled)
    runs = loaded.runs
    assert runs["run"].tolist() == list(range(10))
    assert loaded.manifest["runs"] == {"runs": 10, "done": 7, "failed": 3}
    assert set(loaded.rounds["run"]) == set(runs.loc[runs["status"] == "done", "run"])
    for seed, status, error in (
        (3, "raised", "ValueError: seed 3 does not suit"),
        (5, "timed-out", "took longer than 3 seconds"),
        (7, "died", "its process ended with signal SIGKILL"),
    ):
        (row,) = runs[runs["seed"] == seed].to_dict("records")
        assert (row["status"], row["error"]) == (status, error)
        assert math.isnan(row["mean_welfare"])
        if status != "died":
            assert "in faulty" in row["traceback"]
            assert "faulty_runs.py" in row["traceback"]
    assert runs["bankruptcies"].dtype == "Int64"


def test_a_crash_in_compiled_code_leaves_its_stack(tmp_path: Path, crew: Crew) -> None:
    run_sweep(replace(SMALL, axes={SHARE: [0.0]}, seeds=1), tmp_path, crew(), simulate=faulty_runs.crashing)
    (row,) = results.load(tmp_path).runs.to_dict("records")
    assert (row["status"], row["error"]) == ("died", "its process ended with signal SIGSEGV")
    assert "in crashing" in row["traceback"]


def test_two_workers_write_the_tables_of_one_failures_included(troubled: Path, tmp_path: Path) -> None:
    run_sweep(TROUBLED, tmp_path, 2, simulate=faulty_runs.faulty)
    assert_same(troubled, tmp_path)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_dask_cluster_with_two_workers_writes_the_tables_of_one_process(troubled: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(  # type: ignore[no-untyped-call]  # distributed annotates few of its functions.
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
            ) as cluster,
            on_cluster(cluster.scheduler_address) as workers,
        ):
            assert workers.count == 2
            run_sweep(TROUBLED, tmp_path, nullcontext(workers), simulate=faulty_runs.faulty)
        # Dask leaves sockets and event loops to the garbage collector, which is to find them here.
        gc.collect()
    assert_same(troubled, tmp_path)


def test_any_executor_will_do_and_is_left_open(undisturbed: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        run_sweep(LONG, tmp_path, on_executor(pool, 1), simulate=faulty_runs.stops_at_the_gate)
        assert pool.submit(sum, (1, 2)).result() == 3
    assert_same(undisturbed, tmp_path)


def test_kills_while_rows_are_written_or_published_change_nothing(
    tmp_path: Path, undisturbed: Path, crew: Crew
) -> None:
    folder = tmp_path / "killed"
    for step, time_of_death in (("part complete", 2), ("result complete", 1), ("table complete", 3)):
        with in_a_process_of_its_own(folder, step, time_of_death) as process:
            assert process.wait() == -signal.SIGKILL
    # Two of four tables have moved; who reads the folder finds all of them.
    assert len(list(folder.glob("*.parquet"))) == 2
    assert len(results.load(folder).runs) == 200
    seen = run_sweep(LONG, folder, crew(), simulate=faulty_runs.stops_at_the_gate)
    assert (seen.done, seen.failed) == (200, 0)
    assert_same(folder, undisturbed)
    assert sorted(path.suffix for path in folder.iterdir()) == ["", *[".json"], *[".parquet"] * 4]


def test_an_earlier_sweep_is_there_until_the_one_that_replaces_it_is_whole(
    tmp_path: Path, undisturbed: Path, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, change = tmp_path / "sweep", replace(SMALL, seeds=3)
    run_sweep(change, folder, crew(), simulate=faulty_runs.stops_at_the_gate)
    monkeypatch.setenv(ON_CHANGE, OnChange.RESTART)
    with in_a_process_of_its_own(folder, "part complete", 4) as process:
        assert process.wait() == -signal.SIGKILL
    earlier = results.load(folder)
    assert earlier.manifest["status"] == "done"
    assert len(earlier.runs) == 12
    # What was begun is gone on with, without being asked for once more.
    run_sweep(LONG, folder, crew(), simulate=faulty_runs.stops_at_the_gate)
    assert_same(folder, undisturbed)


def test_a_sweep_killed_over_hanging_runs_leaves_no_process_and_no_file_behind_and_goes_on(
    tmp_path: Path, undisturbed: Path, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    folder = tmp_path / "killed"
    gate = tmp_path / "gate"
    with in_a_process_of_its_own(folder, gate=gate) as process:
        wait_until(lambda: gate.exists() and runs_on_disk(folder) > 0, process)
        playing = {each for family in players(process.pid) for each in family}
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert len(playing) > 1  # a nursery and its player, twice unless the second is only just starting
    while alive(playing):
        time.sleep(0.01)
    assert list(temporary.iterdir()) == []
    assert not (folder / "runs.parquet").exists()
    begun = runs_on_disk(folder)
    seen: list[Progress] = []
    watcher = Watcher(on_progress=seen.append)
    run_sweep(LONG, folder, crew(), simulate=faulty_runs.stops_at_the_gate, watcher=watcher)
    assert begun <= seen[0].done
    assert_same(folder, undisturbed)


class Killing:
    """Kills a process that plays runs when a sweep has come so far: first a nursery, then a player."""

    def __init__(self) -> None:
        self.moments, self.killed = [10, 60], 0

    def __call__(self, progress: Progress) -> None:
        families = players(os.getpid())
        if self.moments and progress.done >= self.moments[0] and any(len(family) > 1 for family in families):
            victim = next(family for family in families if len(family) > 1)[self.killed]
            os.kill(victim, signal.SIGKILL)
            self.killed += 1
            del self.moments[0]


def test_killing_workers_changes_nothing(tmp_path: Path, undisturbed: Path, crew: Crew) -> None:
    killing = Killing()
    outcome = run_sweep(LONG, tmp_path, crew(), simulate=faulty_runs.slow, watcher=Watcher(on_progress=killing))
    assert (killing.killed, outcome.failed) == (2, 0)
    assert_same(tmp_path, undisturbed)


def test_a_sweep_does_not_end_the_runs_of_another_in_the_same_process(tmp_path: Path, crew: Crew) -> None:
    run_sweep(SMALL, tmp_path / "one", crew(), simulate=faulty_runs.quick)
    before = players(os.getpid())
    run_sweep(replace(SMALL, axes={SHARE: [0.0]}), tmp_path / "other", 1, simulate=faulty_runs.quick)
    assert players(os.getpid()) == before


class Interrupting:
    """Interrupts a sweep, as Ctrl-C would, once some runs are done."""

    done = False

    def __call__(self, progress: Progress) -> None:
        if progress.done >= 5 and not self.done:
            self.done = True
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_sweep_keeps_what_is_done_and_goes_on(tmp_path: Path, undisturbed: Path, crew: Crew) -> None:
    watcher = Watcher(on_progress=Interrupting())
    with pytest.raises(SweepInterrupted) as interruption:
        run_sweep(LONG, tmp_path, crew(), simulate=faulty_runs.stops_at_the_gate, watcher=watcher)
    outcome = interruption.value.outcome
    assert outcome.status is SweepStatus.INTERRUPTED
    assert 5 <= outcome.done <= 200
    early = results.load(tmp_path)
    assert len(early.runs) == outcome.done
    assert early.manifest["status"] == "interrupted"
    assert run_sweep(LONG, tmp_path, crew(), simulate=faulty_runs.stops_at_the_gate).done == 200
    assert_same(tmp_path, undisturbed)


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from marketgame.experiments.commands.command_line import main
limit = int(sys.argv.pop())
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
main()
"""


def test_a_full_disk_is_named_and_the_same_command_goes_on_when_there_is_room(tmp_path: Path, crew: Crew) -> None:
    file, folder = tmp_path / "sweep.toml", tmp_path / "sweep"
    file.write_text(
        f'kind = "sweep"\nscenario = "{SCENARIO}"\nseeds = 20\nsettings = {{ rounds = 2 }}\ntables = ["holdings"]\n'
        f'[axes]\n"{SHARE}" = [0.0, 0.5]\n'
    )
    arguments = ["sweep", str(file), "--workers", "1", "--figures", "none", "--out", str(folder)]
    manifest_only = 20_000
    for limit in (100, manifest_only):
        command = [sys.executable, "-c", ON_A_FULL_DISK, *arguments, str(limit)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 2, ended.stderr
        assert f"error: {folder}: cannot be written: File too large; what was written before is kept" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert (folder / "manifest.json").exists() == (limit == manifest_only)
    assert not (folder / "runs.parquet").exists()
    run_sweep(load_sweep(file), folder, crew())
    run_sweep(load_sweep(file), tmp_path / "undisturbed", crew())
    assert_same(folder, tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seeds": 52}, "design: seeds"),
        ({"axes": {SHARE: [0.0, 0.25]}}, "design: points"),
        ({"tables": ("rounds", "players")}, "design: tables"),
    ],
)
def test_another_design_is_not_mixed_in_unasked(undisturbed: Path, change: dict[str, object], named: str) -> None:
    before = tables(undisturbed)
    with pytest.raises(InputError, match=named):
        run_sweep(with_fields(LONG, **change), undisturbed, 1, simulate=faulty_runs.stops_at_the_gate)
    assert tables(undisturbed) == before


def test_other_code_is_not_mixed_in_unasked(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="code: simulate"):
        run_sweep(LONG, undisturbed, 1, simulate=faulty_runs.slow)
    monkeypatch.setattr(identity, "code_digest", lambda: "another")
    with pytest.raises(InputError, match="code: sources"):
        run_sweep(LONG, undisturbed, 1, simulate=faulty_runs.stops_at_the_gate)


def test_workers_with_other_sources_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketgame.experiments.sweep.execution.code_digest", lambda: "another")
    with pytest.raises(RunnerError, match="other sources"):
        run_sweep(SMALL, tmp_path, 1, simulate=faulty_runs.quick)


def test_mixing_on_request_keeps_the_runs_that_are_still_wanted(tmp_path: Path, crew: Crew) -> None:
    run_sweep(SMALL, tmp_path / "a", crew(), simulate=faulty_runs.quick)
    other = replace(SMALL, axes={SHARE: [0.5, 0.75], "rules.solvency": ["no-short-sales"]}, seeds=8, first_seed=6)
    seen: list[Progress] = []
    watcher = Watcher(on_progress=seen.append)
    run_sweep(other, tmp_path / "a", crew(), simulate=faulty_runs.quick, on_change=OnChange.MIX, watcher=watcher)
    assert seen[0].done >= 4  # seeds 6 to 9 of the one point in common
    run_sweep(other, tmp_path / "b", crew(), simulate=faulty_runs.quick)
    assert_same(tmp_path / "a", tmp_path / "b")


def test_where_a_process_died_runs_are_played_one_by_one_so_that_no_other_is_blamed() -> None:
    plan = prepare(Sweep(SCENARIO.with_name("three-traders-learning.toml"), {"rounds": [1]}, seeds=5))
    schedule = Schedule(plan, simulate, "sweep", "", "", (), 1, runs_to_play(plan, {}))
    together, began = schedule.next_chunk(), list[int | None]()
    assert together is not None
    assert [task.run for task in together.tasks] == [0, 1, 2, 3, 4]
    # Of runs side by side it is the first that is said to be played.
    played = play_chunk(together, began.append)
    assert began == [0, None]
    assert [ending.task.run for ending in played.endings] == [0, 1, 2, 3, 4]
    first, *others = together.tasks
    schedule.settle(Played((Ending(first, RunStatus.DIED, 0.0),), {}, tuple(others)))
    left, began = schedule.next_chunk(), []
    assert left is not None
    again = play_chunk(replace(left, tasks=tuple(others), seconds=math.inf), began.append)
    assert [run for run in began if run is not None] == [1, 2, 3, 4]
    for name, rows in again.tables.items():
        # The same rows as side by side, but for the run that was blamed.
        assert rows.to_pylist() == [row for row in played.tables[name].to_pylist() if row["run"] != 0], name
