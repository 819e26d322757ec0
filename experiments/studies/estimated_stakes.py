"""Blocking mediators who estimate stakes from play, against one that reads the contract, with and without severance.

Myerson's second example with the side-bet of its core: without severance the established plan is blocked, with 5/6 for
the bad seller it is not, and beyond leaving is paid for too well. A rival that has only watched starts from caution and
learns what players have at stake from rounds in which all stayed.

``python -m marketgame.experiments.studies.estimated_stakes [FOLDER]`` plays the sweep, or the rest of it, in
``results/runs``, and writes the table and the figure into a folder of the documentation's shape, in a minute.

Source:
    Myerson (2006), section 9, condition (27).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame import results
from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.published import mean_and_interval, publish
from marketgame.experiments.studies.sweep_pages import RIVAL, SEVERANCE
from marketgame.experiments.sweep import Sweep, run_sweep
from marketgame.results.figures import style
from marketgame.results.loading import Run
from marketgame.results.mediators import ESTABLISHED, LEFT

NAME = "estimated-stakes"
STAKES = "blockers.rival.stakes"
ROUNDS = 150
LEARNING = 30
"""How many rounds count as the beginning, in which who watches has seen little."""
STABLE = 5 / 6
SWEEP = Sweep(
    "example:myerson-example-2-severance",
    {
        STAKES: [source.value for source in StakeSource],
        SEVERANCE: [0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 3 / 4, STABLE, 11 / 12, 1.0],
    },
    seeds=6,
    settings={"rounds": ROUNDS},
    tables=("rounds", "mediators", "invitations"),
)
MEASURES = ("left", "left_at_first", "gains", "rival_profit", "established_profit")
WORDS = {StakeSource.CONTRACT.value: "reads the contract", StakeSource.PAST_ROUNDS.value: "has only watched"}


def measured(sweep: Run) -> pd.DataFrame:
    """Return means over seeds with bootstrap intervals: ``MEASURE``, ``MEASURE_low`` and ``MEASURE_high``.

    Measures are the share of rounds in which a coalition left, ``left``, and the same of the first rounds,
    ``left_at_first``; what players and mediators gain together per round, ``gains``; and what either mediator earns.
    """
    runs, invited, mediators = sweep.runs.set_index("run"), sweep.tables["invitations"], sweep.tables["mediators"]
    away = invited[invited["fate"] == LEFT]
    for name, rows, among in (("left", away, ROUNDS), ("left_at_first", away[away["round"] < LEARNING], LEARNING)):
        runs[name] = rows.groupby("run")["round"].nunique().reindex(runs.index, fill_value=0) / among
    runs["gains"] = runs["mean_gains"] / runs["mean_first_best_gains"]
    for name, mediator in (("rival_profit", RIVAL), ("established_profit", ESTABLISHED)):
        runs[name] = mediators[mediators["mediator"] == mediator].groupby("run")["profit"].mean()
    parts = []
    for measure in MEASURES:
        found = results.over_seeds(runs, measure, [STAKES, SEVERANCE]).set_index([STAKES, SEVERANCE])
        parts.append(found[["mean", "low", "high"]].set_axis([measure, f"{measure}_low", f"{measure}_high"], axis=1))
    return pd.concat(parts, axis=1).reset_index()


def shown(table: pd.DataFrame) -> str:
    """Return the table as Markdown."""
    lines = [
        f"| rival | severance | rounds blocked | of the first {LEARNING} | gains, of the first best's | rival earns "
        "| established mediator earns |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for row in table.to_dict("records"):
        shares = [mean_and_interval(row, name, 100, 0, "%") for name in ("left", "left_at_first", "gains")]
        earned = [mean_and_interval(row, name, 1, 2) for name in ("rival_profit", "established_profit")]
        lines.append(f"| {' | '.join([WORDS[str(row[STAKES])], f'{row[SEVERANCE]:.3g}', *shares, *earned])} |")
    return "\n".join(lines)


@style.in_house_style
def picture(table: pd.DataFrame) -> Figure:
    """Draw the share of rounds in which a coalition leaves, and what is gained, over the severance."""
    figure = style.new_figure(style.WIDE, 3.0)
    left, right = figure.subplots(1, 2)
    for (source, words), colour, marker, line in zip(
        WORDS.items(), (style.BLUE, style.VERMILION), style.MARKERS, ("-", "--"), strict=False
    ):
        rows = table[table[STAKES].astype(str) == source]
        for axes, measure in ((left, "left_at_first"), (right, "gains")):
            middle, low, high = (rows[f"{measure}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
            reach = np.maximum((middle - low, high - middle), 0.0)
            axes.errorbar(
                rows[SEVERANCE],
                middle,
                reach,
                color=colour,
                marker=marker,
                ls=line,
                capsize=2,
                label=f"the rival {words}",
            )
    left.set_ylabel(f"rounds in which a coalition leaves,\nof the first {LEARNING}")
    right.set_ylabel("gains of players and mediators,\nof the first best's, all rounds")
    for axes in (left, right):
        axes.axvline(STABLE, color=style.GREY, ls=":", lw=0.8)
        axes.set_xlabel("severance promised to the bad seller")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        style.dress(axes)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    style.put_title(figure, "Whoever only watches blocks later", "and the severance of the core stops both rivals")
    return figure


def main(folder: Path) -> None:
    """Play what is missing, and write the table, the figure and what the page shows."""
    home = DEFAULT_RUNS / NAME
    run_sweep(SWEEP, home)
    table = measured(results.load(home))
    publish(folder, NAME, table, picture(table), shown(table))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
