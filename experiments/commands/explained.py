"""What ``marketgame explain`` prints."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from pyarrow import types
from rich.console import Console
from rich.syntax import Syntax

from marketgame.experiments import HOME
from marketgame.experiments.certificate_files.files import KIND as CERTIFICATE
from marketgame.experiments.certificate_files.files import CertificateInput
from marketgame.experiments.commands.kinds import (
    KINDS,
)
from marketgame.experiments.files.explanation import tables_of
from marketgame.experiments.files.input_file import (
    InputError,
    InputModel,
    one_of,
)
from marketgame.experiments.printing import table
from marketgame.experiments.sweep.tables import SWEEP_TABLES
from marketgame.simulation.recording.columns import Column
from marketgame.simulation.recording.tables import TABLES

RESULT_TABLES = "tables"
FIGURES = "figures"
EXAMPLE_CERTIFICATE = HOME / "certificates" / "three-traders-short-sale.json"


def print_explanation(kind: str, console: Console) -> None:
    """Print every field of a kind of file with an example, every column of the result tables, or every figure.

    Raises:
        InputError: there is no such kind.
    """
    if kind == RESULT_TABLES:
        _print_result_tables(console)
    elif kind == FIGURES:
        _print_figures(console)
    elif kind == CERTIFICATE:
        console.print("Files that [bold]marketgame certify[/bold] writes and [bold]marketgame replay[/bold] checks.\n")
        _print_fields(CertificateInput, EXAMPLE_CERTIFICATE, console)
    elif kind in KINDS:
        _print_input_kind(kind, console)
    else:
        raise InputError(f"KIND is {kind!r}; {one_of(kind, [*KINDS, CERTIFICATE, RESULT_TABLES, FIGURES])}")


def _print_input_kind(kind: str, console: Console) -> None:
    console.print(f'Files of [bold]kind = "{kind}"[/bold]. In the names of tables, brackets mark an entry')
    console.print("of a list, and NAME is a name of your choice.\n")
    described = KINDS[kind]
    _print_fields(described.model, described.example, console)
    if described.other is not None:
        _print_fields(described.other.model, described.other.example, console)


def _print_fields(model: type[InputModel], example: Path, console: Console) -> None:
    columns = ["field", "type", "default", "allowed", "meaning"]
    for note in tables_of(model):
        rows = [[field.name, field.type, field.default, field.allowed, field.meaning] for field in note.fields]
        title = f"{note.path}: {note.meaning}" if note.path else note.meaning
        console.print(table(title, columns, rows, texts=len(columns)))
    console.print(f"Example: {example.name}", style="bold")
    console.print(Syntax(example.read_text(encoding="utf-8"), example.suffix[1:], background_color="default"))


def _print_result_tables(console: Console) -> None:
    for schema in (*TABLES.values(), *SWEEP_TABLES):
        rows = [[column.name, _type_name(column), column.unit, column.meaning] for column in schema.columns]
        console.print(table(f"{schema.name}: {schema.meaning}", ["column", "type", "unit", "meaning"], rows, texts=4))


def _print_figures(console: Console) -> None:
    # Matplotlib is loaded for nothing else that is explained.
    registry = import_module("marketgame.results.figures").FIGURES
    rows = [[each.name, ", ".join(each.tables), each.title] for each in registry.own]
    rows += [
        [name, "", "added by an installed distribution"] for name in registry.names if name not in registry.members
    ]
    title = "Figures that marketgame run and show draw where the tables they need have rows"
    console.print(table(title, ["figure", "tables", "shows"], rows, texts=3))


def _type_name(column: Column[Any]) -> str:
    """Return the Arrow type; dictionary-encoded text is text to whoever reads the table."""
    return "string" if types.is_dictionary(column.type) else str(column.type)
