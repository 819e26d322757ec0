"""What incentives cost, and what a lie followed by a reorder gains, as small two-sided markets are copied.

Random markets of one seller and one buyer of a divisible good, each of two types, all that are drawn. Everybody is
copied, and of each size two numbers are told, both as shares of the gains that the first best is expected to bring:

* the cost of incentives: first best less what incentive-compatible trade gains that leaves every type willing (the
  incentive-efficient benchmark with individual participation, a program over counts of types, with its proven bound);
* what two types of the player whose report moves the price most gain in sum by reporting each other and then ordering
  what they like best at the price of the lie, whatever the transfers
  (:mod:`marketgame.mechanisms.contracts.price_impact`).

Source:
    Myerson and Satterthwaite (1983) for one copy; Gresik and Satterthwaite (1989) for why the cost falls fast.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from marketgame.experiments.studies.institutions.resuming import Kept, Key, Rows
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.price_impact import expected_impact, largest_price_impact
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing, exact_profiles
from marketgame.mechanisms.economies.random_economies import replica
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest, second_best
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains

NAME = "replicated-incentives"
COPIES = (1, 2, 4, 8, 16)
ECONOMIES, SEED, DRAWS = 300, 15, 500
MONEY = 10.0
COLUMNS = ("economy", "copies", "first_best", "attained", "bound", "impact", "impact_error")
# A cost below this share of the gains is the rounding of two linear programs.
ROUNDING = 1e-7


def market(generator: np.random.Generator) -> Economy:
    """Return a random market of a seller with one unit and a buyer, of two types each.

    Four values are drawn; the buyer's are the second and the fourth, so that there is no trade between the dearer
    seller and the cheaper buyer only.
    """
    values, slope = np.sort(generator.uniform(0.0, 2.0, 4)), float(generator.uniform(0.05, 0.2))
    players = (_player("seller", 1.0, values[::2], slope), _player("buyer", 0.0, values[1::2], slope))
    prior = IndependentPrior([_chances(generator), _chances(generator)])
    return Economy("market", ("good", "money"), ("unit", "euro"), players, prior, source="drawn at random")


def _player(name: str, owned: float, intercepts: FloatArray, slope: float) -> Player:
    kinds = (
        PlayerType(f"type {number + 1}", np.array([owned, MONEY]), Quadratic(np.array([own]), np.array([[slope]])))
        for number, own in enumerate(intercepts)
    )
    return Player(name, tuple(kinds))


def _chances(generator: np.random.Generator) -> FloatArray:
    return np.asarray(generator.dirichlet((3.0, 3.0)))


def willing(economy: Economy) -> SecondBest:
    """Return what incentive-compatible trade gains at most that leaves every type willing."""
    return second_best(economy, Participation.INDIVIDUAL, listing=Listing.COUNTED)


def best(economy: Economy) -> float:
    """Return what the first best is expected to gain, numeraire, over all counts of types."""
    profiles = exact_profiles(economy, Listing.COUNTED)
    efficient = efficient_allocation(economy, profiles.types)
    return profiles.expected(first_best_gains(economy, efficient)).value


def cell(number: int, sizes: tuple[int, ...] = COPIES, seed: int = SEED) -> Rows:
    """Return what incentives cost and what a lie and a reorder gain in a market of each of some sizes, numeraire."""
    drawn, own = np.random.SeedSequence([seed, number]).spawn(2)
    one = market(np.random.default_rng(drawn))
    found = largest_price_impact(one, efficient_allocation(one))
    assert found is not None
    rows: Rows = []
    for copies, stream in zip(sizes, own.spawn(len(sizes)), strict=True):
        grown = replica(one, copies)
        impact = expected_impact(grown, found.player, found.types, DRAWS, np.random.default_rng(stream))
        attained = willing(grown)
        row = (number, copies, best(grown), attained.gains, attained.bound_on_gains, impact.sum, impact.standard_error)
        rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def compute(file: Path, economies: int = ECONOMIES, workers: int | None = None) -> pd.DataFrame:
    """Return the table, computing the markets that the file does not hold yet: a row for each market and size.

    Added are ``cost`` and ``lie``, shares of the first best's gains.
    """
    tasks: dict[Key, Callable[[], Rows]] = {(str(number),): partial(cell, number) for number in range(economies)}
    known = Kept(file, ("economy",), COLUMNS, len(COPIES)).completed(tasks, workers)
    table = pd.DataFrame([row for key in tasks for row in known[key]], columns=list(COLUMNS))
    cost = 1 - table["attained"] / table["first_best"]
    return table.assign(cost=cost.where(cost > ROUNDING, 0.0), lie=table["impact"] / table["first_best"])
