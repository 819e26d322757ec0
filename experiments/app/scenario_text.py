"""A scenario as the file that `marketgame run` reads, wherever that file is put."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marketgame.experiments.files.examples import PREFIX, examples, located_beside

BARE = re.compile(r"[A-Za-z0-9_-]+")
# Where a scenario names other files.
FILE_FIELDS = (("economy",), ("game",), ("contract", "path"), ("network", "path"))

type Table = Mapping[str, Any]


def scenario_text(tables: Table, path: Path) -> str:
    """Return a scenario as TOML.

    Args:
        tables: as the page has changed them.
        path: the file they were read from; what they name relative to it is named in full, or by ``example:NAME``.
    """
    named = dict(tables)
    for first, *rest in FILE_FIELDS:
        if rest and isinstance(inner := named.get(first), Mapping) and isinstance(inner.get(rest[0]), str):
            named[first] = {**inner, rest[0]: _in_full(inner[rest[0]], path)}
        elif not rest and isinstance(named.get(first), str):
            named[first] = _in_full(named[first], path)
    return "\n".join(_lines(named, ())) + "\n"


def _in_full(name: str, path: Path) -> str:
    file = located_beside(name, path)
    known = {each.file.resolve(): each for each in examples()}
    example = known.get(file.resolve())
    return str(file.absolute()) if example is None else f"{PREFIX}{example.kind}/{example.name}"


def _lines(table: Table, above: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: its own values first, then the tables in it."""
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping) or _are_tables(value)}
    for key, value in table.items():
        if key not in inner and value is not None:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        place = (*above, _key(key))
        for each in [value] if isinstance(value, Mapping) else value:
            heading = ".".join(place)
            yield f"\n[{heading}]" if isinstance(value, Mapping) else f"\n[[{heading}]]"
            yield from _lines(each, place)


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return repr(value)
    # TOML's basic strings are JSON's, but for one letter.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
