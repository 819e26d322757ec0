"""Economy files: what is accepted becomes the economy it describes, everything else one line that helps."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.experiments.efficiency.solution import solve_economy
from marketgame.experiments.files.economy_file import EconomyInput, load_economy, valuation_document
from marketgame.experiments.files.explanation import tables_of
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import FAMILIES, Abatement, Steps
from tests.experiments.refused_files import refusal_of
from tests.mechanisms import strategies

TWO_FARMERS = """
kind  = "market-economy"
name  = "two farmers"
goods = ["wheat", "money"]
units = ["tonne", "euro"]

[[players]]
name = "ann"
[players.types.modest]
probability = 0.5
endowment   = [2.0, 30.0]
valuation   = { family = "quadratic", intercept = [4.0], slope = [[1.0]] }
[players.types.hungry]
probability = 0.5
endowment   = [2, 30]
valuation   = { family = "quadratic", intercept = [6], slope = [[1]] }

[[players]]
name = "bob"
[players.types.poor]
endowment   = [1.0, 30.0]
valuation   = { family = "logarithmic", weight = [3.0], shift = [1.0] }
"""
JOINT = """
[prior]
joint = [
  { types = { ann = "modest", bob = "poor" }, probability = 0.3 },
  { types = { ann = "hungry", bob = "poor" }, probability = 0.7 },
]
"""
TWO_GOODS = """
kind  = "market-economy"
name  = "one household"
goods = ["bread", "butter", "money"]
units = ["loaf", "pound", "dollar"]
[[players]]
name = "ann"
[players.types.only]
endowment = [1.0, 1.0, 9.0]
valuation = { family = "quadratic", intercept = [9.0, 8.0], slope = SLOPE }
"""


def load(folder: Path, text: str) -> Economy:
    file = folder / "farmers.toml"
    file.write_text(text, encoding="utf-8")
    return load_economy(file)


def refusal(folder: Path, text: str) -> str:
    return refusal_of(folder / "farmers.toml", text, load_economy)


def test_a_file_becomes_the_economy_it_describes(tmp_path: Path) -> None:
    economy = load(tmp_path, TWO_FARMERS)
    assert economy.player_names == ("ann", "bob")
    assert [kind.name for kind in economy.players[0].types] == ["modest", "hungry"]
    assert economy.units == ("tonne", "euro")
    np.testing.assert_array_equal(economy.endowment_table, [[2, 30], [2, 30], [1, 30]])
    np.testing.assert_array_equal(economy.prior.probability, [0.5, 0.5])
    np.testing.assert_allclose(economy.players[0].types[1].valuation.value(np.array([2.0])), 6 * 2 - 2**2 / 2)
    np.testing.assert_allclose(economy.players[1].types[0].valuation.value(np.array([2.0])), 3 * np.log(3.0))


def test_a_joint_prior_replaces_the_probabilities_of_types(tmp_path: Path) -> None:
    economy = load(tmp_path, TWO_FARMERS.replace("probability = 0.5\n", "") + JOINT)
    np.testing.assert_allclose(economy.prior.probability, [0.3, 0.7])


@pytest.mark.parametrize("family", FAMILIES.own, ids=FAMILIES.name_of)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_every_family_of_valuations_can_be_written_and_read_again(
    family: type[Valuation], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    valuation = data.draw(strategies.EVERY[family.name](1))
    document = valuation_document(valuation)
    table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in document.items())
    text = TWO_FARMERS.replace('family = "quadratic", intercept = [4.0], slope = [[1.0]]', table)
    read = load(tmp_path_factory.mktemp("families"), text).players[0].types[0].valuation
    assert type(read) is family
    for name in family.parameter_names():
        np.testing.assert_array_equal(getattr(read, name), getattr(valuation, name))


@pytest.mark.parametrize("family", FAMILIES.own, ids=FAMILIES.name_of)
def test_every_key_of_every_family_is_explained(family: type[Valuation]) -> None:
    ending = f"with family = '{family.name}'"
    table, *laws = (one for one in tables_of(EconomyInput) if one.path.endswith(ending))
    assert len(laws) == (not family.blocks())
    for law in laws:
        # A law says between which numbers each of them lies.
        assert {field.name for field in law.fields} == {
            "family",
            *family.keys().values(),
            "name",
            "portion",
            "mixing",
            "faint",
        }
        assert all(field.meaning for field in law.fields)
    assert [field.name for field in table.fields] == ["family", *family.keys().values()]
    assert all(field.meaning for field in table.fields)
    assert table.meaning.startswith("v(q) = ")


def test_the_price_of_the_tutorial_is_67_seventeenths() -> None:
    solution = solve_economy(load_economy(ECONOMIES / "three-traders.toml"))
    np.testing.assert_allclose(solution.efficient.price[0, 0], 67 / 17, rtol=1e-12)


MISTAKES = {
    "misspelt key": (
        "endowment   = [2.0",
        "endowmnt   = [2.0",
        ["players.ann.types.modest.endowmnt", "'endowment'"],
    ),
    "misspelt key at the top": ("goods =", "good =", ["good is not a known key", "did you mean 'goods'"]),
    "missing key": ("endowment   = [2.0, 30.0]\n", "", ["players.ann.types.modest.endowment is missing"]),
    "negative endowment": (
        "[2.0, 30.0]",
        "[2.0, -3]",
        ["players.ann.types.modest.endowment[1]", "-3", "at least 0"],
    ),
    "undefined endowment": ("[2.0, 30.0]", "[nan, 3]", ["players.ann.types.modest.endowment[0]", "nan", "finite"]),
    "infinite intercept": ("intercept = [4.0]", "intercept = [inf]", ["valuation.intercept[0]", "inf", "finite"]),
    "text for a number": (
        "[2.0, 30.0]",
        '[2.0, "30"]',
        ["players.ann.types.modest.endowment[1]", "'30'", "number"],
    ),
    "truth for a number": ("[2.0, 30.0]", "[2.0, true]", ["endowment[1]", "true", "be a number"]),
    "number for a list": ("[2.0, 30.0]", "2.0", ["players.ann.types.modest.endowment", "2.0", "be a list"]),
    "too small probability": ("probability = 0.5", "probability = 0", ["modest.probability", "greater than 0"]),
    "probabilities not summing to one": (
        "probability = 0.5\nendowment   = [2, 30]",
        "probability = 0.4\nendowment   = [2, 30]",
        ["players.ann.types.*.probability", "0.9", "must sum to 1"],
    ),
    "missing probability": (
        "probability = 0.5\nendowment   = [2, 30]",
        "endowment = [2, 30]",
        ["players.ann.types.hungry.probability is missing", "2 types"],
    ),
    "two players with one name": ('name = "bob"', 'name = "ann"', ["players[1].name", "'ann'", "must differ"]),
    "two goods with one name": (
        '["wheat", "money"]',
        '["wheat", "wheat"]',
        ["goods[1]", "'wheat'", "must differ"],
    ),
    "empty name": ('name = "bob"', 'name = ""', ["players", "name", "''", "not be empty"]),
    "one good": ('goods = ["wheat", "money"]', 'goods = ["money"]', ["goods", "['money']", "at least 2"]),
    "a unit too many": ('["tonne", "euro"]', '["tonne", "euro", "hour"]', ["units has 3", "must have 2"]),
    "an endowment too long": (
        "[2.0, 30.0]",
        "[2.0, 1.0, 30.0]",
        ["ann.types.modest.endowment has 3", "must have 2"],
    ),
    "an intercept too long": ("[4.0]", "[4.0, 3.0]", ["valuation.intercept has 2", "must have 1", "wheat"]),
    "a slope of another size": ("[[1.0]]", "[[1.0, 0.0]]", ["valuation.slope[0] has 2", "must have 1"]),
    "no slope": (
        "slope = [[1.0]]",
        "slope = [[0.0]]",
        ["ann.types.modest.valuation.slope is [[0.0]]", "positive"],
    ),
    "negative weight": ("weight = [3.0]", "weight = [-3.0]", ["valuation.weight[0]", "-3.0", "greater than 0"]),
    "unknown family": ('"logarithmic"', '"logarithm"', ["valuation.family", "'logarithm'", "mean 'logarithmic'"]),
    "no family": ('family = "logarithmic", ', "", ["players.bob.types.poor.valuation.family is missing"]),
    "a parameter of another family": (
        "shift = [1.0]",
        "shift = [1.0], rate = [1.0]",
        ["valuation.rate is not a known key", "shift"],
    ),
    "no types": ("[players.types.poor]", "[players.typs.poor]", ["players.bob.typs is not", "mean 'types'"]),
    "wrong kind": ('"market-economy"', '"scenario"', ["kind is 'scenario'", "must be one of market-economy"]),
    "no kind": ('kind  = "market-economy"', "", ["kind is missing", "market-economy"]),
    "not TOML": ("[[players]]", "[[players", ["this is not TOML", "line"]),
    "a type twice": ("[players.types.hungry]", "[players.types.modest]", ["this is not TOML", "modest"]),
    "an endless number": ("[2.0, 30.0]", f"[2.0, {'9' * 5000}]", ["this is not TOML"]),
    "a number beyond all floats": ("[2.0, 30.0]", f"[2.0, {'9' * 400}]", ["endowment[1]", "must be a number"]),
    "endless nesting": ("[2.0, 30.0]", "[" * 100_000, ["nested too deeply"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_field_value_and_what_is_allowed(mistake: str, tmp_path: Path) -> None:
    old, new, fragments = MISTAKES[mistake]
    assert old in TWO_FARMERS
    message = refusal(tmp_path, TWO_FARMERS.replace(old, new, 1))
    assert [part for part in fragments if part not in message] == [], message


@pytest.mark.parametrize(
    ("slope", "fragments"),
    [
        ("[[1.0, 2.0], [2.0, 1.0]]", ["slope is [[1.0, 2.0], [2.0, 1.0]]", "positive definite"]),
        ("[[1.0, 0.5], [0.4, 1.0]]", ["slope is [[1.0, 0.5], [0.4, 1.0]]", "symmetric"]),
        ("[[1.0, 0.5]]", ["slope has 1 entries", "must have 2"]),
        ("[[1.0, 0.5], [0.5]]", ["slope[1] has 1 entries", "must have 2"]),
    ],
)
def test_a_slope_that_is_no_curvature_is_refused(slope: str, fragments: list[str], tmp_path: Path) -> None:
    message = refusal(tmp_path, TWO_GOODS.replace("SLOPE", slope))
    assert "players.ann.types.only.valuation.slope" in message
    assert [part for part in fragments if part not in message] == [], message


PRIOR_MISTAKES = {
    "not summing to one": ("probability = 0.7", "probability = 0.6", ["prior.joint[*].probability", "0.9", "1"]),
    "negative": ("probability = 0.7", "probability = -0.7", ["prior.joint[1].probability", "-0.7", "at least 0"]),
    "a profile twice": ('ann = "hungry"', 'ann = "modest"', ["prior.joint[1].types", "ann = 'modest'", "once"]),
    "a player left out": (
        ', bob = "poor" }, probability = 0.7',
        " }, probability = 0.7",
        ["joint[1].types.bob is miss"],
    ),
    "an unknown player": ('ann = "hungry"', 'anne = "hungry"', ["prior.joint[1].types.anne", "mean 'ann'"]),
    "an unknown type": ('ann = "hungry"', 'ann = "hungri"', ["prior.joint[1].types.ann", "mean 'hungry'"]),
    "a profile left out": (
        '  { types = { ann = "hungry", bob = "poor" }, probability = 0.7 },\n',
        "",
        ["prior.joint lists 1 of 2 profiles", "ann = 'hungry'"],
    ),
    "a type without probability": (
        'probability = 0.3 },\n  { types = { ann = "hungry", bob = "poor" }, probability = 0.7',
        'probability = 1.0 },\n  { types = { ann = "hungry", bob = "poor" }, probability = 0.0',
        ["prior.joint", "ann = 'hungry'", "probability 0"],
    ),
}


@pytest.mark.parametrize("mistake", PRIOR_MISTAKES)
def test_a_mistake_in_a_joint_prior_is_named(mistake: str, tmp_path: Path) -> None:
    old, new, fragments = PRIOR_MISTAKES[mistake]
    assert old in JOINT
    message = refusal(tmp_path, TWO_FARMERS + JOINT.replace(old, new, 1))
    assert [part for part in fragments if part not in message] == [], message


def test_a_missing_file_a_folder_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(bytes(range(256)))
    expected = {tmp_path / "none.toml": "no such file", tmp_path: "folder", binary: "not text"}
    for path, fragment in expected.items():
        with pytest.raises(InputError, match=fragment) as caught:
            load_economy(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_a_negative_coefficient_of_abatement_is_accepted_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    abatement = 'family = "abatement", a = [0.5], b = [-0.1], reference = [4.0]'
    with caplog.at_level(logging.WARNING, "marketgame"):
        load(tmp_path, TWO_FARMERS.replace('family = "quadratic", intercept = [4.0], slope = [[1.0]]', abatement))
    assert any("modest.valuation.b is [-0.1]" in message for message in caplog.messages)
    caplog.clear()
    load(tmp_path, TWO_FARMERS)
    assert not caplog.records


def test_goods_may_have_different_numbers_of_blocks_and_an_intercept_may_be_left_out(tmp_path: Path) -> None:
    steps = 'family = "steps", value = [[5, 3.5], [2]], quantity = [[1, 2], [4.0]]'
    two = TWO_GOODS.replace(
        TWO_GOODS[TWO_GOODS.index("family") : TWO_GOODS.index(" }", TWO_GOODS.index("family"))], steps
    )
    valuation = load(tmp_path, two).players[0].types[0].valuation
    assert isinstance(valuation, Steps)
    assert valuation.worth.tolist() == [[5.0, 3.5], [2.0, 0.0]]
    assert valuation.quantity.tolist() == [[1.0, 2.0], [4.0, 0.0]]
    permits = 'family = "abatement", a = [1.0], b = [1.0], reference = [3.0]'
    for more, first in (("", 0.0), (", intercept = [2.5]", 2.5)):
        text = TWO_FARMERS.replace('family = "quadratic", intercept = [4.0], slope = [[1.0]]', permits + more)
        valuation = load(tmp_path, text).players[0].types[0].valuation
        assert isinstance(valuation, Abatement)
        assert valuation.intercept.tolist() == [first]
        assert ("intercept" in valuation_document(valuation)) == bool(first)


@pytest.mark.parametrize(
    ("steps", "mistake"),
    [
        ("value = [[5, 6]], quantity = [[1, 1]]", "valuation.value is [[5.0, 6.0]]; no block may be worth more"),
        ("value = [[5], [6]], quantity = [[1]]", "valuation.value has 2 entries; it must have 1"),
        ("value = [[5, 4]], quantity = [[-1, 1]]", "valuation.quantity[0][0] is -1"),
        ("value = [5], quantity = [[1]]", "valuation.value[0] is 5; it must be a list"),
    ],
)
def test_a_mistake_in_blocks_is_named(steps: str, mistake: str, tmp_path: Path) -> None:
    text = TWO_FARMERS.replace('"quadratic", intercept = [4.0], slope = [[1.0]]', f'"steps", {steps}')
    assert mistake in refusal(tmp_path, text)


def test_a_count_makes_players_who_are_alike(tmp_path: Path) -> None:
    economy = load(tmp_path, TWO_FARMERS.replace('name = "ann"', 'name = "ann"\ncount = 3'))
    assert economy.player_names == ("ann 1", "ann 2", "ann 3", "bob")
    written_out = economy.prior.probability.reshape(2, 2, 2)
    np.testing.assert_allclose(written_out, np.full((2, 2, 2), 0.125))
    assert economy.kinds.tolist() == [0, 1, 0, 1, 0, 1, 2]


LAW_MISTAKES = {
    "an unknown law": ('name = "common-shok", weight = 0.5', ["prior.law.name", "mean 'common-shock'"]),
    "a weight beyond 1": ('name = "common-shock", weight = 1.5', ["prior.law.weight", "at most 1"]),
    "another law's key": ('name = "common-shock", weight = 0.5, correlation = 0.5', ["prior.law.correlation"]),
    "perfect correlation": ('name = "gaussian-copula", correlation = 1.0', ["prior.law.correlation", "less than 1"]),
    "too much to integrate": ('name = "gaussian-copula", correlation = 0.9999999', ["prior.law.correlation", "close"]),
}


@pytest.mark.parametrize("mistake", LAW_MISTAKES)
def test_a_mistake_in_a_law_is_named(mistake: str, tmp_path: Path) -> None:
    law, fragments = LAW_MISTAKES[mistake]
    message = refusal(tmp_path, TWO_FARMERS + f"[prior]\nlaw = {{ {law} }}\n")
    assert [part for part in fragments if part not in message] == [], message


def test_a_prior_is_a_list_or_a_law(tmp_path: Path) -> None:
    law = '\nlaw = { name = "common-shock", weight = 0.5 }\n'
    assert "prior has both joint and law" in refusal(tmp_path, TWO_FARMERS + JOINT + law)
    assert "prior has neither joint nor law" in refusal(tmp_path, TWO_FARMERS + "[prior]\n")
    many = TWO_FARMERS.replace('name = "ann"', 'name = "ann"\ncount = 2') + "[prior]" + law
    # Both follow the level with chance 1/4, and are otherwise as good as independent.
    found = load(tmp_path, many).prior.probability.reshape(2, 2)
    np.testing.assert_allclose(found, [[0.3125, 0.1875], [0.1875, 0.3125]])


def test_a_name_made_by_a_count_is_nobody_elses(tmp_path: Path) -> None:
    text = TWO_FARMERS.replace('name = "ann"', 'name = "ann"\ncount = 2').replace('name = "bob"', 'name = "ann 2"')
    message = refusal(tmp_path, text)
    assert "players.ann.count is 2" in message
    assert "names must differ" in message
