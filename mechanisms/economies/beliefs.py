r"""Priors over type profiles and the interim beliefs they imply (Giraud and Rochon, sections 2.1 and 3).

Nature draws the profile :math:`t = (t_i)_i` from :math:`Q`; player i of type :math:`t_i` believes
:math:`q_i(t_{-i} | t_i) = Q(t) / Q_i(t_i)`. All players share the prior. Profiles are rows of type numbers,
``(P, N)``, in lexicographic order with the last player's type changing fastest.

For interim arithmetic tables over profiles, ``(P,)``, are rearranged for one player into ``(types, profiles of the
others)``; incentive conditions add up along the second dimension, weighed with the beliefs :math:`q_i(t_{-i}|t_i)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor, log10, prod
from typing import override

import numpy as np

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray, IntegerArray, finite_array, read_only

# Beyond this, tables over all profiles no longer fit in memory beside the computations on them.
MOST_PROFILES = 5_000_000
# Nor may tables over profiles and players have more entries: computations hold tens of them, of 160 megabytes each.
MOST_ENTRIES = 20_000_000
# NumPy's arrays have no more dimensions, one for each player here.
MOST_DIMENSIONS = 64


@dataclass(frozen=True, eq=False)
class Draws:
    """Profiles drawn from a prior.

    Attributes:
        profiles: type numbers, ``(D, N)``.
        chances: how likely each type of each player is given the factor that was drawn with a profile, ``(D or 1,
            types of all players)``, player 0's types first. Given the factor types are independent, so that whatever
            the others were drawn to be counts for each own type in proportion to these.
    """

    profiles: IntegerArray
    chances: FloatArray


class Prior(ABC):
    """A probability over type profiles; every type of every player has positive probability."""

    @property
    @abstractmethod
    def type_counts(self) -> tuple[int, ...]:
        """The number of types of each player."""

    @property
    @abstractmethod
    def probability(self) -> FloatArray:
        """The probability of each profile, ``(P,)``."""

    @abstractmethod
    def marginal(self, player: int) -> FloatArray:
        """Return the probability of each type of a player, ``(types,)``."""

    @property
    @abstractmethod
    def independent(self) -> bool:
        """Whether types are independent, so that the independence condition of GR 6.1 holds."""

    @abstractmethod
    def sample(self, generator: np.random.Generator) -> IntegerArray:
        """Draw one profile, ``(N,)``."""

    @abstractmethod
    def draws(self, generator: np.random.Generator, count: int) -> Draws:
        """Draw many profiles at once, for expectations over more of them than can be listed."""

    def given(self, players: Sequence[int], types: Sequence[int]) -> Prior | None:
        """Return a prior by which outsiders are drawn as players believe who tell each other their types.

        What it says of these players themselves means nothing. None where their types are not independent given
        a factor: a table of profiles says itself what follows.

        Raises:
            ValueError: the types cannot occur together.
        """
        return self if self.independent else None

    @property
    def size(self) -> int:
        """How many type profiles there are."""
        return prod(self.type_counts)

    @cached_property
    def obstacle(self) -> str:
        """Why the profiles cannot be listed; empty where they can."""
        total, players = self.size, len(self.type_counts)
        if total > MOST_PROFILES:
            return f"there are {_large(total)} type profiles; at most {MOST_PROFILES} can be enumerated"
        if total * players > MOST_ENTRIES:
            most = MOST_ENTRIES // players
            return f"there are {total} type profiles of {players} players; at most {most} can be enumerated"
        return ""

    @cached_property
    def profiles(self) -> IntegerArray:
        """Every type profile, ``(P, N)``.

        Raises:
            ValueError: there are more profiles than tables can hold.
        """
        if self.obstacle:
            raise ValueError(self.obstacle)
        return read_only(
            np.arange(prod(self.type_counts))[:, None] // self._strides % np.array(self.type_counts, np.int64)
        )

    @cached_property
    def _strides(self) -> IntegerArray:
        """By how much the number of a profile grows with each player's type number, ``(N,)``."""
        counts = self.type_counts
        return np.array([prod(counts[player + 1 :]) for player in range(len(counts))], np.int64)

    @abstractmethod
    def chance(self, profiles: IntegerArray) -> FloatArray:
        """Return the probability of profiles ``(K, N)``, ``(K,)``, listed or not."""

    def profile_numbers(self, profiles: IntegerArray) -> IntegerArray:
        """Return the row of ``profiles`` in the table of all profiles, ``(...)`` for ``(..., N)``."""
        return np.asarray(profiles @ self._strides)

    def beliefs(self, player: int) -> FloatArray:
        """Return the interim beliefs of a player.

        Args:
            player: the player's number.

        Returns:
            The probability of each profile given each own type, ``(types, P)``; each row sums to one and is
            zero wherever the player's own type differs.

        Source:
            Giraud and Rochon, Definition 2.
        """
        own = self.profiles[:, player] == np.arange(self.type_counts[player])[:, None]
        return np.where(own, self.probability, 0.0) / self.marginal(player)[:, None]

    @property
    def full_support(self) -> bool:
        """Whether every profile has positive probability."""
        return bool((self.probability > 0).all())


