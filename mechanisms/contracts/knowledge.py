r"""What players know once a contract has told them what to do: plain equality.

A contract tells player i what to quote, what net trade its orders are to add up to, and what to announce
(`GrandContract.messages`). It is told the same at two profiles of reports if and only if these numbers are equal:
whoever makes a contract has replaced numbers that cannot be told apart by one
(:mod:`marketgame.mechanisms.contracts.canonical`). What i *knows* is its type and what it is told, :math:`(t_i, a_i)`;
several members together know these of all of them. Everything that asks what players can tell apart, be it a search, a
certificate or an agent, asks here; only :mod:`marketgame.mechanisms.certificates.plain` derives it anew, to check the
others.

Source:
    Giraud and Rochon (2001), section 3 and Definition 5: what is inferred from type and recommendation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import IntegerArray
from marketgame.mechanisms.contracts.canonical import rows_numbered
from marketgame.mechanisms.contracts.grand_contract import GrandContract


@dataclass(frozen=True)
class Information:
    """What a player may know alone.

    Attributes:
        type: its type number.
        profiles: numbers of the contract's recommendations, those of the type profiles unless it draws, in which it has
            this type and is told the same.
    """

    type: int
    profiles: tuple[int, ...]


def information(contract: GrandContract, members: Sequence[int]) -> IntegerArray:
    """Return the number of what members know together at every recommendation, ``(R,)``; -1 if it cannot occur."""
    parts = [part for member in members for part in (contract.profiles[:, member], contract.messages[:, member])]
    known = rows_numbered(np.column_stack(parts).astype(np.float64))
    return np.where(contract.probability > 0, known, -1).astype(np.int64)


def told_apart(contract: GrandContract, members: Sequence[int]) -> list[IntegerArray]:
    """Return the recommendations that members together cannot tell apart, ``(K,)`` for each thing they may know."""
    known = information(contract, members)
    return [np.flatnonzero(known == number) for number in np.unique(known[known >= 0])]


def known_by(contract: GrandContract, player: int) -> tuple[Information, ...]:
    """Return what a player may know alone, in the order of the first profile of each."""
    own_types = contract.profiles[:, player]
    groups = sorted(told_apart(contract, (player,)), key=lambda profiles: int(profiles[0]))
    return tuple(Information(int(own_types[some[0]]), tuple(some.tolist())) for some in groups)


def commonly_known(contract: GrandContract, members: Sequence[int]) -> bool:
    """Say whether each member alone knows what all members know together, so that they have no secrets."""
    together = len(told_apart(contract, members))
    return all(len(told_apart(contract, (member,))) == together for member in members)
