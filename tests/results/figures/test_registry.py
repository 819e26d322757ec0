"""Every figure of the registry is drawn for runs that have its tables; other people's join it and cannot lose a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from marketgame import results
from marketgame.experiments.files.game_scenario_file import load_game_scenario
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.results.figures import FIGURES, FigureFormat, RunFigure, save_figures, standard_figures
from marketgame.results.figures.style import SMALL
from marketgame.results.loading import Run
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.network import GraphKind, GraphLaw, Network
from tests.experiments.command_calls import SCENARIOS
from tests.results.figure_contents import texts
from tests.run_folders import write_run

OURS = [figure for figure in FIGURES.own if isinstance(figure, RunFigure)]
THEIRS = """
from matplotlib.figure import Figure

def volume(run):
    figure = Figure()
    axes = figure.subplots()
    axes.plot(run.rounds["round"], run.rounds["volume"])
    axes.set_title("volume")
    return figure

def of_mediators(run):
    return Figure()
of_mediators.tables = ("mediators",)

def broken(run):
    raise KeyError("no such column")

def no_figure(run):
    return "a picture"

def unwritable(run):
    figure = Figure()
    figure.suptitle("$x^{$")
    return figure
"""
NAMES = ("broken", "no_figure", "of_mediators", "unwritable", "volume")


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's distribution, installed, which adds figures."""
    home = tmp_path / "site"
    installed = home / "their_figures-1.0.dist-info"
    installed.mkdir(parents=True)
    (home / "their_figures.py").write_text(THEIRS, encoding="utf-8")
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: their-figures\nVersion: 1.0\n", encoding="utf-8")
    entries = "".join(f"{name} = their_figures:{name}\n" for name in (*NAMES, "gone"))
    (installed / "entry_points.txt").write_text(f"[marketgame.figures]\n{entries}", encoding="utf-8")
    monkeypatch.syspath_prepend(home)
    monkeypatch.delitem(sys.modules, "their_figures", raising=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Runs of shipped scenarios, one for everything that is recorded."""
    home = tmp_path_factory.mktemp("runs")
    market = load_scenario(SCENARIOS / "annex-b-cartel.toml", rounds=3)
    game = load_game_scenario(SCENARIOS / "myerson-example-1-blocked.toml", rounds=3)
    learning = load_scenario(SCENARIOS / "three-traders-learning.toml", rounds=3)
    learning = replace(learning, network=Network(GraphLaw(GraphKind.PATH)))
    two = load_scenario(SCENARIOS / "two-sided-divisible-obedient.toml", rounds=3)
    played = {"market": market, "game": game, "learning": learning, "two": two}
    for name, scenario in played.items():
        write_run(home / name, simulate(scenario), {"seed": 7})
    return [results.load(home / name) for name in played]


def figures_of(figure: RunFigure, drawn: dict[str, Figure]) -> list[str]:
    """Return the names under which a figure of the registry was drawn."""
    return [name for name in drawn if name == figure.name or (figure.by_good and name.startswith(f"{figure.name}-"))]


@pytest.fixture(scope="module")
def drawn(runs: list[Run]) -> list[dict[str, Figure]]:
    """The figures of these runs."""
    return [standard_figures(run) for run in runs]


def test_every_figure_is_drawn_for_a_run_that_has_its_tables(drawn: list[dict[str, Figure]]) -> None:
    for figure in OURS:
        assert any(figures_of(figure, each) for each in drawn), figure.name
    known = {name for each in drawn for figure in OURS for name in figures_of(figure, each)}
    assert known == {name for each in drawn for name in each}


def test_every_letter_of_every_figure_is_seven_points_high_or_more(drawn: list[dict[str, Figure]]) -> None:
    for name, figure in (each for figures in drawn for each in figures.items()):
        assert min(float(text.get_fontsize()) for text in texts(figure)) >= SMALL == 7, name


@pytest.mark.parametrize("figure", OURS, ids=lambda figure: figure.name)
def test_a_figure_needs_tables_that_are_recorded_and_is_left_out_without_their_rows(
    figure: RunFigure, runs: list[Run], drawn: list[dict[str, Figure]]
) -> None:
    assert set(figure.tables) <= TABLES.keys()
    assert figure.title
    for run, figures in zip(runs, drawn, strict=True):
        empty = {name: table.iloc[:0] if name in figure.tables else table for name, table in run.tables.items()}
        if figure.tables != ("rounds",) and figures_of(figure, figures):
            assert not figures_of(figure, standard_figures(Run(run.folder, run.manifest, empty)))


def test_a_figure_of_a_stranger_joins_ours_and_a_broken_one_is_a_warning(
    played: Callable[..., Run],
    theirs: None,
    failures_expected: None,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    run = played(rounds=2)
    drawn = standard_figures(run)
    assert list(drawn) == ["welfare", "trade-network", "who-ends-with-what", "quotes-wheat", "unwritable", "volume"]
    assert drawn["volume"].axes[0].get_title() == "volume"
    files = save_figures(run, tmp_path / "drawn", [FigureFormat.PNG])
    assert [file.stem for file in files] == [name for name in drawn if name != "unwritable"]
    for name, why in {
        "broken": "KeyError: 'no such column'",
        "gone": "which cannot be imported",
        "no_figure": "it is 'a picture'; it must be a Matplotlib figure",
        "unwritable": "ValueError",
    }.items():
        assert any(f"figure {name!r} is left out: " in line and why in line for line in caplog.messages), name
    assert not [line for line in caplog.messages if "of_mediators" in line]
