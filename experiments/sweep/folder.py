"""The folder of a sweep: whose it is, what it already holds, and whether that may be gone on with."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from experiments.input_file import InputError
from experiments.sweep.identity import Identity, changes
from experiments.sweep.publishing import stored_schemas
from experiments.sweep.statement import Plan
from experiments.sweep.storage import RUNS, Part, PartStore
from mechanisms.arrays import IntegerArray
from simulation.run import MANIFEST

KIND: Final = "sweep"
LOCK: Final = ".lock"


def is_of_sweep(entry: Path) -> bool:
    """Whether an entry of a sweep's folder is what the sweep itself looks after."""
    return entry.name == LOCK or entry.name.startswith("parts-")


class OnChange(StrEnum):
    """What becomes of results that an earlier design or other code has computed."""

    REFUSE = "refuse"
    """They are left alone and nothing is run."""
    MIX = "mix"
    """Those of runs that are still wanted are kept."""
    RESTART = "restart"
    """They are discarded."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder if need be, and keep other processes from running a sweep in it.

    Raises:
        InputError: another process is running a sweep in it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; name another folder") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{folder}: another process is running a sweep in this folder") from None
        yield


def open_store(plan: Plan, folder: Path, now: Identity, on_change: OnChange) -> PartStore:
    """Return the parts that a sweep has written to its folder so far.

    Args:
        plan: the sweep.
        folder: its folder.
        now: what its results depend on.
        on_change: what to do with results that depend on something else.

    Raises:
        InputError: the folder holds something else than this sweep, or the sweep has changed since.
        OSError: the folder cannot be written.
    """
    held = read_manifest(folder)
    home, schemas = folder / parts_name(now), stored_schemas(plan)
    before: Identity = {} if held is None else held["identity"]
    if held is None or on_change is OnChange.RESTART:
        if held is None:
            _refuse_foreign(folder)
        _discard(folder, keep=None)
        return PartStore(home, schemas)
    changed = changes(before, now)
    if not changed and home.exists():
        _discard_parts(folder, keep=home)
        return PartStore(home, schemas)
    if changed and on_change is OnChange.REFUSE:
        raise InputError(
            f"{folder}: holds a sweep that has changed since ({', '.join(changed)}); name another folder with --out, "
            "keep what still fits with --on-change mix, or begin again with --on-change restart"
        )
    source = _source(folder, folder / parts_name(before))
    return PartStore.copied(home, schemas, source, _renumbering(held, plan) if changed else None)


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


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of the sweep in a folder; none if it holds no sweep."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("kind") == KIND else None


def discard_other_parts(folder: Path, now: Identity) -> None:
    """Remove parts that an earlier identity has left, once the manifest speaks of this one."""
    _discard_parts(folder, keep=folder / parts_name(now))


def _source(folder: Path, home: Path) -> Sequence[Part]:
    """Return the parts that hold what is known: those of the last session, else the sweep's own tables."""
    if home.exists():
        return PartStore(home, {}).parts
    return [Part(0, 0, folder)] if (folder / f"{RUNS}.parquet").exists() else []


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


def _refuse_foreign(folder: Path) -> None:
    if any(entry.name != LOCK and not entry.name.startswith("parts-") for entry in folder.iterdir()):
        raise InputError(f"{folder}: holds something else than a sweep; name a new or empty folder with --out")


def _discard(folder: Path, keep: Path | None) -> None:
    _discard_parts(folder, keep)
    (folder / MANIFEST).unlink(missing_ok=True)
    for table in folder.glob("*.parquet"):
        table.unlink()


def _discard_parts(folder: Path, keep: Path | None) -> None:
    for parts in folder.glob("parts-*"):
        if parts != keep and parts.is_dir():
            shutil.rmtree(parts)
