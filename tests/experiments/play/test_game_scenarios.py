"""Scenarios that name a coalitional game, and blocking mediators in scenario files of either kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marketgame import results
from marketgame.agents.behaviours import BEHAVIOURS, Behaviour, Misreporting
from marketgame.experiments.files.game_scenario_file import load_game_scenario
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.blocking import inhibitive
from marketgame.mechanisms.coalitional_games.mechanism import stakes
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.established_mechanism import established_mechanism
from marketgame.simulation.scenario.game_scenario import GameScenario
from tests.experiments.command_calls import Call, assert_one_line, one_document

HOME = ECONOMIES.parent
SCENARIOS, GAMES = HOME / "scenarios", HOME / "games"
EXAMPLE_2 = GAMES / "myerson-example-2.toml"

FULL = f"""
kind = "scenario"
game = "{EXAMPLE_2}"
rounds = 7
seed = 3

[contract]
severance = {{ seller = {{ L = 0.5 }} }}
side_bets = [
  {{ payment = {{ seller = 0.25, buyer = -0.25 }} }},
  {{ types = {{ seller = "H" }}, payment = {{ buyer = -1.5 }} }},
  {{ types = {{ seller = "L" }}, payment = {{ buyer = 1.5 }} }},
]

[[traders]]
players = ["seller"]
types = ["L"]
behaviour = "misreporting"
reports = {{ L = "H" }}

