r"""What members of a coalition expect of their reports to the established device, and how they report on their own.

Outsiders report truthfully and all obey what is then recommended. Members of joint types t who report r get, in
expectation over outsiders, :math:`u_i(r|t)` each; only what that is beyond the truth matters here. Joint types are
numbered with the last member's changing fastest. A member told to report what it cannot show reports its own type.

Members who did not come to an agreement report each on its own. What they then believe is not determined by the rules:
who refuses what everybody was to accept is seen to refuse. Laffont and Martimort (1997) let beliefs be *passive*: as
before. They may also be *stated*: everybody then believes that the refuser's type was drawn from a given distribution
:math:`b_i`, whatever the prior said, and

.. math:: q_i(t) \propto q(t) \, b_i(t_i) / \textstyle\sum_{t_{-i}} q(t).

Members play an equilibrium of the reports under these beliefs: the truth where that is one, else what best replies lead
to from the truth. The refuser knows its own type, so that what it believes of the others is what it believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray, read_only
from marketgame.mechanisms.collusion.drawn_reports import chances_of_members, drawn_reports
from marketgame.mechanisms.contracts.grand_contract import GrandContract, listed
from marketgame.mechanisms.contracts.joint_misreports import can_report, utilities_of_reports
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.economies.coalitions import refuse_joint_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import Withholding

# How often members reply to each other before all plays are tried, and how many of these are.
MOST_REPLIES = 50
MOST_PLAYS = 4096


class NoRefusalPlayError(UnansweredError, ArithmeticError):
    """Nobody knows how members report after a refusal: no equilibrium without lots was found."""


@dataclass(frozen=True, eq=False)
class ReportGame:
    """The reports that members of a coalition can make, and what these bring each.

    Attributes:
        contract: the established contract.
        members: their numbers, increasing.
        counts: how many types each has.
        types: entry ``[i, t]`` is the type of the i-th member in joint types t, ``(members, types)``.
        likely: how likely each joint type is, ``(types,)``.
        utilities: entry ``[i, t, r]`` is what the i-th member of joint types t expects when members report r, less what
            it expects when they report t, ``(members, types, types)``, numeraire.
        showable: per member, entry ``[t, r]`` says whether type t can show what type r owns, ``(types, types)``.
        possible: entry ``[t, r]`` says whether joint types t can occur and show r, ``(types, types)``.
        truth: what each member of joint types expects of the truth beyond its endowment, ``(members, types)``,
            numeraire.
        stakes: what is at stake for each member's type in each joint type, ``(members, types)``, numeraire.
        money: what each member has at least when the round is over and members reported r, whatever outsiders' types
            are, or whatever they were drawn to be, ``(members, types)``, numeraire.
        errors: the standard error of what members of joint types t gain in sum by reporting r, ``(types, types)``,
            numeraire; zero where outsiders' types are listed.
    """

    contract: DirectContract
    members: tuple[int, ...]
    counts: tuple[int, ...]
    types: IntegerArray
    likely: FloatArray
    utilities: FloatArray
    showable: tuple[BooleanArray, ...]
    possible: BooleanArray
    truth: FloatArray
    stakes: FloatArray
    money: FloatArray
    errors: FloatArray

    def at(self, place: int, kind: int) -> IntegerArray:
        """Return the joint types in which a member is of a type."""
        return np.flatnonzero(self.types[place] == kind)

    def belief(self, place: int, kind: int) -> FloatArray:
        """Return how likely each of these is for a member of that type."""
        weight = self.likely[self.at(place, kind)]
        return np.asarray(weight / weight.sum())

    def marginal(self, place: int) -> FloatArray:
        """Return how likely each type of a member is."""
        return np.array([self.likely[self.at(place, kind)].sum() for kind in range(self.counts[place])])

    def number(self, kinds: Sequence[int] | IntegerArray) -> IntegerArray:
        """Return the number of joint types, each member's given along the first dimension."""
        return np.asarray(np.ravel_multi_index(tuple(np.asarray(kinds)), self.counts))

    def replaced(self, joint: IntegerArray, place: int, kind: IntegerArray | int) -> IntegerArray:
        """Return joint types in which one member's is replaced."""
        changed = self.types[:, joint].copy()
        changed[place] = kind
        return self.number(changed)

    def reported(self, place: int, true: IntegerArray, told: IntegerArray) -> IntegerArray:
        """Return what is reported when one member can show only what its type allows, and the others as told.

        Args:
            place: of the member.
            true: joint types, in which it has its own, ``(...)``.
            told: what all are told to report, ``(...)``.
        """
        own = self.types[place, true]
        shows = self.showable[place][own, self.types[place, told]]
        return np.where(shows, told, self.replaced(told, place, own))

    @cached_property
    def informative(self) -> tuple[int, ...]:
        """The places of members who have another type to report."""
        return tuple(place for place, count in enumerate(self.counts) if count > 1)

    def refusal_gains(self, place: int, stated: FloatArray) -> FloatArray:
        """Return what each type of a member expects beyond the truth after it alone refused, ``(types,)``, numeraire.

        Args:
            place: of the member that refuses.
            stated: what everybody else then believes its type to be, a distribution, ``(types,)``.

        Raises:
            ValueError: that is no distribution over its types.
            NoRefusalPlayError: no equilibrium of the reports was found.
        """
        stated = np.asarray(stated, dtype=np.float64)
        if stated.shape != (self.counts[place],) or (stated < 0).any() or abs(stated.sum() - 1) > 1e-9:
            raise ValueError(f"beliefs about a refuser must be a distribution over its {self.counts[place]} types")
        plan = self._play_after(place, stated)
        # Everybody reports by its own type alone: what joint types report together.
        reported = self.number([plan[other][self.types[other]] for other in range(len(self.members))])
        gained = self.utilities[place, np.arange(len(reported)), reported]
        kinds = range(self.counts[place])
        return read_only(np.array([self.belief(place, kind) @ gained[self.at(place, kind)] for kind in kinds]))

    def _play_after(self, refuser: int, stated: FloatArray) -> list[IntegerArray]:
        """Return what each type of each member reports, ``(types,)`` per member."""
        share = np.divide(stated, self.marginal(refuser), out=np.zeros_like(stated), where=self.marginal(refuser) > 0)
        likely = self.likely * share[self.types[refuser]]
        plan = [np.arange(count) for count in self.counts]
        for _ in range(MOST_REPLIES):
            changed = False
            for place in self.informative:
                best, better = self._reply(place, plan, self.likely if place == refuser else likely)
                plan[place] = np.where(better, best, plan[place])
                changed |= bool(better.any())
            if not changed:
                return plan
        return self._any_equilibrium(refuser, likely)

    def _reply(self, place: int, plan: Sequence[IntegerArray], likely: FloatArray) -> tuple[IntegerArray, BooleanArray]:
        """Return the best report of each of a member's types, and whether that is better than its plan."""
        count = self.counts[place]
        values = np.full((count, count), -np.inf)
        others = [plan[other][self.types[other]] for other in range(len(self.members))]
        for kind in range(count):
            own = self.at(place, kind)
            weight = likely[own]
            if not weight.any():
                weight = self.likely[own]
            for said in np.flatnonzero(self.showable[place][kind]):
                kinds = [each[own] for each in others]
                kinds[place] = np.full(len(own), said)
                values[kind, said] = weight @ self.utilities[place, own, self.number(kinds)] / weight.sum()
        best = values.argmax(axis=1)
        everybody = np.arange(count)
        scale = self.stakes[place].max()
        better = values[everybody, best] > values[everybody, plan[place]] + GAIN_TOLERANCE * scale
        return best, np.asarray(better)

    def _any_equilibrium(self, refuser: int, likely: FloatArray) -> list[IntegerArray]:
        """Return the first equilibrium among all plays without lots.

        Raises:
            NoRefusalPlayError: there are too many to try, or none is one.
        """
        plans = [product(range(count), repeat=count) for count in self.counts]
        if prod(count**count for count in self.counts) <= MOST_PLAYS:
            for chosen in product(*plans):
                plan = [np.array(each) for each in chosen]
                if not all(
                    self.showable[place][np.arange(count), plan[place]].all() for place, count in enumerate(self.counts)
                ):
                    continue
                replies = (self._reply(at, plan, self.likely if at == refuser else likely) for at in self.informative)
                if not any(better.any() for _, better in replies):
                    return plan
        raise NoRefusalPlayError("after a refusal no equilibrium of the reports without lots was found")


