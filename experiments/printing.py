"""How answers look on a terminal: numbers that can be read, and tables that say their units."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import floor, isfinite, log10
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

# Written to a file or a pipe, tables are as wide as they need to be up to this.
WIDTH_WITHOUT_TERMINAL = 120
# Computations that took longer are worth a remark on how long.
SECONDS_WORTH_A_REMARK = 10.0
# Below this share of the numbers beside it, a number is a rounding error.
ROUNDING = 1e-9


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def print_json(document: Any) -> None:
    """Print a document on standard output; numbers in it must be finite."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def answer_console() -> Console:
    """Return the console for what was asked for: standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    return console


def remark_console() -> Console:
    """Return the console for progress and warnings: standard error."""
    return Console(stderr=True, highlight=False)


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
    for place, heading in enumerate(columns):
        if place < texts:
            result.add_column(heading, justify="left", overflow="fold")
        else:
            result.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        result.add_row(*map(escape, row))
    return Group(Text(title, style="bold"), result)
