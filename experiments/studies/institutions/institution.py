"""The institutions compared: every combination of the market's rules, and what outsiders do after a misquote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import assert_never

from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency


class Outsiders(StrEnum):
    """What the contract tells players to do once they see a quote that is not the contract's."""

    OBEY = "obey"
    """Whatever they were told before: the paper's contract, a list of actions."""
    WITHHOLD = "withhold"
    """Announce next to nothing and order nothing; only where quotes are seen first."""


@dataclass(frozen=True)
class Institution:
    """Rules of the market and the contract's answer to misquotes.

    Attributes:
        rules: of the market.
        outsiders: what players outside a deviating coalition do.
    """

    rules: MarketRules
    outsiders: Outsiders = Outsiders.OBEY

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


def institutions() -> Iterator[Institution]:
    """Yield every institution in which quotes are seen first.

    With simultaneous quotes and orders players answer nothing they see, so coalitions can do exactly what they can do
    where outsiders obey.
    """
    for pricing, solvency, bankruptcy, coverage in product(Pricing, Solvency, Bankruptcy, Coverage):
        rules = MarketRules(pricing=pricing, solvency=solvency, bankruptcy=bankruptcy, coverage=coverage)
        for outsiders in Outsiders:
            yield Institution(rules, outsiders)