@dataclass(frozen=True, eq=False)
class IndependentPrior(Prior):
    """Types drawn independently.

    Attributes:
        marginals: per player, the probability of each of its types.

    Raises:
        ValueError: a probability is not positive, or a player's do not sum to one.
    """

    marginals: Sequence[FloatArray]

    def __post_init__(self) -> None:
        checked = []
        for player, probabilities in enumerate(self.marginals):
            name = f"probabilities of player {player}"
            marginal = finite_array(name, probabilities, (None,))
            if marginal.ndim != 1 or (marginal <= 0).any():
                raise ValueError(f"{name} are {marginal.tolist()}; there must be a list, each greater than 0")
            checked.append(read_only(_normalised(name, marginal)))
        object.__setattr__(self, "marginals", tuple(checked))

    @cached_property
    @override
    def type_counts(self) -> tuple[int, ...]:
        return tuple(len(marginal) for marginal in self.marginals)

    @cached_property
    @override
    def probability(self) -> FloatArray:
        profiles = self.profiles
        factors = [marginal[profiles[:, player]] for player, marginal in enumerate(self.marginals)]
        return read_only(np.prod(factors, axis=0))

    @override
    def marginal(self, player: int) -> FloatArray:
        return self.marginals[player]

    @property
    @override
    def independent(self) -> bool:
        return True

    @property
    @override
    def full_support(self) -> bool:
        return True

    @override
    def sample(self, generator: np.random.Generator) -> IntegerArray:
        return _types_at(generator.random(len(self.marginals)), self._thresholds)

    @override
    def chance(self, profiles: IntegerArray) -> FloatArray:
        return np.asarray(np.prod([each[profiles[:, player]] for player, each in enumerate(self.marginals)], axis=0))

    @override
    def draws(self, generator: np.random.Generator, count: int) -> Draws:
        profiles = _types_at(generator.random((count, len(self.marginals))), self._thresholds)
        return Draws(profiles, np.concatenate(self.marginals)[None])

    @cached_property
    def _thresholds(self) -> FloatArray:
        return _thresholds(self.marginals)


