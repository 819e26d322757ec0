"""The manifest of a folder: what wrote it, and which files it wrote, each with the hash of its content.

A manifest is a JSON object in ``manifest.json``. Under ``files`` it lists every file that was written with it, by path
in the folder, and its own hash stands under ``sha256``. What is not as listed is damaged, and is called so by name. A
manifest that lists nothing comes from elsewhere; nothing is known of its files, and nothing is checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = "manifest.json"
FILES: Final = "files"
SEAL: Final = "sha256"
# A result that is whole, on its way to its place in the folder around it; its manifest counts from the beginning.
PENDING: Final = ".marketgame-complete"
# Inputs are kept whole, and a point of a sweep takes twenty bytes.
LARGEST_MANIFEST: Final = 1 << 28
_BYTES_AT_ONCE: Final = 1 << 20


class DamagedFileError(ValueError):
    """A file is not what was written; the message names it."""


def content_of(path: Path, largest: int = LARGEST_MANIFEST) -> bytes:
    """Return the bytes of a regular file; pipes and devices are not waited for.

    Raises:
        DamagedFileError: it is no file, or larger than that.
        OSError: it cannot be read.
    """
    with _opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise DamagedFileError(f"{path} is damaged: it is larger than {largest // 2**20} megabytes")
    return content


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        DamagedFileError: it is no file.
        OSError: it cannot be read.
    """
    total = hashlib.sha256()
    with _opened(path) as descriptor:
        while block := os.read(descriptor, _BYTES_AT_ONCE):
            total.update(block)
    return total.hexdigest()


class _opened:  # noqa: N801 -- used as a function
    """Opens a regular file, and nothing else, for reading."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        # A pipe without a writer must not be waited for.
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.close(self._descriptor)
            raise DamagedFileError(f"{self._path} is damaged: it is not a file")
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with its own hash."""
    rest = {key: value for key, value in document.items() if key != SEAL}
    return rest | {SEAL: _seal(rest)}


def _seal(rest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def manifest_text(document: Mapping[str, Any]) -> str:
    """Return a manifest as the text of its file, with its hash."""
    return json.dumps(sealed(document), indent=2, ensure_ascii=False) + "\n"


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest in a file.

    Raises:
        DamagedFileError: it is not one, or was changed since it was written.
        OSError: it cannot be read.
    """
    try:
        document = json.loads(content_of(path).decode("utf-8"))
        intact = type(document) is not dict or SEAL not in document or document[SEAL] == sealed(document)[SEAL]
    except DamagedFileError:
        raise
    except RecursionError:
        raise DamagedFileError(f"{path.name} in {path.parent} is nested too deeply to be a manifest") from None
    except ValueError as fault:
        raise DamagedFileError(f"{path.name} in {path.parent} is not JSON: {fault}") from None
    if type(document) is not dict:
        kind = type(document).__name__
        raise DamagedFileError(f"{path.name} in {path.parent} holds a {kind}; it must be an object")
    if not intact:
        raise DamagedFileError(f"{path.name} in {path.parent} is damaged: it is not what was written")
    if FILES in document:
        listed = document[FILES]
        if type(listed) is not dict or not all(type(entry) is str for entry in listed.values()):
            raise DamagedFileError(f"{path.name} in {path.parent} is damaged: 'files' must be a table of hashes")
    return document


def place_of(home: Path, name: str) -> Path:
    """Return where a file of a folder stands: on its way there as long as the folder is being replaced."""
    pending = home / PENDING / name
    return pending if pending.exists() else home / name


def check(home: Path, manifest: Mapping[str, Any], name: str) -> None:
    """Check that a file is what a manifest says was written.

    Raises:
        DamagedFileError: it is not.
        FileNotFoundError: it is not there.
        OSError: it cannot be read.
    """
    written = manifest.get(FILES, {}).get(name)
    path = place_of(home, name)
    if written is not None and checksum(path) != written:
        raise DamagedFileError(f"{name} in {home} is damaged: it is not what was written")
