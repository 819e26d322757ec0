"""How much Mesa and recording cost a round, against a bare loop and against Mesa's own way of recording.

All sides play the same market: the same traders report, quote and order, and the same function settles.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import mesa
import numpy as np

from benchmarks.measurement import Measurement, print_table, time_of
from marketgame.agents.behaviours import Behaviour, Obedient, Order
from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.terms import OwnRecommendation
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.mechanisms.market_game.settle import settle
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.streams import private_seed, random_stream

ROUNDS = 20
REPEATS = 15


def many_traders(players: int, goods: int, kinds: int = 2) -> Economy:
    """Traders of one type each, except for three who may have more."""
    generator = np.random.default_rng(4)

    def kind(name: str) -> PlayerType:
        endowment = np.append(generator.uniform(0.5, 2, goods - 1), 100.0 * goods)
        return PlayerType(name, endowment, Quadratic(generator.uniform(5, 9, goods - 1), np.eye(goods - 1)))

    everyone = tuple(
        Player(f"p{number}", tuple(kind(name) for name in ("low", "high")[: kinds if number < 3 else 1]))
        for number in range(players)
    )
    marginals = [np.full(len(player.types), 1 / len(player.types)) for player in everyone]
    names = tuple(f"g{good}" for good in range(goods))
    return Economy("many", names, names, everyone, IndependentPrior(marginals))


class BareTrader:
    """A trader as a plain object: the same knowledge and behaviour, no framework."""

    def __init__(self, common: CommonKnowledge, player: int) -> None:
        self.common = common
        self.player = player
        self.inference = Inference(common.contract, player)
        self.behaviour: Behaviour = Obedient()
        self.seed = private_seed(0, "trader", common.economy.players[player].name)

    def report(self, type_number: int, round_number: int) -> int:
        """Learn a type and return the one reported."""
        stream = partial(random_stream, self.seed, round_number)
        self.known = TypeKnowledge(self.common, self.inference, type_number, stream)
        self.reported = self.behaviour.report(self.known)
        return self.reported

    def quote(self, heard: OwnRecommendation) -> FloatArray:
        """Hear the recommendation and return the prices quoted."""
        known = self.known
        self.told = RecommendedKnowledge(
            self.common, self.inference, known.type_number, known.stream, self.reported, heard
        )
        return self.behaviour.quote(self.told)

    def order(self, quotes: FloatArray) -> Order:
        """See all quotes and return net demands and announced endowment."""
        told = self.told
        return self.behaviour.order(
            MarketKnowledge(
                self.common, self.inference, told.type_number, told.stream, told.report, told.recommendation, quotes
            )
        )


class Device:
    """Recommendations, worked out once for each profile of reports."""

    def __init__(self, contract: GrandContract) -> None:
        self.contract = contract
        self.answers: dict[bytes, tuple[Play, list[OwnRecommendation]]] = {}

    def recommend(self, reports: IntegerArray) -> tuple[Play, list[OwnRecommendation]]:
        """Return what the contract recommends, and the part each player hears."""
        key = reports.tobytes()
        if key not in self.answers:
            whole = self.contract.recommend(reports)
            rows = zip(whole.quotes, whole.orders, whole.announced_endowments, strict=True)
            self.answers[key] = whole, [OwnRecommendation(*row, whole.transfers) for row in rows]
        return self.answers[key]


class BareMarket:
    """The same rounds as a plain loop over a list; nothing is recorded."""

    def __init__(self, economy: Economy) -> None:
        common = CommonKnowledge(grand_contract(economy), MarketRules())
        self.prior = economy.prior
        self.device = Device(common.listed)
        self.traders = [BareTrader(common, player) for player in range(len(economy.players))]
        self.nature = random_stream(0, "nature")
        self.rounds = 0

    def step(self) -> None:
        """Play one round."""
        profile = self.prior.sample(self.nature).tolist()
        types = zip(self.traders, profile, strict=True)
        reports = np.array([trader.report(kind, self.rounds) for trader, kind in types])
        whole, parts = self.device.recommend(reports)
        quotes = np.stack([trader.quote(part) for trader, part in zip(self.traders, parts, strict=True)])
        orders = [trader.order(quotes) for trader in self.traders]
        net_demands = np.stack([order.net_demands for order in orders])
        announced = np.stack([order.announced_endowment for order in orders])
        settle(Play(quotes, net_demands, announced, whole.transfers))
        self.rounds += 1


class CollectedTrader(mesa.Agent):  # type: ignore[misc]  # Mesa ships no type information.
    """The same trader as Mesa's documentation would write it: ``do`` calls it, reporters read it."""

    def __init__(self, model: CollectedMarket, trader: BareTrader) -> None:
        super().__init__(model)
        self.trader = trader
        self.player = trader.player

    def report(self) -> None:
        """Report a type."""
        self.reported = self.trader.report(int(self.model.profile[self.player]), self.model.steps)

    def quote(self) -> None:
        """Quote prices."""
        self.quoted = self.trader.quote(self.model.parts[self.player])

    def order(self) -> None:
        """Order net trades."""
        self.ordered = self.trader.order(self.model.quotes)

    def utility(self) -> float:
        """Return the utility of what was consumed."""
        return float(self.trader.known.utility(self.model.consumed[self.player]))

    def promised_utility(self) -> float:
        """Return the utility of what the contract promised."""
        return float(self.trader.known.utility(self.model.promised[self.player]))

    def wealth(self) -> float:
        """Return the value of what was consumed."""
        return float(self.model.price @ self.model.consumed[self.player])


type Reporter = Callable[[CollectedTrader], object]

