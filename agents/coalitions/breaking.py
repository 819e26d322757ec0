r"""Sub-coalitions that break a side-contract once they know what it recommends to them.

A sub-coalition is offered something better upon the agreement: other quotes, orders and announcements of its own and
a division of its transfers, while everybody else, fellow members included, plays what was agreed. It knows its
members' types, what they were told by the established mediator and by the side-device, and their transfers; over what
it does not know it takes expectations. What it agrees upon must not be broken in turn by a still smaller coalition.

Only sub-coalitions of up to as many members as the depth allows are considered: none at depth 0, single members at
depth 1. A sub-coalition of several is taken to share what its members know.

Source:
    Giraud and Rochon (2001), Definition 7, the induction over proper sub-coalitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from marketgame.agents.coalitions.agreement import Agreement
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, Replies, Situation, gains, played
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.market_game.plays import joined

# What a member must gain by breaking its word, as a share of what is at stake for it, lest it be rounding.
WORTH_WHILE = 1e-6

# What a side-device recommends less often than this, it never does.
NEVER = 1e-12

type BestDeviation = Callable[[Situation], JointAction | None]
"""Finds the joint action that is best for a coalition in a situation, or none."""


@dataclass(frozen=True, eq=False)
class Recommended:
    """What the side-device recommended in one round, and what its members know.

    Attributes:
        agreement: the side-contract.
        profile: number of the profile of reports to the established mediator.
        types: the members' true types.
        truths: what each would have had to report to be truthful.
        reports: what each did report.
        number: which joint action was drawn.
        action: this action.
    """

    agreement: Agreement
    profile: int
    types: tuple[int, ...]
    truths: tuple[int, ...]
    reports: tuple[int, ...]
    number: int
    action: JointAction


@dataclass(frozen=True, eq=False)
class Break:
    """What a sub-coalition does instead of what was agreed.

    Attributes:
        breakers: the players who do it, ascending.
        action: what they do; their transfers come on top of those agreed upon.
        gains: what each of them expects to gain upon the agreement, numeraire.
    """

    breakers: Coalition
    action: JointAction
    gains: FloatArray


@dataclass(eq=False)
class Breaking:
    """Looks for sub-coalitions that do better than what was agreed; every answer is worked out once.

    Attributes:
        depth: how many members they have at most.
        best_deviation: finds what is best for a coalition.
    """

    depth: int
    best_deviation: BestDeviation
    _known: dict[tuple[object, ...], Break | None] = field(default_factory=dict, init=False, repr=False)

    def broken(self, recommended: Recommended) -> Break | None:
        """Return what the first sub-coalition does that gains by it, single members first; none if all keep to it."""
        key = (
            id(recommended.agreement),
            recommended.profile,
            recommended.types,
            recommended.truths,
            recommended.reports,
            recommended.number,
        )
        if self.depth and key not in self._known:
            self._known[key] = self._first_break(recommended)
        return self._known.get(key)

    def _first_break(self, recommended: Recommended) -> Break | None:
        for members in self._subsets(recommended.agreement.coalition):
            found = self._break_by(facing_agreement(recommended, members))
            if found is not None:
                return found
        return None

    def _subsets(self, coalition: Coalition) -> list[Coalition]:
        """Return the proper sub-coalitions that may break an agreement, small ones first."""
        largest = min(self.depth, len(coalition) - 1)
        return [members for size in range(1, largest + 1) for members in combinations(coalition, size)]

    def _break_by(self, situation: Situation) -> Break | None:
        """Return what a sub-coalition does that gains by it and is not broken in turn."""
        action = self.best_deviation(situation)
        if action is None:
            return None
        gained = gains(situation, action)
        if (gained <= WORTH_WHILE * situation.stakes[situation.members]).any():
            return None
        for members in self._subsets(situation.coalition):
            if self._break_by(facing(situation, action, members)) is not None:
                return None
        return Break(situation.coalition, action, gained)


def facing_agreement(recommended: Recommended, members: Coalition) -> Situation:
    """Return what some members, ascending, face once the side-device has recommended: all else as agreed."""
    agreement = recommended.agreement
    places = [agreement.coalition.index(member) for member in members]
    told = recommended.action
    situations, actions, weights = [], [], []
    for number in _possible_profiles(recommended, places):
        types, reports = _at(recommended, places, number)
        situation = agreement.situation(int(number), types)
        for action, odds in _agreed(agreement, int(number), types, reports):
            if _same_part(action, told, places):
                situations.append(situation)
                actions.append(action)
                weights.append(odds * float(agreement.contract.economy.prior.probability[number]))
    # A lie may lead where the prior sees nothing; then nothing is likelier than anything else.
    probability = np.array(weights) if any(weights) else np.ones(len(weights))
    plays = [played(situation, action).play for situation, action in zip(situations, actions, strict=True)]
    return Situation(
        economy=agreement.contract.economy,
        rules=agreement.rules,
        coalition=members,
        probability=probability / probability.sum(),
        profiles=np.concatenate([situation.profiles for situation in situations]),
        prescribed=joined(plays),
        reaction=None
        if agreement.reaction is None
        else AmongPartners(tuple(situations), agreement.coalition, agreement.reaction),
        received=None
        if situations[0].received is None
        else np.concatenate([each.received for each in situations if each.received is not None]),
    )


def facing(situation: Situation, action: JointAction, members: Coalition) -> Situation:
    """Return what some members of a coalition face if all of it is about to play a joint action."""
    return replace(situation, coalition=members, prescribed=played(situation, action).play)


def joint(agreed: JointAction, coalition: Coalition, broken: Break) -> JointAction:
    """Return what a coalition plays when some of its members break what was agreed."""
    places = [coalition.index(member) for member in broken.breakers]
    quotes, orders = agreed.quotes.copy(), agreed.orders.copy()
    announced, transfers = agreed.announced_endowments.copy(), agreed.side_transfers.copy()
    quotes[places], orders[places] = broken.action.quotes, broken.action.orders
    announced[places] = broken.action.announced_endowments
    transfers[places] += broken.action.side_transfers
    return JointAction(quotes, orders, announced, transfers)


@dataclass(frozen=True, eq=False)
class AmongPartners:
    """How everybody answers the quotes of a sub-coalition: partners play as agreed, outsiders as they always react.

    Outsiders compare quotes with the grand contract's, not with what the coalition agreed upon.

    Attributes:
        situations: what the whole coalition faced in each draw before it agreed on anything.
        partners: the coalition.
        reaction: of outsiders.
    """

    situations: tuple[Situation, ...]
    partners: Coalition
    reaction: Reaction

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        """Return the outsiders' replies, and what is prescribed to the partners."""
        replies = self.reaction(self.situations[draw], 0, quotes)
        orders, announced = replies.orders.copy(), replies.announced_endowments.copy()
        partners = list(self.partners)
        orders[partners] = situation.prescribed.orders[draw, partners]
        announced[partners] = situation.prescribed.announced_endowments[draw, partners]
        return Replies(orders, announced)


