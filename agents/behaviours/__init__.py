"""How a trader acts: one behaviour per module, all small frozen objects; a new module is a new behaviour.

The first line of each class says what it does, and ``marketgame explain scenario traders`` prints it.
"""

from __future__ import annotations

from dataclasses import is_dataclass

from marketgame.agents.behaviours.arbitraging import Arbitraging
from marketgame.agents.behaviours.behaviour import Behaviour, Obedient, Order
from marketgame.agents.behaviours.best_responding import BestResponding
from marketgame.agents.behaviours.deceiving import Deceiving
from marketgame.agents.behaviours.exponential_weights import ExponentialWeights
from marketgame.agents.behaviours.fictitious_play import FictitiousPlay
from marketgame.agents.behaviours.imitating import Imitating
from marketgame.agents.behaviours.learning import Heard, Learning, Outcome, Publication
from marketgame.agents.behaviours.loyal import Loyal
from marketgame.agents.behaviours.menu import MenuLearning
from marketgame.agents.behaviours.mispricing import Mispricing
from marketgame.agents.behaviours.misreporting import Misreporting
from marketgame.agents.behaviours.noisy import Noisy
from marketgame.agents.behaviours.q_learning import QLearning
from marketgame.agents.behaviours.reactive import Reactive, ReactiveArbitraging, ReactiveWithholding
from marketgame.agents.behaviours.regret_matching import RegretMatching
from marketgame.agents.behaviours.searching import Searching
from marketgame.agents.behaviours.short_selling import ShortSelling
from marketgame.agents.behaviours.withholding import Withholding
from marketgame.registry import Registry


def _is_behaviour(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Behaviour) and is_dataclass(found) and hasattr(found, "name")


BEHAVIOURS: Registry[type[Behaviour]] = Registry(
    what="behaviour",
    group="marketgame.behaviours",
    required="a frozen dataclass with a name, derived from marketgame.agents.behaviours.Behaviour",
    accepts=_is_behaviour,
    home=__name__,
)

__all__ = [
    "BEHAVIOURS",
    "Arbitraging",
    "Behaviour",
    "BestResponding",
    "Deceiving",
    "ExponentialWeights",
    "FictitiousPlay",
    "Heard",
    "Imitating",
    "Learning",
    "Loyal",
    "MenuLearning",
    "Mispricing",
    "Misreporting",
    "Noisy",
    "Obedient",
    "Order",
    "Outcome",
    "Publication",
    "QLearning",
    "Reactive",
    "ReactiveArbitraging",
    "ReactiveWithholding",
    "RegretMatching",
    "Searching",
    "ShortSelling",
    "Withholding",
]
