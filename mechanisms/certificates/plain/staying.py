r"""That no coalition gains by leaving with what it owns, whatever a blocking mediator offers: derived in rationals.

A mediator pays nobody more in expectation than the members gain by what it lets them do. So no plan profits if every
coalition S expects by staying at least what it can make of what it owns, whatever its members know together,

.. math:: E\Big[\sum_{i \in S} \omega_i(t) \,\Big|\, t_S\Big] \ge v_S(t_S),

with the stakes :math:`\omega_i`, what staying brings less what is promised for leaving. By weak duality
:math:`v_S(t_S) \le \sum_S [p \cdot \omega_i + \max_q v_i(q) - p \cdot q]` at any prices. At the contract's prices that
is a number for each player and profile: where each does as well as by trading at them, no coalition has to be listed.

Source:
    Myerson (2006), sections 4 and 6; at supporting prices it is Debreu and Scarf's (1963) first theorem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import inf, isfinite, prod

import numpy as np

from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.compared import truthful_ends
from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, surplus
from marketgame.mechanisms.certificates.plain.instance import NO_GAIN, Checked, Instance, rounded, within
from marketgame.mechanisms.certificates.plain.money import money_is_left
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import stakes_by_profile, stakes_of_play
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import Refusal

# Types that members of coalitions may have together, summed over coalitions, beyond which they are not listed.
MOST_LISTED = 20_000
# Of the prices of the contract so many are tried for what coalitions make of their own.
MOST_PRICES = 64
# Of profiles that stand for all so many are looked at.
LOOKED_AT = 8


def deposits_are_made(instance: Instance, _: Deadline) -> Iterator[Checked]:
    """Check that what was agreed may not be refused, and is deposited."""
    refusal = instance.rules_given.refusal
    yield Checked("refusal", refusal.value, refusal is Refusal.ESCROW)


def everybody_pays_the_price(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that everybody does as well as by trading at the contract's prices, wherever types may be.

    Raises:
        ValueError: there is no such contract.
        DeadlinePassedError: time ran out.
    """
    if instance.transfers is not None:
        yield from _by_definition(instance, deadline)
        return
    yield _nothing_promised(instance)
    amounts, economy = list[tuple[Fraction, Fraction]](), instance.economy
    places = _places_of(instance) if instance.market is None else _places_in(instance)
    count = 0
    for place in places:
        deadline.check()
        count += 1
        supply = [sum(column, NOTHING) for column in zip(*place.owned, strict=True)]
        for player, (kind, row) in enumerate(zip(place.profile, place.owned, strict=True)):
            near = [min(max(held, NOTHING), most) for held, most in zip(place.held[player], supply, strict=False)]
            best = surplus(economy.players[player].types[kind].valuation, place.price, supply, near)
            wealth = sum((p * own for p, own in zip(place.price, row, strict=True)), NOTHING)
            most = UNLIMITED if best is None else wealth + best
            amounts.append((most - place.stays[player], place.stakes[player]))
    found = f"of each of {len(economy.players)} players at each of {count} profiles"
    yield within("nobody would gain by trading at the contract's prices", found, amounts)


@dataclass(frozen=True)
class _Place:
    """How everybody ends at a profile that can occur.

    Attributes:
        profile: of types.
        price: ``[good]``, numeraire per unit.
        owned: ``[player][good]``, units.
        held: of the goods other than the numeraire, likewise.
        stays: what everybody enjoys there, less what it is promised for leaving, ``[player]``, numeraire.
        stakes: what is at stake for everybody, ``[player]``, numeraire.
    """

    profile: tuple[int, ...]
    price: list[Fraction]
    owned: Sequence[Sequence[Fraction]]
    held: Sequence[Sequence[Fraction]]
    stays: list[Fraction]
    stakes: list[Fraction]


def _stakes(economy: Economy) -> list[list[Fraction]]:
    """Return what is at stake in the economy, ``[profile][player]``, numeraire.

    What a contract states to be paid, and its prices, are no measure of what may be missed: they may be anything.
    """
    return [exact(row) for row in stakes_by_profile(economy, efficient_allocation(economy))]


