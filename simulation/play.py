"""What happened in one round, as the market saw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray
from mechanisms.market_game import Settlement


@dataclass(frozen=True, eq=False)
class Play:
    """One round.

    Attributes:
        profile: the true types, ``(N,)``.
        reports: the reported types, ``(N,)``.
        transfers: purchasing power granted, ``(N,)``, numeraire.
        quotes: ``(N, L)``, numeraire per unit.
        orders: net demand of player i addressed to player j, ``(N, N, L)``, units.
        announced_endowments: as accepted by the market, ``(N, L)``, units.
        raised: how much numeraire the market added to announcements, ``(N,)``, units.
        settlement: what the market made of it.
    """

    profile: IntegerArray
    reports: IntegerArray
    transfers: FloatArray
    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    raised: FloatArray
    settlement: Settlement

    @property
    def net_flows(self) -> FloatArray:
        """What player i was to receive from player j on balance, ``(N, N, L)``, units."""
        return self.orders - np.swapaxes(self.orders, 0, 1)
