"""Where a run came from: its inputs whole and hashed, its seed, and the software that computed it."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

DISTRIBUTION = "marketgame"
COMPUTING_PACKAGES = (
    *("highspy", "matplotlib", "mesa", "networkx", "numpy", "pandas", "pyarrow", "pydantic", "rich", "scipy"),
    "typer",
)
SOURCES = Path(__file__).resolve().parent.parent


def input_files(paths: Iterable[Path], folder: Path) -> dict[str, dict[str, str]]:
    """Return the text and hash of input files, by their paths relative to a folder."""
    kept = {}
    for path in paths:
        content = path.read_bytes()
        name = Path(os.path.relpath(path, folder)).as_posix()
        kept[name] = {"sha256": hashlib.sha256(content).hexdigest(), "text": content.decode("utf-8")}
    return kept


def software() -> dict[str, object]:
    """Return the versions of this program, of Python and of the packages that compute."""
    return {
        "marketgame": version(DISTRIBUTION),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in COMPUTING_PACKAGES},
        "source_revision": source_revision(),
    }


def source_revision() -> str | None:
    """Return the revision of the sources, ending in ``-dirty`` if changed since; none outside a repository."""
    git = shutil.which("git")
    if git is None or not (SOURCES / ".git").exists():
        return None
    question = [git, "-C", str(SOURCES), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    answer = subprocess.run(question, capture_output=True, text=True, check=False)  # noqa: S603 -- fixed words
    return answer.stdout.strip() or None
