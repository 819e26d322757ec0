"""What is known about a contract whose profiles are too many to list: at those that stand for all.

Where wealth or deposits bound what coalitions gain, the bound is a number for each player and profile. It is derived at
the profiles that stand for all (:mod:`marketgame.mechanisms.contracts.sampled`). Where they are all counts of types
among replicas it is derived a second time, in rational numbers, and has a certificate
(:mod:`marketgame.mechanisms.certificates.counted_stability`). What holds at drawn ones holds at all by Theorem 2 or 8
of ``docs/collusion.md``, since the contract says nothing at a profile whose allocation it cannot prove efficient: if
there is enough money wherever types may be (:mod:`marketgame.mechanisms.contracts.money_left`). Otherwise it is
*sampled*.

Lies of single players are exact where counts of types are, and have standard errors elsewhere. Of joint lies a theorem
speaks under coalition-proof transfers (:mod:`marketgame.mechanisms.contracts.in_turn`), and with deposits and matched
orders of whatever follows them; under others they are searched for, and what they gain is bounded
(:mod:`marketgame.mechanisms.contracts.joint_lie_search`). A lie that gains more than draws leave uncertain has a
certificate, which settles it at profiles of its own. Orders under other rules are not examined.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.counted_stability import (
    CountedStabilityCertificate,
    certify_counted_stability,
    verify_counted_stability,
)
from marketgame.mechanisms.certificates.examination import (
    SHARE_FOR_PROOF,
    CoalitionFinding,
    DeviationKind,
    Examination,
    FoundDeviation,
    MemberBounds,
)
from marketgame.mechanisms.certificates.sampled_lie import certify_sampled_lie, refutes
from marketgame.mechanisms.contracts.grand_contract import TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.incentives import IncentiveCheck
from marketgame.mechanisms.contracts.joint_lie_search import joint_misreports_on_demand
from marketgame.mechanisms.contracts.joint_misreports import JointMisreport, JointMisreportCheck
from marketgame.mechanisms.contracts.money_left import MoneyLeft
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand, check_on_demand
from marketgame.mechanisms.contracts.transfers import balanced_externalities
from marketgame.mechanisms.deviations.bounds import BoundReason, reason_by_member, wealth_beyond_bundles
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import FactorPrior, IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE, stakes_of_play
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules, Refusal, Withholding


def examine_sampled(
    contract: ContractOnDemand, rules: MarketRules, asked: Coalitions, deadline: Deadline = NO_DEADLINE
) -> Examination:
    """Examine a contract at the profiles that stand for all.

    Args:
        contract: the contract.
        rules: of its market.
        asked: which coalitions are asked about.
        deadline: after which joint lies are not searched for any more, nor settled.

    Raises:
        ValueError: the rules do not admit the contract.
    """
    _refuse_uncovered(contract, rules)
    incentives, players = check_on_demand(contract), asked.players
    reason, gains = reason_by_member(rules), _beyond_wealth(contract)
    bounds = None if reason is None or gains is None else MemberBounds(gains)
    proof = None if bounds is None else _proof(contract, rules, incentives, deadline)
    everywhere = proof is not None or (bounds is not None and holds_everywhere(contract, rules))
    verdict = Verdict.NOT_REFUTED if bounds is None else Verdict.PROVEN if everywhere else Verdict.SAMPLED
    first, count = np.unique(contract.sample.tables.alike, return_counts=True)
    findings = [
        CoalitionFinding(
            (player,),
            verdict,
            verdict,
            bound=None if bounds is None else bounds.of((player,)),
            reasons=frozenset() if reason is None else frozenset({reason}),
            alike=alike,
        )
        for player, alike in zip(first.tolist(), count.tolist(), strict=True)
        if asked.largest
    ]
    examined = asked.count if bounds is not None else sum(finding.alike for finding in findings)
    if bounds is not None:
        bounds = replace(bounds, unlisted=examined - sum(finding.alike for finding in findings))
    joint_lies = joint_misreports_on_demand(contract, incentives, deadline)
    if joint_lies is None:
        joint_lies = JointMisreportCheck(None, 1, players, truthful=True)
    lies, joint_lies = _certified(contract, rules, incentives, joint_lies, deadline)
    safe_after_lies = everywhere and reason is BoundReason.DEPOSITS and contract.coalition_proof
    replies = Verdict.PROVEN if safe_after_lies else Verdict.NOT_REFUTED
    return Examination(
        contract=contract,
        rules=rules,
        incentives=incentives,
        joint_lies=joint_lies,
        replies_alone=replies,
        replies_together=replies,
        report_agreements=(),
        findings=tuple(findings),
        by_member=bounds,
        unexamined=asked.count - examined,
        deviations=lies,
        proof=proof,
        everybody=asked.complete and examined == asked.count,
        deterred=False,
    )


def holds_everywhere(contract: ContractOnDemand, rules: MarketRules) -> bool:
    """Say whether a bound by wealth or deposits holds at every profile, by a theorem of which all premises are known.

    Where flows are not executed out of deposits, what may be withheld has to be wasted, for otherwise obedience need
    not bring everybody its bundle, and what is granted has to be covered where the rules ask for that.
    """
    reason = reason_by_member(rules)
    if reason is None or not contract.money_suffices:
        return False
    if reason is BoundReason.DEPOSITS:
        return True
    taken = MoneyLeft.of(contract.sample, contract.rule).most_taken
    covered = taken is not None and bool((taken <= contract.economy.endowment_table[:, -1]).all())
    return covered and rules.withholding is Withholding.WASTED


def _proof(
    contract: ContractOnDemand, rules: MarketRules, incentives: IncentiveCheck, deadline: Deadline
) -> CountedStabilityCertificate | None:
    """Return the certificate that nobody gains; none if expectations are drawn, or there was no time to derive it."""
    counted = contract.sample.profiles.listing is Listing.COUNTED and contract.economy.prior.independent
    if not counted or incentives.incentive_compatible is not True:
        return None
    by = Deadline.after(deadline.left) if deadline.left < np.inf else NO_DEADLINE
    try:
        proof = certify_counted_stability(contract, rules, by.within(SHARE_FOR_PROOF * deadline.left))
        return proof if verify_counted_stability(proof, by).confirmed else None
    except (DeadlinePassedError, ValueError):
        return None


def _certified(
    contract: ContractOnDemand,
    rules: MarketRules,
    alone: IncentiveCheck,
    together: JointMisreportCheck,
    deadline: Deadline,
) -> tuple[tuple[FoundDeviation, ...], JointMisreportCheck]:
    """Return the lies that gain with their certificates, and what is known of joint lies in view of these."""
    found = []
    if alone.worst is not None and alone.incentive_compatible is False:
        worst = alone.worst
        lie = JointMisreport((worst.player,), (worst.true_type,), (worst.reported_type,), worst.gain)
        found += _confirmed(contract, rules, lie, deadline)
    if together.worst is not None and not together.truthful and len(together.worst.coalition) > 1:
        joint = _confirmed(contract, rules, together.worst, deadline)
        # What cannot be played again is not known.
        together, found = replace(together, truthful=not joint), [*found, *joint]
    return tuple(found), together


def _confirmed(
    contract: ContractOnDemand, rules: MarketRules, lie: JointMisreport, deadline: Deadline
) -> list[FoundDeviation]:
    """Return a lie with its certificate; nothing if what it gains lies within what its draws leave uncertain.

    Nor if there was no time to settle it.
    """
    economy = contract.economy
    if not isinstance(economy.prior, IndependentPrior | FactorPrior):
        return []
    members = tuple(economy.player_names.index(name) for name in lie.coalition)
    true, reported = (
        tuple(
            [each.name for each in economy.players[member].types].index(kind)
            for member, kind in zip(members, kinds, strict=True)
        )
        for kinds in (lie.true_types, lie.reported_types)
    )
    try:
        certificate = certify_sampled_lie(contract, rules, members, true, reported, deadline)
    except DeadlinePassedError:
        return []
    kind = DeviationKind.LIE if len(members) == 1 else DeviationKind.JOINT_LIE
    return [FoundDeviation(members, kind, certificate)] if refutes(certificate, contract).confirmed else []


def _beyond_wealth(contract: ContractOnDemand) -> FloatArray | None:
    """Return by how much more each player could enjoy its wealth, ``(P, N)``, numeraire; none if that is something.

    Everybody together gains nothing more, as the allocation is efficient.
    """
    economy, sample = contract.economy, contract.sample
    efficient, payments = at_payable_prices(economy, sample.efficient), None
    if contract.rule is TransferRule.NONE:
        payments = walrasian_payments(economy, efficient)
    elif contract.rule is TransferRule.COALITION_PROOF:
        # Without what is paid stakes are smaller, and what is something beside them is too.
        efficient = sample.efficient
    else:
        efficient = sample.efficient
        payments = balanced_externalities(economy, sample.externalities, sample.profiles.types)
    gains = wealth_beyond_bundles(economy, efficient)
    stakes = stakes_of_play(economy, efficient, payments)
    return None if (gains > GAIN_TOLERANCE * stakes).any() else gains


def _refuse_uncovered(contract: ContractOnDemand, rules: MarketRules) -> None:
    if rules.coverage is not Coverage.ANNOUNCED_NUMERAIRE or rules.refusal is not Refusal.FREE:
        return
    economy = contract.economy
    for player in np.unique(contract.sample.tables.alike).tolist():
        for number, kind in enumerate(economy.players[player].types):
            taken, owned = contract.most_taken(player, number), float(kind.endowment[-1])
            if taken > owned * (1 + GAIN_TOLERANCE):
                raise ValueError(
                    f"the contract may take {taken:.6g} {economy.money} from {economy.player_names[player]} of type "
                    f"{kind.name!r}, who owns {owned:.6g}; rule coverage = {rules.coverage.value!r} forbids that"
                )
