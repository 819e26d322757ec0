r"""What coalitions gain at most by reports and any replies to what follows, derived in rational numbers.

Members tell each other their types :math:`t_S`, report :math:`r_S`, true or not, hear what is then recommended to each
of them, and answer it jointly in any way, money among themselves included. What they face then is a situation like any
other but that members' types are not those that they were recommended something for, so that what bounds their gain
after the truth (:mod:`marketgame.mechanisms.certificates.plain.bounds`) bounds it here:

.. math:: \sum_b \Pr(b \,|\, t_S, r_S) \min_k E[B_k(t, r_S) \,|\, b] - E\Big[\sum_{i \in S} u_i(t) \,\Big|\, t_S\Big]

over everything b that may be heard, each :math:`B_k` a bound on what members enjoy in sum, and :math:`u_i(t)` what
truth and obedience bring. Where recommended flows are executed out of deposits there is a bound without any replies
besides (:mod:`marketgame.mechanisms.certificates.plain.after_lies`). All together enjoy no more than there is, whatever
they report.

Source: Giraud and Rochon (2001), Definition 4', for coalitions that pool information and money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import override

import numpy as np

from marketgame.mechanisms.certificates.plain.after_lies import GainAfterLies, gains_after_lies
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import OWNERSHIP, PlainContract, PlainEnd
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay, Table
from marketgame.mechanisms.deviations import premises
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.deviations.reactions import StorableReaction
from marketgame.mechanisms.economies.coalitions import Coalition, Coalitions
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import Coverage, Solvency

MOST_REPLIES = 60_000
"""Of members, counted once for each joint report and profile: bounding more takes longer than some ten seconds."""
# A weight of the budget is looked for up to this, in so many steps.
LARGEST_WEIGHT = 3
WEIGHTS = 25

type Expect = Callable[[Coalition], StorableReaction | None]
"""From a coalition to how those outside it answer misquotes, none if they play on."""


@dataclass(frozen=True)
class ReplyBound:
    """What a coalition gains at most by any report and any replies, where that is most relative to what is at stake.

    Attributes:
        coalition: who reports.
        gain: that they cannot exceed together, numeraire.
        stake: what is at stake for them, numeraire.
    """

    coalition: Coalition
    gain: Fraction
    stake: Fraction

    @property
    def excludes(self) -> bool:
        """Whether that is nothing, given what is at stake."""
        return self.gain <= Fraction(GAIN_TOLERANCE) * self.stake


def replies_to_bound(economy: Economy, largest: int) -> int:
    """Return of how many members, one for each joint report and profile, replies are to be bounded.

    They are those of coalitions of up to some size, but of all together.
    """
    counts = economy.prior.type_counts
    found = [1] + [0] * len(counts)
    for count in counts:
        found = [count * here + (count**2 * found[size - 1] if size else 0) for size, here in enumerate(found)]
    sizes = range(1, min(largest, len(counts) - 1) + 1)
    return sum(size * found[size] for size in sizes)


def weakest_replies(
    contract: PlainContract, largest: int, reaction_to: Expect, deadline: Deadline = NO_DEADLINE
) -> Iterator[ReplyBound]:
    """Yield the bound on each coalition of up to some size.

    Args:
        contract: the contract.
        largest: of how many members coalitions may be.
        reaction_to: how those outside a coalition answer misquotes.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: there are too many replies to bound.
        DeadlinePassedError: time ran out.
    """
    about = Coalitions(len(contract.economy.players), largest)
    deposits = {one.coalition: one for one in gains_after_lies(contract, about, deadline) or ()}
    counted = (
        0
        if all(one.excluded for one in deposits.values()) and deposits
        else replies_to_bound(contract.economy, largest)
    )
    if counted > MOST_REPLIES:
        raise ValueError(f"members have {counted} replies, too many to bound: {MOST_REPLIES} at most")
    for coalition in about:
        deadline.check()
        reaction = reaction_to(coalition)
        after = deposits.get(coalition) if reaction is None else None
        yield _weakest(contract, coalition, reaction, after, deadline)


def _weakest(
    contract: PlainContract,
    coalition: Coalition,
    reaction: StorableReaction | None,
    after: GainAfterLies | None,
    deadline: Deadline,
) -> ReplyBound:
    """Return the bound on a coalition, that by deposits if it excludes any gain."""
    if after is not None and after.excluded:
        return ReplyBound(coalition, after.gain, after.stake)
    economy = contract.economy
    counts = [economy.prior.type_counts[member] for member in coalition]
    everybody = len(coalition) == len(economy.players)
    weakest: ReplyBound | None = None
    for true in product(*map(range, counts)):
        numbers = _possible(contract, coalition, true)
        if not numbers:
            continue
        stake = contract.at_stake(coalition, numbers[0])
        # Whatever all together report, they enjoy what there is.
        for said in [true] if everybody else product(*map(range, counts)):
            deadline.check()
            gain = _most(AfterReports(contract, dict(zip(coalition, said, strict=True))), coalition, numbers, reaction)
            if gain is not None and (weakest is None or gain * weakest.stake > weakest.gain * stake):
                weakest = ReplyBound(coalition, gain, stake)
    assert weakest is not None  # The truth can be told.
    return weakest


def _possible(contract: PlainContract, coalition: Coalition, kinds: tuple[int, ...]) -> list[int]:
    """Return the numbers of the profiles that can occur in which members are of some types."""
    return [
        number
        for number, profile in enumerate(contract.profiles)
        if contract.probability[number] > 0 and tuple(profile[member] for member in coalition) == kinds
    ]


class AfterReports(PlainContract):
    """A contract as members face it who report types that they may not have; others tell the truth.

    Numbers of profiles are those of the true ones.
    """

    _truth: PlainContract
    _said: Mapping[int, int]

    def __init__(self, contract: PlainContract, said: Mapping[int, int]) -> None:
        """Tell some reports.

        Args:
            contract: to whose device.
            said: what members report, by player.
        """
        contract.told(0, 0)  # What was worked out once serves here too.
        vars(self).update(vars(contract))
        vars(self).update(_truth=contract, _said=said)

    def report(self, number: int) -> int:
        """Return the number of what is recommended at a true profile."""
        profile = self.profiles[number]
        return self.after(number, tuple(self._said.get(player, kind) for player, kind in enumerate(profile)))

    @override
    def holdings(self, number: int, reported: int | None = None) -> Table:
        return super().holdings(number, self.report(number))

    @override
    def price(self, number: int) -> list[Fraction]:
        return super().price(self.report(number))

    @override
    def play(self, number: int) -> PlainPlay:
        return super().play(self.report(number))

    @override
    def obeyed(self, number: int) -> PlainEnd:
        return self._truth.obeyed(number)

    @override
    def bundle(self, player: int, number: int) -> list[Fraction]:
        """Return a bundle near the best for a player at the price it faces; any will do, the best proves most."""
        if player not in self._said:
            return super().bundle(player, self.report(number))
        supply = [sum(column, NOTHING) for column in zip(*self.endowments(number), strict=True)]
        with np.errstate(all="ignore"):
            wanted = self.kind(player, number).valuation.demand(np.array([float(p) for p in self.price(number)[:-1]]))
        return [
            min(max(Fraction(float(want)), NOTHING), most) if np.isfinite(want) else most
            for want, most in zip(wanted, supply, strict=False)
        ]

    @override
    def told(self, player: int, number: int) -> int:
        return super().told(player, self.report(number))

    def admits(self, coalition: Coalition, numbers: list[int]) -> bool:
        """Say whether the reports can be made: members own what is deposited, and what a transfer takes if it must."""
        for number in numbers:
            try:
                owned = self.holdings(number)
            except ValueError:  # Somebody would have to deposit more than it owns.
                return False
            told = self.play(number)
            for member in coalition:
                shown = min(told.announced[member][-1], owned[member][-1])
                takes = -told.transfers[member]
                if self.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE and takes > shown + OWNERSHIP * abs(takes):
                    return False
        return True

    def heard(self, coalition: Coalition, numbers: list[int]) -> list[list[int]]:
        """Return true profiles grouped by what members then hear."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for number in numbers:
            groups.setdefault(tuple(self.told(member, number) for member in coalition), []).append(number)
        return list(groups.values())


