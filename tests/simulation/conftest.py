"""Economies for whole runs."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Logarithmic
from tests.economy_fixtures import RandomEconomy, three_trader_economy


@pytest.fixture(scope="session")
def three_traders() -> Economy:
    """The three-trader example whose one-player supremum is 90 for everyone."""
    return three_trader_economy()


@pytest.fixture(scope="session")
def random_economy() -> RandomEconomy:
    """Economies with logarithmic valuations whose types differ in what they want, and in what they own."""

    def build(seed: int, players: int, goods: int, types: int) -> Economy:
        generator = np.random.default_rng(seed)

        def kind(number: int) -> PlayerType:
            endowment: FloatArray = np.append(generator.uniform(0.2, 2, goods - 1), generator.uniform(60, 90))
            weight, shift = generator.uniform(2, 6, goods - 1), generator.uniform(0.5, 1, goods - 1)
            return PlayerType(f"t{number}", endowment, Logarithmic(weight, shift))

        everyone = tuple(Player(f"p{number}", tuple(kind(t) for t in range(types))) for number in range(players))
        names = tuple(f"g{good}" for good in range(goods))
        marginals = [generator.dirichlet(np.full(types, 4.0)) for _ in everyone]
        return Economy("random", names, names, everyone, IndependentPrior(marginals))

    return build
