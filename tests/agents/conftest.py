"""Economies, and traders that know what they may know in them."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.terms import OwnRecommendation
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import MarketRules
from tests.agents.knowledge_at_market import AtMarket
from tests.economy_fixtures import RandomEconomy, three_trader_economy


@pytest.fixture(scope="session")
def three_traders() -> Economy:
    """The three-trader example whose one-player supremum is 90 for everyone."""
    return three_trader_economy()


@pytest.fixture(scope="session")
def random_economy() -> RandomEconomy:
    """Economies with quadratic valuations, goods substitutes or complements, and types of unequal odds."""

    def build(seed: int, players: int, goods: int, types: int) -> Economy:
        generator = np.random.default_rng(seed)

        def kind(number: int, endowment: FloatArray) -> PlayerType:
            cross = generator.uniform(-0.2, 0.2, (goods - 1, goods - 1))
            slope = np.diag(generator.uniform(0.6, 1.5, goods - 1)) + (cross + cross.T) / goods
            return PlayerType(f"t{number}", endowment, Quadratic(generator.uniform(5, 9, goods - 1), slope))

        def player(number: int) -> Player:
            endowment = np.append(generator.uniform(0.2, 2, goods - 1), goods * generator.uniform(40, 80))
            return Player(f"p{number}", tuple(kind(t, endowment) for t in range(types)))

        everyone = tuple(player(number) for number in range(players))
        names = tuple(f"g{good}" for good in range(goods))
        marginals = [generator.dirichlet(np.full(types, 4.0)) for _ in everyone]
        return Economy("random", names, names, everyone, IndependentPrior(marginals))

    return build


@pytest.fixture(scope="session")
def at_market() -> AtMarket:
    """Knowledge of a truthful trader at the recommended quotes, or at others."""

    def know(
        contract: GrandContract,
        player: int,
        profile: list[int],
        rules: MarketRules = MarketRules(),  # noqa: B008  A frozen value.
        quotes: FloatArray | None = None,
    ) -> MarketKnowledge:
        contract = contract.under(rules)
        told, received = contract.recommend(np.array(profile)), contract.terms(np.array([profile])).received
        return MarketKnowledge(
            CommonKnowledge(contract, rules),
            Inference(contract, player),
            profile[player],
            lambda purpose: np.random.default_rng([player, len(purpose)]),
            profile[player],
            OwnRecommendation(
                told.quotes[player],
                told.orders[player],
                told.announced_endowments[player],
                told.transfers,
                None if received is None else received[0, player],
            ),
            told.quotes if quotes is None else quotes,
        )

    return know


@pytest.fixture(scope="session")
def three_trader_contract(three_traders: Economy) -> GrandContract:
    """The grand contract of the three-trader example."""
    return grand_contract(three_traders)
