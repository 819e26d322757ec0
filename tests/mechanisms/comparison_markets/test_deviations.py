"""Who gains at trading posts and in the call market: bounds hold, what is found is there, and slow twins agree."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.comparison_markets.call_market import TypeSchedules, WithSteps, clear, clear_reports
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, gains_from, obeyed_trades
from marketgame.mechanisms.comparison_markets.kept_agreements import best_kept_agreement
from marketgame.mechanisms.comparison_markets.lies import ReportedMarket, sampled_lies
from marketgame.mechanisms.comparison_markets.pair_deviations import best_pair
from marketgame.mechanisms.comparison_markets.post_deviations import ToldPosts
from marketgame.mechanisms.comparison_markets.residual_supply import best_schedule
from marketgame.mechanisms.comparison_markets.stances import Stances, played, truthful
from marketgame.mechanisms.comparison_markets.trading_posts import settle_posts
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders

SEEDS = st.integers(0, 2**32 - 1)
POSTS = [market for market in ComparedMarket if market is not ComparedMarket.CALL]


def small(seed: int, counts: tuple[int, ...] = (2, 1, 2)) -> Economy:
    return random_economy(seed, random_independent_prior(seed, counts), money=60.0)


def lie_told_slowly(economy: Economy, market: ComparedMarket, player: int, true: int, said: int) -> float:
    """What a lie gains, profile by profile."""
    gain = chance = 0.0
    for profile, probability in zip(economy.profiles, economy.prior.probability, strict=True):
        if profile[player] == true:
            report = profile.copy()
            report[player] = said
            told, honest = (obeyed_trades(economy, market, each[None]) for each in (report, profile))
            after, before = (gains_from(economy, profile[None], each)[0, player] for each in (told, honest))
            gain, chance = gain + probability * (after - before), chance + probability
    return gain / chance


@settings(max_examples=drawn(40, 4))
@given(SEEDS, st.sampled_from(ComparedMarket))
def test_the_worst_lie_is_the_one_that_a_slow_search_finds(seed: int, market: ComparedMarket) -> None:
    economy = small(seed)
    slow = {
        (player, true, said): lie_told_slowly(economy, market, player, true, said)
        for player in (0, 2)
        for true, said in ((0, 1), (1, 0))
    }
    found = ReportedMarket.of(economy, market).best_lie(1)
    assert found is not None
    np.testing.assert_allclose(found.gain, max(slow.values()), atol=1e-9)
    at = found.coalition[0], found.true_types[0], found.reported_types[0]
    np.testing.assert_allclose(slow[at], found.gain, atol=1e-9)


def test_what_lies_gain_on_average_over_draws_is_what_they_are_expected_to_gain() -> None:
    economy = small(5)
    exact = {
        (lie.coalition[0], lie.true_types[0], lie.reported_types[0]): lie.gain
        for lie in ReportedMarket.of(economy, ComparedMarket.CALL).lies(1)
    }
    draws = economy.prior.draws(np.random.default_rng(1), 400).profiles
    found = sampled_lies(economy, ComparedMarket.CALL, draws, NO_DEADLINE)
    assert {(lie.player, lie.true_type, lie.reported_type) for lie in found} == set(exact)
    for lie in found:
        told = exact[lie.player, lie.true_type, lie.reported_type]
        assert abs(lie.gain - told) <= 5 * lie.standard_error + 1e-12
    assert sampled_lies(economy, ComparedMarket.CALL, draws, Deadline.after(0.0)) == []


def test_lies_of_coalitions_are_as_many_as_are_counted() -> None:
    reported = ReportedMarket.of(small(3, (2, 3, 1)), ComparedMarket.CALL)
    for size in (1, 2, 3):
        lies = list(reported.lies(size))
        truths = sum(np.prod(c) for c in ((2, 3, 1) if size == 1 else (6, 2, 3) if size == 2 else (6,)))
        singles = 1 if size == 1 else 0  # Whoever has one type has nothing to lie about.
        assert len(lies) + truths - singles == reported.number_of_lies(size) - singles


@settings(max_examples=drawn(30, 3))
@given(SEEDS, st.sampled_from(POSTS))
def test_no_message_on_a_grid_gains_more_than_the_bound_at_posts(seed: int, market: ComparedMarket) -> None:
    economy = small(seed, (1, 1, 1, 1))
    posts = ToldPosts.of(economy, market)
    told, owned = posts.told, economy.endowments(economy.profiles)[0]
    for player in range(4):
        (reply,) = posts.replies(player, lies=True)
        assert reply.gain <= reply.bound + 1e-9
        obeyed = obeyed_trades(economy, market, economy.profiles)
        at_first = gains_from(economy, economy.profiles, obeyed)[0, player]
        grid = [np.linspace(0, owned[player, 1], 21), np.linspace(0, owned[player, 0], 7)]
        if market is ComparedMarket.ALL_OFFERED:
            grid[1] = owned[player, :1]
        for bid, offer in product(*grid):
            sent = told.with_player(player, np.array([[bid]]), np.array([[offer]]))
            net = settle_posts(sent.bids, sent.offers, owned[None], posts.rules).net_trades
            assert gains_from(economy, economy.profiles, net)[0, player] - at_first <= reply.bound + 1e-9


@settings(max_examples=drawn(30, 3))
@given(SEEDS)
def test_in_equilibrium_nobody_gains_at_posts_after_the_truth(seed: int) -> None:
    economy = small(seed, (2, 1, 2, 1))
    for market in (ComparedMarket.EQUILIBRIUM, ComparedMarket.ALL_OFFERED):
        posts = ToldPosts.of(economy, market)
        bounds = [reply.bound for player in range(4) for reply in posts.replies(player, lies=False)]
        assert max(bounds) <= 1e-8


@settings(max_examples=drawn(30, 3))
@given(SEEDS)
def test_no_schedule_on_a_grid_gains_more_than_the_bound_in_the_call_market(seed: int) -> None:
    economy = small(seed, (1, 2, 1))
    owned = economy.endowments(economy.profiles)
    true = TypeSchedules(economy.valuations.select(economy.rows(economy.profiles)), owned[..., :-1], owned[..., -1])
    before = gains_from(economy, economy.profiles, clear(true).net_trades)
    player = 0
    found = best_schedule(economy, player, 0)
    assert found is not None
    assert -1e-6 <= found.gain <= found.bound + 1e-9
    top = float(owned[0, :, 0].sum())
    for limit, first, last in product(np.linspace(3, 10, 3), np.linspace(0, top, 4), np.linspace(0, top, 4)):
        if last > first:
            continue
        steps = np.array([[limit]]), np.array([[first]]), np.array([last])
        after = gains_from(economy, economy.profiles, clear(WithSteps(true, player, *steps)).net_trades)
        gain = float(economy.prior.probability @ (after - before)[:, player])
        assert gain <= found.bound + 1e-9


def test_the_lone_seller_of_a_linear_market_gains_what_the_monopolist_gains() -> None:
    # Others' demand leaves a straight residual supply: three traders, the best deviation of each in closed form.
    economy = three_traders()
    intercepts, slopes, owned = np.array([5.0, 5.5, 6.2]), np.array([1.0, 1.0, 1.2]), np.array([2.0, 1.0, 1.5])
    for player in range(3):
        rest = np.arange(3) != player
        # Others hold sum (a - p) / c = S - x, so p = (A + x - S) / C.
        total, weight = float((intercepts / slopes)[rest].sum()), float((1 / slopes)[rest].sum())
        price_of = [(total - owned.sum()) / weight, 1 / weight]
        # Maximise a x - c x^2 / 2 - (p0 + p1 x)(x - w).
        holding = (intercepts[player] - price_of[0] + price_of[1] * owned[player]) / (slopes[player] + 2 * price_of[1])
        price = price_of[0] + price_of[1] * holding
        gain = _surplus(intercepts[player], slopes[player], holding, price, owned[player])
        truth = clear_reports(economy, economy.profiles)
        net = float(truth.net_trades[0, player, 0])
        gain -= _surplus(
            intercepts[player], slopes[player], owned[player] + net, float(truth.price[0, 0]), owned[player]
        )
        found = best_schedule(economy, player, 0)
        assert found is not None
        np.testing.assert_allclose([found.gain, found.bound], gain, rtol=1e-4)


def _surplus(intercept: float, slope: float, holding: float, price: float, owned: float) -> float:
    return intercept * holding - slope * holding**2 / 2 - price * (holding - owned)


def test_two_who_agree_open_a_post_that_one_alone_cannot() -> None:
    economy = three_traders()
    alone = ToldPosts.of(economy, ComparedMarket.EQUILIBRIUM)
    assert not alone.told.bids.any()
    assert max(reply.bound for player in range(3) for reply in alone.replies(player, lies=True)) <= 1e-9
    found = best_pair(economy, ComparedMarket.EQUILIBRIUM, NO_DEADLINE)
    assert found is not None
    assert found.gain > 0.1


@settings(max_examples=drawn(20, 4), deadline=None)
@given(SEEDS)
def test_no_message_on_a_grid_breaks_what_two_keep_and_both_gain_by_it(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (1, 1, 1)), money=60.0)
    found = best_kept_agreement(economy, ComparedMarket.EQUILIBRIUM, NO_DEADLINE)
    if found is None or found.gain <= 1e-6:
        return
    assert found.gains.min() >= 0
    posts, members = ToldPosts.of(economy, ComparedMarket.EQUILIBRIUM), list(found.coalition)
    owned = economy.endowments(economy.profiles)
    bids, offers = posts.told.bids.copy(), posts.told.offers.copy()
    bids[:, members], offers[:, members] = found.bids, found.offers

    def enjoyed(sent: tuple[FloatArray, FloatArray], member: int) -> float:
        net = settle_posts(*sent, owned, posts.rules).net_trades
        return float(gains_from(economy, economy.profiles, net)[0, member])

    obeyed = [enjoyed((posts.told.bids, posts.told.offers), member) for member in members]
    kept = [enjoyed((bids, offers), member) for member in members]
    np.testing.assert_allclose(np.subtract(kept, obeyed), found.gains, rtol=1e-9, atol=1e-12)
    grid = np.linspace(0, 1, 9)
    goods = owned.shape[-1] - 1
    for member, stays in zip(members, kept, strict=True):
        for good, bid, offer in product(range(goods), grid, grid):
            changed = bids.copy(), offers.copy()
            left = owned[0, member, -1] - bids[0, member].sum() + bids[0, member, good]
            changed[0][0, member, good], changed[1][0, member, good] = bid * left, offer * owned[0, member, good]
            assert enjoyed(changed, member) <= stays + 1e-9 * (1 + abs(stays))


def test_two_who_use_both_sides_of_a_post_agree_on_what_neither_breaks() -> None:
    """Where nothing is traded they trade; places, units and money do not matter; if all must be offered nobody does."""
    economy = three_traders()
    found = best_kept_agreement(economy, ComparedMarket.EQUILIBRIUM, NO_DEADLINE)
    assert found is not None
    assert found.gain > 0.1
    assert (found.bids > 0).all()
    assert (found.offers > 0).all()
    turned = replace(economy, players=economy.players[::-1])
    same = best_kept_agreement(turned, ComparedMarket.EQUILIBRIUM, NO_DEADLINE)
    assert same is not None
    assert same.gain == pytest.approx(found.gain, rel=1e-9)
    none = best_kept_agreement(economy, ComparedMarket.ALL_OFFERED, NO_DEADLINE)
    assert none is None or none.gain <= 1e-9
    with pytest.raises(ValueError, match="only searched where types are known"):
        best_kept_agreement(small(1), ComparedMarket.EQUILIBRIUM, NO_DEADLINE)
    assert best_kept_agreement(economy, ComparedMarket.EQUILIBRIUM, Deadline.after(0)) is None


@settings(max_examples=drawn(30, 5))
@given(SEEDS, st.sampled_from(ComparedMarket))
def test_stances_of_truth_and_obedience_change_nothing(seed: int, market: ComparedMarket) -> None:
    economy = small(seed)
    types = economy.profiles
    plain = gains_from(economy, types, obeyed_trades(economy, market, types))
    np.testing.assert_allclose(played(economy, market, types, truthful(types)), plain, atol=1e-9)


@settings(max_examples=drawn(30, 5))
@given(SEEDS, st.sampled_from(ComparedMarket))
def test_a_trader_who_sends_nothing_keeps_what_it_owns(seed: int, market: ComparedMarket) -> None:
    economy = small(seed)
    stances = truthful(economy.profiles)
    stances.shares[:, 1] = 0.0
    gains = played(economy, market, economy.profiles, stances)
    if market is not ComparedMarket.ALL_OFFERED:
        np.testing.assert_allclose(gains[:, 1], 0, atol=1e-9)
    noisy = Stances(economy.profiles, np.full(economy.profiles.shape, 1.1), np.ones(economy.profiles.shape))
    # If all mistake prices alike nothing real changes but prices, as far as money does.
    same = played(economy, market, economy.profiles, noisy)
    total = played(economy, market, economy.profiles, truthful(economy.profiles)).sum(axis=1)
    np.testing.assert_allclose(same.sum(axis=1), total, rtol=1e-6, atol=1e-7)


def test_stances_know_no_schedules_of_goods_that_bear_on_each_other() -> None:
    economy = random_economy(1, random_independent_prior(1, (1, 1)), goods=2)
    stances = truthful(economy.profiles)
    stances.shares[:, 0] = 0.5
    with pytest.raises(ValueError, match="bear on each other"):
        played(economy, ComparedMarket.CALL, economy.profiles, stances)
