"""Dotted paths into a scenario: where an axis of a sweep puts its values.

A path spells the keys of the file from the outside in, ``rules.solvency``. Entries of a list of tables are named in
one of two ways: ``traders[0].share`` by position, counted from 0, or ``traders.share.misreporting`` by the field and
then what the entry is, here its behaviour. Naming an entry that the scenario does not have adds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from marketgame.experiments.files.explanation import options_of, unwrapped
from marketgame.experiments.files.input_file import InputModel

# What identifies the base scenario or is set by the sweep itself.
RESERVED = {
    "kind": "a sweep cannot change what the file holds",
    "name": "runs are told apart by their parameters",
    "seed": "every point is run with the same seeds; set `seeds` and `first_seed`",
}
ENTRY = re.compile(r"(?P<list>[^.\[\]]+)\[(?P<place>\d+)\]\.(?P<field>[^.\[\]]+)")


@dataclass(frozen=True)
class Tagged:
    """The entry of a list of tables whose key has this value."""

    key: str
    value: str


type Step = str | int | Tagged


@dataclass(frozen=True)
class ScenarioPath:
    """A path that exists in scenarios.

    Attributes:
        text: as written.
        steps: keys from the outside in; a number or a tag picks an entry of a list.
        whole: whether what stands there is a whole number.
        names: how many names of one's own choice may follow.
    """

    text: str
    steps: tuple[Step, ...]
    whole: bool
    names: int = 0

    @property
    def column(self) -> str:
        """The name of the parameter's column: the path, which a table's own columns cannot be confused with."""
        return self.text if "." in self.text else f"scenario.{self.text}"


def scenario_path(text: str, scenario: Mapping[str, Any], model: type[InputModel]) -> ScenarioPath:
    """Return the path that a text names.

    Args:
        text: as a user wrote it.
        scenario: the base scenario as its file holds it; positions in lists and tags refer to it.
        model: what such a file may hold.

    Raises:
        ValueError: there is no such path, or it names more than one place; the message says what is meant.
    """
    if text in RESERVED:
        raise ValueError(f"{text!r} cannot be an axis: {RESERVED[text]}")
    if entry := ENTRY.fullmatch(text):
        return _entry_path(text, entry["list"], int(entry["place"]), entry["field"], scenario, model)
    known = known_paths(model)
    if text in known:
        _refuse_ambiguous(text, known[text].steps, scenario)
        return known[text]
    for names in range(1, text.count(".") + 1):
        # Below a table of names of one's own choice anything may stand; whether it fits, the whole scenario says.
        outer, *inner = text.rsplit(".", names)
        if outer in known and known[outer].names >= names:
            return ScenarioPath(text, (*known[outer].steps, *inner), whole=False)
    raise ValueError(f"a scenario has no {text!r}; {_suggestion(text, model)}")


def with_value(scenario: Mapping[str, Any], path: ScenarioPath, value: object) -> dict[str, Any]:
    """Return a copy of a scenario, as its file holds it, with another value at a path."""
    changed: dict[str, Any] = deepcopy(dict(scenario))
    *outer, last = path.steps
    node: Any = changed
    for step, following in zip(outer, path.steps[1:], strict=True):
        node = _inside(node, step, following)
    node[last] = deepcopy(value)
    return changed


@cache
def known_paths(model: type[InputModel]) -> Mapping[str, ScenarioPath]:
    """Return every path that can be written without a position, in the order of the file's fields."""
    found = (ScenarioPath(text, steps, kind is int, _names(kind)) for text, steps, kind in _paths(model, "", ()))
    return {path.text: path for path in found if path.text not in RESERVED}


def _paths(
    model: type[InputModel], prefix: str, steps: tuple[Step, ...]
) -> Iterator[tuple[str, tuple[Step, ...], Any]]:
    """Yield text, steps and type of every path below a table."""
    for name, field in model.model_fields.items():
        text, there = f"{prefix}{name}", (*steps, name)
        bare, _ = unwrapped(field.annotation)
        yield text, there, bare
        if _is_model(bare):
            yield from _paths(bare, f"{text}.", there)
        elif get_origin(bare) is list:
            for tag, option in _tagged_models(get_args(bare)[0]):
                for inner, inner_field in option.model_fields.items():
                    if inner != tag.key:
                        kind, _ = unwrapped(inner_field.annotation)
                        yield f"{text}.{inner}.{tag.value}", (*there, tag, inner), kind


