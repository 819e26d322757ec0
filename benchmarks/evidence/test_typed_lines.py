"""Every line that the README or a page shows to be typed is typed, page by page, in a folder of its own.

The tests of every day parse all of these lines, run those that answer at once, and follow docs/extending.md as a whole.
Here the rest is run as well. What is not run has its reason.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import ROOT, files, typed

SECONDS = 1200
# Commands whose answer may be no.
CHECKS = {"certify", "block", "replay", "claims", "stress"}
# What a line begins with, or what is in it, and why it is not typed here.
LEFT_OUT = {
    "make ": "builds an environment, which continuous integration does",
    "source ": "changes the shell that it is typed in",
    "python -m pip ": "installs into the environment, which tests/test_distribution.py does in one of its own",
    "python -m benchmarks ": "is `make bench`",
    "python -m marketgame.experiments.studies.": "is `make tables`: an hour, and it writes the pages",
    "dask ": "serves until it is stopped; benchmarks/evidence/test_sweep_cluster.py has a cluster",
    "--cluster ": "needs the cluster of whoever reads the page",
}
# Pages whose lines need modules that they show, and who follows them.
FOLLOWED = {"extending.md": "tests/test_extending.py"}
SHOWING = sorted({page for page, _ in typed()})


def left_out(line: str) -> str | None:
    """Return why a line is not typed here, or None."""
    return next(
        (reason for part, reason in LEFT_OUT.items() if line.startswith(part) or (part in line and part[0] == "-")),
        None,
    )


@pytest.mark.parametrize("page", SHOWING)
def test_what_a_page_shows_to_be_typed_does_what_it_should(page: str, tmp_path: Path) -> None:
    if page in FOLLOWED:
        pytest.skip(f"followed by {FOLLOWED[page]}")
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    for name, text in files(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    variables = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "120",
    }
    for line in [line for each, line in typed() if each == page and left_out(line) is None]:
        words = shlex.split(line, comments=True)
        answer = subprocess.run(
            words, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        allowed = {0, 1} if words[1] in CHECKS else {0}
        assert answer.returncode in allowed, f"{page}: {line}\n{answer.stderr}"
        assert answer.stdout, f"{page}: {line} prints nothing"


def test_every_reason_is_about_a_line() -> None:
    lines = [line for _, line in typed()]
    assert [part for part in LEFT_OUT if not any(part in f"{line} " for line in lines)] == []
