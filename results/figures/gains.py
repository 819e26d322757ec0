"""What players and coalitions gain from one run to others: the picture of a comparison."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.legible import legible_names

_ROW = 0.24  # inches, for each player or coalition


@style.in_house_style
def gains_with_intervals(table: pd.DataFrame, unit: str, confidence: float) -> Figure:
    """Draw what everyone gains against the first of several runs, with intervals.

    Players have their colours and everybody else is dark; each run has a mark.
    """
    runs, names = legible_names(table["run"]), legible_names(table["who"])
    figure = style.new_figure(style.WIDE, 1.1 + _ROW * len(names) * max(len(runs), 1) ** 0.5)
    axes = figure.subplots()
    players = table.loc[table["group"] == "player", "who"].unique()
    looks = palette.player_looks(names[str(player)] for player in players)
    colours = [looks[name].colour if name in looks else palette.INK for name in names.values()]
    axes.axvline(0.0, color=palette.GREY, linewidth=0.6)
    handles = []
    for place, (run, label) in enumerate(runs.items()):
        rows = table[table["run"] == run].set_index("who").loc[list(names)]
        # Runs stand one below the other beside each name.
        heights = [row + (place - (len(runs) - 1) / 2) * 0.6 / len(runs) for row in range(len(names))]
        marker = palette.MARKERS[place % len(palette.MARKERS)]
        axes.hlines(heights, rows["low"], rows["high"], colors=colours, linewidth=1.2)
        axes.scatter(rows["gain"], heights, s=14, c=colours, marker=marker, zorder=3, gid=label)
        handles.append(Line2D([], [], ls="", marker=marker, color=palette.INK, label=style.plain(label)))
    axes.set_yticks(range(len(names)), list(map(style.plain, names.values())))
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(style.with_unit("gain per round", unit))
    style.dress(axes)
    if len(runs) > 1:
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    style.put_title(figure, "What is gained against the first run", f"lines: {confidence:.0%} intervals over rounds")
    return figure
