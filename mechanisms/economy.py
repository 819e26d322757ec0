r"""Exchange economies with private types (Giraud and Rochon, section 2.1).

Players :math:`i = 0, \dots, N-1` hold endowments :math:`\omega_i(t_i)` of goods :math:`h = 0, \dots, L-1`;
the last good is the numeraire, with price 1. A player of type :math:`t_i` values the other goods by
:math:`v_i(q, t_i)` and enjoys :math:`v_i(q, t_i) + m`. The aggregate endowment may depend on the profile;
the paper assumes it does not, and :mod:`mechanisms.assumptions` says which of its assumptions hold.

Tables over types have one row for each type of each player: player 0's types first, then player 1's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from mechanisms.beliefs import Prior
from mechanisms.valuation import Valuation, ValuationTable


@dataclass(frozen=True, eq=False)
class PlayerType:
    """What a player privately is.

    Attributes:
        name: unique among the player's types.
        endowment: holding before trade, ``(L,)``, units of each good, the numeraire last.
        valuation: values the goods other than the numeraire.

    Raises:
        ValueError: an endowment is negative or not finite.
    """

    name: str
    endowment: FloatArray
    valuation: Valuation

    def __post_init__(self) -> None:
        endowment = finite_array(f"endowment of type {self.name}", self.endowment, (None,))
        if (endowment < 0).any():
            raise ValueError(f"endowment of type {self.name} is {endowment.tolist()}; it must be at least 0")
        object.__setattr__(self, "endowment", read_only(endowment))


@dataclass(frozen=True, eq=False)
class Player:
    """A trader of the economy with its possible types."""

    name: str
    types: tuple[PlayerType, ...]


@dataclass(frozen=True, eq=False)
class Economy:
    """Who trades what, and what each knows.

    Attributes:
        name: for titles and tables.
        goods: names; the last is the numeraire.
        units: unit of each good.
        players: in order; names are unique.
        prior: the common prior over type profiles.
        source: where the numbers come from.

    Raises:
        ValueError: names repeat, there are fewer than two goods, sizes disagree, or the prior is over other
            numbers of types.
    """

    name: str
    goods: tuple[str, ...]
    units: tuple[str, ...]
    players: tuple[Player, ...]
    prior: Prior
    source: str = ""

    def __post_init__(self) -> None:
        _refuse_repeats("goods", self.goods)
        _refuse_repeats("players", [player.name for player in self.players])
        if len(self.goods) < 2:
            raise ValueError(f"goods are {list(self.goods)}; there must be one beside the numeraire")
        if len(self.units) != len(self.goods):
            raise ValueError(f"there are {len(self.units)} units for {len(self.goods)} goods")
        for player in self.players:
            _refuse_repeats(f"types of {player.name}", [kind.name for kind in player.types])
            for kind in player.types:
                self._refuse_other_sizes(player, kind)
        counts = tuple(len(player.types) for player in self.players)
        if counts != self.prior.type_counts:
            raise ValueError(f"the prior is over {self.prior.type_counts} types; the players have {counts}")

    def _refuse_other_sizes(self, player: Player, kind: PlayerType) -> None:
        if len(kind.endowment) != len(self.goods):
            raise ValueError(
                f"endowment of {player.name}/{kind.name} has {len(kind.endowment)} entries; "
                f"there are {len(self.goods)} goods"
            )
        if kind.valuation.goods != len(self.goods) - 1:
            raise ValueError(
                f"valuation of {player.name}/{kind.name} is over {kind.valuation.goods} goods; "
                f"there are {len(self.goods) - 1} beside the numeraire"
            )

    @property
    def player_names(self) -> tuple[str, ...]:
        """The players' names, in order."""
        return tuple(player.name for player in self.players)

    @cached_property
    def valuations(self) -> ValuationTable:
        """The valuation of every type, one row each."""
        return ValuationTable([kind.valuation for player in self.players for kind in player.types])

    @cached_property
    def endowment_table(self) -> FloatArray:
        """The endowment of every type, ``(types of all players, L)``, units of each good."""
        return read_only(np.array([kind.endowment for player in self.players for kind in player.types]))

    @cached_property
    def first_rows(self) -> IntegerArray:
        """Where each player's types begin in tables over types, ``(N,)``."""
        counts = self.prior.type_counts
        return read_only(np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64))

    @property
    def profiles(self) -> IntegerArray:
        """Every type profile, ``(P, N)``, the last player's type changing fastest."""
        return self.prior.profiles

    def rows(self, profiles: IntegerArray) -> IntegerArray:
        """Return where the types of profiles ``(..., N)`` stand in tables over types, ``(..., N)``."""
        return profiles + self.first_rows

    def endowments(self, profiles: IntegerArray) -> FloatArray:
        """Return endowments, ``(..., N, L)``, units of each good, for profiles ``(..., N)``."""
        return self.endowment_table[self.rows(profiles)]

    def utility(self, profiles: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the utility of each player.

        Args:
            profiles: type numbers, ``(..., N)``.
            bundles: what each player consumes, ``(..., N, L)``, units of each good.

        Returns:
            Utilities, ``(..., N)``, in units of the numeraire.

        Source:
            Giraud and Rochon, section 2.1.
        """
        return self.valuations.value(self.rows(profiles), bundles[..., :-1]) + bundles[..., -1]

    def type_names(self, profile: IntegerArray) -> dict[str, str]:
        """Return a profile ``(N,)`` as names: player to type."""
        chosen = zip(self.players, profile, strict=True)
        return {player.name: player.types[number].name for player, number in chosen}


def _refuse_repeats(what: str, names: tuple[str, ...] | list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two {what} are named {repeated[0]!r}; names must differ")
    if not names:
        raise ValueError(f"there are no {what}; there must be at least one")
