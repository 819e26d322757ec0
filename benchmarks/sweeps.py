"""Sweeps against a serial loop and Mesa's ``batch_run``; tables of a million rows against CSV and plain Parquet.

The cost of starting processes is left out on both sides of a comparison by timing a short and a long sweep and
taking the difference. On a machine that does other work at the same time the ratios of two workers to one say little;
two bare processes with half of the runs each suffer alike, and tell what a sweep costs beside the runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import mesa
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measurement import Measurement, medians_of, time_of
from marketgame import results
from marketgame.experiments.sweep import Sweep, Workers, on_this_machine, prepare, run_sweep
from marketgame.experiments.sweep.publishing import publish, stored_schemas
from marketgame.experiments.sweep.storage import PartStore, write_table
from marketgame.experiments.sweep.tables import OUTCOMES
from marketgame.mechanisms.arrays import FloatArray
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.scenario.market_scenario import MarketScenario

SCENARIO = Path(__file__).parents[1] / "experiments" / "scenarios" / "ten-traders-noisy.toml"
SHARE = "traders.share.noisy"
WORKERS = 2
SHORT_RUNS, LONG_RUNS = (500, 4500), (20, 140)
REPEATS = 3
ROWS = 1_000_000
MORE = 4


class Walkers(mesa.Model):  # type: ignore[misc]  # Mesa ships no type information.
    """Walkers that take random steps; a step of all takes some fifty microseconds."""

    def __init__(self, rng: int = 0, steps: int = 20, share: float = 0.0) -> None:
        super().__init__(rng=rng)
        self.wanted, self.drift, self.total = steps, share, 0.0
        self.collector = mesa.DataCollector(model_reporters={"total": "total"})
        self.datacollector = self.collector

    def step(self) -> None:
        """Take a step; after the last, collect."""
        for _ in range(40):
            self.total += self.rng.normal(self.drift)
        if self.steps == self.wanted:
            self.running = False
            self.collector.collect(self)


def walk(scenario: MarketScenario, steps: int = 20) -> Mapping[str, pa.Table]:
    """Run the model of about a millisecond as a run of a sweep."""
    model = Walkers(scenario.seed, steps, scenario.assignments[0].share or 0.0)
    while model.running:
        model.step()
    return {"runs": _run_row(scenario, model.total)}


def walk_far(scenario: MarketScenario) -> Mapping[str, pa.Table]:
    """Run the same model for about fifty milliseconds."""
    return walk(scenario, 1000)


def _run_row(scenario: MarketScenario, total: float) -> pa.Table:
    schema = TABLES["runs"].arrow
    values = {"scenario": scenario.name, "economy": scenario.economy.name, "seed": scenario.seed, "mean_welfare": total}
    return pa.table([pa.array([values.get(field.name, 0)], field.type) for field in schema], schema=schema)


def sweep_of(runs: int) -> Sweep:
    """A sweep of so many runs over ten points."""
    return Sweep(SCENARIO, {SHARE: [place / 10 for place in range(10)]}, seeds=runs // 10, first_seed=0, tables=())


def serially(simulate: Callable[[MarketScenario], object], runs: int, first: int = 0, every: int = 1) -> None:
    """Play the runs of a sweep, or some of them, one after another; nothing is written."""
    plan = prepare(sweep_of(runs))
    for run in range(first, plan.runs, every):
        scenario = plan.points[plan.point_of(run)].scenario
        assert isinstance(scenario, MarketScenario)
        simulate(replace(scenario, seed=plan.seed_of(run)))


def by_bare_processes(simulate: Callable[[MarketScenario], object], runs: int) -> None:
    """Play them in as many processes, each its share one after another: the most that these cores can do."""
    name = f"{simulate.__module__} import {simulate.__name__} as simulate"
    programs = [
        f"from {name}; from benchmarks.sweeps import serially; serially(simulate, {runs}, {number}, {WORKERS})"
        for number in range(WORKERS)
    ]
    started = [subprocess.Popen([sys.executable, "-c", program], cwd=SCENARIO.parents[2]) for program in programs]
    assert not any(process.wait() for process in started)


def by_sweep(simulate: Callable[[MarketScenario], Mapping[str, pa.Table]], runs: int, workers: Workers) -> None:
    """Play them as a sweep, written to a folder."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_sweep(sweep_of(runs), folder, nullcontext(workers), simulate=simulate)
        assert outcome.done == runs


