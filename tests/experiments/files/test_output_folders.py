"""No command removes or replaces a file that it did not write, and what it replaces is whole at any time.

Every command that writes is called on folders that hold something else, new ones and such as an earlier call has
filled; the folder, and whatever its links lead to, must be the same afterwards, byte by byte.
"""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from marketgame import results
from marketgame.experiments.commands.command_line import COMMANDS, main
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import (
    STAGE,
    ForeignFileError,
    Purpose,
    holding,
    write_manifest,
    writing,
)
from marketgame.results.manifests import MANIFEST, PENDING, checksum, place_of, read_manifest
from tests.experiments.command_calls import GAMES, HOME, SCENARIOS, Answer, Call, assert_one_line
from tests.experiments.kills import KilledError, kill_at

ECONOMY = HOME / "economies" / "three-traders.toml"
TINY_SWEEP = """
kind     = "sweep"
scenario = "{scenario}"
seeds    = 2
settings = {{ rounds = 2 }}
tables   = ["rounds"]
[axes]
"traders.share.noisy" = [0.0, 0.5]
"""


class WritingCommand(NamedTuple):
    """A command that writes.

    Attributes:
        arguments: how it is called, but for where to.
        file: one that it writes.
        code: its exit code.
    """

    arguments: tuple[object, ...]
    file: str
    code: int = 0


# "RUN" and "SWEEP" stand for files that the tests make.
WRITING = {
    "run": WritingCommand((SCENARIOS / "tutorial-obedient.toml", "--rounds", 2), "rounds.parquet"),
    "sweep": WritingCommand(("SWEEP", "--workers", 1), "rounds.parquet"),
    "certify": WritingCommand((ECONOMY, "--largest", 1, "--seconds", 60), "01-unilateral-ann.json", 1),
    "block": WritingCommand((GAMES / "myerson-example-1-equal-gains.toml",), "blocking-plan.json", 1),
    "stress": WritingCommand(
        (ECONOMY, "--preset", "matched-escrow", "--workers", 1, "--ask", "any coalition"), "stress.json"
    ),
    "show": WritingCommand(("RUN",), "welfare.png"),
    "export": WritingCommand(("RUN", "--csv"), "rounds.csv"),
}
# Their `--out` names a file; each has tests of its own.
WRITES_A_FILE = {"animate", "report"}
# The folder that `examples` copies to is the current one, and no file in it is replaced.
WRITES_NOTHING = {"app", "claims", "solve", "core", "replay", "compare", "learning", "validate", "examples", "explain"}


def test_every_command_is_either_tested_here_or_takes_no_folder() -> None:
    assert WRITING.keys() | WRITES_A_FILE | WRITES_NOTHING == COMMANDS.keys()
    for name in COMMANDS:
        parameters = inspect.signature(import_module(f"marketgame.experiments.commands.{name}").command).parameters
        assert ("out" in parameters) == (name in WRITING.keys() | WRITES_A_FILE), name


def contents(folder: Path) -> dict[str, bytes | str | None]:
    """Return all there is in a folder, at any depth: bytes of files, targets of links, nothing for folders."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What every command writes, by its name, and the sweep file."""
    home = tmp_path_factory.mktemp("made")
    sweep = home / "tiny.toml"
    sweep.write_text(TINY_SWEEP.format(scenario=SCENARIOS / "ten-traders-noisy.toml"))
    found = {"SWEEP": sweep, "RUN": home / "run"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "save_figures", _welfare_only)
        for name, (arguments, _, code) in WRITING.items():
            found[name] = home / name
            words = [str(found.get(str(word), word)) for word in arguments]
            patch.setattr(sys, "argv", ["marketgame", name, *words, "--out", str(found[name])])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == code
    return found


