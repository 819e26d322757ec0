"""What one coalition can gain against a grand contract: a bound that excludes it, or an improvement that brings it.

First the proven bounds are tried, in everything that the members may know together. Where they leave room, the oracle
looks for a joint action by which every member gains; members without secrets from each other need no device to agree on
it, since whoever reports something else only voids the agreement. Otherwise a side-contract is sought, with lotteries
and with reports that must be true. That no improvement is internally consistent may follow from the rules; otherwise
pairs are examined: an improvement is consistent if neither member alone can gain by breaking it, which must be proven.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from marketgame.mechanisms.certificates import (
    DeviationCertificate,
    SideContractCertificate,
    certify_deviation,
    certify_side_contract,
    verify,
)
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.collusion.side_contracts.arbitrage import deterred_by_arbitrage
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideEffort,
    find_consistent_side_contract,
    find_side_contract,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.knowledge import commonly_known
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.effort import (
    Effort,
    Objective,
    Verdict,
)
from marketgame.mechanisms.deviations.oracle import (
    most_profitable_deviation,
    profit_tolerance,
)
from marketgame.mechanisms.deviations.reactions import storable
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Reaction,
    Situation,
    situations,
)
from marketgame.mechanisms.economies.stakes import UndecidableError
from marketgame.mechanisms.linear_program.deadline import (
    Deadline,
    DeadlinePassedError,
)
from marketgame.mechanisms.market_game.rules import MarketRules

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
        bound: what the members cannot gain together beyond, numeraire, at worst over what they may know; none if there
            was no time to derive it.
        reaction: how those outside the coalition answer quotes that are not the contract's; none if they play on.
    """

    coalition: tuple[int, ...]
    improvement: Verdict
    consistent: Verdict
    certificate: ImprovementCertificate | None
    consistent_certificate: SideContractCertificate | None
    bound: float | None
    reaction: Reaction | None = None


def _effort(deadline: Deadline) -> Effort:
    """Return an effort that ends in time."""
    return replace(Effort(), deadline=deadline)


def _side_effort(deadline: Deadline) -> SideEffort:
    """Return an effort for a side-contract that the time left suffices for, more or less, and that ends in time."""
    usual, share = SideEffort(), min(1.0, deadline.left / PATIENT_SECONDS)
    vectors = ceil(share * usual.oracle.quote_vectors)
    return replace(
        usual,
        oracle=replace(usual.oracle, quote_vectors=vectors, deadline=deadline),
        breaches=ceil(share * usual.breaches),
        cells=ceil(share * usual.cells),
    )


def examine_coalition(
    contract: GrandContract,
    rules: MarketRules,
    coalition: tuple[int, ...],
    deadline: Deadline,
    reaction: Reaction | None = None,
    derived: PlainBounds | None = None,
    bounds_by: Deadline | None = None,
) -> CoalitionFinding:
    """Return what a coalition can gain, without asking whether what it agrees on is internally consistent.

    That it can gain nothing counts as proven if a second derivation, which shares nothing with the first, says so too.

    Args:
        contract: that everybody else obeys, at least as long as nobody misquotes.
        rules: of the market.
        coalition: the members, ascending.
        deadline: after which nothing more is looked for; what is not known by then is not refuted.
        reaction: how those outside the coalition answer quotes that are not the contract's; none if they play on.
        derived: the second derivation, to be used for several coalitions.
        bounds_by: the deadline of bounds, which are quicker than searches; the same without it.

    Raises:
        UndecidableError: the two derivations disagree.
    """
    try:
        return _examined(contract, rules, (coalition, reaction), (deadline, bounds_by or deadline), derived)
    except DeadlinePassedError:
        open_question = Verdict.NOT_REFUTED
        return CoalitionFinding(coalition, open_question, open_question, None, None, None, reaction)


def _examined(
    contract: GrandContract,
    rules: MarketRules,
    facing: tuple[tuple[int, ...], Reaction | None],
    deadlines: tuple[Deadline, Deadline],
    derived: PlainBounds | None,
) -> CoalitionFinding:
    """Return the finding about a coalition, given the deadline of searches and that of bounds.

    Raises:
        DeadlinePassedError: time ran out before there was a bound.
        UndecidableError: the two derivations disagree.
    """
    (coalition, reaction), (deadline, bounds_by) = facing, deadlines
    bounds_by.check()
    faced = []
    for situation in situations(contract, coalition, rules, reaction):
        bounds_by.check()
        faced.append((situation, least_bound(situation).total_gain))
    bounds = np.array([bound for _, bound in faced])
    largest, gainful = float(bounds.max()), bounds > [profit_tolerance(situation) for situation, _ in faced]
    if not gainful.any():
        if derived is None:
            derived = PlainBounds(PlainContract(contract, rules), bounds_by)
        _confirm(derived, coalition, reaction)
        return CoalitionFinding(coalition, Verdict.PROVEN, Verdict.PROVEN, None, None, largest, reaction)
    promising = [faced[place][0] for place in np.argsort(bounds)[::-1] if gainful[place]]
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
        if deadline.passed:
            return None
        search = most_profitable_deviation(situation, Objective.LEAST, _effort(deadline))
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
    if deadline.passed:
        return None
    find = find_consistent_side_contract if consistent else find_side_contract
    search = find(contract, rules, coalition, reaction=reaction, effort=_side_effort(deadline))
    if search.side_contract is None:
        return None
    if consistent and (search.obeyed is None or search.obeyed.verdict is not Verdict.PROVEN):
        return None
    try:
        certificate = certify_side_contract(contract, rules, search.side_contract, reaction)
    except ValueError:  # Without rounding somebody cannot announce or cover what it is to.
        return None
    return certificate if verify(certificate).confirmed else None
