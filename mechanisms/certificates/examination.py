"""The examination of a grand contract: does it stand up to lies, to single players, and to coalitions?

Four questions, in the order of Giraud and Rochon (2001): is truth best (Definition 4), can one player alone gain by
what it does after the truth, can a coalition gain by an agreement that no part of it would break in turn (Definition 8,
collusion-proof), can a coalition gain at all (strongly collusion-proof)? A no comes with a deviation that can be played
again, a yes with a bound over everything that coalitions could do; where there is neither, the contract is not refuted.
All is about outsiders who obey, or who answer misquotes as coalitions expect them to.

Of each coalition the proven bounds are asked first, in everything that its members may know together. Where they leave
room, the oracle looks for a joint action by which every member gains; members without secrets from each other need no
device to agree on it, since whoever reports something else only voids the agreement. Otherwise a side-contract is
sought, with lotteries and with reports that must be true. That no improvement is internally consistent may follow from
the rules; otherwise pairs are examined: an improvement is consistent if neither member alone can gain by breaking it,
which must be proven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, partial
from itertools import chain
from math import ceil

import numpy as np

from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.deviation import DeviationCertificate, certify_deviation
from marketgame.mechanisms.certificates.misreport import MisreportCertificate, certify_misreport
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.side_contract import (
    SideContractCertificate,
    certify_side_contract,
    expected_gains,
)
from marketgame.mechanisms.certificates.stability import StabilityCertificate, certify_stability
from marketgame.mechanisms.collusion.side_contracts.arbitrage import deterred_by_arbitrage
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideContractSearch,
    SideEffort,
    find_consistent_side_contract,
    find_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.contracts.communication_equilibrium import (
    Deviation,
    best_bundle,
    check_communication_equilibrium,
)
from marketgame.mechanisms.contracts.contract import Contract, check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck
from marketgame.mechanisms.contracts.knowledge import commonly_known
from marketgame.mechanisms.deviations.bounds import BoundReason, least_bound
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict, together
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.reactions import storable
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, Situation, situations
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.economies.stakes import UndecidableError
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import MarketRules

# Which share of the time may go into deriving a proof; the rest is for verifying it.
SHARE_FOR_PROOF = 0.45
# Bounds are given this many seconds however little time there is: small economies need no more.
GRACE = 0.4
# With less time than this, a search for a side-contract looks at fewer cases.
PATIENT_SECONDS = 60.0
PAIR = 2

type Coalition = tuple[int, ...]
type ImprovementCertificate = DeviationCertificate | SideContractCertificate
type GainCertificate = ImprovementCertificate | MisreportCertificate
type ExpectReaction = Callable[[Coalition], Reaction | None]
"""From a coalition to how those outside it answer misquotes, None if they play on."""


def outsiders_play_on(_: Coalition) -> Reaction | None:
    """Return no reaction, whatever the coalition."""
    return None


@dataclass(frozen=True)
class Thoroughness:
    """How hard an examination searches, and what it accepts.

    Attributes:
        effort: of a search for a side-contract, where there is time for it.
        oracle: of a search for one joint action; none to seek side-contracts at once.
        objective: what a side-contract is to make large.
        derived_twice: whether bounds and improvements count only if a second derivation, which shares nothing with the
            first and computes in rational numbers, says the same; it yields the certificates.
    """

    effort: SideEffort = field(default_factory=SideEffort)
    oracle: Effort | None = field(default_factory=Effort)
    objective: Objective = Objective.TOTAL
    derived_twice: bool = True


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

    @cached_property
    def derived(self) -> PlainBounds:
        """The second derivation of bounds."""
        by = self.proof_by or self.bounds_by or self.deadline
        return PlainBounds(PlainContract(self.contract, self.rules), by)

    @cached_property
    def deterred(self) -> bool:
        """Whether arbitrage provably tempts a member of every coalition to break what it agrees on."""
        return deterred_by_arbitrage(self.contract, self.rules)


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
        bound: what the members cannot gain together beyond, numeraire, at worst over what they may know; none if there
            was no time to derive it.
        reasons: why they cannot, one for each thing that they may know; some may be the same.
        reaction: how those outside the coalition answer quotes that are not the contract's; none if they play on.
    """

    coalition: Coalition
    improvement: Verdict = Verdict.NOT_REFUTED
    consistent: Verdict = Verdict.NOT_REFUTED
    found: FoundImprovement | None = None
    found_consistent: FoundImprovement | None = None
    bound: float | None = None
    reasons: frozenset[BoundReason] = frozenset()
    reaction: Reaction | None = None


