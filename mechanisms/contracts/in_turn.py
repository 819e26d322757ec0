r"""Coalition-proof transfers where type profiles are too many to list: all reveal their types in one stated order.

Players speak in the order in which they are listed, replicas in a random order among themselves, at the place of the
first. Let W be the welfare of all at the efficient allocation, and

.. math:: \theta_i(t) = \Delta_i W(t) - (v_i(t) - E[v_i]), \qquad
    \Delta_i W(t) = E[W | t_1, \dots, t_i] - E[W | t_1, \dots, t_{i - 1}].

This is pairwise compensation (:mod:`marketgame.mechanisms.contracts.coalition_proof`) in which player j speaks about
itself in its turn as well, and is not paid for that: i receives what it changes of all :math:`E[v_j | \text{spoken}]`
and pays what others change of :math:`E[v_i | \text{spoken}]`. Of all tables only W is needed, at N + 1 profiles.

*Balance.* Increments telescope to :math:`W(t) - E[W]`, whatever stands for the expectations, as long as it is the same
for the increment that ends with it and the one that begins with it.

*No coalition gains.* Let S report :math:`r_S`. An outsider tells the truth, so its increment averages to zero given
what was said before. So members expect :math:`\sum_{i \in S} \Delta_i W` to be :math:`E[W(r_S, t_{-S})] - E[W]`, and
with their own goods by their true types, less :math:`v_i(r)`, the welfare of all by the true types less a constant.

*Where expectations are drawn* (:class:`DrawnTurns`) the transfers are a lottery, drawn after the reports. They balance
as exactly, and no coalition gains either: whatever was reported before its turn, an outsider's type and the one that is
drawn in its place are of one law, so that its increment averages to zero over both. Each of the D draws of a Latin
hypercube is of the prior, and replicas speak in an order that is drawn as well, so that means over draws and over
replicas are unbiased; how many draws there are is stated before any is made. Nothing but money has to be certain: what
everybody is left with at least is bounded in :mod:`marketgame.mechanisms.contracts.money_left`.

*Whoever knew the draws before it reports* could gain by as much as they err, for then an outsider's increment does not
quite average to zero. The error of one member's increment is that of a mean of D differences of W by its type; those
of several add up at most. Latin hypercubes take out the part of it that is a sum over players of what each type
contributes (Stein 1987); the rest divided by the root of D is the standard error. Twice the sum over the members bounds
that of a joint lie, by what differences are at the profiles that stand for all. A run plays one outcome of the lottery
in all its rounds, so that this is what its traders could learn to gain. All players together exploit nobody, whatever
is drawn.

*Where counts of types among replicas are few* (:class:`CountedTurns`) expectations are exact, and the theorem holds.

Source:
    Safronov, Coalition-proof full efficient implementation (2018); a static case of the balanced team mechanism of
    Athey and Segal, An efficient dynamic mechanism (2013); Stein, Large sample properties of simulations using Latin
    hypercube sampling (1987).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import ceil, comb
from typing import override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.report_tables import BUNDLES_AT_ONCE, ReportTable, ReportTables, pooled
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.profiles import (
    Listing,
    Profiles,
    compositions,
    players_alike,
    seeded,
    standard_error,
)

# What a lie brings has a standard error of at most this share of what is at stake because of what these draws leave.
PRECISION_OF_INCREMENTS = 1e-3
# How many draws are taken at least and at most, and how many bundles the transfers of one profile may cost.
LEAST_DRAWS, MOST_DRAWS, BUNDLES_OF_A_PROFILE = 4, 256, 1 << 20
# Exact expectations are listed for no more counts of those replicas who have spoken: a thousand of two types.
MOST_PARTIAL_COUNTS = 1 << 19
# What types contribute by themselves is told apart by this many draws for each; directions shorter than that are none.
DRAWS_A_COLUMN, RANK = 4, 1e-9
# At how many profiles transfers are worked out in advance, to see whether somebody owes money.
LOOKED_AT = 8
# The stream of the random numbers.
STREAM = 5


@dataclass(frozen=True, eq=False)
class Turns(ABC):
    """Transfers at any profile.

    Attributes:
        economy: with independent types and two players or more.
        alike: the number of the first replica of each player, ``(N,)``.
        expected_gains: what the goods of each are expected to gain, ``(N,)``, numeraire; replicas expect the same.
    """

    economy: Economy
    alike: IntegerArray
    expected_gains: FloatArray

    @property
    @abstractmethod
    def draws(self) -> int | None:
        """On how many draws expectations rest; none where they are exact."""

    @abstractmethod
    def _increments(self, profile: IntegerArray, welfare: float) -> FloatArray:
        """Return by how much each player changes what all are expected to gain in its turn, ``(N,)``, numeraire."""

    def transfers(self, profile: IntegerArray, gains: FloatArray) -> FloatArray:
        """Return by how much each player's numeraire changes, ``(N,)``; it sums to zero, and replicas get the same.

        Args:
            profile: of reports, ``(N,)``.
            gains: what the goods of each gain there at the efficient allocation, ``(N,)``, numeraire.
        """
        paid = self._increments(profile, float(gains.sum())) - gains + self.expected_gains
        same = _labels(self.alike, profile)
        paid = pooled(paid, same)
        # What rounding of the sums leaves, which must balance too.
        return np.asarray(paid - paid.mean())


@dataclass(frozen=True, eq=False)
class DrawnTurns(Turns):
    """Expectations over draws that are common to all increments and profiles.

    Attributes:
        types: a Latin hypercube of types, ``(D, N)``.
        orders: who speaks first, second, and so on, ``(D, N)``.
        welfare: what all gain at each draw, ``(D,)``, numeraire.
    """

    types: IntegerArray
    orders: IntegerArray
    welfare: FloatArray

    @classmethod
    def of(cls, economy: Economy, draws: int, expected_gains: FloatArray) -> DrawnTurns:
        """Return that many draws, always the same; expected gains, ``(N,)``, are shifted to what they add up to."""
        generator, alike, players = seeded(STREAM), players_alike(economy), len(economy.players)
        types = np.empty((draws, players), dtype=np.int64)
        for player in range(players):
            chance = (generator.permutation(draws) + generator.random(draws)) / draws
            ends = np.cumsum(economy.prior.marginal(player))[:-1]
            types[:, player] = np.searchsorted(ends, chance, side="right")
        shuffled = generator.random((draws, players))
        orders = np.lexsort((shuffled, np.broadcast_to(alike, shuffled.shape)), axis=-1)
        welfare = _welfare(economy, types)
        shift = (welfare.mean() - expected_gains.sum()) / players
        return cls(economy, alike, expected_gains + shift, types, orders, welfare)

    @property
    @override
    def draws(self) -> int:
        return len(self.types)

    @override
    def _increments(self, profile: IntegerArray, welfare: float) -> FloatArray:
        draws, players = self.types.shape
        place = np.argsort(self.orders, axis=1)
        # Who was drawn to be what it says changes nothing in its turn: the profile before it stands for that after it.
        speaks = np.take_along_axis(self.types != profile, self.orders, axis=1)
        draw, turn = np.nonzero(speaks)
        mixed = np.where(place[draw] <= turn[:, None], profile, self.types[draw])
        reached = np.zeros((draws, players + 1))
        reached[:, 0] = self.welfare
        after = np.full(len(mixed), welfare)
        # After the last who changes anything the profile is what was reported.
        last = np.append(draw[1:] != draw[:-1], True)[: len(draw)]
        after[~last] = _welfare(self.economy, mixed[~last])
        reached[draw, turn + 1] = after
        known = np.zeros((draws, players + 1), dtype=np.int64)
        known[draw, turn + 1] = turn + 1
        reached = np.take_along_axis(reached, np.maximum.accumulate(known, axis=1), axis=1)
        return np.asarray(np.take_along_axis(np.diff(reached, axis=1), place, axis=1).mean(axis=0))


@dataclass(frozen=True, eq=False)
class _Group:
    """Replicas, and all counts of the types of those who have spoken, first of nobody, then of one, and so on.

    Attributes:
        members: who they are.
        chances: of each type, ``(T,)``.
        counts: of types, ``(K, T)``.
        first: where those of each number of speakers begin, ``(members + 2,)``.
        follows: the row of the counts that follow if one of each type speaks next, ``(rows of less than all, T)``.
    """

    members: IntegerArray
    chances: FloatArray
    counts: IntegerArray
    first: IntegerArray
    follows: IntegerArray

    @classmethod
    def of(cls, members: IntegerArray, chances: FloatArray) -> _Group:
        counts = [compositions(spoken, len(chances)) for spoken in range(len(members) + 1)]
        first = np.cumsum([0, *map(len, counts)])
        follows = [
            np.stack([_place(more, fewer + one) for one in np.eye(len(chances), dtype=np.int64)], axis=1) + start
            for start, (fewer, more) in zip(first[1:-1], pairwise(counts), strict=True)
        ]
        return cls(members, chances, np.concatenate(counts), first, np.concatenate(follows))

    @property
    def totals(self) -> IntegerArray:
        """Counts of all members, ``(K, T)``."""
        return self.counts[self.first[-2] :]

    def expected(self, welfare: FloatArray) -> FloatArray:
        """Return what is expected at all counts, ``(K,)``, from what is if all have spoken, by totals."""
        reached = np.concatenate((np.empty(self.first[-2]), welfare))
        for start, end in pairwise(self.first[-2::-1]):
            reached[end:start] = reached[self.follows[end:start]] @ self.chances
        return reached

    def increments(self, expected: FloatArray, total: IntegerArray) -> FloatArray:
        """Return what each type is paid, ``(T,)``: the mean over orders of speaking in which its total is ``(T,)``."""
        logarithms = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, len(self.members) + 1)))))
        fewer = self.counts[: self.first[-2]]
        spoken = fewer.sum(axis=1)
        paid = np.zeros(len(total))
        for kind in np.flatnonzero(total):
            others = total - np.eye(len(total), dtype=np.int64)[kind]
            possible = np.flatnonzero((fewer <= others).all(axis=1))
            before = fewer[possible]
            ways = (logarithms[others] - logarithms[before] - logarithms[others - before]).sum(axis=1)
            all_ways = (
                logarithms[-2] - logarithms[spoken[possible]] - logarithms[len(self.members) - 1 - spoken[possible]]
            )
            change = expected[self.follows[possible, kind]] - expected[possible]
            paid[kind] = np.exp(ways - all_ways) @ change
        return paid / len(self.members)


@dataclass(frozen=True, eq=False)
class CountedTurns(Turns):
    """Exact expectations over counts of types among replicas.

    Attributes:
        groups: of replicas, in the order in which they speak.
        welfare: for each group what is expected when it has spoken, by the counts of it and of those before it.
    """

    groups: tuple[_Group, ...]
    welfare: tuple[FloatArray, ...]
    _known: dict[tuple[int, ...], FloatArray] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, economy: Economy, profiles: Profiles, gains: FloatArray) -> CountedTurns | None:
        """Return the turns of an economy from gains ``(P, N)`` at all counts; none where counts on the way are many."""
        alike = players_alike(economy)
        sizes = [(int((alike == first).sum()), economy.prior.type_counts[first]) for first in np.unique(alike)]
        if any(
            comb(size + types, types) > MOST_PARTIAL_COUNTS or (size + 1) ** types > 1 << 62 for size, types in sizes
        ):
            return None
        groups = tuple(
            _Group.of(np.flatnonzero(alike == first), economy.prior.marginal(int(first))) for first in np.unique(alike)
        )
        welfare = [gains.sum(axis=1).reshape([len(group.totals) for group in groups])]
        for group in groups[:0:-1]:
            welfare.append(np.asarray([each[0] for each in map(group.expected, _rows(welfare[-1]))]))
            welfare[-1] = welfare[-1].reshape(welfare[-2].shape[:-1])
        expected = pooled(profiles.weights @ gains, alike)
        return cls(economy, alike, expected, groups, tuple(welfare[::-1]))

    @property
    @override
    def draws(self) -> None:
        return None

    @override
    def _increments(self, profile: IntegerArray, welfare: float) -> FloatArray:
        paid = np.empty(len(profile))
        said: tuple[int, ...] = ()
        for group, after in zip(self.groups, self.welfare, strict=True):
            total = np.bincount(profile[group.members], minlength=len(group.chances))
            if said not in self._known:
                self._known[said] = group.expected(after[said])
            paid[group.members] = group.increments(self._known[said], total)[profile[group.members]]
            said = (*said, int(_place(group.totals, total[None])[0]))
        return paid


@dataclass(frozen=True, eq=False)
class InTurn:
    """The transfers of an economy, and what is known of them in advance.

    Attributes:
        turns: the transfers at any profile.
        tables: of what reports lead to.
        looked_at: profiles, ``(K, N)``, at which transfers are worked out in advance.
        efficient: the efficient allocation there.
        basis: what each player's type contributes by itself to numbers by draw, which Latin hypercubes take out:
            orthonormal columns ``(K, R)``; a constant alone where there are too few draws to tell.
    """

    turns: Turns
    tables: ReportTables
    basis: FloatArray
    looked_at: IntegerArray
    efficient: EfficientAllocation

    @property
    def exact(self) -> bool:
        """Whether expectations are exact."""
        return self.turns.draws is None

    @cached_property
    def transfers(self) -> FloatArray:
        """The transfers at the profiles that are looked at, ``(K, N)``, numeraire."""
        gains = self.turns.economy.gains_from_goods(self.looked_at, self.efficient.bundles)
        return np.array([self.turns.transfers(*each) for each in zip(self.looked_at, gains, strict=True)])

    @cached_property
    def expected(self) -> list[FloatArray]:
        """What each report of each player is expected to bring it, ``(types,)`` each, numeraire."""
        economy = self.turns.economy
        externalities = np.split(self.tables.externalities(), economy.first_rows[1:])
        return [each - economy.prior.marginal(player) @ each for player, each in enumerate(externalities)]

    @cached_property
    def errors(self) -> list[FloatArray]:
        """The standard errors of what a report ``m`` brings type ``t`` more than the truth, ``[t, m]``, by player."""
        draws = self.turns.draws
        if draws is None:
            return [np.zeros((each, each)) for each in self.turns.economy.prior.type_counts]
        scale = draws**-0.5
        spreads = {number: _spread(_own_welfare(self.tables, number), self.basis) for number in self.tables.tables}
        return [scale * spreads[int(number)] for number in self.tables.alike]

    @property
    def errors_of_lies(self) -> list[FloatArray] | None:
        """The same with that of what is known of the gain on exact transfers; none where all is exact.

        On these a lie costs the welfare it costs, at every draw, so that this is known far better than its parts.
        """
        if self.tables.exact:
            return None if self.turns.draws is None else self.errors
        lost = {number: _error_of_loss(table) for number, table in self.tables.tables.items()}
        return [np.hypot(lost[int(number)], own) for number, own in zip(self.tables.alike, self.errors, strict=True)]

    @cached_property
    def error_a_member(self) -> float:
        """The standard error of a coalition's gain is at most this for each member, numeraire; zero if exact."""
        return 2 * max(float(errors.max()) for errors in self.errors)

    @cached_property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The least and the most that each type receives, as far as it was seen, ``(types of all players,)`` each."""
        by_player = {number: self._bounds(number) for number in self.tables.tables}
        least, most = zip(*(by_player[int(number)] for number in self.tables.alike), strict=True)
        return np.concatenate(least), np.concatenate(most)

    def _bounds(self, player: int) -> tuple[FloatArray, FloatArray]:
        welfare, goods = _own_welfare(self.tables, player), _own_goods(self.tables, player)
        change = welfare[:, None] - welfare[None]
        expected = self.turns.expected_gains[player]
        least = change.min(axis=(1, 2)) - goods.max(axis=1) + expected
        return least, change.max(axis=(1, 2)) - goods.min(axis=1) + expected


def in_turn(tables: ReportTables, profiles: Profiles, efficient: EfficientAllocation) -> InTurn:
    """Return the transfers of an economy whose profiles are too many to list.

    Args:
        tables: of what reports lead to.
        profiles: that stand for all.
        efficient: the efficient allocation at each.

    Raises:
        ValueError: types are correlated, or there is one player.
    """
    economy = tables.economy
    refuse_turns(economy)
    gains = economy.gains_from_goods(profiles.types, efficient.bundles)
    basis = _basis(tables, profiles)
    counted = CountedTurns.of(economy, profiles, gains) if profiles.listing is Listing.COUNTED else None
    turns = counted or DrawnTurns.of(
        economy, draws_wanted(tables, basis), pooled(profiles.weights @ gains, tables.alike)
    )
    looked_at = _evenly(len(profiles.types), LOOKED_AT)
    return InTurn(turns, tables, basis, profiles.types[looked_at], efficient.at(looked_at))


def draws_wanted(tables: ReportTables, basis: FloatArray) -> int:
    """Return how many draws make what they leave of a lie's gain small beside what is at stake for who lies."""
    economy, largest = tables.economy, 0.0
    for number, table in tables.tables.items():
        spread = _spread(_own_welfare(tables, number), basis).max(axis=1)
        largest = max(largest, float((spread / np.where(table.stakes > 0, table.stakes, np.inf)).max()))
    most = min(MOST_DRAWS, BUNDLES_OF_A_PROFILE // len(economy.players) ** 2)
    return max(LEAST_DRAWS, min(ceil((largest / PRECISION_OF_INCREMENTS) ** 2), most))


def refuse_turns(economy: Economy) -> None:
    """Refuse an economy in which these transfers give no incentives, or there is nobody to pay them.

    Raises:
        ValueError: types are correlated, or there is one player.
    """
    if not economy.prior.independent:
        raise ValueError(
            f"types are correlated, where coalition-proof transfers are found by a program over all type profiles: "
            f"{economy.prior.obstacle}"
        )
    if len(economy.players) < 2:
        raise ValueError("there is one player; transfers need somebody to pay them")


def _own_goods(tables: ReportTables, player: int) -> FloatArray:
    """Return what a player's goods gain if it is of the type that it reports, ``(T, K)``."""
    types = np.arange(len(tables.tables[player].stakes))
    return np.asarray(tables.tables[player].goods[types, types])


def _own_welfare(tables: ReportTables, player: int) -> FloatArray:
    """Return what all gain if a player is of the type that it reports, ``(T, K)``."""
    return _own_goods(tables, player) + tables.tables[player].others_gain


def _error_of_loss(table: ReportTable) -> FloatArray:
    """Return the standard errors of what all lose where type ``t`` reports ``m``, ``[t, m]``, ``(T, T)``."""
    welfare = table.goods + table.others_gain
    truth = np.einsum("ttk->tk", welfare)[:, None]
    pairs = zip(table.belief, welfare - truth, strict=True)
    return np.array([[standard_error(belief, row) for row in lost] for belief, lost in pairs])


def _basis(tables: ReportTables, profiles: Profiles) -> FloatArray:
    """Return the basis for numbers by draw of the tables, ``(K, R)``."""
    draws, counts = tables.draws, tables.economy.prior.type_counts
    constant = np.full((draws, 1), draws**-0.5)
    if profiles.exact or tables.exact or min(draws, len(profiles.types)) < DRAWS_A_COLUMN * sum(counts):
        return constant
    # Tables rest on the first of the draws that stand for all.
    each = (profiles.types[:draws, player, None] == np.arange(count) for player, count in enumerate(counts))
    columns = np.concatenate((constant, *each), axis=1)
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, sizes > RANK * sizes[0]])


