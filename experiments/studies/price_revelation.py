r"""How often the supporting price tells the whole type profile, and what rounded quotes and equal traders do to it.

Giraud and Rochon's Lemma 1 says that generically it does. For every size of economy and either family of valuations
many economies are drawn, and each is asked whether the prices of any two of its type profiles differ. An economy in
which everybody holds some of every good at every profile is *interior*. Elsewhere revelation fails on an open set: two
profiles that differ only in traders who hold nothing of a good, whatever those types, divide it at the same price,
because what supports the one supports the other.

Ties are made by drawing every number of a valuation from so few levels, as if traders had rounded what they think;
profiles in which everybody values everything the same are then one profile. Quotes are rounded to multiples of a tick.

Source:
    Giraud and Rochon (2001), section 3, Lemma 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from marketgame.experiments.studies.institutions.families import Family, random_economy
from marketgame.experiments.studies.institutions.resuming import Kept, Rows
from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic

NAME = "price-revelation"
SIZES = ((2, 1, 2), (3, 1, 2), (4, 1, 2), (6, 1, 2), (3, 1, 3), (3, 2, 2), (4, 2, 2))
"""Players, goods without the numeraire, types of each player."""
LEVELS = (0, 20, 5)
"""How many values each number of a valuation can have; any number with 0."""
TICKS = (0.0, 1e-4, 1e-3, 1e-2)
"""To multiples of which share of the mean price quotes are rounded; not at all with 0."""
ECONOMIES, SEED = 1000, 14
CONFIDENCE = 0.95
# Prices are exact to about 1e-14 of themselves; those of different economies are this near each other only by chance,
# once in some thousand economies of the largest size.
SAME_PRICE = 1e-12
# Between which bounds the families draw the numbers of a valuation, by their names.
BOUNDS = {"intercept": (14.0, 17.0), "slope": (0.4, 0.7), "weight": (3.0, 6.0), "shift": (0.5, 1.5)}
KEY = ("family", "players", "goods", "types", "levels")
COLUMNS = (*KEY, "profiles", "tick", "economies", "interior", "revealing", "interior_revealing")

type Size = tuple[int, int, int]


@dataclass(frozen=True)
class Revelation:
    """What the supporting prices of an economy tell.

    Attributes:
        interior: whether everybody holds some of every good at every profile.
        revealing: for every tick, whether the prices of any two profiles that differ are different.
    """

    interior: bool
    revealing: tuple[bool, ...]


def revelation(economy: Economy, ticks: tuple[float, ...] = TICKS) -> Revelation:
    """Return what the supporting prices of an economy tell, rounded to multiples of each tick of their mean."""
    efficient = efficient_allocation(economy)
    told = tuple(bool(not _confused(economy, efficient, tick).any()) for tick in ticks)
    return Revelation(bool((efficient.bundles > 0).all()), told)


def _confused(economy: Economy, efficient: EfficientAllocation, tick: float) -> BooleanArray:
    """Say which pairs of profiles have one price although somebody values something otherwise, ``(P, P)``."""
    price = efficient.price[:, :-1] / efficient.price[:, :-1].mean(axis=0)
    alike = (np.abs(price[:, None] - price) <= SAME_PRICE).all(axis=-1)
    if tick:
        alike |= (np.rint(price / tick)[:, None] == np.rint(price / tick)).all(axis=-1)
    kinds = _kinds(economy)[efficient.profiles + np.asarray(economy.first_rows)]
    return np.asarray(alike & (kinds[:, None] != kinds).any(axis=-1))


def _kinds(economy: Economy) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number for every type of every player, equal for types of equal numbers, ``(types of all,)``."""
    rows = [
        np.concatenate([np.ravel(getattr(kind.valuation, name)) for name in BOUNDS if hasattr(kind.valuation, name)])
        for player in economy.players
        for kind in player.types
    ]
    return np.asarray(np.unique(np.array(rows), axis=0, return_inverse=True)[1], dtype=np.int64)


def rounded(economy: Economy, levels: int) -> Economy:
    """Return the economy in which every number of a valuation is the nearest of so many levels; as it is with 0.

    Cross effects of two goods are left out then, so that valuations stay concave.
    """
    if not levels:
        return economy
    players = tuple(
        replace(one, types=tuple(replace(kind, valuation=_rounded(kind.valuation, levels)) for kind in one.types))
        for one in economy.players
    )
    return replace(economy, players=players)


def _rounded(valuation: Valuation, levels: int) -> Valuation:
    if isinstance(valuation, Quadratic):
        slope = np.diag(_nearest(np.diag(valuation.slope), "slope", levels))
        return Quadratic(_nearest(valuation.intercept, "intercept", levels), slope)
    assert isinstance(valuation, Logarithmic)
    return Logarithmic(_nearest(valuation.weight, "weight", levels), _nearest(valuation.shift, "shift", levels))


def _nearest(numbers: FloatArray, name: str, levels: int) -> FloatArray:
    low, high = BOUNDS[name]
    step = (high - low) / (levels - 1)
    return np.asarray(low + step * np.rint((np.clip(numbers, low, high) - low) / step))


def cell(family: Family, size: Size, levels: int, economies: int = ECONOMIES, seed: int = SEED) -> Rows:
    """Return the rows of one size of economy of one family: how many of those drawn reveal, for every tick.

    Economies of one size and family are the same whatever the levels, but for the rounding.
    """
    streams = np.random.SeedSequence([seed, list(Family).index(family), *size]).spawn(economies)
    found = [revelation(rounded(random_economy(family, *size, np.random.default_rng(own)), levels)) for own in streams]
    players, goods, types = size
    return [
        {
            "family": family.value,
            "players": players,
            "goods": goods,
            "types": types,
            "levels": levels,
            "profiles": types**players,
            "tick": tick,
            "economies": economies,
            "interior": sum(each.interior for each in found),
            "revealing": sum(each.revealing[place] for each in found),
            "interior_revealing": sum(each.revealing[place] and each.interior for each in found),
        }
        for place, tick in enumerate(TICKS)
    ]


def frequencies(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts with frequencies and their exact binomial intervals (Clopper and Pearson, 1934).

    Added are ``frequency``, ``low``, ``high`` of all economies, and ``interior_frequency`` and its bounds of those that
    are interior; missing where none is.
    """
    added = counts.copy()
    for before, among in (("", "economies"), ("interior_", "interior")):
        shares = [share(*pair) for pair in zip(counts[f"{before}revealing"], counts[among], strict=True)]
        added[[f"{before}frequency", f"{before}low", f"{before}high"]] = shares
    return added


def share(count: int, among: int) -> tuple[float, float, float]:
    """Return a share of independent draws with the ends of its exact interval; missing where none was drawn."""
    if not among:
        return np.nan, np.nan, np.nan
    interval = stats.binomtest(int(count), int(among)).proportion_ci(CONFIDENCE, method="exact")
    return count / among, float(interval.low), float(interval.high)


def compute(file: Path, economies: int = ECONOMIES, workers: int | None = None) -> pd.DataFrame:
    """Return the table, computing the cells that the file does not hold yet."""
    points = list(product(Family, SIZES, LEVELS))
    tasks = {
        (family.value, *map(str, (*size, levels))): partial(cell, family, size, levels, economies)
        for family, size, levels in points
    }
    known = Kept(file, KEY, COLUMNS, len(TICKS)).completed(tasks, workers)
    return frequencies(pd.DataFrame([row for key in tasks for row in known[key]], columns=list(COLUMNS)))
