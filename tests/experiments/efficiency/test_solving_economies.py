"""``marketgame solve`` on economies once answered wrongly: money that is not there, rare types, nothing owned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments.efficiency.solution import EconomySolution, solution_document
from marketgame.experiments.efficiency.solving import solve
from tests.experiments.command_calls import Call, assert_one_line, one_document

CASES = Path(__file__).parents[1] / "cases"
WILLING = "incentive-efficient-individual"


def shares(marketgame: Call, case: str, *options: object) -> dict[str, Any]:
    document = one_document(marketgame("solve", CASES / case, "--json", *options))
    return {name: row["share_of_first_best_gains"] for name, row in document["benchmarks"].items()}


def test_where_nobody_owns_money_and_there_is_one_good_nothing_is_traded(marketgame: Call) -> None:
    """The buyer has nothing to give, so no willing seller parts with anything, in equilibrium or by any mechanism.

    Who need not be willing can be told to hand the good over to the buyer, unpaid: gains of
    (0.6 + 1.6) / 2 - (0.4 + 1.3) / 2 = 0.25, of the 0.425 that could be had.
    """
    found = shares(marketgame, "no-money-two-sided.toml")
    assert found[WILLING] == pytest.approx(0, abs=1e-8)
    assert found["walrasian"] == pytest.approx(0, abs=1e-8)
    assert found["incentive-efficient"] == pytest.approx(0.25 / 0.425, abs=1e-6)
    assert found["first-best"] == 1


def test_money_that_does_not_exist_is_asked_for_by_name_and_shown_by_name(marketgame: Call) -> None:
    found = shares(marketgame, "no-money-two-sided.toml", "--money", "unlimited")
    assert found[f"{WILLING}-unlimited-money"] == pytest.approx(0.9773, abs=5e-5)
    assert found["incentive-efficient-unlimited-money"] == pytest.approx(1)
    assert WILLING not in found
    printed = marketgame("solve", CASES / "no-money-two-sided.toml", "--money", "unlimited").out
    assert "unlimited money" in printed


def test_an_unknown_amount_of_money_is_refused(marketgame: Call) -> None:
    answer = marketgame("solve", CASES / "no-money-buyer.toml", "--money", "borrowed")
    assert_one_line(answer, "--money", "borrowed", "owned", "unlimited")


def test_a_known_buyer_without_money_gains_nothing_from_a_willing_owner(marketgame: Call) -> None:
    found = shares(marketgame, "no-money-buyer.toml")
    assert found[WILLING] == pytest.approx(0, abs=1e-8)
    assert found["walrasian"] == pytest.approx(0, abs=1e-8)


def test_where_nobody_owns_anything_there_is_nothing_to_gain(marketgame: Call) -> None:
    """Any price from 1000, the larger marginal value at nothing, on supports that; nobody pays anything."""
    answer = marketgame("solve", CASES / "nothing-owned.toml", "--json")
    assert answer.code == 0
    document = one_document(answer)
    assert document["profiles"][0]["price"]["water"] == pytest.approx(1000)
    assert {name: row["gains_over_autarky"] for name, row in document["benchmarks"].items()} == dict.fromkeys(
        ("first-best", "walrasian", "incentive-efficient", WILLING, "autarky"), 0
    )


def test_a_rare_type_is_solved_and_changes_the_gains_by_as_little_as_its_chance(
    marketgame: Call, tmp_path: Path
) -> None:
    """Slopes are 1, so the gain at intercepts b is half of three times their variance: with b0 = 5.3 known,

    b1 in {5.1 (0.6), 5.4}, b2 in {5.2 (0.3), 5.5}: expectation of sum_i (b_i - mean)^2 / 2.
    """
    intercepts = [
        (p1 * p2, (5.3, b1, b2)) for p1, b1 in ((0.6, 5.1), (0.4, 5.4)) for p2, b2 in ((0.3, 5.2), (0.7, 5.5))
    ]
    expected = sum(chance * sum((b - sum(bs) / 3) ** 2 for b in bs) / 2 for chance, bs in intercepts)
    text = (CASES / "rare-type.toml").read_text(encoding="utf-8")
    for chance, rest in (("1e-03", "0.999"), ("1e-09", "0.999999999"), ("1e-12", "0.999999999999")):
        file = tmp_path / f"rare-{chance}.toml"
        file.write_text(text.replace("1e-09", chance).replace("0.999999999", rest), encoding="utf-8")
        answer = marketgame("solve", file, "--json")
        assert answer.code == 0, answer.err
        document = one_document(answer)
        assert document["gains_from_trade"] == pytest.approx(expected, abs=2 * float(chance) + 1e-12)
        for name in ("incentive-efficient", WILLING):
            assert document["benchmarks"][name]["gains_over_autarky"] == pytest.approx(expected, abs=2 * float(chance))
        assert document["compatibility_condition"] is True
        assert document["incentive_compatible"] is True


@pytest.mark.usefixtures("quick_figures")
def test_the_walrasian_contract_is_played_at_the_price_that_the_buyer_can_pay(marketgame: Call) -> None:
    document = one_document(marketgame("solve", CASES / "walras-at-lower-price.toml", "--json"))
    assert document["benchmarks"]["walrasian"]["share_of_first_best_gains"] == pytest.approx(1)
    assert document["profiles"][0]["allocation"]["b"]["money"] == pytest.approx(0, abs=1e-12)
    answer = marketgame("run", CASES / "walras-scenario.toml", "--json", "--out", "run")
    assert answer.code == 0, answer.err
    played = one_document(answer)["welfare"]["played"]
    assert played["gap_to_first_best"] == pytest.approx(0, abs=1e-9)


def test_a_billion_of_money_hides_no_gain(marketgame: Call, tmp_path: Path) -> None:
    """The same economy with nine more zeros of money: gains, gaps and shares are the same to the last digit shown."""
    poor = (
        (CASES / "rare-type.toml").read_text(encoding="utf-8").replace("1e-09", "0.25").replace("0.999999999", "0.75")
    )
    rich = poor.replace("[1.0,10.0]", "[1.0,1e9]")
    rows, printed = [], []
    for name, text in (("poor", poor), ("rich", rich)):
        file = tmp_path / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        document = one_document(marketgame("solve", file, "--json"))
        rows.append({name: row["gains_over_autarky"] for name, row in document["benchmarks"].items()})
        lines = marketgame("solve", file).out.splitlines()
        printed.append(next(line for line in lines if line.startswith(" first best")).split()[3:6])
    assert printed[0] == printed[1]
    assert rows[1] == pytest.approx(rows[0], rel=1e-9)


def many(players: int) -> str:
    return f"""
