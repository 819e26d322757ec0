"""What ``docs/collusion.md``, Theorem 27, says of three who quote alike while one sells to pay what it owes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from marketgame.experiments.studies.institutions.families import Family, random_economy
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.three_members import Facts, three_may_agree
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.situation import JointAction, gains, played
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency

BOUGHT_OUT = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND)
TRIO, PLAYS, GRAIN = (0, 1, 2), 400, 64.0


def four_traders(seed: int, goods: int) -> GrandContract:
    return grand_contract(random_economy(Family.QUADRATIC, 4, goods, 1, np.random.default_rng(seed)))


def enjoyed_at(facts: Facts, poor: int, idle: int, price: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return what members enjoy, ``(K, 3)``, in plays at one price in which the poor one lives.

    All numbers are multiples of powers of two, so that budgets are met exactly, and most of what flows is from who has
    it to who wants it.
    """
    whole, owned = facts.whole, facts.whole.endowments[0]
    (rich,) = (member for member in TRIO if member not in (poor, idle))
    owed = np.ceil(facts.obeying[poor] * GRAIN) / GRAIN
    goods = owned[list(TRIO), :-1]
    shares = generator.dirichlet(np.full(3, 0.7), (PLAYS, goods.shape[1])).swapaxes(1, 2)
    trade = np.floor((shares * goods.sum(axis=0) - goods) * GRAIN) / GRAIN
    keeps = generator.random((PLAYS, 3, 1)) < np.array([0.3, 0.3, 0.3])[:, None]
    trade = np.where(keeps, 0.0, trade)
    flows = np.zeros((PLAYS, 4, owned.shape[1]))
    flows[:, [poor, idle], :-1] = trade[:, [poor, idle]]
    flows[:, poor, -1] = -owed - flows[:, poor, :-1] @ price
    flows[:, idle, -1] = -flows[:, idle, :-1] @ price
    orders = np.zeros((PLAYS, 3, *owned.shape))
    for member in (poor, idle):
        orders[:, member, rich] = flows[:, member]
    side = np.zeros((PLAYS, 3))
    side[:, [rich, poor]] = owed, -owed
    quotes = np.broadcast_to(np.append(price, 1.0), (PLAYS, 3, owned.shape[1]))
    actions = JointAction(quotes, orders, np.broadcast_to(owned[list(TRIO)], (PLAYS, 3, owned.shape[1])), side)
    alive = ~played(whole, actions).bankrupt[:, 0][:, list(TRIO)]
    enjoyed: FloatArray = gains(whole, actions) + [facts.obeying[member] for member in TRIO]
    return enjoyed[alive[:, poor]]


@pytest.mark.parametrize(("seed", "goods"), [(0, 1), (1, 2)])
def test_no_lottery_over_plays_at_one_dear_price_brings_more_than_is_said(seed: int, goods: int) -> None:
    generator = np.random.default_rng(seed)
    made = four_traders(seed, goods)
    facts = replace(Facts(made, 0, TRIO, BOUGHT_OUT), closely=True)
    tried = 0
    for poor, idle in [(0, 1), (2, 0)][-goods:]:
        dear = facts.selling_dear(poor, idle, 0.0)
        for exponent in generator.integers(5, 11, 4):
            price = 2.0 ** np.array([exponent, generator.integers(-2, 9)])[:goods]
            enjoyed = enjoyed_at(facts, poor, idle, price, generator)
            if not len(enjoyed):
                continue
            total, certain = enjoyed.sum(axis=1), np.ones((1, len(enjoyed)))
            assert (total <= facts.selling(TRIO, poor) + 1e-7).all()
            for lacks in (0.0, 20.0):
                least = facts.alone[idle] - lacks
                row = -enjoyed[:, [idle]].T
                best = linprog(-total, A_ub=row, b_ub=[-least], A_eq=certain, b_eq=[1.0], method="highs")
                if best.status == 0:
                    tried += 1
                    assert -float(best.fun or 0.0) <= dear.enjoyed + dear.lenient * lacks + 1e-7
    assert tried > 1


def test_three_who_trade_well_among_themselves_are_excluded_by_what_a_dear_price_costs_the_third() -> None:
    """The economy of two goods and four traders that is left open by Theorem 22 alone."""
    stream = np.random.SeedSequence(13).spawn(11)[10]
    made = grand_contract(random_economy(Family.QUADRATIC, 4, 2, 1, np.random.default_rng(stream)))
    assert not three_may_agree(made, 0, TRIO, BOUGHT_OUT)
