r"""What a member gains at most by breaking an agreement whose plans answer quotes, derived in rational numbers.

Of one good and money, where the dearer of two quotes is paid and the cheaper received, whoever quotes c buys at c or
more and sells at c or less: what it consumes is worth at most its wealth at c. If all others quote c, that holds at c,
too. What can be enjoyed of one's wealth at a price, bankruptcy aside, is convex in the price; so whoever quotes
something that it was not told enjoys no more than at the cheapest or the dearest quote of the others.

If it then does not know how much money a member orders of it, it lives in one case at most: it holds so much, with what
others bring it, that it is short if the order is larger by more than all it can have, and what it pays is over its
budget if it is smaller. ``docs/collusion.md``, Theorem 16. Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from marketgame.mechanisms.certificates.plain.contract import PlainContract, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay, Table
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)

ONE_GOOD = 2
"""So many goods there are, money included, where this is known."""


@dataclass(frozen=True)
class Course:
    """What may come about, as far as a member knows that was told its plan.

    Attributes:
        chance: how likely, given what it was told.
        play: what everybody plays if nobody breaks the agreement.
        otherwise: what each other player orders, ``[player][player ordered from][good]``, whatever else the member
            quotes; none if that depends on what it quotes.
    """

    chance: Fraction
    play: PlainPlay
    otherwise: Sequence[Table] | None


def known_to_bind(rules: MarketRules) -> bool:
    """Say whether what is said here was proved for these rules of the market."""
    return (
        rules.pricing is Pricing.SPREAD
        and rules.solvency is Solvency.NO_SHORT_SALES
        and rules.bankruptcy is Bankruptcy.UNWIND
        and rules.withholding is Withholding.WASTED
        and rules.timing is Timing.PRICES_FIRST
        and rules.execution is Execution.UNILATERAL
        and rules.refusal is Refusal.FREE
    )


def most_by_leaving(contract: PlainContract, number: int, courses: Sequence[Course], member: int) -> Fraction | None:
    """Return what a member expects at most, whatever it does instead of its plan, at a profile; none if not known.

    Args:
        contract: with the rules of the market.
        number: of the profile.
        courses: what it thinks possible; it quotes the same in all.
        member: who may do anything.
    """
    if not known_to_bind(contract.rules) or len(contract.price(number)) != ONE_GOOD:
        return None
    enjoys = _Enjoys(contract, number, member)
    as_told, otherwise = NOTHING, dict[Fraction, Fraction]()
    first = courses[0]
    for course in courses:
        others = enjoys.quoted_by_others(course.play)
        owed = course.play.transfers[member]
        limits = [enjoys.within(course.play.quotes[member][0], owed)]
        freely = max(enjoys.freely(min(others), owed), enjoys.freely(max(others), owed))
        if min(others) == max(others):
            freely = enjoys.within(others[0], owed)
            limits.append(freely)
        as_told += course.chance * min(limits)
        asked = sum((orders[member][-1] for orders in _of_others(course.otherwise or (), member)), NOTHING)
        otherwise[asked] = otherwise.get(asked, NOTHING) + course.chance * (freely - enjoys.nothing)
    leaves = [amount for _, amount in sorted(otherwise.items())]
    best = sum(leaves, NOTHING)
    if len(leaves) > 1 and all(_differ_in_money_asked(first, course, member) for course in courses):
        dearest, asked_for = max(enjoys.quoted_by_others(first.play)), sorted(otherwise)
        owned = contract.holdings(number)[member]
        lives = max(first.play.transfers[member], NOTHING) + dearest * owned[0] + owned[1]
        if all(more - less > lives for less, more in pairwise(asked_for)):
            best = max(leaves)
    return max(as_told, enjoys.nothing + best)


@dataclass(frozen=True)
class _Enjoys:
    """What a member enjoys at most."""

    contract: PlainContract
    number: int
    member: int

    @property
    def nothing(self) -> Fraction:
        """What it enjoys of nothing."""
        return self.contract.kind(self.member, self.number).valuation.exact_tangent([NOTHING])[0]

    def quoted_by_others(self, play: PlainPlay) -> list[Fraction]:
        """Return what all others quote for the good."""
        return [row[0] for player, row in enumerate(play.quotes) if player != self.member]

    def freely(self, price: Fraction, granted: Fraction) -> Fraction:
        """Return what it enjoys at most of its wealth at a price, be that less than nothing, or of nothing."""
        valuation = self.contract.kind(self.member, self.number).valuation
        supply = sum((row[0] for row in self.contract.holdings(self.number)), NOTHING)
        near = min(exact(np.maximum(valuation.demand(np.array([float(price)])), 0.0))[0], supply)
        best = surplus(valuation, [price], [supply], [near])
        assert best is not None
        return max(self._wealth(price, granted) + best, self.nothing)

    def within(self, price: Fraction, granted: Fraction) -> Fraction:
        """Return the same if all its trades are at this price or worse: whoever has less than nothing is bankrupt."""
        return self.freely(price, granted) if self._wealth(price, granted) >= 0 else self.nothing

    def _wealth(self, price: Fraction, granted: Fraction) -> Fraction:
        owned = self.contract.holdings(self.number)[self.member]
        return price * owned[0] + owned[1] + granted


def _of_others(orders: Sequence[Table], member: int) -> list[Table]:
    return [rows for player, rows in enumerate(orders) if player != member]


def _differ_in_money_asked(one: Course, other: Course, member: int) -> bool:
    """Say whether two courses differ for whoever quotes otherwise in how much money others order of it, and no more."""
    if one.otherwise is None or other.otherwise is None:
        return False
    same = one.play.transfers[member] == other.play.transfers[member]
    for player, (rows, others) in enumerate(zip(one.otherwise, other.otherwise, strict=True)):
        if player == member:
            continue
        same &= one.play.quotes[player] == other.play.quotes[player]
        same &= one.play.announced[player] == other.play.announced[player]
        for asked, (goods, instead) in enumerate(zip(rows, others, strict=True)):
            same &= list(goods[:-1]) == list(instead[:-1]) and (asked == member or goods[-1] == instead[-1])
    return bool(same)
