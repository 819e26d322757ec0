"""Learners from outside are given the market of a scenario, and are told what they need for it."""

from __future__ import annotations

import sys

import pytest

import marketgame
from marketgame.simulation.scenario.market_scenario import MarketScenario


def test_the_market_of_a_file_is_that_of_its_scenario() -> None:
    of_file = marketgame.environment("example:three-farmers-obedient", 5, rounds=2, players=("ann",))
    scenario = marketgame.load("example:three-farmers-obedient")
    assert isinstance(scenario, MarketScenario)
    of_scenario = marketgame.environment(scenario, 5, rounds=2, players=("ann",))
    for market in (of_file, of_scenario):
        market.reset()
        while market.agents:
            market.action_space("ann").seed(1)
            market.step({"ann": market.action_space("ann").sample()})
    found, expected = (each.model.recorder.tables()["holdings"] for each in (of_file, of_scenario))
    assert found.equals(expected)
    assert found.num_rows == 2 * 3 * 2


def test_without_pettingzoo_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    with pytest.raises(ImportError, match="install marketgame with its extra `learning`"):
        marketgame.environment("example:three-traders-learning")


def test_a_coalitional_game_is_no_market() -> None:
    with pytest.raises(ValueError, match="is played in a coalitional game; an environment needs a market"):
        marketgame.environment("example:myerson-example-1-core")
