r"""The grand contract on the market game under attack by every coalition.

What is proved rests on bounds over all deviations, what is refuted on side-contracts that were settled again play by
play; the rest is not refuted, which says how hard was searched and nothing else.

Source:
    Giraud and Rochon (2001), Definition 8 and Theorem 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketgame.mechanisms.collusion.finite_games.revised_game import coalitions_of
from marketgame.mechanisms.collusion.side_contracts.arbitrage import deterred_by_arbitrage
from marketgame.mechanisms.collusion.side_contracts.search import (
    USUAL_SIDE_EFFORT,
    SideContractSearch,
    SideEffort,
    find_consistent_side_contract,
    find_side_contract,
)
from marketgame.mechanisms.contracts.contract import (
    check_contract,
    device_of,
)
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import (
    PAPER_RULES,
    MarketRules,
)

if TYPE_CHECKING:
    from marketgame.mechanisms.collusion.finite_games.revised_game import Coalition
    from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
    from marketgame.mechanisms.contracts.grand_contract import GrandContract
    from marketgame.mechanisms.deviations.situation import Reaction


@dataclass(frozen=True, eq=False)
class MarketCollusionCheck:
    """What coalitions can do against the grand contract under some rules.

    Attributes:
        rules: of the market.
        players: how many there are.
        incentive_compatible: whether no type gains by a lie to the established mediator, obeying afterwards.
        improvements: for each coalition examined, the search for a side-contract.
        consistent: likewise for one that no single member wants to break.
        deterred: whether arbitrage provably tempts a member of every coalition to break what it agrees upon.
    """

    rules: MarketRules
    players: int
    incentive_compatible: bool
    improvements: Mapping[Coalition, SideContractSearch]
    consistent: Mapping[Coalition, SideContractSearch]
    deterred: bool

    @property
    def unilaterally_stable(self) -> Verdict:
        """Whether no single player gains by playing otherwise than recommended."""
        alone = {who: search for who, search in self.improvements.items() if len(who) == 1}
        return _summary(True, (search.verdict for search in alone.values()), len(alone) == self.players)

    @property
    def strongly_collusion_proof(self) -> Verdict:
        """Definition 8; proven only if all coalitions were examined."""
        verdicts = (search.verdict for search in self.improvements.values())
        return _summary(self.incentive_compatible, verdicts, self._complete)

    @property
    def collusion_proof(self) -> Verdict:
        """Definition 8; refuted only by a side-contract that is proved to be obeyed, or that needs no obedience."""
        if self.deterred and self.incentive_compatible:
            return Verdict.PROVEN
        verdicts = (_settled(who, search) for who, search in self.consistent.items())
        return _summary(self.incentive_compatible, verdicts, self._complete)

    @property
    def witnesses(self) -> Mapping[Coalition, SideContract]:
        """A side-contract for every coalition that was found to have one; one that members obey if there is."""
        found: dict[Coalition, SideContract] = {}
        for searches in (self.improvements, self.consistent):
            for who, search in searches.items():
                if search.side_contract is not None:
                    found[who] = search.side_contract
        return found

    @property
    def _complete(self) -> bool:
        return len(self.improvements) == len(coalitions_of(tuple(range(self.players))))


def check_grand_contract(
    contract: GrandContract,
    rules: MarketRules = PAPER_RULES,
    coalitions: Iterable[Coalition] | None = None,
    effort: SideEffort = USUAL_SIDE_EFFORT,
    reaction: Reaction | None = None,
) -> MarketCollusionCheck:
    """Examine the grand contract under attack by coalitions.

    Args:
        contract: the grand contract.
        rules: of the market.
        coalitions: which to examine; every nonempty one if left out.
        effort: of each search.
        reaction: how outsiders answer quotes that are not the contract's.

    Raises:
        ValueError: a coalition is not a nonempty ascending list of players.

    Source:
        Giraud and Rochon (2001), Definition 8.
    """
    players = len(contract.economy.players)
    examined = coalitions_of(tuple(range(players))) if coalitions is None else tuple(coalitions)
    improvements, consistent = {}, {}
    for coalition in examined:
        search = find_side_contract(contract, rules, coalition, reaction=reaction, effort=effort)
        improvements[coalition] = consistent[coalition] = search
        if len(coalition) > 1 and search.verdict is not Verdict.PROVEN:
            consistent[coalition] = find_consistent_side_contract(
                contract, rules, coalition, reaction=reaction, effort=effort
            )
    honest = check_contract(device_of(contract, rules)).incentive_compatible
    deterred = reaction is None and deterred_by_arbitrage(contract, rules)
    return MarketCollusionCheck(rules, players, honest, improvements, consistent, deterred)


def _settled(coalition: Coalition, search: SideContractSearch) -> Verdict:
    """Return the verdict on consistent side-contracts: a pair's must be proved to be obeyed, larger ones' is open."""
    if len(coalition) == 1 or search.verdict is not Verdict.REFUTED:
        return search.verdict
    obeyed = search.obeyed is not None and search.obeyed.verdict is Verdict.PROVEN
    return Verdict.REFUTED if obeyed and len(coalition) == 2 else Verdict.NOT_REFUTED


def _summary(honest: bool, verdicts: Iterable[Verdict], complete: bool) -> Verdict:
    found = set(verdicts)
    if not honest or Verdict.REFUTED in found:
        return Verdict.REFUTED
    return Verdict.PROVEN if complete and found == {Verdict.PROVEN} else Verdict.NOT_REFUTED
