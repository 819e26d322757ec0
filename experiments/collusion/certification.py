"""What ``marketgame certify`` answers: does a contract stand up to lies, to single players, and to coalitions?

Four questions, in the order of Giraud and Rochon (2001): is truth best (Definition 4), can one player alone gain by
what it does after the truth, can a coalition gain by an agreement that no part of it would break in turn (Definition 8,
collusion-proof), can a coalition gain at all (strongly collusion-proof)? A no comes with a deviation that can be played
again, a yes with a bound over everything that coalitions could do; where there is neither, the contract is not refuted.
All is about outsiders who obey, and who answer misquotes as coalitions expect them to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from marketgame.experiments.collusion.coalitions import (
    CoalitionFinding,
    ImprovementCertificate,
    examine_coalition,
    examine_consistency,
)
from marketgame.experiments.collusion.reactions import (
    ExpectReaction,
    outsiders_play_on,
)
from marketgame.mechanisms.certificates import (
    MisreportCertificate,
    SideContractCertificate,
    StabilityCertificate,
    certify_misreport,
    certify_stability,
    verify,
)
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.side_contract import expected_gains
from marketgame.mechanisms.contracts.communication_equilibrium import (
    Deviation,
    best_bundle,
    check_communication_equilibrium,
)
from marketgame.mechanisms.contracts.contract import (
    Contract,
    check_contract,
    device_of,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.stakes import UndecidableError
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import MarketRules

# Which share of the time may go into deriving a proof; the rest is for verifying it.
SHARE_FOR_PROOF = 0.45
# Bounds are given this many seconds however little time there is: small economies need no more.
GRACE = 0.4

type Coalition = tuple[int, ...]
type GainCertificate = ImprovementCertificate | MisreportCertificate


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
class Certification:
    """What is known about a contract.

    Attributes:
        name: of what was certified.
        contract: the contract.
        rules: of its market.
        incentives: all gains from lies that are obeyed.
        findings: about each coalition, single players first.
        deviations: that refute something, and those that combine a lie with disobedience.
        proof: that no coalition gains; none if that is not proven.
        everybody: whether all coalitions were examined.
    """

    name: str
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
        alone = [finding.improvement for finding in self.findings if len(finding.coalition) == 1]
        return _together(alone)

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
        return _together(verdicts if self.everybody else [*verdicts, Verdict.NOT_REFUTED])

    @property
    def refuted(self) -> bool:
        """Whether any of the four questions is answered no."""
        answers = (self.unilaterally_stable, self.collusion_proof, self.strongly_collusion_proof)
        return not self.incentive_compatible or Verdict.REFUTED in answers


def certify_contract(
    name: str,
    contract: GrandContract,
    rules: MarketRules,
    coalitions: Sequence[Coalition],
    deadline: Deadline,
    reaction_to: ExpectReaction = outsiders_play_on,
) -> Certification:
    """Examine a grand contract.

    Args:
        name: of what is certified.
        contract: the contract.
        rules: of its market.
        coalitions: which to examine; members ascending.
        deadline: of everything; what time does not suffice for is not refuted.
        reaction_to: how those outside a coalition answer misquotes, as far as its members know.

    Raises:
        ValueError: the rules do not admit the contract.
    """
    device = device_of(contract, rules)
    incentives = check_contract(device)
    lies = _lies(contract, device, incentives)
    # A proof is verified from the beginning, which takes as long again as it took to derive.
    derived = PlainBounds(PlainContract(contract, rules), Deadline.after(max(deadline.left * SHARE_FOR_PROOF, GRACE)))
    bounds_by = Deadline.after(max(deadline.left, GRACE))
    findings = [
        examine_coalition(contract, rules, coalition, deadline, reaction_to(coalition), derived, bounds_by)
        for coalition in coalitions
    ]
    if incentives.incentive_compatible and Verdict.REFUTED not in [one.consistent for one in findings]:
        findings = [examine_consistency(contract, rules, finding, deadline) for finding in findings]
    proven = incentives.incentive_compatible and all(one.improvement is Verdict.PROVEN for one in findings)
    return Certification(
        name=name,
        contract=contract,
        rules=rules,
        incentives=incentives,
        findings=tuple(findings),
        deviations=(
            *lies,
            *chain.from_iterable(map(_found, findings)),
        ),
        proof=_stability(contract, rules, findings, derived) if proven else None,
        everybody=len(coalitions) == 2 ** len(contract.economy.players) - 1,
    )


def _stability(
    contract: GrandContract, rules: MarketRules, findings: Sequence[CoalitionFinding], derived: PlainBounds
) -> StabilityCertificate:
    """Return the certificate of what all findings say.

    Raises:
        UndecidableError: the second derivation does not say the same.
    """
    coalitions, reactions = [one.coalition for one in findings], [one.reaction for one in findings]
    proof = certify_stability(contract, rules, coalitions, reactions, derived)
    verification = verify(proof)
    if not verification.confirmed:
        raise UndecidableError(f"no coalition gains by one derivation, but by another: {verification.failures[0]}")
    return proof


def _together(verdicts: Iterable[Verdict]) -> Verdict:
    """Return what several verdicts say of all they are about."""
    found = set(verdicts)
    return next((one for one in (Verdict.REFUTED, Verdict.NOT_REFUTED) if one in found), Verdict.PROVEN)


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


def _found(finding: CoalitionFinding) -> Iterator[FoundDeviation]:
    """Yield the improvements of a coalition, an internally consistent one last."""
    kept, consistent = finding.certificate, finding.consistent_certificate
    if kept is not None and kept is not consistent:
        # Nobody is left who could break what one player does alone.
        alone = len(finding.coalition) == 1
        verdict = Verdict.PROVEN if alone else Verdict.NOT_REFUTED
        yield FoundDeviation(finding.coalition, _kind(finding.coalition, kept), kept, verdict)
    if consistent is not None:
        yield FoundDeviation(finding.coalition, DeviationKind.SIDE_CONTRACT, consistent, Verdict.PROVEN)


def _kind(coalition: Coalition, certificate: ImprovementCertificate) -> DeviationKind:
    if isinstance(certificate, SideContractCertificate):
        return DeviationKind.SIDE_CONTRACT
    return DeviationKind.UNILATERAL if len(coalition) == 1 else DeviationKind.JOINT
