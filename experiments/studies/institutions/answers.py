"""Questions to one institution on one economy, before the truth and after: who lies, who deviates, who does both.

Whether one liar gains, or liars who share what they know and own, is the same under all rules but that of what is
withheld; those who gain do so by enumeration, and where nobody does that is a proof. What follows a lie is the question
of `marketgame.mechanisms.collusion.lies_and_replies`; it is asked where no other answer settles it: obedience and the
truth are replies and reports too, and who has one type has nothing to lie about.

A "yes" is a proof: a bound on the coalition's total gain that covers every deviation (`mechanisms.deviations.bounds`),
or the argument of Proposition 4 in ``docs/collusion.md``. A "no" is a deviation of one player, or a side-contract of
several (`mechanisms.collusion.side_contracts.search`), settled by the market game. Anything else is "not refuted", with
the bound that remains. All is found by the examination that ``marketgame certify`` makes too
(`mechanisms.certificates.examination`), with less effort for each of very many institutions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

from marketgame.experiments.stress.examining import EFFORT
from marketgame.experiments.stress.market_institution import MarketInstitution
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Ruling
from marketgame.mechanisms.certificates.examination import (
    PAIR,
    CoalitionFinding,
    Examiner,
    FoundImprovement,
    Thoroughness,
    approached_by,
    examine_coalition,
    examine_consistency,
    excluded,
)
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate
from marketgame.mechanisms.collusion.lies_and_replies import LiesSearch, LieWithReplies
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.contracts.contract import check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.market_game.rules import Pricing, Refusal

AFTER_THE_TRUTH = (Question.ONE, Question.CONSISTENT, Question.ANY)
ASKED = (Question.ONE_LIAR, Question.LIARS, *AFTER_THE_TRUTH, Question.DISOBEYS, Question.DISOBEY)
"""What the table asks of every institution.

