"""Replications played abreast are those played agent by agent, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, override

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from marketgame.agents.behaviours import (
    BEHAVIOURS,
    Behaviour,
    ExponentialWeights,
    Learning,
    MenuLearning,
    Obedient,
    Outcome,
    Publication,
    ShortSelling,
)
from marketgame.agents.behaviours.learning import packed
from marketgame.agents.behaviours.regret_matching import RegretMatching, Regretted
from marketgame.agents.knowledge import CommonKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)
from marketgame.simulation.market import abreast, messages, replications
from marketgame.simulation.market.abreast import obstacle
from marketgame.simulation.market.messages import DrawnError
from marketgame.simulation.market.replications import (
    Replications,
    played_abreast,
    played_one_by_one,
    replicate,
    seeds_of,
)
from marketgame.simulation.run import simulate, simulate_abreast
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.learning import LearningRules, Regrets
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.network import GraphKind, GraphLaw, Limit, Network


@dataclass(frozen=True)
class Alternating(Learning[FloatArray]):
    """Sells short in every other round, by no menu."""

    name: ClassVar[str] = "alternating"

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.zeros(1)

    @override
    def plan(self, memory: FloatArray, knowledge: TypeKnowledge) -> Behaviour:
        return ShortSelling() if memory[0] % 2 else Obedient()

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        return memory + 1


@dataclass(frozen=True)
class Scribbling(MenuLearning[FloatArray]):
    """Writes into what it was handed instead of returning something new."""

    name: ClassVar[str] = "scribbling"

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.ones(len(self.stances))

    @override
    def probabilities(self, memory: FloatArray, type_number: int) -> FloatArray:
        return np.asarray(memory / memory.sum())

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        memory[self.taken(outcome)] += 1.0
        return memory


def same(one: Replications, other: Replications) -> None:
    """Compare all that is known of replications to the last bit."""
    assert one.names == other.names
    for name in ("types", "stances", "gains"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert [set(each) for each in one.memories] == [set(each) for each in other.memories]
    for ours, theirs in zip(one.memories, other.memories, strict=True):
        for name, memory in ours.items():
            parts, expected = packed(memory), packed(theirs[name])
            assert all(parts[part].tobytes() == expected[part].tobytes() for part in expected), name
    for regrets, expected_regrets in zip(one.regrets, other.regrets, strict=True):
        assert set(regrets) == set(expected_regrets)
        for key, regret in regrets.items():
            wanted = expected_regrets[key]
            assert (regret.rounds, regret.gained) == (wanted.rounds, wanted.gained)
            assert regret.forgone.tobytes() == wanted.forgone.tobytes()


def both(scenario: MarketScenario, count: int = 3) -> Replications:
    """Return replications played abreast, which are those played one by one; tables of runs side by side are, too."""
    seeds = seeds_of(scenario.seed, count)
    abreast = played_abreast(scenario, seeds)
    same(abreast, played_one_by_one(scenario, seeds))
    side_by_side = simulate_abreast(scenario, seeds[:2])
    assert side_by_side is not None
    for name, table in simulate(replace(scenario, seed=seeds[1])).items():
        assert written(side_by_side[1][name]) == written(table), name
    return abreast


def written(table: pa.Table) -> list[bytes | None]:
    """Return a table to the last bit."""
    columns = [column.combine_chunks() for column in table.columns]
    plain = [each.dictionary_decode() if pa.types.is_dictionary(each.type) else each for each in columns]
    return [None if buffer is None else buffer.to_pybytes() for each in plain for buffer in each.buffers()]


def learning(economy: Economy, learner: Behaviour, *others: Assignment, **given: Any) -> MarketScenario:
    """Return a scenario of a few rounds in which all learn but those to whom others apply."""
    scenario = MarketScenario("learning", economy, assignments=(Assignment(learner), *others), rounds=5, seed=3)
    return replace(scenario, **given)


MENUS = [
    *(
        member()
        for member in BEHAVIOURS.members.values()
        if issubclass(member, MenuLearning) and member.plan is MenuLearning.plan
    ),
    RegretMatching(regrets=Regretted.INTERNAL),
]


@pytest.fixture(scope="module")
def economy() -> Economy:
    """Three traders, two of whom want more or less of one good."""

    def kind(name: str, wanted: float, owned: float) -> PlayerType:
        return PlayerType(name, np.array([owned, 30.0]), Quadratic(np.array([wanted]), np.array([[1.0]])))

    players = tuple(
        Player(f"p{number}", tuple(kind(f"t{place}", wanted - place, owned) for place in range(kinds)))
        for number, (wanted, owned, kinds) in enumerate(((5.0, 2.0, 2), (5.5, 1.0, 2), (6.2, 1.5, 1)))
    )
    prior = IndependentPrior([np.array([0.4, 0.6]), np.array([0.7, 0.3]), np.ones(1)])
    return Economy("wheat", ("wheat", "money"), ("t", "euro"), players, prior)


@pytest.mark.parametrize("published", [(), tuple(Publication)], ids=["own-payoffs", "everything"])
@pytest.mark.parametrize("learner", MENUS, ids=lambda learner: learner.called)
def test_whoever_learns_over_a_menu_does_abreast_what_it_does_alone(
    economy: Economy, learner: Behaviour, published: tuple[Publication, ...]
) -> None:
    rules = LearningRules(published, Regrets.AUTOMATIC if published else Regrets.NONE)
    both(learning(economy, learner, learning=rules))


@pytest.mark.parametrize(
    "rules",
    [
        MarketRules(timing=Timing.SIMULTANEOUS, coverage=Coverage.ANNOUNCED_NUMERAIRE),
        MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, withholding=Withholding.CONSUMED),
        MarketRules(execution=Execution.MATCHED, pricing=Pricing.SPREAD),
    ],
)
def test_so_it_does_by_any_rules_beside_those_who_do_not_learn(economy: Economy, rules: MarketRules) -> None:
    sellers = Assignment(ShortSelling(), players=("p0",), types=("t0",))
    slow = Assignment(ExponentialWeights(rate=0.5), players=("p1",), types=("t1",))
    both(learning(economy, ExponentialWeights(), sellers, slow, rules=rules))


def test_so_it_does_where_flows_are_delivered_out_of_deposits(economy: Economy) -> None:
    honest = ExponentialWeights(stances=("obedient", "withholding", "short-selling"))
    both(learning(economy, honest, rules=MarketRules(refusal=Refusal.ESCROW)))


def test_so_it_does_where_types_are_correlated(economy: Economy) -> None:
    joint = np.array([[[0.4], [0.1]], [[0.2], [0.3]]])
    both(learning(replace(economy, prior=CorrelatedPrior(joint)), ExponentialWeights()))


def test_where_gains_are_forgotten_they_are_worked_out_anew(economy: Economy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "MOST_REMEMBERED", 3)
    monkeypatch.setattr(messages, "MOST_BYTES", 3000)
    monkeypatch.setattr(replications, "MOST_ENTRIES", 40)
    monkeypatch.setattr(abreast, "MOST_ENTRIES", 40)
    both(learning(economy, ExponentialWeights(), rounds=12, learning=LearningRules(regrets=Regrets.NONE)))


@pytest.mark.parametrize("play", [played_abreast, played_one_by_one])
def test_nobody_writes_into_a_memory_that_others_may_share(
    economy: Economy, play: Callable[[MarketScenario, tuple[int, ...]], Replications]
) -> None:
    scribbling = learning(economy, Scribbling(stances=("obedient", "short-selling")))
    with pytest.raises(ValueError, match="read-only"):
        play(scribbling, (1, 2))


def test_who_draws_for_itself_is_played_alone(economy: Economy) -> None:
    trembling = learning(economy, ExponentialWeights(stances=("obedient", "noisy")))
    seeds = seeds_of(trembling.seed, 2)
    with pytest.raises(DrawnError):
        played_abreast(trembling, seeds)
    same(replicate(trembling, 2), played_one_by_one(trembling, seeds))
    assert simulate_abreast(trembling, seeds) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"blockers": (Blocker("broker"),)}, "blockers"),
        ({"assignments": (Assignment(ExponentialWeights(), share=0.5),)}, "seed"),
        ({"network": Network(GraphLaw(GraphKind.RING), limits=(Limit.TRADE,))}, "knows"),
        ({"assignments": (Assignment(Alternating()),)}, "menu"),
    ],
)
def test_what_cannot_be_played_abreast_is_played_alone(economy: Economy, given: dict[str, object], reason: str) -> None:
    scenario = learning(economy, Obedient(), **given)
    assert reason in obstacle(scenario)
    with pytest.raises(ValueError, match=reason):
        played_abreast(scenario, (1,))
    assert simulate_abreast(scenario, (1, 2)) is None
    same(replicate(scenario, 1), played_one_by_one(scenario, seeds_of(scenario.seed, 1)))


def test_a_replication_is_the_run_with_its_seed(economy: Economy) -> None:
    scenario = learning(economy, ExponentialWeights())
    many = replicate(scenario, 3)
    assert many.seeds[:2] == replicate(scenario, 2).seeds
    assert len(set(many.seeds)) == 3
    tables = simulate(replace(scenario, seed=many.seeds[1]))
    own = many.table[many.table["replication"] == 1]
    stances = tables["stances"].to_pandas()
    for column in ("round", "player", "type", "stance", "gain"):
        assert own[column].tolist() == stances[column].tolist()
    shares = many.shares()
    assert shares.sum(axis=1) == pytest.approx(1)
    mean = (many.table["stance"] == many.names[0]).groupby(many.table["player"], observed=True).mean()
    assert shares[:, 0] == pytest.approx(mean.to_numpy())


@pytest.mark.parametrize("learner", [ExponentialWeights(), ExponentialWeights(stances=("obedient", "noisy"))])
def test_what_is_stopped_is_the_beginning_of_what_would_have_been_played(
    economy: Economy, learner: MenuLearning[Any]
) -> None:
    seen = []

    def enough(types: NDArray[np.integer], gains: FloatArray) -> bool:
        assert types.shape == gains.shape
        seen.append(types.shape)
        return len(seen) == 4

    stopped = replicate(learning(economy, learner, rounds=9), 3, enough=enough)
    assert seen == [(3, number, 3) for number in range(1, 5)]
    same(stopped, replicate(learning(economy, learner, rounds=4), 3))


def test_at_least_one_replication_is_played(economy: Economy) -> None:
    with pytest.raises(ValueError, match="replications is 0"):
        replicate(learning(economy, Obedient()), 0)
