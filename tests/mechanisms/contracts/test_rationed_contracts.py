"""A contract that two members gain by breaking, and that no two keep an agreement against, though it is inefficient."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.deviation import certify_deviation
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stating import Recommendation, inefficiency, stated_contract
from marketgame.mechanisms.deviations.effort import Effort, Objective
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    gains,
    obedient,
    settled_gains,
    situation_of,
    stacked,
)
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Solvency,
)

ROUNDED = MarketRules(
    Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE, execution=Execution.MATCHED
)
ANN, BOB, SUE = range(3)
OIL, GRAIN, MONEY = range(3)
OIL_PRICE, GRAIN_PRICE = 1.0, 4.0


@cache
def rationed() -> GrandContract:
    """Grain is traded as it should be, and oil, whose price is too low, not at all."""
    slope = np.diag([1.0, 1.0])
    owns = {"ann": (1.0, 0.0), "bob": (1.0, 0.0), "sue": (0.0, 9.0)}
    wants = {"ann": (6.0, 7.0), "bob": (4.0, 7.0), "sue": (0.5, 7.0)}
    players = tuple(
        Player(name, (PlayerType("only", np.array([*owns[name], 30.0]), Quadratic(np.array(wants[name]), slope)),))
        for name in owns
    )
    goods = ("oil", "grain", "money")
    economy = Economy("rationed", goods, ("barrel", "ton", "euro"), players, IndependentPrior([np.ones(1)] * 3))
    trades = np.array([[0.0, 3.0, -12.0], [0.0, 3.0, -12.0], [0.0, -6.0, 24.0]])
    return stated_contract(economy, [Recommendation(trades, np.array([OIL_PRICE, GRAIN_PRICE, 1.0]))])


def sale(barrels: float, paid: float) -> JointAction:
    """Return what ann and bob do if bob sells her oil at the contract's price, and a side-transfer passes beside."""
    told = obedient(situation_of(rationed().under(ROUNDED), 0, (ANN, BOB), ROUNDED))
    orders = told.orders.copy()
    orders[ANN, BOB] += [barrels, 0.0, -OIL_PRICE * barrels - paid]
    orders[BOB, ANN] = -orders[ANN, BOB]
    return replace(told, orders=orders, side_transfers=np.array([-paid, paid]))


def test_it_is_inefficient_and_two_gain_together() -> None:
    contract = rationed().under(ROUNDED)
    assert inefficiency(contract).max() > 0.5
    faced = situation_of(contract, 0, (ANN, BOB), ROUNDED)
    sold = sale(0.5, 1.5)
    assert (gains(faced, sold) > 0.1).all()
    assert verify(certify_deviation(faced, sold, contract)).confirmed


@pytest.mark.parametrize("barrels", [1e-3, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("paid", [0.0, 0.01, 1.5, 3.0])
def test_whoever_sells_rather_keeps_the_oil_and_the_side_transfer(barrels: float, paid: float) -> None:
    faced = situation_of(rationed().under(ROUNDED), 0, (ANN, BOB), ROUNDED)
    told = sale(barrels, paid)
    orders = told.orders.copy()
    orders[1, ANN] -= [-barrels, 0.0, OIL_PRICE * barrels]
    kept, broken = settled_gains(faced, stacked([told, replace(told, orders=orders)]))[:, 1]
    # At the margin oil is worth 3 to bob, and more the more he sells.
    assert broken - kept == pytest.approx(2.0 * barrels + barrels**2 / 2.0, rel=1e-6)


def test_no_other_coalition_but_everybody_gains_at_all() -> None:
    bounds = PlainBounds(PlainContract(rationed().under(ROUNDED), ROUNDED))
    assert all(bounds.weakest((player,), None).excludes for player in range(3))
    assert not bounds.weakest((ANN, BOB), None).excludes
    assert not bounds.weakest((ANN, BOB, SUE), None).excludes


@pytest.mark.parametrize("pair", [(ANN, SUE), (BOB, SUE)])
def test_with_whoever_wants_no_oil_nobody_finds_anything_to_gain(pair: tuple[int, int]) -> None:
    faced = situation_of(rationed().under(ROUNDED), 0, pair, ROUNDED)
    effort = Effort(quote_vectors=4, local_rounds=0, refinements=1, warm_starts=50)
    assert most_profitable_deviation(faced, Objective.TOTAL, effort).value <= 1e-9 * faced.stake


def test_alone_at_a_price_of_their_own_the_two_have_less() -> None:
    economy = rationed().economy
    with_sue = float(rationed().gains[0, [ANN, BOB]].sum())
    # Without sue they have no grain, and of oil the best division gives ann as much more as her taste is greater.
    best = max(
        float(
            economy.gains(np.zeros((1, 3), dtype=int), np.array([[[moved, 0, 0], [-moved, 0, 0], [0, 0, 0]]]))[
                0, :2
            ].sum()
        )
        for moved in np.linspace(0.0, 1.0, 101)
    )
    assert 0.5 < best < with_sue - 1.0
