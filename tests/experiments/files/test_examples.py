"""Files that come with marketgame: found by name from anywhere, listed, and copied with what they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame.experiments import HOME
from marketgame.experiments.commands.kinds import load_input
from marketgame.experiments.files import examples as module
from marketgame.experiments.files.examples import FOLDERS, Example, copy_example, example, examples, located
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.provenance import input_files
from tests.experiments.command_calls import Call, assert_one_line, one_document

SCENARIO = 'kind = "scenario"\neconomy = "{economy}"\nrounds = 1\n'


def test_every_file_that_is_shipped_is_an_example_of_the_kind_that_it_says() -> None:
    shipped = {file for folder in FOLDERS for file in (HOME / folder).iterdir() if file.suffix in {".toml", ".json"}}
    found = list(examples())
    assert {each.file for each in found} == shipped
    for each in found:
        assert each.title
        lines = each.file.read_text(encoding="utf-8").splitlines()
        assert f'"{each.kind}"' in next(line for line in lines if line.lstrip(' {"').startswith("kind"))


@pytest.mark.parametrize("each", list(examples()), ids=lambda each: f"{each.kind}/{each.name}")
def test_an_example_copied_to_an_empty_folder_names_only_what_was_copied_with_it(each: Example, tmp_path: Path) -> None:
    assert located(f"example:{each.kind}/{each.name}") == each.file
    files = copy_example(each.name, tmp_path)
    assert files[0].name == each.file.name
    stated = each.kind == "scenario" and "/contracts/" in each.file.read_text(encoding="utf-8")
    assert len(files) == len(each.needed) == {"contract": 2, "scenario": 2, "sweep": 3}.get(each.kind, 1) + stated
    assert sorted(files) == sorted(tmp_path.iterdir())
    for file in files:
        assert ".." not in file.read_text(encoding="utf-8").partition("#")[0]


@pytest.mark.parametrize("name", ["sweep/severance-in-example-2", "tutorial-obedient", "three-traders-short-sale"])
def test_a_copied_example_is_what_it_was(name: str, tmp_path: Path) -> None:
    assert load_input(copy_example(name, tmp_path)[0])[:2] == load_input(example(name).file)[:2]


def test_a_name_that_is_none_is_refused_with_those_near_it() -> None:
    with pytest.raises(InputError, match=r"example:three-trader: .* did you mean three-traders, .*marketgame examples"):
        located("example:three-trader")
    with pytest.raises(InputError, match=r"there is no such example; `marketgame examples`"):
        located("example:???")
    with pytest.raises(InputError, match="there is no such example"):
        located("example:game/three-traders")


def test_a_name_of_two_kinds_must_be_given_with_its_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("economies", "scenarios"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twin.toml").write_text(f'name = "{folder}"\n', encoding="utf-8")
    monkeypatch.setattr(module, "HOME", tmp_path)
    with pytest.raises(InputError, match="write example:market-economy/twin or example:scenario/twin"):
        located("example:twin")
    assert located("example:scenario/twin") == located("example:scenarios/twin") == tmp_path / "scenarios/twin.toml"


def test_no_file_is_lost_to_a_copy(tmp_path: Path) -> None:
    copy_example("tutorial-obedient", tmp_path)
    own = tmp_path / "three-traders.toml"
    assert own in copy_example("three-traders-short-seller", tmp_path)
    own.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"three-traders\.toml: is there already, and differs"):
        copy_example("three-traders-organised", tmp_path)
    assert own.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "three-traders-organised.toml").exists()


def test_a_file_of_ones_own_may_name_an_example(marketgame: Call, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SCENARIO.format(economy="example:three-traders"), encoding="utf-8")
    (tmp_path / "wrong.toml").write_text(SCENARIO.format(economy="example:three-trader"), encoding="utf-8")
    (tmp_path / "sweep.toml").write_text(
        'kind = "sweep"\nscenario = "example:tutorial-obedient"\n'
        'axes = { economy = ["example:three-traders", "example:three-farmers"] }\n',
        encoding="utf-8",
    )
    assert marketgame("validate", "own.toml", "sweep.toml").code == 0
    assert_one_line(marketgame("validate", "wrong.toml"), "wrong.toml: economy", "did you mean three-traders")


def test_an_example_is_recorded_under_its_name_and_not_where_it_is_installed(tmp_path: Path) -> None:
    economy, own = located("example:three-traders"), tmp_path / "own.toml"
    recorded = input_files({own: b"", economy: b""}, tmp_path)
    assert list(recorded) == ["own.toml", "example:economies/three-traders.toml"]
    assert list(input_files({economy: b""}, HOME / "scenarios")) == ["../economies/three-traders.toml"]


def test_the_command_lists_and_copies(marketgame: Call, tmp_path: Path) -> None:
    listed = one_document(marketgame("examples", "--json"))["examples"]
    assert len(listed) == len(list(examples()))
    assert {"kind": "market-economy", "name": "three-traders", "title": "three traders"} in listed
    assert "annex-b-one-short-seller-no-short-sales" in marketgame("examples").out
    copied = marketgame("examples", "example:share-of-misreporters")
    assert copied.out.split() == ["share-of-misreporters.toml", "ten-traders-misreporters.toml", "ten-traders.toml"]
    assert marketgame("validate", tmp_path / "share-of-misreporters.toml").code == 0
    assert_one_line(marketgame("examples", "short"), "did you mean")
    assert_one_line(marketgame("solve", "example:short"), "did you mean")