def report_game(
    contract: DirectContract, members: Sequence[int], withholding: Withholding = Withholding.WASTED
) -> ReportGame:
    """Return what members can report, and what that brings them, outsiders' types drawn where they cannot be listed.

    Args:
        contract: the contract; outsiders report truthfully, and all obey what is then recommended.
        members: the members' numbers, increasing.
        withholding: what becomes of what a liar owns beyond its report.

    Raises:
        ValueError: the members have too many joint types.
    """
    economy, coalition = contract.economy, tuple(members)
    counts = tuple(economy.prior.type_counts[member] for member in coalition)
    refuse_joint_types(economy.prior.type_counts, coalition)
    types = np.indices(counts).reshape(len(counts), -1)
    rows = economy.first_rows[list(coalition), None] + types
    showable = tuple(_shows(economy, member) for member in coalition)
    if isinstance(contract, ContractOnDemand):
        drawn = drawn_reports(contract, coalition, withholding)
        likely = chances_of_members(economy, coalition)
        shown = (able[np.ix_(own, own)] for able, own in zip(showable, types, strict=True))
        possible = np.all([*shown], axis=0) & (likely > 0)[:, None]
        utilities, money, errors = drawn.utilities, drawn.money, drawn.errors()
    else:
        everywhere = listed(contract)
        utilities = utilities_of_reports(everywhere, coalition, withholding)
        likely, possible = _joint_probability(everywhere, coalition), can_report(everywhere, coalition)
        money, errors = _least_money(everywhere, coalition, len(types[0])), np.zeros(possible.shape)
    truth = np.diagonal(utilities, axis1=1, axis2=2)
    return ReportGame(
        contract,
        coalition,
        counts,
        read_only(types),
        read_only(likely),
        # Only differences matter, and levels would drown them.
        read_only(utilities - truth[..., None]),
        showable,
        possible,
        read_only(truth),
        read_only(contract.stakes[rows]),
        read_only(money),
        read_only(errors),
    )


