"""What docstrings show happens, and what they name is there, in every module."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mechanisms", "agents", "simulation", "experiments", "results")


def modules() -> Iterator[str]:
    """Yield the name of every module that is installed."""
    yield "marketgame"
    for package in PACKAGES:
        yield f"marketgame.{package}"
        for found in walk_packages([str(ROOT / package)], f"marketgame.{package}."):
            yield found.name


def examples_of(name: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(import_module(name)) if test.examples]


def test_every_module_is_walked() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    assert len(list(modules())) == len(files) + 1


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings_do_what_they_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for test in examples_of(name):
        failed, _ = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
        assert not failed, test.name


def test_a_wrong_example_is_noticed() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner().run(wrong, out=lambda _: None).failed == 1


REFERENCE = re.compile(r":(?:mod|func|class|meth|attr|data|exc|obj):`~?([\w.]+)`")
# Headings of those columns of a package's table that name what is in it, and the tests of it.
OURS = {"module", "function", "where", "package", "certificate", "recomputed by"}
TESTS = "test"


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield every docstring, with the name of its module."""
    for name in modules():
        tree = ast.parse(Path(str(import_module(name).__file__)).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield name, ast.get_docstring(node) or ""


def is_there(name: str, module: str) -> bool:
    """Say whether a name means a module or something in one, seen from a module."""
    here = import_module(module)
    package = module if hasattr(here, "__path__") else module.rpartition(".")[0]
    if hasattr(here, name) or any(
        name in vars(each) or name in getattr(each, "__annotations__", {}) for each in classes_of(here)
    ):
        return True
    for start in (name, f"{module}.{name}", f"{package}.{name}"):
        parts = start.split(".")
        for cut in range(len(parts), 0, -1):
            if parts[0] != "marketgame":
                break
            found: Any
            try:
                found = import_module(".".join(parts[:cut]))
            except ImportError:
                continue
            for part in parts[cut:]:
                found = getattr(found, part, None)
            return found is not None
    return False


def classes_of(module: ModuleType) -> list[type]:
    return [each for each in vars(module).values() if isinstance(each, type)]


def test_what_docstrings_refer_to_exists() -> None:
    named = [(module, name) for module, text in docstrings() for name in REFERENCE.findall(text)]
    assert len(named) > 50
    assert [f"{module} names {name}" for module, name in named if not is_there(name, module)] == []


def named_in_tables(text: str) -> Iterator[tuple[str, str]]:
    """Yield what the tables of a docstring name, with the heading of the column."""
    headings: list[str] | None = None
    for line in text.splitlines():
        if not line.startswith("|"):
            headings = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if headings is None:
            headings = [cell.lower() for cell in cells]
        for heading, cell in zip(headings, cells, strict=True):
            for name in re.findall(r"(?<!:)`+([\w.]+)`+", cell):
                yield heading, name


@pytest.mark.parametrize("package", [name for name in modules() if hasattr(import_module(name), "__path__")])
def test_the_table_of_a_package_names_what_is_in_it(package: str) -> None:
    tests = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}
    for heading, name in named_in_tables(import_module(package).__doc__ or ""):
        if heading == TESTS:
            assert name in tests, f"{package}: {name}"
        elif heading in OURS:
            assert is_there(name, package) or any(is_there(name, inner) for inner in inside(package)), (
                f"{package}: {name}"
            )


def inside(package: str) -> list[str]:
    """Return the modules of a package, at any depth."""
    return [name for name in modules() if name.startswith(f"{package}.")]


def test_packages_of_the_mathematics_have_tables() -> None:
    rooms = [name for name in modules() if re.fullmatch(r"marketgame\.mechanisms\.\w+", name)]
    packages = [name for name in rooms if hasattr(import_module(name), "__path__")]
    without = [name for name in packages if not list(named_in_tables(import_module(name).__doc__ or ""))]
    assert without == []
