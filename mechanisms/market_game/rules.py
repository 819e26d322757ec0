"""What may be varied in the market game: one enum per rule, their combination, and named combinations.

The default of every rule is the paper's. Source: Giraud and Rochon (2001), sections 2.2-2.3; where the paper discusses
or mentions a variant, the member says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Self, cast

from marketgame.mechanisms.market_game.prices import Pricing
from marketgame.registry import parameter

__all__ = [
    "PAPER_RULES",
    "PRESETS",
    "Bankruptcy",
    "BankruptcyReason",
    "Coverage",
    "Execution",
    "MarketRules",
    "Pricing",
    "Refusal",
    "Solvency",
    "Timing",
    "Withholding",
]


class Solvency(StrEnum):
    """What makes a player bankrupt."""

    BUDGET = "budget"
    """A cost above the transfer; the paper's rule."""
    NO_SHORT_SALES = "no-short-sales"
    """Also a holding after trade that is negative in some good."""


class Bankruptcy(StrEnum):
    """What becomes of a bankrupt player's trades and endowment; the player itself gets nothing."""

    TRADES_STAND = "trades-stand"
    """Counterparties keep what they were to receive and the endowment stays in the feasible set; the paper's rule."""
    UNWIND = "unwind"
    """Its trades are cancelled, the others tested again until nobody new fails, and its endowment is withdrawn."""


class Coverage(StrEnum):
    """Whether a transfer may take more of the numeraire than the player announces."""

    UNLIMITED = "unlimited"
    """Yes; the paper's rule."""
    ANNOUNCED_NUMERAIRE = "announced-numeraire"
    """No: such a contract is inadmissible."""


class Withholding(StrEnum):
    """What becomes of the endowment a player does not announce."""

    WASTED = "wasted"
    """Nobody consumes it; the paper's rule."""
    CONSUMED = "consumed"
    """Its owner consumes it."""


class Timing(StrEnum):
    """Whether quotes are seen before orders are given; read by the clock, not by `settle`."""

    PRICES_FIRST = "prices-first"
    """Quotes are seen by all before anyone orders; the paper's rule."""
    SIMULTANEOUS = "simultaneous"
    """Quotes and orders are chosen at once."""


class Execution(StrEnum):
    """Which of the ordered flows happen."""

    UNILATERAL = "unilateral"
    """What either side orders binds the other; the paper's rule."""
    MATCHED = "matched"
    """A flow executes only as far as both sides order it, good by good, money included."""


class Refusal(StrEnum):
    """Whether a recommended flow may be refused."""

    FREE = "free"
    """Yes: whoever is told to order something may order something else; the paper's rule."""
    ESCROW = "escrow"
    """No: recommended flows are executed out of what was deposited with the reports; then the market opens."""


class BankruptcyReason(IntEnum):
    """Which test a player failed; the budget when it failed both."""

    SOLVENT = 0
    BUDGET = 1
    SHORT_SALE = 2


@dataclass(frozen=True, slots=True)
class MarketRules:
    """The rules of the market game; the defaults are the paper's. Fields accept an enum member or its value."""

    pricing: Pricing = field(
        default=Pricing.COUNTERPARTY, metadata=parameter("at what price a trade between two players is charged")
    )
    solvency: Solvency = field(
        default=Solvency.BUDGET,
        metadata=parameter("who is bankrupt: whoever exceeds its budget, or also whoever would hold less than nothing"),
    )
    bankruptcy: Bankruptcy = field(
        default=Bankruptcy.TRADES_STAND, metadata=parameter("what becomes of a bankrupt player's trades")
    )
    coverage: Coverage = field(
        default=Coverage.UNLIMITED,
        metadata=parameter("whether a transfer may take more numeraire than a player announced"),
    )
    withholding: Withholding = field(
        default=Withholding.WASTED, metadata=parameter("what becomes of the endowment not announced")
    )
    timing: Timing = field(
        default=Timing.PRICES_FIRST,
        metadata=parameter("whether orders are placed after all quotes are seen, or with them"),
    )
    execution: Execution = field(
        default=Execution.UNILATERAL,
        metadata=parameter("which flows happen: what either side orders, or only what both sides order"),
    )
    refusal: Refusal = field(
        default=Refusal.FREE,
        metadata=parameter("whether recommended flows may be refused, or are executed out of deposits"),
    )

    def __post_init__(self) -> None:
        for rule in fields(self):
            options = cast("type[StrEnum]", type(rule.default))
            value = getattr(self, rule.name)
            try:
                object.__setattr__(self, rule.name, options(value))
            except ValueError:
                raise ValueError(f"{rule.name} must be one of {', '.join(options)}; it is {value!r}") from None

    @classmethod
    def paper(cls) -> Self:
        """Return the rules of Giraud and Rochon (2001), section 2.2."""
        return cls()

    @classmethod
    def no_short_sales(cls) -> Self:
        """Return the paper's rules with short sales bankrupting: then a Walrasian equilibrium is a Nash equilibrium.

        Without that a player sells a good short for the numeraire at the quoted prices: its budget balances, and the
        projection clips the negative holding and leaves it the whole numeraire.
        """
        return cls(solvency=Solvency.NO_SHORT_SALES)


PAPER_RULES = MarketRules.paper()
PRESETS: Mapping[str, MarketRules] = MappingProxyType(
    {"paper": PAPER_RULES, "no-short-sales": MarketRules.no_short_sales()}
)
