r"""Type profiles that stand for all there are: every one, one for each count of types, or a sample.

What is expected over types is a weighted sum over profiles. Three lists of them will do:

* *listed*: all profiles, weighed by their probability, where they are few;
* *counted*: players whose types own and value the same with the same chances (replicas) can exchange places, so that
  profiles with as many players of each type are one, :math:`\binom{n + T - 1}{T - 1}` for n replicas of T types instead
  of :math:`T^n`. Weighed by multinomial probabilities these are exact as well;
* *drawn*: a sample from the prior, the same for everything that is expected (common random numbers), so that
  differences are far more precise than levels. What rests on it carries its standard error.

For what a player expects who knows its own type there are lists of what the others may be. A law of correlated types
that are independent given a factor weighs the same lists for every own type, by Bayes' rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from math import comb, prod

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.beliefs import (
    CorrelatedPrior,
    Draws,
    FactorPrior,
    IndependentPrior,
    beliefs_about_others,
    profiles_by_own_type,
)
from marketgame.mechanisms.economies.economy import Economy

# Counts of types are listed where there are no more than this many: every one is an efficient allocation or more.
MOST_COUNTS = 4096
# What is drawn is drawn from this seed: the same economy has the same expectations, whoever asks.
SEED = 20_010_801


class Listing(Enum):
    """Which profiles stand for all; the value says it in words."""

    LISTED = "every type profile"
    COUNTED = "every count of types among replicas"
    DRAWN = "a sample of type profiles"


@dataclass(frozen=True)
class Estimate:
    """An expectation, and by how much it may be off.

    Attributes:
        value: the weighted mean.
        standard_error: of it; zero where the expectation is exact.
    """

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles that stand for all of an economy's.

    Attributes:
        listing: which they are.
        types: type numbers, ``(P, N)``.
        weights: of each, ``(P,)``; they sum to one.
    """

    listing: Listing
    types: IntegerArray
    weights: FloatArray

    @property
    def exact(self) -> bool:
        """Whether expectations over them are exact."""
        return self.listing is not Listing.DRAWN

    def expected(self, values: FloatArray) -> Estimate:
        """Return what values by profile, ``(P,)``, are expected to be."""
        return Estimate(float(self.weights @ values), 0.0 if self.exact else standard_error(self.weights, values))


@dataclass(frozen=True, eq=False)
class Others:
    """What the others of a player may be.

    Attributes:
        types: type numbers, ``(K, N)``; the player's own mean nothing.
        belief: how likely each own type thinks them, ``(own types, K)``; rows sum to one.
    """

    types: IntegerArray
    belief: FloatArray


def listing_of(economy: Economy) -> Listing:
    """Return in which way expectations over an economy's types are to be computed."""
    if not economy.prior.obstacle:
        return Listing.LISTED
    return Listing.COUNTED if number_of_counts(economy) <= MOST_COUNTS else Listing.DRAWN


def number_of_counts(economy: Economy) -> int:
    """Return how many counts of types among replicas there are; as many as type profiles without replicas."""
    return prod(_numbers_of_counts(economy, players_alike(economy)))


def exact_profiles(economy: Economy, listing: Listing) -> Profiles:
    """Return the profiles of an economy, listed or counted."""
    if listing is Listing.LISTED:
        return Profiles(listing, economy.profiles, economy.prior.probability)
    counted = _Counted.of(economy)
    return Profiles(listing, counted.types, counted.factors @ counted.likelihood)


def drawn_profiles(draws: Draws) -> Profiles:
    """Return profiles drawn from the prior, all with the same weight."""
    count = len(draws.profiles)
    return Profiles(Listing.DRAWN, draws.profiles, np.full(count, 1 / count))


def others_of(economy: Economy, player: int, source: Draws | Listing) -> Others:
    """Return what the others of a player may be, and how likely each of its types thinks that.

    Args:
        economy: the economy.
        player: the player's number.
        source: draws from the prior, or which exact list there is to be.
    """
    first, count = economy.first_rows[player], economy.prior.type_counts[player]
    if isinstance(source, Draws):
        chances = np.broadcast_to(source.chances[:, first : first + count].T, (count, len(source.profiles)))
        return Others(source.profiles, chances / chances.sum(axis=1, keepdims=True))
    if source is Listing.LISTED:
        numbers = profiles_by_own_type(economy.prior, player)
        return Others(economy.profiles[numbers[0]], beliefs_about_others(economy.prior, player))
    counted = _Counted.of(economy, player)
    own = counted.factors[:, None] * counted.chances[:, first : first + count]
    joint = own.T @ counted.likelihood
    return Others(counted.types, joint / joint.sum(axis=1, keepdims=True))


