r"""The most profitable joint lie of coalitions whose lies are too many to list: a lie from below, a bound from above.

Types are independent, or correlated through a factor: members then draw outsiders as those believe who know each
other's types, and of all transfers only those at the supporting price are at hand. A coalition S of k members that
reports r instead of t gains, under expected-externality transfers with externalities :math:`f_i`,

.. math:: \sum_{i \in S} E[v_i(x_i(r, t_{-S}), t_i) - v_i(x_i(t), t_i)]
    + \frac{N - k}{N - 1} \sum_{i \in S} [f_i(r_i) - f_i(t_i)].

*From below.* One lie changes what others get by an amount that depends on their types; what two lies change is nearly
the sum. So what single lies bring everybody is drawn once, coalitions of every size are put together by it, and the
best of them are tried and improved, member by member, on common draws. What the best lie gains is then
estimated from draws of its own, so that having been chosen does not flatter it: a sampled answer with its standard
error, and a witness, never a proof. Replicas are counted: of each class of them one lie of each kind is drawn.

*From above* see :mod:`marketgame.mechanisms.contracts.joint_lie_bound`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from math import sqrt

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.incentives import SURE, IncentiveCheck
from marketgame.mechanisms.contracts.joint_lie_bound import classes_of_liars, largest_joint_gain
from marketgame.mechanisms.contracts.joint_misreports import JointMisreport, JointMisreportCheck
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand, check_joint_misreports_on_demand
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import seeded
from marketgame.mechanisms.economies.stakes import counts_as_gain
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

# Bundles of efficient allocations that a first look may take at all: a thousand different players of two types.
MOST_BUNDLES = 1 << 24
# And that a first look, a step of improvement, and the last estimate are to take.
BUNDLES_TO_LOOK, BUNDLES_TO_IMPROVE, BUNDLES_TO_ESTIMATE = 1 << 18, 1 << 16, 1 << 18
BUNDLES_AT_ONCE = 1 << 16
DRAWS_TO_LOOK, DRAWS_TO_IMPROVE, DRAWS_TO_ESTIMATE, LEAST_DRAWS = 256, 64, 4096, 8
# How many coalitions are tried, how many are improved, in how many steps, and how many may join or leave in each.
TRIED, IMPROVED, STEPS, NEWCOMERS = 24, 4, 6, 12
# Of more players than this only the best of those put together, and of large ones, is improved.
FEW_PLAYERS = 8
# From how many lies coalitions are put together, and for how many shares of what they are worth to others.
STARTS, SHARES, ADDITIONS = 64, 5, 1024
# Of which shares of all players, that many parts of them, lies are tried that all members tell alike.
PARTS = 8

type _Lie = tuple[int, ...]
"""What is reported by whom, as numbers of what classes may report, increasing; one for each member."""
type _Sample = tuple[int, int]
"""Of which stream, and how many, the draws of outsiders' types are."""


def search_joint_misreports(
    economy: Economy, externalities: FloatArray | None, stakes: FloatArray, deadline: Deadline = NO_DEADLINE
) -> JointMisreportCheck | None:
    """Return a joint lie that gains much, with its standard error, and a bound on what any gains where one is known.

    Args:
        economy: with types that are independent, or correlated through a factor.
        externalities: what the contract pays for, by type, ``(types of all players,)``, numeraire; none if all pay the
            supporting price instead.
        stakes: what is at stake for each type, likewise.
        deadline: after which the lie found so far is not improved any more, nor the bound.

    Returns:
        The check; none if types are correlated otherwise, so that what members know of outsiders is not drawn, or there
        are more different players than can be searched, or no time to begin.
    """
    if economy.prior.given((), ()) is None:
        return None
    search = _Search(economy, externalities)
    if search.bundles > MOST_BUNDLES or deadline.passed:
        return None
    lie = search.best(deadline)
    players = len(economy.players)
    if lie is None:
        return JointMisreportCheck(None, players, players, truthful=True)
    gain, error = search.estimated(lie)
    bound = largest_joint_gain(economy, externalities, max(gain, 0.0), deadline)
    members, types, reports = search.told(lie)
    at_stake = stakes[economy.first_rows[members] + types].sum()
    refuted = bool(gain > SURE * error and counts_as_gain(np.array(gain), np.array(at_stake)))
    names = [
        tuple(economy.players[member].types[kind].name for member, kind in zip(members, kinds, strict=True))
        for kinds in (types, reports)
    ]
    who = tuple(economy.player_names[member] for member in members)
    worst = JointMisreport(who, names[0], names[1], gain)
    return JointMisreportCheck(worst, 0, players, not refuted, standard_error=error, bound=bound)


