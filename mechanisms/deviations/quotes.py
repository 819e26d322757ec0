"""Which quotes a coalition tries: deterministic patterns first, then variations of the best found so far."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.situation import Situation

EXTREME = 1e3
"""Factor of an enormous quote."""

# Factors on the prescribed quotes, the most telling first: for nothing, enormous, then by halves and doubles.
_FACTORS = (0.0, EXTREME, 0.5, 2.0, 0.9, 1.1)
# A good prescribed to cost nothing is quoted, when it is quoted at all, as if it cost this share of what is at stake.
_FLOOR_SHARE = 1e-2


def quote_patterns(situation: Situation) -> list[FloatArray]:
    """Return joint quotes to try, ``(S, L)`` each, without repetition and the most telling first.

    Nobody misquotes; all misquote alike; one misquotes; one misquotes up and the others down. Every good is misquoted
    at once, or one good alone.
    """
    members = len(situation.coalition)
    found: dict[bytes, FloatArray] = {}
    for factors in _factor_patterns(members, situation.prescribed.quotes.shape[-1] - 1):
        quotes = quoted(situation, factors)
        found.setdefault(quotes.tobytes(), quotes)
    return list(found.values())


def varied_quotes(quotes: FloatArray, round_number: int, generator: np.random.Generator) -> FloatArray:
    """Return quotes near given ones ``(S, L)``: nearer in later rounds, sometimes alike for all who quoted alike."""
    spread = 2.0**-round_number
    members, goods = quotes.shape
    alike = generator.random() < 0.5
    noise = np.exp(spread * generator.normal(size=(1 if alike else members, goods - 1)))
    touched = generator.random((1 if alike else members, goods - 1)) < 0.6
    factors = np.where(touched, noise, 1.0)
    return np.column_stack([quotes[:, :-1] * factors, np.ones(members)])


def quoted(situation: Situation, factors: FloatArray) -> FloatArray:
    """Return the prescribed quotes of the members, ``(S, L)``, times factors ``(S, G)``."""
    prescribed = situation.prescribed.quotes[0, situation.members]
    supply = situation.supply.max(axis=0)
    floor = _FLOOR_SHARE * float(situation.stakes.sum()) / np.where(supply > 0, supply, np.inf)[:-1]
    goods = prescribed[:, :-1]
    lifted = np.where((factors > 1) & (goods == 0), np.maximum(goods, floor), goods)
    return np.column_stack([np.where(factors == 1, goods, lifted * factors), np.ones(len(prescribed))])


def _factor_patterns(members: int, goods: int) -> Iterator[FloatArray]:
    """Yield factors ``(S, G)``."""
    yield np.ones((members, goods))
    for vector in _vectors(goods):
        yield np.tile(vector, (members, 1))
        if members == 1:
            continue
        for misquoting in range(members):
            alone = np.ones((members, goods))
            alone[misquoting] = vector
            yield alone
    for low, high in ((0.5, 2.0), (0.0, EXTREME)) if members > 1 else ():
        for misquoting in range(members):
            opposed = np.full((members, goods), high)
            opposed[misquoting] = low
            yield opposed
            yield np.where(opposed == low, high, low)


def _vectors(goods: int) -> Iterator[FloatArray]:
    """Yield one factor per good: the same for all goods, then for one good alone."""
    for factor in _FACTORS:
        yield np.full(goods, factor)
        if goods == 1:
            continue
        for good in range(goods):
            yield np.where(np.arange(goods) == good, factor, 1.0)
