"""How fast learners find the short sale under the paper's rules, and where they settle where rules are repaired.

Under the paper's rules a single trader takes everything but one good by selling that one short
(:mod:`marketgame.agents.behaviours.short_selling`). Where recommended flows are executed out of
deposits and further ones only as both sides order them, nobody gains by any order or quote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame import results
from marketgame.agents.behaviours import Searching, ShortSelling
from marketgame.experiments.studies.learning.experiment import (
    RULES,
    TRADERS,
    Experiment,
    Swept,
    Tables,
    between,
    draw_band,
    interval,
    labelled,
    median_between,
    name_of_traders,
    percent,
    row_of,
    write_beside,
)
from marketgame.results import palette
from marketgame.results.figures import style

SWEEP = "learning-the-short-sale"
PAPER, REPAIRED = "as printed", "deposits, matched orders"
# The short sale is found when more than half of what learners did in so many rounds was that.
WINDOW = 20
# A curve has so many points.
BLOCKS = 20
# The rounds at the end, as a share, in which learners are taken to have settled.
SETTLED = 0.2
# A round is at the first best if no more than this share of the gains from trade is missing.
ROUNDING = 1e-6
CURVES = "-by-round"


def rules_in_words(text: str) -> str:
    """Return what the rules of a point are called."""
    return REPAIRED if json.loads(text).get("refusal") == "escrow" else PAPER


def measure(swept: Swept) -> Tables:
    """Return how soon the short sale is found and how learners end, and the share of short sales over the rounds."""
    sweep = swept(SWEEP)
    by = ["rules", "learner"]
    stances, rounds = (_with_words(results.with_parameters(sweep, table)) for table in ("stances", "rounds"))
    runs = _with_words(sweep.runs.copy()).set_index("run")
    # Whoever searches orders what has no name: it sells short if it takes half of the most that anybody took.
    spoils = (stances["stance"] == Searching.name) & (stances["gain"] > stances["gain"].max() / 2)
    stances["short"] = ((stances["stance"] == ShortSelling.name) | spoils).astype(float)
    rounds["at_first_best"] = (rounds["gains"] >= (1 - ROUNDING) * rounds["first_best_gains"]).astype(float)
    rounds["share_of_gains"] = rounds["gains"] / rounds["first_best_gains"]

    shares = stances.pivot_table(index="round", columns="run", values="short", observed=True)
    found = (shares.rolling(WINDOW).mean() > 1 / 2).to_numpy()
    runs["rounds_until"] = pd.Series(np.where(found.any(axis=0), found.argmax(axis=0) + 1.0, np.inf), shares.columns)
    last = int((1 - SETTLED) * len(shares))
    runs["short_sales"] = stances[stances["round"] >= last].groupby("run")["short"].mean()
    for name in ("at_first_best", "share_of_gains"):
        runs[name] = rounds[rounds["round"] >= last].groupby("run")[name].mean()

    table = between(runs.reset_index(), ["short_sales", "at_first_best", "share_of_gains"], by)
    waited = runs.groupby(by, observed=True)["rounds_until"]
    ends = {point: median_between(waits.tolist()) for point, waits in waited}
    for place, name in enumerate(("rounds_until", "rounds_until_low", "rounds_until_high")):
        table[name] = [ends[point][place] for point in zip(table["rules"], table["learner"], strict=True)]
    table["found"] = waited.agg(lambda waits: float(np.isfinite(waits).mean())).to_numpy()
    table["rounds"] = len(shares)

    length = max(len(shares) // BLOCKS, 1)
    stances["after"] = (stances["round"] // length + 1) * length
    blocks = stances.groupby([*by, "run", "after"], observed=True)["short"].mean().rename("short_sales").reset_index()
    return {"": table, CURVES: between(blocks, ["short_sales"], [*by, "after"])}


def _with_words(frame: pd.DataFrame) -> pd.DataFrame:
    frame["rules"] = labelled(frame, RULES, rules_in_words)
    frame["learner"] = labelled(frame, TRADERS, name_of_traders)
    return frame


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "rules": [str(row["rules"]) for row in rows],
            "learner": [str(row["learner"]) for row in rows],
            # Where a short sale changes nothing there is nothing to be found.
            "rounds until most sell short": [_waited(row) if row["rules"] == PAPER else "–" for row in rows],
            "short sales at the end": [percent(row, "short_sales") for row in rows],
            "rounds at the first best at the end": [percent(row, "at_first_best") for row in rows],
            "gains from trade at the end, shares": [interval(row, "share_of_gains") for row in rows],
        }
    )


def _waited(row: Mapping[Any, Any]) -> str:
    middle, low, high = (float(str(row[f"rounds_until{end}"])) for end in ("", "_low", "_high"))
    if np.isinf(middle):
        return f"more than {row['rounds']}"
    until = f"more than {row['rounds']}" if np.isinf(high) else f"{high:.0f}"
    return f"{middle:.0f}" if low == high else f"{middle:.0f} [{max(low, 0):.0f}, {until}]"


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    paper, repaired = (table[table["rules"] == rules] for rules in (PAPER, REPAIRED))
    waits, reached = paper["rounds_until"], repaired["at_first_best"]
    first, last = (row_of(paper, waits == bound) for bound in (waits.min(), waits.max()))
    soonest = style.some_names(paper[waits == waits.min()]["learner"].astype(str).tolist(), 4)
    best, worst = (row_of(repaired, reached == bound) for bound in (reached.max(), reached.min()))
    return (
        f"Under the rules as printed every kind of learner comes to sell short: {soonest} first, after "
        f"{_waited(first)} rounds, {last['learner']} last, after {_waited(last)}; at the end "
        f"{100 * paper['at_first_best'].max():.1f}% of the rounds at most are at the first best, and much more is lost "
        "than trade could have gained. With deposits and matched orders a short sale changes nothing, all that is "
        f"worse than obedience is unlearned, and play settles at the first best: {best['learner']} ends with "
        f"{percent(best, 'at_first_best')} of the rounds there, and {worst['learner']}, which goes on trying, "
        f"with {percent(worst, 'at_first_best')} (a round in which one withholds costs many times the gains of trade). "
        f"Waits are medians over {first['runs']} seeds with the exact intervals of order statistics, shares are means "
        f"with bootstrap intervals, over the last fifth of {first['rounds']} rounds."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw the share of short sales over the rounds under the paper's rules, and how both rules end."""
    table, curves = tables[""], tables[CURVES]
    figure = style.new_figure(style.WIDE, 4.6)
    above, below = figure.subplots(2, 1, height_ratios=(1.25, 1))
    learners = list(dict.fromkeys(table["learner"].astype(str)))
    beside = {}
    for learner, colour, marker in zip(learners, palette.SERIES, palette.MARKERS, strict=False):
        rows = curves[(curves["rules"] == PAPER) & (curves["learner"] == learner)]
        draw_band(above, rows, "after", "short_sales", colour, marker, markevery=2)
        beside[learner] = float(rows["short_sales"].iloc[-1]), colour, marker
    above.set_xlabel("rounds played, under the rules as printed")
    above.set_ylabel("short sales\n(share of what learners do)")
    above.set_xlim(0, float(curves["after"].max()))
    above.set_ylim(0, 1.02)
    write_beside(above, beside, 0.085)
    heights = np.arange(len(learners))[::-1].astype(float)
    for rules, colour, marker, offset in ((PAPER, palette.ORANGE, "o", -0.14), (REPAIRED, palette.BLUE, "s", 0.14)):
        rows = table[table["rules"] == rules].set_index("learner").loc[learners]
        middle, low, high = (rows[f"at_first_best{end}"].to_numpy(float) for end in ("", "_low", "_high"))
        errors = np.maximum([middle - low, high - middle], 0)
        below.errorbar(
            middle, heights + offset, xerr=errors, color=colour, marker=marker, ls="", capsize=1.5, label=rules
        )
    below.set_yticks(heights, learners)
    below.set_ylim(-0.5, len(learners) - 0.5)
    below.set_xlim(-0.03, 1.03)
    below.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    above.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    below.set_xlabel("rounds at the first best, of the last fifth")
    below.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="rules")
    for axes in (above, below):
        style.dress(axes)
    style.put_title(figure, "Learners find the short sale by themselves", "and where it is futile most end efficient")
    return figure


EXPERIMENT = Experiment(SWEEP, (SWEEP,), measure, show, read, draw)
