"""The folder of a sweep: whose it is, what it already holds, and whether that may be gone on with.

While a sweep is run its rows go to a folder of parts, named after what its results depend on, with a manifest of its
own. The sweep's own tables and manifest stay those of an earlier sweep until the new ones take their place, whole
(`experiments.files.output_folder`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import (
    PROGRAM,
    ForeignFileError,
    Purpose,
    finish_interrupted,
    holding,
    write_manifest,
)
from marketgame.experiments.sweep.identity import Identity, changes
from marketgame.experiments.sweep.publishing import stored_schemas
from marketgame.experiments.sweep.statement import Plan
from marketgame.experiments.sweep.storage import PARTIAL, RUNS, DamagedResultError, Part, PartStore, remove_parts
from marketgame.mechanisms.arrays import IntegerArray
from marketgame.results.manifests import FILES, MANIFEST, SEAL, DamagedFileError, check, read_manifest

KIND: Final = "sweep"
LOCK: Final = ".lock"
PARTS = re.compile(rf"parts-[0-9a-f]{{16}}({re.escape(PARTIAL)})?")


class OnChange(StrEnum):
    """What becomes of results that an earlier design or other code has computed."""

    REFUSE = "refuse"
    """They are left alone and nothing is run."""
    MIX = "mix"
    """Those of runs that are still wanted are kept."""
    RESTART = "restart"
    """They are discarded."""


def is_of_sweep(entry: Path) -> bool:
    """Whether an entry of a sweep's folder is what the sweep itself looks after: its lock, or its parts."""
    if entry.is_symlink():
        return False
    if entry.name == LOCK:
        return entry.is_file() and not entry.stat().st_size
    return bool(PARTS.fullmatch(entry.name)) and entry.is_dir() and _is_ours(entry)


def _is_ours(parts: Path) -> bool:
    """Whether a folder has the manifest of a sweep's parts, or holds parts that have theirs, or nothing."""
    manifests = [parts / MANIFEST, *parts.glob(f"*/{MANIFEST}")]
    for path in manifests:
        with suppress(DamagedFileError, OSError):
            if PROGRAM in read_manifest(path):
                return True
    return not any(parts.iterdir())


PURPOSE: Final = Purpose(
    "a sweep",
    spared=is_of_sweep,
    advice="what was written before is kept: make room, then run the same sweep again",
)


@contextmanager
def locked(folder: Path, *, replay_damaged: bool) -> Iterator[None]:
    """Make a folder if need be, and keep other processes from running a sweep in it.

    Raises:
        DamagedResultError: its manifest is not what was written.
        ForeignFileError: it holds something else than a sweep.
        InputError: another process is running a sweep in it, or it cannot be made.
    """
    # A folder that is not ours gets no lock; the tables and parts are looked at once it is locked.
    _check_manifest(folder, replay_damaged=replay_damaged)
    holding(folder, replace(PURPOSE, damaged_too=True))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Never through a link, and without emptying what is there.
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; name another folder") from None
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise InputError(
                f"{folder}: holds something else than a sweep: {LOCK!r}, which is not a file; name another"
            )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{folder}: another process is running a sweep in this folder") from None
        yield
    finally:
        os.close(lock)


@dataclass(frozen=True)
class Found:
    """What the folder of a sweep holds.

    Attributes:
        manifest: that of the sweep whose tables are there; none if there are none.
        damaged: whether one of these tables is damaged.
    """

    manifest: Mapping[str, Any] | None
    damaged: bool


def look(folder: Path, *, replay_damaged: bool) -> Found:
    """Return what a folder holds, after finishing what an earlier process was killed over.

    Raises:
        DamagedResultError: a file is not what was written.
        ForeignFileError: the folder holds anything but a sweep.
        OSError: the folder cannot be written.
    """
    lenient = replace(PURPOSE, damaged_too=True)
    _check_manifest(folder, replay_damaged=replay_damaged)
    finish_interrupted(folder, lenient)
    held = holding(folder, lenient).manifest
    if held is None:
        return Found(None, damaged=False)
    if held.get("kind") != KIND:
        raise ForeignFileError(f"{folder}: holds something else than a sweep; name a new or empty folder with --out")
    try:
        _check_shape(folder / MANIFEST, held)
        for name in held[FILES]:
            check(folder, held, name)
    except (DamagedFileError, FileNotFoundError) as fault:
        if not replay_damaged:
            raise DamagedResultError(_named(fault, folder)) from None
        return Found(held if "identity" in held and "sweep" in held else None, damaged=True)
    return Found(held, damaged=False)


def _check_manifest(folder: Path, *, replay_damaged: bool) -> None:
    """Check the manifest of a sweep, if there is one.

    Raises:
        DamagedResultError: it is not what was written, and not to be replaced.
        OSError: it cannot be read.
    """
    path = folder / MANIFEST
    if replay_damaged or path.is_symlink() or not path.exists():
        return
    try:
        manifest = read_manifest(path)
        if manifest.get("kind") == KIND:
            _check_shape(path, manifest)
    except DamagedFileError as fault:
        raise DamagedResultError(fault) from None


def _named(fault: Exception, folder: Path) -> object:
    if isinstance(fault, FileNotFoundError) and fault.filename is not None:
        return f"{Path(fault.filename).name} in {folder} is missing"
    return fault


