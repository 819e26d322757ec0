r"""What no deviation of a coalition can exceed, derived from the definitions a second time.

If in every play of a draw the members' consumption is worth at most :math:`W` at prices :math:`p`, then for concave
:math:`\hat v_i \ge v_i`, whatever they do,

.. math:: \sum_{i \in S} u_i(x_i) \le W + \sum_{i \in S} \max_q\, [\hat v_i(q) - p \cdot q] .

The maximum is bounded by the tangent at a bundle near the best, which any engine may propose. Each premise is stated by
the rules for which it is proven, one by one: a rule that nobody has thought of proves nothing.

``docs/collusion.md`` has the proofs. Compare Giraud and Rochon (2001), proof of Theorem 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import fsum, inf, nextafter

import numpy as np

from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, PlainContract, surplus
from marketgame.mechanisms.certificates.plain.deviating import announced_by_the_wary, withholding_rule
from marketgame.mechanisms.certificates.plain.keeping import most_by_breaking
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.deviations.reactions import StorableReaction
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.joint_allocation import allocate_jointly
from marketgame.mechanisms.economies.separable_allocation import allocate_good_by_good
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.economies.valuation import Bundle
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)

type Derivation = Callable[[Sequence[int], int, StorableReaction | None], Fraction | None]
"""From members, a profile and how outsiders react to what the members cannot gain beyond; none if that is not known."""

# Gains up to this share of what is at stake are none.
NO_GAIN = Fraction(GAIN_TOLERANCE)
# Gains up to this share of those are excluded by numbers that are rounded.
FAR_BELOW = 0.999
TWO = 2
# A player's own quote makes nothing cheaper that it buys and nothing dearer that it sells.
OTHERS_PRICE = (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD)
# Moreover no two players trade so that both gain by it at any common prices.
NO_ARBITRAGE = (Pricing.VOID, Pricing.SPREAD)
# If all quote the same, all trade at that.
ONE_PRICE = (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD, Pricing.MIDPOINT)


@dataclass(frozen=True)
class PlainBound:
    """A bound on what the members gain together.

    Attributes:
        reason: why it holds.
        gain: that they cannot exceed, numeraire.
        number: the first profile of those in which they know what they know.
        excludes: whether that is nothing, given what is at stake for them.
    """

    reason: BoundReason
    gain: Fraction
    number: int
    excludes: bool


@dataclass(frozen=True, eq=False)
class PlainBounds:
    """Bounds on what coalitions gain against a contract.

    Attributes:
        contract: that all others obey.
        deadline: after which nothing more is derived.
    """

    contract: PlainContract
    deadline: Deadline = NO_DEADLINE
    _headrooms: dict[tuple[int, int], Fraction] = field(default_factory=dict)
    _supplies: dict[int, list[Fraction]] = field(default_factory=dict)
    _weakest: dict[tuple[tuple[int, ...], StorableReaction | None], PlainBound] = field(default_factory=dict)

    def in_cell(
        self, coalition: Sequence[int], cell: Sequence[int], reaction: StorableReaction | None
    ) -> Iterator[PlainBound]:
        """Yield what is proven where the members know no more than that the profile is one of a cell.

        Those that are quick to derive come first; the bound by resources is last and always there.
        """
        for reason, derive in self._derivations:
            gain = self._expected(derive, coalition, cell, reaction)
            if gain is not None:
                excludes = gain <= NO_GAIN * self.contract.at_stake(coalition, cell[0])
                yield PlainBound(reason, gain, cell[0], excludes)

    @cached_property
    def _derivations(self) -> tuple[tuple[BoundReason, Derivation], ...]:
        return (
            (BoundReason.BUDGET, self._budget),
            (BoundReason.BUDGET_AND_FLOWS, self._budget_and_flows),
            (BoundReason.BUDGET_OR_SHORT, self._budget_or_short),
            (BoundReason.REFUSAL, self._refusal),
            (BoundReason.WEALTH, self._wealth),
            (BoundReason.DEPOSITS, self._deposits),
            (BoundReason.WEALTH_OR_ALONE, self._wealth_or_alone),
            (BoundReason.WEALTH_OR_SACRIFICE, self._wealth_or_sacrifice),
            (BoundReason.RESOURCES, self._resources),
        )

    def _expected(
        self, derive: Derivation, coalition: Sequence[int], cell: Sequence[int], reaction: StorableReaction | None
    ) -> Fraction | None:
        """Return the mean of a bound over a cell; none if it does not hold everywhere in it."""
        if len(cell) == 1:
            return derive(coalition, cell[0], reaction)
        total = likely = NOTHING
        for number in cell:
            gain = derive(coalition, number, reaction)
            if gain is None:
                return None
            total += gain * self.contract.probability[number]
            likely += self.contract.probability[number]
        return total / likely

    def weakest(self, coalition: tuple[int, ...], reaction: StorableReaction | None) -> PlainBound:
        """Return the weakest, over everything the members may know, of the least of the bounds there.

        That is the largest of those that do not exclude a gain, if there are such.

        Raises:
            DeadlinePassedError: time ran out before there was one.
        """
        if (coalition, reaction) not in self._weakest:
            cells = self.contract.cells(coalition)
            found = self._all_within_wealth(coalition, cells, reaction)
            if found is None:
                found = max((self._least(coalition, cell, reaction) for cell in cells), key=_weakness)
            self._weakest[coalition, reaction] = found
        return self._weakest[coalition, reaction]

    @cached_property
    def by_member(self) -> tuple[PlainBound, ...] | None:
        """The bound by wealth or by deposits on each player, the weakest over the profiles that can occur, if proven.

        That on a coalition with an outsider is at most the sum of its members', since what is owned adds up.

        Raises:
            DeadlinePassedError: time ran out before there was one.
        """
        if self._by_member is None:
            return None
        return tuple(self._by_wealth(player) for player in range(len(self.contract.economy.players)))

    def _by_wealth(self, player: int) -> PlainBound:
        found = []
        for number in (number for number, likely in enumerate(self.contract.probability) if likely > 0):
            self.deadline.check()
            gain = self._headroom(player, number)
            excludes = gain <= NO_GAIN * self.contract.stakes[number][player]
            found.append(PlainBound(self._by_member or BoundReason.WEALTH, gain, number, excludes))
        return max(found, key=_weakness)

    @cached_property
    def _by_member(self) -> BoundReason | None:
        """Why coalitions with an outsider gain no more than the sum of what their members could; none if for nothing.

        Deposits protect outsiders who order nothing, be it that they obey or that they withhold after a misquote.
        """
        if self._deposits((0,), 0, None) is not None:
            return BoundReason.DEPOSITS
        return None if self._wealth((0,), 0, None) is None else BoundReason.WEALTH

    def _all_within_wealth(
        self, coalition: tuple[int, ...], cells: list[list[int]], reaction: StorableReaction | None
    ) -> PlainBound | None:
        """Return the bound by wealth if it excludes gains in all cells by far, derived quickly: sums are rounded up."""
        if len(coalition) == 1 or any(self._wealth(coalition, cell[0], reaction) is None for cell in cells):
            return None
        rows = [[self._headroom_above[number][member] for member in coalition] for cell in cells for number in cell]
        numbers = [cell[0] for cell in cells for _ in cell]
        gains = [nextafter(fsum(row), inf) for row in rows]
        place = max(range(len(gains)), key=gains.__getitem__)
        stakes = (fsum(self._stakes_below[number][member] for member in coalition) for number in numbers)
        if any(gain > FAR_BELOW * float(NO_GAIN) * stake for gain, stake in zip(gains, stakes, strict=True)):
            return None
        return PlainBound(BoundReason.WEALTH, Fraction(gains[place]), numbers[place], excludes=True)

    @cached_property
    def _headroom_above(self) -> list[list[float]]:
        """By how much more a player could enjoy its wealth, rounded up, ``[profile][player]``; 0 where none can be."""
        players = range(len(self.contract.economy.players))
        return [
            [nextafter(float(self._headroom(player, number)), inf) if likely > 0 else 0.0 for player in players]
            for number, likely in enumerate(self.contract.probability)
        ]

    @cached_property
    def _stakes_below(self) -> list[list[float]]:
        """What is at stake, rounded down, ``[profile][player]``, numeraire."""
        return [[nextafter(float(stake), 0.0) for stake in stakes] for stakes in self.contract.stakes]

    def holds(
        self, coalition: Sequence[int], reaction: StorableReaction | None, reason: BoundReason, least: Fraction
    ) -> bool:
        """Say whether a bound by some reason, too, is at most so much in some case."""
        return any(
            bound.reason is reason and bound.gain <= least
            for cell in self.contract.cells(coalition)
            for bound in self.in_cell(coalition, cell, reaction)
        )

    def _least(self, coalition: Sequence[int], cell: Sequence[int], reaction: StorableReaction | None) -> PlainBound:
        """Return the least bound, or the first that excludes any gain."""
        self.deadline.check()
        found = []
        for bound in self.in_cell(coalition, cell, reaction):
            if bound.excludes:
                return bound
            found.append(bound)
        return min(found, key=_gain)

    def _budget(self, coalition: Sequence[int], number: int, _: StorableReaction | None) -> Fraction | None:
        """A lone member who buys at the outsiders' prices, and may not sell what it does not have."""
        rules = self.contract.rules
        if not self._alone(coalition) or rules.pricing not in OTHERS_PRICE:
            return None
        if rules.solvency is not Solvency.NO_SHORT_SALES:
            return None
        return self._most(coalition, number, [self._spending(coalition, number), self._bankrupt(coalition, number)])

    def _budget_or_short(self, coalition: Sequence[int], number: int, _: StorableReaction | None) -> Fraction | None:
        """A lone member who buys at the outsiders' prices, or ends without some good that has a price."""
        rules, (member, *_rest) = self.contract.rules, coalition
        if not self._alone(coalition) or rules.pricing not in OTHERS_PRICE or rules.solvency is not Solvency.BUDGET:
            return None
        ends = [self._spending(coalition, number), self._bankrupt(coalition, number)]
        owned, supply = self.contract.holdings(number)[member], self._supply(number)
        for good, price in enumerate(self.contract.price(number)):
            if price > 0:
                hidden = owned[good] if rules.withholding is Withholding.CONSUMED else NOTHING
                ends.append(self.enjoying(member, number, [*supply[:good], hidden, *supply[good + 1 :]]))
        return self._most(coalition, number, ends)

    def _budget_and_flows(self, coalition: Sequence[int], number: int, _: StorableReaction | None) -> Fraction | None:
        """A lone member who buys at the outsiders' prices, and may be short of what these ordered from it."""
        rules, (member, *_rest) = self.contract.rules, coalition
        if not self._alone(coalition) or rules.pricing not in OTHERS_PRICE or rules.solvency is not Solvency.BUDGET:
            return None
        if rules.execution is not Execution.MATCHED:
            return None
        play, owned = self.contract.play(number), self.contract.holdings(number)[member]
        shorts = NOTHING
        for good, price in enumerate(self.contract.price(number)):
            asked = sum((max(play.orders[one][member][good], NOTHING) for one in self._outside(coalition)), NOTHING)
            hidden = owned[good] if rules.withholding is Withholding.CONSUMED else NOTHING
            shorts += price * max(asked - owned[good] + hidden, NOTHING)
        ends = [self._spending(coalition, number), self._bankrupt(coalition, number)]
        return self._most(coalition, number, ends) + shorts

    def _wealth(self, coalition: Sequence[int], number: int, reaction: StorableReaction | None) -> Fraction | None:
        """Any members, under four rules together, or two members after deposits."""
        rules = self.contract.rules
        two = (
            len(coalition) == TWO
            and rules.pricing is Pricing.VOID
            and rules.solvency is Solvency.NO_SHORT_SALES
            and rules.coverage is Coverage.ANNOUNCED_NUMERAIRE
            and rules.refusal is Refusal.ESCROW
            and self._order_nothing(coalition, number, reaction)
        )
        proven = two or (
            self._outside(coalition)
            and rules.pricing in NO_ARBITRAGE
            and rules.solvency is Solvency.NO_SHORT_SALES
            and rules.bankruptcy is Bankruptcy.UNWIND
            and rules.coverage is Coverage.ANNOUNCED_NUMERAIRE
        )
        return sum((self._headroom(member, number) for member in coalition), NOTHING) if proven else None

    def _deposits(self, coalition: Sequence[int], number: int, reaction: StorableReaction | None) -> Fraction | None:
        """Any members, where outsiders keep what they hold after the recommended flows: they order nothing more."""
        rules, outside = self.contract.rules, self._outside(coalition)
        if not outside or rules.execution is not Execution.MATCHED or rules.refusal is not Refusal.ESCROW:
            return None
        if not self._order_nothing(coalition, number, reaction):
            return None
        held = self.contract.holdings(number)
        own = [sum((held[member][good] for member in coalition), NOTHING) for good in range(len(held[0]))]
        return min(
            sum((self._headroom(member, number) for member in coalition), NOTHING),
            self._most(coalition, number, [self.sharing(coalition, number, own)]),
        )

    def _refusal(self, coalition: Sequence[int], number: int, reaction: StorableReaction | None) -> Fraction | None:
        """A lone member who takes no more of any flow than its counterparty orders."""
        if not self._alone(coalition) or reaction is not None or self.contract.rules.execution is not Execution.MATCHED:
            return None
        most = most_by_breaking(self.contract, number, self.contract.play(number), coalition[0])
        return None if most is None else self._most(coalition, number, [most])

    def _order_nothing(self, coalition: Sequence[int], number: int, reaction: StorableReaction | None) -> bool:
        """Say whether outsiders, whom nothing is recommended to after deposits, order nothing after a misquote."""
        if reaction is None or self.contract.rules.timing is not Timing.PRICES_FIRST:
            return True
        kinds = self.contract.profiles[number]
        return all(withholding_rule(reaction, player, kinds[player]) is not None for player in self._outside(coalition))

    def _wealth_or_alone(
        self, coalition: Sequence[int], number: int, reaction: StorableReaction | None
    ) -> Fraction | None:
        """Members who are left alone once they misquote, and until then trade at one price."""
        rules, outside = self.contract.rules, self._outside(coalition)
        if not outside or rules.timing is not Timing.PRICES_FIRST or rules.pricing not in ONE_PRICE:
            return None
        if rules.refusal is not Refusal.FREE:
            return None
        if rules.solvency is not Solvency.NO_SHORT_SALES:
            return None
        if len(coalition) > 1 and rules.coverage is not Coverage.ANNOUNCED_NUMERAIRE:
            return None
        owned = self.contract.endowments(number)
        amounts = [sum((owned[member][good] for member in coalition), NOTHING) for good in range(len(owned[0]))]
        for player in outside:
            rule = withholding_rule(reaction, player, self.contract.profiles[number][player])
            if rule is None:
                return None
            left = announced_by_the_wary(self.contract, number, player, rule)
            amounts = [amount + more for amount, more in zip(amounts, left, strict=True)]
        ends = [self._spending(coalition, number), self.sharing(coalition, number, amounts)]
        return self._most(coalition, number, ends)

    def _wealth_or_sacrifice(
        self, coalition: Sequence[int], number: int, _: StorableReaction | None
    ) -> Fraction | None:
        """Members who spend their wealth, or share what all but one of them own, who then is bankrupt."""
        rules = self.contract.rules
        proven = (
            len(coalition) > 1
            and self._outside(coalition)
            and rules.pricing in NO_ARBITRAGE
            and rules.solvency is Solvency.NO_SHORT_SALES
            and rules.bankruptcy is Bankruptcy.UNWIND
            and rules.withholding is Withholding.WASTED
        )
        if not proven:
            return None
        ends, owned = [self._spending(coalition, number)], self.contract.holdings(number)
        for lost in coalition:
            left = [most - less for most, less in zip(self._supply(number), owned[lost], strict=True)]
            others = [member for member in coalition if member != lost]
            if rules.execution is Execution.MATCHED:
                left = [self._reach(others, self._outside(coalition), number, good) for good in range(len(left))]
            ends.append(self.sharing(others, number, left) + self.enjoying(lost, number, [NOTHING for _ in left]))
        return self._most(coalition, number, ends)

    def _reach(self, members: Sequence[int], outside: Sequence[int], number: int, good: int) -> Fraction:
        """Return what members own of a good, and outsiders were to deliver to them, units."""
        orders, owned = self.contract.play(number).orders, self.contract.holdings(number)
        asked = sum((max(-orders[one][member][good], NOTHING) for one in outside for member in members), NOTHING)
        return asked + sum((owned[member][good] for member in members), NOTHING)

    def _resources(self, coalition: Sequence[int], number: int, _: StorableReaction | None) -> Fraction:
        """Any members, under any rules: nobody consumes what is not there."""
        return self._most(coalition, number, [self.sharing(coalition, number, self._supply(number))])

    def _alone(self, coalition: Sequence[int]) -> bool:
        return len(coalition) == 1 and bool(self._outside(coalition))

    def _outside(self, coalition: Sequence[int]) -> list[int]:
        return [player for player in range(len(self.contract.economy.players)) if player not in coalition]

    def _supply(self, number: int) -> list[Fraction]:
        if number not in self._supplies:
            columns = zip(*self.contract.holdings(number), strict=True)
            self._supplies[number] = [sum(column, NOTHING) for column in columns]
        return self._supplies[number]

    def _most(self, coalition: Sequence[int], number: int, ends: Iterable[Fraction]) -> Fraction:
        """Return the most of what members may enjoy together, less what they enjoy if all obey."""
        obeyed = self.contract.obeyed(number)
        return max(ends) - sum((obeyed.utility[member] for member in coalition), NOTHING)

    def _spending(self, coalition: Sequence[int], number: int) -> Fraction:
        """Return what members can enjoy together who spend their wealth at the contract's prices."""
        obeyed = self.contract.obeyed(number)
        return sum((self._headroom(member, number) + obeyed.utility[member] for member in coalition), NOTHING)

    def _headroom(self, member: int, number: int) -> Fraction:
        """Return by how much more than under the contract a member could enjoy its wealth at the contract's prices."""
        if (member, number) not in self._headrooms:
            contract, price = self.contract, self.contract.price(number)
            kind, near = contract.kind(member, number), contract.bundle(member, number)
            owned = contract.holdings(number)[member]
            wealth = sum(
                (p * own for p, own in zip(price, owned, strict=True)), contract.play(number).transfers[member]
            )
            best = surplus(kind.valuation, price, self._supply(number), near)
            utility = contract.obeyed(number).utility[member]
            self._headrooms[member, number] = UNLIMITED if best is None else wealth + best - utility
        return self._headrooms[member, number]

    def _bankrupt(self, coalition: Sequence[int], number: int) -> Fraction:
        """Return what a lone member enjoys at most that goes bankrupt, unless that is within its wealth."""
        rules, (member, *_rest) = self.contract.rules, coalition
        owned = self.contract.holdings(number)[member]
        # It may hide everything, go bankrupt on a transfer it owes and does not cover, and consume what it hid.
        hides = rules.withholding is Withholding.CONSUMED and rules.coverage is Coverage.UNLIMITED
        return self.enjoying(member, number, owned if hides else [NOTHING for _ in owned])

    def enjoying(self, member: int, number: int, amounts: Bundle) -> Fraction:
        """Return what one player enjoys at most of a bundle ``(L,)`` or less."""
        valuation, limit = self.contract.kind(member, number).valuation, amounts[:-1]
        free = np.zeros(len(limit))
        with np.errstate(all="ignore"):
            wanted = valuation.demand(free)
        near = [
            min(Fraction(float(want)), most) if want < np.inf else most
            for want, most in zip(wanted, limit, strict=True)
        ]
        best = surplus(valuation, [NOTHING for _ in limit], limit, near)
        return UNLIMITED if best is None else best + amounts[-1]

    def sharing(self, coalition: Sequence[int], number: int, amounts: Bundle) -> Fraction:
        """Return what members can enjoy together of amounts ``(L,)`` that they divide as they like."""
        kinds = [self.contract.kind(member, number) for member in coalition]
        found = []
        for price, division in self._proposals(coalition, number, amounts):
            total = sum((p * amount for p, amount in zip(price, amounts, strict=True)), NOTHING)
            for kind, near in zip(kinds, division, strict=True):
                best = surplus(kind.valuation, price, amounts, near)
                total = UNLIMITED if best is None else total + best
            found.append(total)
        return min(found)

    def _proposals(
        self, coalition: Sequence[int], number: int, amounts: Bundle
    ) -> Iterator[tuple[list[Fraction], list[list[Fraction]]]]:
        """Yield prices, and what members would want at them: the contract's, and those of an efficient division."""
        contract, limit = self.contract, amounts[:-1]
        bundles = [contract.bundle(member, number) for member in coalition]
        yield contract.price(number), [[min(pair) for pair in zip(bundle, limit, strict=True)] for bundle in bundles]
        table, profile = contract.economy.valuations, np.array(contract.profiles[number])
        rows = contract.economy.rows(profile)[list(coalition)][None]
        allocate = allocate_good_by_good if table.separable else allocate_jointly
        division, prices = allocate(table, rows, np.array([[float(most) for most in limit]]))
        proposed = [
            [min(max(one, NOTHING), most) for one, most in zip(exact(row), limit, strict=True)] for row in division[0]
        ]
        yield [*(max(price, NOTHING) for price in exact(prices[0])), Fraction(1)], proposed


def _gain(bound: PlainBound) -> Fraction:
    return bound.gain


def _weakness(bound: PlainBound) -> tuple[bool, Fraction]:
    return not bound.excludes, bound.gain
