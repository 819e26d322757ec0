"""What may stand on a disk under the name of an input file, and how it is refused before it is parsed."""

from __future__ import annotations

import json
import os
import pickle
import re
import socket
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from marketgame.experiments.certificate_files.files import load_certificate
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.game_file import load_game
from marketgame.experiments.files.input_file import (
    DEEPEST,
    LARGEST_INPUT,
    MOST_MISTAKES,
    InputError,
    InputFiles,
    is_deep,
    read_bytes,
    read_table,
)
from marketgame.experiments.files.scenario_file import load_scenario
from tests.experiments.command_calls import SCENARIOS
from tests.experiments.refused_files import refusal_of


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_table(path)
    return str(caught.value)


def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    assert refusal(tmp_path / "pipe.toml") == f"{tmp_path}/pipe.toml: this is a pipe; name a file"


def test_devices_folders_and_sockets_are_refused_by_what_they_are(tmp_path: Path) -> None:
    assert refusal(Path("/dev/zero")) == "/dev/zero: this is a device; name a file"
    assert refusal(tmp_path) == f"{tmp_path}: this is a folder; name a file"
    (tmp_path / "link.toml").symlink_to("/dev/zero")
    assert refusal(tmp_path / "link.toml").endswith("link.toml: this is a device; name a file")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s.toml"))
        assert refusal(tmp_path / "s.toml") == f"{tmp_path}/s.toml: this is a socket; name a file"


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "a\0b", "absent.toml"])
def test_names_that_no_file_can_have_are_refused_as_absent_files_are(name: str, tmp_path: Path) -> None:
    message = refusal(tmp_path / name)
    assert message.startswith(f"{tmp_path / name}: ")
    scenario = f'kind = "scenario"\neconomy = {json.dumps(name)}\n'
    assert "economy is " in refusal_of(tmp_path / "scenario.toml", scenario, load_scenario)


def test_a_file_that_never_ends_is_refused_after_its_largest_size(tmp_path: Path) -> None:
    with (tmp_path / "large.toml").open("wb") as file:
        file.truncate(2**40)
    assert refusal(tmp_path / "large.toml") == f"{tmp_path}/large.toml: is larger than 8 megabytes; name a smaller file"
    (tmp_path / "full.toml").write_bytes(b"#" * LARGEST_INPUT)
    assert len(read_bytes(tmp_path / "full.toml")) == LARGEST_INPUT


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 20_000) + " = 1",
        "[" + ".".join(['"a"'] * 20_000) + "]",
        "a = " + "[" * 100_000,
        "a = " + "{ a = " * 20_000,
        "a = " + "[" * 30 + "]" * 30,
    ],
)
def test_depth_is_bounded_before_parsing(text: str, tmp_path: Path) -> None:
    started = time.process_time()
    message = refusal_of(tmp_path / "deep.toml", text, read_table)
    assert message == f"{tmp_path}/deep.toml: is nested too deeply; there may be at most {DEEPEST} levels"
    assert time.process_time() - started < 1  # TOML's parser takes 5 seconds and 1.6 gigabytes for the first


@pytest.mark.parametrize(
    "text",
    [
        'a = "' + "[" * 50 + '"\n',
        'a = "\\"' + "[" * 50 + '"\n',
        "a = '" + "[" * 50 + "'\n",
        'a = """\n' + '["' * 50 + '"""\n',
        "a = '''\n" + "['" * 50 + "\n'''\n",
        "# " + "[" * 50 + "\n",
        "a = [" + "1.5, " * 100 + "]\n",
        "".join(f"[a.b{place}.c]\nd.e = 1.5\n" for place in range(50)),
        'a = "' + "." * 50 + '"\n',
        "a = " + "[" * DEEPEST + "]" * DEEPEST,
    ],
)
def test_what_only_looks_deep_is_read(text: str, tmp_path: Path) -> None:
    tomllib.loads(text)
    assert not is_deep(text)


def test_depth_of_json_is_that_of_its_brackets_outside_text() -> None:
    assert not is_deep(json.dumps({"it's": ['"[' * 40, "#" + "[" * 40, 1.5] * 40}))
    assert is_deep(json.dumps(["'"]) + "[" * 40)


def test_a_scenario_is_made_of_the_bytes_that_are_kept(tmp_path: Path) -> None:
    files = InputFiles()
    scenario = load_scenario(SCENARIOS / "three-farmers-obedient.toml", files=files)
    economy = SCENARIOS.parent / "economies" / "three-farmers.toml"
    assert list(files.contents) == [SCENARIOS / "three-farmers-obedient.toml", economy]
    assert files.contents[economy] == economy.read_bytes()
    assert scenario.economy.name == tomllib.loads(files.contents[economy].decode())["name"]


