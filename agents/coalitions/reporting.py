r"""An agreement on what to report, as its members see it, and sub-coalitions that report otherwise.

Before anybody reports to the established mediator the organiser proposes a side-device: members tell it their types, it
tells each what to report, and money changes hands among them when the round is over. What a member expects of it is
worked out over all types that the others may have, who are taken to accept and to tell it the truth; who is told to
report what it cannot show reports its own type. One refusal, and everybody reports as it pleases.

A sub-coalition breaks the agreement by reporting something else than it was told. It knows its members' types, what
they told the side-device, what they are to report, and what they are paid; it shares its gain equally, and what it does
must not be broken in turn by a still smaller one. What was agreed is paid all the same.

Source:
    Laffont and Martimort (1997), the timing; Giraud and Rochon (2001), Definition 7, the induction over sub-coalitions.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np

from marketgame.agents.coalitions.breaking import NEVER, WORTH_WHILE
from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.collusion.report_agreements import ReportAgreement
from marketgame.mechanisms.collusion.report_game import ReportGame
from marketgame.mechanisms.economies.coalitions import Coalition


@dataclass(frozen=True, eq=False)
class ReportProposal:
    """What an organiser proposes to the members of a coalition.

    Attributes:
        game: what members can report, and what that brings them.
        terms: what they are to report, and who pays whom.
    """

    game: ReportGame
    terms: ReportAgreement

    @property
    def coalition(self) -> Coalition:
        """The members' numbers, ascending."""
        return self.terms.members

    def expected_gains(self, place: int, kind: int) -> FloatArray:
        """Return what a type of a member expects to gain by telling the side-device each of its types, ``(types,)``."""
        own, belief = self.game.at(place, kind), self.game.belief(place, kind)
        told = np.broadcast_to(np.arange(len(self.game.likely)), (len(own), len(self.game.likely)))
        reported = self.game.reported(place, np.broadcast_to(own[:, None], told.shape), told)
        utility = self.game.utilities[place][own[:, None], reported]
        gains = []
        for said in range(self.game.counts[place]):
            heard = self.game.replaced(own, place, said)
            gains.append(
                belief @ ((self.terms.lottery[heard] * utility).sum(axis=1) + self.terms.payments[place, heard])
            )
        return read_only(np.array(gains))

    def truth(self, place: int, kind: int) -> float:
        """Return what a type of a member expects beyond its endowment if nobody colludes, numeraire."""
        own = self.game.at(place, kind)
        return float(self.game.belief(place, kind) @ self.game.truth[place, own])

    def stake(self, place: int, kind: int) -> float:
        """Return what is at stake for a type of a member, numeraire."""
        return float(self.game.stakes[place, self.game.at(place, kind)[0]])

    def to_report(self, heard: int, number: float) -> int:
        """Return which joint report a number drawn from [0, 1) picks after what the side-device heard."""
        limits = np.cumsum(self.terms.lottery[heard]).tolist()
        possible = np.flatnonzero(self.terms.lottery[heard] > NEVER)
        return min(max(bisect_right(limits, number), int(possible[0])), int(possible[-1]))

    def shown(self, true: IntegerArray, told: IntegerArray) -> IntegerArray:
        """Return what members of joint types report who are told to report something, each as far as it can."""
        reported = told
        for place in range(len(self.coalition)):
            reported = np.where(
                self.game.showable[place][self.game.types[place, true], self.game.types[place, reported]],
                reported,
                self.game.replaced(reported, place, self.game.types[place, true]),
            )
        return reported


@dataclass(frozen=True, eq=False)
class ReportBreak:
    """What a sub-coalition reports instead of what was agreed.

    Attributes:
        breakers: the players who do it, ascending.
        reports: the types that they report.
        payments: what they pay each other for it, ``(breakers,)``, numeraire; sum zero.
        gains: what each of them expects to gain upon the agreement, numeraire.
    """

    breakers: Coalition
    reports: tuple[int, ...]
    payments: FloatArray
    gains: FloatArray


@dataclass(frozen=True)
class ToldToReport:
    """What members of a coalition were told to report in one round, and what they know, by numbers of joint types.

    Attributes:
        true: the members' types.
        heard: what they told the side-device.
        told: what they are told to report.
    """

    true: int
    heard: int
    told: int


