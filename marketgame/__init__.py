"""A laboratory for trading institutions under private information and collusion.

    >>> import marketgame
    >>> solution = marketgame.solve("example:three-traders")
    >>> solution.economy.name
    'three traders'
    >>> float(solution.table.loc["first-best", "gains"].round(4))
    0.6868

Every function takes a file, ``example:NAME`` for one that comes with the program, or what was loaded or made before,
and has the options of the command of its name. What it returns is frozen: printed, it shows the tables of the command,
in a notebook too; ``.table`` is a pandas data frame and ``.plot()`` a Matplotlib figure.

| function | answers |
|---|---|
| :func:`load` | what a file, or the folder of a run or a sweep, holds |
| :func:`solve` | what an economy or a game could achieve and what incentives allow, or what a contract does |
| :func:`certify` | whether a contract stands up to lies, to single players, and to coalitions |
| :func:`stress` | which institution survives whom on an economy, what survival costs, and which one to use |
| :func:`block` | the most profitable blocking plan, or the proof that there is none |
| :func:`core` | a mechanism that nobody can break, or the proof that there is none |
| :func:`run` | what happens when a scenario is played |
| :func:`run_many` | the same with many seeds at once, as arrays and one table |
| :func:`sweep` | what happens at many points and seeds |
| :func:`compare` | what players and coalitions gain in one run against another of the same rounds |
| :func:`report` | all of a run, a sweep or certificates, as one HTML page |
| :func:`environment` | a market on which learners from outside the program act, as a PettingZoo environment |

Importing this costs nothing: what a name needs is loaded on its first use.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketgame.agents.behaviours import Behaviour, Learning, MenuLearning, Obedient, Order, Outcome
    from marketgame.experiments.blocking.core_answer import core
    from marketgame.experiments.blocking.verdict import block
    from marketgame.experiments.collusion.certification import certify
    from marketgame.experiments.commands.kinds import load
    from marketgame.experiments.commands.report import report
    from marketgame.experiments.efficiency.solving import solve
    from marketgame.experiments.files.input_file import InputError
    from marketgame.experiments.play.outside import environment
    from marketgame.experiments.play.replicating import run_many
    from marketgame.experiments.play.running import run
    from marketgame.experiments.stress.stressing import stress
    from marketgame.experiments.sweep import Interval, Sweep, Values
    from marketgame.experiments.sweep.summary import sweep
    from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
    from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
    from marketgame.mechanisms.contracts.grand_contract import TransferRule
    from marketgame.mechanisms.contracts.stating import Recommendation, stated_contract
    from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
    from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
    from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation
    from marketgame.mechanisms.economies.valuations import (
        Abatement,
        Exponential,
        Linear,
        Logarithmic,
        Power,
        Quadratic,
    )
    from marketgame.mechanisms.market_game.rules import (
        Bankruptcy,
        Coverage,
        MarketRules,
        Pricing,
        Solvency,
        Timing,
        Withholding,
    )
    from marketgame.registry import parameter
    from marketgame.results.comparison import compare
    from marketgame.simulation.scenario.assignments import Assignment
    from marketgame.simulation.scenario.game_scenario import GameScenario
    from marketgame.simulation.scenario.market_scenario import MarketScenario
    from marketgame.simulation.scenario.scenario import Scenario

# In a checkout the folders stand beside this one; in a wheel, inside it.
_CHECKOUT = Path(__file__).resolve().parent.parent
if (_CHECKOUT / "mechanisms" / "__init__.py").is_file() and (_CHECKOUT / "pyproject.toml").is_file():
    __path__.append(str(_CHECKOUT))

__all__ = [
    "Abatement",
    "Assignment",
    "Bankruptcy",
    "Behaviour",
    "CoalitionalGame",
    "CorrelatedPrior",
    "Coverage",
    "Economy",
    "Exponential",
    "GameScenario",
    "IndependentPrior",
    "InputError",
    "Interval",
    "Learning",
    "Linear",
    "Logarithmic",
    "MarketRules",
    "MarketScenario",
    "Mechanism",
    "MenuLearning",
    "Obedient",
    "Order",
    "Outcome",
    "Player",
    "PlayerType",
    "Power",
    "Pricing",
    "Quadratic",
    "Recommendation",
    "Scenario",
    "SeparableValuation",
    "Solvency",
    "Sweep",
    "Timing",
    "TransferRule",
    "Valuation",
    "Values",
    "Withholding",
    "block",
    "certify",
    "compare",
    "core",
    "environment",
    "load",
    "parameter",
    "report",
    "run",
    "run_many",
    "solve",
    "stated_contract",
    "stress",
    "sweep",
]

# The names that each module offers.
_OFFERED = {
    "mechanisms.economies.valuations": "Abatement Exponential Linear Logarithmic Power Quadratic",
    "simulation.scenario.assignments": "Assignment",
    "mechanisms.market_game.rules": "Bankruptcy Coverage MarketRules Pricing Solvency Timing Withholding",
    "agents.behaviours": "Behaviour Learning MenuLearning Obedient Order Outcome",
    "mechanisms.coalitional_games.game": "CoalitionalGame",
    "mechanisms.economies.beliefs": "CorrelatedPrior IndependentPrior",
    "mechanisms.economies.economy": "Economy Player PlayerType",
    "simulation.scenario.game_scenario": "GameScenario",
    "experiments.files.input_file": "InputError",
    "experiments.sweep": "Interval Sweep Values",
    "simulation.scenario.market_scenario": "MarketScenario",
    "mechanisms.coalitional_games.mechanism": "Mechanism",
    "simulation.scenario.scenario": "Scenario",
    "mechanisms.economies.valuation": "SeparableValuation Valuation",
    "mechanisms.contracts.grand_contract": "TransferRule",
    "mechanisms.contracts.stating": "Recommendation stated_contract",
    "experiments.blocking.verdict": "block",
    "experiments.collusion.certification": "certify",
    "results.comparison": "compare",
    "experiments.blocking.core_answer": "core",
    "experiments.commands.kinds": "load",
    "experiments.commands.report": "report",
    "registry": "parameter",
    "experiments.play.outside": "environment",
    "experiments.play.replicating": "run_many",
    "experiments.play.running": "run",
    "experiments.efficiency.solving": "solve",
    "experiments.stress.stressing": "stress",
    "experiments.sweep.summary": "sweep",
}
_HOME = {name: module for module, names in _OFFERED.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'marketgame' has no attribute {name!r}")
    return getattr(import_module(f"marketgame.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
