"""What a trader may know at each stage of a round, and nothing more.

Knowledge grows by stages: a type, then a recommendation, then the quotes everybody sees. Each stage is a
class, so that a behaviour cannot ask for what its trader does not know yet. Common knowledge (the economy
with its prior, the contract, the rules) is about what could happen; what did happen to the others is nowhere
in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.agents.beliefs import Belief, Inference
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, listed
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.market_game.one_deviates import OneDeviates
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class CommonKnowledge:
    """What everybody knows, and knows that everybody knows.

    Attributes:
        contract: the established contract, a public function from reports to recommendations; with it come the
            economy and the prior.
        rules: how the market settles.
        severance: what the established mediator promises to those who leave, at every profile of reports,
            ``(P, N)``, numeraire; nothing by default.
        reach: whom each may order from on its own account, ``(N, N)``, itself among them; none if from everybody. To
            anybody else it can order what is recommended and nothing else.
    """

    contract: DirectContract
    rules: MarketRules
    severance: FloatArray | None = None
    reach: BooleanArray | None = None

    @property
    def economy(self) -> Economy:
        """The economy: who could be of which type, how likely that is, and what each would own and value."""
        return self.contract.economy

    @property
    def listed(self) -> GrandContract:
        """The contract with everything it says at every profile, for whoever cannot do without.

        Raises:
            ValueError: there are too many profiles to list.
        """
        return listed(self.contract)

    def belief_by_type(self, player: int, type_number: int) -> FloatArray:
        """Return what a player believes knowing only its own type, over all profiles, ``(P,)``."""
        prior = self.economy.prior
        own = prior.profiles[:, player] == type_number
        belief: FloatArray = np.where(own, prior.probability, 0.0) / prior.marginal(player)[type_number]
        return belief

    def stakes_after(self, player: int, type_number: int, report: int) -> FloatArray:
        """Return what a player loses by leaving the market once it has made a report.

        Args:
            player: its number.
            type_number: its true type.
            report: the type it reported.

        Returns:
            Utility of what the contract promises less that of its endowment and less severance, at every profile
            with its own true type, ``(P,)``, numeraire; zero elsewhere.
        """
        prior = self.economy.prior
        own = self.economy.players[player].types[type_number]
        possible = np.flatnonzero(prior.profiles[:, player] == type_number)
        reports = prior.profiles[possible].copy()
        reports[:, player] = report
        reported = prior.profile_numbers(reports)
        shown = self.economy.players[player].types[report].endowment[-1]
        money = (shown - own.endowment[-1]) + self.listed.numeraire_transfers[reported, player]
        goods = own.valuation.gain(own.endowment[:-1], self.listed.bundles[reported, player])
        stakes = np.zeros(len(prior.profiles))
        stakes[possible] = goods + money
        if self.severance is not None:
            stakes[possible] -= self.severance[reported, player]
        return stakes


@dataclass(frozen=True, eq=False)
class TypeKnowledge:
    """What a trader knows when it reports: common knowledge and its own type.

    Attributes:
        common: common knowledge.
        inference: draws its conclusions from recommendations.
        type_number: its own type.
        stream: opens its own random stream of this round for the purpose named, from its beginning.
    """

    common: CommonKnowledge
    inference: Inference
    type_number: int
    stream: Callable[[str], np.random.Generator]

    @property
    def player(self) -> int:
        """Its own number."""
        return self.inference.player

    @property
    def own(self) -> Player:
        """The player it is, with all types it could have had."""
        return self.common.economy.players[self.player]

    @property
    def own_type(self) -> PlayerType:
        """Its own type: endowment and valuation."""
        return self.own.types[self.type_number]

    def utility(self, bundles: FloatArray) -> FloatArray:
        """Return its own utility, ``(...)``, numeraire, of bundles ``(..., L)``, units: a level, for display."""
        return self.own_type.valuation.value(bundles[..., :-1]) + bundles[..., -1]

    def gain(self, net_consumption: FloatArray) -> FloatArray:
        """Return the gain, ``(...)``, numeraire, of consuming so much beyond its endowment, ``(..., L)``, units."""
        row = self.common.economy.first_rows[self.player] + self.type_number
        return self.common.economy.gains_of_types(np.full(net_consumption.shape[:-1], row), net_consumption)

    @property
    def stake(self) -> float:
        """What is at stake for it under the contract, numeraire; see :mod:`marketgame.mechanisms.economies.stakes`."""
        return float(self.common.contract.stakes[self.common.economy.first_rows[self.player] + self.type_number])


@dataclass(frozen=True, eq=False)
class RecommendedKnowledge(TypeKnowledge):
    """What a trader knows when it quotes: also its report, what the device told it, and all transfers.

    Attributes:
        report: the type it reported.
        recommendation: what it was told.
    """

    report: int
    recommendation: OwnRecommendation

    @cached_property
    def owned(self) -> FloatArray:
        """What it owns when the market opens, ``(L,)``, units: its endowment, and what flowed to it out of deposits."""
        received = self.recommendation.received
        return self.own_type.endowment if received is None else self.own_type.endowment + received

    def gain_at_market(self, net_consumption: FloatArray) -> FloatArray:
        """Return the gain, ``(...)``, numeraire, of consuming so much beyond what it then owns, ``(..., L)``, units."""
        received = self.recommendation.received
        return self.gain(net_consumption if received is None else net_consumption + received)

    @cached_property
    def belief(self) -> Belief:
        """The profiles of reports it still considers possible (stage 5 of a round)."""
        return self.inference.belief(self.type_number, self.report, self.recommendation)

    def at_quotes(self, quotes: FloatArray) -> MarketKnowledge:
        """Return what it knows when it has seen all quotes, ``(N, L)``."""
        known = self.common, self.inference, self.type_number, self.stream, self.report, self.recommendation
        return MarketKnowledge(*known, quotes)

    def expecting(self, own_quote: FloatArray) -> MarketKnowledge:
        """Return what it knows when it has quoted prices ``(L,)`` and orders without having seen the others' quotes.

        It expects the others to quote what the contract recommends at the profile it considers most probable.
        """
        expected = self.belief.play.quotes[0].copy()
        expected[self.player] = own_quote
        return self.at_quotes(expected)


@dataclass(frozen=True, eq=False)
class MarketKnowledge(RecommendedKnowledge):
    """What a trader knows when it orders: also the quotes of stage one.

    Attributes:
        quotes: row j is what player j quoted, ``(N, L)``, numeraire per unit. When quotes and orders are
            simultaneous, the others' rows are what the trader expects them to quote.
    """

    quotes: FloatArray

    def within_reach(self, net_demands: FloatArray) -> FloatArray:
        """Return the orders that come of ``(..., N, L)``: to those out of reach, what is recommended."""
        reach = self.common.reach
        if reach is None:
            return net_demands
        return np.where(reach[self.player][:, None], net_demands, self.recommendation.orders)

    @property
    def partners(self) -> IntegerArray:
        """The others it may order from on its own account, by number."""
        reach = self.common.reach
        others = np.ones(len(self.quotes), dtype=bool) if reach is None else reach[self.player].copy()
        others[self.player] = False
        return np.flatnonzero(others)

    @cached_property
    def own_deviations(self) -> tuple[OneDeviates, ...]:
        """The plays in which all others obey, one for each profile that it considers possible."""
        told, transfers = self.belief.play, self.recommendation.transfers
        plays = zip(self.belief.orders_to_each, told.announced_endowments, strict=True)
        rules = self.common.rules
        return tuple(OneDeviates(rules, self.player, self.quotes, *each, transfers) for each in plays)
