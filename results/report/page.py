"""What a page consists of, and how it is written.

A page has sections, and these have parts: words, facts, tables, maps, pictures, rounds to step through, texts. Whatever
comes from a result is text to the page, never markup: the template escapes it. Tables can be sorted and rounds stepped
through where the reader's browser runs the page's own script; without it everything but the stepping is there.

The last line of a page is its seal, the hash of what stands before it, by which a page is known that may be replaced.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from marketgame.results import palette

_HOME: Final = Path(__file__).parent
_SEAL: Final = re.compile(r"<!-- written by marketgame; sha256 ([0-9a-f]{64}) -->\n")
# What a number in a table begins with, thousands apart.
_NUMBER: Final = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?")


@dataclass(frozen=True)
class Words:
    """A sentence or several; a strong one is a verdict."""

    kind: ClassVar[str] = "words"
    text: str
    strong: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known, name by name."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table that can be sorted.

    Attributes:
        title: what it shows.
        headings: one for each column.
        rows: a text for each column.
        labels: how many columns at the left hold words; of the others those hold numbers of which a cell is one.
        note: what else is to be said of it.
    """

    kind: ClassVar[str] = "table"
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1
    note: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.headings)
        return [place >= self.labels and any(map(self.value, cells)) for place, cells in enumerate(columns)]

    @staticmethod
    def value(text: str) -> str:
        """Return the number that a cell is sorted by; empty where it holds none."""
        found = _NUMBER.match(text)
        return "" if found is None else found.group().replace(",", "")


@dataclass(frozen=True)
class Map:
    """Numbers over two axes, the larger the darker.

    Attributes:
        title: what the numbers are.
        axes: what stands down the side, and along the top.
        down: the values of the first.
        along: the values of the second.
        cells: a number for each of the first and the second as text, and how large it is from 0 to 1; none if unknown.
    """

    kind: ClassVar[str] = "map"
    title: str
    axes: tuple[str, str]
    down: Sequence[str]
    along: Sequence[str]
    cells: Sequence[Sequence[tuple[str, float] | None]]


@dataclass(frozen=True)
class Picture:
    """A figure: what it shows, in words, and its markup, which is ours; its width in print is in inches."""

    kind: ClassVar[str] = "picture"
    name: str
    title: str
    markup: Markup
    width: float


@dataclass(frozen=True)
class Rounds:
    """Rounds that are stepped through; ``data`` is what the page's script draws them from."""

    kind: ClassVar[str] = "rounds"
    title: str
    note: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A text as it stands, such as an input file, unfolded on demand."""

    kind: ClassVar[str] = "text"
    title: str
    content: str


@dataclass(frozen=True)
class Folded:
    """A part that is unfolded on demand, since it is long."""

    kind: ClassVar[str] = "folded"
    title: str
    part: Table


type Part = Words | Facts | Table | Map | Picture | Rounds | Text | Folded


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading."""

    name: str
    heading: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        kind: what it reports on: "run".
        title: what that is called.
        subtitle: what it is, in a line.
        figures: the few numbers that matter most, each with what it is.
        sections: in order; those without parts are left out.
    """

    kind: str
    title: str
    subtitle: str
    sections: Sequence[Section]
    figures: Sequence[tuple[str, str]] = field(default=())


def written(page: Page) -> str:
    """Return a page as the text of its file; equal pages are written alike."""
    sections = [section for section in page.sections if section.parts]
    body = _template().render(page=page, sections=sections, style=_raw("page.css"), script=_raw("page.js"))
    return f"{body}{_seal(body)}"


def is_intact(text: str) -> bool:
    """Whether a text is a page as it was written, and was not changed since."""
    body, newline, last = text.removesuffix("\n").rpartition("\n")
    return bool(newline) and _seal(f"{body}\n") == f"{last}\n"


def _seal(body: str) -> str:
    return f"<!-- written by marketgame; sha256 {hashlib.sha256(body.encode()).hexdigest()} -->\n"


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_HOME),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data"] = _data
    environment.filters["shade"] = _shade
    return environment.get_template("page.html")


def _raw(name: str) -> Markup:
    return Markup((_HOME / name).read_text(encoding="utf-8"))  # noqa: S704 -- a file of ours


def _data(document: Mapping[str, Any]) -> Markup:
    """Return a document as JSON that cannot end the element that holds it, whatever its names are."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _shade(strength: float) -> str:
    """Return the colours of a cell by its size from 0 to 1, light to dark, its text readable on them."""
    low, high = (bytes.fromhex(end[1:]) for end in palette.CELL_ENDS)
    mixed = bytes(round(one + (other - one) * strength) for one, other in zip(low, high, strict=True))
    ground = f"#{mixed.hex()}"
    return f"background:{ground};color:{palette.ink_on(ground)}"
