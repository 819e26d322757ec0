r"""Exchange economies with private types (Giraud and Rochon, section 2.1).

Players :math:`i = 0, \dots, N-1` hold endowments :math:`\omega_i(t_i)` of goods :math:`h = 0, \dots, L-1`;
the last good is the numeraire, with price 1. A player of type :math:`t_i` values the other goods by
:math:`v_i(q, t_i)` and enjoys :math:`v_i(q, t_i) + m`. The aggregate endowment may depend on the profile;
the paper assumes it does not, and :mod:`marketgame.mechanisms.economies.assumptions` says which of its assumptions
hold.

Tables over types have one row for each type of each player: player 0's types first, then player 1's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.economies.beliefs import Prior
from marketgame.mechanisms.economies.valuation import Valuation, ValuationTable


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

    @cached_property
    def kind(self) -> Hashable:
        """What two types have in common that own the same goods and value them by the same numbers."""
        valuation = self.valuation.simplified()
        # Adding zero makes minus zero plus zero.
        parameters = [np.asarray(getattr(valuation, name)) + 0.0 for name in valuation.parameter_names()]
        goods = self.endowment[:-1] + 0.0
        return (type(valuation), goods.tobytes(), *((array.shape, array.tobytes()) for array in parameters))


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

    @property
    def money(self) -> str:
        """What an amount of the numeraire is written with: its unit and its name."""
        return f"{self.units[-1]} of {self.goods[-1]}"

    @cached_property
    def valuations(self) -> ValuationTable:
        """The valuation of every type, one row each."""
        return ValuationTable([kind.valuation for player in self.players for kind in player.types])

    @cached_property
    def endowment_table(self) -> FloatArray:
        """The endowment of every type, ``(types of all players, L)``, units of each good."""
        return read_only(np.array([kind.endowment for player in self.players for kind in player.types]))

    @cached_property
    def reference_goods(self) -> FloatArray:
        """The goods from which each type's gains are measured, ``(types of all players, G)``, units.

        They are the type's endowment. Where its value is not finite, because nothing of a good whose first unit
        is worth infinitely much is owned, they are an equal share of the most there can be of every good.
        """
        owned = self.endowment_table[:, :-1]
        most = np.maximum.reduceat(owned, self.first_rows, axis=0).sum(axis=0)
        finite = np.isfinite(self.valuations.value(np.arange(len(owned)), owned))
        return read_only(np.where(finite[:, None], owned, most / len(self.players)))

    @cached_property
    def reference_utility(self) -> FloatArray:
        """The utility from which each type's gains are measured, ``(types of all players,)``, numeraire."""
        goods = self.valuations.value(np.arange(len(self.endowment_table)), self.reference_goods)
        return read_only(goods + self.endowment_table[:, -1])

    @cached_property
    def kinds(self) -> IntegerArray:
        """A number for each type of each player, ``(types of all players,)``, equal for types of one kind."""
        numbers: dict[Hashable, int] = {}
        kinds = [numbers.setdefault(kind.kind, len(numbers)) for player in self.players for kind in player.types]
        return read_only(np.array(kinds, dtype=np.int64))

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
        return self.endowment_table.take(self.rows(profiles), axis=0)

    def utility(self, profiles: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the utility of types ``(..., N)`` who consume bundles ``(..., N, L)``: ``(..., N)``, numeraire.

        Source:
            Giraud and Rochon, section 2.1.
        """
        return self.valuations.value(self.rows(profiles), bundles[..., :-1]) + bundles[..., -1]

    def gains(self, profiles: IntegerArray, net_consumption: FloatArray) -> FloatArray:
        """Return by how much types ``(..., N)`` are better off than on their endowments, ``(..., N)``, numeraire.

        They consume ``(..., N, L)`` beyond them. Nothing of the size of what players own anyhow enters, so that no gain
        is lost in its rounding: gains are measured from :attr:`reference_goods`.
        """
        return self.gains_of_types(self.rows(profiles), net_consumption)

    def gains_of_types(self, rows: IntegerArray, net_consumption: FloatArray) -> FloatArray:
        """Return the same for types at the rows ``(...)`` of tables over types, who consume ``(..., L)`` more."""
        goods = net_consumption[..., :-1]
        held = np.maximum(self.endowment_table[rows, :-1] + goods, 0)
        return self._gains_from_goods(rows, held, goods) + net_consumption[..., -1]

    def gains_from_goods(self, profiles: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return how much more types ``(..., N)`` value goods ``(..., N, G)`` than what they own of them, ``(..., N)``.

        In numeraire, measured from :attr:`reference_goods`.
        """
        rows = self.rows(profiles)
        return self._gains_from_goods(rows, bundles, bundles - self.endowment_table[rows, :-1])

    def _gains_from_goods(self, rows: IntegerArray, bundles: FloatArray, net_bundles: FloatArray) -> FloatArray:
        reference = self.reference_goods[rows]
        lives_on = (reference == self.endowment_table[rows, :-1]).all(axis=-1, keepdims=True)
        return self.valuations.gain(rows, reference, bundles, np.where(lives_on, net_bundles, bundles - reference))

    def type_names(self, profile: IntegerArray) -> dict[str, str]:
        """Return a profile ``(N,)`` as names: player to type."""
        chosen = zip(self.players, profile, strict=True)
        return {player.name: player.types[number].name for player, number in chosen}


def _refuse_repeats(what: str, names: tuple[str, ...] | list[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"two {what} are named {repeated[0]!r}; names must differ")
    if not names:
        raise ValueError(f"there are no {what}; there must be at least one")
