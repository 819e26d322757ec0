"""Compute tables and pictures: ``python -m marketgame.experiments.studies.institutions FOLDER``.

The folder of the documentation is ``docs``.

Stopped, it goes on where it was, unless its code has changed since. The tables are also put on the folder's page
``institutions.md`` where it has one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.files.sources import computing_sources, reached_sources
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.institutions import report, table
from marketgame.experiments.studies.institutions.cartel import cartel_table
from marketgame.experiments.studies.sweep_pages import put_in_page
from marketgame.experiments.sweep.identity import code_digest


def main(folder: Path) -> None:
    """Write tables and pictures into a folder of the documentation's shape."""
    tables, pictures = folder / "tables", folder / "pictures"
    for made in (tables, pictures):
        made.mkdir(parents=True, exist_ok=True)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("institutions", total=None)
        computed = table.compute(
            _checkpoint(),
            on_cell=lambda done, total: progress.update(task, completed=done, total=total),
        )
    replace_file(tables / "institutions.csv", computed.to_csv(index=False))
    report.institution_picture(computed, pictures / "institutions.png")
    cartel = cartel_table()
    replace_file(tables / "carbon-cartel.csv", cartel.to_csv(index=False))
    report.cartel_picture(cartel, pictures / "carbon-cartel.png")
    page = folder / "institutions.md"
    if page.exists():
        text = put_in_page(page.read_text(encoding="utf-8"), "institutions", report.institution_markdown(computed))
        replace_file(page, put_in_page(text, "carbon-cartel", report.cartel_markdown(cartel)))


def _checkpoint() -> Path:
    """Return the file that keeps cells already computed; another one for all other code, whose cells do not count."""
    sources = reached_sources(table.__name__, computing_sources())
    digest = hashlib.sha256(json.dumps([code_digest(), sources]).encode()).hexdigest()[:16]
    DEFAULT_RUNS.mkdir(parents=True, exist_ok=True)
    return DEFAULT_RUNS / f"institutions-{digest}.csv"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
