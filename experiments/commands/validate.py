"""``marketgame validate``: are these input files right?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.command_line import BAD_INPUT
from experiments.input_file import InputError
from experiments.input_kinds import load_input
from experiments.printing import JsonOption, print_json


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Input files of any kind.")],
    json: JsonOption = False,
) -> None:
    """Check input files: say of each what it holds, or what is wrong with it."""
    verdicts = [_verdict(file) for file in files]
    if json:
        print_json({"files": verdicts})
    for verdict in verdicts:
        if not verdict["valid"]:
            sys.stderr.write(f"error: {verdict['error']}\n")
        elif not json:
            sys.stdout.write(f"{verdict['file']}: valid, {verdict['kind']} {verdict['name']!r}\n")
    if not all(verdict["valid"] for verdict in verdicts):
        raise typer.Exit(BAD_INPUT)


def _verdict(file: Path) -> dict[str, Any]:
    try:
        kind, name = load_input(file)
    except InputError as error:
        return {"file": str(file), "valid": False, "kind": None, "name": None, "error": str(error)}
    return {"file": str(file), "valid": True, "kind": kind, "name": name, "error": None}
