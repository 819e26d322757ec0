r"""Games over menus of stances: what always taking one stance brings against a given play, type by type.

Nature draws a profile of types t, and a player i of type :math:`t_i` takes one of :math:`S_i` stances. A *play* is a
distribution :math:`\psi(t, a)` over profiles and stances, such as how often each was met in some rounds. In agent form,
where every type of a player is a player, type k of player i gains from always taking the stance s

.. math:: g_{ik}(s) = E_\psi[u_i(t, s, a_{-i}) - u_i(t, a) \mid t_i = k].

* The play is a *coarse correlated equilibrium* up to :math:`\epsilon = \max_{i, k, s} g_{ik}(s)`; so are averages of
  play without regret.
* It is a *correlated equilibrium* up to the most that exchanging each stance for another brings a type,
  :math:`\sum_j \max_s E_\psi[1\{a_i = j\} (u_i(t, s, a_{-i}) - u_i(t, a)) \mid t_i = k]`.
* If players draw their stances independently, given their types and for the types that the prior draws,
  :math:`\epsilon` says by how much they miss a *Bayesian Nash equilibrium*.

The first is at most the second. Plays too many to look at one by one are drawn; then gains have standard errors, and
the interval of :math:`\epsilon` holds for all stances at once (Bonferroni, normal approximation).

Source:
    Moulin and Vial (1978) for coarse correlated equilibria; Hartline, Syrgkanis and Tardos (2015), No-regret learning
    in Bayesian games, section 2, for the agent form; Hart and Mas-Colell (2000) for exchanging stances.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from statistics import NormalDist
from typing import Protocol

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.economies.beliefs import Prior

# A payoff table holds at most so many numbers.
MOST_PAYOFFS = 2_000_000


class Payoffs(Protocol):
    """What every player gains over its endowment, by types and stances."""

    def __call__(self, profiles: IntegerArray, stances: IntegerArray) -> FloatArray:
        """Return gains ``(B, N)``, numeraire, where players of types ``(B, N)`` take stances ``(B, N)``."""


@dataclass(frozen=True, eq=False)
class MenuGame:
    """A finite Bayesian game whose actions are stances.

    Attributes:
        prior: of types.
        menus: how many stances each player has, whatever its type, ``(N,)``.
        payoffs: what stances bring.
    """

    prior: Prior
    menus: tuple[int, ...]
    payoffs: Payoffs

    def table(self) -> FloatArray:
        """Return all payoffs, ``(P, S_1, ..., S_N, N)``, numeraire, in the order of the prior's profiles.

        Raises:
            ValueError: there are too many.
        """
        players, cells = len(self.menus), prod(self.menus)
        if self.prior.obstacle or self.prior.size * cells * players > MOST_PAYOFFS:
            raise ValueError(
                f"a payoff table of {self.prior.size} type profiles and {cells} plays has more than {MOST_PAYOFFS:,} "
                "numbers"
            )
        stances = np.indices(self.menus).reshape(players, cells).T
        profiles = self.prior.profiles
        found = self.payoffs(np.repeat(profiles, cells, axis=0), np.tile(stances, (len(profiles), 1)))
        return found.reshape(len(profiles), *self.menus, players)


def tabulated(prior: Prior, table: FloatArray) -> MenuGame:
    """Return the game of a payoff table, ``(P, S_1, ..., S_N, N)``, numeraire.

    Raises:
        ValueError: the table does not fit the prior, or holds what is no number.
    """
    players = len(prior.type_counts)
    table = finite_array("payoff table", table, (len(prior.profiles), *[None] * players, players))

    def payoffs(profiles: IntegerArray, stances: IntegerArray) -> FloatArray:
        return np.asarray(table[(prior.profile_numbers(profiles), *stances.T)])

    return MenuGame(prior, table.shape[1:-1], payoffs)


@dataclass(frozen=True, eq=False)
class MixedPlay:
    """A distribution over type profiles and stances.

    Attributes:
        profiles: ``(B, N)``, as types.
        stances: ``(B, N)``, as numbers in menus.
        probability: ``(B,)``.
        sampled: whether these are independent draws from the distribution, each as probable as another.
    """

    profiles: IntegerArray
    stances: IntegerArray
    probability: FloatArray
    sampled: bool = False


def observed_play(profiles: IntegerArray, stances: IntegerArray) -> MixedPlay:
    """Return how often types and stances were met together in rounds, ``(T, N)`` each.

    Raises:
        ValueError: there is no round.
    """
    if not len(profiles):
        raise ValueError("there are no rounds, so that nothing was played")
    met, counts = np.unique(np.concatenate([profiles, stances], axis=1), axis=0, return_counts=True)
    players = profiles.shape[1]
    return MixedPlay(met[:, :players], met[:, players:], counts / counts.sum())


def strategies_of(play: MixedPlay, type_counts: Sequence[int], menus: Sequence[int]) -> tuple[FloatArray, ...]:
    """Return how often each type of each player takes each stance, ``(K_i, S_i)``; not a number for types not met."""
    found = []
    for player, (kinds, size) in enumerate(zip(type_counts, menus, strict=True)):
        weights = np.zeros((kinds, size))
        np.add.at(weights, (play.profiles[:, player], play.stances[:, player]), play.probability)
        total = weights.sum(axis=1, keepdims=True)
        found.append(np.divide(weights, total, out=np.full_like(weights, np.nan), where=total > 0))
    return tuple(found)


def product_play(
    prior: Prior, strategies: Sequence[FloatArray], most: int, generator: np.random.Generator
) -> MixedPlay:
    """Return the play of players who draw their stances independently.

    Args:
        prior: of types.
        strategies: how often each type of each player takes each stance, ``(K_i, S_i)``.
        most: if more plays are possible, so many are drawn.
        generator: draws them.

    Raises:
        ValueError: a type that the prior can draw has no strategy.
    """
    for player, strategy in enumerate(strategies):
        unknown = (prior.marginal(player) > 0) & ~np.isfinite(strategy).all(axis=1)
        if unknown.any():
            raise ValueError(f"how type {int(unknown.argmax())} of player {player} plays is not known: it was not met")
    widest = prod(int((strategy > 0).sum(axis=1).max()) for strategy in strategies)
    if not prior.obstacle and len(prior.profiles) * widest <= most:
        rows = [_of_profile(profile, strategies) for profile in prior.profiles[prior.probability > 0]]
        sizes = [len(chances) for _, chances in rows]
        profiles = prior.profiles[prior.probability > 0].repeat(sizes, axis=0)
        chances = np.concatenate([chances for _, chances in rows])
        likely = prior.probability[prior.probability > 0].repeat(sizes) * chances
        return MixedPlay(profiles, np.concatenate([stances for stances, _ in rows]), likely)
    profiles = np.stack([prior.sample(generator) for _ in range(most)])
    stances = np.empty_like(profiles)
    for player, strategy in enumerate(strategies):
        steps = strategy.cumsum(axis=1)[profiles[:, player]]
        drawn = generator.random(most)[:, None] * steps[:, -1:]
        stances[:, player] = np.minimum((steps <= drawn).sum(axis=1), strategy.shape[1] - 1)
    return MixedPlay(profiles, stances, np.full(most, 1 / most), sampled=True)


def _of_profile(profile: IntegerArray, strategies: Sequence[FloatArray]) -> tuple[IntegerArray, FloatArray]:
    """Return which stances may be taken at a profile ``(N,)``, ``(B, N)``, and how often, ``(B,)``."""
    own = [strategy[kind] for strategy, kind in zip(strategies, profile.tolist(), strict=True)]
    taken = np.array(list(itertools.product(*(np.flatnonzero(chances).tolist() for chances in own))), dtype=np.int64)
    return taken, np.prod([chances[taken[:, player]] for player, chances in enumerate(own)], axis=0)


def drawn_from(play: MixedPlay, most: int, generator: np.random.Generator) -> MixedPlay:
    """Return a play, or so many draws from it if it has more different ones."""
    if len(play.probability) <= most:
        return play
    rows = generator.choice(len(play.probability), size=most, p=play.probability)
    return MixedPlay(play.profiles[rows], play.stances[rows], np.full(most, 1 / most), sampled=True)


@dataclass(frozen=True, eq=False)
class StanceGains:
    """What one type of a player gains by other stances against a play.

    Attributes:
        player: its number.
        type_number: its type.
        probability: of the type, in the play.
        expected: what it gains over its endowment in the play, numeraire.
        gains: what always taking each stance brings beyond that, ``(S,)``, numeraire.
        errors: standard errors of these, ``(S,)``; zero where nothing is sampled.
        exchanged: what taking a stance in place of another brings, ``(S, S)``, row by row the one replaced, numeraire.
        exchanged_errors: standard errors of these, ``(S, S)``.
    """

    player: int
    type_number: int
    probability: float
    expected: float
    gains: FloatArray
    errors: FloatArray
    exchanged: FloatArray
    exchanged_errors: FloatArray

    @property
    def exchanging(self) -> float:
        """What taking the best stance in place of each brings in sum, numeraire."""
        return float(self.exchanged.max(axis=1).sum())

    @property
    def best(self) -> int:
        """The stance that brings most."""
        return int(self.gains.argmax())

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return between what the largest gain is, for all stances at once, numeraire."""
        width = _quantile(confidence, self.gains.size) * self.errors
        return float((self.gains - width).max()), float((self.gains + width).max())

    def interval_of_exchanging(self, confidence: float) -> tuple[float, float]:
        """Return between what `exchanging` is, for all exchanges at once, numeraire."""
        width = _quantile(confidence, self.exchanged.size) * self.exchanged_errors
        low, high = (each.max(axis=1).sum() for each in (self.exchanged - width, self.exchanged + width))
        return float(low), float(high)


