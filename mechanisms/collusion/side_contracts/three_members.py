r"""Whether three members can keep an agreement where unequal quotes are void and trades of the bankrupt are cancelled.

Whoever quotes otherwise than everybody else trades with nobody, and keeps what it owns; if all other members do, it may
as well trade with the outsiders. So every member that side-transfers do not leave in debt must be promised as much
whenever it is told to quote otherwise. And a member so deep in debt that its bankruptcy pays for a gain lives only
where it and one of these quote otherwise, alike, and then sells some good, since it owes more than all its money. A
linear program over the kinds of play that there are, how likely each is and what it brings whom, bounds what is left.
``docs/collusion.md``, Theorem 22, has the proof; each row is used there. Theorem 27 has what closer bounds on what
members enjoy at odd quotes add (:mod:`marketgame.mechanisms.collusion.side_contracts.dear_sales`).

A bound does not rest on the solver: it follows from its multipliers, whatever they are, once they are mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import permutations

import numpy as np
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import FloatArray, read_only
from marketgame.mechanisms.collusion.side_contracts.dear_sales import DearSale, Owners, selling, selling_dear
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations.bounds import enjoyed_of_nothing, least_bound, shared
from marketgame.mechanisms.deviations.oracle import profit_tolerance
from marketgame.mechanisms.deviations.situation import Situation, situation_of
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.market_game.rules import MarketRules

TRIED = 11
"""So many bundles, from the efficient one to all there is, are tried for what a member can buy of outsiders."""

NO_GRANT = 1e-9
"""What the contract grants those outside who are granted nothing is less than this share of what is at stake."""

UNBEARABLE = 1e3
"""By how much more than it gains the program counts what a member falls short of what the contract gives it."""


def three_may_agree(contract: GrandContract, number: int, coalition: Sequence[int], rules: MarketRules) -> bool:
    """Say whether three members may have an internally consistent improvement at a profile; False is a proof.

    What takes longer to work out is looked at only where it is needed.
    """
    facts = Facts(contract, number, tuple(coalition), rules)
    if least_bound(facts.whole).total_gain <= profit_tolerance(facts.whole):
        return False
    return may_agree(facts, profit_tolerance(facts.whole))


def may_agree(facts: Facts, tolerance: float) -> bool:
    """Say whether members of whom this is known may gain more than a tolerance, numeraire, and keep it; see there."""
    granted = facts.granted
    for one, other, poor in permutations(facts.members):
        if granted[one] + granted[other] + 2.0 * granted[poor] >= facts.obeying[poor]:
            return True
    closely = replace(facts, closely=True)
    return any(
        way(facts).most_gained(facts.obeying) > tolerance and way(closely).most_gained(facts.obeying) > tolerance
        for way in ways(facts.members)
    )


Members = tuple[int, ...]


@dataclass(frozen=True)
class _Promise:
    """What some members must enjoy in some kinds of play, expected: as much as each kind is likely, times its floor."""

    enjoyed: tuple[tuple[int, Members], ...]
    floors: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, member: int, kinds: Sequence[int], floor: float) -> _Promise:
        """Return what a member must be promised for all these kinds."""
        return cls(tuple((kind, (member,)) for kind in kinds), tuple((kind, floor) for kind in kinds))


@dataclass(frozen=True)
class Way:
    """The kinds of play there are, given who is in debt.

    Attributes:
        most: for each kind, what some members enjoy at most together.
        promises: that no member would break the agreement.
    """

    most: tuple[tuple[tuple[Members, float], ...], ...]
    promises: tuple[_Promise, ...]

    def most_gained(self, obeying: Mapping[int, float]) -> float:
        """Return a bound on what all gain in expectation if none loses, numeraire.

        Any multipliers bound: those of the solver are raised where a column is not paid for. It counts in units of what
        the members enjoy under the contract.
        """
        unit = sum(obeying.values())
        rows, capping = self._rows(sorted(obeying), unit)
        kinds, width = len(self.most), len(obeying)
        limits = np.zeros(len(rows))
        limits[-width:] = [-obeying[member] / unit for member in sorted(obeying)]
        worth = np.concatenate([np.zeros(kinds), np.ones(kinds * width), [-UNBEARABLE]])
        likely = np.concatenate([np.ones(kinds), np.zeros(kinds * width + 1)])[None]
        solved = linprog(-worth, A_ub=rows, b_ub=limits, A_eq=likely, b_eq=[1.0], method="highs")
        if solved.status != 0:
            return np.inf
        multipliers = np.maximum(-solved.ineqlin.marginals, 0.0)
        multipliers[-width:] *= min(1.0, UNBEARABLE / max(float(multipliers[-width:].sum()), 1.0))
        for place, row in capping.items():
            multipliers[row] += max(0.0, float(worth[place] - multipliers @ rows[:, place]))
        each = float((-(multipliers @ rows[:, :kinds])).max())
        return unit * (each + float(multipliers @ limits) - 1.0)

    def _rows(self, members: Sequence[int], unit: float) -> tuple[FloatArray, dict[int, int]]:
        """Return the rows of the program, and for the column of each kind and member one that limits it.

        Columns are how likely kinds are, what they bring members, weighted so, and by how much a member falls short.
        """
        kinds, width = len(self.most), len(members)
        rows, capping = list[FloatArray](), dict[int, int]()

        def row_of(enjoyed: Iterable[tuple[int, Members]], sign: float) -> FloatArray:
            row = np.zeros(kinds * (1 + width) + 1)
            row[[kinds + kind * width + members.index(one) for kind, some in enjoyed for one in some]] = sign
            rows.append(row)
            return row

        for kind, caps in enumerate(self.most):
            for together, most in caps:
                row_of([(kind, together)], 1.0)[kind] = -most / unit
                capping |= {kinds + kind * width + members.index(one): len(rows) - 1 for one in together}
        for promise in self.promises:
            row = row_of(promise.enjoyed, -1.0)
            for kind, floor in promise.floors:
                row[kind] = floor / unit
        for member in members:
            row_of([(kind, (member,)) for kind in range(kinds)], -1.0)[-1] = -1.0
        return np.array(rows), capping


def ways(members: Members) -> Iterator[Callable[[Facts], Way]]:
    """Yield what there is to be played, for everybody who may be in debt."""
    for poor in members:
        one, other = (member for member in members if member != poor)
        yield partial(_both_rich, poor=poor, one=one, other=other)
        for rich, third in ((one, other), (other, one)):
            yield partial(_rich_and_idle, poor=poor, rich=rich, idle=third)
            yield partial(_two_in_debt, poor=poor, rich=rich, owing=third)


def _rich_and_idle(facts: Facts, poor: int, rich: int, idle: int) -> Way:
    """Return what is played if one holds what the poor one owes, and the third neither owes nor is owed much."""
    alone, obeying, trio = facts.alone, facts.obeying, facts.members
    all_that = sum(obeying.values())
    more = max(float(facts.granted[rich] + facts.granted[poor]), 0.0)
    usual = obeying[idle] + more
    wealth = facts.worth(rich) + float(facts.granted[rich]) + obeying[poor] - more
    dear = facts.selling_dear(poor, idle, more + float(facts.granted[idle]))
    # What the idle one enjoys less where the poor one lives it must enjoy here, beside the rich one, and at most all.
    both = facts.together((rich, idle))
    lent = dear.lenient * (both - alone[idle])
    return Way(
        (
            (((rich, poor), facts.selling((rich, poor), poor)), ((idle,), usual), (trio, all_that)),
            ((trio, min(all_that, dear.enjoyed)),),
            (((rich, idle), facts.together((rich, idle), with_outsiders=True)), ((idle,), usual), ((poor,), 0.0)),
            (((rich,), facts.together((rich,), with_outsiders=True)), ((idle,), alone[idle]), ((poor,), 0.0)),
            (((rich,), alone[rich]), ((idle,), usual), ((poor,), 0.0)),
            ((trio, both + lent), ((poor,), lent)),
        ),
        (
            _Promise.of(rich, (0, 1, 4, 5), alone[rich]),
            _Promise.of(idle, (1, 3, 5), alone[idle]),
            _instead(((rich, (0, 1, 4, 5)),), 1, facts.bought(rich, wealth)),
            _instead(((idle, (1, 3, 5)),), 1, facts.bought(idle, facts.worth(idle))),
        ),
    )


def _two_in_debt(facts: Facts, poor: int, rich: int, owing: int) -> Way:
    """Return what is played if one holds what the two others owe, of whom one cannot pay it."""
    alone, obeying, trio = facts.alone, facts.obeying, facts.members
    all_that = sum(obeying.values())
    more = max(-float(facts.granted[owing]), 0.0)
    usual = obeying[owing] + more
    # Whoever owes something lives at the outsiders' quotes only if it is paid there, by the rich one or out of grants.
    out_of_grants = (facts.granted[facts.whole.outsiders] > facts.no_grant).any()
    unpaid = usual if out_of_grants else 0.0
    wealth = facts.worth(rich) + float(facts.granted[rich]) + obeying[poor] - more
    return Way(
        (
            (((rich, poor), facts.selling((rich, poor), poor)), ((owing,), unpaid), (trio, all_that)),
            ((trio, min(all_that, facts.selling(trio, poor))),),
            (((rich,), alone[rich]), ((owing,), unpaid), ((poor,), 0.0)),
            (((rich, owing), facts.together((rich, owing))), ((poor,), 0.0)),
            (((rich, owing), facts.together((rich, owing), with_outsiders=True)), ((owing,), usual), ((poor,), 0.0)),
            (((rich,), facts.together((rich,), with_outsiders=True)), ((owing,), 0.0), ((poor,), 0.0)),
        ),
        (
            _Promise.of(rich, (0, 1, 2, 3), alone[rich]),
            _instead(((rich, (0, 1, 2, 3)),), 1, facts.bought(rich, wealth)),
        ),
    )


def _both_rich(facts: Facts, poor: int, one: int, other: int) -> Way:
    """Return what is played if the poor one lives only where all three quote otherwise."""
    alone, trio = facts.alone, facts.members
    most = min(sum(facts.obeying.values()), facts.selling(trio, poor))
    wealth = sum(facts.worth(member) + float(facts.granted[member]) for member in (one, other)) + facts.obeying[poor]
    # If outsiders owe something, whoever buys must buy that much, so that what it gets is not concave in its wealth.
    owing = float(facts.granted[facts.whole.outsiders].sum()) < -facts.no_grant
    instead = (
        alone[one] + alone[other]
        if owing
        else min(
            facts.bought(first, facts.worth(first)) + facts.bought(second, wealth - facts.worth(first))
            for first, second in ((one, other), (other, one))
        )
    )
    return Way(
        (
            ((trio, most),),
            (((one, other), facts.together((one, other), with_outsiders=True)), ((poor,), 0.0)),
            (((one,), facts.together((one,), with_outsiders=True)), ((other,), alone[other]), ((poor,), 0.0)),
            (((other,), facts.together((other,), with_outsiders=True)), ((one,), alone[one]), ((poor,), 0.0)),
            (((one, other), facts.together((one, other))), ((poor,), 0.0)),
        ),
        (
            _Promise.of(one, (0, 3, 4), alone[one]),
            _Promise.of(other, (0, 2, 4), alone[other]),
            _instead(((one, (0, 3, 4)), (other, (0, 2, 4))), 0, instead),
        ),
    )


def _instead(enjoyed: Sequence[tuple[int, Sequence[int]]], kind: int, floor: float) -> _Promise:
    """Return what members must be promised, where they quote otherwise, for the kind that they might leave."""
    return _Promise(tuple((place, (member,)) for member, kinds in enjoyed for place in kinds), ((kind, floor),))


@dataclass(frozen=True, eq=False)
class Facts:
    """What three members own, are granted and enjoy at a profile; utility is counted from that of having nothing.

    Attributes:
        contract: of everybody.
        number: of the profile.
        members: ascending.
        rules: of the market.
        closely: whether what follows from Theorem 27 is worked out, too.
        shares: what some enjoy together, as far as it was asked for, with outsiders or without.
    """

    contract: GrandContract
    number: int
    members: Members
    rules: MarketRules
    closely: bool = False
    shares: dict[tuple[Members, bool], float] = field(default_factory=dict)

    @cached_property
    def whole(self) -> Situation:
        """What all three face."""
        return self.facing(self.members)

    def facing(self, members: Sequence[int]) -> Situation:
        """Return what some of them face."""
        return situation_of(self.contract, self.number, tuple(sorted(members)), self.rules)

    @cached_property
    def alone(self) -> dict[int, float]:
        """What each enjoys of what it owns."""
        return {member: -float(enjoyed_of_nothing(self.whole, member)[0]) for member in self.members}

    @cached_property
    def obeying(self) -> dict[int, float]:
        """What each enjoys under the contract."""
        gains = zip(self.members, self.whole.obedient_gains, strict=True)
        return {member: self.alone[member] + float(gain) for member, gain in gains}

    @cached_property
    def of_outsiders(self) -> FloatArray:
        """What outsiders own, ``(L,)``."""
        return read_only(self.whole.endowments[0, self.whole.outsiders].sum(axis=0))

    @property
    def no_grant(self) -> float:
        """Up to where outsiders are granted nothing, numeraire."""
        return NO_GRANT * self.whole.stake

    @property
    def granted(self) -> FloatArray:
        """What the contract grants everybody, ``(N,)``, numeraire."""
        return read_only(self.contract.transfers[self.number])

    def worth(self, member: int) -> float:
        """Return what a member owns at the contract's price, numeraire."""
        return float(self.contract.price[self.number] @ self.whole.endowments[0, member])

    def together(self, members: Sequence[int], *, with_outsiders: bool = False) -> float:
        """Return the most that members enjoy of what they own, and of what outsiders own if they get it."""
        asked = tuple(sorted(members)), with_outsiders
        if asked not in self.shares:
            beyond = self.of_outsiders if with_outsiders else np.zeros_like(self.of_outsiders)
            gain = float(shared(self.facing(members), beyond[None])[0])
            self.shares[asked] = gain + sum(self.alone[member] for member in members)
        return self.shares[asked]

    def owners(self, members: Sequence[int]) -> Owners:
        """Return some of them as owners of what they may share."""
        economy, some = self.contract.economy, sorted(members)
        return Owners(
            economy,
            economy.rows(economy.profiles[self.number])[some],
            self.whole.endowments[0, some],
            sum(self.alone[one] for one in some),
            self.contract.price[self.number, :-1],
        )

    def selling(self, members: Sequence[int], seller: int) -> float:
        """Return a bound on what members enjoy of what they own if one of them ends with less than it owns of a good.

        Whoever owes more than all its money sells some good.
        """
        without = self.together(members)
        if not self.closely:
            return without
        return min(without, selling(self.owners(members), sorted(members).index(seller)))

    def selling_dear(self, poor: int, idle: int, granted: float) -> DearSale:
        """Return what all three enjoy at most if all quote the same odd prices and the poor one lives.

        The idle one enjoys what it owns, or less.
        """
        usual = DearSale(self.selling(self.members, poor))
        owes = self.obeying[poor] - float(self.granted[poor]) - float(self.whole.endowments[0, poor, -1])
        valuation, owned = self._valuation(idle), self.whole.endowments[0, :, :-1]
        if not self.closely or owes <= 0.0 or not valuation.strictly_concave(owned.sum(axis=0)):
            return usual
        places, (rich,) = sorted(self.members), (one for one in self.members if one not in (poor, idle))
        seller, other = places.index(poor), places.index(idle)
        found = selling_dear(self.owners(places), seller, other, owes, granted, valuation.gradient(owned[idle]))
        apart = self.selling((rich, poor), poor) + self.alone[idle]
        return DearSale(min(max(found.enjoyed, apart), usual.enjoyed), found.lenient)

    def bought(self, member: int, wealth: float) -> float:
        """Return what a member enjoys at least if it spends its wealth with the outsiders alone, at their price."""
        price, valuation = self.contract.price[self.number], self._valuation(member)
        there_is = self.whole.endowments[0, member] + self.of_outsiders
        wanted = np.minimum(self.contract.efficient.bundles[self.number, member], there_is[:-1])
        # Outsiders left with what they cannot pay for would be bankrupt, and their trades cancelled.
        spent = self.worth(member) - float(self.granted[self.whole.outsiders].sum()) - self.no_grant
        best = self.alone[member]
        nothing = float(valuation.value(np.zeros_like(wanted)))
        for share in np.linspace(0.0, 1.0, TRIED):
            goods = wanted + share * (there_is[:-1] - wanted)
            money = min(wealth - float(price[:-1] @ goods), float(there_is[-1]))
            everything = share == 1.0 and money == there_is[-1]
            if money >= 0.0 and (everything or float(price[:-1] @ goods) + money >= spent):
                best = max(best, float(valuation.value(goods)) - nothing + money)
        return best

    def _valuation(self, member: int) -> Valuation:
        economy = self.contract.economy
        row = int(economy.rows(economy.profiles[self.number])[member])
        valuation: Valuation = economy.valuations.valuations[row]
        return valuation
