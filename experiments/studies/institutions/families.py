"""The economies on which institutions are compared: published, tutorial, and random ones drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic

ECONOMIES = HOME / "economies"
PUBLISHED = ("three-traders", "annex-b", "three-farmers")
# Money enough that no efficient allocation leaves anybody in debt.
MONEY = 200.0
# (players, goods without the numeraire, types of each player) of the random economies.
SIZES = ((3, 1, 1), (3, 1, 2), (4, 2, 1), (6, 1, 1))


class Family(StrEnum):
    """How the traders of a random economy value goods."""

    QUADRATIC = "quadratic"
    LOGARITHMIC = "logarithmic"


def economies(seed: int = 0, sizes: tuple[tuple[int, int, int], ...] = SIZES) -> Iterator[Economy]:
    """Yield the economies of the institution table, the published ones first."""
    for name in PUBLISHED:
        yield load_economy(ECONOMIES / f"{name}.toml")
    cases = [(family, size) for size in sizes for family in Family]
    for (family, size), stream in zip(cases, np.random.SeedSequence(seed).spawn(len(cases)), strict=True):
        yield random_economy(family, *size, np.random.default_rng(stream))


# Every unit there is is worth something to everybody, as Assumption 1 of the paper asks.
LAWS = {
    Family.QUADRATIC: ValuationLaw(Quadratic, {"intercept": (14.0, 17.0), "slope": (0.4, 0.7)}),
    Family.LOGARITHMIC: ValuationLaw(Logarithmic, {"weight": (3.0, 6.0), "shift": (0.5, 1.5)}),
}


def random_economy(family: Family, players: int, goods: int, types: int, generator: np.random.Generator) -> Economy:
    """Return a random economy whose traders all own some of every good, and whose types are independent."""
    law = EconomyLaw((LAWS[family],), (players, players), (goods, goods), (types, types), money=(MONEY, MONEY))
    information = "private" if types > 1 else "complete"
    return law.economy(f"{family}, {players} traders, {goods + 1} goods, {information} information", generator)
