"""How answers look on a terminal: numbers that can be read, and tables that say their units."""

from __future__ import annotations

import codecs
import io
import json
import os
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from math import floor, isfinite, log10
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, override

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.results.formats import FigureFormat
from marketgame.results.names import LONGEST_NAME, on_a_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from marketgame.results.report.page import Table as PageTable
    from marketgame.results.report.page import Words

# Written to a file or a pipe, tables are as wide as they need to be up to this, unless the environment says a width.
WIDTH_WITHOUT_TERMINAL = 120
# Computations that took longer are worth a remark on how long.
SECONDS_WORTH_A_REMARK = 10.0
# Letters between two columns of a table.
_GAP = 3
# More rows than fit a screen are left to the JSON document, which holds all.
# Larger numbers are given by their size.
MOST_COUNTED = 10**15
MOST_PROFILES_SHOWN = 12
# Of coalitions with more members only the first are named.
MOST_NAMED, FIRST_NAMED = 20, 3
# Letters of a cell: some name a coalition, some are sentences.
LONGEST_CELL = 500
# Below this share of the numbers beside it, a number is a rounding error.
ROUNDING = 1e-9


# What JSON leaves as it is though a terminal obeys it: a further range of control characters, and those that change
# the direction of writing.
OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def _with_modules_here(allowed: bool) -> bool:
    """Let Python find modules in the current folder too, after all others, where code is allowed."""
    here = str(Path.cwd())
    if allowed and here not in sys.path:
        sys.path.append(here)
    return allowed


