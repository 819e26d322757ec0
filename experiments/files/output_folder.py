"""Writing into a folder that a user names, without losing anything that somebody else put there.

Every command that writes goes through here. The manifest of a folder lists what was written with its hashes
(`results.manifests`), and nothing but what it lists, unchanged since, is ever replaced or removed: a folder that holds
anything else is refused, in one line, before anything is computed. A new result is made in a folder of its own inside
the one named, and takes the earlier one's place when it is whole:

1. everything is written to ``.marketgame-partial``, its manifest last;
2. that folder becomes ``.marketgame-complete``, in one step: from here on the new result counts;
3. files of the earlier result that the new one lacks are removed, the new ones are moved to their places, the
   manifest last.

Killed before the second step a command leaves the earlier result as it was; killed after it, whoever reads or writes
the folder next finds the new result whole. Links inside the folder are not followed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, Final, Never

from marketgame.experiments.files.input_file import InputError
from marketgame.results.manifests import (
    FILES,
    MANIFEST,
    PENDING,
    SEAL,
    DamagedFileError,
    checksum,
    manifest_text,
    read_manifest,
)

STAGE: Final = ".marketgame-partial"
# Under this key every manifest of ours has the version of the program that wrote it.
PROGRAM: Final = "marketgame"


class ForeignFileError(InputError):
    """A folder holds what its manifest does not list, or not any more."""


def _nothing(_: Path) -> bool:
    return False


@dataclass(frozen=True)
class Purpose:
    """What a folder is to hold, and how it was named.

    Attributes:
        what: with its article, for messages: "a run".
        option: the option of the command line that named the folder; none where none did.
        spared: says which entries of the folder are looked after by somebody else.
        damaged_too: whether what was changed since it was written is replaced all the same.
        advice: what to do when the folder cannot be written.
        remedy: what to do about a file that was changed since it was written, if anything can be done.
    """

    what: str
    option: str | None = None
    spared: Callable[[Path], bool] = _nothing
    damaged_too: bool = False
    advice: str = "name another folder"
    remedy: str = ""

    def blaming(self, folder: Path) -> str:
        """Return the beginning of a message about a folder."""
        return f"{folder}:" if self.option is None else f"{self.option} is '{folder}', which"


@dataclass(frozen=True)
class Held:
    """What a folder holds, all of it written by an earlier call.

    Attributes:
        manifest: what that call wrote down; none in a new or empty folder.
        files: what it wrote, by path in the folder, without the manifest.
    """

    manifest: Mapping[str, Any] | None
    files: frozenset[str]


def holding(folder: Path, purpose: Purpose) -> Held:
    """Return what a folder holds.

    Raises:
        ForeignFileError: it is no folder, or holds anything that its manifest does not list as it is now.
        InputError: it cannot be read.
    """
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{purpose.blaming(folder)} is not a name in UTF-8; name another folder") from None
    try:
        return _holding(folder, purpose)
    except OSError as error:
        raise InputError(f"{purpose.blaming(folder)} cannot be read: {reason_of(error)}; name another folder") from None


def refuse_other_kinds(folder: Path, purpose: Purpose, kind: str, what: str) -> None:
    """Refuse a folder that holds what a command of another kind wrote.

    Raises:
        InputError: it does, or cannot be read.
    """
    manifest = holding(folder, purpose).manifest
    if manifest is not None and manifest.get("kind") != kind:
        raise InputError(f"{purpose.blaming(folder)} holds something else than {what}; name a new or empty folder")


def _holding(folder: Path, purpose: Purpose) -> Held:
    if not folder.exists() and not folder.is_symlink():
        return Held(None, frozenset())
    if not folder.is_dir():
        raise ForeignFileError(f"{purpose.blaming(folder)} is not a folder; name a folder")
    watch = _Watch(folder, purpose)
    manifests = [watch.own_manifest(home) for home in (folder, folder / PENDING)]
    listed: dict[str, set[str]] = {}
    for manifest in manifests:
        for name, digest in ({} if manifest is None else manifest.get(FILES, {})).items():
            listed.setdefault(name, set()).add(digest)
    found = set()
    for entry in watch.entries(listed):
        name = entry.relative_to(folder).as_posix()
        if name not in listed:
            watch.refuse(name, "which was not written by marketgame")
        if not purpose.damaged_too and checksum(entry) not in listed[name]:
            watch.refuse(name, f"which was changed since it was written{purpose.remedy}")
        found.add(name)
    return Held(manifests[1] or manifests[0], frozenset(found))


@dataclass(frozen=True)
class _Watch:
    """Looks through a folder and refuses what is not ours."""

    folder: Path
    purpose: Purpose

    def entries(self, listed: Collection[str]) -> Iterator[Path]:
        """Yield the files in the folder, at any depth, but for manifests and for results on their way."""
        parents = {str(parent) for name in listed for parent in PurePosixPath(name).parents}
        waiting = [self.folder]
        while waiting:
            home = waiting.pop()
            for entry in sorted(home.iterdir()):
                outermost, name = home == self.folder, entry.relative_to(self.folder).as_posix()
                if outermost and (entry.name == MANIFEST or self.purpose.spared(entry)):
                    continue
                if entry.is_symlink():
                    self.refuse(name, "which is a symbolic link")
                elif outermost and entry.name in {STAGE, PENDING}:
                    if not entry.is_dir() or not _is_ours_to_remove(entry):
                        self.refuse(name, "which was not written by marketgame")
                elif entry.is_dir():
                    if name not in parents:
                        self.refuse(name, "a folder that was not written by marketgame")
                    waiting.append(entry)
                elif not entry.is_file():
                    self.refuse(name, "which is not a file")
                else:
                    yield entry

    def own_manifest(self, home: Path) -> dict[str, Any] | None:
        """Return the manifest that this program wrote in a folder; none if there is none.

        Raises:
            ForeignFileError: there is something else of its name.
        """
        path = home / MANIFEST
        name = path.relative_to(self.folder).as_posix()
        if home != self.folder and not home.is_dir():
            return None
        if path.is_symlink() or (home != self.folder and home.is_symlink()):
            self.refuse(name, "which is a symbolic link")
        if not path.exists():
            return None
        try:
            manifest = read_manifest(path)
        except DamagedFileError as fault:
            if self.purpose.damaged_too and home == self.folder and path.is_file():
                return None
            raise ForeignFileError(f"{fault}; nothing was touched: name a new or empty folder") from None
        if PROGRAM not in manifest or SEAL not in manifest:
            self.refuse(name, "which was not written by this version of marketgame")
        return manifest

    def refuse(self, name: str, why: str) -> Never:
        """Refuse the folder for what it holds."""
        raise ForeignFileError(
            f"{self.purpose.blaming(self.folder)} holds something else than {self.purpose.what}: {name!r}, {why}; "
            "nothing was touched: name a new or empty folder, or move that away"
        )


def _is_ours_to_remove(stage: Path) -> bool:
    """Whether a folder is what a killed process left of a result: it bears our manifest, or holds nothing yet."""
    try:
        manifest = read_manifest(stage / MANIFEST)
    except (DamagedFileError, OSError):
        files = [Path(home) / name for home, _, names in os.walk(stage) for name in names]
        return all(file.name == MANIFEST and not file.lstat().st_size for file in files)
    return PROGRAM in manifest and SEAL in manifest


def beside(folder: Path, purpose: Purpose, fits: Callable[[Held], bool]) -> Path:
    """Return a folder of that name, with a number if need be, that is free or holds what may be replaced."""
    for number in count(1):
        candidate = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        with suppress(ForeignFileError):
            held = holding(candidate, purpose)
            if held.manifest is None or fits(held):
                return candidate
    raise AssertionError("numbers do not end")


@dataclass
class Writing:
    """A result in the making.

    Attributes:
        folder: where it will be.
    """

    folder: Path
    _purpose: Purpose

    @property
    def stage(self) -> Path:
        """The folder to write to, until the result is whole."""
        return self.folder / STAGE

    def place(self, staged: Path) -> Path:
        """Return where a file in the stage will be."""
        return self.folder / staged.relative_to(self.stage)

    def commit(self, manifest: Mapping[str, Any], *, added: bool = False) -> None:
        """Put what the stage holds in the place of the earlier result, or beside it.

        Args:
            manifest: what it is; its files are listed here.
            added: whether the earlier result stays, but for files of the same names.

        Raises:
            ForeignFileError: meanwhile the folder holds something else; then nothing in it is touched.
            OSError: a file cannot be written; then nothing in the folder is touched.
        """
        held = holding(self.folder, self._purpose)
        staged = sorted(path for path in self.stage.rglob("*") if path.is_file() and path != self.stage / MANIFEST)
        files = {path.relative_to(self.stage).as_posix(): checksum(path) for path in staged}
        if added and held.manifest is not None:
            files = {name: held.manifest[FILES][name] for name in sorted(held.files - files.keys())} | files
        for path in staged:
            _to_disk(path)
        write_manifest(self.stage, dict(manifest) | {FILES: files})
        pending = self.folder / PENDING
        self.stage.replace(pending)
        _to_disk(self.folder)
        _move_to_places(self.folder, held.files)
        _make_stage(self.folder)


@contextmanager
def writing(folder: Path, purpose: Purpose) -> Iterator[Writing]:
    """Provide a place to make a result that replaces what an earlier call wrote to a folder.

    Args:
        folder: where the result will be; made if need be, and removed again if nothing comes of it.
        purpose: what it is to hold.

    Raises:
        ForeignFileError: it holds anything that an earlier call did not write.
        InputError: it cannot be written, or another process is writing to it.
    """
    made: list[Path] = []
    lock = None
    try:
        made = _made(folder)
        lock = _locked(folder, purpose)
        finish_interrupted(folder, purpose)
        holding(folder, purpose)
        _make_stage(folder)
        yield Writing(folder, purpose)
    except OSError as error:
        raise InputError(
            f"{purpose.blaming(folder)} cannot be written: {reason_of(error)}; {purpose.advice}"
        ) from error
    finally:
        if lock is not None:
            try:
                _remove_stage(folder)
            finally:
                os.close(lock)
        for home in reversed(made):
            with suppress(OSError):
                home.rmdir()


def finish_interrupted(folder: Path, purpose: Purpose) -> None:
    """Put a result in its place that was whole when the process that wrote it was killed, and remove what never was.

    Raises:
        ForeignFileError: the folder holds anything that was not written by this program.
        OSError: it cannot be written.
    """
    if not any((folder / name).exists() for name in (STAGE, PENDING)):
        return
    held = holding(folder, purpose)
    _remove_stage(folder)
    if (folder / PENDING / MANIFEST).exists():
        _move_to_places(folder, held.files)
    elif (folder / PENDING).exists():
        _remove_folders(folder / PENDING)


def write_manifest(home: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest of a folder in one step.

    Raises:
        OSError: it cannot be written.
    """
    replace_file(home / MANIFEST, manifest_text(manifest))


