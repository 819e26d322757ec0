"""Evidence about Lemma 1: whether supporting prices tell the type profile, inside and at corners."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.price_revelation import revelation
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic

# Tastes alike enough that everybody holds some of everything, or so different that many hold nothing of some good.
# Assumption 1 holds throughout.
TASTES = (
    ValuationLaw(Quadratic, {"intercept": (20.0, 26.0), "slope": (1.0, 3.0)}),
    ValuationLaw(Quadratic, {"intercept": (20.0, 40.0), "slope": (0.4, 2.0)}),
    ValuationLaw(Logarithmic, {"weight": (3.0, 6.0), "shift": (0.5, 1.5)}),
    ValuationLaw(Logarithmic, {"weight": (0.5, 20.0), "shift": (0.2, 4.0)}),
)
LAWS = tuple(
    EconomyLaw((each,), players=(3, 4), goods=(1, 2), types=(1, 3), money=(200.0, 200.0), concentration=2.0)
    for each in TASTES
)
# By which share each number of an economy is moved.
NUDGE = 0.02


def lemma_1(effort: Effort) -> Finding:
    """Draw economies without regard to corners, and neighbours of one at a corner."""
    drawn = [
        LAWS[generator.integers(len(LAWS))].economy("drawn", generator) for generator in generators(effort, "lemma 1")
    ]
    told = [revelation(each, (0.0,)) for each in drawn]
    inside = [each.revealing[0] for each in told if each.interior]
    outside = [each.revealing[0] for each in told if not each.interior]
    corner = load_economy(HOME / "economies" / "grain-for-one.toml")
    near = [nudged(corner, generator) for generator in generators(effort, "lemma 1, neighbours")]
    silent = sum(one_price_supports_all(each) for each in near)
    frequencies = (
        Frequency(
            "economies drawn in which everybody holds some of everything at every profile, all prices differ",
            sum(inside),
            len(inside),
        ),
        Frequency("other economies drawn, all prices differ", sum(outside), len(outside)),
        Frequency(
            "economies within 2% of grain-for-one in each number, one price supports all profiles", silent, len(near)
        ),
    )
    found = (
        f"Inside, prices told the profile in {sum(inside)} of {len(inside)} economies drawn, with corners in "
        f"{sum(outside)} of {len(outside)}; of {len(near)} neighbours of the counterexample one price supports all "
        f"profiles in {silent}."
    )
    return Finding(all(inside) and silent == len(near), found, frequencies)


def nudged(economy: Economy, generator: np.random.Generator) -> Economy:
    """Return the economy with every number of every valuation, and every endowment that is positive, moved a little.

    What types of a player own stays the same for all of them, as the paper assumes.
    """
    players = []
    for player in economy.players:
        owned = player.types[0].endowment
        owned = owned * generator.uniform(1 - NUDGE, 1 + NUDGE, owned.shape)
        types = []
        for kind in player.types:
            numbers = {
                name: getattr(kind.valuation, name) * generator.uniform(1 - NUDGE, 1 + NUDGE)
                for name in type(kind.valuation).dimensions()
            }
            types.append(replace(kind, endowment=owned, valuation=replace(kind.valuation, **numbers)))
        players.append(replace(player, types=tuple(types)))
    return replace(economy, players=tuple(players))


def one_price_supports_all(economy: Economy) -> bool:
    """Say whether some price supports the efficient allocation of every profile, with more than one profile."""
    efficient = efficient_allocation(economy)
    return len(efficient.profiles) > 1 and bool(
        (efficient.lowest_price.max(axis=0) < efficient.price.min(axis=0))[:-1].all()
    )


def proof_of_lemma_1(effort: Effort) -> Finding:
    """Show gradients of full rank at equal prices, in rational numbers, and draw more such matrices."""
    # Three traders with v = a q - q^2/2 and the supply 3; two types of the first two, (5, 6) each.
    rows = {(a, b): (Fraction(a + b + 5) - 3) / 3 for a in (5, 6) for b in (5, 6)}
    alike = rows[5, 6] == rows[6, 5]
    full = sum(
        np.linalg.matrix_rank(matrix) == min(matrix.shape)
        for matrix in (_with_two_equal_rows(generator) for generator in generators(effort, "proof of lemma 1"))
    )
    found = (
        f"Intercepts (5, 6, 5) and (6, 5, 5) with supply 3 have the price {rows[5, 6]} both; the matrix of gradients "
        f"has rank 1, the largest that a column has. {full} of {effort.economies} random matrices with two equal rows "
        f"have the largest possible rank."
    )
    return Finding(
        alike and full > 0,
        found,
        (Frequency("matrices with two equal rows that have full rank", int(full), effort.economies),),
    )


def _with_two_equal_rows(generator: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    profiles, goods = int(generator.integers(4, 9)), int(generator.integers(1, 4))
    matrix = generator.uniform(0.5, 2.0, (profiles, goods))
    matrix[0] = matrix[1]
    return matrix
