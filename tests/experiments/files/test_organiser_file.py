"""The ``[[organisers]]`` tables of a scenario file, and what a run says about side-contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame import results
from marketgame.agents.behaviours import Deceiving, ReactiveArbitraging, ReactiveWithholding
from marketgame.agents.coalitions.choice import CoalitionChoice, CoalitionSelection
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.simulation.scenario.organisers import Organiser, OrganiserEffort, SideConcept
from tests.experiments.command_calls import SCENARIOS, Call, one_document

ECONOMY = SCENARIOS.parent / "economies" / "three-farmers.toml"
HEAD = f'kind = "scenario"\neconomy = "{ECONOMY}"\n'
FULL = """
[[organisers]]
name       = "broker"
coalitions = "connected"
smallest   = 2
largest    = 3
members    = ["ann", "bob", "cat"]
links      = [["ann", "bob"], ["cat", "bob"]]
frequency  = 0.25
concept    = "communication-equilibrium"
consistent = true
depth      = 2
effort     = { quote_vectors = 3, rounds = 1, breaches = 4, cells = 2 }
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "scenario.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return file


def test_everything_in_an_organisers_table_is_taken_over(tmp_path: Path) -> None:
    (organiser,) = load_scenario(written(tmp_path, FULL)).organisers
    choice = CoalitionChoice(
        CoalitionSelection.CONNECTED, 2, 3, frozenset({0, 1, 2}), frozenset({(0, 1), (1, 2)}), 0.25
    )
    concept, effort = SideConcept.COMMUNICATION_EQUILIBRIUM, OrganiserEffort(3, 1, 4, 2)
    assert organiser == Organiser("broker", choice, concept, consistent=True, depth=2, effort=effort)
    assert choice.coalitions(3) == ((0, 1), (1, 2), (0, 1, 2))


def test_an_empty_organisers_table_has_the_defaults_of_the_program(tmp_path: Path) -> None:
    assert load_scenario(written(tmp_path, "[[organisers]]\n")).organisers == (Organiser("organiser"),)


@pytest.mark.parametrize(
    ("graph", "coalitions"),
    [
        ('{ generator = "complete" }', ((0, 1), (0, 2), (1, 2))),
        ('{ generator = "path" }', ((0, 1), (1, 2))),
        ('{ generator = "star" }', ((0, 1), (0, 2))),
        ('{ generator = "ring" }', ((0, 1), (0, 2), (1, 2))),
        ('{ generator = "random", probability = 1.0 }', ((0, 1), (0, 2), (1, 2))),
        ('{ generator = "small-world", probability = 0.0 }', ((0, 1), (0, 2), (1, 2))),
    ],
)
def test_graphs_can_be_named(graph: str, coalitions: tuple[tuple[int, int], ...], tmp_path: Path) -> None:
    text = f'[[organisers]]\ncoalitions = "connected"\nlargest = 2\ngraph = {graph}\n'
    (organiser,) = load_scenario(written(tmp_path, text)).organisers
    assert organiser.choice.coalitions(3) == coalitions


def test_behaviours_that_react_and_deceive_can_be_named(tmp_path: Path) -> None:
    text = """
    [[traders]]
    players   = ["ann"]
    behaviour = "withholding-after-misquotes"
    announced = 0.001
    [[traders]]
    players   = ["bob"]
    behaviour = "arbitraging-after-misquotes"
    size      = 2.0
    [[traders]]
    players   = ["cat"]
    behaviour = "deceiving"
    """
    by_type = load_scenario(written(tmp_path, text)).behaviours()
    assert [kinds[0] for kinds in by_type] == [ReactiveWithholding(0.001), ReactiveArbitraging(2.0), Deceiving()]