@dataclass(frozen=True, eq=False)
class FactorPrior(Prior):
    """Types that are independent given a factor which nobody observes, and correlated because it is the same for all.

    Attributes:
        weights: the probability of each value of the factor, ``(F,)``.
        chances: per player, the probability of each of its types given each value, ``(F, types)``.

    Raises:
        ValueError: probabilities are negative or do not sum to one, a type has none, or shapes disagree.
    """

    weights: FloatArray
    chances: Sequence[FloatArray]

    def __post_init__(self) -> None:
        weights = _normalised("probabilities of the factor", finite_array("weights", self.weights, (None,)))
        checked = []
        for player, given in enumerate(self.chances):
            name = f"probabilities of player {player}"
            chances = finite_array(name, given, (len(weights), None))
            if (weights < 0).any() or (chances < 0).any() or not (weights @ chances > 0).all():
                raise ValueError(f"{name} must be at least 0, and those of each type greater somewhere")
            total = chances.sum(axis=1, keepdims=True)
            if (np.abs(total - 1) > PROBABILITY_TOLERANCE).any():
                raise ValueError(f"{name} must sum to 1 at every value of the factor")
            checked.append(read_only(chances / total))
        object.__setattr__(self, "weights", read_only(weights))
        object.__setattr__(self, "chances", tuple(checked))

    @cached_property
    @override
    def type_counts(self) -> tuple[int, ...]:
        return tuple(chances.shape[1] for chances in self.chances)

    @cached_property
    @override
    def probability(self) -> FloatArray:
        total = self.chance(self.profiles)
        return read_only(total / total.sum())

    @override
    def chance(self, profiles: IntegerArray) -> FloatArray:
        total = np.zeros(len(profiles))
        for number, weight in enumerate(self.weights):
            factors = [chances[number, profiles[:, player]] for player, chances in enumerate(self.chances)]
            total += weight * np.prod(factors, axis=0)
        return total

    @override
    def marginal(self, player: int) -> FloatArray:
        return np.asarray(self.weights @ self.chances[player])

    @cached_property
    @override
    def independent(self) -> bool:
        # Given the factor they are; and they are without it if at most one player's chances depend on it.
        moved = [bool(np.ptp(chances, axis=0).max() > PROBABILITY_TOLERANCE) for chances in self.chances]
        return sum(moved) <= 1

    @cached_property
    @override
    def full_support(self) -> bool:
        # Some value of the factor at which everything is possible is enough; without one, the profiles tell.
        possible = np.all([(chances > 0).all(axis=1) for chances in self.chances], axis=0) & (self.weights > 0)
        return bool(possible.any()) or (not self.obstacle and bool((self.probability > 0).all()))

    @override
    def sample(self, generator: np.random.Generator) -> IntegerArray:
        return np.asarray(self.draws(generator, 1).profiles[0])

    @override
    def draws(self, generator: np.random.Generator, count: int) -> Draws:
        uniform = generator.random((count, 1 + len(self.chances)))
        factor = np.minimum((uniform[:, :1] >= np.cumsum(self.weights)).sum(axis=1), len(self.weights) - 1)
        return Draws(_types_at(uniform[:, 1:], self._thresholds[factor]), np.concatenate(self.chances, axis=1)[factor])

    @override
    def given(self, players: Sequence[int], types: Sequence[int]) -> FactorPrior:
        likely = self.weights.copy()
        for player, kind in zip(players, types, strict=True):
            likely = likely * self.chances[player][:, kind]
        if not likely.any():
            raise ValueError(f"types {list(types)} of players {list(players)} cannot occur together")
        # Of what is impossible now some trace is left, so that each type still has a probability.
        likely = np.maximum(likely / likely.sum(), np.where(self.weights > 0, np.finfo(np.float64).tiny, 0.0))
        return FactorPrior(likely / likely.sum(), self.chances)

    @cached_property
    def _thresholds(self) -> FloatArray:
        return np.stack([_thresholds([each[number] for each in self.chances]) for number in range(len(self.weights))])


@dataclass(frozen=True, eq=False)
class CorrelatedPrior(Prior):
    """Types drawn jointly.

    Attributes:
        joint: the probability of each profile, one dimension per player, ``(types of 0, types of 1, ...)``.

    Raises:
        ValueError: a probability is negative, they do not sum to one, or a type has probability zero.
    """

    joint: FloatArray

    def __post_init__(self) -> None:
        joint = finite_array("joint probabilities", self.joint)
        if (joint < 0).any():
            raise ValueError(f"a joint probability is {joint.min()}; each must be at least 0")
        object.__setattr__(self, "joint", read_only(_normalised("joint probabilities", joint)))
        for player in range(joint.ndim):
            if (self.marginal(player) <= 0).any():
                row = int(np.argmin(self.marginal(player)))
                raise ValueError(f"type {row} of player {player} has probability 0; each type needs some")

    @property
    @override
    def type_counts(self) -> tuple[int, ...]:
        return self.joint.shape

    @property
    @override
    def probability(self) -> FloatArray:
        return self.joint.reshape(-1)

    @override
    def marginal(self, player: int) -> FloatArray:
        return self.joint.sum(axis=tuple(other for other in range(self.joint.ndim) if other != player))

    @cached_property
    @override
    def independent(self) -> bool:
        product: FloatArray = np.ones(())
        for player in range(self.joint.ndim):
            product = np.multiply.outer(product, self.marginal(player))
        # Relative to each profile's own chance: what a rare type believes is not lost beside the chances of others.
        return bool(np.allclose(product, self.joint, rtol=PROBABILITY_TOLERANCE, atol=0))

    @override
    def sample(self, generator: np.random.Generator) -> IntegerArray:
        number = generator.choice(self.joint.size, p=self.probability)
        return np.array(np.unravel_index(number, self.joint.shape), np.int64)

    @override
    def chance(self, profiles: IntegerArray) -> FloatArray:
        return np.asarray(self.joint[tuple(profiles.T)])

    @override
    def draws(self, generator: np.random.Generator, count: int) -> Draws:
        numbers = generator.choice(self.joint.size, size=count, p=self.probability)
        profiles = np.stack(np.unravel_index(numbers, self.joint.shape), axis=1).astype(np.int64)
        # The whole profile is the factor: what the others are counts for the type that was drawn with it alone.
        own = [profiles[:, player, None] == np.arange(types) for player, types in enumerate(self.joint.shape)]
        return Draws(profiles, np.concatenate(own, axis=1).astype(np.float64))


