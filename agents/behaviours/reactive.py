"""Answering quotes that are not the contract's."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, override

import numpy as np

from marketgame.agents.announcements import accepted_announcements
from marketgame.agents.behaviours.behaviour import Behaviour, Order, recommended_order
from marketgame.agents.knowledge import MarketKnowledge
from marketgame.mechanisms.market_game.plays import Play, stacked
from marketgame.mechanisms.market_game.rules import Timing
from marketgame.registry import parameter

# What coalitions can do is searched by a solver that takes long to load; behaviours are named in files that are only
# to be checked, so they load it when they act.
if TYPE_CHECKING:
    from marketgame.mechanisms.deviations.situation import Reaction, Situation


@dataclass(frozen=True)
class Reactive(Behaviour):
    """Obeys as long as everybody quotes what the contract recommends, and reacts to any other quote.

    How it reacts is written down once, where coalitions that expect it look it up too. Where quotes are not seen
    before orders are placed, there is nothing to react to.
    """

    @property
    @abstractmethod
    def reaction(self) -> Reaction:
        """How it answers quotes."""

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        prices = np.broadcast_to(knowledge.recommendation.quotes, knowledge.quotes.shape)
        if knowledge.common.rules.timing is not Timing.PRICES_FIRST or (knowledge.quotes == prices).all():
            return recommended_order(knowledge)
        replies = self.reaction(_situation(knowledge), 0, knowledge.quotes)
        return Order(replies.orders[knowledge.player], replies.announced_endowments[knowledge.player])


@dataclass(frozen=True)
class ReactiveWithholding(Reactive):
    """Announces next to nothing and orders nothing once somebody quotes other prices than the contract's.

    Attributes:
        announced: the share of its endowment that it then announces.
    """

    name: ClassVar[str] = "withholding-after-misquotes"

    announced: float = field(
        default=1e-6, metadata=parameter("the share of the endowment that it then announces", gt=0, le=1)
    )

    @property
    @override
    def reaction(self) -> Reaction:
        from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes  # noqa: PLC0415

        return WithholdingAfterMisquotes(self.announced)


@dataclass(frozen=True)
class ReactiveArbitraging(Reactive):
    """Does as it is told and, once somebody misquotes, buys every good where it is quoted low and sells it high.

    Attributes:
        size: how much of each good it passes on, in multiples of all there is of it.
    """

    name: ClassVar[str] = "arbitraging-after-misquotes"

    size: float = field(
        default=10.0, metadata=parameter("how much of each good it passes on", unit="aggregate endowments", ge=0)
    )

    @property
    @override
    def reaction(self) -> Reaction:
        from marketgame.mechanisms.deviations.reactions import ArbitrageAfterMisquotes  # noqa: PLC0415

        return ArbitrageAfterMisquotes(self.size)


def _situation(knowledge: MarketKnowledge) -> Situation:
    """Return what the others face, as the trader that is not one of them sees it; its own reply is what is asked.

    The trader takes the others for what it considers most probable. Everybody is recommended the price that it is.
    """
    from marketgame.mechanisms.deviations.situation import Situation  # noqa: PLC0415

    belief, own, rules = knowledge.belief, knowledge.player, knowledge.common.rules
    economy, transfers = knowledge.common.economy, knowledge.recommendation.transfers
    profile = belief.profiles[0].copy()
    profile[own] = knowledge.type_number
    told = belief.play[0]
    received = knowledge.common.contract.terms(belief.profiles[:1]).received
    owned = economy.endowments(profile) if received is None else economy.endowments(profile) + received[0]
    announced = accepted_announcements(told.announced_endowments, owned, transfers, rules)
    quotes = np.broadcast_to(knowledge.recommendation.quotes, knowledge.quotes.shape)
    return Situation(
        economy=economy,
        rules=rules,
        coalition=tuple(player for player in range(len(profile)) if player != own),
        probability=np.ones(1),
        profiles=profile[None],
        prescribed=stacked([Play(quotes, told.orders, announced, transfers)]),
        received=received,
    )
