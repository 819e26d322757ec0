"""What holds of every command there is, whatever it does: the list of commands is walked."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import COMMANDS
from marketgame.experiments.commands.core import ENDINGS
from marketgame.results.formats import FigureFormat
from tests.experiments.command_calls import HOME, Call, assert_one_line, one_document

DRAWS = re.compile(r"\b(draw_figures|save_figures?)\b")
# A quick call of each command whose answer can be a document, and a key that others read it by. Calls that need a run
# find it in the folder `run`.
ASKED: dict[str, tuple[tuple[object, ...], str]] = {
    "run": (("example:tutorial-obedient", "--rounds", 1, "--out", "again"), "welfare"),
    "sweep": (("sweep.toml", "--workers", 1), "points"),
    "solve": (("example:three-traders",), "first_best_welfare"),
    "block": (("example:myerson-example-1-equal-gains",), "blocked"),
    "core": (("example:myerson-example-1",), "status"),
    "certify": (("example:two-sided-trade", "--seconds", 1), "collusion_proof"),
    "stress": (
        ("example:three-traders", "--preset", "matched-escrow", "--workers", 1, "--ask", "any coalition"),
        "recommended",
    ),
    "replay": (("example:three-traders-short-sale",), "confirmed"),
    "compare": (("run", "run"), "runs"),
    "learning": (("run",), "play"),
    "report": ((HOME / "certificates" / "three-traders-short-sale.json", "--out", "page.html"), "sections"),
    "claims": (("gr-lemma-1",), "claims"),
    "examples": ((), "examples"),
    "validate": (("example:three-traders", "example:lemons"), "files"),
}


def parameters(name: str) -> list[Any]:
    """Return what a command takes."""
    app = typer.Typer(add_completion=False)
    app.command()(import_module(f"marketgame.experiments.commands.{name}").command)
    return list(typer.main.get_command(app).params)


def options(name: str) -> set[str]:
    return {option for each in parameters(name) for option in each.opts if option.startswith("-")}


def required(name: str) -> list[str]:
    """Return words that stand for what a command cannot do without, none of which names anything that exists.

    Where any number can be named, it is two.
    """
    return ["nowhere.toml" for each in parameters(name) if each.required for _ in range(2 if each.nargs == -1 else 1)]


def test_every_command_that_answers_with_a_document_is_asked_for_one() -> None:
    assert {name for name in COMMANDS if "--json" in options(name)} == set(ASKED)


def test_every_command_that_draws_figures_offers_the_same_formats() -> None:
    drawing = {name for name in COMMANDS if {"--figures", "--figure", "--format"} & options(name)}
    sources = {name: import_module(f"marketgame.experiments.commands.{name}").__file__ or "" for name in COMMANDS}
    assert drawing >= {name for name, file in sources.items() if DRAWS.search(Path(file).read_text(encoding="utf-8"))}
    for name in drawing - {"core"}:
        (written,) = [each for each in parameters(name) if "--format" in each.opts]
        assert written.type_descriptor.annotation == list[FigureFormat]
        assert written.multiple
    # It draws one figure, whose ending says as what.
    assert [f".{each}" for each in FigureFormat] == list(ENDINGS)


@pytest.mark.usefixtures("quick_figures")
@pytest.mark.parametrize("name", ASKED)
def test_with_json_standard_output_is_one_document_and_what_else_is_said_stands_elsewhere(
    name: str, marketgame: Call, tmp_path: Path
) -> None:
    words, key = ASKED[name]
    (tmp_path / "sweep.toml").write_text(
        'kind = "sweep"\nscenario = "example:tutorial-obedient"\nseeds = 1\nsettings = { rounds = 1 }\n'
        '[axes]\n"rules.solvency" = ["budget"]\n',
        encoding="utf-8",
    )
    if "run" in words:
        played = "three-traders-learning" if name == "learning" else "tutorial-obedient"
        assert marketgame("run", f"example:{played}", "--rounds", 1, "--out", "run").code == ExitCode.DONE
    answer = marketgame(name, *words, "--json")
    assert answer.code in {ExitCode.DONE, ExitCode.NO}, answer.err
    assert key in one_document(answer)
    assert "error: " not in answer.err


@pytest.mark.parametrize("name", [name for name in COMMANDS if required(name)])
def test_what_is_not_there_is_bad_input_said_in_one_line(name: str, marketgame: Call) -> None:
    needed = ["--csv"] if name == "export" else []
    answer = marketgame(name, *required(name), *needed)
    assert (answer.code, answer.out) == (ExitCode.BAD_INPUT, "")
    lines = answer.err.splitlines()
    assert len(lines) == (2 if name == "validate" else 1)  # which says it of every file
    assert all(line.startswith("error: ") and "nowhere.toml" in line for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_bad_input_said_in_one_line(name: str, marketgame: Call) -> None:
    assert_one_line(marketgame(name, *required(name), "--no-such-option"), "--no-such-option", f"marketgame {name}")


@pytest.mark.parametrize("name", [name for name in COMMANDS if required(name)])
def test_what_a_command_cannot_do_without_is_asked_for_in_one_line(name: str, marketgame: Call) -> None:
    assert_one_line(marketgame(name), f"marketgame {name} --help")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    for each in parameters(name):
        assert each.help, f"{name} {each.name}"
