"""Where trades stand no two of three agree on who is ruined: Theorems 20 and 21, attacked by settling plays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.certificates.examination import examine
from marketgame.mechanisms.collusion.side_contracts.arbitrage import Temptation, deterred_by
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import random_economy, three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

VOID = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.TRADES_STAND)
SPREAD = replace(VOID, pricing=Pricing.SPREAD, coverage=Coverage.ANNOUNCED_NUMERAIRE)


def traders(generator: np.random.Generator, least_money: float) -> GrandContract:
    """Three traders of one good, 0 and 1 the pair; their marginal values at nothing are 12 to 17."""
    drawn = generator.uniform((0.3, least_money, 12.0), (3.0, least_money + 60.0, 17.0), (3, 3))
    return grand_contract(
        economy_of(
            [one_type(f"trader {k}", [good, money], line(wants)) for k, (good, money, wants) in enumerate(drawn)]
        )
    )


def settled(
    made: GrandContract, rules: MarketRules, quotes: FloatArray, orders: FloatArray, moved: float
) -> tuple[FloatArray, BooleanArray]:
    """Return what the pair gains beyond obedience, ``(plays, 2)``, and who of it is bankrupt; 1 gets what 0 owes."""
    told = made.recommend(made.economy.profiles[0])
    plays = len(orders)
    asked, transfers = np.broadcast_to(told.quotes, (plays, 3, 2)).copy(), told.transfers.copy()
    asked[:, :2, 0] = quotes
    transfers[:2] += (-moved, moved)
    every = orders.copy()
    every[:, 2] = told.orders[2]
    play = settle(Play(asked, every, np.broadcast_to(made.endowments[0], (plays, 3, 2)), transfers), rules)
    net = play.net_consumption(made.endowments[0])
    gained = made.economy.gains(np.broadcast_to(made.economy.profiles[0], (plays, 3)), net) - made.gains[0]
    return gained[:, :2], play.bankrupt[:, :2]


@pytest.mark.parametrize("seed", range(6))
def test_no_lottery_over_hidden_orders_that_ruins_somebody_is_kept_by_two_who_trade_one_good(seed: int) -> None:
    """Theorem 20: a program over all lotteries on a grid of orders; members may answer beyond the grid."""
    generator = np.random.default_rng(seed)
    made = traders(generator, 25.0)
    owned, told = made.endowments[0], made.recommend(made.economy.profiles[0])
    price = float(told.quotes[0, 0] * 10 ** generator.uniform(-1.5, 1.5))
    moved = float(generator.choice([0.0, 0.8]) * generator.uniform(-1, 1) * owned[:2, 1].min())
    purses = price * owned[:2, 0] + owned[:2, 1] + np.array([-moved, moved])
    step = float(purses.min()) / generator.integers(1, 5)
    told_only, beyond = 4, 7
    levels = np.arange(-beyond, told_only + beyond)
    # Member 1 orders money for the good from member 0, and so does 0 from 1; what was given must be paid for.
    line_of_orders = levels[:, None] * step * np.array([-1.0 / price, 1.0])
    start = np.array([-1.0 / price, 1.0]) * generator.choice([0.0, 0.4]) * step + np.array([0.0, moved])
    here, there = (index.ravel() for index in np.meshgrid(*[np.arange(len(levels))] * 2, indexing="ij"))
    orders = np.zeros((len(here), 3, 3, 2))
    orders[:, 1, 0], orders[:, 0, 1] = line_of_orders[here] + start, line_of_orders[there]
    gained, bankrupt = settled(made, VOID, np.array([price, price]), orders, moved)
    shape = (len(levels), len(levels))
    ones, zeros = gained[:, 1].reshape(shape), gained[:, 0].reshape(shape)
    ruined = bankrupt.any(axis=1).reshape(shape)
    some = np.flatnonzero((levels >= 0) & (levels < told_only))
    rows = []
    for place, row in enumerate(some):
        for other in np.delete(np.arange(len(levels)), row):
            tempted = np.zeros((2, told_only, told_only))
            tempted[0, place] = ones[other, some] - ones[row, some]
            tempted[1, :, place] = zeros[some, other] - zeros[some, row]
            rows.append(tempted.reshape(2, -1))
    within = np.ix_(some, some)
    kept = linprog(
        -ruined[within].astype(float).ravel(),
        A_ub=np.concatenate(rows),
        b_ub=np.zeros(2 * len(rows)),
        A_eq=np.ones((1, told_only**2)),
        b_eq=[1.0],
    )
    # Either nothing is kept, or only trades in which nobody is ruined.
    assert kept.status in (0, 2)
    assert kept.x is None or float(ruined[within].ravel() @ kept.x) < 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_whoever_is_told_to_order_most_of_what_is_too_dear_rather_sells_and_ruins_everybody(seed: int) -> None:
    """Theorem 21, where prices are higher than anybody's marginal value at what it owns."""
    generator = np.random.default_rng(seed)
    made = traders(generator, 150.0)
    assert deterred_by(made, SPREAD) is Temptation.SELLING_DEAR
    owned, told = made.endowments[0], made.recommend(made.economy.profiles[0])
    quotes = 17.0 * 10 ** generator.uniform(0, 2) * generator.uniform(1.0, 1.3, 2)
    least, draws = float(quotes.min()), 200
    moved = float(generator.uniform(-30.0, 30.0))
    orders = np.zeros((draws, 3, 3, 2))
    # What the partner orders is at most what the member does; it may give money back, and trade with the outsider.
    level = 5.0
    orders[:, 0, 1, 0] = level - np.where(
        generator.random(draws) < 0.5, 0.0, generator.exponential(owned[1, 1] / least, draws)
    )
    orders[:, 0, 1, 1] = generator.choice([-1.0, 0.0, 1.0], draws) * generator.uniform(0, 300, draws)
    orders[:, 0, 2] = generator.normal(size=(draws, 2)) * 50.0
    orders[:, 1, 0, 0] = level
    orders[:, 1, 2] = told.orders[2, 1]
    orders[:, 1, 2, 1] += moved
    instead = orders.copy()
    share = 0.5 * min(owned[1, 0], 100.0 / least)
    instead[:, 1, 0, 0] -= share
    instead[:, 1, 0, 1] += least * share + 1e6
    instead[:, 1, 2, 1] -= 1e6
    obeyed, ruined = settled(made, SPREAD, quotes, orders, moved)
    answered, _ = settled(made, SPREAD, quotes, instead, moved)
    lives = ~ruined[:, 1]
    assert lives.any()
    assert (answered[lives, 1] > obeyed[lives, 1]).all()
    assert (answered[:, 1] >= obeyed[:, 1] - 1e-9).all()


