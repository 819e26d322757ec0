"""The command line, ready to be called in an empty folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from marketgame import results
from marketgame.experiments.commands.command_line import main
from tests.experiments.command_calls import Answer, Call, instead_of_drawing


@pytest.fixture
def marketgame(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Return a function that runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["marketgame", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Answer(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare tests of other things the drawing."""
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)
