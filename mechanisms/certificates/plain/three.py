"""Whether three members can keep an agreement (Theorems 22 and 27), each number of the programs derived in rationals.

How the programs are made up is stated once (:mod:`marketgame.mechanisms.collusion.side_contracts.three_members`), and
their bounds follow from multipliers, whatever these are. What members enjoy at most or at least, from which they are
made, is derived here from the valuations; a sum of such numbers is rounded, by far less than what counts as a gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, PlainContract, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.collusion.side_contracts.dear_sales import Limit, Owners
from marketgame.mechanisms.collusion.side_contracts.three_members import TRIED, Facts, may_agree
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.economies.valuation import Valuation

# What sums of rounded numbers may be wrong by is less than a thousandth of what counts as a gain.
ROUNDED = 1 - 1e-3


def three_may_agree_exactly(contract: PlainContract, number: int, coalition: Sequence[int]) -> bool:
    """Say whether three members may have an internally consistent improvement at a profile; False is a proof."""
    members = tuple(coalition)
    facts = ExactFacts(contract.contract, number, members, contract.rules, plain=contract)
    return may_agree(facts, ROUNDED * GAIN_TOLERANCE * float(contract.at_stake(members, number)))


@dataclass(frozen=True, eq=False)
class ExactFacts(Facts):
    """What three members own, are granted and enjoy at a profile, derived from the valuations in rational numbers.

    Attributes:
        plain: the contract.
    """

    plain: PlainContract | None = None
    _enjoyed: dict[tuple[tuple[int, ...], bool], float] = field(default_factory=dict)

    @property
    def _plain(self) -> PlainContract:
        assert self.plain is not None
        return self.plain

    def _nothing(self, member: int) -> Fraction:
        """Return what a member enjoys of nothing, numeraire."""
        owned = self._plain.endowments(self.number)[member]
        return self._plain.enjoys(member, self.number, [NOTHING for _ in owned])

    @cached_property
    @override
    def alone(self) -> dict[int, float]:
        owned = self._plain.endowments(self.number)
        return {
            member: float(self._plain.enjoys(member, self.number, owned[member]) - self._nothing(member))
            for member in self.members
        }

    @cached_property
    @override
    def obeying(self) -> dict[int, float]:
        utility = self._plain.obeyed(self.number).utility
        return {member: float(utility[member] - self._nothing(member)) for member in self.members}

    @override
    def together(self, members: Sequence[int], *, with_outsiders: bool = False) -> float:
        asked = tuple(sorted(members)), with_outsiders
        if asked not in self._enjoyed:
            owned = self._plain.endowments(self.number)
            owners = [*asked[0], *(self.whole.outsiders if with_outsiders else ())]
            amounts = [sum((owned[one][good] for one in owners), NOTHING) for good in range(len(owned[0]))]
            most = PlainBounds(self._plain).sharing(asked[0], self.number, amounts)
            nothing = sum((self._nothing(member) for member in asked[0]), NOTHING)
            self._enjoyed[asked] = float(most - nothing)
        return self._enjoyed[asked]

    @override
    def owners(self, members: Sequence[int]) -> Owners:
        made = super().owners(members)
        kinds = tuple(self._plain.kind(one, self.number).valuation for one in sorted(members))
        return ExactOwners(made.economy, made.rows, made.owned, made.alone, made.price, kinds)

    @override
    def bought(self, member: int, wealth: float) -> float:
        plain, price = self._plain, self._plain.price(self.number)
        owned = plain.endowments(self.number)
        outside = [sum((owned[one][good] for one in self.whole.outsiders), NOTHING) for good in range(len(price))]
        there = [own + more for own, more in zip(owned[member], outside, strict=True)]
        wanted = [min(pair) for pair in zip(plain.bundle(member, self.number), there, strict=False)]
        granted = sum((plain.play(self.number).transfers[one] for one in self.whole.outsiders), NOTHING)
        worth = sum((p * own for p, own in zip(price, owned[member], strict=True)), NOTHING)
        spent = worth - granted - Fraction(self.no_grant)
        best = plain.enjoys(member, self.number, owned[member])
        for step in range(TRIED):
            share = Fraction(step, TRIED - 1)
            goods = [least + share * (most - least) for least, most in zip(wanted, there, strict=False)]
            cost = sum((p * amount for p, amount in zip(price, goods, strict=False)), NOTHING)
            money = min(Fraction(wealth) - cost, there[-1])
            if money >= 0 and ((share == 1 and money == there[-1]) or cost + money >= spent):
                best = max(best, plain.enjoys(member, self.number, [*goods, money]))
        return float(best - self._nothing(member))


@dataclass(frozen=True, eq=False)
class ExactOwners(Owners):
    """Members who share what they own, whose bounds are derived from multipliers in rational numbers.

    Attributes:
        kinds: their valuations.
    """

    kinds: tuple[Valuation, ...] = ()

    @override
    def most(self, limits: Sequence[Limit]) -> tuple[float, FloatArray]:
        price, worth = self.multipliers(limits)
        exactly, weighed = exact(price), exact(worth)
        supply = exact(self.owned[:, :-1].sum(axis=0))
        bound = Fraction(self.alone) + sum(
            (w * Fraction(float(limit.amount)) for w, limit in zip(weighed, limits, strict=True)), NOTHING
        )
        for place, valuation in enumerate(self.kinds):
            faces = [
                p
                + sum(
                    (w * Fraction(float(limit.weights[place, good])) for w, limit in zip(weighed, limits, strict=True)),
                    NOTHING,
                )
                for good, p in enumerate(exactly)
            ]
            own = exact(self.owned[place, :-1])
            with np.errstate(all="ignore"):
                demand = valuation.demand(np.array([max(float(p), 0.0) for p in faces]))
            near = [
                min(max(Fraction(float(want)), NOTHING), most) if np.isfinite(want) else most
                for want, most in zip(demand, supply, strict=True)
            ]
            best = surplus(valuation, faces, supply, near)
            if best is None:
                return float(UNLIMITED), worth
            bound += best + sum((p * has for p, has in zip(faces, own, strict=True)), NOTHING)
            bound -= valuation.exact_value(own)
        return float(bound), worth
