"""What coalitions expect outsiders to do once they misquote: what organisers in a run of the scenario expect."""

from __future__ import annotations

from collections.abc import Callable

from agents.framework import RoundModel
from agents.knowledge import CommonKnowledge
from mechanisms.deviations.situation import Reaction
from mechanisms.grand_contract import GrandContract
from mechanisms.market_rules import Timing
from simulation.scenario import Scenario
from simulation.side_contract_stage import SideContractStage

type ExpectReaction = Callable[[tuple[int, ...]], Reaction | None]
"""From a coalition to how those outside it answer misquotes, None if they play on."""


def outsiders_play_on(_: tuple[int, ...]) -> Reaction | None:
    """Return no reaction, whatever the coalition."""
    return None


def expected_reactions(scenario: Scenario, contract: GrandContract) -> ExpectReaction:
    """Return how those outside a coalition answer misquotes, if all of them, whatever their types, do it alike.

    Outsiders who do not are taken to play on, and so is everybody where quotes are not seen before orders.

    Args:
        scenario: says how traders behave.
        contract: in force.

    Raises:
        ValueError: a behaviour does not fit the players.
    """
    if scenario.rules.timing is not Timing.PRICES_FIRST:
        return outsiders_play_on
    common = CommonKnowledge(contract, scenario.rules)
    stage = SideContractStage(RoundModel(scenario.seed), (), common, scenario.behaviours(), scenario.seed)
    return stage.reaction_to
