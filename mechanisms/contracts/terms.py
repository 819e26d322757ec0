"""What a contract says after reports, whoever works it out: for every profile in advance, or for those that occur."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.recommended_orders import orders_from_each
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal


@dataclass(frozen=True, eq=False)
class Terms:
    """What a contract says at K profiles of reports.

    Attributes:
        efficient: the efficient allocations with their supporting prices.
        price: what all are to quote, ``(K, L)``, numeraire per unit.
        numeraire_transfers: by how much each player's numeraire changes, ``(K, N)``.
        orders: what each player is to order from every player, itself included, ``(K, N, L)``, units; where orders are
            matched, less what it is to be ordered by them.
        announced_endowments: what each is to announce, ``(K, N, L)``, units.
        transfers: the purchasing power granted to each, ``(K, N)``, numeraire.
        allocation: what each ends with if all obey, ``(K, N, L)``, units.
        received: what flows to each out of deposits before the market opens, ``(K, N, L)``, units; none if recommended
            flows may be refused.
    """

    efficient: EfficientAllocation
    price: FloatArray
    numeraire_transfers: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    transfers: FloatArray
    allocation: FloatArray
    received: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class OwnRecommendation:
    """What the device tells one trader, and what becomes known with it.

    Attributes:
        quotes: the prices it is to quote, ``(L,)``, numeraire per unit.
        orders: the net demands it is to address to each player, ``(N, L)``, units.
        announced_endowment: the endowment it is to announce, ``(L,)``, units.
        transfers: the purchasing power granted to every player, ``(N,)``, numeraire; public.
        received: what flowed to it out of deposits before the market opened, ``(L,)``, units; none if recommended flows
            may be refused.
    """

    quotes: FloatArray
    orders: FloatArray
    announced_endowment: FloatArray
    transfers: FloatArray
    received: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Posterior:
    """The profiles of reports that a player who has been told something considers possible, most probable first.

    Attributes:
        profiles: reported types, ``(K, N)``.
        probability: of each, ``(K,)``.
        sampled: whether these are draws from the posterior, all equally likely, rather than all there are.
        draws: how the device has turned out, ``(K,)``; none if there is one way only.
    """

    profiles: IntegerArray
    probability: FloatArray
    sampled: bool = False
    draws: IntegerArray | None = None


class DirectContract(ABC):
    """A public function from reports to what everybody is told.

    Attributes:
        economy: whose types are reported.
        execution: of the orders that are recommended.
        refusal: whether recommended flows may be refused; if not, they are executed out of deposits, and what is
            recommended is to announce what one then holds, and to order nothing.
    """

    economy: Economy
    execution: Execution = Execution.UNILATERAL
    refusal: Refusal = Refusal.FREE

    @property
    def chances(self) -> FloatArray:
        """With what probability the device turns out in which way, whatever is reported, ``(D,)``."""
        return np.ones(1)

    @abstractmethod
    def terms(self, reports: IntegerArray, draws: IntegerArray | int = 0) -> Terms:
        """Return what the contract says at profiles of reports ``(K, N)`` if the device turns out so, ``(K,)``."""

    @property
    @abstractmethod
    def stakes(self) -> FloatArray:
        """What is at stake for each type, ``(types of all players,)``, numeraire."""

    @abstractmethod
    def posterior(self, player: int, own_type: int, report: int, received: OwnRecommendation) -> Posterior:
        """Return what a player considers possible after the recommendation.

        Args:
            player: its number.
            own_type: its true type, which governs what it believes about the others' types.
            report: the type it reported.
            received: what the device told it.

        Returns:
            The posterior over the profiles of reports that agree with all it was told. When the prior gives all of
            them probability zero, as only a misreport can bring about, they are equally likely.

        Raises:
            ValueError: the contract recommends this at no profile.

        Source:
            Giraud and Rochon, section 3, the belief q-hat given type and recommendation.
        """

    @abstractmethod
    def most_taken(self, player: int, report: int) -> float:
        """Return no less than the most purchasing power that is taken from a player who reports a type, numeraire."""

    def under(self, rules: MarketRules) -> Self:
        """Return the contract as it is recommended under the rules of a market.

        Raises:
            ValueError: it is not known what it would recommend under them.
        """
        if (rules.execution, rules.refusal) == (self.execution, self.refusal):
            return self
        raise ValueError(
            f"economy {self.economy.name!r} has too many type profiles to list them, which rules execution = "
            f"{rules.execution.value!r} and refusal = {rules.refusal.value!r} would need"
        )

    def recommend(self, reports: IntegerArray, draws: IntegerArray | int = 0) -> Play:
        """Return the play that the mediator recommends, with the transfers that go with it.

        Args:
            reports: the type number each player reports, ``(..., N)``.
            draws: how the device turns out, ``(...)`` or the same for all.

        Returns:
            Everyone's quotes, orders, announced endowments and transfers, batch dimensions ``(...)``.

        Source:
            Giraud and Rochon, proof of Theorem 1.
        """
        batch, players = reports.shape[:-1], reports.shape[-1]
        flat = draws if isinstance(draws, int) else draws.reshape(-1)
        return self.play_of(self.terms(reports.reshape(-1, players), flat), batch)

    def play_of(self, terms: Terms, batch: tuple[int, ...] | None = None) -> Play:
        """Return the plays that terms ask for, batch dimensions as given or ``(K,)``."""
        # Everybody quotes the price.
        price = np.repeat(terms.price[:, None], terms.transfers.shape[-1], axis=1)
        shape = price.shape[:1] if batch is None else batch
        told = (price, terms.announced_endowments, terms.transfers, terms.orders)
        quotes, announced, transfers, to_each = (array.reshape(*shape, *array.shape[1:]) for array in told)
        # Where deposits have been executed nobody is to order anything from anybody, which takes no numbers for pairs.
        execution = self.execution if terms.received is None else Execution.UNILATERAL
        return Play(quotes, orders_from_each(to_each, execution), announced, transfers)
