r"""The grand coalition's actions in an exchange economy: all divisions of the goods, priced instead of enumerated.

Utilities are gains over consuming one's own endowment, :math:`v_i(x_i, t_i) - v_i(\omega_i, t_i)`; the numeraire
enters through payments. Autarky then gives everyone zero, so individual participation asks for gains of at least
zero. Where nothing of a good of infinite marginal value is owned, the economy's own reference takes the endowment's
place, and autarky gives minus infinity. Virtual surplus is maximised over divisible goods without a grid wherever
virtual valuations are concave.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import (
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.incentive_efficiency.column_generation import PricedActions
from marketgame.mechanisms.incentive_efficiency.virtual_allocation import virtual_allocation


class DivisibleActions:
    """Prices divisions of an economy's goods; an action lists every player's bundle, ``(N * G,)``, units.

    Args:
        economy: with independent types and endowments that do not depend on them.

    Raises:
        ValueError: types are correlated, or an endowment depends on its player's type, which the reports of a
            mechanism could then prove false.
    """

    def __init__(self, economy: Economy) -> None:
        if not economy.prior.independent:
            raise ValueError("types are correlated; the incentive-efficient benchmark needs independent types")
        differing = endowments_depend_on_types(economy)
        if differing:
            raise ValueError(
                f"the endowment of {', '.join(differing)} depends on its type; the incentive-efficient benchmark "
                f"needs endowments that do not"
            )
        self.economy = economy
        counts = economy.prior.type_counts
        self.type_probabilities = tuple(economy.prior.marginal(player) for player in range(len(counts)))
        self._owner = np.repeat(np.arange(len(counts)), counts)
        self.concave = True

    @property
    def autarky(self) -> tuple[FloatArray, ...]:
        """What each type gains by living on its endowment, one ``(K_i,)`` per player: nothing, or minus infinity."""
        endowments = self.economy.endowment_table
        gains = self.economy.gains_of_types(np.arange(len(endowments)), np.zeros_like(endowments))
        return tuple(np.split(gains, self.economy.first_rows[1:]))

    @property
    def profiles(self) -> IntegerArray:
        """Type numbers at each profile, ``(P, N)``."""
        return self.economy.profiles

    @property
    def unit(self) -> float:
        """The value of the whole supply at the players' own marginal values, in numeraire; positive."""
        rows = np.arange(len(self._owner))
        endowments = self.economy.endowment_table[:, :-1]
        marginal = self.economy.valuations.supergradient(rows, np.maximum(endowments, endowments.mean(axis=0)))
        worth = float(np.abs(marginal * endowments.sum(axis=0)).max())
        return worth if np.isfinite(worth) and worth > 0 else 1.0

    def utilities(self, actions: NDArray[np.generic], profiles: IntegerArray) -> FloatArray:
        """Return the gain over autarky of every type of every player from divisions ``(B, N * G)``, ``(B, M)``."""
        bundles = actions.astype(np.float64).reshape(len(actions), -1, self.economy.valuations.goods)
        rows = np.broadcast_to(np.arange(len(self._owner)), (len(actions), len(self._owner)))
        received = self.economy.valuations.dispose(rows, bundles[:, self._owner])
        reference = self.economy.reference_goods
        return self.economy.valuations.gain(rows, np.broadcast_to(reference, received.shape), received)

    def best_actions(self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray) -> PricedActions:
        """Return the division of largest virtual surplus at each profile, with what none can exceed."""
        weights = np.zeros((len(self._owner), len(self._owner)))
        for player, matrix in enumerate(coefficients):
            own = np.flatnonzero(self._owner == player)
            weights[np.ix_(own, own)] = matrix.T
        found = virtual_allocation(self.economy, self.profiles[profiles], weights)
        self.concave = self.concave and found.concave
        return PricedActions(found.bundles.reshape(len(profiles), -1), found.surplus, found.bound)