def joint_misreports_on_demand(
    contract: ContractOnDemand, alone: IncentiveCheck, deadline: Deadline = NO_DEADLINE
) -> JointMisreportCheck | None:
    """Return what is known of coalitions' lies to a contract that is worked out where reports occur.

    Args:
        contract: the contract.
        alone: what its players gain by lies of their own.
        deadline: of a search, as above.

    Returns:
        What a theorem says, where it speaks of the transfers, or what a search finds; none where that knows nothing.
    """
    known = check_joint_misreports_on_demand(contract, alone)
    if known is not None:
        return known
    searched, rule = contract.sample.searched, contract.rule
    if rule in searched:
        return searched[rule]
    externalities = None if rule is TransferRule.NONE else contract.sample.externalities
    found = search_joint_misreports(contract.economy, externalities, contract.stakes, deadline)
    if not deadline.passed:
        searched[rule] = found
    return found


class _Search:
    """What single lies bring everybody, and what joint lies gain on draws."""

    def __init__(self, economy: Economy, externalities: FloatArray | None) -> None:
        self._economy = economy
        self._paid = np.zeros(len(economy.endowment_table)) if externalities is None else externalities
        self._paying = externalities is None
        self._players = len(economy.players)
        self._class = classes_of_liars(economy, self._paid)
        self._of_class = [np.flatnonzero(self._class == number) for number in range(self._class.max() + 1)]
        first = np.array([members[0] for members in self._of_class])
        counts = np.array(economy.prior.type_counts)[first]
        # The types of one player of each class, and where they begin.
        self._begins = np.cumsum(counts) - counts
        self._types = int(counts.sum())
        owner = np.repeat(np.arange(len(first)), counts)
        kind = np.arange(len(owner)) - self._begins[owner]
        row = economy.first_rows[first][owner] + kind
        # Every type of every class with every report that it can show, the truth included.
        told, said = np.nonzero(owner[:, None] == owner[None, :])
        shows = (economy.endowment_table[row[said]] <= economy.endowment_table[row[told]]).all(axis=1)
        self._told, said = told[shows], said[shows]
        self._liar, self._kind, self._report = owner[self._told], kind[self._told], kind[said]
        # By how much lies change what the externalities of those who tell them are said to be.
        self._moved = self._paid[row[said]] - self._paid[row[self._told]]

    @property
    def bundles(self) -> int:
        """How many bundles a first look takes at least."""
        return LEAST_DRAWS * self._types * self._players

    def _draws(self, sample: _Sample, lie: _Lie | None = None) -> IntegerArray:
        """Return profiles of outsiders' types as members believe them to be, ``(D, N)``; of nobody's without a lie."""
        prior, (stream, count) = self._economy.prior, sample
        if prior.independent or lie is None:
            return prior.draws(seeded(stream), count).profiles
        members, types, _ = self.told(lie)
        given = prior.given(members.tolist(), types.tolist())
        return (prior if given is None else given).draws(seeded(stream), count).profiles

    def _ends(self, reported: IntegerArray) -> tuple[FloatArray, FloatArray]:
        """Return the goods ``(..., N, G)`` and the money ``(..., N)`` to which reports lead, no externality paid."""
        efficient = efficient_allocation(self._economy, reported)
        money = self._economy.endowments(reported)[..., -1]
        if self._paying:
            money = money + walrasian_payments(self._economy, at_payable_prices(self._economy, efficient))
        return efficient.bundles, money

    def _enjoyed(self, true: IntegerArray, goods: FloatArray, money: FloatArray) -> FloatArray:
        """Return everybody's utility beyond its endowment, ``(..., N)``, numeraire."""
        gained = self._economy.gains_from_goods(true, goods)
        return np.asarray(gained + money - self._economy.endowments(true)[..., -1])

    @cached_property
    def _single(self) -> tuple[FloatArray, FloatArray]:
        """What each lie brings who tells it, ``(lies,)``, and every type of every other player, ``(lies, types)``."""
        types = self._types
        sample = 1, max(LEAST_DRAWS, min(DRAWS_TO_LOOK, BUNDLES_TO_LOOK // (self._players * types)))
        draws = self._draws(sample)
        own, others = np.zeros(len(self._told)), np.zeros((len(self._told), types))
        # Which type of which class everybody is.
        types_drawn = self._begins[self._class] + draws
        for number, members in enumerate(self._of_class):
            mine, player = self._lies_of(number), int(members[0])
            lies = mine[self._kind[mine] != self._report[mine]]
            if not len(lies):
                continue
            ends = []
            for report in range(self._economy.prior.type_counts[player]):
                reported = draws.copy()
                reported[:, player] = report
                ends.append(self._ends(reported))
            elsewhere = np.arange(self._players) != player
            place = types_drawn[:, elsewhere].reshape(-1)
            seen = np.maximum(np.bincount(place, minlength=types), 1)
            for lie in lies:
                true = draws.copy()
                true[:, player] = self._kind[lie]
                told, said = (self._enjoyed(true, *ends[kind]) for kind in (self._kind[lie], self._report[lie]))
                own[lie] = (said - told)[:, player].mean()
                brought = (said - told)[:, elsewhere].reshape(-1)
                others[lie] = np.bincount(place, weights=brought, minlength=types) / seen
        return own, others

    def best(self, deadline: Deadline) -> _Lie | None:
        """Return the joint lie that gains most of those tried; none where nobody has another type to report."""
        if (self._kind == self._report).all():
            return None
        count = max(LEAST_DRAWS, min(DRAWS_TO_IMPROVE, BUNDLES_TO_IMPROVE // (2 * TRIED * self._players)))
        draws = 2, count
        starts = list[tuple[float, _Lie]]()
        for likely in (self._likely(), self._all_alike()):
            tried = sorted(zip(self._means(likely, draws), likely, strict=True), key=lambda each: -each[0])
            starts += tried[: IMPROVED if self._players <= FEW_PLAYERS else 1]
        return max((self._improved(*each, draws, deadline) for each in starts), key=lambda each: each[0])[1]

    def _improved(self, gain: float, lie: _Lie, draws: _Sample, deadline: Deadline) -> tuple[float, _Lie]:
        """Return where small changes of a lie lead that gain more on the draws, with the gain there."""
        for _ in range(STEPS):
            if deadline.passed:
                break
            near = self._near(lie)
            found = zip(self._means(near, draws), near, strict=True)
            better, candidate = max(found, key=lambda each: each[0], default=(gain, lie))
            if better <= gain:
                break
            gain, lie = better, candidate
        return gain, lie

    def _means(self, lies: Sequence[_Lie], draws: _Sample) -> list[float]:
        at_once = max(1, BUNDLES_AT_ONCE // (2 * draws[1] * self._players))
        pieces = (lies[first : first + at_once] for first in range(0, len(lies), at_once))
        return [float(mean) for piece in pieces for mean in self._gains(piece, draws).mean(axis=1)]

    def _likely(self) -> list[_Lie]:
        """Return the lies of coalitions put together member by member that seem to gain most."""
        own, _ = self._single
        lies = np.flatnonzero(self._kind != self._report)
        alone = own + self._moved
        starts = lies[np.argsort(-alone[lies], kind="stable")][: max(4, min(STARTS, ADDITIONS // self._players))]
        # A larger coalition refunds more of what its lies are said to be worth to itself.
        grown = [self._grown(int(first), float(share)) for first in starts for share in np.linspace(0.0, 1.0, SHARES)]
        ranked = sorted(
            ((value, number, size) for number, (_, values) in enumerate(grown) for size, value in enumerate(values)),
            key=lambda each: -each[0],
        )
        # What seems is less sure of the large, so that the best of every order of magnitude comes first.
        sizes = dict[int, tuple[float, int, int]]()
        for each in ranked:
            sizes.setdefault((each[2] + 1).bit_length(), each)
        likely = dict[_Lie, None]()
        for _, number, size in (*sizes.values(), *ranked):
            likely.setdefault(tuple(sorted(grown[number][0][: size + 1])))
            if len(likely) == TRIED:
                break
        return list(likely)

    def _all_alike(self) -> list[_Lie]:
        """Return lies of large coalitions who all want less than they do, or all more, which adding up misjudges."""
        found = list[_Lie]()
        # What a lie is said to bring others or, where nobody pays for that, what it brings them.
        worth = self._single[1].sum(axis=1) if self._paying else self._moved
        for sign in (1.0, -1.0):
            # Of each class the lie that brings others most, or least.
            mine = map(self._lies_of, range(len(self._of_class)))
            told = np.array([own[np.argmax(sign * worth[own])] for own in mine])
            each = np.repeat(told, [len(members) for members in self._of_class])
            for order in (1.0, -1.0):
                ranked = each[np.argsort(-order * sign * worth[each], kind="stable")]
                cuts = np.unique(np.ceil(self._players * np.arange(1, PARTS) / PARTS).astype(np.int64))
                found += [tuple(sorted(ranked[:cut].tolist())) for cut in cuts]
        return [lie for lie in found if (self._kind[list(lie)] != self._report[list(lie)]).any()]

    def _lies_of(self, number: int) -> IntegerArray:
        return np.flatnonzero(self._liar == number)

    def _grown(self, first: int, share: float) -> tuple[list[int], list[float]]:
        """Return the liars who join one after the other, and what each number of them seems to gain together.

        Args:
            first: the lie that is told first.
            share: what is left to who joins of what its lie is said to be worth to others.
        """
        own, others = self._single
        chosen, free = [first], np.array([len(members) for members in self._of_class])
        free[self._liar[first]] -= 1
        gain, moved = float(own[first]), float(self._moved[first])
        # What each could join with: what its lie brings it, what it brings members, and what they bring it.
        more = own + others[:, self._told[first]] + others[first][self._told]
        values = list[float]()
        while True:
            values.append(gain + (self._players - len(chosen)) / max(self._players - 1, 1) * moved)
            if not free.any():
                return chosen, values
            worth = np.where(free[self._liar] > 0, more + share * self._moved, -np.inf)
            joins = int(np.argmax(worth))
            gain, moved = gain + float(more[joins]), moved + float(self._moved[joins])
            chosen.append(joins)
            free[self._liar[joins]] -= 1
            more = more + others[:, self._told[joins]] + others[joins][self._told]

    def _near(self, lie: _Lie) -> list[_Lie]:
        """Return the lies that differ by who leaves, joins, or is of another type or says something else.

        That is one member, or all replicas who are of one type and say the same.
        """
        own, others = self._single
        worth = own + others[:, self._told[list(lie)]].sum(axis=1)
        told = Counter(lie)
        mine = np.array(list(told))
        free = np.array([len(members) for members in self._of_class])
        free -= np.bincount(self._liar[list(lie)], minlength=len(free))
        near = dict[_Lie, None]()
        for each in mine[np.argsort(worth[mine], kind="stable")][:NEWCOMERS].tolist():
            for leaving in {1, told[each]}:
                left = told - Counter({each: leaving})
                for instead in (None, *np.flatnonzero(self._liar == self._liar[each]).tolist()):
                    near.setdefault(_counted(left if instead is None else left + Counter({instead: leaving})))
        outside = np.flatnonzero(free[self._liar] > 0)
        for each in outside[np.argsort(-worth[outside], kind="stable")][:NEWCOMERS].tolist():
            for joining in {1, int(free[self._liar[each]])}:
                near.setdefault(_counted(told + Counter({each: joining})))
        return [each for each in near if each != lie and (self._kind[list(each)] != self._report[list(each)]).any()]

    def told(self, lie: _Lie) -> tuple[IntegerArray, IntegerArray, IntegerArray]:
        """Return members, increasing, their types, and their reports, by number."""
        chosen = np.array(lie)
        number = np.arange(len(chosen)) - np.searchsorted(self._liar[chosen], self._liar[chosen])
        members = np.array([self._of_class[liar][each] for liar, each in zip(self._liar[chosen], number, strict=True)])
        order = np.argsort(members)
        return members[order], self._kind[chosen[order]], self._report[chosen[order]]

    def _gains(self, lies: Sequence[_Lie], draws: _Sample) -> FloatArray:
        """Return what coalitions gain by lies at each draw of outsiders' types, ``(lies, D)``, numeraire."""
        if self._economy.prior.independent:
            true = np.repeat(self._draws(draws)[None], len(lies), axis=0)
        else:
            true = np.stack([self._draws(draws, lie) for lie in lies])
        shape = (len(lies), draws[1])
        reported, inside, moved = true.copy(), np.zeros((len(lies), 1, self._players)), np.zeros((len(lies), 1))
        for place, lie in enumerate(lies):
            members, types, reports = self.told(lie)
            true[place][:, members], reported[place][:, members] = types, reports
            inside[place, 0, members] = 1.0
            share = (self._players - len(members)) / max(self._players - 1, 1)
            moved[place] = share * self._moved[list(lie)].sum()
        both = np.concatenate((true, reported)).reshape(-1, self._players)
        goods, money = self._ends(both)
        who, count = both[: len(both) // 2], len(both) // 2
        gained = self._enjoyed(who, goods[count:], money[count:]) - self._enjoyed(who, goods[:count], money[:count])
        return np.asarray((gained.reshape(*shape, -1) * inside).sum(axis=2) + moved)

    def estimated(self, lie: _Lie) -> tuple[float, float]:
        """Return what a lie gains and the standard error of that, from draws by which it was not chosen."""
        count = max(64, min(DRAWS_TO_ESTIMATE, BUNDLES_TO_ESTIMATE // (2 * self._players)))
        gains = self._gains([lie], (3, count))[0]
        return float(gains.mean()), float(gains.std(ddof=1) / sqrt(count))


def _counted(told: Counter[int]) -> _Lie:
    return tuple(sorted(told.elements()))
