"""What a theorem is applied to, and its premises as they are checked: one by one, each with what came out.

Whatever a certificate stores beyond that is not believed: premises are derived from the economy and from what the
institution is said to be, in rational numbers where a number decides.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from math import nextafter

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.sampled import standing_for_all
from marketgame.mechanisms.contracts.stated import StatedRecommendations
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.profiles import Profiles
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import MarketRules

# Gains of up to this share of what is at stake for whoever gains are none.
NO_GAIN = Fraction(GAIN_TOLERANCE)


class MissingPartError(ValueError):
    """A theorem speaks of something that is not there."""


@dataclass(frozen=True, eq=False)
class Instance:
    """An economy and an institution, as far as a theorem speaks of it; the rest is left out.

    Attributes:
        economy: the economy.
        market: trading posts or the call market, where it is one of these.
        rules: of the market game.
        transfers: which transfers a contract has that is worked out where reports occur, instead of the next ones.
        numeraire_transfers: of a contract whose profiles are listed, ``(R, N)``, numeraire.
        prices: of that contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are given.
        stated: what it recommends instead of efficient allocations at their prices, if something is stated.
        severance: what whoever leaves is promised at every profile of reports, ``(P, N)``, numeraire; none if nothing.
        known: what stands for profiles too many to list, if that was derived before; it is part of no certificate.

    Raises:
        ValueError: shapes disagree, or severance is negative.
    """

    economy: Economy
    market: ComparedMarket | None = None
    rules: MarketRules | None = None
    transfers: TransferRule | None = None
    numeraire_transfers: FloatArray | None = None
    prices: FloatArray | None = None
    stated: StatedRecommendations | None = None
    severance: FloatArray | None = None
    known: tuple[Profiles, EfficientAllocation] | None = None

    def __post_init__(self) -> None:
        players = len(self.economy.players)
        for name in ("numeraire_transfers", "severance"):
            given = getattr(self, name)
            if given is not None:
                array = finite_array(name, given, (None, players))
                if array.ndim != 2:
                    raise ValueError(f"{name} has shape {array.shape}; it must have two dimensions")
                object.__setattr__(self, name, read_only(array))
        if self.severance is not None and self.severance.shape != self.economy.profiles.shape:
            raise ValueError(f"severance has shape {self.severance.shape}; it must be {self.economy.profiles.shape}")
        if self.severance is not None and (self.severance < 0).any():
            raise ValueError(f"severance goes down to {self.severance.min():g}; it must be at least 0")

    @property
    def parts(self) -> frozenset[str]:
        """What there is besides the economy, by the names of the fields."""
        names = (each.name for each in fields(self) if each.name not in {"economy", "known"})
        return frozenset(name for name in names if getattr(self, name) is not None)

    def only(self, about: Set[str]) -> Instance:
        """Return the same without the parts that are not about something, by the names of the fields."""
        return Instance(self.economy, known=self.known, **{name: getattr(self, name) for name in self.parts & about})

    @cached_property
    def standing_for_all(self) -> tuple[Profiles, EfficientAllocation]:
        """What stands for profiles that are too many to list, and what is efficient there."""
        return standing_for_all(self.economy) if self.known is None else self.known

    @cached_property
    def transfers_given(self) -> TransferRule:
        """Which transfers a contract has that is worked out where reports occur.

        Raises:
            MissingPartError: it is not said.
        """
        if self.transfers is None:
            raise MissingPartError("transfers are missing, of which the theorem speaks")
        return self.transfers

    @cached_property
    def rules_given(self) -> MarketRules:
        """The rules of the market game.

        Raises:
            MissingPartError: there are none.
        """
        if self.rules is None:
            raise MissingPartError("rules are missing, of which the theorem speaks")
        return self.rules

    @cached_property
    def market_given(self) -> ComparedMarket:
        """The market to compare with.

        Raises:
            MissingPartError: there is none.
        """
        if self.market is None:
            raise MissingPartError("market is missing, of which the theorem speaks")
        return self.market

    @cached_property
    def contract(self) -> PlainContract:
        """The contract whose profiles are listed, under the rules.

        Raises:
            MissingPartError: there is none.
            ValueError: it does not exist, or the rules do not admit it.
        """
        if self.numeraire_transfers is None:
            raise MissingPartError("numeraire_transfers are missing, of which the theorem speaks")
        return PlainContract.of(self.economy, self.numeraire_transfers, self.prices, self.rules_given, self.stated)

    def promised_for_leaving(self, number: int) -> list[Fraction]:
        """Return what everybody is promised for leaving at a profile, ``[player]``, numeraire."""
        if self.severance is None:
            return [NOTHING for _ in self.economy.players]
        return exact(self.severance[number % len(self.severance)])

    def possible(self) -> list[int]:
        """Return the numbers of the profiles of a listed contract that can occur."""
        return [number for number, chance in enumerate(self.contract.probability) if chance > 0]


@dataclass(frozen=True)
class Premise:
    """A premise of a theorem, and what came out when it was checked.

    Attributes:
        about: what it says.
        found: what came out, in words.
        amount: what came out, numeraire; none where it is not an amount.
    """

    about: str
    found: str
    amount: float | None = None


@dataclass(frozen=True)
class Checked:
    """A premise that was checked.

    Attributes:
        about: what it says.
        found: what came out, in words.
        holds: whether it holds.
        amount: what came out, numeraire; none where it is not an amount.
        at_stake: what the amount is measured against, numeraire.
    """

    about: str
    found: str
    holds: bool
    amount: Fraction | None = None
    at_stake: Fraction = NOTHING

    @property
    def premise(self) -> Premise:
        """What a certificate stores of it."""
        return Premise(self.about, self.found, None if self.amount is None else float(self.amount))


def within(about: str, found: str, amounts: list[tuple[Fraction, Fraction]]) -> Checked:
    """Return whether no amount exceeds what counts as nothing, and the worst of them relative to what is at stake.

    Args:
        about: what the premise says.
        found: what came out, in words.
        amounts: each with what is at stake for whom it is about, numeraire; at least one.
    """
    worst, stake = max(amounts, key=_excess)
    return Checked(about, found, worst <= NO_GAIN * stake, worst, stake)


def _excess(pair: tuple[Fraction, Fraction]) -> tuple[bool, Fraction]:
    amount, stake = pair
    return (amount > 0, amount) if stake <= 0 else (amount > NO_GAIN * stake, amount / stake)


def least_stake(table: FloatArray, rows: list[int]) -> Fraction:
    """Return the least that is at stake for some types, by their rows in a table over types."""
    return Fraction(float(np.min(table[rows])))


def rounded(number: Fraction, towards: float) -> Fraction:
    """Return a number of few digits on one side of another, or the same: sums of these are quick."""
    near = Fraction(float(number))
    return near if near == number else Fraction(nextafter(float(number), towards))
