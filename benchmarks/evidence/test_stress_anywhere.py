"""A stress test on processes, killed at any moment, ends with the table that one process makes undisturbed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PRESETS = ("paper", "no-short-sales", "repaired", "matched-escrow")
ASKED = (
    "one liar",
    "liars together",
    "one player",
    "any coalition",
    "lie and disobey, together",
    "coalitions that leave",
)


def command(folder: Path, workers: int) -> list[str]:
    """Return the words of a call on the three farmers that keeps its answers in a folder."""
    chosen = [word for name in PRESETS for word in ("--preset", name)]
    asked = [word for name in ASKED for word in ("--ask", name)]
    options = ["--workers", str(workers), "--seconds", "2000", "--out", str(folder)]
    return [sys.executable, "-m", "marketgame", "stress", "example:three-farmers", *chosen, *asked, *options]


def table(folder: Path) -> str:
    return (folder / "institutions.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("seconds", [2.5, 4.0, 6.0])
def test_killed_or_not_on_one_process_or_two_the_table_is_the_same_to_the_byte(tmp_path: Path, seconds: float) -> None:
    subprocess.run(command(tmp_path / "alone", 1), check=True, capture_output=True)
    for end in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(
            command(tmp_path / "killed", 2),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds)
        process.send_signal(end)
        process.wait()
    subprocess.run(command(tmp_path / "killed", 2), check=True, capture_output=True)
    assert table(tmp_path / "killed") == table(tmp_path / "alone")
