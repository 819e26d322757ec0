"""The short sale, the arbitrage and the best reply do what the theory says, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from marketgame.agents import anticipation
from marketgame.agents.anticipation import (
    expected_gain,
    largest_own_cost,
    promised_gain,
    receipts_without_own_orders,
)
from marketgame.agents.behaviours import Arbitraging, BestResponding, Order, ShortSelling
from marketgame.agents.behaviours.arbitraging import largest_gap
from marketgame.agents.behaviours.order_candidates import structured_candidates
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.plays import Play
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
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement
from tests.agents.knowledge_at_market import AtMarket
from tests.economy_fixtures import RandomEconomy
from tests.examples import drawn

PAPER = MarketRules()
NO_SHORT_SALES = MarketRules(solvency=Solvency.NO_SHORT_SALES)
seeds = st.integers(0, 10**6)


def played(knowledge: MarketKnowledge, order: Order, told: Play, rules: MarketRules = PAPER) -> Settlement:
    """Settle one trader's order against the recommendations of all others, at the quotes it saw."""
    orders, announced = told.orders.copy(), told.announced_endowments.copy()
    orders[knowledge.player] = order.net_demands
    announced[knowledge.player] = order.announced_endowment
    return settle(Play(knowledge.quotes, orders, announced, told.transfers), rules)


def contracts(economy: Economy) -> tuple[GrandContract, GrandContract]:
    """The Walrasian contract and the one with expected-externality transfers."""
    walrasian = grand_contract(economy)
    return walrasian, grand_contract(economy, expected_externality_transfers(economy, walrasian.efficient))


def on_endowment(knowledge: MarketKnowledge) -> float:
    return float(knowledge.utility(knowledge.own_type.endowment))


def promised_utility(knowledge: MarketKnowledge) -> float:
    return promised_gain(knowledge) + on_endowment(knowledge)


@pytest.mark.parametrize("player", [0, 1, 2])
def test_a_short_seller_reaches_the_published_supremum_of_ninety(
    three_trader_contract: GrandContract, at_market: AtMarket, player: int
) -> None:
    knowledge = at_market(three_trader_contract, player, [0, 0, 0])
    told = three_trader_contract.recommend(np.zeros(3, np.int64))
    settled = played(knowledge, ShortSelling().order(knowledge), told)
    assert not settled.bankrupt.any()
    assert settled.allocation[player, 1] == pytest.approx(90, rel=1e-12)
    assert float(knowledge.utility(settled.allocation[player])) == pytest.approx(90, rel=1e-12)
    assert settled.allocation[:, 1].sum() == pytest.approx(90)


@settings(max_examples=drawn(30), deadline=None)
@given(seeds, st.integers(3, 6), st.integers(2, 4), st.floats(0.0, 100.0), st.booleans())
def test_a_short_sale_takes_all_but_one_good_and_breaks_no_budget(
    random_economy: RandomEconomy,
    at_market: AtMarket,
    seed: int,
    players: int,
    goods: int,
    size: float,
    with_transfers: bool,
) -> None:
    economy = random_economy(seed, players, goods, 2)
    contract = contracts(economy)[with_transfers]
    profile = [(seed >> player) % 2 for player in range(players)]
    knowledge = at_market(contract, 1, profile)
    told = contract.recommend(np.array(profile))
    settled = played(knowledge, ShortSelling(size).order(knowledge), told)
    supply = economy.endowments(np.array(profile)).sum(axis=0)
    prizes = [float(knowledge.utility(np.where(np.arange(goods) == sold, 0, supply))) for sold in range(goods)]
    assert max(prizes) > promised_utility(knowledge)
    assert not settled.bankrupt.any()
    assert float(knowledge.utility(settled.allocation[1])) == pytest.approx(max(prizes), rel=1e-9)
    np.testing.assert_allclose(settled.cost, told.transfers, atol=1e-9 * (1 + size) * supply.max() * players)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(3, 5), st.integers(2, 3), st.floats(0.0, 100.0))
