"""Efficient allocations of one good in rational arithmetic: what a contract says, without a rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuations import Quadratic


def decimal(number: np.float64) -> Fraction:
    """The decimal fraction that the number was entered as."""
    return Fraction(repr(float(number)))


def exact_outcome(economy: Economy, number: int) -> tuple[Fraction, tuple[Fraction, ...]]:
    """The supporting price and the bundles of one good at a profile; valuations quadratic, the good scarce.

    At price p player i takes (a_i - p)/s_i or nothing. Leave out, one after the other, those whose intercept does not
    reach the price at which the rest share the supply.
    """
    profile = economy.profiles[number]
    kinds = [player.types[kind] for player, kind in zip(economy.players, profile, strict=True)]
    supply = sum((decimal(kind.endowment[0]) for kind in kinds), Fraction(0))
    tastes = []
    for kind in kinds:
        assert isinstance(kind.valuation, Quadratic)
        tastes.append((decimal(kind.valuation.intercept[0]), decimal(kind.valuation.slope[0, 0])))
    taking = set(range(len(tastes)))
    while True:
        steepness = sum(1 / tastes[i][1] for i in taking)
        price = (sum(tastes[i][0] / tastes[i][1] for i in taking) - supply) / steepness
        left = {i for i in taking if tastes[i][0] > price}
        if left == taking:
            break
        taking = left
    assert price >= 0, "the good must be scarce"
    bundles = tuple((a - price) / s if i in taking else Fraction(0) for i, (a, s) in enumerate(tastes))
    return price, bundles


def exact_information(economy: Economy, members: tuple[int, ...]) -> list[list[int]]:
    """The profiles that members together cannot tell apart, by their types, the price and their own bundles.

    Payments at the supporting price tell them nothing more.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in np.flatnonzero(economy.prior.probability > 0).tolist():
        price, bundles = exact_outcome(economy, number)
        types = tuple(economy.profiles[number, list(members)].tolist())
        groups.setdefault((types, price, *(bundles[member] for member in members)), []).append(number)
    return sorted(groups.values())
