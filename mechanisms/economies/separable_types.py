"""What the compiled efficient allocation needs to know of an economy: its types as columns of numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from marketgame.mechanisms.arrays import (
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    DiagonalQuadratic,
    Exponential,
    Logarithmic,
    Power,
)

# Codes of the families whose formulas the kernel knows.
QUADRATIC, LOGARITHMIC, POWER, EXPONENTIAL, ABATEMENT = range(5)
# How many coefficients the formulas of each family use.
COEFFICIENTS = (3, 3, 6, 4, 3)
CODES: dict[type[Valuation], int] = {
    DiagonalQuadratic: QUADRATIC,
    Logarithmic: LOGARITHMIC,
    Power: POWER,
    Exponential: EXPONENTIAL,
    Abatement: ABATEMENT,
}


class TypeTables(NamedTuple):
    """What the kernel needs to know of each type; R rows, one for each type of each player."""

    families: IntegerArray  # the code of each player's family, (N,)
    first_rows: IntegerArray  # where each player's types begin, (N,)
    columns: FloatArray  # per good, endowment, lowest price, coefficients; of the numeraire the endowment, (L, 8, R)


def type_tables(economy: Economy) -> TypeTables | None:
    """Return what the kernel needs to know, or none if a player's types are not all of one family it knows."""
    families = [{CODES.get(type(kind.valuation.simplified())) for kind in player.types} for player in economy.players]
    codes = [code for family in families for code in family if code is not None]
    if any(len(family) > 1 for family in families) or len(codes) < len(families):
        return None
    table = economy.valuations
    # At these prices somebody wants more than any supply, so that market-clearing prices are at least as high.
    most = np.sum(
        [np.max([kind.endowment[:-1] for kind in player.types], axis=0) for player in economy.players], axis=0
    )
    lowest_prices = np.maximum(table.supergradient(np.arange(len(table.valuations)), most), 0)
    columns = np.zeros((len(economy.goods), 2 + max(COEFFICIENTS), len(table.valuations)))
    columns[:, 0] = economy.endowment_table.T
    columns[:-1, 1] = lowest_prices.T
    columns[:-1, 2:] = np.stack([_coefficients(valuation) for valuation in table.valuations]).transpose(2, 1, 0)
    return TypeTables(np.array(codes), np.array(economy.first_rows), columns)


def _coefficients(valuation: Valuation) -> FloatArray:
    """Return the numbers that the kernel's formulas of the family use, ``(6, G)``."""
    table = np.zeros((max(COEFFICIENTS), valuation.goods))
    match valuation.simplified():
        case DiagonalQuadratic(intercept, slope):
            table[:3] = intercept, 1 / slope, slope / 2
        case Logarithmic(weight, shift):
            table[:3] = weight, shift, weight * np.log(shift)
        case Power(weight, shift, gamma):
            scale = weight / (1 - gamma)
            table[:] = np.log(weight), 1 / gamma, shift, 1 - gamma, scale, scale * shift ** (1 - gamma)
        case Exponential(weight, rate):
            table[:4] = np.log(weight), 1 / rate, weight / rate, rate
        case Abatement(a, b, reference):
            table[:3] = a, b, reference
    return table
