r"""Collusion-proof and strongly collusion-proof contracts, and their counterparts for communication equilibria.

A contract that is Bayesian incentive compatible is *strongly collusion-proof* if no coalition of insiders improves upon
it, and *collusion-proof* if none has an internally consistent improvement. With communication equilibrium in place of
Bayesian incentive compatibility throughout, the same say that it is a *strong Bayesian equilibrium* and a
*collusion-proof communication equilibrium*.

Source:
    Giraud and Rochon (2001), Definitions 8 and 8'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marketgame.mechanisms.collusion.finite_games.equilibrium import INCENTIVE_TOLERANCE, incentive_gain
from marketgame.mechanisms.collusion.finite_games.extended_game import CommunicationContract, Concept, ExtendedGame
from marketgame.mechanisms.collusion.finite_games.improvement import (
    Improvement,
    NoImprovement,
    UndecidedError,
    improvement,
)
from marketgame.mechanisms.collusion.finite_games.internal_consistency import (
    USUAL_EFFORT,
    ConsistencyEffort,
    Unsettled,
    internally_consistent_improvement,
)
from marketgame.mechanisms.collusion.finite_games.revised_game import coalitions_of
from marketgame.mechanisms.deviations.effort import Verdict, together
from marketgame.mechanisms.economies.coalitions import Coalition

type Finding = Improvement | NoImprovement | Unsettled
"""What was found about one coalition."""


@dataclass(frozen=True, eq=False)
class CollusionCheck:
    """What coalitions can do against a contract.

    Attributes:
        concept: what players may do against a contract.
        incentive_gain: largest gain of a single player's type from that; above rounding it refutes everything else.
        equilibrium: whether it is rounding, so that the contract is a BIC or a ComE.
        improvements: for every coalition its improvement, or the proof that there is none.
        consistent: likewise for internally consistent improvements.
    """

    concept: Concept
    incentive_gain: float
    equilibrium: bool
    improvements: Mapping[Coalition, Finding]
    consistent: Mapping[Coalition, Finding]

    @property
    def strongly_collusion_proof(self) -> Verdict:
        """Definition 8; under communication equilibrium, whether it is a strong Bayesian equilibrium."""
        return _summary(self.equilibrium, self.improvements)

    @property
    def collusion_proof(self) -> Verdict:
        """Definition 8; under communication equilibrium, whether it is a collusion-proof communication equilibrium."""
        return _summary(self.equilibrium, self.consistent)

    @property
    def witnesses(self) -> Mapping[Coalition, Improvement]:
        """An improvement for every coalition that was found to have one; a consistent one if there is."""
        found: dict[Coalition, Improvement] = {}
        for findings in (self.improvements, self.consistent):
            found |= {who: finding for who, finding in findings.items() if isinstance(finding, Improvement)}
        return found


def check_collusion(
    game: ExtendedGame,
    contract: CommunicationContract,
    concept: Concept = Concept.BIC,
    effort: ConsistencyEffort = USUAL_EFFORT,
) -> CollusionCheck:
    """Examine a contract under attack by every coalition of insiders.

    Returns:
        What each coalition can do, with witnesses and proofs.

    Raises:
        ValueError: the contract does not fit the game.
        InadmissibleTransferError: the contract leads to transfers that are not tabulated.

    Source:
        Giraud and Rochon (2001), Definitions 8 and 8'.
    """
    gain = incentive_gain(game, contract, concept)
    improvements: dict[Coalition, Finding] = {}
    consistent: dict[Coalition, Finding] = {}
    for coalition in coalitions_of(game.players):
        try:
            found: Finding = improvement(game, contract, coalition, concept)
        except UndecidedError:
            found = Unsettled(coalition, concept, 0)
        improvements[coalition] = consistent[coalition] = found
        if isinstance(found, NoImprovement) or len(coalition) == 1:
            continue
        try:
            consistent[coalition] = internally_consistent_improvement(game, contract, coalition, concept, effort)
        except UndecidedError:
            consistent[coalition] = Unsettled(coalition, concept, 0)
    return CollusionCheck(concept, gain, gain <= INCENTIVE_TOLERANCE * game.scale, improvements, consistent)


def _summary(equilibrium: bool, findings: Mapping[Coalition, Finding]) -> Verdict:
    return together(map(_verdict, findings.values())) if equilibrium else Verdict.REFUTED


def _verdict(finding: Finding) -> Verdict:
    match finding:
        case Improvement():
            return Verdict.REFUTED
        case Unsettled():
            return Verdict.NOT_REFUTED
        case NoImprovement():
            return Verdict.PROVEN
