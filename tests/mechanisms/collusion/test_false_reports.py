"""False reports to an organiser that leave the agreement standing, and what members do next: who gains by them, what
excludes them, and that whoever replays a certificate knows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.side_contract import certify_side_contract
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import Cell, Knowledge, knowledge_of
from marketgame.mechanisms.collusion.side_contracts.circulation import circulations
from marketgame.mechanisms.collusion.side_contracts.false_reports import check_reports, replies_on
from marketgame.mechanisms.collusion.side_contracts.menu import Menu
from marketgame.mechanisms.collusion.side_contracts.obedience import check_obedience
from marketgame.mechanisms.collusion.side_contracts.program import Master
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideEffort,
    checked_side_contract,
    find_kept_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    kept_gains,
    misreport_gain,
    obedience,
    promised_gains,
    promised_utilities,
    status_quo_utilities,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.stating import Recommendation, stated_contract
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.situation import JointAction, obedient, settled_gains, stacked
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, Execution, MarketRules, Solvency

CANCELLED = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND)
REFUSABLE = MarketRules(
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
    execution=Execution.MATCHED,
)
EFFORT = Effort(quote_vectors=1, local_rounds=0, refinements=1, warm_starts=20)
SELLER, BUYER = 0, 1
PRICE, SOLD, PREMIUM = 4.0, 0.5, 1.0


def economy_of(*players: tuple[float, dict[str, float]]) -> Economy:
    """Return traders of one good, each with what it owns of it and the marginal value of a first unit to its types."""
    made = tuple(
        Player(
            f"trader {number}",
            tuple(
                PlayerType(name, np.array([owned, 30.0]), Quadratic(np.array([first]), np.array([[1.0]])))
                for name, first in types.items()
            ),
        )
        for number, (owned, types) in enumerate(players)
    )
    prior = IndependentPrior([np.full(len(types), 1 / len(types)) for _, types in players])
    return Economy("traders", ("grain", "money"), ("ton", "euro"), made, prior)


@cache
def silent() -> GrandContract:
    """A contract not to trade, at a price that suits the buyer and one of two types of the seller."""
    economy = economy_of((2.0, {"keen": 3.0, "reluctant": 12.0}), (1.0, {"only": 12.0}), (1.0, {"only": 5.0}))
    return stated_contract(economy, [Recommendation(np.zeros((3, 2)), np.array([PRICE, 1.0]))])


def exchange(cell: Cell, sold: float) -> JointAction:
    """Return the sale of so much at the price and a premium, which passes as a side-transfer."""
    told = obedient(cell.situation)
    orders = np.zeros_like(told.orders)
    orders[SELLER, BUYER] = -sold, PRICE * sold + PREMIUM
    orders[BUYER, SELLER] = -orders[SELLER, BUYER]
    return JointAction(told.quotes, orders, told.announced_endowments, np.array([PREMIUM, -PREMIUM]))


def by_types(premium_for_nothing: bool) -> tuple[Knowledge, tuple[Clause, ...]]:
    """Return the agreement by which the keen seller sells, and the reluctant one is paid the premium or nothing."""
    knowledge = knowledge_of(silent(), (SELLER, BUYER), REFUSABLE)
    keen, reluctant = knowledge.cells
    assert [cell.situation.profiles[0, SELLER] for cell in knowledge.cells] == [0, 1]
    paid = Clause(reluctant.reports, reluctant.profiles, stacked([exchange(reluctant, 0.0)]), np.ones(1))
    sells = Clause(keen.reports, keen.profiles, stacked([exchange(keen, SOLD)]), np.ones(1))
    return knowledge, (sells, paid if premium_for_nothing else obedience(reluctant))


def agreed(knowledge: Knowledge, clauses: tuple[Clause, ...]) -> SideContract:
    promised, kept = promised_utilities(knowledge, clauses), status_quo_utilities(knowledge)
    return SideContract(knowledge.coalition, Concept.BIC, knowledge.information, clauses, promised, kept)


def test_a_report_that_would_cost_its_teller_obeyed_pays_if_it_then_refuses_what_it_sold() -> None:
    knowledge, clauses = by_types(premium_for_nothing=False)
    assert misreport_gain(knowledge, clauses) <= 0
    assert check_obedience(knowledge, clauses, EFFORT).verdict is not Verdict.REFUTED
    check = check_reports(knowledge, clauses, EFFORT)
    assert check.verdict is Verdict.REFUTED
    (lie,) = check.found
    # The reluctant keeps the grain and the premium. It is played in the reluctant seller's own case.
    assert lie.place == 0
    assert lie.gain == pytest.approx(PREMIUM, rel=1e-6)
    ((_, reply),) = lie.replies
    told, cell = clauses[0].actions[0], knowledge.cells[1]
    orders = told.orders.copy()
    orders[SELLER] = reply.orders[0]
    quotes = np.stack([reply.quotes[0], told.quotes[BUYER]])
    shown = np.stack([reply.announced_endowments[0], told.announced_endowments[BUYER]])
    played = stacked([JointAction(quotes, orders, shown, told.side_transfers)])
    brought = settled_gains(cell.situation, played)[0, 0] - cell.situation.obedient_gains[0]
    assert float(brought) == pytest.approx(lie.gain, rel=1e-9)


def test_such_an_agreement_is_neither_found_nor_certified_as_kept() -> None:
    knowledge, clauses = by_types(premium_for_nothing=False)
    certificate = certify_side_contract(silent(), REFUSABLE, agreed(knowledge, clauses), kept_alone=True)
    assert any("by a false report and its replies" in failure for failure in verify(certificate).failures)
    lotteries = [(clause.actions, clause.probability) for clause in clauses]
    effort = SideEffort(oracle=EFFORT)
    assert checked_side_contract(knowledge, lotteries, effort=effort) is not None
    assert checked_side_contract(knowledge, lotteries, consistent=True, effort=effort) is None


def test_who_is_paid_as_much_for_the_truth_keeps_to_it_and_a_certificate_says_so() -> None:
    knowledge, clauses = by_types(premium_for_nothing=True)
    assert check_reports(knowledge, clauses, EFFORT).verdict is Verdict.PROVEN
    certificate = certify_side_contract(silent(), REFUSABLE, agreed(knowledge, clauses), kept_alone=True)
    assert verify(certificate).failures == ()


@pytest.mark.parametrize("premium_for_nothing", [False, True])
def test_replies_to_false_reports_are_cuts_of_the_master_program(premium_for_nothing: bool) -> None:
    knowledge, clauses = by_types(premium_for_nothing=False)
    menus = [Menu.of(cell.situation) for cell in knowledge.cells]
    menus[0].add(exchange(knowledge.cells[0], SOLD), exchanged=False)
    menus[0].transfers.append(np.array([PREMIUM, -PREMIUM]))
    if premium_for_nothing:
        menus[1].add(exchange(knowledge.cells[1], 0.0), exchanged=False)
        menus[1].transfers.append(np.array([PREMIUM, -PREMIUM]))
    master = Master(knowledge, menus, kept_gains(knowledge))
    before = master.solve(Objective.TOTAL)
    assert before is not None
    for lie in check_reports(knowledge, clauses, EFFORT).found:
        master.replies += replies_on(knowledge, menus, lie)
    after = master.solve(Objective.TOTAL)
    assert after is not None
    keen = after.clauses[0]
    sold = float(keen.probability[keen.actions.orders[:, SELLER, BUYER, 0] < 0].sum())
    if premium_for_nothing:
        # Premiums change hands among members: as much is gained, and the reluctant get theirs, too.
        assert after.total_gain == pytest.approx(before.total_gain, rel=1e-6)
        assert sold == pytest.approx(1.0)
        gained = promised_gains(knowledge, after.clauses)[0] - kept_gains(knowledge)[0]
        assert gained[1] >= PREMIUM * (1 - 1e-6)
    else:
        assert before.total_gain > 1.0
        assert after.total_gain == pytest.approx(0.0, abs=1e-6)
    assert check_reports(knowledge, after.clauses, EFFORT).verdict is not Verdict.REFUTED


@cache
def alike() -> GrandContract:
    """Three traders, two of whom have tastes that add up to the price, so that nobody knows the other's from it."""
    tastes = {"modest": 5.0, "hungry": 6.0}
    return grand_contract(economy_of((2.0, tastes), (1.0, {"only": 5.0}), (1.5, tastes)))