[[blockers]]
name = "pair"
stakes = "past-rounds"
caution = 2.0
largest = 2
links = [["buyer", "seller"]]
"""


def load(folder: Path, text: str) -> GameScenario:
    file = folder / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return load_game_scenario(file)


@pytest.mark.parametrize("kind", BEHAVIOURS.own)
def test_a_game_takes_just_the_behaviours_that_need_no_market(kind: type[Behaviour], tmp_path: Path) -> None:
    parameters = 'reports = { L = "H" }' if kind is Misreporting else ""
    text = f'kind = "scenario"\ngame = "{EXAMPLE_2}"\n[[traders]]\nplayers = ["seller"]\nbehaviour = "{kind.name}"\n'
    if kind.suits_games():
        (assignment,) = load(tmp_path, text + parameters).assignments
        assert type(assignment.behaviour) is kind
    else:
        allowed = ", ".join(each.name for each in BEHAVIOURS.own if each.suits_games())
        with pytest.raises(InputError, match=rf"traders\[0\].behaviour is '{kind.name}'; it must be one of {allowed}"):
            load(tmp_path, text)


def test_everything_in_the_file_is_in_the_scenario(tmp_path: Path) -> None:
    scenario = load(tmp_path, FULL)
    assert (scenario.name, scenario.game_name) == ("scenario", "Example 2, pooling")
    assert (scenario.rounds, scenario.seed) == (7, 3)
    # The file pools at 3.25; profiles are H, L and columns seller, buyer.
    np.testing.assert_allclose(established_mechanism(scenario).payments, [[3.5, -5.0], [3.5, -2.0]])
    np.testing.assert_allclose(established_mechanism(scenario).severance, [[0.0, 0.0], [0.5, 0.0]])
    assert [behaviour.name for behaviour in scenario.behaviours()[0]] == ["obedient", "misreporting"]
    [blocker] = scenario.blockers
    assert blocker == Blocker("pair", blocker.stakes, 2.0, 2, frozenset({(0, 1)}))
    assert blocker.stakes.value == "past-rounds"


def test_rounds_and_seed_can_be_overridden(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(FULL, encoding="utf-8")
    scenario = load_game_scenario(file, rounds=2, seed=9)
    assert (scenario.rounds, scenario.seed) == (2, 9)


def test_a_core_mechanism_can_be_asked_for(tmp_path: Path) -> None:
    contract = '[contract]\nmechanism = "core"\nminimize = "severance"\n'
    scenario = load(tmp_path, f'kind = "scenario"\ngame = "{EXAMPLE_2}"\n{contract}')
    mechanism = established_mechanism(scenario)
    assert mechanism.severance is not None
    assert mechanism.severance.max() == pytest.approx(5 / 6, abs=1e-6)
    assert inhibitive(scenario.game, stakes(scenario.game, mechanism))


def test_an_incentive_efficient_mechanism_can_be_asked_for(tmp_path: Path) -> None:
    scenario = load(
        tmp_path, f'kind = "scenario"\ngame = "{EXAMPLE_2}"\n[contract]\nmechanism = "incentive-efficient"\n'
    )
    # For the file's weights it always trades.
    np.testing.assert_allclose(established_mechanism(scenario).action_probability, [[0, 1], [0, 1]], atol=1e-9)


MISTAKES = {
    "no such game": (str(EXAMPLE_2), "nowhere.toml", ["game is 'nowhere.toml'", "must be a file"]),
    "market rules": ("[contract]", "[rules]\npricing = 'void'\n[contract]", ["rules is not a known key"]),
    "a market behaviour": ('"misreporting"', '"noisy"', ["traders[0].behaviour is 'noisy'", "obedient"]),
    "unknown player": ('["seller"]', '["sella"]', ["traders[0].players[0] is 'sella'", "'seller'"]),
    "unknown type": ('types = ["L"]', 'types = ["M"]', ["traders[0].types[0] is 'M'", "H, L"]),
    "severance of nobody": (
        "severance = { seller",
        "severance = { sella",
        ["contract.severance.sella names no player"],
    ),
    "severance of no type": ("{ L = 0.5 }", "{ M = 0.5 }", ["contract.severance.seller.M names no type"]),
    "negative severance": ("{ L = 0.5 }", "{ L = -0.5 }", ["contract.severance.seller.L is -0.5", "at least 0"]),
    "a bet of nobody": ("payment = { buyer = 1.5", "payment = { byer = 1.5", ["side_bets[2].payment is 'byer'"]),
    "a bet on nothing": ('{ seller = "H" }', '{ seller = "M" }', ["side_bets[1].types.seller is 'M'"]),
    "unknown mechanism": ("[contract]", "[contract]\nmechanism = 'cor'", ["contract.mechanism is 'cor'", "'core'"]),
    "an objective for nothing": ("[contract]", "[contract]\nminimize = 'welfare'", ["only 'core' is minimised"]),
    "no such objective": (
        "[contract]",
        "[contract]\nmechanism = 'core'\nminimize = 'payoff:sella/H'",
        ["contract.minimize is 'payoff:sella/H'", "seller, buyer"],
    ),
    "a link to nobody": ('[["buyer"', '[["byer"', ["blockers.pair.links[0][0] is 'byer'", "'buyer'"]),
    "a link to oneself": (
        '"buyer", "seller"]]',
        '"buyer", "buyer"]]',
        ["links[0] joins 'buyer' to itself"],
    ),
    "a link of three": ('"buyer", "seller"]]', '"buyer", "seller", "buyer"]]', ["blockers.pair.links[0]", "2"]),
    "negative caution": ("caution = 2.0", "caution = -2.0", ["blockers.pair.caution is -2.0", "at least 0"]),
    "an empty coalition": ("largest = 2", "largest = 0", ["blockers.pair.largest is 0", "at least 1"]),
    "unknown stakes": ('"past-rounds"', '"past"', ["blockers.pair.stakes is 'past'", "contract, past-rounds"]),
    "the established mediator's name": ('"pair"', '"established"', ["'established'"]),
    "misspelt key": ("[[blockers]]", "[[blokers]]", ["blokers is not a known key", "'blockers'"]),
}


@pytest.mark.parametrize(("old", "new", "fragments"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_field_value_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, fragments: list[str]
) -> None:
    assert old in FULL
    with pytest.raises(InputError) as refused:
        load(tmp_path, FULL.replace(old, new))
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'scenario.toml'}: ")
    assert "\n" not in message
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_two_mediators_need_two_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two blocking mediators are named 'pair'"):
        load(tmp_path, f'{FULL}\n[[blockers]]\nname = "pair"\n')


def test_a_scenario_names_an_economy_or_a_game(marketgame: Call, tmp_path: Path) -> None:
    file = tmp_path / "both.toml"
    file.write_text(FULL.replace("rounds = 7", 'economy = "x.toml"\nrounds = 7'), encoding="utf-8")
    assert_one_line(marketgame("validate", file), "game is given beside economy")


def test_a_mechanism_that_the_game_does_not_have_is_asked_for_in_vain(tmp_path: Path) -> None:
    game = GAMES / "majority-1.4.toml"
    with pytest.raises(InputError, match="file has no"):
        load(tmp_path, f'kind = "scenario"\ngame = "{game}"\n')
    # Reading solves nothing: whether there is such a mechanism is found out when it is to be played.
    scenario = load(tmp_path, f'kind = "scenario"\ngame = "{game}"\n[contract]\nmechanism = "core"\n')
    with pytest.raises(ValueError, match=r"core of 'majority with 1\.4' is empty"):
        established_mechanism(scenario)


def test_reading_a_scenario_solves_nothing(marketgame: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("highspy.Highs.run", lambda _: pytest.fail("something is solved"))
    for mechanism in ("core", "incentive-efficient"):
        file = tmp_path / "scenario.toml"
        contract = f'[contract]\nmechanism = "{mechanism}"\n'
        file.write_text(f'kind = "scenario"\ngame = "{EXAMPLE_2}"\n{contract}', encoding="utf-8")
        assert marketgame("validate", file).code == 0


@pytest.mark.parametrize("name", sorted(file.stem for file in SCENARIOS.glob("myerson-*.toml")))
def test_the_examples_are_played(marketgame: Call, quick_figures: None, tmp_path: Path, name: str) -> None:
    answer = marketgame("run", SCENARIOS / f"{name}.toml", "--rounds", 60, "--out", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    mediators = one_document(answer)["mediators"]
    assert len(mediators) > 1
    assert all(np.isfinite(row["profit"]) for row in mediators.values())
    run = results.load(tmp_path / "run")
    files = {Path(file).name for file in run.manifest["inputs"]}  # type: ignore[attr-defined]  # Plain JSON.
    assert files >= {f"{name}.toml"}
    assert len(files) == 2


def test_what_mediators_earn_is_printed_and_drawn(marketgame: Call, tmp_path: Path) -> None:
    file = SCENARIOS / "myerson-example-2-side-bet-only.toml"
    answer = marketgame("run", file, "--rounds", 40, "--out", tmp_path / "run")
    assert "Mediators, mean per round" in answer.out
    assert "established" in answer.out
    drawn = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn == {"welfare", "mediator-profits", "invitations"}


def test_blockers_stand_in_a_market_scenario_too(tmp_path: Path) -> None:
    file = tmp_path / "market.toml"
    file.write_text(
        f'kind = "scenario"\neconomy = "{ECONOMIES / "three-farmers.toml"}"\nparts = 6\n'
        '[contract]\nseverance = { ann = { modest = 0.5 } }\n[[blockers]]\nname = "rival"\nlinks = [["cat", "ann"]]\n',
        encoding="utf-8",
    )
    scenario = load_scenario(file)
    assert scenario.blockers == (Blocker("rival", network=frozenset({(0, 2)})),)
    assert scenario.parts == 6
    assert scenario.severance == {"ann": {"modest": 0.5}}


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("[contract]\nseverance = { zed = { modest = 0.5 } }", ["contract.severance.zed names no player"]),
        ("[contract]\nseverance = { ann = { odd = 0.5 } }", ["contract.severance.ann.odd names no type"]),
        ("parts = 0", ["parts is 0"]),
        ('[[blockers]]\nlinks = [["ann", "zed"]]', ["blockers[0].links[0][1] is 'zed'"]),
    ],
)
def test_mistakes_about_leaving_a_market_are_named(tmp_path: Path, text: str, fragments: list[str]) -> None:
    file = tmp_path / "market.toml"
    file.write_text(f'kind = "scenario"\neconomy = "{ECONOMIES / "three-farmers.toml"}"\n{text}\n', encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_scenario(file)
    assert [fragment for fragment in fragments if fragment not in str(refused.value)] == []


@pytest.mark.parametrize("name", ["two-sided-divisible-blocked", "three-farmers-blocked"])
def test_the_market_examples_with_blocking_mediators_are_played(
    marketgame: Call, quick_figures: None, tmp_path: Path, name: str
) -> None:
    answer = marketgame("run", SCENARIOS / f"{name}.toml", "--rounds", 60, "--out", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    document = one_document(answer)
    led = sum(row["rounds_with_departures"] for who, row in document["mediators"].items() if who != "established")
    assert 0 < led <= 1


def test_the_fields_of_both_kinds_of_scenario_are_explained(marketgame: Call) -> None:
    page = marketgame("explain", "scenario").out
    for field in ("economy", "game", "blockers[]", "side_bets", "past-rounds", "caution"):
        assert field in page