def standard_error(weights: FloatArray, values: FloatArray) -> float:
    """Return the standard error of a mean of draws ``(D,)`` whose weights sum to one; infinite for a single draw."""
    count = len(values)
    if count < 2:
        return np.inf
    distance = values - weights @ values
    return float(np.sqrt((weights**2 @ distance**2) * count / (count - 1)))


def players_alike(economy: Economy) -> IntegerArray:
    """Return the number of the first player with the same types and the same chances, ``(N,)``: who are replicas."""
    kinds, money = economy.kinds, economy.endowment_table[:, -1]
    chances = _chances(economy)[1]
    first: dict[tuple[bytes, ...], int] = {}
    alike = []
    for player, (start, count) in enumerate(zip(economy.first_rows, economy.prior.type_counts, strict=True)):
        own = slice(start, start + count)
        key = (kinds[own].tobytes(), (money[own] + 0.0).tobytes(), np.ascontiguousarray(chances[:, own]).tobytes())
        alike.append(first.setdefault(key, player))
    return np.array(alike, dtype=np.int64)


def _chances(economy: Economy) -> tuple[FloatArray, FloatArray]:
    """Return the probability of a factor, ``(F,)``, and of each type given it, ``(F, types of all players)``."""
    match economy.prior:
        case IndependentPrior(marginals):
            return np.ones(1), np.concatenate(marginals)[None]
        case FactorPrior(weights, chances):
            return weights, np.concatenate(chances, axis=1)
        case CorrelatedPrior():
            # Nobody can exchange places in a table: every player has chances of its own.
            return np.ones(1), np.arange(float(len(economy.endowment_table)))[None]
    raise TypeError(f"{type(economy.prior).__name__} is no prior that is known here")


def _numbers_of_counts(economy: Economy, alike: IntegerArray) -> Iterator[int]:
    for group in np.unique(alike):
        types = economy.prior.type_counts[group]
        yield comb(int((alike == group).sum()) + types - 1, types - 1)


@dataclass(frozen=True, eq=False)
class _Counted:
    """Counts of types among replicas.

    Attributes:
        types: a profile with each of these counts, ``(K, N)``.
        factors: the probability of each value of the prior's factor, ``(F,)``.
        likelihood: the probability of the counts given each value, ``(F, K)``.
        chances: the probability of each type given each value, ``(F, types of all players)``.
    """

    types: IntegerArray
    factors: FloatArray
    likelihood: FloatArray
    chances: FloatArray

    @classmethod
    def of(cls, economy: Economy, left_out: int | None = None) -> _Counted:
        """Return counts of all players, or of all but one."""
        alike = players_alike(economy)
        factors, chances = _chances(economy)
        types = np.zeros((1, len(alike)), dtype=np.int64)
        likelihood = np.ones((len(factors), 1))
        for group in np.unique(alike):
            members = [int(member) for member in np.flatnonzero(alike == group) if member != left_out]
            first, kinds = economy.first_rows[group], economy.prior.type_counts[group]
            counts = compositions(len(members), kinds)
            likely = _multinomial(counts, chances[:, first : first + kinds])
            placed = np.repeat(np.tile(np.arange(kinds), len(counts)), counts.reshape(-1)).reshape(len(counts), -1)
            types = np.repeat(types, len(counts), axis=0)
            types[:, members] = np.tile(placed, (len(types) // len(counts), 1))
            likelihood = (likelihood[:, :, None] * likely[:, None]).reshape(len(factors), -1)
        return cls(types, factors, likelihood, chances)


def compositions(total: int, parts: int) -> IntegerArray:
    """Return all ways to write a number as an ordered sum of nonnegative parts, ``(K, parts)``."""
    chosen = list(combinations(range(total + parts - 1), parts - 1))
    bars = np.array(chosen, dtype=np.int64).reshape(len(chosen), parts - 1)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, total + parts - 1)))
    return np.diff(edges, axis=1) - 1


def _multinomial(counts: IntegerArray, chances: FloatArray) -> FloatArray:
    """Return the probability of counts ``(K, T)`` of independent types with chances ``(F, T)``, ``(F, K)``."""
    logarithms = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, int(counts.sum(axis=1).max()) + 1)))))
    ways = logarithms[counts.sum(axis=1)] - logarithms[counts].sum(axis=1)
    with np.errstate(divide="ignore"):
        logs = np.log(chances)
    # Nobody of a type that is impossible is certain.
    possible = np.isfinite(logs)
    some = np.where(possible[:, None], counts[None] * np.where(possible, logs, 0.0)[:, None], -np.inf)
    each = np.where(counts[None] > 0, some, 0.0)
    return np.asarray(np.exp(ways + each.sum(axis=-1)))


def seeded(*spawn_key: int) -> np.random.Generator:
    """Return the stream from which an economy's profiles are drawn, from its beginning."""
    return np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=spawn_key))
