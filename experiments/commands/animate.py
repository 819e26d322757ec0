"""``marketgame animate``: a saved run as a moving picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from marketgame import results
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.interruption import postponed
from marketgame.experiments.files.output_folder import Purpose, reason_of, writing
from marketgame.experiments.play.running import FIGURES, play, prepare, run_folder
from marketgame.experiments.printing import remark_console
from marketgame.experiments.sweep.folder import is_of_sweep
from marketgame.results.loading import blamed_on_tables
from marketgame.results.names import on_a_line

# What is played and shown where no run is named: a carbon market with a cartel, and cascades of bankruptcies.
SHOWN = "example:annex-b-cartel"
NAME = "animation"


def command(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help=f"A run folder; {SHOWN} is played and shown without it."),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to, as .mp4 or .gif; without it animation.mp4 in the run's own figures folder."
        ),
    ] = None,
    rounds: Annotated[
        str | None, typer.Option(metavar="A:B", help="Show these rounds, both included; either may be left out.")
    ] = None,
    frames_per_second: Annotated[
        float, typer.Option(min=0.1, max=50.0, metavar="N", help="Pictures shown in a second.")
    ] = 2.0,
) -> None:
    """Draw a run as a moving picture: trade round by round, bankruptcies wave by wave."""
    # Matplotlib is loaded where something is drawn.
    from marketgame.results.figures import animation  # noqa: PLC0415

    first, last = _extent(rounds)
    if out is not None:
        _refuse_foreign(out)
    home = _played() if run is None else run
    try:
        loaded = results.load(home)
        with blamed_on_tables(loaded), _shown_progress() as on_picture:
            draw = partial(
                animation.save_film,
                loaded,
                first=first,
                last=last,
                pictures_per_second=frames_per_second,
                on_picture=on_picture,
            )
            if out is not None:
                file = _written(draw, out)
            else:
                kind = "mp4" if animation.can_write_mp4() else "gif"
                with writing(home, Purpose("a run", spared=is_of_sweep)) as folder:
                    (folder.stage / FIGURES).mkdir()
                    staged = draw(folder.stage / FIGURES / f"{NAME}.{kind}")
                    folder.commit(loaded.manifest, added=True)
                    file = folder.place(staged)
    except (FileNotFoundError, ImportError, ValueError) as error:
        raise InputError(str(error)) from None
    if out is None and file.suffix == ".gif":
        remark_console().print("for an MP4, install marketgame with its extra `animation`")
    sys.stdout.write(f"{on_a_line(str(file))}\n")


@contextmanager
def _shown_progress() -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how far the drawing is, from the first picture on: bad input is said in one line."""
    progress = Progress(console=remark_console())
    task = progress.add_task("drawing")

    def on_picture(done: int, of: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=of)

    try:
        yield on_picture
    finally:
        if progress.live.is_started:
            progress.stop()


def _extent(rounds: str | None) -> tuple[int | None, int | None]:
    """Return the first and the last round of ``A:B``.

    Raises:
        InputError: it is not two whole numbers, or nothing, on both sides of a colon.
    """
    if rounds is None:
        return None, None
    first, colon, last = rounds.partition(":")
    if not colon or not all(part == "" or (part.isascii() and part.isdigit()) for part in (first, last)):
        raise InputError(f"--rounds is {rounds!r}; it must be the first round, a colon and the last, such as 0:9")
    return (int(first) if first else None), (int(last) if last else None)


def _refuse_foreign(out: Path) -> None:
    """Refuse a file that cannot be written, or that somebody else wrote.

    Raises:
        InputError: it is neither .mp4 nor .gif, or something else is there.
    """
    from marketgame.results.figures.animation import FilmFormat, is_film  # noqa: PLC0415

    if out.suffix.removeprefix(".") not in set(FilmFormat):
        raise InputError(f"--out is '{out}'; it must end with .mp4 or .gif")
    try:
        if out.is_symlink() or (out.exists() and not (out.is_file() and is_film(out))):
            raise InputError(
                f"--out is '{out}', which marketgame did not write; nothing was touched: name another file, or move it"
            )
    except OSError as error:
        raise InputError(f"--out is '{out}', which cannot be read: {reason_of(error)}; name another file") from None


def _written(draw: partial[Path], out: Path) -> Path:
    try:
        return draw(out)
    except OSError as error:
        raise InputError(f"--out is '{out}', which cannot be written: {reason_of(error)}; name another file") from None


def _played() -> Path:
    """Play the example, which takes a second, and return its folder."""
    ready = prepare(located(SHOWN))
    with postponed(), run_folder(ready, None) as folder:
        return play(ready, folder, lambda _: None, ()).folder
