"""The institutions compared: rules of the market, what outsiders do after a misquote, and the contract's transfers.

Every combination of the paper's rules and their repairs is looked at with transfers that make truth best for single
players. What binds the parties further, matched orders and deposits, alone and together, and other transfers are
compared upon three sets of these rules: the paper's, with short sales that bankrupt, and repaired.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import assert_never

from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
)

REPAIRED = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
"""One of the two sets of rules under which Theorem 2 holds."""

BASES = MappingProxyType(
    {"as printed": MarketRules.paper(), "no short sales": MarketRules.no_short_sales(), "repaired": REPAIRED}
)
"""Rules upon which further rules and transfers are compared."""


class Outsiders(StrEnum):
    """What the contract tells players to do once they see a quote that is not the contract's."""

    OBEY = "obey"
    """Whatever they were told before: the paper's contract, a list of actions."""
    WITHHOLD = "withhold"
    """Announce next to nothing and order nothing; only where quotes are seen first."""


@dataclass(frozen=True)
class MarketInstitution:
    """Rules of the market, the contract's answer to misquotes, and its transfers.

    Attributes:
        rules: of the market.
        outsiders: what players outside a deviating coalition do.
        transfers: of the contract, where types are private.
    """

    rules: MarketRules
    outsiders: Outsiders = Outsiders.OBEY
    transfers: TransferRule = TransferRule.EXPECTED_EXTERNALITY

    @property
    def reaction(self) -> WithholdingAfterMisquotes | None:
        """How outsiders answer quotes, for the oracle."""
        match self.outsiders:
            case Outsiders.OBEY:
                return None
            case Outsiders.WITHHOLD:
                return WithholdingAfterMisquotes()
            case _:
                assert_never(self.outsiders)


def institutions() -> Iterator[MarketInstitution]:
    """Yield every institution that is compared, once."""
    yield from dict.fromkeys((*combined_institutions(), *binding_institutions()))


def combined_institutions() -> Iterator[MarketInstitution]:
    """Yield every combination of the paper's rules and their repairs, in which quotes are seen first.

    With simultaneous quotes and orders players answer nothing they see, so coalitions can do exactly what they can do
    where outsiders obey.
    """
    for pricing, solvency, bankruptcy, coverage in product(Pricing, Solvency, Bankruptcy, Coverage):
        rules = MarketRules(pricing=pricing, solvency=solvency, bankruptcy=bankruptcy, coverage=coverage)
        for outsiders in Outsiders:
            yield MarketInstitution(rules, outsiders)


def binding_institutions() -> Iterator[MarketInstitution]:
    """Yield what is compared upon each set of rules: who must agree to a flow, what may be refused, which transfers."""
    safe = (TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF)
    for rules, execution, refusal, transfers in product(BASES.values(), Execution, Refusal, safe):
        yield MarketInstitution(replace(rules, execution=execution, refusal=refusal), transfers=transfers)
    for binding in (REPAIRED, replace(REPAIRED, execution=Execution.MATCHED, refusal=Refusal.ESCROW)):
        yield MarketInstitution(binding, transfers=TransferRule.NONE)
