"""``marketgame validate``: are these input files right?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import report
from marketgame.experiments.commands.kinds import load_input
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.printing import AllowCodeOption, JsonOption, print_json
from marketgame.results.names import LONGEST_NAME, on_a_line


def command(
    files: Annotated[list[Path], typer.Argument(parser=located, metavar="FILE...", help="Input files of any kind.")],
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Check input files: say of each what it holds, or everything that is wrong with it."""
    verdicts = [_verdict(file, allow_code=allow_code) for file in files]
    if json:
        print_json({"files": verdicts})
    for verdict in verdicts:
        if not verdict["valid"]:
            for problem in verdict["errors"]:
                report(problem)
        elif not json:
            name = on_a_line(verdict["name"], LONGEST_NAME)
            sys.stdout.write(f"{on_a_line(verdict['file'])}: valid, {verdict['kind']} '{name}'\n")
    if not all(verdict["valid"] for verdict in verdicts):
        raise typer.Exit(ExitCode.BAD_INPUT)


def _verdict(file: Path, *, allow_code: bool) -> dict[str, Any]:
    try:
        kind, name, _ = load_input(file, InputFiles(allow_code=allow_code))
    except InputError as error:
        kind, name, errors = None, None, error.problems
    else:
        errors = ()
    first = errors[0] if errors else None
    return {"file": str(file), "valid": not errors, "kind": kind, "name": name, "error": first, "errors": [*errors]}