@pytest.mark.parametrize("seed", range(4))
def test_at_prices_not_too_dear_the_ruin_of_one_costs_more_than_the_other_gains(seed: int) -> None:
    """Theorem 21: at any such quotes the pair gains nothing in sum in any play."""
    generator = np.random.default_rng(seed)
    made = traders(generator, 150.0)
    owned, told = made.endowments[0], made.recommend(made.economy.profiles[0])
    price = float(told.quotes[0, 0])
    wanted = made.economy.valuations.gradient(np.arange(3), owned[:, :1])[:, 0]
    draws = 3000
    quotes = generator.uniform(0.0, max(float(wanted.max()), price), (draws, 2))
    orders = generator.normal(size=(draws, 3, 3, 2)) * 10 ** generator.uniform(-1, 4, (draws, 1, 1, 1))
    # Member 1 buys the outsider's good through the other, who is ruined: what may bring most.
    half = draws // 2
    quotes[:half] = generator.uniform(0.0, 0.2 * price, (half, 1))
    orders[:half] = 0.0
    orders[:half, :2, 2] = told.orders[2, :2]
    orders[:half, 1, 0, 0] = generator.uniform(1.0, 3.0, half) * owned[:, 0].sum()
    orders[:half, 1, 0, 1] = -generator.uniform(0.0, 1.0, half) * quotes[:half, 0] * orders[:half, 1, 0, 0]
    for moved in (0.0, 30.0, -30.0):
        gained, _ = settled(made, SPREAD, quotes, orders, moved)
        assert gained.sum(axis=1).max() <= 1e-9 * owned.sum()


def test_that_pairs_are_tempted_where_trades_stand_is_claimed_of_what_was_proved_only() -> None:
    three = grand_contract(three_traders())
    assert deterred_by(three, VOID) is Temptation.OUTBIDDING
    assert deterred_by(three, replace(VOID, coverage=Coverage.ANNOUNCED_NUMERAIRE)) is Temptation.OUTBIDDING
    assert deterred_by(three, replace(SPREAD, coverage=Coverage.UNLIMITED)) is None
    four = grand_contract(random_economy(1, IndependentPrior([np.ones(1)] * 4)))
    two_goods = grand_contract(random_economy(1, IndependentPrior([np.ones(1)] * 3), goods=2))
    for made in (four, two_goods):
        assert deterred_by(made, VOID) is deterred_by(made, SPREAD) is None
    # Money of which there is less than the goods are worth does not outweigh them.
    assert deterred_by(traders(np.random.default_rng(0), 25.0), SPREAD) is None


def test_three_traders_are_certified_where_trades_stand() -> None:
    made = traders(np.random.default_rng(1), 150.0)
    for rules in (VOID, SPREAD):
        found = examine(made, rules, Coalitions(3, 3), Deadline.after(20.0))
        assert found.collusion_proof is Verdict.PROVEN
        assert found.strongly_collusion_proof is Verdict.REFUTED