@example(660, 5, 2, 14.0)  # The contract grants less than the last digit of the value of so large an order.
@example(191, 5, 2, 77.7)  # So large an order bankrupted another player.
def test_the_same_short_sale_bankrupts_where_short_sales_do(
    random_economy: RandomEconomy, at_market: AtMarket, seed: int, players: int, goods: int, size: float
) -> None:
    contract = grand_contract(random_economy(seed, players, goods, 1))
    knowledge = at_market(contract, 0, [0] * players, NO_SHORT_SALES)
    told = contract.recommend(np.zeros(players, np.int64))
    order = ShortSelling(size).order(knowledge)
    assert played(knowledge, order, told, PAPER).bankrupt.sum() == 0
    settled = played(knowledge, order, told, NO_SHORT_SALES)
    assert settled.bankrupt[0]
    assert not settled.allocation[0].any()


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.3, 3.0))
def test_a_short_seller_pays_each_at_its_own_quote(
    random_economy: RandomEconomy, at_market: AtMarket, seed: int, factor: float
) -> None:
    contract = grand_contract(random_economy(seed, 4, 3, 1))
    told = contract.recommend(np.zeros(4, np.int64))
    quotes = told.quotes.copy()
    quotes[2, :-1] *= factor
    quotes[3, 0] = 0
    knowledge = at_market(contract, 0, [0] * 4, PAPER, quotes)
    settled = played(knowledge, ShortSelling().order(knowledge), told)
    assert settled.cost[0] == pytest.approx(told.transfers[0], abs=1e-7)
    assert not settled.bankrupt[0]
    assert float(knowledge.utility(settled.allocation[0])) > promised_utility(knowledge)


def test_no_short_sale_where_the_prize_is_below_the_promise(random_economy: RandomEconomy, at_market: AtMarket) -> None:
    economy = random_economy(11, 3, 2, 1)
    # Player 0 is paid nearly all numeraire there is, so losing the other good is not worth the rest.
    walrasian = grand_contract(economy)
    everything = walrasian.allocation[0, :, 1] - 1e-3
    gift = np.array([[everything[1] + everything[2], -everything[1], -everything[2]]])
    contract = grand_contract(economy, walrasian.numeraire_transfers + gift)
    knowledge = at_market(contract, 0, [0, 0, 0])
    order = ShortSelling().order(knowledge)
    np.testing.assert_array_equal(order.net_demands, knowledge.recommendation.orders)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(3, 6), st.integers(2, 3), st.floats(0.2, 2.0), st.sampled_from([PAPER, NO_SHORT_SALES]))
def test_an_arbitrageur_takes_the_whole_supply_from_a_mispricer(
    random_economy: RandomEconomy,
    at_market: AtMarket,
    seed: int,
    players: int,
    goods: int,
    factor: float,
    rules: MarketRules,
) -> None:
    assume(abs(factor - 1) > 1e-3)
    economy = random_economy(seed, players, goods, 2)
    profile = [(seed >> player) % 2 for player in range(players)]
    contract = contracts(economy)[seed % 2]
    told = contract.recommend(np.array(profile))
    quotes = told.quotes.copy()
    quotes[1, :-1] *= factor
    knowledge = at_market(contract, 2, profile, rules, quotes)
    gap = largest_gap(knowledge)
    assert gap is not None
    settled = played(knowledge, Arbitraging().order(knowledge), told, rules)
    supply = economy.endowments(np.array(profile)).sum(axis=0)
    assert not settled.bankrupt[2]
    assert settled.bankrupt[gap.high]
    np.testing.assert_allclose(settled.allocation[2], supply, rtol=1e-9)
    np.testing.assert_allclose(np.delete(settled.allocation, 2, axis=0), 0, atol=1e-9 * supply.max())
    # The paper's figure: the arbitrageur's net trade is the rest of the aggregate endowment.
    own = economy.endowments(np.array(profile))[2]
    np.testing.assert_allclose(settled.net_trade[2], supply - own, rtol=1e-6, atol=1e-6 * supply.max())


def test_an_arbitrageur_obeys_where_quotes_agree_or_its_own_is_zero(
    random_economy: RandomEconomy, at_market: AtMarket
) -> None:
    contract = grand_contract(random_economy(2, 4, 2, 1))
    agreeing = at_market(contract, 0, [0] * 4)
    order = Arbitraging().order(agreeing)
    np.testing.assert_array_equal(order.net_demands, agreeing.recommendation.orders)
    quotes = agreeing.quotes.copy()
    quotes[1, 0] *= 0.5
    quotes[0, 0] = 0
    unpriced = at_market(contract, 0, [0] * 4, PAPER, quotes)
    assert largest_gap(unpriced) is None


