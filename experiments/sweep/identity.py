"""What the results of a sweep depend on, as hashes: two sweeps with the same identity have the same tables."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from os.path import normpath
from pathlib import Path

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.provenance import SOURCES, computing_version
from marketgame.experiments.files.sources import computing_sources, outside_modules, reached_sources
from marketgame.experiments.sweep.statement import Plan

COMPUTING_PACKAGES = ("highspy", "numpy", "scipy")

type Identity = Mapping[str, Mapping[str, str]]


def identity(plan: Plan, simulate: Callable[..., object]) -> Identity:
    """Return hashes and versions of what the results of a sweep depend on: ``design``, ``code`` and ``software``."""
    sweep = plan.sweep
    settings = [hashlib.sha256(plan.inputs[file]).hexdigest() for file in setting_files(plan)]
    points = [json.dumps(point.content, sort_keys=True) for point in plan.points]
    modules = outside_modules(point.scenario for point in plan.points)
    code = {"sources": code_digest(), "simulate": function_digest(simulate, modules)}
    if modules:
        code["classes of others"] = _digest([reached_sources(module, computing_sources()) for module in modules])
    return {
        "design": {
            "points": _digest(points),
            "economies and games": _digest(settings),
            "seeds": _digest([sweep.seeds, plan.first_seed]),
            "tables": _digest(list(sweep.tables)),
        },
        "code": code,
        "software": computing_software(),
    }


def changes(before: Identity, now: Identity) -> list[str]:
    """Return in words what is not the same: ``design: points``."""
    return [
        f"{group}: {name}"
        for group, entries in now.items()
        for name, digest in entries.items()
        if before.get(group, {}).get(name) != digest
    ]


def computing_software() -> dict[str, str]:
    """Return the versions of what computes, by name."""
    return {"python": platform.python_version()} | {name: computing_version(name) for name in COMPUTING_PACKAGES}


@cache
def code_digest() -> str:
    """Return a hash of the sources that results depend on."""
    return _file_digest(sorted(computing_sources()))


def function_digest(function: Callable[..., object], modules: Sequence[str] = ()) -> str:
    """Return a hash of the name of a function and of all that its module imports, directly or not.

    Raises:
        InputError: another process could not import the function by its name.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    file = inspect.getsourcefile(function)
    if "<" in name or function.__module__ == "__main__" or file is None:
        raise InputError(f"{name} must be a function at the top level of a module, so that other processes find it")
    reached = [reached_sources(module, computing_sources()) for module in (function.__module__, *modules)]
    return _digest([name, *reached])


def setting_files(plan: Plan) -> tuple[Path, ...]:
    """Return the files of the economies or games of a sweep, in the order of its points, as its inputs name them."""
    files = (plan.base.setting_file(point.content) for point in plan.points)
    return tuple(dict.fromkeys(Path(normpath(file.absolute())) for file in files))


def _file_digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(SOURCES).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
