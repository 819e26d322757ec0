"""What incentives cost, and what a lie followed by a reorder gains, as small two-sided markets are copied.

Random markets of one seller and one buyer of a divisible good, each of two types, in which incentives cost something.
Everybody is copied, and of each size two numbers are told, both as shares of the gains that the first best is expected
to bring:

* the cost of incentives: first best less what incentive-compatible trade gains that leaves every type willing (the
  incentive-efficient benchmark with individual participation, a program over counts of types, with its proven bound);
* what two types of the player whose report moves the price most gain in sum by reporting each other and then ordering
  what they like best at the price of the lie, whatever the transfers
  (:mod:`marketgame.mechanisms.contracts.price_impact`).

``python -m marketgame.experiments.studies.replicated_incentives [FOLDER]`` writes the table and the figure into a
folder of the documentation's shape, in a minute; stopped, it goes on where it was.

Source:
    Myerson and Satterthwaite (1983) for one copy; Gresik and Satterthwaite (1989) for why the cost falls fast.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from marketgame import results
from marketgame.experiments.studies.institutions.resuming import Kept, Key, Rows
from marketgame.experiments.studies.published import checkpoint, publish
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
from marketgame.results.figures import style

NAME = "replicated-incentives"
COPIES = (1, 2, 4, 8, 16)
ECONOMIES, SEED, DRAWS = 40, 15, 500
MONEY = 10.0
COLUMNS = ("economy", "copies", "first_best", "attained", "bound", "impact", "impact_error")
# Of markets drawn, those are kept in which one copy loses a larger share of its gains.
COSTLY = 1e-3
# A cost below this share of the gains is the rounding of two linear programs.
ROUNDING = 1e-7


def market(generator: np.random.Generator) -> Economy:
    """Return a random market of a seller with one unit and a buyer, of two types each, where incentives cost something.

    Four values are drawn; the buyer's are the second and the fourth, so that there is no trade between the dearer
    seller and the cheaper buyer only. Markets in which incentives cost less than ``COSTLY`` are drawn anew.
    """
    while True:
        values, slope = np.sort(generator.uniform(0.0, 2.0, 4)), float(generator.uniform(0.05, 0.2))
        players = (_player("seller", 1.0, values[::2], slope), _player("buyer", 0.0, values[1::2], slope))
        prior = IndependentPrior([_chances(generator), _chances(generator)])
        economy = Economy("market", ("good", "money"), ("unit", "euro"), players, prior, source="drawn at random")
        if willing(economy).bound_on_gains < (1 - COSTLY) * best(economy):
            return economy


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


def over_markets(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over markets with bootstrap intervals, by the number of copies, and in how many nothing is lost."""
    cost, lie = (results.over_seeds(table, measure, "copies") for measure in ("cost", "lie"))
    free = (table["cost"] == 0).groupby(table["copies"]).mean().to_numpy()
    return cost[["copies", "mean", "low", "high"]].merge(lie, on="copies", suffixes=("", "_lie")).assign(free=free)


def shown(table: pd.DataFrame) -> str:
    """Return the means as Markdown."""
    lines = [
        "| copies | cost of incentives | markets without any | two lies there and back, with reorders |",
        "|--:|--:|--:|--:|",
    ]
    for row in over_markets(table).to_dict("records"):
        cost, lie = (_interval(row, suffix) for suffix in ("", "_lie"))
        lines.append(f"| {row['copies']} | {cost} | {100 * row['free']:.0f}% | {lie} |")
    return "\n".join(lines)


def _interval(row: Mapping[Hashable, Any], suffix: str) -> str:
    mean, low, high = (style.short_number(100 * row[f"{name}{suffix}"]) for name in ("mean", "low", "high"))
    return f"{mean}% [{low}, {high}]"


@style.in_house_style
def picture(table: pd.DataFrame) -> Figure:
    """Draw both shares over the number of copies, means with their intervals, and a fall as one over the square."""
    means = over_markets(table)
    figure = style.new_figure(style.WIDE, 2.9)
    panels = figure.subplots(1, 2)
    copies = means["copies"].to_numpy(float)
    for axes, suffix, words, colour, marker in (
        (panels[0], "", "cost of incentives", style.BLUE, style.MARKERS[0]),
        (panels[1], "_lie", "two lies there and back, with reorders", style.VERMILION, style.MARKERS[1]),
    ):
        low, middle, high = (means[f"{name}{suffix}"].to_numpy(float) for name in ("low", "mean", "high"))
        axes.set_xscale("log", base=2)
        axes.set_yscale("log" if suffix else "linear")
        axes.errorbar(copies, middle, (middle - low, high - middle), color=colour, marker=marker, capsize=2)
        axes.set_xticks(copies, [f"{each:g}" for each in copies])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}%"))
        axes.set_xlabel("copies of the seller and of the buyer")
        axes.set_title(words, fontsize=style.SMALL)
    falling = middle[0] / copies**2
    panels[1].plot(copies, falling, color=style.GREY, ls=":", lw=0.8)
    panels[1].annotate("falling as one\nover the square", (copies[-2], falling[-2]), (4, 8), textcoords="offset points")
    panels[0].set_ylabel("share of the gains from trade")
    for axes in panels:
        style.dress(axes)
    style.put_title(
        figure, "With a second seller and buyer incentives cost nothing", "a lie and a reorder still gain, ever less"
    )
    return figure


def main(folder: Path) -> None:
    """Compute what is missing, and write the table, the figure and what the page shows."""
    table = compute(checkpoint(NAME, __name__ if __name__ != "__main__" else __spec__.name))
    publish(folder, NAME, table, picture(table), shown(table))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
