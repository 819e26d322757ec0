"""A behaviour, a family of valuations, a figure: one new file of ours each, and every door knows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from marketgame.agents.behaviours import BEHAVIOURS
from marketgame.experiments.commands.explained import json_schema
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.economies.valuations import FAMILIES
from marketgame.registry import Registry
from marketgame.results.figures import FIGURES, standard_figures
from marketgame.results.loading import load
from tests.results.made_up_runs import Play, write_folder

HOARDING = """
from dataclasses import dataclass, field
from typing import ClassVar
from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.registry import parameter

@dataclass(frozen=True)
class Hoarding(Behaviour):
    '''Keeps a part of what it has.'''
    name: ClassVar[str] = "hoarding"
    part: float = field(default=0.25, metadata=parameter("how much it keeps", ge=0, le=1))
"""
DOUBLED = """
from dataclasses import dataclass
from typing import ClassVar
from marketgame.mechanisms.economies.valuations.separable import Logarithmic

@dataclass(frozen=True, eq=False)
class Doubled(Logarithmic):
    '''v(q) = the logarithm, under another name.'''
    name: ClassVar[str] = "doubled"
"""
VOLUMES = """
from matplotlib.figure import Figure
from marketgame.results.figures.figure import RunFigure

VOLUMES = RunFigure(15, "volumes", "what is traded", ("rounds",), lambda view: Figure(label=f"round {view.round}"))
"""


@pytest.fixture
def one_new_file[Member](tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Registry[Member], str], None]:
    """Adds a module to the home of a registry, as one more file in its folder, and lets the registry look again."""

    def added(registry: Registry[Member], source: str) -> None:
        (tmp_path / "one_new_file.py").write_text(source, encoding="utf-8")
        home = import_module(registry.home)
        monkeypatch.setattr(home, "__path__", [*home.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, f"{registry.home}.one_new_file", raising=False)
        again = replace(registry)
        monkeypatch.setitem(vars(registry), "own", again.own)
        monkeypatch.setitem(vars(registry), "members", again.members)

    return added


def test_a_behaviour_is_one_new_file(one_new_file: Callable[..., None], tmp_path: Path) -> None:
    one_new_file(BEHAVIOURS, HOARDING)
    text = f"""
kind = "scenario"
economy = {json.dumps(str(ECONOMIES / "three-traders.toml"))}
[[traders]]
behaviour = "hoarding"
part = 0.5
"""
    (tmp_path / "hoarders.toml").write_text(text, encoding="utf-8")
    (assignment,) = load_scenario(tmp_path / "hoarders.toml").assignments
    assert vars(assignment.behaviour) == {"part": 0.5}
    assert "how much it keeps" in json.dumps(json_schema("scenario"))


def test_a_family_of_valuations_is_one_new_file(one_new_file: Callable[..., None], tmp_path: Path) -> None:
    one_new_file(FAMILIES, DOUBLED)
    shipped = next(file for file in ECONOMIES.glob("*.toml") if '"logarithmic"' in file.read_text(encoding="utf-8"))
    renamed = shipped.read_text(encoding="utf-8").replace('"logarithmic"', '"doubled"')
    (tmp_path / "doubled.toml").write_text(renamed, encoding="utf-8")
    named = {kind.valuation.name for player in load_economy(tmp_path / "doubled.toml").players for kind in player.types}
    assert "doubled" in named
    assert "under another name" in json.dumps(json_schema("market-economy"))


def test_a_figure_is_one_new_file(one_new_file: Callable[..., None], tmp_path: Path) -> None:
    one_new_file(FIGURES, VOLUMES)
    drawn = standard_figures(load(write_folder(tmp_path / "run", Play(rounds=1))))
    assert list(drawn)[:2] == ["welfare", "volumes"]
    assert drawn["volumes"].get_label() == "round 0"
