"""The ``valuation`` table of a type in an economy file: one model per family of valuations.

Every list has one entry for each good other than the numeraire, in the order of the file's ``goods``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args, override

import numpy as np
from pydantic import Field

from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.economies.valuation import (
    Valuation,
    diagonal_matrices,
)
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    DiagonalQuadratic,
    Exponential,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
)

type Positive = Annotated[float, Field(gt=0)]
type Nonnegative = Annotated[float, Field(ge=0)]


class FamilyTable(InputModel):
    """What the tables of all families share; a table's lists are named after the family's parameters.

    Attributes:
        holds: the valuations of the family.
        renamed: parameters that the table calls otherwise.
    """

    holds: ClassVar[type[Valuation]]
    renamed: ClassVar[Mapping[str, str]] = {}

    def sizes(self) -> dict[str, int]:
        """Return the number of entries of every list, by the name of its field."""
        return {name: len(entries) for name, entries in self if isinstance(entries, list)}

    @abstractmethod
    def build(self) -> Valuation:
        """Return the valuation.

        Raises:
            ValueError: the parameters are not those of a valuation of the family; begins with the field's name.
        """


class QuadraticTable(FamilyTable):
    """v(q) = intercept·q - ½ q·slope·q; off-diagonal slopes make goods substitutes (> 0) or complements (< 0)."""

    holds = Quadratic

    family: Literal["quadratic"] = Field(description="v(q) = intercept·q - ½ q·slope·q")
    intercept: list[float] = Field(description="marginal values at zero, in numeraire per unit")
    slope: list[list[float]] = Field(
        description="symmetric, positive definite; above 0 off the diagonal for substitutes, below for complements"
    )

    @override
    def sizes(self) -> dict[str, int]:
        return super().sizes() | {f"slope[{row}]": len(entries) for row, entries in enumerate(self.slope)}

    @override
    def build(self) -> Valuation:
        return Quadratic(np.array(self.intercept), np.array(self.slope))


class LogarithmicTable(FamilyTable):
    """v(q) = Σ weight log(shift + q)."""

    holds = Logarithmic

    family: Literal["logarithmic"] = Field(description="v(q) = Σ weight log(shift + q)")
    weight: list[Positive] = Field(description="in units of the numeraire")
    shift: list[Positive] = Field(description="in units of the good")

    @override
    def build(self) -> Valuation:
        return Logarithmic(np.array(self.weight), np.array(self.shift))


class PowerTable(FamilyTable):
    """v(q) = Σ weight ((shift + q)^(1-gamma) - shift^(1-gamma)) / (1-gamma)."""

    holds = Power

    family: Literal["power"] = Field(
        description="v(q) = Σ weight ((shift + q)^(1-gamma) - shift^(1-gamma)) / (1-gamma)"
    )
    weight: list[Positive] = Field(description="the marginal value where shift + q is 1, in numeraire per unit")
    shift: list[Nonnegative] = Field(description="in units of the good; must exceed 0 where gamma exceeds 1")
    gamma: list[Positive] = Field(description="curvature, not 1 (use logarithmic)")

    @override
    def build(self) -> Valuation:
        return Power(np.array(self.weight), np.array(self.shift), np.array(self.gamma))


class ExponentialTable(FamilyTable):
    """v(q) = Σ weight (1 - exp(-rate q)) / rate."""

    holds = Exponential

    family: Literal["exponential"] = Field(description="v(q) = Σ weight (1 - exp(-rate q)) / rate")
    weight: list[Positive] = Field(description="marginal values at zero, in numeraire per unit")
    rate: list[Positive] = Field(description="by which marginal values fall, per unit of the good")

    @override
    def build(self) -> Valuation:
        return Exponential(np.array(self.weight), np.array(self.rate))


class AbatementTable(FamilyTable):
    """Emission permits: v(q) = -Σ (a m³/3 + b m²/2), where m = max(reference - q, 0) has to be abated."""

    holds = Abatement

    family: Literal["abatement"] = Field(
        description="v(q) = -Σ (a m³/3 + b m²/2), m = max(reference - q, 0): permits save abatement"
    )
    a: list[Positive] = Field(description="marginal cost of abating m is a m² + b m; numeraire per unit cubed")
    b: list[float] = Field(description="numeraire per unit squared; slightly below 0 is accepted with a warning")
    reference: list[Nonnegative] = Field(description="emissions without abatement, in units of the good")

    @override
    def build(self) -> Valuation:
        return Abatement(np.array(self.a), np.array(self.b), np.array(self.reference))


class LinearTable(FamilyTable):
    """v(q) = value·q; not strictly concave, so outside the paper's Assumption 1."""

    holds = Linear
    renamed: ClassVar[Mapping[str, str]] = {"marginal_value": "value"}

    family: Literal["linear"] = Field(description="v(q) = value·q; not strictly concave: outside Assumption 1")
    value: list[float] = Field(description="marginal values, in numeraire per unit")

    @override
    def build(self) -> Valuation:
        return Linear(np.array(self.value))


type ValuationInput = Annotated[
    QuadraticTable | LogarithmicTable | PowerTable | ExponentialTable | AbatementTable | LinearTable,
    Field(discriminator="family"),
]


def valuation_document(valuation: Valuation) -> dict[str, Any]:
    """Return the table that a valuation can be read from again.

    Raises:
        ValueError: no table of an economy file holds valuations of its family.
    """
    if isinstance(valuation, DiagonalQuadratic):
        valuation = Quadratic(valuation.intercept, diagonal_matrices(valuation.slope))
    union, _ = get_args(ValuationInput.__value__)
    for table in get_args(union):
        if type(valuation) is table.holds:
            (family,) = get_args(table.model_fields["family"].annotation)
            named = ((table.renamed.get(name, name), getattr(valuation, name)) for name in valuation.parameter_names())
            return {"family": family, **{name: parameter.tolist() for name, parameter in named}}
    raise ValueError(
        f"a valuation is of the family {type(valuation).__name__}; no table of an economy file holds that family, so "
        "that it cannot be stored"
    )