def worth_of_the_best_part(knowledge: MarketKnowledge, bundle: FloatArray) -> float:
    """The most that any part of a bundle is worth, all money kept."""

    def loss(goods: FloatArray) -> float:
        return -float(knowledge.utility(np.append(goods, bundle[-1])))

    found = minimize(
        loss,
        bundle[:-1] / 2,
        bounds=[(0, most) for most in bundle[:-1]],
        tol=1e-14,
    )
    return -float(found.fun)


@settings(max_examples=8, deadline=None)
@given(seeds, st.integers(2, 3))
def test_a_best_reply_finds_the_short_sale_by_itself(
    random_economy: RandomEconomy, at_market: AtMarket, seed: int, goods: int
) -> None:
    economy = random_economy(seed, 3, goods, 2)
    contract = grand_contract(economy)
    profile = [seed % 2, 1, 0]
    knowledge = at_market(contract, 0, profile)
    told = contract.recommend(np.array(profile))
    supply = economy.endowments(np.array(profile)).sum(axis=0)
    prizes = [np.where(np.arange(goods) == sold, 0, supply) for sold in range(goods)]
    largest = max(float(knowledge.utility(prize)) for prize in prizes)
    supremum = max(worth_of_the_best_part(knowledge, prize) for prize in prizes)
    settled = played(knowledge, BestResponding(256).order(knowledge), told)
    # All that is not sold short is the most a single player can get; who is satiated before would rather have less.
    reached = float(knowledge.utility(settled.allocation[0]))
    assert largest * (1 - 1e-9) <= reached <= supremum * (1 + 1e-9)


@settings(max_examples=10, deadline=None)
@given(
    seeds,
    st.integers(2, 3),
    st.sampled_from(list(Pricing)),
    st.sampled_from(list(Bankruptcy)),
    st.sampled_from(list(Coverage)),
)
def test_nothing_beats_obedience_at_walrasian_quotes_without_short_sales(
    random_economy: RandomEconomy,
    at_market: AtMarket,
    seed: int,
    goods: int,
    pricing: Pricing,
    bankruptcy: Bankruptcy,
    coverage: Coverage,
) -> None:
    rules = MarketRules(pricing=pricing, solvency=Solvency.NO_SHORT_SALES, bankruptcy=bankruptcy, coverage=coverage)
    contract = contracts(random_economy(seed, 3, goods, 2))[0]
    knowledge = at_market(contract, 1, [0, 1, seed % 2], rules)
    order = BestResponding(512).order(knowledge)
    np.testing.assert_array_equal(order.net_demands, knowledge.recommendation.orders)


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.5, 1.5), st.sampled_from([PAPER, NO_SHORT_SALES]), st.sampled_from(list(Withholding)))
def test_a_best_reply_is_never_expected_to_be_worse_than_obedience(
    random_economy: RandomEconomy,
    at_market: AtMarket,
    seed: int,
    factor: float,
    base: MarketRules,
    withholding: Withholding,
) -> None:
    rules = MarketRules(solvency=base.solvency, withholding=withholding)
    contract = grand_contract(random_economy(seed, 3, 2, 2))
    told = contract.recommend(np.array([0, 1, 1]))
    quotes = told.quotes.copy()
    quotes[2, 0] *= factor
    knowledge = at_market(contract, 0, [0, 1, 1], rules, quotes)
    reply = BestResponding(192).order(knowledge)
    obedience = (told.orders[0], told.announced_endowments[0])
    worth = expected_gain(
        knowledge,
        np.stack([obedience[0], reply.net_demands]),
        np.stack([obedience[1], reply.announced_endowment]),
    )
    assert worth[1] >= worth[0]


