"""``marketgame certify``: what is proved, what is refuted, what is left open, and certificates that replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments.collusion.printing import progress_text
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.certificates.examination import CoalitionFinding
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Solvency
from tests.experiments.command_calls import SCENARIOS, Call, assert_one_line, one_document, results_in

TRADERS = ECONOMIES / "three-traders.toml"
CASES = Path(__file__).parents[1] / "cases"
FARMERS = ECONOMIES / "three-farmers.toml"
WARY = SCENARIOS / "three-traders-organised-wary.toml"
# Where trades with bankrupt players are cancelled, nothing excludes that an agreement between two is kept.
NOT_DETERRED = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND)
ANSWERS = (
    "bayesian_incentive_compatible",
    "coalitions_report_truthfully",
    "unilaterally_stable",
    "collusion_proof",
    "strongly_collusion_proof",
)
PROVEN_RULES = ("solvency=no-short-sales", "bankruptcy=unwind", "coverage=announced-numeraire")


def with_rules(*rules: str) -> list[str]:
    return [word for rule in rules for word in ("--rule", rule)]


def assert_everything_replays(document: dict[str, Any], marketgame: Call) -> None:
    files = [found["certificate"] for found in document["deviations"]]
    files += [document["proof"]] if document["proof"] else []
    assert files
    for file in files:
        answer = marketgame("replay", file, "--json")
        assert answer.code == 0, answer.out
        assert one_document(answer)["confirmed"] is True


def test_under_the_papers_rules_every_single_player_breaks_the_contract(marketgame: Call, tmp_path: Path) -> None:
    answer = marketgame("certify", TRADERS, "--out", tmp_path / "out", "--json")
    assert answer.code == 1
    document = one_document(answer)
    assert document["bayesian_incentive_compatible"] is True
    assert document["unilaterally_stable"] is False
    assert document["collusion_proof"] is False
    assert document["strongly_collusion_proof"] is False
    alone = [found for found in document["deviations"] if found["kind"] == "unilateral"]
    assert [found["coalition"] for found in alone] == [["ann"], ["bob"], ["cat"]]
    contract = grand_contract(load_economy(TRADERS))
    # A short sale brings each of them all the money there is.
    for place, found in enumerate(alone):
        (gain,) = found["gain"].values()
        assert gain == pytest.approx(90 - contract.utilities[0, place], abs=1e-6)
    assert_everything_replays(document, marketgame)


def test_where_short_sales_bankrupt_no_single_player_gains_but_pairs_do(marketgame: Call, tmp_path: Path) -> None:
    arguments = (TRADERS, *with_rules("solvency=no-short-sales"), "--coalition", "ann,bob", "--out", tmp_path / "out")
    answer = marketgame("certify", *arguments, "--json")
    assert answer.code == 1
    document = one_document(answer)
    assert document["unilaterally_stable"] is True
    assert document["strongly_collusion_proof"] is False
    assert document["proof"] is None
    together, hidden = document["deviations"]
    assert (together["kind"], hidden["kind"]) == ("side-contract", HIDDEN)
    for found in (together, hidden):
        assert found["coalition"] == ["ann", "bob"]
        assert min(found["gain"].values()) > 0
    # None is kept exactly, as is proven; this one is but for a guess.
    assert document["collusion_proof"] is True
    kept = document["kept_up_to_any_tolerance"]
    assert (kept["some_are_kept_exactly"], kept["gain"]) == (False, hidden["gain"])
    assert max(kept["gain_by_breaking_at_most"].values()) < 1e-9 * min(kept["gain"].values())
    assert_everything_replays(document, marketgame)


@pytest.mark.parametrize("file", [TRADERS, FARMERS])
@pytest.mark.parametrize("pricing", ["pricing=spread", "pricing=void"])
def test_under_four_rules_together_no_coalition_gains_and_the_proof_replays(
    file: Path, pricing: str, marketgame: Call, tmp_path: Path
) -> None:
    arguments = (file, *with_rules(pricing, *PROVEN_RULES), "--out", tmp_path / "out")
    if file == FARMERS:
        # With those of expected externality two farmers gain before, by what they report.
        arguments = (*arguments, "--transfers", "coalition-proof")
    answer = marketgame("certify", *arguments, "--json")
    assert answer.code == 0
    document = one_document(answer)
    assert [document[key] for key in ANSWERS] == [True] * 5
    assert document["report_agreements"] == []
    assert len(document["coalitions"]) == 7
    assert document["every_coalition_examined"] is True
    assert_everything_replays(document, marketgame)
    # Only a lie together with disobedience can pay; that is outside the five questions.
    assert {found["kind"] for found in document["deviations"]} <= {"lie and reorder"}
    assert "The proof that nobody gains" in marketgame("certify", *arguments).out


def test_a_proof_by_members_says_whom_it_is_about_when_it_is_replayed(marketgame: Call, tmp_path: Path) -> None:
    arguments = (
        FARMERS,
        *with_rules("pricing=void", *PROVEN_RULES),
        "--largest",
        2,
        "--out",
        tmp_path / "out",
        "--json",
    )
    document = one_document(marketgame("certify", *arguments))
    assert document["bounds_by_member"]["coalitions_not_listed"] == 0
    assert max(document["bounds_by_member"]["gain_at_most"].values()) < 1e-9
    replayed = one_document(marketgame("replay", document["proof"], "--json"))
    assert replayed["confirmed"] is True
    assert replayed["largest_coalition"] == 2
    assert sorted(map(len, replayed["coalitions"])) == [1, 1, 1, 2, 2, 2]
    assert "Every other coalition gains at most what its members do" in marketgame("replay", document["proof"]).out


def test_progress_says_which_coalition_is_examined_and_what_was_found() -> None:
    found = [CoalitionFinding((0,), Verdict.PROVEN), CoalitionFinding((1,), Verdict.REFUTED)]
    names = ("ann", "bob", "cat")
    assert progress_text(names, (2,), found) == "examining cat: 1 cannot gain; bob gains"
    found.append(CoalitionFinding((0, 2), Verdict.REFUTED))
    assert progress_text(names, (1, 2), found) == "examining bob + cat: 1 cannot gain; ann + cat gains, and 1 before"


def test_a_contract_without_incentive_transfers_is_refuted_by_a_lie(marketgame: Call, tmp_path: Path) -> None:
    scenario = tmp_path / "walrasian.toml"
    text = (SCENARIOS / "three-farmers-obedient.toml").read_text(encoding="utf-8")
    text = text.replace("../economies/three-farmers.toml", str(FARMERS)).replace("expected-externality", "none")
    scenario.write_text(text, encoding="utf-8")
    arguments = (*with_rules("pricing=spread", *PROVEN_RULES), "--out", tmp_path / "out", "--json")
    answer = marketgame("certify", scenario, *arguments)
    assert answer.code == 1
    document = one_document(answer)
    assert document["bayesian_incentive_compatible"] is False
    assert document["unilaterally_stable"] is True
    assert document["collusion_proof"] is False
    assert document["strongly_collusion_proof"] is False
    (lie,) = [found for found in document["deviations"] if found["kind"] == "lie"]
    assert list(lie["gain"].values()) == [pytest.approx(document["largest_misreport_gain"])]
    assert_everything_replays(document, marketgame)


def test_what_was_not_examined_is_not_claimed(marketgame: Call, tmp_path: Path) -> None:
    rules = with_rules("pricing=spread", *PROVEN_RULES)
    out = ("--out", tmp_path / "out")
    document = one_document(marketgame("certify", TRADERS, *rules, "--largest", 1, *out, "--json"))
    assert document["unilaterally_stable"] is True
    assert document["collusion_proof"] == document["strongly_collusion_proof"] == "not refuted"
    assert document["every_coalition_examined"] is False
    named = one_document(marketgame("certify", TRADERS, *rules, "--coalition", "cat, ann", *out, "--json"))
    assert [entry["coalition"] for entry in named["coalitions"]] == [["ann"], ["bob"], ["cat"], ["ann", "cat"]]
    answer = marketgame("certify", TRADERS, *rules, "--largest", 1, *out)
    assert answer.code == 0
    assert "Not every coalition was examined" in answer.out


def test_without_time_to_search_nothing_is_refuted_and_nothing_is_claimed(marketgame: Call, tmp_path: Path) -> None:
    answer = marketgame("certify", TRADERS, "--seconds", 0, "--out", tmp_path / "out", "--json")
    assert answer.code == 0
    document = one_document(answer)
    assert document["unilaterally_stable"] == "not refuted"
    assert document["strongly_collusion_proof"] == "not refuted"
    assert document["deviations"] == []


def test_certificates_replace_those_of_an_earlier_call_and_nothing_else(marketgame: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert marketgame("certify", TRADERS, "--largest", 1, "--out", out).code == 1
    assert len(results_in(out)) == 3
    assert marketgame("certify", TRADERS, *with_rules("pricing=void", *PROVEN_RULES), "--out", out).code == 0
    assert results_in(out) == ["no-coalition-gains.json"]
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    assert_one_line(marketgame("certify", TRADERS, "--out", out), "--out is", "holds something else", "'notes.txt'")
    assert (out / "no-coalition-gains.json").exists()
    marketgame("certify", TRADERS, "--seconds", 0)
    assert (tmp_path / "results" / "runs" / "three-traders-certificates").is_dir()


HIDDEN = "side-contract, hidden number"
PAIRS = [["ann", "bob"], ["ann", "cat"], ["bob", "cat"]]
ALL = ("ann", "bob", "cat")
WARY_TABLE = '[[traders]]\nbehaviour = "withholding-after-misquotes"\n'


def against(traders: str, folder: Path) -> Path:
    """The scenario of wary outsiders, with other traders."""
    text = WARY.read_text(encoding="utf-8").replace("../economies/three-traders.toml", str(TRADERS))
    assert WARY_TABLE in text
    file = folder / "traders.toml"
    file.write_text(text.replace(WARY_TABLE, traders), encoding="utf-8")
    return file


def test_against_wary_outsiders_no_coalition_gains_and_the_proof_replays(marketgame: Call, tmp_path: Path) -> None:
    answer = marketgame("certify", WARY, "--out", tmp_path / "out", "--json")
    assert answer.code == 0
    document = one_document(answer)
    assert [document[key] for key in ANSWERS] == [True] * 5
    assert document["deviations"] == []
    reactions = [entry["reaction_of_outsiders"] for entry in document["coalitions"]]
    assert reactions == [{"rule": "withholding-after-misquotes", "share": 1e-6}] * 6 + [None]
    assert_everything_replays(document, marketgame)
    printed = marketgame("certify", WARY, "--out", tmp_path / "out").out
    assert "What outsiders do after a misquote" in printed
    replayed = marketgame("replay", document["proof"]).out.replace("\n", " ")
    assert "after a misquote: withholding-after-misquotes, share 1e-06" in replayed


def test_against_outsiders_who_play_on_every_pair_gains(marketgame: Call, tmp_path: Path) -> None:
    arguments = (against("", tmp_path), "--every", "--out", tmp_path / "out", "--json")
    document = one_document(marketgame("certify", *arguments))
    assert [document[key] for key in ANSWERS] == [True, True, True, True, False]
    assert [entry["reaction_of_outsiders"] for entry in document["coalitions"]] == [None] * 7
    assert [found["coalition"] for found in document["deviations"] if found["kind"] != HIDDEN] == PAIRS
    assert_everything_replays(document, marketgame)


def test_a_reaction_counts_for_those_coalitions_only_that_leave_out_who_has_it(
    marketgame: Call, tmp_path: Path
) -> None:
    scenario = against(f'{WARY_TABLE}players = ["cat"]\n', tmp_path)
    document = one_document(marketgame("certify", scenario, "--every", "--out", tmp_path / "out", "--json"))
    reactions = {tuple(entry["coalition"]): entry["reaction_of_outsiders"] for entry in document["coalitions"]}
    rule = {"rule": "withholding-after-misquotes", "share": 1e-6}
    by_type = {"rule": "by-type", "rules": [[None], [None], [rule]]}
    assert reactions.pop(("ann", "bob")) == rule
    assert [who for who, reaction in reactions.items() if reaction == by_type] == [("ann",), ("bob",)]
    assert [who for who, reaction in reactions.items() if reaction is None] == [("cat",), *map(tuple, PAIRS[1:]), ALL]
    assert [found["coalition"] for found in document["deviations"] if found["kind"] != HIDDEN] == PAIRS[1:]
    assert document["proof"] is None


def test_outsiders_who_withhold_more_or_less_are_told_apart_and_the_proof_replays(
    marketgame: Call, tmp_path: Path
) -> None:
    shares = {"ann": 1e-6, "bob": 1e-7, "cat": 1e-6}
    tables = (f'{WARY_TABLE}announced = {share}\nplayers = ["{who}"]\n' for who, share in shares.items())
    scenario = against("\n".join(tables), tmp_path)
    document = one_document(marketgame("certify", scenario, "--out", tmp_path / "out", "--json"))
    assert [document[key] for key in ANSWERS] == [True] * 5
    assert_everything_replays(document, marketgame)
    replayed = " ".join(marketgame("replay", document["proof"]).out.split())
    assert "ann: withholding-after-misquotes, share 1e-06; bob: withholding-after-misquotes, share 1e-07" in replayed


def test_reactions_do_not_help_where_orders_are_placed_with_the_quotes(marketgame: Call, tmp_path: Path) -> None:
    arguments = (WARY, "--rule", "timing=simultaneous", "--coalition", "ann,bob", "--out", tmp_path / "out", "--json")
    document = one_document(marketgame("certify", *arguments))
    assert document["strongly_collusion_proof"] is False
    assert [entry["reaction_of_outsiders"] for entry in document["coalitions"]] == [None] * 4
    assert_everything_replays(document, marketgame)


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ((TRADERS, "--rule", "pricing"), ["--rule is 'pricing'", "NAME=VALUE"]),
        ((TRADERS, "--rule", "prices=void"), ["--rule is 'prices'", "pricing"]),
        ((TRADERS, "--rule", "pricing=voided"), ["--rule: pricing is 'voided'", "did you mean 'void'"]),
        ((TRADERS, "--coalition", "ann,bib"), ["--coalition is 'bib'", "did you mean 'bob'"]),
        ((ECONOMIES.parent / "games" / "majority-1.4.toml",), ["kind is 'coalitional-game'", "scenario"]),
        ((SCENARIOS / "myerson-example-1-core.toml",), ["game"]),
        (("nowhere.toml",), ["nowhere.toml", "no such file"]),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[object, ...], fragments: list[str], marketgame: Call) -> None:
    assert_one_line(marketgame("certify", *arguments), *fragments)


@pytest.mark.parametrize("pricing", ["void", "spread"])
def test_twins_who_change_places_do_not_keep_the_four_rules_from_being_proved(
    marketgame: Call, tmp_path: Path, pricing: str
) -> None:
    """Under Theorem 2 of ``docs/collusion.md`` no coalition gains; a rounding in the price made it 17.73 for some.

    The price is (5 + 9.8/1.1 - 4) / (1 + 2/1.1) whichever twin is of which type, and so one number.
    """
    rules = with_rules(f"pricing={pricing}", *PROVEN_RULES)
    answer = marketgame("certify", CASES / "twins.toml", *rules, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    document = one_document(answer)
    assert [document[key] for key in ANSWERS] == [True] * 5
    assert_everything_replays(document, marketgame)


def test_farmers_who_lie_together_gain_on_expected_externality_transfers_and_the_lie_replays(
    marketgame: Call, tmp_path: Path
) -> None:
    arguments = (FARMERS, *with_rules("pricing=spread", *PROVEN_RULES), "--out", tmp_path / "out")
    answer = marketgame("certify", *arguments, "--json")
    assert answer.code == 1
    document = one_document(answer)
    assert document["bayesian_incentive_compatible"] is True
    assert document["coalitions_report_truthfully"] is False
    # What is done after the truth is another question.
    assert document["strongly_collusion_proof"] is True
    (lie,) = [found for found in document["deviations"] if found["kind"] == "joint lie"]
    # One of two types reporting each other gains, with any transfers: the sum does.
    assert document["lie_and_disobey_alone"] is False
    (alone,) = [found for found in document["deviations"] if found["kind"] == "lie and reorder"]
    impact = document["lie_and_reorder_there_and_back"]
    assert 0 < impact["sum"] / 2 <= max(alone["gain"].values()) + 1e-9
    worst = document["largest_coalition_misreport_gain"]
    assert lie["coalition"] == worst["coalition"]
    assert sum(lie["gain"].values()) == pytest.approx(worst["gain"])
    assert worst["every_coalition_examined"] is True
    assert_everything_replays(document, marketgame)
    shared = {tuple(found["coalition"]): found for found in document["report_agreements"]}
    assert set(worst["coalition"]) in map(set, shared)
    for found in shared.values():
        gains = [found[f"sharing_{what}"] for what in ("information_and_money", "money", "neither")]
        assert gains == sorted(gains, reverse=True)
        assert gains[-1] >= 0


def test_transfers_that_there_are_not_are_refused_by_name(marketgame: Call, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert_one_line(marketgame("certify", FARMERS, "--transfers", "fair", *out), "--transfers", "coalition-proof")
    correlated = ECONOMIES / "three-farmers-correlated.toml"
    answer = marketgame("certify", correlated, "--transfers", "expected-externality", *out)
    assert_one_line(answer, "types are correlated")
