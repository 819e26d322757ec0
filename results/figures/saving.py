"""The figures that every run gets, and writing them to files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from marketgame.results.figures.blocking import blocking_figures
from marketgame.results.figures.holdings import who_ends_with_what
from marketgame.results.figures.legible import legible
from marketgame.results.figures.network import trade_network
from marketgame.results.figures.quotes import quotes_against_supporting_price
from marketgame.results.figures.side_contracts import side_contract_figures
from marketgame.results.figures.welfare import welfare_over_rounds
from marketgame.results.loading import Run
from marketgame.results.names import file_names
from marketgame.results.selection import telling_round

DOTS_PER_INCH: Final = 300
_COLOURS: Final = 128


class FigureFormat(StrEnum):
    """What a figure is written as."""

    PNG = "png"
    PDF = "pdf"
    SVG = "svg"


def standard_figures(run: Run, round_number: int | None = None, run_number: int = 0) -> dict[str, Figure]:
    """Draw what a run should be looked at with.

    Args:
        run: a loaded run folder.
        round_number: which round the figures of a single round show; by default the one with the most
            bankruptcies, and among these the one that lost most against first best.
        run_number: which run of the folder.

    Returns:
        Figures by file name without ending: ``welfare``; on a market ``trade-network``, ``who-ends-with-what``, and
        ``quotes-...`` for each good but the numeraire; with blocking mediators ``mediator-profits``, and
        ``invitations`` if they invited anybody; with coalition organisers who tried anything ``side-contracts``.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    shown = telling_round(run, run_number) if round_number is None else round_number
    files = file_names(run.goods[:-1])
    run = legible(run)
    figures = {"welfare": welfare_over_rounds(run, run_number)}
    if run.goods:
        figures["trade-network"] = trade_network(run, shown, run_number)
        figures["who-ends-with-what"] = who_ends_with_what(run, shown, run_number)
    for good, name in zip(run.goods[:-1], files, strict=True):
        figures[f"quotes-{name}"] = quotes_against_supporting_price(run, good, run_number)
    return figures | blocking_figures(run, run_number) | side_contract_figures(run, run_number)


def save_figures(
    run: Run,
    folder: str | Path,
    formats: Sequence[FigureFormat] = (FigureFormat.PNG, FigureFormat.PDF),
    round_number: int | None = None,
    run_number: int = 0,
) -> list[Path]:
    """Write the standard figures of a run.

    Args:
        run: a loaded run folder.
        folder: where to; made if it is not there.
        formats: as what.
        round_number: which round the figures of a single round show; by default the most telling one.
        run_number: which run of the folder.

    Returns:
        The files, in the order of the figures.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    figures = standard_figures(run, round_number, run_number)
    return [save_figure(figure, home / f"{name}.{kind}") for name, figure in figures.items() for kind in formats]


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format that the file's ending names; equal figures give equal files.

    A file of that name is replaced, in one step; of a link, the link and not what it leads to.

    Raises:
        ValueError: the ending is not one of png, pdf and svg.
        OSError: the file cannot be written.
    """
    kind, drawn = FigureFormat(path.suffix.removeprefix(".")), io.BytesIO()
    # Text stays text in PDF; names of SVG elements do not change from one writing to the next.
    with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "marketgame", "svg.fonttype": "path"}):
        if kind is FigureFormat.PNG:
            _save_png(figure, drawn)
        else:
            stamp = "CreationDate" if kind is FigureFormat.PDF else "Date"
            figure.savefig(drawn, format=kind.value, metadata={stamp: None})
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.write_bytes(drawn.getvalue())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _save_png(figure: Figure, file: io.BytesIO) -> None:
    """Write a bitmap with a palette, a third the size of one without and no different to the eye."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    with Image.open(drawn) as image:
        # Median cut would merge the colours of small marks, and the colours carry meaning.
        fair = Image.Quantize.MAXCOVERAGE
        flat = image.convert("RGB").quantize(_COLOURS, method=fair, dither=Image.Dither.NONE)
        flat.save(file, format="PNG", optimize=True, dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
