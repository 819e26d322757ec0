"""What the README and the other pages show is what happens."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer

from marketgame.agents.behaviours import BEHAVIOURS
from marketgame.experiments.commands.command_line import COMMANDS, COMPLETION
from marketgame.mechanisms.economies.valuations import FAMILIES
from marketgame.results.figures.registry import FIGURES, SWEEP_FIGURES
from tests.experiments import conftest as of_commands
from tests.experiments.command_calls import Call
from tests.test_docstrings import is_there, modules

marketgame = of_commands.marketgame
quick_figures = of_commands.quick_figures
ROOT = Path(__file__).parents[1]
PAGES = {
    page.name: page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
README = PAGES["README.md"]
# Of entry points, which are named like modules.
GROUPS = {BEHAVIOURS.group, FAMILIES.group, FIGURES.group, SWEEP_FIGURES.group}
# Commands that answer at once.
CHEAP = ("validate", "explain", "examples", "replay")
# Whose programs the pages mention besides ours.
FOREIGN = {"dask", "pip"}


def files(page: str) -> dict[str, str]:
    """Return the input files that a page shows, by name."""
    return dict(re.findall(r"`(\w+\.toml)`:\n\n```toml\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE))


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a language that a page shows."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def typed() -> list[tuple[str, str]]:
    """Return every line that a page shows to be typed in a shell, with the page."""
    return [
        (page, line.strip())
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.splitlines()
        if line.strip() and not line.startswith("#")
    ]


def parsed(name: str, words: list[str]) -> None:
    """Let the command take the words, without doing what it does."""
    app = typer.Typer(add_completion=False)
    app.command()(import_module(f"marketgame.experiments.commands.{name}").command)
    typer.main.get_command(app).make_context(name, words)


def options_of(name: str) -> set[str]:
    """Return the options of a command."""
    app = typer.Typer(add_completion=False)
    app.command()(import_module(f"marketgame.experiments.commands.{name}").command)
    return {option for parameter in typer.main.get_command(app).params for option in parameter.opts} | {"-h", "--help"}


def test_the_python_example_runs_and_prints_the_price_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    example = blocks("README.md", "python")[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    (promised,) = re.findall(r"# \[(\S+), 1\.\]", example)
    assert np.asarray(names["price"]) == pytest.approx([float(promised), 1.0], abs=1e-8)
    assert promised in capsys.readouterr().out


def test_the_guide_reads_what_a_command_on_it_has_written(marketgame: Call, tmp_path: Path) -> None:
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    assert marketgame("run", "experiments/scenarios/annex-b-obedient.toml", "--rounds", 1).code == 0
    (block,) = blocks("guide.md", "python")
    exec(compile(block, "guide.md", "exec"), {})


def test_every_line_to_be_typed_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(typed()) > 20
    for page, line in typed():
        match shlex.split(line, comments=True):
            case ["make", target]:
                assert target in targets, f"{page}: {line}"
            case ["marketgame", option] if option in COMPLETION:
                pass
            case ["marketgame", name, *words]:
                assert name in COMMANDS, f"{page}: {line}"
                parsed(name, words)
                assert all((ROOT / word).exists() for word in words if word.startswith("experiments/")), line
            case ["python", "-m", module, *_]:
                assert find_spec(module), f"{page}: {line}"
            case ["source", script]:
                assert script == ".venv/bin/activate"
            case [program, *_]:
                assert program in FOREIGN, f"{page}: {line}"


def test_lines_to_be_typed_mean_the_same_to_bash_and_to_powershell() -> None:
    for page, line in typed():
        if page == "README.md":
            assert not re.search(r"[\\$`&|<>;*?(){}'\"]", line), line


def test_the_readme_asks_for_no_word_to_be_replaced_in_what_is_typed() -> None:
    for page, line in typed():
        if page == "README.md":
            assert not re.search(r"\b[A-Z]{2,}\b", line), line


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_a_page_mentions_exists(page: str) -> None:
    spans = re.findall(r"`([^`\n]+)`", PAGES[page])
    known = set().union(*map(options_of, COMMANDS)) | {*COMPLETION, "--version", "--no-deps"}
    for span in spans:
        if span.startswith("marketgame ") and span.split()[1] not in COMPLETION:
            name = span.split()[1]
            assert name in COMMANDS, span
            assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", span)) <= options_of(name), span
        elif span.split()[0] not in FOREIGN:
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)) <= known, span


@pytest.mark.parametrize(
    "line",
    sorted(
        # What docs/extending.md shows needs the files that it shows, and is run with them.
        {line for page, line in typed() if page != "extending.md" and line.split()[1] in CHEAP and "marketgame" in line}
    ),
)
def test_what_answers_at_once_does_so_as_shown(line: str, marketgame: Call, tmp_path: Path) -> None:
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    for page in (page for page, each in typed() if each == line):
        for name, text in files(page).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
    answer = marketgame(*shlex.split(line, comments=True)[1:])
    assert answer.code == 0
    assert all(said.startswith("warning: ") for said in answer.err.splitlines())
    assert answer.out


def test_what_readme_and_guide_show_is_what_commands_print_on_80_columns(
    marketgame: Call, quick_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = {
        "solve example:annex-b": blocks("README.md", "text"),
        "run example:annex-b-one-short-seller": blocks("guide.md", "text")[1:2],
    }
    for line, (block,) in shown.items():
        assert f"marketgame {line}" in README
        answer = marketgame(*line.split())
        assert answer.code == 0
        assert told(block) in told(answer.out)


def told(text: str) -> str:
    """Return a text without the room around its lines."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def test_every_module_and_test_that_a_page_names_exists() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    tests = {file.stem for file in files}
    for file in files:
        tests.update(re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    for page, text in PAGES.items():
        for name in re.findall(r"`(marketgame(?:\.\w+)+)`", text):
            assert name in GROUPS or is_there(name, "marketgame"), f"{page} names {name}"
        for name, cut in re.findall(r"`(test_\w+)(\.\.\.)?`", text):
            assert name in tests or (cut and any(each.startswith(name) for each in tests)), f"{page} names {name}"


def test_every_module_of_the_mathematics_that_a_decision_names_exists() -> None:
    rows = [line for line in PAGES["reading-the-papers.md"].splitlines() if re.match(r"\| \d+ ", line)]
    assert len(rows) > 20
    known = [name.removeprefix("marketgame.") for name in modules()]
    for row in rows:
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`", row.rsplit("|", 2)[1]):
            if not name.startswith(("test_", "marketgame.")) and name not in COMMANDS:
                assert any(f".{each}".endswith(f".{name}") for each in known), f"{name} in {row[:40]}"


def test_every_file_the_documentation_links_to_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_first_picture_is_within_the_first_screen() -> None:
    assert README[: README.index("![")].count("\n") < 15


def test_the_test_command_stands_on_a_line_of_its_own() -> None:
    assert re.search(r"^make test$", README, re.MULTILINE)