class DeviationKind(StrEnum):
    """How a contract is broken."""

    LIE = "lie"
    """A type reports another and obeys."""
    LIE_AND_REORDER = "lie and reorder"
    """A type reports another and then orders what it likes best at the prices its lie brings."""
    UNILATERAL = "unilateral"
    """A player reports the truth and plays otherwise than recommended."""
    JOINT = "joint"
    """A coalition plays otherwise than recommended, one joint action in one case and the contract in all others."""
    SIDE_CONTRACT = "side-contract"
    """A coalition's device draws joint actions after its members' reports."""


@dataclass(frozen=True, eq=False)
class FoundDeviation:
    """A profitable deviation, as it is reported.

    Attributes:
        coalition: who deviates.
        kind: how.
        certificate: plays it.
        internally_consistent: whether no part of the coalition gains by breaking the agreement; none for a lie.
    """

    coalition: Coalition
    kind: DeviationKind
    certificate: GainCertificate
    internally_consistent: Verdict | None = None

    @property
    def gains(self) -> dict[str, float]:
        """What each member expects to gain, numeraire: from a side-contract before it knows anything."""
        names = self.certificate.economy.player_names
        if isinstance(self.certificate, SideContractCertificate):
            return {
                names[member]: gain
                for member, gain in zip(self.coalition, expected_gains(self.certificate), strict=True)
            }
        outcome = self.certificate.outcome
        return {names[member]: float(outcome.gain[member]) for member in self.coalition}


@dataclass(frozen=True, eq=False)
class Examination:
    """What is known about a contract.

    Attributes:
        contract: the contract.
        rules: of its market.
        incentives: all gains from lies that are obeyed.
        findings: about each coalition, single players first.
        deviations: that refute something, and those that combine a lie with disobedience.
        proof: that no coalition gains; none if that is not proven.
        everybody: whether all coalitions were examined.
    """

    contract: GrandContract
    rules: MarketRules
    incentives: IncentiveCheck
    findings: tuple[CoalitionFinding, ...]
    deviations: tuple[FoundDeviation, ...]
    proof: StabilityCertificate | None
    everybody: bool

    @property
    def incentive_compatible(self) -> bool:
        """Whether truth is best for everybody who then obeys."""
        return self.incentives.incentive_compatible

    @property
    def unilaterally_stable(self) -> Verdict:
        """Whether no player alone gains by what it does after the truth."""
        return together(finding.improvement for finding in self.findings if len(finding.coalition) == 1)

    @property
    def strongly_collusion_proof(self) -> Verdict:
        """Whether truth is best and no coalition improves upon the contract."""
        return self._stable([finding.improvement for finding in self.findings])

    @property
    def collusion_proof(self) -> Verdict:
        """Whether truth is best and no coalition has an internally consistent improvement."""
        return self._stable([finding.consistent for finding in self.findings])

    def _stable(self, verdicts: Sequence[Verdict]) -> Verdict:
        if not self.incentive_compatible:
            return Verdict.REFUTED
        # Coalitions that were not examined might gain.
        return together(verdicts if self.everybody else [*verdicts, Verdict.NOT_REFUTED])

    @property
    def refuted(self) -> bool:
        """Whether any of the four questions is answered no."""
        answers = (self.unilaterally_stable, self.collusion_proof, self.strongly_collusion_proof)
        return not self.incentive_compatible or Verdict.REFUTED in answers