def by_mesa(runs: int) -> None:
    """Play them by Mesa's own means; the results stay in memory."""
    parameters = {"steps": [20], "share": [place / 10 for place in range(10)]}
    found = mesa.batch_run(
        Walkers,
        parameters,
        number_processes=WORKERS,
        rng=list(range(runs // 10)),
        data_collection_period=-1,
        max_steps=20,
        display_progress=False,
    )
    assert len(found) == runs


def by_mesa_elsewhere(runs: int) -> None:
    """Do so in a process of its own: its workers run the main module of whoever starts them once more."""
    program = f"from benchmarks.sweeps import by_mesa; by_mesa({runs})"
    subprocess.run([sys.executable, "-c", program], cwd=SCENARIO.parents[2], check=True)


def seconds_per_run(plays: Sequence[Callable[[int], None]], sizes: tuple[int, int]) -> list[float]:
    """Return the seconds that one more run takes each way, at best; the ways take turns, for the machine is noisy."""
    fastest = np.full((len(plays), len(sizes)), np.inf)
    for _ in range(REPEATS):
        for place, size in np.ndindex(fastest.shape):
            seconds = time_of(partial(plays[place], sizes[size]), 1)
            fastest[place, size] = min(fastest[place, size], seconds)
    seconds_more: FloatArray = (fastest[:, 1] - fastest[:, 0]) / (sizes[1] - sizes[0])
    return [float(each) for each in seconds_more]


def measure_runs() -> Iterator[Measurement]:
    with on_this_machine(WORKERS) as crew:
        by_sweep(walk, 50, crew)
        short, far = (
            [
                partial(serially, simulate),
                partial(by_bare_processes, simulate),
                partial(by_sweep, simulate, workers=crew),
            ]
            for simulate in (walk, walk_far)
        )
        serial, bare, ours, theirs = seconds_per_run([*short, by_mesa_elsewhere], SHORT_RUNS)
        work = "sweep of 1 ms runs, two workers, written"
        note = f"{1e3 * ours:.2f} ms a run; serial {1e3 * serial:.2f}, mesa {1e3 * theirs:.2f}"
        yield Measurement(work, "serial loop", serial / ours, 1.9, note)
        yield Measurement(work, "two bare processes", bare / ours, None, f"{1e3 * bare:.2f} ms a run at best")
        most = f"{theirs / bare:.2f} if no time were lost at all"
        yield Measurement(work, "mesa.batch_run", theirs / ours, 3.0, most)
        serial, bare, ours = seconds_per_run(far, LONG_RUNS)
        work = "sweep of 50 ms runs, two workers, written"
        yield Measurement(work, "serial loop", serial / ours, 1.8, f"{1e3 * serial:.0f} ms a run")
        yield Measurement(work, "two bare processes", bare / ours, 0.9, "parallel efficiency")


class Columns:
    """A million rows of results: twelve columns, two of them names, as a sweep of a thousand runs would write them."""

    runs = 1000

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        per_run = ROWS // self.runs
        self.frame = pd.DataFrame(
            {
                "run": np.repeat(np.arange(self.runs), per_run),
                "round": np.tile(np.arange(per_run), self.runs),
                "player": pd.Categorical.from_codes(
                    generator.integers(0, 10, ROWS), pd.Index([f"player {i}" for i in range(10)])
                ),
                "reason": pd.Categorical.from_codes(
                    generator.integers(0, 3, ROWS), pd.Index(["solvent", "budget", "short-sale"])
                ),
            }
            | {f"value_{number}": generator.normal(size=ROWS) for number in range(8)}
        )
        self.table = pa.Table.from_pandas(self.frame, preserve_index=False)


def measure_tables() -> Iterator[Measurement]:
    columns, repeats = Columns(), 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def as_csv() -> None:
            columns.frame.to_csv(folder / "rows.csv", index=False)
            pd.read_csv(folder / "rows.csv")

        def as_parquet() -> None:
            pq.write_table(columns.table, folder / "plain.parquet", compression="zstd")
            pq.read_table(folder / "plain.parquet").to_pandas()

        def as_ours() -> None:
            write_table(folder / "ours.parquet", columns.table.schema, [columns.table])
            pq.read_table(folder / "ours.parquet").to_pandas()

        seconds, csv = medians_of({"ours": as_ours, "parquet": as_parquet}, repeats), time_of(as_csv, 1)
        ours, parquet = seconds["ours"], seconds["parquet"]
        size = f"{(folder / 'ours.parquet').stat().st_size / 1e6:.0f} MB against"
        work = "a million rows x 12 columns, written and read"
        note = f"{ours:.2f} s; {size} {(folder / 'rows.csv').stat().st_size / 1e6:.0f} MB"
        yield Measurement(work, "pandas CSV", csv / ours, 30.0, note)
        note = f"{size} {(folder / 'plain.parquet').stat().st_size / 1e6:.0f} MB"
        yield Measurement(work, "PyArrow zstd, not waiting for the disk", parquet / ours, 1 / 1.2, note)
        yield whole_way(folder)
        few, many = (peak_memory_elsewhere(rows) for rows in (ROWS, MORE * ROWS))
        note = f"{few:.0f} MB above what Python and PyArrow take; for {MORE} times the rows {many:.0f} MB"
        yield Measurement(
            "peak memory of a million rounds, published",
            f"a quarter of {MORE} millions'",
            many / MORE / few,
            None,
            note,
        )


def whole_way(folder: Path) -> Measurement:
    """Measure rounds on their whole way: parts, published tables, loaded, aggregated by point."""
    sweep = Sweep(SCENARIO, {SHARE: [place / 10 for place in range(10)]}, seeds=100, tables=("rounds",))
    plan = prepare(sweep)
    per_part, rows_per_run = plan.runs // 20, ROWS // plan.runs
    parts = [made_up_part(first, per_part, rows_per_run) for first in range(0, plan.runs, per_part)]

    def go() -> None:
        store = PartStore(folder / "parts", stored_schemas(plan))
        for part in parts:
            store.append(part)
        publish(plan, store.parts, folder)
        store.clear()
        (folder / "manifest.json").write_text('{"kind": "sweep"}')
        joined = results.with_parameters(results.load(folder), "rounds")
        assert len(joined.groupby(SHARE)["welfare"].mean()) == 10

    seconds = time_of(go, 2)
    return Measurement(
        "a million rounds: parts, tables, loaded, averaged by point",
        "writing them once with pandas as CSV",
        time_of(lambda: parts_as_csv(parts, folder), 1) / seconds,
        None,
        f"{seconds:.2f} s",
    )


def made_up_part(first: int, runs: int, rows_per_run: int) -> dict[str, pa.Table]:
    generator = np.random.default_rng(first)
    numbers = np.arange(first, first + runs)
    rounds = TABLES["rounds"].arrow
    columns = {
        field.name: generator.integers(0, 9, runs * rows_per_run)
        if pa.types.is_integer(field.type)
        else generator.normal(size=runs * rows_per_run)
        for field in rounds
    } | {"run": np.repeat(numbers, rows_per_run)}
    outcomes = [
        pa.array(numbers)
        if field.name == "run"
        else pa.array(["done"] * runs).cast(field.type)
        if field.name == "status"
        else pa.nulls(runs, field.type)
        for field in OUTCOMES.arrow
    ]
    return {
        "rounds": pa.table([pa.array(columns[field.name], field.type) for field in rounds], schema=rounds),
        "runs": pa.table(outcomes, schema=OUTCOMES.arrow),
    }


def publish_rows(rows: int) -> float:
    """Write rows as parts, publish them, and return by how many megabytes the peak memory of this process grew."""
    sweep = Sweep(SCENARIO, {SHARE: [place / 10 for place in range(10)]}, seeds=rows // 10_000, tables=("rounds",))
    plan = prepare(sweep)
    per_part, before = plan.runs // (20 * rows // ROWS), peak_megabytes()
    with tempfile.TemporaryDirectory() as name:
        store = PartStore(Path(name) / "parts", stored_schemas(plan))
        for first in range(0, plan.runs, per_part):
            store.append(made_up_part(first, per_part, rows // plan.runs))
        publish(plan, store.parts, Path(name))
        assert pq.read_metadata(Path(name) / "rounds.parquet").num_rows == rows
    return peak_megabytes() - before


def peak_megabytes() -> float:
    """Return the most memory this process has had; unlike ``getrusage`` without what its parent had before it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def peak_memory_elsewhere(rows: int) -> float:
    """Do so in a process of its own, whose memory nothing else has touched."""
    program = f"from benchmarks.sweeps import publish_rows; print(publish_rows({rows}))"
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, cwd=SCENARIO.parents[2], check=True, capture_output=True, text=True).stdout)


def parts_as_csv(parts: list[dict[str, pa.Table]], folder: Path) -> None:
    pd.concat([part["rounds"].to_pandas() for part in parts]).to_csv(folder / "rounds.csv", index=False)


def measure() -> list[Measurement]:
    return [*measure_tables(), *measure_runs()]
