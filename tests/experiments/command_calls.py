"""Calling the command line as its users do, and reading what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from marketgame.experiments.studies.carbon import ECONOMIES

HOME = ECONOMIES.parent
SCENARIOS = HOME / "scenarios"
GAMES = HOME / "games"


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


type Call = Callable[..., Answer]


def instead_of_drawing(run: object, folder: Path, **_: object) -> list[Path]:
    """Stand in for the drawing of figures where they are not what is tested."""
    folder.mkdir(exist_ok=True)
    (folder / "drawn.png").touch()
    return [folder / "drawn.png"]


def results_in(folder: Path) -> list[str]:
    """Return the names of what a folder holds beside its manifest."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name != "manifest.json")


def one_document(answer: Answer) -> dict[str, Any]:
    """Return the one JSON document on standard output."""
    document: dict[str, Any] = json.loads(answer.out)
    return document


def assert_one_line(answer: Answer, *fragments: object) -> None:
    """Check that bad input was answered as promised: one line, no traceback, exit code 2."""
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert [str(part) for part in fragments if str(part) not in answer.err] == [], answer.err
