"""How a trader acts: one behaviour per module, all small frozen objects.

| behaviour | in one sentence |
|---|---|
| :class:`Obedient` | reports its type, quotes and orders what it is told to |
| :class:`Loyal` | obeys and refuses every invitation to leave or to collude |
| :class:`Misreporting` | reports another type |
| :class:`Withholding` | announces part of its endowment |
| :class:`Deceiving` | tells fellow members of a coalition whatever pays it most |
| :class:`Mispricing` | quotes a multiple of the recommended prices |
| :class:`Noisy` | quotes and orders with errors |
| :class:`ShortSelling` | sells a good it does not have and takes everything else |
| :class:`Arbitraging` | buys at a low quote, sells at a high one, takes everything |
| :class:`ReactiveWithholding` | announces next to nothing once somebody misquotes |
| :class:`ReactiveArbitraging` | arbitrages once somebody misquotes, and obeys otherwise |
| :class:`BestResponding` | orders what pays best if the others obey |
"""

from __future__ import annotations

from dataclasses import is_dataclass

from marketgame.agents.behaviours.arbitraging import Arbitraging
from marketgame.agents.behaviours.behaviour import Behaviour, Obedient, Order
from marketgame.agents.behaviours.best_responding import BestResponding
from marketgame.agents.behaviours.deceiving import Deceiving
from marketgame.agents.behaviours.loyal import Loyal
from marketgame.agents.behaviours.mispricing import Mispricing
from marketgame.agents.behaviours.misreporting import Misreporting
from marketgame.agents.behaviours.noisy import Noisy
from marketgame.agents.behaviours.reactive import Reactive, ReactiveArbitraging, ReactiveWithholding
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
    own=(
        Obedient,
        Misreporting,
        Withholding,
        ShortSelling,
        Arbitraging,
        Mispricing,
        Noisy,
        BestResponding,
        Loyal,
        Deceiving,
        ReactiveWithholding,
        ReactiveArbitraging,
    ),
)

__all__ = [
    "BEHAVIOURS",
    "Arbitraging",
    "Behaviour",
    "BestResponding",
    "Deceiving",
    "Loyal",
    "Mispricing",
    "Misreporting",
    "Noisy",
    "Obedient",
    "Order",
    "Reactive",
    "ReactiveArbitraging",
    "ReactiveWithholding",
    "ShortSelling",
    "Withholding",
]
