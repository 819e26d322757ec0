"""``marketgame sweep`` as its users meet it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from marketgame import results
from marketgame.experiments.commands.command_line import main
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.sweep import Interval, Scale, Sweep, prepare, run_sweep
from marketgame.experiments.sweep.file import load_sweep, read_sweep
from marketgame.results.selection import single_run
from tests.experiments.command_calls import instead_of_drawing
from tests.experiments.sweep_cases import runs_on_disk, wait_until

HOME = Path(__file__).parents[3] / "experiments"
SWEEPS = sorted((HOME / "sweeps").glob("*.toml"))
TEXT = """
kind     = "sweep"
name     = "careless"
scenario = "{scenario}"
seeds    = 2
settings = {{ rounds = 2 }}
[axes]
"traders.share.noisy" = [0.0, 0.3]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small sweep of a real scenario."""
    path = tmp_path / "careless.toml"
    path.write_text(TEXT.format(scenario=HOME / "scenarios" / "ten-traders-noisy.toml"))
    return path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["marketgame", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare tests of other things the drawing."""
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)


@pytest.mark.usefixtures("_quick")
def test_the_command_runs_a_sweep_and_prints_one_document(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, "sweep", file, "--workers", 1, "--out", out, "-v", "--json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert {key: document[key] for key in ("sweep", "status", "runs", "done", "failed", "errors")} == {
        "sweep": "careless",
        "status": "done",
        "runs": 4,
        "done": 4,
        "failed": 0,
        "errors": [],
    }
    loaded = results.load(out)
    means = loaded.runs.groupby("point")["mean_welfare"].mean()
    assert [point["welfare"]["mean"] for point in document["points"]] == pytest.approx(means.tolist())
    assert [point["parameters"] for point in document["points"]] == [
        {"traders.share.noisy": 0.0},
        {"traders.share.noisy": 0.3},
    ]
    assert "point 0: traders.share.noisy = 0.0: mean welfare" in captured.err
    assert "4 of 4 done, 0 failed" in captured.err
    # What the command did is what the file's sweep does from Python.
    again = run_sweep(load_sweep(file), out, 1)
    assert (again.done, again.failed) == (4, 0)
    assert call(monkeypatch, "sweep", file, "--out", out, "--seeds", 3) == 2
    assert "design: seeds" in capsys.readouterr().err
    assert call(monkeypatch, "sweep", file, "--out", out) == 0
    assert "runs:         4 of 4 done, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_the_command_leaves_tables_and_exit_code_130(
    number: signal.Signals, file: Path, tmp_path: Path
) -> None:
    file.write_text(file.read_text().replace("seeds    = 2", "seeds    = 100000"))
    out = tmp_path / "out"
    # It writes what it has at once.
    start = (
        "from marketgame.experiments.commands.command_line import main; "
        "from marketgame.experiments.sweep import buffering; "
        "buffering.LEAST_SECONDS_AT_RISK = 0.0; main()"
    )
    command = [
        sys.executable,
        "-c",
        start,
        "sweep",
        str(file),
        "--workers",
        "1",
        "--figures",
        "none",
        "--out",
        str(out),
    ]
    with subprocess.Popen(
        command, cwd=HOME.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: runs_on_disk(out) > 0, process)
            os.killpg(process.pid, number)
            output, errors = process.communicate()
        finally:
            process.kill()
    assert process.returncode == 130, errors
    assert "interrupted; the same command goes on from here" in errors
    assert "Traceback" not in errors
    assert "of 200000 done, 0 failed" in output
    assert len(results.load(out).runs) > 0


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_published_sweep_is_valid_and_says_how_to_run_it_larger(path: Path) -> None:
    plan = load_sweep(path)
    assert plan.runs > 50
    assert "--cluster tcp://" in path.read_text()


