"""``marketgame show``: the figures of a saved run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from marketgame import results
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import Purpose, refuse_other_kinds, writing
from marketgame.experiments.files.provenance import command_line, printable, software
from marketgame.experiments.play.running import FIGURES, Figures, draw_figures, save_figures
from marketgame.experiments.play.summary import print_summary
from marketgame.experiments.printing import answer_console
from marketgame.experiments.sweep.folder import is_of_sweep
from marketgame.results.manifests import MANIFEST
from marketgame.results.names import on_a_line


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
        if "status" not in loaded.manifest:
            raise InputError(f"{MANIFEST} in {run} is damaged: it does not say 'status'")
        files = _drawn(loaded, run, out, round_number)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    print_summary(loaded, answer_console())
    sys.stdout.writelines(f"{on_a_line(str(file))}\n" for file in files)


def _drawn(loaded: results.Run, run: Path, out: Path | None, round_number: int | None) -> list[Path]:
    """Draw figures into the run's own folder or into another, and return their files."""
    if out is None:
        with writing(run, Purpose("a run", spared=is_of_sweep)) as folder:
            return draw_figures(loaded, folder, Figures.ALL, round_number)
    purpose = Purpose(FIGURES, "--out")
    refuse_other_kinds(out, purpose, FIGURES, "figures")
    with writing(out, purpose) as folder:
        drawn = save_figures(loaded, folder.stage, Figures.ALL, round_number)
        folder.commit({"kind": FIGURES, "run": printable(str(run)), "command": command_line(), **software()})
        return [folder.place(file) for file in drawn]