def _spread(welfare: FloatArray, basis: FloatArray) -> FloatArray:
    """Return the standard deviations of differences between the rows of ``(T, K)`` beyond a basis, ``(T, T)``."""
    if not basis.size or basis.shape[0] != welfare.shape[1]:
        basis = np.full((welfare.shape[1], 1), welfare.shape[1] ** -0.5)
    change = welfare[:, None] - welfare[None]
    change = change - change @ basis @ basis.T
    return np.asarray(np.sqrt((change**2).sum(axis=-1) / max(change.shape[-1] - basis.shape[1], 1)))


def _welfare(economy: Economy, profiles: IntegerArray) -> FloatArray:
    """Return what all gain from goods at the efficient allocation of profiles ``(K, N)``, ``(K,)``."""
    pieces = max(1, profiles.size * (len(economy.goods) - 1) // BUNDLES_AT_ONCE)
    gains = [
        economy.gains_from_goods(piece, efficient_allocation(economy, piece).bundles).sum(axis=1)
        for piece in np.array_split(profiles, pieces)
        if len(piece)
    ]
    return np.concatenate(gains) if gains else np.zeros(0)


def _labels(alike: IntegerArray, profile: IntegerArray) -> IntegerArray:
    """Return numbers below N that are the same for replicas who report the same, ``(N,)``."""
    _, labels = np.unique(np.stack((alike, profile)), axis=1, return_inverse=True)
    return np.asarray(labels.reshape(-1))


def _place(counts: IntegerArray, wanted: IntegerArray) -> IntegerArray:
    """Return where wanted counts ``(W, T)`` stand in the list of all with their sum, ``(W,)``."""
    # The last count follows from the others, by which lists are in order.
    base = int(counts[0].sum()) + 1
    powers = base ** np.arange(max(counts.shape[1] - 2, 0), -1, -1, dtype=np.int64)
    return np.asarray(np.searchsorted(counts[:, : len(powers)] @ powers, wanted[:, : len(powers)] @ powers))


def _evenly(count: int, most: int) -> IntegerArray:
    """Return numbers from the first to the last of a list, no more than so many."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _rows(table: FloatArray) -> FloatArray:
    return table.reshape(-1, table.shape[-1])
