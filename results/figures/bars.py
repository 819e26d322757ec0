"""One column of a table as bars: the plain figure of results that have no figure of their own."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.legible import legible_names

_ROW = 0.26  # inches, for each bar


@style.in_house_style
def bars(table: pd.DataFrame, column: str, title: str) -> Figure:
    """Draw a column of a table, a bar for each row that has a number, with the number at its end.

    Args:
        table: its index says what each bar is; the units of its columns are in ``attrs["units"]``.
        column: what is drawn.
        title: what it shows.

    Raises:
        ValueError: the table has no such column, or no number in it.
    """
    if column not in table or not table[column].notna().any():
        raise ValueError(f"there is nothing to draw: the table holds no number in {column!r}")
    values = table[column].dropna().astype(float)
    names = [", ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in values.index]
    figure = style.new_figure(style.WIDE, 0.9 + _ROW * len(values))
    axes = figure.subplots()
    drawn = axes.barh(range(len(values)), values.to_numpy(), height=0.6, color=palette.BLUE)
    axes.bar_label(drawn, [f" {style.short_number(value)} " for value in values], color=palette.INK)
    axes.axvline(0.0, color=palette.INK, linewidth=0.6)
    labels = legible_names(names)
    axes.set_yticks(range(len(values)), [style.plain(labels[name]) for name in names])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(style.with_unit(column.replace("_", " "), table.attrs.get("units", {}).get(column, "")))
    style.dress(axes)
    style.put_title(figure, title)
    return figure
