"""What is known of contracts whose profiles are too many to list: at those that stand for all, and it is said so."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.benchmarks import NINETY_FIVE, interval
from marketgame.experiments.stress.proven import proven_by
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Evidence, Measured, Ruling
from marketgame.mechanisms.certificates.examination import DeviationKind, Examination, FoundDeviation
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.sampled_examination import examine_sampled
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import MarketRules, Refusal

TOO_MANY = "profiles are too many to examine orders at all of them"


def sampled_welfare(contract: ContractOnDemand) -> Measured:
    """Return what obedience brings: the first best, expected over the profiles that stand for all."""
    sample = contract.sample
    gains = sample.profiles.expected(first_best_gains(contract.economy, sample.efficient))
    return interval(gains.value, gains.standard_error)


def sampled_answers(
    contract: ContractOnDemand, rules: MarketRules, inquiry: Inquiry, deadline: Deadline, *, severance: bool = False
) -> Answered:
    """Return what an inquiry answers: that of reports all at once, but whether coalitions leave.

    Args:
        contract: the contract.
        rules: of the market.
        inquiry: which.
        deadline: of everything.
        severance: whether somebody is promised anything for leaving.
    """
    if inquiry is Inquiry.LEAVING:
        return Answered({Question.LEAVING: _leaving(contract, rules, severance=severance)})
    players = len(contract.economy.players)
    found = examine_sampled(contract, rules, Coalitions(players, players), deadline)
    scale = sampled_welfare(contract).value or float(contract.stakes.max())
    ruling = partial(_ruling, found, scale, deadline)
    return Answered(
        {
            Question.ONE_LIAR: ruling(found.truth_is_best, DeviationKind.LIE),
            Question.LIARS: ruling(found.coalitions_report_truthfully, DeviationKind.JOINT_LIE),
            Question.ONE: ruling(found.unilaterally_stable),
            Question.CONSISTENT: ruling(_of_all(found)),
            Question.ANY: ruling(_of_all(found)),
            Question.DISOBEYS: ruling(Verdict.NOT_REFUTED),
            Question.DISOBEY: ruling(Verdict.NOT_REFUTED),
        }
    )


def _of_all(found: Examination) -> Verdict:
    return found.unilaterally_stable if found.everybody else Verdict.NOT_REFUTED


def _ruling(
    found: Examination, scale: float, deadline: Deadline, verdict: Verdict, lie: DeviationKind | None = None
) -> Ruling:
    if verdict is Verdict.REFUTED:
        kinds = {DeviationKind.LIE, lie}
        return _no(next(one for one in found.deviations if one.kind in kinds or lie is None), scale)
    reasons = sorted({reason.value for finding in found.findings for reason in finding.reasons})
    if lie is not None:
        because, error = "every lie costs", found.joint_lies.standard_error
    else:
        because, error = " or ".join(reasons) or TOO_MANY, 0.0
    if verdict is Verdict.NOT_REFUTED:
        return Ruling(verdict, TOO_MANY if lie is None else "none found", cut=deadline.passed and lie is not None)
    if verdict is Verdict.SAMPLED:
        return Ruling(verdict, because, uncertainty=NINETY_FIVE * error / scale)
    if found.proof is not None:
        return Ruling(verdict, because, evidence=Evidence("no-coalition-gains.json", certificate_text(found.proof)))
    theorem = "counts of types among replicas, all of which were listed" if lie is not None else because
    return Ruling(verdict, because, theorem=theorem, premises=(("profiles", found.contract.economy.prior.obstacle),))


def _no(found: FoundDeviation, scale: float) -> Ruling:
    gains = [gain / scale for gain in found.gains.values()]
    return Ruling(
        Verdict.REFUTED,
        f"{found.kind.value}, sampled",
        tuple(found.gains),
        gain=min(gains),
        total_gain=sum(gains),
        money=sum(found.gains.values()),
        uncertainty=NINETY_FIVE * getattr(found.certificate, "standard_error", 0.0) / scale,
        evidence=Evidence(f"{found.kind.value.replace(' ', '-')}.json", certificate_text(found.certificate)),
    )


def _leaving(contract: ContractOnDemand, rules: MarketRules, *, severance: bool) -> Ruling:
    instance, found = Instance(contract.economy, rules=rules, transfers=contract.rule), None
    if rules.refusal is Refusal.ESCROW:
        found = proven_by(Theorem.DEPOSITS, instance)
    elif contract.rule is TransferRule.NONE and not severance:
        found = proven_by(Theorem.AT_THE_PRICE, instance)
    if found is not None:
        return found
    return Ruling(Verdict.NOT_REFUTED, "coalitions are too many to list")