MISTAKES = {
    "unknown selection": ('"connected"', '"conected"', ["organisers.broker.coalitions", "'conected'", "'connected'"]),
    "unknown member": (
        'members    = ["ann"',
        'members    = ["anna"',
        ["broker.members[0] is 'anna'", "'ann'"],
    ),
    "unknown link": ('["cat", "bob"]', '["cat", "rob"]', ["organisers.broker.links[1][1] is 'rob'", "'bob'"]),
    "a loop": ('["cat", "bob"]', '["cat", "cat"]', ["organisers.broker.links[1]", "joins 'cat' to itself"]),
    "half a link": ('["cat", "bob"]', '["cat"]', ["organisers.broker.links[1]", "at least 2"]),
    "links and a graph": (
        "frequency",
        'graph = { generator = "ring" }\nfrequency',
        ["organisers.broker.graph is given beside links"],
    ),
    "links without need": (
        '"connected"',
        '"random"',
        ["broker: coalitions is 'random' and a graph is given"],
    ),
    "no links": ("links ", "# links ", ["organisers.broker: coalitions is 'connected' and no graph is given"]),
    "too seldom": ("0.25", "-0.25", ["organisers.broker.frequency is -0.25", "at least 0"]),
    "sizes the wrong way round": ("largest    = 3", "largest    = 1", ["organisers.broker: largest is 1"]),
    "unknown concept": (
        '"communication-',
        '"communist-',
        ["organisers.broker.concept", "one of incentive-compatible"],
    ),
    "no effort": ("quote_vectors = 3", "quote_vectors = 0", ["organisers.broker.effort.quote_vectors is 0"]),
    "misspelt key": ("depth ", "dept ", ["organisers.broker.dept is not a known key", "mean 'depth'"]),
    "unknown graph": (
        'links      = [["ann", "bob"], ["cat", "bob"]]',
        'graph = { generator = "torus" }',
        ["organisers.broker.graph.generator", "'torus'"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_field_value_and_what_is_allowed(mistake: str, tmp_path: Path) -> None:
    old, new, fragments = MISTAKES[mistake]
    assert old in FULL
    with pytest.raises(InputError) as caught:
        load_scenario(written(tmp_path, FULL.replace(old, new, 1)))
    assert [part for part in fragments if part not in str(caught.value)] == [], str(caught.value)


def test_two_organisers_need_two_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two coalition organisers are named 'organiser'"):
        load_scenario(written(tmp_path, "[[organisers]]\n[[organisers]]\n"))


def test_organisers_are_explained(marketgame: Call) -> None:
    shown = marketgame("explain", "scenario").out
    for words in ("organisers[]", "organisers[].graph", "organisers[].effort", "frequency", "deceiving"):
        assert words in shown


@pytest.mark.usefixtures("quick_figures")
def test_nobody_colludes_where_the_organiser_proves_that_nobody_can(marketgame: Call, tmp_path: Path) -> None:
    scenario = SCENARIOS / "three-traders-organised-repaired.toml"
    answer = marketgame("run", scenario, "--rounds", 4, "--out", tmp_path / "run", "--json")
    assert answer.code == 0
    document = one_document(answer)
    fates = {(each["coalition"], each["fate"], each["rounds"]) for each in document["side_contracts"]}
    pairs = ("ann + bob", "ann + cat", "bob + cat", "ann + bob + cat")
    assert fates == {(coalition, "none-found", 4) for coalition in pairs}
    assert all(each["expected_gain"] is None for each in document["side_contracts"])


@pytest.mark.usefixtures("quick_figures")
def test_a_run_shows_side_contracts_by_fate_with_what_they_gained(marketgame: Call, tmp_path: Path) -> None:
    text = """
    [contract]
    transfers = "none"
    [[organisers]]
    name    = "broker"
    members = ["ann", "bob"]
    effort  = { quote_vectors = 2, rounds = 0 }
    """
    file = tmp_path / "scenario.toml"
    economy = SCENARIOS.parent / "economies" / "three-traders.toml"
    file.write_text(f'kind = "scenario"\neconomy = "{economy}"\n{text}', encoding="utf-8")
    answer = marketgame("run", file, "--rounds", 5, "--out", tmp_path / "run")
    assert answer.code == 0
    assert "Side-contracts, members' gains in sum" in answer.out
    run = results.load(tmp_path / "run")
    rows = run.tables["side_contracts"]
    assert len(rows) == 10
    assert set(rows["fate"].astype(str)) == {"accepted"}
    # Types are known, and what was found is settled again: it is worth what it promises to the pair.
    sums = rows.groupby("round")[["expected_gain", "realised_gain"]].sum()
    assert (sums["expected_gain"] > 1).all()
