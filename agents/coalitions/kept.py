"""Side-contracts found before: in this process, and in others on this machine.

A search takes seconds and depends on nothing but what is asked: the contract with its economy, the rules, the
coalition, and how hard is looked. So what was found is kept under the hash of all that, with the program's own sources
and the versions of the solver, in memory and in a folder of the user's: ``MARKETGAME_CACHE``, or ``marketgame`` in
``XDG_CACHE_HOME``; nowhere if that variable is empty. What a file says is checked by settling every play, so that no
file can make a side-contract of what is none; a file that is damaged or says something else is as good as none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike

from marketgame import mechanisms
from marketgame.agents.memory import Memory
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import Knowledge
from marketgame.mechanisms.collusion.side_contracts.search import flaws_of_side_contract
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause, SideContract
from marketgame.mechanisms.deviations.situation import JointAction

FOLDER = "MARKETGAME_CACHE"
SOLVING = ("highspy", "numpy", "scipy")
# What has been found takes no more room than this in memory, and no more files than that in the folder.
MOST_BYTES = 1 << 24
MOST_FILES = 1000
ACTION = tuple(field.name for field in fields(JointAction))

_found: Memory[str, SideContract | None] = Memory(MOST_BYTES, lambda _, found: len(_written(found)))


def found_before(
    asked: object, knowledge: Callable[[], Knowledge], concept: Concept, search: Callable[[], SideContract | None]
) -> SideContract | None:
    """Return the side-contract that a search finds, or none, from before where the same was asked.

    Args:
        asked: everything that the search depends on.
        knowledge: returns what the coalition knows.
        concept: what members may do against the side-contract.
        search: searches.
    """
    content = hashlib.sha256()
    if not _hashed(asked, content.update):
        return search()
    key = content.hexdigest()
    return _found.answer(key, lambda: _from_folder(key, knowledge, concept, search))


def _hashed(value: object, tell: Callable[[bytes], object]) -> bool:
    """Tell what a value consists of; return whether all of it can be told, as of this program's own classes."""
    tell(f"{type(value).__module__}.{type(value).__qualname__}:".encode())
    match value:
        case np.ndarray():
            tell(f"{value.dtype}{value.shape}".encode())
            tell(value.tobytes())
        case Enum() | None | str() | bytes() | bool() | int() | float():
            tell(repr(value).encode())
        case Mapping():
            return all(_hashed(key, tell) and _hashed(each, tell) for key, each in value.items())
        case tuple() | list():
            tell(str(len(value)).encode())
            return all(_hashed(each, tell) for each in value)
        case _:
            ours = type(value).__module__.startswith("marketgame.")
            if isinstance(value, type) or not is_dataclass(value) or not ours:
                return False
            return all(_hashed(getattr(value, each.name), tell) for each in fields(value))
    return True


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
    key: str, knowledge: Callable[[], Knowledge], concept: Concept, search: Callable[[], SideContract | None]
) -> SideContract | None:
    home = folder()
    if home is None:
        return search()
    file = home / f"side-contract-{hashlib.sha256((key + _program()).encode()).hexdigest()}.npz"
    try:
        return _read(file, knowledge(), concept)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        found = search()
    # A folder that cannot be written keeps nothing.
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=home, delete=False) as partial:
            partial.write(_written(found))
        Path(partial.name).replace(file)
        kept = sorted(home.glob("side-contract-*.npz"), key=lambda each: each.stat().st_mtime)
        for oldest in kept[:-MOST_FILES]:
            oldest.unlink(missing_ok=True)
    except OSError:
        pass
    return found


def _written(found: SideContract | None) -> bytes:
    """Return a side-contract, or none, as the content of a file."""
    arrays: dict[str, ArrayLike] = {"clauses": [0 if found is None else len(found.clauses)]}
    for place, clause in enumerate(() if found is None else found.clauses):
        arrays |= {f"{place} {name}": getattr(clause.actions, name) for name in ACTION}
        arrays |= {f"{place} reports": clause.reports, f"{place} profiles": clause.profiles}
        arrays[f"{place} probability"] = clause.probability
    for name in ("promised", "status_quo"):
        for member, utilities in enumerate(() if found is None else getattr(found, name)):
            arrays[f"{name} {member}"] = utilities
    content = BytesIO()
    np.savez(content, allow_pickle=False, **{name: np.asarray(values) for name, values in arrays.items()})
    return content.getvalue()


def _read(file: Path, knowledge: Knowledge, concept: Concept) -> SideContract | None:
    """Return what a file says.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or what it says is no side-contract that improves; or a KeyError, EOFError or
            BadZipFile.
    """
    with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
        number = int(arrays["clauses"][0])
        if not number:
            return None
        clauses = tuple(
            Clause(
                tuple(arrays[f"{place} reports"].tolist()),
                tuple(arrays[f"{place} profiles"].tolist()),
                JointAction(*(arrays[f"{place} {name}"] for name in ACTION)),
                arrays[f"{place} probability"],
            )
            for place in range(number)
        )
        levels = [
            tuple(arrays[f"{name} {member}"] for member in range(len(knowledge.coalition)))
            for name in ("promised", "status_quo")
        ]
    found = SideContract(knowledge.coalition, concept, knowledge.information, clauses, *levels)
    flaws = flaws_of_side_contract(knowledge, found)
    if flaws:
        raise ValueError(flaws[0])
    return found
