"""The families of valuations that files can name; a new module with a family is all that a new family needs.

| concept | module |
|---|---|
| goods that are substitutes or complements | `quadratic` |
| goods that are valued one by one | `separable` |
| goods with a constant elasticity of substitution | `ces` |
| goods of use in fixed proportions only | `fixed_proportions` |
| goods that come in blocks of constant value | `steps` |
"""

from __future__ import annotations

from dataclasses import is_dataclass

from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations.ces import ConstantElasticity
from marketgame.mechanisms.economies.valuations.fixed_proportions import FixedProportions
from marketgame.mechanisms.economies.valuations.quadratic import DiagonalQuadratic, Quadratic
from marketgame.mechanisms.economies.valuations.separable import Abatement, Exponential, Linear, Logarithmic, Power
from marketgame.mechanisms.economies.valuations.steps import Steps
from marketgame.registry import Registry

__all__ = [
    "FAMILIES",
    "Abatement",
    "ConstantElasticity",
    "DiagonalQuadratic",
    "Exponential",
    "FixedProportions",
    "Linear",
    "Logarithmic",
    "Power",
    "Quadratic",
    "Steps",
]


def _is_family(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Valuation) and is_dataclass(found)


FAMILIES: Registry[type[Valuation]] = Registry(
    "family of valuations",
    "marketgame.valuations",
    "a dataclass that is a Valuation",
    _is_family,
    __name__,
)
"""What the ``family`` of a valuation in a file stands for."""
