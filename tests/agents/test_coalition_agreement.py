"""Side-contracts as members see them: what a report is worth, worked out by settling every play."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.agents.behaviours import BestResponding, Deceiving, Loyal, Misreporting, Obedient
from marketgame.agents.coalitions.agreement import NO_REPORT, drawn
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.mechanisms.market_game.settle import settle
from tests.agents.side_contract_cases import (
    drawing_lots,
    farmers,
    farmers_contract,
    favouring_the_modest,
    secretive,
    short_sale,
)


def offered(gains: list[float], truth: int = 0) -> OfferedSideContract:
    return OfferedSideContract(farmers().players[0], 0, truth, np.array(gains), 10.0)


def settled_by_hand(contract: GrandContract, number: int, seller: int, coalition: tuple[int, ...]) -> np.ndarray:
    told, action = (
        contract.recommend(contract.economy.profiles[number]),
        short_sale(contract, number, coalition, seller),
    )
    orders = told.orders.copy()
    orders[list(coalition)] = action.orders
    rules = MarketRules()
    settlement = settle(Play(told.quotes, orders, told.announced_endowments, told.transfers), rules)
    bundles = settlement.consumption(contract.endowments[number])
    return contract.economy.utility(contract.economy.profiles[number], bundles)


def test_who_wins_the_lot_ends_with_all_the_money_and_nothing_else(three_traders: Economy) -> None:
    # The supremum of what one of the three traders can do alone is 90, all the money there is.
    contract = grand_contract(three_traders)
    for seller in (0, 1):
        assert settled_by_hand(contract, 0, seller, (0, 1))[seller] == pytest.approx(90)


@pytest.mark.parametrize("odds", [(0.5, 0.5), (0.2, 0.8)])
def test_gains_are_the_mean_over_the_lottery_of_plays_settled_one_by_one(odds: tuple[float, float]) -> None:
    contract = farmers_contract()
    agreement = drawing_lots(contract, (0, 2), odds)
    for number, profile in enumerate(contract.economy.profiles):
        plays = [settled_by_hand(contract, number, seller, (0, 2))[[0, 2]] for seller in (0, 2)]
        expected = odds[0] * plays[0] + odds[1] * plays[1] - contract.utilities[number, [0, 2]]
        types = (int(profile[0]), int(profile[2]))
        truths = tuple(agreement.information[number].tolist())
        np.testing.assert_allclose(agreement.gains_at(number, types, truths), expected, atol=1e-9)


def test_what_members_expect_is_what_the_side_contract_promises_them() -> None:
    for contract in (farmers_contract(), grand_contract(secretive())):
        agreement = drawing_lots(contract)
        prior = contract.economy.prior
        for place, known in enumerate(agreement.terms.information):
            for number, information in enumerate(known):
                profiles = np.array(information.profiles)
                weights = prior.probability[profiles] / prior.probability[profiles].sum()
                gains = agreement.expected_gains(place, information.type, profiles, weights)
                assert gains[number] == pytest.approx(agreement.terms.gains[place][number], abs=1e-9)
                status_quo = agreement.status_quo(place, information.type, profiles, weights)
                assert status_quo == pytest.approx(agreement.terms.status_quo[place][number])


def test_what_a_report_is_worth_is_the_mean_over_the_profiles_considered_possible() -> None:
    agreement = favouring_the_modest(grand_contract(secretive()))
    gains = agreement.expected_gains(1, 0, np.array([0, 1]), np.array([0.7, 0.3]))
    by_hand = 0.7 * agreement.gains_at(0, (0, 0), (0, 0))[1] + 0.3 * agreement.gains_at(1, (1, 0), (1, 0))[1]
    np.testing.assert_allclose(gains, [by_hand], rtol=1e-12)


def test_reports_that_cannot_all_be_true_lead_back_to_the_grand_contract() -> None:
    agreement = drawing_lots(farmers_contract())
    first, second = agreement.information[0, 0], agreement.information[1, 1]
    np.testing.assert_array_equal(agreement.gains_at(0, (0, 0), (int(first), int(second))), 0)


def test_a_side_contract_that_reveals_everything_leaves_nothing_to_gain_by_lying() -> None:
    contract = farmers_contract()
    agreement = drawing_lots(contract)
    for number, profile in enumerate(contract.economy.profiles):
        for place, member in enumerate(agreement.coalition):
            gains = agreement.expected_gains(place, int(profile[member]), np.array([number]), np.ones(1))
            assert gains.argmax() == agreement.information[number, place]
            assert gains.max() > 1


def test_a_side_contract_that_pays_the_modest_more_makes_the_hungry_lie() -> None:
    gains = favouring_the_modest(grand_contract(secretive())).expected_gains(0, 1, np.array([1]), np.ones(1))
    assert gains[0] > gains[1] + 1


def test_a_lie_that_asks_somebody_to_show_more_than_it_owns_voids_the_agreement() -> None:
    # Modest, ann owns less than what she has to announce when she claims to be hungry; hungry, she could be modest.
    agreement = favouring_the_modest(grand_contract(secretive()))
    told = agreement.terms.clauses[1].actions
    assert told.announced_endowments[0, 0, 0] == pytest.approx(2.4)
    assert agreement.clause(0, (0, 0), (1, 0)) is None
    np.testing.assert_array_equal(agreement.gains_at(0, (0, 0), (1, 0)), 0)
    assert agreement.clause(1, (1, 0), (0, 0)) is not None


def test_a_member_that_lied_to_the_mediator_judges_the_side_contract_by_its_true_type() -> None:
    contract = farmers_contract()
    agreement = drawing_lots(contract, odds=(0.0, 1.0))
    truths = tuple(agreement.information[0].tolist())
    modest, hungry = (agreement.gains_at(0, (kind, 0), truths)[0] for kind in (0, 1))
    # Losing the lot ann has wheat and no money, which she minds less when she is hungry than when she is modest.
    assert hungry > modest


def test_what_no_member_can_hear_unless_it_lied_is_no_report() -> None:
    joint = np.zeros((2, 2, 2))
    joint[0, 0, 0] = joint[1, 1, 1] = 0.5
    known = farmers()
    economy = Economy("certain", known.goods, known.units, known.players, CorrelatedPrior(joint))
    agreement = drawing_lots(grand_contract(economy))
    assert (agreement.information[[0, 7]] != NO_REPORT).all()
    assert (agreement.information[1:7] == NO_REPORT).all()


def test_a_clause_draws_each_action_as_often_as_it_says() -> None:
    clause = drawing_lots(farmers_contract(), odds=(0.25, 0.75)).terms.clauses[0]
    assert np.mean([drawn(clause, number) for number in np.linspace(0, 1, 1001)]) == pytest.approx(0.75, abs=0.002)


@pytest.mark.parametrize("behaviour", [Obedient(), Misreporting({"modest": "hungry"})])
def test_by_default_members_join_if_they_lose_nothing_and_tell_the_truth(behaviour: Obedient) -> None:
    assert behaviour.join(offered([0.0, 5.0])) == 0
    assert behaviour.join(offered([-0.1, 5.0])) is None
    assert behaviour.join(offered([-1e-9, 5.0])) == 0


@pytest.mark.parametrize("behaviour", [Deceiving(), BestResponding()])
def test_some_tell_their_partners_whatever_pays_them_most(behaviour: Deceiving) -> None:
    assert behaviour.join(offered([-0.1, 5.0])) == 1
    assert behaviour.join(offered([0.2, 0.2 + 1e-9])) == 0
    assert behaviour.join(offered([-0.2, -0.1])) is None


def test_the_loyal_refuse_whatever_they_would_gain() -> None:
    assert Loyal().join(offered([100.0])) is None
