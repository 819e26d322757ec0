"""No coalition gains by the size of its orders: what huge orders are rounded by is worth nothing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.order_search import evened
from marketgame.mechanisms.deviations.situation import JointAction, Situation, gains, obedient, situation_of
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE, stakes_by_profile
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from tests.mechanisms.private_value_economies import three_traders

REPAIRED = MarketRules(
    pricing=Pricing.VOID,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
SIZES = [1e3, 1e6, 1e9, 1e12, 1e15, 1e18]


@pytest.fixture(scope="module")
def contract() -> GrandContract:
    return grand_contract(three_traders())


def stake(contract: GrandContract, coalition: tuple[int, ...]) -> float:
    stakes = stakes_by_profile(contract.economy, contract.efficient, contract.numeraire_transfers)
    return float(stakes[0, list(coalition)].sum())


@pytest.mark.parametrize("size", SIZES)
def test_two_members_who_order_money_from_each_other_gain_nothing_by_it(contract: GrandContract, size: float) -> None:
    # Under the four rules no coalition gains (docs/collusion.md, theorem 2). That two members order the same amount
    # of money from each other changes nothing at all; that they take money from the third besides is more than their
    # budgets hold, and once was forgiven as rounding: they gained (4.79, 1.95) with orders of 1e15.
    situation = situation_of(contract, 0, (0, 1), REPAIRED)
    told = obedient(situation)
    orders = told.orders.copy()
    orders[0, 1, 1] += size
    orders[1, 0, 1] += size
    for taken in (1e-6, 1.0, 5.0):
        greedy = orders.copy()
        greedy[0, 2, 1] += taken
        greedy[1, 2, 1] += taken
        gained = gains(situation, JointAction(told.quotes, greedy, told.announced_endowments, told.side_transfers))
        assert gained.sum() <= GAIN_TOLERANCE * stake(contract, (0, 1))
        assert (gained < 0).all()


@pytest.mark.parametrize("coalition", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("pricing", Pricing)
def test_no_rounding_of_any_orders_pays_a_coalition(
    contract: GrandContract, coalition: tuple[int, ...], pricing: Pricing
) -> None:
    # At common quotes the wealth of a coalition bounds what it ends with, so that it gains nothing in total, under
    # every rule of pricing. Orders of any size that cancel, at budgets or a digit off, are tried by the hundred.
    rules = MarketRules(pricing, REPAIRED.solvency, REPAIRED.bankruptcy, REPAIRED.coverage)
    situation = situation_of(contract, 0, coalition, rules)
    generator = np.random.default_rng(len(coalition))
    worth = GAIN_TOLERANCE * stake(contract, coalition)
    for size in SIZES:
        for number in range(12):
            action = cancelling(situation, size, generator, taken=0.0 if number % 2 else generator.normal())
            for tried in (action, evened(situation, action)):
                if tried is not None:
                    assert gains(situation, tried).sum() <= worth


def cancelling(situation: Situation, size: float, generator: np.random.Generator, taken: float) -> JointAction:
    """Huge flows that cancel between members, round the circle, or good against money at the quotes of all."""
    told, price = obedient(situation), situation.prescribed.quotes[0, 0]
    orders = told.orders.copy()
    huge = [size * generator.uniform(0.5, 2.0) for _ in situation.coalition]
    for place, amount in enumerate(huge):
        others = [player for player in range(orders.shape[1]) if player != situation.coalition[place]]
        bought, sold = generator.permutation(others)[:2]
        orders[place, bought, 0] += amount
        orders[place, sold, 0] -= amount
        if generator.random() < 0.5:
            orders[place, bought, 1] -= amount * price[0]
            orders[place, sold, 1] += amount * price[0]
        orders[place, sold, 1] += taken
    for first, second in combinations(range(len(huge)), 2):
        orders[first, situation.coalition[second]] += huge[first]
        orders[second, situation.coalition[first]] += huge[first]
    return JointAction(told.quotes, orders, told.announced_endowments, told.side_transfers)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("player", range(3))
def test_one_player_without_short_sales_gains_nothing_by_orders_that_cancel(
    contract: GrandContract, player: int, size: float
) -> None:
    # It buys from one and sells to another at the same price, and takes money besides. Walras is Nash without short
    # sales: at 1e12 this once gained 2e-5, at 1e15 4.8.
    situation = situation_of(contract, 0, (player,), MarketRules.no_short_sales())
    told, price = obedient(situation), float(situation.prescribed.quotes[0, 0, 0])
    first, second = (other for other in range(3) if other != player)
    for taken in (1e-9, 1e-3, 1.0):
        orders = told.orders.copy()
        orders[0, first] += [size, -size * price + taken]
        orders[0, second] += [-size, size * price]
        action = JointAction(told.quotes, orders, told.announced_endowments, told.side_transfers)
        assert gains(situation, action)[0] <= GAIN_TOLERANCE * stake(contract, (player,))
