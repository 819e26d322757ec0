"""A sweep runs what its plan says, once, writes it where it belongs, and touches nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketgame import results
from marketgame.agents.behaviours import BEHAVIOURS, Learning
from marketgame.experiments.files.game_scenario_file import load_game_scenario
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.experiments.sweep import (
    OnChange,
    Sweep,
    Watcher,
    Workers,
    buffering,
    on_this_machine,
    prepare,
    run_sweep,
    storage,
)
from marketgame.experiments.sweep.progress import PointSummary, Progress
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.experiments import faulty_runs
from tests.experiments.sweep_cases import SCENARIO, SHARE, SMALL, assert_same, players

GAME = SCENARIO.with_name("myerson-example-2-severance.toml")
type Crew = Callable[[], AbstractContextManager[Workers]]


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose existence mends what some runs suffer from."""
    return tmp_path_factory.mktemp("mended") / "mended"


@pytest.fixture(scope="module")
def crew(mended: Path) -> Iterator[Crew]:
    """One worker that many sweeps share, so that its process is started only once."""
    with pytest.MonkeyPatch.context() as patch, on_this_machine(1) as workers:
        patch.setenv(faulty_runs.MENDED, str(mended))
        yield lambda: nullcontext(workers)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, crew: Crew) -> Path:
    """A small sweep run by one worker."""
    return run_sweep(SMALL, tmp_path_factory.mktemp("undisturbed"), crew(), simulate=faulty_runs.quick).folder


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
        assert isinstance(scenario, MarketScenario)
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


def test_learners_learn_the_same_in_other_processes_as_in_this_one(tmp_path: Path, crew: Crew) -> None:
    names = [name for name, kind in BEHAVIOURS.members.items() if issubclass(kind, Learning)]
    scenario = SCENARIO.with_name("three-traders-learning.toml")
    axes = {"traders.everybody.behaviour": names}
    # Runs of a point are played side by side where that is possible.
    sweep = Sweep(scenario, axes, {"rounds": 3}, seeds=2, tables=("stances", "regrets"))
    assert run_sweep(sweep, tmp_path, crew()).failed == 0
    loaded = results.load(tmp_path)
    for number, point in enumerate(prepare(sweep).points):
        run = 2 * number + 1
        assert isinstance(point.scenario, MarketScenario)
        alone = simulate(replace(point.scenario, seed=prepare(sweep).seed_of(run)))
        for name in sweep.tables:
            table = loaded.tables[name]
            found = table[table["run"] == run].drop(columns="run").reset_index(drop=True)
            assert found.astype(str).equals(alone[name].to_pandas().drop(columns="run").astype(str))


def test_games_are_swept_in_other_processes_too(tmp_path: Path, crew: Crew) -> None:
    axes = {"contract.severance.seller.L": [0.0, 5 / 6]}
    sweep = Sweep(GAME, axes, {"rounds": 20}, seeds=2, tables=("mediators",))
    assert run_sweep(sweep, tmp_path, crew()).failed == 0
    # The file of the scenario itself says 5/6.
    alone = simulate(load_game_scenario(GAME, rounds=20, seed=prepare(sweep).seed_of(3)))["mediators"]
    found = pq.read_table(tmp_path / "mediators.parquet", filters=[("run", "=", 3)])
    assert set(found["round"].to_pylist()) == set(range(20))
    assert found.drop_columns("run").to_pylist() == alone.drop_columns("run").to_pylist()


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
        assert point.done == 10
        assert point.mean_welfare == pytest.approx(mean)
        assert "rules.solvency = " in str(point)


def test_no_process_outlives_the_sweep_it_was_started_for(tmp_path: Path) -> None:
    before = players(os.getpid())
    run_sweep(replace(SMALL, axes={SHARE: [0.0]}), tmp_path, 1, simulate=faulty_runs.quick)
    assert players(os.getpid()) == before


def test_restarting_on_request_forgets_the_earlier_design(tmp_path: Path, crew: Crew) -> None:
    run_sweep(SMALL, tmp_path / "sweep", crew(), simulate=faulty_runs.quick)
    other = replace(SMALL, seeds=3)
    run_sweep(other, tmp_path / "sweep", crew(), simulate=faulty_runs.quick, on_change=OnChange.RESTART)
    assert results.load(tmp_path / "sweep").runs["run"].tolist() == list(range(12))


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