def _quantile(confidence: float, numbers: int) -> float:
    """Return of how many standard errors the intervals of so many numbers hold at once."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * numbers))


def stance_gains(game: MenuGame, play: MixedPlay) -> tuple[StanceGains, ...]:
    """Return what each type of each player that is met in a play gains by other stances against it."""
    obtained = game.payoffs(play.profiles, play.stances)
    found = []
    for player, size in enumerate(game.menus):
        forgone = obtained[:, [player]].repeat(size, axis=1)
        for stance in range(size):
            other = np.flatnonzero(play.stances[:, player] != stance)
            if len(other):
                instead = play.stances[other].copy()
                instead[:, player] = stance
                forgone[other, stance] = game.payoffs(play.profiles[other], instead)[:, player]
        more = forgone - obtained[:, [player]]
        for kind in np.unique(play.profiles[:, player]).tolist():
            rows = np.flatnonzero(play.profiles[:, player] == kind)
            total = float(play.probability[rows].sum())
            weights = play.probability[rows] / total
            exchanged = np.zeros((size, size))
            np.add.at(exchanged, play.stances[rows, player], weights[:, None] * more[rows])
            gains = weights @ more[rows]
            errors, exchanged_errors = np.zeros(size), np.zeros((size, size))
            if play.sampled:
                errors = _errors(more[rows], gains, weights)
                taken = play.stances[rows, player]
                exchanged_errors = np.stack(
                    [
                        _errors(np.where((taken == one)[:, None], more[rows], 0), exchanged[one], weights)
                        for one in range(size)
                    ]
                )
            found.append(
                StanceGains(
                    player,
                    kind,
                    total,
                    float(weights @ obtained[rows, player]),
                    read_only(gains),
                    read_only(errors),
                    read_only(exchanged),
                    read_only(exchanged_errors),
                )
            )
    return tuple(found)


def _errors(draws: FloatArray, means: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the standard errors of means ``(S,)`` of draws ``(B, S)``; one says nothing of how much draws differ."""
    if len(draws) == 1:
        return np.full(len(means), np.inf)
    return np.asarray(np.sqrt(weights @ (draws - means) ** 2 / (len(draws) - 1)))
