"""Learners on a market hear what they may know, remember it, and find out what pays."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, override

import numpy as np
import pytest

from marketgame.agents.behaviours import (
    BEHAVIOURS,
    Behaviour,
    ExponentialWeights,
    FictitiousPlay,
    Learning,
    MenuLearning,
    Mispricing,
    Misreporting,
    Noisy,
    Obedient,
    Outcome,
    Publication,
    QLearning,
    RegretMatching,
    Searching,
    ShortSelling,
)
from marketgame.agents.behaviours.learning import packed, unpacked
from marketgame.agents.behaviours.menu import STANCES
from marketgame.agents.behaviours.q_learning import Remembered
from marketgame.agents.knowledge import CommonKnowledge, TypeKnowledge
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.incentives import reported_gains
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.market_game.rules import (
    BankruptcyReason,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
)
from marketgame.simulation.market.model import MarketModel, Stage
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.learning import LearningRules, Regrets
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy

ROUNDING = 1e-9
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


def model_with(economy: Economy, *assignments: Assignment, **given: Any) -> MarketModel:
    given = {"learning": LearningRules(regrets=Regrets.NONE), **given}
    return MarketModel(MarketScenario("learning", economy, assignments=assignments, **given))


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


LEARNERS = tuple(kind() for kind in BEHAVIOURS.own if issubclass(kind, Learning))


def assert_does_the_same_whatever_others_hide(
    learner: Behaviour, economy: Economy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Play two markets that differ in the types that two liars hide; compare all messages and what is remembered."""
    economy = hidden_in(economy)
    silent = Assignment(Misreporting(SAME), players=("p1", "p2"))
    models = [model_with(economy, Assignment(learner, players=("p0",)), silent, seed=2) for _ in range(2)]
    drawn, hidden, differs = IndependentPrior.sample, [0], False

    def sample(prior: IndependentPrior, generator: np.random.Generator) -> IntegerArray:
        profile = drawn(prior, generator)
        profile[1:] = (profile[1:] + hidden[0]) % 3
        return profile

    monkeypatch.setattr(IndependentPrior, "sample", sample)
    for _ in range(12):
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


@pytest.mark.parametrize(
    "learner",
    [*LEARNERS, ExponentialWeights(stances=("obedient", "best-responding"))],
    ids=lambda learner: learner.name,
)
def test_learners_do_the_same_whatever_the_types_that_others_hide(
    learner: Behaviour, random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_does_the_same_whatever_others_hide(learner, random_economy(1, 3, 2, 3), monkeypatch)


@dataclass(frozen=True)
class Peeking(Learning[FloatArray]):
    """Looks up the true types of all in whatever called it, and quotes or remembers by them."""

    name: ClassVar[str] = "peeking"
    quotes: bool = True

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.zeros(1)

    @override
    def plan(self, memory: FloatArray, knowledge: TypeKnowledge) -> Behaviour:
        return Mispricing(1 + 0.1 * self._hidden()) if self.quotes else Obedient()

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        return memory + self._hidden()

    @staticmethod
    def _hidden() -> int:
        frame = inspect.currentframe()
        while frame is not None and not isinstance(frame.f_locals.get("profile"), np.ndarray):
            frame = frame.f_back
        if frame is None:
            raise LookupError("nothing that called it knows types")
        return int(frame.f_locals["profile"][1])


@pytest.mark.parametrize("quotes", [True, False], ids=["it quotes", "it remembers"])
def test_a_learner_that_peeks_is_found_out_by_what(
    quotes: bool, random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError):
        assert_does_the_same_whatever_others_hide(Peeking(quotes), random_economy(1, 3, 2, 3), monkeypatch)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda each: each.name)
def test_what_a_learner_remembers_is_stored_and_goes_on_bit_for_bit(
    learner: Learning[object], random_economy: RandomEconomy
) -> None:
    """After some rounds two go on: as they were, and from what was stored."""
    told = LearningRules(published=(Publication.STANCES,), regrets=Regrets.NONE)
    models = [model_with(random_economy(3, 3, 2, 2), Assignment(learner), learning=told, seed=4) for _ in range(2)]
    for _ in range(4):
        for model in models:
            model.step()
        for trader in models[1].traders:
            first = learner.initial_memory(trader.common, trader.player)
            trader.memories = {slot: unpacked(packed(memory), first) for slot, memory in trader.memories.items()}
    here, there = (model.recorder.tables() for model in models)
    assert all(table.equals(there[name]) for name, table in here.items())


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


CHOICE = ("obedient", "short-selling")
FINDERS = (
    ExponentialWeights(CHOICE),
    RegretMatching(CHOICE),
    FictitiousPlay(CHOICE),
    QLearning(CHOICE, factors=(1.0,), remembers=Remembered.NONE, fading=0.05),
)


