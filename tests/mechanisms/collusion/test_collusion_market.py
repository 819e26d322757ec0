"""Claims about side-contracts on the market game, each recomputed by settling every play in loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.menu import Menu
from marketgame.mechanisms.collusion.side_contracts.obedience import check_obedience
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideContractSearch,
    SideEffort,
    find_consistent_side_contract,
    find_side_contract,
    flaws_of_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause, SideContract, misreport_gain
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.deviations.situation import JointAction, trade_gains
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Bankruptcy, Coverage, MarketRules, Pricing
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import three_traders

# Programs take a fifth of a second at most; the limit is far beyond, so that no loaded machine changes an answer.
EFFORT = SideEffort(oracle=Effort(quote_vectors=2, seconds_per_program=60.0, warm_starts=60), rounds=1, cells=2)
NO_SHORT_SALES = MarketRules.no_short_sales()
MONEY = 1e-5


@cache
def traders() -> GrandContract:
    return grand_contract(three_traders())


@cache
def pooled() -> GrandContract:
    """Two traders who like the good more or less, in ways that leave its price as it is when they exchange tastes.

    The third trader then cannot tell the two profiles apart, but each of the others can.
    """

    def kind(name: str, own: float, intercept: float) -> PlayerType:
        return PlayerType(name, np.array([own, 30.0]), Quadratic(np.array([intercept]), np.array([[1.0]])))

    players = (
        Player("a", (kind("low", 2.0, 5.0), kind("high", 2.0, 6.0))),
        Player("b", (kind("low", 2.0, 5.0), kind("high", 2.0, 6.0))),
        Player("c", (kind("only", 1.5, 6.2),)),
    )
    prior = CorrelatedPrior(np.array([[0.2, 0.3], [0.3, 0.2]])[..., None])
    return grand_contract(Economy("pooled", ("good", "money"), ("unit", "euro"), players, prior))


@cache
def members_without_much() -> GrandContract:
    """Two traders who own little of a good that is worth much to all, in any amount."""
    numbers = ((10.0, 1.0), (10.0, 1.0), (10.5, 50.0))
    slope = np.array([[0.01]])
    players = tuple(
        Player(
            f"trader {i}",
            (PlayerType("only", np.array([own, 10.0]), Quadratic(np.array([value]), slope)),),
        )
        for i, (value, own) in enumerate(numbers)
    )
    return grand_contract(
        Economy("flat", ("good", "money"), ("unit", "euro"), players, IndependentPrior([np.ones(1)] * 3))
    )


@cache
def martyrs() -> SideContractSearch:
    return find_side_contract(traders(), NO_SHORT_SALES, (0, 1), objective=Objective.LEAST, effort=EFFORT)


@cache
def informed() -> SideContractSearch:
    return find_side_contract(pooled(), NO_SHORT_SALES, (0, 2), objective=Objective.LEAST, effort=EFFORT)


def found(search: SideContractSearch) -> SideContract:
    assert search.side_contract is not None
    return search.side_contract


def slow_utility(
    contract: GrandContract, rules: MarketRules, profile: int, coalition: tuple[int, ...], action: JointAction | None
) -> FloatArray:
    """What everybody enjoys when the members play an action and the others obey, one play at a time."""
    types = contract.economy.profiles[profile]
    told = contract.recommend(types)
    quotes, orders = told.quotes.copy(), told.orders.copy()
    announced, transfers = told.announced_endowments.copy(), told.transfers.copy()
    for place, member in enumerate(coalition) if action is not None else ():
        assert action is not None
        quotes[member], orders[member] = action.quotes[place], action.orders[place]
        announced[member] = action.announced_endowments[place]
        transfers[member] += action.side_transfers[place]
    settlement = settle(Play(quotes, orders, announced, transfers), rules)
    bundles = settlement.consumption(contract.economy.endowments(types))
    return contract.economy.utility(types, bundles)


def slow_interim(
    contract: GrandContract, rules: MarketRules, side: SideContract, reports: dict[tuple[int, int], int] | None = None
) -> dict[tuple[int, int], float]:
    """What each member expects given what it knows, by going through all profiles and all draws.

    Args:
        contract: the grand contract.
        rules: of the market.
        side: the side-contract.
        reports: what a member says instead of what it knows, if it lies: (member, knows) to report.
    """
    prior = contract.economy.prior.probability
    expected: dict[tuple[int, int], float] = {}
    for place, member in enumerate(side.coalition):
        for number, known in enumerate(side.information[place]):
            total = 0.0
            for profile in known.profiles:
                said = [
                    next(k for k, own in enumerate(all_own) if profile in own.profiles) for all_own in side.information
                ]
                said[place] = (reports or {}).get((member, number), said[place])
                clause = side.clause_after(tuple(said))
                if clause is None:
                    total += prior[profile] * slow_utility(contract, rules, profile, side.coalition, None)[member]
                    continue
                for drawn, chance in enumerate(clause.probability):
                    action = clause.actions[drawn]
                    utility = slow_utility(contract, rules, profile, side.coalition, action)[member]
                    total += prior[profile] * chance * utility
            expected[member, number] = float(total / prior[list(known.profiles)].sum())
    return expected


def assert_kept(contract: GrandContract, rules: MarketRules, side: SideContract) -> None:
    """Promises and the status quo are what exact enumeration brings; nobody loses and somebody gains."""
    expected = slow_interim(contract, rules, side)
    prior = contract.economy.prior.probability
    gains = []
    for place, member in enumerate(side.coalition):
        for number, known in enumerate(side.information[place]):
            profiles = list(known.profiles)
            kept = prior[profiles] @ contract.utilities[profiles, member] / prior[profiles].sum()
            assert expected[member, number] >= side.promised[place][number] - MONEY
            assert expected[member, number] == pytest.approx(side.promised[place][number], abs=MONEY)
            assert kept == pytest.approx(side.status_quo[place][number], abs=MONEY)
            gains.append(expected[member, number] - kept)
    assert min(gains) >= -MONEY
    assert max(gains) > MONEY


def test_one_trader_alone_takes_all_the_money_under_the_papers_rules() -> None:
    search = find_side_contract(traders(), PAPER_RULES, (0,), effort=EFFORT)
    assert search.verdict is Verdict.REFUTED
    assert_kept(traders(), PAPER_RULES, found(search))
    assert found(search).promised[0][0] == pytest.approx(90.0, abs=1e-3)


def test_a_pair_shares_the_spoils_of_its_martyrs_by_lot_although_short_sales_bankrupt() -> None:
    side = found(martyrs())
    assert_kept(traders(), NO_SHORT_SALES, side)
    lottery = side.clauses[0]
    assert len(lottery.probability) > 1
    alone = [
        slow_utility(traders(), NO_SHORT_SALES, 0, (0, 1), lottery.actions[drawn])[:2]
        for drawn in range(len(lottery.probability))
    ]
    assert all((utility < traders().utilities[0, :2]).any() for utility in alone)
    assert min(float(gain.min()) for gain in side.gains) > 1.0


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_martyrs_take_turns_at_any_pricing_where_trades_stand(pricing: Pricing) -> None:
    rules = replace(NO_SHORT_SALES, pricing=pricing, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    search = find_side_contract(members_without_much(), rules, (0, 1), objective=Objective.LEAST, effort=EFFORT)
    assert_kept(members_without_much(), rules, found(search))
    assert len(found(search).clauses[0].probability) > 1
    unwound = replace(rules, bankruptcy=Bankruptcy.UNWIND)
    assert find_side_contract(members_without_much(), unwound, (0, 1), effort=EFFORT).verdict is Verdict.PROVEN


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_the_repaired_market_leaves_nothing_to_members_with_private_information(pricing: Pricing) -> None:
    rules = replace(
        NO_SHORT_SALES, pricing=pricing, bankruptcy=Bankruptcy.UNWIND, coverage=Coverage.ANNOUNCED_NUMERAIRE
    )
    assert find_side_contract(pooled(), rules, (0, 2), effort=EFFORT).verdict is Verdict.PROVEN


@pytest.mark.parametrize("rules", [PAPER_RULES, NO_SHORT_SALES])
def test_all_together_never_gain(rules: MarketRules) -> None:
    assert find_side_contract(traders(), rules, (0, 1, 2), effort=EFFORT).verdict is Verdict.PROVEN


def test_a_trader_that_prices_do_not_inform_cannot_tell_mirrored_profiles_apart() -> None:
    knowledge = knowledge_of(pooled(), (0, 2), NO_SHORT_SALES)
    assert [len(known) for known in knowledge.information] == [4, 3]
    assert sorted(profile for cell in knowledge.cells for profile in cell.profiles) == [0, 1, 2, 3]
    assert sum(cell.probability for cell in knowledge.cells) == pytest.approx(1.0)
    assert knowledge.agreeing((0, 2)) is None


def test_with_private_information_every_type_gets_what_it_was_promised() -> None:
    assert_kept(pooled(), NO_SHORT_SALES, found(informed()))


def test_no_lie_to_the_side_device_pays_one_by_one() -> None:
    side = found(informed())
    truth = slow_interim(pooled(), NO_SHORT_SALES, side)
    for place, member in enumerate(side.coalition):
        for number in range(len(side.information[place])):
            for report in range(len(side.information[place])):
                lied = slow_interim(pooled(), NO_SHORT_SALES, side, {(member, number): report})
                assert lied[member, number] <= truth[member, number] + MONEY
    knowledge = knowledge_of(pooled(), (0, 2), NO_SHORT_SALES)
    assert misreport_gain(knowledge, side.clauses) <= MONEY


def test_corrupted_side_contracts_are_refused() -> None:
    side = found(martyrs())
    knowledge = knowledge_of(traders(), (0, 1), NO_SHORT_SALES)
    assert not flaws_of_side_contract(knowledge, side)
    boastful = replace(side, promised=tuple(utility + 1.0 for utility in side.promised))
    assert "promised" in " ".join(flaws_of_side_contract(knowledge, boastful))
    clause = side.clauses[0]
    certain = np.zeros(len(clause.probability))
    certain[0] = 1.0
    cruel = replace(side, clauses=(replace(clause, probability=certain),))
    assert "some type of a member loses" in flaws_of_side_contract(knowledge, cruel)
    greedy = replace(clause.actions, announced_endowments=clause.actions.announced_endowments + 5.0)
    showing = replace(side, clauses=(replace(clause, actions=greedy),))
    assert "cannot be carried out" in flaws_of_side_contract(knowledge, showing)[0]
    other = knowledge_of(traders(), (0, 2), NO_SHORT_SALES)
    assert flaws_of_side_contract(other, side) == ("its members or what they know are others",)


def test_a_side_contract_is_worth_other_than_promised_under_other_rules() -> None:
    repaired = replace(NO_SHORT_SALES, pricing=Pricing.SPREAD, bankruptcy=Bankruptcy.UNWIND)
    assert flaws_of_side_contract(knowledge_of(traders(), (0, 1), repaired), found(martyrs()))


def test_side_transfers_that_depend_on_the_draw_are_refused() -> None:
    clause = found(martyrs()).clauses[0]
    moved = clause.actions.side_transfers.copy()
    moved[0] += np.array([1.0, -1.0])
    with pytest.raises(ValueError, match="not on what is drawn"):
        Clause(clause.reports, clause.profiles, replace(clause.actions, side_transfers=moved), clause.probability)


def test_a_member_breaks_the_agreement_of_martyrs_and_its_gain_is_real() -> None:
    side = found(martyrs())
    knowledge = knowledge_of(traders(), (0, 1), NO_SHORT_SALES)
    check = check_obedience(knowledge, side.clauses, EFFORT.oracle)
    assert check.verdict is Verdict.REFUTED
    lottery = side.clauses[0]
    for breach in check.breaches:
        gained, weight = 0.0, 0.0
        for drawn, chance in enumerate(lottery.probability):
            action = lottery.actions[drawn]
            if not np.array_equal(action.orders[breach.place], breach.told.orders[0]):
                continue
            if breach.seen is not None and not np.array_equal(action.quotes, breach.seen[[0, 1]]):
                continue
            orders, quotes = action.orders.copy(), action.quotes.copy()
            shown = action.announced_endowments.copy()
            orders[breach.place], quotes[breach.place] = breach.instead.orders[0], breach.instead.quotes[0]
            shown[breach.place] = breach.instead.announced_endowments[0]
            broken = JointAction(quotes, orders, shown, action.side_transfers)
            both = [slow_utility(traders(), NO_SHORT_SALES, 0, (0, 1), each) for each in (broken, action)]
            gained += chance * float((both[0] - both[1])[breach.place])
            weight += chance
        assert gained / weight == pytest.approx(breach.gain, abs=1e-4)
        assert breach.gain > 0


def test_no_agreement_of_a_pair_is_found_that_no_single_member_breaks() -> None:
    find = partial(find_consistent_side_contract, traders(), NO_SHORT_SALES, (0, 1), effort=EFFORT)
    search = find(objective=Objective.LEAST)
    assert search.verdict is Verdict.NOT_REFUTED
    assert search.spent.breaches > 0
    # A search that goes on where that for any agreement ended comes to the same.
    gone_on = find(objective=Objective.LEAST, begun=martyrs().begun)
    assert gone_on.verdict is search.verdict
    assert replace(gone_on.spent, programs=search.spent.programs) == search.spent


@pytest.mark.parametrize(("contract", "rules"), [(traders, PAPER_RULES), (pooled, NO_SHORT_SALES)])
def test_whoever_is_content_with_a_share_of_what_is_possible_gains_that_share(
    contract: Callable[[], GrandContract], rules: MarketRules
) -> None:
    share = 0.9
    effort = SideEffort(replace(EFFORT.oracle, quote_vectors=4), enough=share)
    search = find_side_contract(contract(), rules, (0, 2), effort=effort)
    knowledge = knowledge_of(contract(), (0, 2), rules)
    assert flaws_of_side_contract(knowledge, found(search)) == ()
    total = sum(float(knowledge.probability_of(place) @ gains) for place, gains in enumerate(found(search).gains))
    assert share * search.bound <= total <= search.bound + MONEY


def test_a_search_that_is_never_content_gains_no_less_than_one_that_is_soon() -> None:
    hasty, patient = (
        find_side_contract(pooled(), NO_SHORT_SALES, (0, 2), effort=replace(EFFORT, cells=0, enough=enough))
        for enough in (0.5, 2.0)
    )
    for one, other in zip(found(hasty).gains, found(patient).gains, strict=True):
        assert other.sum() >= one.sum() - MONEY
    # No cell was searched: what was constructed is the best that is left.
    assert patient.begun is not None
    assert all(len(menu.actions) == 1 for menu in patient.begun.menus)


def test_what_a_menu_knows_of_its_actions_is_what_they_bring_one_by_one() -> None:
    begun = martyrs().begun
    assert begun is not None
    (menu,) = begun.menus
    grown = Menu.of(menu.situation)
    for action in menu.actions[1:5]:
        grown.add(action, exchanged=False)
        table = grown.table()
        for (level, number), values in zip(np.ndindex(table.shape[:2]), table.reshape(-1, 2), strict=True):
            told = grown.actions[number]
            moved = replace(told, side_transfers=grown.transfers[level])
            np.testing.assert_allclose(values, trade_gains(menu.situation, moved), rtol=1e-12)


def test_whoever_would_rather_deviate_alone_joins_no_communication_equilibrium() -> None:
    search = find_side_contract(
        traders(), PAPER_RULES, (0, 1), concept=Concept.COMMUNICATION_EQUILIBRIUM, effort=EFFORT
    )
    assert search.side_contract is None


def test_outsiders_who_withhold_after_a_misquote_protect_the_contract() -> None:
    covered = replace(NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    assert find_side_contract(traders(), covered, (0, 1), effort=EFFORT).verdict is Verdict.REFUTED
    reacting = find_side_contract(traders(), covered, (0, 1), reaction=WithholdingAfterMisquotes(1e-9), effort=EFFORT)
    assert reacting.verdict is not Verdict.REFUTED
