"""The command line as its users meet it: what it prints where, its exit codes, and what it leaves behind."""

from __future__ import annotations

import ast
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame import results
from marketgame.experiments import ExitCode, commands
from marketgame.experiments.commands.command_line import COMMANDS, front_page
from marketgame.experiments.commands.explained import pages
from marketgame.experiments.commands.invocation import invoke
from marketgame.experiments.commands.kinds import KINDS
from marketgame.experiments.files.explanation import tables_of
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.play import running
from marketgame.experiments.printing import LONGEST_CELL
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.contracts.transfers import NoIncentiveTransfers, TransferBound
from marketgame.mechanisms.economies.efficiency import UnprovenOptimumError
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import simulate_into
from tests.experiments.command_calls import HOME, SCENARIOS, Call, assert_one_line, instead_of_drawing, one_document
from tests.test_imports import modules

START = "import sys; from marketgame.experiments.commands.command_line import main; main()"


def test_the_front_page_lists_every_command_and_loads_none(marketgame: Call) -> None:
    assert marketgame("--help").out == front_page()
    assert marketgame().out == front_page()
    for name in COMMANDS:
        assert f"\n  {name} " in front_page()
        assert import_module(f"marketgame.experiments.commands.{name}").command.__doc__
    loaded = "import sys; sys.argv[1:] = ['--help']\ntry:\n main()\nfinally:\n print(*sys.modules, file=sys.stderr)"
    probe = START.replace("main()", "") + "\n" + loaded
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    heavy = {"typer", "rich", "numpy", "pandas", "mesa", "pydantic", "pyarrow", "matplotlib", "scipy"}
    assert not heavy & set(answer.stderr.split())


def test_checking_a_file_loads_no_numerical_library_but_numpy() -> None:
    arguments = ["marketgame", "validate", str(ECONOMIES / "two-goods-complements.toml")]
    program = f"import sys; sys.argv = {arguments!r}\ntry:\n main()\nfinally:\n print(*sys.modules, file=sys.stderr)"
    probe = START.replace("main()", "") + "\n" + program
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "valid" in answer.stdout
    heavy = {"scipy", "highspy", "pandas", "mesa", "pyarrow", "matplotlib", "networkx"}
    assert not heavy & set(answer.stderr.split())


STUCK = """
import atexit, threading, time
from marketgame.experiments.commands import command_line
from marketgame.mechanisms import SOLVER_THREAD

def stuck(words):
    solver = threading.Thread(target=time.sleep, args=(60,), name=SOLVER_THREAD, daemon=True)
    solver.start()
    atexit.register(solver.join)
    print("an answer")
    return 3

command_line._guarded = stuck
command_line.main()
"""


def test_a_command_ends_with_its_answer_and_its_code_while_a_solver_does_not_stop() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "an answer\n", "")


@cache
def errors_of_ours() -> list[type[Exception]]:
    return [
        getattr(import_module(name.removesuffix(".__init__")), node.name)
        for package in ("mechanisms", "agents", "simulation", "experiments")
        for name, path in modules(package).items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and not node.name.startswith("_")
    ]


def test_every_error_of_ours_means_bad_input_no_answer_or_a_fault_of_the_program() -> None:
    errors = errors_of_ours()
    assert len(errors) > 12
    expected = UnansweredError | InputError | ValueError | TypeError
    assert [error for error in errors if not issubclass(error, expected)] == []


def test_a_command_that_finds_no_answer_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def failing(error: type[Exception]) -> Callable[[], None]:
        def command() -> None:
            raise error("the solver gave up")

        return command

    errors = [one for one in errors_of_ours() if issubclass(one, UnansweredError)]
    assert len(errors) > 1
    for error in errors:
        assert invoke(failing(error), "marketgame try", []) == ExitCode.NO_ANSWER
        assert capsys.readouterr().err.endswith("no answer: the solver gave up\n"), error


