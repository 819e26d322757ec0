r"""Three who all matter, and whom no balanced transfers make tell the truth (Proposition 26 of docs/reports.md).

Types lie on a circle, and how likely a profile is depends on their sum alone, so that a step of any of the three moves
its odds alike:

.. math:: q(t_1 - 1, t_2, t_3) = q(t_1, t_2 - 1, t_3) = q(t_1, t_2, t_3 - 1).

Summed over players with these odds, what balanced transfers add to the report of the next type is then nothing, and
truth is best for nobody's loss only if the same sum of valuations' gains is at most nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

import numpy as np

from marketgame.mechanisms.economies.beliefs import CorrelatedPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic

WORTH = (79, 78, 6, 3, 5, 74, 78)
"""What a first unit of the good is worth to each type; further units are worth one less each."""
SUPPLY = 2
USUAL = Fraction(99, 100)
"""How likely it is that the sum of types is a multiple of their number; all other sums are equally likely."""
COUNT = len(WORTH)

type Profile = tuple[int, ...]


def odds(types: Profile) -> Fraction:
    """Return how likely three types are together; every profile is possible."""
    of_sum = USUAL if sum(types) % COUNT == 0 else (1 - USUAL) / (COUNT - 1)
    return of_sum / COUNT**2


def shares(worth: Sequence[int]) -> tuple[Fraction, ...]:
    """Return who gets how much of the good if it is divided efficiently, in rational numbers."""
    takers = sorted(range(len(worth)), key=lambda place: -worth[place])
    for count in range(len(worth), 0, -1):
        chosen = takers[:count]
        price = Fraction(sum(worth[place] for place in chosen) - SUPPLY, count)
        if worth[chosen[-1]] >= price:
            return tuple(max(Fraction(worth[place]) - price, Fraction(0)) for place in range(len(worth)))
    raise AssertionError


def value(kind: int, amount: Fraction) -> Fraction:
    """Return what an amount of the good is worth to a type."""
    return WORTH[kind] * amount - amount**2 / 2


def gain_of_the_next_report() -> Fraction:
    """Return what reporting the next type adds to valuations, expected, summed over the three."""
    allocation = {types: shares([WORTH[kind] for kind in types]) for types in product(range(COUNT), repeat=3)}
    return sum((odds(types) * _gain(types, who, allocation) for types in allocation for who in range(3)), Fraction(0))


def _gain(types: Profile, who: int, allocation: dict[Profile, tuple[Fraction, ...]]) -> Fraction:
    after = allocation[_stepped(types, who, 1)][who]
    return value(types[who], after) - value(types[who], allocation[types][who])


def _stepped(types: Profile, who: int, step: int) -> Profile:
    return tuple((kind + step * (place == who)) % COUNT for place, kind in enumerate(types))


def unequal_steps() -> Iterator[Profile]:
    """Yield profiles whose odds a step back of one player moves otherwise than one of another; there are none."""
    for types in product(range(COUNT), repeat=3):
        if len({odds(_stepped(types, who, -1)) for who in range(3)}) > 1:
            yield types


def economy() -> Economy:
    """Return the economy, in which everybody owns a third of the good and more money than it is worth."""
    types = tuple(
        PlayerType(f"type {kind}", np.array([SUPPLY / 3, 200.0]), Quadratic(np.array([float(worth)]), np.eye(1)))
        for kind, worth in enumerate(WORTH)
    )
    players = tuple(Player(name, types) for name in ("Ann", "Bob", "Cat"))
    joint = np.array([float(odds(types)) for types in product(range(COUNT), repeat=3)]).reshape((COUNT,) * 3)
    return Economy("round table", ("grain", "money"), ("kg", "euro"), players, CorrelatedPrior(joint / joint.sum()))