@pytest.mark.parametrize("learner", FINDERS, ids=lambda each: each.name)
def test_learners_find_the_short_sale_under_the_paper_s_rules_and_give_it_up_where_it_bankrupts(
    learner: MenuLearning[object], three_traders: Economy
) -> None:
    for solvency in Solvency:
        taken = []
        for seed in range(2):
            rules = MarketRules(solvency=solvency)
            model = model_with(three_traders, Assignment(learner, players=("ann",)), rules=rules, seed=seed)
            for _ in range(120):
                model.step()
            taken.append(learner.probabilities(model.traders[0].memories[0], 0)[1])
        if solvency is Solvency.BUDGET:
            assert min(taken) > 0.85
        else:
            assert max(taken) < 0.15


@pytest.mark.parametrize("transfers", [TransferRule.NONE, TransferRule.EXPECTED_EXTERNALITY])
def test_learners_lie_exactly_where_lies_pay(transfers: TransferRule) -> None:
    economy, learner = load_economy(located("example:three-farmers")), RegretMatching(("obedient", "misreporting"))
    model = model_with(economy, Assignment(learner, players=("ann",)), transfers=transfers, seed=1)
    for _ in range(200):
        model.step()
    expected = reported_gains(model.traders[0].common.listed, 0)
    gained_by_lies = [expected[own, 1 - own] - expected[own, own] for own in range(2)]
    assert (max(gained_by_lies) > 0) == (transfers is TransferRule.NONE)
    for own, gain in enumerate(gained_by_lies):
        lies = learner.probabilities(model.traders[0].memories[0], own)[1]
        assert lies > 0.85 if gain > 0 else lies < 0.15


def test_q_learners_tell_rounds_apart_by_what_was_quoted_in_the_round_before(three_traders: Economy) -> None:
    """The grid is 0.9, 1 and 1.1 times what is recommended; what is off it counts as the nearest."""
    others = Assignment(Mispricing(1.1), players=("bob",)), Assignment(Mispricing(0.5), players=("cy",))
    seen: dict[Remembered, list[tuple[int, list[int]]]] = {}
    for remembers in Remembered:
        learner = QLearning(("obedient",), remembers=remembers)
        model = model_with(three_traders, Assignment(learner, players=("ann",)), *others, seed=3)
        seen[remembers] = []
        for _ in range(6):
            model.step()
            memory, taken = model.traders[0].memories[0], model.traders[0].behaviour
            quoted = learner.menu(three_traders.players[0], 0).index(taken)
            seen[remembers].append((quoted, memory.states[memory.state].tolist()))
    assert all(state == [quoted, 2, 0] for quoted, state in seen[Remembered.EACH])
    assert {quoted for quoted, _ in seen[Remembered.EACH]} > {0}
    assert all(state == [0] for _, state in seen[Remembered.AVERAGE])
    assert all(state == [] for _, state in seen[Remembered.NONE])


def test_a_search_of_orders_finds_all_that_the_paper_s_rules_let_one_player_take_and_nothing_where_they_are_repaired(
    three_traders: Economy,
) -> None:
    """What there is to take is everything, worth 90 to each of the three; no menu says how."""
    for rules, rounds in ((MarketRules(), 160), (MarketRules(solvency=Solvency.NO_SHORT_SALES), 40)):
        for seed in range(2):
            model = model_with(three_traders, Assignment(Searching(), players=("bob",)), rules=rules, seed=seed)
            utilities = []
            for _ in range(rounds):
                model.step()
                assert model.last_play is not None
                utilities.append(model.last_play.settlement.allocation[1])
            bob = three_traders.players[1].types[0]
            worth = [bob.valuation.value(each[:-1]) + each[-1] for each in utilities]
            if rules == MarketRules():
                assert max(worth) <= 90 * (1 + ROUNDING)
                # The best so far is played in every other round.
                assert worth[-2] > 80
            else:
                assert max(worth) <= worth[0] * (1 + ROUNDING)
                assert worth[-2] == worth[0]


EVERY_STANCE = ExponentialWeights(stances=(*STANCES, "noisy", "best-responding"))
WAYS = (
    MarketRules(),
    MarketRules(timing=Timing.SIMULTANEOUS, solvency=Solvency.NO_SHORT_SALES),
    MarketRules(Pricing.MIDPOINT, Solvency.BUDGET, execution=Execution.MATCHED, refusal=Refusal.ESCROW),
)


