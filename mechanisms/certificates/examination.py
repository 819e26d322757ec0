"""The examination of a grand contract: does it stand up to lies, to single players, and to coalitions?

Five questions, in the order of Giraud and Rochon (2001): is truth best (Definition 4), is it best for coalitions too
that share what they know and own before they report, can one player alone gain by what it does after the truth, can a
coalition gain by an agreement that no part of it would break in turn (Definition 8, collusion-proof), can a coalition
gain at all (strongly collusion-proof)? A no comes with a deviation that can be played again, a yes with a bound over
everything that coalitions could do; where there is neither, the contract is not refuted.
All is about outsiders who obey, or who answer misquotes as coalitions expect them to.

Of each coalition the proven bounds are asked first, in everything that its members may know together. Where they leave
room, the oracle looks for a joint action by which every member gains; members without secrets from each other need no
device to agree on it, since whoever reports something else only voids the agreement. Otherwise a side-contract is
sought, with lotteries and with reports that must be true. That no improvement is internally consistent may follow from
the rules; otherwise an improvement of two is consistent if neither member alone can gain by breaking it, which must be
proven, and one of more if bounds leave no proper part anything to gain. A part that they leave something might still
agree on nothing that its own parts would not break: then nothing is claimed, and the coalition is not refuted.
Where trades with the bankrupt stand, an improvement that only a guess breaks, which may be as unlikely as one likes,
refutes up to any tolerance what is not proven; what is proven is about what is kept exactly.

What one player alone gains nobody is left to break: it refutes all three claims about coalitions. So players are asked
first, and once nothing that is still to be found could change an answer, nothing more is looked for unless that is
asked for. Where coalitions are bounded by wealth, one bound for each player stands for all of them. Players who are
exchangeable (:mod:`marketgame.mechanisms.contracts.exchange`) are one: of the coalitions with as many members of each
kind one is examined, whose answer is that of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, partial
from itertools import chain, takewhile
from math import ceil, comb

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.counted_stability import CountedStabilityCertificate
from marketgame.mechanisms.certificates.deviation import DeviationCertificate, certify_deviation
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate, certify_hidden_ruin
from marketgame.mechanisms.certificates.joint_misreport import (
    JointMisreportCertificate,
    JointReplies,
    certify_joint_misreport,
)
from marketgame.mechanisms.certificates.misreport import MisreportCertificate, certify_misreport
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.sampled_lie import SampledLieCertificate
from marketgame.mechanisms.certificates.side_contract import (
    SideContractCertificate,
    certify_side_contract,
    expected_gains,
)
from marketgame.mechanisms.certificates.stability import (
    StabilityCertificate,
    certify_stability,
    certify_stability_by_member,
    claiming_safety_after_lies,
)
from marketgame.mechanisms.collusion.lies_and_replies import EFFORT as EFFORT_FOR_REPLIES
from marketgame.mechanisms.collusion.lies_and_replies import LiesSearch, LieWithReplies
from marketgame.mechanisms.collusion.report_agreements import SharedGains, gains_by_what_is_shared
from marketgame.mechanisms.collusion.side_contracts.arbitrage import Temptation, deterred_by
from marketgame.mechanisms.collusion.side_contracts.hidden_ruin import hidden_ruins
from marketgame.mechanisms.collusion.side_contracts.search import (
    Begun,
    SideContractSearch,
    SideEffort,
    find_consistent_side_contract,
    find_constructed_side_contract,
    find_kept_side_contract,
    find_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.contracts.communication_equilibrium import (
    best_bundle,
    best_bundles_from_all,
    most_profitable_lie_and_reorder,
)
from marketgame.mechanisms.contracts.contract import Contract, check_contract, device_of
from marketgame.mechanisms.contracts.exchange import exchangeable_players
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck, check_joint_misreports
from marketgame.mechanisms.contracts.knowledge import commonly_known
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.deviations.bounds import BoundReason, least_bound, reason_by_member, wealth_beyond
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict, together
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.reactions import ReactionsByType, WithholdingAfterMisquotes, storable
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, Situation, situations
from marketgame.mechanisms.economies.coalitions import (
    MOST_LISTED,
    Coalition,
    Coalitions,
    coalition_name,
    kinds_of_coalitions,
)
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE, UndecidableError, stakes_of_play
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import MarketRules

# Which share of the time may go into deriving a proof; the rest is for verifying it.
SHARE_FOR_PROOF = 0.45
# Which share may go into searches for what single players gain.
SHARE_FOR_PLAYERS = 0.5
# Which share may go into improvements of all coalitions that need no search, before any is searched for.
SHARE_FOR_CONSTRUCTIONS = 0.25
# Bounds are given this many seconds however little time there is: small economies need no more.
GRACE = 0.4
# Which share of what is left may go into lies followed by disobedience: of one player at first, of several in the end.
SHARE_FOR_LIES = 0.25
# With less time than this, a search for a side-contract looks at fewer cases.
PATIENT_SECONDS = 60.0
PAIR = 2
# The parts of a larger coalition are too many to examine.
MOST_IN_PARTS = 8
# Among more players than this no more of them are asked once one is found who gains alone.
MANY_PLAYERS = 64

type ImprovementCertificate = DeviationCertificate | SideContractCertificate
type GainCertificate = (
    ImprovementCertificate
    | HiddenRuinCertificate
    | MisreportCertificate
    | JointMisreportCertificate
    | SampledLieCertificate
)
type ExpectReaction = Callable[[Coalition], Reaction | None]
"""From a coalition to how those outside it answer misquotes, None if they play on; from () to how all players would."""
type Watch = Callable[[Coalition, Sequence[CoalitionFinding]], None]
"""Told of each coalition before it is examined, and what was found before."""


def outsiders_play_on(_: Coalition) -> Reaction | None:
    """Return no reaction, whatever the coalition."""
    return None


def unwatched(_: Coalition, __: Sequence[CoalitionFinding]) -> None:
    """Show nobody what is examined."""


@dataclass(frozen=True)
class Thoroughness:
    """How hard an examination searches, and what it accepts.

    Attributes:
        effort: of a search for a side-contract, where there is time for it.
        oracle: of a search for one joint action; none to seek side-contracts at once.
        objective: what a side-contract is to make large.
        derived_twice: whether bounds and improvements count only if a second derivation, which shares nothing with the
            first and computes in rational numbers, says the same; it yields the certificates.
        paced: whether searches look at fewer cases where there is little time, and leave some of it to what comes
            after them; otherwise they look at the same cases however much there is, until it is over.
    """

    effort: SideEffort = field(default_factory=SideEffort)
    oracle: Effort | None = field(default_factory=Effort)
    objective: Objective = Objective.TOTAL
    derived_twice: bool = True
    paced: bool = True


@dataclass(frozen=True, eq=False)
class Examiner:
    """What is examined, and how; coalitions are examined one by one.

    Attributes:
        contract: that everybody else obeys, at least as long as nobody misquotes.
        rules: of the market.
        reaction_to: how those outside a coalition answer misquotes, as far as its members know.
        deadline: after which nothing more is looked for; what is not known by then is not refuted.
        bounds_by: the deadline of bounds, which are quicker than searches; the same without it.
        proof_by: the deadline of their second derivation; that of the bounds without it.
        thoroughness: how hard to search, and what to accept.
    """

    contract: GrandContract
    rules: MarketRules
    reaction_to: ExpectReaction = outsiders_play_on
    deadline: Deadline = NO_DEADLINE
    bounds_by: Deadline | None = None
    proof_by: Deadline | None = None
    thoroughness: Thoroughness = field(default_factory=Thoroughness)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contract", self.contract.under(self.rules))

    @cached_property
    def derived(self) -> PlainBounds:
        """The second derivation of bounds."""
        by = self.proof_by or self.bounds_by or self.deadline
        return PlainBounds(PlainContract(self.contract, self.rules), by)

    @cached_property
    def deterred(self) -> Temptation | None:
        """What provably tempts a member of every coalition to break what it agrees on, if anything does.

        Who reacts leaves less to be taken; the proofs are about outsiders who play on.
        """
        return deterred_by(self.contract, self.rules)


@dataclass(frozen=True, eq=False)
class FoundImprovement:
    """An improvement of a coalition upon the contract.

    Attributes:
        agreement: one joint action, or a side-contract.
        certificate: plays it; none if it was not derived twice.
        kept: whether no single member breaks it.
    """

    agreement: JointAction | SideContract
    certificate: ImprovementCertificate | None
    kept: Verdict = Verdict.NOT_REFUTED


@dataclass(frozen=True, eq=False)
class CoalitionFinding:
    """What is known about one coalition.

    Attributes:
        coalition: the members, ascending.
        improvement: whether it stays with the contract: refuted if it has an improvement, proven if it has none.
        consistent: likewise for internally consistent improvements.
        found: an improvement, if one was found.
        found_consistent: one that nobody was found to break, likewise; none for a player alone.
        approached: an improvement that only a guess breaks, which may be as unlikely as one likes: kept up to any
            tolerance, whatever is kept exactly.
        bound: what the members cannot gain together beyond, numeraire, at worst over what they may know; none if there
            was no time to derive it.
        reasons: why they cannot, one for each thing that they may know; some may be the same.
        reaction: how those outside the coalition answer quotes that are not the contract's; none if they play on.
        alike: how many coalitions this is true of, itself included: all that equal players can turn it into.
        begun: from where a search for a consistent side-contract can go on; none if it has to begin.
    """

    coalition: Coalition
    improvement: Verdict = Verdict.NOT_REFUTED
    consistent: Verdict = Verdict.NOT_REFUTED
    found: FoundImprovement | None = None
    found_consistent: FoundImprovement | None = None
    approached: HiddenRuinCertificate | None = None
    bound: float | None = None
    reasons: frozenset[BoundReason] = frozenset()
    reaction: Reaction | None = None
    alike: int = 1
    begun: Begun | None = None


@dataclass(frozen=True, eq=False)
class MemberBounds:
    """That no coalition with an outsider gains, whatever those outside do: its members could not by their wealth.

    Attributes:
        gains: by how much more than it gets each player could enjoy its wealth, at every profile, ``(P, N)``,
            numeraire; a coalition gains at most its members' sum.
        unlisted: how many coalitions there are that no finding is about.
    """

    gains: FloatArray
    unlisted: int = 0

    def of(self, coalition: Coalition) -> float:
        """Return what a coalition cannot gain beyond, numeraire."""
        return float(self.gains[:, coalition].sum(axis=1).max())


class DeviationKind(StrEnum):
    """How a contract is broken."""

    LIE = "lie"
    """A type reports another and obeys."""
    JOINT_LIE = "joint lie"
    """Members of a coalition agree to report other types, obey, and share what that brings."""
    LIE_AND_REORDER = "lie and reorder"
    """A type reports another and then orders what it likes best at the prices its lie brings."""
    REPORTS_AND_REORDERS = "joint lie and reorder"
    """Members agree what to report, true or not, and what to play after it, and share what that brings."""
    UNILATERAL = "unilateral"
    """A player reports the truth and plays otherwise than recommended."""
    JOINT = "joint"
    """A coalition plays otherwise than recommended, one joint action in one case and the contract in all others."""
    SIDE_CONTRACT = "side-contract"
    """A coalition's device draws joint actions after its members' reports."""
    HIDDEN_RUIN = "side-contract, hidden number"
    """Two draw who of them wins; the other would have to guess what ruins it."""


@dataclass(frozen=True, eq=False)
class FoundDeviation:
    """A profitable deviation, as it is reported.

    Attributes:
        coalition: who deviates.
        kind: how.
        certificate: plays it.
        internally_consistent: whether no part of the coalition gains by breaking the agreement; none for a lie, and
            for what a guess breaks.
    """

    coalition: Coalition
    kind: DeviationKind
    certificate: GainCertificate
    internally_consistent: Verdict | None = None

    @property
    def gains(self) -> dict[str, float]:
        """What each member expects to gain, numeraire: from a side-contract before it knows anything.

        Liars who share money have not shared it yet: what counts is their sum.
        """
        names = self.certificate.economy.player_names
        if isinstance(self.certificate, SideContractCertificate):
            return {
                names[member]: gain
                for member, gain in zip(self.coalition, expected_gains(self.certificate), strict=True)
            }
        if isinstance(self.certificate, SampledLieCertificate | HiddenRuinCertificate):
            shares = zip(self.coalition, self.certificate.gains, strict=True)
            return {names[member]: float(gain) for member, gain in shares}
        outcome = self.certificate.outcome
        return {names[member]: float(outcome.gain[member]) for member in self.coalition}


@dataclass(frozen=True, eq=False)
class Examination:
    """What is known about a contract.

    Attributes:
        contract: the contract.
        rules: of its market.
        incentives: all gains from lies that are obeyed.
        joint_lies: the most profitable lie that a coalition tells together and obeys.
        replies_alone: whether no player gains by a report, true or not, and its replies to what it then hears; beside
            what the deviations say, and of no account where nobody has a type to hide.
        replies_together: likewise of coalitions of several players.
        report_agreements: what pairs that gain by joint lies, and the coalition that gains most, gain if they share
            less; those that there was time for.
        findings: about each coalition that was examined, single players first; one for all that are alike.
        by_member: that proves what is not listed in findings; none if nothing is proven so.
        unexamined: how many coalitions that were asked about were not looked at: no finding could have changed an
            answer, or there was no time.
        deviations: that refute something, and those that combine a lie with disobedience.
        proof: that no coalition gains; none if that is not proven.
        everybody: whether all coalitions were examined.
        deterred: whether every coalition, examined or not, is provably kept from what is no internally consistent
            improvement of a single player.
    """

    contract: DirectContract
    rules: MarketRules
    incentives: IncentiveCheck
    joint_lies: JointMisreportCheck
    replies_alone: Verdict
    replies_together: Verdict
    report_agreements: tuple[SharedGains, ...]
    findings: tuple[CoalitionFinding, ...]
    by_member: MemberBounds | None
    unexamined: int
    deviations: tuple[FoundDeviation, ...]
    proof: StabilityCertificate | CountedStabilityCertificate | None
    everybody: bool
    deterred: bool

    @property
    def incentive_compatible(self) -> bool:
        """Whether truth is best for everybody who then obeys."""
        return self.incentives.incentive_compatible is True

    @property
    def truth_is_best(self) -> Verdict:
        """The same, as far as it is known where types are drawn."""
        match self.incentives.incentive_compatible:
            case True:
                proven = self.incentives.theorem or self.incentives.standard_errors is None
                return Verdict.PROVEN if proven else Verdict.SAMPLED
            case False:
                return Verdict.REFUTED
        return Verdict.NOT_REFUTED

    @property
    def coalitions_report_truthfully(self) -> Verdict:
        """Whether no coalition, of one or more, gains by a lie alone."""
        if self.truth_is_best is Verdict.REFUTED or not self.joint_lies.truthful:
            return Verdict.REFUTED
        if self.joint_lies.error_a_member is not None and not self.joint_lies.theorem:
            return Verdict.SAMPLED
        return Verdict.PROVEN if self.joint_lies.complete else Verdict.NOT_REFUTED

    @property
    def lie_and_disobey_alone(self) -> Verdict:
        """Whether no player gains by reporting what it likes and then playing what it likes, obedience included."""
        if self.truth_is_best is Verdict.REFUTED or any(len(found.coalition) == 1 for found in self.deviations):
            return Verdict.REFUTED
        nobody_lies = max(self.contract.economy.prior.type_counts) == 1
        return self.unilaterally_stable if nobody_lies else self.replies_alone

    @property
    def lie_and_disobey_together(self) -> Verdict:
        """Whether no coalition that pools what it knows and owns, of one or more, gains so."""
        several = (self.coalitions_report_truthfully, self.strongly_collusion_proof, self.lie_and_disobey_alone)
        return Verdict.REFUTED if Verdict.REFUTED in several else together((several[-1], self.replies_together))

    @property
    def unilaterally_stable(self) -> Verdict:
        """Whether no player alone gains by what it does after the truth."""
        if self._somebody_gains_alone:
            return Verdict.REFUTED
        return together(finding.improvement for finding in self.findings if len(finding.coalition) == 1)

    @property
    def strongly_collusion_proof(self) -> Verdict:
        """Whether truth is best and no coalition improves upon the contract."""
        return self._stable([finding.improvement for finding in self.findings], self.everybody)

    @property
    def collusion_proof(self) -> Verdict:
        """Whether truth is best and no coalition has an internally consistent improvement.

        It is proven of improvements that are kept exactly, and refuted by one that is kept up to any tolerance.
        """
        exactly = self.exactly_collusion_proof
        return Verdict.REFUTED if exactly is Verdict.NOT_REFUTED and self.approached is not None else exactly

    @property
    def exactly_collusion_proof(self) -> Verdict:
        """The same, leaving aside improvements that only a guess breaks."""
        return self._stable([finding.consistent for finding in self.findings], self.everybody or self.deterred)

    @property
    def approached(self) -> FoundDeviation | None:
        """An improvement that is kept up to any tolerance, by which consistent ones are approached, if one is known."""
        return next((found for found in self.deviations if found.kind is DeviationKind.HIDDEN_RUIN), None)

    @property
    def _somebody_gains_alone(self) -> bool:
        return DeviationKind.UNILATERAL in {found.kind for found in self.deviations}

    def _stable(self, verdicts: Sequence[Verdict], about_all: bool) -> Verdict:
        if self._somebody_gains_alone:
            return Verdict.REFUTED
        # Coalitions that were not examined might gain.
        return together([self.truth_is_best, *verdicts, *([] if about_all else [Verdict.NOT_REFUTED])])

    @property
    def refuted(self) -> bool:
        """Whether any of the five questions is answered no."""
        answers = (
            self.coalitions_report_truthfully,
            self.unilaterally_stable,
            self.collusion_proof,
            self.strongly_collusion_proof,
        )
        return self.truth_is_best is Verdict.REFUTED or Verdict.REFUTED in answers


def examine(
    contract: GrandContract,
    rules: MarketRules,
    coalitions: Coalitions | Sequence[Coalition],
    deadline: Deadline = NO_DEADLINE,
    reaction_to: ExpectReaction = outsiders_play_on,
    *,
    every: bool = False,
    watch: Watch = unwatched,
) -> Examination:
    """Examine a grand contract.

    Args:
        contract: the contract.
        rules: of its market.
        coalitions: which to examine; members ascending. Those that are named are examined in any case.
        deadline: of everything; what time does not suffice for is not refuted.
        reaction_to: how those outside a coalition answer misquotes, as far as its members know.
        every: whether to look for improvements of every coalition, even where no answer depends on it.
        watch: is told of each coalition before it is examined.

    Raises:
        ValueError: the rules do not admit the contract.
        UndecidableError: two derivations of one number disagree.

    Source:
        Giraud and Rochon (2001), Definitions 4 and 8, and what Theorem 1 and Corollary 1 claim.
    """
    contract = contract.under(rules)
    reports = examine_reports(contract, rules)
    examiner = timed_examiner(contract, rules, deadline, reaction_to)
    alone, liars = _liars_alone(examiner, reports.deviations)
    lies = [*reports.deviations, *liars]
    players = len(contract.economy.players)
    asked = coalitions if isinstance(coalitions, Coalitions) else Coalitions.of(players, coalitions)
    truthful = reports.incentives.incentive_compatible is True
    orders, tour = _toured(examiner, asked, truthful=truthful, proved=truthful, every=every, watch=watch)
    known = (*lies, *orders.deviations)
    several, more = _liars_together(examiner, known, tour)
    return Examination(
        contract=contract,
        rules=rules,
        incentives=reports.incentives,
        joint_lies=reports.joint_lies,
        replies_alone=alone,
        replies_together=several,
        report_agreements=tuple(gains_by_what_is_shared(contract, reports.joint_lies, deadline)),
        findings=orders.findings,
        by_member=orders.by_member,
        unexamined=orders.unexamined,
        deviations=(*known, *more),
        proof=orders.prove(),
        everybody=orders.everybody,
        deterred=orders.deterred,
    )


@dataclass(frozen=True, eq=False)
class Reports:
    """What is known of reports that are obeyed.

    Attributes:
        incentives: all gains from lies that are obeyed.
        joint_lies: the most profitable lie that a coalition tells together and obeys.
        deviations: the most profitable lies, certified; also one that is followed by orders at the prices it brings.
    """

    incentives: IncentiveCheck
    joint_lies: JointMisreportCheck
    deviations: tuple[FoundDeviation, ...]


def examine_reports(contract: GrandContract, rules: MarketRules) -> Reports:
    """Return what is known of reports that are obeyed; that takes no search.

    Raises:
        ValueError: the rules do not admit the contract.
        UndecidableError: two derivations of one number disagree.
    """
    contract = contract.under(rules)
    device = device_of(contract, rules)
    incentives = check_contract(device)
    joint_lies = check_joint_misreports(contract, rules.withholding)
    lies = (*_lies(contract, device, incentives), *_joint_lies(contract, rules, joint_lies))
    return Reports(incentives, joint_lies, lies)


def timed_examiner(
    contract: GrandContract,
    rules: MarketRules,
    deadline: Deadline,
    reaction_to: ExpectReaction = outsiders_play_on,
    thoroughness: Thoroughness | None = None,
) -> Examiner:
    """Return an examiner that keeps a deadline, but for a moment that bounds are given in any case."""
    # A proof is verified from the beginning, which takes as long again as it took to derive.
    proof_by = Deadline.after(max(deadline.left * SHARE_FOR_PROOF, GRACE))
    bounds_by = Deadline.after(max(deadline.left, GRACE))
    how = Thoroughness() if thoroughness is None else thoroughness
    return Examiner(contract, rules, reaction_to, deadline, bounds_by, proof_by, how)


@dataclass(frozen=True, eq=False)
class Orders:
    """What is known of what coalitions do after the truth.

    Attributes:
        findings: about each coalition that was examined, single players first; one for all that are alike.
        by_member: that proves what is not listed in findings; none if nothing is proven so.
        unexamined: how many coalitions that were asked about were not looked at.
        deviations: improvements that were found.
        prove: derives the certificate that no coalition gains, after the truth alone where that is not best; it returns
            none if that is not proven.
        everybody: whether all coalitions were examined.
        deterred: whether every coalition, examined or not, is provably kept from what is no internally consistent
            improvement of a single player.
    """

    findings: tuple[CoalitionFinding, ...]
    by_member: MemberBounds | None
    unexamined: int
    deviations: tuple[FoundDeviation, ...]
    prove: Callable[[], StabilityCertificate | None]
    everybody: bool
    deterred: bool


def examine_orders(
    examiner: Examiner, asked: Coalitions, *, truthful: bool, every: bool = False, watch: Watch = unwatched
) -> Orders:
    """Return what is known of what coalitions do after the truth, whether or not truth is best.

    Args:
        examiner: of what.
        asked: about which coalitions.
        truthful: whether truth is best; otherwise certificates are about what follows the truth alone.
        every: whether to look for improvements of every coalition, even where no answer depends on it.
        watch: is told of each coalition before it is examined.

    Raises:
        UndecidableError: two derivations of one number disagree.
    """
    return _toured(examiner, asked, truthful=True, proved=truthful, every=every, watch=watch)[0]


def _toured(
    examiner: Examiner, asked: Coalitions, *, truthful: bool, proved: bool, every: bool, watch: Watch
) -> tuple[Orders, _Tour]:
    alike = alike_players(examiner)
    tour = _Tour(examiner, asked, alike, truthful, every, watch)
    tour.go()
    orders = Orders(
        findings=tuple(tour.findings.values()),
        by_member=tour.by_member,
        unexamined=tour.unexamined,
        deviations=tuple(chain.from_iterable(map(_deviations, tour.findings.values()))),
        prove=lambda: _stability(examiner, asked, tour, truthful=proved) if tour.nobody_gains else None,
        everybody=asked.complete and tour.unexamined == 0,
        deterred=tour.deterred,
    )
    return orders, tour


def alike_players(examiner: Examiner) -> tuple[int, ...]:
    """Return for each player the first that can take its place."""
    contract = examiner.contract
    reactions = _reactions_by_player(examiner.reaction_to(()), len(contract.economy.players))
    return exchangeable_players(contract, reactions)


@dataclass(eq=False)
class _Tour:
    """Coalitions one by one, until nothing that is left could change an answer.

    Attributes:
        examiner: of what.
        asked: about which coalitions.
        alike: for each player the first that can take its place.
        truthful: whether truth is best; otherwise what coalitions gain changes no answer.
        every: whether to go on anyway.
        watch: is told of each coalition.
        findings: by coalition, in the order of examination.
        by_member: what excludes gains of all coalitions with an outsider, if that is so.
    """

    examiner: Examiner
    asked: Coalitions
    alike: tuple[int, ...]
    truthful: bool
    every: bool
    watch: Watch
    findings: dict[Coalition, CoalitionFinding] = field(default_factory=dict)
    by_member: MemberBounds | None = None

    def go(self) -> None:
        """Examine single players, then coalitions that are named, then others, the small ones first."""
        self.by_member = self._excluded_by_member()
        if self.by_member is None:
            self._examine_alone()
            if self.truthful and self.asked.largest >= PAIR and not self._improved:
                self._construct(range(PAIR, min(self.asked.largest, self.asked.players - 1) + 1))
        else:
            self._list_excluded(self.by_member)
        for coalition in self.asked.named:
            if coalition not in self.findings:
                self._examine(coalition)
        self._examine_kinds(range(PAIR if self.by_member is None else self.asked.players, self.asked.largest + 1))
        if self.truthful and not self._consistent_found:
            self._examine_kept(_with_kept)
        if self.truthful and not self._consistent_found:
            self._approach()
        if self.truthful and not self._consistent_found and (self.every or not self._approached):
            self._examine_kept(examine_consistency)

    @property
    def unexamined(self) -> int:
        """How many coalitions that were asked about nothing is known of."""
        unlisted = 0 if self.by_member is None else self.by_member.unlisted
        return self.asked.count - unlisted - sum(finding.alike for finding in self.findings.values())

    @property
    def nobody_gains(self) -> bool:
        """Whether it is proven that truth is best and nobody gains of all that were asked about."""
        verdicts = {finding.improvement for finding in self.findings.values()}
        return self.truthful and not self.unexamined and verdicts <= {Verdict.PROVEN}

    @cached_property
    def deterred(self) -> bool:
        """Whether all coalitions of several players are provably deterred, examined or not."""
        plays_on = self.asked.largest > 0 and self.examiner.reaction_to(()) is None
        return plays_on and self.examiner.deterred is not None

    @property
    def _consistent_found(self) -> bool:
        return Verdict.REFUTED in {finding.consistent for finding in self.findings.values()}

    @property
    def _approached(self) -> bool:
        return any(finding.approached is not None for finding in self.findings.values())

    @property
    def _improved(self) -> bool:
        return Verdict.REFUTED in {finding.improvement for finding in self.findings.values()}

    def _examine_alone(self) -> None:
        """Examine single players, of whom not all time is to be spent: coalitions may need no search."""
        examiner = self.examiner
        self.examiner = replace(examiner, deadline=self._share(SHARE_FOR_PLAYERS))
        self._examine_kinds(range(1, min(1, self.asked.largest) + 1))
        self.examiner = examiner

    def _share(self, share: float) -> Deadline:
        """Return the deadline of what may take a share of the time that is left, or all of it if nothing is paced."""
        deadline = self.examiner.deadline
        return Deadline.after(share * deadline.left) if self.examiner.thoroughness.paced else deadline

    def _examine_kinds(self, sizes: range) -> None:
        """Examine one coalition of each kind, as long as the answer for it could change that for all."""
        for size in sizes:
            for coalition, count in kinds_of_coalitions(self.alike, size):
                if coalition in self.findings:
                    continue
                if size == 1 and self.asked.players > MANY_PLAYERS and self._improved and not self.every:
                    return
                if size == 1 or self.every or (self.truthful and not self._improved):
                    self._examine(coalition, count)
                elif self.truthful and size == PAIR and not (self._consistent_found or self.deterred):
                    # Its improvements do not matter any more, but consistent ones would.
                    self._examine(coalition, count, searched=False)
                else:
                    return
                if size > 1 and (self.examiner.bounds_by or self.examiner.deadline).passed:
                    return

    def _construct(self, sizes: range) -> None:
        """Note the first coalition whose improvement needs no search, and those before it that cannot gain."""
        until = self._share(SHARE_FOR_CONSTRUCTIONS)
        for coalition, count in chain.from_iterable(kinds_of_coalitions(self.alike, size) for size in sizes):
            if until.passed:
                return
            self.watch(coalition, tuple(self.findings.values()))
            finding = examine_coalition(self.examiner, coalition, searched=False)
            if finding.improvement is Verdict.NOT_REFUTED:
                finding = _with_construction(self.examiner, finding)
            if finding.improvement is not Verdict.NOT_REFUTED:
                self.findings[coalition] = replace(finding, alike=count)
            if finding.improvement is Verdict.REFUTED:
                return

    def _examine(self, coalition: Coalition, count: int = 1, *, searched: bool = True) -> None:
        self.watch(coalition, tuple(self.findings.values()))
        finding = examine_coalition(self.examiner, coalition, searched=searched)
        self.findings[coalition] = replace(finding, alike=count)

    def _examine_kept(self, ask: Callable[[Examiner, CoalitionFinding], CoalitionFinding]) -> None:
        """Ask coalitions for improvements that nobody breaks."""
        for coalition, finding in self.findings.items():
            if not _may_be_consistent(finding) or self.examiner.deadline.passed:
                continue
            self.watch(coalition, tuple(self.findings.values()))
            self.findings[coalition] = ask(self.examiner, finding)
            if self._consistent_found and not self.every:
                return

    def _approach(self) -> None:
        """Note the first pair with an improvement that only a guess breaks."""
        counts = dict(kinds_of_coalitions(self.alike, PAIR)) if self.asked.largest >= PAIR else {}
        found = approached_by(self.examiner, [*counts, *(one for one in self.asked.named if len(one) == PAIR)])
        if found is None:
            return
        consistent = Verdict.PROVEN if self.deterred else Verdict.NOT_REFUTED
        unseen = CoalitionFinding(found.coalition, consistent=consistent, alike=counts.get(found.coalition, 1))
        finding = self.findings.get(found.coalition, unseen)
        self.findings[found.coalition] = replace(finding, improvement=Verdict.REFUTED, approached=found)

    def _excluded_by_member(self) -> MemberBounds | None:
        """Return what excludes gains of all coalitions with an outsider, if that can be said of their members."""
        contract = self.examiner.contract
        gains = wealth_beyond(contract, self.examiner.rules)
        if gains is None:
            return None
        possible = contract.probability > 0
        stakes = stakes_of_play(
            contract.economy, contract.efficient_at(np.arange(len(possible))), contract.numeraire_transfers
        )
        if (gains > GAIN_TOLERANCE * stakes)[possible].any():
            return None
        if self.examiner.thoroughness.derived_twice:
            try:
                derived = self.examiner.derived.by_member
            except DeadlinePassedError:
                return None
            if derived is None or not all(bound.excludes for bound in derived):
                return None
        return MemberBounds(gains[possible])

    def _list_excluded(self, bounds: MemberBounds) -> None:
        """List coalitions that are proven not to gain: single players, and all unless they are too many."""
        sizes = range(1, min(self.asked.largest, self.asked.players - 1) + 1)
        others = sum(comb(self.asked.players, size) for size in sizes[1:])
        if others > MOST_LISTED:
            self.by_member, sizes = replace(bounds, unlisted=others), sizes[:1]
        kinds = chain.from_iterable(kinds_of_coalitions(self.alike, size) for size in sizes)
        named = ((one, 1) for one in self.asked.named if len(one) < self.asked.players)
        for coalition, alike in chain(kinds, named):
            self.findings[coalition] = CoalitionFinding(
                coalition,
                improvement=Verdict.PROVEN,
                consistent=Verdict.PROVEN,
                bound=bounds.of(coalition),
                reasons=frozenset({reason_by_member(self.examiner.rules) or BoundReason.WEALTH}),
                reaction=self.examiner.reaction_to(coalition),
                alike=alike,
            )


def _reactions_by_player(reaction: Reaction | None, players: int) -> Sequence[object]:
    """Return how each player answers misquotes, as something that is equal for players who do it alike.

    Only of rules that name nobody, and ask nobody first, is it known that they also treat alike whom they answer.
    """
    given = reaction.rules if isinstance(reaction, ReactionsByType) else ((reaction,),) * players
    fair = all(rule is None or isinstance(rule, WithholdingAfterMisquotes) for kinds in given for rule in kinds)
    return given if fair else range(players)


def examine_coalition(examiner: Examiner, coalition: Coalition, *, searched: bool = True) -> CoalitionFinding:
    """Return what a coalition can gain, without asking whether what it agrees on is internally consistent.

    What follows from bounds alone is all there is unless it is to be ``searched``.

    Raises:
        UndecidableError: the two derivations of a bound disagree.
    """
    finding = CoalitionFinding(coalition, reaction=examiner.reaction_to(coalition))
    try:
        finding, promising = _bounded(examiner, finding)
    except DeadlinePassedError:
        return finding
    proven = finding.improvement is Verdict.PROVEN
    return _searched(examiner, finding, promising) if searched and not proven else finding


def excluded(examiner: Examiner, coalitions: Sequence[Coalition]) -> frozenset[BoundReason] | None:
    """Return why none of some coalitions can gain, by bounds alone; none unless all are excluded."""
    reasons: set[BoundReason] = set()
    for coalition in coalitions:
        for situation in situations(examiner.contract, coalition, examiner.rules, examiner.reaction_to(coalition)):
            bound = least_bound(situation)
            if bound.total_gain > profit_tolerance(situation):
                return None
            if len(coalition) < len(examiner.contract.economy.players):
                reasons.add(bound.reason)
    return frozenset(reasons)


def _bounded(examiner: Examiner, finding: CoalitionFinding) -> tuple[CoalitionFinding, list[Situation]]:
    """Return what the bounds say of a coalition, and the situations in which they leave room, the widest first.

    Raises:
        DeadlinePassedError: time ran out before there was a bound.
        UndecidableError: the two derivations disagree.
    """
    bounds_by = examiner.bounds_by or examiner.deadline
    bounds_by.check()
    faced = []
    for situation in situations(examiner.contract, finding.coalition, examiner.rules, finding.reaction):
        bounds_by.check()
        faced.append((least_bound(situation), situation))
    gains = np.array([bound.total_gain for bound, _ in faced])
    finding = replace(finding, bound=float(gains.max()), reasons=frozenset(bound.reason for bound, _ in faced))
    gainful = gains > [profit_tolerance(situation) for _, situation in faced]
    if gainful.any():
        return finding, [faced[place][1] for place in np.argsort(gains)[::-1] if gainful[place]]
    if examiner.thoroughness.derived_twice:
        _confirm(examiner.derived, finding)
    return replace(finding, improvement=Verdict.PROVEN, consistent=Verdict.PROVEN), []


def _confirm(derived: PlainBounds, finding: CoalitionFinding) -> None:
    """Check by a second derivation that a coalition gains nothing."""
    bound = derived.weakest(finding.coalition, storable(finding.reaction))
    if not bound.excludes:
        names = derived.contract.economy.player_names
        members = coalition_name(names[member] for member in finding.coalition)
        raise UndecidableError(
            f"whether {members} can gain cannot be told: by one derivation nothing, by another {float(bound.gain):.3g}"
        )


def _searched(examiner: Examiner, finding: CoalitionFinding, promising: list[Situation]) -> CoalitionFinding:
    """Return the finding with what searches say."""
    alone, oracle = len(finding.coalition) == 1, examiner.thoroughness.oracle
    if not alone and (constructed := _with_construction(examiner, finding)).improvement is Verdict.REFUTED:
        return constructed
    found: FoundImprovement | None = None
    if oracle is not None and commonly_known(examiner.contract, finding.coalition):
        found = _joint_action(examiner, promising, oracle)
    if found is None and (oracle is None or not alone):
        found, begun = _side_contract(examiner, finding, consistent=False)
        finding = replace(finding, begun=begun)
    verdict = Verdict.NOT_REFUTED if found is None else Verdict.REFUTED
    if alone:  # Nobody is left who could break what one player does alone.
        return replace(finding, improvement=verdict, consistent=verdict, found=found)
    return replace(finding, improvement=verdict, consistent=_deterred(examiner, finding), found=found)


def _with_construction(examiner: Examiner, finding: CoalitionFinding) -> CoalitionFinding:
    """Return the finding with an improvement that needs no search, if there is one."""
    if examiner.deadline.passed:
        return finding
    contract, rules = examiner.contract, examiner.rules
    finding = _with_kept(examiner, finding)
    agreed = find_constructed_side_contract(
        contract, rules, finding.coalition, reaction=finding.reaction, deadline=examiner.deadline
    )
    if agreed is None:
        return finding
    found = _accepted(examiner, agreed, partial(certify_side_contract, contract, rules, agreed, finding.reaction))
    if found is None:
        return finding
    if not finding.found_consistent and len(finding.coalition) <= MOST_IN_PARTS:
        finding = _if_kept(examiner, finding, agreed)
    consistent = finding.consistent if finding.found_consistent else _deterred(examiner, finding)
    return replace(finding, improvement=Verdict.REFUTED, consistent=consistent, found=found)


def _with_kept(examiner: Examiner, finding: CoalitionFinding) -> CoalitionFinding:
    """Return the finding with an improvement that needs no search and that provably nobody breaks, if there is one."""
    contract, rules = examiner.contract, examiner.rules
    agreed = find_kept_side_contract(contract, rules, finding.coalition, reaction=finding.reaction)
    if agreed is None:
        return finding
    return _if_kept(examiner, finding, agreed)


def _if_kept(examiner: Examiner, finding: CoalitionFinding, agreed: SideContract) -> CoalitionFinding:
    """Return the finding with an improvement if provably no proper part of the coalition gains by breaking it."""
    contract, rules = examiner.contract, examiner.rules
    # The derivation by which whoever replays it knows that it is kept is the only one that there is.
    twice = replace(examiner, thoroughness=replace(examiner.thoroughness, derived_twice=True))
    found = _accepted(
        twice, agreed, partial(_certified_kept, contract, rules, agreed, finding.reaction), Verdict.PROVEN
    )
    if found is None:
        return finding
    return replace(finding, improvement=Verdict.REFUTED, consistent=Verdict.REFUTED, found_consistent=found)


def _certified_kept(
    contract: GrandContract, rules: MarketRules, agreed: SideContract, reaction: Reaction | None
) -> SideContractCertificate:
    """Return the certificate of what no proper part breaks; of what some member breaks, its parts are not asked for."""
    certify = partial(certify_side_contract, contract, rules, agreed, reaction, kept_alone=True)
    alone = certify()
    if len(agreed.coalition) == PAIR or not verify(alone).confirmed:
        return alone
    return certify(kept_by_parts=True)


def _deterred(examiner: Examiner, finding: CoalitionFinding) -> Verdict:
    """Return what is known of consistent improvements where there may be others."""
    return Verdict.PROVEN if finding.reaction is None and examiner.deterred is not None else Verdict.NOT_REFUTED


def examine_consistency(examiner: Examiner, finding: CoalitionFinding) -> CoalitionFinding:
    """Return the finding about a coalition with what is known about internally consistent improvements."""
    if not _may_be_consistent(finding):
        return finding
    found, _ = _side_contract(examiner, finding, consistent=True)
    if found is None:
        return finding
    if found.kept is not Verdict.PROVEN:
        return replace(finding, found_consistent=found)
    return replace(finding, improvement=Verdict.REFUTED, consistent=Verdict.REFUTED, found_consistent=found)


def approached_by(examiner: Examiner, pairs: Iterable[Coalition]) -> HiddenRuinCertificate | None:
    """Return an improvement of one of some pairs that only a guess breaks, as unlikely as counts as nothing, if any.

    It is known of outsiders who play on, and takes no search.
    """
    contract, rules = examiner.contract, examiner.rules
    until = Deadline.after(max(examiner.deadline.left, GRACE))
    playing_on = (one for one in pairs if examiner.reaction_to(one) is None)
    for ruin in hidden_ruins(contract, rules, takewhile(lambda _: not until.passed, playing_on)):
        with suppress(ValueError):
            certificate = certify_hidden_ruin(contract, rules, ruin)
            if verify(certificate).confirmed:
                return certificate
    return None


def _may_be_consistent(finding: CoalitionFinding) -> bool:
    """Say whether to ask for what nobody breaks: of any pair, of larger coalitions where an improvement was found."""
    size = len(finding.coalition)
    asked = size == PAIR or (PAIR < size <= MOST_IN_PARTS and finding.improvement is Verdict.REFUTED)
    return asked and finding.consistent is Verdict.NOT_REFUTED


def _joint_action(examiner: Examiner, promising: list[Situation], effort: Effort) -> FoundImprovement | None:
    """Return a joint action by which every member gains, in the first situation that has one."""
    for situation in promising:
        if examiner.deadline.passed:
            return None
        timely = replace(effort, deadline=examiner.deadline)
        search = most_profitable_deviation(situation, Objective.LEAST, timely)
        if search.verdict is Verdict.REFUTED and search.best is not None:
            certify = partial(certify_deviation, situation, search.best, examiner.contract)
            found = _accepted(examiner, search.best, certify)
            if found is not None:
                return found
    return None


def _side_contract(
    examiner: Examiner, finding: CoalitionFinding, *, consistent: bool
) -> tuple[FoundImprovement | None, Begun | None]:
    """Return a side-contract, one that no part was found to break if it must be so, and what was begun."""
    if examiner.deadline.passed:
        return None, None
    contract, rules = examiner.contract, examiner.rules
    find = partial(find_consistent_side_contract, begun=finding.begun) if consistent else find_side_contract
    search: SideContractSearch = find(
        contract,
        rules,
        finding.coalition,
        reaction=finding.reaction,
        objective=examiner.thoroughness.objective,
        effort=_timely(examiner),
    )
    agreed = search.side_contract
    if agreed is None:
        return None, search.begun
    kept = Verdict.NOT_REFUTED if search.obeyed is None else search.obeyed.verdict
    if consistent and kept is not Verdict.PROVEN:
        return FoundImprovement(agreed, None, kept), search.begun
    certify = _certified_kept if consistent else certify_side_contract
    return _accepted(examiner, agreed, partial(certify, contract, rules, agreed, finding.reaction), kept), search.begun


def _timely(examiner: Examiner) -> SideEffort:
    """Return an effort for a side-contract that ends in time; if paced, one for which it suffices, more or less."""
    effort, deadline = examiner.thoroughness.effort, examiner.deadline
    share = min(1.0, deadline.left / PATIENT_SECONDS) if examiner.thoroughness.paced else 1.0
    vectors = ceil(share * effort.oracle.quote_vectors)
    return replace(
        effort,
        oracle=replace(effort.oracle, quote_vectors=vectors, deadline=deadline),
        breaches=ceil(share * effort.breaches),
        cells=ceil(share * effort.cells),
    )


def _accepted(
    examiner: Examiner,
    agreement: JointAction | SideContract,
    certify: Callable[[], ImprovementCertificate],
    kept: Verdict = Verdict.NOT_REFUTED,
) -> FoundImprovement | None:
    """Return an improvement, if it also is one in exact arithmetic wherever that is asked for."""
    if not examiner.thoroughness.derived_twice:
        return FoundImprovement(agreement, None, kept)
    try:
        certificate = certify()
    except ValueError:  # Without rounding somebody cannot announce or cover what it is to.
        return None
    return FoundImprovement(agreement, certificate, kept) if verify(certificate).confirmed else None


def _stability(examiner: Examiner, asked: Coalitions, tour: _Tour, *, truthful: bool) -> StabilityCertificate:
    """Return the certificate that no coalition gains that was asked about; it says nothing of lies if these may pay.

    Raises:
        UndecidableError: the second derivation does not say the same.
    """
    contract, rules, derived = examiner.contract, examiner.rules, examiner.derived
    if tour.by_member is not None:
        proof = certify_stability_by_member(contract, rules, asked, derived, truthful=truthful)
    else:
        coalitions = list(asked)
        reactions = [examiner.reaction_to(one) for one in coalitions]
        derived = replace(derived, deadline=NO_DEADLINE)
        proof = certify_stability(contract, rules, coalitions, reactions, derived, truthful=truthful)
    if truthful and examiner.reaction_to(()) is None:
        with suppress(DeadlinePassedError):
            proof = claiming_safety_after_lies(proof, examiner.deadline)
    verification = verify(proof)
    if not verification.confirmed:
        raise UndecidableError(f"no coalition gains by one derivation, but by another: {verification.failures[0]}")
    return proof


def _lies(contract: GrandContract, device: Contract, incentives: IncentiveCheck) -> list[FoundDeviation]:
    """Return the most profitable lie, obeyed, and the most profitable lie that is not.

    Raises:
        UndecidableError: a lie pays by one derivation and by the other does not.
    """
    found: list[FoundDeviation] = []
    if max(contract.economy.prior.type_counts) == 1:
        return found
    if incentives.worst is not None and not incentives.incentive_compatible:
        worst = incentives.worst
        player, lie = _numbers(contract, worst.player, worst.true_type, worst.reported_type)
        told = certify_misreport(contract, device.rules, player, lie)
        verification = verify(told)
        if not verification.confirmed:
            raise UndecidableError(
                f"whether {worst.player} gains by a lie cannot be told: by one derivation {worst.gain:.3g}, by another "
                f"{float(told.outcome.gain[player]):.3g}"
            )
        found.append(_lie(DeviationKind.LIE, told))
    reorder = certified_lie_and_reorder(contract, device)
    return found if reorder is None else [*found, _lie(DeviationKind.LIE_AND_REORDER, reorder)]


def certified_lie_and_reorder(contract: GrandContract, device: Contract) -> MisreportCertificate | None:
    """Return the most profitable lie that is followed by what the liar likes best at the price this brings, if one is.

    Args:
        contract: the contract.
        device: the same as a device, under the rules of the market.
    """
    economy = contract.economy
    kinds, counterparties = range(max(economy.prior.type_counts)), range(min(2, len(economy.players)))
    alternatives = [best_bundle(economy, kind, other) for kind in kinds for other in counterparties]
    alternatives += chain.from_iterable(best_bundles_from_all(device, kind) for kind in kinds)
    reorder = most_profitable_lie_and_reorder(device, alternatives)
    if reorder is None:
        return None
    player, lie = _numbers(contract, reorder.player, reorder.true_type, reorder.reported_type)
    certificate = certify_misreport(contract, device.rules, player, lie, reorder)
    return certificate if verify(certificate).confirmed else None


def _liars_alone(examiner: Examiner, known: Sequence[FoundDeviation]) -> tuple[Verdict, list[FoundDeviation]]:
    """Return what is known of one player's reports and replies where no ``known`` lie settles it, and how it gains."""
    if any(len(one.coalition) == 1 for one in known):
        return Verdict.REFUTED, []
    if max(examiner.contract.economy.prior.type_counts) == 1:
        return Verdict.NOT_REFUTED, []
    return examine_replies(examiner, range(1, 2))


