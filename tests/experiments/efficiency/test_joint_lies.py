"""``marketgame solve`` says what coalitions gain by lying together, on which transfers."""

from __future__ import annotations

import pytest

from marketgame.experiments.efficiency.contracts import joint_misreport_text
from marketgame.experiments.efficiency.solution import EconomySolution
from marketgame.experiments.efficiency.solving import solve
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from tests.experiments.command_calls import GAMES, Call, assert_one_line, one_document
from tests.mechanisms.contracts.test_coalition_proof import most_by_brute_force
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

FARMERS = ECONOMIES / "three-farmers.toml"
CORRELATED = ECONOMIES / "three-farmers-correlated.toml"
TRADERS = ECONOMIES / "ten-traders.toml"
QUICK = ("--participation", "none", "--json")


def test_traders_who_lie_together_gain_on_expected_externality_transfers_and_none_on_coalition_proof_ones(
    marketgame: Call,
) -> None:
    usual, proof = (
        one_document(marketgame("solve", TRADERS, *QUICK, *more)) for more in ((), ("--transfers", "coalition-proof"))
    )
    assert usual["incentive_compatible"] is True
    assert usual["coalitions_report_truthfully"] is False
    worst = usual["largest_coalition_misreport_gain"]
    assert len(worst["coalition"]) > 1
    assert worst["gain"] > 37
    assert worst["types"].keys() == worst["reports"].keys() == set(worst["coalition"])
    assert worst["types"] != worst["reports"]
    assert proof["transfer_rule"] == "coalition-proof"
    assert proof["coalitions_report_truthfully"] is True
    assert proof["largest_coalition_misreport_gain"]["every_coalition_examined"] is True
    assert proof["largest_coalition_misreport_gain"]["gain"] < 0
    # Single liars expect the same in both: they lose as much.
    assert proof["largest_misreport_gain"] == pytest.approx(usual["largest_misreport_gain"])
    for row in proof["transfers"]:
        assert sum(row["transfer"].values()) == pytest.approx(0, abs=1e-9)


def test_with_no_transfers_the_contract_is_that_in_which_all_pay_the_supporting_price(marketgame: Call) -> None:
    document = one_document(marketgame("solve", FARMERS, *QUICK, "--transfers", "none"))
    walrasian = document["walrasian"]
    assert {key: document[key] for key in walrasian} == walrasian


@pytest.mark.parametrize("rule", ["lp", "coalition-proof"])
def test_with_correlated_types_linear_programs_find_transfers_for_single_liars_and_for_coalitions(
    rule: str, marketgame: Call
) -> None:
    document = one_document(marketgame("solve", CORRELATED, *QUICK, "--transfers", rule))
    assert document["transfer_rule"] == rule
    assert document["incentive_compatible"] is True
    assert document["coalitions_report_truthfully"] is (rule == "coalition-proof")


def test_transfers_that_do_not_fit_are_refused(marketgame: Call) -> None:
    assert_one_line(marketgame("solve", FARMERS, "--transfers", "fair"), "--transfers", "lp", "coalition-proof")
    assert_one_line(marketgame("solve", CORRELATED, "--transfers", "expected-externality"), "types are correlated")
    assert_one_line(marketgame("solve", GAMES / "lemons.toml", "--transfers", "lp"), "transfers", "game")


def test_the_table_names_the_liars_and_from_python_the_check_is_there(marketgame: Call) -> None:
    solution = solve(FARMERS, participation="none", transfers=TransferRule.EXPECTED_EXTERNALITY)
    assert isinstance(solution, EconomySolution)
    assert solution.incentive_transfers is not None
    check = solution.incentive_transfers.joint_lies
    assert check is not None
    assert check.worst is not None
    printed = marketgame("solve", FARMERS, "--participation", "none").out
    assert "share what they know and own" in printed
    assert " + ".join(check.worst.coalition) in printed


def test_where_everybody_has_one_type_nobody_lies(marketgame: Call) -> None:
    document = one_document(marketgame("solve", ECONOMIES / "three-traders.toml", *QUICK))
    assert document["coalitions_report_truthfully"] is True
    assert document["largest_coalition_misreport_gain"]["gain"] == 0
    assert document["largest_coalition_misreport_gain"]["coalition"] == []


@pytest.mark.parametrize("seed", range(10))
def test_wherever_a_coalition_gains_words_say_who_is_of_which_type_and_says_what(seed: int) -> None:
    counts = ((2, 2, 2), (3, 2, 2), (2, 2, 2, 2))[seed % 3]
    economy = random_economy(seed, random_independent_prior(seed, counts), money=2000.0)
    contract = grand_contract(economy, expected_externality_transfers(economy, efficient_allocation(economy)))
    check = check_joint_misreports(contract)
    verdict, words = joint_misreport_text(check)
    assert verdict == ("yes" if check.truthful else "no")
    assert check.worst is not None
    members = [economy.player_names.index(name) for name in check.worst.coalition]
    assert check.worst.gain == pytest.approx(most_by_brute_force(contract, tuple(members)))
    for name, told, said in zip(check.worst.coalition, check.worst.true_types, check.worst.reported_types, strict=True):
        (part,) = [part for part in words.split("; ") if name in part.partition(":")[0].split(" + ")]
        assert part.endswith(f": {told} reported as {said}" if told != said else f": {told}, the truth")
