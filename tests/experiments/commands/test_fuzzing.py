"""Damaged files through commands: that nothing nonsensical comes out, and that nonsense would be noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.fuzzing.calling import Reaction
from benchmarks.fuzzing.invariants import complaints
from benchmarks.fuzzing.mutations import mutant, toml_text
from marketgame.experiments.studies.carbon import ECONOMIES
from tests.experiments.command_calls import GAMES, HOME, Call

FARMERS = ECONOMIES / "three-farmers.toml"


def test_damaged_files_of_every_kind_are_answered_or_refused_and_never_crash(tmp_path: Path) -> None:
    """The same cases every time, each in a process of its own; `make evidence` tries ten thousand others.

    Left out are sweeps, which start processes, and searches that take as long as they are given.
    """
    program = [sys.executable, "-W", "ignore", "-m", "benchmarks.fuzzing", "40", "--seed", "7", "--workers", "1"]
    slow = "^(sweep|core|run|certify .*(ten-|annex|world|complements))"
    done = subprocess.run(
        [*program, "--keep", str(tmp_path / "wrong"), "--without", slow],
        check=False,
        capture_output=True,
        text=True,
        cwd=HOME.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 with something wrong" in done.stdout


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    sound = FARMERS.read_bytes()
    made = [mutant(sound, ".toml", Random(f"1 {number}")) for number in range(50)]
    assert made == [mutant(sound, ".toml", Random(f"1 {number}")) for number in range(50)]
    assert len(set(made)) > 40


def test_a_document_is_written_as_it_was_read() -> None:
    for file in (FARMERS, GAMES / "lemons.toml"):
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        assert tomllib.loads(toml_text(document)) == document


def reaction(code: int | None = 0, out: object = "", err: str = "") -> Reaction:
    text = out if isinstance(out, str) else json.dumps(out)
    return Reaction(code, text.encode("utf-8", "surrogatepass"), err.encode(), 1.0)


@pytest.mark.parametrize(
    ("command", "seen", "words"),
    [
        ("solve", reaction(None), "still going on"),
        ("solve", reaction(70, err="error: a fault of this program\n"), "ended with 70"),
        ("solve", reaction(-11), "ended with -11"),
        ("solve", reaction(1), "is no check"),
        ("solve", reaction(2), "0 lines of error"),
        ("solve", reaction(2, err="error: a\n" * 1000), "1000 lines of error"),
        ("solve", reaction(2, err="error: a\nb\n"), "a line of its own"),
        ("solve", reaction(3), "does not say why"),
        ("solve", reaction(0, err="Traceback (most recent call last):\n"), "traceback"),
        ("solve", reaction(0, "\x1b[31m"), "terminals obey"),
        ("solve", reaction(0, "{} {}"), "something else than one JSON document"),
        ("solve", reaction(0, '{"a": NaN}'), "NaN is no number"),
        ("solve", reaction(3, '{"a": [1e999]}'), "a[0] is inf"),
        ("solve", reaction(3, {"probability": 1.5}), "probability is 1.5"),
        ("solve", reaction(3, {"m": [{"action": {"a": 0.5, "b": 0.6}}]}), "m[0].action has probabilities"),
        (
            "run",
            reaction(0, {"welfare": {"x": {"share_of_first_best_gains": 1.1}}}),
            "x.share_of_first_best_gains is 1.1",
        ),
        ("block", reaction(0, {"blocked": True, "profit": 1.0}), "blocked is True, the exit code 0"),
        ("block", reaction(1, {"blocked": True, "profit": 0.0}), "has the profit 0.0"),
        ("core", reaction(0, {"status": "unknown"}), "the core is unknown"),
    ],
)
def test_nonsense_is_noticed(command: str, seen: Reaction, words: str) -> None:
    found = complaints(command, bool(seen.out), seen)
    assert any(words in each for each in found), found


def test_a_table_with_an_infinite_number_is_noticed() -> None:
    assert complaints("solve", False, reaction(0, "a   1   inf \n")) == ["its table holds inf"]
    assert complaints("solve", False, reaction(0, "informed in 1 case\n")) == []


def solved(marketgame: Call) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(marketgame("solve", FARMERS, "--json").out)
    return document


def test_a_sound_answer_is_none(marketgame: Call) -> None:
    assert complaints("solve", True, reaction(0, solved(marketgame))) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answer: answer["profiles"].pop(), "other probabilities than 1"),
        (lambda answer: answer["profiles"][0].update(welfare=100.0), "worse than autarky"),
        (lambda answer: answer["profiles"][0]["allocation"]["ann"].update(wheat=-1.0), "holds -1.0"),
        (lambda answer: answer["benchmarks"]["walrasian"].update(welfare=120.0), "walrasian has welfare 120"),
        (lambda answer: answer["benchmarks"]["incentive-efficient"].update(upper_bound=100.0), "better than the bound"),
        (lambda answer: answer.update(largest_misreport_gain=1.0), "a lie gains 1.0"),
    ],
)
def test_an_answer_made_false_is_noticed(change: Any, words: str, marketgame: Call) -> None:
    answer = solved(marketgame)
    change(answer)
    found = complaints("solve", True, reaction(0, answer))
    assert any(words in each for each in found), found
