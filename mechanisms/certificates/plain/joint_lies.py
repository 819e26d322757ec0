r"""What coalitions gain by lies that they tell together and then obey, by enumeration in rational numbers.

Members of S tell each other their types :math:`t_S`, report :math:`r_S`, do what is recommended, and share money, so
that what counts is the sum of what they expect,

.. math:: \sum_{i \in S} E[u_i(r_S, t_{-S}; t_i) \,|\, t_S] - \sum_{i \in S} E[u_i(t; t_i) \,|\, t_S] .

Every play is settled once, at the profile that is reported. All numbers are made whole by what they have in common, so
that sums over all reports are exact and quick.

Source: Giraud and Rochon (2001), Definition 4, for coalitions that pool information and money.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from math import lcm, prod

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import Refusal

MOST_SUMS = 12_000_000
"""Of members' utilities, one for each joint type and joint report: more take longer than some ten seconds."""

type Whole = NDArray[np.object_]
"""Whole numbers of any size."""


@dataclass(frozen=True)
class LargestJointLie:
    """The joint lie of coalitions of one size by which most is gained, relative to what is at stake for who tells it.

    Attributes:
        coalition: who tells it; empty if there is no lie to tell.
        gain: of its members in sum, numeraire; at most 0 if every lie costs.
        stake: what is at stake for them, numeraire.
    """

    coalition: Coalition
    gain: Fraction
    stake: Fraction

    @property
    def tempting(self) -> bool:
        """Whether that is something, given what is at stake."""
        return self.gain > Fraction(GAIN_TOLERANCE) * self.stake


def sums_to_compare(economy: Economy, largest: int) -> int:
    """Return how many sums of members' utilities coalitions of up to some size make an enumeration compare."""
    counts = economy.prior.type_counts
    # By size; with correlated types what outsiders may be is another sum each time.
    found = [1] + [0] * len(counts)
    for count in counts:
        outside = 1 if economy.prior.independent else count
        found = [outside * here + (count**2 * found[size - 1] if size else 0) for size, here in enumerate(found)]
    return sum(found[1 : largest + 1])


def largest_joint_lies(
    contract: PlainContract, largest: int, deadline: Deadline = NO_DEADLINE
) -> tuple[LargestJointLie, ...]:
    """Return the joint lie that pays most, relative to what is at stake, to coalitions of one, two, and more members.

    Args:
        contract: the contract, which all obey.
        largest: of how many members coalitions may be.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: there are too many joint lies.
        DeadlinePassedError: time ran out.
    """
    if (count := sums_to_compare(contract.economy, largest)) > MOST_SUMS:
        raise ValueError(f"coalitions have {count} joint lies, too many to enumerate: {MOST_SUMS} at most")
    reports = _Reports(contract, deadline)
    found = [LargestJointLie((), NOTHING, Fraction(1)) for _ in range(largest)]
    for size in range(1, largest + 1):
        for coalition in combinations(range(len(contract.economy.players)), size):
            deadline.check()
            for lie in reports.lies(coalition):
                best = found[size - 1]
                if not best.coalition or lie.gain * best.stake > best.gain * lie.stake:
                    found[size - 1] = lie
    return tuple(found)