def listed_prior(type_counts: Sequence[int], probability: FloatArray) -> Prior:
    """Return the prior under which each profile has a probability, ``(P,)``, of however many players.

    Raises:
        ValueError: they are not as many as there are profiles, or no probabilities of a prior.
    """
    profiles = prod(type_counts)
    if len(probability) != profiles:
        raise ValueError(f"probability has {len(probability)} entries; it must have {profiles}")
    if len(type_counts) <= MOST_DIMENSIONS:
        return CorrelatedPrior(probability.reshape(type_counts))
    # The whole profile is the factor, given which everybody's type is certain.
    types = np.stack(np.unravel_index(np.arange(profiles), [count for count in type_counts if count > 1] or [1]))
    chances, several = [], iter(types)
    for count in type_counts:
        own = next(several) if count > 1 else np.zeros(profiles, dtype=np.int64)
        chances.append(np.eye(count)[own])
    return FactorPrior(probability, chances)


def _thresholds(chances: Sequence[FloatArray]) -> FloatArray:
    """Return where a uniform draw passes from each type to the next, ``(N, most types - 1)``; 1 where there is none."""
    thresholds = np.ones((len(chances), max(map(len, chances)) - 1))
    for player, each in enumerate(chances):
        thresholds[player, : len(each) - 1] = np.cumsum(each)[:-1]
    return thresholds


def _types_at(uniform: FloatArray, thresholds: FloatArray) -> IntegerArray:
    """Return the types that uniform draws ``(..., N)`` stand for."""
    return np.asarray((uniform[..., None] >= thresholds).sum(axis=-1))


def _large(number: int) -> str:
    """Return a number in few digits."""
    return str(number) if number < 10**15 else f"about 1e{floor(log10(number))}"


def _normalised(name: str, probabilities: FloatArray) -> FloatArray:
    """Return probabilities that sum to one exactly, refusing those that do not nearly."""
    total = float(probabilities.sum())
    if abs(total - 1) > PROBABILITY_TOLERANCE:
        raise ValueError(f"{name} sum to {total:.12g}; they must sum to 1")
    return probabilities / total


def beliefs_about_others(prior: Prior, *members: int) -> FloatArray:
    """Return q(others' types | own types), ``(types, profiles of the others)``; of several members jointly.

    Rows of joint types that cannot occur are zero.
    """
    joint = _by_own_types(prior.probability, prior, members)
    total = prior.marginal(members[0])[:, None] if len(members) == 1 else joint.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(joint, total, out=np.zeros_like(joint), where=total > 0))


def profiles_by_own_type(prior: Prior, *members: int) -> IntegerArray:
    """Return the number of each profile, ``(types, profiles of the others)``; types of several members jointly."""
    return _by_own_types(np.arange(len(prior.probability)), prior, members)


def _by_own_types[Number: (np.float64, np.int64)](
    table: np.ndarray[tuple[int], np.dtype[Number]], prior: Prior, members: Sequence[int]
) -> np.ndarray[tuple[int, int], np.dtype[Number]]:
    """Rearrange a table over profiles, ``(P,)``, into ``(joint types of members, profiles of the others)``."""
    types = prod(prior.type_counts[member] for member in members)
    # Who has one type needs no dimension: arrays have a few dozen at most, and economies more players.
    several = [player for player, count in enumerate(prior.type_counts) if count > 1]
    moved = [several.index(member) for member in members if member in several]
    table = table.reshape([prior.type_counts[player] for player in several])
    return np.moveaxis(table, moved, range(len(moved))).reshape(types, -1)


def transfer_weights(prior: Prior, multipliers: FloatArray, *members: int) -> FloatArray:
    r"""Return the weight of each member's transfer in each profile when the incentive conditions are added up.

    Args:
        prior: the beliefs.
        multipliers: entry ``[t, m]`` is the weight of "types t do not report m", ``(types, types)``.
        members: the numbers of the player, or of the coalition that knows and reports the types together.

    Returns:
        :math:`q_i(t_{-i}|t_i) \sum_m \lambda_i(m, t_i) - \sum_m \lambda_i(t_i, m) q_i(t_{-i}|m)`, ``(P,)``.

    Source:
        Giraud and Rochon, compatibility condition, with the indices that its use requires.
    """
    beliefs = beliefs_about_others(prior, *members)
    weights = multipliers.sum(axis=1)[:, None] * beliefs - multipliers.T @ beliefs
    in_order = np.empty_like(weights)
    in_order.reshape(-1)[profiles_by_own_type(prior, *members)] = weights
    return in_order.reshape(-1)