def test_the_front_page_lists_every_module_that_is_a_command_and_no_other() -> None:
    rooms = pkgutil.iter_modules(commands.__path__, "marketgame.experiments.commands.")
    callable_ones = {room.name.rpartition(".")[2] for room in rooms if hasattr(import_module(room.name), "command")}
    assert callable_ones == set(COMMANDS)


def test_the_front_page_lists_every_exit_code() -> None:
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in front_page()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_however_it_is_asked(name: str, marketgame: Call) -> None:
    answer = marketgame(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: marketgame {name} ")
    assert marketgame(name, "-h") == answer


def test_the_version_is_printed(marketgame: Call) -> None:
    answer = marketgame("--version")
    assert answer == (0, answer.out, "")
    assert answer.out.startswith("marketgame ")


def completed(line: str, shell: str, monkeypatch: pytest.MonkeyPatch, marketgame: Call) -> str:
    """Return what a shell is offered where the cursor stands at the end of a line."""
    monkeypatch.setenv("_MARKETGAME_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", line.rpartition(" ")[2])
    answer = marketgame()
    assert (answer.code, answer.err) == (ExitCode.DONE, "")
    return answer.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_a_shell_completes_commands_and_the_options_of_each(
    shell: str, marketgame: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in COMMANDS:
        assert name in completed(f"marketgame {name[:2]}", shell, monkeypatch, marketgame)
        assert "--help" in completed(f"marketgame {name} --h", shell, monkeypatch, marketgame)
    assert "--participation" in completed("marketgame solve --par", shell, monkeypatch, marketgame)


def test_what_makes_a_shell_ask_is_printed_and_installed(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    printed = marketgame("--show-completion")
    assert (printed.code, printed.err) == (ExitCode.DONE, "")
    assert "_MARKETGAME_COMPLETE=complete_bash" in printed.out
    assert marketgame("--install-completion").code == ExitCode.DONE
    assert any(printed.out.strip() in file.read_text("utf-8") for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_what_makes_a_shell_ask_is_printed_for_the_shell_that_is_named(shell: str, marketgame: Call) -> None:
    printed = marketgame("--show-completion", shell)
    assert (printed.code, printed.err) == (ExitCode.DONE, "")
    powershell = shell in ("powershell", "pwsh")
    assert f"complete_{'powershell' if powershell else shell}" in printed.out
    assert ("Register-ArgumentCompleter -Native -CommandName marketgame" in printed.out) == powershell


def test_a_shell_that_is_not_known_is_bad_input(marketgame: Call) -> None:
    assert_one_line(marketgame("--show-completion", "tcsh"), "--show-completion", "tcsh")


def test_a_shell_that_cannot_be_told_is_bad_input(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("tcsh", "/bin/tcsh"))
    for option in ("--show-completion", "--install-completion"):
        assert_one_line(marketgame(option), option, "tcsh")


def test_an_unknown_command_is_one_line(marketgame: Call) -> None:
    assert_one_line(marketgame("rnu"), "'rnu'", *COMMANDS)


def test_solving_the_carbon_market_gives_the_published_figures(marketgame: Call) -> None:
    answer = marketgame("solve", ECONOMIES / "annex-b.toml", "--json")
    assert answer.code == 0
    assert answer.err.startswith("warning: ")
    document = one_document(answer)
    (profile,) = document["profiles"]
    np.testing.assert_allclose(profile["price"]["permit"], 127, rtol=0.01)
    assert profile["price"]["money"] == 1
    np.testing.assert_allclose(-document["value_of_goods"], 54_000, rtol=0.01)
    np.testing.assert_allclose(-document["autarky_value_of_goods"], 120_000, rtol=0.01)


def test_solved_profiles_conserve_goods_and_their_transfers_balance(marketgame: Call) -> None:
    document = one_document(marketgame("solve", ECONOMIES / "three-farmers.toml", "--json"))
    assert len(document["profiles"]) == 8
    np.testing.assert_allclose(sum(profile["probability"] for profile in document["profiles"]), 1)
    for profile, row in zip(document["profiles"], document["transfers"], strict=True):
        assert profile["types"] == row["types"]
        np.testing.assert_allclose(sum(each["wheat"] for each in profile["allocation"].values()), 4.5)
        np.testing.assert_allclose(sum(each["money"] for each in profile["allocation"].values()), 90)
        np.testing.assert_allclose(sum(row["transfer"].values()), 0, atol=1e-12)
    expected = sum(profile["probability"] * profile["welfare"] for profile in document["profiles"])
    np.testing.assert_allclose(document["first_best_welfare"], expected)
    assert document["first_best_welfare"] > document["autarky_welfare"]


def test_truth_pays_under_expected_externality_transfers_but_not_at_the_price(marketgame: Call) -> None:
    document = one_document(marketgame("solve", ECONOMIES / "three-farmers.toml", "--json"))
    assert document["incentive_compatible"] is True
    assert document["largest_misreport_gain"] <= 0
    assert document["walrasian"]["incentive_compatible"] is False
    assert document["walrasian"]["largest_misreport_gain"] > 0


def test_transfers_for_correlated_types_come_from_the_linear_program(marketgame: Call) -> None:
    document = one_document(marketgame("solve", ECONOMIES / "three-farmers-correlated.toml", "--json"))
    assert document["transfer_rule"] == "lp"
    assert document["incentive_compatible"] is True
    assert document["compatibility_condition"] is True
    for row in document["transfers"]:
        np.testing.assert_allclose(sum(row["transfer"].values()), 0, atol=1e-9)
    assert "correlated" in document["benchmarks"]["incentive-efficient"]["obstacle"]


def test_the_impossibility_of_truthful_transfers_is_said(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    impossible = NoIncentiveTransfers(TransferBound.NONE, (), (), np.zeros(8), 0.25)
    monkeypatch.setattr(
        "marketgame.experiments.efficiency.solution.incentive_compatible_transfers", lambda *_, **__: impossible
    )
    file = ECONOMIES / "three-farmers-correlated.toml"
    document = one_document(marketgame("solve", file, "--json"))
    assert document["transfers"] is None
    assert document["incentive_compatible"] is False
    assert "gains 0.25 by a misreport" in document["obstacle"]
    assert "impossible" in marketgame("solve", file).out


def test_incentives_cost_no_welfare_without_participation_constraints(marketgame: Call) -> None:
    # Giraud and Rochon, section 6.1: under independent types expected externality reaches the first best.
    document = one_document(marketgame("solve", ECONOMIES / "ten-traders.toml", "--json", "--participation", "none"))
    welfare = document["benchmarks"]["incentive-efficient"]["welfare"]
    np.testing.assert_allclose(welfare, document["first_best_welfare"], rtol=1e-9)
    answer = marketgame("solve", ECONOMIES / "ten-traders.toml", "--participation", "all")
    assert_one_line(answer, "--participation is 'all'", "none, individual")


def test_solve_says_how_many_profiles_it_leaves_out(marketgame: Call) -> None:
    answer = marketgame("solve", ECONOMIES / "ten-traders.toml")
    assert answer.code == 0
    assert "52 of 64 profiles are left out" in answer.out


def test_a_solver_that_cannot_prove_its_answer_is_exit_code_3(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unproven(*_: object, **__: object) -> None:
        raise UnprovenOptimumError("the gap is 1e-3")

    monkeypatch.setattr("marketgame.experiments.efficiency.solving.solve_economy", unproven)
    answer = marketgame("solve", ECONOMIES / "three-traders.toml")
    assert answer == (3, "", "error: no answer: the gap is 1e-3\n")


def test_bad_input_is_one_line_and_exit_code_2_in_every_command(marketgame: Call, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    text = (ECONOMIES / "three-farmers.toml").read_text(encoding="utf-8")
    broken.write_text(text.replace("endowment", "endowmnt", 1), encoding="utf-8")
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('kind = "scenario"\neconomy = "broken.toml"\n', encoding="utf-8")
    misspelt = (broken, "players.ann.types.modest.endowmnt", "'endowment'")
    assert_one_line(marketgame("solve", broken), *misspelt)
    assert_one_line(marketgame("validate", broken), *misspelt)
    assert_one_line(marketgame("run", scenario), *misspelt)
    assert_one_line(marketgame("solve", "none.toml"), "none.toml", "no such file")
    assert_one_line(marketgame("run", "none.toml", "--json"), "none.toml", "no such file")
    assert_one_line(marketgame("validate", tmp_path), "folder")
    assert_one_line(marketgame("show", tmp_path), tmp_path, "manifest.json")
    assert_one_line(marketgame("explain", "economy"), "'economy'", "market-economy", "tables")
    assert_one_line(marketgame("solve", SCENARIOS / "tutorial-obedient.toml"), "kind is 'scenario'", "market-economy")


def test_wrong_options_are_exit_code_2(marketgame: Call) -> None:
    for wrong in (["--rounds", "0"], ["--rounds", "many"], ["--sed", "3"], ["--seed", "-1"]):
        answer = marketgame("run", SCENARIOS / "tutorial-obedient.toml", *wrong)
        assert answer.code == 2
        assert wrong[0] in answer.err


def test_validate_tells_every_mistake_of_every_file(marketgame: Call, tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('kind = "scenario"\neconomy = 1\nrounds = 0\n', encoding="utf-8")
    second.write_text('kind = "scenario"\neconomy = "none.toml"\nsed = 1\n', encoding="utf-8")
    answer = marketgame("validate", first, second)
    assert answer.code == ExitCode.BAD_INPUT
    lines = answer.err.splitlines()
    assert [line.partition(" is ")[0] for line in lines] == [
        f"error: {first}: economy",
        f"error: {first}: rounds",
        f"error: {second}: sed",
    ]
    errors = [file["errors"] for file in one_document(marketgame("validate", first, second, "--json"))["files"]]
    assert [f"error: {problem}" for file in errors for problem in file] == lines


def test_validate_reports_on_every_file(marketgame: Call, tmp_path: Path) -> None:
    good, bad = ECONOMIES / "three-traders.toml", tmp_path / "none.toml"
    answer = marketgame("validate", bad, good, "--json")
    assert answer.code == 2
    first, second = one_document(answer)["files"]
    assert (first["valid"], first["kind"]) == (False, None)
    assert "no such file" in first["error"]
    assert second == {
        "file": str(good),
        "valid": True,
        "kind": "market-economy",
        "name": "three traders",
        "error": None,
        "errors": [],
    }


def test_every_file_that_comes_with_the_program_is_valid(marketgame: Call) -> None:
    files = sorted(
        file
        for folder in ("economies", "games", "contracts", "scenarios", "cases")
        for file in (HOME / folder).glob("*.toml")
    )
    answer = marketgame("validate", *files)
    assert answer.code == 0
    assert answer.out.count(": valid, ") == len(files)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_is_explained_with_a_valid_example(kind: str, marketgame: Call) -> None:
    answer = marketgame("explain", kind)
    assert answer.code == 0
    for table in tables_of(KINDS[kind].model):
        assert table.path in answer.out
        for field in table.fields:
            assert field.meaning, f"{table.path}.{field.name}"
            assert field.name in answer.out
    example = KINDS[kind].example
    assert example.read_text(encoding="utf-8").splitlines()[-1] in answer.out
    assert marketgame("validate", example).code == 0


@pytest.mark.parametrize("kind", pages())
def test_a_page_is_its_sections_each_of_which_can_be_asked_for(kind: str, marketgame: Call) -> None:
    whole = marketgame("explain", kind).out
    names = list(dict.fromkeys(section.name for section in pages()[kind].sections()))
    told = {name: marketgame("explain", kind, name).out.splitlines() for name in names}
    assert {line for lines in told.values() for line in lines} <= set(whole.splitlines())
    for name, lines in told.items():
        assert name in whole or len(names) == 1
        assert len(lines) >= 4
    assert_one_line(marketgame("explain", kind, "nothing"), "SECTION is 'nothing'", *names)


def test_what_can_be_explained_is_listed(marketgame: Call) -> None:
    answer = marketgame("explain")
    assert answer.code == ExitCode.DONE
    for kind, page in pages().items():
        assert f"\n {kind} " in answer.out
        assert page.meaning[:40] in answer.out
    assert set(KINDS) < set(pages())


def test_fields_that_all_behaviours_take_are_explained_once_for_markets_and_once_for_games(marketgame: Call) -> None:
    out = marketgame("explain", "scenario", "traders").out
    assert out.count("traders[]: what all of the following tables take") == 2
    assert out.count("\n share ") == 2
    assert out.count("traders[] with behaviour") > 10


def test_every_column_of_every_result_table_is_explained(marketgame: Call) -> None:
    shown = " ".join(marketgame("explain", "tables").out.split())
    for name, schema in TABLES.items():
        assert f"{name}: {schema.meaning}" in shown
        assert all(column.name in shown for column in schema.columns)
        assert all(len(column.meaning) <= LONGEST_CELL for column in schema.columns)


def test_a_run_writes_everything_and_reaches_the_first_best(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scenario = SCENARIOS / "tutorial-obedient.toml"
    with monkeypatch.context() as for_speed:
        for_speed.setattr(results, "save_figures", instead_of_drawing)
        answer = marketgame("run", scenario, "--rounds", 2, "--json")
    assert answer.code == 0
    assert "playing tutorial-obedient" in answer.err
    document = one_document(answer)
    played, first_best = (document["welfare"][name]["welfare"] for name in ("played", "first-best"))
    np.testing.assert_allclose(played, first_best, rtol=1e-9)
    assert (document["rounds"], document["bankruptcies"], document["misreports"]) == (2, [], 0)
    assert document["folder"] == "results/runs/tutorial-obedient-seed1"
    run = results.load(tmp_path / document["folder"])
    assert len(run.rounds) == 2
    assert (tmp_path / document["folder"] / "figures" / "drawn.png").exists()
    assert run.manifest["status"] == "done"
    inputs = run.manifest["inputs"]
    assert isinstance(inputs, dict)
    assert inputs[scenario.name]["text"] == scenario.read_text(encoding="utf-8")
    assert "../economies/three-traders.toml" in inputs
    shown = marketgame("show", document["folder"], "--round", 1, "--out", "figures", "--format", "svg")
    assert shown.code == 0
    drawn = (tmp_path / "figures" / "welfare.svg").read_text(encoding="utf-8")
    assert ">played</text>" in drawn
    assert not list((tmp_path / "figures").glob("*.p[nd]*"))
    refused = marketgame("run", scenario, "--figures", "none", "--format", "pdf")
    assert_one_line(refused, "--format is for figures, but --figures is none")
    assert_one_line(marketgame("show", document["folder"], "--round", 2), "no round 2")


@pytest.mark.usefixtures("quick_figures")
def test_a_short_seller_takes_all_the_money_and_is_bankrupt_under_the_repaired_rule(marketgame: Call) -> None:
    document = one_document(marketgame("run", SCENARIOS / "annex-b-one-short-seller.toml", "--json"))
    assert document["bankruptcies"] == []
    np.testing.assert_allclose(document["players"]["FSU"]["mean_wealth"], 600_000, rtol=1e-6)
    repaired = one_document(marketgame("run", SCENARIOS / "annex-b-one-short-seller-no-short-sales.toml", "--json"))
    assert {"player": "FSU", "reason": "short-sale", "rounds": 20} in repaired["bankruptcies"]
    assert repaired["players"]["FSU"]["mean_wealth"] == 0


@pytest.mark.usefixtures("quick_figures")
@pytest.mark.parametrize(("economy", "arbitrageur"), [("three-traders", "cat"), ("ten-traders", "eli")])
def test_an_arbitrageur_takes_everything_only_if_it_sees_prices_first(
    economy: str, arbitrageur: str, marketgame: Call
) -> None:
    after, at_once = (
        one_document(marketgame("run", SCENARIOS / f"{economy}-arbitrage-{timing}.toml", "--json", "--rounds", 5))
        for timing in ("prices-first", "simultaneous")
    )
    wealth = {name: player["mean_wealth"] for name, player in after["players"].items()}
    assert wealth.pop(arbitrageur) > 1
    np.testing.assert_allclose(list(wealth.values()), 0, atol=1e-9)
    assert at_once["players"][arbitrageur]["mean_utility"] == pytest.approx(
        at_once["players"][arbitrageur]["mean_promised_utility"]
    )
    assert at_once["bankruptcies"] == []


@pytest.mark.usefixtures("quick_figures")
def test_a_misreport_pays_at_the_price_and_not_under_expected_externality(marketgame: Call) -> None:
    def utility(scenario: str) -> float:
        document = one_document(marketgame("run", SCENARIOS / f"{scenario}.toml", "--json"))
        return float(document["players"]["FSU"]["mean_utility"])

    assert utility("annex-b-one-misreporter-paying-the-price") > utility(
        "annex-b-private-costs-obedient-paying-the-price"
    )
    assert utility("annex-b-one-misreporter") < utility("annex-b-private-costs-obedient")


@pytest.mark.usefixtures("quick_figures")
def test_a_run_never_overwrites_anything_but_the_same_run(marketgame: Call, tmp_path: Path) -> None:
    def folder(*options: object) -> str:
        return str(one_document(marketgame("run", SCENARIOS / "tutorial-obedient.toml", "--json", *options))["folder"])

    first = folder("--rounds", 1)
    assert folder("--rounds", 1) == first
    assert folder("--rounds", 2) == f"{first}-2"
    assert folder("--rounds", 2, "--seed", 9) != first
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("mine", encoding="utf-8")
    answer = marketgame("run", SCENARIOS / "tutorial-obedient.toml", "--out", "notes")
    assert_one_line(answer, "--out is 'notes'", "something else than a run")
    assert (tmp_path / "notes" / "thesis.txt").read_text(encoding="utf-8") == "mine"
    assert folder("--rounds", 3, "--out", first) == first
    assert len(results.load(tmp_path / first).rounds) == 3
    other = marketgame("run", SCENARIOS / "three-farmers-obedient.toml", "--out", first)
    assert_one_line(other, first, "three obedient traders")
    assert_one_line(marketgame("run", SCENARIOS / "tutorial-obedient.toml", "--out", "notes/thesis.txt"), "thesis.txt")


@pytest.mark.usefixtures("quick_figures")
def test_an_interrupted_run_keeps_the_rounds_played(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def simulate_with_interruption(folder: Path, scenario: Any, on_round: Callable[[int], None], *_: object) -> bool:
        def interrupt_after_three(played: int) -> None:
            on_round(played)
            if played == 3:
                raise KeyboardInterrupt

        return simulate_into(folder, scenario, interrupt_after_three)

    monkeypatch.setattr(running, "simulate_into", simulate_with_interruption)
    answer = marketgame("run", SCENARIOS / "three-farmers-obedient.toml", "--out", "stopped", "--json")
    assert answer.code == 130
    assert one_document(answer)["status"] == "interrupted"
    run = results.load(tmp_path / "stopped")
    assert len(run.rounds) == 3
    assert run.manifest["status"] == "interrupted"
    assert not (tmp_path / "stopped" / "figures").exists()


@pytest.mark.usefixtures("quick_figures")
def test_the_manifest_records_what_was_played_whatever_stands_in_the_files_by_then(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    economy, file = tmp_path / "economy.toml", tmp_path / "scenario.toml"
    text = (ECONOMIES / "three-farmers.toml").read_text(encoding="utf-8")
    economy.write_text(text, encoding="utf-8")
    file.write_text('kind = "scenario"\neconomy = "economy.toml"\nrounds = 2\n', encoding="utf-8")

    def edited_meanwhile(folder: Path, scenario: Any, on_round: Callable[[int], None], *_: object) -> bool:
        economy.write_text("rubbish", encoding="utf-8")
        file.unlink()
        return simulate_into(folder, scenario, on_round)

    monkeypatch.setattr(running, "simulate_into", edited_meanwhile)
    assert marketgame("run", file, "--out", "run").code == 0
    inputs: Any = results.load(tmp_path / "run").manifest["inputs"]
    assert {name: entry["text"] for name, entry in inputs.items()} == {
        "scenario.toml": 'kind = "scenario"\neconomy = "economy.toml"\nrounds = 2\n',
        "economy.toml": text,
    }


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Tests started in the background of a shell ignore some signals, and so would what they start.
LISTENING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


# Says by a file, named last, that a round is played.
PLAYING = """
import sys
from pathlib import Path
from marketgame.simulation.market.model import MarketModel
step, told = MarketModel.step, Path(sys.argv.pop())
def telling(model):
    told.touch()
    step(model)
MarketModel.step = telling
"""


@pytest.mark.parametrize("number", STOPPING)
def test_whatever_asks_a_real_process_to_end_it_exits_with_130_and_leaves_a_readable_folder(
    number: signal.Signals, tmp_path: Path
) -> None:
    scenario = SCENARIOS / "three-farmers-obedient.toml"
    words = ["run", str(scenario), "--rounds", "100000000", "--out", str(tmp_path / "run"), "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING + PLAYING + START, *words, str(tmp_path / "playing")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "playing").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert (tmp_path / "run").exists()
            time.sleep(0.1)
            os.kill(process.pid, number)
            # Whoever logs out, or loses patience, sends another.
            time.sleep(0.05)
            os.kill(process.pid, signal.SIGTERM)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert json.loads(out)["status"] == "interrupted"
    assert results.load(tmp_path / "run").manifest["status"] == "interrupted"


# Interrupts the last round, and again when the answer is about to be printed.
IMPATIENT = """
import os, signal
from marketgame.experiments.commands import run
from marketgame.simulation.market.model import MarketModel
step, print_answer = MarketModel.step, run.print_answer
def interrupted(model):
    step(model)
    os.kill(os.getpid(), signal.SIGTERM)
def again(*answer, **options):
    os.kill(os.getpid(), signal.SIGTERM)
    print_answer(*answer, **options)
MarketModel.step, run.print_answer = interrupted, again
"""


def test_whoever_interrupts_a_run_twice_is_told_what_became_of_it(tmp_path: Path) -> None:
    words = ["run", str(SCENARIOS / "three-farmers-obedient.toml"), "--out", str(tmp_path / "run"), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", LISTENING + IMPATIENT + START, *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 130, ended.stderr
    assert json.loads(ended.stdout)["status"] == "interrupted"
    assert results.load(tmp_path / "run").manifest["status"] == "interrupted"


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.1), (signal.SIGHUP, 0.4)])
def test_a_signal_while_a_command_is_loaded_ends_it_with_one_line(
    number: signal.Signals, seconds: float, tmp_path: Path
) -> None:
    # The first word is said when signals are heard.
    hearing = """
import os, sys
from marketgame.experiments.commands import command_line
guarded = command_line._guarded
def telling(words):
    os.write(1, b"x")
    return guarded(words)
command_line._guarded = telling
command_line.main()
"""
    words = [
        "run",
        str(SCENARIOS / "three-farmers-obedient.toml"),
        "--rounds",
        "100000000",
        "--out",
        str(tmp_path / "run"),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING + hearing, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read(1) == b"x"
            time.sleep(seconds)
            os.kill(process.pid, number)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, err) == (130, b"interrupted\n")
    assert not (tmp_path / "run").exists()
