"""How fast rounds of traders who learn are played, many replications abreast, against a plain Mesa implementation.

The plain implementation is what a user of Mesa would write: agents that draw a stance by weights from the model's
generator, speak by the same behaviours through ``AgentSet.do``, and update the weights of the stance that they took.
Nothing is recorded on either side but stances and gains. Processor time, one thread.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import process_time

import mesa
import numpy as np

from benchmarks.measurement import Measurement, print_table, time_of
from benchmarks.rounds import BareMarket, BareTrader, many_traders
from marketgame.agents.behaviours import BEHAVIOURS, Behaviour, ExponentialWeights, Learning, Publication
from marketgame.agents.behaviours.menu import menu_of
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.settle import settle
from marketgame.simulation.market.abreast import MarketsAbreast
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate, simulate_abreast
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.established import establish
from marketgame.simulation.scenario.learning import LearningRules, Regrets
from marketgame.simulation.scenario.market_scenario import MarketScenario

MENUS = {
    "quotes and announcements": ("obedient", "misreporting", "withholding", "mispricing"),
    "short sales, which are decided by exact sums": ("obedient", "misreporting", "withholding", "short-selling"),
}
TRADERS, THOUSAND = 10, 1000
REPLICATIONS, ROUNDS, WARM = 500, 20, 10
PLAIN_ROUNDS, FEW_ROUNDS, SEEDS = 50, 4, 20


class LearningAgent(mesa.Agent):  # type: ignore[misc]  # Mesa ships no type information.
    """Draws a stance, acts by it, and makes it likelier if it paid."""

    def __init__(self, model: PlainMarket, trader: BareTrader, stances: tuple[str, ...]) -> None:
        super().__init__(model)
        self.trader, self.stances = trader, stances
        self.paid = np.zeros((2, len(stances) + 1))

    def report(self) -> None:
        """Draw a stance and report by it."""
        kind = int(self.model.profile[self.trader.player])
        own = self.trader.common.economy.players[self.trader.player]
        menu = menu_of(self.stances, tuple(each.name for each in own.types), kind)
        weights = np.exp(self.paid[kind, : len(menu)] / 100)
        self.kind, self.taken = kind, self.model.random.choices(range(len(menu)), weights)[0]
        self.trader.behaviour = menu[self.taken]
        self.reported = self.trader.report(kind, self.model.steps)

    def quote(self) -> None:
        """Quote prices."""
        self.quoted = self.trader.quote(self.model.parts[self.trader.player])

    def order(self) -> None:
        """Order net trades."""
        self.ordered = self.trader.order(self.model.quotes)

    def learn(self) -> None:
        """Add what the round brought."""
        self.paid[self.kind, self.taken] += np.clip(self.model.gains[self.trader.player], -1, 1)


class PlainMarket(mesa.Model):  # type: ignore[misc]  # Mesa ships no type information.
    """The same market with ``AgentSet.do``."""

    def __init__(self, economy: Economy, stances: tuple[str, ...]) -> None:
        super().__init__(rng=0)
        bare = BareMarket(economy)
        self.economy, self.prior, self.device, self.nature = economy, bare.prior, bare.device, bare.nature
        for trader in bare.traders:
            LearningAgent(self, trader, stances)

    def step(self) -> None:
        """Play one round."""
        self.profile = self.prior.sample(self.nature)
        self.agents.do("report")
        whole, self.parts = self.device.recommend(np.array([agent.reported for agent in self.agents]))
        self.agents.do("quote")
        self.quotes = np.stack([agent.quoted for agent in self.agents])
        self.agents.do("order")
        owned = self.economy.endowments(self.profile)
        announced = np.minimum(np.stack([agent.ordered.announced_endowment for agent in self.agents]), owned)
        net_demands = np.stack([agent.ordered.net_demands for agent in self.agents])
        settlement = settle(Play(self.quotes, net_demands, announced, whole.transfers))
        self.gains = self.economy.gains(self.profile, settlement.net_consumption(owned))
        self.agents.do("learn")


QUIET = LearningRules(regrets=Regrets.NONE)
LEARNERS = tuple(member() for member in BEHAVIOURS.members.values() if issubclass(member, Learning))


def scenario(traders: int, stances: tuple[str, ...]) -> MarketScenario:
    """All of so many traders learn from their own payoffs."""
    learner = ExponentialWeights(stances=stances)
    return MarketScenario("many", many_traders(traders, 2), assignments=(Assignment(learner),), learning=QUIET)


def many(steps: int, model: mesa.Model) -> None:
    """Play some rounds."""
    for _ in range(steps):
        model.step()


def measure() -> list[Measurement]:
    """Measure rounds of ten traders by menu, of a thousand by learner, and runs side by side."""
    rows = []
    for name, stances in MENUS.items():
        played = scenario(TRADERS, stances)
        rounds = MarketsAbreast(played, range(REPLICATIONS)).rounds(WARM + ROUNDS)
        # The first rounds ask for messages, and load what is compiled.
        for _ in range(WARM):
            next(rounds)
        abreast = time_of(partial(list, rounds), 1, process_time) / (REPLICATIONS * ROUNDS)
        model, plain = MarketModel(played), PlainMarket(played.economy, stances)
        alone, theirs = (time_of(partial(many, PLAIN_ROUNDS, each), 1, process_time) for each in (model, plain))
        rows.append(
            Measurement(
                work=f"a round of ten traders who learn, {REPLICATIONS} replications abreast: {name}",
                baseline="plain Mesa",
                ratio=theirs / PLAIN_ROUNDS / abreast,
                target=10.0,
                note=f"a million rounds take {1e6 * abreast:.0f} s; one by one {1e6 * alone / PLAIN_ROUNDS:.0f} s",
            )
        )
    return [*rows, *(thousand(learner) for learner in LEARNERS), side_by_side()]


def thousand(learner: Behaviour) -> Measurement:
    """Measure rounds of a thousand who learn, turned into rows of tables."""
    told = LearningRules((Publication.STANCES,), Regrets.NONE) if learner.name == "imitating" else QUIET
    traders = many_traders(THOUSAND, 2)
    model = MarketModel(MarketScenario("many", traders, assignments=(Assignment(learner),), learning=told))
    model.step()
    seconds = time_of(partial(many, FEW_ROUNDS, model), 1, process_time) / FEW_ROUNDS
    return Measurement(
        work=f"a round of a thousand traders who learn: {learner.name}",
        baseline="one second",
        ratio=1 / seconds,
        target=1.0,
    )


def side_by_side() -> Measurement:
    """Measure runs that differ in their seeds alone, with all their tables."""
    played = establish(replace(scenario(3, MENUS["quotes and announcements"]), rounds=PLAIN_ROUNDS))
    alone = time_of(partial(simulate, played), 3, process_time)
    together = time_of(partial(simulate_abreast, played, range(SEEDS)), 1, process_time) / SEEDS
    work = f"{SEEDS} runs of three traders who learn with all their tables, as sweeps play them"
    return Measurement(work, "one by one", alone / together, 3.0, f"{1e3 * together / PLAIN_ROUNDS:.2g} ms a round")


if __name__ == "__main__":
    print_table(measure())
