"""What the results of a sweep depend on, as hashes: two sweeps with the same identity have the same tables."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from os.path import normpath
from pathlib import Path

from marketgame import registry
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.provenance import SOURCES
from marketgame.experiments.sweep.sources import reached_sources
from marketgame.experiments.sweep.statement import Plan

# The sources that results depend on: all of these packages, and what turns files into scenarios.
COMPUTING_SOURCES = ("mechanisms", "agents", "simulation", "experiments/sweep/playing.py")
REGISTRY = Path(str(registry.__file__))
INPUT_SOURCE = "experiments/sweep/base.py"
MODULE = re.compile(r"marketgame\.(experiments(\.\w+)+)")
COMPUTING_PACKAGES = ("highspy", "numpy", "scipy")

type Identity = Mapping[str, Mapping[str, str]]


def identity(plan: Plan, simulate: Callable[..., object]) -> Identity:
    """Return what the results of a sweep depend on.

    Args:
        plan: the sweep.
        simulate: the function that plays a scenario.

    Returns:
        Hashes and versions by what they are of: ``design``, ``code`` and ``software``.
    """
    sweep = plan.sweep
    settings = [hashlib.sha256(plan.inputs[file]).hexdigest() for file in setting_files(plan)]
    points = [json.dumps(point.content, sort_keys=True) for point in plan.points]
    return {
        "design": {
            "points": _digest(points),
            "economies and games": _digest(settings),
            "seeds": _digest([sweep.seeds, plan.first_seed]),
            "tables": _digest(list(sweep.tables)),
        },
        "code": {"sources": code_digest(), "simulate": function_digest(simulate)},
        "software": {"python": platform.python_version()} | {name: version(name) for name in COMPUTING_PACKAGES},
    }


def changes(before: Identity, now: Identity) -> list[str]:
    """Return in words what is not the same: ``design: points``."""
    return [
        f"{group}: {name}"
        for group, entries in now.items()
        for name, digest in entries.items()
        if before.get(group, {}).get(name) != digest
    ]


@cache
def code_digest() -> str:
    """Return a hash of the sources that results depend on."""
    return _file_digest(sorted(computing_sources()))


@cache
def computing_sources() -> frozenset[Path]:
    """Return the sources of this program that results depend on."""
    folders = (SOURCES / name for name in COMPUTING_SOURCES)
    files = [file for place in folders for file in ([place] if place.is_file() else place.rglob("*.py"))]
    return frozenset({*files, REGISTRY, *input_sources()})


def input_sources() -> frozenset[Path]:
    """Return the sources that turn files into scenarios: one module, what it imports, what that imports, and so on."""
    found: set[Path] = set()
    waiting = [SOURCES / INPUT_SOURCE]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported(file))
    return frozenset(found)


def _imported(file: Path) -> list[Path]:
    """Return the modules of this package whose names stand in a source file, those imported on first use included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                names.update((module, *(f"{module}.{alias.name}" for alias in node.names)))
            case ast.Constant(value=str(text)):
                names.add(text)
    inside = (found[1] for name in names if (found := MODULE.fullmatch(name)))
    modules = (SOURCES / f"{name.replace('.', '/')}.py" for name in inside)
    return [module for module in modules if module.is_file()]


def function_digest(function: Callable[..., object]) -> str:
    """Return a hash of the name of a function and of all that its module imports, directly or not.

    Raises:
        InputError: another process could not import the function by its name.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    file = inspect.getsourcefile(function)
    if "<" in name or function.__module__ == "__main__" or file is None:
        raise InputError(f"{name} must be a function at the top level of a module, so that other processes find it")
    return _digest([name, reached_sources(function.__module__, computing_sources())])


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