@pytest.mark.parametrize("rules", WAYS)
def test_hindsight_is_what_another_run_with_that_stance_throughout_brings(
    random_economy: RandomEconomy, rules: MarketRules
) -> None:
    """The other run knows nothing of hindsight: whoever learned takes the stance in every round, by the same luck."""
    economy = hidden_in(random_economy(2, 3, 2, 2))
    ann = economy.players[0]
    poorer = tuple(PlayerType(kind.name, ann.types[0].endowment, kind.valuation) for kind in ann.types)
    economy = replace(economy, players=(Player(ann.name, poorer), *economy.players[1:]))
    others = (Assignment(Noisy(), players=("p1",)), Assignment(Mispricing(1.2), players=("p2",)))
    given = {"rules": rules, "seed": 9, "learning": LearningRules(regrets=Regrets.ALL)}
    model = model_with(economy, Assignment(EVERY_STANCE, players=("p0",)), *others, **given)
    for _ in range(6):
        model.step()
        assert model.last_play is not None
    learned = [play.learned[0] for play in model.recorder._plays]
    menus = [EVERY_STANCE.menu(economy.players[0], kind) for kind in range(2)]
    for number in range(len(menus[0])):
        always = [
            Assignment(menu[number], players=("p0",), types=(kind.name,))
            for menu, kind in zip(menus, economy.players[0].types, strict=True)
        ]
        tables = simulate(MarketScenario("one", economy, rules, assignments=(*always, *others), rounds=6, seed=9))
        players = tables["players"].to_pandas()
        utilities = players[players["player"] == "p0"]["utility"].to_numpy()
        for each, utility in zip(learned, utilities, strict=True):
            own = economy.players[0].types[each.type_number]
            before = own.valuation.value(own.endowment[:-1]) + own.endowment[-1]
            assert each.hindsight is not None
            assert each.hindsight[number] == pytest.approx(utility - before, abs=1e-9 * abs(before))


def test_regrets_add_up_to_what_stances_would_have_brought(random_economy: RandomEconomy) -> None:
    economy = random_economy(2, 3, 2, 2)
    scenario = MarketScenario("regret", economy, assignments=(Assignment(ExponentialWeights()),), rounds=12, seed=3)
    tables = {name: table.to_pandas() for name, table in simulate(scenario).items()}
    taken, regrets = tables["stances"], tables["regrets"]
    assert len(taken) == 3 * 12
    assert (taken["best_gain"] >= taken["gain"]).all()
    whose = ["player", "type"]
    gained = taken.groupby(whose, observed=True)["gain"].agg(["sum", "size"])
    best = taken.groupby(whose, observed=True)["best_gain"].sum()
    for key, rows in regrets.groupby(whose, observed=True):
        assert rows["rounds"].unique().tolist() == [gained.loc[key, "size"]]
        np.testing.assert_allclose(rows["gained"], gained.loc[key, "sum"])
        np.testing.assert_allclose(rows["regret"] * rows["rounds"], rows["forgone"] - rows["gained"])
        assert rows["forgone"].max() <= best.loc[key] + 1e-9 * abs(best.loc[key])
    assert set(regrets["stance"]) == {"obedient", "misreporting t0", "misreporting t1", *STANCES[2:]}


def test_only_what_is_published_is_heard(random_economy: RandomEconomy, heard: list[Outcome]) -> None:
    economy = random_economy(4, 3, 2, 2)
    told = LearningRules(published=(Publication.STANCES,), regrets=Regrets.NONE)
    others = Assignment(ExponentialWeights(), players=("p0",)), Assignment(Writing(), players=("p1",))
    model = model_with(economy, *others, learning=told)
    model.step()
    assert [each.player for each in heard[0].heard] == [0, 2]
    assert heard[0].heard[1].stance == "obedient"
    assert heard[0].hindsight is None
    model.learning.sees = lambda player: [2] if player == 1 else []
    model.step()
    assert [each.player for each in heard[1].heard] == [2]
    assert model.last_play is not None
    assert {each.hindsight for each in model.last_play.learned} == {None}


def test_with_hindsight_weights_follow_what_every_stance_would_have_brought(three_traders: Economy) -> None:
    learner = ExponentialWeights(stances=("obedient", "short-selling", "withholding"))
    told = LearningRules(published=(Publication.HINDSIGHT,))
    model = model_with(three_traders, Assignment(learner, players=("ann",)), learning=told)
    losses = np.zeros(3)
    for _ in range(5):
        model.step()
        assert model.last_play is not None
        hindsight = model.last_play.learned[0].hindsight
        assert hindsight is not None
        losses += hindsight.max() - hindsight
    np.testing.assert_allclose(model.traders[0].memories[0].losses[0], losses)
    assert learner.probabilities(model.traders[0].memories[0], 0).argmax() == losses.argmin() == 1


def test_rounds_stop_where_somebody_outside_acts(three_traders: Economy) -> None:
    stopped, played = model_with(three_traders), model_with(three_traders, Assignment(ShortSelling(), players=("bob",)))
    for _ in range(2):
        reached = []
        for stage in stopped.stages():
            reached.append(stage)
            stopped.traders[1].behaviour = ShortSelling()
        assert reached == list(Stage)
        played.step()
    assert stopped.round_number == played.round_number
    here, there = stopped.recorder.tables(), played.recorder.tables()
    assert all(here[name].equals(there[name]) for name in ("rounds", "holdings", "trades", "events"))


def test_hindsight_is_refused_where_organisers_would_have_answered(three_traders: Economy) -> None:
    with pytest.raises(ValueError, match=r"learning\.published asks what stances would have brought"):
        MarketScenario(
            "refused",
            three_traders,
            blockers=(Blocker("raider"),),
            learning=LearningRules(published=(Publication.HINDSIGHT,)),
        )