def _liars_together(
    examiner: Examiner, known: Sequence[FoundDeviation], tour: _Tour
) -> tuple[Verdict, list[FoundDeviation]]:
    """Return what is known of the reports and replies of several players, and how some of them gain.

    One deviation that is ``known`` settles the question: whoever gains, gains.
    """
    economy = examiner.contract.economy
    if known:
        return Verdict.REFUTED, []
    if max(economy.prior.type_counts) == 1 and tour.nobody_gains and tour.asked.complete:
        # Nobody can lie, and what was proven is about what members gain in sum.
        return Verdict.PROVEN, []
    return examine_replies(examiner, range(PAIR, len(economy.players) + 1), tour.alike)


def examine_replies(
    examiner: Examiner,
    sizes: range,
    alike: tuple[int, ...] | None = None,
    share: float = SHARE_FOR_LIES,
    effort: Effort = EFFORT_FOR_REPLIES,
) -> tuple[Verdict, list[FoundDeviation]]:
    """Return whether no coalition of some sizes gains by reports and its replies to what follows, and how some gain.

    Args:
        examiner: of what.
        sizes: of the coalitions, the small ones first.
        alike: for each player the first that can take its place.
        share: of the examiner's time that this may take.
        effort: of the search for replies, where neither bounds nor constructions decide.
    """
    until = Deadline.after(examiner.deadline.left * share)
    search = LiesSearch(examiner.contract, examiner.rules, examiner.reaction_to, until, effort, alike=alike)
    verdicts = []
    for size in sizes:
        verdict, best = search.of_size(size)
        if best is not None:
            certificate = _certified_replies(examiner, best)
            if certificate is not None:
                return Verdict.REFUTED, [FoundDeviation(best.lie.coalition, _kind_of_replies(best), certificate)]
            verdict = Verdict.NOT_REFUTED
        verdicts.append(verdict)
    return together(verdicts), []


