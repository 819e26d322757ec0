"""Blocking mediators who estimate stakes from play, against one that reads the contract, with and without severance.

Myerson's second example with the side-bet of its core: without severance the established plan is blocked, with 5/6 for
the bad seller it is not, and beyond leaving is paid for too well. A rival that has only watched starts from caution and
learns what players have at stake from rounds in which all stayed.

Source:
    Myerson (2006), section 9, condition (27).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.experiments.studies.learning.experiment import (
    Experiment,
    Swept,
    Tables,
    between,
    draw_intervals,
    interval,
    row_of,
)
from marketgame.experiments.studies.sweep_pages import RIVAL, SEVERANCE
from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.mediators import ESTABLISHED, LEFT

SWEEP = "estimated-stakes"
STAKES = "blockers.rival.stakes"
FIRST = 30
"""How many rounds count as the beginning, in which who watches has seen little."""
STABLE = 5 / 6
MEASURES = ("left", "left_at_first", "gains", "rival_profit", "established_profit")
WORDS = {StakeSource.CONTRACT.value: "reads the contract", StakeSource.PAST_ROUNDS.value: "has only watched"}


def measure(swept: Swept) -> Tables:
    """Return how often a coalition leaves, what is gained, and what either mediator earns, by stakes and severance.

    Measures are the share of rounds in which a coalition left, ``left``, and the same of the first rounds,
    ``left_at_first``; what players and mediators gain together per round, ``gains``, as a share of the first best's;
    and what either mediator earns.
    """
    sweep = swept(SWEEP)
    runs, invited, mediators = sweep.runs.set_index("run"), sweep.tables["invitations"], sweep.tables["mediators"]
    away = invited[invited["fate"] == LEFT]
    at_first = runs["rounds"].clip(upper=FIRST)
    for name, rows, among in (
        ("left", away, runs["rounds"]),
        ("left_at_first", away[away["round"] < FIRST], at_first),
    ):
        runs[name] = rows.groupby("run")["round"].nunique().reindex(runs.index, fill_value=0) / among
    runs["gains"] = runs["mean_gains"] / runs["mean_first_best_gains"]
    for name, mediator in (("rival_profit", RIVAL), ("established_profit", ESTABLISHED)):
        runs[name] = mediators[mediators["mediator"] == mediator].groupby("run")["profit"].mean()
    table = between(runs.reset_index(), MEASURES, [STAKES, SEVERANCE])
    return {"": table.assign(rounds=int(runs["rounds"].max()))}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "rival": [WORDS[str(row[STAKES])] for row in rows],
            "severance": [f"{row[SEVERANCE]:.3g}" for row in rows],
            "rounds blocked": [_percent(row, "left") for row in rows],
            f"of the first {FIRST}": [_percent(row, "left_at_first") for row in rows],
            "gains, of the first best's": [_percent(row, "gains") for row in rows],
            "rival earns": [interval(row, "rival_profit") for row in rows],
            "established mediator earns": [interval(row, "established_profit") for row in rows],
        }
    )


def _percent(row: dict[str, object] | dict[object, object], measure: str) -> str:
    return interval(row, measure, 0, 100, "%")


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    reads, watches = (table[table[STAKES].astype(str) == source.value] for source in StakeSource)
    never = [float(each) for each in reads[(reads["left"] == 0) & (watches["left"] == 0).to_numpy()][SEVERANCE]]
    none, without = (row_of(rows, rows[SEVERANCE] == 0) for rows in (watches, reads))
    little, all_of_it = (row_of(watches, watches[SEVERANCE] == each) for each in (0.75, 1.0))
    core = row_of(watches, pd.Series(np.isclose(watches[SEVERANCE], STABLE), watches.index))
    return (
        f"Without severance the rival that has only watched leads players away in {_percent(none, 'left')} of all "
        f"rounds, against {_percent(without, 'left')} for one that reads the contract, and in "
        f"{_percent(none, 'left_at_first')} of the first {FIRST} against {_percent(without, 'left_at_first')}; with "
        f"{style.some_names([f'{each:.3g}' for each in never], 9)}, the severance of the core, neither ever does. Too "
        "little severance is worse than none, as just as many rounds are blocked and gains fall from "
        f"{_percent(none, 'gains')} of the first best's to {_percent(little, 'gains')} at {little[SEVERANCE]:g}, while "
        f"with 1, more than the core's, {_percent(all_of_it, 'left')} of the rounds are blocked and gains are "
        f"{_percent(all_of_it, 'gains')} against {_percent(core, 'gains')} of the core's plan, which also trades when "
        f"the good is bad. Brackets are bootstrap intervals over {none['runs']} seeds of {none['rounds']} rounds; at "
        "one seed all rows share the luck of nature and of the mediators."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw the share of rounds in which a coalition leaves, and what is gained, over the severance."""
    table = tables[""]
    figure = style.new_figure(style.WIDE, 3.0)
    left, right = figure.subplots(1, 2)
    for (source, words), colour, marker, line in zip(
        WORDS.items(), (palette.BLUE, palette.ORANGE), palette.MARKERS, ("-", "--"), strict=False
    ):
        rows = table[table[STAKES].astype(str) == source]
        for axes, measure in ((left, "left_at_first"), (right, "gains")):
            look = {"color": colour, "marker": marker, "ls": line, "label": f"the rival {words}"}
            draw_intervals(axes, rows, SEVERANCE, measure, **look)
    left.set_ylabel(f"rounds in which a coalition leaves,\nof the first {FIRST}")
    right.set_ylabel("gains of players and mediators,\nof the first best's, all rounds")
    for axes in (left, right):
        axes.axvline(STABLE, color=palette.GREY, ls=":", lw=0.8)
        axes.set_xlabel("severance promised to the bad seller")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        style.dress(axes)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    style.put_title(figure, "Whoever only watches blocks later", "and the severance of the core stops both rivals")
    return figure


EXPERIMENT = Experiment(SWEEP, (SWEEP,), measure, show, read, draw)
