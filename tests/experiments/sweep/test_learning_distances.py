"""Of where learners ended nothing sampled is told as known, and one answer that is lacking costs no other."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

import marketgame
from marketgame import results
from marketgame.experiments.sweep import learning
from marketgame.experiments.sweep.learning import Diagnosis, diagnosis, diagnosis_document, print_diagnosis
from marketgame.experiments.sweep.report import learned_parts
from marketgame.results.learning import learned_play
from marketgame.results.loading import Run
from marketgame.results.report.page import Table, Words
from marketgame.simulation.market.menu_game import Exploited, MarketMenu, UnplayableError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of three learners."""
    folder = tmp_path_factory.mktemp("learnt")
    marketgame.run("example:three-traders-learning", rounds=12, out=folder, figures="none", benchmark_seconds=0)
    return results.load(folder)


def printed(found: Diagnosis) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_diagnosis(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_distances_are_told_where_the_best_reply_is_not_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Exploited:
        raise UnplayableError("others are too many")

    monkeypatch.setattr(MarketMenu, "exploited", refuse)
    found = diagnosis(run, exploitability=True)
    assert found.distances["gap"].to_list() == diagnosis(run).distances["gap"].to_list()
    assert "no gain by any report, quotes and orders: others are too many" in printed(found)
    document = diagnosis_document(found)
    assert (document["unanswered"], document["exploitability"], document["obstacle"]) == ("others are too many", [], "")


def test_gaps_of_plays_that_were_drawn_come_with_the_interval_of_the_draws(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sampled" not in printed(diagnosis(run))
    monkeypatch.setattr(learning, "MOST_CELLS", 5)
    found = diagnosis(run)
    rows = found.distances[found.distances["sampled"]]
    assert set(rows["measure"]) == {"coarse", "exchanging", "nash"}
    assert ((rows["sampled_low"] <= rows["gap"]) & (rows["gap"] <= rows["sampled_high"])).all()
    assert (rows["sampled_low"] < rows["sampled_high"]).any()
    told = [each for each in diagnosis_document(found)["distances"] if each["sampled"]]
    assert [each["high"] for each in told] == pytest.approx(rows.sort_values(["window", "measure"])["sampled_high"])
    text = printed(found)
    assert text.count("sampled") > len(rows)
    assert "proved" not in text


def test_a_gain_against_plays_that_were_drawn_has_no_bound(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Exploited(0, 0, 5.0, np.inf, 0, 1.0, np.array([1.0, 2.0]), sampled=True)
    monkeypatch.setattr(MarketMenu, "exploited", lambda *_: answer)
    found = diagnosis(run, exploitability=True)
    (first, *_) = diagnosis_document(found)["exploitability"]
    assert (first["gain"], first["by_stance"], first["bound"], first["sampled"]) == (4.0, 1.0, None, True)
    assert "fitted to what was drawn, rather too high, and nothing bounds it" in printed(found).replace("\n", " ")


def test_the_page_of_a_run_tells_what_was_learned_and_what_exploits_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Exploited(0, 0, 5.0, 7.0, 0, 1.0, np.array([1.0, 2.0]), sampled=False)
    monkeypatch.setattr(MarketMenu, "exploited", lambda *_: answer)
    plain = learned_parts(run)
    tables = [part for part in plain if isinstance(part, Table)]
    assert [part.title.partition(",")[0] for part in tables] == [
        "How often learners took each stance",
        "Distance to equilibrium among stances",
    ]
    assert [row[:3] for row in tables[0].rows] == learned_play(run)[["player", "type", "stance"]].to_numpy().tolist()
    assert isinstance(plain[-1], Words)
    assert "--exploitability" in plain[-1].text
    *_, exploited = (part for part in learned_parts(run, exploitability=True) if isinstance(part, Table))
    assert exploited.title.startswith("What a trader could gain")
    gains = diagnosis_document(diagnosis(run, exploitability=True))["exploitability"]
    assert [row[2] for row in exploited.rows] == [f"{each['gain']:.6g}" for each in gains]
    without = Run(run.folder, run.manifest, {**run.tables, "stances": run.stances.iloc[:0]})
    assert learned_parts(without) == []
