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
    numbers = np.arange(count) % len(menu)
    constructed = (_constructed(situation, menu[number], generator) for number in numbers)
    return JointAction(*map(np.stack, zip(*constructed, strict=True))), numbers


def _constructed(
    situation: Situation, quotes: FloatArray, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what makes one action at given quotes: these, orders, announced endowments and side transfers."""
    members = situation.members
    everybody = situation.prescribed.quotes[0].copy()
    everybody[members] = quotes
    flows = _flows(situation, everybody, generator)
    orders = flows + situation.prescribed.orders[0][:, members].swapaxes(0, 1)
    orders[:, members] = np.triu(np.ones((len(members), len(members))), 1)[..., None] * flows[:, members]
    shares = _SHOWN[generator.integers(len(_SHOWN), size=(len(members), 1))]
    shown = situation.endowments[0, members] * shares
    side = generator.normal(size=len(members)) * _PAID[generator.integers(len(_PAID))] * situation.supply[0, -1]
    return quotes, orders, shown, side - side.mean()


def _flows(situation: Situation, quotes: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return flows to the members, ``(S, N, L)``, each paid for in numeraire at the counterparty's quote."""
    members, players, goods = len(situation.coalition), *quotes.shape
    size = _SIZES[generator.integers(len(_SIZES))] * situation.supply[0, :-1]
    actor, good = generator.integers(members), generator.integers(goods - 1)
    traded = np.zeros((members, players, goods - 1))
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
        traded = generator.normal(size=traded.shape) * size
    traded[np.arange(members), situation.members] = 0.0
    traded[:, situation.members] -= traded[:, situation.members].swapaxes(0, 1)
    paid = -np.einsum("sjh,jh->sj", traded, quotes[:, :-1])
    paid[:, situation.members] = (paid[:, situation.members] - paid[:, situation.members].T) / 2
    return np.concatenate([traded, paid[..., None]], axis=-1)
