"""A run that was interrupted goes on as if it had never stopped, and nothing else goes on in its folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import marketgame as public
from marketgame import results
from marketgame.agents.behaviours import ExponentialWeights
from marketgame.experiments import ExitCode
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.play.running import play, prepare, run_folder
from marketgame.experiments.play.summary import print_summary
from marketgame.mechanisms.economies.economy import Economy
from marketgame.results.manifests import MANIFEST
from marketgame.simulation import run as running
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.recording import recorder
from marketgame.simulation.recording.checkpoint import CHECKPOINT, rounds_in
from marketgame.simulation.recording.market import MarketRecorder
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import Saving, simulate_into
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario
from tests.economy_fixtures import three_trader_economy
from tests.experiments import conftest as of_commands
from tests.experiments.command_calls import Call, instead_of_drawing

marketgame = of_commands.marketgame
SCENARIOS = Path(__file__).parents[3] / "experiments" / "scenarios"
# Learners; mediators that estimate stakes from play, on a market and in a game; organisers who draw; deposits.
RESUMED = (
    "three-traders-learning",
    "three-farmers-blocked",
    "three-farmers-escrow",
    "three-traders-organised",
    "myerson-example-2-blocked",
)
ROUNDS = 8


class StopAfter:
    """Interrupts once so many rounds have been played."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    def __call__(self, played: int) -> None:
        if played == self._rounds:
            raise KeyboardInterrupt


def assert_same_tables(one: Path, other: Path) -> None:
    for name in TABLES:
        here, there = (pq.read_table(folder / f"{name}.parquet") for folder in (one, other))
        assert here.equals(there, check_metadata=False), name


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_interrupted_twice_is_the_run_that_never_was(name: str, tmp_path: Path) -> None:
    scenario = prepare(SCENARIOS / f"{name}.toml", rounds=ROUNDS).scenario
    whole, first, second, third = (tmp_path / part for part in ("whole", "first", "second", "third"))
    assert simulate_into(whole, scenario)
    assert not simulate_into(first, scenario, StopAfter(2))
    assert not simulate_into(second, scenario, StopAfter(6), earlier=first)
    assert (rounds_in(first), rounds_in(second)) == (2, 6)
    assert simulate_into(third, scenario, earlier=second)
    assert_same_tables(whole, third)
    with np.load(whole / CHECKPOINT) as here, np.load(third / CHECKPOINT) as there:
        assert {key: here[key].tobytes() for key in here.files} == {key: there[key].tobytes() for key in there.files}


def learning(economy: Economy, rounds: int = ROUNDS) -> MarketScenario:
    return MarketScenario("learning", economy, assignments=(Assignment(ExponentialWeights()),), rounds=rounds)


