"""Collusion on random networks of growing density: who may talk to whom decides which liars can come together.

Six of ten traders have something to hide. An organiser draws a group of them that is connected among itself in a random
network, each pair linked with a probability, the *density*; the group agrees what to report, and divides the gain. All
networks are played with the same seeds, so that what differs between networks is told from the luck of play.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame.experiments.studies.learning.experiment import (
    Experiment,
    Swept,
    Tables,
    draw_intervals,
    interval,
    row_of,
)
from marketgame.experiments.studies.sweep_pages import SWEEPS
from marketgame.experiments.sweep.file import load_sweep
from marketgame.experiments.sweep.statement import Plan
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.results import palette
from marketgame.results.comparison import CONFIDENCE, RESAMPLES
from marketgame.results.figures import style
from marketgame.simulation.scenario.market_scenario import MarketScenario

SWEEP = "network-collusion"
DENSITY, GRAPH, TRANSFERS = "network.probability", "network.seed", "contract.transfers"
MEASURES = ("coalitions", "agreed", "promised", "realised")
ACCEPTED = "accepted"
# What an interval is over: networks and seeds drawn anew, or one of them with the other as it is.
OVER = {"": (True, True), "_networks": (True, False), "_luck": (False, True)}


def possible_coalitions(plan: Plan) -> dict[tuple[float, int], int]:
    """Return how many groups the organiser can bring together, by density and seed of the network."""
    counts = {}
    for point in plan.points:
        scenario = point.scenario
        assert isinstance(scenario, MarketScenario)
        players = len(scenario.economy.players)
        network = float(str(point.parameters[DENSITY])), int(str(point.parameters[GRAPH]))
        counts[network] = sum(len(each.choice.coalitions(players)) for each in scenario.active_organisers)
    return counts


def crossed_interval(values: FloatArray, networks: bool, seeds: bool) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean over networks that are each played with the same seeds.

    Networks and seeds are drawn anew independently of each other, the pigeonhole bootstrap, whose intervals are not too
    narrow whatever part of the spread each of them has.

    Args:
        values: shape ``(G, S)``, of G networks and S seeds.
        networks: whether networks are drawn anew; they are those there are if not.
        seeds: whether seeds are.

    Source:
        Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1, Theorem 2.
    """
    generator = np.random.default_rng(0)
    rows, columns = (
        generator.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
        if drawn
        else np.full((RESAMPLES, size), 1 / size)
        for size, drawn in zip(values.shape, (networks, seeds), strict=True)
    )
    means = (rows @ values * columns).sum(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return low, high


def measure(swept: Swept) -> Tables:
    """Return which groups can meet, how often they agree and on what, by transfers and density.

    Measures are how many groups can come together, ``coalitions``; the share of rounds in which one agrees, ``agreed``;
    and what it was promised to gain and gained per round, in sum, ``promised`` and ``realised``, numeraire. Intervals
    are over networks and seeds at once, ``MEASURE_low`` and ``MEASURE_high``, and over either alone.
    """
    sweep = swept(SWEEP)
    runs, contracts = sweep.runs.set_index("run"), sweep.tables["side_contracts"]
    agreed = contracts[contracts["fate"] == ACCEPTED]
    possible = possible_coalitions(load_sweep(SWEEPS / f"{SWEEP}.toml"))
    drawn = zip(runs[DENSITY].astype(float), runs[GRAPH].astype(int), strict=True)
    runs["coalitions"] = [float(possible[network]) for network in drawn]
    runs["agreed"] = agreed.groupby("run")["round"].nunique().reindex(runs.index, fill_value=0) / runs["rounds"]
    for name, column in (("promised", "expected_gain"), ("realised", "realised_gain")):
        runs[name] = agreed.groupby("run")[column].sum().reindex(runs.index, fill_value=0.0) / runs["rounds"]
    rows = []
    for point, members in runs.groupby([TRANSFERS, DENSITY], observed=True):
        row: dict[str, object] = dict(zip((TRANSFERS, DENSITY), point, strict=True))
        row |= {"networks": members[GRAPH].nunique(), "seeds": members["seed"].nunique()}
        row |= {"rounds": int(members["rounds"].max())}
        for name in MEASURES:
            values = members.pivot_table(index=GRAPH, columns="seed", values=name).to_numpy(float)
            row[name] = float(values.mean())
            for over, anew in OVER.items():
                row[f"{name}{over}_low"], row[f"{name}{over}_high"] = crossed_interval(values, *anew)
        rows.append(row)
    return {"": pd.DataFrame(rows)}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "transfers": [str(row[TRANSFERS]) for row in rows],
            "density": [f"{row[DENSITY]:g}" for row in rows],
            "groups that can meet": [interval(row, "coalitions", 1) for row in rows],
            "rounds with an agreement": [interval(row, "agreed", 0, 100, "%") for row in rows],
            "promised, euro a round": [interval(row, "promised") for row in rows],
            "by networks alone": [_ends(row, "promised_networks") for row in rows],
            "by luck alone": [_ends(row, "promised_luck") for row in rows],
            "gained, euro a round": [interval(row, "realised") for row in rows],
        }
    )


