"""What the files around the packages say agrees: licence, version, how to contribute."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMITTED = [
    ROOT / name
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    if name and (ROOT / name).is_file()
]


def required(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Return what a distribution needs to run, itself included, by name."""
    found, open_ones = {name}, [(name, extras)]
    while open_ones:
        distribution, wanted = open_ones.pop()
        for text in metadata.requires(distribution) or []:
            requirement = Requirement(text)
            asked = (
                any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *wanted))
                if requirement.marker
                else True
            )
            if asked and requirement.name not in found:
                found.add(requirement.name)
                open_ones.append((requirement.name, frozenset(requirement.extras)))
    return found


def test_the_citation_names_version_and_licence_of_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"] == metadata.version("marketgame")
    assert citation["license"] == PROJECT["license"] == "Apache-2.0"
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_nothing_that_users_need_forbids_the_licence() -> None:
    # What training takes is not part of the development environment, and so not there to be asked.
    extras = frozenset(PROJECT["optional-dependencies"]) - {"dev", "training"}
    for name in required("marketgame", extras) - {"marketgame"}:
        about = metadata.metadata(name)
        stated = [about.get("License-Expression", ""), about.get("License", "")[:200], *about.get_all("Classifier", [])]
        licence = " ".join(text for text in stated if text)
        assert re.search(r"Apache|BSD|MIT|PSF|Python Software Foundation|ISC|MPL|matplotlib", licence), name
        assert not re.search(r"GPL|GNU", licence), name


def test_every_version_has_its_entry_among_the_changes() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert PROJECT["version"] in {heading.split(" ")[0] for heading in headings}


def test_hooks_call_the_tools_of_the_environment_and_are_targets_that_exist() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for hook in repository["hooks"]:
        program, argument, *_ = hook["entry"].split()
        assert (ROOT / program).exists() or (program == "make" and argument in targets)


@pytest.mark.parametrize("host", ["py" + "pi.org", "pythonhosted" + ".org", "conda.anaconda" + ".org"])
def test_no_file_names_the_host_of_a_package_registry(host: str) -> None:
    named = [file for file in COMMITTED if host.encode() in file.read_bytes()]
    assert named == []


def test_no_file_holds_what_a_merge_left_undecided() -> None:
    marks = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
    assert [file for file in COMMITTED if marks.search(file.read_bytes())] == []


def test_what_the_makefile_runs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    modules = re.findall(r"/python -m ([\w.]+)", makefile)
    assert len(modules) > 5
    assert [module for module in modules if find_spec(module) is None] == []
    assert [file for file in re.findall(r"experiments/\S+\.toml", makefile) if not (ROOT / file).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert targets == set(phony.split())
    assert targets <= {*re.findall(r"@echo \"make (\w+) ", makefile), "help"}