AllowCodeOption = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Import classes that files name as package.module:Class, from here or from where Python finds them.",
        callback=_with_modules_here,
    ),
]
FormatOption = Annotated[
    list[FigureFormat] | None,
    typer.Option("--format", help="What figures are written as; give it again for several.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


class NotFiniteError(UnansweredError):
    """A number of an answer is infinite or undefined, so that it is none; the message says which."""


class PlainConsole(Console):
    """A console that prints what it is given: no colours for numbers, no pictures for words between colons.

    Lines may hold markup, written out in the program; names in them go through `named`, other text through `marked`.
    """

    def __init__(self, *, stderr: bool = False, file: IO[str] | None = None, record: bool = False) -> None:
        # In a notebook Rich would show there what is written to a file, too.
        jupyter = False if file is not None else None
        super().__init__(stderr=stderr, file=file, record=record, highlight=False, emoji=False, force_jupyter=jupyter)

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
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
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


def print_heading(console: Console, name: str, players: int, profiles: int, source: str = "") -> None:
    """Print what an answer is about, how large it is and where it comes from."""
    many = str(profiles) if profiles < MOST_COUNTED else f"about 1e{floor(log10(profiles))}"
    console.print(f"[bold]{named(name)}[/bold]: {players} player{'' if players == 1 else 's'}, {many} type profile(s)")
    if source:
        console.print(f"source: {marked(source)}", style="dim")


def print_left_out(console: Console, profiles: int, shown: int) -> None:
    """Say how many type profiles a table leaves out, if any."""
    if shown < profiles:
        console.print(f"{profiles - shown} of {profiles} profiles are left out here; --json has all of them.\n")


def print_answer(document: Callable[[], Any], shown: Callable[[Console], None], *, json: bool) -> None:
    """Print an answer on standard output, as its document or as its tables."""
    if json:
        print_json(document())
    else:
        shown(answer_console())


@contextmanager
def in_progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something is being computed; say how long it took if that was long.

    What is yielded shows another phrase in its place.
    """
    console, started = remark_console(), time.monotonic()
    with console.status(what) as status:
        yield lambda other: status.update(marked(other))
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
    """Return a table below its title, which loses no letter and no digit whatever the width.

    Args:
        title: what it shows.
        columns: headings.
        rows: one text per column.
        texts: how many columns at the left hold words, the labels of the row; the others hold numbers and are set to
            the right.
    """
    cells = [tuple(map(_cell, row)) for row in rows]
    return Group(Text(on_a_line(title), style="bold"), FittedTable(tuple(map(_cell, columns)), tuple(cells), texts))


def _cell(text: str) -> Text:
    return Text(on_a_line(text, LONGEST_CELL))


@dataclass(frozen=True)
class FittedTable:
    """A table that fits whatever it is printed on.

    Where the width does not suffice, headings are broken between words; then the columns of numbers are spread over
    several tables, each of which repeats the labels. Labels that leave too little room for numbers are broken between
    words; where not even that helps, every row becomes a list of its cells.

    Attributes:
        headings: one for each column.
        rows: a cell for each column.
        labels: how many columns at the left hold words.
    """

    headings: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    labels: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the tables that fit."""
        fitted = self.fitted(options.max_width)
        if fitted:
            yield from map(self._drawn, fitted)
        else:
            yield self._listed(options.max_width)

    def fitted(self, room: int) -> list[dict[int, int]]:
        """Return, for each table that is drawn, the width of each of its columns by its place, in letters."""
        wanted = [max(heading.cell_len, _longest(column)) for heading, column in self._columns()]
        if _width(wanted) <= room:
            return [dict(enumerate(wanted))]
        least = [max(_longest_word(heading), _longest(column)) for heading, column in self._columns()]
        labels, numbers = least[: self.labels], least[self.labels :]
        beside_widest = room - max((width + _GAP for width in numbers), default=0)
        beside_all = room - sum(width + _GAP for width in numbers)
        # Labels that would take nearly all the width are broken after all: a table for each number reads worse.
        if _width(labels) > min(beside_widest, max(beside_all, room * 2 // 3)):
            words = [max(map(_longest_word, (heading, *column))) for heading, column in self._columns()]
            labels = _narrowed(labels, words[: self.labels], min(beside_widest, max(beside_all, room // 2)))
            if _width(labels) > beside_widest:
                return []
        kept = dict(enumerate(labels))
        tables = [] if numbers else [kept]
        for place, width in enumerate(numbers, start=self.labels):
            if not tables or _width([*tables[-1].values(), width]) > room:
                tables.append(dict(kept))
            tables[-1][place] = width
        return [_widened(table, wanted, room) for table in tables]

    def _columns(self) -> Iterator[tuple[Text, list[Text]]]:
        for place, heading in enumerate(self.headings):
            yield heading, [row[place] for row in self.rows]

    def _drawn(self, widths: Mapping[int, int]) -> Table:
        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, width in widths.items():
            justify: JustifyMethod = "left" if place < self.labels else "right"
            drawn.add_column(self.headings[place], justify=justify, overflow="fold", width=width)
        for row in self.rows:
            drawn.add_row(*(row[place] for place in widths))
        return drawn

    def _listed(self, room: int) -> Table:
        beside = max((_longest_word(cell) for row in self.rows for cell in row), default=0)
        wanted, least = _longest(self.headings), min(max(map(_longest_word, self.headings), default=0), room // 3)
        listed = Table(box=box.SIMPLE, pad_edge=False, show_header=False)
        listed.add_column(overflow="fold", width=max(min(wanted, room - _width([beside]) - _GAP), least))
        listed.add_column(overflow="fold", ratio=1)
        for row in self.rows:
            for heading, cell in zip(self.headings, row, strict=True):
                if cell:
                    listed.add_row(heading, cell)
            listed.add_section()
        return listed


def _width(columns: Collection[int]) -> int:
    """Return how wide a table of columns is drawn."""
    return sum(columns) + _GAP * len(columns) - 1


def _widened(widths: dict[int, int], wanted: Sequence[int], room: int) -> dict[int, int]:
    """Return widths with what room is left given to headings that it makes whole."""
    widened = dict(widths)
    for place, width in widths.items():
        if width < wanted[place] <= width + room - _width(widened.values()):
            widened[place] = wanted[place]
    return widened


def _longest(cells: Iterable[Text]) -> int:
    return max((cell.cell_len for cell in cells), default=0)


def _longest_word(text: Text) -> int:
    return max(map(cell_len, text.plain.split()), default=0)


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths that fit if they can: the widest gives way first, none below its least."""
    narrowed = list(widths)
    while _width(narrowed) > room and narrowed != list(least):
        free = [place for place, width in enumerate(narrowed) if width > least[place]]
        narrowed[max(free, key=lambda place: narrowed[place])] -= 1
    return narrowed


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


class _Recorder(PlainConsole):
    """A console that keeps what is printed on it as parts of a page."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO())
        self.parts: list[Words | PageTable] = []

    @override
    def print(self, *objects: Any, **_: Any) -> None:
        for each in objects:
            self._keep(each)

    def _keep(self, printed: object) -> None:
        page = import_module("marketgame.results.report.page")
        match printed:
            case Group(renderables=[Text() as title, FittedTable() as found]):
                rows: list[list[str]] = []
                for row in found.rows:
                    # What a terminal leaves blank because it stands above already is said in every row, to be sorted.
                    blank = found.labels > 1 and rows and not row[0].plain
                    first = rows[-1][0] if blank else row[0].plain
                    rows.append([first, *(cell.plain for cell in row[1:])])
                headings = [heading.plain for heading in found.headings]
                self.parts.append(page.Table(title.plain, headings, rows, found.labels))
            case Group(renderables=several):
                for each in several:
                    self._keep(each)
            case Text(plain=text):
                self._say(page, text)
            case str(text):
                self._say(page, Text.from_markup(text).plain)
            case _:
                raise TypeError(f"a page has no part for {type(printed).__name__}")

    def _say(self, page: Any, text: str) -> None:
        self.parts.extend(page.Words(line) for line in text.split("\n") if line.strip())


def page_parts(*printed: Callable[[Console], None] | RenderableType | None) -> list[Words | PageTable]:
    """Return what is printed, or what a function prints, as parts of a page: tables, and words; nothing for none."""
    recorder = _Recorder()
    for each in printed:
        if callable(each):
            each(recorder)
        elif each is not None:
            recorder.print(each)
    return recorder.parts


def drawn_bars(table: pd.DataFrame, column: str, title: str) -> Figure:
    """Return a column of a result's table as bars; what draws is loaded when something is drawn."""
    figure: Figure = import_module("marketgame.results.figures.bars").bars(table, column, title)
    return figure


def members_named(names: Sequence[str]) -> str:
    """Return the members of a coalition by name, the first of them where they are many."""
    if len(names) <= MOST_NAMED:
        return coalition_name(names)
    return f"{coalition_name(names[:FIRST_NAMED])} and {len(names) - FIRST_NAMED:,} others"
