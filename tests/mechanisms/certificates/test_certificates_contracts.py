"""Certificates about whole contracts: lies, side-contracts under private information, and proofs of stability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.misreport import MisreportCertificate, certify_misreport
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate, certify_side_contract
from marketgame.mechanisms.certificates.stability import (
    StabilityCertificate,
    certify_stability,
    certify_stability_by_member,
    claiming_safety_after_lies,
)
from marketgame.mechanisms.certificates.verification import Verification
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    promised_utilities,
    status_quo_utilities,
)
from marketgame.mechanisms.contracts.communication_equilibrium import best_bundle, check_communication_equilibrium
from marketgame.mechanisms.contracts.contract import check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.knowledge import commonly_known, information
from marketgame.mechanisms.contracts.transfers import contract_with_transfers, expected_externality_transfers
from marketgame.mechanisms.deviations.situation import JointAction, obedient, situations, stacked
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import WEALTH_RULES, nudged, two_faces
from tests.mechanisms.private_value_economies import random_economy, three_traders

PRIOR = IndependentPrior([np.array([0.4, 0.6]), np.array([0.5, 0.5]), np.ones(1)])


@cache
def walrasian() -> GrandContract:
    return grand_contract(random_economy(3, PRIOR))


@cache
def truthful() -> GrandContract:
    economy = random_economy(3, PRIOR)
    efficient = efficient_allocation(economy)
    return GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))


def numbers_of(name: str, kind: str, contract: GrandContract) -> tuple[int, int]:
    player = contract.economy.player_names.index(name)
    return player, [one.name for one in contract.economy.players[player].types].index(kind)


@cache
def a_lie() -> MisreportCertificate:
    contract = walrasian()
    worst = check_contract(device_of(contract, MarketRules.no_short_sales())).worst
    assert worst is not None
    assert worst.gain > 0
    player, true_type = numbers_of(worst.player, worst.true_type, contract)
    _, report = numbers_of(worst.player, worst.reported_type, contract)
    certificate = certify_misreport(contract, MarketRules.no_short_sales(), player, (true_type, report))
    assert certificate.outcome.gain[player] == pytest.approx(worst.gain)
    return certificate


@cache
def a_lie_and_other_orders() -> MisreportCertificate:
    contract, rules = truthful(), MarketRules.no_short_sales()
    alternatives = [best_bundle(contract.economy, kind, other) for kind in range(2) for other in range(2)]
    check = check_communication_equilibrium(device_of(contract, rules), alternatives)
    player, true_type = numbers_of(check.worst.player, check.worst.true_type, contract)
    _, report = numbers_of(check.worst.player, check.worst.reported_type, contract)
    certificate = certify_misreport(contract, rules, player, (true_type, report), check.worst)
    # Giraud and Rochon, section 6.4: truth is best for whoever obeys, and yet a lie pays.
    assert certificate.outcome.gain[player] == pytest.approx(check.worst.gain)
    assert true_type != report
    return certificate


LIES = pytest.mark.parametrize("lie", [a_lie, a_lie_and_other_orders])


@LIES
def test_a_lie_gains_what_the_incentive_checks_say_and_is_confirmed(lie: Callable[[], MisreportCertificate]) -> None:
    certificate = lie()
    assert verify(certificate).confirmed
    assert certificate.outcome.gain[certificate.player] > 0
    assert verify(recomputed(certificate)).confirmed


@LIES
@pytest.mark.parametrize("part", ["quotes", "orders", "announced_endowments", "numeraire_transfers"])
def test_every_number_of_a_lie_counts(lie: Callable[[], MisreportCertificate], part: str) -> None:
    certificate = lie()
    for place in range(getattr(certificate, part).size):
        changed = nudged(getattr(certificate, part), place)
        assert not verify(with_fields(certificate, **{part: changed})).confirmed


@LIES
@pytest.mark.parametrize("quantity", ["promised", "obtained", "gain"])
def test_every_number_a_lie_claims_is_recomputed(lie: Callable[[], MisreportCertificate], quantity: str) -> None:
    certificate = lie()
    for player in range(3):
        wrong = nudged(getattr(certificate.outcome, quantity), player)
        verification = verify(replace(certificate, outcome=with_fields(certificate.outcome, **{quantity: wrong})))
        assert [m.quantity for m in verification.mismatches] == [f"outcome.{quantity}[{player}]"]


def test_the_truth_is_no_profitable_lie() -> None:
    certificate = a_lie()
    honest = certify_misreport(
        walrasian(), certificate.rules, certificate.player, (certificate.true_type, certificate.true_type)
    )
    (failure,) = verify(honest).failures
    assert "must gain something" in failure


def test_a_liar_cannot_know_more_than_it_hears() -> None:
    contract, _ = two_faces()
    lie = certify_misreport(contract, MarketRules(), 2, (0, 0))
    # In two of the four draws the third player hears the same.
    heard = information(contract, (2,))
    twins = [place for place in range(4) if (heard == heard[place]).sum() == 2]
    orders = lie.orders.copy()
    orders[twins[0], 0, 0] += 0.01
    failures = verify(replace(lie, orders=orders)).failures
    assert "the liar plays differently in draws it cannot tell apart" in failures


def test_members_know_together_what_the_prices_do_not_hide() -> None:
    contract, _ = two_faces()
    assert len(list(situations(contract, (2,), MarketRules()))) == 3
    assert len(list(situations(contract, (0, 2), MarketRules()))) == 4
    assert not commonly_known(contract, (0, 2))
    assert commonly_known(contract, (2,))
    assert commonly_known(walrasian(), (0, 2))
    for situation in situations(contract, (2,), MarketRules()):
        assert situation.probability.sum() == pytest.approx(1)
        obedient(situation)


@cache
def an_agreement() -> tuple[GrandContract, SideContractCertificate]:
    """A coin decides who of two members sells short and takes all the money; types are private."""
    contract, rules = walrasian(), MarketRules()
    knowledge = knowledge_of(contract, (0, 1), rules)
    clauses = []
    for cell in knowledge.cells:
        roles = []
        for seller in range(2):
            action = obedient(cell.situation)
            orders = action.orders.copy()
            orders[seller, 2] += [-1000.0, 1000.0 * cell.situation.prescribed.quotes[0, 0, 0]]
            roles.append(replace(action, orders=orders))
        clauses.append(Clause(cell.reports, cell.profiles, stacked(roles), np.array([0.45, 0.55])))
    promised, kept = promised_utilities(knowledge, tuple(clauses)), status_quo_utilities(knowledge)
    agreed = SideContract((0, 1), Concept.BIC, knowledge.information, tuple(clauses), promised, kept)
    return contract, certify_side_contract(contract, rules, agreed)


def test_a_side_contract_under_private_information_is_confirmed_and_promises_what_the_search_says() -> None:
    contract, certificate = an_agreement()
    assert verify(certificate).confirmed
    knowledge = knowledge_of(contract, (0, 1), certificate.rules)
    for place in range(2):
        np.testing.assert_allclose(
            certificate.promised[place], promised_utilities(knowledge, certificate.clauses)[place]
        )
        np.testing.assert_allclose(certificate.status_quo[place], status_quo_utilities(knowledge)[place])


def refused(certificate: SideContractCertificate) -> Verification:
    verification = verify(certificate)
    assert not verification.confirmed
    return verification


def test_every_number_that_a_side_contract_promises_is_recomputed() -> None:
    _, certificate = an_agreement()
    for name in ("status_quo", "promised"):
        for place in range(2):
            for number in range(len(getattr(certificate, name)[place])):
                values = list(getattr(certificate, name))
                values[place] = nudged(values[place], number)
                (mismatch,) = refused(with_fields(certificate, **{name: tuple(values)})).mismatches
                assert mismatch.quantity == f"{name}[{place}][{number}]"
    wrong = replace(certificate, misreport_gain=certificate.misreport_gain + 0.1)
    assert [m.quantity for m in refused(wrong).mismatches] == ["misreport_gain"]


@pytest.mark.parametrize("quantity", ["cost", "bankrupt", "consumption", "utility"])
def test_how_every_joint_action_ends_is_recomputed(quantity: str) -> None:
    _, certificate = an_agreement()
    for clause, outcome in enumerate(certificate.outcomes):
        for place in range(getattr(outcome, quantity).size):
            outcomes = list(certificate.outcomes)
            outcomes[clause] = with_fields(outcome, **{quantity: nudged(getattr(outcome, quantity), place)})
            (mismatch,) = refused(replace(certificate, outcomes=tuple(outcomes))).mismatches
            assert mismatch.quantity.startswith(f"outcomes[{clause}].{quantity}[")


def busiest(certificate: SideContractCertificate) -> int:
    """The number of the clause that departs furthest from the grand contract."""
    return int(np.argmax([np.abs(clause.actions.orders).max() for clause in certificate.clauses]))


def test_another_lottery_than_the_one_that_was_played_is_refused() -> None:
    _, certificate = an_agreement()
    number = busiest(certificate)
    clause = certificate.clauses[number]

    def with_clause(changed: Clause) -> SideContractCertificate:
        clauses = (*certificate.clauses[:number], changed, *certificate.clauses[number + 1 :])
        return replace(certificate, clauses=clauses)

    for action in range(len(clause.probability)):
        orders = clause.actions.orders.copy()
        orders[action, 0, 2] += [0.5, -3.0]
        refused(with_clause(replace(clause, actions=replace(clause.actions, orders=orders))))
    idle = JointAction(*(np.zeros((1, *part.shape[1:])) for part in parts_of(clause.actions)))
    silent = replace(idle, quotes=clause.actions.quotes[:1])
    refused(with_clause(Clause(clause.reports, clause.profiles, silent, np.ones(1))))
    refused(with_clause(replace(clause, probability=clause.probability[::-1])))


def parts_of(action: JointAction) -> tuple[np.ndarray, ...]:
    return action.quotes, action.orders, action.announced_endowments, action.side_transfers


def test_members_cannot_be_said_to_know_more_or_less_than_they_do() -> None:
    _, certificate = an_agreement()
    merged = (replace(certificate.information[0][0], profiles=(0, 1)), *certificate.information[0][1:])
    failures = refused(replace(certificate, information=(merged, certificate.information[1]))).failures
    assert any("may know is not what the contract tells it" in failure for failure in failures)
    wrong_type = tuple(replace(known, type=1 - known.type) for known in certificate.information[0])
    failures = refused(replace(certificate, information=(wrong_type, certificate.information[1]))).failures
    assert any("not those of the profiles" in failure for failure in failures)


def test_a_clause_for_every_case_is_needed() -> None:
    _, certificate = an_agreement()
    (failure,) = refused(replace(certificate, clauses=certificate.clauses[1:])).failures
    assert "one clause for all reports" in failure
    moved = replace(certificate.clauses[0], profiles=(99,))
    assert any(
        "profiles is [99]" in f
        for f in refused(replace(certificate, clauses=(moved, *certificate.clauses[1:]))).failures
    )


def test_a_side_contract_that_does_nothing_improves_nothing() -> None:
    contract, rules = walrasian(), MarketRules()
    knowledge = knowledge_of(contract, (0, 2), rules)
    clauses = tuple(
        Clause(cell.reports, cell.profiles, stacked([obedient(cell.situation)]), np.ones(1)) for cell in knowledge.cells
    )
    promised = promised_utilities(knowledge, clauses)
    idle = SideContract((0, 2), Concept.BIC, knowledge.information, clauses, promised, promised)
    verification = refused(certify_side_contract(contract, rules, idle))
    assert verification.mismatches == ()
    assert any("somebody must gain" in failure for failure in verification.failures)


def test_a_side_contract_that_tempts_a_member_to_lie_is_refused() -> None:
    """In two_faces the third cannot tell who is keen; whoever reports so falsely must not gain by it."""
    contract, _ = two_faces()
    rules = MarketRules()
    knowledge = knowledge_of(contract, (0, 1), rules)
    clauses = []
    for number, cell in enumerate(knowledge.cells):
        action = obedient(cell.situation)
        orders = action.orders.copy()
        price = cell.situation.prescribed.quotes[0, 0, 0]
        # The first member takes everything in one case only, in which the second loses everything.
        orders[0, 2] += [-200.0, 200.0 * price] if number == 0 else 0.0
        clauses.append(Clause(cell.reports, cell.profiles, stacked([replace(action, orders=orders)]), np.ones(1)))
    promised = promised_utilities(knowledge, tuple(clauses))
    kept = status_quo_utilities(knowledge)
    unfair = SideContract((0, 1), Concept.BIC, knowledge.information, tuple(clauses), promised, kept)
    failures = refused(certify_side_contract(contract, rules, unfair)).failures
    assert any("none may lose" in failure for failure in failures)


def all_coalitions() -> tuple[tuple[int, ...], ...]:
    return ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))


def stable() -> StabilityCertificate:
    return certify_stability(truthful(), WEALTH_RULES, all_coalitions())


def test_where_lies_pay_a_proof_is_about_what_follows_the_truth_alone() -> None:
    """Whoever pays the supporting price gains by a lie, and nothing by what it does after the truth."""
    economy = random_economy(1, IndependentPrior([np.array([0.4, 0.6])] * 3), money=2000.0)
    contract = contract_with_transfers(economy, TransferRule.NONE)
    lying, about = certify_stability(contract, WEALTH_RULES, all_coalitions()), Coalitions(3, 3)
    assert any("no type may gain by one" in failure for failure in verify(lying).failures)
    silent = certify_stability(contract, WEALTH_RULES, all_coalitions(), truthful=False)
    by_member = certify_stability_by_member(contract, WEALTH_RULES, about, truthful=False)
    for proof in (silent, by_member):
        assert proof.misreport_gain is None
        assert verify(proof).confirmed
        assert verify(recomputed(proof)).confirmed
        assert claiming_safety_after_lies(proof).gain_after_lies is None
        # To claim of lies what is not so, or to claim it after lies, is found out.
        assert not verify(replace(proof, misreport_gain=0.0)).confirmed
        assert not verify(replace(proof, gain_after_lies=0.0)).confirmed
    wrong = replace(silent.bounds[3], total_gain=silent.bounds[3].total_gain + 0.01)
    assert not verify(replace(silent, bounds=(*silent.bounds[:3], wrong, *silent.bounds[4:]))).confirmed


def test_a_proof_of_stability_is_recomputed_from_economy_rules_and_transfers_alone() -> None:
    certificate = stable()
    assert verify(certificate).confirmed
    assert verify(recomputed(certificate)).confirmed
    assert certificate.misreport_gain is not None
    wrong = replace(certificate, misreport_gain=certificate.misreport_gain + 1)
    assert [m.quantity for m in verify(wrong).mismatches] == ["misreport_gain"]
    for place, bound in enumerate(certificate.bounds):
        bounds = list(certificate.bounds)
        bounds[place] = replace(bound, total_gain=bound.total_gain - 0.01)
        mismatches = verify(replace(certificate, bounds=tuple(bounds))).mismatches
        assert [m.quantity for m in mismatches] == [f"bounds[{place}].total_gain"]


@pytest.mark.parametrize(
    ("rules", "who"),
    [
        (MarketRules(), "player 0 could gain"),
        (MarketRules.no_short_sales(), "player 0 + player 1 could gain"),
        (
            MarketRules(pricing=Pricing.SPREAD, solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND),
            "player 0 + player 2 could gain",
        ),
    ],
)
def test_under_rules_that_prove_nothing_stability_is_refused(rules: MarketRules, who: str) -> None:
    failures = verify(replace(stable(), rules=rules)).failures
    assert any(failure.startswith(who) for failure in failures)


def test_a_contract_that_rewards_lies_is_not_stable() -> None:
    failures = verify(replace(stable(), numeraire_transfers=walrasian().numeraire_transfers)).failures
    assert any("by a lie" in failure for failure in failures)


def test_stability_of_another_economy_is_another_proof() -> None:
    other = grand_contract(three_traders())
    certificate = certify_stability(other, WEALTH_RULES, all_coalitions())
    assert verify(certificate).confirmed
    too_much = certificate.numeraire_transfers + np.array([[60.0, -60.0, 0.0]])
    borrowed = replace(certificate, numeraire_transfers=too_much)
    assert "cannot be recomputed" in verify(borrowed).failures[0]


def by_member() -> StabilityCertificate:
    return certify_stability_by_member(truthful(), WEALTH_RULES, Coalitions(3, 3))


def test_a_number_for_each_player_proves_what_one_for_each_coalition_does() -> None:
    short, long = by_member(), stable()
    assert [bound.coalition for bound in short.bounds] == [(0, 1, 2)]
    assert short.about == long.about
    assert verify(short).confirmed
    assert verify(recomputed(short)).confirmed


@pytest.mark.parametrize("player", [0, 1, 2])
def test_a_member_who_is_said_to_gain_more_or_less_is_refused(player: int) -> None:
    certificate = by_member()
    for change in (-0.01, 0.01):
        gains = certificate.member_gains + change * np.eye(3)[player]
        mismatches = verify(replace(certificate, member_gains=gains)).mismatches
        assert [m.quantity for m in mismatches] == [f"member_gains[{player}]"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"rules": replace(WEALTH_RULES, pricing=Pricing.COUNTERPARTY)}, "of wealth, which bounds nothing"),
        ({"rules": replace(WEALTH_RULES, bankruptcy=Bankruptcy.TRADES_STAND)}, "of wealth, which bounds nothing"),
        ({"bounds": ()}, "there is no bound for player 0 + player 1 + player 2"),
        ({"member_gains": None}, "there is no bound for player 0"),
        ({"member_gains": np.zeros(2)}, "member_gains has shape (2,)"),
        ({"largest": 2}, "a coalition that the claim is not about"),
        ({"numeraire_transfers": walrasian().numeraire_transfers}, "by a lie"),
    ],
)
def test_a_proof_by_members_that_lacks_its_premise_or_a_part_is_refused(changed: dict[str, Any], why: str) -> None:
    failures = verify(replace(by_member(), **changed)).failures
    assert any(why in failure for failure in failures), failures


def test_a_proof_by_members_is_about_those_with_an_outsider_if_it_says_so() -> None:
    for about in (Coalitions(3, 2), Coalitions(3, 0, ((0, 2),))):
        certificate = certify_stability_by_member(truthful(), WEALTH_RULES, about)
        assert not certificate.bounds
        assert verify(certificate).confirmed
    with pytest.raises(ValueError, match="is proven under the rules"):
        certify_stability_by_member(truthful(), MarketRules(), Coalitions(3, 2))


def test_money_that_buys_more_than_the_contract_gives_is_seen_in_its_owner() -> None:
    """Prices that are not those of the allocation leave room, and name who has it."""
    certificate = by_member()
    assert certificate.prices is not None
    wrong = certificate.prices.copy()
    wrong[:, 0] *= 1.001
    failures = verify(replace(certificate, prices=wrong)).failures
    assert any("by its wealth" in failure for failure in failures)