def _kind_of_replies(found: LieWithReplies) -> DeviationKind:
    if len(found.lie.coalition) > 1:
        return DeviationKind.REPORTS_AND_REORDERS
    truth = found.lie.true_types == found.lie.reported_types
    return DeviationKind.UNILATERAL if truth else DeviationKind.LIE_AND_REORDER


def _certified_replies(examiner: Examiner, found: LieWithReplies) -> JointMisreportCertificate | None:
    """Return the certificate of a lie with replies; none if in exact arithmetic it is none or does not gain."""
    played = found.by_profile
    parts = (played.quotes, played.orders, played.announced_endowments, played.side_transfers)
    lie = found.lie
    try:
        certificate = certify_joint_misreport(
            examiner.contract,
            examiner.rules,
            lie.coalition,
            lie.true_types,
            lie.reported_types,
            JointReplies(*parts),
        )
    except ValueError:  # Without rounding somebody cannot announce or cover what it is to.
        return None
    return certificate if verify(certificate).confirmed else None


def _joint_lies(contract: GrandContract, rules: MarketRules, check: JointMisreportCheck) -> Iterator[FoundDeviation]:
    """Yield the most profitable lie that several players tell together, if a lie gains that is not one player's.

    Raises:
        UndecidableError: it pays by one derivation and by the other does not.
    """
    worst = check.worst
    if worst is None or check.truthful or len(worst.coalition) == 1:
        return
    each = zip(worst.coalition, worst.true_types, worst.reported_types, strict=True)
    members, lies = zip(*(_numbers(contract, *one) for one in each), strict=True)
    true_types, reported_types = zip(*lies, strict=True)
    told = certify_joint_misreport(contract, rules, members, true_types, reported_types)
    verification = verify(told)
    if not verification.confirmed:
        raise UndecidableError(
            f"whether {coalition_name(worst.coalition)} gain by a joint lie cannot be told: by one derivation "
            f"{worst.gain:.3g}, by another not: {verification.failures[0]}"
        )
    yield FoundDeviation(members, DeviationKind.JOINT_LIE, told)