kind  = "market-economy"
name  = "many"
goods = ["grain", "money"]
units = ["tonne", "euro"]
[[players]]
name  = "rich"
count = {players // 2}
[players.types.modest]
probability = 0.4
endowment   = [3.0, 60.0]
valuation   = {{ family = "quadratic", intercept = [6.0], slope = [[1.0]] }}
[players.types.hungry]
probability = 0.6
endowment   = [3.0, 60.0]
valuation   = {{ family = "quadratic", intercept = [8.0], slope = [[1.0]] }}
""" + "".join(
        f"""
[[players]]
name = "poor {number}"
[players.types.modest]
probability = 0.5
endowment   = [1.0, 60.0]
valuation   = {{ family = "logarithmic", weight = [{6 + number / players}], shift = [1.0] }}
[players.types.hungry]
probability = 0.5
endowment   = [1.0, 60.0]
valuation   = {{ family = "logarithmic", weight = [{9 + number / players}], shift = [1.0] }}
"""
        for number in range(players - players // 2)
    )


def test_what_cannot_be_listed_is_sampled_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "many.toml").write_text(many(24))
    solution = solve(tmp_path / "many.toml")
    assert isinstance(solution, EconomySolution)
    found = solution_document(solution)
    sampled, benchmarks = found["sampled"], found["benchmarks"]
    assert found["profiles"] is None
    assert sampled["draws"] > sampled["draws_of_others"] > 0
    assert 0 < sampled["standard_errors"]["gains_from_trade"] < 0.002 * found["gains_from_trade"]
    assert found["incentive_compatible"] is True
    assert found["largest_misreport_gain"] < -5 * sampled["standard_errors"]["largest_misreport_gain"] < 0
    # Known at once, and from a sample: what is best is met, and nothing bounds it.
    best = benchmarks["incentive-efficient"]
    assert best["gains_over_autarky"] == pytest.approx(found["gains_from_trade"], rel=1e-12)
    assert best["upper_bound"] is None
    assert benchmarks["incentive-efficient-individual"]["gains_over_autarky"] <= best["gains_over_autarky"]
    assert found["interim"]["rich 1"] == found["interim"]["rich 12"]
    printed = str(solution)
    assert "sampled: " in printed
    assert "rich 1 and 11 alike" in printed
    assert "yes, by draws" in printed


def test_what_there_is_no_time_for_is_not_known_and_the_rest_is_told(marketgame: Call, tmp_path: Path) -> None:
    (tmp_path / "many.toml").write_text(many(24))
    answer = marketgame("solve", "many.toml", "--json", "--seconds", "0")
    assert answer.code == 3
    assert "not known within the time allowed" in answer.err
    found = json.loads(answer.out)
    assert found["sampled"]["draws_of_others"] is None
    assert found["incentive_compatible"] is None
    assert found["walrasian"]["incentive_compatible"] is None
    assert "time" in found["benchmarks"]["incentive-efficient"]["obstacle"]
    willing = found["benchmarks"]["incentive-efficient-individual"]
    assert 0 < willing["gains_over_autarky"] < found["gains_from_trade"]
    printed = marketgame("solve", "many.toml", "--seconds", "0")
    assert printed.code == 3
    assert "not known" in printed.out


def test_replicas_are_counted_exactly_and_agree_with_what_few_of_them_say(marketgame: Call, tmp_path: Path) -> None:
    alone = many(48).partition('\n[[players]]\nname = "poor')[0]
    for count in (8, 60):
        (tmp_path / f"{count}.toml").write_text(alone.replace("count = 24", f"count = {count}"))
    few, many_of_them = (one_document(marketgame("solve", f"{count}.toml", "--json")) for count in (8, 60))
    # Both are exact; per head, what eight gain is nearly what sixty do: markets of equals gain by differences alone.
    assert (few["sampled"], many_of_them["sampled"]) == (None, None)
    per_head = few["gains_from_trade"] / 8, many_of_them["gains_from_trade"] / 60
    assert per_head[1] == pytest.approx(per_head[0] * (1 - 1 / 60) / (1 - 1 / 8), rel=1e-9)
    assert many_of_them["incentive_compatible"] is True


def test_whether_transfers_survive_refusal_is_answered_with_transfers_or_with_weights_that_prove_there_are_none(
    marketgame: Call,
) -> None:
    asked = ("--participation", "none", "--refusable", "--json")
    some, none = (
        one_document(marketgame("solve", f"example:{name}", *asked))["refusable_transfers"]
        for name in ("three-farmers", "two-sided-divisible")
    )
    assert (some["exist"], none["exist"]) == (True, False)
    assert all(abs(sum(row["transfer"].values())) < 1e-9 for row in some["transfers"])
    assert none["least_gain"] > 0
    assert min(weight for lie in none["proof"] for reply in lie["replies"] for weight in reply["weights"]) >= 0


def test_refusal_is_no_question_about_a_game_or_about_profiles_that_are_not_listed(marketgame: Call) -> None:
    assert_one_line(marketgame("solve", "example:majority-1.4", "--refusable"), "refusable", "economies")
    many = marketgame("solve", "example:three-hundred-traders", "--refusable")
    assert_one_line(many, "three-hundred-traders.toml", "type profiles", "survive refusal")


def test_a_contract_among_replicas_whose_profiles_cannot_be_listed_is_proved_count_by_count(
    marketgame: Call, tmp_path: Path
) -> None:
    alone = many(48).partition('\n[[players]]\nname = "poor')[0]
    (tmp_path / "many.toml").write_text(alone)
    rules = ("pricing=void", "solvency=no-short-sales", "bankruptcy=unwind", "coverage=announced-numeraire")
    asked = ("certify", "many.toml", *(part for rule in rules for part in ("--rule", rule)), "--out", "kept")
    found = one_document(marketgame(*asked, "--json"))
    assert found["strongly_collusion_proof"] is found["unilaterally_stable"] is True
    assert found["coalitions_report_truthfully"] == "not refuted"
    replayed = marketgame("replay", found["proof"])
    assert replayed.code == 0
    assert "over all counts of types" in replayed.out
    assert "confirmed" in replayed.out