def _tagged_models(annotation: Any) -> Iterator[tuple[Tagged, type[InputModel]]]:
    """Yield the tables that an entry of a list may be, each with the key and value that mark it."""
    for option in options_of(annotation):
        for name, field in option.model_fields.items():
            if get_origin(field.annotation) is Literal:
                yield Tagged(name, str(get_args(field.annotation)[0])), option
                break


def _entry_path(
    text: str, name: str, place: int, field: str, scenario: Mapping[str, Any], model: type[InputModel]
) -> ScenarioPath:
    """Return the path of a field of an entry given by its position."""
    entries: Sequence[Mapping[str, Any]] = scenario.get(name, [])
    if place >= len(entries):
        raise ValueError(f"a path says {text!r}, but the scenario has {len(entries)} tables [[{name}]], counted from 0")
    for option in _entry_models(model, name, entries[place]):
        if field in option.model_fields:
            kind, _ = unwrapped(option.model_fields[field].annotation)
            return ScenarioPath(text, (name, place, field), kind is int, _names(kind))
    raise ValueError(f"a path says {text!r}, but that table has no {field!r}; {_suggestion(f'{name}.{field}', model)}")


def _entry_models(model: type[InputModel], name: str, entry: Mapping[str, Any]) -> Iterator[type[InputModel]]:
    """Yield what an entry of a list of tables may be, judging by its tag."""
    listed, _ = unwrapped(model.model_fields[name].annotation) if name in model.model_fields else (None, None)
    if get_origin(listed) is list:
        (kind,) = get_args(listed)
        tagged = list(_tagged_models(kind))
        yield from (option for tag, option in tagged if _is(entry, tag)) if tagged else options_of(kind)


def _refuse_ambiguous(text: str, steps: tuple[Step, ...], scenario: Mapping[str, Any]) -> None:
    for outer, tag in pairwise(steps):
        if isinstance(tag, Tagged):
            places = [place for place, entry in enumerate(scenario.get(str(outer), [])) if _is(entry, tag)]
            if len(places) > 1:
                named = " or ".join(text.replace(f"{outer}.", f"{outer}[{place}].", 1) for place in places)
                advice = named.replace(f".{tag.value}", "")
                raise ValueError(f"{text!r} could be any of {len(places)} tables of the scenario; write {advice}")


def _inside(node: Any, step: Step, following: Step) -> Any:
    """Return what a step leads to, made if it is not there."""
    match step:
        case Tagged(key, value):
            found = [entry for entry in node if _is(entry, step)]
            if not found:
                found = [{key: value}]
                node.extend(found)
            return found[0]
        case str():
            return node.setdefault(step, [] if isinstance(following, int | Tagged) else {})
        case _:
            return node[step]


def _is(entry: object, tag: Tagged) -> bool:
    return isinstance(entry, Mapping) and entry.get(tag.key) == tag.value


def _suggestion(text: str, model: type[InputModel]) -> str:
    known = known_paths(model)
    last = text.rpartition(".")[2]
    close = [path for path in known if path.endswith(f".{text}")] or get_close_matches(text, known, n=1)
    close = close or [path for path in known if path.endswith(f".{last}")]
    if close:
        return f"did you mean {close[0]!r}?"
    plain = [path for path, found in known.items() if all(isinstance(step, str) for step in found.steps)]
    return f"it has {', '.join(plain)}, and the fields of its tables such as 'traders.share.misreporting'"


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, InputModel)


def _names(annotation: Any) -> int:
    """Return how many names of one's own choice lead to a value: of players, say, and of their types."""
    if get_origin(annotation) is not dict:
        return 0
    inner, _ = unwrapped(get_args(annotation)[1])
    return 1 + _names(inner)
