"""What the command line does where output cannot be written, names are wild, or the program itself is wrong."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from math import log10
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import COMMANDS, TRACEBACK
from marketgame.experiments.files.input_file import LARGEST_NUMBER
from marketgame.experiments.printing import NotFiniteError, print_json
from marketgame.experiments.studies.carbon import ECONOMIES
from tests.experiments.command_calls import GAMES, HOME, Answer, Call, assert_one_line, one_document

CASES = Path(__file__).parents[1] / "cases"
FARMERS = ECONOMIES / "three-farmers.toml"
LATIN: Mapping[str, str] = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def called(
    *words: object,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Answer:
    """Run the command line in a process of its own."""
    program = [
        sys.executable,
        "-c",
        "from marketgame.experiments.commands.command_line import main; main()",
        *map(os.fspath, map(str, words)),
    ]
    variables = {**os.environ, "PYTHONPATH": str(HOME.parent), **(environment or {})}
    process = subprocess.run(
        program, check=False, stdout=stdout, stderr=stderr, text=True, env=variables, cwd=folder, timeout=100
    )
    return Answer(process.returncode, process.stdout or "", process.stderr or "")


@pytest.mark.parametrize(
    "words", [["--help"], ["solve", "--help"], ["solve", FARMERS, "--json"], ["validate", FARMERS]]
)
def test_a_full_disk_under_standard_output_is_one_line_and_no_answer(words: list[object]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        answer = called(*words, stdout=full)
    assert answer == (ExitCode.BAD_INPUT, "", "error: standard output: cannot be written: No space left on device\n")


@pytest.mark.parametrize("words", [["solve", "--help"], ["solve", FARMERS]])
def test_a_closed_pipe_is_one_line_and_not_the_answer_no(words: list[object]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        answer = called(*words, stdout=pipe)
    assert answer == (ExitCode.BAD_INPUT, "", "error: standard output: cannot be written: Broken pipe\n")


def test_nobody_to_tell_still_leaves_the_exit_code() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert called("solve", "nowhere.toml", stdout=full, stderr=full).code == ExitCode.BAD_INPUT
        assert called("solve", FARMERS, stdout=full, stderr=full).code == ExitCode.BAD_INPUT


def test_closed_streams_take_no_file_with_them(tmp_path: Path) -> None:
    script = f'exec "{sys.executable}" -m marketgame run "$1" --rounds 1 >&- 2>&-'
    scenario = HOME / "scenarios" / "three-traders-organised.toml"
    variables = {**os.environ, "PYTHONPATH": str(HOME.parent)}
    done = subprocess.run(["sh", "-c", script, "sh", scenario], check=False, cwd=tmp_path, env=variables, timeout=100)
    assert done.returncode == 0
    manifest = next((tmp_path / "results" / "runs").glob("*/manifest.json"))
    assert json.loads(manifest.read_text(encoding="utf-8"))["status"] == "done"


def test_a_locale_without_the_letters_still_gets_the_answer(tmp_path: Path) -> None:
    file = tmp_path / "é.toml"
    file.write_text(FARMERS.read_text(encoding="utf-8").replace("wheat", "blé"), encoding="utf-8")
    tables, document = (called("solve", file, *more, environment=LATIN) for more in ([], ["--json"]))
    assert (tables.code, document.code) == (0, 0)
    assert r"bl\xe9" in tables.out
    assert "blé" in one_document(document)["profiles"][0]["price"]
    assert called("solve", tmp_path / "è.toml", environment=LATIN).code == ExitCode.BAD_INPUT


def test_a_file_whose_name_is_not_text_is_named_in_one_line(tmp_path: Path) -> None:
    answer = called("solve", os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.toml"))
    assert_one_line(answer, r"\udcff\x1b[31m.toml: there is no such file")


def test_an_unexpected_error_never_reads_as_an_answer(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: object) -> None:
        raise KeyError("an\ninner name")

    monkeypatch.setattr("marketgame.experiments.commands.validate.load_input", faulty)
    answer = marketgame("validate", FARMERS)
    assert answer.code == ExitCode.FAULT
    assert answer.err.startswith("error: a fault of this program, no answer: KeyError: ")
    assert answer.err.count("\n") == 1
    monkeypatch.setenv(TRACEBACK, "1")
    told = marketgame("validate", FARMERS)
    assert told.code == ExitCode.FAULT
    assert "Traceback" in told.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 3, "there is not enough memory"),
        (FloatingPointError("overflow encountered in multiply"), 3, "beyond what can be computed"),
        (OSError(errno.EIO, "Input/output error"), 2, "standard output: cannot be written: Input/output error"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 2, "standard output: cannot be written: Broken pipe"),
        (PermissionError(errno.EACCES, "Permission denied", "x.toml"), 2, "x.toml: cannot be used: Permission denied"),
        (RecursionError("too deep"), 70, "RecursionError: too deep"),
        (AssertionError(), 70, "AssertionError (set"),
    ],
)
def test_errors_of_machine_and_program_have_their_own_exit_codes(
    error: Exception, code: int, words: str, marketgame: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> None:
        raise error

    monkeypatch.setattr("marketgame.experiments.commands.validate.load_input", faulty)
    answer = marketgame("validate", FARMERS)
    assert answer.code == code
    assert words in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_words_that_no_command_knows_are_refused_in_one_line(command: str, marketgame: Call) -> None:
    assert_one_line(marketgame(command, "--\x1b[31mred"), r"--\x1b[31mred", "--help says")


def test_an_overflow_in_a_computation_is_no_answer(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketgame.experiments.commands.validate.load_input", lambda *_: np.array([1e308]) * 10)
    answer = marketgame("validate", FARMERS)
    assert answer.code == 3
    assert "no answer: overflow encountered" in answer.err


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_an_infinite_number_in_an_answer_is_named_by_its_field(value: float) -> None:
    with pytest.raises(NotFiniteError, match=r"profiles\[1\]\.welfare is"):
        print_json({"profiles": [{"welfare": 1.0}, {"welfare": value}]})


def test_a_json_answer_holds_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"a\x9b\u202e": "\x1b\x7f\u2028"}
    print_json(document)
    text = capsys.readouterr().out
    assert text.rstrip("\n").replace("\n", "").isprintable()
    assert json.loads(text) == document


@pytest.mark.parametrize("case", ["autarky-minus-inf.toml", "certify-fails-after-deleting.toml"])
@pytest.mark.parametrize("words", [["solve", "--json"], ["validate"], ["certify"]])
def test_numbers_beyond_computation_are_refused_by_field(case: str, words: list[str], marketgame: Call) -> None:
    """The first had autarky at -inf in its answer, the second emptied its folder before it failed."""
    answer = marketgame(words[0], CASES / case, *words[1:])
    fragments = [CASES / case, "is 1e+308; it must be a number of at most 1e+38"]
    assert [part for part in map(str, fragments) if part not in answer.err] == []
    assert answer.code == 2


def test_the_largest_numbers_leave_room_for_squares_of_cubic_costs() -> None:
    """An abatement cost is a m³: four numbers of the file; its square has eight."""
    assert sys.float_info.max > (LARGEST_NUMBER**4) ** 2
    assert 8 * log10(10 * LARGEST_NUMBER) > log10(sys.float_info.max)


@pytest.mark.parametrize(
    "valuation",
    [
        '{ family = "power", weight = [1.0], shift = [1e-30], gamma = [9.0] }',
        '{ family = "power", weight = [1e30], shift = [1e-3], gamma = [60.0] }',
    ],
)
def test_a_worth_beyond_computation_is_refused_with_its_type(valuation: str, tmp_path: Path, marketgame: Call) -> None:
    """A shift of 1e-30 to the power of 1 - 9 is 1e240: its square is beyond float64."""
    file = tmp_path / "steep.toml"
    text = (CASES / "good-markup.toml").read_text(encoding="utf-8")
    file.write_text(text.replace('{ family = "quadratic", intercept = [5.0], slope = [[1.0]] }', valuation), "utf-8")
    assert_one_line(marketgame("solve", file), "players.ann.types.known.valuation is worth", "at most 1e+150")


def test_markup_in_a_name_is_printed_and_not_obeyed(marketgame: Call) -> None:
    """A good called "[/x]" ended in Rich's MarkupError."""
    answer = marketgame("solve", CASES / "good-markup.toml")
    assert answer.code == 0
    assert "price [/x]" in answer.out
    assert "[/x] owned" in answer.out


