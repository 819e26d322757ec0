"""The figures that a run or a sweep is looked at with: ours, and those that installed distributions add.

A distribution adds a figure as an entry point of the group ``marketgame.figures``: a function, or an object that can be
called, which takes a loaded run and returns a Matplotlib figure. Its attribute ``tables``, if it has one, names the
tables that must have rows for it to be drawn. What :func:`standard_figures` draws, what ``marketgame show`` writes,
what ``marketgame explain figures`` prints and what the tests draw follows from :data:`FIGURES`; what is drawn of a
sweep follows from :data:`SWEEP_FIGURES`, whose group is ``marketgame.sweep_figures``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from marketgame.registry import Registry
from marketgame.results.figures.figure import RunFigure, View
from marketgame.results.figures.legible import legible
from marketgame.results.figures.sweeps import SweepFigure, SweepView, usual_measure
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
SWEEP_FIGURES: Final[Registry[SweepFigure | Callable[[Run], Figure]]] = Registry(
    "figure of sweeps",
    "marketgame.sweep_figures",
    "a function that takes a loaded sweep and returns a Matplotlib figure",
    callable,
    "marketgame.results.figures",
    lambda found: isinstance(found, SweepFigure),
    lambda figure: figure.order if isinstance(figure, SweepFigure) else 0,
)


def sweep_figures(sweep: Run, measure: str | None = None) -> dict[str, Figure]:
    """Draw what a sweep should be looked at with.

    A figure that cannot be drawn is left out with a warning.

    Args:
        sweep: a loaded sweep.
        measure: a column of numbers of its table of runs; gains over autarky without it.

    Raises:
        ValueError: there is no such column.
    """
    measure = usual_measure(sweep) if measure is None else measure
    known = {"run", "point", "seed", *sweep.parameters}
    numbers = [str(name) for name, kind in sweep.runs.dtypes.items() if is_numeric_dtype(kind) and name not in known]
    if measure not in numbers:
        raise ValueError(f"measure is {measure!r}; it must be a column of numbers: {', '.join(numbers)}")
    view = SweepView(sweep, measure)
    wanted = [
        (figure.name, partial(figure.draw, view))
        for figure in SWEEP_FIGURES.own
        if isinstance(figure, SweepFigure) and (view.is_known or not figure.of_measure) and figure.worthwhile(view)
    ]
    return _drawn([*wanted, *_added(SWEEP_FIGURES, sweep)])


def standard_figures(run: Run, round_number: int | None = None, run_number: int = 0) -> dict[str, Figure]:
    """Draw what a run should be looked at with.

    A figure that cannot be drawn is left out with a warning.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    shown = telling_round(run, run_number) if round_number is None else round_number
    rows_of_round(run, "rounds", shown, run_number)
    return _drawn([*_wanted(run, run_number, shown, round_number), *_added(FIGURES, run)])


def _drawn(wanted: Iterable[tuple[str, Callable[[], Any]]]) -> dict[str, Figure]:
    drawn = {}
    for name, draw in wanted:
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


def _wanted(run: Run, number: int, shown: int, asked: int | None) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield a name and a function that draws, for each figure whose tables have rows."""
    readable = legible(run)
    goods = dict(zip(file_names(run.goods[:-1]), readable.goods[:-1], strict=True))
    view = View(readable, number, shown, asked=asked)
    for figure in FIGURES.own:
        if isinstance(figure, RunFigure) and all(map(view.has_rows, figure.tables)) and figure.worthwhile(view):
            for file, good in goods.items() if figure.by_good else [("", "")]:
                yield f"{figure.name}-{file}".strip("-"), partial(figure.draw, replace(view, good=good))


def _added(registry: Registry[Any], run: Run) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield a name and a function that draws, for each figure of other people's whose tables have rows."""
    added = [name for name in registry.names if name not in registry.members]
    for name, file in zip(added, file_names(added), strict=True):
        draw = or_warning(name, partial(registry.find, name))
        if draw is None or isinstance(draw, RunFigure | SweepFigure):
            continue
        if all(name in run.tables and not run.tables[name].empty for name in getattr(draw, "tables", ())):
            yield file, partial(draw, run)
