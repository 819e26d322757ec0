"""The ``[network]`` table of a scenario file: graphs drawn, typed, or read from another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame.agents.coalitions.choice import Together
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.simulation.scenario.network import GraphKind, GraphLaw, Limit, Network
from tests.experiments.command_calls import SCENARIOS

ECONOMY = SCENARIOS.parent / "economies" / "three-farmers.toml"
LINKS = frozenset({(0, 1), (1, 2)})


def network(tmp_path: Path, table: str) -> Network | None:
    return load_scenario(written(tmp_path, table)).network


def written(tmp_path: Path, table: str) -> Path:
    file = tmp_path / "scenario.toml"
    file.write_text(f'kind = "scenario"\neconomy = "{ECONOMY}"\n[network]\n{table}', encoding="utf-8")
    return file


def test_every_key_of_a_network_that_is_drawn_is_taken_over(tmp_path: Path) -> None:
    table = 'kind = "small-world"\nneighbours = 4\nprobability = 0.2\nnewcomers_links = 2\nseed = 7\n'
    limits = 'limits = ["collusion", "trade"]\ntogether = "cliques"\n'
    law = GraphLaw(GraphKind.SMALL_WORLD, 0.2, 4, 2)
    wanted = Network(law, 7, (Limit.COLLUSION, Limit.TRADE), Together.CLIQUES)
    assert network(tmp_path, table + limits) == wanted
    assert network(tmp_path, 'kind = "ring"\n') == Network(GraphLaw(GraphKind.RING))


@pytest.mark.parametrize(
    "text",
    ["ann,bob\nbob, cat\n", "# who knows whom\nplayer,other\n\nbob,ann\ncat,bob\n", "ann bob\ncat  bob\n"],
)
def test_links_are_read_from_a_file_beside_the_scenario(text: str, tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text(text, encoding="utf-8")
    files = InputFiles()
    loaded = load_scenario(written(tmp_path, 'path = "links.csv"\n'), files=files)
    assert loaded.network == Network(LINKS) == network(tmp_path, 'links = [["ann", "bob"], ["cat", "bob"]]\n')
    # What is read is kept for the manifest of the run.
    assert any(path.name == "links.csv" for path in files.contents)


MISTAKES = {
    'kind = "torus"\n': ["network.kind is 'torus'", "small-world"],
    "": ["network has none of kind, links and path; it must have one"],
    'kind = "ring"\nlinks = []\n': ["network has kind and links of kind, links and path"],
    'links = [["ann", "bobo"]]\n': ["network.links[0][1] is 'bobo'", "'bob'"],
    "links = []\nprobability = 0.5\n": ["network.probability is given beside links"],
    'kind = "random"\nprobability = 1.5\n': ["network.probability is 1.5", "at most 1"],
    'kind = "ring"\nlimits = ["colusion"]\n': ["network.limits[0] is 'colusion'", "'collusion'"],
    'path = "nowhere.csv"\n': ["nowhere.csv"],
    'path = "wrong.csv"\n': ["wrong.csv: line 2 has 3 names; it must have two", "line 3 has 1 names"],
    'path = "stranger.csv"\n': ["stranger.csv: line 1[1] is 'dan'", "line 2 joins 'ann' to itself"],
}


@pytest.mark.parametrize("table", MISTAKES)
def test_a_mistake_is_named_with_field_value_and_what_is_allowed(table: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("ann,bob\nann,bob,cat\nann\n", encoding="utf-8")
    (tmp_path / "stranger.csv").write_text("ann,dan\nann,ann\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        network(tmp_path, table)
    assert [part for part in MISTAKES[table] if part not in str(caught.value)] == [], str(caught.value)
