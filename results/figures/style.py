"""One look for every figure: sizes, colours, type, and the wording of numbers.

Sizes fit the columns of a journal. Type is a font that Matplotlib brings along, so a figure is the same on every
machine.

All colours are those of :mod:`marketgame.results.palette`, and ranges of colours those below; no figure has its own.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from types import MappingProxyType
from typing import Any, Final, Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from marketgame.results import palette

COLUMN_WIDTH: Final = 3.5  # inches, one column of a two-column page
WIDE: Final = 5.2  # inches, for figures with many players

STRENGTH: Final = LinearSegmentedColormap.from_list("strength", palette.STRENGTH_STEPS)
FLOWS: Final = LinearSegmentedColormap.from_list("flows", palette.FLOW_STEPS)
PROFITS: Final = LinearSegmentedColormap.from_list("profits", palette.PROFIT_STEPS)

# Dots per inch of a bitmap in a notebook, and of the space that it takes there.
_NOTEBOOK_DPI: Final = 200
_SCREEN_DPI: Final = 120

FONT: Final = "DejaVu Sans"  # comes with Matplotlib
SMALL: Final = 7.0  # points
NORMAL: Final = 8.0

_STYLE: Final[Mapping[str, object]] = MappingProxyType(
    {
        "font.family": [FONT],
        "font.size": SMALL,
        "axes.titlesize": NORMAL,
        "axes.titlelocation": "left",
        "axes.labelsize": SMALL,
        "axes.edgecolor": palette.INK,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.fontsize": SMALL,
        "legend.title_fontsize": SMALL,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.5,
        "hatch.linewidth": 0.5,
        "figure.dpi": 100,
    }
)
_TICKS: Final[Mapping[str, Any]] = MappingProxyType(
    {"labelsize": SMALL, "length": 2.5, "width": 0.6, "color": palette.INK, "labelfontfamily": [FONT]}
)


def in_style() -> AbstractContextManager[None]:
    """Let what is done inside be done in this style, and leave the caller's as it was."""
    return matplotlib.style.context(["default", dict(_STYLE)])


def in_house_style[**P](draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a function draw in this style whatever style its caller has set, and leave the caller's as it was."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with in_style():
            return draw(*args, **kwargs)

    return styled


class ShownFigure(Figure):
    """A figure that a notebook shows at the end of a cell, whether or not it uses pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        drawn = io.BytesIO()
        self.savefig(drawn, format="png", dpi=_NOTEBOOK_DPI, metadata={"Software": None})
        return drawn.getvalue(), {"width": round(self.get_figwidth() * _SCREEN_DPI)}


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return an empty figure, sizes in inches, that needs no screen; its parts make room for each other or not."""
    figure = ShownFigure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes) -> None:
    """Set what Matplotlib would otherwise look up when the figure is saved, outside this style."""
    for which in (axes.xaxis, axes.yaxis):
        which.set_tick_params(**_TICKS)


def plain(text: str) -> str:
    """Return text that Matplotlib prints as it stands, dollar signs included."""
    return text.replace("$", r"\$")


def with_unit(text: str, unit: str, room: int = 1000) -> str:
    """Return an axis label: what is measured, then its unit in brackets, on lines of this many letters."""
    label = f"{text} ({unit})" if unit else text
    lines = [label] if len(label) <= room else [text, *textwrap.wrap(f"({unit})", room)]
    return plain("\n".join(lines))


def short_number(value: float) -> str:
    """Return a number to three digits, with a power of ten where it is very large or small."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-12)
    if -3 <= exponent < 6:
        return f"{round(value, 2 - exponent):,.10g}"
    power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10.0**exponent:.3g}×10{power}"


def round_number_below(value: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that does not exceed a positive value."""
    power = 10.0 ** np.floor(np.log10(value) + 1e-12)
    return float(max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-12)))


def put_title(figure: Figure, *clauses: str) -> None:
    """Say above a figure what it shows, on one line if it fits, otherwise each clause on lines of its own."""
    letter = 0.58 * NORMAL / 72  # inches, the mean width of one in this font
    room = int(figure.get_figwidth() / letter)
    lines = [", ".join(clauses)]
    if len(lines[0]) > room:
        broken = [*(f"{clause}," for clause in clauses[:-1]), clauses[-1]]
        lines = [line for clause in broken for line in textwrap.wrap(clause, room)]
    figure.suptitle(plain("\n".join(lines)), fontsize=NORMAL, x=0.01, ha="left")


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a count in words that agree with it: ``1 player``, ``no players``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number or 'no'} {plural or noun + 's'}"


def some_names(names: list[str], limit: int = 3) -> str:
    """Return names as a phrase, the rest counted once there are more than the limit."""
    if len(names) > limit:
        return f"{', '.join(names[: limit - 1])} and {len(names) - limit + 1} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
