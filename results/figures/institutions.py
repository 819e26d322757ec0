"""Which institutions survive whom, and what a cartel gains under each: tables turned into pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from marketgame.results import palette
from marketgame.results.figures.style import SMALL, dress, in_house_style, new_figure, plain, put_title

_PAGE_WIDTH: Final = 7.2
_COLOURS: Final = {
    "yes": palette.SEA,
    "sampled": palette.PALE_GREEN,
    "not refuted": palette.WHITE,
    "no": palette.CLAY,
    "not asked": palette.FAINT,
}
_MEANING: Final = {
    "yes": "proved",
    "sampled": "sampled",
    "not refuted": "not refuted",
    "no": "broken: members' gain, in multiples of all gains from trade",
    "not asked": "not asked",
}
# What is in every legend; the others only where a cell says so.
_ALWAYS: Final = ("yes", "not refuted", "no")
_ROW: Final = 0.27
# With more columns, what a cell says takes two lines.
_WIDE_COLUMNS: Final = 5
_TALL_ROW: Final = 0.36
# With more columns in all, a picture is wider than a printed page's text.
_MOST_ON_A_PAGE: Final = 8
_WIDE_PAGE: Final = 11.0


@in_house_style
def institution_matrix(
    panels: Sequence[tuple[str, pd.DataFrame]],
    questions: Sequence[str],
    title: str,
) -> Figure:
    """Draw a matrix of answers: a row per institution, a column per question, a panel per group.

    Args:
        panels: name and table of each panel; every table has the columns ``institution``, ``question``, ``verdict``
            (``yes``, ``sampled``, ``no``, ``not refuted``, ``not asked``: the worst over the economies) and ``text``
            (what the cell says), and all list the same institutions in the same order.
        questions: the columns, in order.
        title: what is shown.

    Raises:
        ValueError: there is no panel.
    """
    if not panels:
        raise ValueError("there is no institution to show")
    names = list(dict.fromkeys(panels[0][1]["institution"]))
    columns = len(panels) * len(questions)
    narrow = columns > _WIDE_COLUMNS
    width = _WIDE_PAGE if columns > _MOST_ON_A_PAGE else _PAGE_WIDTH
    figure = new_figure(width, 1.35 + (_TALL_ROW if narrow else _ROW) * len(names))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, table) in zip(grid, panels, strict=True):
        told = table.assign(text=table["text"].str.replace(" in ", "\nin ")) if narrow else table
        _panel(axes, told, names, list(questions))
        axes.set_title(plain(name), fontsize=SMALL, color=palette.INK)
    grid[0].set_yticks(range(len(names)), [plain(name) for name in names])
    said = {*_ALWAYS, *(str(verdict) for _, table in panels for verdict in table["verdict"])}
    shown = {verdict: colour for verdict, colour in _COLOURS.items() if verdict in said}
    # Where nothing is to be gained by trade, gains are in money, and cells say so.
    noes = [str(text) for _, table in panels for text in table.loc[table["verdict"] == "no", "text"]]
    counted = not noes or any("×" in text for text in noes)
    meaning = _MEANING if counted else _MEANING | {"no": "broken: what members gain"}
    handles = [Patch(fc=colour, ec=palette.GREY, lw=0.4, label=meaning[verdict]) for verdict, colour in shown.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    put_title(figure, title)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, names: list[str], questions: list[str]) -> None:
    """Draw the cells of one panel."""
    for row in table.itertuples():
        x, y = questions.index(str(row.question)), names.index(str(row.institution))
        axes.add_patch(
            Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, fc=_COLOURS[str(row.verdict)], ec=palette.GREY, lw=0.4)
        )
        axes.text(x, y, plain(str(row.text)), ha="center", va="center", color=palette.INK)
    axes.set_xlim(-0.5, len(questions) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks(range(len(questions)), [plain(question).replace(" ", "\n") for question in questions])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


@in_house_style
def cartel_gains(table: pd.DataFrame, unit: str, title: str) -> Figure:
    """Draw what a cartel can gain under each institution, and what it can gain at most.

    Args:
        table: one row per institution, with the columns ``institution``, ``least`` (what the member who gains least
            expects, at best), ``total`` (the largest sum of gains found) and ``bound`` (on any sum).
        unit: of gains.
        title: what is shown.
    """
    figure = new_figure(_PAGE_WIDTH, 1.3 + 0.24 * len(table))
    axes = figure.add_subplot()
    places = range(len(table))
    axes.barh(places, table["bound"], color=palette.FAINT, height=0.8, label="no deviation gains more in sum")
    axes.barh(places, table["total"], color=palette.SAND, height=0.55, label="largest sum of gains found")
    axes.barh(places, table["least"], color=palette.VERMILION, height=0.25, label="gain of whoever gains least, by lot")
    for place, (bound, found) in enumerate(zip(table["bound"], table["total"], strict=True)):
        if bound <= 0 and found <= 0:
            axes.text(0, place, " proved: nothing to gain", va="center", color=palette.INK)
    axes.set_yticks(places, [plain(str(name)) for name in table["institution"]])
    axes.invert_yaxis()
    axes.set_xlabel(f"gain ({plain(unit)})")
    dress(axes)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    put_title(figure, title)
    return figure
