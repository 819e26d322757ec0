"""Whether Q-learners learn to lie together, with transfers that deter each liar and with those that deter coalitions.

Six of ten traders have types to hide. With expected-externality transfers each alone loses by a lie, and all six
together gain by one; with coalition-proof transfers no coalition gains by any.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.experiments.studies.learning.experiment import (
    TRADERS,
    Experiment,
    Swept,
    Tables,
    between,
    interval,
    labelled,
    name_of_traders,
    percent,
    row_of,
)
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.results import palette
from marketgame.results.figures import style

SWEEP = "learning-to-lie-together"
TRANSFERS = "contract.transfers"
ECONOMY = ECONOMIES / "ten-traders.toml"
TRUTH, LIARS = "all tell the truth", "all six lie"
# The rounds at the end, as a share, in which learners are taken to have settled.
SETTLED = 0.2


def measure(swept: Swept) -> Tables:
    """Return how often learners lie, alone and together, and what that brings them against the truth."""
    sweep = swept(SWEEP)
    by = [TRANSFERS, "traders"]
    runs = sweep.runs.copy()
    runs["traders"] = labelled(runs, TRADERS, name_of_traders)
    economy = load_economy(ECONOMY)
    hiding = [player.name for player in economy.players if len(player.types) > 1]
    rows = sweep.players
    rows = rows[rows["player"].isin(hiding) & (rows["round"] >= int((1 - SETTLED) * (rows["round"].max() + 1)))]
    lied = rows["type"].astype(str) != rows["reported_type"].astype(str)
    rounds = (
        rows.assign(lied=lied)
        .groupby(["run", "round"])
        .agg(lies=("lied", "sum"), utility=("utility", "sum"))
        .reset_index()
    )
    rounds["lies_together"] = rounds["lies"] >= 2
    found = rounds.groupby("run").agg({"lies": "mean", "lies_together": "mean", "utility": "mean"})
    runs = runs.set_index("run").join(found).reset_index()
    runs["lies"] /= len(hiding)
    truth = runs[runs["traders"] == TRUTH].set_index([TRANSFERS, "seed"])["utility"]
    key = pd.MultiIndex.from_frame(runs[[TRANSFERS, "seed"]])
    # In the same rounds, with the same types.
    runs["gain"] = runs["utility"] - truth.reindex(key).to_numpy()
    table = between(runs, ["lies", "lies_together", "gain"], by)
    promise = {}
    for transfers in table[TRANSFERS].astype(str).unique():
        worst = check_joint_misreports(contract_with_transfers(economy, TransferRule(transfers))).worst
        promise[transfers] = np.nan if worst is None else worst.gain
    table["largest_gain_by_the_checker"] = table[TRANSFERS].astype(str).map(promise)
    return {"": table}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "transfers": [str(row[TRANSFERS]) for row in rows],
            "the six": [str(row["traders"]) for row in rows],
            "reports that are lies": [percent(row, "lies") for row in rows],
            "rounds in which two or more lie": [percent(row, "lies_together") for row in rows],
            "gain of the six against the truth, euro a round": [interval(row, "gain") for row in rows],
        }
    )


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    usual, proof = (TransferRule.EXPECTED_EXTERNALITY.value, TransferRule.COALITION_PROOF.value)
    names = table["traders"].astype(str)
    simple, quoting = (name for name in names.unique() if name not in (TRUTH, LIARS))
    of = {
        (rule, name): row_of(table, (table[TRANSFERS].astype(str) == rule) & (names == name))
        for rule in (usual, proof)
        for name in names.unique()
    }
    most = {
        rule: style.short_number(float(str(of[rule, TRUTH]["largest_gain_by_the_checker"]))).replace("-", "−")
        for rule in (usual, proof)
    }
    return (
        "With expected-externality transfers there is something to be learned: the checker promises a coalition that "
        f"knows its types up to {most[usual]} euro by a joint lie, and six who all claim to want little gain "
        f"{interval(of[usual, LIARS], 'gain')} a round together; with coalition-proof ones the best it finds is "
        f"{most[proof]}, and the same lie brings them {interval(of[proof, LIARS], 'gain')}. Q-learners who choose "
        f"reports alone do not find it: they end with {percent(of[usual, simple], 'lies')} lies under the former and "
        f"{percent(of[proof, simple], 'lies')} under the latter, and gain {interval(of[usual, simple], 'gain')} and "
        f"{interval(of[proof, simple], 'gain')} against the truth; those who also choose quotes "
        f"lie in {percent(of[usual, quoting], 'lies')} and {percent(of[proof, quoting], 'lies')}, but gain "
        f"{interval(of[usual, quoting], 'gain')} and {interval(of[proof, quoting], 'gain')}: what they did not learn "
        "is truth, not what lies together bring. Means over "
        f"{of[usual, simple]['runs']} seeds with bootstrap intervals, in the last fifth of the rounds; gains are "
        "against the truth on the same seeds, rounds and types."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw how often the six lie and what that brings them."""
    table = tables[""]
    figure = style.new_figure(style.WIDE, 2.7)
    left, right = figure.subplots(1, 2, sharey=True)
    traders = list(dict.fromkeys(table["traders"].astype(str)))
    heights = np.arange(len(traders))[::-1].astype(float)
    pairs = zip(
        table[TRANSFERS].astype(str).unique(), (palette.ORANGE, palette.BLUE), ("o", "s"), (0.14, -0.14), strict=True
    )
    for transfers, colour, marker, offset in sorted(pairs, reverse=True):
        rows = table[table[TRANSFERS].astype(str) == transfers].set_index("traders").loc[traders]
        for axes, name in ((left, "lies_together"), (right, "gain")):
            middle, low, high = (rows[f"{name}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
            errors = np.maximum([middle - low, high - middle], 0)
            axes.errorbar(
                middle, heights + offset, xerr=errors, color=colour, marker=marker, ls="", capsize=1.5, label=transfers
            )
    right.axvline(0, color=palette.GREY, lw=0.5)
    left.set_yticks(heights, traders)
    left.set_ylim(-0.5, len(traders) - 0.5)
    left.set_xlim(-0.04, 1.04)
    left.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    left.set_xlabel("rounds in which\ntwo or more of six lie")
    right.set_xlabel("gain of the six against the truth\n(euro a round)")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2, title="transfers")
    for axes in (left, right):
        style.dress(axes)
    style.put_title(figure, "Six could gain by lying together, and six who learn apart do not come to it")
    return figure


EXPERIMENT = Experiment(SWEEP, (SWEEP,), measure, show, read, draw)
