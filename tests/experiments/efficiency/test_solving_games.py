"""``marketgame solve`` on coalitional games: published numbers, and every answer checked from its document alone."""

from __future__ import annotations

import tomllib
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.incentive_efficiency.search import NoOptimum
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import Status
from tests.experiments.command_calls import GAMES, SCENARIOS, Call, assert_one_line, one_document
from tests.mechanisms.proven_solutions import virtual_bound

NO_TRADE = 'name      = "keep_all"\npayoffs   = [ { utility = { seller = 0.0, buyer = 0.0 } } ]'
FORCED = 'name      = "keep_all"\npayoffs   = [ { utility = { seller = -1.0, buyer = -1.0 } } ]'
LONER = """
kind    = "coalitional-game"
name    = "one player"
players = ["ann"]
[types]
ann = { glad = 0.25, sad = 0.75 }
[[actions]]
coalition = ["ann"]
name      = "stay"
payoffs   = [ { utility = { ann = 0.0 } } ]
[[actions]]
coalition = ["ann"]
name      = "go"
payoffs   = [
  { types = { ann = "glad" }, utility = { ann = 4.0 } },
  { types = { ann = "sad" }, utility = { ann = -1.0 } },
]
"""


def game_text(name: str) -> str:
    return (GAMES / f"{name}.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    file = folder / "game.toml"
    file.write_text(text, encoding="utf-8")
    return file


def utilities(file: Path) -> dict[str, dict[tuple[str, ...], dict[str, float]]]:
    """Return what each action of the grand coalition gives at each profile, read from the file by other means."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    players = content["players"]
    found: dict[str, dict[tuple[str, ...], dict[str, float]]] = {}
    for action in content["actions"]:
        if len(action["coalition"]) < len(players):
            continue
        by_profile = found[action["name"]] = {}
        for profile in product(*(content["types"][player] for player in players)):
            types = dict(zip(players, profile, strict=True))
            entries = [entry for entry in action["payoffs"] if (entry.get("types") or {}).items() <= types.items()]
            (by_profile[profile],) = (entry["utility"] for entry in entries)
    return found


def expected_utilities(file: Path, mechanism: list[dict[str, Any]]) -> dict[tuple[str, str, str], float]:
    """Return what each type of each player expects from each report when the others tell the truth."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    players, odds = content["players"], content["types"]
    rules = {tuple(rule["types"][player] for player in players): rule for rule in mechanism}
    worth = utilities(file)
    expected = {}
    for place, player in enumerate(players):
        for true_type, report in product(odds[player], repeat=2):
            total = 0.0
            for profile in product(*(odds[each] for each in players)):
                if profile[place] != true_type:
                    continue
                rule = rules[(*profile[:place], report, *profile[place + 1 :])]
                gained = rule["payment"][player]
                gained += sum(chance * worth[name][profile][player] for name, chance in rule["action"].items())
                others = prod(odds[each][kind] for each, kind in zip(players, profile, strict=True) if each != player)
                total += others * gained
            expected[player, true_type, report] = total
    return expected


def test_example_1_gives_the_published_weights_multiplier_and_value(marketgame: Call) -> None:
    # Myerson (2006), section 5: λ(H) = 5/8, λ(L) = 3/8, λ of the buyer 1, α(H|L) = 1/8.
    document = one_document(marketgame("solve", GAMES / "myerson-example-1.toml", "--json"))
    assert document["status"] == "optimal"
    assert document["value"] == pytest.approx(0.5)
    assert document["lambda"]["seller"] == pytest.approx({"H": 5 / 8, "L": 3 / 8})
    assert document["lambda"]["buyer"] == pytest.approx({"only": 1.0})
    (alpha,) = document["alpha"]["seller"]
    assert alpha == {"type": "L", "pretends": "H", "multiplier": pytest.approx(1 / 8)}
    assert document["alpha"]["buyer"] == []
    assert document["jeopardised"] == [{"player": "seller", "type": "H", "by": "L", "multiplier": pytest.approx(1 / 8)}]


def test_virtual_utilities_of_example_1_are_those_of_the_paper(marketgame: Call) -> None:
    # Section 5: the virtual value of the good to type H is 6, as much as to the buyer; to type L it stays 1.
    document = one_document(marketgame("solve", GAMES / "myerson-example-1.toml", "--json"))
    trade = {each["types"]["seller"]: each["action"]["trade"] for each in document["virtual_utility"]}
    assert trade["H"] == pytest.approx({"seller": -6.0, "buyer": 6.0})
    assert trade["L"] == pytest.approx({"seller": -1.0, "buyer": 2.0})


@pytest.mark.parametrize("name", ["myerson-example-1", "myerson-example-1-equal-gains", "myerson-example-2"])
def test_the_published_mechanisms_are_feasible_and_incentive_efficient(name: str, marketgame: Call) -> None:
    established = one_document(marketgame("solve", GAMES / f"{name}.toml", "--json"))["established"]
    assert established["feasible"]
    assert established["incentive_efficient"]
    assert established["dominated_by"] is None
    assert established["gain_left_for_everybody"] == pytest.approx(0, abs=1e-9)
    assert established["largest_misreport_gain"] == pytest.approx(0, abs=1e-9)


def test_example_2_pools_between_3_and_3_and_a_half_without_weight_on_the_bad_type(marketgame: Call) -> None:
    # Section 9: all incentive-efficient mechanisms that everybody accepts trade for sure at one price.
    arguments = ("solve", GAMES / "myerson-example-2.toml", "--participation", "individual", "--json")
    document = one_document(marketgame(*arguments))
    first, second = document["mechanism"]
    assert first["action"] == second["action"] == {"trade": pytest.approx(1.0)}
    assert first["payment"] == pytest.approx(second["payment"])
    assert 3 - 1e-9 <= first["payment"]["seller"] <= 3.5 + 1e-9
    assert document["lambda"]["seller"]["L"] == pytest.approx(0, abs=1e-9)


def test_myersons_trading_problem_is_worth_8(marketgame: Call) -> None:
    document = one_document(marketgame("solve", GAMES / "myerson-trading-problem.toml", "--json"))
    assert document["value"] == pytest.approx(8)
    assert document["lambda"]["seller"] == pytest.approx({"1.a": 0.3, "1.b": 0.7})
    assert document["lambda"]["buyer"] == pytest.approx({"2": 1.0})
    (alpha,) = document["alpha"]["seller"]
    assert alpha == {"type": "1.b", "pretends": "1.a", "multiplier": pytest.approx(0.1)}


def test_lemons_leave_three_hundredths_once_everybody_must_be_willing(marketgame: Call) -> None:
    gains = {
        participation: one_document(
            marketgame("solve", GAMES / "lemons.toml", "--participation", participation, "--json")
        )["value"]
        for participation in ("none", "individual")
    }
    assert gains["individual"] == pytest.approx(0.03)
    # Everything can be traded when nobody may stay away: half of the mean quality of 0.55.
    assert gains["none"] == pytest.approx(0.275)


def assert_impossible(file: Path, proof: dict[str, Any]) -> None:
    """No feasible mechanism has more weighted utility than the largest virtual surplus; what all want is more."""
    assert proof["shortfall"] > 0
    game = load_game(file).game
    weights = [np.array(list(proof["lambda"][player].values())) for player in game.players]
    tables = [np.zeros((len(names), len(names))) for names in game.types]
    for player, names, table in zip(game.players, game.types, tables, strict=True):
        for each in proof["alpha"][player]:
            table[names.index(each["type"]), names.index(each["pretends"])] = each["multiplier"]
    alone = sum(float(weight @ least) for weight, least in zip(weights, game.individual_values(), strict=True))
    assert alone > virtual_bound(game, VirtualWeights(tuple(weights), tuple(tables))) + 1e-9


@pytest.mark.parametrize("participation", ["none", "individual"])
@pytest.mark.parametrize("file", sorted(GAMES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_answer_proves_itself_from_its_document(file: Path, participation: str, marketgame: Call) -> None:
    document = one_document(marketgame("solve", file, "--participation", participation, "--json"))
    if document["status"] == "infeasible":
        assert_impossible(file, document["impossible"])
        return
    odds = tomllib.loads(file.read_text(encoding="utf-8"))["types"]
    assert document["conditions"]["hold"]
    # The hydraulic equations (5).
    for player, weights in document["lambda"].items():
        for kind, weight in weights.items():
            leaving = sum(each["multiplier"] for each in document["alpha"][player] if each["type"] == kind)
            arriving = sum(each["multiplier"] for each in document["alpha"][player] if each["pretends"] == kind)
            assert weight + leaving - arriving == pytest.approx(odds[player][kind], abs=1e-9)
    # Feasibility and complementarity (6).
    expected = expected_utilities(file, document["mechanism"])
    multipliers = {
        (player, each["type"], each["pretends"]): each["multiplier"]
        for player, listed in document["alpha"].items()
        for each in listed
    }
    for (player, kind, report), utility in expected.items():
        truth = document["interim"][player][kind]
        assert utility <= truth + 1e-9
        assert multipliers.get((player, kind, report), 0.0) * (truth - utility) == pytest.approx(0, abs=1e-9)
        if participation == "individual":
            assert truth >= document["alone"][player][kind] - 1e-9
    for rule in document["mechanism"]:
        assert sum(rule["payment"].values()) == pytest.approx(0, abs=1e-9)
    # Every action chosen has the largest sum of virtual utilities (7).
    for rule, virtual in zip(document["mechanism"], document["virtual_utility"], strict=True):
        sums = {action: sum(values.values()) for action, values in virtual["action"].items()}
        for action, chance in rule["action"].items():
            assert chance * (max(sums.values()) - sums[action]) == pytest.approx(0, abs=1e-9)
    value = sum(
        weight * document["interim"][player][kind]
        for player, weights in document["weights"].items()
        for kind, weight in weights.items()
    )
    assert document["value"] == pytest.approx(value, abs=1e-9)


def test_a_mechanism_that_tempts_is_not_feasible(marketgame: Call, tmp_path: Path) -> None:
    # Type L sells for 1.5 and would get 5.5.
    text = game_text("myerson-example-1").replace(
        "trade = 0.1, keep_all = 0.9 }, payment = { seller = 0.6, buyer = -0.6",
        "trade = 1.0 }, payment = { seller = 5.5, buyer = -5.5",
    )
    established = one_document(marketgame("solve", written(tmp_path, text), "--json"))["established"]
    assert not established["feasible"]
    assert not established["incentive_efficient"]
    assert established["largest_misreport_gain"] == pytest.approx(4)
    assert established["dominated_by"] is None
    assert "Not feasible" in marketgame("solve", tmp_path / "game.toml").out


def test_a_wasteful_mechanism_is_dominated_by_the_one_shown(marketgame: Call, tmp_path: Path) -> None:
    text = game_text("myerson-example-1").replace(
        "trade = 0.1, keep_all = 0.9 }, payment = { seller = 0.6, buyer = -0.6",
        "trade = 0.05, keep_all = 0.95 }, payment = { seller = 0.3, buyer = -0.3",
    )
    file = written(tmp_path, text)
    established = one_document(marketgame("solve", file, "--json"))["established"]
    assert established["feasible"]
    assert not established["incentive_efficient"]
    gain = established["gain_left_for_everybody"]
    assert gain > 1e-3
    better = expected_utilities(file, established["dominated_by"])
    for player, by_type in established["interim"].items():
        for kind, utility in by_type.items():
            assert better[player, kind, kind] >= utility + gain - 1e-9
            assert all(better[player, kind, kind] >= better[player, kind, report] - 1e-9 for report in by_type)
    assert "not incentive-efficient" in marketgame("solve", file).out


def test_impossible_participation_is_an_answer_with_its_proof(marketgame: Call, tmp_path: Path) -> None:
    # Together they can only waste or trade; trade gains 1, and the seller's type cannot be known.
    text = (
        game_text("myerson-example-2").replace(NO_TRADE, FORCED).replace("buyer = 0.0 } },\n]", "buyer = -6.0 } },\n]")
    )
    file = written(tmp_path, text)
    answer = marketgame("solve", file, "--participation", "individual", "--json")
    assert answer.code == 0
    document = one_document(answer)
    assert document["status"] == "infeasible"
    assert document["value"] is None
    assert document["mechanism"] is None
    assert_impossible(file, document["impossible"])
    assert "Impossible" in marketgame("solve", file, "--participation", "individual").out


def test_weights_that_make_the_value_endless_are_refused_by_field(marketgame: Call, tmp_path: Path) -> None:
    text = game_text("myerson-trading-problem").replace('{ "2" = 1.0 }\n\n[[', '{ "2" = 2.0 }\n\n[[')
    assert '"2" = 2.0' in text
    file = written(tmp_path, text)
    answer = marketgame("solve", file)
    assert_one_line(answer, file, "weights.seller is 1 in sum", "weights.buyer 2", "must be the same for all players")
    assert marketgame("solve", file, "--participation", "individual", "--json").code == 0
    nothing = text.replace('"1.a" = 0.3, "1.b" = 0.7', '"1.a" = 0.0, "1.b" = 0.0').replace('"2" = 2.0', '"2" = 0.0')
    assert_one_line(marketgame("solve", written(tmp_path, nothing)), "all weights are zero")


def test_weights_count_in_proportion(marketgame: Call, tmp_path: Path) -> None:
    text = game_text("myerson-trading-problem")
    scaled = text.replace('"1.a" = 0.3, "1.b" = 0.7', '"1.a" = 3.0, "1.b" = 7.0').replace(
        'buyer  = { "2" = 1.0 }\n\n[[', 'buyer  = { "2" = 10.0 }\n\n[['
    )
    document = one_document(marketgame("solve", written(tmp_path, scaled), "--json"))
    assert document["value"] == pytest.approx(80)
    assert document["lambda"]["seller"] == pytest.approx({"1.a": 0.3, "1.b": 0.7})


def test_a_solver_that_hits_its_limit_is_exit_code_3(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = NoOptimum(Status.TIME_LIMIT, Status.TIME_LIMIT.value)
    monkeypatch.setattr(
        "marketgame.mechanisms.incentive_efficiency.search.incentive_efficient", lambda *_, **__: stopped
    )
    answer = marketgame("solve", GAMES / "lemons.toml", "--json")
    assert answer == (3, "", f"error: no answer: {Status.TIME_LIMIT.value}\n")


def test_a_single_player_does_what_it_likes_best(marketgame: Call, tmp_path: Path) -> None:
    document = one_document(marketgame("solve", written(tmp_path, LONER), "--json"))
    assert document["value"] == pytest.approx(0.25 * 4)
    assert [rule["action"] for rule in document["mechanism"]] == [{"go": 1.0}, {"stay": 1.0}]


def test_the_tables_show_value_multipliers_and_verdict(marketgame: Call) -> None:
    answer = marketgame("solve", GAMES / "myerson-example-1-equal-gains.toml")
    assert answer.code == 0
    assert answer.err == ""
    words = " ".join(answer.out.split())
    for fragment in (
        "weighted utility 0.5",
        "seller L report H 0.125",
        "seller H 0.5 0.625 0.625",
        "keep_all 0.888889, trade 0.111111",
        "incentive-efficient: no feasible mechanism is better for every type",
    ):
        assert fragment in words


def test_solve_names_the_kinds_it_takes(marketgame: Call) -> None:
    answer = marketgame("solve", SCENARIOS / "tutorial-obedient.toml")
    assert_one_line(answer, "kind is 'scenario'", "market-economy", "coalitional-game")
