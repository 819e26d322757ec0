"""How organisers find side-contracts, and how sub-coalitions find something better still."""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketgame.agents.coalitions.agreement import Agreement
from marketgame.agents.coalitions.breaking import BestDeviation
from marketgame.agents.coalitions.kept import Lotteries, found_before
from marketgame.agents.coalitions.reporting import ReportProposal
from marketgame.mechanisms.collusion.drawn_reports import promise
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.report_agreements import Shared, best_agreement, pooled_agreement
from marketgame.mechanisms.collusion.report_game import report_game
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.search import (
    USUAL_SIDE_EFFORT,
    SideEffort,
    checked_side_contract,
    find_consistent_side_contract,
    find_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.incentives import SURE
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, Situation
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.linear_program.verification import RESIDUAL_LIMIT
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class AgreementSearch:
    """Searches for side-contracts that improve upon a grand contract.

    Attributes:
        contract: the grand contract.
        rules: of the market.
        concept: what members may do against a side-contract.
        consistent: whether no single member may want to break it.
        effort: how hard to search.
    """

    contract: GrandContract
    rules: MarketRules
    concept: Concept = Concept.BIC
    consistent: bool = False
    effort: SideEffort = USUAL_SIDE_EFFORT

    def find(self, coalition: Coalition, reaction: Reaction | None = None) -> Agreement | None:
        """Return the side-contract found for a coalition, or none."""
        found = found_before(
            (self, coalition, reaction),
            lambda lotteries: self._checked(lotteries, coalition, reaction),
            lambda: self._search(coalition, reaction),
        )
        return None if found is None else Agreement(self.contract, self.rules, found, reaction)

    def _checked(self, lotteries: Lotteries, coalition: Coalition, reaction: Reaction | None) -> SideContract | None:
        knowledge = knowledge_of(self.contract, coalition, self.rules, reaction)
        return checked_side_contract(
            knowledge, lotteries, concept=self.concept, consistent=self.consistent, effort=self.effort
        )

    def _search(self, coalition: Coalition, reaction: Reaction | None) -> SideContract | None:
        asked = (self.contract, self.rules, coalition)
        # A communication equilibrium leaves no single member a reason to break it in any case.
        if self.consistent and self.concept is Concept.BIC:
            return find_consistent_side_contract(*asked, reaction=reaction, effort=self.effort).side_contract
        search = find_side_contract(*asked, concept=self.concept, reaction=reaction, effort=self.effort)
        return search.side_contract


@dataclass(frozen=True)
class ReportSearch:
    """Works out what members of a coalition gain most by reporting together.

    Attributes:
        contract: the grand contract.
        rules: of the market.
        shared: what members share besides a side-device; none if they share what they know, and money.
    """

    contract: DirectContract
    rules: MarketRules
    shared: Shared | None = None

    def find(self, coalition: Coalition) -> ReportProposal | None:
        """Return the agreement that brings a coalition most in sum; none if it brings no more than the truth.

        Where type profiles are too many to list, an agreement is proposed if draws by which it was not chosen leave no
        doubt that it gains, and under coalition-proof transfers none is, as no coalition gains beyond what draws leave
        (:mod:`marketgame.mechanisms.contracts.in_turn`).

        Raises:
            ValueError: the members have too many joint types.
            UnverifiedAnswerError: a program's answer was not confirmed by its prices.
        """
        contract = self.contract
        if isinstance(contract, ContractOnDemand) and contract.rule is TransferRule.COALITION_PROOF:
            return None
        game = report_game(contract, coalition, self.rules.withholding)
        if self.shared is None:
            terms, rounding = pooled_agreement(game), 0.0
        else:
            terms, rounding = best_agreement(game, self.shared), RESIDUAL_LIMIT * float(game.stakes.sum(axis=0).max())
        if isinstance(contract, ContractOnDemand) and terms.total_gain > rounding:
            found = promise(contract, coalition, game.likely, terms.lottery, self.rules.withholding)
            terms = replace(terms, total_gain=found.value, standard_error=found.standard_error)
        sure = terms.total_gain > max(rounding, SURE * terms.standard_error)
        return ReportProposal(game, terms) if sure else None


def deviation_finder(effort: Effort) -> BestDeviation:
    """Return what finds the joint action that is best for a coalition, or nothing where none pays."""

    def best_deviation(situation: Situation) -> JointAction | None:
        # What counts for several members is that all of them gain; for one it is the same.
        search = most_profitable_deviation(situation, Objective.LEAST, effort)
        return search.best if search.verdict is Verdict.REFUTED else None

    return best_deviation
