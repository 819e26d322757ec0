"""Populations in files: players drawn by a law instead of listed, and behaviours given to shares of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketgame.agents.memory import content_key
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.mechanisms.economies.random_economies import Allotment
from tests.experiments.command_calls import Call, assert_one_line

LAW = """
kind  = "market-economy"
name  = "drawn"
goods = ["wheat", "oil", "money"]
units = ["t", "barrel", "euro"]
[random]
seed          = 3
players       = [2, 3]
types         = 2
copies        = 2
money         = [80, 90]
owned         = [0.5, 1.0]
concentration = 3.0
[[random.valuations]]
name      = "quarter"
family    = "quadratic"
intercept = [14, 17]
slope     = [0.4, 0.7]
mixing    = 0.2
portion   = 0.25
[[random.valuations]]
family    = "logarithmic"
weight    = [3, 6]
shift     = [0.5, 1.5]
"""


def written(folder: Path, text: str, name: str = "law.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("prior", ["", '[prior]\nlaw = { name = "gaussian-copula", correlation = 0.5 }\n'])
def test_a_drawn_economy_exported_is_the_same_economy(prior: str, marketgame: Call, tmp_path: Path) -> None:
    law = written(tmp_path, LAW + prior)
    drawn = load_economy(law)
    assert drawn.prior.independent == (prior == "")
    assert len(drawn.players) in {4, 6}
    answer = marketgame("export", law, "--toml", "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    listed = tmp_path / "out" / "law.toml"
    assert "random" not in listed.read_text(encoding="utf-8")
    assert content_key(load_economy(listed)) == content_key(drawn) is not None
    again = load_economy(written(tmp_path, (LAW + prior).replace("seed          = 3", "seed = 4"), "other.toml"))
    assert content_key(again) != content_key(drawn)


MISTAKES = {
    "seed  ": ("sed  ", ["random.sed is not a known key"]),
    "players       = [2, 3]": ("players = [3, 2]", ["random.players is from 3 to 2"]),
    "copies        = 2": ("copies = 0", ["random.copies is 0", "at least 1"]),
    "intercept = [14, 17]": (
        "intercept = [17, 14]",
        ["valuations.quarter.intercept is from 17", "least must come"],
    ),
    'family    = "quadratic"': ('family = "quadratik"', ["valuations", "'quadratik'", "'quadratic'"]),
    "slope     = [0.4, 0.7]\n": ("", ["slope is missing"]),
    "[0.5, 1.5]": ("[0.0, 1.5]", ["shift[0] is 0", "greater than 0"]),
    "portion   = 0.25": ("portion = 1.5", ["portion is 1.5", "at most 1"]),
    "[random]": (
        '[[players]]\nname = "ann"\n[players.types.a]\nendowment = [1, 1, 9]\n'
        'valuation = { family = "linear", value = [1, 1] }\n'
        "[random]",
        ["players is given beside random"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_law_is_named_with_field_value_and_what_is_allowed(mistake: str, tmp_path: Path) -> None:
    new, fragments = MISTAKES[mistake]
    assert mistake in LAW
    with pytest.raises(InputError) as caught:
        load_economy(written(tmp_path, LAW.replace(mistake, new, 1)))
    assert [part for part in fragments if part not in str(caught.value)] == [], str(caught.value)


def test_an_economy_needs_players_or_a_law_and_drawn_players_have_no_list_of_profiles(tmp_path: Path) -> None:
    head, _, _ = LAW.partition("[random]")
    with pytest.raises(InputError, match="players is missing; it must be given"):
        load_economy(written(tmp_path, head))
    joint = '[prior]\njoint = [ { types = { "trader 1" = "type 1" }, probability = 1.0 } ]\n'
    with pytest.raises(InputError, match="joint is given beside random"):
        load_economy(written(tmp_path, LAW + joint))


POPULATION = """
kind    = "scenario"
economy = "law.toml"
[population]
behaviours = { short-selling = 0.3, noisy = 0.4 }
"""


def test_behaviours_are_given_to_shares_of_the_players(tmp_path: Path) -> None:
    written(tmp_path, LAW.replace("[2, 3]", "5"))
    scenario = load_scenario(written(tmp_path, POPULATION, "scenario.toml"))
    names = [by_type[0].name for by_type in scenario.behaviours()]
    assert (names.count("short-selling"), names.count("noisy"), names.count("obedient")) == (3, 4, 3)
    drawn = POPULATION.replace("[population]", '[population]\nallotment = "drawn"')
    assert load_scenario(written(tmp_path, drawn, "scenario.toml")).allotment is Allotment.DRAWN


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("noisy", "noisi", ["population.behaviours.noisi names no behaviour", "'noisy'"]),
        ("noisy", "misreporting", ["population.behaviours.misreporting needs", "[[traders]] table with share = 0.4"]),
        ("0.3", "0.7", ["shares of the assignments sum to 1.1"]),
        ("0.3", "1.3", ["population.behaviours.short-selling is 1.3", "at most 1"]),
    ],
)
def test_a_mistake_in_a_population_is_named(old: str, new: str, fragments: list[str], tmp_path: Path) -> None:
    written(tmp_path, LAW)
    with pytest.raises(InputError) as caught:
        load_scenario(written(tmp_path, POPULATION.replace(old, new), "scenario.toml"))
    assert [part for part in fragments if part not in str(caught.value)] == [], str(caught.value)


def test_a_sweep_runs_over_random_economies(marketgame: Call, tmp_path: Path) -> None:
    written(tmp_path, LAW.replace("[2, 3]", "3").replace("copies        = 2\n", ""))
    written(tmp_path, POPULATION + "[network]\nkind = 'random'\n", "scenario.toml")
    paths = ("economy.random.seed", "network.probability", "population.behaviours.noisy")
    axes = "".join(f'"{path}" = [0, 1]\n' for path in paths[:2]) + f'"{paths[2]}" = [0.0, 0.4]\n'
    sweep = written(tmp_path, f'kind = "sweep"\nscenario = "scenario.toml"\nseeds = 1\n[axes]\n{axes}', "sweep.toml")
    assert marketgame("validate", sweep).code == 0
    unknown = written(tmp_path, sweep.read_text("utf-8").replace("random.seed", "random.sed"), "wrong.toml")
    assert_one_line(marketgame("validate", unknown), "economy.random", "'sed'", "'seed'")


def test_the_files_on_the_page_about_populations_are_taken(marketgame: Call, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "populations.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"`(\w+\.toml)`:\n\n```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    for name, text in files.items():
        written(tmp_path, text, name)
    (seeds,) = re.findall(r'`("economy[^`]*=[^`]*)`', page)
    others = [f"{path} = [0.1, 0.2]" for path in re.findall(r'`("(?:population|economy[.]random[.]val)[^`=]*")`', page)]
    assert len(others) == 2
    axes = "\n".join([seeds, *others])
    written(tmp_path, f'kind = "sweep"\nscenario = "crowd.toml"\nseeds = 1\n[axes]\n{axes}\n', "sweep.toml")
    answer = marketgame("validate", *(tmp_path / name for name in (*files, "sweep.toml")))
    assert (set(files), answer.code, answer.err) == ({"traders.toml", "farms.toml", "crowd.toml"}, 0, "")