def _most(
    after: AfterReports, coalition: Coalition, numbers: list[int], reaction: StorableReaction | None
) -> Fraction | None:
    """Return what members of one joint type gain at most by one joint report; none if it cannot be made."""
    if not after.admits(coalition, numbers):
        return None
    bounds, cells = PlainBounds(after), after.heard(coalition, numbers)
    stake = after.at_stake(coalition, numbers[0])
    total = NOTHING
    for thorough in (False, True):
        total = likely = NOTHING
        for cell in cells:
            chance = sum((after.probability[number] for number in cell), NOTHING)
            total += chance * _least(bounds, after, coalition, cell, reaction, thorough=thorough)
            likely += chance
        total /= likely
        if total <= Fraction(GAIN_TOLERANCE) * stake:
            break
    return total


def _least(
    bounds: PlainBounds,
    after: AfterReports,
    coalition: Coalition,
    cell: list[int],
    reaction: StorableReaction | None,
    *,
    thorough: bool,
) -> Fraction:
    """Return the least bound where members know no more than that the profile is in a cell.

    Unless it is to be thorough, the first by which they gain nothing will do.
    """
    found = []
    everybody = len(coalition) == len(after.economy.players)
    for bound in bounds.in_cell(coalition, cell, reaction):
        if everybody and bound.reason is not BoundReason.RESOURCES:
            continue
        found.append(bound.gain)
        if bound.excludes and not thorough:
            return bound.gain
    if thorough and len(coalition) == 1 and reaction is None and premises.FLOWS.holds(after.rules) and not everybody:
        by_flows = [_within_flows(bounds, after, coalition[0], number) for number in cell]
        if None not in by_flows:
            weights = [after.probability[number] for number in cell]
            pairs = zip(by_flows, weights, strict=True)
            found.append(sum((gain * weight for gain, weight in pairs if gain is not None), NOTHING) / sum(weights))
    return min(found)


