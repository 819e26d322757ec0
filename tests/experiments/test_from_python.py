"""What `import marketgame` offers: the answers of the commands, from Python, which show themselves."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import marketgame as face
from marketgame.experiments.commands.kinds import KINDS
from marketgame.experiments.files.examples import examples, located
from marketgame.experiments.printing import Printed
from tests.documentation import PAGES, names_after, statements
from tests.experiments.command_calls import Call

TRADERS = "example:three-traders"
SHORT = ("example:tutorial-obedient", 2)


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def shows_itself(result: Printed, answer: str) -> None:
    """Check that a result prints what its command printed, and that a notebook and a figure can be had of it."""
    printed = [line.rstrip() for line in answer.rstrip().splitlines()]
    assert str(result).splitlines() == repr(result).splitlines() == printed
    assert result._repr_html_().startswith("<pre")
    assert isinstance(result.table, pd.DataFrame)
    assert not result.table.empty
    assert isinstance(result.plot(), Figure)


def test_importing_marketgame_loads_nothing_heavy_and_every_name_is_there() -> None:
    program = (
        "import sys, marketgame; before = {*sys.modules}\n"
        "for name in marketgame.__all__: assert getattr(marketgame, name) is not None, name\n"
        "print(*before)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "pydantic", "mesa", "typer", "matplotlib"} & set(answer.stdout.split())


def test_the_names_that_are_typed_are_those_that_are_there() -> None:
    tree = ast.parse(Path(str(face.__file__)).read_text(encoding="utf-8"))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("marketgame.")
        for alias in node.names
    }
    assert typed == set(face.__all__) == set(dir(face))
    with pytest.raises(AttributeError, match="no attribute 'sovle'"):
        _ = face.sovle


@pytest.mark.parametrize("name", ["three-traders", "myerson-example-1", "myerson-example-2"])
def test_solve_gives_what_the_command_prints(marketgame: Call, name: str) -> None:
    shows_itself(face.solve(f"example:{name}"), marketgame("solve", f"example:{name}").out)


def test_solve_takes_a_file_an_economy_or_a_game(tmp_path: Path) -> None:
    economy = face.load(TRADERS)
    assert isinstance(economy, face.Economy)
    alone = face.solve(economy, participation="individual", money="unlimited")
    assert list(alone.table.index) == [
        *("first-best", "walrasian", "incentive-efficient-individual-unlimited-money", "autarky"),
    ]
    pd.testing.assert_frame_equal(face.solve(economy).table, face.solve(located(TRADERS)).table)
    game = face.load("example:myerson-example-1")
    # What a file holds is known only when it is loaded: `load` is typed by all kinds.
    mere = face.solve(game.game)  # type: ignore[union-attr]
    assert mere.table["weight"].tolist() == [0.5, 0.5, 1.0]
    with pytest.raises(face.InputError, match="participation is 'all'; it must be one of none, individual"):
        face.solve(economy, participation="all")
    with pytest.raises(face.InputError, match="this is a game"):
        face.solve("example:lemons", money="owned")
    with pytest.raises(face.InputError, match=r"nowhere\.toml: there is no such file"):
        face.solve(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("name", ["myerson-example-1", "myerson-example-1-equal-gains"])
def test_block_gives_what_the_command_prints(marketgame: Call, name: str) -> None:
    verdict = face.block(f"example:{name}")
    shows_itself(verdict, marketgame("block", f"example:{name}").out)
    again = face.block(verdict.established, largest=2, links=[("seller", "buyer")])
    assert again.blocked == verdict.blocked == (name == "myerson-example-1-equal-gains")


def test_core_gives_what_the_command_prints(marketgame: Call) -> None:
    file = "example:myerson-example-2"
    shows_itself(face.core(file, minimize="severance"), marketgame("core", file, "--minimize", "severance").out)
    empty = face.core("example:majority-1.4", support="fine")
    assert "Empty" in str(empty)
    assert empty.table["stake"].isna().all()
    with pytest.raises(ValueError, match="nothing to draw"):
        empty.plot()


def test_certify_gives_what_the_command_prints(marketgame: Call, tmp_path: Path) -> None:
    options = ("--rule", "solvency=no-short-sales", "--largest", 1, "--out", tmp_path / "out")
    lines = marketgame("certify", TRADERS, *options).out.splitlines()
    printed = "\n".join(
        line
        for line in lines
        if not line.startswith(("The proof that nobody gains after the truth is in", "To see it played: "))
    )
    found = face.certify(TRADERS, rules={"solvency": face.Solvency.NO_SHORT_SALES}, largest=1)
    shows_itself(found, printed)
    assert found.unilaterally_stable == "proven"
    # What a file holds is known only when it is loaded: `load` is typed by all kinds.
    pair = face.certify(face.load(TRADERS), coalitions=[("ann", "bob")], seconds=0)  # type: ignore[arg-type]
    assert list(pair.table.index) == ["ann", "bob", "cat", "ann + bob"]
    with pytest.raises(face.InputError, match="coalitions is 'bib'"):
        face.certify(TRADERS, coalitions=["ann,bib"])


@pytest.mark.usefixtures("quick_figures")
def test_run_gives_what_the_command_prints_and_load_reads_it_again(marketgame: Call) -> None:
    printed = marketgame("run", SHORT[0], "--rounds", SHORT[1], "--out", "out").out
    played = face.run(SHORT[0], rounds=SHORT[1], out="out")
    shows_itself(played, printed)
    # What a file holds is known only when it is loaded: `load` is typed by all kinds.
    shows_itself(face.load("out"), printed)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_elsewhere", "quick_figures")
def test_a_scenario_made_in_python_is_played_and_replaces_no_other() -> None:
    economy = face.load(TRADERS)
    assert isinstance(economy, face.Economy)
    scenario = face.MarketScenario("a made up one", economy, rounds=1)
    first, second = face.run(scenario), face.run(scenario, rounds=2)
    assert first.folder != second.folder
    assert first.unit("rounds", "welfare") == "euro"
    assert "Welfare per round, in euro" in str(first)
    assert (len(first.rounds), len(second.rounds)) == (1, 2)


def test_sweep_gives_what_the_command_prints(marketgame: Call) -> None:
    varied = face.Sweep(SHORT[0], {"traders.share.noisy": [0.0, 0.5]}, seeds=2, settings={"rounds": 1})
    swept = face.sweep(varied, workers=1, out="swept")
    Path("sweep.toml").write_text(
        f'kind = "sweep"\nscenario = "{SHORT[0]}"\nseeds = 2\nsettings = {{ rounds = 1 }}\n'
        'axes = { "traders.share.noisy" = [0.0, 0.5] }\n',
        encoding="utf-8",
    )
    shows_itself(swept, marketgame("sweep", "sweep.toml", "--out", "swept").out)
    assert str(face.load("swept")) == str(swept)
    checked = face.load("sweep.toml")
    # What a file holds is known only when it is loaded: `load` is typed by all kinds.
    np.testing.assert_array_equal(face.sweep(checked, out="swept").table, swept.table)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [*KINDS, "certificate"])
def test_load_gives_what_a_file_of_each_kind_describes(kind: str) -> None:
    one = next(each for each in examples() if each.kind == kind)
    module = import_module("marketgame.experiments.commands.kinds")
    assert type(face.load(one.file)) is type(module.load_input(one.file).content)


@pytest.mark.usefixtures("_elsewhere", "quick_figures")
def test_the_page_on_python_says_what_happens() -> None:
    assert len(statements("from-python.md")) > 20
    assert names_after("from-python.md")


@pytest.mark.usefixtures("_elsewhere", "quick_figures")
def test_the_tutorial_says_what_happens() -> None:
    assert names_after("tutorial.md")


def test_certificates_are_written_from_python_as_by_the_command_which_says_how_it_was_called(
    marketgame: Call, tmp_path: Path
) -> None:
    answered: dict[str, partial[Any]] = {
        "certify": partial(face.certify, "example:three-traders", largest=1),
        "block": partial(face.block, "example:myerson-example-1-equal-gains"),
    }
    for name, answer in answered.items():
        words = (name, *answer.args, *(("--largest", 1) if name == "certify" else ()))
        assert marketgame(*words, "--out", "by-command").code == 1
        assert isinstance(answer(out="from-python"), Printed)
        by_command, from_python = (
            {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / folder).iterdir()}
            for folder in ("by-command", "from-python")
        )
        manifests = [json.loads(files.pop("manifest.json")) for files in (by_command, from_python)]
        assert len(by_command) >= 1
        assert from_python == by_command
        assert [manifest.pop("command") for manifest in manifests] == [
            ["marketgame", *map(str, words), "--out", "by-command"],
            None,
        ]
        assert len({manifest.pop("sha256") for manifest in manifests}) == 2
        assert manifests[0] == manifests[1]
        for file in (tmp_path / "from-python").glob("[!m]*.json"):
            assert marketgame("replay", file).code == 0


def test_what_the_page_says_of_training_is_what_the_table_of_training_says() -> None:
    trained = pd.read_csv(PAGES / "tables" / "outside-training.csv")
    last = trained[trained["round"] == trained["round"].max()].pivot_table("gain", "rules", "seed")
    page = (PAGES / "from-python.md").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")
    for rules, gains in last.iterrows():
        assert f"| {rules} | {' | '.join(f'{gain:.1f}' for gain in gains)} |" in page