@dataclass(eq=False)
class ReportBreaking:
    """Looks for sub-coalitions that gain by reporting otherwise; every answer is worked out once.

    Attributes:
        depth: how many members they have at most.
    """

    depth: int
    _known: dict[tuple[ReportProposal, ToldToReport], ReportBreak | None] = field(
        default_factory=dict, init=False, repr=False
    )

    def broken(self, proposal: ReportProposal, told: ToldToReport) -> ReportBreak | None:
        """Return what a sub-coalition reports that gains by it, single members first; none if all keep to it."""
        key = (proposal, told)
        if key not in self._known:
            places = range(len(proposal.coalition))
            sizes = range(1, min(self.depth, len(proposal.coalition) - 1) + 1)
            subsets = (parts for size in sizes for parts in combinations(places, size))
            found = (_break_by(_facing(proposal, told, parts), self.depth) for parts in subsets)
            self._known[key] = next((each for each in found if each is not None), None)
        return self._known[key]


@dataclass(frozen=True, eq=False)
class _Facing:
    """What some members consider possible once they know what to report.

    Attributes:
        proposal: the agreement.
        places: of the members in the coalition.
        true: joint types that may be true, ``(D,)``.
        reports: what all then report if these keep to the agreement, ``(D,)``.
        weights: how likely each is, ``(D,)``.
    """

    proposal: ReportProposal
    places: tuple[int, ...]
    true: IntegerArray
    reports: IntegerArray
    weights: FloatArray

    def utilities(self, reports: IntegerArray) -> FloatArray:
        """Return what each of these members expects beyond the truth, ``(members,)``, numeraire."""
        own = self.proposal.game.utilities[list(self.places)]
        return np.asarray(own[:, self.true, reports] @ self.weights)

    def replaced(self, kinds: tuple[int, ...]) -> IntegerArray:
        """Return what all report if these report something else."""
        reports = self.reports
        for place, kind in zip(self.places, kinds, strict=True):
            reports = self.proposal.game.replaced(reports, place, kind)
        return reports

    def part(self, places: tuple[int, ...], reports: IntegerArray) -> _Facing:
        """Return what some of these face who know all that these know, if all are about to report something."""
        return _Facing(self.proposal, places, self.true, reports, self.weights)


def _facing(proposal: ReportProposal, told: ToldToReport, places: tuple[int, ...]) -> _Facing:
    game, terms = proposal.game, proposal.terms
    known = list(places)
    own = (game.types[known] == game.types[known][:, [told.true]]).all(axis=0)
    candidates = np.flatnonzero(own & (game.likely > 0))
    if not len(candidates):
        candidates = np.flatnonzero(own)
    # The others told the side-device the truth; these told it what they did.
    heard = candidates
    for place in places:
        heard = game.replaced(heard, place, game.types[place, told.heard])
    paid = (terms.payments[known][:, heard] == terms.payments[known][:, [told.heard]]).all(axis=0)
    true, reports, weights = [], [], []
    for number, said in zip(candidates[paid], heard[paid], strict=True):
        for report in np.flatnonzero(terms.lottery[said] > NEVER):
            if (game.types[known, report] == game.types[known, told.told]).all():
                true.append(int(number))
                reports.append(int(report))
                weights.append(float(game.likely[number] * terms.lottery[said, report]))
    if not true:  # What they heard can only follow a lie of somebody else: they make nothing of it.
        true, reports, weights = [told.true], [told.told], [1.0]
    weighed = np.array(weights) if any(weights) else np.ones(len(weights))
    joint = np.array(true)
    return _Facing(proposal, places, joint, proposal.shown(joint, np.array(reports)), weighed / weighed.sum())


def _break_by(facing: _Facing, depth: int) -> ReportBreak | None:
    """Return what some members report that gains by it and is not broken in turn."""
    game = facing.proposal.game
    kinds = [int(game.types[place, facing.true[0]]) for place in facing.places]
    able = [np.flatnonzero(game.showable[place][kind]) for place, kind in zip(facing.places, kinds, strict=True)]
    kept = facing.utilities(facing.reports)
    stakes = game.stakes[list(facing.places), facing.true[0]].sum()
    best: tuple[float, tuple[int, ...], FloatArray] | None = None
    for reports in product(*(each.tolist() for each in able)):
        changed = facing.utilities(facing.replaced(reports)) - kept
        if best is None or changed.sum() > best[0]:
            best = float(changed.sum()), reports, changed
    if best is None or best[0] <= WORTH_WHILE * stakes:
        return None
    gained, reports, changed = best
    planned = facing.replaced(reports)
    for size in range(1, min(depth, len(facing.places) - 1) + 1):
        for part in combinations(facing.places, size):
            if _break_by(facing.part(part, planned), depth) is not None:
                return None
    payments = gained / len(changed) - changed
    payments[-1] = -payments[:-1].sum()
    breakers = tuple(facing.proposal.coalition[place] for place in facing.places)
    return ReportBreak(breakers, reports, payments, changed + payments)
