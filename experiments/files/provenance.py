"""Where a run came from: its inputs whole and hashed, its seed, and the software that computed it."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from marketgame.experiments import CALLED, HOME
from marketgame.experiments.files.examples import PREFIX

DISTRIBUTION = "marketgame"
COMPUTING_PACKAGES = (
    *("highspy", "matplotlib", "mesa", "networkx", "numpy", "pandas", "pyarrow", "pydantic", "rich", "scipy"),
    "typer",
)
SOURCES = HOME.resolve().parent


def input_files(contents: Mapping[Path, bytes], folder: Path) -> dict[str, dict[str, str]]:
    """Return the text and hash of input files, by their paths relative to a folder.

    Examples that files outside of the program name are called so, wherever it is installed.
    """
    kept = {}
    for path, content in contents.items():
        name = Path(os.path.relpath(path, folder)).as_posix()
        if path.is_relative_to(HOME) and not folder.absolute().is_relative_to(HOME):
            name = f"{PREFIX}{path.relative_to(HOME).as_posix()}"
        kept[printable(name)] = {"sha256": hashlib.sha256(content).hexdigest(), "text": content.decode("utf-8")}
    return kept


def command_line() -> list[str] | None:
    """Return how the command was called that is running; none from Python, whose program has words of its own."""
    words = CALLED.get()
    return None if words is None else ["marketgame", *map(printable, words)]


def printable(name: str) -> str:
    """Return a name from the system as text that every file can hold; bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def software() -> dict[str, object]:
    """Return the versions of this program, of Python and of the packages that compute."""
    return {
        "marketgame": computing_version(DISTRIBUTION),
        "python": platform.python_version(),
        "packages": {name: computing_version(name) for name in COMPUTING_PACKAGES},
        "source_revision": source_revision(),
    }


@cache
def computing_version(package: str) -> str:
    """Return the version of a package that computes, read once: a process computes with what it has loaded."""
    return version(package)


@cache
def source_revision() -> str | None:
    """Return the revision of the sources, ending in ``-dirty`` if changed since; none outside a repository.

    Asked once, as a process computes with what it has loaded.
    """
    git = shutil.which("git")
    if git is None or not (SOURCES / ".git").exists():
        return None
    question = [git, "-C", str(SOURCES), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    answer = subprocess.run(question, capture_output=True, text=True, check=False)  # noqa: S603 -- fixed words
    return answer.stdout.strip() or None
