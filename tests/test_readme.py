"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_and_prints_the_price_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    (promised,) = re.findall(r"# \[(\S+), 1\.\]", example)
    assert np.asarray(names["price"]) == pytest.approx([float(promised), 1.0], abs=1e-8)
    assert promised in capsys.readouterr().out


def test_every_file_the_documentation_links_to_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_command_the_documentation_shows_names_files_that_exist() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for path in re.findall(r"^marketgame \S+ (experiments/\S+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert (ROOT / path).exists(), f"{page.name} runs {path}"


def test_the_test_command_stands_on_a_line_of_its_own() -> None:
    assert re.search(r"^make test$", README, re.MULTILINE)
