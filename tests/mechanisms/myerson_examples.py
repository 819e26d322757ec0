"""The two examples of Myerson (2006), and mechanisms that the paper discusses in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism


def bilateral_trade(
    seller_values: ArrayLike,
    buyer_values: ArrayLike,
    seller_probabilities: ArrayLike,
    buyer_probabilities: ArrayLike,
    *,
    names: tuple[Sequence[str], Sequence[str]] | None = None,
) -> CoalitionalGame:
    """Return the game of one seller with one good and one buyer, payoffs measured from no trade.

    Alone each can only ``keep`` what it has; together they ``keep`` or ``trade``.

    Args:
        seller_values: worth of the good to the seller at each type of seller and buyer, ``(K_1, K_2)``, or
            ``(K_1,)`` when only the seller's type matters.
        buyer_values: worth to the buyer, ``(K_1, K_2)``, or ``(K_2,)`` when only the buyer's type matters.
        seller_probabilities: ``(K_1,)``.
        buyer_probabilities: ``(K_2,)``.
        names: of the seller's and of the buyer's types; numbers from 0 by default.
    """
    probabilities = (np.asarray(seller_probabilities, float), np.asarray(buyer_probabilities, float))
    counts = (probabilities[0].size, probabilities[1].size)
    worth = np.asarray(seller_values, float)
    cost = np.broadcast_to(worth[:, None] if worth.ndim == 1 else worth, counts)
    gain = np.broadcast_to(np.asarray(buyer_values, float), counts)
    trade = np.stack([-cost.ravel(), gain.ravel()])
    nothing = np.zeros_like(trade)
    alone = ActionSet(("keep",), nothing[None, :1])
    type_names = tuple(tuple(str(name) for name in (names[side] if names else range(counts[side]))) for side in (0, 1))
    return CoalitionalGame(
        ("seller", "buyer"),
        type_names,
        probabilities,
        {(0,): alone, (1,): alone, (0, 1): ActionSet(("keep", "trade"), np.stack([nothing, trade]))},
    )


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
