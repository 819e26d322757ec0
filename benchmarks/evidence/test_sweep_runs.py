"""Whatever happens to a sweep on its way, its tables are those of a sweep to which nothing happened."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import results
from experiments.input_file import InputError
from experiments.scenario_file import load_scenario
from experiments.sweep import (
    OnChange,
    Sweep,
    SweepInterrupted,
    SweepStatus,
    Watcher,
    Workers,
    buffering,
    identity,
    on_executor,
    on_this_machine,
    prepare,
    run_sweep,
    storage,
)
from experiments.sweep.isolation import RunnerError
from experiments.sweep.progress import PointSummary, Progress
from simulation.run import simulate
from tests.experiments import faulty_runs

SCENARIO = Path(__file__).parents[2] / "experiments" / "scenarios" / "ten-traders-noisy.toml"
SHARE = "traders.share.noisy"
type Crew = Callable[[], AbstractContextManager[Workers]]
SMALL = Sweep(SCENARIO, {SHARE: [0.0, 0.5], "rules.solvency": ["budget", "no-short-sales"]}, seeds=10, first_seed=0)
LONG = replace(SMALL, seeds=50)


def tables(folder: Path) -> dict[str, pa.Table]:
    """Return every table of a sweep."""
    return {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}


def assert_same(one: Path, other: Path, but: frozenset[str] = frozenset()) -> None:
    """Check that two sweeps have the same tables, value by value and row by row."""
    first, second = tables(one), tables(other)
    assert first.keys() == second.keys()
    for name, table in first.items():
        compared = [column for column in table.column_names if column not in but]
        assert table.schema.equals(second[name].schema, check_metadata=True)
        assert table.select(compared).to_pylist() == second[name].select(compared).to_pylist(), name


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose existence mends what some runs suffer from."""
    return tmp_path_factory.mktemp("mended") / "mended"


@pytest.fixture(scope="module")
def crew(mended: Path) -> Iterator[Crew]:
    """One worker that many sweeps share, so that its process is started only once."""
    os.environ["MARKETGAME_TEST_MENDED"] = str(mended)
    with on_this_machine(1) as workers:
        yield lambda: nullcontext(workers)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, crew: Crew) -> Path:
    """A small sweep run by one worker."""
    return run_sweep(SMALL, tmp_path_factory.mktemp("undisturbed"), crew(), simulate=faulty_runs.quick).folder


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, crew: Crew) -> Path:
    """A sweep that takes a second or two, not disturbed."""
    return run_sweep(LONG, tmp_path_factory.mktemp("long"), crew(), simulate=faulty_runs.slow).folder


def test_two_workers_write_the_tables_of_one(undisturbed: Path, tmp_path: Path) -> None:
    outcome = run_sweep(SMALL, tmp_path, 2, simulate=faulty_runs.quick)
    assert (outcome.status, outcome.done, outcome.failed) == (SweepStatus.DONE, 40, 0)
    assert_same(undisturbed, tmp_path)


