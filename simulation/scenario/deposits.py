"""What can be deposited where recommended flows are executed out of what types who are reported own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.agents.behaviours import Behaviour
from marketgame.mechanisms.arrays import IntegerArray
from marketgame.mechanisms.economies.economy import Economy, Player
from marketgame.mechanisms.market_game.rules import Refusal


@dataclass(frozen=True)
class OwnType:
    """Which of its types a player is of: all that a report may depend on."""

    own: Player
    type_number: int


def can_deposit(own: Player, type_number: int, report: int) -> bool:
    """Return whether a type of a player owns what a type that it may report would have to deposit."""
    return not (own.types[report].endowment > own.types[type_number].endowment).any()


def refuse_missing_deposits(economy: Economy, behaviours: tuple[tuple[Behaviour, ...], ...]) -> None:
    """Refuse behaviours that report types who own more.

    Raises:
        ValueError: naming the player, its type, its report and what it lacks.
    """
    for player, by_type in zip(economy.players, behaviours, strict=True):
        for type_number, behaviour in enumerate(by_type):
            for stance in behaviour.could_act(player, type_number):
                _refuse_lacking(economy, player, type_number, stance.report(OwnType(player, type_number)))


def refuse_missing_deposit(economy: Economy, profile: IntegerArray, reports: IntegerArray) -> None:
    """Refuse reports ``(N,)`` of types that own more of some good than the true ones, ``(N,)``.

    Raises:
        ValueError: naming the player, its type, its report and what it lacks.
    """
    owned, deposited = economy.endowments(profile), economy.endowments(reports)
    for player in np.flatnonzero((deposited > owned).any(axis=-1)).tolist():
        _refuse_lacking(economy, economy.players[player], int(profile[player]), int(reports[player]))


def _refuse_lacking(economy: Economy, player: Player, type_number: int, report: int) -> None:
    kind, said = player.types[type_number], player.types[report]
    for good in np.flatnonzero(said.endowment > kind.endowment):
        raise ValueError(
            f"{player.name} of type {kind.name!r} reports {said.name!r}, whose {said.endowment[good]:.6g} of "
            f"{economy.goods[good]} it would have to deposit; it owns {kind.endowment[good]:.6g}, and rule refusal = "
            f"{Refusal.ESCROW.value!r} executes flows out of deposits"
        )
