"""Which package may import which: mechanisms <- agents <- simulation <- experiments, and results imports none."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "mechanisms": set(),
    "agents": {"mechanisms"},
    "simulation": {"mechanisms", "agents"},
    "experiments": {"mechanisms", "agents", "simulation", "results"},
    "results": set(),
}
FOREIGN = {
    "mechanisms": {"mesa", "pandas", "pyarrow", "matplotlib"},
    "agents": {"pandas", "pyarrow", "matplotlib"},
}


def imported_packages(source: str, package: str) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(package if node.level else (node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in {
            "import_module",
            "__import__",
        }:
            found |= {str(name.value).partition(".")[0] for name in node.args if isinstance(name, ast.Constant)}
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_one_way(package: str) -> None:
    forbidden = (set(ALLOWED) - ALLOWED[package] - {package}) | FOREIGN.get(package, set())
    assert modules(package)
    wrong = {
        str(module.relative_to(ROOT)): sorted(imports & forbidden)
        for module in modules(package)
        if (imports := imported_packages(module.read_text(encoding="utf-8"), package)) & forbidden
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "source",
    [
        "import simulation",
        "import os, simulation.run as run",
        "from simulation import run",
        "def f():\n    from simulation.run import simulate",
        "if TYPE_CHECKING:\n    from simulation.run import simulate",
        "importlib.import_module('simulation.run')",
        "import_module('simulation.run')",
        "__import__('simulation')",
    ],
)
def test_an_import_is_found_however_it_is_written(source: str) -> None:
    assert "simulation" in imported_packages(source, "results")


def test_an_import_within_the_package_is_not_taken_for_another() -> None:
    assert imported_packages("from . import simulation", "results") == {"results"}


def modules_loaded_by(statements: str) -> set[str]:
    """Return what a fresh interpreter has loaded after some statements."""
    program = f"{statements}\nimport sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_importing_results_loads_nothing_heavy() -> None:
    heavy = {"pandas", "numpy", "pyarrow", "matplotlib", "networkx"}
    assert not modules_loaded_by("import results") & heavy


def test_every_name_that_results_promises_is_there() -> None:
    loaded = modules_loaded_by("import results\nfor name in results.__all__: assert getattr(results, name)")
    assert "results.figures" in loaded


def test_drawing_leaves_the_global_state_of_matplotlib_alone() -> None:
    assert "matplotlib.pyplot" not in modules_loaded_by("import results.figures")
