"""Dotted paths into a scenario: where an axis of a sweep puts its values.

A path spells the keys of the file from the outside in, ``rules.solvency``, as messages about the file do. Entries of a
list of tables are called by their name where they have one, ``organisers.broker.frequency``, or by position, counted
from 0: ``traders[0].share``. A table that a behaviour tells from the others can be spelt by the field and then the
behaviour, ``traders.share.misreporting``, which adds it where the scenario has none. Behind ``economy`` or ``game``
stands what the file of that name holds: ``economy.players.ann.types.modest.endowment[0]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from marketgame.experiments.files.class_tables import Registered
from marketgame.experiments.files.explanation import options_of, unwrapped
from marketgame.experiments.files.input_file import InputModel, name_of, one_of

# What identifies the base scenario or is set by the sweep itself.
RESERVED = {
    "kind": "a sweep cannot change what the file holds",
    "name": "runs are told apart by their parameters",
    "seed": "every point is run with the same seeds; set `seeds` and `first_seed`",
}
PATH = re.compile(r"[^.\[\]]+(\[\d+\]|\.[^.\[\]]+)*")
PART = re.compile(r"\[(?P<place>\d+)\]|(?P<name>[^.\[\]]+)")


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


@dataclass(frozen=True)
class Opened:
    """A table that stands in a file of its own, which a scenario names.

    Attributes:
        key: under which the scenario names the file.
        model: what such a file may hold.
        content: what the file holds.
    """

    key: str
    model: type[InputModel]
    content: Mapping[str, Any]


def scenario_path(
    text: str, scenario: Mapping[str, Any], model: type[InputModel], opened: Opened | None = None
) -> ScenarioPath:
    """Return the path that a text names.

    Args:
        text: as a user wrote it.
        scenario: the base scenario as its file holds it; positions in lists, names and tags refer to it.
        model: what such a file may hold.
        opened: the economy or the game, whose numbers can be named too.

    Raises:
        ValueError: there is no such path, or it names more than one place; the message says what is meant.
    """
    if text in RESERVED:
        raise ValueError(f"{text!r} cannot be an axis: {RESERVED[text]}")
    known = known_paths(model)
    if text in known:
        return _tag_found(known[text], scenario)
    for names in range(1, text.count(".") + 1):
        # Below a table of names of one's own choice anything may stand; whether it fits, the whole scenario says.
        outer, *inner = text.rsplit(".", names)
        if outer in known and known[outer].names >= names:
            return ScenarioPath(text, (*known[outer].steps, *inner), whole=False)
    if (others := _path_of_others(text, scenario, model)) is not None:
        return _tag_found(others, scenario)
    if PATH.fullmatch(text) is None:
        raise ValueError(f"a scenario has no {text!r}; {_suggestion(text, scenario, model)}")
    parts = [int(part["place"]) if part["place"] else part["name"] for part in PART.finditer(text)]
    try:
        if opened is not None and parts[0] == opened.key:
            steps, kind = _walked(opened.model, opened.content, parts[1:], opened.key)
            return ScenarioPath(text, (opened.key, *steps), kind is int, _names(kind))
        steps, kind = _walked(model, scenario, parts, "")
    except ValueError as misspelt:
        if "[" not in text and (opened is None or parts[0] != opened.key):
            raise ValueError(f"a scenario has no {text!r}; {_suggestion(text, scenario, model)}") from None
        raise ValueError(f"a path says {text!r}, but {misspelt}") from None
    return ScenarioPath(text, steps, kind is int, _names(kind))


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


def _path_of_others(text: str, scenario: Mapping[str, Any], model: type[InputModel]) -> ScenarioPath | None:
    """Return the path to a field of a table that a member of others tells from the rest, if a text names one.

    Only what the text or the scenario names is imported.
    """
    for key, field in model.model_fields.items():
        bare, _ = unwrapped(field.annotation)
        inside = get_args(bare)[0] if get_origin(bare) is list else None
        for choice in unwrapped(inside)[1]:
            if isinstance(choice, Registered):
                named = {str(entry[choice.key]) for entry in scenario.get(key, []) if choice.key in entry}
                for name in {*choice.names(), *named} - set(choice.registry.members):
                    middle = text.removeprefix(f"{key}.").removesuffix(f".{name}")
                    table = _table_at(inside, {choice.key: name}) if text == f"{key}.{middle}.{name}" else None
                    if table is not None and middle in table.model_fields:
                        kind, _ = unwrapped(table.model_fields[middle].annotation)
                        return ScenarioPath(text, (key, Tagged(choice.key, name), middle), kind is int, _names(kind))
    return None


def _tagged_models(annotation: Any) -> Iterator[tuple[Tagged, type[InputModel]]]:
    """Yield our tables that an entry of a list may be, each with the key and value that mark it."""
    for option in options_of(annotation, installed=False):
        for name, field in option.model_fields.items():
            if get_origin(field.annotation) is Literal:
                yield Tagged(name, str(get_args(field.annotation)[0])), option
                break


def _walked(kind: Any, node: Any, parts: Sequence[str | int], where: str) -> tuple[tuple[Step, ...], Any]:
    """Return the steps that lead from a place to another and what kind of value stands there.

    Args:
        kind: what may stand at the place.
        node: what stands there, if anything does.
        parts: keys, names and positions.
        where: the place, for messages; empty for the whole scenario.

    Raises:
        ValueError: the parts lead nowhere, or to more than one place.
    """
    bare, _ = unwrapped(kind)
    if not parts:
        return (), bare
    step, rest = parts[0], parts[1:]
    there = f"{where}[{step}]" if isinstance(step, int) else f"{where}.{step}".removeprefix(".")
    table = _table_at(kind, node)
    if table is not None:
        if step not in table.model_fields:
            raise ValueError(f"{where or 'that table'} has no {step!r}; {one_of(str(step), list(table.model_fields))}")
        inner = table.model_fields[str(step)].annotation
    elif get_origin(bare) in (list, tuple):
        entries: Sequence[Any] = node or ()
        if isinstance(step, str):
            step = _place_of(step, entries, where)
        elif step >= len(entries):
            what = f"tables [[{where}]]" if options_of(get_args(bare)[0], installed=False) else "entries"
            raise ValueError(f"{where} has {len(entries)} {what}, counted from 0")
        inner, node = get_args(bare)[0], dict(enumerate(entries))
    elif get_origin(bare) is dict and isinstance(step, str):
        inner = get_args(bare)[1]
        if options_of(inner, installed=False) and step not in (node or {}):
            raise ValueError(f"{where} has no {step!r}; {one_of(step, list(node or {}))}")
    else:
        raise ValueError(f"{where} is no table or list")
    steps, found = _walked(inner, node.get(step) if isinstance(node, Mapping) else None, rest, there)
    return (step, *steps), found


def _table_at(kind: Any, node: Any) -> type[InputModel] | None:
    """Return the model of the table at a place, judging by its tag where it may be one of several."""
    bare, metadata = unwrapped(kind)
    if isinstance(node, Mapping):
        for choice in metadata:
            if isinstance(choice, Registered) and choice.key in node:
                # The file has been read, so that it named only what it may.
                member = choice.registry.find(str(node[choice.key]), allow_code=True)
                return choice.table_of(member, str(node[choice.key]))
        for tag, option in _tagged_models(kind):
            if _is(node, tag):
                return option
    return bare if _is_model(bare) else None


def _place_of(name: str, entries: Sequence[Any], where: str) -> int:
    places = [place for place, entry in enumerate(entries) if name_of(entry) == name]
    if len(places) != 1:
        listed = [found for entry in entries if (found := name_of(entry)) is not None]
        problem = f"{len(places)} entries named {name!r}; write {where}[0] for the first" if places else f"no {name!r}"
        raise ValueError(f"{where} has {problem}" if places else f"{where} has {problem}; {one_of(name, listed)}")
    return places[0]


def _tag_found(path: ScenarioPath, scenario: Mapping[str, Any]) -> ScenarioPath:
    """Return a path whose tag, if it has one, is replaced by the position of the scenario's only table with it.

    Raises:
        ValueError: there are several such tables.
    """
    for at, (outer, tag) in enumerate(pairwise(path.steps), start=1):
        if isinstance(tag, Tagged):
            places = [place for place, entry in enumerate(scenario.get(str(outer), [])) if _is(entry, tag)]
            if len(places) > 1:
                named = " or ".join(path.text.replace(f"{outer}.", f"{outer}[{place}].", 1) for place in places)
                advice = named.replace(f".{tag.value}", "")
                raise ValueError(f"{path.text!r} could be any of {len(places)} tables of the scenario; write {advice}")
            if places:
                return replace(path, steps=(*path.steps[:at], places[0], *path.steps[at + 1 :]))
    return path


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


def _suggestion(text: str, scenario: Mapping[str, Any], model: type[InputModel]) -> str:
    known = {**known_paths(model), **dict(_named_paths(scenario, model))}
    last = text.rpartition(".")[2]
    close = [path for path in known if path.endswith(f".{text}")] or get_close_matches(text, known, n=1)
    close = close or [path for path in known if path.endswith(f".{last}")]
    if close:
        return f"did you mean {close[0]!r}?"
    plain = [path for path, found in known.items() if all(isinstance(step, str) for step in found.steps)]
    return f"it has {', '.join(plain)}, and the fields of its tables such as 'traders.share.misreporting'"


def _named_paths(scenario: Mapping[str, Any], model: type[InputModel]) -> Iterator[tuple[str, ScenarioPath]]:
    """Yield the paths to the fields of tables in lists that have a name."""
    for key, entries in scenario.items():
        listed = unwrapped(model.model_fields[key].annotation)[0] if key in model.model_fields else None
        for place, entry in enumerate(entries if get_origin(listed) is list else ()):
            table, name = _table_at(get_args(listed)[0], entry), name_of(entry)
            for field in table.model_fields if table is not None and name is not None else ():
                text = f"{key}.{name}.{field}"
                yield text, ScenarioPath(text, (key, place, field), whole=False)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, InputModel)


def _names(annotation: Any) -> int:
    """Return how many names of one's own choice lead to a value: of players, say, and of their types."""
    if get_origin(annotation) is not dict:
        return 0
    inner, _ = unwrapped(get_args(annotation)[1])
    return 1 + _names(inner)