def examine(
    contract: GrandContract,
    rules: MarketRules,
    coalitions: Sequence[Coalition],
    deadline: Deadline = NO_DEADLINE,
    reaction_to: ExpectReaction = outsiders_play_on,
) -> Examination:
    """Examine a grand contract.

    Args:
        contract: the contract.
        rules: of its market.
        coalitions: which to examine; members ascending.
        deadline: of everything; what time does not suffice for is not refuted.
        reaction_to: how those outside a coalition answer misquotes, as far as its members know.

    Raises:
        ValueError: the rules do not admit the contract.
        UndecidableError: two derivations of one number disagree.
    """
    device = device_of(contract, rules)
    incentives = check_contract(device)
    lies = _lies(contract, device, incentives)
    # A proof is verified from the beginning, which takes as long again as it took to derive.
    proof_by = Deadline.after(max(deadline.left * SHARE_FOR_PROOF, GRACE))
    bounds_by = Deadline.after(max(deadline.left, GRACE))
    examiner = Examiner(contract, rules, reaction_to, deadline, bounds_by, proof_by)
    findings = [examine_coalition(examiner, coalition) for coalition in coalitions]
    if incentives.incentive_compatible and Verdict.REFUTED not in [one.consistent for one in findings]:
        findings = [examine_consistency(examiner, finding) for finding in findings]
    proven = incentives.incentive_compatible and all(one.improvement is Verdict.PROVEN for one in findings)
    return Examination(
        contract=contract,
        rules=rules,
        incentives=incentives,
        findings=tuple(findings),
        deviations=(*lies, *chain.from_iterable(map(_deviations, findings))),
        proof=_stability(examiner, findings) if proven else None,
        everybody=len(coalitions) == 2 ** len(contract.economy.players) - 1,
    )


def examine_coalition(examiner: Examiner, coalition: Coalition) -> CoalitionFinding:
    """Return what a coalition can gain, without asking whether what it agrees on is internally consistent.

    Raises:
        UndecidableError: the two derivations of a bound disagree.
    """
    finding = CoalitionFinding(coalition, reaction=examiner.reaction_to(coalition))
    try:
        finding, promising = _bounded(examiner, finding)
    except DeadlinePassedError:
        return finding
    return finding if finding.improvement is Verdict.PROVEN else _searched(examiner, finding, promising)


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
    found: FoundImprovement | None = None
    if oracle is not None and commonly_known(examiner.contract, finding.coalition):
        found = _joint_action(examiner, promising, oracle)
    if found is None and (oracle is None or not alone):
        found = _side_contract(examiner, finding, consistent=False)
    verdict = Verdict.NOT_REFUTED if found is None else Verdict.REFUTED
    if alone:  # Nobody is left who could break what one player does alone.
        return replace(finding, improvement=verdict, consistent=verdict, found=found)
    # Who reacts leaves less to be taken; the proof that arbitrage deters is about outsiders who play on.
    deterred = finding.reaction is None and examiner.deterred
    consistent = Verdict.PROVEN if deterred else Verdict.NOT_REFUTED
    return replace(finding, improvement=verdict, consistent=consistent, found=found)


def examine_consistency(examiner: Examiner, finding: CoalitionFinding) -> CoalitionFinding:
    """Return the finding about a coalition with what is known about internally consistent improvements."""
    if len(finding.coalition) != PAIR or finding.consistent is not Verdict.NOT_REFUTED:
        return finding
    found = _side_contract(examiner, finding, consistent=True)
    if found is None:
        return finding
    if found.kept is not Verdict.PROVEN:
        return replace(finding, found_consistent=found)
    return replace(finding, improvement=Verdict.REFUTED, consistent=Verdict.REFUTED, found_consistent=found)


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


