"""Who plays for the dashboard: it shows what a run records, saves what is played, and tells mistakes by field."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments.app import sessions
from marketgame.experiments.app.form import Node, form_of
from marketgame.experiments.app.playing import Playing, answered, problems_of
from marketgame.experiments.app.scenario_text import scenario_text
from marketgame.experiments.app.work import MOST_PROGRESS, MOST_SAID, Work
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
    assert tomllib.loads(scenario_text({"rate": float("inf")}, Path("s.toml"))) == {"rate": float("inf")}
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
        ({"rules": {"refusal": "escrow"}, "blockers": [{"name": "rival"}]}, "blockers.rival"),
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


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("organiser 'cartel': there are 4499950 coalitions; at most 20000 can be listed", "organisers.cartel"),
        ("patience of blocking mediator 'the rival' is -1; it must be at least 0", "blockers.the rival.patience"),
        ("network.together is 'all', which blocker 'rival' cannot heed", "network.together"),
        ("nobody 'cartel' is known", ""),
    ],
)
def test_what_is_wrong_with_an_organiser_or_a_mediator_is_told_at_its_table(message: str, field: str) -> None:
    assert problems_of(ValueError(message), "s.toml") == [{"field": field, "message": message}]


def test_every_request_is_answered_by_a_line_whatever_it_asks_for(playing: Playing, tmp_path: Path) -> None:
    said: dict[str, dict[str, Any]] = {
        "no answer to it": {"do": "dance"},
        "nothing to go on with": {"do": "step", "rounds": 1},
        "no run is open": {"do": "frames", "first": 0, "rounds": 1},
        "a number that JSON does not have": {"do": "open", "source": str(tmp_path / "endless.toml")},
        "a date": {"do": "open", "source": str(tmp_path / "dated.toml")},
    }
    for name, value in {"endless": "inf", "dated": "2001-01-01"}.items():
        text = f'kind = "scenario"\neconomy = "e.toml"\nrounds = {value}\n'
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    lines = {what: answered(playing, request) for what, request in said.items()}
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines.values())
    assert [set(json.loads(line)) for line in lines.values()] == [
        *({"fault"}, {"forgotten"}, {"forgotten"}, {"problems"}, {"fault"})
    ]


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


class Idle:
    """Stands for a process that plays."""

    def __init__(self) -> None:
        self.ended = False

    def end(self) -> None:
        self.ended = True


def test_a_process_that_has_ended_is_replaced_and_those_that_are_not_asked_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "Player", Idle)
    known = sessions.Sessions()
    first = known.player("one")
    assert known.player("one") is first
    first.end()
    second = known.player("one")
    assert second is not first
    known._spare.end()
    assert not known.player("two").ended
    others = [known.player(f"page {number}") for number in range(sessions.MOST_SESSIONS)]
    assert second.ended
    assert not any(each.ended for each in others)
    known.end_all()
    assert all(each.ended for each in (*others, known._spare))


def test_of_what_a_command_says_no_more_is_kept_than_is_shown() -> None:
    work = object.__new__(Work)
    work._said = {"out": bytearray(), "progress": bytearray()}
    for name in work._said:
        work._read(name, io.BytesIO(b"first" + b"." * (2 * MOST_SAID) + b"last"))
    assert (len(work._said["out"]), len(work._said["progress"])) == (MOST_SAID, MOST_PROGRESS)
    assert work._said["out"].startswith(b"first")
    assert work._said["progress"].endswith(b"last")


def test_work_that_is_stopped_ends_with_all_it_began() -> None:
    work = Work(["certify", "{file}", "--out", "{out}", "--every"], scenario_text(*of("ten-traders-obedient")))
    assert work.state()["state"] == "running"
    work.stop()
    assert work.state()["state"] == "stopped"
    assert work._process.poll() is not None


def of(name: str) -> tuple[dict[str, Any], Path]:
    file = located(f"example:scenario/{name}")
    return read_table(file), file