def test_a_best_reply_to_a_lower_price_buys_the_walrasian_demand(
    three_trader_contract: GrandContract, at_market: AtMarket
) -> None:
    """Where short sales bankrupt and all others quote less, the best reply is at least demand at that price."""
    told = three_trader_contract.recommend(np.zeros(3, np.int64))
    quotes = told.quotes.copy()
    quotes[1:, 0] *= 0.9
    knowledge = at_market(three_trader_contract, 0, [0, 0, 0], NO_SHORT_SALES, quotes)
    reply = BestResponding(512).order(knowledge)
    settled = played(knowledge, reply, told, NO_SHORT_SALES)
    price, endowment = quotes[1, 0], np.array([2.0, 30.0])

    def negative_utility(wheat: FloatArray) -> float:
        money = endowment[1] - price * (wheat[0] - endowment[0])
        return -float(knowledge.utility(np.array([wheat[0], money])))

    best = minimize(negative_utility, np.array([1.0]), bounds=[(0, 4.5)])
    assert float(knowledge.utility(settled.allocation[0])) >= -best.fun - 1e-6


@pytest.mark.parametrize("few", [anticipation.MANY_PLAYERS, 0])
@pytest.mark.parametrize("withholding", Withholding)
def test_expected_gain_is_the_probability_weighted_mean_over_possible_profiles(
    random_economy: RandomEconomy,
    at_market: AtMarket,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    withholding: Withholding,
) -> None:
    monkeypatch.setattr(anticipation, "MANY_PLAYERS", few)
    economy = random_economy(21, 3, 2, 2)
    rules = MarketRules(withholding=withholding)
    contract = grand_contract(economy)
    knowledge = at_market(contract, 0, [1, 0, 1], rules)
    candidates = structured_candidates(knowledge)
    values = expected_gain(knowledge, candidates.net_demands, candidates.announced_endowments)
    for number, value in enumerate(values):
        by_hand = 0.0
        for profile, probability in zip(knowledge.belief.profiles, knowledge.belief.probability, strict=True):
            told = contract.recommend(profile)
            order = Order(candidates.net_demands[number], candidates.announced_endowments[number])
            settled = played(knowledge, order, told, rules)
            consumed = settled.consumption(economy.endowments(profile))
            by_hand += float(probability * (knowledge.utility(consumed[0]) - on_endowment(knowledge)))
        assert value == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("execution", Execution)
def test_what_is_expected_of_an_order_is_what_the_market_makes_of_it(
    random_economy: RandomEconomy, at_market: AtMarket, execution: Execution, refusal: Refusal
) -> None:
    """Prices reveal the profile, so that expectations are certain: compared with settling the whole play by hand."""
    rules = MarketRules(execution=execution, refusal=refusal)
    economy, generator = random_economy(5, 3, 3, 2), np.random.default_rng(5)
    contract, profile = grand_contract(economy).under(rules), [1, 0, 1]
    told, received = contract.recommend(np.array(profile)), contract.terms(np.array([profile])).received
    owned = economy.endowments(np.array(profile)) + (0.0 if received is None else received[0])
    for player in range(3):
        knowledge = at_market(contract, player, profile, rules)
        assert len(knowledge.belief.probability) == 1
        np.testing.assert_array_equal(knowledge.owned, owned[player])
        obeyed = settle(told, rules).net_consumption(owned)[player] + owned[player]
        gain = float(knowledge.gain(obeyed - knowledge.own_type.endowment))
        assert promised_gain(knowledge) == pytest.approx(gain, abs=1e-9)
        others = np.delete(np.arange(3), player)
        ordered = told.orders.copy()
        ordered[player] = 0.0
        without = settle(told.with_arrays(orders=ordered, transfers=np.full(3, 1e9)), rules).net_trade
        np.testing.assert_allclose(receipts_without_own_orders(knowledge)[0, others], without[others], atol=1e-9)
        for _ in range(5):
            own = told.orders[player] + generator.normal(size=told.orders[player].shape)
            ordered = told.orders.copy()
            ordered[player] = own
            settled = settle(told.with_arrays(orders=ordered), rules)
            gain = float(knowledge.gain(settled.allocation[player] - knowledge.own_type.endowment))
            found = expected_gain(knowledge, own[None], told.announced_endowments[player][None])
            assert found[0] == pytest.approx(gain, abs=1e-9)
            assert largest_own_cost(knowledge, own) == pytest.approx(settled.cost[player], abs=1e-9)