def _side_contract(examiner: Examiner, finding: CoalitionFinding, *, consistent: bool) -> FoundImprovement | None:
    """Return a side-contract; one that no single member was found to break, if it must be so."""
    if examiner.deadline.passed:
        return None
    contract, rules = examiner.contract, examiner.rules
    find = find_consistent_side_contract if consistent else find_side_contract
    search: SideContractSearch = find(
        contract,
        rules,
        finding.coalition,
        reaction=finding.reaction,
        objective=examiner.thoroughness.objective,
        effort=_timely(examiner.thoroughness.effort, examiner.deadline),
    )
    agreed = search.side_contract
    if agreed is None:
        return None
    kept = Verdict.NOT_REFUTED if search.obeyed is None else search.obeyed.verdict
    if consistent and kept is not Verdict.PROVEN:
        return FoundImprovement(agreed, None, kept)
    certify = partial(certify_side_contract, contract, rules, agreed, finding.reaction)
    return _accepted(examiner, agreed, certify, kept)


def _timely(effort: SideEffort, deadline: Deadline) -> SideEffort:
    """Return an effort for a side-contract that the time left suffices for, more or less, and that ends in time."""
    share = min(1.0, deadline.left / PATIENT_SECONDS)
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


def _stability(examiner: Examiner, findings: Sequence[CoalitionFinding]) -> StabilityCertificate:
    """Return the certificate of what all findings say.

    Raises:
        UndecidableError: the second derivation does not say the same.
    """
    coalitions, reactions = [one.coalition for one in findings], [one.reaction for one in findings]
    proof = certify_stability(examiner.contract, examiner.rules, coalitions, reactions, examiner.derived)
    verification = verify(proof)
    if not verification.confirmed:
        raise UndecidableError(f"no coalition gains by one derivation, but by another: {verification.failures[0]}")
    return proof


def _lies(contract: GrandContract, device: Contract, incentives: IncentiveCheck) -> list[FoundDeviation]:
    """Return the most profitable lie, obeyed, and the most profitable lie that is not.

    Raises:
        UndecidableError: a lie pays by one derivation and by the other does not.
    """
    economy, found = contract.economy, []
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
    counterparties = range(min(2, len(economy.players)))
    most_types = max(economy.prior.type_counts)
    alternatives = [best_bundle(economy, kind, other) for kind in range(most_types) for other in counterparties]
    check = check_communication_equilibrium(device, alternatives)
    if not check.communication_equilibrium and _disobeys(check.worst):
        worst_play = check.worst
        player, lie = _numbers(contract, worst_play.player, worst_play.true_type, worst_play.reported_type)
        if lie[0] != lie[1]:
            certificate = certify_misreport(contract, device.rules, player, lie, worst_play)
            if verify(certificate).confirmed:
                found.append(_lie(DeviationKind.LIE_AND_REORDER, certificate))
    return found


def _disobeys(deviation: Deviation) -> bool:
    return bool((deviation.played.order != deviation.recommended.order).any())


def _numbers(contract: GrandContract, name: str, true_type: str, report: str) -> tuple[int, tuple[int, int]]:
    player = contract.economy.player_names.index(name)
    kinds = [kind.name for kind in contract.economy.players[player].types]
    return player, (kinds.index(true_type), kinds.index(report))


def _lie(kind: DeviationKind, certificate: MisreportCertificate) -> FoundDeviation:
    return FoundDeviation((certificate.player,), kind, certificate)


def _deviations(finding: CoalitionFinding) -> Iterator[FoundDeviation]:
    """Yield the improvements of a coalition that are certified, an internally consistent one last."""
    alone, found, consistent = len(finding.coalition) == 1, finding.found, finding.found_consistent
    if found is not None and found.certificate is not None:
        # Nobody is left who could break what one player does alone.
        kept = Verdict.PROVEN if alone else Verdict.NOT_REFUTED
        yield FoundDeviation(finding.coalition, _kind(finding.coalition, found.certificate), found.certificate, kept)
    if consistent is not None and consistent.certificate is not None:
        kind = DeviationKind.SIDE_CONTRACT
        yield FoundDeviation(finding.coalition, kind, consistent.certificate, Verdict.PROVEN)


def _kind(coalition: Coalition, certificate: ImprovementCertificate) -> DeviationKind:
    if isinstance(certificate, SideContractCertificate):
        return DeviationKind.SIDE_CONTRACT
    return DeviationKind.UNILATERAL if len(coalition) == 1 else DeviationKind.JOINT
