"""The notebooks of the documentation are executed, of the code they show, and hold nothing of a machine."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter
from rich.console import Console

import marketgame
from marketgame.experiments.printing import PlainConsole
from marketgame.experiments.studies.notebooks import EXECUTED, as_text, digest, texts_of
from marketgame.results.figures import style

HOME = Path(__file__).parents[3] / "docs" / "notebooks"
NOTEBOOKS = sorted(HOME.glob("*.ipynb"))
# Paths of a machine, addresses of anything, and how long something took.
OF_A_MACHINE = re.compile(
    r"(?:/(?:home|root|tmp|work|usr|Users|var)/|https?://(?!\S*doi)|0x[0-9a-f]{6}|runs/s|wall_seconds)"
)


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["carbon-market", "sweep", "your-own-behaviour"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_executed_from_its_first_cell_to_its_last_without_an_error(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"execute_result", "display_data", "stream"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert any("text/html" in output.get("data", {}) for output in outputs)
    # Each result is shown once.
    assert all(sum(output["output_type"] == "display_data" for output in cell["outputs"]) == 0 for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_shows_is_of_the_code_it_shows_and_of_no_machine(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"][EXECUTED] == digest(notebook["cells"]), "`make notebooks` executes it anew"
    assert path.stat().st_size < 1_000_000
    for text in (*texts_of(notebook["cells"]), *(as_text(cell["source"]) for cell in notebook["cells"])):
        assert not OF_A_MACHINE.search(text)
    assert set(notebook["metadata"]["language_info"]) == {"name"}
    assert not any(cell["metadata"] for cell in notebook["cells"])


def test_changed_code_is_noticed() -> None:
    cells = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))["cells"]
    before = digest(cells)
    next(cell for cell in cells if cell["cell_type"] == "code")["source"] = "1 + 1"
    assert digest(cells) != before


def test_in_a_notebook_a_result_shows_itself_once_and_a_figure_without_pyplot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert Console().is_jupyter
    assert not PlainConsole(file=io.StringIO(), record=True).is_jupyter
    shown: list[object] = []
    monkeypatch.setattr("IPython.display.display", lambda *what, **_: shown.extend(what))
    solution = marketgame.solve("example:three-traders", participation="none")
    page = solution._repr_html_()
    assert page.count("three traders") == 1
    assert not shown
    assert not capsys.readouterr().out
    figure = style.new_figure(3.5, 2.0)
    data, metadata = DisplayFormatter().format(figure)  # type: ignore[no-untyped-call]  # IPython annotates few.
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["width"] == 420
