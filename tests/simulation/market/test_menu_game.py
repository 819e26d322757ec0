"""The game of learners' stances on a market: its payoffs are the market's, and nobody gains more than its bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, override

import numpy as np
import pytest

from marketgame.agents.behaviours import (
    Behaviour,
    ExponentialWeights,
    Learning,
    Noisy,
    Obedient,
    Order,
    Outcome,
    Publication,
)
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.agents.private_type import PrivateType
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.deviations import best_reply
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.menu_game import observed_play, product_play, stance_gains
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency, Timing
from marketgame.simulation.market import menu_game
from marketgame.simulation.market.menu_game import MarketMenu, UnplayableError
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.learning import LearningRules
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy, three_trader_economy

SAFE = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, pricing=Pricing.VOID)
LITTLE = Effort(quote_vectors=1, local_rounds=0, warm_starts=20, refinements=1)


def scenario(economy: Economy, *assignments: Assignment, **given: Any) -> MarketScenario:
    return MarketScenario("learners", economy, assignments=assignments, **given)


@pytest.mark.parametrize("timing", Timing)
def test_payoffs_are_what_the_market_settles_and_hindsight_tells(timing: Timing, random_economy: RandomEconomy) -> None:
    economy = random_economy(4, 2, 2, 2)
    published = LearningRules(published=(Publication.HINDSIGHT,))
    played = scenario(
        economy,
        Assignment(ExponentialWeights()),
        transfers=TransferRule.EXPECTED_EXTERNALITY,
        rules=MarketRules(timing=timing),
        learning=published,
        seed=4,
    )
    menu, model = MarketMenu(played), MarketModel(played)
    assert menu.learners == (0, 1)
    profiles, stances = [], []
    for _ in range(4):
        model.step()
        assert model.last_play is not None
        profile = model.last_play.profile
        taken = np.array(
            [menu.names[each.player][each.type_number].index(each.stance) for each in model.last_play.learned]
        )
        profiles.append(profile)
        stances.append(taken)
        for each in model.last_play.learned:
            assert each.hindsight is not None
            for stance, gain in enumerate(each.hindsight.tolist()):
                cell = taken.copy()
                cell[each.player] = stance
                assert menu.gains(profile[None], cell[None])[0, each.player] == pytest.approx(gain, rel=1e-9, abs=1e-9)
    # So the gap of the play observed is the regret that the observer recorded.
    gaps = stance_gains(menu.game, observed_play(np.stack(profiles), np.stack(stances)))
    assert {(each.player, each.type_number) for each in gaps} == set(model.learning.regrets)
    for gap in gaps:
        regret = model.learning.regrets[gap.player, gap.type_number]
        assert gap.gains == pytest.approx((regret.forgone - regret.gained) / regret.rounds, rel=1e-9, abs=1e-9)


@dataclass(frozen=True)
class Searching(Learning[FloatArray]):
    """Learns without a menu."""

    name: ClassVar[str] = "searching"

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.zeros(1)

    @override
    def plan(self, memory: FloatArray, knowledge: TypeKnowledge) -> Behaviour:
        return Obedient()

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        return memory


@dataclass(frozen=True)
class Anything(Behaviour):
    """Reports, quotes and orders what it was given."""

    name: ClassVar[str] = "anything"

    reported: int
    quotes: FloatArray
    net_demands: FloatArray

    @override
    def report(self, knowledge: PrivateType) -> int:
        return self.reported

    @override
    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        return self.quotes

    @override
    def order(self, knowledge: MarketKnowledge) -> Order:
        return Order(self.net_demands, knowledge.owned)


@pytest.mark.parametrize("rules", [SAFE, MarketRules(timing=Timing.SIMULTANEOUS)], ids=["repaired", "the-paper's"])
def test_nothing_brings_a_trader_more_against_a_mixed_play_than_its_bound(
    rules: MarketRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The others can play in four ways: the oracle searches against two of them.
    monkeypatch.setattr(best_reply, "MOST_SEARCHED", 2)
    economy, generator = three_trader_economy(), np.random.default_rng(1)
    learner, player = ExponentialWeights(stances=("obedient", "mispricing")), 1
    menu = MarketMenu(scenario(economy, Assignment(learner), rules=rules))
    strategies = (np.array([[0.75, 0.25]]),) * 3
    play = product_play(economy.prior, strategies, 10**4, generator)
    own = next(each for each in stance_gains(menu.game, play) if each.player == player)
    found = menu.exploited(player, 0, strategies, LITTLE)
    # Obedience is among the replies.
    assert found.bound >= found.gain >= own.expected + own.gains[0] - 1e-9
    others = Assignment(learner, players=tuple(economy.player_names[place] for place in (0, 2)))
    stances = play.stances.copy()
    stances[:, player] = 0
    gained = []
    for size in 10.0 ** generator.uniform(-1, 2, size=15):
        net = size * generator.normal(size=(3, 2))
        net[player] = 0
        anything = Anything(0, np.array([generator.exponential(3.0), 1.0]), net)
        alone = Assignment(anything, players=(economy.player_names[player],))
        settled = MarketMenu(scenario(economy, others, alone, rules=rules)).gains(play.profiles, stances)
        gained.append(play.probability @ settled[:, player])
    assert max(gained) <= found.bound + 1e-9


def test_of_more_plays_than_can_be_looked_at_some_are_drawn_and_nothing_is_said_to_bound_the_gain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = ExponentialWeights(stances=("obedient", "mispricing"))
    menu = MarketMenu(scenario(three_trader_economy(), Assignment(learner), rules=SAFE))
    strategies = (np.array([[0.75, 0.25]]),) * 3
    listed = menu.exploited(1, 0, strategies, LITTLE)
    assert not listed.sampled
    monkeypatch.setattr(menu_game, "MOST_PLAYS", 3)
    monkeypatch.setattr(menu_game, "DRAWN_PLAYS", 2000)
    monkeypatch.setattr(menu_game, "_MOST_TRIES", 1000)
    drawn = menu.exploited(1, 0, strategies, LITTLE)
    assert drawn.sampled
    assert drawn.bound == np.inf
    # Of 2,000 draws of two stances each, six standard errors of a frequency are 0.06.
    spread = 2 * 0.06 * np.ptp(menu.game.table())
    assert drawn.by_stances == pytest.approx(listed.by_stances, abs=spread)
    assert drawn.gain == pytest.approx(listed.gain, abs=spread)
    assert drawn.by_stances != pytest.approx(listed.by_stances, abs=1e-12)


def test_against_who_obeys_the_best_reply_is_the_oracles() -> None:
    economy = three_trader_economy()
    menu = MarketMenu(scenario(economy, Assignment(ExponentialWeights())))
    obey = tuple(np.eye(size)[[0]] for size in menu.game.menus)
    for player in range(3):
        situation = situation_of(grand_contract(economy), 0, (player,))
        search = most_profitable_deviation(situation, effort=LITTLE)
        found = menu.exploited(player, 0, obey, LITTLE)
        assert found.gain == pytest.approx(search.value + situation.obedient_gains[0])
        assert found.bound == pytest.approx(search.bound + situation.obedient_gains[0])


def test_who_cannot_be_said_to_play_a_game_of_stances_is_told_why(random_economy: RandomEconomy) -> None:
    economy = random_economy(4, 3, 2, 2)
    with pytest.raises(UnplayableError, match="organisers and blockers"):
        MarketMenu(scenario(economy, Assignment(Obedient()), blockers=(Blocker("broker"),)))
    with pytest.raises(UnplayableError, match="p0 learns by 'searching', which takes its stances from no menu"):
        MarketMenu(scenario(economy, Assignment(Searching())))
    menu = MarketMenu(scenario(economy, Assignment(Noisy())))
    with pytest.raises(UnplayableError, match="by chance"):
        menu.game.table()


def test_learners_without_regret_reach_what_the_menu_game_says_they_must() -> None:
    # Under the paper's rules to sell short dominates to obey, whatever others do.
    published = LearningRules(published=(Publication.HINDSIGHT,))
    rounds, seeds = 60, 3
    learner = ExponentialWeights(stances=("obedient", "short-selling"))
    played = scenario(three_trader_economy(), Assignment(learner), learning=published)
    menu = MarketMenu(played)
    table = menu.game.table()[0]
    shares, gaps, least = [], [], np.inf
    for player in range(3):
        own = np.moveaxis(table[..., player], player, 0)
        least = min(least, float((own[1] - own[0]).min()))
    assert least > 0
    span = float(np.ptp(table, axis=(0, 1, 2)).max())
    for seed in range(seeds):
        model = MarketModel(replace(played, seed=seed))
        stances = np.empty((rounds, 3), np.int64)
        for taken in stances:
            model.step()
            assert model.last_play is not None
            taken[:] = [menu.names[each.player][0].index(each.stance) for each in model.last_play.learned]
        gains = stance_gains(menu.game, observed_play(np.zeros_like(stances), stances))
        gaps.append(max(float(each.gains.max()) for each in gains))
        shares.append(float((1 - stances).mean(axis=0).max()))
    # Cesa-Bianchi and Lugosi (2006), theorem 2.3, and Azuma's inequality for draws, failing once in a million.
    bound = (
        2 * np.sqrt(rounds / 2 * np.log(2)) + np.sqrt(np.log(2) / 8) + np.sqrt(rounds * seeds / 2 * np.log(1e6)) / seeds
    )
    assert np.mean(gaps) <= span * bound / rounds
    # To obey brings at least so much less: the gap bounds how often it is tried, and it is given up.
    assert least * np.mean(shares) <= np.mean(gaps) + 1e-9
    assert np.mean(shares) < 0.2
