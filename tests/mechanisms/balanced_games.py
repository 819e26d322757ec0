"""Random games whose core is not empty: balanced ones, and trade between two whose types both matter to both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from tests.mechanisms.myerson_examples import bilateral_trade


def balanced_game(generator: np.random.Generator, counts: tuple[int, ...], actions: int = 2) -> CoalitionalGame:
    """Random utilities; everybody together can do what any balanced plan of smaller coalitions does.

    Exactly balanced for two and three players; for more only partitions are combined.
    """
    players, profiles = len(counts), int(np.prod(counts))
    sets = {
        coalition: generator.normal(size=(actions, size, profiles)) + 0.4 * (size - 1)
        for size in range(1, players)
        for coalition in itertools.combinations(range(players), size)
    }
    together = [generator.normal(size=(players, profiles)) + 0.4 * (players - 1)]
    for collection in collections(players):
        for chosen in itertools.product(range(actions), repeat=len(collection)):
            joint = np.zeros((players, profiles))
            for (coalition, weight), action in zip(collection.items(), chosen, strict=True):
                joint[list(coalition)] += weight * sets[coalition][action]
            together.append(joint)
    sets[tuple(range(players))] = np.array(together)
    return CoalitionalGame(
        tuple(f"player {i}" for i in range(players)),
        tuple(tuple(f"type {k}" for k in range(count)) for count in counts),
        tuple(generator.dirichlet(np.full(count, 3.0)) for count in counts),
        {s: ActionSet(tuple(f"action {c}" for c in range(len(u))), u) for s, u in sets.items()},
    )


def collections(players: int) -> Iterator[dict[tuple[int, ...], float]]:
    """Minimal balanced collections for up to three players, partitions for more."""
    for part in partitions(tuple(range(players))):
        if len(part) > 1:
            yield dict.fromkeys(part, 1.0)
    if players == 3:
        yield dict.fromkeys([(0, 1), (0, 2), (1, 2)], 0.5)


def partitions(members: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    if not members:
        yield ()
        return
    for size in range(len(members)):
        for others in itertools.combinations(members[1:], size):
            first = (members[0], *others)
            for rest in partitions(tuple(player for player in members if player not in first)):
                yield (first, *rest)


def lemons(generator: np.random.Generator, counts: tuple[int, ...]) -> CoalitionalGame:
    """Trade whose values depend on everybody's type: where incentives bind hardest."""
    worth = generator.uniform(0.0, 10.0, size=(2, *counts))
    odds = [generator.dirichlet(np.full(count, 3.0)) for count in counts]
    return bilateral_trade(worth[0], worth[1], odds[0], odds[1])
