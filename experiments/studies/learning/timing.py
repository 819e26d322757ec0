"""What learners make of seeing quotes before they order: whether quotes that are off persist, and who is bankrupt."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from marketgame import results
from marketgame.agents.behaviours import Mispricing
from marketgame.experiments.studies.learning.experiment import (
    TRADERS,
    Experiment,
    Swept,
    Tables,
    between,
    draw_band,
    interval,
    labelled,
    name_of_traders,
    percent,
    row_of,
)
from marketgame.mechanisms.market_game.rules import Timing
from marketgame.results import palette
from marketgame.results.figures import style

SWEEP = "learning-with-prices-first"
TIMING = "rules.timing"
# A curve has so many points.
BLOCKS = 15
# The rounds at the end, as a share, in which learners are taken to have settled.
SETTLED = 0.2
CURVES = "-by-round"
MEASURES = ("mispriced", "bankrupt", "share_of_gains")


def measure(swept: Swept) -> Tables:
    """Return how learners quote, who is bankrupt and what is gained from trade at the end, and over the rounds."""
    sweep = swept(SWEEP)
    by = [TIMING, "learner"]
    rounds = results.with_parameters(sweep, "rounds")
    rounds["learner"] = labelled(rounds, TRADERS, name_of_traders)
    rounds[TIMING] = rounds[TIMING].astype(str)
    mispriced = sweep.stances["stance"] == Mispricing.name
    quoted = mispriced.groupby([sweep.stances["run"], sweep.stances["round"]]).mean().rename("mispriced").reset_index()
    rounds = rounds.merge(quoted, on=["run", "round"])
    rounds["bankrupt"] = rounds["bankruptcies"].astype(float)
    rounds["share_of_gains"] = rounds["gains"] / rounds["first_best_gains"]
    played = int(rounds["round"].max()) + 1
    names = list(MEASURES)

    def by_run(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
        return frame.groupby([*keys, "run", "seed"], observed=True)[names].mean().reset_index()

    last = by_run(rounds[rounds["round"] >= int((1 - SETTLED) * played)], by)
    table = between(last, names, by)
    # The same learners with the same luck, quotes seen less quotes not seen.
    seen = last[last[TIMING] == Timing.PRICES_FIRST.value].set_index(["learner", "seed"])["share_of_gains"]
    unseen = last[last[TIMING] == Timing.SIMULTANEOUS.value].set_index(["learner", "seed"])["share_of_gains"]
    change = between((seen - unseen).rename("change").reset_index(), ["change"], ["learner"]).drop(columns="runs")
    table = table.merge(change, on="learner")
    table.loc[table[TIMING] == Timing.SIMULTANEOUS.value, list(change.columns.drop("learner"))] = np.nan
    length = max(played // BLOCKS, 1)
    rounds["after"] = (rounds["round"] // length + 1) * length
    return {"": table, CURVES: between(by_run(rounds, [*by, "after"]), ["bankrupt"], [*by, "after"])}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "timing": [str(row[TIMING]) for row in rows],
            "learner": [str(row["learner"]) for row in rows],
            "quotes too low": [percent(row, "mispriced") for row in rows],
            "bankrupt of three": [interval(row, "bankrupt") for row in rows],
            "gains from trade, shares": [interval(row, "share_of_gains") for row in rows],
            "prices first less simultaneous, same seeds": [interval(row, "change") for row in rows],
        }
    )


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    seen, unseen = (table[table[TIMING] == timing.value] for timing in (Timing.PRICES_FIRST, Timing.SIMULTANEOUS))
    gained = seen["share_of_gains"]
    best, worst = (row_of(seen, gained == bound) for bound in (gained.max(), gained.min()))
    least, most = (100 * float(bound) for bound in (unseen["mispriced"].min(), unseen["mispriced"].max()))
    sure = seen[seen["change_low"] > 0]["learner"].astype(str).tolist()
    return (
        "Where quotes are seen before orders are placed, whoever quotes too low is exploited and learns not to: with "
        f"{best['learner']} {percent(best, 'mispriced')} of the quotes are too low at the end, "
        f"{interval(best, 'bankrupt')} of three traders are bankrupt in a round and {interval(best, 'share_of_gains')} "
        f"of the gains from trade are reached, while {worst['learner']} comes to {interval(worst, 'share_of_gains')} "
        "(a bankrupt loses all it has, many times the gains from trade). Where quotes and orders are placed at once, "
        "whoever quotes too low is not found out, though it ruins those who are charged its quote, and "
        f"{least:.0f}% to {most:.0f}% of the quotes remain too low. Seeing prices first gains more on the same seeds "
        f"with {style.some_names(sure, 4) if sure else 'no learner'}, so that it is arbitrage which keeps quotes "
        f"together; bootstrap intervals over {best['runs']} seeds, in the last fifth of the rounds."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw the bankruptcies of learners over the rounds, with quotes seen before orders and not."""
    table, curves = tables[""], tables[CURVES]
    learners = list(dict.fromkeys(table["learner"].astype(str)))
    figure = style.new_figure(style.WIDE, 3.6)
    grid = figure.subplots(2, -(-len(learners) // 2), sharex=True, sharey=True).ravel()
    for axes, learner in zip(grid, learners, strict=False):
        for timing, colour, marker in (
            (Timing.PRICES_FIRST, palette.BLUE, "o"),
            (Timing.SIMULTANEOUS, palette.ORANGE, "s"),
        ):
            rows = curves[(curves[TIMING].astype(str) == timing.value) & (curves["learner"].astype(str) == learner)]
            draw_band(axes, rows, "after", "bankrupt", colour, marker, markevery=2, label=timing.value)
        axes.set_title(learner, fontsize=style.SMALL)
        axes.set_xlim(0, float(curves["after"].max()) * 1.02)
        style.dress(axes)
    # Once all panels, which share it, are drawn.
    grid[0].set_ylim(0, float(curves["bankrupt_high"].max()) * 1.05)
    for axes in grid[-2:]:
        axes.set_xlabel("rounds played")
    figure.supylabel("bankrupt of three traders, a round", fontsize=style.SMALL)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    style.put_title(
        figure, "Learners go bankrupt less where prices are seen first", "as whoever quotes wrongly is found out"
    )
    return figure


EXPERIMENT = Experiment(SWEEP, (SWEEP,), measure, show, read, draw)