def _places_of(instance: Instance) -> Iterator[_Place]:
    """Yield how a contract ends at every profile that can occur."""
    contract, stakes = instance.contract, _stakes(instance.economy)
    for number in instance.possible():
        enjoyed, promised = contract.obeyed(number).utility, instance.promised_for_leaving(number)
        yield _Place(
            contract.profiles[number],
            contract.price(number),
            contract.endowments(number),
            [contract.bundle(player, number) for player in range(len(enjoyed))],
            [utility - less for utility, less in zip(enjoyed, promised, strict=True)],
            stakes[number % len(stakes)],
        )


def _places_in(instance: Instance) -> Iterator[_Place]:
    """Yield how a market ends at every profile that can occur; what is not traded costs what the efficient would."""
    economy = instance.economy
    efficient, ended = efficient_allocation(economy), truthful_ends(economy, instance.market_given)
    stakes = stakes_by_profile(economy, efficient)
    for number in np.flatnonzero(economy.prior.probability > 0).tolist():
        profile = tuple(economy.profiles[number].tolist())
        owned = [exact(player.types[kind].endowment) for player, kind in zip(economy.players, profile, strict=True)]
        usual = exact(efficient.price[number])
        yield _Place(
            profile,
            [one if paid is None else paid for one, paid in zip(usual, [*ended.prices[number], None], strict=True)],
            owned,
            [exact(row) for row in efficient.bundles[number]],
            ended.utilities(number),
            exact(stakes[number]),
        )


def _nothing_promised(instance: Instance) -> Checked:
    promised = instance.severance is not None and bool(instance.severance.any())
    return Checked("promised for leaving", "something" if promised else "nothing", not promised)


