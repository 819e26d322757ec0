"""Whether contracts of a market need severance that helps: ``python -m benchmarks.severance_evidence [MARKETS]``.

Three traders own wheat, and one of them values it more than the others whatever the types, so that it gets all of it.
Two traders have two types each, and are as well off with lies as with the truth: what they are paid depends on both
reports, and is the same on average. By Proposition M14 (docs/core-theory.md) severance can help only such contracts.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter

import numpy as np
from scipy.stats import beta

from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.least_severance import LeastSeverance, least_severance

MARKETS = 3000
RANGES = 60
CONFIDENCE = 0.95
TYPES = np.array(list(itertools.product(range(2), range(2), range(1))))


def drawn(seed: int) -> tuple[CoalitionalGame, Mechanism]:
    """Return a market in which coalitions hand all their wheat to a member or keep it, and its contract."""
    generator = np.random.default_rng(seed)
    owned = generator.integers(0, 3, 3).astype(float)
    owned[owned.argmin()] += 1
    values = [np.sort(generator.integers(0, 9, 2).astype(float)) for _ in range(3)]
    winner = int(generator.integers(3))
    most = max(values[i][: 2 if i < 2 else 1].max() for i in range(3) if i != winner)
    values[winner] = most + np.sort(generator.integers(1, 8, 2).astype(float))
    worth = np.stack([values[player][TYPES[:, player]] for player in range(3)])
    actions = {}
    for coalition in itertools.chain.from_iterable(itertools.combinations(range(3), size) for size in (1, 2, 3)):
        members = list(coalition)
        total = owned[members].sum()
        held = [np.where(np.array(members) == one, total, 0.0) - owned[members] for one in members]
        gains = np.stack([*held, np.zeros(len(members))])[:, :, None] * worth[members]
        actions[coalition] = ActionSet((*(f"all to {one}" for one in members), "keep"), gains)
    even = np.full(2, 0.5)
    game = CoalitionalGame(("a", "b", "c"), (("l", "h"), ("l", "h"), ("o",)), (even, even, np.ones(1)), actions)
    chosen = np.zeros((len(TYPES), 4))
    chosen[:, winner] = 1.0
    least = -actions[0, 1, 2].utilities[winner].min(axis=-1)
    willing = least + generator.dirichlet(np.ones(3)) * max(-least.sum(), 0.0)
    bets = 2 * generator.normal(size=3)
    odd = (2 * TYPES[:, 0] - 1) * (2 * TYPES[:, 1] - 1)
    return game, Mechanism(chosen, willing - willing.mean() + odd[:, None] * (bets - bets.mean()))


def main(markets: int = MARKETS) -> None:
    """Print how many markets need how much."""
    found: Counter[str] = Counter()
    for seed in range(markets):
        answer = least_severance(*drawn(seed), ranges=RANGES)
        if not isinstance(answer, LeastSeverance):
            found["not feasible"] += 1
        elif answer.bound is None:
            found["none helps"] += 1
        elif answer.bound == 0 and not answer.stopped:
            found["none needed"] += 1
        else:
            found["some needed, or open"] += 1
            print(f"market {seed}: at least {answer.bound:g}, promised {answer.promise}, {answer.stopped}")
    count = found["some needed, or open"]
    most = float(beta.ppf((1 + CONFIDENCE) / 2, count + 1, markets - count))
    print(dict(found), f"some needed, or open: at most {most:.2%} with confidence {CONFIDENCE:.0%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
