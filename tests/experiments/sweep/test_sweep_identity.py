"""Results are gone on with only if everything that made them is as it was, down to what a user's function imports."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from marketgame import results
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.sources import computing_sources, reached_sources
from marketgame.experiments.sweep import OnChange, on_this_machine, prepare, run_sweep
from marketgame.experiments.sweep.identity import function_digest, identity
from marketgame.experiments.sweep.isolation import RunnerError
from marketgame.simulation.run import simulate
from tests.experiments.sweep_cases import SHARE, SMALL

ONE_POINT = replace(SMALL, axes={SHARE: [0.0]}, seeds=2)
LABORATORY = {
    "lab_of_mine/__init__.py": "",
    "lab_of_mine/plays.py": """
import json
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lab_of_mine import helper
from tests.experiments.faulty_runs import made_up

def play(scenario):
    tables = made_up(scenario, 2)
    runs = tables["runs"]
    place = runs.schema.get_field_index("mean_welfare")
    worth = pa.array([helper.worth()], pa.float64())
    return tables | {"runs": runs.set_column(place, runs.schema.field(place), worth)}
""",
    "lab_of_mine/helper.py": """
def worth():
    from .inner import deeper
    return deeper.WORTH
""",
    "lab_of_mine/inner/__init__.py": """
from importlib import import_module
other = import_module('.named', __package__)
""",
    "lab_of_mine/inner/deeper.py": "WORTH = 108.06\n",
    "lab_of_mine/inner/named.py": "HOW = 'lab_of_mine.inner.quoted'\n",
    "lab_of_mine/inner/quoted.py": "",
    "lab_of_mine/unrelated.py": "",
}
# What the function imports in one way or another, and what it does not.
REACHED = sorted(name for name in LABORATORY if "unrelated" not in name)


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's own package, on the path of this process and of those that it starts."""
    home = tmp_path / "sources"
    for name, text in LABORATORY.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    monkeypatch.syspath_prepend(home)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(home), *filter(None, [os.environ.get("PYTHONPATH")])]))
    # A source that changes twice within the grain of a file's time stamp is not to be taken from a cache.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield home
    for name in [name for name in sys.modules if name.partition(".")[0] == "lab_of_mine"]:
        del sys.modules[name]


def play() -> Any:
    """Return the user's function."""
    return import_module("lab_of_mine.plays").play


def welfare(folder: Path) -> list[float]:
    """Return what a sweep has measured."""
    found: list[float] = results.load(folder).runs["mean_welfare"].tolist()
    return found


def test_another_helper_means_other_results_even_from_processes_that_know_the_old_one(
    laboratory: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    with on_this_machine(1) as workers:
        run_sweep(ONE_POINT, folder, nullcontext(workers), simulate=play())
        assert welfare(folder) == [108.06, 108.06]
        (laboratory / "lab_of_mine/inner/deeper.py").write_text("WORTH = 104.63\n")
        with pytest.raises(InputError, match="code: simulate"):
            run_sweep(ONE_POINT, folder, nullcontext(workers), simulate=play())
        run_sweep(ONE_POINT, folder, nullcontext(workers), simulate=play(), on_change=OnChange.RESTART)
    assert welfare(folder) == [104.63, 104.63]


@pytest.mark.parametrize("name", LABORATORY)
def test_the_identity_covers_everything_that_is_imported_and_nothing_else(name: str, laboratory: Path) -> None:
    before = function_digest(play())
    (laboratory / name).write_text((laboratory / name).read_text() + "# changed\n")
    assert (function_digest(play()) != before) == (name in REACHED)


def test_installed_packages_count_by_their_version_and_our_own_sources_once(laboratory: Path) -> None:
    play()
    found = reached_sources("lab_of_mine.plays", computing_sources())
    assert found["numpy"] == import_module("numpy").__version__
    assert "json" not in found
    assert not [name for name in found if name.partition(".")[0] in {"simulation", "mechanisms", "agents"}]
    assert reached_sources(simulate.__module__, computing_sources()) == {}


def test_workers_with_another_helper_are_refused(
    laboratory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = play()
    planned = {"code": {"simulate": "another"}}
    original = identity
    monkeypatch.setattr(
        "marketgame.experiments.sweep.execution.identity",
        lambda *arguments: {**original(*arguments), "code": {**original(*arguments)["code"], **planned["code"]}},
    )
    with pytest.raises(RunnerError, match=r"other sources of lab_of_mine\.plays"):
        run_sweep(ONE_POINT, tmp_path / "sweep", 1, simulate=function)


def test_what_is_recorded_is_what_was_read(tmp_path: Path) -> None:
    # The economy is edited after the sweep was planned and before it is run.
    scenario, economy = tmp_path / "scenario.toml", tmp_path / "economy.toml"
    source = Path(SMALL.scenario)
    text = (source.parent.parent / "economies" / "ten-traders.toml").read_text(encoding="utf-8")
    economy.write_text(text, encoding="utf-8")
    scenario.write_text(
        source.read_text(encoding="utf-8").replace("../economies/ten-traders.toml", "economy.toml"), encoding="utf-8"
    )
    plan = prepare(replace(ONE_POINT, scenario=scenario, settings={"rounds": 1}))
    before = identity(plan, simulate)
    economy.write_text("rubbish", encoding="utf-8")
    scenario.write_text("rubbish", encoding="utf-8")
    assert identity(plan, simulate) == before
    folder = run_sweep(plan, tmp_path / "sweep", 1).folder
    inputs: Any = results.load(folder).manifest["inputs"]
    assert inputs["economy.toml"]["text"] == text
    assert "rubbish" not in str(inputs)
