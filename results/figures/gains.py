"""What players and coalitions gain from one run to others: the picture of a comparison."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from marketgame.results.figures.legible import legible_names
from marketgame.results.figures.style import (
    GREY,
    MARKERS,
    SERIES,
    WIDE,
    dress,
    in_house_style,
    new_figure,
    plain,
    put_title,
    with_unit,
)

_ROW = 0.24  # inches, for each player or coalition


@in_house_style
def gains_with_intervals(table: pd.DataFrame, unit: str, confidence: float) -> Figure:
    """Draw what everyone gains against the first of several runs, with intervals.

    Args:
        table: of a comparison (``results.Comparison.table``).
        unit: of money.
        confidence: of the intervals.

    Returns:
        The figure, as high as there are players and coalitions.
    """
    runs, names = legible_names(table["run"]), legible_names(table["who"])
    figure = new_figure(WIDE, 1.1 + _ROW * len(names) * max(len(runs), 1) ** 0.5)
    axes = figure.subplots()
    axes.axvline(0.0, color=GREY, linewidth=0.6)
    for place, (run, label) in enumerate(runs.items()):
        rows = table[table["run"] == run].set_index("who").loc[list(names)]
        # Runs stand one below the other beside each name.
        heights = [row + (place - (len(runs) - 1) / 2) * 0.6 / len(runs) for row in range(len(names))]
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        axes.hlines(heights, rows["low"], rows["high"], color=colour, linewidth=1.2)
        axes.plot(rows["gain"], heights, marker, color=colour, label=plain(label))
    axes.set_yticks(range(len(names)), list(map(plain, names.values())))
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(with_unit("gain per round", unit))
    dress(axes)
    if len(runs) > 1:
        figure.legend(loc="outside lower center", ncols=2)
    put_title(figure, "What is gained against the first run", f"lines: {confidence:.0%} intervals over rounds")
    return figure
