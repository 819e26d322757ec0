"""Runs that are over at once, raise, hang or take their process down, as their scenario's size and seed say.

Functions at the top level of a module, so that the processes of a sweep can import them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.scenario.market_scenario import MarketScenario

ROWS = 12
SLOW_SECONDS = 0.01
# Names of environment variables.
GATE, MENDED = "MARKETGAME_TEST_GATE", "MARKETGAME_TEST_MENDED"


def quick(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Return made-up tables that depend on the scenario and its seed alone."""
    return made_up(scenario, ROWS)


def slow(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Take a hundredth of a second."""
    time.sleep(SLOW_SECONDS)
    return made_up(scenario, ROWS)


def stops_at_the_gate(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Wait for ever, from the twentieth seed on, after touching a file named in the environment, if one is named."""
    gate = os.environ.get(GATE)
    while gate is not None and scenario.seed >= 20:
        Path(gate).touch()
        time.sleep(0.01)
    return made_up(scenario, ROWS)


def faulty(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Fail in one of three ways at some seeds, every time."""
    match scenario.seed % 10:
        case 3:
            raise ValueError(f"seed {scenario.seed} does not suit")
        case 5:
            while True:
                time.sleep(1)
        case 7:
            os.kill(os.getpid(), signal.SIGKILL)
    return made_up(scenario, ROWS)


def crashing(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Read memory that is not there."""
    ctypes.string_at(0)
    return made_up(scenario, ROWS)


def leaving(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Try to leave the process politely."""
    raise SystemExit(scenario.seed)


def talkative(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Print where the answers of the process go."""
    print("x" * 100_000, flush=True)  # noqa: T201  A run that talks is what is tested.
    os.write(1, b"y" * 1000)
    return made_up(scenario, ROWS)


def fails_until_told(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Raise until a file named in the environment exists."""
    if scenario.seed % 2 and not Path(os.environ[MENDED]).exists():
        raise RuntimeError("not mended yet")
    return made_up(scenario, ROWS)


def threads_of_libraries(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Fail if a library would use more threads than one."""
    wanted = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    if set(wanted.values()) != {"1"}:
        raise RuntimeError(str(wanted))
    return made_up(scenario, ROWS)


def made_up(scenario: MarketScenario, rows: int) -> dict[str, pa.Table]:
    """Return tables with the schemas of a run's, filled with noise."""
    share = sum(each.share or 0.0 for each in scenario.assignments)
    draw = np.random.default_rng([scenario.seed, round(1000 * share)])
    runs: dict[str, Sequence[object]] = {
        "run": [0],
        "scenario": [scenario.name],
        "economy": [scenario.economy.name],
        "seed": [scenario.seed],
        "rounds": [rows],
        "players": [len(scenario.economy.players)],
        "mean_welfare": [10 - share + draw.normal()],
        "mean_first_best_welfare": [12.0],
        "mean_autarky_welfare": [5.0],
        "mean_gains": [5.0 - share],
        "mean_first_best_gains": [7.0],
        "bankruptcies": [int(draw.integers(9))],
        "misreports": [0],
    }
    rounds: dict[str, np.ndarray] = {name: draw.normal(size=rows) for name in TABLES["rounds"].arrow.names}
    rounds |= {"run": np.zeros(rows), "round": np.arange(rows)}
    return {"runs": _table("runs", runs), "rounds": _table("rounds", rounds)} | {
        name: schema.arrow.empty_table() for name, schema in TABLES.items() if name not in {"runs", "rounds"}
    }


def _table(name: str, columns: Mapping[str, Sequence[object] | np.ndarray]) -> pa.Table:
    schema = TABLES[name].arrow
    arrays = []
    for field in schema:
        values = columns[field.name]
        if isinstance(values, np.ndarray) and pa.types.is_integer(field.type):
            values = np.trunc(values).astype(np.int64)
        arrays.append(pa.array(values).cast(field.type))
    return pa.table(arrays, schema=schema)
