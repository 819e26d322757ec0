"""What is known of contracts whose profiles are too many to list: what a theorem says of them all, and what draws say.

A theorem needs no list. That no coalition gains by lies follows from how transfers are made, and that none gains by
orders from how they are executed, as long as nobody runs out of money wherever types may be; that is bounded. What no
theorem speaks of is examined at profiles that stand for all: among replicas these are all counts of their types, and
what they say is exact; elsewhere they are draws, and the answer is *sampled*.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from marketgame.mechanisms.contracts.money_left import least_money_left, most_purchasing_power_taken
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.deviations.bounds import BoundReason, reason_by_member
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules, Refusal

TOO_MANY = "profiles are too many to examine orders at all of them"
LIARS = "Theorem 14 (docs/reports.md): under coalition-proof transfers members lose what their lie costs all"
ORDERS = {
    BoundReason.WEALTH: "Theorem 2 (docs/collusion.md): a coalition ends every play with at most its wealth",
    BoundReason.DEPOSITS: "Theorem 8 (docs/collusion.md): a coalition can only divide anew what its members hold",
}
AFTER_LIES = "Theorem 8 (docs/collusion.md): after deposits no lie gains that anything may follow"


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
    orders, together = _of_orders(found, found.unilaterally_stable), _of_orders(found, _of_all(found))
    return Answered(
        {
            Question.ONE_LIAR: lies(found.truth_is_best, DeviationKind.LIE),
            Question.LIARS: lies(found.coalitions_report_truthfully, DeviationKind.JOINT_LIE),
            Question.ONE: orders,
            Question.CONSISTENT: together,
            Question.ANY: together,
            Question.DISOBEYS: _after_lies(found, found.replies_alone),
            Question.DISOBEY: _after_lies(found, found.replies_together),
        }
    )


def _of_all(found: Examination) -> Verdict:
    return found.unilaterally_stable if found.everybody else Verdict.NOT_REFUTED


def _of_lies(found: Examination, scale: float, deadline: Deadline, verdict: Verdict, kind: DeviationKind) -> Ruling:
    contract = found.contract
    assert isinstance(contract, ContractOnDemand)
    match verdict:
        case Verdict.REFUTED:
            return _no(next(one for one in found.deviations if one.kind in {DeviationKind.LIE, kind}), scale)
        case Verdict.NOT_REFUTED:
            return Ruling(verdict, "none found", cut=deadline.passed)
        case Verdict.SAMPLED:
            error = found.joint_lies.standard_error
            return Ruling(verdict, "every lie costs", uncertainty=NINETY_FIVE * error / scale)
    if contract.rule is TransferRule.COALITION_PROOF:
        return Ruling(verdict, "coalition-proof transfers", theorem=LIARS, premises=(*_transfers(contract),))
    if kind is DeviationKind.LIE and found.proof is not None:
        evidence = Evidence("no-coalition-gains.json", certificate_text(found.proof))
        return Ruling(verdict, "every lie costs", evidence=evidence)
    premises = (("profiles", contract.economy.prior.obstacle),)
    theorem = "counts of types among replicas, all of which were listed"
    return Ruling(verdict, "every lie costs", theorem=theorem, premises=premises)


def _of_orders(found: Examination, verdict: Verdict) -> Ruling:
    """Return the ruling on orders after the truth: bounded by wealth or deposits, or not examined."""
    contract, reason = found.contract, reason_by_member(found.rules)
    assert isinstance(contract, ContractOnDemand)
    if verdict is Verdict.NOT_REFUTED or reason is None:
        return Ruling(Verdict.NOT_REFUTED, TOO_MANY)
    if verdict is not Verdict.PROVEN:
        return Ruling(verdict, reason.value)
    if found.proof is not None:
        evidence = Evidence("no-coalition-gains.json", certificate_text(found.proof))
        return Ruling(verdict, reason.value, evidence=evidence)
    return Ruling(verdict, reason.value, theorem=ORDERS[reason], premises=(*_everywhere(contract, found.rules),))


def _after_lies(found: Examination, verdict: Verdict) -> Ruling:
    contract = found.contract
    assert isinstance(contract, ContractOnDemand)
    if verdict is not Verdict.PROVEN:
        return Ruling(verdict, TOO_MANY)
    premises = (*_transfers(contract), *_everywhere(contract, found.rules))
    return Ruling(verdict, "deposits", theorem=AFTER_LIES, premises=tuple(dict(premises).items()))


def _transfers(contract: ContractOnDemand) -> Iterator[tuple[str, str]]:
    """Yield what was checked of transfers that no coalition of liars exploits."""
    yield "types", "independent"
    draws = contract.sample.in_turn.turns.draws
    expected = "over all counts of types" if draws is None else f"over {draws} draws, made after the reports"
    yield "transfers", f"all speak in turn, and what follows is expected {expected}"
    yield "allocation", "efficient at every profile, or the contract says nothing there"
    yield from _money(contract)


def _everywhere(contract: ContractOnDemand, rules: MarketRules) -> Iterator[tuple[str, str]]:
    """Yield what was checked for a bound on what orders bring at every profile."""
    yield "rules", "of the theorem"
    yield "allocation", "efficient at every profile, or the contract says nothing there"
    profiles = contract.sample.profiles
    yield (
        "member by member",
        f"nothing to gain beyond rounding at {len(profiles.types)} profiles: {profiles.listing.value}",
    )
    yield from _money(contract)
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE and rules.refusal is Refusal.FREE:
        taken = most_purchasing_power_taken(contract.sample, contract.rule)
        assert taken is not None
        yield "most taken from anybody", f"{float(taken.max()):.6g}, which is covered"


def _money(contract: ContractOnDemand) -> Iterator[tuple[str, str]]:
    left, prices = least_money_left(contract.sample, contract.rule), contract.sample.price_range
    if left is not None:
        yield "least money left to anybody", f"{float(left.min()):.6g}, whatever types there are and is drawn"
    if prices is not None:
        ends = zip(contract.economy.goods[:-1], prices.lowest, prices.highest, strict=True)
        yield "prices at any profile", ", ".join(f"{good} {low:.6g} to {high:.6g}" for good, low, high in ends)


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
