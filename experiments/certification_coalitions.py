"""What one coalition can gain against a grand contract: a bound that excludes it, or an improvement that brings it.

First the proven bounds are tried, in everything that the members may know together. Where they leave room, the oracle
looks for a joint action by which every member gains; members without secrets from each other need no device to agree on
it, since whoever reports something else only voids the agreement. Otherwise a side-contract is sought, with lotteries
and with reports that must be true. That no improvement is internally consistent may follow from the rules; otherwise
pairs are examined: an improvement is consistent if neither member alone can gain by breaking it, which must be proven.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from mechanisms.certificates import (
    DeviationCertificate,
    SideContractCertificate,
    certify_deviation,
    certify_side_contract,
    verify,
)
from mechanisms.certificates.information import commonly_known, situations
from mechanisms.certificates.plain.bounds import PlainBounds
from mechanisms.certificates.plain.contract import PlainContract
from mechanisms.certificates.reactions import storable
from mechanisms.collusion.arbitrage import deterred_by_arbitrage
from mechanisms.collusion.market import SideEffort, find_consistent_side_contract, find_side_contract
from mechanisms.deviations.bounds import least_bound
from mechanisms.deviations.effort import Effort, Objective, Verdict
from mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from mechanisms.deviations.situation import JointAction, Reaction, Situation
from mechanisms.grand_contract import GrandContract
from mechanisms.market_rules import MarketRules
from mechanisms.stakes import UndecidableError

# With less time than this, a search for a side-contract looks at fewer cases.
PATIENT_SECONDS = 60.0

type ImprovementCertificate = DeviationCertificate | SideContractCertificate


@dataclass(frozen=True, eq=False)
class CoalitionFinding:
    """What is known about one coalition.

    Attributes:
        coalition: the members, ascending.
        improvement: whether it stays with the contract: refuted if it has an improvement, proven if it has none.
        consistent: likewise for internally consistent improvements.
        certificate: of an improvement, if one was found.
        consistent_certificate: of an internally consistent one, likewise; none for a player alone.
        bound: what the members cannot gain together beyond, numeraire, at worst over what they may know.
        reaction: how those outside the coalition answer quotes that are not the contract's; none if they play on.
    """

    coalition: tuple[int, ...]
    improvement: Verdict
    consistent: Verdict
    certificate: ImprovementCertificate | None
    consistent_certificate: SideContractCertificate | None
    bound: float
    reaction: Reaction | None = None


@dataclass(frozen=True)
class Deadline:
    """The moment after which no further search begins.

    Attributes:
        seconds: wall time from now.
    """

    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Wall time that is left."""
        return self.began + self.seconds - time.monotonic()

    def effort(self) -> Effort:
        """Return an effort whose single programs end in time."""
        return _in_time(Effort(), self.left)

    def side_effort(self) -> SideEffort:
        """Return an effort for a side-contract that the time left suffices for, more or less."""
        usual, share = SideEffort(), min(1.0, self.left / PATIENT_SECONDS)
        oracle = replace(usual.oracle, quote_vectors=ceil(share * usual.oracle.quote_vectors))
        return replace(
            usual,
            oracle=_in_time(oracle, self.left),
            breaches=ceil(share * usual.breaches),
            cells=ceil(share * usual.cells),
        )


def _in_time(effort: Effort, seconds: float) -> Effort:
    return replace(effort, seconds_per_program=min(effort.seconds_per_program, max(seconds, 1.0)))


