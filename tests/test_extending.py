"""A stranger's package is written as docs/extending.md shows it, file by file, and every line of the page is run."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest

from marketgame import results
from marketgame.experiments.files.sources import reached_sources
from tests.experiments import conftest as of_commands
from tests.experiments.command_calls import Call, instead_of_drawing

marketgame = of_commands.marketgame
PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
# Blocks that stand for themselves, in the order of the page.
STEPS = re.findall(r"(?<!`:\n\n)^```(sh|python|text)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PACKAGE = "farmlab"
EXPLAINED = {"scenario": "trend-following", "market-economy": "constant-elasticity"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which the page is followed, with the files that it shows."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    mpl.use("agg")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def install(folder: Path) -> None:
    """Do what ``pip install --editable .`` does: put the folder on the path, and say what is in it."""
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    information = folder / f"{project['name']}-{project['version']}.dist-info"
    information.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (information / "METADATA").write_text(head, encoding="utf-8")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {place}" for name, place in entries.items())]
    (information / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    sys.path.insert(0, str(folder))


def test_a_learner_of_ones_own_takes_twenty_lines() -> None:
    (text,) = [text for text in FILES.values() if "(MenuLearning)" in text]
    _, _, learner = text.partition("@dataclass")
    assert len([line for line in learner.splitlines() if line.strip()]) <= 20


def test_the_page_works_from_its_first_line_to_its_last(
    home: Path, marketgame: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {language for language, _ in STEPS} == {"sh", "python", "text"}
    for language, block in STEPS:
        if language == "python":
            exec(compile(block, "extending.md", "exec"), {})
        elif language == "text":
            refused = marketgame("validate", "drifting.toml")
            assert (refused.code, refused.err) == (2, block)
        else:
            for line in block.splitlines():
                words = shlex.split(line)
                if words[0] == "pip":
                    install(home)
                    continue
                with monkeypatch.context() as patch:
                    if "installed" not in words:  # whose figures are looked at
                        patch.setattr(results, "save_figures", instead_of_drawing)
                    answer = marketgame(*words[1:])
                assert answer.code == (1 if words[1] == "certify" else 0), f"{line}: {answer.err}"
                assert words[1] != "explain" or EXPLAINED[words[2]] in answer.out

    for folder, first in (("drifting", 1.1), ("installed", 1.05)):
        run = results.load(home / folder)
        quotes = run.holdings[(run.holdings["good"] == "wheat") & (run.holdings["round"] == 1)].set_index("player")
        assert quotes["quote"]["ann"] == pytest.approx(first * quotes["quote"]["bob"])
    assert list((home / "installed" / "figures").glob("price-of-wheat.*"))
    assert results.load(home / "drifts").tables["points"].shape[0] == 6


def test_the_source_of_the_page_s_package_is_what_a_run_is_known_by(home: Path, marketgame: Call) -> None:
    assert marketgame("run", "drifting.toml", "--allow-code", "--out", "drifting", "--rounds", "1").code == 0
    code = results.load(home / "drifting").manifest["code"]
    assert code == reached_sources("farmlab.trend", ())
    assert set(code) >= {"farmlab", "farmlab.trend"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.1", "-2.0", "traders.optimist.drift is -2.0; it must be at least -1"),
        ("drift ", "drifft ", "traders.optimist.drifft is not a known key"),
    ],
)
def test_mistakes_are_refused_as_the_page_says(old: str, new: str, message: str, home: Path, marketgame: Call) -> None:
    file = home / "drifting.toml"
    file.write_text(FILES["drifting.toml"].replace(old, new), encoding="utf-8")
    answer = marketgame("validate", "drifting.toml", "--allow-code")
    assert answer.code == 2
    assert message in answer.err
