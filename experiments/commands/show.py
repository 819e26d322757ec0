"""``marketgame show``: the figures of a saved run or sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from marketgame import results
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import Purpose, refuse_other_kinds, writing
from marketgame.experiments.files.provenance import command_line, printable, software
from marketgame.experiments.play.running import FIGURES, Figures, draw_figures
from marketgame.experiments.play.summary import print_summary
from marketgame.experiments.printing import FormatOption, answer_console
from marketgame.experiments.sweep.folder import is_of_sweep
from marketgame.experiments.sweep.summary import print_sweep, sweep_summary
from marketgame.results.formats import FigureFormat
from marketgame.results.manifests import MANIFEST
from marketgame.results.names import on_a_line
from marketgame.results.selection import single_run


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run or a sweep.")],
    round_number: Annotated[
        int | None,
        typer.Option("--round", min=0, metavar="N", help="Round to draw; without it the most telling one."),
    ] = None,
    run_number: Annotated[
        int | None, typer.Option("--run", min=0, metavar="N", help="Run of a sweep to draw, instead of the sweep.")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="What to draw of a sweep: a number of its table of runs, or mean_gains."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to; its own figures folder without it.")
    ] = None,
    formats: FormatOption = None,
) -> None:
    """Draw the figures of a saved run or sweep and summarise it."""
    try:
        loaded = results.load(run)
        if "status" not in loaded.manifest:
            raise InputError(f"{MANIFEST} in {run} is damaged: it does not say 'status'")
        of_sweep = "points" in loaded.tables
        _refuse_misplaced(run, round_number, run_number, measure, is_sweep=of_sweep)
        if of_sweep and run_number is not None:
            loaded, of_sweep = single_run(loaded, run_number), False
        files = _drawn(loaded, run, out, Figures.ALL.written_as(formats), round_number, measure)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    if of_sweep:
        print_sweep(sweep_summary(loaded), answer_console())
    else:
        print_summary(loaded, answer_console())
    sys.stdout.writelines(f"{on_a_line(str(file))}\n" for file in files)


def _refuse_misplaced(
    folder: Path, round_number: int | None, run_number: int | None, measure: str | None, *, is_sweep: bool
) -> None:
    """Refuse options that say nothing about what the folder holds."""
    if is_sweep and run_number is None and round_number is not None:
        raise InputError(f"--round is {round_number}, but {folder} holds a sweep; name one of its runs with --run, too")
    if not is_sweep and run_number:
        raise InputError(f"--run is {run_number}, but {folder} holds a single run, which is 0")
    if measure is not None and (not is_sweep or run_number is not None):
        raise InputError(f"--measure is {measure!r}; it is for figures of a sweep, not of a run")


def _drawn(
    loaded: results.Run,
    run: Path,
    out: Path | None,
    formats: Sequence[FigureFormat],
    round_number: int | None,
    measure: str | None,
) -> list[Path]:
    """Draw figures into the folder they are of or into another, and return their files."""
    if out is None:
        with writing(run, Purpose("a run", spared=is_of_sweep)) as folder:
            return draw_figures(loaded, folder, formats, round_number, measure)
    purpose = Purpose(FIGURES, "--out")
    refuse_other_kinds(out, purpose, FIGURES, "figures")
    with writing(out, purpose) as folder:
        drawn = results.save_figures(loaded, folder.stage, formats=formats, round_number=round_number, measure=measure)
        folder.commit({"kind": FIGURES, "run": printable(str(run)), "command": command_line(), **software()})
        return [folder.place(file) for file in drawn]