def _least_money(contract: GrandContract, members: tuple[int, ...], joint: int) -> FloatArray:
    """Return what members end with at least for each of their joint reports, ``(members, types)``, numeraire."""
    prior = contract.economy.prior
    reported = np.ravel_multi_index(
        tuple(contract.profiles[:, list(members)].T), [prior.type_counts[member] for member in members]
    )
    least = np.full((joint, len(members)), np.inf)
    np.minimum.at(least, reported, contract.allocation[:, list(members), -1])
    return np.asarray(np.maximum(least.T, 0.0))


def _shows(economy: Economy, member: int) -> BooleanArray:
    """Say which of its types a member can report, whatever the others do, ``(types, types)``."""
    first = economy.first_rows[member]
    owned = economy.endowment_table[first : first + economy.prior.type_counts[member]]
    return np.asarray((owned[None] <= owned[:, None]).all(axis=-1))


def _joint_probability(contract: GrandContract, members: tuple[int, ...]) -> FloatArray:
    """Return how likely each joint type of members is, ``(types,)``."""
    prior = contract.economy.prior
    if prior.independent:
        likely = np.ones(1)
        for member in members:
            likely = np.multiply.outer(likely, prior.marginal(member)).reshape(-1)
        return likely
    beyond = tuple(other for other in range(len(prior.type_counts)) if other not in members)
    return np.asarray(prior.probability.reshape(prior.type_counts).sum(axis=beyond).reshape(-1))
