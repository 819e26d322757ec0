"""What incentives cost, and what a lie followed by a reorder gains, as markets are copied, as the page has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from marketgame import results
from marketgame.experiments.studies import replicated_incentives
from marketgame.experiments.studies.learning.experiment import Experiment, Swept, Tables, draw_intervals, row_of, within
from marketgame.experiments.studies.price_revelation import share
from marketgame.experiments.studies.published import checkpoint
from marketgame.experiments.studies.replicated_incentives import DRAWS, NAME
from marketgame.mechanisms.contracts.price_impact import MOST_LISTED
from marketgame.results import palette
from marketgame.results.figures import style


def measure(_: Swept) -> Tables:
    """Return the table of markets, computing what is missing."""
    return {"": replicated_incentives.compute(checkpoint(NAME, replicated_incentives.__name__))}


def over_markets(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over markets with intervals, by the number of copies.

    Measures are shares of the gains from trade, ``cost``, the same of those markets in which incentives cost something
    in one copy, ``cost_of_costly``, and ``lie``; ``left``, the share of what a lie gains that is left of the size
    before, with bootstrap intervals; and the share of markets in which incentives cost nothing, ``free``, with exact
    ones.
    """
    table = table.assign(left=table["lie"] / table.groupby("economy")["lie"].shift())
    costly = table[(table["copies"] == 1) & (table["cost"] > 0)]["economy"]
    few = table[table["economy"].isin(costly)]
    means = []
    for copies, members in table.groupby("copies"):
        row: dict[str, object] = {"copies": copies, "markets": len(members), "costly": len(costly)}
        row |= _ends("free", *share(int((members["cost"] == 0).sum()), len(members)))
        means.append(row)
    found = pd.DataFrame(means)
    for name, rows, column in (
        ("cost", table, "cost"),
        ("cost_of_costly", few, "cost"),
        ("lie", table, "lie"),
        ("left", table, "left"),
    ):
        over = results.over_seeds(rows, column, "copies")
        found[[name, f"{name}_low", f"{name}_high"]] = over[["mean", "low", "high"]].to_numpy(float)
    return found


def _ends(name: str, middle: float, low: float, high: float) -> dict[str, object]:
    return {name: middle, f"{name}_low": low, f"{name}_high": high}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means as the page has them."""
    rows = over_markets(table).to_dict("records")
    return pd.DataFrame(
        {
            "copies": [str(row["copies"]) for row in rows],
            "cost of incentives": [_percent(row, "cost") for row in rows],
            "markets without any": [_percent(row, "free") for row in rows],
            "cost where one copy has any": [_percent(row, "cost_of_costly") for row in rows],
            "two lies there and back, with reorders": [_percent(row, "lie") for row in rows],
            "left of the size before": [_percent(row, "left") for row in rows],
        }
    )


def _percent(row: Mapping[Any, Any], measure: str) -> str:
    if np.isnan(row[measure]):
        return "–"
    middle, low, high = (style.short_number(100 * float(row[f"{measure}{end}"])) for end in ("", "_low", "_high"))
    return f"{middle}%" if low == high else f"{middle}% [{low}, {high}]"


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    means = over_markets(table)
    one, two, most = (row_of(means, means["copies"] == copies) for copies in (1, 2, means["copies"].max()))
    open_ = float(((table["bound"] - table["attained"]) / table["first_best"]).max())
    return (
        f"In one copy incentives cost nothing in {_percent(one, 'free')} of the {one['markets']} markets and "
        f"{_percent(one, 'cost')} of the gains from trade on average, {_percent(one, 'cost_of_costly')} in the "
        f"{one['costly']} in which they cost anything; with a second seller and a second buyer they cost nothing in "
        f"{_percent(two, 'free')}. What a lie followed by a reorder gains does not vanish at any size but falls from "
        f"{_percent(one, 'lie')} of the gains from trade to {_percent(two, 'lie')} in two copies and "
        f"{_percent(most, 'lie')} in {most['copies']}, of which the last doubling leaves {_percent(most, 'left')} (as "
        "one over the square of the size it would be a quarter), so that in small markets the danger is not what "
        "truth costs but that outsiders play on at the price of a lie, and only rules (escrow, matched orders) remove "
        "that ([collusion.md](collusion.md)). Brackets are bootstrap intervals of means, and exact binomial ones of "
        "shares, over markets drawn independently, none of them left out; incentive-efficient gains are proven to "
        f"within {within(open_)} of the first best's, and where profiles are more than {MOST_LISTED:,}, impacts are "
        f"means over {DRAWS} drawn ones."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw both shares over the number of copies, means with their intervals, and a fall as one over the square."""
    means = over_markets(tables[""])
    figure = style.new_figure(style.WIDE, 2.9)
    panels = figure.subplots(1, 2)
    copies = means["copies"].to_numpy(float)
    for axes, name, words, colour, marker in (
        (panels[0], "cost", "cost of incentives", palette.BLUE, palette.MARKERS[0]),
        (panels[1], "lie", "two lies there and back, with reorders", palette.ORANGE, palette.MARKERS[1]),
    ):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log" if name == "lie" else "linear")
        draw_intervals(axes, means, "copies", name, color=colour, marker=marker, label="all markets")
        axes.set_xticks(copies, [f"{each:g}" for each in copies])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}%"))
        axes.set_xlabel("copies of the seller and of the buyer")
        axes.set_title(words, fontsize=style.SMALL)
    few = {"color": palette.GREEN, "marker": palette.MARKERS[2], "ls": "--", "label": "those with a cost in one copy"}
    draw_intervals(panels[0], means, "copies", "cost_of_costly", **few)
    panels[0].legend(loc="upper right")
    middle = means["lie"].to_numpy(float)
    falling = middle[-1] * (copies[-1] / copies) ** 2
    panels[1].plot(copies, falling, color=palette.GREY, ls=":", lw=0.8)
    panels[1].annotate("falling as one\nover the square", (copies[2], falling[2]), (6, 6), textcoords="offset points")
    panels[0].set_ylabel("share of the gains from trade")
    for axes in panels:
        style.dress(axes)
    style.put_title(
        figure, "With a second seller and buyer incentives cost nothing", "a lie and a reorder still gain, ever less"
    )
    return figure


EXPERIMENT = Experiment(NAME, (), measure, show, read, draw)
