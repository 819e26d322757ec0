r"""What a grand contract tells everybody, what members know from it, and how it ends if it is obeyed.

Recommendations are the contract's; that its allocation is efficient is checked by weak duality: with
:math:`\hat v_i` concave and at least :math:`v_i`, prices p and any allocation q of the supply,

.. math:: \sum_i v_i(q_i) \le \sum_i \max_q [\hat v_i(q) - p \cdot q] + p \cdot \Omega .

A member knows its type and its recommendation. Recommendations that differ by rounding are one: members cannot tell
them apart, and all who are told so do the same.

Source: Giraud and Rochon (2001), Definitions 2 to 5 and the proof of Theorem 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Protocol

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array
from marketgame.mechanisms.certificates.plain.settlement import (
    NOTHING,
    PlainPlay,
    Table,
    consumed,
    refuse_unknown,
    settled,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations
from marketgame.mechanisms.economies.economy import Economy, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.economies.valuation import Bundle, Valuation
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal

# Numbers of recommendations that differ by less, relative to what they are about, are the same.
SAME_NUMBER = 1e-9
# More than any test is failed by.
UNLIMITED = Fraction(10) ** 1000
# Nobody announces more than it owns, up to this share; what is announced is then what is owned.
OWNERSHIP = Fraction(1, 10**12)


class StoredContract(Protocol):
    """What a certificate stores of the grand contract that it is about; see :meth:`PlainContract.of`."""

    @property
    def economy(self) -> Economy:
        """Whose types are reported."""

    @property
    def rules(self) -> MarketRules:
        """Of the market."""

    @property
    def numeraire_transfers(self) -> FloatArray:
        """By how much each player's numeraire changes, ``(R, N)``."""

    @property
    def prices(self) -> FloatArray | None:
        """That support the allocation, ``(P, L)``, numeraire per unit."""

    @property
    def stated(self) -> StatedRecommendations | None:
        """What is recommended instead, if something is."""


def stored_contract(of: StoredContract) -> PlainContract:
    """Return the grand contract that a certificate is about.

    Raises:
        ValueError: there is no such contract, or a rule is not understood here.
    """
    return PlainContract.of(of.economy, of.numeraire_transfers, of.prices, of.rules, of.stated)


@dataclass(frozen=True)
class PlainEnd:
    """How a play ends for everybody.

    Attributes:
        cost: of what is traded, ``[player]``, numeraire.
        bankrupt: ``[player]``.
        allocation: what the market hands out, ``[player][good]``, units.
        consumption: with what was not announced, where its owner consumes it, likewise.
        utility: of the true types, ``[player]``, numeraire.
    """

    cost: list[Fraction]
    bankrupt: list[bool]
    allocation: list[list[Fraction]]
    consumption: list[list[Fraction]]
    utility: list[Fraction]