def test_a_file_says_the_same_as_python(file: Path) -> None:
    stated = prepare(Sweep(read_sweep(file).scenario, {"traders.share.noisy": [0.0, 0.3]}, {"rounds": 2}, seeds=2))
    loaded = load_sweep(file)
    assert [point.content for point in loaded.points] == [point.content for point in stated.points]
    assert loaded.name == "careless"


def test_intervals_of_a_file_are_intervals(file: Path) -> None:
    given = '"traders.share.noisy" = { low = 0.1, high = 0.9, scale = "logarithmic", steps = 3 }'
    file.write_text(file.read_text().replace('"traders.share.noisy" = [0.0, 0.3]', given))
    (axis,) = read_sweep(file).axes.values()
    assert axis == Interval(0.1, 0.9, Scale.LOGARITHMIC, 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds ", "seed ", "seed is not a known key.*did you mean 'seeds'"),
        ("[0.0, 0.3]", "{ low = 0.0, hihg = 1.0 }", "axes.traders.share.noisy.hihg is not a known key.*'high'"),
        ("[0.0, 0.3]", "0.3", "axes.traders.share.noisy is 0.3; it must be a list"),
        ("[0.0, 0.3]", "[]", "axes.'traders.share.noisy' has no values"),
        ("share.noisy", "share.nosy", "did you mean 'traders.share.noisy'"),
        ("ten-traders-noisy", "ten-traders-nosy", "scenario is .*; it must be a file"),
        ("seeds    = 2", 'design = "random"', "design is 'random'; it must be one of grid"),
        ("seeds    = 2", 'tables = ["plays"]', "tables is 'plays'"),
        ("rounds = 2", "round = 2", "settings: a scenario has no 'round'; did you mean 'rounds'"),
    ],
)
def test_mistakes_in_a_file_are_named(file: Path, old: str, new: str, message: str) -> None:
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=f"careless.toml: .*{message}"):
        load_sweep(file)


def test_workers_and_cluster_are_not_both_taken(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "sweep", file, "--workers", 1, "--cluster", "tcp://127.0.0.1:9") == 2
    assert capsys.readouterr().err == "error: --workers and --cluster are both given; name one of them\n"


def test_a_sweep_leaves_its_figures_and_show_draws_them_again_or_those_of_one_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every = '["rounds", "players", "holdings", "trades", "events", "benchmarks"]'
    file.write_text(file.read_text().replace("[axes]", f"tables = {every}\n[axes]"))
    out = tmp_path / "out"
    assert call(monkeypatch, "sweep", file, "--workers", 1, "--out", out) == 0
    assert sorted(path.name for path in (out / "figures").iterdir()) == [
        "curve.png",
        "differences.png",
        "over-rounds.png",
    ]
    before = results.load(out).runs
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)
    capsys.readouterr()
    assert call(monkeypatch, "show", out, "--measure", "bankruptcies") == 0
    printed = capsys.readouterr().out
    assert "runs:         4 of 4 done, 0 failed" in printed
    assert printed.endswith(f"{out / 'figures' / 'drawn.png'}\n")
    assert call(monkeypatch, "show", out, "--run", 3, "--round", 1, "--out", tmp_path / "third") == 0
    assert "seed" in capsys.readouterr().out
    third = single_run(results.load(out), 3)
    assert third.runs["mean_welfare"].tolist() == before.loc[before["run"] == 3, "mean_welfare"].tolist()
    assert set(third.rounds["run"]) == {0}
    for words, said in (
        (("--round", 1), "--round is 1, but .* holds a sweep; name one of its runs with --run, too"),
        (("--run", 4), "has no run 4; it has 0 to 3"),
        (("--run", 1, "--measure", "bankruptcies"), "--measure is 'bankruptcies'; it is for figures of a sweep"),
    ):
        assert call(monkeypatch, "show", out, *words) == 2
        assert re.search(said, capsys.readouterr().err)
    # The sweep goes on in its folder as before, figures and all.
    assert call(monkeypatch, "sweep", file, "--out", out) == 0
    pd.testing.assert_frame_equal(results.load(out).runs, before)