def _numbers(contract: GrandContract, name: str, true_type: str, report: str) -> tuple[int, tuple[int, int]]:
    player = contract.economy.player_names.index(name)
    kinds = [kind.name for kind in contract.economy.players[player].types]
    return player, (kinds.index(true_type), kinds.index(report))


def _lie(kind: DeviationKind, certificate: MisreportCertificate) -> FoundDeviation:
    return FoundDeviation((certificate.player,), kind, certificate)


def _deviations(finding: CoalitionFinding) -> Iterator[FoundDeviation]:
    """Yield the improvements of a coalition that are certified, an internally consistent one last but for guesses."""
    alone, found, consistent = len(finding.coalition) == 1, finding.found, finding.found_consistent
    if found is not None and found.certificate is not None:
        # Nobody is left who could break what one player does alone.
        kept = Verdict.PROVEN if alone else Verdict.NOT_REFUTED
        yield FoundDeviation(finding.coalition, _kind(finding.coalition, found.certificate), found.certificate, kept)
    if consistent is not None and consistent.certificate is not None:
        kind = DeviationKind.SIDE_CONTRACT
        yield FoundDeviation(finding.coalition, kind, consistent.certificate, Verdict.PROVEN)
    if finding.approached is not None:
        yield FoundDeviation(finding.coalition, DeviationKind.HIDDEN_RUIN, finding.approached)


def _kind(coalition: Coalition, certificate: ImprovementCertificate) -> DeviationKind:
    if isinstance(certificate, SideContractCertificate):
        return DeviationKind.SIDE_CONTRACT
    return DeviationKind.UNILATERAL if len(coalition) == 1 else DeviationKind.JOINT