def _by_definition(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check a contract that is worked out where reports occur: it says the price at every profile, or does not."""
    rule, economy = instance.transfers, instance.economy
    at_price = rule is TransferRule.NONE
    yield Checked("paid", "the supporting price, at every profile" if at_price else f"{rule}", at_price)
    yield _nothing_promised(instance)
    if not at_price:
        return
    efficient = looked_at(instance)
    yield nobody_would_trade(economy, at_payable_prices(economy, efficient), deadline)
    # Who has no money left may pay less than goods are worth to it, at prices that support nothing.
    yield money_is_left(instance)


def looked_at(instance: Instance) -> EfficientAllocation:
    """Return efficient allocations at some of the profiles that stand for all."""
    _, efficient = instance.standing_for_all
    return efficient.at(np.arange(min(LOOKED_AT, len(efficient.profiles))))


def nobody_would_trade(economy: Economy, efficient: EfficientAllocation, deadline: Deadline) -> Checked:
    """Return whether nobody would gain by trading at the prices of efficient allocations, in rational numbers.

    Raises:
        DeadlinePassedError: time ran out.
    """
    stakes, amounts = stakes_of_play(economy, efficient), list[tuple[Fraction, Fraction]]()
    for number, profile in enumerate(efficient.profiles.tolist()):
        deadline.check()
        price = exact(efficient.price[number])
        supply = exact(economy.endowments(efficient.profiles[number]).sum(axis=0))
        for player, kind in enumerate(profile):
            valuation = economy.players[player].types[kind].valuation
            held = exact(efficient.bundles[number, player])
            near = [min(pair) for pair in zip(held, supply, strict=False)]
            best = surplus(valuation, price, supply, near)
            worth = valuation.exact_value(held) - sum((p * q for p, q in zip(price, held, strict=False)), NOTHING)
            amounts.append((UNLIMITED if best is None else best - worth, Fraction(float(stakes[number, player]))))
    found = f"of each of {len(economy.players)} players at {len(efficient.profiles)} profiles that were looked at"
    return within("nobody would gain by trading at the contract's prices", found, amounts)


def staying_is_worth_more(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that every coalition expects by staying what it could make of what it owns, whatever its members know.

    Raises:
        ValueError: there is no such contract.
        DeadlinePassedError: time ran out.
    """
    contract, counts = instance.contract, instance.economy.prior.type_counts
    listed = prod(count + 1 for count in counts)
    yield Checked("coalitions and their types", f"{listed - 1}", listed <= MOST_LISTED)
    if listed > MOST_LISTED:
        return
    worth, amounts, possible = _Worth(instance, deadline), list[tuple[Fraction, Fraction]](), instance.possible()
    for size in range(1, len(counts) + 1):
        for coalition in combinations(range(len(counts)), size):
            groups: dict[tuple[int, ...], list[int]] = {}
            for number in possible:
                known = tuple(contract.profiles[number][member] for member in coalition)
                groups.setdefault(known, []).append(number)
            for group in groups.values():
                deadline.check()
                amounts.append((worth.missed(coalition, group), worth.at_stake(coalition, group[0])))
                if amounts[-1][0] > NO_GAIN * amounts[-1][1]:
                    yield within("nobody would gain by leaving together", "but some would", amounts[-1:])
                    return
    found = f"in each of {len(amounts)} cases of coalitions and types that may occur"
    yield within("nobody would gain by leaving together", found, amounts)


class _Worth:
    """What staying and leaving bring over living at home alone; rounded so that nothing is missed.

    Any prices bound what a coalition makes of its own; first those of the contract are tried, at all of its profiles.
    """

    def __init__(self, instance: Instance, deadline: Deadline) -> None:
        contract, self._possible = instance.contract, instance.possible()
        self._stakes = _stakes(instance.economy)
        self._contract, self._bounds = contract, PlainBounds(contract, deadline)
        self._home = {
            number: [contract.enjoys(player, number, owned) for player, owned in enumerate(contract.endowments(number))]
            for number in self._possible
        }
        self._stays = {
            number: [
                rounded(utility - promised - home, -inf)
                for utility, promised, home in zip(
                    contract.obeyed(number).utility,
                    instance.promised_for_leaving(number),
                    self._home[number],
                    strict=True,
                )
            ]
            for number in self._possible
        }
        prices = dict.fromkeys(tuple(contract.price(number)) for number in self._possible)
        self._prices = list(prices)[:MOST_PRICES]
        columns = zip(*(self._supply(number) for number in self._possible), strict=True)
        self._there = [max(column) for column in columns]
        self._makes: dict[tuple[int, int], list[Fraction]] = {}

    def missed(self, coalition: Sequence[int], group: Sequence[int]) -> Fraction:
        """Return by how much more members make of their own than they expect by staying, at most, numeraire.

        Args:
            coalition: ascending.
            group: numbers of the profiles that are possible given what they know together.
        """
        contract = self._contract
        likely = sum((contract.probability[number] for number in group), NOTHING)
        stays = sum(
            (contract.probability[number] * self._stays[number][member] for number in group for member in coalition),
            NOTHING,
        )
        rows = [self._made(member, group[0]) for member in coalition]
        most = min(sum(column, NOTHING) for column in zip(*rows, strict=True))
        missed = most - stays / likely
        if missed > NO_GAIN * self.at_stake(coalition, group[0]):
            owned = contract.endowments(group[0])
            own = [sum((owned[member][good] for member in coalition), NOTHING) for good in range(len(owned[0]))]
            home = sum((self._home[group[0]][member] for member in coalition), NOTHING)
            missed = min(missed, self._bounds.sharing(coalition, group[0], own) - home - stays / likely)
        return missed

    def at_stake(self, coalition: Sequence[int], number: int) -> Fraction:
        """Return what is at stake for members of the types of a profile, together, numeraire."""
        row = self._stakes[number % len(self._stakes)]
        return sum((row[member] for member in coalition), NOTHING)

    def _made(self, player: int, number: int) -> list[Fraction]:
        """Return what a player enjoys more at most than at home if it trades at prices, for each list of prices."""
        contract, kind = self._contract, self._contract.profiles[number][player]
        if (player, kind) not in self._makes:
            valuation, owned = contract.kind(player, number).valuation, contract.endowments(number)[player]
            home, found = self._home[number][player] - owned[-1], []
            for price in self._prices:
                with np.errstate(all="ignore"):
                    wanted = valuation.demand(np.array([float(p) for p in price[:-1]])).tolist()
                near = [
                    min(max(Fraction(want), NOTHING), most) if isfinite(want) else most
                    for want, most in zip(wanted, self._there, strict=False)
                ]
                best = surplus(valuation, price, self._there, near)
                sold = sum((p * own for p, own in zip(price[:-1], owned, strict=False)), NOTHING)
                found.append(UNLIMITED if best is None else rounded(sold + best - home, inf))
            self._makes[player, kind] = found
        return self._makes[player, kind]

    def _supply(self, number: int) -> list[Fraction]:
        return [sum(column, NOTHING) for column in zip(*self._contract.endowments(number), strict=True)]