Nobody is asked whether coalitions stay: that is about what they own, and not about the rules.
"""


def answers(
    contract: GrandContract, institution: MarketInstitution, effort: SideEffort = EFFORT
) -> dict[Question, Ruling]:
    """Return the answers for one grand contract under one institution."""
    found = before_the_truth(contract, institution) | after_the_truth(contract, institution, effort)
    return found | lies_and_disobedience(contract, institution, found, effort.oracle)


def before_the_truth(contract: GrandContract, institution: MarketInstitution) -> dict[Question, Ruling]:
    """Return whether a player alone, and whether a coalition of any size, gains by other reports and obedience."""
    incentives = check_contract(device_of(contract.under(institution.rules), institution.rules))
    scale, worst = gains_from_trade(contract), incentives.worst
    alone = Ruling(Verdict.PROVEN, "every lie costs")
    if worst is not None and incentives.incentive_compatible is not True:
        gain = worst.gain / scale
        alone = Ruling(Verdict.REFUTED, "lie", (worst.player,), gain, gain, gain)
    check = check_joint_misreports(contract, institution.rules.withholding)
    if check.truthful or check.worst is None:
        verdict = Verdict.PROVEN if check.complete else Verdict.NOT_REFUTED
        because = "every joint lie costs" if check.complete else f"up to {check.examined_size} members"
        return {Question.ONE_LIAR: alone, Question.LIARS: Ruling(verdict, because)}
    gain = check.worst.gain / scale
    together = Ruling(Verdict.REFUTED, "joint lie", check.worst.coalition, total_gain=gain, bound=gain)
    return {Question.ONE_LIAR: alone, Question.LIARS: together}


def lies_and_disobedience(
    contract: GrandContract, institution: MarketInstitution, known: Mapping[Question, Ruling], effort: Effort
) -> dict[Question, Ruling]:
    """Return whether a player alone, and whether a coalition, gains by reports followed by whatever suits it."""
    alone, together = Question.DISOBEYS, Question.DISOBEY
    if max(contract.economy.prior.type_counts) == 1:
        return {alone: known[Question.ONE], together: known[Question.ANY]}
    search = LiesSearch(contract, institution.rules, lambda _: institution.reaction, effort=effort)
    found = {alone: _first_broken(known, (Question.ONE_LIAR, Question.ONE)), together: None}
    if found[alone] is None:
        looked = replace(search, largest=1).run()
        found[alone] = _ruling(contract, looked.alone, looked.best)
    settled = {**known, alone: found[alone]}
    found[together] = _first_broken(settled, (alone, Question.LIARS, Question.ANY))
    if found[together] is None:
        looked = search.run()
        found[together] = _ruling(contract, looked.together, looked.best)
    return {question: ruling for question, ruling in found.items() if ruling is not None}


def _first_broken(known: Mapping[Question, Ruling | None], questions: Iterable[Question]) -> Ruling | None:
    """Return the first answer that is no; none if none is."""
    answered = (known[question] for question in questions)
    return next((one for one in answered if one is not None and one.verdict is Verdict.REFUTED), None)


def _ruling(contract: GrandContract, verdict: Verdict, found: LieWithReplies | None) -> Ruling:
    """Return the ruling on lies that are followed by disobedience."""
    scale = gains_from_trade(contract)
    if verdict is not Verdict.REFUTED or found is None:
        return Ruling(verdict, "every lie costs, whatever follows" if verdict is Verdict.PROVEN else "none found")
    names = tuple(contract.economy.player_names[member] for member in found.lie.coalition)
    return Ruling(verdict, "lie and disobedience", names, total_gain=found.gain / scale, bound=found.bound / scale)


def after_the_truth(
    contract: GrandContract, institution: MarketInstitution, effort: SideEffort = EFFORT
) -> dict[Question, Ruling]:
    """Return what one player, consistent coalitions and any coalition do after truthful reports."""
    examiner = _examiner(contract, institution, effort)
    players = range(len(contract.economy.players))
    one, _ = _stable(examiner, [(player,) for player in players])
    if one.verdict is Verdict.REFUTED:
        return dict.fromkeys(AFTER_THE_TRUTH, one)
    pairs = list(combinations(players, PAIR))
    several = [c for size in range(PAIR, len(players) + 1) for c in combinations(players, size)]
    reasons = excluded(examiner, several)
    if reasons is not None:
        anybody = _proven(reasons)
        return {Question.ONE: one, Question.CONSISTENT: anybody, Question.ANY: anybody}
    # The last two players, then the first two: whoever is searched, one refutation settles the question.
    asked = list(dict.fromkeys([pairs[-1], pairs[0]]))
    if excluded(examiner, asked) is not None:  # These pairs cannot gain, but some other coalition might.
        asked = [next(c for c in several if excluded(examiner, [c]) is None)]
    anybody, finding = _stable(examiner, asked)
    return {Question.ONE: one, Question.CONSISTENT: _consistent(examiner, anybody, finding), Question.ANY: anybody}


def _examiner(contract: GrandContract, institution: MarketInstitution, effort: SideEffort = EFFORT) -> Examiner:
    # Where members only deviate at some profiles, the least gain over all is zero.
    objective = Objective.LEAST if len(contract.economy.profiles) == 1 else Objective.TOTAL
    thoroughness = Thoroughness(effort, oracle=None, objective=objective, derived_twice=False)
    return Examiner(contract, institution.rules, lambda _: institution.reaction, thoroughness=thoroughness)


def approached(contract: GrandContract, institution: MarketInstitution) -> bool:
    """Say whether some pair has an improvement that only a guess breaks, however unlikely; that takes no search."""
    return _approached(_examiner(contract, institution)) is not None


def known_without_search(contract: GrandContract, institution: MarketInstitution) -> bool:
    """Say whether what is known of consistent coalitions is known without a search, should no single player gain."""
    examiner = _examiner(contract, institution)
    proven = institution.reaction is None and examiner.deterred is not None
    return proven or _approached(examiner) is not None


def _approached(examiner: Examiner) -> HiddenRuinCertificate | None:
    # The table's tolerance is in what members gain once they are told their parts (Theorem 23, not Theorem 24).
    if examiner.rules.pricing is Pricing.VOID:
        return None
    return approached_by(examiner, combinations(range(len(examiner.contract.economy.players)), PAIR))


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
    guess = _approached(examiner)
    if finding.reaction is None and examiner.deterred is not None:
        return Ruling(Verdict.PROVEN, examiner.deterred.value, approached=guess is not None)
    if guess is not None and finding.found_consistent is None:
        return _kept_but_for_a_guess(examiner, finding, guess)
    unanswered = Ruling(Verdict.NOT_REFUTED, "none found", bound=anybody.bound)
    # After deposits the program behind the search does not know that whoever trades no further is out of reach.
    if anybody.verdict is not Verdict.REFUTED or examiner.rules.refusal is Refusal.ESCROW:
        return unanswered
    found = examine_consistency(examiner, finding).found_consistent
    if found is None:
        return unanswered
    answer = _refuted(examiner, finding, found)
    if found.kept is Verdict.PROVEN:
        return replace(answer, because=f"{answer.because}, obeyed by proof")
    return replace(answer, verdict=Verdict.NOT_REFUTED, because="one that nobody was found to break")


def _kept_but_for_a_guess(examiner: Examiner, finding: CoalitionFinding, guess: HiddenRuinCertificate) -> Ruling:
    """Return what two gain at the profile at which they agree on what only a guess breaks."""
    scale = gains_from_trade(examiner.contract)
    gains = ((guess.promised - guess.status_quo) / scale).tolist()
    names = tuple(examiner.contract.economy.player_names[member] for member in guess.coalition)
    bound = _bound(finding) / scale
    return Ruling(Verdict.REFUTED, "kept up to any tolerance", names, min(gains), sum(gains), bound, approached=True)


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
