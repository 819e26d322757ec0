"""Playing a scenario from its file to its run folder."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from pathlib import Path

import pyarrow as pa

import results
from experiments.game_scenario_file import game_scenario_files, load_game_scenario, names_game
from experiments.input_file import InputError, blamed_on
from experiments.provenance import input_files, software
from experiments.scenario_file import load_scenario, scenario_files
from simulation.established_contract import established_contract
from simulation.game_benchmarks import incentive_efficient_benchmarks
from simulation.game_scenario import GameScenario
from simulation.market_model import MarketModel
from simulation.run import MANIFEST, SimulationInterrupted, simulate, write_run
from simulation.scenario import Scenario
from simulation.streams import random_stream
from simulation.welfare_benchmarks import incentive_benchmarks

type AnyScenario = Scenario | GameScenario

DEFAULT_RUNS = Path("results") / "runs"
FIGURES = "figures"
# Wall time allowed to each incentive-efficient benchmark beside a run.
BENCHMARK_SECONDS = 60.0


class Status(StrEnum):
    """How a run ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        folder: where its tables and figures are.
        status: how it ended.
    """

    folder: Path
    status: Status


def prepare(path: Path, rounds: int | None = None, seed: int | None = None) -> AnyScenario:
    """Return the scenario in a file, on a market or in a coalitional game, with the contract that it plays.

    Args:
        path: the scenario's file.
        rounds: how many rounds to play instead of the file's number.
        seed: the seed to use instead of the file's.

    Raises:
        InputError: the file is wrong, or the contract it asks for does not exist for its economy.
    """
    if names_game(path):
        return load_game_scenario(path, rounds, seed)
    scenario = load_scenario(path, rounds, seed)
    with blamed_on(path):
        ready = replace(scenario, contract=established_contract(scenario))
        # Building the market once finds what the rules forbid before anything is played.
        MarketModel(ready)
    return ready


def with_benchmarks(scenario: AnyScenario, seconds: float | None = BENCHMARK_SECONDS) -> AnyScenario:
    """Return the scenario with the incentive-efficient benchmarks, to be recorded beside the play.

    Args:
        scenario: what to play.
        seconds: wall time allowed to each benchmark, or none; one that takes longer is recorded as not known.
    """
    if isinstance(scenario, GameScenario):
        return replace(scenario, incentives=incentive_efficient_benchmarks(scenario.game, seconds))
    return replace(scenario, incentives=incentive_benchmarks(scenario.economy, seconds=seconds))


def play(path: Path, scenario: AnyScenario, folder: Path, on_round: Callable[[int], None]) -> Outcome:
    """Play a scenario and write its run folder; an interruption keeps the rounds played until then.

    Args:
        path: the scenario's file.
        scenario: what ``prepare`` returned for it.
        folder: what ``folder_for`` returned for it.
        on_round: called after each round with the number of rounds played.

    Raises:
        InputError: the folder cannot be written.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    try:
        tables, status = simulate(scenario, on_round), Status.DONE
    except SimulationInterrupted as interruption:
        tables, status = interruption.tables, Status.INTERRUPTED
    manifest = _identity(path, scenario) | {
        "command": ["marketgame", *sys.argv[1:]],
        "bit_generator": type(random_stream(scenario.seed, "nature").bit_generator).__name__,
        **software(),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(time.perf_counter() - clock, 3),
        "status": status.value,
    }
    try:
        _write(folder, tables, manifest, draw=status is Status.DONE)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; name another folder with --out") from None
    return Outcome(folder, status)


def _write(folder: Path, tables: Mapping[str, pa.Table], manifest: Mapping[str, object], *, draw: bool) -> None:
    for stale in [*folder.glob("*.parquet"), *(folder / FIGURES).glob("*.*")]:
        stale.unlink()
    write_run(folder, tables, manifest)
    if draw:
        results.save_figures(results.load(folder), folder / FIGURES)


def folder_for(path: Path, scenario: AnyScenario, wanted: Path | None) -> Path:
    """Make and return the folder for a run, never one that holds something else.

    Args:
        path: the scenario's file.
        scenario: the scenario.
        wanted: the folder asked for; an earlier run of the scenario in it will be replaced. Without it the
            folder is named after scenario and seed, with a number if it holds a run of other inputs.

    Raises:
        InputError: the folder asked for holds something else than a run of this scenario, or cannot be made.
    """
    folder = _default_folder(path, scenario) if wanted is None else wanted
    held = _manifest(folder)
    if not _is_free(folder) and (held is None or held.get("scenario") != scenario.name):
        what = "something else than a run" if held is None else f"a run of {held.get('scenario')!r}"
        raise InputError(f"--out is '{folder}', which holds {what}; it must be new, empty or this scenario's")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out is '{folder}', which cannot be made: {error.strerror}") from None
    return folder


def _default_folder(path: Path, scenario: AnyScenario) -> Path:
    identity = json.loads(json.dumps(_identity(path, scenario)))
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        folder = DEFAULT_RUNS / f"{path.stem}-seed{scenario.seed}{suffix}"
        held = _manifest(folder)
        if _is_free(folder) or (held is not None and identity.items() <= held.items()):
            return folder
    raise AssertionError("numbers do not end")


def _identity(path: Path, scenario: AnyScenario) -> dict[str, object]:
    """Return what two runs must share for their tables to be the same."""
    files = game_scenario_files(path) if isinstance(scenario, GameScenario) else scenario_files(path)
    return {
        "scenario": scenario.name,
        "inputs": input_files(files, path.parent),
        "seed": scenario.seed,
        "rounds": scenario.rounds,
    }


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _manifest(folder: Path) -> dict[str, object] | None:
    """Return the manifest of the run in a folder; none if it holds no run."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "marketgame" in manifest else None
