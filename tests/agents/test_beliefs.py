"""What a recommendation reveals, against Bayes' rule by full enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.agents.beliefs import Belief, Inference
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.terms import OwnRecommendation
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from tests.economy_fixtures import RandomEconomy


def told(contract: GrandContract, player: int, reports: tuple[int, ...]) -> OwnRecommendation:
    whole = contract.recommend(np.array(reports))
    return OwnRecommendation(
        whole.quotes[player], whole.orders[player], whole.announced_endowments[player], whole.transfers
    )


def symmetric_economy(prior: IndependentPrior | CorrelatedPrior) -> Economy:
    """Three players alike in everything but type: intercept 5 or 6."""

    def kind(name: str, intercept: float) -> PlayerType:
        return PlayerType(name, np.array([1.0, 40.0]), Quadratic(np.array([intercept]), np.eye(1)))

    types = (kind("five", 5), kind("six", 6))
    players = tuple(Player(name, types) for name in ("ann", "bob", "cy"))
    return Economy("symmetric", ("wheat", "money"), ("t", "euro"), players, prior)


def by_enumeration(
    contract: GrandContract, player: int, own_type: int, report: int, heard: OwnRecommendation
) -> dict[tuple[int, ...], float]:
    """Bayes' rule, one profile after another, straight from the contract."""
    economy = contract.economy
    weight = {}
    for reports in product(*(range(count) for count in economy.prior.type_counts)):
        if reports[player] != report:
            continue
        other = told(contract, player, reports)
        pairs = zip(
            (heard.quotes, heard.orders, heard.announced_endowment, heard.transfers),
            (other.quotes, other.orders, other.announced_endowment, other.transfers),
            strict=True,
        )
        if all(np.allclose(one, two, rtol=1e-7, atol=1e-7) for one, two in pairs):
            truth = np.array([*reports[:player], own_type, *reports[player + 1 :]])
            weight[reports] = float(economy.prior.probability[economy.prior.profile_numbers(truth)])
    total = sum(weight.values())
    return {reports: mass / total for reports, mass in weight.items() if mass > 0}


def as_mapping(belief: Belief) -> dict[tuple[int, ...], float]:
    profiles = (tuple(profile) for profile in belief.profiles.tolist())
    return dict(zip(profiles, belief.probability.tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 2), st.integers(2, 3), st.data())
def test_beliefs_are_bayes_rule_over_the_profiles_that_explain_the_recommendation(
    random_economy: RandomEconomy, seed: int, player: int, goods: int, data: st.DataObject
) -> None:
    contract = grand_contract(random_economy(seed, 3, goods, 3))
    reports = tuple(data.draw(st.integers(0, 2)) for _ in range(3))
    own_type = data.draw(st.integers(0, 2))
    heard = told(contract, player, reports)
    belief = Inference(contract, player).belief(own_type, reports[player], heard)
    expected = by_enumeration(contract, player, own_type, reports[player], heard)
    assert as_mapping(belief) == pytest.approx(expected)
    assert reports in expected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_generic_prices_reveal_all_types(random_economy: RandomEconomy, seed: int) -> None:
    contract = grand_contract(random_economy(seed, 3, 2, 2))
    prices = np.sort(contract.efficient.price[:, 0])
    if np.diff(prices).min() < 1e-6:
        return
    belief = Inference(contract, 0).belief(1, 1, told(contract, 0, (1, 0, 1)))
    assert belief.profiles.tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("odds", [(0.5, 0.5), (0.3, 0.7)])
def test_two_players_who_may_have_swapped_types_cannot_be_told_apart(odds: tuple[float, float]) -> None:
    marginals = [np.array([0.5, 0.5]), np.array(odds), np.array([0.2, 0.8])]
    contract = grand_contract(symmetric_economy(IndependentPrior(marginals)))
    belief = Inference(contract, 0).belief(0, 0, told(contract, 0, (0, 0, 1)))
    one, other = odds[0] * 0.8, odds[1] * 0.2
    expected = {(0, 0, 1): one / (one + other), (0, 1, 0): other / (one + other)}
    # Without transfers of wealth everyone's transfer is zero, so only the price could tell, and it does not.
    assert as_mapping(belief) == pytest.approx(expected)


def test_public_transfers_reveal_who_is_who_where_prices_do_not() -> None:
    economy = symmetric_economy(IndependentPrior([np.array([0.5, 0.5])] * 3))
    walrasian = grand_contract(economy)
    # A fee for the high report, paid to the other two, makes the transfers of swapped profiles differ.
    high = economy.profiles.astype(np.float64)
    fees = (high.sum(axis=1, keepdims=True) - high) / 2 - high
    contract = grand_contract(economy, walrasian.numeraire_transfers + fees)
    belief = Inference(contract, 0).belief(0, 0, told(contract, 0, (0, 0, 1)))
    assert belief.profiles.tolist() == [[0, 0, 1]]


def test_a_liar_keeps_the_beliefs_of_its_true_type() -> None:
    joint = np.zeros((2, 2, 2))
    joint[0] = [[0.1, 0.3], [0.05, 0.05]]
    joint[1] = [[0.05, 0.05], [0.3, 0.1]]
    contract = grand_contract(symmetric_economy(CorrelatedPrior(joint)))
    inference, heard = Inference(contract, 0), told(contract, 0, (0, 0, 1))
    assert as_mapping(inference.belief(0, 0, heard)) == pytest.approx({(0, 0, 1): 6 / 7, (0, 1, 0): 1 / 7})
    assert as_mapping(inference.belief(1, 0, heard)) == pytest.approx({(0, 0, 1): 1 / 7, (0, 1, 0): 6 / 7})


def test_after_an_impossible_message_all_explanations_are_equally_likely() -> None:
    joint = np.zeros((2, 2, 2))
    joint[0] = [[0.0, 0.4], [0.1, 0.0]]
    joint[1] = [[0.25, 0.0], [0.0, 0.25]]
    contract = grand_contract(symmetric_economy(CorrelatedPrior(joint)))
    belief = Inference(contract, 0).belief(1, 0, told(contract, 0, (0, 0, 1)))
    assert as_mapping(belief) == pytest.approx({(0, 0, 1): 0.5, (0, 1, 0): 0.5})


def test_a_recommendation_the_contract_never_makes_is_refused(three_trader_contract: GrandContract) -> None:
    heard = told(three_trader_contract, 0, (0, 0, 0))
    strange = OwnRecommendation(2 * heard.quotes, heard.orders, heard.announced_endowment, heard.transfers)
    with pytest.raises(ValueError, match="at no profile where it reports 0"):
        Inference(three_trader_contract, 0).belief(0, 0, strange)
