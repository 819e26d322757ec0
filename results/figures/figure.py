"""What a figure of a run says of itself, for the registry that lists it and whoever draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run


@dataclass(frozen=True)
class View:
    """What of a run is shown.

    Attributes:
        run: a loaded run folder.
        number: which run of the folder.
        round: the round that figures of a single round show.
        good: the good that figures of a single good show.
        asked: the round, where somebody chose it; none where each figure shows what tells most.
    """

    run: Run
    number: int
    round: int
    good: str = ""
    asked: int | None = None

    def has_rows(self, table: str) -> bool:
        """Whether the run has rows in a table."""
        return table in self.run.tables and not rows_of_run(self.run, table, self.number).empty


def _always(_: View) -> bool:
    return True


@dataclass(frozen=True)
class RunFigure:
    """A figure of ours, beside the function that draws it.

    Attributes:
        order: where it stands among the figures of a run; smaller numbers come first.
        name: of its file, without ending.
        title: what it shows, for a list of figures.
        tables: those that must have rows.
        draw: draws it.
        by_good: whether there is one for each good but the numeraire, whose name its file's ends with.
        worthwhile: whether there is anything to see, where the tables have rows.
    """

    order: int
    name: str
    title: str
    tables: tuple[str, ...]
    draw: Callable[[View], Figure]
    by_good: bool = False
    worthwhile: Callable[[View], bool] = _always
