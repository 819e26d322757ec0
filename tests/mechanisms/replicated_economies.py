"""Economies of replicas and of players who all differ, for tests of what is computed without listing profiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketgame.mechanisms.economies.beliefs import FactorPrior, IndependentPrior, Prior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic

GROUPS = ((3, 4.0, 1.0), (2, 5.0, 1.6))
"""Size of each group of replicas, the intercept of their first type, and what each owns of the good."""


def replicas(prior: Prior | None = None, *, groups: tuple[tuple[int, float, float], ...] = GROUPS) -> Economy:
    """Groups of players with the same two types; every unit there is is worth something to somebody."""
    players = []
    for group, (size, intercept, owned) in enumerate(groups):
        types = tuple(_type(name, intercept + more, owned) for name, more in (("low", 0.0), ("high", 2.0)))
        players += [Player(f"{group}.{place}", types) for place in range(size)]
    counts = [size for size, _, _ in groups]
    chances = [np.array([0.4 + 0.1 * k, 0.6 - 0.1 * k]) for k, size in enumerate(counts) for _ in range(size)]
    return _economy(players, IndependentPrior(chances) if prior is None else prior)


def copied(economy: Economy, times: int) -> Economy:
    """Everybody of an economy of independent types many times."""
    players = [replace(player, name=f"{player.name}.{copy}") for player in economy.players for copy in range(times)]
    chances = [economy.prior.marginal(player) for player in range(len(economy.players)) for _ in range(times)]
    return replace(economy, players=tuple(players), prior=IndependentPrior(chances))


def booms_and_busts() -> FactorPrior:
    """High types are likely in booms, for all players of `replicas` together."""
    chances = [np.array([[0.8, 0.2], [0.3, 0.7]])] * 3 + [np.array([[0.6, 0.4], [0.1, 0.9]])] * 2
    return FactorPrior(np.array([0.35, 0.65]), chances)


def all_different(players: int, seed: int = 0, money: tuple[float, ...] = ()) -> Economy:
    """Every player has numbers of its own, and the money given or 60; the second type wants more."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(players):
        intercept, owned = generator.uniform(4, 8), generator.uniform(1, 3)
        has = money[number] if money else 60.0
        types = (_type("low", intercept, owned, has), _type("high", intercept + 2, owned, has))
        made.append(Player(f"player {number}", types))
    return _economy(made, IndependentPrior([np.array([0.5, 0.5])] * players))


def _type(name: str, intercept: float, owned: float, money: float = 60.0) -> PlayerType:
    return PlayerType(name, np.array([owned, money]), Quadratic(np.array([intercept]), np.array([[1.0]])))


def _economy(players: list[Player], prior: Prior) -> Economy:
    return Economy("many", ("grain", "money"), ("tonne", "euro"), tuple(players), prior)
