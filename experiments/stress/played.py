"""What is not proven but played: careless traders among the obedient, traders who learn, and what both bring."""

from __future__ import annotations

from marketgame.experiments.stress.ruling import Answered
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.simulation.scenario.market_scenario import MarketScenario


def careless(_scenario: MarketScenario, _deadline: Deadline) -> Answered | None:
    """Return the ruling on careless traders under a scenario's own rules and contract; none as long as nobody asks.

    Raises:
        DeadlinePassedError: there was no time to play enough.
    """
    return None


def learning(_scenario: MarketScenario, _deadline: Deadline) -> Answered | None:
    """Return the ruling on learning traders, and `Measure.LEARNED`, likewise.

    Raises:
        DeadlinePassedError: there was no time to play enough.
    """
    return None


def obedient(_scenario: MarketScenario, _deadline: Deadline) -> Answered | None:
    """Return `Measure.PLAYED`: what obedience brings under a scenario's own rules and contract, likewise.

    Raises:
        DeadlinePassedError: there was no time to play enough.
    """
    return None