def _within_flows(bounds: PlainBounds, after: AfterReports, member: int, number: int) -> Fraction | None:
    r"""Return what a lone member gains at most where flows happen only as far as both sides order them.

    By weak duality with any weight :math:`\lambda \ge 0` of its budget: it is delivered no more of anything than others
    offer it and delivers no more than they ask for, of goods and of money (Proposition 9 of ``docs/collusion.md``).

    Source: as `marketgame.mechanisms.deviations.bounds.within_matched_flows`.
    """
    play, price, owned = after.play(number), after.price(number), after.holdings(number)[member]
    others = [player for player in range(len(play.quotes)) if player != member]
    asked = [[play.orders[one][member][good] for one in others] for good in range(len(owned))]
    given = [sum((max(one, NOTHING) for one in row), NOTHING) for row in asked]
    taken = [sum((max(-one, NOTHING) for one in row), NOTHING) for row in asked]
    low = [max(own - out, NOTHING) for own, out in zip(owned[:-1], given, strict=False)]
    high = [own + more for own, more in zip(owned[:-1], taken, strict=False)]
    valuation = after.kind(member, number).valuation

    def bound(weight: Fraction) -> Fraction | None:
        charged = [weight * p for p in price[:-1]]
        with np.errstate(all="ignore"):
            wanted = valuation.demand(np.array([float(p) for p in charged]))
        near = [
            min(max(Fraction(float(want)), least), most) if np.isfinite(want) else most
            for want, least, most in zip(wanted, low, high, strict=True)
        ]
        enjoyed, gradient = valuation.exact_tangent(near)
        for marginal, p, at, least, most, own in zip(gradient, charged, near, low, high, owned, strict=False):
            if marginal is None:
                if most > 0:
                    return None
                continue
            enjoyed += max((marginal - p) * (least - at), (marginal - p) * (most - at)) - p * (at - own)
        money = max((1 - weight) * taken[-1], (weight - 1) * given[-1])
        return enjoyed + weight * play.transfers[member] + money + owned[-1]

    least, most = Fraction(0), Fraction(LARGEST_WEIGHT)
    found = [bound(Fraction(1))]
    for _ in range(WEIGHTS):
        third = (most - least) / 3
        one, other = bound(least + third), bound(most - third)
        found += [one, other]
        if other is None or (one is not None and one <= other):
            most -= third
        else:
            least += third
    proven = [one for one in found if one is not None]
    if not proven:
        return None
    within = min(proven)
    if after.rules.solvency is Solvency.BUDGET:
        shorts = (p * max(out - own, NOTHING) for p, out, own in zip(price, given, owned, strict=True))
        within += sum(shorts, NOTHING)
    nothing = bounds.enjoying(member, number, [NOTHING for _ in owned])
    return max(within, nothing) - after.obeyed(number).utility[member]
