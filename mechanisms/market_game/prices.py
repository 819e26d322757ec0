"""At what price a trade is charged to each of its sides: the one place that says so, and the one to add a rule to."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from marketgame.mechanisms.arrays import FloatArray


class Pricing(StrEnum):
    """At what price a trade between two players is charged."""

    COUNTERPARTY = "counterparty"
    """Each side is charged at the other's quote; the paper's rule."""
    VOID = "void"
    """Only pairs who quote exactly the same vector trade."""
    SPREAD = "spread"
    """Good by good, the buyer pays the higher of the two quotes and the seller receives the lower."""
    MIDPOINT = "midpoint"
    """Both sides are charged at the mean of the two quotes."""


type Prices = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""From what a player and its counterparty quote to the prices at which the player buys and sells."""


def _at_the_counterpartys(own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    del own
    return other, other


def _at_the_spread(own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.maximum(own, other), np.minimum(own, other)


def _at_the_middle(own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    middle = (own + other) / 2
    return middle, middle


# Whether two players trade at all is not a question of price: under `Pricing.VOID` those who do quote the same.
PRICES: dict[Pricing, Prices] = {
    Pricing.COUNTERPARTY: _at_the_counterpartys,
    Pricing.VOID: _at_the_counterpartys,
    Pricing.SPREAD: _at_the_spread,
    Pricing.MIDPOINT: _at_the_middle,
}


def trade_prices(pricing: Pricing, own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the prices at which a player buys from and sells to another, numeraire per unit.

    Args:
        pricing: the rule.
        own: what the player quotes; arrays of floating-point numbers, or of rationals.
        other: what its counterparty quotes; both broadcast against each other.

    Returns:
        The price of what it buys and of what it sells, each of a shape that broadcasts to that of both.

    Raises:
        KeyError: nobody has said what is charged under the rule.

    Source:
        Giraud and Rochon (2001), section 2.2, equation (1), for the counterparty's quote; see `Pricing`.
    """
    return PRICES[pricing](own, other)
