"""What ``marketgame explain`` prints: pages about what is asked for, in sections that can be asked for one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from typing import Any, Union

from pyarrow import types
from pydantic import TypeAdapter
from rich.console import Console, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from marketgame.experiments import HOME
from marketgame.experiments.certificate_files.files import KIND as CERTIFICATE
from marketgame.experiments.commands.kinds import KINDS, InputKind
from marketgame.experiments.files.explanation import FieldNote, TableNote, tables_of
from marketgame.experiments.files.input_file import InputError, one_of
from marketgame.experiments.printing import table
from marketgame.experiments.sweep.tables import SWEEP_TABLES
from marketgame.simulation.recording.columns import Column
from marketgame.simulation.recording.tables import TABLES

# Of JSON Schema, as Pydantic writes it.
DIALECT = "https://json-schema.org/draft/2020-12/schema"
RESULT_TABLES = "tables"
FIGURES = "figures"
CERTIFICATES = InputKind(
    "certificate_files.files",
    "CertificateInput",
    "load_certificate",
    HOME / "certificates" / "three-traders-short-sale.json",
)
# The section with the fields at the top of a file, and the one after all tables.
TOP, EXAMPLE = "file", "example"


@dataclass(frozen=True)
class Section:
    """Part of a page.

    Attributes:
        name: by which it can be asked for; sections about one thing may share it.
        title: what it says.
        parts: what is printed below the title.
    """

    name: str
    title: str
    parts: Sequence[RenderableType]


@dataclass(frozen=True)
class Page:
    """What can be explained.

    Attributes:
        meaning: one line.
        kinds: of files, whose fields are explained; empty for what is no file.
    """

    meaning: str
    kinds: tuple[InputKind, ...] = ()

    def sections(self) -> Iterator[Section]:
        """Yield the sections of the page."""
        for kind in self.kinds:
            yield from _of_file(kind)


class ResultTables(Page):
    """The columns of the tables of a run."""

    def sections(self) -> Iterator[Section]:
        """Yield a section for each table."""
        for schema in (*TABLES.values(), *SWEEP_TABLES):
            rows = [[column.name, _type_name(column), column.unit, column.meaning] for column in schema.columns]
            shown = table(f"{schema.name}: {schema.meaning}", ["column", "type", "unit", "meaning"], rows, texts=4)
            yield Section(schema.name, schema.name, [shown])


class Figures(Page):
    """The figures of a run or a sweep."""

    def sections(self) -> Iterator[Section]:
        """Yield the one section."""
        # Matplotlib is loaded for nothing else that is explained.
        registry = import_module("marketgame.results.figures").FIGURES
        rows = [[each.name, ", ".join(each.tables), each.title] for each in registry.own]
        rows += [
            [name, "", "added by an installed distribution"] for name in registry.names if name not in registry.members
        ]
        title = "Figures that marketgame run and show draw where the tables they need have rows"
        of_sweeps = import_module("marketgame.results.figures").SWEEP_FIGURES
        named = [[each.name, each.title] for each in of_sweeps.own]
        named += [
            [name, "added by an installed distribution"] for name in of_sweeps.names if name not in of_sweeps.members
        ]
        title_of_sweeps = "Figures that marketgame sweep and show draw of sweeps that they suit"
        parts = [
            table(title, ["figure", "tables", "shows"], rows, texts=3),
            table(title_of_sweeps, ["figure", "shows"], named, texts=2),
        ]
        yield Section(FIGURES, FIGURES, parts)


def pages() -> dict[str, Page]:
    """Return everything that can be explained, by the name it is asked for."""
    of_files = {
        kind: Page(_meaning(described), tuple(filter(None, (described, described.other))))
        for kind, described in KINDS.items()
    }
    return of_files | {
        CERTIFICATE: Page("What marketgame certify and block write, and marketgame replay checks.", (CERTIFICATES,)),
        RESULT_TABLES: ResultTables("Every column of the tables of a run or a sweep."),
        FIGURES: Figures("Every figure of a run or a sweep."),
    }


def print_contents(console: Console) -> None:
    """Print what can be explained."""
    rows = [[name, page.meaning] for name, page in pages().items()]
    console.print(table("marketgame explain KIND explains one of these", ["kind", "what it is"], rows, texts=2))


def json_schema(kind: str | None) -> dict[str, Any]:
    """Return the JSON Schema of a kind of input file: what its keys are, what they may be and what they mean.

    Raises:
        InputError: there is no such kind.
    """
    kinds = {name: page.kinds for name, page in pages().items() if page.kinds}
    if kind not in kinds:
        raise InputError(f"KIND is {kind!r}; {one_of(str(kind), list(kinds))}, to have a schema")
    union: Any = Union[tuple(described.model for described in kinds[kind])]  # noqa: UP007 -- built from a list
    return {"$schema": DIALECT, **TypeAdapter(union).json_schema(), "title": kind}


def print_explanation(kind: str, section: str | None, console: Console) -> None:
    """Print every field of a kind of file with an example, every column of the result tables, or every figure.

    Raises:
        InputError: there is no such kind or no such section.
    """
    known = pages()
    if kind not in known:
        raise InputError(f"KIND is {kind!r}; {one_of(kind, list(known))}")
    page = known[kind]
    sections = list(page.sections())
    names = list(dict.fromkeys(each.name for each in sections))
    if section is not None and section not in names:
        raise InputError(f"SECTION is {section!r}; {one_of(section, names)}")
    if page.kinds and section is None:
        console.print(f'Files of [bold]kind = "{kind}"[/bold]. In the names of tables, brackets mark an entry')
        console.print("of a list, and NAME is a name of your choice.")
    if len(names) > 1 and section is None:
        console.print(f"Sections, which marketgame explain {kind} SECTION prints alone: {', '.join(names)}.")
    for each in sections:
        if section in {None, each.name}:
            console.print()
            if len(names) > 1:
                console.rule(Text(each.title, style="bold"), align="left")
            console.print(*each.parts, sep="\n")


def _meaning(kind: InputKind) -> str:
    return next(tables_of(kind.model)).meaning


def _of_file(kind: InputKind) -> Iterator[Section]:
    """Yield a section for the top of a file, one for each table in it, and an example."""
    notes = list(tables_of(kind.model))
    for name, tables in groupby(notes, key=lambda note: _stem(note.path.partition(".")[0]).removesuffix("[]")):
        together = list(tables)
        yield Section(name or TOP, name or TOP, [*_printed(together)])
    example = Syntax(kind.example.read_text(encoding="utf-8"), kind.example.suffix[1:], background_color="default")
    yield Section(EXAMPLE, f"{EXAMPLE}: {kind.example.name}", [example])


def _printed(notes: Sequence[TableNote]) -> Iterator[RenderableType]:
    """Yield tables; of those among which a file chooses, first the fields that all have."""
    for stem, tables in groupby(notes, key=lambda note: _stem(note.path)):
        choices = list(tables)
        common = [each for each in choices[0].fields if all(each in other.fields for other in choices)]
        if len(choices) > 1 and common:
            yield _fields(f"{stem}: what all of the following tables take", common)
        else:
            common = []
        for note in choices:
            title = f"{note.path}: {note.meaning}" if note.path else note.meaning
            yield _fields(title, [each for each in note.fields if each not in common])


def _stem(path: str) -> str:
    """Return the path of a table without the choice that selects it among others."""
    stem, _, choice = path.rpartition(" with ")
    return stem if stem and "." not in choice else path


def _fields(title: str, fields: Sequence[FieldNote]) -> RenderableType:
    columns = ["field", "type", "default", "allowed", "meaning"]
    rows = [[field.name, field.type, field.default, field.allowed, field.meaning] for field in fields]
    return table(title, columns, rows, texts=len(columns))


def _type_name(column: Column[Any]) -> str:
    """Return the Arrow type; dictionary-encoded text is text to whoever reads the table."""
    return "string" if types.is_dictionary(column.type) else str(column.type)
