r"""The most profitable joint lie of coalitions whose lies are too many to list: a lie from below, a bound from above.

Types are independent. A coalition S of k members that reports r instead of t gains, under expected-externality
transfers with externalities :math:`f_i`,

.. math:: \sum_{i \in S} E[v_i(x_i(r, t_{-S}), t_i) - v_i(x_i(t), t_i)]
    + \frac{N - k}{N - 1} \sum_{i \in S} [f_i(r_i) - f_i(t_i)].

*From below.* One lie changes what others get by an amount that depends on their types; what two lies change is nearly
the sum. So what single lies bring everybody is drawn once, coalitions of every size are put together by it, and the
best of them are tried and improved, member by member, on common draws. What the best lie gains is then
estimated from draws of its own, so that having been chosen does not flatter it: a sampled answer with its standard
error, and a witness, never a proof.

*From above.* The efficient allocation of the truth maximises welfare, so that S gains at most what it takes from
outsiders and what transfers bring it; and it gains at most what its members' own goods and transfers can bring. With
one good beside the numeraire every report leads to a price in an interval that the most and the least that everybody
may want decide, and so every bundle lies in an interval. That bounds the sums over any k members and any N - k
outsiders by sums of the largest terms. Nothing in it is drawn but the externalities, which are those of the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import walrasian_payments
from marketgame.mechanisms.contracts.incentives import SURE
from marketgame.mechanisms.contracts.joint_misreports import JointMisreport, JointMisreportCheck
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import seeded
from marketgame.mechanisms.economies.stakes import counts_as_gain
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

# With more players the search takes minutes.
MOST_PLAYERS = 40
# Bundles of efficient allocations that a first look, a step of improvement, and the last estimate may take.
BUNDLES_TO_LOOK, BUNDLES_TO_IMPROVE, BUNDLES_TO_ESTIMATE = 1 << 18, 1 << 15, 1 << 17
DRAWS_TO_LOOK, DRAWS_TO_IMPROVE, DRAWS_TO_ESTIMATE = 256, 64, 4096
# How many coalitions are tried, how many are improved, in how many steps, and how many may join or leave in each.
TRIED, IMPROVED, STEPS, NEWCOMERS = 24, 4, 6, 12
# Of more players than this only the best is improved.
FEW_PLAYERS = 8
# From how many lies coalitions are put together, and for how many shares of what they are worth to others.
STARTS, SHARES, ADDITIONS = 64, 5, 1024
# Halvings of an interval of quantities or prices, and what is added to its ends for rounding.
HALVINGS, WIDER = 60, 1e-9


@dataclass(frozen=True)
class _Lie:
    """Members, their types and their reports, by number."""

    members: tuple[int, ...]
    types: tuple[int, ...]
    reports: tuple[int, ...]

    def without(self, place: int) -> _Lie:
        parts = (self.members, self.types, self.reports)
        return _Lie(*(part[:place] + part[place + 1 :] for part in parts))

    def joined_by(self, member: int, kind: int, report: int) -> _Lie:
        place = sum(other < member for other in self.members)
        parts = zip((self.members, self.types, self.reports), (member, kind, report), strict=True)
        return _Lie(*((*part[:place], one, *part[place:]) for part, one in parts))


def search_joint_misreports(
    economy: Economy, externalities: FloatArray | None, stakes: FloatArray, deadline: Deadline = NO_DEADLINE
) -> JointMisreportCheck | None:
    """Return a joint lie that gains much, with its standard error, and a bound on what any gains where one is known.

    Args:
        economy: with independent types.
        externalities: what the contract pays for, by type, ``(types of all players,)``, numeraire; none if all pay the
            supporting price instead.
        stakes: what is at stake for each type, likewise.
        deadline: after which the lie found so far is not improved any more.

    Returns:
        The check; none if types are correlated, so that what members know of outsiders is not drawn, or there are more
        players than can be searched.
    """
    if not economy.prior.independent or len(economy.players) > MOST_PLAYERS:
        return None
    search = _Search(economy, externalities)
    bound = None if externalities is None else largest_joint_gain(economy, externalities)
    lie = search.best(deadline)
    players = len(economy.players)
    if lie is None:
        return JointMisreportCheck(None, players, players, truthful=True)
    gain, error = search.estimated(lie)
    at_stake = stakes[economy.first_rows[list(lie.members)] + np.array(lie.types)].sum()
    refuted = bool(gain > SURE * error and counts_as_gain(np.array(gain), np.array(at_stake)))
    names = [
        tuple(economy.players[member].types[kind].name for member, kind in zip(lie.members, kinds, strict=True))
        for kinds in (lie.types, lie.reports)
    ]
    who = tuple(economy.player_names[member] for member in lie.members)
    worst = JointMisreport(who, names[0], names[1], gain)
    return JointMisreportCheck(worst, 0, players, not refuted, standard_error=error, bound=bound)


class _Search:
    """What single lies bring everybody, and what joint lies gain on draws."""

    def __init__(self, economy: Economy, externalities: FloatArray | None) -> None:
        self._economy = economy
        self._paid = externalities
        self._players = len(economy.players)
        owner = np.repeat(np.arange(self._players), economy.prior.type_counts)
        kind = np.arange(len(owner)) - economy.first_rows[owner]
        # Every type of every player with every report that it can show, the truth included.
        told, said = np.nonzero(owner[:, None] == owner[None, :])
        shows = (economy.endowment_table[said] <= economy.endowment_table[told]).all(axis=1)
        self._told, self._said = told[shows], said[shows]
        self._member, self._kind, self._report = owner[self._told], kind[self._told], kind[self._said]

    def _draws(self, stream: int, count: int) -> IntegerArray:
        return self._economy.prior.draws(seeded(stream), count).profiles

    def _ends(self, reported: IntegerArray) -> tuple[FloatArray, FloatArray]:
        """Return the goods ``(..., N, G)`` and the money ``(..., N)`` to which reports lead, no externality paid."""
        efficient = efficient_allocation(self._economy, reported)
        money = self._economy.endowments(reported)[..., -1]
        if self._paid is None:
            money = money + walrasian_payments(self._economy, at_payable_prices(self._economy, efficient))
        return efficient.bundles, money

    def _enjoyed(self, true: IntegerArray, goods: FloatArray, money: FloatArray) -> FloatArray:
        """Return everybody's utility beyond its endowment, ``(..., N)``, numeraire."""
        gained = self._economy.gains_from_goods(true, goods)
        return np.asarray(gained + money - self._economy.endowments(true)[..., -1])

    def _transferred(self, member: IntegerArray, kind: IntegerArray, report: IntegerArray) -> FloatArray:
        """Return by how much lies change what the externalities of those who tell them are said to be."""
        first = self._economy.first_rows[member]
        if self._paid is None:
            return np.zeros(len(member))
        return np.asarray(self._paid[first + report] - self._paid[first + kind])

    @cached_property
    def _single(self) -> tuple[FloatArray, FloatArray]:
        """What each lie brings who tells it, ``(lies,)``, and every type of every other player, ``(lies, types)``."""
        economy, rows = self._economy, len(self._economy.endowment_table)
        count = max(8, min(DRAWS_TO_LOOK, BUNDLES_TO_LOOK // (self._players * rows)))
        draws = self._draws(1, count)
        own, others = np.zeros(len(self._told)), np.zeros((len(self._told), rows))
        seen = np.zeros(rows)
        np.add.at(seen, economy.rows(draws), 1.0)
        for player in range(self._players):
            mine = np.flatnonzero(self._member == player)
            if (self._kind[mine] == self._report[mine]).all():
                continue
            ends = []
            for report in range(economy.prior.type_counts[player]):
                reported = draws.copy()
                reported[:, player] = report
                ends.append(self._ends(reported))
            for lie in mine[self._kind[mine] != self._report[mine]]:
                true = draws.copy()
                true[:, player] = self._kind[lie]
                told, said = (self._enjoyed(true, *ends[kind]) for kind in (self._kind[lie], self._report[lie]))
                own[lie] = (said - told)[:, player].mean()
                np.add.at(others[lie], economy.rows(true), said - told)
                others[lie] /= np.maximum(seen, 1.0)
        return own, others

    def best(self, deadline: Deadline) -> _Lie | None:
        """Return the joint lie that gains most of those tried; none where nobody has another type to report."""
        if (self._kind == self._report).all():
            return None
        draws = self._draws(2, max(8, min(DRAWS_TO_IMPROVE, BUNDLES_TO_IMPROVE // (2 * TRIED * self._players))))
        tried = sorted(((self._mean(lie, draws), lie) for lie in self._likely()), key=lambda each: -each[0])
        starts = tried[: IMPROVED if self._players <= FEW_PLAYERS else 1]
        return max((self._improved(*each, draws, deadline) for each in starts), key=lambda each: each[0])[1]

    def _improved(self, gain: float, lie: _Lie, draws: IntegerArray, deadline: Deadline) -> tuple[float, _Lie]:
        """Return where small changes of a lie lead that gain more on the draws, with the gain there."""
        for _ in range(STEPS):
            if deadline.passed:
                break
            better, candidate = max(
                ((self._mean(each, draws), each) for each in self._near(lie)),
                key=lambda each: each[0],
                default=(gain, lie),
            )
            if better <= gain:
                break
            gain, lie = better, candidate
        return gain, lie

    def _mean(self, lie: _Lie, draws: IntegerArray) -> float:
        return float(self._gains(lie, draws).mean())

    def _likely(self) -> list[_Lie]:
        """Return the lies of coalitions put together member by member that seem to gain most."""
        own, _ = self._single
        lies = np.flatnonzero(self._kind != self._report)
        alone = own + self._transferred(self._member, self._kind, self._report)
        starts = lies[np.argsort(-alone[lies], kind="stable")][: max(4, min(STARTS, ADDITIONS // self._players))]
        # A larger coalition refunds more of what its lies are said to be worth to itself.
        grown = [self._grown(int(first), float(share)) for first in starts for share in np.linspace(0.0, 1.0, SHARES)]
        ranked = sorted(
            ((value, number, size) for number, (_, values) in enumerate(grown) for size, value in enumerate(values)),
            key=lambda each: -each[0],
        )
        likely = dict[_Lie, None]()
        for _, number, size in ranked:
            likely.setdefault(self._lie(grown[number][0][: size + 1]))
            if len(likely) == TRIED:
                break
        return list(likely)

    def _grown(self, first: int, share: float) -> tuple[list[int], list[float]]:
        """Return the liars who join one after the other, and what each number of them seems to gain together.

        Args:
            first: the lie that is told first.
            share: what is left to who joins of what its lie is said to be worth to others.
        """
        own, others = self._single
        paid = self._transferred(self._member, self._kind, self._report)
        chosen, inside = [first], self._member == self._member[first]
        gain, moved = float(own[first]), float(paid[first])
        # What each could join with: what its lie brings it, what it brings members, and what they bring it.
        more = own + others[:, self._told[first]] + others[first][self._told]
        values = list[float]()
        while True:
            values.append(gain + (self._players - len(chosen)) / max(self._players - 1, 1) * moved)
            if inside.all():
                return chosen, values
            joins = int(np.argmax(np.where(inside, -np.inf, more + share * paid)))
            gain, moved = gain + float(more[joins]), moved + float(paid[joins])
            chosen.append(joins)
            inside = inside | (self._member == self._member[joins])
            more = more + others[:, self._told[joins]] + others[joins][self._told]

    def _lie(self, chosen: Sequence[int]) -> _Lie:
        order = sorted(chosen, key=lambda each: int(self._member[each]))
        parts = (self._member, self._kind, self._report)
        return _Lie(*(tuple(part[order].tolist()) for part in parts))

    def _near(self, lie: _Lie) -> list[_Lie]:
        """Return the lies that differ by one member who leaves, joins, or is of another type or says something else."""
        own, others = self._single
        rows = self._economy.first_rows[list(lie.members)] + np.array(lie.types)
        worth = own + others[:, rows].sum(axis=1)
        near, inside = [], np.isin(self._member, lie.members)
        told = zip(lie.members, lie.types, lie.reports, strict=True)
        mine = [
            np.flatnonzero((self._member == member) & (self._kind == kind) & (self._report == report))[0]
            for member, kind, report in told
        ]
        for place in np.argsort(worth[mine], kind="stable")[:NEWCOMERS]:
            left = lie.without(int(place))
            near.append(left)
            own_lies = np.flatnonzero(self._member == lie.members[place])
            near.extend(self._joined(left, int(each)) for each in own_lies if each != mine[place])
        outside = np.flatnonzero(~inside)
        joining = outside[np.argsort(-worth[outside], kind="stable")][:NEWCOMERS]
        near.extend(self._joined(lie, int(each)) for each in joining)
        return [each for each in near if each.types != each.reports]

    def _joined(self, lie: _Lie, each: int) -> _Lie:
        return lie.joined_by(int(self._member[each]), int(self._kind[each]), int(self._report[each]))

    def _gains(self, lie: _Lie, draws: IntegerArray) -> FloatArray:
        """Return what a coalition gains by a lie at each draw of outsiders' types, ``(D,)``, numeraire."""
        members = list(lie.members)
        true, reported = draws.copy(), draws.copy()
        true[:, members], reported[:, members] = lie.types, lie.reports
        goods, money = self._ends(np.concatenate((true, reported)))
        count = len(draws)
        truth = self._enjoyed(true, goods[:count], money[:count])
        gained = (self._enjoyed(true, goods[count:], money[count:]) - truth)[:, members].sum(axis=1)
        share = (self._players - len(members)) / max(self._players - 1, 1)
        moved = self._transferred(*(np.array(part) for part in (lie.members, lie.types, lie.reports)))
        return np.asarray(gained + share * moved.sum())

    def estimated(self, lie: _Lie) -> tuple[float, float]:
        """Return what a lie gains and the standard error of that, from draws by which it was not chosen."""
        count = max(64, min(DRAWS_TO_ESTIMATE, BUNDLES_TO_ESTIMATE // (2 * self._players)))
        gains = self._gains(lie, self._draws(3, count))
        return float(gains.mean()), float(gains.std(ddof=1) / sqrt(count))


def largest_joint_gain(economy: Economy, externalities: FloatArray) -> float | None:
    """Return what no coalition gains more than by a joint lie under expected-externality transfers, numeraire.

    Args:
        economy: with independent types.
        externalities: what the contract pays for, by type, ``(types of all players,)``, numeraire.

    Returns:
        The bound; none where there are several goods beside the numeraire, or the first bit of the one is worth any
        price to somebody.
    """
    rows = np.arange(len(economy.endowment_table))
    if economy.endowment_table.shape[1] != 2:
        return None
    steepest = economy.valuations.gradient(rows, np.zeros((len(rows), 1)))[:, 0]
    if not np.isfinite(steepest).all():
        return None
    lowest, highest = _price_interval(economy, max(0.0, float(steepest.max())))
    most, least = _demanded(economy, lowest, upper=True), _demanded(economy, highest, upper=False)
    satiated = _demanded(economy, 0.0, upper=True)
    high, low = (economy.valuations.value(rows, each[:, None]) for each in (most, least))
    players = len(economy.players)
    ends = [*economy.first_rows[1:].tolist(), len(rows)]
    outside, inside, paid = np.zeros(players), np.zeros(players), np.zeros(players)
    for player, (first, end) in enumerate(zip(economy.first_rows.tolist(), ends, strict=True)):
        own = range(first, end)
        outside[player] = max(float(high[row] - low[row]) for row in own)
        for told in own:
            for said in own:
                if (economy.endowment_table[said] <= economy.endowment_table[told]).all():
                    # More than satiates it does it no good.
                    got = np.minimum(most[[said]], satiated[[told]])
                    gained = float(economy.valuations.value(np.array([told]), got[:, None])[0] - low[told])
                    inside[player] = max(inside[player], gained)
                    paid[player] = max(paid[player], float(externalities[said] - externalities[told]))
    best = 0.0
    for size in range(1, players):
        share = (players - size) / (players - 1)
        money = share * paid
        by_outsiders = outside.sum() + _largest(money - outside, size)
        by_members = _largest(inside + money, size)
        best = max(best, min(by_outsiders, by_members))
    return float(best)


def _largest(values: FloatArray, count: int) -> float:
    return float(np.sort(values)[::-1][:count].sum())


def _demanded(economy: Economy, price: float, *, upper: bool) -> FloatArray:
    """Return the most, or the least, that each type demands of the one good at a price, ``(types,)``, units."""
    rows = np.arange(len(economy.endowment_table))
    low, high = np.zeros(len(rows)), np.full(len(rows), _supply(economy))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        worth = economy.valuations.gradient(rows, middle[:, None])[:, 0]
        wanted = worth >= price if upper else worth > price
        low, high = np.where(wanted, middle, low), np.where(wanted, high, middle)
    return high if upper else low


def _supply(economy: Economy) -> float:
    """Return the most that there can be of the one good, units."""
    return float(np.maximum.reduceat(economy.endowment_table[:, 0], economy.first_rows).sum())


def _price_interval(economy: Economy, steepest: float) -> tuple[float, float]:
    """Return prices between which every price lies that supports an efficient allocation, numeraire per unit.

    Args:
        economy: with one good beside the numeraire.
        steepest: what the first bit of it is worth to anybody at most.
    """
    goods = economy.endowment_table[:, 0]

    def excess(price: float, *, upper: bool) -> float:
        wanted = _demanded(economy, price, upper=upper) - goods
        choose = np.maximum if upper else np.minimum
        return float(choose.reduceat(wanted, economy.first_rows).sum())

    ends = []
    for upper in (False, True):
        low, high = 0.0, steepest
        for _ in range(HALVINGS):
            middle, wanted = (low + high) / 2, excess((low + high) / 2, upper=upper)
            # Below the lowest price the least greedy want more than there is, above the highest the greediest less.
            low, high = (middle, high) if wanted > 0 or (upper and wanted == 0) else (low, middle)
        ends.append(high if upper else low)
    return max(0.0, ends[0] - WIDER * steepest), ends[1] + WIDER * steepest