def replace_file(path: Path, text: str) -> None:
    """Replace a text file in one step; of a link, the link and not what it leads to.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.write_text(text, encoding="utf-8")
        _to_disk(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def reason_of(error: OSError) -> str:
    """Return what an error of the system means; Arrow keeps its number, but wraps it in words of its own."""
    return str(error) if error.errno is None else os.strerror(error.errno)


def _move_to_places(folder: Path, earlier: Collection[str]) -> None:
    """Let a whole result take its place; doing it again after a kill does the rest."""
    pending = folder / PENDING
    wanted = read_manifest(pending / MANIFEST)[FILES]
    for name in sorted(set(earlier) - wanted.keys()):
        (folder / name).unlink()
        for parent in list((folder / name).relative_to(folder).parents)[:-1]:
            with suppress(OSError):
                (folder / parent).rmdir()
    for name in sorted(wanted):
        if (pending / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (pending / name).replace(folder / name)
    (pending / MANIFEST).replace(folder / MANIFEST)
    _remove_folders(pending)
    _to_disk(folder)


def _remove_folders(home: Path) -> None:
    """Remove a folder that holds only folders."""
    for inner, _, _ in sorted(os.walk(home), reverse=True):
        Path(inner).rmdir()


def _make_stage(folder: Path) -> None:
    (folder / STAGE).mkdir()
    # Whoever finds it after a kill knows by this whose it is.
    text = manifest_text({PROGRAM: "partial", "status": "being written"})
    (folder / STAGE / MANIFEST).write_text(text, encoding="utf-8")


def _remove_stage(folder: Path) -> None:
    stage = folder / STAGE
    if stage.is_dir() and not stage.is_symlink() and _is_ours_to_remove(stage):
        shutil.rmtree(stage, ignore_errors=True)


def _made(folder: Path) -> list[Path]:
    """Make a folder and return what had to be made, outermost first."""
    missing = []
    for home in (folder, *folder.parents):
        if home.exists():
            break
        missing.append(home)
    if not folder.is_dir() and folder.exists():
        raise NotADirectoryError(20, "Not a directory")
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _locked(folder: Path, purpose: Purpose) -> int:
    """Keep other processes from writing to a folder, as far as its file system can; closing the lock opens it."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        blamed = purpose.blaming(folder)
        raise InputError(f"{blamed} is being written by another process; wait for it or name another") from None
    except OSError:
        # A file system on a network may know no locks of folders.
        return lock
    return lock


def _to_disk(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
