"""What is damaged is named in one line; nothing is guessed, and what is sound is kept.

Every damage of a list is done to every file of a run folder, of a finished sweep and of one that was killed half-way.
The right answer does not depend on the damage: a file that is not what was written, to the last bit, is refused by its
name with exit code 2. Played again on request, a sweep has the tables of one that nothing happened to.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from marketgame import results
from marketgame.experiments.commands.command_line import main
from marketgame.experiments.sweep import SweepInterrupted, Watcher, buffering, run_sweep
from marketgame.experiments.sweep.file import load_sweep
from marketgame.experiments.sweep.progress import Progress
from marketgame.results.manifests import MANIFEST, manifest_text
from marketgame.simulation.recording.checkpoint import CHECKPOINT
from tests.experiments.command_calls import SCENARIOS, Call, assert_one_line
from tests.experiments.sweep_cases import assert_same

# Runs that are timed are played one by one, so that some of them are on the disk before all of a point are.
SWEEP = """
kind     = "sweep"
seconds_per_run = 600
scenario = "{scenario}"
seeds    = 6
settings = {{ rounds = 2 }}
tables   = ["rounds", "players"]
[axes]
"traders.share.noisy" = [0.0, 0.5]
"""
# Runs after which a sweep is interrupted. Its parts are all alike, and each file of each is damaged in every way.
BEGUN = 4


def _flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _swap_for_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": _cut,
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 5),
    "one bit flipped": _flip,
    "missing": lambda path: path.unlink(),
    "a folder": _swap_for_folder,
    "text": lambda path: path.write_text("hello\nworld\n"),
}
MANIFEST_DAMAGES: dict[str, Callable[[Path], object]] = {
    "deeply nested": lambda path: path.write_text("[" * 100_000 + "]" * 100_000),
    "deeply nested tables": lambda path: path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000),
    "a list": lambda path: path.write_text("[]"),
    "a number": lambda path: path.write_text("1" * 10_000),
    "empty table": lambda path: path.write_text("{}"),
    "twice": lambda path: path.write_text(path.read_text() * 2),
    "a value changed": lambda path: path.write_text(path.read_text().replace('"seed": 1', '"seed": 2')),
}
# What is lost of a manifest that is otherwise as if it had been written so.
LOST = ("identity", "sweep", "files", "kind", "runs", "status", "marketgame", "inputs")


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sweep") / "small.toml"
    file.write_text(SWEEP.format(scenario=SCENARIOS / "ten-traders-noisy.toml"))
    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder without figures."""
    folder = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "save_figures", lambda *_, **__: [])
        words = ["run", str(SCENARIOS / "tutorial-obedient.toml"), "--rounds", "2", "--out", str(folder)]
        patch.setattr(sys, "argv", ["marketgame", *words])
        with pytest.raises(SystemExit, match="0"):
            main()
    return folder


@pytest.fixture(scope="module")
def finished(sweep_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep."""
    return run_sweep(load_sweep(sweep_file), tmp_path_factory.mktemp("finished"), 1).folder


@pytest.fixture(scope="module")
def begun(sweep_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that was interrupted, and then lost its own tables to a kill: its parts are all there is."""
    folder = tmp_path_factory.mktemp("begun")

    def interrupt(progress: Progress) -> None:
        if progress.done >= BEGUN:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffering, "LEAST_SECONDS_AT_RISK", 0.0)
        with pytest.raises(SweepInterrupted):
            run_sweep(load_sweep(sweep_file), folder, 1, watcher=Watcher(interrupt))
    for table in folder.glob("*.parquet"):
        table.unlink()
    manifest = json.loads((folder / MANIFEST).read_text()) | {"status": "running", "files": {}}
    (folder / MANIFEST).write_text(manifest_text(manifest))
    return folder


