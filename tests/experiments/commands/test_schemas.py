"""The JSON Schema of every kind of input file, published for editors: it admits what is shipped, not mistakes."""

from __future__ import annotations

import json
import operator
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments import HOME
from marketgame.experiments.commands.explained import json_schema
from marketgame.experiments.commands.kinds import CERTIFICATE, KINDS
from marketgame.experiments.files.examples import FOLDERS
from tests.experiments.command_calls import Call, assert_one_line, one_document

SHIPPED = sorted(file for name in FOLDERS for file in (HOME / name).iterdir() if file.suffix in {".toml", ".json"})
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
# Keywords that say nothing about what is allowed.
TALK = {"title", "description", "default", "$defs", "$schema", "discriminator", "format"}


def mistakes(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    """Yield what a schema has against a value; a keyword that this does not know is an error."""
    for keyword in schema.keys() - TALK:
        yield from KEYWORDS[keyword](value, schema[keyword], schema, whole)


def _reference(value: Any, wanted: str, _: Any, whole: dict[str, Any]) -> Iterator[str]:
    yield from mistakes(value, whole["$defs"][wanted.rpartition("/")[2]], whole)


def _choice(value: Any, wanted: list[dict[str, Any]], schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    admitting = sum(not list(mistakes(value, one, whole)) for one in wanted)
    if not admitting or ("oneOf" in schema and admitting > 1):
        yield f"{admitting} of {len(wanted)} schemas admit {value!r}"


def _type(value: Any, wanted: str, *_: Any) -> Iterator[str]:
    if not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean"):
        yield f"{value!r} is no {wanted}"


def _keys(value: Any, wanted: dict[str, Any], _: Any, whole: dict[str, Any]) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (one for key in wanted.keys() & value for one in mistakes(value[key], wanted[key], whole))


def _other_keys(value: Any, wanted: Any, schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    others = value.keys() - schema.get("properties", {}) if isinstance(value, dict) else ()
    for key in others if wanted is not True else ():
        yield from [f"{key} is not known"] if wanted is False else mistakes(value[key], wanted, whole)


def _entries(value: Any, wanted: dict[str, Any], _: Any, whole: dict[str, Any]) -> Iterator[str]:
    if isinstance(value, list):
        yield from (mistake for one in value for mistake in mistakes(one, wanted, whole))


def _holds(kinds: Any, test: Callable[[Any, Any], bool]) -> Callable[..., Iterator[str]]:
    def check(value: Any, wanted: Any, *_: Any) -> Iterator[str]:
        if isinstance(value, kinds) and not test(value, wanted):
            yield f"{value!r} against {wanted}"

    return check


KEYWORDS: dict[str, Callable[..., Iterator[str]]] = {
    "$ref": _reference,
    "anyOf": _choice,
    "oneOf": _choice,
    "type": _type,
    "properties": _keys,
    "additionalProperties": _other_keys,
    "propertyNames": lambda value, wanted, _, whole: (one for key in value for one in mistakes(key, wanted, whole)),
    "items": _entries,
    "const": _holds(object, operator.eq),
    "enum": _holds(object, lambda value, wanted: value in wanted),
    "pattern": _holds(str, lambda value, wanted: re.search(wanted, value) is not None),
    "required": _holds(dict, lambda value, wanted: set(wanted) <= value.keys()),
    "minimum": _holds((int, float), operator.ge),
    "maximum": _holds((int, float), operator.le),
    "exclusiveMinimum": _holds((int, float), operator.gt),
    "exclusiveMaximum": _holds((int, float), operator.lt),
    "minLength": _holds(str, lambda value, wanted: len(value) >= wanted),
    "minItems": _holds(list, lambda value, wanted: len(value) >= wanted),
    "maxItems": _holds(list, lambda value, wanted: len(value) <= wanted),
    "minProperties": _holds(dict, lambda value, wanted: len(value) >= wanted),
}


def read(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    return document


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_file_that_is_shipped_is_admitted_by_the_schema_of_its_kind(file: Path) -> None:
    document = read(file)
    schema = json_schema(document["kind"])
    assert list(mistakes(document, schema, schema)) == []


@pytest.mark.parametrize("kind", [*KINDS, CERTIFICATE])
def test_a_key_that_is_not_known_and_one_that_is_missing_are_refused(kind: str, marketgame: Call) -> None:
    schema = one_document(marketgame("explain", kind, "--schema"))
    assert schema == json_schema(kind)
    document = next(document for file in SHIPPED if (document := read(file))["kind"] == kind)
    assert list(mistakes(document | {"kindness": 1}, schema, schema))
    assert list(mistakes({key: value for key, value in document.items() if key != "kind"}, schema, schema))


def test_what_has_no_schema_is_named(marketgame: Call) -> None:
    assert_one_line(marketgame("explain", "tables", "--schema"), "KIND is 'tables'", "certificate, to have a schema")