def _welfare_only(run: results.Run, folder: Path, **_: object) -> list[Path]:
    """Draw one small picture, the same every time."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "welfare.png").write_bytes(b"drawn")
    return [folder / "welfare.png"]


@pytest.fixture(autouse=True)
def small_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "save_figures", _welfare_only)


def call(marketgame: Call, made: dict[str, Path], name: str, folder: Path) -> Answer:
    """Call a command that writes to a folder."""
    words = [made.get(str(word), word) for word in WRITING[name].arguments]
    return marketgame(name, *words, "--out", folder)


def _write(path: Path, text: str = "mine") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _link(folder: Path, name: str, *, to_file: bool = False) -> None:
    """Put a link into a folder to another, or to a file in it."""
    outside = folder.parent / "outside"
    _write(outside / "welfare.png")
    if (folder / name).is_dir():
        shutil.rmtree(folder / name)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside / "welfare.png" if to_file else outside)


def _replaced_by_folder(folder: Path, file: str) -> None:
    (folder / file).unlink(missing_ok=True)
    _write(folder / file / "mine.txt")


# What a user may have put into a folder, by what is done to the folder and a file that the command writes.
ADDITIONS: dict[str, Callable[[Path, str], None]] = {
    "a text": lambda folder, _: _write(folder / "thesis.txt"),
    "a table": lambda folder, _: _write(folder / "prices.parquet"),
    "a certificate": lambda folder, _: _write(folder / "precious.json", '{"kind": "certificate"}'),
    "a picture among figures": lambda folder, _: _write(folder / "figures" / "holiday.png"),
    "a folder among figures": lambda folder, _: _write(folder / "figures" / "holiday.d" / "beach.png"),
    "an empty folder": lambda folder, _: (folder / "plans").mkdir(),
    "a folder like a sweep's parts": lambda folder, _: _write(folder / "parts-of-my-thesis" / "one.txt"),
    "a folder named as parts are": lambda folder, _: _write(folder / f"parts-{'0123456789abcdef'}" / "one.txt"),
    "a folder named as results on their way are": lambda folder, _: _write(folder / STAGE / "one.txt"),
    "a folder named as whole results are": lambda folder, _: _write(folder / PENDING / "one.txt"),
    "a link to a folder": lambda folder, _: _link(folder, "figures"),
    "a link in place of a file": lambda folder, file: _link(folder, file, to_file=True),
    "a link in place of the manifest": lambda folder, _: _link(folder, MANIFEST, to_file=True),
    "a link in place of a lock": lambda folder, _: _link(folder, ".lock", to_file=True),
    "a lock of another program": lambda folder, _: _write(folder / ".lock", "4711"),
    "a folder in place of a file": _replaced_by_folder,
    "a folder in place of the manifest": lambda folder, _: _replaced_by_folder(folder, MANIFEST),
    "another manifest": lambda folder, _: _write(folder / MANIFEST, '{"version": 3}'),
    "a file of the same name": lambda folder, file: _write(folder / file),
    "a pipe": lambda folder, _: os.mkfifo(folder / "pipe"),
}


@pytest.mark.parametrize("addition", ADDITIONS)
@pytest.mark.parametrize("name", WRITING)
def test_a_folder_that_holds_anything_else_is_refused_in_one_line_and_untouched(
    name: str, addition: str, made: dict[str, Path], marketgame: Call, tmp_path: Path
) -> None:
    for earlier in (False, True):
        home = tmp_path / str(earlier)
        folder = home / "out"
        if earlier:
            shutil.copytree(made[name], folder)
        else:
            folder.mkdir(parents=True)
        ADDITIONS[addition](folder, WRITING[name].file)
        before = contents(home)
        assert_one_line(call(marketgame, made, name, folder), folder)
        assert contents(home) == before


@pytest.mark.parametrize("name", WRITING)
def test_a_second_call_replaces_the_first_through_a_link_to_the_folder_too(
    name: str, made: dict[str, Path], marketgame: Call, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(made[name], folder)
    (tmp_path / "link").symlink_to(folder)
    answer = call(marketgame, made, name, tmp_path / "link")
    assert answer.code == WRITING[name].code
    assert contents(folder).keys() == contents(made[name]).keys()
    assert read_manifest(folder / MANIFEST)["files"].keys() == read_manifest(made[name] / MANIFEST)["files"].keys()


@pytest.mark.parametrize("name", WRITING)
def test_a_folder_that_cannot_be_written_is_named_in_one_line(
    name: str, made: dict[str, Path], marketgame: Call, tmp_path: Path
) -> None:
    _write(tmp_path / "file")
    assert_one_line(call(marketgame, made, name, tmp_path / "file"), tmp_path / "file")
    assert_one_line(call(marketgame, made, name, tmp_path / "file" / "deeper"), "file")
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("name", WRITING)
def test_a_folder_whose_name_is_no_text_is_refused_in_one_line(
    name: str, made: dict[str, Path], marketgame: Call, tmp_path: Path
) -> None:
    # Arrow writes only to names in UTF-8; that is said before anything is computed.
    folder = Path(os.fsdecode(os.fsencode(tmp_path / "out") + b"\xff"))
    assert_one_line(call(marketgame, made, name, folder), "UTF-8")
    assert contents(tmp_path) == {}


def test_a_run_whose_files_were_changed_is_replaced_on_request_and_nothing_else(
    made: dict[str, Path], marketgame: Call, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(made["run"], folder)
    (folder / "rounds.parquet").write_bytes(b"damaged")
    assert_one_line(call(marketgame, made, "run", folder), "rounds.parquet", "--replay-damaged")
    words = ("run", *WRITING["run"].arguments, "--out", folder, "--replay-damaged")
    assert marketgame(*words).code == 0
    assert len(results.load(folder).rounds) == 2
    (folder / "thesis.txt").write_text("mine")
    assert_one_line(marketgame(*words), "thesis.txt")


@pytest.mark.parametrize("name", ["run", "certify", "block", "show"])
def test_two_processes_do_not_write_to_one_folder(
    name: str, made: dict[str, Path], marketgame: Call, tmp_path: Path
) -> None:
    with writing(tmp_path / "out", Purpose("a run")):
        assert_one_line(call(marketgame, made, name, tmp_path / "out"), "another process")
    assert not (tmp_path / "out").exists()


def test_certificates_stay_until_there_are_others(
    made: dict[str, Path], marketgame: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undecided(*_: object, **__: object) -> None:
        raise InputError("there is no answer")

    folder = tmp_path / "out"
    shutil.copytree(made["certify"], folder)
    before = contents(folder)
    monkeypatch.setattr("marketgame.experiments.collusion.certification.examine", undecided)
    assert_one_line(call(marketgame, made, "certify", folder), "there is no answer")
    assert contents(folder) == before


def test_without_a_folder_named_a_command_writes_beside_what_is_not_its_own(marketgame: Call, tmp_path: Path) -> None:
    taken = tmp_path / "results" / "runs" / "three-traders-certificates"
    _write(taken / "thesis.txt")
    assert call(marketgame, {}, "certify", tmp_path / "elsewhere").code == 1
    assert marketgame("certify", ECONOMY, "--largest", 1, "--seconds", 1).code == 1
    assert contents(taken) == {"thesis.txt": b"mine"}
    assert (taken.with_name(f"{taken.name}-2") / MANIFEST).exists()


def write(folder: Path, files: dict[str, str]) -> None:
    """Write a result to a folder, as commands do."""
    with writing(folder, Purpose("a result")) as written:
        for name, text in files.items():
            (written.stage / name).parent.mkdir(parents=True, exist_ok=True)
            (written.stage / name).write_text(text)
        written.commit({"marketgame": "0", "kind": "result"})


def read(folder: Path) -> dict[str, str]:
    """Return what a reader of a folder finds."""
    manifest = read_manifest(place_of(folder, MANIFEST))
    return {name: place_of(folder, name).read_text() for name in manifest["files"]}


EARLIER = {"both": "1", "figures/earlier": "1", "earlier": "1"}
LATER = {"both": "2", "figures/later": "2", "tables/later": "2"}


def test_killed_at_any_step_a_command_leaves_the_earlier_result_or_the_new_one_whole(tmp_path: Path) -> None:
    seen: list[bool] = []
    killed = True
    while killed:
        folder = tmp_path / str(len(seen))
        write(folder, EARLIER)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, len(seen))
            try:
                write(folder, LATER)
                killed = False
            except KilledError:
                killed = True
        found = read(folder)
        assert found in (EARLIER, LATER)
        seen.append(found == LATER)
        # Whoever comes next goes on from there, and nothing is left over.
        write(folder, {"third": "3"})
        assert contents(folder).keys() == {"third", MANIFEST}
    # Before some step it is the earlier result, from there on the new one.
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (False, True)
    assert len(seen) > 15


def fail(folder: Path) -> None:
    """Give up half-way through a result."""
    with writing(folder, Purpose("a run")) as written:
        (written.stage / "half").touch()
        raise ZeroDivisionError


def test_a_folder_made_for_a_result_that_fails_is_gone_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "a" / "b")
    assert contents(tmp_path) == {}


def disturbed(folder: Path) -> None:
    """Write a result to a folder into which something comes meanwhile."""
    with writing(folder, Purpose("a result")) as written:
        (written.stage / "both").write_text("2")
        (folder / "mine").write_text("mine")
        written.commit({"marketgame": "0"})


def test_what_comes_into_the_folder_meanwhile_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path / "out", EARLIER)
    with pytest.raises(ForeignFileError, match="'mine'"):
        disturbed(tmp_path / "out")
    assert read(tmp_path / "out") == EARLIER
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_a_forged_list_of_files_leads_nowhere_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "precious"
    outside.write_text("mine")
    write(folder, EARLIER)
    manifest = read_manifest(folder / MANIFEST)
    manifest["files"]["../precious"] = checksum(outside)
    write_manifest(folder, manifest)
    write(folder, LATER)
    assert outside.read_text() == "mine"


def test_killing_a_run_leaves_the_earlier_one_whole(made: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(made["run"], folder)
    before = contents(folder)
    start = "import sys; from marketgame.experiments.commands.command_line import main; main()"
    words = ["run", str(WRITING["run"].arguments[0]), "--rounds", "100000000", "--out", str(folder)]
    with subprocess.Popen([sys.executable, "-c", start, *words], stderr=subprocess.PIPE) as process:
        try:
            while not (folder / STAGE).exists():
                assert process.poll() is None
                time.sleep(0.02)
            time.sleep(0.5)
        finally:
            process.send_signal(signal.SIGKILL)
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    assert len(results.load(folder).rounds) == 2
    assert not holding(folder, Purpose("a run")).files - before.keys()
