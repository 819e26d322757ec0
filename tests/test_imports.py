"""Which package may import which, and which room of a package which other: all arrows point one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.documentation import WRITING, names_after, runnable_pages, statements

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "mechanisms": set(),
    "agents": {"mechanisms"},
    "simulation": {"mechanisms", "agents"},
    "experiments": {"mechanisms", "agents", "simulation", "results"},
    "results": set(),
}
# Of the experiments two are questions of their own: the stress test of institutions, and the claims of both papers.
# Markets to compare with are no variant of the market game, and import nothing but economies: a room of their own.
MOST_ROOMS = {"mechanisms": 13, "simulation": 6, "experiments": 13}
FOREIGN = {
    "mechanisms": {"mesa", "pandas", "pyarrow", "matplotlib"},
    "agents": {"pandas", "pyarrow", "matplotlib"},
}


def imported_modules(source: str, module: str) -> set[str]:
    """Return the full names that a module imports, or imports from, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            found |= {f"{start}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in {
            "import_module",
            "__import__",
        }:
            found |= {str(name.value) for name in node.args if isinstance(name, ast.Constant)}
    return found


def imported_packages(source: str, module: str) -> set[str]:
    """Return the packages that a module imports, ours by their own names."""
    return {name.removeprefix("marketgame.").partition(".")[0] for name in imported_modules(source, module)}


def modules(package: str) -> dict[str, Path]:
    """Return the modules of a package of ours by name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(("marketgame", *parts))] = path
    assert found
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_one_way(package: str) -> None:
    forbidden = (set(ALLOWED) - ALLOWED[package] - {package}) | FOREIGN.get(package, set())
    wrong = {
        name: sorted(imports & forbidden)
        for name, path in modules(package).items()
        if (imports := imported_packages(path.read_text(encoding="utf-8"), name)) & forbidden
    }
    assert wrong == {}


def rooms(package: str) -> dict[str, set[str]]:
    """Return which rooms of a package, files and folders at its top, import which others."""
    inside = f"marketgame.{package}."
    arrows: dict[str, set[str]] = {}
    for name, path in modules(package).items():
        room = name.removeprefix(inside).partition(".")[0]
        imports = imported_modules(path.read_text(encoding="utf-8"), name)
        others = {other.removeprefix(inside).partition(".")[0] for other in imports if other.startswith(inside)}
        if room != "__init__":
            arrows.setdefault(room, set()).update(others - {room})
    return {room: others & set(arrows) for room, others in arrows.items()}


@pytest.mark.parametrize("package", MOST_ROOMS)
def test_a_package_has_few_rooms_and_no_circle_of_imports_among_them(package: str) -> None:
    arrows = rooms(package)
    assert len(arrows) <= MOST_ROOMS[package]
    assert list(TopologicalSorter(arrows).static_order())


def used_names(source: str, module: str) -> set[str]:
    """Return the full names that a module uses when it runs: what it imports, but not for types of functions alone."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and "__all__" not in used:
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in used] or [ast.alias("none")]
    return imported_modules(ast.unparse(tree), module)


def home_of(name: str, ours: dict[str, Path]) -> str | None:
    """Return the module in which something of ours is defined that may be imported from a package that passes it on."""
    if name in ours or f"{name}.__init__" in ours:
        return name
    package, _, last = name.rpartition(".")
    if f"{package}.__init__" in ours:
        passed_on = imported_modules(ours[f"{package}.__init__"].read_text(encoding="utf-8"), f"{package}.__init__")
        return next((home_of(other, ours) for other in passed_on if other.endswith(f".{last}")), package)
    return package if package in ours else None


# The home of a registry, which finds the modules of its members by itself.
REGISTERED = "marketgame.mechanisms.economies.valuations"


def unreached_mathematics() -> set[str]:
    """Return the modules of `mechanisms` that nothing uses but tests, and what no other module uses."""
    ours = {name: path for package in ALLOWED for name, path in modules(package).items()}
    ours |= {"marketgame.registry": ROOT / "marketgame" / "registry.py"}
    mathematics = {name for name in ours if name.startswith("marketgame.mechanisms.") and not name.endswith("__init__")}
    sources = {name: ours[name].read_text(encoding="utf-8") for name in ours if name not in mathematics}
    sources = {name: text for name, text in sources.items() if not name.startswith("marketgame.mechanisms")}
    sources |= {page: "".join(statements(page)) for page in runnable_pages()}
    waiting, reached = list(sources.items()), set[str]()
    while waiting:
        module, source = waiting.pop()
        names = [name for name in used_names(source, module) if name.startswith("marketgame.")]
        if f"{REGISTERED}.FAMILIES" in names:
            # Whatever a module there defines can be named in a file.
            names += [name for name in mathematics if name.startswith(f"{REGISTERED}.")]
        homes = (home_of(name, ours) for name in names)
        for name in {home for home in homes if home is not None and home in mathematics - reached}:
            reached.add(name)
            waiting.append((name, ours[name].read_text(encoding="utf-8")))
    return mathematics - reached


def test_all_mathematics_is_used_by_a_command_a_simulation_or_a_page_that_a_test_runs() -> None:
    assert unreached_mathematics() == set()


@pytest.mark.parametrize("page", sorted(set(runnable_pages()) - set(WRITING)))
def test_every_prompt_in_the_documentation_prints_what_the_page_shows(page: str) -> None:
    assert names_after(page)


@pytest.mark.parametrize(
    "source",
    [
        "import marketgame.simulation",
        "import os, marketgame.simulation.run as run",
        "from marketgame import simulation",
        "from marketgame.simulation import run",
        "def f():\n    from marketgame.simulation.run import simulate",
        "if TYPE_CHECKING:\n    from marketgame.simulation.run import simulate",
        "importlib.import_module('marketgame.simulation.run')",
        "import_module('marketgame.simulation.run')",
        "__import__('marketgame.simulation')",
        "from ..simulation import run",
    ],
)
def test_an_import_is_found_however_it_is_written(source: str) -> None:
    assert "simulation" in imported_packages(source, "marketgame.results.loading")


def test_an_import_within_the_package_is_not_taken_for_another() -> None:
    assert imported_packages("from . import simulation", "marketgame.results.loading") == {"results"}


def modules_loaded_by(statements: str) -> set[str]:
    """Return what a fresh interpreter has loaded after some statements."""
    program = f"{statements}\nimport sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_importing_results_loads_nothing_heavy() -> None:
    heavy = {"pandas", "numpy", "pyarrow", "matplotlib", "networkx"}
    assert not modules_loaded_by("from marketgame import results") & heavy


def test_every_name_that_results_promises_is_there() -> None:
    loaded = modules_loaded_by(
        "from marketgame import results\nfor name in results.__all__: assert getattr(results, name)"
    )
    assert "marketgame.results.figures" in loaded


def test_drawing_leaves_the_global_state_of_matplotlib_alone() -> None:
    assert "matplotlib.pyplot" not in modules_loaded_by("import marketgame.results.figures")
