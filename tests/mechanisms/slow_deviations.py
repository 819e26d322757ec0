"""Deviations the slow way: every joint action of a finite menu, and gains from a settlement that shares no code."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.deviations.situation import JointAction, Situation
from marketgame.mechanisms.market_game.rules import Withholding
from tests.mechanisms.slow_settlement import settle_one_play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marketgame.mechanisms.arrays import FloatArray


def slow_utilities(situation: Situation, action: JointAction) -> FloatArray:
    """Return what each member expects, ``(S,)``, when outsiders play on."""
    members = situation.coalition
    expected = np.zeros(len(members))
    for draw, probability in enumerate(situation.probability):
        quotes, orders, announced, transfers = (array.copy() for array in situation.prescribed[draw].arrays)
        for place, member in enumerate(members):
            quotes[member], orders[member] = action.quotes[place], action.orders[place]
            announced[member] = action.announced_endowments[place]
            transfers[member] += action.side_transfers[place]
        bundles = _slow_bundles(situation, quotes, orders, announced, transfers)
        if situation.rules.withholding is Withholding.CONSUMED:
            bundles = bundles + situation.endowments[draw] - announced
        enjoyed = situation.economy.utility(situation.profiles[draw], bundles)
        expected += probability * enjoyed[list(members)]
    return expected


def _slow_bundles(
    situation: Situation, quotes: FloatArray, orders: FloatArray, announced: FloatArray, transfers: FloatArray
) -> FloatArray:
    """Settle in floating point, whose rounding is made up for by a hundred-billionth of what there is."""
    forgiven = 1e-11
    supply = announced.sum(axis=0)
    rules = situation.rules
    ended = settle_one_play(
        quotes.tolist(),
        orders.tolist(),
        (announced + forgiven * supply).tolist(),
        (transfers + forgiven * (quotes.min(axis=0) @ supply)).tolist(),
        (rules.pricing.value, rules.solvency.value, rules.bankruptcy.value),
    )
    return np.array(ended["allocation"])


def menu(
    situation: Situation, quotes: FloatArray, sizes: Sequence[float], shown: Sequence[float], side: Sequence[float]
) -> JointAction:
    """Return every joint action with these quotes whose flows come from a grid, as one batch.

    What flows to a member from each other player is, of every good, one of the sizes times the supply, and of the
    numeraire either that or what pays for the rest at the counterparty's quote.
    """
    members, players = situation.coalition, situation.prescribed.quotes.shape[1]
    pairs = [(i, j) for i in members for j in range(players) if j not in members or i < j]
    everybody = situation.prescribed.quotes[0].copy()
    everybody[list(members)] = quotes
    flows = [_flows_of_pair(situation, everybody[j], sizes) for _, j in pairs]
    actions = []
    for chosen in itertools.product(*flows):
        orders = np.zeros((len(members), players, quotes.shape[1]))
        for (i, j), flow in zip(pairs, chosen, strict=True):
            ordered = 0.0 if j in members else situation.prescribed.orders[0, j, i]
            orders[members.index(i), j] = flow + ordered
        actions.append(orders)
    owned = situation.endowments[0, list(members)]
    passed = np.array([-1.0, *[1 / max(len(members) - 1, 1)] * (len(members) - 1)]) * (len(members) > 1)
    combined = list(itertools.product(actions, shown, side if len(members) > 1 else [0.0]))
    return JointAction(
        np.broadcast_to(quotes, (len(combined), *quotes.shape)),
        np.stack([orders for orders, _, _ in combined]),
        np.stack([share * owned for _, share, _ in combined]),
        np.stack([amount * situation.supply[0, -1] * passed for _, _, amount in combined]),
    )


def _flows_of_pair(situation: Situation, price: FloatArray, sizes: Sequence[float]) -> list[FloatArray]:
    """Return the flows that may come to a member from a counterparty with these quotes."""
    goods = price.shape[0] - 1
    flows = []
    for chosen in itertools.product(sizes, repeat=goods):
        bought = np.array(chosen) * situation.supply[0, :-1]
        flows.append(np.append(bought, -float(price[:-1] @ bought)))
        flows.extend(np.append(bought, size * situation.supply[0, -1]) for size in sizes)
    return flows
