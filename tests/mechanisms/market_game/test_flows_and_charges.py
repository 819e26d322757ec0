"""What flows in single trades, and what each side is charged for it, adds up to what the market settled."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.certificates.plain.settlement import PlainPlay, settled
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.deviations.test_bounds_of_every_rule import EVERY_RULE

rules_of_any_kind = st.sampled_from(EVERY_RULE)


def random_plays(seed: int, count: int, players: int, goods: int) -> Play:
    generator = np.random.default_rng(seed)
    quotes = np.concatenate(
        (generator.integers(0, 3, (count, players, goods - 1)), np.ones((count, players, 1))), axis=-1
    )
    orders = generator.standard_normal((count, players, players, goods))
    announced = generator.uniform(0, 3, (count, players, goods))
    transfers = np.maximum(generator.uniform(-0.5, 2, (count, players)), -announced[..., -1])
    return Play(quotes, orders, announced, transfers)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 4), rules_of_any_kind)
def test_single_trades_add_up_to_the_settlement(seed: int, players: int, goods: int, rules: MarketRules) -> None:
    settlement = settle(random_plays(seed, 8, players, goods), rules)
    flows = settlement.flows
    np.testing.assert_allclose(flows.sum(axis=2), settlement.net_trade, atol=1e-12)
    np.testing.assert_array_equal(flows, -np.swapaxes(flows, 1, 2))
    # The cost shown for cancelled trades is the one the player failed with.
    unwound = rules.bankruptcy is Bankruptcy.UNWIND
    counted = ~settlement.bankrupt if unwound else np.ones_like(settlement.bankrupt)
    cost = settlement.charges.sum(axis=(2, 3))
    np.testing.assert_allclose(cost[counted], settlement.cost[counted], atol=1e-12)
    if unwound:
        assert not flows[settlement.bankrupt].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4), rules_of_any_kind)
def test_what_was_ordered_flows_unless_it_is_void_or_cancelled(seed: int, players: int, rules: MarketRules) -> None:
    play = random_plays(seed, 6, players, 2)
    settlement = settle(play, rules)
    standing = (settlement.flows != 0).any(axis=-1)
    ordered = play.orders - np.swapaxes(play.orders, 1, 2)
    np.testing.assert_array_equal(settlement.flows[standing], ordered[standing])
    np.testing.assert_array_equal(settlement.ordered_flows[standing], ordered[standing])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 3), rules_of_any_kind)
def test_charges_of_survivors_are_those_of_exact_arithmetic(
    seed: int, players: int, goods: int, rules: MarketRules
) -> None:
    play = random_plays(seed, 1, players, goods)[0]
    plain, settlement = settled(PlainPlay.of(*play.arrays), rules), settle(play, rules)
    assert plain.bankrupt == settlement.bankrupt.tolist()
    charged = settlement.charges.sum(axis=(1, 2))
    for player in np.flatnonzero(~settlement.bankrupt):
        np.testing.assert_allclose(charged[player], float(plain.cost[player]), atol=1e-12)


def test_orders_to_oneself_flow_nowhere_whatever_they_are() -> None:
    play = random_plays(1, 2, 3, 2)
    play.orders[:, range(3), range(3)] = np.nan
    settlement = settle(play)
    assert np.isfinite(settlement.flows).all()
    assert np.isfinite(settlement.charges).all()
