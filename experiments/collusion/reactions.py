"""What coalitions expect outsiders to do once they misquote: what organisers in a run of the scenario expect."""

from __future__ import annotations

from functools import partial

from marketgame.agents.coalitions.outsiders import expected_reaction
from marketgame.mechanisms.certificates.examination import ExpectReaction, outsiders_play_on
from marketgame.mechanisms.market_game.rules import Timing
from marketgame.simulation.scenario.market_scenario import MarketScenario


def expected_reactions(scenario: MarketScenario) -> ExpectReaction:
    """Return how those outside a coalition answer misquotes.

    Everybody is taken to play on where quotes are not seen before orders.

    Raises:
        ValueError: a behaviour does not fit the players.
    """
    if scenario.rules.timing is not Timing.PRICES_FIRST:
        return outsiders_play_on
    return partial(expected_reaction, scenario.behaviours())
