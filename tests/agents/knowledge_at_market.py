"""What the fixture that puts a trader at the market promises to the tests that use it."""

from __future__ import annotations

from typing import Protocol

from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.market_game.rules import MarketRules


class AtMarket(Protocol):
    """Returns what a trader knows when it orders."""

    def __call__(
        self,
        contract: GrandContract,
        player: int,
        profile: list[int],
        rules: MarketRules = ...,
        quotes: FloatArray | None = ...,
    ) -> MarketKnowledge: ...
