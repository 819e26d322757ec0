"""What is written down about single trades adds up to what the market charged."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.market_game.settlement import (
    Bankruptcy,
    MarketRules,
    Pricing,
    Solvency,
    settle,
)
from marketgame.simulation.stages.charges import (
    charges,
    final_flows,
    standing_flows,
)

rules_of_any_kind = st.builds(
    MarketRules,
    pricing=st.sampled_from(list(Pricing)),
    solvency=st.sampled_from(list(Solvency)),
    bankruptcy=st.sampled_from(list(Bankruptcy)),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 4), rules_of_any_kind)
def test_single_trades_add_up_to_the_settlement(seed: int, players: int, goods: int, rules: MarketRules) -> None:
    generator = np.random.default_rng(seed)
    quotes = np.concatenate((generator.integers(0, 3, (8, players, goods - 1)), np.ones((8, players, 1))), axis=-1)
    orders = generator.standard_normal((8, players, players, goods))
    announced = generator.uniform(0, 3, (8, players, goods))
    transfers = generator.uniform(-0.5, 2, (8, players))
    settled = settle(quotes, orders, announced, transfers, rules)
    standing = standing_flows(orders, quotes, rules.pricing)
    flows = final_flows(standing, settled.bankrupt, rules.bankruptcy)
    np.testing.assert_allclose(flows.sum(axis=2), settled.net_trade, atol=1e-12)
    np.testing.assert_allclose(flows, -np.swapaxes(flows, 1, 2), atol=0)
    cost = charges(flows, quotes, rules.pricing).sum(axis=(2, 3))
    # The cost shown for cancelled trades is the one the player failed with.
    counted = ~settled.bankrupt if rules.bankruptcy is Bankruptcy.UNWIND else np.ones_like(settled.bankrupt)
    np.testing.assert_allclose(cost[counted], settled.cost[counted], atol=1e-12)
