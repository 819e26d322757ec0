"""Compute tables and pictures: ``python -m experiments.institutions FOLDER`` (``docs`` for the documentation).

The tables are also put on the folder's page ``institutions.md`` where it has one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from experiments.institutions import report, table
from experiments.institutions.cartel import cartel_table
from experiments.sweep_tables import put_in_page


def main(folder: Path) -> None:
    """Write tables and pictures into a folder of the documentation's shape."""
    tables, pictures = folder / "tables", folder / "pictures"
    for made in (tables, pictures):
        made.mkdir(parents=True, exist_ok=True)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("institutions", total=None)
        computed = table.compute(
            tables / "institutions.csv",
            on_cell=lambda done, total: progress.update(task, completed=done, total=total),
        )
    computed.to_csv(tables / "institutions.csv", index=False)
    report.institution_picture(computed, pictures / "institutions.png")
    cartel = cartel_table()
    cartel.to_csv(tables / "carbon-cartel.csv", index=False)
    report.cartel_picture(cartel, pictures / "carbon-cartel.png")
    page = folder / "institutions.md"
    if page.exists():
        text = put_in_page(page.read_text(encoding="utf-8"), "institutions", report.institution_markdown(computed))
        page.write_text(put_in_page(text, "carbon-cartel", report.cartel_markdown(cartel)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