def _ends(row: Mapping[Any, Any], measure: str) -> str:
    """Return the ends of an interval in words; a dash where they are one."""
    return interval({**row, measure: row[f"{measure}_low"]}, measure).partition(" ")[2] or "–"


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    kinds = table[TRANSFERS].astype(str)
    usual, proof = (
        table[kinds == rule.value] for rule in (TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF)
    )
    linked = usual[usual[DENSITY] > 0]
    none, sparse, full = (row_of(usual, usual[DENSITY] == each) for each in (0, linked[DENSITY].min(), 1))
    between = linked[linked[DENSITY] < 1]
    wide = {over: between[f"promised{over}_high"] - between[f"promised{over}_low"] for over in OVER}
    return (
        f"With expected-externality transfers {interval(none, 'agreed', 0, 100, '%')} of the rounds end in an "
        f"agreement where nobody is linked, {interval(sparse, 'agreed', 0, 100, '%')} at a density of "
        f"{sparse[DENSITY]:g}, at which {interval(sparse, 'coalitions', 1)} of the {interval(full, 'coalitions', 0)} "
        f"groups can meet, and {interval(full, 'agreed', 0, 100, '%')} where everybody is; with coalition-proof ones "
        f"no group agrees on anything at any density ({100 * proof['agreed'].max():.0f}% of the rounds), as the "
        f"theorem says. What is promised, {interval(sparse, 'promised')} euro a round at that density and "
        f"{interval(full, 'promised')} where all are linked, depends on which network it is: between these densities "
        f"intervals over networks alone are {wide['_networks'].mean():.2f} euro wide on average, those over the luck "
        f"of play alone {wide['_luck'].mean():.2f}, and those over both {wide[''].mean():.2f}. Brackets are bootstrap "
        f"intervals over {sparse['networks']} networks and {sparse['seeds']} seeds of {sparse['rounds']} rounds, drawn "
        "anew independently of each other, all networks being played with the same seeds; where nobody or everybody "
        "is linked there is but one network."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw how many groups can meet, in how many rounds one agrees, and what it is promised, over the density."""
    table = tables[""]
    figure = style.new_figure(style.WIDE, 2.8)
    panels = figure.subplots(1, 3)
    for transfers, colour, marker, line in zip(
        table[TRANSFERS].astype(str).unique(),
        (palette.ORANGE, palette.BLUE),
        palette.MARKERS,
        ("-", "--"),
        strict=False,
    ):
        rows = table[table[TRANSFERS].astype(str) == transfers]
        for axes, name in zip(panels, MEASURES[:3], strict=True):
            look = {"color": colour, "marker": marker, "ls": line, "label": transfers}
            draw_intervals(axes, rows, DENSITY, name, **look)
        if (rows["promised"] > 0).any():
            ends = (rows[f"promised_networks_{end}"] for end in ("low", "high"))
            panels[2].vlines(rows[DENSITY], *ends, color=colour, alpha=0.3, lw=5, label="by networks alone")
    for axes, words in zip(
        panels,
        ("groups that can meet", "rounds with an agreement", "promised to members,\neuro a round"),
        strict=True,
    ):
        axes.set_ylabel(words)
        axes.set_xlabel("density of the network")
    panels[1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for axes in panels:
        style.dress(axes)
    figure.legend(*panels[2].get_legend_handles_labels(), loc="outside lower center", ncols=3, title="transfers")
    style.put_title(
        figure, "A denser network lets more groups of liars meet", "under coalition-proof transfers none agrees"
    )
    return figure


EXPERIMENT = Experiment(SWEEP, (SWEEP,), measure, show, read, draw)