class _Reports:
    """What every type of every player gets at every profile of reports if all obey."""

    def __init__(self, contract: PlainContract, deadline: Deadline) -> None:
        self._contract, self._deadline = contract, deadline
        self._counts = contract.economy.prior.type_counts
        worth = [self._of_player(player) for player in range(len(self._counts))]
        self._unit = lcm(*(each.denominator for table, _ in worth for each in table.reshape(-1)))
        # By player: of which type it is, then what each player reports.
        self._worth = [_whole(table, self._unit) for table, _ in worth]
        self._shown = [shown for _, shown in worth]
        stakes = exact(contract.contract.stakes)
        firsts = contract.economy.first_rows.tolist()
        self._means: dict[tuple[int, tuple[int, ...]], tuple[Whole, BooleanArray]] = {}
        self._stakes = [stakes[first : first + count] for first, count in zip(firsts, self._counts, strict=True)]

    def _of_player(self, player: int) -> tuple[Whole, BooleanArray]:
        """Return what each type gets at each profile of reports, by player, and whether it can show its own."""
        contract, kinds = self._contract, self._counts[player]
        profiles = list(product(*map(range, self._counts)))
        stated = contract.contract.stated
        chances = [Fraction(1)] if stated is None else exact(stated.chances)
        chances = [chance / sum(chances, NOTHING) for chance in chances]
        worth, shown = np.full((kinds, len(profiles)), NOTHING, dtype=object), np.ones((kinds, len(profiles)), bool)
        for place, reported in enumerate(profiles):
            self._deadline.check()
            for kind in range(kinds):
                true = (*reported[:player], kind, *reported[player + 1 :])
                for draw, chance in enumerate(chances):
                    if not chance:
                        continue
                    got = self._gets(player, draw * len(profiles) + place, true)
                    shown[kind, place] &= got is not None
                    worth[kind, place] += NOTHING if got is None else chance * got
        shape = (kinds, *self._counts)
        return worth.reshape(shape), shown.reshape(shape)

    def _gets(self, player: int, reported: int, true: tuple[int, ...]) -> Fraction | None:
        """Return what a player gets that is of its type in a profile; none if it cannot show what is reported."""
        contract = self._contract
        number, told = contract.after(reported, true), contract.play(reported)
        if contract.rules.refusal is Refusal.ESCROW:
            deposit, has = contract.endowments(reported)[player], contract.endowments(number)[player]
            if not contract.can_announce(deposit, has):
                return None
        owned = contract.holdings(number, reported)[player]
        if not contract.can_announce(told.announced[player], owned):
            return None
        # The play is that of the reported profile; only what the liar owns and wants is its own.
        bundle = contract.keeps(contract.obeyed(reported).allocation[player], told.announced[player], owned)
        return contract.enjoys(player, number, bundle)

    @cached_property
    def _chances(self) -> tuple[Whole, int]:
        """The probability of every profile, made whole."""
        prior = self._contract.economy.prior
        table = np.array(exact(prior.probability), dtype=object).reshape(self._counts)
        unit = lcm(*(one.denominator for one in table.reshape(-1)))
        return _whole(table, unit), unit

    def lies(self, coalition: Coalition) -> Iterator[LargestJointLie]:
        """Yield the lie that pays most to each joint type of a coalition that can occur and has one."""
        kinds = [range(self._counts[member]) for member in coalition]
        independent = self._contract.economy.prior.independent
        totals = self._independently(coalition) if independent else self._dependently(coalition)
        for place, (true, (total, shown, scale)) in enumerate(zip(product(*kinds), totals, strict=True)):
            shown[place] = False  # The truth is no lie.
            if scale and shown.any():
                gain = Fraction(max(total[shown]) - total[place], scale)
                stakes = (self._stakes[member][kind] for member, kind in zip(coalition, true, strict=True))
                yield LargestJointLie(coalition, gain, sum(stakes, NOTHING))

    def _independently(self, coalition: Coalition) -> Iterator[tuple[Whole, BooleanArray, int]]:
        """Yield, by joint type, what members expect by each joint report, which they can make, and the unit."""
        prior, outside = self._contract.economy.prior, self._outside(coalition)
        scale = self._unit * prod(int(self._marginals[player].sum()) for player in outside)
        found = (self._expected(member, outside) for member in coalition)
        tables = [(worth.reshape(len(worth), -1), shown.reshape(len(shown), -1)) for worth, shown in found]
        likely = [[bool(chance) for chance in exact(prior.marginal(member))] for member in coalition]
        # Sums over the last members are the same whatever the first ones are.
        half = len(coalition) // 2
        first, last = (list(_added(part)) for part in (tables[:half], tables[half:]))
        for (one, other), occurs in zip(product(first, last), product(*likely), strict=True):
            yield np.asarray(one[0] + other[0]), np.asarray(one[1] & other[1]), scale if all(occurs) else 0

    @cached_property
    def _marginals(self) -> list[Whole]:
        """The probabilities of each player's types, made whole."""
        prior = self._contract.economy.prior
        found = []
        for player in range(len(self._counts)):
            chances = exact(prior.marginal(player))
            found.append(_whole(np.array(chances, dtype=object), lcm(*(one.denominator for one in chances))))
        return found

    def _expected(self, member: int, outside: tuple[int, ...]) -> tuple[Whole, BooleanArray]:
        """Return what a member's types expect by reports of everybody inside, those outside telling the truth."""
        if not outside:
            return self._worth[member], self._shown[member]
        if (member, outside) not in self._means:
            worth, shown = self._expected(member, outside[1:])
            # Whoever comes later is gone already.
            axis, weight = outside[0] + 1, self._marginals[outside[0]]
            worth = (np.moveaxis(worth, axis, -1) * weight).sum(axis=-1)
            self._means[member, outside] = worth, np.moveaxis(shown, axis, -1)[..., weight > 0].all(axis=-1)
        return self._means[member, outside]

    def _dependently(self, coalition: Coalition) -> Iterator[tuple[Whole, BooleanArray, int]]:
        """Yield the same where what members know of the others depends on their types."""
        (chances, _), outside = self._chances, self._outside(coalition)
        order = [*coalition, *outside]
        reports = prod(self._counts[member] for member in coalition)
        beliefs = chances.transpose(order).reshape(reports, -1)
        worth, shown = (
            [
                table[member].transpose(0, *(player + 1 for player in order)).reshape(self._counts[member], reports, -1)
                for member in coalition
            ]
            for table in (self._worth, self._shown)
        )
        kinds = product(*(range(self._counts[member]) for member in coalition))
        for belief, true in zip(beliefs, kinds, strict=True):
            total = sum(table[kind] for table, kind in zip(worth, true, strict=True))
            can = np.logical_and.reduce([table[kind] for table, kind in zip(shown, true, strict=True)])
            yield (
                np.asarray((total * belief).sum(axis=-1)),
                np.asarray(can[:, belief > 0].all(axis=-1)),
                self._unit * int(belief.sum()),
            )

    def _outside(self, coalition: Coalition) -> tuple[int, ...]:
        return tuple(player for player in range(len(self._counts)) if player not in coalition)


def _added(tables: Sequence[tuple[Whole, BooleanArray]]) -> Iterator[tuple[Whole | int, BooleanArray | bool]]:
    """Yield what some members expect in sum by each joint report, and which they can make, by their joint type."""
    for rows in product(*(zip(worth, shown, strict=True) for worth, shown in tables)):
        total: Whole | int = 0
        can: BooleanArray | bool = True
        for worth, shown in rows:
            total, can = total + worth, can & shown
        yield total, can


def _whole(table: Whole, unit: int) -> Whole:
    """Return rational numbers as whole multiples of one over a unit that all divide."""
    numbers = [one.numerator * (unit // one.denominator) for one in table.reshape(-1)]
    return np.array(numbers, dtype=object).reshape(table.shape)
