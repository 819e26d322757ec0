"""Compute tables and pictures: ``python -m marketgame.experiments.studies.institutions FOLDER [WHAT]``.

The folder of the documentation is ``docs``. Without WHAT both tables are computed, ``institutions`` and
``carbon-cartel``; with it one of the two, or none and only the ``pages`` are written anew from the tables. With
``open`` the institution table that is there stays but for what is open about consistent coalitions and known without a
search, and for what is kept up to any tolerance. Stopped, a table goes on where it was, unless its code has changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import Progress

from marketgame.experiments import ExitCode
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.studies.institutions import cartel, report, table
from marketgame.experiments.studies.published import checkpoint

COMPUTED: dict[str, Callable[..., pd.DataFrame]] = {
    "institutions": table.compute,
    "carbon-cartel": cartel.cartel_table,
}
PAGES, OPEN = "pages", "open"


def main(folder: Path, what: str | None = None) -> None:
    """Write tables, pictures and what pages show of them into a folder of the documentation's shape."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    with Progress(console=Console(stderr=True)) as progress:
        for name, compute in COMPUTED.items():
            if what not in (None, name):
                continue
            computed = compute(checkpoint(name, compute.__module__), on_cell=_told(progress, name))
            replace_file(folder / "tables" / f"{name}.csv", computed.to_csv(index=False))
        if what == OPEN:
            file = folder / "tables" / "institutions.csv"
            published = pd.read_csv(file, keep_default_na=False, float_precision="round_trip")
            kept = checkpoint("institutions-open", table.__name__)
            found = table.with_what_is_known(published, kept, on_cell=_told(progress, OPEN))
            replace_file(file, found.to_csv(index=False))
    report.write_pages(folder)


def _told(progress: Progress, name: str) -> Callable[[int, int], None]:
    """Return what shows how many cells are done."""
    task = progress.add_task(name, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    given, chosen = next(iter(sys.argv[1:]), "docs"), next(iter(sys.argv[2:]), None)
    if chosen not in (None, PAGES, OPEN, *COMPUTED):
        sys.stderr.write(f"error: {chosen} is none of {', '.join((*COMPUTED, PAGES, OPEN))}\n")
        sys.exit(ExitCode.BAD_INPUT)
    main(Path(given), chosen)
