"""Writing figures to files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from marketgame.results.figures.registry import or_warning, standard_figures, sweep_figures
from marketgame.results.figures.style import FONT
from marketgame.results.formats import FigureFormat
from marketgame.results.loading import Run

DOTS_PER_INCH: Final = 300
_COLOURS: Final = 128


def save_figures(
    run: Run,
    folder: str | Path,
    formats: Sequence[FigureFormat] = (FigureFormat.PNG, FigureFormat.PDF),
    round_number: int | None = None,
    run_number: int | None = None,
    measure: str | None = None,
) -> list[Path]:
    """Write the standard figures of a run or a sweep.

    A figure that cannot be drawn or written as an image is left out with a warning.

    Args:
        run: what was loaded.
        folder: where to.
        formats: what each figure is written as.
        round_number: which round the figures of a single round show; the most telling one without it.
        run_number: which run of a sweep is shown, instead of the sweep.
        measure: what of a sweep is shown, a column of numbers of its table of runs; gains over autarky without it.

    Raises:
        ValueError: the folder holds no such run, the run no such round, or the sweep no such measure.
        OSError: a file cannot be written.
    """
    home = Path(folder)
    if "points" in run.tables and run_number is None:
        figures = sweep_figures(run, measure)
    else:
        figures = standard_figures(run, round_number, run_number or 0)
    home.mkdir(parents=True, exist_ok=True)
    files = [
        or_warning(name, partial(save_figure, figure, home / f"{name}.{kind}"))
        for name, figure in figures.items()
        for kind in formats
    ]
    return [file for file in files if file is not None]


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format that the file's ending names; equal figures give equal files.

    A file of that name is replaced, in one step; of a link, the link and not what it leads to.

    Raises:
        ValueError: the ending is not one of png, pdf and svg.
        OSError: the file cannot be written.
    """
    kind, drawn = FigureFormat(path.suffix.removeprefix(".")), io.BytesIO()
    # Text stays text; names of SVG elements do not change from one writing to the next.
    with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "marketgame", "svg.fonttype": "none"}):
        if kind is FigureFormat.PNG:
            _save_png(figure, drawn)
        else:
            stamp = "CreationDate" if kind is FigureFormat.PDF else "Date"
            figure.savefig(drawn, format=kind.value, metadata={stamp: None})
    content = drawn.getvalue()
    if kind is FigureFormat.SVG:
        # Where the font is missing another without serifs is nearest.
        content = content.replace(f"'{FONT}'".encode(), f"'{FONT}', sans-serif".encode())
    with written_whole(path) as partial:
        partial.write_bytes(content)
    return path


def png_of(figure: Figure) -> bytes:
    """Return the bytes of a figure's bitmap; equal figures give equal bytes."""
    drawn = io.BytesIO()
    _save_png(figure, drawn)
    return drawn.getvalue()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Provide a file beside a picture's place that takes it, in one step, only if nothing goes wrong.

    Its name, of a hidden and unfinished picture, is this program's own.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _save_png(figure: Figure, file: io.BytesIO) -> None:
    """Write a bitmap with a palette, a third the size of one without and no different to the eye."""
    before, canvas = figure.dpi, FigureCanvasAgg(figure)
    try:
        figure.set_dpi(DOTS_PER_INCH)
        # Drawn once: what Matplotlib saves it draws twice, encodes, and would have to be decoded.
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        image = Image.frombuffer("RGBA", canvas.get_width_height(), pixels, "raw", "RGBA", 0, 1).convert("RGB")
    finally:
        figure.set_dpi(before)
    # Median cut would merge the colours of small marks, and the colours carry meaning.
    flat = image.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    flat.save(file, format="PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
