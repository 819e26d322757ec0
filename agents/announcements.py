"""Which announcements of endowments the market accepts.

Endowments must be shown, so nobody can announce more than it owns. Under the rule
``coverage = announced-numeraire`` a transfer may not take more numeraire than announced; whoever announces
less than that is held to the least announcement that covers its transfer.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules


def accepted_announcements(
    offered: FloatArray, endowments: FloatArray, transfers: FloatArray, rules: MarketRules
) -> FloatArray:
    """Return the announcements the market accepts of those offered, ``(..., N, L)``, units, up to the endowments."""
    accepted = np.minimum(np.maximum(offered, 0), endowments)
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        least = np.minimum(-transfers, endowments[..., -1])
        accepted[..., -1] = np.maximum(accepted[..., -1], least)
    return accepted


def raised(accepted: FloatArray, offered: FloatArray, rules: MarketRules) -> FloatArray:
    """Return how much numeraire the market added to the announcements offered, ``(..., N)``, units."""
    if rules.coverage is not Coverage.ANNOUNCED_NUMERAIRE:
        return np.zeros(accepted.shape[:-1])
    return np.asarray(np.maximum(accepted[..., -1] - np.maximum(offered[..., -1], 0), 0))
