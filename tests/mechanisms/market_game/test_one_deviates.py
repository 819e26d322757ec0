"""Plays in which one player deviates from orders that are the same to everybody end as the market settles them."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.one_deviates import OneDeviates, sums_suffice
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle

PLAYS = 4


@pytest.mark.parametrize("pricing", Pricing)
@pytest.mark.parametrize("whole", [True, False])
def test_sums_over_players_end_plays_as_sums_over_pairs_do(pricing: Pricing, whole: bool) -> None:
    """Whole numbers bring ties of budgets and holdings, which are decided exactly; others do so by chance."""
    for seed in range(12):
        draw = np.random.default_rng(seed)
        players, goods = int(draw.integers(2, 7)), int(draw.integers(2, 4))

        def numbers(*shape: int, draw: np.random.Generator = draw) -> FloatArray:
            return draw.integers(-2, 3, shape).astype(float) if whole else draw.standard_normal(shape)

        quotes = np.concatenate((np.abs(numbers(players, goods - 1)), np.ones((players, 1))), axis=1)
        if pricing is Pricing.SPREAD or draw.random() < 0.5:
            quotes[:] = quotes[0]
        elif draw.random() < 0.5:
            quotes[::2] = quotes[0]
        deviator, to_each, transfers = int(draw.integers(players)), numbers(players, goods), 3 * numbers(players)
        announced, shown = np.abs(2 * numbers(players, goods)), np.abs(2 * numbers(PLAYS, goods))
        orders = numbers(PLAYS, players, goods) * 10.0 ** draw.integers(0, 3, (PLAYS, 1, 1))
        everybody = np.repeat(to_each[None, :, None], players, axis=2).repeat(PLAYS, axis=0)
        everybody[:, deviator] = orders
        announcements = np.repeat(announced[None], PLAYS, axis=0)
        announcements[:, deviator] = shown
        play = Play(
            np.broadcast_to(quotes, announcements.shape), everybody, announcements, np.tile(transfers, (PLAYS, 1))
        )
        for solvency in Solvency:
            for bankruptcy in Bankruptcy:
                rules = MarketRules(pricing=pricing, solvency=solvency, bankruptcy=bankruptcy)
                assert sums_suffice(rules, quotes)
                found = OneDeviates(rules, deviator, quotes, to_each, announced, transfers).change(orders, shown)
                np.testing.assert_allclose(found, settle(play, rules).change[:, deviator], rtol=0, atol=1e-11)


def test_sums_do_not_do_where_what_flows_or_its_price_depends_on_both() -> None:
    alike, apart = np.ones((3, 2)), np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 1.0]])
    assert not sums_suffice(MarketRules(execution=Execution.MATCHED), alike)
    assert not sums_suffice(MarketRules(pricing=Pricing.SPREAD), apart)
    assert sums_suffice(MarketRules(pricing=Pricing.SPREAD), alike)
