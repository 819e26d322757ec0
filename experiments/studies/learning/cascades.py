"""Who is bankrupt as arbitrageurs enter: how many at once, how many because others are, in how many waves.

One trader quotes too low; arbitrageurs who see it take what everybody has, and pay with what they owe. Where trades of
the bankrupt stand, only those fail whom the orders themselves ruin; where they are unwound, whoever counted on them is
tested again, until nobody new fails (:class:`marketgame.mechanisms.market_game.rules.Bankruptcy`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame.experiments.studies.learning.experiment import (
    Experiment,
    Swept,
    Tables,
    between,
    draw_band,
    interval,
    row_of,
)
from marketgame.experiments.studies.sweep_pages import SWEEPS
from marketgame.experiments.sweep.file import load_sweep
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules
from marketgame.mechanisms.market_game.settle import settle
from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.established import establish
from marketgame.simulation.scenario.market_scenario import MarketScenario

SWEEP = "arbitrageurs-enter"
# Waves are counted over the first so many seeds, and the first rounds of each.
SEEDS_REPLAYED, ROUNDS_REPLAYED = 5, 3
BANKRUPTCY, SHARE = "rules.bankruptcy", "traders.share.arbitraging"


def waves(play: Play, rules: MarketRules) -> tuple[int, ...]:
    """Return how many fail in each wave of unwinding: at first by what was ordered, then by what was cancelled.

    Args:
        play: of one round.
        rules: by which it is settled.
    """
    stand = replace(rules, bankruptcy=Bankruptcy.TRADES_STAND)
    failed = np.zeros(len(play.orders), np.bool_)
    counted: list[int] = []
    while True:
        cancelled = failed[:, None] | failed[None, :]
        left = replace(play, orders=np.where(cancelled[:, :, None], 0.0, play.orders))
        fails = settle(left, stand).bankrupt & ~failed
        if not fails.any():
            return tuple(counted)
        counted.append(int(fails.sum()))
        failed |= fails
        if rules.bankruptcy is Bankruptcy.TRADES_STAND:
            return tuple(counted)


def measure(swept: Swept) -> Tables:
    """Return the bankrupt, the waves in which they fail, and welfare, by the share of arbitrageurs."""
    sweep = swept(SWEEP)
    runs = sweep.runs.copy()
    runs[BANKRUPTCY] = runs[BANKRUPTCY].astype(str)
    stand = runs[BANKRUPTCY] == Bankruptcy.TRADES_STAND.value
    runs["bankrupt"] = runs["bankruptcies"] / runs["rounds"]
    # The same plays are settled under both rules: whom orders ruin is bankrupt where trades stand.
    ruined = runs[stand].set_index([SHARE, "seed"])["bankrupt"]
    runs["at_once"] = ruined.reindex(pd.MultiIndex.from_frame(runs[[SHARE, "seed"]])).to_numpy()
    failed = (sweep.rounds["bankruptcies"] > 0).groupby(sweep.rounds["run"]).mean()
    runs["waves"] = failed.reindex(runs["run"]).to_numpy(float)
    # Tables do not say in which wave somebody failed: some rounds are played once more.
    runs.loc[~stand, "waves"] = np.nan
    seeds = np.sort(runs["seed"].unique())[:SEEDS_REPLAYED]
    for point in load_sweep(SWEEPS / f"{SWEEP}.toml").points:
        here = ~stand & (runs[SHARE] == point.parameters[SHARE]) & runs["seed"].isin(seeds)
        if point.parameters[BANKRUPTCY] != Bankruptcy.UNWIND.value or not here.any():
            continue
        ready = establish(point.scenario)
        assert isinstance(ready, MarketScenario)
        for row in here[here].index:
            model, counted = MarketModel(replace(ready, seed=int(runs.loc[row, "seed"]))), []
            for _ in range(min(int(runs.loc[row, "rounds"]), ROUNDS_REPLAYED)):
                model.step()
                assert model.last_play is not None
                settlement = model.last_play.settlement
                counted.append(len(waves(settlement.play, settlement.rules)))
            runs.loc[row, "waves"] = float(np.mean(counted))
    runs["welfare"] = runs["mean_welfare"].astype(float)
    runs["of_first_best"] = runs["welfare"] / runs["mean_first_best_welfare"]
    return {"": between(runs, ["bankrupt", "at_once", "waves", "welfare", "of_first_best"], [BANKRUPTCY, SHARE])}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "trades of the bankrupt": [str(row[BANKRUPTCY]) for row in rows],
            "arbitrageurs of nine": [f"{9 * row[SHARE]:.0f}" for row in rows],
            "bankrupt of ten": [interval(row, "bankrupt", 1) for row in rows],
            "of these at once": [interval(row, "at_once", 1) for row in rows],
            "waves": [interval(row, "waves", 1) for row in rows],
            "welfare, euro a round": [interval(row, "welfare", 0) for row in rows],
        }
    )


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    kinds = table[BANKRUPTCY].astype(str)
    stand, unwound = (table[kinds == kind.value] for kind in (Bankruptcy.TRADES_STAND, Bankruptcy.UNWIND))
    shares = np.unique(table[SHARE])
    none, one, every = (row_of(unwound, unwound[SHARE] == share) for share in (shares[0], shares[1], shares[-1]))
    one_stands, all_stand = (row_of(stand, stand[SHARE] == share) for share in (shares[1], shares[-1]))
    return (
        f"With nobody to exploit it a quote that is too low ruins {interval(none, 'bankrupt', 1)} of ten traders; a "
        f"single arbitrageur ruins {interval(one_stands, 'bankrupt', 1)} where trades stand and "
        f"{interval(one, 'bankrupt', 1)} where they are unwound, in {interval(one, 'waves', 1)} waves. With nine who "
        f"compete for the same spoils {interval(all_stand, 'bankrupt', 1)} fail where trades stand, and welfare is "
        f"{interval(all_stand, 'welfare', 0)} of the {interval(none, 'welfare', 0)} euro without any; where trades are "
        f"unwound {interval(every, 'bankrupt', 1)} fail and {interval(every, 'welfare', 0)} euro are left. Means over "
        f"{one['runs']} seeds, waves over {SEEDS_REPLAYED}, which also draw who is an arbitrageur, with bootstrap "
        "intervals."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw the bankrupt, waves and welfare against the share of arbitrageurs."""
    table = tables[""]
    figure = style.new_figure(style.WIDE, 2.9)
    panels = figure.subplots(1, 3)
    measures = (
        ("bankrupt", "bankrupt of ten traders"),
        ("waves", "waves of bankruptcies"),
        ("of_first_best", "welfare, of the first best"),
    )
    for axes, (name, words) in zip(panels, measures, strict=True):
        for kind, colour, marker in (
            (Bankruptcy.TRADES_STAND, palette.BLUE, "o"),
            (Bankruptcy.UNWIND, palette.ORANGE, "s"),
        ):
            rows = table[table[BANKRUPTCY].astype(str) == kind.value]
            draw_band(axes, rows, SHARE, name, colour, marker, label=kind.value)
        axes.set_title(words, fontsize=style.SMALL)
        axes.set_xlim(-0.04, 1.04)
        axes.set_ylim(0, None)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        style.dress(axes)
    panels[2].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    panels[1].set_xlabel("arbitrageurs, of nine who quote what they are told to")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, title="trades of the bankrupt"
    )
    style.put_title(figure, "Unwinding turns one ruin into everybody's", "the more so the more arbitrageurs there are")
    return figure


EXPERIMENT = Experiment(SWEEP, (SWEEP,), measure, show, read, draw)
