"""Plays meant to break bounds: odd quotes, huge orders, short sales, hidden endowments, side transfers.

Random orders bankrupt almost everybody. So members settle up: whatever their other trades leave them, or cost them,
each spends or raises on one good with one partner, at whatever the rule charges, and so ends exactly inside its budget.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.deviations.situation import JointAction, Situation, admissible, obedient

type Charge = Callable[[FloatArray, FloatArray], FloatArray]
"""From flows ``(B, N, N, L)`` and quotes ``(B, N, L)`` to what each player is charged for each, ``(B, N, N, L)``."""


def adversarial_plays(situation: Situation, charge: Charge, generator: np.random.Generator, count: int) -> JointAction:
    """Plays of the members; those that the rule of coverage does not admit are left out."""
    usual, members = obedient(situation), len(situation.coalition)
    goods = situation.prescribed.quotes.shape[-1]
    quotes = _quotes(usual.quotes, generator, count)
    orders = np.where(generator.random((count, 1, 1, 1)) < 0.5, usual.orders, _no_trade(situation))
    wild = generator.random(count) < 0.4
    orders[wild] += _noise(situation, generator, int(wild.sum()))
    settling = _partners(situation, generator, count)
    tame = np.flatnonzero(~wild)
    bought = _buy_from_one(situation, orders, tame, generator)
    settled = generator.random(len(tame)) < 0.5
    settling[tame[settled], 0] = bought[settled]
    announced = usual.announced_endowments * generator.choice([1.0, 1.0, 0.4, 1e-3], size=(count, members, goods))
    side = generator.normal(size=(count, members)) * generator.choice([0.0, 1.0, 20.0, 150.0], size=(count, 1))
    side = side - side.mean(axis=1, keepdims=True)
    _settle_up(situation, charge, (quotes, orders, side), settling, generator)
    plays = JointAction(quotes, orders, announced, side)
    return plays[np.flatnonzero(admissible(situation, plays))]


def _quotes(usual: FloatArray, generator: np.random.Generator, count: int) -> FloatArray:
    """The contract's quotes, some of them a little or absurdly different, for one member or for all."""
    factors = generator.choice(
        [1.0, 1.0, 0.0, 0.5, 0.875, 1.125, 2.0, 64.0, 2.0**-20, 2.0**20], size=(count, *usual.shape)
    )
    factors[..., -1] = 1.0
    together = generator.random(count) < 0.5
    factors[together] = factors[together][:, :1]
    factors[generator.random(count) < 0.2] = 1.0
    return usual * factors


def _no_trade(situation: Situation) -> FloatArray:
    """Orders ``(S, N, L)`` that undo what others order from the members."""
    return np.asarray(situation.prescribed.orders[0][:, situation.members].swapaxes(0, 1))


def _noise(situation: Situation, generator: np.random.Generator, count: int) -> FloatArray:
    """Orders between any two: nothing, a share of all there is of some goods, or far more."""
    members, players, goods = len(situation.coalition), *situation.prescribed.quotes.shape[1:]
    sizes = generator.choice([0.0, 0.0, 0.1, 0.3, 1.0, 20.0, 1e4], size=(count, members, players, 1))
    some = generator.random((count, 1, 1, goods)) < 0.6
    noise: FloatArray = sizes * generator.normal(size=(count, members, players, goods)) * some * situation.supply[0]
    return noise


def _partners(situation: Situation, generator: np.random.Generator, count: int) -> IntegerArray:
    """With whom each member settles up, and in which good, ``(B, S, 2)``; money as often as anything else."""
    players, goods = situation.prescribed.quotes.shape[1:]
    chosen = np.empty((count, len(situation.coalition), 2), dtype=np.int64)
    for place, member in enumerate(situation.coalition):
        chosen[:, place, 0] = generator.choice([player for player in range(players) if player != member], size=count)
        chosen[:, place, 1] = generator.integers(goods, size=count)
    chosen[generator.random(count) < 0.5, :, 1] = goods - 1
    return chosen


def _buy_from_one(
    situation: Situation, orders: FloatArray, plays: IntegerArray, generator: np.random.Generator
) -> IntegerArray:
    """Let the first member order much of what somebody has, or more, for some or a speck of one good.

    Returns:
        From whom and for what in each of these plays, ``(B, 2)``.
    """
    buyer, count, goods = situation.coalition[0], len(plays), orders.shape[-1]
    source = generator.choice([player for player in range(orders.shape[2]) if player != buyer], size=count)
    owned, supply = situation.endowments[0], situation.supply[0]
    wanted = np.where(generator.random((count, 1)) < 0.5, owned[source], supply)
    wanted = wanted * generator.choice([0.5, 0.96875, 1.0, 32.0], size=(count, 1))
    given = generator.integers(goods, size=count)
    wanted[np.arange(count), given] = -owned[buyer, given] * generator.choice([2.0**-13, 0.125, 1.0, 32.0], size=count)
    orders[plays, 0, source] += wanted
    return np.stack([source, given], axis=-1)


def _settle_up(
    situation: Situation,
    charge: Charge,
    played: tuple[FloatArray, FloatArray, FloatArray],
    settling: IntegerArray,
    generator: np.random.Generator,
) -> None:
    """Let each member buy or sell one good, from or to one other player, for what its budget leaves it or lacks."""
    quotes, orders, side = played
    count, _, players, goods = orders.shape
    everybody = np.broadcast_to(situation.prescribed.quotes[0], (count, players, goods)).copy()
    everybody[:, situation.members] = quotes
    ordered = np.broadcast_to(situation.prescribed.orders[0], (count, *situation.prescribed.orders.shape[1:])).copy()
    for place, member in enumerate(situation.coalition):
        ordered[:, situation.members] = orders
        flows = ordered - ordered.swapaxes(1, 2)
        charged = charge(flows, everybody)[:, member]
        # Budgets are tested exactly: often a speck less is spent than this arithmetic leaves. Factors are of few bits,
        # so that it leaves the exact sum where the contract's numbers are of few bits too.
        speck = 1e-10 * np.abs(charged).sum(axis=(-1, -2)) * (generator.random(count) < 0.6)
        left = situation.prescribed.transfers[0, member] + side[:, place] - charged.sum(axis=(-1, -2)) - speck
        thrifty, settles = np.less(generator.random((2, count)), [[0.5], [0.9]])
        for other, kind in product([player for player in range(players) if player != member], range(goods)):
            chosen = np.flatnonzero(settles & (settling[:, place] == (other, kind)).all(axis=-1))
            unit = np.zeros((len(chosen), players, players, goods))
            unit[:, member, other, kind] = np.sign(left[chosen])
            unit[:, other, member, kind] = -np.sign(left[chosen])
            price = np.abs(charge(unit, everybody[chosen])[:, member, other, kind])
            amount = np.divide(left[chosen], price, out=np.zeros(len(chosen)), where=price > 0)
            # Whoever wants the other to live leaves it something.
            least = np.minimum(amount, 0.875 * situation.endowments[0, other, kind])
            orders[chosen, place, other, kind] += np.where(thrifty[chosen], least, amount)
