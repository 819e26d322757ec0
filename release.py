"""Makes a version: ``python -m release`` checks the tree, builds it, tries what was built, and tags it.

The version is said in pyproject.toml alone; the changelog and the citation must agree. What is built is installed in an
empty environment and used from an empty folder, beside modules of somebody else's that are named like packages of ours.
A tag is made last, is never replaced, and nothing is pushed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent
PACKAGES: Final = ("marketgame", "mechanisms", "agents", "simulation", "experiments", "results")
NOT_OURS: Final = "raise ImportError('this module is somebody else\\'s')\n"
# What a new user types first, in an empty folder; each must end with one of these exit codes.
TRIED: Final = (
    ("examples", {0}),
    ("solve example:three-traders", {0}),
    ("run example:tutorial-obedient --rounds 2", {0}),
    ("certify example:three-traders --largest 1 --out certificates", {1}),
    ("stress example:three-traders --preset paper --preset repaired --seconds 30", {0, 1}),
)


class NotReadyError(Exception):
    """The tree, or what was built of it, is no version yet; the message has a line for each reason."""


@dataclass(frozen=True)
class Version:
    """What is to be made.

    Attributes:
        number: such as 0.2.0.
        day: the day that the changelog gives it.
    """

    number: str
    day: date

    @property
    def tag(self) -> str:
        """What the version is called in the history."""
        return f"v{self.number}"


def checked(root: Path) -> Version:
    """Return the version that a tree is, ready to be built.

    Raises:
        NotReadyError: something is missing or disagrees.
    """
    number = str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(
        rf"^## {re.escape(number)} \((\d{{4}}-\d\d-\d\d)\)\n(.*?)(?=^## |\Z)", changes, re.DOTALL | re.MULTILINE
    )
    day, told = ("", "") if heading is None else (heading[1], heading[2].strip())
    reasons = list(_about_number(root, number))
    if _git(root, "status", "--porcelain"):
        reasons.append("the tree has changes that are not committed")
    if not day:
        reasons.append(f"CHANGELOG.md: there is no section '## {number} (YYYY-MM-DD)'")
    elif not told:
        reasons.append(f"CHANGELOG.md: the section {number} says nothing")
    if re.search(r"^## Unreleased\n+(?!## )\S", changes, re.MULTILINE):
        reasons.append("CHANGELOG.md: 'Unreleased' still lists changes; they belong to the version")
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    for key, wanted, where in (("version", number, "pyproject.toml"), ("date-released", day, "CHANGELOG.md")):
        if wanted and str(citation.get(key)) != wanted:
            reasons.append(f"CITATION.cff: {key} is {citation.get(key)}, in {where} it is {wanted}")
    if reasons:
        raise NotReadyError("\n".join(reasons))
    return Version(number, date.fromisoformat(day))


def _about_number(root: Path, number: str) -> Iterator[str]:
    """Yield why a number is none that can be released now."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", number):
        yield f"pyproject.toml: version is {number!r}; a version that is released has three numbers"
    earlier = [tag for tag in _git(root, "tag", "--list", "v*").split() if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    if f"v{number}" in earlier:
        yield f"the tag v{number} is there already, and is not replaced; a new version needs a new number"
    elif later := [tag for tag in earlier if _numbers(tag) > _numbers(number)]:
        yield f"pyproject.toml: version is {number}, but {later[-1]} was released already"


def _numbers(tag: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", tag))


def built(root: Path, version: Version) -> Path:
    """Build source distribution and wheel into the folder ``dist``, and return the wheel.

    Raises:
        NotReadyError: the wheel does not hold what it should.
    """
    _called([sys.executable, "-m", "hatchling", "build", "-d", "dist"], root)
    source, wheel = (root / "dist" / f"marketgame-{version.number}{end}" for end in (".tar.gz", "-py3-none-any.whl"))
    if missing := [file.name for file in (source, wheel) if not file.exists()]:
        raise NotReadyError(f"dist: {' and '.join(missing)} was not built")
    committed = _git(root, "ls-files", *PACKAGES).splitlines()
    with zipfile.ZipFile(wheel) as archive:
        refuse_content({name for name in archive.namelist() if ".dist-info/" not in name}, committed)
    return wheel


def refuse_content(held: set[str], committed: list[str]) -> None:
    """Refuse a wheel that does not hold just what is committed of the packages, examples and cases included.

    Raises:
        NotReadyError: something is missing, or too much.
    """
    wanted = {name if name.startswith("marketgame/") else f"marketgame/{name}" for name in committed}
    reasons = [f"the wheel lacks {name}" for name in sorted(wanted - held)]
    reasons += [f"the wheel holds {name}, which is not committed" for name in sorted(held - wanted)]
    if "marketgame/py.typed" not in held:
        reasons.append("the wheel does not say that it is typed: marketgame/py.typed")
    if reasons:
        raise NotReadyError("\n".join(reasons[:20]))


def tried(wheel: Path, version: Version) -> None:
    """Install a wheel in an empty environment, with what it needs, and use it as a new user would.

    Raises:
        NotReadyError: something does not work there.
    """
    with tempfile.TemporaryDirectory() as home:
        environment, folder = Path(home, "environment"), Path(home, "folder")
        venv.create(environment, with_pip=True)
        (scripts,) = (each for each in (environment / "bin", environment / "Scripts") if each.exists())
        _called([str(scripts / "python"), "-m", "pip", "install", "-qq", str(wheel)], Path(home))
        folder.mkdir()
        for name in ("agents", "results"):
            (folder / f"{name}.py").write_text(NOT_OURS, encoding="utf-8")
        command = str(scripts / "marketgame")
        said = _called([command, "--version"], folder)
        if version.number not in said.split():
            raise NotReadyError(f"marketgame --version says {said.strip()!r}, not {version.number}")
        for line, codes in TRIED:
            print(f"marketgame {line}", flush=True)
            _called([command, *line.split()], folder, codes)
        program = (
            "import json, marketgame, marketgame.agents as ours, marketgame.results;"
            "print(json.dumps([ours.__file__, marketgame.solve('example:three-traders').economy.name]))"
        )
        home_of_agents, name = json.loads(_called([str(scripts / "python"), "-c", program], folder))
        if not Path(home_of_agents).resolve().is_relative_to(environment.resolve()) or name != "three traders":
            raise NotReadyError(f"marketgame.agents was imported from {home_of_agents}")


def tagged(root: Path, version: Version) -> None:
    """Tag what is committed.

    Raises:
        NotReadyError: the tag is there already.
    """
    _called(["git", "tag", "--annotate", version.tag, "--message", f"marketgame {version.number}"], root)


def _git(root: Path, *words: str) -> str:
    return _called(["git", *words], root)


def _called(words: list[str], folder: Path, codes: set[int] | None = None) -> str:
    # What surrounds this program is no part of what a new user has.
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    answer = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if answer.returncode not in (codes or {0}):
        raise NotReadyError(f"{' '.join(words)} ended with {answer.returncode}\n{answer.stderr or answer.stdout}")
    return answer.stdout


def main(root: Path = ROOT) -> int:
    """Make the version that the tree is; return the exit code."""
    try:
        version = checked(root)
        wheel = built(root, version)
        tried(wheel, version)
        tagged(root, version)
    except NotReadyError as error:
        print(f"not released:\n{error}", file=sys.stderr)
        return 1
    print(f"marketgame {version.number} of {version.day} is tagged {version.tag}; built: {wheel}")
    print(f"nothing was pushed: git push origin {version.tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
