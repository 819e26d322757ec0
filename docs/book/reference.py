"""The reference: a page for the face of the program and one for every room, written when the book is built.

Docstrings are taken as they stand; the tables in them, which are those of Markdown, are told to Sphinx in its words.
"""

from __future__ import annotations

import re
from importlib import import_module
from inspect import isfunction
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

PACKAGES: Final = ("mechanisms", "agents", "simulation", "experiments", "results")
FOLDER: Final = "reference"
MARK: Final = ".. Written when the book is built, and written again: what is changed here is lost.\n\n"
"""What the pages that we write begin with; others are left alone."""


def write_pages(app: Sphinx) -> None:
    """Write what Sphinx reads, and leave alone what says the same already.

    Raises:
        ValueError: a page has the name of one of ours and was not written here.
    """
    write_into(Path(app.srcdir) / FOLDER, {name: MARK + text for name, text in pages()})


def write_into(folder: Path, wanted: dict[str, str]) -> None:
    """Write marked pages into a folder, and remove those of ours that are no longer wanted.

    Raises:
        ValueError: a page has the name of one of ours and was not written here.
    """
    folder.mkdir(exist_ok=True)
    there = {page.name: page.read_text(encoding="utf-8") for page in folder.glob("*.rst")}
    for name in wanted:
        if not there.get(name, MARK).startswith(MARK):
            raise ValueError(f"{folder / name} was not written by this program; it must be moved")
    for name, text in there.items():
        if name not in wanted and text.startswith(MARK):
            (folder / name).unlink()
    for name, text in wanted.items():
        if there.get(name) != text:
            (folder / name).write_text(text, encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages: their names and what is written on them."""
    yield "marketgame.rst", _face()
    for package in PACKAGES:
        rooms = [room for _, room, is_room in iter_modules(import_module(f"marketgame.{package}").__path__) if is_room]
        home = f"marketgame.{package}"
        alone = [name for name in _modules(home) if name.count(".") == 2 and name.split(".")[2] not in rooms]
        yield f"{package}.rst", _page(home, [home, *alone], [f"{package}.{room}" for room in rooms])
        for room in rooms:
            inside = [name for name in _modules(home) if f"{name}.".startswith(f"{home}.{room}.")]
            yield f"{package}.{room}.rst", _page(f"{home}.{room}", inside, [])


def _modules(package: str) -> list[str]:
    """Return the modules of a package, at any depth, without those that are its own affair."""
    found = []
    for each in iter_modules(import_module(package).__path__):
        if not each.name.startswith("_"):
            name = f"{package}.{each.name}"
            found += [name, *(_modules(name) if each.ispkg else [])]
    return found


def _page(title: str, modules: list[str], below: list[str]) -> str:
    lines = [*_heading(title.removeprefix("marketgame."), "=")]
    if below:
        lines += [".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in below), ""]
    for name in modules:
        if name != title:
            lines += _heading(name.removeprefix(f"{title}."), "-")
        lines += [f".. automodule:: {name}", ""]
    return "\n".join(lines)


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _face() -> str:
    import marketgame  # noqa: PLC0415 -- what is written here is what it offers

    lines = [*_heading("marketgame", "="), ".. automodule:: marketgame", "   :no-members:", ""]
    lines += [".. list-table::", "   :header-rows: 1", "", "   * - name", "     - what it is"]
    for name in marketgame.__all__:
        offered = getattr(marketgame, name)
        said = (offered.__doc__ or "").strip().splitlines()[0]
        lines += [f"   * - :py:obj:`{name} <{offered.__module__}.{offered.__qualname__}>`", f"     - {said}"]
    for name in marketgame.__all__:
        if isfunction(getattr(marketgame, name)):
            lines += ["", *_heading(name, "-"), f".. autofunction:: marketgame.{name}"]
    return "\n".join([*lines, ""])


def ours_alone(_app: Sphinx, _what: str, _name: str, thing: object, skip: bool, _options: Any) -> bool | None:
    """Leave out what other libraries add to classes of ours; None leaves the decision to Sphinx."""
    home = getattr(thing, "__module__", None) or "marketgame"
    return True if not skip and not home.startswith(("marketgame", "builtins")) else None


def with_tables(_app: Sphinx, _what: str, _name: str, _thing: object, _options: Any, lines: list[str]) -> None:
    """Write the tables of a docstring as Sphinx has them."""
    written: list[str] = []
    table: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|") and line.rstrip().endswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                table.append(cells)
            continue
        if table:
            written += ["", *_list_table(table), ""]
            table = []
        written.append(line)
    lines[:] = written


def _list_table(rows: list[list[str]]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "")
    for row in rows:
        for number, cell in enumerate(row):
            yield f"   {'*' if not number else ' '} - {cell}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx have the pages before it looks for any."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", ours_alone)
    app.connect("autodoc-process-docstring", with_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
