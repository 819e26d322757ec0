"""The files that are damaged: those that come with the program, and one certificate of every kind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from marketgame.experiments import HOME
from marketgame.experiments.certificate_files.files import save_certificate
from tests.experiments.certificate_files.test_replay import CASES

FOLDERS = ("economies", "games", "contracts", "scenarios", "sweeps", "certificates")
OWN_CASES = Path(__file__).parents[2] / "tests" / "experiments" / "cases"
# What fuzzing of 36 players is spared: every computation on them takes as long as it may.
LARGEST_BYTES = 60_000


@dataclass(frozen=True)
class Sample:
    """A sound file.

    Attributes:
        kind: the folder it stands in, which says what it holds.
        file: where it is.
    """

    kind: str
    file: Path


def gather(home: Path) -> list[Sample]:
    """Copy the files that come with the program to a folder, write certificates beside them, and list them all."""
    for kind in FOLDERS:
        shutil.copytree(HOME / kind, home / kind)
    for name, certify in CASES.items():
        save_certificate(certify(), home / "certificates" / f"{name.replace(' ', '-')}.json")
    found = [Sample(kind, file) for kind in FOLDERS for file in sorted((home / kind).iterdir()) if file.is_file()]
    return [sample for sample in found if sample.file.stat().st_size <= LARGEST_BYTES]
