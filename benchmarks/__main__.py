"""Measures every speed the project promises, as ratios in one run: ``python -m benchmarks [NAME...] [--page FILE]``.

With ``--page`` what is measured replaces the tables of a page that bear the subjects' names.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from benchmarks.measurement import markdown_table, print_table
from marketgame.experiments.studies.sweep_pages import put_in_page

SUBJECTS = (
    "settlement",
    "efficiency",
    "rounds",
    "replications",
    "runs",
    "linear_programs",
    "blocking",
    "examination",
    "sweeps",
)


def main(arguments: list[str]) -> None:
    """Measure the named subjects, or all of them, and print one table for each."""
    subjects, page = arguments, None
    if "--page" in arguments:
        place = arguments.index("--page")
        subjects, page = arguments[:place] + arguments[place + 2 :], Path(arguments[place + 1])
    unknown = [subject for subject in subjects if subject not in SUBJECTS]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]!r}; there are {', '.join(SUBJECTS)}")
    for subject in subjects or SUBJECTS:
        print(f"\n{subject.replace('_', ' ')}", flush=True)
        measured = list(import_module(f"benchmarks.{subject}").measure())
        print_table(measured)
        if page is not None:
            text = put_in_page(page.read_text(encoding="utf-8"), f"speed-{subject}", markdown_table(measured))
            page.write_text(text, encoding="utf-8")


main(sys.argv[1:])
