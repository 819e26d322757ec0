"""Networks: how they are drawn, and that only those who know each other collude, imitate and trade on their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, override

import networkx as nx
import numpy as np
import pytest

from marketgame import results
from marketgame.agents.behaviours import (
    Arbitraging,
    Behaviour,
    BestResponding,
    ExponentialWeights,
    Learning,
    Mispricing,
    Noisy,
    Obedient,
    Outcome,
    Publication,
    ShortSelling,
    Withholding,
)
from marketgame.agents.blocking import mediator
from marketgame.agents.coalitions.choice import CoalitionChoice, CoalitionSelection, Links, OrganiserStage, Together
from marketgame.agents.knowledge import CommonKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import CoalitionLimits
from marketgame.mechanisms.contracts.stating import Recommendation, stated_contract
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal, Timing
from marketgame.simulation.market.menu_game import MarketMenu, UnplayableError
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.learning import LearningRules
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.network import GraphKind, GraphLaw, Limit, Network
from marketgame.simulation.scenario.organisers import Organiser
from tests.economy_fixtures import RandomEconomy
from tests.run_folders import write_run

# Five players, of whom the last knows nobody.
PATH: Links = frozenset({(0, 1), (1, 2), (2, 3)})
NEIGHBOURS = {0: {1}, 1: {0, 2}, 2: {1, 3}, 3: {2}, 4: set[int]()}


def five(random_economy: RandomEconomy, seed: int = 3) -> Economy:
    return random_economy(seed, 5, 3, 2)


def scenario(economy: Economy, *limits: Limit, **settings: Any) -> MarketScenario:
    return MarketScenario("net", economy, network=Network(PATH, limits=limits), **settings)


def degrees(links: Links, players: int) -> list[int]:
    return [sum(player in link for link in links) for player in range(players)]


def test_graphs_have_the_links_that_define_them() -> None:
    drawn = {shape: GraphLaw(shape, 0.4, 4, 3).links(20, 7) for shape in GraphKind}
    assert len(drawn[GraphKind.COMPLETE]) == 190
    assert degrees(drawn[GraphKind.RING], 20) == [2] * 20
    assert degrees(drawn[GraphKind.STAR], 20) == [19] + [1] * 19
    assert drawn[GraphKind.PATH] == {(player, player + 1) for player in range(19)}
    # Rewiring moves links; each newcomer after the first three brings three, so that all hang together.
    assert len(drawn[GraphKind.SMALL_WORLD]) == 20 * 4 / 2
    assert degrees(drawn[GraphKind.SMALL_WORLD], 20) != [4] * 20
    assert len(drawn[GraphKind.SCALE_FREE]) == 3 * 17
    assert nx.is_connected(nx.Graph(list(drawn[GraphKind.SCALE_FREE])))
    # Of 190 pairs each is linked with probability 0.4: eight standard deviations are 54.
    assert abs(len(drawn[GraphKind.RANDOM]) - 76) < 54
    for shape in GraphKind:
        assert all(0 <= first < second < 20 for first, second in drawn[shape])
        assert GraphLaw(shape, 0.4, 4, 3).links(20, 7) == drawn[shape]
        assert GraphLaw(shape, neighbours=9, newcomers_links=9).links(1, 7) == frozenset()


def test_every_run_draws_its_own_network_unless_the_network_has_a_seed(random_economy: RandomEconomy) -> None:
    law = GraphLaw(GraphKind.RANDOM, 0.5)
    base = MarketScenario("net", random_economy(1, 12, 2, 1), network=Network(law))

    def links(each: MarketScenario) -> Links:
        assert each.known_links is not None
        return each.known_links.links

    assert links(base) == links(replace(base, rounds=3)) != links(replace(base, seed=1))
    seeded = replace(base, network=Network(law, seed=5))
    assert links(seeded) == links(replace(seeded, seed=1)) == law.links(12, 5)


def test_a_run_records_its_links_once_by_name(random_economy: RandomEconomy, tmp_path: Path) -> None:
    net = scenario(random_economy(1, 5, 2, 1), Limit.TRADE, Limit.IMITATION, rounds=3)
    write_run(tmp_path, simulate(net), {})
    links = results.load(tmp_path).links
    assert list(links.columns) == ["run", "player", "neighbour", "limits"]
    found = set(zip(links["player"].astype(str), links["neighbour"].astype(str), strict=True))
    assert found == {(f"p{one}", f"p{other}") for one, other in PATH}
    assert len(links) == len(PATH)
    assert set(links["limits"]) == {"imitation+trade"}
    assert simulate(replace(net, network=None))["links"].num_rows == 0
    drawn = replace(net, network=Network(GraphLaw(GraphKind.RANDOM, 0.5)))
    assert drawn.known_links is not None
    assert simulate(drawn)["links"].num_rows == len(drawn.known_links.links)


def test_a_graph_of_networkx_is_taken_by_names_or_numbers() -> None:
    names = ("ann", "bob", "cy")
    by_name, by_number = nx.Graph([("cy", "bob"), ("bob", "ann")]), nx.Graph([(2, 1), (1, 0), (1, 1)])
    assert Network.of(by_name, names) == Network.of(by_number, names) == Network(frozenset({(0, 1), (1, 2)}))
    assert Network.of(by_name, names, [Limit.TRADE]).limits == (Limit.TRADE,)
    with pytest.raises(ValueError, match="node 'dan' of the network is no player"):
        Network.of(nx.Graph([("dan", "bob")]), names)


def test_organisers_approach_only_coalitions_that_hold_together_in_the_network(random_economy: RandomEconomy) -> None:
    asked: list[tuple[int, ...]] = []
    broker = Organiser("broker", CoalitionChoice(CoalitionSelection.ALL, smallest=1), find=asked.append)
    economy = random_economy(1, 5, 2, 1)

    def approached(network: Network | None) -> set[tuple[int, ...]]:
        asked.clear()
        MarketModel(MarketScenario("net", economy, organisers=(broker,), network=network)).step()
        return set(asked)

    assert len(approached(None)) == len(approached(Network(PATH, limits=(Limit.IMITATION,)))) == 31
    graph = nx.Graph(list(PATH))
    graph.add_nodes_from(range(5))
    connected = {each for each in approached(None) if nx.is_connected(graph.subgraph(each))}
    assert approached(Network(PATH)) == connected
    cliques = {each for each in connected if len(each) <= 2}
    assert approached(Network(PATH, together=Together.CLIQUES)) == cliques
    assert approached(Network(frozenset())) == {(player,) for player in range(5)}


def test_blocking_mediators_invite_only_those_whom_the_network_and_their_own_links_connect(
    random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: set[CoalitionLimits] = set()
    monkeypatch.setattr(mediator, "find_blocking_plan", lambda game, stakes, limits: searched.add(limits))
    rivals = (Blocker("free"), Blocker("rival", largest=2, network=frozenset({(1, 2), (0, 4)})))
    MarketModel(scenario(random_economy(1, 5, 2, 1), Limit.COLLUSION, blockers=rivals, parts=1)).step()
    assert searched == {CoalitionLimits(None, PATH), CoalitionLimits(2, frozenset({(1, 2)}))}
    searched.clear()
    MarketModel(scenario(random_economy(1, 5, 2, 1), Limit.IMITATION, blockers=rivals, parts=1)).step()
    assert {each.network for each in searched} == {None, rivals[1].network}


@dataclass(frozen=True)
class Listening(Learning[FloatArray]):
    """Keeps whom it heard of."""

    name: ClassVar[str] = "listening"
    heard: ClassVar[dict[int, set[int]]] = {}

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.zeros(1)

    @override
    def plan(self, memory: FloatArray, knowledge: TypeKnowledge) -> Behaviour:
        return Obedient()

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        self.heard[outcome.knowledge.player] = {each.player for each in outcome.heard}
        return memory


def test_learners_hear_of_their_neighbours_only(random_economy: RandomEconomy) -> None:
    rules = LearningRules((Publication.STANCES,))
    settings = {"assignments": (Assignment(Listening()),), "learning": rules}
    MarketModel(scenario(five(random_economy), Limit.IMITATION, **settings)).step()
    assert Listening.heard == NEIGHBOURS
    MarketModel(scenario(five(random_economy), Limit.COLLUSION, **settings)).step()
    assert Listening.heard == {player: set(range(5)) - {player} for player in range(5)}


ATTACKS: tuple[Behaviour, ...] = (
    ShortSelling(),
    Arbitraging(),
    Withholding(),
    Noisy(),
    BestResponding(effort=128),
    ExponentialWeights(),
)
RULES = (
    MarketRules(),
    MarketRules(execution=Execution.MATCHED),
    MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW),
    MarketRules(timing=Timing.SIMULTANEOUS),
)


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: f"{rules.execution}-{rules.refusal}-{rules.timing}")
def test_to_strangers_everybody_orders_what_is_recommended(random_economy: RandomEconomy, rules: MarketRules) -> None:
    economy, departures = random_economy(2, 5, 3, 1), 0
    misquoting = Assignment(Mispricing(), players=("p2",))
    for attack in ATTACKS:
        # The third misquotes, so that there is something to arbitrage.
        model = MarketModel(
            scenario(economy, Limit.TRADE, assignments=(Assignment(attack), misquoting), rules=rules, seed=4)
        )
        model.step()
        play = model.last_play
        assert play is not None
        told = model.mediator.recommend(play.reports)[0]
        differs = (play.settlement.play.orders != told.orders).any(axis=-1)
        np.fill_diagonal(differs, val=False)
        known = {(one, other) for one, others in NEIGHBOURS.items() for other in others}
        found = {(int(one), int(other)) for one, other in np.argwhere(differs)}
        assert found <= known, attack.name
        departures += len(found)
    assert departures > 0


def gain_of_the_first(economy: Economy, behaviour: Behaviour, links: Links) -> float:
    """Return what the first player gains beyond its endowment where its own orders keep to links, numeraire."""
    network = Network(links, limits=(Limit.TRADE,))
    assignments = (Assignment(behaviour, players=("p0",)),)
    model = MarketModel(MarketScenario("net", economy, assignments=assignments, network=network))
    model.step()
    play = model.last_play
    assert play is not None
    change = play.settlement.net_consumption(economy.endowments(play.profile))
    return float(economy.gains(play.profile, change)[0])


@pytest.mark.parametrize("attack", [ShortSelling(), BestResponding(effort=64)], ids=lambda attack: attack.name)
def test_who_knows_nobody_can_but_obey_and_one_acquaintance_is_enough_to_sell_short(
    random_economy: RandomEconomy, attack: Behaviour
) -> None:
    economy = random_economy(2, 5, 3, 1)
    everybody = frozenset((one, other) for one in range(5) for other in range(one + 1, 5))
    obedient = gain_of_the_first(economy, Obedient(), everybody)
    assert gain_of_the_first(economy, attack, frozenset()) == obedient
    # Its claim on one acquaintance exceeds all there is, and what there is, is rationed among all claims.
    spoils = gain_of_the_first(economy, attack, frozenset({(0, 1)}))
    assert spoils > obedient
    assert spoils == pytest.approx(gain_of_the_first(economy, attack, everybody))


STANCES = ExponentialWeights(stances=("obedient", "short-selling", "mispricing", "withholding"))
CHOSEN = ((1, 0, 0, 1, 0), (0, 1, 2, 0, 1), (3, 2, 1, 1, 1))
LOT = [Recommendation(share, probability=chance) for share, chance in ((1.0, 0.75), (0.5, 0.25))]


def settled_one_by_one(net: MarketScenario, stances: tuple[int, ...]) -> FloatArray:
    """Return what players gain by stances in a model without learners, expected over the draws of its device."""
    menu = STANCES.menu(net.economy.players[0], 0)
    acting = tuple(
        Assignment(menu[stance], players=(name,))
        for name, stance in zip(net.economy.player_names, stances, strict=True)
    )
    by_draw: dict[int, FloatArray] = {}
    model = MarketModel(replace(net, assignments=acting))
    chances = model.mediator.contract.chances
    while len(by_draw) < len(chances):
        model.step()
        play = model.last_play
        assert play is not None
        change = play.settlement.net_consumption(net.economy.endowments(play.profile) + play.delivered)
        by_draw[int(play.draw)] = net.economy.gains(play.profile, change + play.delivered)
    return np.asarray(sum(chance * by_draw[draw] for draw, chance in enumerate(chances.tolist())))


@pytest.mark.parametrize("by_lot", [False, True], ids=["one recommendation", "by lot"])
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: f"{rules.execution}-{rules.refusal}-{rules.timing}")
def test_in_the_game_of_stances_too_orders_keep_to_the_network(
    rules: MarketRules, by_lot: bool, random_economy: RandomEconomy
) -> None:
    economy = random_economy(2, 5, 3, 1)
    contract = stated_contract(economy, LOT) if by_lot else None
    net = scenario(economy, Limit.TRADE, rules=rules, contract=contract, assignments=(Assignment(STANCES),))
    stances, profiles = np.array(CHOSEN), np.zeros((len(CHOSEN), 5), np.int64)
    found = MarketMenu(net).gains(profiles, stances)
    for each, gains in zip(CHOSEN, found, strict=True):
        assert gains == pytest.approx(settled_one_by_one(net, each), rel=1e-9, abs=1e-9)
    if rules.execution is not Execution.MATCHED:
        everybody = MarketMenu(replace(net, network=None)).gains(profiles, stances)
        assert found != pytest.approx(everybody, rel=1e-3)


def test_a_best_reply_that_would_need_strangers_is_not_sought(random_economy: RandomEconomy) -> None:
    menu = MarketMenu(scenario(random_economy(2, 5, 3, 1), Limit.TRADE, assignments=(Assignment(STANCES),)))
    with pytest.raises(UnplayableError, match=r"network\.limits has 'trade', and best replies are sought among orders"):
        menu.exploited(0, 0, [np.eye(4)[[0]]] * 5)


def test_limits_that_do_not_go_together_are_refused(random_economy: RandomEconomy) -> None:
    economy, organiser = five(random_economy), Organiser("broker", CoalitionChoice(largest=2))
    with pytest.raises(ValueError, match="organiser 'broker' agrees on orders, whose search knows no network"):
        scenario(economy, Limit.TRADE, organisers=(organiser,))
    scenario(economy, Limit.TRADE, organisers=(replace(organiser, stage=OrganiserStage.REPORTS),))
    with pytest.raises(ValueError, match="'trade' without 'collusion', and blocker 'rival' leads away"):
        scenario(economy, Limit.TRADE, blockers=(Blocker("rival"),))
    scenario(economy, Limit.TRADE, Limit.COLLUSION, blockers=(Blocker("rival"),))
    cliques = Network(PATH, together=Together.CLIQUES)
    with pytest.raises(ValueError, match="together is 'cliques', which blocker 'rival' cannot heed"):
        MarketScenario("net", economy, network=cliques, blockers=(Blocker("rival"),))
    with pytest.raises(ValueError, match=r"link \(1, 5\) of the network must join two of players 0 to 4"):
        MarketScenario("net", economy, network=Network(frozenset({(1, 5)})))
    with pytest.raises(ValueError, match="seed of the network is -1; it must be from 0"):
        Network(PATH, seed=-1)
    with pytest.raises(ValueError, match=r"probability of a graph is 1\.5"):
        GraphLaw(GraphKind.RANDOM, probability=1.5)
