"""What takes longer than a run and is found once, before anything is played: what is established, and benchmarks."""

from __future__ import annotations

from dataclasses import replace

from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import SampledEconomy
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.welfare import incentive_efficient_benchmarks
from marketgame.simulation.scenario.established_contract import established_contract
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario


def establish(scenario: Scenario) -> Scenario:
    """Return a scenario with the contract or the mechanism that is in force in it.

    Raises:
        ValueError: there is none such as it asks for.
        UndecidedGameError: no mechanism was found, and none was proved not to exist.
    """
    if isinstance(scenario, MarketScenario):
        return replace(scenario, contract=established_contract(scenario))
    # Markets do without games and their core.
    from marketgame.simulation.scenario.established_mechanism import established_mechanism  # noqa: PLC0415
    from marketgame.simulation.scenario.game_scenario import GameScenario  # noqa: PLC0415

    if isinstance(scenario, GameScenario):
        return replace(scenario, mechanism=established_mechanism(scenario))
    raise TypeError(f"{type(scenario).__name__} is played neither on a market nor in a game")


def with_incentive_benchmarks(scenario: Scenario, seconds: float | None) -> Scenario:
    """Return a scenario with its incentive-efficient benchmarks; one that takes more seconds is not known."""
    if isinstance(scenario, MarketScenario):
        found = incentive_benchmarks(scenario.economy, seconds=seconds, sample=_sample(scenario))
        return replace(scenario, incentives=found)
    from marketgame.simulation.scenario.game_scenario import GameScenario  # noqa: PLC0415

    if isinstance(scenario, GameScenario):
        return replace(scenario, incentives=incentive_efficient_benchmarks(scenario.game, seconds))
    raise TypeError(f"{type(scenario).__name__} is played neither on a market nor in a game")


def _sample(scenario: MarketScenario) -> SampledEconomy | None:
    """Return what stands for the profiles of an economy, if its contract needed that."""
    return scenario.contract.sample if isinstance(scenario.contract, ContractOnDemand) else None
