"""What results depend on: this program's sources that compute, and whatever else a module of the user's own imports.

Sources are read, not run. Modules of Python's own library count by Python's version, installed packages by theirs, and
this program's computing sources by the hash that every sweep has anyway; all others count by their content, whether
they are imported at the top, on first use, or by a name in quotes. What a function reads from files of its own is not
known here.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

import marketgame
from marketgame import registry
from marketgame.experiments.files.provenance import SOURCES
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario

# The sources that results depend on: all of these packages, and what turns files into scenarios.
COMPUTING_SOURCES = ("mechanisms", "agents", "simulation", "experiments/sweep/playing.py")
REGISTRY = Path(str(registry.__file__))
# What the package shows its users; it computes nothing.
FRONT = Path(str(marketgame.__file__))
INPUT_SOURCE = "experiments/sweep/base.py"
MODULE = re.compile(r"marketgame\.(experiments(\.\w+)+)")
NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
# The package around all of this program imports nothing; it names everything, for whoever uses a name.
FACE = __name__.partition(".")[0]
IMPORTERS = frozenset({"import_module", "__import__"})


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
            waiting.extend(_imported_of_ours(file))
    return frozenset(found)


def _imported_of_ours(file: Path) -> list[Path]:
    """Return the modules of this package whose names stand in a source file, those imported on first use included."""
    inside = (found[1] for name in _imported(file.read_bytes(), "") if (found := MODULE.fullmatch(name)))
    modules = (SOURCES / f"{name.replace('.', '/')}.py" for name in set(inside))
    return [module for module in modules if module.is_file()]


def outside_modules(scenarios: Iterable[Scenario]) -> tuple[str, ...]:
    """Return the modules of the behaviours and valuations in scenarios that are not this program's own."""
    kinds: set[type] = set()
    for scenario in scenarios:
        kinds |= {type(assignment.behaviour) for assignment in scenario.assignments}
        if isinstance(scenario, MarketScenario):
            kinds |= {type(kind.valuation) for player in scenario.economy.players for kind in player.types}
    return tuple(sorted({kind.__module__ for kind in kinds if registry.is_outside(kind)}))


def outside_sources(scenario: Scenario) -> Mapping[str, str]:
    """Return what the classes in a scenario that are not this program's own depend on, as `reached_sources` does."""
    modules = outside_modules([scenario])
    return {name: mark for each in modules for name, mark in reached_sources(each, computing_sources()).items()}


def reached_sources(module: str, covered: Collection[Path]) -> Mapping[str, str]:
    """Return what a module depends on, itself included.

    Args:
        module: its name, as it is imported.
        covered: source files that are hashed elsewhere; they and what they import are left out.

    Returns:
        By name, the hash of each source outside of installed packages, and the version of each installed package.
    """
    found: dict[str, str] = {}
    waiting, seen = [module], {FACE}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        top = name.partition(".")[0]
        spec = None if top in sys.stdlib_module_names else _spec(name)
        if spec is None:
            continue
        # Importing a module runs the packages around it first.
        waiting.extend(filter(None, [name.rpartition(".")[0]]))
        file = None if spec.origin is None else Path(spec.origin)
        if file is None or not file.is_file() or file in covered or file == FRONT:
            continue
        if _is_installed(file):
            found[top] = _version(top, file)
            continue
        content = file.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
        if file.suffix == ".py":
            waiting.extend(_imported(content, spec.parent or ""))
    return dict(sorted(found.items()))


def _spec(name: str) -> ModuleSpec | None:
    """Return where a module is, without importing anything; none if there is no such module."""
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    if isinstance(loaded, ModuleSpec):
        return loaded
    parent = name.rpartition(".")[0]
    try:
        if not parent:
            return find_spec(name)
        outer = _spec(parent)
        if outer is None or outer.submodule_search_locations is None:
            return None
        return PathFinder.find_spec(name, list(outer.submodule_search_locations))
    except (ImportError, ValueError):
        return None


def _imported(content: bytes, package: str) -> Iterator[str]:
    """Yield the names that a source may import; some of them are no modules."""
    try:
        nodes = ast.walk(ast.parse(content))
    except (SyntaxError, ValueError, RecursionError):
        return  # whoever runs it will hear of it
    for node in nodes:
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                home = _home(node, package)
                yield home
                yield from (f"{home}.{alias.name}" for alias in node.names if alias.name != "*")
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(text)), *_]
            ):
                if called in IMPORTERS and NAME.fullmatch(text.lstrip(".")):
                    yield f"{package}{text}" if text.startswith(".") else text
            case ast.Constant(value=str(text)) if "." in text and NAME.fullmatch(text):
                yield text


def _home(node: ast.ImportFrom, package: str) -> str:
    """Return the module that names are imported from; each dot in front of it but the first leads one package out."""
    if not node.level:
        return node.module or ""
    outer = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*outer, *filter(None, [node.module])])


@cache
def _installation_folders() -> frozenset[Path]:
    return frozenset(
        Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib", "platstdlib")
    )


def _is_installed(file: Path) -> bool:
    """Whether a file belongs to an installed package; a project installed in place does not."""
    if any(part in {"site-packages", "dist-packages"} for part in file.parts):
        return True
    return any(file.resolve().is_relative_to(folder) for folder in _installation_folders())


@cache
def _version(top: str, file: Path) -> str:
    """Return the version of the package that a module belongs to, or the hash of its file if it has none."""
    try:
        return version(top)
    except PackageNotFoundError:
        names = packages_distributions().get(top, [])
    if names:
        return ", ".join(f"{name} {version(name)}" for name in sorted(set(names)))
    return hashlib.sha256(file.read_bytes()).hexdigest()
