"""Trading posts conserve goods and money, and replies and equilibria are what the theory of Shapley and Shubik says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.comparison_markets.post_replies import (
    NoPostEquilibriumError,
    PostMessages,
    best_reply,
    competitive_messages,
    cost_of,
    crossing,
    messages_for,
    post_equilibrium,
)
from marketgame.mechanisms.comparison_markets.trading_posts import Offering, OneSided, PostRules, settle_posts
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation, ValuationBatch, ValuationTable
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

SEEDS = st.integers(0, 2**32 - 1)


def random_messages(seed: int, rules: PostRules) -> tuple[PostMessages, FloatArray]:
    """Messages to three posts by four traders in five plays, some of whom send nothing to some."""
    generator = np.random.default_rng(seed)
    owned = generator.uniform(0.0, 5.0, (5, 4, 4)) * (generator.random((5, 4, 4)) < 0.8)
    shares = generator.dirichlet(np.ones(4), (5, 4))[..., :3] * (generator.random((5, 4, 3)) < 0.7)
    offers = owned[..., :-1] * generator.random((5, 4, 3)) * (generator.random((5, 4, 3)) < 0.7)
    if rules.offering is Offering.EVERYTHING:
        offers = owned[..., :-1]
    return PostMessages(shares * owned[..., -1:], offers), owned


def settled_slowly(messages: PostMessages, play: int) -> list[list[float]]:
    """Settle one play trader by trader, one good after the other, returning what one side sent alone."""
    bids, offers = messages.bids[play].tolist(), messages.offers[play].tolist()
    ends = [[0.0] * (len(bids[0]) + 1) for _ in bids]
    for good in range(len(bids[0])):
        money, units = sum(bid[good] for bid in bids), sum(offer[good] for offer in offers)
        if money == 0 or units == 0:
            continue
        price = money / units
        for end, bid, offer in zip(ends, bids, offers, strict=True):
            end[good] += bid[good] / price - offer[good]
            end[-1] += price * offer[good] - bid[good]
    return ends


def of(*valuations: Valuation) -> ValuationBatch:
    """The valuations of traders in one play."""
    return ValuationTable(valuations).select(np.arange(len(valuations)))


def line(intercept: float, slope: float) -> Quadratic:
    """A quadratic valuation of one good."""
    return Quadratic(np.array([intercept]), np.array([[slope]]))


def others(messages: PostMessages, player: int) -> tuple[FloatArray, FloatArray]:
    """What the others of a player bid and offer in sum."""
    bids, offers = messages.bids, messages.offers
    return bids.sum(axis=-2) - bids[..., player, :], offers.sum(axis=-2) - offers[..., player, :]


@settings(max_examples=drawn(100, 12))
@given(SEEDS, st.sampled_from(Offering), st.sampled_from(OneSided))
def test_goods_and_money_are_conserved_whatever_is_sent(seed: int, offering: Offering, one_sided: OneSided) -> None:
    rules = PostRules(offering, one_sided)
    messages, owned = random_messages(seed, rules)
    ended = settle_posts(messages.bids, messages.offers, owned, rules)
    np.testing.assert_allclose(ended.net_trades.sum(axis=-2) + ended.lost, 0, atol=1e-13 * owned.sum())
    assert (owned + ended.net_trades >= -1e-13 * owned.sum()).all()
    if one_sided is OneSided.RETURNED:
        assert not ended.lost.any()


@settings(max_examples=drawn(100, 10))
@given(SEEDS)
def test_settling_agrees_with_settling_trader_by_trader(seed: int) -> None:
    messages, owned = random_messages(seed, PostRules())
    ended = settle_posts(messages.bids, messages.offers, owned)
    for play in range(len(owned)):
        np.testing.assert_allclose(ended.net_trades[play], settled_slowly(messages, play), atol=1e-12)


@settings(max_examples=drawn(100, 20))
@given(SEEDS, st.sampled_from(Offering))
def test_what_a_net_trade_costs_is_what_the_cheapest_messages_for_it_pay(seed: int, offering: Offering) -> None:
    generator = np.random.default_rng(seed)
    bid, offered, owned = generator.uniform(0.1, 5.0, 3)
    net = float(generator.uniform(-owned, offered * 0.9))
    bids, offers = messages_for(
        np.array([net]), np.array([bid]), np.array([offered]), np.array([owned]), offering=offering
    )
    ended = settle_posts(
        np.array([bids, [bid]]), np.array([offers, [offered]]), np.array([[owned, 1e4], [offered, 1e4]])
    )
    cost = cost_of(np.array([net]), np.array([bid]), np.array([offered]))[0]
    np.testing.assert_allclose(ended.net_trades[0], [net, -cost], rtol=1e-9, atol=1e-11)


@settings(max_examples=drawn(100, 10))
@given(SEEDS, st.sampled_from(Offering))
def test_nothing_on_a_grid_of_messages_is_better_than_the_best_reply(seed: int, offering: Offering) -> None:
    generator = np.random.default_rng(seed)
    trader = line(generator.uniform(1.0, 6.0), generator.uniform(0.3, 2.0))
    owned = np.array([generator.uniform(0.1, 2.0), generator.uniform(0.2, 6.0)])
    bid, offered = generator.uniform(0.1, 5.0, 2)
    batch = ValuationTable([trader]).select(np.zeros((), dtype=np.int64))
    net = best_reply(batch, owned, np.array([bid]), np.array([offered]), offering)
    value = float(batch.value(owned[:-1] + net)) - float(cost_of(net, np.array([bid]), np.array([offered]))[0])
    for own_bid in np.linspace(0, owned[1], 23):
        for own_offer in np.linspace(0, owned[0], 7) if offering is Offering.CHOSEN else owned[:1]:
            price = (bid + own_bid) / (offered + own_offer)
            held = owned[0] - own_offer + own_bid / price
            paid = own_bid - price * own_offer
            assert float(batch.value(np.array([held]))) - paid <= value + 1e-9 * (1 + abs(value))


def test_replies_to_several_goods_that_bear_on_each_other_spend_no_more_than_is_owned() -> None:
    trader = Quadratic(np.array([9.0, 8.0]), np.array([[1.5, -0.7], [-0.7, 1.2]]))
    batch = ValuationTable([trader]).select(np.zeros((), dtype=np.int64))
    bid, offered = np.array([2.0, 3.0]), np.array([2.0, 2.5])
    for money in (0.5, 2.0, 100.0):
        owned = np.array([0.5, 0.2, money])
        net = best_reply(batch, owned, bid, offered)
        spent, _ = messages_for(net, bid, offered, owned[:-1])
        assert spent.sum() <= money * (1 + 1e-9)
        # Marginal values over marginal costs are the same for both goods: what the money is worth, at least one.
        worth = batch.gradient(owned[:-1] + net) * (offered - net) ** 2 / (bid * offered)
        np.testing.assert_allclose(worth[0], worth[1], rtol=1e-6)
        assert worth[0] >= 1 - 1e-9
        assert (worth[0] > 1 + 1e-6) == (money < 10)


@settings(max_examples=drawn(100, 5))
@given(SEEDS, st.sampled_from(Offering))
def test_nobody_has_a_better_reply_in_equilibrium(seed: int, offering: Offering) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 1, 1, 2)), money=20.0)
    rules, rows = PostRules(offering), economy.rows(economy.profiles)
    owned, traders = economy.endowments(economy.profiles), economy.valuations.select(rows)
    messages = post_equilibrium(traders, owned, rules)
    ended = settle_posts(messages.bids, messages.offers, owned, rules)
    for player in range(4):
        bid, offered = others(messages, player)
        own = economy.valuations.select(rows[:, player])
        reply = best_reply(own, owned[:, player], bid, offered, offering)
        np.testing.assert_allclose(reply, ended.net_trades[:, player, :-1], atol=1e-7)


@pytest.mark.parametrize(("buyers", "sellers"), [(2, 2), (3, 2), (5, 9)])
def test_the_equilibrium_of_buyers_and_sellers_who_are_alike_is_the_closed_form(buyers: int, sellers: int) -> None:
    # (a - c z)(1 - 1/buyers) = p and (a' - c' (w - y)) = p (1 - 1/sellers), with as much bought as sold.
    a, c, low, slope, each = 10.0, 1.0, 3.0, 0.5, 4.0
    shade, raise_ = 1 - 1 / buyers, 1 - 1 / sellers
    ratio = sellers / buyers  # units bought by each for a unit sold by each
    sold = (raise_ * shade * a - (low - slope * each)) / (slope + raise_ * shade * c * ratio)
    price = shade * (a - c * ratio * sold)
    traders = of(*[line(a, c)] * buyers, *[line(low, slope)] * sellers)
    owned = np.array([[0.0, 90.0]] * buyers + [[each, 90.0]] * sellers)
    messages = post_equilibrium(traders, owned)
    ended = settle_posts(messages.bids, messages.offers, owned)
    np.testing.assert_allclose(ended.price, [price], rtol=1e-9)
    np.testing.assert_allclose(ended.net_trades[buyers:, 0], -sold, rtol=1e-8)
    np.testing.assert_allclose(ended.net_trades[:buyers, 0], sold * ratio, rtol=1e-8)


def test_equilibria_converge_to_walras_as_traders_are_replicated() -> None:
    distances = []
    for copies in (2, 4, 8, 16):
        traders = of(*[line(10.0, 1.0), Logarithmic(np.array([6.0]), np.array([1.0]))] * copies)
        owned = np.array([[0.5, 50.0], [4.0, 50.0]] * copies)
        for offering in Offering:
            rules = PostRules(offering)
            messages = post_equilibrium(traders, owned, rules)
            ended = settle_posts(messages.bids, messages.offers, owned, rules)
            marginal = traders.gradient(owned[:, :-1] + ended.net_trades[:, :-1])
            distances.append(float(np.ptp(marginal) / ended.price[0]))
    chosen, everything = np.array(distances[::2]), np.array(distances[1::2])
    for distance in (chosen, everything):
        assert (distance[1:] < 0.7 * distance[:-1]).all()
        # The wedge between marginal values is of the order of one over the number of traders.
        assert 1.5 < distance[-2] / distance[-1] < 2.5


def test_no_trade_is_an_equilibrium_and_the_only_one_of_two_traders() -> None:
    traders, owned = of(line(10.0, 1.0), line(4.0, 1.0)), np.array([[0.0, 9.0], [2.0, 9.0]])
    messages = post_equilibrium(traders, owned)
    assert not messages.bids.any()
    assert not messages.offers.any()
    for bids, offers in (([5.0], [0.0]), ([0.0], [1.5])):
        player = int(offers[0] > 0)
        alone = messages.with_player(player, np.array(bids), np.array(offers))
        assert not settle_posts(alone.bids, alone.offers, owned).net_trades.any()


@settings(max_examples=drawn(100, 10))
@given(SEEDS)
def test_price_takers_messages_hand_out_the_efficient_bundles_at_the_supporting_price(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 1)), goods=2)
    efficient, owned = efficient_allocation(economy), economy.endowments(economy.profiles)
    for offering in Offering:
        rules = PostRules(offering)
        messages = competitive_messages(efficient.bundles, efficient.price[:, :-1], owned, rules)
        ended = settle_posts(messages.bids, messages.offers, owned, rules)
        np.testing.assert_allclose(owned[..., :-1] + ended.net_trades[..., :-1], efficient.bundles, atol=1e-9)
        np.testing.assert_allclose(ended.price[~ended.closed], efficient.price[:, :-1][~ended.closed], rtol=1e-7)


def test_equilibria_are_not_claimed_where_they_are_not_known() -> None:
    both = Quadratic(np.array([9.0, 8.0]), np.array([[1.5, -0.7], [-0.7, 1.2]]))
    with pytest.raises(NoPostEquilibriumError, match="one by one"):
        post_equilibrium(of(both, both), np.ones((2, 3)))
    apart = Quadratic(np.array([9.0, 8.0]), np.diag([1.0, 1.0]))
    with pytest.raises(NoPostEquilibriumError, match="money"):
        post_equilibrium(
            of(*[apart] * 6), np.array([[0.0, 1.0, 3.0], [3.0, 1.0, 3.0]] * 3), PostRules(Offering.EVERYTHING)
        )


@pytest.mark.parametrize(
    ("bids", "offers", "rules", "message"),
    [
        ([[-1.0], [0.0]], [[0.0], [0.0]], PostRules(), "bids go down to -1"),
        ([[6.0], [0.0]], [[0.0], [0.0]], PostRules(), "more than the money it owns"),
        ([[0.0], [0.0]], [[3.0], [0.0]], PostRules(), "more than the units it owns"),
        ([[0.0], [0.0]], [[1.0], [2.0]], PostRules(Offering.EVERYTHING), "all of it must be offered"),
        ([[np.inf], [0.0]], [[0.0], [0.0]], PostRules(), "must be finite"),
    ],
)
def test_inadmissible_messages_are_refused(
    bids: list[list[float]], offers: list[list[float]], rules: PostRules, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        settle_posts(np.array(bids), np.array(offers), np.array([[2.0, 5.0], [2.0, 5.0]]), rules)


@settings(max_examples=drawn(100, 10))
@given(SEEDS)
def test_crossings_are_found_whatever_the_function(seed: int) -> None:
    generator = np.random.default_rng(seed)
    root, power, high = generator.uniform(0, 1, 30), generator.uniform(0.2, 5, 30), generator.uniform(1, 3, 30)

    def falling(x: FloatArray) -> FloatArray:
        return np.asarray(np.sign(root - x) * np.abs(root - x) ** power)

    np.testing.assert_allclose(crossing(falling, np.zeros(30), high), root, atol=1e-12)
    np.testing.assert_array_equal(crossing(lambda x: falling(x) + 999, np.zeros(30), high), high)
    np.testing.assert_array_equal(crossing(lambda x: falling(x) - 999, np.zeros(30), high), np.zeros(30))
