"""``marketgame report``: a run, a sweep or certificates as one page that can be sent to anybody."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketgame import results
from marketgame.experiments.certificate_files import CERTIFICATES
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.files.output_file import refuse_foreign, write_file
from marketgame.experiments.printing import AllowCodeOption, JsonOption, in_progress, print_json
from marketgame.results.loading import SWEEP, Run, blamed_on_tables
from marketgame.results.manifests import MANIFEST, DamagedFileError, place_of, read_manifest
from marketgame.results.names import on_a_line

if TYPE_CHECKING:
    from marketgame.results.report.page import Page, Part

ENDING = "-report.html"
# What the manifest of a stress test says it is; the room itself is loaded when there is one.
STRESS = "stress"


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Attributes:
        file: where it is.
        page: what it consists of.
        size: of the file, bytes.
    """

    file: Path
    page: Page
    size: int

    @property
    def document(self) -> dict[str, Any]:
        """It as the JSON document of the command."""
        sections = [each for each in self.page.sections if each.parts]
        return {
            "file": str(self.file),
            "bytes": self.size,
            "kind": self.page.kind,
            "title": self.page.title,
            "subtitle": self.page.subtitle,
            "figures": [{"figure": figure, "meaning": meaning} for figure, meaning in self.page.figures],
            "sections": [
                {"name": each.name, "heading": each.heading, "parts": [part.kind for part in each.parts]}
                for each in sections
            ],
        }

    def __str__(self) -> str:
        return on_a_line(str(self.file))

    def _repr_html_(self) -> str:
        headings = "".join(f"<li>{escape(each.heading)}</li>" for each in self.page.sections if each.parts)
        return (
            f"<p><b>{escape(on_a_line(self.page.title))}</b><br>{escape(on_a_line(self.page.subtitle))}<br>"
            f"<code>{escape(str(self))}</code>, {self.size:,} bytes</p><ul>{headings}</ul>"
        )


def command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="The folder of a run, a sweep, a stress test or certificates; or a certificate."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; without it beside the folder, FOLDER-report.html."),
    ] = None,
    *,
    exploitability: Annotated[
        bool,
        typer.Option(
            "--exploitability", help="Of learners also say what the best reply to them gains; this takes long."
        ),
    ] = False,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Write one HTML page about a run, sweep, stress test or certificates, which opens from disk without a network."""
    with in_progress("writing the report"):
        made = report(folder, out, exploitability=exploitability, allow_code=allow_code)
    if json:
        print_json(made.document)
    else:
        sys.stdout.write(f"{made}\n")


def report(
    source: Run | str | Path,
    out: str | Path | None = None,
    *,
    exploitability: bool = False,
    allow_code: bool = False,
) -> Report:
    """Write one HTML page about a run, sweep, stress test or certificates, which opens from disk without a network.

    Args:
        source: the folder of a run, of a sweep or of certificates, a certificate, or a run or sweep that was loaded.
        out: the file to write; without it beside the folder, its name with "-report.html" behind.
        exploitability: of learners also say what the best reply to them gains, which takes long.
        allow_code: whether input files may name code of anybody's.

    Raises:
        InputError: there is no such folder, what it holds is damaged, or somebody else wrote the file.
    """
    from marketgame.results.report.page import is_intact, written  # noqa: PLC0415 -- what writes pages is loaded here

    folder = source.folder if isinstance(source, Run) else Path(source)
    file = _beside(folder) if out is None else Path(out)
    option = None if out is None else "--out"
    refuse_foreign(file, is_intact, option)
    try:
        page = page_of(folder, InputFiles(allow_code=allow_code), exploitability=exploitability)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    text = written(page)
    write_file(file, text, is_intact, option)
    return Report(file, page, len(text.encode()))


def _beside(folder: Path) -> Path:
    """Return where the page of a folder goes: beside it, whatever path leads there."""
    home = folder if folder.name and folder.name != ".." else folder.resolve()
    name = home.stem if home.is_file() else home.name
    return home.with_name(f"{name or 'marketgame'}{ENDING}")


def page_of(folder: Path, files: InputFiles, *, exploitability: bool = False) -> Page:
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
    if _kind_of(folder) == STRESS:
        from marketgame.experiments.stress.report import stress_page  # noqa: PLC0415

        return stress_page(folder, files)
    run = results.load(folder)
    of_sweep = run.manifest.get("kind") == SWEEP
    for key in ("name", "status", "runs") if of_sweep else ("status",):
        if key not in run.manifest:
            raise InputError(f"{MANIFEST} in {folder} is damaged: it does not say {key!r}")
    with blamed_on_tables(run):
        learned: list[Part] = []
        if of_sweep or ("stances" in run.tables and not run.stances.empty):
            from marketgame.experiments.sweep.report import learned_parts, sweep_page  # noqa: PLC0415

            learned = learned_parts(run, exploitability=exploitability, allow_code=files.allow_code)
            if of_sweep:
                return sweep_page(run, learned)
        from marketgame.experiments.play.report import run_page  # noqa: PLC0415

        return run_page(run, learned)


def _kind_of(folder: Path) -> object:
    """Return what the manifest of a folder says it holds; nothing where there is none that can be read."""
    path = place_of(folder, MANIFEST)
    try:
        return read_manifest(path).get("kind") if path.is_file() else None
    except (DamagedFileError, OSError):
        # Whoever loads the folder says what is wrong with it.
        return None