def files_of(folder: Path) -> list[Path]:
    """Return the files that a folder's readers need, relative to it."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def damages_of(file: Path) -> dict[str, Callable[[Path], object]]:
    return DAMAGES | MANIFEST_DAMAGES if file.name == MANIFEST else DAMAGES


def damaged_copies(folder: Path, home: Path) -> list[tuple[Path, Path, str]]:
    """Return copies of a folder, each with one file damaged in one way."""
    copies: list[tuple[Path, Path, str]] = []
    for file in files_of(folder):
        for name, damage in damages_of(file).items():
            copy = home / str(len(copies))
            shutil.copytree(folder, copy)
            before = (copy / file).read_bytes()
            damage(copy / file)
            if not (copy / file).is_file() or (copy / file).read_bytes() != before:
                copies.append((copy, file, name))
            else:
                shutil.rmtree(copy)
    return copies


def test_every_damage_to_a_run_is_refused_by_the_name_of_the_file(run: Path, marketgame: Call, tmp_path: Path) -> None:
    for copy, file, damage in damaged_copies(run, tmp_path):
        if file.name == CHECKPOINT:
            # Whoever goes on with the run reads it, and nobody else.
            answer = marketgame("run", SCENARIOS / "tutorial-obedient.toml", "--rounds", "3", "--resume", "--out", copy)
            assert_one_line(answer, copy, file.name)
            continue
        answer = marketgame("show", copy, "--out", tmp_path / "figures")
        assert_one_line(answer, copy, file.name)
        if damage == "empty table":
            continue  # it says nothing, which is no contradiction to whoever reads only the tables
        with pytest.raises((ValueError, FileNotFoundError), match=file.name):
            results.load(copy)


def test_every_damage_to_a_finished_sweep_is_refused_by_the_name_of_the_file(
    finished: Path, sweep_file: Path, marketgame: Call, tmp_path: Path
) -> None:
    for copy, file, _ in damaged_copies(finished, tmp_path):
        if file.name == MANIFEST and not (copy / file).exists():
            # Without its manifest nobody knows whose the tables are.
            assert_one_line(marketgame("sweep", sweep_file, "--out", copy), copy, ".parquet'")
            continue
        assert_one_line(marketgame("sweep", sweep_file, "--out", copy), copy, file.name)


def test_every_damage_to_a_sweep_that_was_begun_is_refused_by_the_name_of_the_file(
    begun: Path, sweep_file: Path, marketgame: Call, tmp_path: Path
) -> None:
    assert len(list(begun.glob("parts-*/*-*"))) > 1
    for copy, file, _ in damaged_copies(begun, tmp_path):
        if len(file.parts) == 1 and not (copy / file).exists():
            continue  # the manifest of a sweep of which nothing is published says nothing that its parts do not
        assert_one_line(marketgame("sweep", sweep_file, "--out", copy), copy, file.name)


@pytest.mark.parametrize("lost", LOST)
def test_a_manifest_without_what_it_must_say_is_refused(
    lost: str, finished: Path, sweep_file: Path, marketgame: Call, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    manifest = json.loads((copy / MANIFEST).read_text())
    del manifest[lost]
    (copy / MANIFEST).write_text(manifest_text(manifest))
    if lost == "inputs":
        assert marketgame("sweep", sweep_file, "--out", copy).code == 0
        return
    assert_one_line(marketgame("sweep", sweep_file, "--out", copy), copy)


def test_damaged_tables_of_a_sweep_are_made_again_on_request(finished: Path, sweep_file: Path, tmp_path: Path) -> None:
    for damage in (_flip, DAMAGES["missing"]):
        copy = tmp_path / damage.__name__
        shutil.copytree(finished, copy)
        damage(copy / "rounds.parquet")
        outcome = run_sweep(load_sweep(sweep_file), copy, 1, replay_damaged=True)
        assert (outcome.done, outcome.failed) == (12, 0)
        assert_same(copy, finished)


@pytest.mark.parametrize("damage", ["one bit flipped", "missing", "empty"])
def test_sound_parts_are_kept_when_damaged_ones_are_played_again(
    damage: str, begun: Path, finished: Path, sweep_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(begun, copy)
    known = results_known(copy)
    victim = max(copy.glob("parts-*/*-*")) / "rounds.parquet"
    DAMAGES[damage](victim)
    seen: list[Progress] = []
    run_sweep(load_sweep(sweep_file), copy, 1, replay_damaged=True, watcher=Watcher(seen.append))
    assert seen[0].done > 0
    assert known > 0
    assert_same(copy, finished)


def results_known(folder: Path) -> int:
    """Return how many parts of a sweep hold runs."""
    return len(list(folder.glob("parts-*/*-*/runs.parquet")))


def test_a_damaged_manifest_of_a_sweep_that_was_begun_costs_nothing(
    begun: Path, finished: Path, sweep_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(begun, copy)
    for manifest in (copy / MANIFEST, *copy.glob(f"parts-*/{MANIFEST}")):
        manifest.write_text("{")
    seen: list[Progress] = []
    run_sweep(load_sweep(sweep_file), copy, 1, replay_damaged=True, watcher=Watcher(seen.append))
    assert seen[0].done >= BEGUN
    assert_same(copy, finished)


def test_what_is_not_of_the_sweep_is_not_played_again_but_refused(
    begun: Path, sweep_file: Path, marketgame: Call, tmp_path: Path
) -> None:
    for place in ("parts-*", "parts-*/*-*"):
        for name in ("thesis.txt", "prices.parquet"):
            copy = tmp_path / f"{len(place)}-{name}"
            shutil.copytree(begun, copy)
            (next(copy.glob(place)) / name).write_text("mine")
            for option in ((), ("--replay-damaged",), ("--on-change", "restart")):
                assert_one_line(marketgame("sweep", sweep_file, "--out", copy, *option), copy, name)
            assert next(copy.rglob(name)).read_text() == "mine"
