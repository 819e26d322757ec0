"""The figures that a run is looked at with: ours, one `RunFigure` each, and those that installed distributions add.

A distribution adds a figure as an entry point of the group ``marketgame.figures``: a function, or an object that can be
called, which takes a loaded run and returns a Matplotlib figure. Its attribute ``tables``, if it has one, names the
tables that must have rows for it to be drawn. What :func:`standard_figures` draws, what ``marketgame show`` writes,
what ``marketgame explain figures`` prints and what the tests draw follows from :data:`FIGURES`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from matplotlib.figure import Figure

from marketgame.registry import Registry
from marketgame.results.figures.figure import RunFigure, View
from marketgame.results.figures.legible import legible
from marketgame.results.loading import Run
from marketgame.results.names import file_names
from marketgame.results.selection import rows_of_round, telling_round

_log = logging.getLogger("marketgame")


def _is_ours(found: object) -> bool:
    return isinstance(found, RunFigure)


def _order(figure: RunFigure | Callable[[Run], Figure]) -> int:
    return figure.order if isinstance(figure, RunFigure) else 0


FIGURES: Final[Registry[RunFigure | Callable[[Run], Figure]]] = Registry(
    "figure",
    "marketgame.figures",
    "a function that takes a loaded run and returns a Matplotlib figure",
    callable,
    "marketgame.results.figures",
    _is_ours,
    _order,
)


def standard_figures(run: Run, round_number: int | None = None, run_number: int = 0) -> dict[str, Figure]:
    """Draw what a run should be looked at with.

    A figure that cannot be drawn is left out with a warning.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    shown = telling_round(run, run_number) if round_number is None else round_number
    rows_of_round(run, "rounds", shown, run_number)
    drawn = {}
    for name, draw in _wanted(run, run_number, shown):
        figure = or_warning(name, draw)
        if isinstance(figure, Figure):
            drawn[name] = figure
        elif figure is not None:
            _log.warning("figure %r is left out: it is %.60r; it must be a Matplotlib figure", name, figure)
    return drawn


def or_warning[Found](name: str, do: Callable[[], Found]) -> Found | None:
    """Return what something done for a figure gives; nothing, and a warning, where it raises anything but OSError."""
    try:
        return do()
    except OSError:
        raise
    except Exception as error:
        _log.warning("figure %r is left out: %s: %s", name, type(error).__name__, error)
        return None


def _wanted(run: Run, number: int, shown: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield a name and a function that draws, for each figure whose tables have rows."""
    readable = legible(run)
    goods = dict(zip(file_names(run.goods[:-1]), readable.goods[:-1], strict=True))
    view = View(readable, number, shown)
    for figure in FIGURES.own:
        if isinstance(figure, RunFigure) and all(map(view.has_rows, figure.tables)) and figure.worthwhile(view):
            for file, good in goods.items() if figure.by_good else [("", "")]:
                yield f"{figure.name}-{file}".strip("-"), partial(figure.draw, View(readable, number, shown, good))
    added = [name for name in FIGURES.names if name not in FIGURES.members]
    for name, file in zip(added, file_names(added), strict=True):
        draw = or_warning(name, partial(FIGURES.find, name))
        if draw is None or isinstance(draw, RunFigure):
            continue
        if all(map(view.has_rows, getattr(draw, "tables", ()))):
            yield file, partial(draw, run)