@pytest.mark.parametrize("at", ["_settle", "_order", "recorder"])
def test_a_round_that_was_interrupted_is_played_anew(at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it had drawn or learnt by then counts for nothing, unless it had been recorded."""
    scenario = learning(three_trader_economy())
    whole, cut, rest = (tmp_path / part for part in ("whole", "cut", "rest"))
    assert simulate_into(whole, scenario)
    with monkeypatch.context() as patch:
        _interrupt_fifth(at, patch)
        assert not simulate_into(cut, scenario)
    assert rounds_in(cut) == (5 if at == "recorder" else 4)
    assert simulate_into(rest, scenario, earlier=cut)
    assert_same_tables(whole, rest)


def _interrupt_fifth(at: str, patch: pytest.MonkeyPatch) -> None:
    owner, name = (MarketRecorder, "add") if at == "recorder" else (MarketModel, at)
    original: Callable[..., object] = getattr(owner, name)
    calls = iter(range(ROUNDS))

    def interrupting(self: object, *given: object) -> object:
        answer = original(self, *given)
        if next(calls) == 4:
            raise KeyboardInterrupt
        return answer

    patch.setattr(owner, name, interrupting)


def test_pieces_written_before_the_interruption_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = learning(three_trader_economy())
    whole, cut, rest = (tmp_path / part for part in ("whole", "cut", "rest"))
    assert simulate_into(whole, scenario)
    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 2)
    monkeypatch.setattr(running, "MOST_BYTES", 1)
    assert not simulate_into(cut, scenario, StopAfter(5))
    assert simulate_into(rest, scenario, earlier=cut)
    assert_same_tables(whole, rest)


def test_the_command_goes_on_for_more_rounds_and_says_after_how_many(
    marketgame: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)
    command = "run", SCENARIOS / "three-traders-learning.toml", "--benchmark-seconds", 0
    for rounds in (4, 9):
        assert marketgame(*command, "--rounds", rounds, "--resume", "--out", "there").code == 0
    assert marketgame(*command, "--rounds", 9, "--out", "whole").code == 0
    assert_same_tables(tmp_path / "whole", tmp_path / "there")
    manifest = results.load(tmp_path / "there").manifest
    assert (manifest["resumed_after"], manifest["rounds"]) == (4, 9)
    assert CHECKPOINT in manifest["files"]  # type: ignore[operator]

    fewer = marketgame(*command, "--rounds", 5, "--resume", "--out", "there")
    assert (fewer.code, fewer.out) == (ExitCode.BAD_INPUT, "")
    assert "has played 9 rounds; --rounds must be at least as many" in fewer.err


@pytest.mark.parametrize(
    ("changed", "what"), [(("--seed", 2), "its seed"), ((), "changed.toml"), (("--seed", 1), "changed.toml")]
)
def test_another_scenario_is_refused_in_one_line(
    changed: tuple[object, ...], what: str, marketgame: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)
    path, text = (
        tmp_path / "changed.toml",
        'kind = "scenario"\neconomy = "example:three-traders"\nrounds = 3\nseed = 1\n',
    )
    path.write_text(text, encoding="utf-8")
    assert marketgame("run", path, "--benchmark-seconds", 0, "--out", "there").code == 0
    if what != "its seed":
        path.write_text(text + "[learning]\nregrets = 'none'\n", encoding="utf-8")
    answer = marketgame("run", path, "--out", "there", "--resume", *changed)
    assert answer.code == ExitCode.BAD_INPUT
    assert answer.err.count("\n") == 1
    assert f"holds a run that differs from this one in {what}; --resume goes on with the same" in answer.err


def test_a_scenario_made_in_python_goes_on_if_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)

    def played(scenario: Scenario, folder: str, *, resume: bool = False) -> None:
        public.run(scenario, out=tmp_path / folder, resume=resume, benchmark_seconds=0)

    short, long = (learning(three_trader_economy(), rounds) for rounds in (3, 6))
    played(long, "whole")
    played(short, "there")
    played(long, "there", resume=True)
    assert_same_tables(tmp_path / "whole", tmp_path / "there")
    with pytest.raises(InputError, match="differs from this one in its content"):
        played(replace(long, parts=5), "there", resume=True)


@pytest.mark.parametrize("name", ["three-traders-learning", "three-farmers-blocked"])
def test_saving_between_rounds_changes_nothing(name: str, tmp_path: Path) -> None:
    """Rows come to the folder in as many pieces as there are rounds, and are those of a run that never saved."""
    scenario = prepare(SCENARIOS / f"{name}.toml", rounds=4).scenario
    assert simulate_into(tmp_path / "whole", scenario)
    saved: list[int] = []

    def save() -> Path:
        place = tmp_path / f"saved-{len(saved)}"
        (tmp_path / "stage").rename(place)
        saved.append(rounds_in(place))
        return place

    assert simulate_into(tmp_path / "stage", scenario, saving=Saving(0.0, save))
    assert saved[0] == 1
    assert_same_tables(tmp_path / "whole", tmp_path / "stage")
    # From each of them the run goes on to the same end.
    assert simulate_into(tmp_path / "rest", scenario, earlier=tmp_path / "saved-0")
    assert_same_tables(tmp_path / "whole", tmp_path / "rest")


KILLED = """
import os, signal, sys
from pathlib import Path
from marketgame.experiments.play.running import play, prepare, run_folder

def die(played):
    if played == 4:
        os.kill(os.getpid(), signal.SIGKILL)

ready = prepare(Path(sys.argv[1]), rounds=8)
with run_folder(ready, Path(sys.argv[2])) as folder:
    play(ready, folder, die, save_seconds=0)
"""


def test_a_run_that_was_killed_goes_on_from_what_was_saved_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    path, there, whole = SCENARIOS / "three-traders-learning.toml", tmp_path / "there", tmp_path / "whole"
    killed = subprocess.run([sys.executable, "-c", KILLED, path, there], check=False)
    assert killed.returncode == -signal.SIGKILL
    saved = results.load(there)
    assert saved.manifest["status"] == "unfinished"
    assert 1 <= rounds_in(there) == len(saved.rounds) < 4
    printed = StringIO()
    print_summary(saved, Console(file=printed, width=120))
    assert f"{len(saved.rounds)} rounds, seed 1, unfinished" in printed.getvalue()
    for folder in (there, whole):
        public.run(path, rounds=8, out=folder, resume=True, benchmark_seconds=0, figures="none")
    assert_same_tables(whole, there)
    assert results.load(there).manifest["status"] == "done"


def test_an_earlier_run_that_is_replaced_stays_until_the_new_one_has_ended(tmp_path: Path) -> None:
    ready, there = prepare(SCENARIOS / "three-traders-learning.toml", rounds=3), tmp_path / "there"
    found: list[bytes | None] = []

    def look(_: int) -> None:
        found.append((there / MANIFEST).read_bytes() if (there / MANIFEST).exists() else None)

    for _ in range(2):
        with run_folder(ready, there) as folder:
            play(ready, folder, look, (), save_seconds=0)
        whole = (there / MANIFEST).read_bytes()
    first, second = found[:3], found[3:]
    assert first[0] is None
    assert None not in first[1:]
    assert len(set(second)) == 1
    assert second[0] != whole
