"""Figures of runs whose players and goods are called anything at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from marketgame import results
from marketgame.experiments.play.running import play, prepare, run_folder
from marketgame.results import save_figures
from marketgame.results.figures import saving
from marketgame.results.figures.legible import legible
from tests.experiments.command_calls import instead_of_drawing

CASES = Path(__file__).parents[2] / "experiments" / "cases"


@pytest.fixture
def drawn_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing to the test."""
    monkeypatch.setattr(results, "save_figures", instead_of_drawing)


def run_of(scenario: Path, folder: Path) -> results.Run:
    prepared = prepare(scenario, rounds=2)
    with run_folder(prepared, folder) as writing:
        play(prepared, writing, lambda _: None)
    return results.load(folder)


def texts(figures: Mapping[str, Figure]) -> list[str]:
    return [text.get_text().replace(r"\$", "$") for figure in figures.values() for text in figure.findobj(Text)]


@pytest.mark.usefixtures("drawn_later")
def test_goods_whose_names_differ_have_different_files(tmp_path: Path) -> None:
    """Goods "a/b" and "a b" shared one file, in which the second replaced the first."""
    run = run_of(CASES / "figures-collide-run.toml", tmp_path / "run")
    assert {name for name in results.standard_figures(run) if name.startswith("quotes")} == {
        "quotes-a-b",
        "quotes-a-b-2",
    }


@pytest.mark.usefixtures("drawn_later")
def test_names_are_drawn_as_they_stand_and_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A null is written out; dollars, backslashes and markup stand for themselves; slashes lead to no other folder.

    Warnings are errors: Matplotlib finds no letter missing, and no mathematics.
    """
    run = run_of(CASES / "evil-names-run.toml", tmp_path / "run")
    figures = results.standard_figures(run)
    monkeypatch.setattr(saving, "standard_figures", lambda *_: figures)
    drawn = "\n".join(texts(figures))
    assert r"\x00/..\$\frac{1}{$" in drawn
    assert "<img src=x onerror=alert(1)>" in drawn
    assert "../../../../elsewhere" in drawn
    files = save_figures(run, tmp_path / "figures")
    assert {file.parent for file in files} == {tmp_path / "figures"}
    assert len(set(files)) == len(files)


@pytest.mark.usefixtures("drawn_later")
def test_long_names_and_letters_that_the_font_lacks_are_shown_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in ("figures-collide-economy.toml", "figures-collide-run.toml"):
        shutil.copy(CASES / case, tmp_path)
    economy = tmp_path / "figures-collide-economy.toml"
    text = economy.read_text(encoding="utf-8")
    text = text.replace('"ann"', f'"{"x" * 3000}a"').replace('"bob"', f'"{"x" * 3000}b"').replace('"a/b"', '"面包"')
    economy.write_text(text.replace('"loaf"', f'"{"loaf " * 500}"'), encoding="utf-8")
    caplog.set_level(logging.WARNING, "marketgame")
    run = run_of(tmp_path / "figures-collide-run.toml", tmp_path / "run")
    figures = results.standard_figures(run)
    assert "figures have no letters for 包, 面" in caplog.text
    shown = legible(run)
    assert len(set(shown.player_names)) == len(run.player_names)
    assert shown.goods == (r"\u9762\u5305", "a b", "money")
    monkeypatch.setattr(saving, "standard_figures", lambda *_: figures)
    assert max(map(len, "\n".join(texts(figures)).splitlines())) < 200
    assert save_figures(run, tmp_path / "figures", formats=(results.figures.FigureFormat.PNG,))


@pytest.mark.usefixtures("drawn_later")
def test_a_run_of_plain_names_is_drawn_as_it_is(tmp_path: Path) -> None:
    run = run_of(CASES / "figures-collide-run.toml", tmp_path / "run")
    assert legible(run) is run
