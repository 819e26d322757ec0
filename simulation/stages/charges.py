"""Which trades took place, and what each side was charged for them under each pricing rule."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from marketgame.mechanisms.arrays import (
    BooleanArray,
    FloatArray,
)
from marketgame.mechanisms.market_game.settlement import (
    Bankruptcy,
    Pricing,
)


def standing_flows(orders: FloatArray, quotes: FloatArray, pricing: Pricing) -> FloatArray:
    """Return what player i is to receive from player j before anybody fails, ``(..., N, N, L)``, units.

    Args:
        orders: ``(..., N, N, L)``, units.
        quotes: ``(..., N, L)``, numeraire per unit.
        pricing: under ``void`` a pair trades only if both quote the same.
    """
    flows = orders - np.swapaxes(orders, -2, -3)
    if pricing is Pricing.VOID:
        agree = (quotes[..., :, None, :] == quotes[..., None, :, :]).all(axis=-1)
        flows *= agree[..., None]
    return flows


def final_flows(flows: FloatArray, bankrupt: BooleanArray, bankruptcy: Bankruptcy) -> FloatArray:
    """Return what player i receives from player j, ``(..., N, N, L)``, units.

    Args:
        flows: before anybody fails, ``(..., N, N, L)``, units.
        bankrupt: ``(..., N)``.
        bankruptcy: under ``unwind`` a bankrupt player's trades are cancelled.
    """
    match bankruptcy:
        case Bankruptcy.TRADES_STAND:
            return flows
        case Bankruptcy.UNWIND:
            cancelled = bankrupt[..., :, None] | bankrupt[..., None, :]
            return np.where(cancelled[..., None], 0, flows)
        case _:
            assert_never(bankruptcy)


def charges(flows: FloatArray, quotes: FloatArray, pricing: Pricing) -> FloatArray:
    """Return what player i is charged for its flow from player j, good by good, ``(..., N, N, L)``, numeraire.

    Args:
        flows: ``(..., N, N, L)``, units.
        quotes: ``(..., N, L)``, numeraire per unit.
        pricing: the rule that fixes the price; ``void`` and ``counterparty`` charge the counterparty's quote.
    """
    own, counterparty = quotes[..., :, None, :], quotes[..., None, :, :]
    match pricing:
        case Pricing.SPREAD:
            prices = np.where(flows > 0, np.maximum(own, counterparty), np.minimum(own, counterparty))
        case Pricing.MIDPOINT:
            prices = (own + counterparty) / 2
        case Pricing.COUNTERPARTY | Pricing.VOID:
            prices = np.broadcast_to(counterparty, flows.shape)
        case _:
            assert_never(pricing)
    return np.asarray(prices * flows)
