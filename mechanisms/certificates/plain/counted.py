r"""What a contract among replicas tells everybody, taken at one profile for each count of their types.

A contract that is worked out where reports occur says the same after an exchange of replicas, with their places
exchanged (:mod:`marketgame.mechanisms.contracts.on_demand`). So what holds at one profile with certain counts of types
holds at all of them, and what a player expects is a sum over counts: with :math:`n_k` of the N players of its class of
its type k, of probability

.. math:: P(n) = \prod_c \binom{N_c}{n_{c1}, n_{c2}, \dots} \prod_k p_{ck}^{n_{ck}},

the player is one of those with probability :math:`P(n)\, n_k / N`. Its lie makes the counts those with one k less and
one more of what it reports. Probabilities are rational numbers like everything else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import Any, cast, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.certificates.plain.bounds import PlainBound, PlainBounds
from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, PlainContract, surplus
from marketgame.mechanisms.certificates.plain.incentives import LargestLie
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.terms import Terms
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules, Refusal


@dataclass(frozen=True, eq=False)
class _AtCounts:
    """What a contract says at a profile for each count of types, as far as it is derived from.

    Attributes:
        on_demand: the contract, under the rules in question.
        profiles: of reports, ``(K, N)``.
    """

    on_demand: ContractOnDemand
    profiles: IntegerArray
    stated: None = None

    def under(self, _: MarketRules) -> _AtCounts:
        return self

    @property
    def economy(self) -> Economy:
        return self.on_demand.economy

    @property
    def stakes(self) -> FloatArray:
        return self.on_demand.stakes

    @cached_property
    def _terms(self) -> Terms:
        return self.on_demand.terms(self.profiles)

    @property
    def price(self) -> FloatArray:
        return self._terms.price

    @property
    def bundles(self) -> FloatArray:
        return self._terms.efficient.bundles

    @property
    def numeraire_transfers(self) -> FloatArray:
        return self._terms.numeraire_transfers

    @property
    def announced_endowments(self) -> FloatArray:
        return self._terms.announced_endowments

    @property
    def transfers(self) -> FloatArray:
        return self._terms.transfers

    @property
    def orders(self) -> FloatArray:
        return self._terms.orders

    @cached_property
    def net_trades(self) -> FloatArray:
        if self._terms.received is not None:
            return self._terms.received
        return self._terms.allocation - self.economy.endowments(self.profiles)

    @cached_property
    def probability(self) -> FloatArray:
        return np.array([float(each) for each in _probabilities(self)])


@dataclass(frozen=True, eq=False)
class CountedContract(PlainContract):
    """A contract among replicas under the rules of a market, its numbers taken as exact."""

    @classmethod
    def at_counts(cls, contract: ContractOnDemand, rules: MarketRules) -> CountedContract:
        """Return a contract at one profile for each count of types.

        Raises:
            ValueError: expectations are not over counts of types, or types are correlated.
        """
        independent = isinstance(contract.economy.prior, IndependentPrior)
        if contract.sample.profiles.listing is not Listing.COUNTED or not independent:
            raise ValueError("counts of types are not what expectations are about")
        told = _AtCounts(contract.under(rules), contract.sample.profiles.types)
        return cls(cast(GrandContract, told), rules)

    @cached_property
    def probability(self) -> list[Fraction]:
        """Of every count of types, if all report the truth."""
        return _probabilities(cast(Any, self.contract))

    @cached_property
    def alike(self) -> list[int]:
        """The number of the first replica of each player."""
        alike: list[int] = cast(Any, self.contract).on_demand.sample.tables.alike.tolist()
        return alike

    @cached_property
    def _number_of_counts(self) -> dict[frozenset[tuple[tuple[int, int], int]], int]:
        return {self._counts(profile): number for number, profile in enumerate(self.profiles)}

    def _counts(self, profile: tuple[int, ...]) -> frozenset[tuple[tuple[int, int], int]]:
        return frozenset(Counter(zip(self.alike, profile, strict=True)).items())

    def places(self, number: int) -> dict[tuple[int, int], tuple[int, int]]:
        """Return the first player of each class and type in a profile, and how many there are."""
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for place, key in enumerate(zip(self.alike, self.profiles[number], strict=True)):
            first, count = found.get(key, (place, 0))
            found[key] = first, count + 1
        return found

    def number_of(self, profile: tuple[int, ...]) -> int:
        """Return the number of the profile that has the same counts of types."""
        return self._number_of_counts[self._counts(profile)]

    @override
    def brings(self, number: int) -> tuple[list[Fraction], list[Fraction]]:
        """Return what the contract promises; that obedience brings it is a matter of the market's rules."""
        worth, told = dict[tuple[int, int], Fraction](), cast(Any, self.contract)
        for (alike, kind), (place, _) in self.places(number).items():
            valuation = self.economy.players[alike].types[kind].valuation
            worth[alike, kind] = valuation.exact_value(self.bundle(place, number))
        keys = zip(self.alike, self.profiles[number], strict=True)
        return [worth[key] for key in keys], exact(told.numeraire_transfers[number])

    @override
    def most_welfare(self, number: int) -> Fraction:
        price, supply = self.price(number), exact(self.economy.endowments(np.array(self.profiles[number])).sum(axis=0))
        found = sum((p * there for p, there in zip(price[:-1], supply, strict=False)), NOTHING)
        for (alike, kind), (place, count) in self.places(number).items():
            near = [min(pair) for pair in zip(self.bundle(place, number), supply, strict=False)]
            best = surplus(self.economy.players[alike].types[kind].valuation, price, supply, near)
            found += UNLIMITED if best is None else count * best
        return found

    def largest_lie(self, deadline: Deadline = NO_DEADLINE) -> LargestLie:
        """Return the lie that pays most to a type that obeys what it is then told.

        Raises:
            DeadlinePassedError: time ran out.
        """
        places = [self.places(number) for number in range(len(self.profiles))]
        best, tempting = LargestLie(NOTHING, NOTHING, tempting=False), False
        for player in sorted(set(self.alike)):
            for kind, report in np.ndindex((len(self.economy.players[player].types),) * 2):
                deadline.check()
                gain = None if kind == report else self._gain(player, kind, report, places)
                if gain is None:
                    continue
                stake = Fraction(float(self.contract.stakes[self.economy.first_rows[player] + kind]))
                tempting |= gain > Fraction(GAIN_TOLERANCE) * stake
                if not best.stake or gain > best.gain:
                    best = LargestLie(gain, stake, tempting)
        return LargestLie(best.gain, best.stake, tempting)

    def _gain(
        self, player: int, kind: int, report: int, places: list[dict[tuple[int, int], tuple[int, int]]]
    ) -> Fraction | None:
        """Return what a type expects to gain by a report; none if it cannot deposit or announce what it is to."""
        own, said = (self.economy.players[player].types[each] for each in (kind, report))
        endowment, deposit = exact(own.endowment), exact(said.endowment)
        if not self.can_announce(deposit, endowment):
            return None
        total = likely = NOTHING
        for number, profile in enumerate(self.profiles):
            if (player, kind) not in places[number]:
                continue
            place, count = places[number][player, kind]
            chance = self.probability[number] * count
            reported = self.number_of((*profile[:place], report, *profile[place + 1 :]))
            liar = places[reported][player, report][0]
            owned = endowment
            if self.rules.refusal is Refusal.ESCROW:
                flows = exact(self.contract.net_trades[reported][liar])
                owned = [has + flow for has, flow in zip(endowment, flows, strict=True)]
            announced = self.play(reported).announced[liar]
            if not self.can_announce(announced, owned):
                return None
            bundle = self.keeps(self.obeyed(reported).allocation[liar], announced, owned)
            utility = own.valuation.exact_value(bundle[:-1]) + bundle[-1]
            total += chance * (utility - self.obeyed(number).utility[place])
            likely += chance
        return total / likely


