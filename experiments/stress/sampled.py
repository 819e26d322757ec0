"""What is known of contracts whose profiles are too many to list: what a theorem says of them all, and what draws say.

A theorem needs no list. That no coalition gains by lies follows from how transfers are made, and that none gains by
orders from how they are executed, as long as nobody runs out of money wherever types may be; that is bounded. What no
theorem speaks of is examined at profiles that stand for all: among replicas these are all counts of their types, and
what they say is exact; elsewhere they are draws, and the answer is *sampled*.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
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
from marketgame.mechanisms.deviations.bounds import reason_by_member
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
    lies = partial(_of_lies, found, scale, deadline)
    orders = _of_orders(found, found.unilaterally_stable)
    together = orders if found.everybody else _of_orders(found, Verdict.NOT_REFUTED)
    alone = _after_lies(found, found.replies_alone)
    return Answered(
        {
            Question.ONE_LIAR: lies(found.truth_is_best, DeviationKind.LIE),
            Question.LIARS: lies(found.coalitions_report_truthfully, DeviationKind.JOINT_LIE),
            Question.ONE: orders,
            Question.CONSISTENT: together,
            Question.ANY: together,
            Question.DISOBEYS: alone,
            # One theorem speaks of both.
            Question.DISOBEY: alone,
        }
    )


def _of_lies(found: Examination, scale: float, deadline: Deadline, verdict: Verdict, kind: DeviationKind) -> Ruling:
    """Return the ruling on lies that are obeyed, alone or together."""
    told = [one for one in found.deviations if one.kind in {DeviationKind.LIE, kind}]
    if verdict is Verdict.REFUTED and told:
        return _no(told[0], scale)
    if verdict is Verdict.REFUTED:
        return Ruling(Verdict.NOT_REFUTED, "a lie seems to gain, but was not settled", cut=deadline.passed)
    if verdict is Verdict.NOT_REFUTED:
        return Ruling(verdict, "none found", cut=deadline.passed)
    if verdict is Verdict.SAMPLED:
        uncertainty = NINETY_FIVE * found.joint_lies.standard_error / scale
        return Ruling(verdict, "every lie costs", uncertainty=uncertainty)
    return _no_lie_pays(found, kind)


def _no_lie_pays(found: Examination, kind: DeviationKind) -> Ruling:
    contract = _on_demand(found)
    if contract.rule is TransferRule.COALITION_PROOF:
        return _proven(found, Theorem.IN_TURN)
    if kind is DeviationKind.LIE and found.proof is not None:
        evidence = Evidence("no-coalition-gains.json", certificate_text(found.proof))
        return Ruling(Verdict.PROVEN, "every lie costs", evidence=evidence)
    return _proven(found, Theorem.EVERY_LIE_COSTS)


def _of_orders(found: Examination, verdict: Verdict) -> Ruling:
    """Return the ruling on orders after the truth: bounded by wealth or deposits, or not examined."""
    reason = reason_by_member(found.rules)
    if verdict is Verdict.NOT_REFUTED or reason is None:
        return Ruling(Verdict.NOT_REFUTED, TOO_MANY)
    if verdict is not Verdict.PROVEN:
        return Ruling(verdict, reason.value)
    if found.proof is not None:
        evidence = Evidence("no-coalition-gains.json", certificate_text(found.proof))
        return Ruling(verdict, reason.value, evidence=evidence)
    return replace(_proven(found, Theorem.EVERYWHERE), because=reason.value)


def _after_lies(found: Examination, verdict: Verdict) -> Ruling:
    return _proven(found, Theorem.AFTER_LIES) if verdict is Verdict.PROVEN else Ruling(verdict, TOO_MANY)


def _on_demand(found: Examination) -> ContractOnDemand:
    assert isinstance(found.contract, ContractOnDemand)
    return found.contract


def _proven(found: Examination, theorem: Theorem) -> Ruling:
    """Return what a theorem says, with the certificate that its premises hold; sampled where none can be made.

    What every report leads to, on which expected externalities rest where types are drawn, takes too long to find out
    whenever a certificate is replayed.
    """
    contract = _on_demand(found)
    sample = contract.sample
    certified = None
    if sample.profiles.exact or contract.rule is not TransferRule.EXPECTED_EXTERNALITY:
        # Whoever replays it has time for as many draws as are wanted.
        known = None if sample.cut else (sample.profiles, sample.efficient)
        # A family of somebody's own may have no formula in rational numbers.
        with suppress(ValueError):
            certified = proven_by(
                theorem, Instance(contract.economy, rules=found.rules, transfers=contract.rule, known=known)
            )
    return certified or Ruling(Verdict.SAMPLED, theorem.value)


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
    sample = contract.sample
    known = None if sample.cut else (sample.profiles, sample.efficient)
    instance, found = Instance(contract.economy, rules=rules, transfers=contract.rule, known=known), None
    if rules.refusal is Refusal.ESCROW:
        found = proven_by(Theorem.DEPOSITS, instance)
    elif contract.rule is TransferRule.NONE and not severance:
        found = proven_by(Theorem.AT_THE_PRICE, instance)
    if found is not None:
        return found
    return Ruling(Verdict.NOT_REFUTED, "coalitions are too many to list")
