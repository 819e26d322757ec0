"""Coalitional-game files against the numbers of Myerson's examples, and mistakes against the line they get."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.files.game_file import EstablishedGame, load_game
from marketgame.experiments.files.input_file import InputError
from marketgame.mechanisms.coalitional_games.mechanism import expected_cost, interim_utilities, misreport_gains
from tests.experiments.command_calls import GAMES
from tests.experiments.refused_files import refusal_of

ALLOCATION = """
[allocation]
rules = [
  { types = { seller = "L" }, stake = { seller = 0.5, buyer = 0.25 } },
  { types = { seller = "H" }, stake = { seller = 0.1, buyer = 0.0 } },
]
"""
WEIGHTS = "\n[weights]\nseller = { L = 0.375, H = 0.625 }\n"


def without_table(text: str, name: str) -> str:
    """Return the text of a file without one of its tables."""
    start = text.index(f"[{name}]")
    end = text.find("\n[", start)
    return text[:start] + (text[end + 1 :] if end >= 0 else "")


EXAMPLE = without_table((GAMES / "myerson-example-1.toml").read_text(encoding="utf-8"), "weights")


def load(folder: Path, text: str) -> EstablishedGame:
    file = folder / "game.toml"
    file.write_text(text, encoding="utf-8")
    return load_game(file)


def test_the_equal_gains_mechanism_of_example_1_gives_the_published_payoffs() -> None:
    # Myerson, section 5: ω1(H) = ω2(H) = 1/18 and ω1(L) = ω2(L) = 1/2; type L is just not tempted to report H.
    established = load_game(GAMES / "myerson-example-1-equal-gains.toml")
    assert established.mechanism is not None
    seller, buyer = interim_utilities(established.game, established.mechanism)
    np.testing.assert_allclose(seller, [1 / 18, 1 / 2])
    np.testing.assert_allclose(buyer, [(1 / 18 + 1 / 2) / 2])
    assert expected_cost(established.game, established.mechanism) == 0
    np.testing.assert_allclose(misreport_gains(established.game, established.mechanism)[0][1, 0], 0, atol=1e-12)


def test_types_and_actions_keep_the_order_of_the_file() -> None:
    game = load_game(GAMES / "myerson-example-2.toml").game
    assert game.types == (("H", "L"), ("only",))
    assert game.actions[game.grand_coalition].names == ("keep_all", "trade")
    # Worth 3 and 7 in state H, 2 and 0 in state L.
    np.testing.assert_array_equal(game.actions[0, 1].utilities[1], [[-3, -2], [7, 0]])


def test_weights_default_to_probabilities(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load(tmp_path, EXAMPLE).weights[0], [0.5, 0.5])
    text = without_table(EXAMPLE, "mechanism") + WEIGHTS
    np.testing.assert_array_equal(load(tmp_path, text).weights[0], [0.625, 0.375])


def test_stakes_can_stand_instead_of_a_mechanism(tmp_path: Path) -> None:
    established = load(tmp_path, without_table(EXAMPLE, "mechanism") + ALLOCATION)
    assert established.mechanism is None
    assert established.stakes is not None
    np.testing.assert_array_equal(established.stakes, [[0.1, 0.0], [0.5, 0.25]])


def test_a_superadditive_game_lets_coalitions_do_what_their_parts_can(tmp_path: Path) -> None:
    text = without_table(EXAMPLE, "mechanism").replace("[types]", "superadditive = true\n\n[types]")
    game = load(tmp_path, text).game
    assert game.actions[game.grand_coalition].names == ("keep_all", "trade", "keep+keep")


@pytest.mark.parametrize("file", sorted(GAMES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_game_that_comes_with_the_program_is_valid(file: Path) -> None:
    assert load_game(file).name


MISTAKES = {
    "unknown player in a coalition": (
        'coalition = ["seller"]',
        'coalition = ["sellr"]',
        ["actions[0].coalition[0] is 'sellr'", "mean 'seller'"],
    ),
    "a member twice": (
        'coalition = ["seller", "buyer"]',
        'coalition = ["seller", "seller"]',
        ["coalition[1] is 'seller'", "once"],
    ),
    "an action twice": ('name      = "trade"', 'name      = "keep_all"', ["name is 'keep_all'", "seller + buyer"]),
    "a coalition without action": ('coalition = ["buyer"]', 'coalition = ["seller"]', ["keep", "names must differ"]),
    "probabilities not summing to one": ("H = 0.5, L = 0.5", "H = 0.5, L = 0.4", ["types.seller is 0.9", "sum to 1"]),
    "no types of a player": ("buyer  = { only = 1.0 }", "", ["types.buyer is missing"]),
    "types of nobody": ("[types]", "[types]\nbroker = { only = 1.0 }", ["types.broker", "seller, buyer"]),
    "a profile left out": (
        '  { types = { seller = "L" }, utility = { seller = -1.0, buyer = 2.0 } },\n',
        "",
        ["payoffs has no entry for seller = 'L'"],
    ),
    "a profile twice": (
        '{ types = { seller = "L" }, utility',
        '{ types = { buyer = "only" }, utility',
        ["payoffs[1] holds at seller = 'H'", "entry before"],
    ),
    "an unknown type": ('{ seller = "L" }, utility', '{ seller = "M" }, utility', ["payoffs[1].types.seller is 'M'"]),
    "a utility left out": (
        "utility = { seller = -1.0, buyer = 2.0 }",
        "utility = { seller = -1.0 }",
        ["payoffs[1].utility.buyer is missing"],
    ),
    "a utility of an outsider": (
        "[ { utility = { seller = 0.0 } } ]",
        "[ { utility = { seller = 0.0, buyer = 0.0 } } ]",
        ["actions[0].payoffs[0].utility.buyer", "must be one of seller"],
    ),
    "an unknown action": ("{ trade = 1.0 }", "{ trad = 1.0 }", ["mechanism.rules[0].action.trad", "mean 'trade'"]),
    "action probabilities not summing to one": (
        "{ trade = 1.0 }",
        "{ trade = 0.9 }",
        ["mechanism.rules[0].action is 0.9", "must sum to 1"],
    ),
    "negative severance": (
        "payment = { seller = 1.5, buyer = -1.5 }",
        "severance = { seller = -1.5 }",
        ["mechanism.rules[0].severance.seller is -1.5", "at least 0"],
    ),
    "weights of an unknown type": (
        "[mechanism]",
        "[weights]\nseller = { H = 1.0, M = 0.0 }\n[mechanism]",
        ["weights.seller.M"],
    ),
    "mechanism and allocation": ("[mechanism]", ALLOCATION + "[mechanism]", ["allocation is given beside mechanism"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_field_value_and_what_is_allowed(mistake: str, tmp_path: Path) -> None:
    old, new, fragments = MISTAKES[mistake]
    assert old in EXAMPLE
    with pytest.raises(InputError) as caught:
        load(tmp_path, EXAMPLE.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'game.toml'}: ")
    assert [part for part in fragments if part not in message] == [], message


def game_of(players: int, *, listed: int, superadditive: bool = True) -> str:
    """Return a game whose coalitions up to a size have one action each."""
    names = [f"p{place}" for place in range(players)]
    actions = [
        f"[[actions]]\ncoalition = {json.dumps(members)}\nname = 'do'\n"
        f"payoffs = [{{ utility = {{ {', '.join(f'{name} = 1.0' for name in members)} }} }}]\n"
        for size in range(1, listed + 1)
        for members in combinations(names, size)
    ]
    types = "".join(f"{name} = {{ only = 1.0 }}\n" for name in names)
    kind = f"kind = 'coalitional-game'\nname = 'large'\nplayers = {json.dumps(names)}\n"
    return f"{kind}superadditive = {str(superadditive).lower()}\n[types]\n{types}" + "".join(actions)


def test_a_coalition_without_actions_is_found_however_many_coalitions_there_are(tmp_path: Path) -> None:
    """Sixty players have 2^60 coalitions; listing them took all memory. The first pair has no action."""
    message = refusal_of(tmp_path / "game.toml", game_of(60, listed=1), load_game)
    assert message.endswith("actions has none of coalition p0 + p1; every coalition needs at least one")


def test_splits_are_counted_before_they_are_made(tmp_path: Path) -> None:
    """With one action each, a coalition has one per partition: over all coalitions of ten, B(11) - 1 = 678,569.

    Bell numbers satisfy B(n + 1) = sum over k of (n choose k) B(k), and the empty coalition is left out.
    """
    message = refusal_of(tmp_path / "game.toml", game_of(10, listed=10), load_game)
    assert "actions makes 678569 actions of coalitions; there may be at most" in message
    (tmp_path / "small.toml").write_text(game_of(5, listed=5), encoding="utf-8")
    game = load_game(tmp_path / "small.toml").game
    assert sum(len(actions.names) for actions in game.actions.values()) == 203 - 1  # B(6) - 1
