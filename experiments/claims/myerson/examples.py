"""Myerson's two examples, from the files that come with marketgame, and mechanisms that he discusses in them.

The seller's types are in the order of the files: H is 0, L is 1.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism

HIGH, LOW = 0, 1
SELLER, BUYER = 0, 1

EQUAL_GAINS = Mechanism(np.array([[8 / 9, 1 / 9], [0.0, 1.0]]), np.array([[5.5 / 9, -5.5 / 9], [1.5, -1.5]]))
"""Section 5: trade at 1.5 if L; with probability 1/9 at 5.5 if H."""

EQUITABLE = Mechanism(np.array([[0.9, 0.1], [0.0, 1.0]]), np.array([[0.6, -0.6], [1.5, -1.5]]))
"""Section 5: trade at 1.5 if L; with probability 1/10 at 6, the virtual value, if H."""

CORE_OF_EXAMPLE_1 = (
    Mechanism(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 0.0], [1.0, -1.0]])),
    Mechanism(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.5, -0.5], [1.5, -1.5]])),
    Mechanism(np.array([[0.8, 0.2], [0.0, 1.0]]), np.array([[1.2, -1.2], [2.0, -2.0]])),
)
"""Section 8: the three mechanisms that achieve the vertices of the core."""


@cache
def example_1() -> CoalitionalGame:
    """Return the game of sections 5 and 8."""
    return load_game(HOME / "games" / "myerson-example-1.toml").game


@cache
def example_2() -> CoalitionalGame:
    """Return the game of section 9."""
    return load_game(HOME / "games" / "myerson-example-2.toml").game


def pooling(price: float, side_bet: float = 0.0, severance: float = 0.0) -> Mechanism:
    """Return the mechanism of section 9 that always trades at a price.

    Args:
        price: paid to the seller.
        side_bet: what the buyer pays besides if H and gets if L.
        severance: promised to a seller of type L.
    """
    payments = np.array([[price, -side_bet - price], [price, side_bet - price]])
    return Mechanism(np.tile([0.0, 1.0], (2, 1)), payments, np.array([[0.0, 0.0], [severance, 0.0]]))
