"""Who plays for the dashboard: it shows what a run records, saves what is played, and tells mistakes by field."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments.app.form import Node, form_of
from marketgame.experiments.app.playing import Playing, problems_of
from marketgame.experiments.app.scenario_text import scenario_text
from marketgame.experiments.app.work import Work
from marketgame.experiments.files.examples import examples, located, located_beside
from marketgame.experiments.files.explanation import tables_of
from marketgame.experiments.files.game_scenario_file import GameScenarioInput
from marketgame.experiments.files.input_file import InputError, InputModel, read_table
from marketgame.experiments.files.scenario_file import ScenarioInput
from marketgame.experiments.play.running import run

SHORT = "example:scenario/three-traders-short-seller"
SCENARIOS = [each.file for each in examples() if each.kind == "scenario"]


def silent(_search: str) -> None:
    """Hear what is being searched."""


@pytest.fixture
def playing() -> Playing:
    return Playing(silent)


def opened(playing: Playing, source: str, **changes: Any) -> dict[str, Any]:
    """Return what is asked for to begin a scenario with changes."""
    answer = playing.open(source)
    return {"tables": answer["tables"] | changes, "path": answer["path"]}


# What is told to be reported is found at once; other quotes and orders are searched for.
LYING = {"organisers": [{"largest": 2, "stage": "reports"}]}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("three-farmers-blocked", {}),
        ("three-farmers-obedient", LYING),
        ("three-traders-learning", {}),
        ("myerson-example-1-blocked", {}),
    ],
)
def test_a_saved_run_is_replayed_as_it_was_seen_live(
    name: str, changes: dict[str, Any], playing: Playing, tmp_path: Path
) -> None:
    tables, path = of(name)
    file = tmp_path / f"{name}.toml"
    file.write_text(scenario_text(tables | changes, path), encoding="utf-8")
    playing.begin(**opened(playing, str(file)))
    live = [*playing.step(1), *playing.step(2)]
    assert any(frame["coalitions"] for frame in live) == bool(changes)
    # What traders were told is not part of a saved run, and not shown of a game.
    assert all(bool(frame.pop("known")) == bool(frame["holdings"]) for frame in live)
    run(file, rounds=3, figures="none", benchmark_seconds=0, out=tmp_path / "run")
    scene = playing.replay(str(tmp_path / "run"))
    assert (scene["rounds"], scene["saved"]) == (3, str(tmp_path / "run"))
    saved = [*playing.frames(0, 2), *playing.frames(2, 100)]
    assert json.loads(json.dumps(saved)) == json.loads(json.dumps(live))
    assert any(frame["flows"] or frame["actions"] for frame in live)


def test_a_scenario_is_saved_as_the_file_that_plays_what_was_seen(playing: Playing, tmp_path: Path) -> None:
    asked = opened(playing, SHORT, rules={"solvency": "no-short-sales"}, seed=9)
    playing.begin(**asked)
    seen = playing.step(2)
    file = tmp_path / "saved.toml"
    file.write_text(playing.text(**asked), encoding="utf-8")
    playing.begin(**opened(playing, str(file)))
    assert playing.step(2) == seen
    assert seen[0]["bankruptcies"] > 0


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_example_is_written_as_it_was_read_but_for_where_files_are(file: Path) -> None:
    tables = read_table(file)
    again = tomllib.loads(scenario_text(tables, file))
    setting = "economy" if "economy" in tables else "game"
    assert located(again[setting]) == located_beside(tables[setting], file)
    named = {setting, "contract"} if "path" in tables.get("contract", {}) else {setting}
    assert {key: again[key] for key in tables.keys() - named} == {key: tables[key] for key in tables.keys() - named}


def test_text_that_toml_could_misread_is_written_as_it_was() -> None:
    odd = {"name": 'a "b" \\ \x7f\n é', "traders": [{"behaviour": "misreporting", "reports": {"two words": "c.d"}}]}
    assert tomllib.loads(scenario_text(odd, Path("s.toml"))) == odd


def fields_in(node: Node, path: str = "") -> Iterator[str]:
    """Yield every field of a form by its path; of several tables that may stand in one place, the fields of all."""
    if node["kind"] == "table":
        for field in node["fields"]:
            yield f"{path}{field['key']}"
            yield from fields_in(field["node"], f"{path}{field['key']}.")
    elif node["kind"] == "tables":
        for table in node["tables"].values():
            yield from fields_in(table, path)
    elif node["kind"] in {"list", "map"}:
        yield from fields_in(node["entry"], path)


@pytest.mark.parametrize(
    ("model", "some"),
    [
        (ScenarioInput, {"rules.solvency", "traders.size", "organisers.graph.generator"}),
        (GameScenarioInput, {"contract.mechanism", "blockers.stakes"}),
    ],
)
def test_the_form_asks_for_every_field_that_a_file_may_have(model: type[InputModel], some: set[str]) -> None:
    explained = {
        f"{note.path.partition(' with ')[0].replace('[]', '')}.{field.name}".removeprefix(".")
        for note in tables_of(model)
        for field in note.fields
    }
    assert set(fields_in(form_of(model))) == explained
    assert some <= explained


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rounds": "many"}, "rounds"),
        ({"rules": {"solvency": "never"}}, "rules.solvency"),
        ({"traders": [{"behaviour": "short-selling", "size": -1}]}, "traders[0].size"),
        (
            {"traders": [{"behaviour": "short-selling", "name": "greedy", "players": ["zoe"]}]},
            "traders.greedy.players[0]",
        ),
        ({"organisers": [{"smallest": 3, "largest": 2}]}, "organisers[0]"),
        ({"economy": "nowhere.toml"}, "economy"),
        ({"colour": "blue"}, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_field(changes: dict[str, Any], field: str, playing: Playing) -> None:
    asked = opened(playing, SHORT, **changes)
    with pytest.raises(InputError) as refused:
        playing.begin(**asked)
    (problem,) = problems_of(refused.value, asked["path"])
    assert problem["field"] == field
    assert problem["message"]
    assert asked["path"] not in problem["message"]


def test_no_code_that_a_scenario_names_is_run(
    playing: Playing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "intruder.py").write_text("raise SystemExit('run')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="intruder"):
        playing.begin(**opened(playing, SHORT, traders=[{"behaviour": "intruder:Run"}]))
    assert "intruder" not in sys.modules


def test_a_trader_is_shown_with_what_it_knows_and_nothing_else(playing: Playing) -> None:
    playing.begin(**opened(playing, "example:scenario/three-farmers-obedient"))
    (frame,) = playing.step(1)
    known, own = frame["known"]["1"], frame["players"][1]
    assert (known["type"], known["reported"]) == (own[0], own[1])
    assert known["told"]["quotes"] == [rows[1][1] for rows in frame["holdings"].values()]
    chances = [chance for chance, _ in known["belief"]["likely"]]
    assert sum(chances) == pytest.approx(1)
    assert all(kinds[1] == own[1] for _, kinds in known["belief"]["likely"])


def test_work_that_is_stopped_ends_with_all_it_began() -> None:
    work = Work(["certify", "{file}", "--out", "{out}", "--every"], scenario_text(*of("ten-traders-obedient")))
    assert work.state()["state"] == "running"
    work.stop()
    assert work.state()["state"] == "stopped"
    assert work._process.poll() is not None


def of(name: str) -> tuple[dict[str, Any], Path]:
    file = located(f"example:scenario/{name}")
    return read_table(file), file
