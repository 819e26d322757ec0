"""Questions to one institution on one economy: liars together, one player, consistent coalitions, any coalition.

Whether coalitions that share what they know and own gain by lies alone is the same under all rules but that of what is
withheld; those who gain do so by enumeration, and where nobody does that is a proof.

A "yes" is a proof: a bound on the coalition's total gain that covers every deviation (`mechanisms.deviations.bounds`),
or the argument of Proposition 4 in ``docs/collusion.md``. A "no" is a deviation of one player, or a side-contract of
several (`mechanisms.collusion.side_contracts.search`), settled by the market game. Anything else is "not refuted", with
the bound that remains. All is found by the examination that ``marketgame certify`` makes too
(`mechanisms.certificates.examination`), with less effort for each of very many institutions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from marketgame.experiments.studies.institutions.institution import Institution
from marketgame.mechanisms.certificates.examination import (
    PAIR,
    CoalitionFinding,
    Examiner,
    FoundImprovement,
    Thoroughness,
    examine_coalition,
    examine_consistency,
    excluded,
)
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.economies.coalitions import Coalition

# Enough to come close to the bounds on the economies of the table; one profile is enough to refute.
ORACLE = Effort(quote_vectors=8, local_rounds=1, seconds_per_program=2.0)
EFFORT = SideEffort(oracle=ORACLE, rounds=2, breaches=5, cells=1)


class Question(StrEnum):
    """Against whom the contract is to be stable, after the truth."""

    ONE = "one player"
    CONSISTENT = "consistent coalitions"
    ANY = "any coalition"


@dataclass(frozen=True)
class Ruling:
    """The ruling on one question.

    Attributes:
        verdict: what was established.
        because: the proof, or the kind of deviation.
        coalition: who deviates; empty unless one is named.
        gain: the least expected gain among the members, as a share of the gains from trade; zero if nobody is named.
        total_gain: the members' gains in sum, likewise.
        bound: the proven bound on that sum for the coalition, at the profile where it is largest, likewise.
    """

    verdict: Verdict
    because: str
    coalition: tuple[str, ...] = ()
    gain: float = 0.0
    total_gain: float = 0.0
    bound: float = 0.0


def answers(contract: GrandContract, institution: Institution, effort: SideEffort = EFFORT) -> dict[Question, Ruling]:
    """Return the answers for one grand contract under one institution."""
    # Where members only deviate at some profiles, the least gain over all is zero.
    objective = Objective.LEAST if len(contract.economy.profiles) == 1 else Objective.TOTAL
    thoroughness = Thoroughness(effort, oracle=None, objective=objective, derived_twice=False)
    examiner = Examiner(contract, institution.rules, lambda _: institution.reaction, thoroughness=thoroughness)
    players = range(len(contract.economy.players))
    one, _ = _stable(examiner, [(player,) for player in players])
    if one.verdict is Verdict.REFUTED:
        return dict.fromkeys(Question, one)
    pairs = list(combinations(players, PAIR))
    several = [c for size in range(PAIR, len(players) + 1) for c in combinations(players, size)]
    reasons = excluded(examiner, several)
    if reasons is not None:
        anybody = _proven(reasons)
        return {Question.ONE: one, Question.CONSISTENT: anybody, Question.ANY: anybody}
    # The last two players, then the first two: whoever is searched, one refutation settles the question.
    anybody, finding = _stable(examiner, list(dict.fromkeys([pairs[-1], pairs[0]])))
    if anybody.verdict is Verdict.PROVEN:  # These pairs cannot gain, but some other coalition might.
        anybody, finding = _stable(examiner, [next(c for c in several if excluded(examiner, [c]) is None)])
    return {Question.ONE: one, Question.CONSISTENT: _consistent(examiner, anybody, finding), Question.ANY: anybody}


# Answered before the market opens, and so beside the questions that are asked of every institution.
LIARS_TOGETHER = "liars together"


def liars_together(contract: GrandContract, institution: Institution) -> Ruling:
    """Return whether coalitions, of one or more, gain by reporting other types and then obeying."""
    check = check_joint_misreports(contract, institution.rules.withholding)
    if check.truthful or check.worst is None:
        verdict = Verdict.PROVEN if check.complete else Verdict.NOT_REFUTED
        because = "every joint lie costs" if check.complete else f"up to {check.examined_size} members"
        return Ruling(verdict, because)
    gain = check.worst.gain / gains_from_trade(contract)
    return Ruling(Verdict.REFUTED, "joint lie", check.worst.coalition, total_gain=gain, bound=gain)


def _stable(examiner: Examiner, coalitions: list[Coalition]) -> tuple[Ruling, CoalitionFinding]:
    """Return the answer for some coalitions, and the finding about the one that it rests on."""
    findings = []
    for coalition in coalitions:
        finding = examine_coalition(examiner, coalition)
        if (found := finding.found or finding.found_consistent) is not None:
            return _refuted(examiner, finding, found), finding
        findings.append(finding)
    widest = max(findings, key=_bound)
    if all(finding.improvement is Verdict.PROVEN for finding in findings):
        return _proven(frozenset().union(*(finding.reasons for finding in findings))), widest
    return Ruling(Verdict.NOT_REFUTED, "none found", bound=_bound(widest) / gains_from_trade(examiner.contract)), widest


def _consistent(examiner: Examiner, anybody: Ruling, finding: CoalitionFinding) -> Ruling:
    """Return the answer for consistent coalitions where no single player gains, given that for any coalition."""
    if finding.reaction is None and examiner.deterred:
        return Ruling(Verdict.PROVEN, "arbitrage")
    unanswered = Ruling(Verdict.NOT_REFUTED, "none found", bound=anybody.bound)
    if anybody.verdict is not Verdict.REFUTED:
        return unanswered
    found = examine_consistency(examiner, finding).found_consistent
    if found is None:
        return unanswered
    answer = _refuted(examiner, finding, found)
    if found.kept is Verdict.PROVEN:
        return replace(answer, because=f"{answer.because}, obeyed by proof")
    return replace(answer, verdict=Verdict.NOT_REFUTED, because="one that nobody was found to break")


def _proven(reasons: Iterable[BoundReason]) -> Ruling:
    return Ruling(Verdict.PROVEN, " or ".join(sorted(reason.value for reason in reasons)))


def _bound(finding: CoalitionFinding) -> float:
    assert finding.bound is not None  # nothing limits the time
    return finding.bound


def _refuted(examiner: Examiner, finding: CoalitionFinding, found: FoundImprovement) -> Ruling:
    """Return what the members gain when what they know makes them deviate."""
    assert isinstance(found.agreement, SideContract)  # nothing else was sought
    scale, agreed = gains_from_trade(examiner.contract), found.agreement
    gains = [float(gain.max()) / scale for gain in agreed.gains]
    drawn = max(len(clause.probability) for clause in agreed.clauses)
    names = tuple(examiner.contract.economy.player_names[member] for member in agreed.coalition)
    how = "by lot" if drawn > 1 else "one joint action"
    return Ruling(Verdict.REFUTED, how, names, min(gains), sum(gains), _bound(finding) / scale)


def gains_from_trade(contract: GrandContract) -> float:
    """Return what efficient trade adds to autarky at the first profile, numeraire."""
    efficient = contract.efficient
    return float(contract.economy.gains_from_goods(efficient.profiles[0], efficient.bundles[0]).sum())
