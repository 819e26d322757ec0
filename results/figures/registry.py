"""The figures that a run is looked at with: ours, listed here once, and those that installed distributions add.

A distribution adds a figure as an entry point of the group ``marketgame.figures``: a function, or an object that can be
called, which takes a loaded run and returns a Matplotlib figure. Its attribute ``tables``, if it has one, names the
tables that must have rows for it to be drawn. What :func:`standard_figures` draws, what ``marketgame show`` writes,
what ``marketgame explain figures`` prints and what the tests draw follows from :data:`FIGURES`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from matplotlib.figure import Figure

from marketgame.registry import Registry
from marketgame.results.figures.blocking import invitations, mediator_profits
from marketgame.results.figures.holdings import who_ends_with_what
from marketgame.results.figures.legible import legible
from marketgame.results.figures.network import trade_network
from marketgame.results.figures.quotes import quotes_against_supporting_price
from marketgame.results.figures.side_contracts import side_contracts_over_rounds
from marketgame.results.figures.welfare import welfare_over_rounds
from marketgame.results.loading import Run
from marketgame.results.mediators import ESTABLISHED
from marketgame.results.names import file_names
from marketgame.results.selection import rows_of_round, rows_of_run, telling_round

_log = logging.getLogger("marketgame")


@dataclass(frozen=True)
class View:
    """What of a run is shown.

    Attributes:
        run: a loaded run folder.
        number: which run of the folder.
        round: the round that figures of a single round show.
        good: the good that figures of a single good show.
    """

    run: Run
    number: int
    round: int
    good: str = ""

    def has_rows(self, table: str) -> bool:
        """Whether the run has rows in a table."""
        return table in self.run.tables and not rows_of_run(self.run, table, self.number).empty


def _always(_: View) -> bool:
    return True


def _has_rivals(view: View) -> bool:
    return bool((rows_of_run(view.run, "mediators", view.number)["mediator"] != ESTABLISHED).any())


@dataclass(frozen=True)
class RunFigure:
    """A figure of ours.

    Attributes:
        name: of its file, without ending.
        title: what it shows, for a list of figures.
        tables: those that must have rows.
        draw: draws it.
        by_good: whether there is one for each good but the numeraire, whose name its file's ends with.
        worthwhile: whether there is anything to see, where the tables have rows.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    draw: Callable[[View], Figure]
    by_good: bool = False
    worthwhile: Callable[[View], bool] = _always


FIGURES: Final[Registry[RunFigure | Callable[[Run], Figure]]] = Registry(
    "figure",
    "marketgame.figures",
    "a function that takes a loaded run and returns a Matplotlib figure",
    callable,
    (
        RunFigure(
            "welfare",
            "gains over autarky against first best, and bankruptcies, over the rounds",
            ("rounds",),
            lambda view: welfare_over_rounds(view.run, view.number),
        ),
        RunFigure(
            "trade-network",
            "who gave goods to whom in a round, who is rich, who is bankrupt",
            ("holdings",),
            lambda view: trade_network(view.run, view.round, view.number),
        ),
        RunFigure(
            "who-ends-with-what",
            "how each good is divided before and after a round",
            ("holdings",),
            lambda view: who_ends_with_what(view.run, view.round, view.number),
        ),
        RunFigure(
            "quotes",
            "who quotes off the price that supports the efficient allocation, for each good",
            ("holdings",),
            lambda view: quotes_against_supporting_price(view.run, view.good, view.number),
            by_good=True,
        ),
        RunFigure(
            "mediator-profits",
            "what blocking mediators earn over the rounds, against what their plans promise",
            ("mediators",),
            lambda view: mediator_profits(view.run, view.number),
            worthwhile=_has_rivals,
        ),
        RunFigure(
            "invitations",
            "whom blocking mediators invite, and what becomes of it",
            ("mediators", "invitations"),
            lambda view: invitations(view.run, view.number),
            worthwhile=_has_rivals,
        ),
        RunFigure(
            "side-contracts",
            "which coalitions form, who breaks them, what members gain",
            ("side_contracts",),
            lambda view: side_contracts_over_rounds(view.run, view.number),
        ),
    ),
)


def standard_figures(run: Run, round_number: int | None = None, run_number: int = 0) -> dict[str, Figure]:
    """Draw what a run should be looked at with.

    A figure that cannot be drawn is left out with a warning.

    Args:
        run: a loaded run folder.
        round_number: which round the figures of a single round show; by default the one with the most
            bankruptcies, and among these the one that lost most against first best.
        run_number: which run of the folder.

    Returns:
        Figures by file name without ending, in the order of the registry: those whose tables have rows.

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
