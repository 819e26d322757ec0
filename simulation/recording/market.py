"""Rounds on a market turned into the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import override

import numpy as np
import pyarrow as pa

from marketgame.agents.behaviours import Behaviour
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.prices import trade_prices
from marketgame.simulation.recording.benchmarks import (
    BenchmarkEntry,
    ConstraintEntry,
    benchmarks_of_economy,
    constraints_of_economy,
)
from marketgame.simulation.recording.coalitions import members
from marketgame.simulation.recording.columns import grid_table, listed_table
from marketgame.simulation.recording.events import Events, market_events, side_contract_events
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.recording.learning import regrets, stances
from marketgame.simulation.recording.measures import Measures, measure
from marketgame.simulation.recording.profile_numbers import ProfileNumbers
from marketgame.simulation.recording.recorder import Recorder
from marketgame.simulation.recording.tables import (
    CANCELLED_TRADES,
    HOLDINGS,
    LINKS,
    REGRETS,
    SIDE_CONTRACTS,
    STANCES,
    TRADE_TOTALS,
    TRADES,
    VALUATIONS,
)
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.network import KnownLinks
from marketgame.simulation.stages.blocking import Formed, departed
from marketgame.simulation.stages.learned import Regret
from marketgame.simulation.stages.market_play import Round


@dataclass(frozen=True, eq=False)
class Trades:
    """Trades that stand, in the order of round, player, counterparty and good, ``(T,)`` each.

    Attributes:
        number: of the round, counted from the first of those side by side.
        player: who received the good.
        counterparty: who delivered it.
        good: which.
        quantity: as ordered, or as delivered out of deposits, which nobody is charged for, units.
        charged_to_player: what it added to the receiver's cost, numeraire.
        charged_to_counterparty: what it added to the deliverer's, numeraire.
        value: at the supporting price, numeraire.
        labels: the names behind the numbers.
    """

    number: IntegerArray
    player: IntegerArray
    counterparty: IntegerArray
    good: IntegerArray
    quantity: FloatArray
    charged_to_player: FloatArray
    charged_to_counterparty: FloatArray
    value: FloatArray
    labels: Labels


def trades(measures: Measures, most: int | None = None) -> Trades:
    """Return what players received from each other: of each round the most valuable trades, or all."""
    place = np.nonzero(measures.received if most is None else _largest(measures.trade_values, most))
    number, player, counterparty, good = place
    charged = measures.plays.settlement.charges
    return Trades(
        *(number, player, counterparty, good),
        measures.received[place],
        charged[place],
        charged[number, counterparty, player, good],
        measures.trade_values[place],
        measures.labels,
    )


@dataclass(frozen=True, eq=False)
class CancelledTrades:
    """Trades that do not stand because one of the two failed, in the order of trades, ``(T,)`` each.

    Attributes:
        number: of the round, counted from the first of those side by side.
        player: who was to receive the good.
        counterparty: who was to deliver it.
        good: which.
        quantity: as ordered, units.
        charged_to_player: what it would have added to the receiver's cost, numeraire.
        charged_to_counterparty: what it would have added to the deliverer's, numeraire.
        value: at the supporting price, numeraire.
        wave: in which test the first of the two failed, from 1.
        labels: the names behind the numbers.
    """

    number: IntegerArray
    player: IntegerArray
    counterparty: IntegerArray
    good: IntegerArray
    quantity: FloatArray
    charged_to_player: FloatArray
    charged_to_counterparty: FloatArray
    value: FloatArray
    wave: IntegerArray
    labels: Labels


def cancelled_trades(measures: Measures, most: int | None = None) -> CancelledTrades:
    """Return what players were to receive from each other: of each round the most valuable trades, or all."""
    cancelled = measures.cancelled
    values = cancelled * measures.price[:, None, None, :]
    place = np.nonzero(cancelled if most is None else _largest(values, most))
    number, player, counterparty, good = place
    failed = np.where(measures.wave > 0, measures.wave, np.iinfo(np.int32).max)
    wave = np.minimum(failed[number, player], failed[number, counterparty])
    settlement, quantity = measures.plays.settlement, cancelled[place]
    quotes = settlement.play.quotes
    receivers, deliverers = quotes[number, player, good], quotes[number, counterparty, good]
    bought, _ = trade_prices(settlement.rules.pricing, receivers, deliverers)
    _, sold = trade_prices(settlement.rules.pricing, deliverers, receivers)
    charged = (bought * quantity, -sold * quantity)
    return CancelledTrades(
        *(number, player, counterparty, good), quantity, *charged, values[place], wave, measures.labels
    )


def _largest(values: FloatArray, most: int) -> BooleanArray:
    """Say which values of each round, ``(R, N, N, L)``, are the largest of those above zero; of equals the first."""
    listed = np.zeros(values.shape, np.bool_)
    if not most:
        return listed
    for flat, chosen in ((each.reshape(-1), mark.reshape(-1)) for each, mark in zip(values, listed, strict=True)):
        least = np.partition(flat, -most)[-most] if flat.size > most else 0.0
        chosen[flat > max(least, 0.0)] = True
        if least > 0:
            chosen[np.flatnonzero(flat == least)[: most - np.count_nonzero(chosen)]] = True
    return listed


class TradeTotals:
    """What all trades of each round amount to, good by good, ``(R, L)`` each: of Trades, how many and the sums."""

    def __init__(self, measures: Measures) -> None:
        received, charged = measures.received, measures.plays.settlement.charges
        moved = received > 0
        self.trades: IntegerArray = np.einsum("rijl->rl", moved.view(np.int8), dtype=np.int64)
        self.quantity = _by_good(received)
        self.charged_to_players = _by_good(np.where(moved, charged, 0))
        self.charged_to_counterparties = _by_good(np.where(moved.swapaxes(1, 2), charged, 0))
        self.value = _by_good(measures.trade_values)


def _by_good(values: FloatArray) -> FloatArray:
    """Return sums of values ``(R, N, N, L)`` over pairs of players: the bits of `sum`, in a fourth of its time."""
    summed: FloatArray = np.einsum("rijl->rl", values)
    return summed


@dataclass(frozen=True, eq=False)
class Links:
    """The network of a run: who is linked to whom, in the economy's order, what that limits, and the names."""

    rows: Sequence[tuple[int, int]]
    limits: str
    labels: Labels


