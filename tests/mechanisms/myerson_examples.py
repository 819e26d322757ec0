"""The two examples of Myerson (2006), and mechanisms that the paper discusses in them."""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.coalitional_games.game import CoalitionalGame, bilateral_trade
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism


def example(seller: list[float], buyer: list[float]) -> CoalitionalGame:
    """Myerson's examples: the seller knows whether the good is L or H."""
    return bilateral_trade(seller, np.array(buyer)[:, None], [0.5, 0.5], [1.0], names=(["L", "H"], ["only"]))


EXAMPLE_1 = example([1.0, 5.0], [2.0, 6.0])
EXAMPLE_2 = example([2.0, 3.0], [0.0, 7.0])
EQUAL_GAINS = Mechanism(np.array([[0.0, 1.0], [8 / 9, 1 / 9]]), np.array([[1.5, -1.5], [5.5 / 9, -5.5 / 9]]))
VIRTUALLY_EQUITABLE = Mechanism(np.array([[0.0, 1.0], [0.9, 0.1]]), np.array([[1.5, -1.5], [0.6, -0.6]]))


def pooling(price: float, side_bet: float = 0.0, severance: float = 0.0) -> Mechanism:
    """Example 2: always trade; the buyer also pays the side-bet at H and gets it at L; severance is for L."""
    payments = np.array([[price, side_bet - price], [price, -side_bet - price]])
    return Mechanism(np.tile([0.0, 1.0], (2, 1)), payments, np.array([[severance, 0.0], [0.0, 0.0]]))
