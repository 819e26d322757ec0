"""How an institution of the papers is examined: one inquiry at a time, each "no" with a certificate that is replayed.

The examination is that of ``marketgame certify`` (:mod:`marketgame.mechanisms.certificates.examination`), taken apart
where answers can do without each other. Searches look at the same cases however much time there is, and stop where it
is over, so that what was found before is found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.proven import contract_instance, proven_by
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Evidence, Ruling
from marketgame.mechanisms.certificates.certificate import Certificate, verify
from marketgame.mechanisms.certificates.examination import (
    GRACE,
    PAIR,
    CoalitionFinding,
    DeviationKind,
    Examiner,
    ExpectReaction,
    FoundDeviation,
    Orders,
    Thoroughness,
    alike_players,
    examine_orders,
    examine_replies,
    examine_reports,
    outsiders_play_on,
    timed_examiner,
)
from marketgame.mechanisms.certificates.joint_truth import certify_joint_truth
from marketgame.mechanisms.certificates.replies import certify_replies
from marketgame.mechanisms.certificates.stability import certify_stability
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.collusion.side_contracts.arbitrage import Temptation
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.contracts.contract import check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict, together
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.stakes import UndecidableError
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import MarketRules

# Enough to come close to the bounds on the economies of the published table; one profile is enough to refute.
ORACLE = Effort(quote_vectors=8, local_rounds=1, seconds_per_program=2.0)
EFFORT = SideEffort(oracle=ORACLE, rounds=2, breaches=5, cells=1)
TEMPTED: Mapping[Temptation, Theorem] = {
    Temptation.ARBITRAGE: Theorem.ARBITRAGE,
    Temptation.BUYING_OUT: Theorem.BUYING_OUT,
    Temptation.OUTBIDDING: Theorem.OUTBIDDING,
    Temptation.SELLING_DEAR: Theorem.SELLING_DEAR,
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A contract under rules, as it is examined.

    Attributes:
        contract: the contract.
        rules: of the market.
        reaction_to: how those outside a coalition answer misquotes, as far as its members know.
    """

    contract: GrandContract
    rules: MarketRules
    reaction_to: ExpectReaction = outsiders_play_on

    @cached_property
    def scale(self) -> float:
        """What gains are shares of: the gains from trade expected before types are drawn; without any, the stakes."""
        contract = self.contract
        gained = float(contract.probability @ contract.gains.sum(axis=-1))
        stakes = float(contract.stakes.max())
        return gained if gained > NOTHING * stakes else stakes

    @cached_property
    def truthful(self) -> bool:
        """Whether truth is best for every player alone."""
        check = check_contract(device_of(self.contract.under(self.rules), self.rules))
        return check.incentive_compatible is True

    @property
    def secrets(self) -> bool:
        """Whether somebody has a second type."""
        return max(self.contract.economy.prior.type_counts) > 1

    def examiner(self, deadline: Deadline) -> Examiner:
        """Return who examines it until a deadline."""
        # Where members only deviate at some profiles, the least gain over all is zero.
        objective = Objective.LEAST if len(self.contract.economy.profiles) == 1 else Objective.TOTAL
        how = Thoroughness(EFFORT, oracle=ORACLE, objective=objective, paced=False)
        return timed_examiner(self.contract, self.rules, deadline, self.reaction_to, how)


# Gains of less than this share of what is at stake are none.
NOTHING = 1e-9


def reports(subject: Subject, deadline: Deadline) -> Answered:
    """Return whether a player alone, and whether a coalition of any size, gains by other reports and obedience.

    Raises:
        ValueError: the rules do not admit the contract.
        UndecidableError: two derivations of one number disagree.
    """
    found = examine_reports(subject.contract, subject.rules)
    lies = [one for one in found.deviations if one.kind is DeviationKind.LIE]
    joint = [one for one in found.deviations if one.kind is DeviationKind.JOINT_LIE]
    rulings = {Question.ONE_LIAR: _no(subject, lies[0]) if lies else _no_lie_pays(subject)}
    if joint or lies:
        rulings[Question.LIARS] = _no(subject, (joint or lies)[0])
    else:
        rulings[Question.LIARS] = _joint_lies(subject, found.joint_lies, deadline)
    # A lie followed by orders at the price that it brings is found on the way.
    reorder = [one for one in found.deviations if one.kind is DeviationKind.LIE_AND_REORDER]
    if reorder:
        rulings[Question.DISOBEYS] = _no(subject, reorder[0])
    return Answered(rulings)


def _no_lie_pays(subject: Subject) -> Ruling:
    """Return that truth is best, with the certificate that says so and nothing more."""
    if not subject.secrets:
        return _one_type(subject)
    if not subject.truthful:
        return Ruling(Verdict.NOT_REFUTED, "a lie gains no more than rounding, but may")
    proof = certify_stability(subject.contract.under(subject.rules), subject.rules, [])
    return Ruling(Verdict.PROVEN, "every lie costs", evidence=_evidence("no-lie-pays", proof))


