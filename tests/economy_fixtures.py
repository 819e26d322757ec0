"""The three-trader example with names, and the type of what builds random economies: for agents and whole runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic

type RandomEconomy = Callable[[int, int, int, int], Economy]
"""Builds an economy from a seed and the numbers of players, goods and types."""


def three_trader_economy() -> Economy:
    """The three-trader example whose one-player supremum is 90 for everyone."""
    intercepts, slopes, wheat = (5.0, 5.5, 6.2), (1.0, 1.0, 1.2), (2.0, 1.0, 1.5)
    traits = zip(("ann", "bob", "cy"), intercepts, slopes, wheat, strict=True)
    players = tuple(
        Player(name, (PlayerType("only", np.array([owned, 30.0]), _quadratic(intercept, slope)),))
        for name, intercept, slope, owned in traits
    )
    return Economy("three", ("wheat", "money"), ("t", "euro"), players, IndependentPrior([np.ones(1)] * 3))


def _quadratic(intercept: float, slope: float) -> Quadratic:
    return Quadratic(np.array([intercept]), np.array([[slope]]))
