r"""What a contract tells each player, and what players know once they have been told: plain equality.

A contract tells player i what to quote, what net trade its orders are to add up to, and what to announce
(`GrandContract.messages`). It is told the same at two profiles of reports if and only if these numbers are equal:
whoever makes a contract has replaced numbers that cannot be told apart by one (:mod:`mechanisms.contracts.canonical`).
What i *knows* is its type and what it is told, :math:`(t_i, a_i)`; several members together know these of all of them.
Everything that asks what players can tell apart, be it a search, a certificate or an agent, asks here.

Source:
    Giraud and Rochon (2001), section 3 and Definition 5: what is inferred from type and recommendation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.contracts.canonical import rows_numbered

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import (
        FloatArray,
        IntegerArray,
    )
    from marketgame.mechanisms.contracts.grand_contract import GrandContract


def information(contract: GrandContract, members: Sequence[int]) -> IntegerArray:
    """Return the number of what members know together at every profile, ``(P,)``; -1 where it cannot occur.

    Args:
        contract: which everybody reported the truth to.
        members: of a coalition; one for what a player knows alone.
    """
    economy = contract.economy
    parts = [part for member in members for part in (economy.profiles[:, member], contract.messages[:, member])]
    known = same_rows(np.column_stack(parts))
    return np.where(economy.prior.probability > 0, known, -1).astype(np.int64)


def same_rows(rows: FloatArray | IntegerArray) -> IntegerArray:
    """Return a number for each row of ``(K, ...)``, the same for rows that are equal number by number, ``(K,)``."""
    return rows_numbered(np.asarray(rows, dtype=np.float64).reshape(len(rows), -1))
