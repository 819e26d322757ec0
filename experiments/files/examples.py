"""The files that come with marketgame: named ``example:NAME`` wherever a file is asked for, listed, and copied."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from os.path import normpath
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketgame.experiments import HOME
from marketgame.experiments.files.input_file import InputError, read_bytes, refuse

PREFIX = "example:"
# By the folder they are in; those that were published, of several kinds, have one of their own.
KINDS = MappingProxyType(
    {
        "economies": "market-economy",
        "games": "coalitional-game",
        "contracts": "contract",
        "scenarios": "scenario",
        "sweeps": "sweep",
        "certificates": "certificate",
    }
)
CASES = "cases"
FOLDERS = (*KINDS, CASES)
MOST_NEAR_NAMES = 5
# How examples name each other, and nothing else that they say.
REFERENCE = re.compile(rf'"(\.\./(?:{"|".join(FOLDERS)})/[^"/]+)"')


@dataclass(frozen=True)
class Example:
    """A file that comes with marketgame.

    Attributes:
        file: where it is installed.
    """

    file: Path

    @property
    def kind(self) -> str:
        """As in the file; ``certificate`` for certificates."""
        return KINDS.get(self.file.parent.name) or str(self.content["kind"])

    @property
    def name(self) -> str:
        """What it is called behind ``example:``."""
        return self.file.stem

    @property
    def title(self) -> str:
        """What it calls itself."""
        if self.file.suffix == ".toml":
            return str(self.content["name"])
        content = self.content["content"]
        about = content["economy"]["name"] if "economy" in content else ", ".join(content["players"])
        return f"{content['certifies']}: {about}"

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the file holds, as a document."""
        text = self.file.read_text(encoding="utf-8")
        content: dict[str, Any] = tomllib.loads(text) if self.file.suffix == ".toml" else json.loads(text)
        return content

    @property
    def needed(self) -> tuple[Path, ...]:
        """It and the files that it names, those that they name among them; itself first."""
        found = [self.file]
        for file in found:
            named = (Path(normpath(file.parent / name)) for name in REFERENCE.findall(file.read_text(encoding="utf-8")))
            found += [each for each in dict.fromkeys(named) if each not in found]
        return tuple(found)


def examples() -> Iterator[Example]:
    """Yield every example, folder by folder."""
    for folder in FOLDERS:
        for file in sorted((HOME / folder).glob("*.*")):
            yield Example(file)


def example(name: str) -> Example:
    """Return an example by its name, or by kind and name as in ``scenario/tutorial-obedient``.

    Raises:
        InputError: there is none of that name, or there are several.
    """
    kind, _, stem = name.rpartition("/")
    known = list(examples())
    meant = [each for each in known if each.name == stem and (not kind or kind in {each.file.parent.name, each.kind})]
    if not meant:
        names = list(dict.fromkeys(each.name for each in known))
        near = get_close_matches(stem, names, MOST_NEAR_NAMES, 0.5)
        near += [each for each in names if stem and stem in each and each not in near]
        advice = f"did you mean {', '.join(near[:MOST_NEAR_NAMES])}? " if near else ""
        raise InputError(f"{PREFIX}{name}: there is no such example; {advice}`marketgame examples` lists them all")
    if len(meant) > 1:
        choices = " or ".join(f"{PREFIX}{each.kind}/{stem}" for each in meant)
        raise InputError(f"{PREFIX}{name}: there are several examples of that name; write {choices}")
    return meant[0]


def located(name: Path | str) -> Path:
    """Return the file that somebody names: an example's if it begins with ``example:``, or else as it stands.

    Raises:
        InputError: there is no such example, or there are several.
    """
    text = str(name)
    return example(text.removeprefix(PREFIX)).file if text.startswith(PREFIX) else Path(name)


def located_beside(name: str, path: Path) -> Path:
    """Return the file that a field of another file names: an example, or a file relative to that file.

    Raises:
        InputError: there is no such example, or there are several.
    """
    return located(name) if name.startswith(PREFIX) else Path(normpath(path.parent / name))


def file_named(name: str, path: Path, field: str) -> Path:
    """Return the file that a field of another file names, which exists.

    Raises:
        InputError: there is no such file.
    """
    try:
        file = located_beside(name, path)
    except InputError as error:
        refuse(path, field, f"is {name!r}: {str(error).partition(': ')[2]}")
    if not os.path.isfile(file):  # noqa: PTH113 -- unlike Path.is_file, it says no to names too long to be one
        refuse(path, field, f"is {name!r}; it must be a file, relative to {path.parent}, or {PREFIX}NAME")
    return file


def copy_example(name: str, folder: Path) -> tuple[Path, ...]:
    """Copy an example and the files that it needs into a folder, where they name each other without folders.

    Returns:
        The files, the example's first; what was there already, and the same, among them.

    Raises:
        InputError: there is no such example, or a file of the folder would be lost.
        OSError: the folder cannot be written.
    """
    contents = {folder / file.name: _flat(file.read_text(encoding="utf-8")) for file in example(name).needed}
    missing = []
    for file, text in contents.items():
        if not (file.exists() or file.is_symlink()):
            missing.append(file)
        elif read_bytes(file) != text.encode("utf-8"):
            raise InputError(f"{file}: is there already, and differs from the example; move it or copy elsewhere")
    for file in missing:
        with file.open("x", encoding="utf-8", newline="") as copy:
            copy.write(contents[file])
    return tuple(contents)


def _flat(text: str) -> str:
    return REFERENCE.sub(lambda found: f'"{Path(found[1]).name}"', text)
