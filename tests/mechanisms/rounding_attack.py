"""A search for coalitions that gain from rounding: random plays against a contract, and changes of the best.

A gain from rounding is what the members hold after the settlement of the package, less what the reference hands them
when it settles the same messages in rational numbers, valued at the contract's price, in shares of what the members own
or are to receive. A verdict that differs from the exact one would show as a gain of the size of the trade.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.recommended_orders import granted_for_rounding, orders_to_each
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.market_messages import Messages
from tests.mechanisms.slow_settlement import settle_one_play

REPAIRED_RULES = [
    MarketRules(pricing, Solvency.NO_SHORT_SALES, bankruptcy, Coverage.ANNOUNCED_NUMERAIRE)
    for pricing in Pricing
    for bankruptcy in Bankruptcy
]
SMALLEST = 1e-3
"""The smallest coalition owns and receives this share of what everybody does."""


@dataclass(frozen=True)
class Attacked:
    """A contract that all but the members obey."""

    price: FloatArray
    """``(L,)``, numeraire per unit."""
    obedient: Messages
    coalition: tuple[int, ...]
    stake: Fraction
    """Value of the goods and the money the members own or are to receive, numeraire."""


def contract(generator: np.random.Generator) -> Attacked:
    """Draw a contract among three to five players, the first two twins half of the time, at any price."""
    players, goods = int(generator.integers(3, 6)), int(generator.integers(2, 4))
    price = 10.0 ** generator.uniform(-12, 12, goods)
    price[-1] = 1.0
    worth = generator.normal(0, 1, (players, goods)) * 10.0 ** generator.uniform(-2, 0, (players, 1))
    if generator.random() < 0.5:
        worth[1] = worth[0]
    worth[-1] = -worth[:-1].sum(axis=0)
    worth[:, -1] = -worth[:, :-1].sum(axis=1)
    net_trades = worth / price
    spare = np.abs(net_trades) * (generator.random((players, goods)) < 0.5)
    endowments: FloatArray = np.maximum(-net_trades, 0.0) + spare
    each = orders_to_each(net_trades[None])
    granted = granted_for_rounding(price[None], each, net_trades[None])
    coalition = tuple(sorted(generator.choice(players, int(generator.integers(1, players)), replace=False).tolist()))
    value = (price * np.maximum(endowments, endowments + net_trades)).sum(axis=1)
    return Attacked(
        price,
        Messages(
            np.tile(price, (players, 1)),
            np.repeat(each[0][:, None], players, axis=1),
            endowments,
            net_trades @ price + granted,
        ),
        coalition,
        Fraction(float(max(value[list(coalition)].sum(), SMALLEST * value.sum()))),
    )


def changed(generator: np.random.Generator, attacked: Attacked, play: Messages) -> Messages:
    """Change what members quote, order or hand each other: huge orders that cancel, specks, last digits, limits."""
    quotes, orders, endowments, transfers = (np.array(values) for values in play)
    members = np.array(attacked.coalition)
    member, payee = int(generator.choice(members)), int(generator.choice(members))
    other, good = int(generator.integers(len(quotes))), int(generator.integers(quotes.shape[1]))
    scale = max(float(endowments[:, good].sum()), 1e-300)
    kind = generator.integers(6)
    if kind == 0:
        size = scale * 10.0 ** generator.uniform(-18, 18) * generator.choice([-1.0, 1.0])
        orders[member, other, good] += size
        if other in attacked.coalition:
            orders[other, member, good] += size
    elif kind == 1:  # Buy at one quote and sell at another.
        third = int(generator.integers(len(quotes)))
        size = scale * 10.0 ** generator.uniform(-18, 18)
        orders[member, other, good] += size
        orders[member, third, good] -= size
    elif kind == 2 and good < quotes.shape[1] - 1:
        near = 1.0 + generator.choice([-1.0, 1.0]) * 10.0 ** generator.uniform(-16, 0)
        quotes[member, good] *= max(near, 0.0) if generator.random() < 0.7 else 10.0 ** generator.uniform(-12, 12)
    elif kind == 3:
        orders[member, other, good] = np.nextafter(orders[member, other, good], generator.choice([-np.inf, np.inf]))
    elif kind == 4:  # All the money the coverage of transfers admits, or a part.
        paid = (transfers[member] + endowments[member, -1]) * generator.choice([1.0, 1e-9, generator.random()])
        if payee != member and paid > 0.0:
            transfers[member] = max(transfers[member] - paid, -endowments[member, -1])
            transfers[payee] += paid
    else:  # Spend to the last digit.
        cost = settle(Play(quotes, orders, endowments, transfers), MarketRules(Pricing.COUNTERPARTY)).cost
        orders[member, other, -1] += transfers[member] - cost[member]
    return Messages(quotes, orders, endowments, transfers)


def rounding_gain(attacked: Attacked, play: Messages, rules: MarketRules) -> float:
    """Return what rounding brings the members, in shares of what they have at stake."""
    settlement = settle(Play(*play), rules)
    exact = [np.vectorize(Fraction, otypes=[object])(values).tolist() for values in play]
    names = (rules.pricing.value, rules.solvency.value, rules.bankruptcy.value)
    reference = settle_one_play(exact[0], exact[1], exact[2], exact[3], names)
    gain = Fraction(0)
    for i in attacked.coalition:
        for h, price in enumerate(attacked.price.tolist()):
            change = reference["allocation"][i][h] - exact[2][i][h]
            gain += Fraction(price) * (Fraction(float(settlement.change[i, h])) - change)
    return float(gain / attacked.stake)


def largest_rounding_gain(seed: int, rules: MarketRules, *, contracts: int, steps: int) -> float:
    """Return the largest gain found: of every contract a chain of changes, mostly of the best play so far."""
    generator = np.random.default_rng(seed)
    largest = 0.0
    for _ in range(contracts):
        attacked = contract(generator)
        best, gain = attacked.obedient, 0.0
        for _ in range(steps):
            tried = best if generator.random() < 0.7 else attacked.obedient
            for _ in range(int(generator.integers(1, 4))):
                tried = changed(generator, attacked, tried)
            found = rounding_gain(attacked, tried, rules)
            if found > gain:
                best, gain = tried, found
        largest = max(largest, gain)
    return largest
