"""What users wait for: whole runs from the command line, and rounds of ten to a thousand traders.

Commands are measured in processor time against importing Mesa and pandas, which a script of one's own would do before
anything else, all in turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time

from benchmarks.measurement import Measurement, print_table
from benchmarks.rounds import BareMarket, many_traders
from marketgame.agents.behaviours import BEHAVIOURS, Behaviour, Imitating, Learning, Publication, ShortSelling
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.learning import LearningRules
from marketgame.simulation.scenario.market_scenario import MarketScenario

REPEATS = 3
ROUNDS = 4
IMPORTS = [sys.executable, "-c", "import mesa, pandas"]
# What is run, with options, what that is, and how many times the baseline it may take.
RUNS = (
    ("example:annex-b-one-short-seller", ("--figures", "none"), "20 rounds of the carbon market, tables only", 3.0),
    ("example:annex-b-one-short-seller", (), "20 rounds of the carbon market, with bitmaps", 7.0),
    ("example:three-traders-organised", (), "100 rounds with an organiser who has searched before", None),
    (
        "example:three-traders-organised",
        ("--figures", "none"),
        "100 rounds with an organiser who has never searched, tables only; goal 4 s",
        None,
    ),
    (
        "example:three-hundred-traders-misreporters",
        ("--figures", "none"),
        "100 rounds of 300 traders with two types, tables only; goal 20 s",
        None,
    ),
)
# Nothing that was found before is there for these.
COLD = {3}


def seconds_of(command: list[str], folder: Path, *, cold: bool = False) -> float:
    """Return the processor time of a command called in a folder, which keeps what it finds unless it begins cold."""
    before = os.times()
    found = "" if cold else str(folder / "found")
    environment = os.environ | {"MARKETGAME_CACHE": found, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def compare_runs() -> list[Measurement]:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        commands = [
            [sys.executable, "-m", "marketgame", "run", file, *options, "--out", f"run{place}", "--json"]
            for place, (file, options, _, _) in enumerate(RUNS)
        ]
        # The first call compiles, reads files from the disk, and searches what is to be found again.
        for command in commands:
            seconds_of(command, home)
        asked = [(IMPORTS, False), *((command, place in COLD) for place, command in enumerate(commands))]
        turns = [[seconds_of(command, home, cold=cold) for command, cold in asked] for _ in range(REPEATS)]
        assert all(json.loads((home / f"run{place}" / "manifest.json").read_text()) for place in range(len(RUNS)))
    imports, *taken = (statistics.median(times) for times in zip(*turns, strict=True))
    return [
        Measurement(
            work=f"`run`: {work}",
            baseline="`import mesa, pandas`, as often as is allowed",
            ratio=(most or 1.0) * imports / seconds,
            target=None if most is None else 1.0,
            note=f"{seconds:.2f} s against {imports:.2f} s of processor time",
        )
        for (_, _, work, most), seconds in zip(RUNS, taken, strict=True)
    ]


def compare_rounds(players: int, behaviour: Behaviour, share: float = 1.0) -> Measurement:
    """Measure rounds of many traders, some of whom do not obey or all of whom learn, until they are rows."""
    economy = many_traders(players, 2, kinds=1)
    told = (Publication.STANCES,) if isinstance(behaviour, Imitating) else ()
    acting = (Assignment(behaviour, share=share),)
    model = MarketModel(MarketScenario("many", economy, assignments=acting, learning=LearningRules(published=told)))
    bare = BareMarket(economy)

    def timed(step: Callable[[], object]) -> float:
        start = process_time()
        step()
        return process_time() - start

    for step in (model.step, bare.step):
        step()
    steps: tuple[Callable[[], None], ...] = (model.step, bare.step)
    turns = [[timed(partial(step)) for step in steps] for _ in range(ROUNDS)]
    ours, theirs = (statistics.mean(times) for times in zip(*turns, strict=True))
    ours += timed(model.recorder.tables) / (ROUNDS + 1)
    return Measurement(
        work=f"a round of {players} traders, {share:.0%} of them {behaviour.name}, made into tables",
        baseline="a bare loop over as many who obey, nothing kept",
        ratio=theirs / ours,
        target=None,
        note=f"{ours:.3f} s of processor time" + ("; goal 1 s" if players == 1000 else ""),
    )


def measure() -> list[Measurement]:
    selling = [compare_rounds(players, ShortSelling(), 0.3) for players in (10, 100, 300, 1000)]
    learners = [kind for kind in BEHAVIOURS.own if issubclass(kind, Learning)]
    return [*compare_runs(), *selling, *(compare_rounds(1000, kind()) for kind in learners)]


if __name__ == "__main__":
    print_table(measure())