def _one_type(subject: Subject) -> Ruling:
    """Return that there is no lie to tell."""
    found = proven_by(Theorem.NO_OTHER_TYPE, contract_instance(subject.contract, subject.rules))
    assert found is not None
    return found


def _joint_lies(subject: Subject, check: JointMisreportCheck, deadline: Deadline) -> Ruling:
    """Return the ruling on joint lies none of which was found to gain.

    Raises:
        UndecidableError: by a second enumeration, in rational numbers, one gains.
    """
    if not check.complete:
        return Ruling(Verdict.NOT_REFUTED, f"none gains of up to {check.examined_size} members")
    if not subject.secrets:
        return _one_type(subject)
    by = Deadline.after(max(deadline.left, GRACE))
    try:
        if check.theorem:
            ruling = proven_by(Theorem.COMPENSATED, contract_instance(subject.contract, subject.rules), by)
            return ruling or Ruling(Verdict.NOT_REFUTED, "none gains, but for rounding that may count to somebody")
        proof = certify_joint_truth(subject.contract, subject.rules, deadline=by)
    except DeadlinePassedError:
        return Ruling(Verdict.NOT_REFUTED, "none gains, but time was over before that was derived twice", cut=True)
    except ValueError as too_many:
        return Ruling(Verdict.NOT_REFUTED, f"none gains, but that is not derived twice: {too_many}")
    if (proof.gains > NOTHING * subject.scale).any() and (found := verify(proof)).failures:
        raise UndecidableError(f"no joint lie gains by one derivation, but by another: {found.failures[0]}")
    return Ruling(Verdict.PROVEN, "every joint lie costs", evidence=_evidence("no-joint-lie-pays", proof))


def orders(subject: Subject, deadline: Deadline) -> Answered:
    """Return whether a player alone gains by what it does after the truth."""
    players = len(subject.contract.economy.players)
    found = examine_orders(subject.examiner(deadline), Coalitions(players, 1), truthful=subject.truthful)
    alone = [one for one in found.deviations if one.kind is DeviationKind.UNILATERAL]
    if alone:
        return Answered({Question.ONE: _no(subject, max(alone, key=_least))})
    verdict = together(finding.improvement for finding in found.findings)
    if found.unexamined:
        verdict = together([verdict, Verdict.NOT_REFUTED])
    if verdict is not Verdict.PROVEN:
        return Answered({Question.ONE: _open(subject, found, deadline)})
    return Answered({Question.ONE: _bounded(found, "no-player-gains")})


def coalitions(subject: Subject, deadline: Deadline) -> Answered:
    """Return whether consistent coalitions, and whether any coalition, gains by what it does after the truth."""
    players = len(subject.contract.economy.players)
    examiner = subject.examiner(deadline)
    found = examine_orders(examiner, Coalitions(players, players), truthful=subject.truthful)
    rulings = {Question.ANY: _any(subject, found, deadline)}
    rulings[Question.CONSISTENT] = _consistent(subject, examiner, found, rulings[Question.ANY], deadline)
    proof = rulings[Question.ANY]
    if proof.verdict is Verdict.PROVEN and proof.safe_after_lies:
        rulings |= dict.fromkeys((Question.DISOBEYS, Question.DISOBEY), replace(proof, follows_from=Question.ANY))
    return Answered(rulings)


def _any(subject: Subject, found: Orders, deadline: Deadline) -> Ruling:
    improved = [one for one in found.deviations if one.kind is not DeviationKind.HIDDEN_RUIN]
    improved = improved or list(found.deviations)
    if improved:
        return _no(subject, max(improved, key=_least))
    if found.everybody and {finding.improvement for finding in found.findings} <= {Verdict.PROVEN}:
        return _bounded(found, "no-coalition-gains")
    return _open(subject, found, deadline)


def _consistent(subject: Subject, examiner: Examiner, found: Orders, anybody: Ruling, deadline: Deadline) -> Ruling:
    """Return the ruling on agreements that no part of a coalition breaks.

    What is proven of agreements that are kept exactly stays "yes", with what is kept but for a guess beside it.
    """
    kept = [one for one in found.deviations if one.internally_consistent is Verdict.PROVEN]
    if kept:
        return _no(subject, max(kept, key=_least))
    guess = [one for one in found.deviations if one.kind is DeviationKind.HIDDEN_RUIN]
    tempted = examiner.deterred
    if found.deterred and tempted is not None:
        instance = contract_instance(subject.contract, subject.rules)
        try:
            proven = proven_by(TEMPTED[tempted], instance, deadline, approached=bool(guess))
        except DeadlinePassedError:
            proven = None
        if proven is not None:
            return proven
    if guess:
        told = _no(subject, guess[0])
        return Ruling(
            told.verdict,
            "kept up to any tolerance",
            told.coalition,
            told.gain,
            told.total_gain,
            approached=True,
            money=told.money,
            evidence=told.evidence,
        )
    if anybody.verdict is Verdict.PROVEN:
        return replace(anybody, follows_from=Question.ANY)
    return Ruling(Verdict.NOT_REFUTED, "none found that is kept", bound=anybody.bound, cut=deadline.passed)