def _possible_profiles(recommended: Recommended, places: list[int]) -> IntegerArray:
    """Return the profiles of reports to the established mediator that some members still consider possible."""
    agreement = recommended.agreement
    truths = [recommended.truths[place] for place in places]
    same = (agreement.information[:, places] == truths).all(axis=1)
    likely = agreement.contract.economy.prior.probability > 0
    found = np.flatnonzero(same & likely)
    return found if len(found) else np.flatnonzero(same)


def _agreed(
    agreement: Agreement, number: int, types: tuple[int, ...], reports: tuple[int, ...]
) -> Iterator[tuple[JointAction, float]]:
    """Yield what the side-device may recommend after some reports, with its probability."""
    clause = agreement.clause(number, types, reports)
    if clause is not None:
        for drawn in np.flatnonzero(clause.probability > NEVER):
            yield clause.actions[int(drawn)], float(clause.probability[drawn])


def _at(recommended: Recommended, places: list[int], number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return types and reports of all members at a profile, the breakers' being what they are."""
    agreement = recommended.agreement
    types = [int(agreement.contract.economy.profiles[number, member]) for member in agreement.coalition]
    reports = [int(truth) for truth in agreement.information[number]]
    for place in places:
        types[place], reports[place] = recommended.types[place], recommended.reports[place]
    return tuple(types), tuple(reports)


def _same_part(action: JointAction, told: JointAction, places: list[int]) -> bool:
    """Whether an action tells some members what they were told, their transfers included."""
    return all(
        np.array_equal(getattr(action, name)[places], getattr(told, name)[places])
        for name in ("quotes", "orders", "announced_endowments", "side_transfers")
    )