def links_of(network: KnownLinks | None, labels: Labels) -> Links:
    """Return the links of a network; none where there is no network."""
    if network is None:
        return Links([], "", labels)
    return Links(sorted(network.links), "+".join(sorted(network.limits)), labels)


# At so many amounts of a good its worth is recorded, evenly spaced from nothing to all that there can be.
AMOUNTS = 201


@dataclass(frozen=True, eq=False)
class Valuations:
    """What amounts of a good are worth to the types of two traders, ``(T,)`` each: types by players, then amounts."""

    player: IntegerArray
    type_number: IntegerArray
    quantity: FloatArray
    worth: FloatArray
    labels: Labels


def valuations_of(economy: Economy, labels: Labels) -> Valuations:
    """Return what amounts of a good are worth to each type; none unless two trade one good besides the numeraire."""
    if len(economy.players) != 2 or len(economy.goods) != 2:
        none = np.empty(0, np.int64)
        return Valuations(none, none, np.empty(0), np.empty(0), labels)
    most = sum(max(float(each.endowment[0]) for each in player.types) for player in economy.players)
    amounts = np.linspace(0.0, most, AMOUNTS)
    places = [(player, kind) for player, who in enumerate(economy.players) for kind in range(len(who.types))]
    # Nothing of a good may be worth minus infinity.
    with np.errstate(divide="ignore"):
        worths = [economy.players[player].types[kind].valuation.value(amounts[:, None]) for player, kind in places]
    whose = np.repeat([player for player, _ in places], AMOUNTS)
    types = np.repeat([labels.type(*place) for place in places], AMOUNTS)
    return Valuations(whose, types, np.tile(amounts, len(places)), np.concatenate(worths), labels)


