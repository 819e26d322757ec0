"""What players gain and lose in a settlement is known to the digits of what flows, however much they own."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.market_game.feasible_set import ration
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Withholding
from marketgame.mechanisms.market_game.settle import Engine, settle
from tests.mechanisms.market_messages import each_engine, random_messages
from tests.mechanisms.slow_settlement import nearest_shares

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import FloatArray

SEEDS = st.integers(0, 2**32 - 1)


def exact_changes(changes: FloatArray, owned: FloatArray) -> FloatArray:
    """Ration the claims to one good in rationals, and round only the changes it leaves."""
    holdings = [Fraction(value) for value in owned.tolist()]
    claims = [held + Fraction(change) for held, change in zip(holdings, changes.tolist(), strict=True)]
    shares = nearest_shares(claims, sum(holdings))
    return np.array([float(share - held) for share, held in zip(shares, holdings, strict=True)])


@settings(deadline=None, max_examples=150)
@given(SEEDS, st.integers(1, 6), st.sampled_from([0.0, 6.0, 12.0, 15.0]), st.sampled_from([0.0, 9.0, 15.0]))
def test_rations_are_right_to_the_digits_of_what_flows(seed: int, players: int, owned: float, traded: float) -> None:
    generator = np.random.default_rng(seed)
    holdings = generator.uniform(0, 10.0**owned, players) * (generator.random(players) < 0.8)
    changes = generator.normal(0, 10.0 ** generator.uniform(0, traded, players))
    changes = np.where(generator.random(players) < 0.2, -holdings, changes)  # Some lose all they have.
    cut = ration(changes, holdings)
    exact = exact_changes(changes, holdings)
    flows = np.abs(exact).max()
    np.testing.assert_allclose(cut, exact, rtol=0, atol=1e-14 * flows)
    assert (cut >= -holdings).all()


@each_engine
def test_change_keeps_its_digits_beside_a_billion(engine: Engine) -> None:
    # Seller and buyer own a billion of money each. One unit is sold for 1/3: a change of money known to 16 digits,
    # of which a holding of a billion keeps 7.
    quotes = np.array([[1 / 3, 1.0], [1 / 3, 1.0]])
    orders = np.zeros((2, 2, 2))
    orders[0, 1] = [1.0, -1 / 3]
    endowments = np.array([[0.0, 1e9], [1.0, 1e9]])
    settlement = settle(Play(quotes, orders, endowments, np.zeros(2)), engine=engine)
    np.testing.assert_array_equal(settlement.change, [[1.0, -1 / 3], [-1.0, 1 / 3]])
    for withholding in Withholding:
        changed = replace(settlement, rules=MarketRules(withholding=withholding)).net_consumption(endowments)
        np.testing.assert_array_equal(changed, settlement.change)


@each_engine
def test_a_ration_keeps_its_digits_beside_a_billion(engine: Engine) -> None:
    # Player 2 is bankrupt: its billion and its unit are shared. Both others sold it a unit for 1/3, which stands.
    # Good: claims are -1, -1 and -1 (bankrupt), so all is wasted. Money: +1/3 each, and a billion is left.
    quotes = np.full((3, 2), [1.0, 1.0])
    orders = np.zeros((3, 3, 2))
    orders[2, 0], orders[2, 1] = [1.0, -1 / 3], [1.0, -1 / 3]
    endowments = np.array([[1.0, 1e9], [1.0, 1e9], [1.0, 1e9]])
    settlement = settle(Play(quotes, orders, endowments, np.zeros(3)), engine=engine)
    assert settlement.bankrupt.tolist() == [False, False, True]
    np.testing.assert_array_equal(settlement.change, [[-1.0, 1 / 3], [-1.0, 1 / 3], [-1.0, -1e9]])


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.sampled_from(Bankruptcy), st.sampled_from(Withholding))
def test_net_consumption_is_consumption_less_endowment(
    seed: int, bankruptcy: Bankruptcy, withholding: Withholding
) -> None:
    generator = np.random.default_rng(seed)
    rules = MarketRules(bankruptcy=bankruptcy, withholding=withholding)
    quotes, orders, owned, transfers = random_messages(generator, (6,), 3, 2)
    announced = owned * generator.choice([0.5, 1.0, 0.0], owned.shape)
    settlement = settle(Play(quotes, orders, announced, transfers), rules)
    np.testing.assert_array_equal(settlement.allocation, announced + settlement.change)
    net = settlement.net_consumption(owned)
    np.testing.assert_allclose(net, settlement.consumption(owned) - owned, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="nobody can announce more than its endowment"):
        settlement.net_consumption(announced - 1)
