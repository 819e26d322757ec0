"""The mechanism of a coalitional game: one that is stated, an incentive-efficient one, or one in the core."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.objective import CoreGoal
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, UndecidedGameError, proven_optimum

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import FloatArray
    from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
    from marketgame.simulation.scenario.game_scenario import GameScenario


class MechanismChoice(StrEnum):
    """Which mechanism is established."""

    FILE = "file"
    INCENTIVE_EFFICIENT = "incentive-efficient"
    CORE = "core"


@dataclass(frozen=True, eq=False)
class WantedMechanism:
    """A mechanism that is yet to be found, and what is promised on top of it.

    Attributes:
        choice: which one is wanted.
        weights: of each player's types for an incentive-efficient one, one ``(K_i,)`` each.
        goal: what one in the core is to be best at; any will do without it.
        severance: replaces the mechanism's, ``(P, N)``, units of money, if given.
        side_bets: paid on top of its payments, ``(P, N)``, units of money.
    """

    choice: MechanismChoice
    weights: tuple[FloatArray, ...]
    goal: CoreGoal | None
    severance: FloatArray | None
    side_bets: FloatArray

    def made_of(self, found: Mechanism) -> Mechanism:
        """Return a mechanism with what is promised on top of it."""
        severance = found.severance if self.severance is None else self.severance
        return Mechanism(found.action_probability, found.payments + self.side_bets, severance)


def established_mechanism(scenario: GameScenario) -> Mechanism:
    """Return the mechanism in force.

    Raises:
        ValueError: the core is empty.
        UndecidedGameError: no mechanism was found, and none was proved not to exist.
    """
    wanted = scenario.mechanism
    if isinstance(wanted, Mechanism):
        return wanted
    if wanted.choice is MechanismChoice.CORE:
        return wanted.made_of(_in_core(scenario.game, wanted.goal, scenario.game_name))
    answer = proven_optimum(scenario.game, wanted.weights)
    if not isinstance(answer, IncentiveEfficient):
        raise UndecidedGameError(answer.reason)
    return wanted.made_of(answer.mechanism)


def _in_core(game: CoalitionalGame, goal: CoreGoal | None, name: str) -> Mechanism:
    found = find_core_allocation(game) if goal is None else optimise_core(game, goal.objective, goal.sense)
    match found:
        case CoreAllocation():
            return found.mechanism
        case CoreOptimum():
            return found.allocation.mechanism
        case EmptyCore():
            raise ValueError(f"contract.mechanism is 'core', but the core of {name!r} is empty; choose another")
        case _:
            raise UndecidedGameError(f"whether {name!r} has a core allocation is not known: {found.reason}")