def going_round_by_case(knowledge: Knowledge) -> tuple[Clause, ...]:
    """Return what takes most in each case, whatever would be taken in others that may be mistaken for it."""
    found = []
    for cell in knowledge.cells:
        actions = next(
            one
            for (one,) in circulations([cell.situation])
            if (settled_gains(cell.situation, stacked([one]))[0] > cell.situation.obedient_gains).all()
        )
        found.append(Clause(cell.reports, cell.profiles, stacked([actions]), np.ones(1)))
    return tuple(found)


def test_goods_that_go_round_tempt_to_false_reports_unless_as_much_is_taken_in_cases_that_look_alike() -> None:
    knowledge = knowledge_of(alike(), (0, 1), CANCELLED)
    clauses = going_round_by_case(knowledge)
    assert misreport_gain(knowledge, clauses) <= 0
    assert check_obedience(knowledge, clauses, EFFORT).verdict is Verdict.PROVEN
    tempting = certify_side_contract(alike(), CANCELLED, agreed(knowledge, clauses), kept_alone=True)
    assert any("by a false report and its replies" in failure for failure in verify(tempting).failures)
    found = find_kept_side_contract(alike(), CANCELLED, (0, 1))
    assert found is not None
    assert verify(certify_side_contract(alike(), CANCELLED, found, kept_alone=True)).failures == ()
    assert check_reports(knowledge, found.clauses, EFFORT).verdict is Verdict.PROVEN