SCALARS: dict[str, Reporter] = {
    "type": lambda agent: agent.trader.known.own_type.name,
    "reported_type": lambda agent: agent.trader.known.own.types[agent.reported].name,
    "behaviour": lambda agent: agent.trader.behaviour.name,
    "transfer": lambda agent: agent.model.whole.transfers[agent.player],
    "cost": lambda agent: agent.model.settlement.cost[agent.player],
    "bankrupt": lambda agent: bool(agent.model.settlement.bankrupt[agent.player]),
    "reason": lambda agent: int(agent.model.settlement.reason[agent.player]),
    "utility": CollectedTrader.utility,
    "promised_utility": CollectedTrader.promised_utility,
    "wealth": CollectedTrader.wealth,
}
BY_GOOD: dict[str, Callable[[CollectedTrader], FloatArray]] = {
    "endowment": lambda agent: agent.trader.known.own_type.endowment,
    "announced": lambda agent: agent.ordered.announced_endowment,
    "quote": lambda agent: agent.quoted,
    "supporting_price": lambda agent: agent.model.price,
    "lowest_supporting_price": lambda agent: agent.model.lowest_price,
    "net_trade": lambda agent: agent.model.settlement.net_trade[agent.player],
    "claim": lambda agent: agent.model.settlement.claim[agent.player],
    "allocation": lambda agent: agent.model.settlement.allocation[agent.player],
    "consumption": lambda agent: agent.model.consumed[agent.player],
}


def agent_reporters(economy: Economy) -> dict[str, Reporter]:
    """Return reporters for the columns of our tables of players and holdings."""
    entries = itertools.product(BY_GOOD.items(), enumerate(economy.goods))
    return SCALARS | {f"{name} {good}": entry(read, number) for (name, read), (number, good) in entries}


def entry(read: Callable[[CollectedTrader], FloatArray], number: int) -> Reporter:
    return lambda agent: read(agent)[number]


class CollectedMarket(mesa.Model):  # type: ignore[misc]  # Mesa ships no type information.
    """The same rounds with ``AgentSet.do`` and a ``DataCollector`` with agent reporters; no trades recorded."""

    def __init__(self, economy: Economy) -> None:
        super().__init__(rng=0)
        bare = BareMarket(economy)
        self.economy, self.prior, self.device, self.nature = economy, bare.prior, bare.device, bare.nature
        for trader in bare.traders:
            CollectedTrader(self, trader)
        self.collector = mesa.DataCollector(agent_reporters=agent_reporters(economy))

    def step(self) -> None:
        """Play one round and collect."""
        efficient = self.device.contract.efficient
        self.profile = self.prior.sample(self.nature)
        number = int(self.prior.profile_numbers(self.profile))
        self.price, self.lowest_price = efficient.price[number], efficient.lowest_price[number]
        self.agents.do("report")
        reports = np.array([agent.reported for agent in self.agents])
        self.whole, self.parts = self.device.recommend(reports)
        self.promised = self.device.contract.allocation[int(self.prior.profile_numbers(reports))]
        self.agents.do("quote")
        self.quotes = np.stack([agent.quoted for agent in self.agents])
        self.agents.do("order")
        announced = np.stack([agent.ordered.announced_endowment for agent in self.agents])
        net_demands = np.stack([agent.ordered.net_demands for agent in self.agents])
        self.settlement = settle(Play(self.quotes, net_demands, announced, self.whole.transfers))
        self.consumed = self.settlement.consumption(self.economy.endowments(self.profile))
        self.collector.collect(self)


def times_per_round(*steps: Callable[[], None]) -> list[float]:
    """Return the seconds a round takes on each side, taken in turns so that a busy machine slows all alike."""

    def play(step: Callable[[], None]) -> None:
        for _ in range(ROUNDS):
            step()

    turns = [[time_of(partial(play, step), 1) for step in steps] for _ in range(REPEATS)]
    return [min(times) / ROUNDS for times in zip(*turns, strict=True)]


def compare(players: int, goods: int) -> list[Measurement]:
    economy = many_traders(players, goods)
    model, collected = MarketModel(MarketScenario("many", economy)), CollectedMarket(economy)
    bare, ours, theirs = times_per_round(BareMarket(economy).step, model.step, collected.step)
    written = ours + time_of(model.recorder.tables, 1) / (ROUNDS * REPEATS)
    framed = theirs + time_of(collected.collector.get_agent_vars_dataframe, 1) / (ROUNDS * REPEATS)
    size = f"{players} traders, {goods} goods"
    return [
        Measurement(
            work=f"a round, played and kept, {size}",
            baseline="bare loop over the same traders, nothing kept",
            ratio=bare / ours,
            target=0.5,
            note=f"{1e6 * ours:.0f} against {1e6 * bare:.0f} microseconds",
        ),
        Measurement(
            work=f"what framework and recording add to the bare loop, {size}",
            baseline="what AgentSet.do and DataCollector add, players and holdings only",
            # Rounds that cost the same as bare ones differ by noise alone; a hundredth is what can be resolved.
            ratio=(theirs - bare) / max(ours - bare, bare / 100),
            target=5.0,
            note=f"whole rounds: {theirs / ours:.1f}",
        ),
        Measurement(
            work=f"a round made into tables, trades included, {size}",
            baseline="a round with AgentSet.do and DataCollector made into a frame, no trades",
            ratio=framed / written,
            target=None,
        ),
    ]


def measure() -> list[Measurement]:
    return [measurement for size in ((10, 2), (50, 2)) for measurement in compare(*size)]


if __name__ == "__main__":
    print_table(measure())
