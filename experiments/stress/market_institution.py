"""The institutions compared: rules of the market, what outsiders do after a misquote, and the contract's transfers.

Every combination of the paper's rules and their repairs is looked at with transfers that make truth best for single
players. What binds the parties further, matched orders and deposits, alone and together, and other transfers are
compared upon three sets of these rules: the paper's, with short sales that bankrupt, and repaired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import assert_never

from marketgame.experiments.stress.institution import Known
from marketgame.experiments.stress.market_answers import answered, with_least_severance
from marketgame.experiments.stress.question import Inquiry
from marketgame.experiments.stress.ruling import Answered
from marketgame.experiments.stress.severance import Severance
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)
from marketgame.simulation.scenario.market_scenario import MarketScenario

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


RESTRICTIONS = MappingProxyType(
    {
        Pricing.VOID: "void",
        Pricing.SPREAD: "spread",
        Pricing.MIDPOINT: "midpoint",
        Solvency.NO_SHORT_SALES: "no short sales",
        Bankruptcy.UNWIND: "unwound",
        Coverage.ANNOUNCED_NUMERAIRE: "covered",
        Withholding.CONSUMED: "withheld is consumed",
        Timing.SIMULTANEOUS: "quotes unseen",
        Execution.MATCHED: "matched",
        Refusal.ESCROW: "escrow",
        Outsiders.WITHHOLD: "outsiders withhold",
        Severance.AS_STATED: "severance as stated",
        Severance.LEAST: "least severance",
    }
)
"""In what an institution differs from the paper's, in words for its name."""


@dataclass(frozen=True)
class MarketInstitution:
    """Rules of the market, the contract's answer to misquotes, its transfers, and what leaving pays.

    Attributes:
        rules: of the market.
        outsiders: what players outside a deviating coalition do.
        transfers: of the contract, where types are private.
        own: whether the contract is the one that a scenario establishes, with what it promises those who leave.
        severance: what is promised to those who leave.
    """

    rules: MarketRules
    outsiders: Outsiders = Outsiders.OBEY
    transfers: TransferRule = TransferRule.EXPECTED_EXTERNALITY
    own: bool = False
    severance: Severance = Severance.NONE

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

    @property
    def name(self) -> str:
        """In what it differs from the paper's rules, what it promises those who leave, and its transfers."""
        base = next((name for name, rules in BASES.items() if _upon(self.rules, rules)), "")
        first = base or ", ".join(_restrictions(self.rules))
        others = ("outsiders",) if self.own else ("outsiders", "severance")
        further = [*(_restrictions(self.rules, BINDINGS) if base else []), *_restrictions(self, others)]
        paid = "as stated" if self.own else str(self.transfers)
        return f"{', '.join([first, *further])}; transfers {paid}"

    @property
    def described(self) -> Mapping[str, str]:
        """Its rules by name, what outsiders do, and what is promised to those who leave."""
        rules = {rule.name: str(getattr(self.rules, rule.name)) for rule in fields(self.rules)}
        return {**rules, "outsiders": str(self.outsiders), "severance": str(self.severance)}

    def can_be_asked(self, inquiry: Inquiry, scenario: MarketScenario) -> bool:
        """Say whether an inquiry makes sense of it; where profiles are drawn, one examination answers most."""
        return inquiry not in AT_ONCE or not scenario.economy.prior.obstacle

    def answer(self, inquiry: Inquiry, scenario: MarketScenario, known: Known, deadline: Deadline) -> Answered:
        """Return what an inquiry answers; see `marketgame.experiments.stress.institution`."""
        least = inquiry is Inquiry.LEAVING and self.severance is Severance.LEAST
        on = with_least_severance(self.on(scenario), deadline) if least else self.on(scenario)
        return answered(on, inquiry, known, deadline, self.reaction)

    def on(self, scenario: MarketScenario) -> MarketScenario:
        """Return a scenario under this institution, without anybody who leads coalitions.

        The least severance is left out: it is computed where somebody may leave, and nothing else depends on it.
        """
        return _on(self, scenario)


AT_ONCE = frozenset({Inquiry.ORDERS, Inquiry.COALITIONS, Inquiry.REPLIES_ALONE, Inquiry.REPLIES})
"""What `Inquiry.REPORTS` answers too where profiles are too many to list."""
BINDINGS = ("timing", "withholding", "execution", "refusal")
"""Rules that are told apart upon a set of rules with a name of its own."""


def _upon(rules: MarketRules, base: MarketRules) -> bool:
    return all(
        getattr(rules, each.name) == getattr(base, each.name) for each in fields(rules) if each.name not in BINDINGS
    )


def _restrictions(of: MarketRules | MarketInstitution, only: tuple[str, ...] = ()) -> list[str]:
    values = (getattr(of, each.name) for each in fields(of) if not only or each.name in only)
    return [RESTRICTIONS[value] for value in values if isinstance(value, StrEnum) and value in RESTRICTIONS]


@lru_cache(maxsize=256)
def _on(institution: MarketInstitution, scenario: MarketScenario) -> MarketScenario:
    rules = replace(scenario, rules=institution.rules, organisers=(), blockers=(), incentives=())
    if institution.own:
        return rules
    severance = scenario.severance if institution.severance is Severance.AS_STATED else {}
    return replace(rules, transfers=institution.transfers, contract=None, severance=severance)


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
