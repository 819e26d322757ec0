"""How answers look on a terminal: numbers that can be read, and tables that say their units."""

from __future__ import annotations

import codecs
import io
import json
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import floor, isfinite, log10
from typing import IO, TYPE_CHECKING, Annotated, Any, override

import typer
from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from marketgame.results.names import (
    LONGEST_NAME,
    on_a_line,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Written to a file or a pipe, tables are as wide as they need to be up to this.
WIDTH_WITHOUT_TERMINAL = 120
# Computations that took longer are worth a remark on how long.
SECONDS_WORTH_A_REMARK = 10.0
# Letters of a cell: some name a coalition, some are sentences.
LONGEST_CELL = 300
# Below this share of the numbers beside it, a number is a rounding error.
ROUNDING = 1e-9


# What JSON leaves as it is though a terminal obeys it: a further range of control characters, and those that change
# the direction of writing.
OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


class NotFiniteError(Exception):
    """A number of an answer is infinite or undefined, so that it is none; the message says which."""


class PlainConsole(Console):
    """A console that prints what it is given: no colours for numbers, no pictures for words between colons.

    Lines may hold markup, written out in the program; names in them go through `named`, other text through `marked`.
    """

    def __init__(self, *, stderr: bool = False, file: IO[str] | None = None, record: bool = False) -> None:
        super().__init__(stderr=stderr, file=file, record=record, highlight=False, emoji=False)

    @override
    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 -- called where the error is handled; Rich would exit with 1, which is an answer


def print_json(document: Any) -> None:
    """Print a document on standard output.

    Raises:
        NotFiniteError: a number in it is not finite.
    """
    try:
        text = json.dumps(document, indent=2, ensure_ascii=not _in_unicode(sys.stdout.encoding), allow_nan=False)
    except ValueError:
        field, value = next(_not_finite(document))
        raise NotFiniteError(f"{field} is {value}; some number of the input is beyond what can be computed") from None
    sys.stdout.write(OBEYED.sub(lambda found: f"\\u{ord(found.group()):04x}", text) + "\n")


def _in_unicode(encoding: str | None) -> bool:
    return encoding is None or codecs.lookup(encoding).name.startswith("utf")


def _not_finite(node: Any, field: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number in a document that is not finite, with the dotted path of its field."""
    match node:
        case dict():
            for key, value in node.items():
                yield from _not_finite(value, f"{field}.{key}".removeprefix("."))
        case list() | tuple():
            for place, value in enumerate(node):
                yield from _not_finite(value, f"{field}[{place}]")
        case float() if not isfinite(node):
            yield field, node


def answer_console() -> Console:
    """Return the console for what was asked for: standard output."""
    console = PlainConsole()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    return console


def remark_console() -> Console:
    """Return the console for progress and warnings: standard error."""
    return PlainConsole(stderr=True)


def marked(text: str) -> str:
    """Return text that holds names, or a path, as part of a line that may hold markup: printed as it stands."""
    return escape(on_a_line(text))


def named(name: str) -> str:
    """Return a name as part of a line that may hold markup: printed as it stands, shortened if it is long."""
    return escape(on_a_line(name, LONGEST_NAME))


@contextmanager
def in_progress(what: str) -> Iterator[None]:
    """Show on a terminal that something is being computed; say how long it took if that was long.

    Args:
        what: a phrase such as "solving the game".
    """
    console, started = remark_console(), time.monotonic()
    with console.status(what):
        yield
    elapsed = time.monotonic() - started
    if elapsed > SECONDS_WORTH_A_REMARK:
        console.print(f"{what} took {elapsed:.0f} seconds")


def number(value: float, scale: float = 0.0, digits: int = 6) -> str:
    """Return a number with its leading digits, thousands apart and without trailing zeros.

    Args:
        value: the number.
        scale: the size of the numbers beside it; next to them a rounding error is shown as 0.
        digits: how many leading digits are shown.
    """
    if not isfinite(value):
        return str(value)
    if abs(value) <= ROUNDING * scale or value == 0:
        return "0"
    magnitude = floor(log10(abs(value)))
    if magnitude < -4:
        return f"{value:.{digits - 3}g}"
    text = f"{value:,.{max(digits - 1 - magnitude, 0)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def share(value: float | None) -> str:
    """Return a share as a percentage; a dash when there is nothing to share."""
    return "-" if value is None else f"{100 * value:,.2f}%"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> Group:
    """Return a table below its title.

    Args:
        title: what it shows.
        columns: headings.
        rows: one text per column.
        texts: how many columns at the left hold words; the others hold numbers and are set to the right.
    """
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(map(_cell, columns)):
        if place < texts:
            result.add_column(heading, justify="left", overflow="fold")
        else:
            result.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        result.add_row(*map(_cell, row))
    return Group(Text(on_a_line(title), style="bold"), result)


def _cell(text: str) -> Text:
    return Text(on_a_line(text, LONGEST_CELL))


class Printed(ABC):
    """A result that shows itself: in a terminal as its command prints it, in a notebook, as a table and as a figure."""

    @abstractmethod
    def print_on(self, console: Console) -> None:
        """Print what the command prints."""

    @property
    @abstractmethod
    def table(self) -> pd.DataFrame:
        """What matters most of it; the units of columns are in ``attrs["units"]``."""

    @abstractmethod
    def plot(self) -> Figure:
        """Draw what matters most of it."""

    def __str__(self) -> str:
        written = io.StringIO()
        self.print_on(_page(written))
        return "\n".join(line.rstrip() for line in written.getvalue().rstrip().splitlines())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        page = _page(io.StringIO(), record=True)
        self.print_on(page)
        return page.export_html(inline_styles=True, code_format='<pre style="line-height:1.2">{code}</pre>')


def _page(file: IO[str], *, record: bool = False) -> Console:
    console = PlainConsole(file=file, record=record)
    console.width = WIDTH_WITHOUT_TERMINAL
    return console


def drawn_bars(table: pd.DataFrame, column: str, title: str) -> Figure:
    """Return a column of a result's table as bars; what draws is loaded when something is drawn."""
    figure: Figure = import_module("marketgame.results.figures.bars").bars(table, column, title)
    return figure
