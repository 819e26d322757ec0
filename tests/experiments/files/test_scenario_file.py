"""Scenario files: what is accepted becomes the scenario it describes, everything else one line that helps."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path

import pytest

from marketgame.agents.behaviours import BEHAVIOURS, Behaviour, Mispricing, Misreporting, Noisy, Obedient, Withholding
from marketgame.experiments.files.explanation import options_of
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.scenario_file import TraderInput, TraderTable, load_scenario
from marketgame.experiments.play.running import prepare
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.market_game.rules import MarketRules, Solvency, Timing
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.experiments.refused_files import refusal_of

SCENARIOS = ECONOMIES.parent / "scenarios"
SCENARIO = f"""
kind    = "scenario"
name    = "three farmers"
economy = "{ECONOMIES / "three-farmers.toml"}"
rounds  = 7
seed    = 11
[rules]
solvency = "no-short-sales"
timing   = "simultaneous"
[contract]
transfers = "none"
[[traders]]
players   = ["ann", "bob"]
types     = ["modest"]
behaviour = "misreporting"
reports   = {{ modest = "hungry" }}
[[traders]]
share     = 1.0
behaviour = "noisy"
quote_scale = 0.5
"""


@pytest.fixture(autouse=True)
def _expected_warnings_are_quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "marketgame")


def load(folder: Path, text: str) -> MarketScenario:
    file = folder / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file)


def refusal(folder: Path, text: str) -> str:
    return refusal_of(folder / "scenario.toml", text, load_scenario)


def test_a_file_becomes_the_scenario_it_describes(tmp_path: Path) -> None:
    scenario = load(tmp_path, SCENARIO)
    assert (scenario.name, scenario.rounds, scenario.seed) == ("three farmers", 7, 11)
    assert scenario.rules == MarketRules(solvency=Solvency.NO_SHORT_SALES, timing=Timing.SIMULTANEOUS)
    assert scenario.transfers is TransferRule.NONE
    lying, noisy = Misreporting({"modest": "hungry"}), Noisy(quote_scale=0.5)
    assert scenario.behaviours() == ((lying, Obedient()), (lying, Obedient()), (noisy, noisy))


def test_whatever_is_left_out_has_the_documented_default(tmp_path: Path) -> None:
    scenario = load(tmp_path, f'kind = "scenario"\neconomy = "{ECONOMIES / "three-farmers.toml"}"\n')
    assert (scenario.name, scenario.rounds, scenario.seed) == ("scenario", 100, 0)
    assert scenario.rules == MarketRules()
    assert scenario.transfers is TransferRule.EXPECTED_EXTERNALITY
    assert scenario.assignments == ()


@pytest.mark.parametrize("kind", BEHAVIOURS.own)
def test_every_behaviour_can_be_written_with_the_defaults_of_its_class(kind: type[Behaviour], tmp_path: Path) -> None:
    parameters = 'reports = { modest = "hungry" }' if kind is Misreporting else ""
    expected = Misreporting({"modest": "hungry"}) if kind is Misreporting else kind()
    scenario = load(
        tmp_path,
        f'kind = "scenario"\neconomy = "{ECONOMIES / "three-farmers.toml"}"\n'
        f'[[traders]]\nplayers = ["cat"]\nbehaviour = "{kind.name}"\n{parameters}\n',
    )
    assert scenario.behaviours()[2] == (expected, expected)


@pytest.mark.parametrize("kind", BEHAVIOURS.own)
def test_a_scenario_file_sets_every_field_of_every_behaviour_and_nothing_else(kind: type[Behaviour]) -> None:
    (table,) = (table for table in options_of(TraderInput) if issubclass(table, TraderTable) and table.holds is kind)
    own = set(table.model_fields) - set(TraderTable.model_fields) - {"behaviour"}
    assert own == {field.name for field in fields(kind)}
    assert all(table.model_fields[name].description for name in own)


def test_parameters_reach_the_behaviour(tmp_path: Path) -> None:
    text = SCENARIO.replace('"noisy"\nquote_scale = 0.5', '"withholding"\nfraction = 0.25')
    assert load(tmp_path, text).assignments[1].behaviour == Withholding(0.25)


def test_stances_of_a_menu_have_parameters_of_their_own(tmp_path: Path) -> None:
    learner = 'behaviour = "exponential-weights"\nstances = ["obedient", "mispricing(factor = 0.5)"]'
    loaded = load(tmp_path, SCENARIO.replace('behaviour = "noisy"\nquote_scale = 0.5', learner))
    cat = loaded.behaviours()[2][0]
    assert cat.could_act(loaded.economy.players[2], 0) == (Obedient(), Mispricing(0.5))


def test_rounds_and_seed_can_be_overridden(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(SCENARIO, encoding="utf-8")
    scenario = load_scenario(file, rounds=3, seed=5)
    assert (scenario.rounds, scenario.seed) == (3, 5)


MISTAKES = {
    "misspelt key": ("rounds  =", "round  =", ["round is not a known key", "mean 'rounds'"]),
    "no rounds": ("rounds  = 7", "rounds  = 0", ["rounds is 0", "at least 1"]),
    "half a round": ("rounds  = 7", "rounds  = 7.5", ["rounds is 7.5", "whole number"]),
    "negative seed": ("seed    = 11", "seed    = -1", ["seed is -1", "at least 0"]),
    "missing economy": ("three-farmers.toml", "no-farmers.toml", ["economy is", "no-farmers.toml", "must be a file"]),
    "unknown rule": ("solvency =", "solvent =", ["rules.solvent is not a known key", "mean 'solvency'"]),
    "unknown value": ('"no-short-sales"', '"no-short-sale"', ["rules.solvency", "'no-short-sale'", "'no-short-sales'"]),
    "unknown transfers": (
        'transfers = "none"',
        'transfers = "nothing"',
        ["contract.transfers is 'nothing'", "none, expected-externality"],
    ),
    "unknown allocation": (
        'transfers = "none"',
        'allocation = "fair"',
        ["contract.allocation is 'fair'", "must be one of efficient, file"],
    ),
    "unknown participation": (
        'transfers = "none"',
        'participation = "all"',
        ["contract.participation is 'all'", "must be one of none, individual"],
    ),
    "allocation from no file": (
        'transfers = "none"',
        'allocation = "file"',
        ["contract.path is missing", "allocation = 'file' needs a file of kind = \"contract\""],
    ),
    "unknown player": ('"bob"]', '"rob"]', ["traders[0].players[1] is 'rob'", "ann, bob, cat", "mean 'bob'"]),
    "unknown type": ('["modest"]', '["modes"]', ["traders[0].types[0] is 'modes'", "modest, hungry"]),
    "unknown behaviour": (
        '"misreporting"',
        '"lying"',
        ["traders[0].behaviour is 'lying'", ", ".join(BEHAVIOURS.members)],
    ),
    "unknown true type": ("{ modest", "{ modes", ["traders[0].reports.modes is 'modes'", "mean 'modest'"]),
    "unknown reported type": ('= "hungry"', '= "angry"', ["traders[0].reports.modest is 'angry'", "mean 'hungry'"]),
    "no reports": ('reports   = { modest = "hungry" }', "", ["traders[0].reports is missing"]),
    "a parameter of another behaviour": ("quote_scale", "fraction", ["traders[1].fraction is not a known key"]),
    "negative parameter": ("quote_scale = 0.5", "quote_scale = -0.5", ["traders[1].quote_scale is -0.5", "at least 0"]),
    "too large a share": ("share     = 1.0", "share     = 1.1", ["traders[1].share is 1.1", "at most 1"]),
    "a share of named players": (
        'share     = 1.0\nbehaviour = "noisy"',
        'share     = 1.0\nplayers = ["cat"]\nbehaviour = "noisy"',
        ["names players and a share"],
    ),
    "a stance with a parameter out of bounds": (
        'behaviour = "noisy"\nquote_scale = 0.5',
        'behaviour = "exponential-weights"\nstances = ["obedient", "mispricing(factor = -1)"]',
        ["traders[1]: ", "stance 'mispricing(factor = -1)': factor", "is -1.0; it must be at least 0"],
    ),
    "rules in text": (
        '[rules]\nsolvency = "no-short-sales"\ntiming   = "simultaneous"',
        'rules = "paper"',
        ["rules is"],
    ),
    "wrong kind": ('"scenario"', '"market-economy"', ["kind is 'market-economy'", "must be one of scenario"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_field_value_and_what_is_allowed(mistake: str, tmp_path: Path) -> None:
    old, new, fragments = MISTAKES[mistake]
    assert old in SCENARIO
    message = refusal(tmp_path, SCENARIO.replace(old, new, 1))
    assert [part for part in fragments if part not in message] == [], message


def test_a_mistake_in_the_economy_is_blamed_on_the_economy(tmp_path: Path) -> None:
    broken = (ECONOMIES / "three-farmers.toml").read_text(encoding="utf-8").replace("30.0", "-30.0", 1)
    (tmp_path / "broken.toml").write_text(broken, encoding="utf-8")
    (tmp_path / "scenario.toml").write_text('kind = "scenario"\neconomy = "broken.toml"\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(tmp_path / "scenario.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'broken.toml'}: players.ann.types.modest.endowment[1] is -30.0")


def test_a_contract_that_cannot_be_paid_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    poor = (ECONOMIES / "three-farmers.toml").read_text(encoding="utf-8").replace("30.0", "0.1")
    (tmp_path / "poor.toml").write_text(poor, encoding="utf-8")
    file = tmp_path / "scenario.toml"
    file.write_text('kind = "scenario"\neconomy = "poor.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match="euro of money"):
        prepare(file)


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_scenario_that_comes_with_the_program_is_ready_to_play(file: Path) -> None:
    assert prepare(file).scenario.rounds > 0
