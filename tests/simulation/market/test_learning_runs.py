"""Learners on a market hear what they may know, remember it, and find out what pays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, override

import numpy as np
import pytest

from marketgame.agents.behaviours import (
    Behaviour,
    ExponentialWeights,
    Learning,
    Misreporting,
    Obedient,
    Outcome,
    ShortSelling,
)
from marketgame.agents.behaviours.learning import packed
from marketgame.agents.behaviours.menu import MenuLearning
from marketgame.agents.knowledge import CommonKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.market_game.rules import BankruptcyReason, MarketRules, Solvency
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy

SAME = {f"t{number}": "t0" for number in range(3)}


@dataclass(frozen=True)
class Writing(Learning[FloatArray]):
    """Keeps what it heard of every round in a list of its own, and sells short in every other round."""

    name: ClassVar[str] = "writing"
    heard: ClassVar[list[Outcome]] = []

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.zeros(1)

    @override
    def plan(self, memory: FloatArray, knowledge: TypeKnowledge) -> Behaviour:
        return ShortSelling() if memory[0] % 2 else Obedient()

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        self.heard.append(outcome)
        return memory + 1


@pytest.fixture
def heard() -> Iterator[list[Outcome]]:
    """The outcomes that `Writing` hears."""
    Writing.heard.clear()
    yield Writing.heard
    Writing.heard.clear()


def model_with(economy: Economy, *assignments: Assignment, **given: object) -> MarketModel:
    return MarketModel(MarketScenario("learning", economy, assignments=assignments, **given))  # type: ignore[arg-type]


def test_what_a_learner_hears_is_what_the_market_did_to_it(random_economy: RandomEconomy, heard: list[Outcome]) -> None:
    economy = random_economy(3, 3, 3, 2)
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES)
    model = model_with(economy, Assignment(Writing(), players=("p1",)), rules=rules, seed=5)
    for number in range(6):
        model.step()
        play, outcome = model.last_play, heard[number]
        assert play is not None
        own, settled = economy.players[1].types[play.profile[1]], play.settlement
        assert outcome.type_number == play.profile[1]
        assert isinstance(outcome.played, ShortSelling if number % 2 else Obedient)
        np.testing.assert_array_equal(outcome.quotes, settled.play.quotes)
        np.testing.assert_array_equal(outcome.order.net_demands, settled.play.orders[1])
        np.testing.assert_array_equal(outcome.flows, settled.flows[1])
        np.testing.assert_array_equal(outcome.consumed, settled.allocation[1])
        assert outcome.bankrupt == bool(settled.bankrupt[1])
        worth = own.valuation.value(outcome.consumed[:-1]) + outcome.consumed[-1]
        before = own.valuation.value(own.endowment[:-1]) + own.endowment[-1]
        assert outcome.utility == pytest.approx(worth)
        assert outcome.gain == pytest.approx(worth - before, rel=1e-9)
        assert (outcome.hindsight, outcome.heard, outcome.bound, outcome.paid) == (None, (), False, 0.0)
    assert {outcome.reason for outcome in heard} == {BankruptcyReason.SOLVENT, BankruptcyReason.SHORT_SALE}


def hidden_in(economy: Economy) -> Economy:
    """Give the types of all but the first player the same endowments, so that who lies about them can obey."""
    first, *others = economy.players
    kept = [
        Player(each.name, tuple(PlayerType(kind.name, each.types[0].endowment, kind.valuation) for kind in each.types))
        for each in others
    ]
    return replace(economy, players=(first, *kept))


@pytest.mark.parametrize("learner", [ExponentialWeights(), ExponentialWeights(stances=("obedient", "best-responding"))])
def test_learners_do_the_same_whatever_the_types_that_others_hide(
    learner: MenuLearning[object], random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    economy = hidden_in(random_economy(1, 3, 2, 3))
    silent = Assignment(Misreporting(SAME), players=("p1", "p2"))
    models = [model_with(economy, Assignment(learner, players=("p0",)), silent, seed=2) for _ in range(2)]
    drawn, hidden, differs = IndependentPrior.sample, [0], False

    def sample(prior: IndependentPrior, generator: np.random.Generator) -> IntegerArray:
        profile = drawn(prior, generator)
        profile[1:] = (profile[1:] + hidden[0]) % 3
        return profile

    monkeypatch.setattr(IndependentPrior, "sample", sample)
    for _ in range(25):
        for hidden[0], model in enumerate(models):
            model.step()
        here, there = (model.last_play for model in models)
        assert here is not None
        assert there is not None
        differs |= bool((here.profile != there.profile).any())
        for name in ("quotes", "orders", "announced_endowments"):
            assert getattr(here.settlement.play, name).tobytes() == getattr(there.settlement.play, name).tobytes()
        mine, yours = (packed(model.traders[0].memories[0]) for model in models)
        assert {name: array.tobytes() for name, array in mine.items()} == {
            name: array.tobytes() for name, array in yours.items()
        }
    assert differs


def reachable(start: object) -> Iterator[object]:
    """Yield everything that can be reached from an object by its attributes and entries, arrays' bases included."""
    waiting, seen = [start], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type | str | int | float):
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, np.ndarray):
            waiting.append(each.base)
        elif isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, tuple | list | frozenset | set):
            waiting.extend(each)
        else:
            names = [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting.extend([*getattr(each, "__dict__", {}).values(), *(getattr(each, name, None) for name in names)])


def test_no_array_that_a_learner_can_reach_is_the_market_s(random_economy: RandomEconomy, heard: list[Outcome]) -> None:
    model = model_with(random_economy(4, 3, 2, 2), Assignment(Writing(), players=("p1",)))
    model.step()
    play = model.last_play
    assert play is not None
    reached = {id(each) for each in reachable(heard[0])}
    private = [play.profile, play.reports, *(getattr(play.settlement, name) for name in play.settlement.array_names())]
    private += [*play.settlement.play.arrays, play.settlement.flows]
    for array in private:
        assert id(array) not in reached


def test_a_learner_with_one_stance_plays_as_that_stance(random_economy: RandomEconomy) -> None:
    economy = random_economy(6, 3, 2, 2)
    plain = simulate(MarketScenario("a", economy, assignments=(Assignment(ShortSelling()),), rounds=5))
    learns = Assignment(ExponentialWeights(stances=("short-selling",)))
    learned = simulate(MarketScenario("a", economy, assignments=(learns,), rounds=5))
    for name in ("rounds", "holdings", "trades", "events"):
        assert plain[name].equals(learned[name])
    assert set(learned["players"]["behaviour"].to_pylist()) == {"exponential-weights"}


def test_learners_find_the_short_sale_under_the_paper_s_rules_and_give_it_up_where_it_bankrupts(
    three_traders: Economy,
) -> None:
    learner = ExponentialWeights(stances=("obedient", "short-selling"))
    ends = {}
    for solvency in Solvency:
        rules = MarketRules(solvency=solvency)
        models = [
            model_with(three_traders, Assignment(learner, players=("ann",)), rules=rules, seed=seed)
            for seed in range(3)
        ]
        for model in models:
            for _ in range(150):
                model.step()
        ends[solvency] = [learner.probabilities(model.traders[0].memories[0], 0)[1] for model in models]
    assert min(ends[Solvency.BUDGET]) > 0.9
    assert max(ends[Solvency.NO_SHORT_SALES]) < 0.1
