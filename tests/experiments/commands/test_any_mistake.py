"""Whatever is wrong with a file, each mistake is one line that names the file; nothing else ever escapes."""

from __future__ import annotations

import copy
import json
import logging
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketgame.experiments.commands.kinds import load_input
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.studies.carbon import ECONOMIES
from tests.examples import drawn

HOME = ECONOMIES.parent
DOCUMENTS = {
    file.name: tomllib.loads(file.read_text(encoding="utf-8"))
    for file in (
        ECONOMIES / "three-farmers.toml",
        ECONOMIES / "two-goods-complements.toml",
        HOME / "games" / "myerson-example-1.toml",
        HOME / "scenarios" / "annex-b-one-misreporter.toml",
    )
}
DOCUMENTS["annex-b-one-misreporter.toml"]["economy"] = str(ECONOMIES / "annex-b-private-costs.toml")
# A table that has one of these takes no key but its own.
FIXED_KEYS = {"kind", "probability", "family", "behaviour", "coalition", "utility", "name"}
JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 2, 10**400, 0.5, -0.5, float("nan"), float("inf"), 1e308),
    *("", "x", "ann", "money", [], [[]], [1.0], [[1.0]], {}, {"x": 1}, {"types": {}}),
)


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


def toml_text(document: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {toml_value(value)}\n" for key, value in document.items())


def places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every entry inside a document."""
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, entry in entries for place in ((*path, key), *places(entry, (*path, key)))]


def with_entry(document: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return the document with the entry at a place replaced, or removed if the value is none."""
    changed = copy.deepcopy(document)
    node: Any = changed
    for step in place[:-1]:
        node = node[step]
    if value is None:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return changed


@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)), junk=st.sampled_from(JUNK))
@settings(max_examples=drawn(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_wrong_entry_anywhere_is_accepted_or_refused_in_lines_that_name_the_file(
    data: st.DataObject, name: str, junk: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "marketgame")
    document = DOCUMENTS[name]
    place = data.draw(st.sampled_from(places(document)))
    file = tmp_path / name
    file.write_text(toml_text(with_entry(document, place, junk)), encoding="utf-8")
    try:
        load_input(file)
    except InputError as error:
        for problem in error.problems:
            assert problem.startswith(f"{file}: ")
            assert "\n" not in problem
            assert len(problem) < 600


@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_key_written_twice_over_is_named_wherever_it_stands(
    data: st.DataObject, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "marketgame")
    document = DOCUMENTS[name]
    keys = [place for place in places(document) if isinstance(place[-1], str)]
    place = data.draw(st.sampled_from(keys))
    file = tmp_path / name
    misspelt = f"{place[-1]}{place[-1]}"
    file.write_text(toml_text(with_entry(document, (*place[:-1], misspelt), "x")), encoding="utf-8")
    with pytest.raises(InputError, match=misspelt):
        load_input(file)


@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)))
@settings(max_examples=drawn(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mistakes_in_several_tables_are_all_told_in_the_order_of_the_file(
    data: st.DataObject, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "marketgame")
    document = DOCUMENTS[name]
    tables = [place[:-1] for place in places(document) if place[-1] in FIXED_KEYS]
    wrong = data.draw(st.lists(st.sampled_from(tables), min_size=1, unique=True))
    for table in wrong:
        document = with_entry(document, (*table, f"odd{tables.index(table)}odd"), 1)
    file = tmp_path / name
    file.write_text(toml_text(document), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_input(file)
    named = [int(re.findall(r"odd(\d+)odd is not a known key", problem)[0]) for problem in caught.value.problems]
    in_file = [place[-1] for place in places(document) if str(place[-1]).startswith("odd")]
    assert [f"odd{number}odd" for number in named] == in_file
