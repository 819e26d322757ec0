"""Private information is structural: nothing a behaviour is handed depends on what the others are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from marketgame.agents.behaviours import (
    Arbitraging,
    Behaviour,
    BestResponding,
    Loyal,
    Mispricing,
    Misreporting,
    Noisy,
    Obedient,
    ShortSelling,
    Withholding,
)
from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.terms import OwnRecommendation
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy

EVERY_BEHAVIOUR: tuple[Behaviour, ...] = (
    Obedient(),
    Loyal(),
    Misreporting({"t0": "t1"}),
    Withholding(),
    ShortSelling(),
    Arbitraging(),
    Mispricing(),
    Noisy(),
    BestResponding(effort=128),
)


def test_each_stage_of_knowledge_holds_exactly_what_the_paper_lets_a_trader_know() -> None:
    names = {stage: [field.name for field in fields(stage)] for stage in (TypeKnowledge, MarketKnowledge)}
    assert names[TypeKnowledge] == ["common", "inference", "type_number", "stream"]
    assert [field.name for field in fields(RecommendedKnowledge)] == [
        *names[TypeKnowledge],
        "report",
        "recommendation",
    ]
    assert names[MarketKnowledge] == [field.name for field in fields(RecommendedKnowledge)] + ["quotes"]
    assert [field.name for field in fields(CommonKnowledge)] == ["contract", "rules", "severance", "reach"]
    assert [field.name for field in fields(OwnRecommendation)] == [
        "quotes",
        "orders",
        "announced_endowment",
        "transfers",
        "received",
    ]


def held_by(thing: object) -> Iterator[object]:
    """Yield what an object holds directly: fields, elements, closures and bound arguments."""
    if isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, list | tuple):
        yield from thing
    elif is_dataclass(thing):
        yield from (getattr(thing, field.name) for field in fields(thing))
    yield from (cell.cell_contents for cell in getattr(thing, "__closure__", None) or ())
    yield from (getattr(thing, name) for name in ("func", "args", "keywords", "__self__") if hasattr(thing, name))


def reachable(thing: object, seen: set[int]) -> Iterator[object]:
    """Yield everything an object holds, and everything that holds; common knowledge is not opened."""
    if id(thing) in seen or isinstance(thing, CommonKnowledge):
        return
    seen.add(id(thing))
    yield thing
    for held in held_by(thing):
        yield from reachable(held, seen)


def test_no_object_a_behaviour_can_reach_is_the_drawn_profile_or_the_model(random_economy: RandomEconomy) -> None:
    economy = random_economy(3, 4, 2, 3)
    model = MarketModel(MarketScenario("walk", economy, assignments=(Assignment(ShortSelling()),), seed=5))
    for _ in range(5):
        model.step()
        assert model.last_play is not None
        profile = model.last_play.profile
        # What is not opened below holds what was announced, and remembers nothing of what was played.
        assert set(vars(model.traders[0].common)) == {"contract", "rules", "severance", "reach"}
        for trader in model.traders:
            for thing in reachable(trader.recommended, set()):
                assert not any(thing is agent for agent in (model, model.mediator, *model.traders))
                if isinstance(thing, np.ndarray) and thing.shape == profile.shape:
                    assert not np.array_equal(thing, profile)
                if isinstance(thing, Inference):
                    assert thing.player == trader.player


def pooled_economy() -> Economy:
    """Bob and cy may swap types without anybody else's recommendation changing."""

    def kind(name: str, intercept: float) -> PlayerType:
        return PlayerType(name, np.array([1.0, 40.0]), Quadratic(np.array([intercept]), np.eye(1)))

    types = (kind("t0", 5), kind("t1", 6))
    players = tuple(Player(name, types) for name in ("ann", "bob", "cy"))
    prior = IndependentPrior([np.array([0.5, 0.5])] * 3)
    return Economy("pooled", ("wheat", "money"), ("t", "euro"), players, prior)


@pytest.mark.parametrize("behaviour", EVERY_BEHAVIOUR, ids=lambda behaviour: behaviour.name)
def test_messages_do_not_depend_on_what_the_trader_cannot_know(behaviour: Behaviour) -> None:
    contract = grand_contract(pooled_economy())
    common = CommonKnowledge(contract, MarketRules())
    messages = []
    for profile in ([0, 0, 1], [0, 1, 0]):
        first = TypeKnowledge(common, Inference(contract, 0), 0, lambda purpose: np.random.default_rng(len(purpose)))
        reports = np.array([behaviour.report(first), *profile[1:]])
        told = contract.recommend(reports)
        heard = OwnRecommendation(told.quotes[0], told.orders[0], told.announced_endowments[0], told.transfers)
        known = (common, first.inference, 0, first.stream, int(reports[0]), heard)
        quote = behaviour.quote(RecommendedKnowledge(*known))
        seen = told.quotes.copy()
        seen[0] = quote
        seen[1, 0] *= 0.8
        order = behaviour.order(MarketKnowledge(*known, seen))
        messages.append((reports[0], quote, order.net_demands, order.announced_endowment))
    for one, other in zip(*messages, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_switching_behaviours_changes_no_draw_of_anybody_else(random_economy: RandomEconomy) -> None:
    economy = random_economy(8, 4, 2, 2)

    def quotes_of_the_noisy(behaviour: Behaviour) -> tuple[np.ndarray, np.ndarray]:
        model = MarketModel(
            MarketScenario("s", economy, assignments=(Assignment(behaviour, ("p0",)), Assignment(Noisy(), ("p3",))))
        )
        quoted, profiles = [], []
        for _ in range(6):
            model.step()
            assert model.last_play is not None
            recommended = model.traders[3].recommended.recommendation.quotes
            quoted.append(model.last_play.play.quotes[3] / recommended)
            profiles.append(model.last_play.profile)
        return np.array(quoted), np.array(profiles)

    noise, profiles = quotes_of_the_noisy(Obedient())
    assert np.ptp(noise[:, 0]) > 0
    for behaviour in EVERY_BEHAVIOUR[1:]:
        other_noise, other_profiles = quotes_of_the_noisy(behaviour)
        np.testing.assert_array_equal(profiles, other_profiles)
        np.testing.assert_allclose(noise, other_noise, rtol=1e-13)


def test_no_behaviour_can_write_to_what_others_read(random_economy: RandomEconomy) -> None:
    model = MarketModel(MarketScenario("s", random_economy(3, 3, 2, 2)))
    model.step()
    heard = model.traders[0].recommended.recommendation
    for shared in (heard.quotes, heard.orders, heard.announced_endowment, heard.transfers):
        with pytest.raises(ValueError, match="read-only"):
            shared[0] = 1
