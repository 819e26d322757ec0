r"""What a contract recommends that somebody states, be it efficient or not, drawn by lot or not.

A communication device with finite support (Giraud and Rochon, Definition 3) draws a recommendation from
:math:`\mu(\cdot|t)` after reports t. Whatever it is, it can be had from one number drawn before anybody reports: cut
the unit interval wherever, for some t, one recommendation ends and the next begins, and let the number fall into one of
the D pieces. So a device is a lottery, the same for all reports, over D functions from reports to recommendations, and
a contract is a list of recommendations, one for each *draw* and profile of reports, those of the first draw first.
Nobody is told the draw; what a member learns of it is what its recommendation says.

A recommendation is a price that all quote and a net trade for everybody. What is ordered, announced and granted so that
it comes about is as for efficient allocations (:mod:`marketgame.mechanisms.contracts.grand_contract`). So the
purchasing power that is granted may depend on the draw. In Definition 3 it depends on reports alone, which leaves only
lotteries in which each player's net trade is worth the same in every draw (``docs/converse.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.economies.economy import Economy

# Goods are divided up to this share of what there is.
DIVIDED_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class StatedRecommendations:
    """R = D P recommendations, for D draws and P profiles of reports; how money changes hands the contract says.

    Attributes:
        chances: of each draw, whatever is reported, ``(D,)``.
        price: that all are to quote, ``(R, L)``, numeraire per unit.
        bundles: what each player is to end with of the goods other than the numeraire, ``(R, N, G)``, units.

    Raises:
        ValueError: shapes disagree, chances are not those of a lottery, a price is negative, that of the numeraire is
            not 1, or somebody would end with less than nothing.
    """

    chances: FloatArray
    price: FloatArray
    bundles: FloatArray

    def __post_init__(self) -> None:
        chances = finite_array("chances", self.chances, (None,))
        if (chances <= 0).any() or abs(float(chances.sum()) - 1) > PROBABILITY_TOLERANCE:
            raise ValueError(f"chances are {chances.tolist()}; they must be positive and sum to 1")
        recommendations, _, goods = finite_array("bundles", self.bundles, (None, None, None)).shape
        price = finite_array("price", self.price, (recommendations, goods + 1))
        if (price < 0).any() or (price[:, -1] != 1).any():
            raise ValueError("prices must be at least 0, and that of the numeraire 1")
        if recommendations % len(chances):
            raise ValueError(f"{recommendations} recommendations are not as many in each of {len(chances)} draws")
        if (np.asarray(self.bundles) < 0).any():
            raise ValueError("somebody would end with less than nothing of a good")
        for name, array in (("chances", chances), ("price", price), ("bundles", np.asarray(self.bundles, np.float64))):
            object.__setattr__(self, name, read_only(array))

    def profiles(self, economy: Economy) -> IntegerArray:
        """Return the reports after which each recommendation is made, ``(R, N)``."""
        return np.tile(economy.profiles, (len(self.chances), 1))

    def refuse_misfit(self, economy: Economy) -> None:
        """Refuse recommendations for another economy, or such that do not divide what there is.

        Raises:
            ValueError: naming what is wrong.
        """
        wanted = (len(self.chances) * len(economy.profiles), len(economy.players), len(economy.goods) - 1)
        if self.bundles.shape != wanted:
            raise ValueError(f"bundles has shape {self.bundles.shape}; it must have shape {wanted}")
        supply = economy.endowments(self.profiles(economy))[..., :-1].sum(axis=1)
        excess = np.abs(self.bundles.sum(axis=1) - supply)
        if (excess > DIVIDED_TOLERANCE * supply).any():
            number, good = np.argwhere(excess > DIVIDED_TOLERANCE * supply)[0]
            types = economy.type_names(self.profiles(economy)[number])
            raise ValueError(
                f"{self.bundles[number, :, good].sum():.6g} of {economy.goods[good]} is handed out for types {types}; "
                f"there is {supply[number, good]:.6g}"
            )


def recommendation_odds(economy: Economy, stated: StatedRecommendations | None) -> FloatArray:
    """Return the probability of each recommendation if all report the truth, ``(R,)``; of each profile if none is."""
    likely = economy.prior.probability
    return likely if stated is None else read_only(np.outer(stated.chances, likely).reshape(-1))