@pytest.mark.parametrize(
    "name", ["[/x]", "[bold red]a[/bold red]", ":smile:", "a\\", "\x1b[31m\x07", "a\nb", "\u202eevil"]
)
def test_any_name_of_anything_is_printed_as_it_stands(name: str, tmp_path: Path, marketgame: Call) -> None:
    """Player, type, good, unit, economy and source all have the name; each is printed, and nothing is obeyed."""
    quoted = json.dumps(name)
    text = (CASES / "good-markup.toml").read_text(encoding="utf-8")
    for old in ('"[/x]"', '"ann"', '"tonne"', '"three traders"', '"made up for the tutorial"'):
        text = text.replace(old, quoted)
    text = text.replace("[players.types.known]", f"[players.types.{quoted}]")
    (tmp_path / "economy.toml").write_text(text, encoding="utf-8")
    shown = name.replace("\x1b", r"\x1b").replace("\x07", r"\x07").replace("\n", r"\n").replace("\u202e", r"\u202e")
    for command in ("solve", "validate", "certify"):
        answer = marketgame(command, "economy.toml", *(["--seconds", 5] if command == "certify" else []))
        assert answer.code in {0, 1}, answer.err
        assert shown in answer.out
        assert not set(answer.out + answer.err) & {"\x1b", "\x07", "\u202e"}