def test_a_file_edited_meanwhile_is_not_read_again(tmp_path: Path) -> None:
    file, files = tmp_path / "a.toml", InputFiles()
    file.write_text("a = 1")
    assert read_table(file, files) == {"a": 1}
    file.write_text("a = 2")
    assert read_table(tmp_path / "x" / ".." / "a.toml", files) == {"a": 1}
    assert files.contents == {file: b"a = 1"}


def problems_of(file: Path, text: str, load: Callable[[Path], object]) -> list[str]:
    """Write a file and return what is wrong with it, without its name."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(file)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


def test_all_mistakes_of_a_file_are_told_at_once_from_top_to_bottom(tmp_path: Path) -> None:
    text = """
    kind = "market-economy"
    name = 3
    goods = ["wheat", "money"]
    units = ["tonne", "euro"]
    colour = "red"
    [[players]]
    name = "ann"
    [players.types.modest]
    endowmnt = [2.0, 1e99]
    valuation = { family = "quadratic", intercept = ["a"], slope = [[1.0]] }
    [[players]]
    [players.types.rich]
    probability = -0.5
    endowment = [2.0, 1e99]
    valuation = { family = "quadratc" }
    """
    told = problems_of(tmp_path / "economy.toml", text, load_economy)
    assert [problem.partition("; ")[0] for problem in told] == [
        "name is 3",
        "colour is not a known key",
        "players.ann.types.modest.endowmnt is not a known key",
        "players.ann.types.modest.valuation.intercept[0] is 'a'",
        "players[1].name is missing",
        "players[1].types.rich.probability is -0.5",
        "players[1].types.rich.endowment[1] is 1e+99",
        "players[1].types.rich.valuation.family is 'quadratc'",
    ]


def test_a_misspelt_key_is_one_mistake_and_a_strange_one_beside_a_missing_one_two(tmp_path: Path) -> None:
    scenario = 'kind = "scenario"\n{} = "three-traders.toml"\n'
    (misspelt,) = problems_of(tmp_path / "a.toml", scenario.format("econmy"), load_scenario)
    assert misspelt.endswith("did you mean 'economy'?")
    missing, strange = problems_of(tmp_path / "a.toml", scenario.format("zzz"), load_scenario)
    assert missing.startswith("economy is missing")
    assert strange.startswith("zzz is not a known key")


def test_of_a_thousand_mistakes_the_first_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    text = "".join(f"z{place} = 1\n" for place in range(1000))
    told = problems_of(tmp_path / "a.toml", 'kind = "scenario"\neconomy = "x"\n' + text, load_scenario)
    assert [problem.split()[0] for problem in told[:-1]] == [f"z{place}" for place in range(MOST_MISTAKES)]
    assert told[-1] == "has more mistakes than these"


def test_mistakes_of_a_certificate_are_told_like_those_of_any_file(tmp_path: Path) -> None:
    shipped = SCENARIOS.parent / "certificates" / "three-traders-short-sale.json"
    document = json.loads(shipped.read_text(encoding="utf-8"))
    document |= {"format": 2, "sha256": 7, "odd": 1}
    told = problems_of(tmp_path / "c.json", json.dumps(document), load_certificate)
    assert [problem.split()[0] for problem in told] == ["format", "sha256", "odd"]


def test_a_refusal_survives_the_way_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(InputError("a: x is 1", "a: y is 2")))
    assert error.problems == ("a: x is 1", "a: y is 2")
    assert str(error) == "a: x is 1\na: y is 2"


def test_what_does_not_fit_is_told_of_every_type_of_every_player_at_once(tmp_path: Path) -> None:
    text = (SCENARIOS.parent / "economies" / "three-farmers.toml").read_text(encoding="utf-8")
    wrong, changes = re.subn(r"endowment( *)= \[", r"endowment\1= [1.0, ", text)
    assert changes == 6
    told = problems_of(tmp_path / "economy.toml", wrong, load_economy)
    assert len(told) == 6
    for problem in told:
        assert re.match(r"players\.\w+\.types\.\w+\.endowment has 3 entries; it must have 2", problem)
    assert len(set(told)) == 6


def test_mistakes_of_meaning_are_told_at_once_from_top_to_bottom(tmp_path: Path) -> None:
    text = """
    kind = "market-economy"
    name = "wrong in many ways"
    goods = ["wheat", "money", "wheat"]
    units = ["tonne", "euro"]
    [[players]]
    name = "ann"
    [players.types.modest]
    endowment = [2.0, 1.0]
    valuation = { family = "quadratic", intercept = [1.0], slope = [[1.0]] }
    [players.types.hungry]
    probability = 0.5
    endowment = [2.0, 1.0, 1.0]
    valuation = { family = "quadratic", intercept = [1.0, 1.0], slope = [[1.0, 0.0], [0.0, -1.0]] }
    [[players]]
    name = "bob"
    [players.types.poor]
    probability = 0.5
    endowment = [2.0, 1.0, 1.0]
    valuation = { family = "logarithmic", weight = [1.0, 1.0], shift = [1.0, 1.0] }
    [[players]]
    name = "ann"
    [players.types.only]
    endowment = [2.0, 1.0, 1.0]
    valuation = { family = "logarithmic", weight = [1.0, 1.0], shift = [1.0, 1.0] }
    """
    told = problems_of(tmp_path / "economy.toml", text, load_economy)
    assert [problem.partition(";")[0] for problem in told] == [
        "goods[2] is 'wheat', as is goods[0]",
        "units has 2 entries",
        "players[2].name is 'ann', as is players[0]",
        "players.ann.types.modest.endowment has 2 entries",
        "players.ann.types.modest.valuation.intercept has 1 entries",
        "players.ann.types.modest.valuation.slope has 1 entries",
        "players.ann.types.modest.valuation.slope[0] has 1 entries",
        "players.ann.types.hungry.valuation.slope is [[1.0, 0.0], [0.0, -1.0]]",
        "players.ann.types.modest.probability is missing",
        "players.bob.types.*.probability is 0.5 in sum",
    ]


def test_entries_of_a_joint_prior_are_told_at_once(tmp_path: Path) -> None:
    shipped = (SCENARIOS.parent / "economies" / "three-farmers-correlated.toml").read_text(encoding="utf-8")
    start = shipped.index("[prior]")
    prior = """[prior]
    joint = [
      { types = { anne = "modest", bob = "poor" }, probability = 0.5 },
      { types = { ann = "modest", bob = "nobody", cleo = "nobody" }, probability = 0.5 },
    ]
    """
    told = problems_of(tmp_path / "economy.toml", shipped[:start] + prior, load_economy)
    assert {problem.partition(" ")[0].rpartition(".")[0] for problem in told} == {
        "prior.joint[0].types",
        "prior.joint[1].types",
    }
    assert len(told) >= 3


def test_names_of_nobody_are_told_of_all_tables_of_a_scenario_at_once(tmp_path: Path) -> None:
    text = f"""
    kind = "scenario"
    economy = {json.dumps(str(SCENARIOS.parent / "economies" / "three-farmers.toml"))}
    [contract.severance]
    nobody = {{ modest = 1.0 }}
    ann = {{ unheard = 1.0 }}
    [[traders]]
    players = ["nobody", "ann", "no one"]
    types = ["unheard"]
    behaviour = "noisy"
    [[traders]]
    behaviour = "misreporting"
    reports = {{ unheard = "modest" }}
    [[blockers]]
    links = [["ann", "nobody"], ["ann", "ann"]]
    [[organisers]]
    members = ["nobody", "no one"]
    [[organisers]]
    name = "broker"
    links = [["nobody", "no one"]]
    """
    told = problems_of(tmp_path / "scenario.toml", text, load_scenario)
    assert [problem.partition(" ")[0] for problem in told] == [
        "contract.severance.nobody",
        "contract.severance.ann.unheard",
        "traders[0].players[0]",
        "traders[0].players[2]",
        "traders[0].types[0]",
        "traders[1].reports.unheard",
        "blockers[0].links[0][1]",
        "blockers[0].links[1]",
        "organisers[0].members[0]",
        "organisers[0].members[1]",
        "organisers.broker.links[0][0]",
        "organisers.broker.links[0][1]",
    ]


def test_what_does_not_fit_in_a_game_is_told_at_once(tmp_path: Path) -> None:
    text = """
    kind = "coalitional-game"
    name = "wrong in many ways"
    players = ["seller", "buyer"]
    [types]
    seller = { H = 0.5, L = 0.5 }
    buyer = { only = 1.0 }
    [weights]
    seller = { H = 0.5, M = 0.5 }
    [[actions]]
    coalition = ["seller", "nobody"]
    name = "keep"
    payoffs = [ { utility = { seller = 0.0 } } ]
    [[actions]]
    coalition = ["buyer"]
    name = "keep"
    payoffs = [ { types = { seller = "M" }, utility = { bayer = 0.0 } } ]
    [allocation]
    rules = [ { types = { nobody = "H" }, stake = { seller = 1.0, buyer = 1.0 } } ]
    """
    told = problems_of(tmp_path / "game.toml", text, load_game)
    assert [problem.partition(" ")[0] for problem in told] == [
        "actions[0].coalition[1]",
        "actions[1].payoffs[0].types.seller",
        "actions[1].payoffs[0].utility.bayer",
        "actions[1].payoffs[0].utility.buyer",
        "allocation.rules[0].types.nobody",
        "weights.seller.M",
        "weights.seller.L",
    ]
    unsummed = text.replace("L = 0.5", "L = 0.7").replace("only = 1.0", "only = 0.9")
    told = problems_of(tmp_path / "game.toml", unsummed, load_game)
    assert [problem.partition(" ")[0] for problem in told] == ["types.seller", "types.buyer"]