def _check_shape(path: Path, manifest: Mapping[str, Any]) -> None:
    """Check that a manifest has what a sweep needs to go on from.

    Raises:
        DamagedFileError: it has not.
    """
    shape = ((SEAL, str), (PROGRAM, str), ("identity", dict), ("sweep", dict), (FILES, dict), ("runs", dict))
    for key, kind in (*shape, ("status", str)):
        if not isinstance(manifest.get(key), kind):
            raise DamagedFileError(f"{path.name} in {path.parent} is damaged: it does not say {key!r}")


def open_store(
    plan: Plan,
    folder: Path,
    now: Identity,
    on_change: OnChange,
    found: Found,
    manifest: Mapping[str, Any],
    *,
    replay_damaged: bool,
) -> PartStore:
    """Return the parts that a sweep has written to its folder so far.

    Raises:
        DamagedResultError: a part is not what was written.
        InputError: the folder holds something else than this sweep, or the sweep has changed since.
        OSError: the folder cannot be written.
    """
    home, schemas = folder / parts_name(now), stored_schemas(plan)
    if on_change is OnChange.RESTART:
        _discard_parts(folder, keep=None)
    elif home.exists():
        _check_manifest_of_parts(home, manifest, replay_damaged=replay_damaged)
        return PartStore(home, schemas, drop_damaged=replay_damaged)
    else:
        held, source = _known(folder, found, replay_damaged=replay_damaged)
        changed = [] if held is None else changes(held["identity"], now)
        if changed and on_change is OnChange.REFUSE:
            raise InputError(
                f"{folder}: holds a sweep that has changed since ({', '.join(changed)}); name another folder with "
                "--out, keep what still fits with --on-change mix, or begin again with --on-change restart"
            )
        # Runs that lack a table that is now kept are played again.
        if held is not None and source and all(part.file(name).exists() for part in source for name in schemas):
            renumbered = _renumbering(held, plan) if changed else None
            return PartStore.copied(home, schemas, manifest, source, renumbered)
    return PartStore.copied(home, schemas, manifest, [])


def parts_name(now: Identity) -> str:
    """Return the name of the folder of a sweep's parts; another one for every identity."""
    return f"parts-{identity_digest(now)}"


def identity_digest(now: Identity) -> str:
    """Return a short hash of what the results of a sweep depend on."""
    return hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()[:16]


def point_digests(plan: Plan) -> list[str]:
    """Return a hash of the scenario of every point."""
    contents = (json.dumps(point.content, sort_keys=True) for point in plan.points)
    return [hashlib.sha256(content.encode()).hexdigest()[:16] for content in contents]


def discard_other_parts(folder: Path, now: Identity) -> None:
    """Remove parts that an earlier identity has left."""
    _discard_parts(folder, keep=folder / parts_name(now))


def _known(folder: Path, found: Found, *, replay_damaged: bool) -> tuple[Mapping[str, Any] | None, Sequence[Part]]:
    """Return what is known of other sweeps: the parts of the last session, else the sweep's own tables."""
    begun = []
    for home in _parts_of(folder):
        if home.name.endswith(PARTIAL):
            continue
        try:
            manifest = read_manifest(home / MANIFEST)
            _check_shape(home / MANIFEST, {FILES: {}} | manifest)
        except (DamagedFileError, OSError) as fault:
            if not replay_damaged:
                raise DamagedResultError(_named(fault, home)) from None
            continue
        begun.append((str(manifest.get("started")), home.name, home, manifest))
    if begun:
        _, _, home, manifest = max(begun, key=lambda entry: entry[:2])
        return manifest, PartStore(home, {}, drop_damaged=replay_damaged).parts
    if found.manifest is None or found.damaged or f"{RUNS}.parquet" not in found.manifest[FILES]:
        return found.manifest, []
    return found.manifest, [Part(0, 0, folder)]


def _check_manifest_of_parts(home: Path, manifest: Mapping[str, Any], *, replay_damaged: bool) -> None:
    """Check the manifest of parts that are to be gone on with; their folder's name says whose they are.

    Raises:
        DamagedResultError: it is damaged, and not to be replaced.
    """
    try:
        _check_shape(home / MANIFEST, {FILES: {}} | read_manifest(home / MANIFEST))
    except (DamagedFileError, FileNotFoundError) as fault:
        if not replay_damaged:
            raise DamagedResultError(_named(fault, home)) from None
        write_manifest(home, manifest)


def _renumbering(held: Mapping[str, Any], plan: Plan) -> IntegerArray:
    """Return the new number of every run of an earlier design, -1 for those no longer wanted."""
    before, seeds = held["sweep"], plan.sweep.seeds
    number_of = {digest: number for number, digest in enumerate(point_digests(plan))}
    renumbered = np.full(len(before["points"]) * before["seeds"], -1)
    for old, digest in enumerate(before["points"]):
        point = number_of.get(digest)
        for place in range(before["seeds"]):
            seed = before["first_seed"] + place - plan.first_seed
            if point is not None and 0 <= seed < seeds:
                renumbered[old * before["seeds"] + place] = point * seeds + seed
    return renumbered


def _discard_parts(folder: Path, keep: Path | None) -> None:
    for parts in _parts_of(folder):
        if parts != keep:
            remove_parts(parts)


def _parts_of(folder: Path) -> list[Path]:
    """Return the folders of parts that sweeps have made in a folder."""
    return [entry for entry in sorted(folder.iterdir()) if entry.name != LOCK and is_of_sweep(entry)]
