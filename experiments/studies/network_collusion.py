"""Collusion on random networks of growing density: who may talk to whom decides which liars can come together.

Six of ten traders have something to hide. An organiser draws a group of them that is connected among itself in a random
network, each pair linked with a probability, the *density*; the group agrees what to report, and divides the gain. Each
run has a network of its own; the luck of play is the same on all, so that intervals are over networks alone.

``python -m marketgame.experiments.studies.network_collusion [FOLDER]`` plays the sweep, or the rest of it, in
``results/runs``, and writes the table and the figure into a folder of the documentation's shape, in minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame import results
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.published import mean_and_interval, publish
from marketgame.experiments.sweep import Sweep, run_sweep
from marketgame.experiments.sweep.statement import Plan, prepare
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.results.figures import style
from marketgame.results.loading import Run
from marketgame.simulation.scenario.market_scenario import MarketScenario

NAME = "network-collusion"
DENSITY, GRAPH, TRANSFERS = "network.probability", "network.seed", "contract.transfers"
ROUNDS, GRAPHS = 20, 6
SWEEP = Sweep(
    "example:ten-traders-lying-together",
    {
        TRANSFERS: [TransferRule.EXPECTED_EXTERNALITY.value, TransferRule.COALITION_PROOF.value],
        DENSITY: [0.0, 0.3, 0.6, 1.0],
        GRAPH: list(range(GRAPHS)),
    },
    seeds=1,
    settings={
        "rounds": ROUNDS,
        "network.kind": "random",
        "organisers.broker.smallest": 2,
        "organisers.broker.coalitions": "random",
    },
    tables=("rounds", "side_contracts"),
)
MEASURES = ("coalitions", "agreed", "promised", "realised")
ACCEPTED = "accepted"


def possible_coalitions(plan: Plan) -> dict[int, int]:
    """Return how many groups the organiser can bring together at each point of the sweep, by its number."""
    counts = {}
    for point in plan.points:
        scenario = point.scenario
        assert isinstance(scenario, MarketScenario)
        players = len(scenario.economy.players)
        counts[point.number] = sum(len(each.choice.coalitions(players)) for each in scenario.active_organisers)
    return counts


def measured(sweep: Run, plan: Plan) -> pd.DataFrame:
    """Return means over networks with bootstrap intervals: ``MEASURE``, ``MEASURE_low`` and ``MEASURE_high``.

    Measures are how many groups can come together, ``coalitions``; the share of rounds in which one agrees, ``agreed``;
    and what it was promised to gain and gained per round, in sum, ``promised`` and ``realised``, numeraire.
    """
    runs, contracts = sweep.runs.set_index("run"), sweep.tables["side_contracts"]
    agreed = contracts[contracts["fate"] == ACCEPTED]
    runs["coalitions"] = runs["point"].map(possible_coalitions(plan))
    runs["agreed"] = agreed.groupby("run")["round"].nunique().reindex(runs.index, fill_value=0) / ROUNDS
    for name, column in (("promised", "expected_gain"), ("realised", "realised_gain")):
        runs[name] = agreed.groupby("run")[column].sum().reindex(runs.index, fill_value=0.0) / ROUNDS
    parts = []
    for measure in MEASURES:
        found = results.over_seeds(runs, measure, [TRANSFERS, DENSITY]).set_index([TRANSFERS, DENSITY])
        parts.append(found[["mean", "low", "high"]].set_axis([measure, f"{measure}_low", f"{measure}_high"], axis=1))
    return pd.concat(parts, axis=1).reset_index()


def shown(table: pd.DataFrame) -> str:
    """Return the table as Markdown."""
    lines = [
        "| transfers | density | groups that can meet | rounds with an agreement | promised, euro per round | gained |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    for row in table.to_dict("records"):
        cells = [str(row[TRANSFERS]), f"{row[DENSITY]:g}", mean_and_interval(row, "coalitions", 1, 1)]
        cells += [
            mean_and_interval(row, "agreed", 100, 0, "%"),
            *(mean_and_interval(row, name, 1, 2) for name in MEASURES[2:]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@style.in_house_style
def picture(table: pd.DataFrame) -> Figure:
    """Draw how many groups can meet, in how many rounds one agrees, and what it is promised, over the density."""
    figure = style.new_figure(style.WIDE, 2.8)
    panels = figure.subplots(1, 3)
    for transfers, colour, marker, line in zip(
        table[TRANSFERS].astype(str).unique(), (style.VERMILION, style.BLUE), style.MARKERS, ("-", "--"), strict=False
    ):
        rows = table[table[TRANSFERS].astype(str) == transfers]
        for axes, measure in zip(panels, MEASURES[:3], strict=True):
            middle, low, high = (rows[f"{measure}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
            reach = np.maximum((middle - low, high - middle), 0.0)
            axes.errorbar(
                rows[DENSITY], middle, reach, color=colour, marker=marker, ls=line, capsize=2, label=transfers
            )
    for axes, words in zip(
        panels,
        ("groups that can meet", "rounds with an agreement", "promised to members,\neuro per round"),
        strict=True,
    ):
        axes.set_ylabel(words)
        axes.set_xlabel("density of the network")
    panels[1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for axes in panels:
        style.dress(axes)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, title="transfers")
    style.put_title(
        figure, "A denser network lets more groups of liars meet", "under coalition-proof transfers none agrees"
    )
    return figure


def main(folder: Path) -> None:
    """Play what is missing, and write the table, the figure and what the page shows."""
    home, plan = DEFAULT_RUNS / NAME, prepare(SWEEP)
    run_sweep(plan, home)
    table = measured(results.load(home), plan)
    publish(folder, NAME, table, picture(table), shown(table))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
