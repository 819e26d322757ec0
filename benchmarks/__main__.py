"""Measures every speed the project promises, as ratios in one run: ``python -m benchmarks [NAME...]``."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.measurement import print_table

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


def main(subjects: list[str]) -> None:
    """Measure the named subjects, or all of them, and print one table for each."""
    unknown = [subject for subject in subjects if subject not in SUBJECTS]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]!r}; there are {', '.join(SUBJECTS)}")
    for subject in subjects or SUBJECTS:
        print(f"\n{subject.replace('_', ' ')}")
        print_table(import_module(f"benchmarks.{subject}").measure())


main(sys.argv[1:])