def examine_coalition(
    contract: GrandContract,
    rules: MarketRules,
    coalition: tuple[int, ...],
    deadline: Deadline,
    reaction: Reaction | None = None,
    derived: PlainBounds | None = None,
) -> CoalitionFinding:
    """Return what a coalition can gain, without asking whether what it agrees on is internally consistent.

    That it can gain nothing counts as proven if a second derivation, which shares nothing with the first, says so too.

    Args:
        contract: that everybody else obeys, at least as long as nobody misquotes.
        rules: of the market.
        coalition: the members, ascending.
        deadline: after which no further search begins.
        reaction: how those outside the coalition answer quotes that are not the contract's; none if they play on.
        derived: the second derivation, to be used for several coalitions.

    Raises:
        UndecidableError: the two derivations disagree.
    """
    faced = situations(contract, coalition, rules, reaction)
    bounds = np.array([least_bound(situation).total_gain for situation in faced])
    largest, gainful = float(bounds.max()), bounds > [profit_tolerance(situation) for situation in faced]
    if not gainful.any():
        _confirm(PlainBounds(PlainContract(contract, rules)) if derived is None else derived, coalition, reaction)
        return CoalitionFinding(coalition, Verdict.PROVEN, Verdict.PROVEN, None, None, largest, reaction)
    promising = [faced[place] for place in np.argsort(bounds)[::-1] if gainful[place]]
    found: ImprovementCertificate | None = None
    if commonly_known(contract, coalition):
        found = _joint_action(contract, promising, deadline)
    if found is None and len(coalition) > 1:
        found = _side_contract(contract, rules, (coalition, reaction), deadline, consistent=False)
    verdict = Verdict.NOT_REFUTED if found is None else Verdict.REFUTED
    if len(coalition) == 1:  # Nobody is left who could break what one player does alone.
        return CoalitionFinding(coalition, verdict, verdict, found, None, largest, reaction)
    # Who reacts leaves less to be taken; the proof that arbitrage deters is about outsiders who play on.
    deterred = reaction is None and deterred_by_arbitrage(contract, rules)
    consistent = Verdict.PROVEN if deterred else Verdict.NOT_REFUTED
    return CoalitionFinding(coalition, verdict, consistent, found, None, largest, reaction)


def _confirm(derived: PlainBounds, coalition: tuple[int, ...], reaction: Reaction | None) -> None:
    """Check by a second derivation that a coalition gains nothing."""
    bound = derived.weakest(coalition, storable(reaction))
    if not bound.excludes:
        names = derived.contract.economy.player_names
        members = " and ".join(names[member] for member in coalition)
        raise UndecidableError(
            f"whether {members} can gain cannot be told: by one derivation nothing, by another {float(bound.gain):.3g}"
        )


def examine_consistency(
    contract: GrandContract, rules: MarketRules, finding: CoalitionFinding, deadline: Deadline
) -> CoalitionFinding:
    """Return the finding about a coalition with what is known about internally consistent improvements.

    Args:
        contract: that everybody else obeys, at least as long as nobody misquotes.
        rules: of the market.
        finding: of `examine_coalition`; only about pairs more can be found out.
        deadline: after which no search begins.
    """
    if len(finding.coalition) != 2 or finding.consistent is not Verdict.NOT_REFUTED:
        return finding
    found = _side_contract(contract, rules, (finding.coalition, finding.reaction), deadline, consistent=True)
    if found is None:
        return finding
    return replace(finding, improvement=Verdict.REFUTED, consistent=Verdict.REFUTED, consistent_certificate=found)


def _joint_action(
    contract: GrandContract, promising: list[Situation], deadline: Deadline
) -> DeviationCertificate | None:
    """Return the certificate of a joint action by which every member gains, in the first situation that has one."""
    for situation in promising:
        if deadline.left <= 0:
            return None
        search = most_profitable_deviation(situation, Objective.LEAST, deadline.effort())
        if search.verdict is Verdict.REFUTED and search.best is not None:
            certificate = _certified(situation, search.best, contract)
            if certificate is not None:
                return certificate
    return None


def _certified(situation: Situation, action: JointAction, contract: GrandContract) -> DeviationCertificate | None:
    """Return the certificate of a deviation, if it is one in exact arithmetic."""
    try:
        certificate = certify_deviation(situation, action, contract)
    except ValueError:  # Without rounding somebody cannot announce or cover what it is to.
        return None
    return certificate if verify(certificate).confirmed else None


def _side_contract(
    contract: GrandContract,
    rules: MarketRules,
    faced: tuple[tuple[int, ...], Reaction | None],
    deadline: Deadline,
    *,
    consistent: bool,
) -> SideContractCertificate | None:
    """Return the certificate of a side-contract; of one that provably no single member breaks, if it must be so."""
    coalition, reaction = faced
    if deadline.left <= 0:
        return None
    find = find_consistent_side_contract if consistent else find_side_contract
    search = find(contract, rules, coalition, reaction=reaction, effort=deadline.side_effort())
    if search.side_contract is None:
        return None
    if consistent and (search.obeyed is None or search.obeyed.verdict is not Verdict.PROVEN):
        return None
    try:
        certificate = certify_side_contract(contract, rules, search.side_contract, reaction)
    except ValueError:  # Without rounding somebody cannot announce or cover what it is to.
        return None
    return certificate if verify(certificate).confirmed else None
