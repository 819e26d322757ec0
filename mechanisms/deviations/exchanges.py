r"""Exchanges of one good for money by two players, on top of what is recommended.

Where two players value one more unit of a good differently, they gain by trading some of it at any price between; where
a player values it otherwise than at the price that all quote, it gains alone, since orders bind whoever they are
addressed to. So these are what a contract that is not efficient falls to first (``docs/converse.md``). The market tests
budgets exactly and forgives nothing: quantities are powers of two, and prices that members agree on have few digits, so
that what is paid for them is not rounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.situation import JointAction, Situation, obedient, settled_gains, stacked
from marketgame.mechanisms.market_game.rules import Execution

PAIR = 2
SIZES = 12
"""So many powers of two, from what there is downwards, are tried as quantities."""
PRICES = 16
"""Into so many steps, a power of two each, the largest marginal value is divided for prices that members agree on."""
PARTNERS = 3
"""So many others are asked beside those who hold most of some good."""
ORDERS = 400_000
"""So many numbers of orders are settled, of few plays where there are many players, but of no fewer than the next."""
FEWEST = 8
KEPT = 12
"""So many exchanges by which nobody loses are kept, at different prices the best of each."""


def exchanges(situation: Situation) -> list[JointAction]:
    """Return exchanges by which a lone member gains, or by which both of two members do, the best first.

    Returns:
        Joint actions, of larger coalitions none; at most one for each price that two members agree on.
    """
    if len(situation.coalition) > PAIR or (situation.prescribed.quotes != situation.prescribed.quotes[:1]).any():
        return []
    alone = len(situation.coalition) == 1
    tried = list(_alone(situation) if alone else _between(situation))
    if not tried:
        return []
    most = max(FEWEST, ORDERS // situation.prescribed.orders.size)
    tried = tried[:: -(-len(tried) // most)]
    worth = (settled_gains(situation, stacked([one for _, one in tried])) - situation.obedient_gains).min(axis=-1)
    found: dict[float, JointAction] = {}
    for number in np.argsort(-worth, kind="stable"):
        if worth[number] <= 0.0 or len(found) == KEPT:
            break
        found.setdefault(tried[number][0], tried[number][1])
    return list(found.values())


def _sizes(situation: Situation, good: int) -> Iterator[float]:
    """Yield quantities of a good, powers of two."""
    there_is = float(situation.supply[:, good].max())
    for step in range(SIZES if there_is > 0.0 else 0):
        yield float(2.0 ** (np.floor(np.log2(there_is)) - step))


def _alone(situation: Situation) -> Iterator[tuple[float, JointAction]]:
    """Yield what a lone member may order from each other player at its quote, beside what it is told.

    Where orders are matched that refuses part of what is recommended, perhaps money from one and goods from another.
    """
    told, outsiders = obedient(situation), _partners(situation)
    matched = situation.rules.execution is Execution.MATCHED
    for good, other in itertools.product(range(situation.supply.shape[1] - 1), outsiders):
        price = float(situation.prescribed.quotes[0, other, good])
        chosen = itertools.product(_sizes(situation, good), (1.0, -1.0), outsiders if matched else (other,))
        for place, (size, sign, payer) in enumerate(chosen):
            orders = told.orders.copy()
            orders[0, other, good] += sign * size
            orders[0, payer, -1] -= sign * price * size
            yield float(place), JointAction(told.quotes, orders, told.announced_endowments, told.side_transfers)


def _partners(situation: Situation) -> list[int]:
    """Return outsiders with whom to trade: who holds most of each good, and a few others."""
    held = situation.obedient_play.allocation[0]
    richest = [
        outsider for good in held.T for outsider in situation.outsiders[np.argsort(-good[situation.outsiders])][:2]
    ]
    return list(dict.fromkeys([*richest, *situation.outsiders[:PARTNERS].tolist()]))


def _between(situation: Situation) -> Iterator[tuple[float, JointAction]]:
    """Yield exchanges between two members at a price of their own, or at the quotes with grants of what it differs by.

    Nobody would rather have exchanged less: the buyer's next unit is worth the price, the seller's last was not.
    """
    told, pair = obedient(situation), situation.members
    matched = situation.rules.execution is Execution.MATCHED
    rows = situation.economy.rows(situation.profiles[0])[pair]
    held = situation.obedient_play.allocation[0, pair, :-1]
    for good in range(situation.supply.shape[1] - 1):
        quoted = float(situation.prescribed.quotes[0, 0, good])
        for price, size, buyer in itertools.product(_prices(situation, good), _sizes(situation, good), (0, 1)):
            seller = 1 - buyer
            then = held.copy()
            then[buyer, good] += size
            then[seller, good] -= size
            if then[seller, good] < 0.0:
                continue
            worth = situation.economy.valuations.select(rows).supergradient(then)[:, good]
            if not worth[buyer] >= price >= worth[seller]:
                continue
            for own_quote in (True, False):
                quotes, orders = told.quotes.copy(), told.orders.copy()
                flow = np.zeros(orders.shape[-1])
                flow[good], flow[-1] = size, -size * price
                orders[buyer, pair[seller]] += flow
                if matched:
                    orders[seller, pair[buyer]] -= flow
                side = np.zeros(PAIR)
                if own_quote:
                    quotes[:, good] = price
                else:
                    side[buyer] = size * (quoted - price)
                    side[seller] = -side[buyer]
                yield price, JointAction(quotes, orders, told.announced_endowments, side)


def _prices(situation: Situation, good: int) -> FloatArray:
    """Return prices, multiples of one power of two, up to the most that any type of a member may pay."""
    economy, members = situation.economy, situation.coalition
    rows = np.concatenate(
        [economy.first_rows[member] + np.arange(len(economy.players[member].types)) for member in members]
    )
    share = situation.supply[:, :-1].max(axis=0) / situation.profiles.shape[1]
    values = np.stack(
        [
            economy.valuations.select(rows).supergradient(np.tile(part * share, (len(rows), 1)))[:, good]
            for part in (0, 1)
        ]
    )
    most = float(np.where(np.isfinite(values), values, 0.0).max(initial=0.0))
    if most <= 0.0:
        return np.zeros(0)
    step = 2.0 ** (np.ceil(np.log2(most)) - np.log2(PRICES))
    return np.arange(step, most, step)