def replies_alone(subject: Subject, deadline: Deadline) -> Answered:
    """Return whether a player alone gains by a report and its replies to what follows."""
    return Answered({Question.DISOBEYS: _replies(subject, deadline, range(1, PAIR))})


def replies(subject: Subject, deadline: Deadline, alone: Ruling | None) -> Answered:
    """Return whether a coalition gains by reports and its replies to what follows.

    Args:
        subject: what is examined.
        deadline: of everything.
        alone: what single players do; they are examined too if that was not asked.
    """
    provable = alone is None or alone.verdict is Verdict.PROVEN
    sizes = range(1 if alone is None else PAIR, len(subject.contract.economy.players) + 1)
    several = _replies(subject, deadline, sizes, provable=provable)
    return Answered({Question.DISOBEY: several})


def _replies(subject: Subject, deadline: Deadline, sizes: range, *, provable: bool = True) -> Ruling:
    """Return the ruling on coalitions of some sizes; its certificate covers smaller ones too.

    Args:
        subject: what is examined.
        deadline: of everything.
        sizes: of coalitions.
        provable: whether smaller ones are known not to gain.
    """
    examiner = subject.examiner(deadline)
    verdict, found = examine_replies(examiner, sizes, alike_players(examiner), share=1.0, effort=ORACLE)
    if found:
        return _no(subject, found[0])
    if verdict is not Verdict.PROVEN:
        return Ruling(Verdict.NOT_REFUTED, "none found", cut=deadline.passed)
    if not provable:
        return Ruling(Verdict.NOT_REFUTED, "none of several gains, but one player might")
    return _certified_replies(subject, deadline, sizes.stop - 1)


def _certified_replies(subject: Subject, deadline: Deadline, largest: int) -> Ruling:
    """Return the ruling on coalitions of up to some size none of which gains by a first derivation of bounds."""
    by = Deadline.after(max(deadline.left, GRACE))
    try:
        proof, excluded = certify_replies(subject.contract, subject.rules, largest, subject.reaction_to, by)
    except DeadlinePassedError:
        return Ruling(Verdict.NOT_REFUTED, "none gains, but time was over before that was derived twice", cut=True)
    except ValueError as too_many:
        return Ruling(Verdict.NOT_REFUTED, f"none gains, but that is not derived twice: {too_many}")
    if not excluded:
        return Ruling(Verdict.NOT_REFUTED, "none gains by one derivation, but by another some might")
    because = "every lie costs, whatever follows" if subject.secrets else "whatever is ordered costs"
    return Ruling(Verdict.PROVEN, because, evidence=_evidence("no-reply-pays", proof))


def _bounded(found: Orders, name: str) -> Ruling:
    """Return what bounds prove, with their certificate, which is about what follows the truth where lies pay."""
    reasons = sorted({reason.value for finding in found.findings for reason in finding.reasons})
    because, proof = " or ".join(reasons), found.prove()
    if proof is None:
        return Ruling(Verdict.NOT_REFUTED, "bounds exclude gains, but no certificate could be derived")
    safe = proof.gain_after_lies is not None
    return Ruling(Verdict.PROVEN, because, evidence=_evidence(name, proof), safe_after_lies=safe)


def _open(subject: Subject, found: Orders, deadline: Deadline) -> Ruling:
    because = "none found"
    if found.unexamined:
        because = f"none found, {found.unexamined} coalitions not examined"
    return Ruling(Verdict.NOT_REFUTED, because, bound=_bound(subject, found.findings), cut=deadline.passed)


def _bound(subject: Subject, findings: Iterable[CoalitionFinding]) -> float:
    return max((one.bound for one in findings if one.bound is not None), default=0.0) / subject.scale


def _least(found: FoundDeviation) -> float:
    return min(found.gains.values())


def _no(subject: Subject, found: FoundDeviation) -> Ruling:
    """Return the ruling that a certified deviation makes."""
    gains = np.array(list(found.gains.values())) / subject.scale
    name = found.kind.value.replace(", ", "-").replace(" ", "-")
    # Liars who share money have not shared it yet: what counts is their sum.
    shared = found.kind in {DeviationKind.JOINT_LIE, DeviationKind.REPORTS_AND_REORDERS}
    # Where nobody can lie what is agreed on is what to play.
    by_orders = found.kind is DeviationKind.REPORTS_AND_REORDERS and not subject.secrets
    because = (DeviationKind.JOINT if by_orders else found.kind).value
    return Ruling(
        Verdict.REFUTED,
        because,
        tuple(found.gains),
        gain=float(gains.sum() / len(gains) if shared else gains.min()),
        total_gain=float(gains.sum()),
        money=float(gains.sum()) * subject.scale,
        evidence=_evidence(name, found.certificate),
    )


def _evidence(name: str, certificate: Certificate) -> Evidence:
    return Evidence(f"{name}.json", certificate_text(certificate))
