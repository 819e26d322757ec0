"""``marketgame show``: the figures of a saved run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import results
from experiments.input_file import InputError
from experiments.printing import answer_console
from experiments.run_summary import print_summary


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    round_number: Annotated[
        int | None,
        typer.Option("--round", min=0, metavar="N", help="Round to draw; without it the most telling one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to; the run's own figures folder without it.")
    ] = None,
) -> None:
    """Draw the figures of a saved run and summarise it."""
    try:
        loaded = results.load(run)
        files = results.save_figures(loaded, out or run / "figures", round_number=round_number)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    except OSError as error:
        raise InputError(f"{out or run}: cannot be written: {error.strerror}") from None
    print_summary(loaded, answer_console())
    sys.stdout.writelines(f"{file}\n" for file in files)