@dataclass(frozen=True, eq=False)
class PlainContract:
    """A grand contract under the rules of a market, its numbers taken as exact.

    Attributes:
        contract: what is recommended.
        rules: of the market.
    """

    contract: GrandContract
    rules: MarketRules
    _plays: dict[int, PlainPlay] = field(default_factory=dict)
    _obeyed: dict[int, PlainEnd] = field(default_factory=dict)
    _held: dict[tuple[int, int | None], Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_unknown(self.rules)
        object.__setattr__(self, "contract", self.contract.under(self.rules))

    @classmethod
    def of(
        cls,
        economy: Economy,
        numeraire_transfers: FloatArray,
        prices: FloatArray | None,
        rules: MarketRules,
        stated: StatedRecommendations | None = None,
    ) -> PlainContract:
        """Return the grand contract for an efficient allocation with these payments and prices.

        Args:
            economy: whose types are reported.
            numeraire_transfers: by how much each player's numeraire changes, ``(R, N)``.
            prices: that support the allocation, ``(P, L)``, numeraire per unit, where there are several; those that the
                engine chooses if none are given.
            rules: of the market.
            stated: what is recommended instead of that allocation at these prices, if something is.

        Raises:
            ValueError: there is no such contract, or a rule is not understood here.
        """
        efficient = efficient_allocation(economy)
        if prices is not None:
            prices = finite_array("prices", prices, efficient.price.shape)
            if (prices < 0).any() or (prices[:, -1] != 1).any():
                raise ValueError("prices must be at least 0, and that of the numeraire 1")
        if prices is not None and stated is None:  # Else nothing checks that they support the allocation.
            efficient = replace(efficient, price=prices, lowest_price=np.minimum(efficient.lowest_price, prices))
        return cls(GrandContract(economy, efficient, numeraire_transfers, stated=stated), rules)

    @property
    def economy(self) -> Economy:
        """The economy."""
        return self.contract.economy

    @cached_property
    def profiles(self) -> list[tuple[int, ...]]:
        """The type profile of every recommendation: every profile, and again for every draw."""
        return [tuple(int(kind) for kind in profile) for profile in self.contract.profiles]

    @cached_property
    def number(self) -> dict[tuple[int, ...], int]:
        """The first place of every type profile."""
        return {profile: number for number, profile in enumerate(self.profiles[: len(self.economy.profiles)])}

    def after(self, number: int, reports: tuple[int, ...]) -> int:
        """Return what is recommended after reports if the draw is that of a recommendation."""
        profiles = len(self.economy.profiles)
        return number // profiles * profiles + self.number[reports]

    @cached_property
    def probability(self) -> list[Fraction]:
        """Of every recommendation, if all report the truth."""
        return exact(self.contract.probability)

    @cached_property
    def stakes(self) -> list[list[Fraction]]:
        """What is at stake for every player's type, ``[profile][player]``, numeraire."""
        return [exact(row) for row in self.contract.stakes[self.economy.rows(self.contract.profiles)]]

    def at_stake(self, coalition: Sequence[int], number: int) -> Fraction:
        """Return what is at stake for members of the types of a profile, together, numeraire."""
        return sum((self.stakes[number][member] for member in coalition), NOTHING)

    def kind(self, player: int, number: int) -> PlayerType:
        """Return a player's type in a profile."""
        return self.economy.players[player].types[self.profiles[number][player]]

    def endowments(self, number: int) -> Table:
        """Return what everybody owns, ``[player][good]``, units."""
        return [self._owned[player][kind] for player, kind in enumerate(self.profiles[number])]

    @cached_property
    def _owned(self) -> list[list[list[Fraction]]]:
        """What each type owns, ``[player][type][good]``, units."""
        return [[exact(kind.endowment) for kind in trader.types] for trader in self.economy.players]

    def holdings(self, number: int, reported: int | None = None) -> Table:
        """Return what everybody owns when the market opens, ``[player][good]``, units.

        Args:
            number: of the true profile.
            reported: of the profile of reports; the same if left out.

        Raises:
            ValueError: somebody has to deposit more than it owns.
        """
        if (number, reported) not in self._held:
            self._held[number, reported] = self._holdings(number, reported)
        return self._held[number, reported]

    def _holdings(self, number: int, reported: int | None) -> Table:
        owned = self.endowments(number)
        if self.rules.refusal is Refusal.FREE:
            return owned
        if reported is not None and not all(map(self.can_announce, self.endowments(reported), owned)):
            raise ValueError("somebody reports a type whose endowment it cannot deposit")
        flows = self.contract.net_trades[number if reported is None else reported]
        return [
            [own + flow for own, flow in zip(row, exact(more), strict=True)]
            for row, more in zip(owned, flows, strict=True)
        ]

    def price(self, number: int) -> list[Fraction]:
        """Return what everybody is told to quote, ``[good]``, numeraire per unit."""
        return exact(self.contract.price[self._prices[number]])

    def bundle(self, player: int, number: int) -> list[Fraction]:
        """Return a player's efficient bundle of the goods other than the numeraire, units."""
        return exact(self.contract.bundles[number][player])

    @cached_property
    def _prices(self) -> list[int]:
        """The first profile with the same prices, of every profile."""
        firsts: list[int] = []
        found = []
        for number, price in enumerate(self.contract.price.tolist()):
            first = next((one for one in firsts if self._same_price(one, price)), number)
            firsts += [first] if first == number else []
            found.append(first)
        return found

    def _same_price(self, number: int, price: list[float]) -> bool:
        other = self.contract.price[number].tolist()
        return all(abs(one - two) <= SAME_NUMBER * max(one, two) for one, two in zip(price, other, strict=True))

    @cached_property
    def _told(self) -> list[list[int]]:
        """The first profile in which a player is told the same, ``[player][profile]``."""
        return [self._told_to(player) for player in range(len(self.economy.players))]

    def _told_to(self, player: int) -> list[int]:
        trades, shown = self._trades_told_to(player), self.contract.announced_endowments[:, player].tolist()
        firsts: dict[int, list[int]] = {}
        found = []
        for number in range(len(self.profiles)):
            scale = self.scale(player, number)
            scales = scale * (len(trades[number]) // len(scale)), scale
            among = firsts.setdefault(self._prices[number], [])
            first = next(
                (
                    one
                    for one in among
                    if all(
                        abs(row[one][good] - row[number][good]) <= SAME_NUMBER * size
                        for row, sizes in zip((trades, shown), scales, strict=True)
                        for good, size in enumerate(sizes)
                    )
                ),
                number,
            )
            among += [first] if first == number else []
            found.append(first)
        return found

    def _trades_told_to(self, player: int) -> list[list[float]]:
        """Return what a player is told to order from each other, where that matters, or else in sum, ``[profile]``."""
        orders = self.contract.orders
        if self.rules.execution is Execution.UNILATERAL or self.rules.refusal is Refusal.ESCROW:
            told: list[list[float]] = self.contract.net_trades[:, player].tolist()
            return told
        return [
            [own - one for row in rows.tolist() for own, one in zip(rows[player].tolist(), row, strict=True)]
            for rows in orders
        ]

    def scale(self, player: int, number: int) -> list[float]:
        """Return what a player's quantities are measured against, ``[good]``, units."""
        owned = self.kind(player, number).endowment[:-1].tolist()
        gets = self.contract.bundles[number][player].tolist()
        return [*map(max, zip(owned, gets, strict=True)), float(self.stakes[number][player])]

    def told(self, player: int, number: int) -> int:
        """Return what a player hears after reports, as something that is the same wherever it hears the same."""
        return self._told[player][number]

    @cached_property
    def _known(self) -> list[list[tuple[int, int]]]:
        """What a player knows, its type and what it is told, ``[player][profile]``."""
        return [
            [(profile[player], told) for profile, told in zip(self.profiles, by_profile, strict=True)]
            for player, by_profile in enumerate(self._told)
        ]

    def cells(self, coalition: Sequence[int]) -> list[list[int]]:
        """Return the profiles that can occur, grouped by what the members together know."""
        groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for number, known in enumerate(zip(*(self._known[member] for member in coalition), strict=True)):
            if self.probability[number] > 0:
                groups.setdefault(known, []).append(number)
        return list(groups.values())

    def play(self, number: int) -> PlainPlay:
        """Return what is played at a profile of reports if all obey."""
        if number not in self._plays:
            players = range(len(self.profiles[number]))
            price = self.price(number)
            told = [self._told[player][number] for player in players]
            orders = [self._orders(player, first) for player, first in enumerate(told)]
            self._plays[number] = PlainPlay(
                [price for _ in players],
                orders,
                [exact(self.contract.announced_endowments[first][player]) for player, first in enumerate(told)],
                exact(self.contract.transfers[number]),
            )
        return self._plays[number]

    def _orders(self, player: int, number: int) -> Table:
        """Return what a player is told to order from each at a profile: the same, or what is to flow between them."""
        rows = self.contract.orders[number]
        own = exact(rows[player])
        if self.rules.execution is Execution.UNILATERAL or not rows.any():
            return [own for _ in rows]
        table = [exact(row) for row in rows]
        return [[mine - its for mine, its in zip(own, other, strict=True)] for other in table]

    def ended(self, play: PlainPlay, number: int, reported: int | None = None) -> PlainEnd:
        """Settle a play and evaluate what everybody consumes.

        Args:
            play: what everybody does.
            number: of the true profile.
            reported: of the profile of reports; the same if left out.

        Raises:
            ValueError: somebody announces more than it owns, or a transfer is not covered.
        """
        owned = self.holdings(number, reported)
        announced = [_capped(shown, own) for shown, own in zip(play.announced, owned, strict=True)]
        settlement = settled(replace(play, announced=announced), self.rules)
        got = settlement.allocation
        bundles = [self.keeps(*row) for row in zip(got, announced, owned, strict=True)]
        enjoyed = [self.enjoys(player, number, bundle) for player, bundle in enumerate(bundles)]
        return PlainEnd(settlement.cost, settlement.bankrupt, got, bundles, enjoyed)

    def keeps(self, allocated: Bundle, announced: Bundle, owned: Bundle) -> list[Fraction]:
        """Return what a player consumes, ``[good]``, units, that was allocated so much and announced what it did."""
        return consumed(allocated, announced, owned, self.rules)

    def enjoys(self, player: int, number: int, bundle: Bundle) -> Fraction:
        """Return what a player of its type in a profile enjoys of a bundle ``[good]``, numeraire."""
        return self.kind(player, number).valuation.exact_value(bundle[:-1]) + bundle[-1]

    def can_announce(self, announced: Bundle, owned: Bundle) -> bool:
        """Say whether what is owned suffices, up to rounding, to announce what is to be announced."""
        return all(shown <= own * (1 + OWNERSHIP) for shown, own in zip(announced, owned, strict=True))

    def obeyed(self, number: int) -> PlainEnd:
        """Return how the contract ends at a profile if all report the truth and obey."""
        if number not in self._obeyed:
            self._obeyed[number] = self.ended(self.play(number), number)
        return self._obeyed[number]

    def brings(self, number: int) -> tuple[list[Fraction], list[Fraction]]:
        """Return what everybody's goods are worth to it if all obey, and by how much its money changes, numeraire."""
        end, owned = self.obeyed(number), self.endowments(number)
        money = [consumed[-1] for consumed in end.consumption]
        return (
            [utility - kept for utility, kept in zip(end.utility, money, strict=True)],
            [kept - own[-1] for kept, own in zip(money, owned, strict=True)],
        )

    def most_welfare(self, number: int) -> Fraction:
        """Return what no allocation of all goods is worth more than to all in sum, numeraire, by weak duality."""
        price, supply = (
            self.price(number),
            [sum(column, NOTHING) for column in zip(*self.endowments(number), strict=True)],
        )
        found = sum((p * there for p, there in zip(price[:-1], supply, strict=False)), NOTHING)
        for player in range(len(self.profiles[number])):
            near = [min(pair) for pair in zip(self.bundle(player, number), supply, strict=False)]
            best = surplus(self.kind(player, number).valuation, price, supply, near)
            found += UNLIMITED if best is None else best
        return found

    def doubts(self) -> Iterator[str]:
        """Yield why an allocation that is not stated is not efficient, a sentence for each profile."""
        for number in range(len(self.profiles) if self.contract.stated is None else 0):
            stake, price = sum(self.stakes[number], NOTHING), self.price(number)
            supply = [sum(column, NOTHING) for column in zip(*self.endowments(number), strict=True)]
            bundles = [self.bundle(player, number) for player in range(len(self.stakes[number]))]
            slack = sum(
                (
                    p * (there - sum(column))
                    for p, there, column in zip(price, supply, zip(*bundles, strict=True), strict=False)
                ),
                NOTHING,
            )
            for player, bundle in enumerate(bundles):
                best = surplus(self.kind(player, number).valuation, price, supply, bundle)
                if best is None or min(bundle) < 0:
                    slack = UNLIMITED
                    break
                slack += best - _worth(self.kind(player, number).valuation, price, bundle)
            if slack > GAIN_TOLERANCE * stake:
                yield f"the allocation of profile {number} is not efficient"


def surplus(valuation: Valuation, price: Bundle, limit: Bundle, near: Bundle) -> Fraction | None:
    """Return a bound on v(q) - p q over bundles from nothing to a limit, by a tangent near the best.

    Args:
        valuation: v.
        price: numeraire per unit, ``[good]``; entries beyond the goods that are valued are ignored.
        limit: units, likewise.
        near: a bundle between nothing and the limit.

    Returns:
        The bound, numeraire; none if the tangent is vertical.
    """
    goods = valuation.goods
    return valuation.exact_surplus(price[:goods], limit[:goods], near[:goods])


def _worth(valuation: Valuation, price: Bundle, bundle: Bundle) -> Fraction:
    return valuation.exact_tangent(bundle)[0] - sum(
        (p * quantity for p, quantity in zip(price, bundle, strict=False)), NOTHING
    )


def _capped(announced: Bundle, owned: Bundle) -> list[Fraction]:
    """Return what is announced, but no more than is owned, refusing announcements of more than rounding."""
    for shown, own in zip(announced, owned, strict=True):
        if shown > own * (1 + OWNERSHIP):
            raise ValueError(f"somebody announces {float(shown - own):.6g} more than it owns")
    return [min(pair) for pair in zip(announced, owned, strict=True)]
