"""How a trader acts: one behaviour per module, all small frozen objects.

| behaviour | in one sentence |
|---|---|
| :class:`Obedient` | reports its type, quotes and orders what it is told to |
| :class:`Loyal` | obeys and refuses every invitation to leave |
| :class:`Misreporting` | reports another type |
| :class:`Withholding` | announces part of its endowment |
| :class:`Mispricing` | quotes a multiple of the recommended prices |
| :class:`Noisy` | quotes and orders with errors |
| :class:`ShortSelling` | sells a good it does not have and takes everything else |
| :class:`Arbitraging` | buys at a low quote, sells at a high one, takes everything |
| :class:`BestResponding` | orders what pays best if the others obey |
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agents.behaviours.arbitraging import Arbitraging
from agents.behaviours.behaviour import Behaviour, Obedient, Order
from agents.behaviours.best_responding import BestResponding
from agents.behaviours.loyal import Loyal
from agents.behaviours.mispricing import Mispricing
from agents.behaviours.misreporting import Misreporting
from agents.behaviours.noisy import Noisy
from agents.behaviours.short_selling import ShortSelling
from agents.behaviours.withholding import Withholding

BEHAVIOURS: Mapping[str, type[Behaviour]] = MappingProxyType(
    {
        behaviour.name: behaviour
        for behaviour in (
            Obedient,
            Loyal,
            Misreporting,
            Withholding,
            Mispricing,
            Noisy,
            ShortSelling,
            Arbitraging,
            BestResponding,
        )
    }
)

__all__ = [
    "BEHAVIOURS",
    "Arbitraging",
    "Behaviour",
    "BestResponding",
    "Loyal",
    "Mispricing",
    "Misreporting",
    "Noisy",
    "Obedient",
    "Order",
    "ShortSelling",
    "Withholding",
]
