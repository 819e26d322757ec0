"""``marketgame export``: the tables of a run or a sweep for a spreadsheet, or an economy with all players listed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from marketgame import results
from marketgame.experiments.files.economy_file import listed_text
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import Purpose, refuse_other_kinds, writing
from marketgame.experiments.files.provenance import command_line, printable, software
from marketgame.results.names import on_a_line
from marketgame.results.spreadsheets import write_csv, write_workbook

EXPORT = "export"


def command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a run or of a sweep; with --toml an economy's file.")
    ],
    *,
    csv: Annotated[bool, typer.Option("--csv", help="Write a CSV file for each table.")] = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Write a workbook with a sheet for each table.")] = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Write an economy that is drawn with all its players listed.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to; without it beside the run, as RUN-export.")
    ] = None,
) -> None:
    """Write every table with its units as CSV files or a workbook; or an economy with all its players listed."""
    if not (csv or xlsx or toml):
        raise InputError("nothing is asked for; name --csv, --xlsx or both, or --toml for an economy")
    if toml and (csv or xlsx):
        raise InputError("--toml writes the file of an economy; it has no tables for --csv or --xlsx")
    folder = run.with_name(f"{run.stem if toml else run.name}-{EXPORT}") if out is None else out
    purpose = Purpose("an export", None if out is None else "--out")
    try:
        loaded = None if toml else results.load(run)
        refuse_other_kinds(folder, purpose, EXPORT, "an export")
        with writing(folder, purpose) as place:
            if loaded is None:
                files = [place.stage / f"{run.stem}.toml"]
                files[0].write_text(listed_text(run), encoding="utf-8")
            else:
                files = (write_csv(loaded, place.stage) if csv else []) + (
                    write_workbook(loaded, place.stage) if xlsx else []
                )
            place.commit({"kind": EXPORT, "run": printable(str(run)), "command": command_line(), **software()})
    except (FileNotFoundError, ImportError, ValueError) as error:
        raise InputError(str(error)) from None
    sys.stdout.writelines(f"{on_a_line(str(place.place(file)))}\n" for file in files)
