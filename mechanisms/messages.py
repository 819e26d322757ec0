"""When two recommendations are one message: a rounding error must not tell a player the others' types.

Source:
    Giraud and Rochon (2001), section 3: what a player infers from its type and recommendation; the tolerance is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
    from mechanisms.grand_contract import GrandContract

SAME_MESSAGE = 1e-9
"""Numbers this close, relative to prices, supply and wealth, are the same: a contract's are computed by iteration."""


@dataclass(frozen=True, eq=False)
class Message:
    """What a contract tells one player to do.

    Attributes:
        quotes: ``(L,)``, numeraire per unit.
        net_trade: that its orders add up to, ``(L,)``, units.
        announced_endowment: ``(L,)``, units.
    """

    quotes: FloatArray
    net_trade: FloatArray
    announced_endowment: FloatArray


def message_to(contract: GrandContract, player: int, number: int) -> Message:
    """Return what a player is told at a profile of reports, by its number."""
    efficient = contract.efficient
    return Message(
        efficient.price[number], contract.net_trades[number, player], contract.announced_endowments[number, player]
    )


def told_the_same(contract: GrandContract, player: int, numbers: IntegerArray, message: Message) -> BooleanArray:
    """Say at which profiles ``(K,)`` of reports, by number, a contract tells a player the same."""
    price, supply = contract.efficient.price[numbers], contract.endowments[numbers].sum(axis=-2)
    return (
        same_numbers(price, message.quotes, price)
        & same_numbers(contract.net_trades[numbers, player], message.net_trade, supply)
        & same_numbers(contract.announced_endowments[numbers, player], message.announced_endowment, supply)
    )


def same_numbers(table: FloatArray, row: FloatArray, scale: FloatArray) -> BooleanArray:
    """Say which rows of a table ``(K, M)`` are the row ``(M,)`` up to rounding, relative to the scale."""
    return np.asarray((np.abs(table - row) <= SAME_MESSAGE * np.abs(scale)).all(axis=-1))
