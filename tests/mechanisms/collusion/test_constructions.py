"""Side-contracts that are constructed, not searched for: that they gain where the theorems say, and only there."""

from __future__ import annotations

from dataclasses import astuple, replace
from itertools import chain, combinations, product

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.side_contract import certify_side_contract
from marketgame.mechanisms.collusion.side_contracts.constructions import constructed_menu
from marketgame.mechanisms.collusion.side_contracts.search import find_constructed_side_contract
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.oracle import profit_tolerance
from marketgame.mechanisms.deviations.situation import situation_of, situations
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)
from tests.mechanisms.private_value_economies import random_economy, three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

NO_SHORT_SALES = MarketRules(solvency=Solvency.NO_SHORT_SALES)
STANDING = [replace(NO_SHORT_SALES, pricing=pricing, coverage=coverage) for pricing in Pricing for coverage in Coverage]
UNCOVERED = [
    replace(NO_SHORT_SALES, pricing=pricing, bankruptcy=Bankruptcy.UNWIND) for pricing in (Pricing.VOID, Pricing.SPREAD)
]


def contract(money: tuple[float, ...]) -> GrandContract:
    """Traders of one good who own some of it, and as much money as is said."""
    players = [
        one_type(f"trader {place}", [1.0 + 0.4 * place, owned], line(5.0 + 0.5 * place))
        for place, owned in enumerate(money)
    ]
    return grand_contract(economy_of(players))


def worth(made: GrandContract, player: int, goods: FloatArray) -> float:
    return float(made.economy.players[player].types[0].valuation.value(goods))


@pytest.mark.parametrize("rules", STANDING, ids=lambda rules: f"{rules.pricing}, {rules.coverage}")
def test_where_trades_stand_a_pair_gains_whenever_one_winner_can_pay_for_all_losses(rules: MarketRules) -> None:
    # The condition of Theorem 5, from the definitions: the winner has all money, and of the good what it owns.
    gainful = 0
    for seed in range(2):
        made = contract(tuple(np.random.default_rng(seed).uniform(1.0, 40.0, 3)))
        owned, kept = made.economy.endowments(made.economy.profiles)[0], made.utilities[0]
        for pair in ((0, 1), (0, 2), (1, 2)):
            most = max(
                worth(made, winner, owned[winner, :1]) + owned[:, -1].sum() + worth(made, loser, np.zeros(1))
                for winner, loser in (pair, pair[::-1])
            )
            if most <= kept[list(pair)].sum() + 1e-3:
                continue
            gainful += 1
            found = find_constructed_side_contract(made, rules, pair)
            assert found is not None
            assert min(float(gain.min()) for gain in found.gains) > 0
            assert verify(certify_side_contract(made, rules, found)).confirmed
    assert 0 < gainful < 6