def test_any_executor_will_do(undisturbed: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        run_sweep(SMALL, tmp_path, on_executor(pool, 1), simulate=faulty_runs.quick)
        assert pool.submit(sum, (1, 2)).result() == 3  # it is left open
    assert_same(undisturbed, tmp_path)


def test_runs_stand_in_the_order_of_points_and_seeds_with_their_parameters(undisturbed: Path) -> None:
    runs = results.load(undisturbed).runs
    assert runs["run"].tolist() == list(range(40))
    assert runs["point"].tolist() == [point for point in range(4) for _ in range(10)]
    assert runs["seed"].tolist() == list(range(10)) * 4
    assert runs[SHARE].tolist() == [0.0] * 20 + [0.5] * 20
    assert runs["rules.solvency"].tolist() == (["budget"] * 10 + ["no-short-sales"] * 10) * 2


def test_what_a_run_wrote_is_what_the_sweep_keeps(undisturbed: Path) -> None:
    loaded = results.load(undisturbed)
    plan = prepare(SMALL)
    for run in (0, 17, 39):
        scenario = replace(plan.points[plan.point_of(run)].scenario, seed=plan.seed_of(run))
        expected = faulty_runs.quick(scenario)["rounds"].to_pandas().drop(columns="run")
        found = loaded.rounds[loaded.rounds["run"] == run].drop(columns="run").reset_index(drop=True)
        assert (found.to_numpy() == expected.to_numpy()).all()


def test_the_market_itself_is_swept(tmp_path: Path, crew: Crew) -> None:
    sweep = Sweep(SCENARIO, {SHARE: [0.0, 0.3], "rounds": [3]}, seeds=2, tables=("players", "benchmarks"))
    outcome = run_sweep(sweep, tmp_path, crew())
    assert outcome.failed == 0
    loaded = results.load(tmp_path)
    alone = simulate(load_scenario(SCENARIO, rounds=3, seed=6))
    players = loaded.tables["players"]
    found = players[players["run"] == 3].drop(columns="run").reset_index(drop=True)
    assert found.astype(str).equals(alone["players"].to_pandas().drop(columns="run").astype(str))
    assert loaded.runs["mean_welfare"].tolist()[3] == alone["runs"]["mean_welfare"].to_pylist()[0]
    obedient = loaded.runs[loaded.runs[SHARE] == 0.0]
    assert obedient["mean_welfare"].tolist() == pytest.approx(obedient["mean_first_best_welfare"].tolist(), rel=1e-9)
    assert set(loaded.benchmarks["profile"]) == {-1}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of which three runs in ten fail: one raises, one hangs, one kills its process."""
    sweep = replace(SMALL, axes={SHARE: [0.0, 0.5]}, seconds_per_run=0.5)
    return run_sweep(sweep, tmp_path_factory.mktemp("troubled"), 2, simulate=faulty_runs.faulty).folder


def test_a_run_that_fails_is_a_row_with_its_error_and_ends_nothing_else(troubled: Path) -> None:
    loaded = results.load(troubled)
    runs = loaded.runs
    assert runs["run"].tolist() == list(range(20))
    assert (runs["status"] == "done").sum() == 14
    assert loaded.manifest["runs"] == {"runs": 20, "done": 14, "failed": 6}
    assert set(loaded.rounds["run"]) == set(runs.loc[runs["status"] == "done", "run"])
    assert runs.loc[runs["status"] != "done", "mean_welfare"].isna().all()
    assert runs["bankruptcies"].dtype == "Int64"


@pytest.mark.parametrize(
    ("seed", "status", "error", "traceback"),
    [
        (3, "raised", "ValueError: seed 3 does not suit", "in faulty"),
        (5, "timed-out", "took longer than 0.5 seconds", "in faulty"),
        (7, "died", "its process ended with signal SIGKILL", None),
    ],
)
def test_each_failure_says_what_and_where(
    troubled: Path, seed: int, status: str, error: str, traceback: str | None
) -> None:
    runs = results.load(troubled).runs
    rows = runs[runs["seed"] == seed]
    assert rows["status"].tolist() == [status] * 2
    assert rows["error"].tolist() == [error] * 2
    if traceback is not None:
        assert rows["traceback"].str.contains(traceback).all()
        assert rows["traceback"].str.contains("faulty_runs.py").all()


def test_failures_do_not_depend_on_the_number_of_workers(troubled: Path, tmp_path: Path, crew: Crew) -> None:
    sweep = replace(SMALL, axes={SHARE: [0.0, 0.5]}, seconds_per_run=0.5)
    run_sweep(sweep, tmp_path, crew(), simulate=faulty_runs.faulty)
    assert_same(troubled, tmp_path)


def test_a_crash_in_compiled_code_leaves_its_stack(tmp_path: Path, crew: Crew) -> None:
    run_sweep(replace(SMALL, axes={SHARE: [0.0]}, seeds=1), tmp_path, crew(), simulate=faulty_runs.crashing)
    (row,) = results.load(tmp_path).runs.to_dict("records")
    assert row["status"] == "died"
    assert row["error"] == "its process ended with signal SIGSEGV"
    assert "in crashing" in row["traceback"]


@pytest.mark.parametrize(
    ("function", "done"),
    [(faulty_runs.leaving, 0), (faulty_runs.talkative, 2), (faulty_runs.threads_of_libraries, 2)],
)
def test_runs_can_neither_leave_nor_speak_out_of_turn(
    function: Callable[..., dict[str, pa.Table]], done: int, tmp_path: Path, crew: Crew
) -> None:
    outcome = run_sweep(replace(SMALL, axes={SHARE: [0.0]}, seeds=2), tmp_path, crew(), simulate=function)
    assert (outcome.done, outcome.done + outcome.failed) == (done, 2)


def test_running_again_tries_failures_again_and_nothing_else(tmp_path: Path, mended: Path, crew: Crew) -> None:
    first = run_sweep(SMALL, tmp_path / "sweep", crew(), simulate=faulty_runs.fails_until_told)
    assert (first.done, first.failed) == (20, 20)
    mended.touch()
    seen: list[Progress] = []
    second = run_sweep(
        SMALL,
        tmp_path / "sweep",
        crew(),
        simulate=faulty_runs.fails_until_told,
        watcher=Watcher(on_progress=seen.append),
    )
    assert (second.done, second.failed) == (40, 0)
    assert seen[0].done >= 20
    runs = results.load(tmp_path / "sweep").runs
    assert (runs["status"] == "done").all()
    assert runs["error"].isna().all()


def test_nothing_is_run_again_that_is_done(undisturbed: Path, crew: Crew) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.iterdir()}
    outcome = run_sweep(SMALL, undisturbed, crew(), simulate=faulty_runs.quick)
    assert outcome.done == 40
    assert {path: path.stat().st_mtime_ns for path in undisturbed.glob("*.parquet")}.items() <= before.items()


def test_a_point_is_reported_once_when_its_last_run_ends(tmp_path: Path, crew: Crew) -> None:
    points: list[PointSummary] = []
    run_sweep(SMALL, tmp_path, crew(), simulate=faulty_runs.quick, watcher=Watcher(on_point=points.append))
    assert sorted(point.number for point in points) == [0, 1, 2, 3]
    runs = results.load(tmp_path).runs
    for point in points:
        mean = runs.loc[runs["point"] == point.number, "mean_welfare"].mean()
        assert (point.done, point.mean_welfare) == (10, pytest.approx(mean))
        assert "rules.solvency = " in str(point)


class Interrupting:
    """Interrupts a sweep, as Ctrl-C would, once some runs are done."""

    done = False

    def __call__(self, progress: Progress) -> None:
        if progress.done >= 5 and not self.done:
            self.done = True
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_sweep_keeps_what_is_done_and_goes_on(tmp_path: Path, long: Path, crew: Crew) -> None:
    watcher = Watcher(on_progress=Interrupting())
    with pytest.raises(SweepInterrupted) as interruption:
        run_sweep(LONG, tmp_path, crew(), simulate=faulty_runs.slow, watcher=watcher)
    outcome = interruption.value.outcome
    assert outcome.status is SweepStatus.INTERRUPTED
    assert 5 <= outcome.done < 200
    early = results.load(tmp_path)
    assert len(early.runs) == outcome.done
    assert early.manifest["status"] == "interrupted"
    assert run_sweep(LONG, tmp_path, crew(), simulate=faulty_runs.slow).done == 200
    assert_same(tmp_path, long)


PROCESS = """
import sys
from pathlib import Path
from experiments.sweep import buffering, run_sweep, storage
from tests.experiments import faulty_runs
from tests.experiments.test_sweep_runs import LONG
buffering.LEAST_SECONDS_AT_RISK = 0.05
storage.MOST_PARTS = 5
run_sweep(LONG, Path(sys.argv[1]), 1, simulate=faulty_runs.slow)
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a sweep in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", PROCESS, str(folder)], cwd=Path(__file__).parents[2])


def runs_on_disk(folder: Path) -> int:
    """Return how many rows the parts of a sweep have, as far as they can be seen from outside."""
    files = list(folder.glob("parts-*/*-*/runs.parquet"))
    return sum(pq.read_metadata(file).num_rows for file in files if file.exists())


def wait_for_runs(process: subprocess.Popen[bytes], folder: Path, wanted: int) -> None:
    """Wait until some runs are on disk or the process has ended."""
    while process.poll() is None and not (folder / "runs.parquet").exists():
        try:
            if runs_on_disk(folder) >= wanted:
                return
        except (OSError, pa.ArrowException):
            continue  # a part was moved or removed while it was looked at
        time.sleep(0.01)


def test_a_sweep_killed_at_random_moments_ends_with_the_tables_of_an_undisturbed_one(
    tmp_path: Path, long: Path
) -> None:
    chance, folder = random.Random(4), tmp_path
    for wanted in (1, 60):
        process = start(folder)
        wait_for_runs(process, folder, wanted)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    begun = runs_on_disk(folder)
    assert 0 < begun < 200
    assert start(folder).wait() == 0
    assert_same(folder, long)
    assert not list(folder.glob("parts-*"))


def processes_that_play() -> list[int]:
    """Return the processes of sweeps that this process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text().split("\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if "experiments.sweep.runner" in command and parent == os.getpid():
            found.append(int(entry.name))
    return found


class KillingWorkers:
    """Kills a process that plays runs now and then."""

    def __init__(self, times: int) -> None:
        self.times, self.killed, self.last = times, 0, 0.0

    def __call__(self, progress: Progress) -> None:
        playing = processes_that_play()
        if progress.done >= 10 and self.killed < self.times and playing and time.monotonic() - self.last > 0.5:
            os.kill(playing[0], signal.SIGKILL)
            self.killed, self.last = self.killed + 1, time.monotonic()


def test_killing_workers_changes_nothing(tmp_path: Path, long: Path, crew: Crew) -> None:
    killing = KillingWorkers(2)
    outcome = run_sweep(LONG, tmp_path, crew(), simulate=faulty_runs.slow, watcher=Watcher(on_progress=killing))
    assert killing.killed == 2
    assert outcome.failed == 0
    assert_same(tmp_path, long)


def test_no_process_outlives_the_sweep_it_was_started_for(tmp_path: Path) -> None:
    before = set(processes_that_play())
    run_sweep(replace(SMALL, axes={SHARE: [0.0]}), tmp_path, 1, simulate=faulty_runs.quick)
    assert set(processes_that_play()) <= before


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Make writing beyond a size fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [100, 3_000, 7_000])
def test_a_full_disk_is_named_and_the_sweep_goes_on_when_there_is_room(
    undisturbed: Path, tmp_path: Path, crew: Crew, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(buffering, "LEAST_SECONDS_AT_RISK", 0.0)
    with files_no_larger_than(limit), pytest.raises(InputError, match=r"File too large.*run the same sweep again"):
        run_sweep(SMALL, tmp_path, crew(), simulate=faulty_runs.quick)
    run_sweep(SMALL, tmp_path, crew(), simulate=faulty_runs.quick)
    assert_same(undisturbed, tmp_path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seeds": 12}, "design: seeds"),
        ({"axes": {SHARE: [0.0, 0.25]}}, "design: points"),
        ({"tables": ("rounds", "players")}, "design: tables"),
    ],
)
def test_another_design_is_not_mixed_in_unasked(undisturbed: Path, change: dict[str, object], named: str) -> None:
    before = tables(undisturbed)
    with pytest.raises(InputError, match=named):
        run_sweep(replace(SMALL, **change), undisturbed, 1, simulate=faulty_runs.quick)  # type: ignore[arg-type]
    assert tables(undisturbed) == before


def test_other_code_is_not_mixed_in_unasked(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="code: simulate"):
        run_sweep(SMALL, undisturbed, 1, simulate=faulty_runs.slow)
    monkeypatch.setattr(identity, "code_digest", lambda: "another")
    with pytest.raises(InputError, match="code: sources"):
        run_sweep(SMALL, undisturbed, 1, simulate=faulty_runs.quick)


def test_mixing_on_request_keeps_the_runs_that_are_still_wanted(tmp_path: Path, crew: Crew) -> None:
    run_sweep(SMALL, tmp_path / "sweep", crew(), simulate=faulty_runs.quick)
    other = replace(SMALL, axes={SHARE: [0.5, 0.75], "rules.solvency": ["no-short-sales"]}, seeds=8, first_seed=6)
    seen: list[Progress] = []
    watcher = Watcher(on_progress=seen.append)
    run_sweep(other, tmp_path / "sweep", crew(), simulate=faulty_runs.quick, on_change=OnChange.MIX, watcher=watcher)
    assert seen[0].done >= 4  # seeds 6 to 9 of the one point in common
    run_sweep(other, tmp_path / "fresh", crew(), simulate=faulty_runs.quick)
    assert_same(tmp_path / "sweep", tmp_path / "fresh")


def test_restarting_on_request_forgets_the_earlier_design(tmp_path: Path, crew: Crew) -> None:
    run_sweep(SMALL, tmp_path / "sweep", crew(), simulate=faulty_runs.quick)
    other = replace(SMALL, seeds=3)
    run_sweep(other, tmp_path / "sweep", crew(), simulate=faulty_runs.quick, on_change=OnChange.RESTART)
    assert results.load(tmp_path / "sweep").runs["run"].tolist() == list(range(12))


def test_workers_with_other_sources_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.sweep.execution.code_digest", lambda: "another")
    with pytest.raises(RunnerError, match="other sources"):
        run_sweep(SMALL, tmp_path, 1, simulate=faulty_runs.quick)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="holds something else than a sweep"):
        run_sweep(SMALL, tmp_path, 1, simulate=faulty_runs.quick, on_change=OnChange.RESTART)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_two_processes_do_not_run_one_sweep(tmp_path: Path, crew: Crew) -> None:
    def try_it_too(_: Progress) -> None:
        with pytest.raises(InputError, match="another process is running a sweep"):
            run_sweep(SMALL, tmp_path, crew(), simulate=faulty_runs.quick)
        tried.append(True)

    tried: list[bool] = []
    run_sweep(SMALL, tmp_path, crew(), simulate=faulty_runs.quick, watcher=Watcher(on_progress=try_it_too))
    assert tried


def test_a_function_that_other_processes_cannot_find_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="top level of a module"):
        run_sweep(SMALL, tmp_path, 1, simulate=lambda _: {})


def test_parts_are_merged_when_there_are_many(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crew: Crew
) -> None:
    monkeypatch.setattr(storage, "MOST_PARTS", 2)
    monkeypatch.setattr(buffering, "LEAST_SECONDS_AT_RISK", 0.0)
    run_sweep(SMALL, tmp_path, crew(), simulate=faulty_runs.quick)
    assert_same(undisturbed, tmp_path)
