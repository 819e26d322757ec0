"""``marketgame examples``: the files that come with marketgame, listed and copied."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments.files.examples import PREFIX, copy_example, examples
from marketgame.experiments.printing import JsonOption, answer_console, print_json, table
from marketgame.results.names import on_a_line


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The example to copy; all are listed without it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the files that come with marketgame, or copy one with the files it needs to the current folder.

    Wherever a file is asked for, `example:NAME` names one without copying it. No file is overwritten.
    """
    if name is None:
        _list(json=json)
        return
    files = [str(file) for file in copy_example(name.removeprefix(PREFIX), Path())]
    if json:
        print_json({"files": files})
    else:
        sys.stdout.writelines(f"{on_a_line(file)}\n" for file in files)


def _list(*, json: bool) -> None:
    found = [{"kind": each.kind, "name": each.name, "title": each.title} for each in examples()]
    if json:
        print_json({"examples": found})
        return
    rows = [[each["kind"], each["name"], each["title"]] for each in found]
    title = f"Examples; {PREFIX}NAME names one wherever a file is asked for"
    answer_console().print(table(title, ["kind", "name", "what it calls itself"], rows, texts=3))
