"""What a figure contains, for tests to compare with the tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from marketgame.results.figures.ring import AGREEMENT
from marketgame.results.loading import Run

SIX = ("USA", "JPN", "EEC", "OOE", "EET", "FSU")
THIRTY = tuple(f"player {number}" for number in range(30))
LONG_UNITS = ("million tonnes of carbon", "million 1985 US$")


def rows(run: Run, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table as they are in its file, read without the package under test."""
    found: list[dict[str, Any]] = pq.read_table(run.folder / f"{table}.parquet").to_pylist()
    return found


def axes_of(figure: Figure) -> list[Axes]:
    # A figure names the axes of its parts too.
    return list(dict.fromkeys([*figure.axes, *(axes for part in figure.subfigs for axes in part.axes)]))


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


def inside(box: Bbox, page: Bbox) -> bool:
    return bool(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)


def nodes(figure: Figure) -> dict[str, Line2D]:
    return {name: line for line in axes_of(figure)[0].lines if (name := line.get_gid()) and name != AGREEMENT}


def arrows(figure: Figure) -> dict[str, FancyArrowPatch]:
    return {name: arrow for arrow in figure.findobj(FancyArrowPatch) if (name := arrow.get_gid())}


def marks(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.lines}


def points(line: Line2D) -> NDArray[np.float64]:
    """Return where the points of a line are, ``(points, 2)``."""
    return np.asarray(line.get_xydata(), dtype=np.float64)


def bars(axes: Axes) -> list[Rectangle]:
    """Return the patches of axes that hold nothing but bars."""
    found = []
    for patch in axes.patches:
        assert isinstance(patch, Rectangle)
        found.append(patch)
    return found
