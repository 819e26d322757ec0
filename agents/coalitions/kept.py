"""Side-contracts found before: in this process, and in others on this machine.

A search takes a second or more and depends on nothing but what is asked: the contract with its economy, the rules, the
coalition, and how hard is looked. So what was found is kept under the hash of all that, with the program's own sources
and the versions of the solver, in memory and in a folder of the user's: ``MARKETGAME_CACHE``, or ``marketgame`` in
``XDG_CACHE_HOME``; nowhere if that variable is empty.

No file is believed. It says what members play and how often, nothing else, and whoever asks checks that as if it had
just been found, by settling every play; what it promises is worked out anew. A file that is damaged, or says what is no
side-contract that improves, is as good as none. That nothing was found could not be checked so: it is remembered by the
process that searched, and never written down.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import BadZipFile

import numpy as np

from marketgame import mechanisms
from marketgame.agents.memory import Memory, content_key
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.deviations.situation import JointAction

FOLDER = "MARKETGAME_CACHE"
SOLVING = ("highspy", "numpy", "scipy")
# What has been found takes no more room than this in memory; a folder with that many files is given no more.
MOST_BYTES = 1 << 24
MOST_FILES = 1000
# What is raised by a file that anybody may have written, on the way to the check and by it.
UNREADABLE = (
    *(OSError, EOFError, BadZipFile, zlib.error, RuntimeError),
    *(ValueError, TypeError, LookupError, ArithmeticError),
)
ACTION = tuple(field.name for field in fields(JointAction))

_found: Memory[str, SideContract | None] = Memory(MOST_BYTES, lambda key, found: len(_written(found) if found else key))

type Lotteries = list[tuple[JointAction, FloatArray]]
"""What members play after all reports that agree: joint actions, a batch, and the probability of each."""


def found_before(
    asked: object, check: Callable[[Lotteries], SideContract | None], search: Callable[[], SideContract | None]
) -> SideContract | None:
    """Return the side-contract that a search finds, or none, from before where the same was asked.

    Args:
        asked: everything that the search depends on.
        check: returns the side-contract that some lotteries make, none if the search would not have taken it; may
            raise a ValueError if they make no sense.
        search: searches.
    """
    key = content_key(asked)
    if key is None:
        return search()
    return _found.answer(key, lambda: _from_folder(key, check, search))


@cache
def _program() -> str:
    """Return a hash of what decides how a search ends beside what is asked."""
    home = Path(str(mechanisms.__file__)).parent
    content = hashlib.sha256("".join(f"{name} {version(name)} " for name in SOLVING).encode())
    for file in sorted(home.rglob("*.py")):
        content.update(file.relative_to(home).as_posix().encode())
        content.update(file.read_bytes())
    return content.hexdigest()


def folder() -> Path | None:
    """Return where side-contracts are kept; none if nowhere."""
    named = os.environ.get(FOLDER)
    if named is not None:
        return Path(named) if named else None
    caches = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(caches) if caches else Path.home() / ".cache") / "marketgame"
    except RuntimeError:  # Nobody's home is known.
        return None


def _from_folder(
    key: str, check: Callable[[Lotteries], SideContract | None], search: Callable[[], SideContract | None]
) -> SideContract | None:
    home = folder()
    if home is None:
        return search()
    file = home / f"side-contract-{hashlib.sha256((key + _program()).encode()).hexdigest()}.npz"
    try:
        found = check(_read(file))
    except UNREADABLE:
        found = None
    if found is not None:
        return found
    found = search()
    if found is None:
        return None
    # A folder that cannot be written keeps nothing.
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Nothing is ever removed to make room: the folder may be somebody else's too.
        if not file.exists() and len(list(home.iterdir())) >= MOST_FILES:
            return found
        with NamedTemporaryFile(dir=home, delete=False) as partial:
            partial.write(_written(found))
        Path(partial.name).replace(file)
    except OSError:
        pass
    return found


def _written(found: SideContract) -> bytes:
    """Return what members of a side-contract play as the content of a file."""
    arrays = {"clauses": np.array([len(found.clauses)])}
    for place, clause in enumerate(found.clauses):
        arrays |= {f"{place} {name}": getattr(clause.actions, name) for name in ACTION}
        arrays[f"{place} probability"] = clause.probability
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def _read(file: Path) -> Lotteries:
    """Return what a file says that members play.

    Raises:
        Exception: one of those in `UNREADABLE`, if it cannot be read or says something else.
    """
    with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
        return [
            (JointAction(*(arrays[f"{place} {name}"] for name in ACTION)), arrays[f"{place} probability"])
            for place in range(int(arrays["clauses"][0]))
        ]
