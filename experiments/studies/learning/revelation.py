"""How often the supporting price tells the whole profile, as the page has it.

Source:
    Giraud and Rochon (2001), section 3, Lemma 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from marketgame.experiments.studies import price_revelation
from marketgame.experiments.studies.institutions.families import Family
from marketgame.experiments.studies.learning.experiment import Experiment, Swept, Tables, interval, row_of, within
from marketgame.experiments.studies.price_revelation import LEVELS, NAME, SAME_PRICE, TICKS
from marketgame.experiments.studies.published import checkpoint
from marketgame.results import palette
from marketgame.results.figures import style


def measure(_: Swept) -> Tables:
    """Return the table, computing what is missing."""
    return {"": price_revelation.compute(checkpoint(NAME, price_revelation.__name__))}


def show(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as the page has it, one row for each family and size."""
    rows = []
    for (family, *size), members in table.groupby(["family", "players", "goods", "types"], sort=False):
        at = {(row["levels"], row["tick"]): row for row in members.to_dict("records")}
        row = {
            "family": str(family),
            "traders, goods, types": ", ".join(map(str, size)),
            "profiles": str(members["profiles"].iloc[0]),
            "all economies": percent(at[0, 0.0]),
            "interior ones": percent(at[0, 0.0], "interior_"),
        }
        ticks = [tick for tick in TICKS if tick]
        heads = ["quotes to", *["to"] * (len(ticks) - 1)]
        row |= {f"{head} {100 * tick:g}%": percent(at[0, tick]) for head, tick in zip(heads, ticks, strict=True)}
        row |= {f"{levels} levels": percent(at[levels, 0.0]) for levels in LEVELS if levels}
        rows.append(row)
    return pd.DataFrame(rows)


def percent(row: Mapping[Any, Any], among: str = "") -> str:
    """Return a frequency with its interval in words: of all economies, or of ``interior_`` ones; a dash of none."""
    ends = {"": row[f"{among}frequency"], "_low": row[f"{among}low"], "_high": row[f"{among}high"]}
    return interval({f"share{end}": value for end, value in ends.items()}, "share", 1, 100, "%")


def read(table: pd.DataFrame) -> str:
    """Return what the table says."""
    exact = table[(table["levels"] == 0) & (table["tick"] == 0)]
    inner, revealed = exact["interior"].sum(), exact["interior_revealing"].sum()
    most = exact["players"].max()
    largest = table[table["players"] == most]

    def of(family: Family, levels: int, tick: float) -> dict[str, object]:
        kinds = largest["family"].astype(str) == family.value
        return row_of(largest, kinds & (largest["levels"] == levels) & (largest["tick"] == tick))

    quadratic, logarithmic = (of(family, 0, 0.0) for family in (Family.QUADRATIC, Family.LOGARITHMIC))
    rounded, tied = (of(Family.LOGARITHMIC, *how) for how in ((0, TICKS[2]), (LEVELS[-1], 0.0)))
    low = price_revelation.share(int(revealed), int(inner))[1]
    return (
        f"Of interior economies, in which everybody holds some of every good at every profile, {revealed:,} of "
        f"{inner:,} reveal everything (at least {100 * low:.2f}%), as the lemma says, while elsewhere it fails on an "
        "open set, as a trader who holds nothing of a good whichever of two types it is leaves the price as it is: "
        f"with quadratic valuations {percent(quadratic)} of the economies of {most} traders reveal everything. Even "
        f"where exact prices tell everything, in {percent(logarithmic)} of the economies of {most} traders with "
        f"logarithmic valuations, quotes rounded to {100 * TICKS[2]:g}% tell it in {percent(rounded)}, because "
        f"{logarithmic['profiles']} profiles have to find room among the ticks, and valuations of {LEVELS[-1]} levels "
        f"in {percent(tied)}. Brackets are exact binomial intervals (Clopper and Pearson) over "
        f"{logarithmic['economies']:,} economies of each size and family, drawn independently, the same in all "
        f"columns; prices count as equal within {within(SAME_PRICE)} of their mean."
    )


@style.in_house_style
def draw(tables: Tables) -> Figure:
    """Draw the frequency of full revelation over the number of profiles: families, ticks, ties."""
    table = tables[""]
    figure = style.new_figure(style.WIDE, 3.0)
    left, right = figure.subplots(1, 2, sharey=True)
    one_good = table[(table["goods"] == 1) & (table["types"] == 2)]
    free = one_good[one_good["levels"] == 0]
    for axes, title in ((left, "quadratic"), (right, "logarithmic")):
        of = free[free["family"] == title]
        series = [(f"{100 * tick:g}%" if tick else "exact", of[of["tick"] == tick]) for tick in TICKS]
        tied = one_good[(one_good["family"] == title) & (one_good["tick"] == 0) & (one_good["levels"] == LEVELS[-1])]
        series.append((f"exact, {LEVELS[-1]} levels", tied))
        for (label, rows), colour, marker in zip(series, palette.SERIES, palette.MARKERS, strict=False):
            middle = rows["frequency"].to_numpy(float)
            reach = np.abs(rows[["low", "high"]].to_numpy(float).T - middle)
            line = "--" if "levels" in label else "-"
            axes.errorbar(
                rows["players"], middle, reach, color=colour, marker=marker, ls=line, capsize=1.5, label=label
            )
        axes.set_title(f"{title} valuations", fontsize=style.SMALL)
        axes.set_xlabel("traders, of two types each; one good")
        axes.set_xticks(sorted(one_good["players"].unique()))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(-0.03, 1.03)
        style.dress(axes)
    left.set_ylabel("economies whose price\ntells the whole profile")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=5, title="quotes rounded to")
    style.put_title(figure, "Prices tell everything where everybody trades", "until quotes are rounded")
    return figure


EXPERIMENT = Experiment(NAME, (), measure, show, read, draw)
