r"""Which players can take each other's place under a contract: all numbers about them are equal.

Players i and j are exchangeable if nothing changes when they swap types and places: not the prior, not what their types
own and value, not what the contract recommends and pays. The market's rules name nobody, so that whatever a coalition
can do with i, gains and outsiders' losses included, it can do with j in the place of i, and all permutations of players
who are exchangeable in pairs follow. Numbers are equal only bit for bit: where rounding or a choice between equally
good transfers treats two players differently, they count as different, which costs time and no answer.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from marketgame.mechanisms.contracts.grand_contract import GrandContract
    from marketgame.mechanisms.economies.economy import Player


def exchangeable_players(contract: GrandContract, behaviours: Sequence[object] | None = None) -> tuple[int, ...]:
    """Return for each player the first that it is exchangeable with, itself if there is none before.

    Args:
        contract: the contract.
        behaviours: what else is known of each player, equal for those who behave alike; all do if left out.
    """
    players = contract.economy.players
    looks = [_looks_of(player) for player in players]
    behaves = [None] * len(players) if behaviours is None else behaviours
    firsts: list[int] = []
    for player, look in enumerate(looks):
        alike = (
            other
            for other in dict.fromkeys(firsts)
            if looks[other] == look
            and behaves[other] == behaves[player]
            and _swap_changes_nothing(contract, other, player)
        )
        firsts.append(next(alike, player))
    return tuple(firsts)


def _looks_of(player: Player) -> tuple[Hashable, ...]:
    """Return what a player's types own and value, as something that is equal only if all numbers are."""
    return tuple(
        (
            kind.endowment.tobytes(),
            type(kind.valuation),
            *(np.asarray(getattr(kind.valuation, each.name)).tobytes() for each in fields(kind.valuation)),
        )
        for kind in player.types
    )


def _swap_changes_nothing(contract: GrandContract, one: int, other: int) -> bool:
    places = np.arange(len(contract.economy.players))
    places[[one, other]] = other, one
    number = contract.numbers_of(
        contract.profiles[:, places], np.arange(len(contract.profiles)) // len(contract.efficient.profiles)
    )
    by_player = (
        contract.bundles,
        contract.numeraire_transfers,
        contract.announced_endowments,
        contract.orders,
        contract.transfers,
    )
    return all(np.array_equal(array[number], array) for array in (contract.probability, contract.price)) and all(
        np.array_equal(array[number][:, places], array) for array in by_player
    )
