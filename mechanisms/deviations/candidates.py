"""Deviations constructed by rule of thumb and settled by the batch: warm starts for the search, never a proof.

Four thumbs: sell a good short for numeraire; buy where it is cheap and sell where it is dear; let a member order and
another deliver what it does not have; order at random. Everything is scaled to the supply, and the member who orders
balances its own cost with numeraire.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.deviations.situation import JointAction, Situation

# How much is ordered, in multiples of the supply.
_SIZES = (0.05, 0.3, 1.0, 5.0)
# Which part of what they have members announce, and which part of all numeraire they pay each other.
_SHOWN = np.array([1.0, 1.0, 1.0, 0.5])
_PAID = (0.0, 0.0, 0.1)


def constructed_actions(
    situation: Situation, menu: list[FloatArray], count: int, generator: np.random.Generator
) -> tuple[JointAction, IntegerArray]:
    """Return a batch of constructed joint actions, and which quotes of the menu each uses."""
    members, prescribed = situation.members, situation.prescribed
    numbers = np.arange(count) % len(menu)
    quotes, everybody = np.stack(menu)[numbers], np.tile(prescribed.quotes[0], (count, 1, 1))
    everybody[:, members] = quotes
    traded = np.zeros((count, len(members), everybody.shape[1], everybody.shape[2] - 1))
    shares, side = np.empty((count, len(members), 1)), np.empty((count, len(members)))
    for number in range(count):
        _trade(situation, everybody[number], traded[number], generator)
        shares[number] = _SHOWN[generator.integers(len(_SHOWN), size=(len(members), 1))]
        side[number] = generator.normal(size=len(members)) * _PAID[generator.integers(len(_PAID))]
    side *= situation.supply[0, -1]
    flows = _paid_for(traded, everybody, members)
    orders = flows + prescribed.orders[0][:, members].swapaxes(0, 1)
    orders[:, :, members] = np.triu(np.ones((len(members), len(members))), 1)[..., None] * flows[:, :, members]
    shown = situation.endowments[0, members] * shares
    return JointAction(quotes, orders, shown, side - side.mean(axis=-1, keepdims=True)), numbers


def _trade(situation: Situation, quotes: FloatArray, traded: FloatArray, generator: np.random.Generator) -> None:
    """Enter what members get of goods by one thumb, ``(S, N, L - 1)``, at everybody's quotes, ``(N, L)``."""
    members = len(situation.coalition)
    size = _SIZES[generator.integers(len(_SIZES))] * situation.supply[0, :-1]
    actor, good = generator.integers(members), generator.integers(quotes.shape[1] - 1)
    thumb = generator.integers(4)
    if thumb == 0:
        traded[actor, :, good] = -size[good]
    elif thumb == 1:
        cheap, dear = np.argmin(quotes[:, good]), np.argmax(quotes[:, good])
        traded[actor, cheap, good] += size[good]
        traded[actor, dear, good] -= size[good]
    elif thumb == 2:
        traded[actor, situation.members[generator.integers(members)]] = size
    else:
        traded[:] = generator.normal(size=traded.shape) * size


def _paid_for(traded: FloatArray, quotes: FloatArray, members: IntegerArray) -> FloatArray:
    """Return flows to the members, ``(B, S, N, L)``, each paid for in numeraire at the counterparty's quote."""
    traded[:, np.arange(len(members)), members] = 0.0
    traded[:, :, members] -= traded[:, :, members].swapaxes(1, 2)
    paid = -np.einsum("bsjh,bjh->bsj", traded, quotes[..., :-1])
    paid[:, :, members] = (paid[:, :, members] - paid[:, :, members].swapaxes(1, 2)) / 2
    return np.concatenate([traded, paid[..., None]], axis=-1)