def test_names_in_games_are_printed_as_they_stand(tmp_path: Path, marketgame: Call) -> None:
    text = (GAMES / "myerson-example-1.toml").read_text(encoding="utf-8")
    text = text.replace('"seller"', '"[/s]"').replace("seller =", '"[/s]" =').replace('"trade"', '"[bold]\\u001b"')
    (tmp_path / "game.toml").write_text(text.replace("trade =", '"[bold]\\u001b" ='), encoding="utf-8")
    for command in ("solve", "block", "core"):
        answer = marketgame(command, "game.toml")
        assert answer.code in {0, 1}, answer.err
        assert "[/s]" in answer.out
        assert "\x1b" not in answer.out


def test_long_names_and_long_lists_of_names_leave_messages_short(tmp_path: Path, marketgame: Call) -> None:
    goods = json.dumps([f"g{place}" for place in range(1000)])
    text = (CASES / "good-markup.toml").read_text(encoding="utf-8")
    (tmp_path / "a.toml").write_text(
        text.replace('"ann"', json.dumps("x" * 100_000)).replace("[5.0]", "[-inf]"), "utf-8"
    )
    (tmp_path / "b.toml").write_text(text.replace('["[/x]", "money"]', goods), "utf-8")
    (tmp_path / "c.toml").write_text(text.replace("name   =", f"{'y' * 100_000} ="), "utf-8")
    for file in ("a.toml", "b.toml", "c.toml"):
        answer = marketgame("solve", file)
        # The second has as many mistakes as there are tables, the third lacks a name, too.
        for line in (lines := answer.err.splitlines(keepends=True)):
            assert_one_line(answer._replace(err=line), file)
            assert len(line) < 800
        assert len(lines) == {"a.toml": 1, "b.toml": 13, "c.toml": 2}[file]