@pytest.mark.parametrize("bankruptcy", Bankruptcy)
def test_where_each_pays_the_others_quote_a_pair_takes_all_that_outsiders_own(bankruptcy: Bankruptcy) -> None:
    rules = replace(NO_SHORT_SALES, bankruptcy=bankruptcy, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    made = contract((30.0, 20.0, 25.0, 5.0))
    for pair in ((0, 1), (2, 3)):
        menu = constructed_menu(situation_of(made, 0, pair, rules))
        situation = menu.situation
        best = menu.table().max(axis=(0, 1))
        for place, member in enumerate(pair):
            other = pair[1 - place]
            own = situation.endowments[0, member]
            goods = situation.supply[0, :1] - situation.endowments[0, other, :1]
            everything = worth(made, member, goods) + situation.supply[0, -1]
            assert best[place] == pytest.approx(everything - worth(made, member, own[:1]) - own[-1], abs=1e-3)
        found = find_constructed_side_contract(made, rules, pair)
        assert found is not None
        assert verify(certify_side_contract(made, rules, found)).confirmed


@pytest.mark.parametrize("rules", UNCOVERED, ids=lambda rules: rules.pricing)
def test_uncovered_transfers_buy_out_who_owns_more_than_the_sacrificed_and_nobody_else(rules: MarketRules) -> None:
    for money, gains in (((20.0, 20.0, 60.0), True), ((60.0, 60.0, 20.0), False)):
        made = contract(money)
        found = find_constructed_side_contract(made, rules, (0, 1))
        assert (found is not None) == gains
        if found is not None:
            assert found.clauses[0].side_transfers.any()
            assert verify(certify_side_contract(made, rules, found)).confirmed
        covered = replace(rules, coverage=Coverage.ANNOUNCED_NUMERAIRE)
        assert find_constructed_side_contract(made, covered, (0, 1)) is None


def test_of_each_pair_it_is_known_whether_a_sacrifice_gains() -> None:
    answers = []
    for seed in range(4):
        made = contract(tuple(np.random.default_rng(seed).uniform(20.0, 60.0, 3)))
        for pair in ((0, 1), (0, 2), (1, 2)):
            found = find_constructed_side_contract(made, UNCOVERED[0], pair)
            proven = least_bound(situation_of(made, 0, pair, UNCOVERED[0])).total_gain <= 1e-6
            derived = PlainBounds(PlainContract(made, UNCOVERED[0])).weakest(pair, None)
            assert derived.excludes == proven
            answers.append((found is None, proven))
    assert set(answers) == {(False, False), (True, True)}


@pytest.mark.parametrize(("players", "goods", "types"), [(3, 1, 1), (3, 1, 2), (4, 2, 1), (5, 1, 1)])
def test_whether_any_coalition_gains_is_decided_without_a_search(players: int, goods: int, types: int) -> None:
    prior = IndependentPrior([np.full(types, 1.0 / types)] * players)
    made = grand_contract(random_economy(players, prior, goods=goods))
    coalitions = list(chain.from_iterable(combinations(range(players), size) for size in range(2, players)))
    answers = []
    for pricing, bankruptcy, coverage in product(list(Pricing)[:3], Bankruptcy, Coverage):
        rules = replace(NO_SHORT_SALES, pricing=pricing, bankruptcy=bankruptcy, coverage=coverage)
        gains = any(find_constructed_side_contract(made, rules, coalition) is not None for coalition in coalitions)
        excluded_all = all(
            least_bound(situation).total_gain <= profit_tolerance(situation)
            for coalition in coalitions
            for situation in situations(made, coalition, rules)
        )
        assert gains != excluded_all
        answers.append(gains)
    assert set(answers) == {True, False}


PARTIAL = [
    *(MarketRules(pricing, solvency, execution=Execution.MATCHED) for pricing in Pricing for solvency in Solvency),
    MarketRules(bankruptcy=Bankruptcy.UNWIND, execution=Execution.MATCHED),
    replace(NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, execution=Execution.MATCHED),
    *(replace(NO_SHORT_SALES, pricing=pricing, refusal=Refusal.ESCROW) for pricing in Pricing),
    replace(NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, refusal=Refusal.ESCROW),
]


@pytest.mark.parametrize("rules", PARTIAL, ids=lambda rules: " ".join(map(str, astuple(rules))))
def test_neither_matched_orders_nor_deposits_alone_protect_outsiders(rules: MarketRules) -> None:
    """Members crowd outsiders out, take what these were to deliver, or draw them in and do as they would without."""
    made, pair = contract((30.0, 20.0, 25.0, 25.0)), (0, 1)
    # Where only who quotes alike may trade, two cannot draw anybody in (Theorem 10), but three can.
    members = (*pair, 2) if rules.refusal is Refusal.ESCROW and rules.pricing is Pricing.VOID else pair
    found = find_constructed_side_contract(made, rules, members)
    assert found is not None
    assert verify(certify_side_contract(made, rules, found)).confirmed
    assert sum(float(gain.max()) for gain in found.gains) > 0.1
    whole = replace(rules, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
    assert find_constructed_side_contract(made, whole, members) is None


def test_what_is_hidden_and_consumed_pays_for_the_sacrifice() -> None:
    rules = replace(UNCOVERED[0], withholding=Withholding.CONSUMED)
    assert find_constructed_side_contract(contract((60.0, 60.0, 20.0)), rules, (0, 1)) is not None


def test_constructions_also_gain_where_types_are_private() -> None:
    made = grand_contract(random_economy(3, IndependentPrior([np.array([0.4, 0.6])] * 3), goods=2))
    for rules in (STANDING[2], STANDING[4], UNCOVERED[0]):
        found = find_constructed_side_contract(made, rules, (0, 2))
        if rules.bankruptcy is Bankruptcy.TRADES_STAND:
            assert found is not None
        if found is not None:
            assert verify(certify_side_contract(made, rules, found)).confirmed


def test_nothing_is_constructed_against_rules_that_the_constructions_do_not_know() -> None:
    made = grand_contract(three_traders())
    for rules in (
        MarketRules.paper(),
        replace(NO_SHORT_SALES, execution=Execution.MATCHED, refusal=Refusal.ESCROW),
        # Two who must quote alike to trade draw nobody in.
        replace(NO_SHORT_SALES, pricing=Pricing.VOID, refusal=Refusal.ESCROW),
    ):
        assert len(constructed_menu(situation_of(made, 0, (0, 1), rules)).actions) == 1
    assert len(constructed_menu(situation_of(made, 0, (0, 1, 2), NO_SHORT_SALES)).actions) == 1


def test_a_changed_clause_of_a_construction_is_not_confirmed() -> None:
    made = grand_contract(three_traders())
    found = find_constructed_side_contract(made, NO_SHORT_SALES, (0, 1))
    assert found is not None
    certificate = certify_side_contract(made, NO_SHORT_SALES, found)
    (clause,) = certificate.clauses
    moved = clause.probability.copy()
    moved[0], moved[-1] = moved[-1] + 1e-3, moved[0] - 1e-3
    hidden = replace(clause.actions, announced_endowments=0.9 * clause.actions.announced_endowments)
    for changed in (replace(clause, probability=moved), replace(clause, actions=hidden)):
        assert not verify(replace(certificate, clauses=(changed,))).confirmed
