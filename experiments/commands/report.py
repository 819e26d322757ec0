"""``marketgame report``: a run, a sweep or certificates as one page that can be sent to anybody."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketgame import results
from marketgame.experiments.certificate_files import CERTIFICATES
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.files.output_file import refuse_foreign, write_file
from marketgame.experiments.printing import AllowCodeOption, in_progress
from marketgame.results.loading import SWEEP
from marketgame.results.manifests import MANIFEST, DamagedFileError, place_of, read_manifest
from marketgame.results.names import on_a_line

if TYPE_CHECKING:
    from marketgame.results.report.page import Page

ENDING = "-report.html"


def command(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="The folder of a run, of a sweep or of certificates; or a certificate."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; without it beside the folder, FOLDER-report.html."),
    ] = None,
    allow_code: AllowCodeOption = False,
) -> None:
    """Write one HTML page about a run, a sweep or certificates, which opens from disk and needs no network."""
    from marketgame.results.report.page import is_intact, written  # noqa: PLC0415 -- what writes pages is loaded here

    file = _beside(folder) if out is None else out
    option = None if out is None else "--out"
    refuse_foreign(file, is_intact, option)
    try:
        with in_progress("writing the report"):
            page = page_of(folder, InputFiles(allow_code=allow_code))
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    write_file(file, written(page), is_intact, option)
    sys.stdout.write(f"{on_a_line(str(file))}\n")


def _beside(folder: Path) -> Path:
    """Return where the page of a folder goes: beside it, whatever path leads there."""
    home = folder if folder.name and folder.name != ".." else folder.resolve()
    name = home.stem if home.is_file() else home.name
    return home.with_name(f"{name or 'marketgame'}{ENDING}")


def page_of(folder: Path, files: InputFiles) -> Page:
    """Return the page of whatever a folder holds.

    Raises:
        FileNotFoundError: there is no such folder, or nothing in it that a page could be about.
        ValueError: what it holds is damaged, or played no round.
        InputError: a certificate cannot be read.
    """
    # What draws a market is of no use to certificates, and the other way round.
    if folder.is_file() or _kind_of(folder) == CERTIFICATES:
        from marketgame.experiments.certificate_files.report import certificate_page  # noqa: PLC0415

        return certificate_page(folder, files)
    run = results.load(folder)
    if run.manifest.get("kind") == SWEEP:
        for key in ("name", "status", "runs"):
            if key not in run.manifest:
                raise InputError(f"{MANIFEST} in {folder} is damaged: it does not say {key!r}")
        from marketgame.experiments.sweep.report import sweep_page  # noqa: PLC0415

        return sweep_page(run)
    if "status" not in run.manifest:
        raise InputError(f"{MANIFEST} in {folder} is damaged: it does not say 'status'")
    from marketgame.experiments.play.report import run_page  # noqa: PLC0415

    return run_page(run)


def _kind_of(folder: Path) -> object:
    """Return what the manifest of a folder says it holds; nothing where there is none that can be read."""
    path = place_of(folder, MANIFEST)
    try:
        return read_manifest(path).get("kind") if path.is_file() else None
    except (DamagedFileError, OSError):
        # Whoever loads the folder says what is wrong with it.
        return None
