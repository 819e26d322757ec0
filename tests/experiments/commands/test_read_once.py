"""No command opens a file twice, or parses one again: what it works with and what it records cannot differ."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments import HOME
from tests.experiments.command_calls import Call

RUN = ("run", "scenarios/three-farmers-obedient.toml", "--rounds", "1", "--out", "run")
COMMANDS = {
    "validate": (
        "validate",
        "scenarios/three-farmers-obedient.toml",
        "scenarios/myerson-example-1-blocked.toml",
        "economies/two-goods-complements.toml",
        "certificates/three-traders-short-sale.json",
    ),
    "validate a sweep": ("validate", "sweeps/share-of-misreporters.toml"),
    "solve": ("solve", "economies/three-traders.toml"),
    "certify an economy": ("certify", "economies/three-traders.toml", "--largest", "1", "--out", "proofs"),
    "certify": ("certify", "scenarios/three-farmers-obedient.toml", "--largest", "1", "--out", "proofs"),
    "run": RUN,
    "run a game": ("run", "scenarios/myerson-example-1-blocked.toml", "--rounds", "1", "--out", "run"),
    "block": ("block", "games/myerson-example-1.toml"),
    "core": ("core", "games/myerson-example-1.toml"),
    "replay": ("replay", "certificates/three-traders-short-sale.json"),
}


class Opened:
    """How often files were opened under a folder, while it is told to count."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.times = Counter[str]()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and self.folder is not None and isinstance(arguments[0], str | Path):
            file = Path(arguments[0]).absolute()
            if file.is_relative_to(self.folder):
                self.times[str(file.relative_to(self.folder))] += 1


# A hook stays for as long as the process does.
OPENED = Opened()
sys.addaudithook(OPENED)


@pytest.fixture
def inputs(tmp_path: Path) -> Iterator[Path]:
    """A copy of what is shipped, in the folder where commands run; everything opened in it is counted."""
    for name in ("economies", "games", "contracts", "scenarios", "sweeps", "certificates"):
        shutil.copytree(HOME / name, tmp_path / name)
    OPENED.times.clear()
    OPENED.folder = tmp_path
    yield tmp_path
    OPENED.folder = None


@pytest.mark.parametrize("case", COMMANDS)
def test_no_command_opens_or_parses_a_file_twice(
    case: str, inputs: Path, marketgame: Call, monkeypatch: pytest.MonkeyPatch, quick_figures: None
) -> None:
    parsed = Counter[str]()

    def counted(parse: Any) -> Any:
        def count(text: str, **options: Any) -> Any:
            parsed[text] += 1
            return parse(text, **options)

        return count

    monkeypatch.setattr(tomllib, "loads", counted(tomllib.loads))
    loads = json.loads
    monkeypatch.setattr(
        "marketgame.experiments.certificate_files.files.json.loads",
        lambda text, **options: counted(loads)(text, **options) if "certifies" in text else loads(text, **options),
    )
    answer = marketgame(*COMMANDS[case])
    assert answer.code in (0, 1), answer.err
    folders = ("economies", "games", "contracts", "scenarios", "sweeps", "certificates")
    times = {file: number for file, number in OPENED.times.items() if file.startswith(folders)}
    assert times
    assert set(times.values()) == {1}, times
    assert len(parsed) == len(times)
    assert set(parsed.values()) == {1}
