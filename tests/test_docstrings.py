"""Examples in docstrings do what they show, in every module there is."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

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