class MarketRecorder(Recorder[Round, Measures]):
    """Keeps every round of one run on a market."""

    def __init__(
        self,
        scenario: MarketScenario,
        contract: DirectContract,
        behaviours: tuple[tuple[Behaviour, ...], ...],
        game: CoalitionalGame | None = None,
        run: int = 0,
    ) -> None:
        self._market = scenario
        self._contract = contract
        self._numbers = ProfileNumbers(scenario.economy.prior)
        self._behaviours = behaviours
        self._regrets: dict[tuple[int, int], Regret] = {}
        economy, blockers = scenario.economy, [blocker.name for blocker in scenario.blockers]
        labels = Labels(economy.players, behaviours, blockers, game, economy.goods, scenario.active_organisers)
        super().__init__(scenario, labels, run)

    def of_seed(self, seed: int) -> MarketRecorder:
        """Return one that keeps the rounds of another run, which differs in its seed alone, where nobody blocks."""
        return MarketRecorder(replace(self._market, seed=seed), self._contract, self._behaviours)

    @override
    def add(self, play: Round) -> None:
        """Keep one more round."""
        for each in play.learned:
            if each.regret is not None:
                self._regrets[each.player, each.type_number] = each.regret
        super().add(play)

    def regretted(self, regrets: Mapping[tuple[int, int], Regret]) -> None:
        """Begin with the regrets of rounds played before."""
        self._regrets = dict(regrets)

    @override
    def whole_rows(self) -> dict[str, pa.Table]:
        """Return what those who learn regret, who is linked to whom, and what a good is worth to two traders."""
        regretted = regrets(self._regrets, self._behaviours, self._labels, self._market.economy)
        linked = links_of(self._market.known_links, self._labels)
        valued = valuations_of(self._market.economy, self._labels)
        return {
            "regrets": REGRETS.table(regretted, {"run": np.full(len(regretted.rows), self._run)}),
            "links": LINKS.table(linked, {"run": np.full(len(linked.rows), self._run)}),
            "valuations": VALUATIONS.table(valued, {"run": np.full(len(valued.player), self._run)}),
        }

    def measured(self, plays: Sequence[Round]) -> Measures:
        """Return some rounds side by side, or none."""
        return measure(plays, self._contract, self._market.rules, self._labels, self._numbers)

    def size(self, play: Round) -> int:
        """Return how many bytes a round takes until it has been turned into rows."""
        return sum(array.nbytes for array in play.settlement.play.arrays)

    def formed(self, plays: Sequence[Round]) -> list[tuple[int, Formed]]:
        """Return the coalitions that left; who stays trades, which is another table."""
        return [(number, each) for number, play in enumerate(plays) for each in departed(play.approaches)]

    def benchmarks(self, drawn: AbstractSet[int]) -> list[BenchmarkEntry]:
        """Return what the economy could have achieved."""
        return benchmarks_of_economy(self._contract, self._numbers, drawn, self._market.incentives)

    def constraints(self) -> list[ConstraintEntry]:
        """Return what costs welfare in incentive-efficient benchmarks."""
        return constraints_of_economy(self._market.incentives)

    def events(self, measured: Measures) -> Sequence[Events]:
        """Return who failed, which claims were cut, which announcements raised, and what came of collusion."""
        return [*market_events(measured), *side_contract_events(measured)]

    def own_rows(self, measured: Measures, run: int, first_round: int) -> dict[str, pa.Table]:
        """Return what everybody held and traded, and who colluded."""
        labels, place = self._labels, (run, first_round)
        most, rounds = self._market.most_trades_listed, len(measured.profile)
        traded, unmade = trades(measured, most), cancelled_trades(measured, most)
        rows = {
            "holdings": grid_table(HOLDINGS, measured, *place, rounds, player=labels.players, good=labels.goods),
            "trades": listed_table(TRADES, traded, *place, traded.number),
            "cancelled_trades": listed_table(CANCELLED_TRADES, unmade, *place, unmade.number),
            "trade_totals": grid_table(TRADE_TOTALS, TradeTotals(measured), *place, rounds, good=labels.goods),
        }
        if labels.organisers:
            colluding = members(
                measured.negotiations, measured.profile, measured.over_promise, measured.over_truth, labels
            )
            rows["side_contracts"] = listed_table(
                SIDE_CONTRACTS, colluding, *place, [each.round for each in colluding.rows]
            )
        if labels.learns:
            taken = stances(measured.learned, labels)
            rows["stances"] = listed_table(STANCES, taken, *place, taken.rounds)
        return rows
