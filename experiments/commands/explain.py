"""``marketgame explain``: what may stand in a file, and what stands in the tables and figures of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from marketgame.experiments.commands.explained import json_schema, pages, print_contents, print_explanation
from marketgame.experiments.printing import answer_console, print_json


def _kinds() -> list[str]:
    return list(pages())


def command(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="A kind of input file, `tables` or `figures`; what there is without it.",
            autocompletion=_kinds,
        ),
    ] = None,
    section: Annotated[
        str | None,
        typer.Argument(metavar="SECTION", help="A part of the page, such as `traders` of `scenario`; all without it."),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a kind of input file, for editors, instead.")
    ] = False,
) -> None:
    """Document every field of a kind of input file, every column of the result tables, or every figure."""
    if schema:
        print_json(json_schema(kind))
    elif kind is None:
        print_contents(answer_console())
    else:
        print_explanation(kind, section, answer_console())