@dataclass(frozen=True, eq=False)
class CountedBounds(PlainBounds):
    """Bounds on what coalitions gain against a contract among replicas."""

    @cached_property
    def by_member(self) -> tuple[PlainBound, ...] | None:
        """The bound by wealth or by deposits on each player, the weakest over all counts of types, if proven.

        Raises:
            DeadlinePassedError: time ran out before there was one.
        """
        reason, contract = self._by_member, cast(CountedContract, self.contract)
        if reason is None:
            return None
        weakest: dict[int, PlainBound] = {}
        for number in range(len(contract.profiles)):
            self.deadline.check()
            for (alike, _), (place, _) in contract.places(number).items():
                gain, stake = self._headroom(place, number), contract.stakes[number][place]
                found = PlainBound(reason, gain, number, gain <= Fraction(GAIN_TOLERANCE) * stake)
                weakest[alike] = max(weakest.get(alike, found), found, key=lambda each: (not each.excludes, each.gain))
        return tuple(weakest[alike] for alike in contract.alike)


def _probabilities(told: _AtCounts) -> list[Fraction]:
    alike = told.on_demand.sample.tables.alike.tolist()
    chances = {player: exact(told.economy.prior.marginal(player)) for player in set(alike)}
    sums = {player: sum(each, NOTHING) for player, each in chances.items()}
    found = []
    for profile in told.profiles.tolist():
        likely, left = Fraction(1), Counter(alike)
        for (player, kind), count in Counter(zip(alike, profile, strict=True)).items():
            likely *= comb(left[player], count) * (chances[player][kind] / sums[player]) ** count
            left[player] -= count
        found.append(likely)
    return found
