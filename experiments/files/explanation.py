"""What an input file may hold, read from the models that check it: every field, its default, what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo

from marketgame.experiments.files.class_tables import Registered
from marketgame.experiments.files.input_file import InputModel, shown

SCALARS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


@dataclass(frozen=True)
class FieldNote:
    """One field of a table.

    Attributes:
        name: the key.
        type: what kind of value it takes.
        default: the value it has when left out, as written in TOML; else ``required`` or ``none``.
        allowed: the limits of its value; empty when there are none.
        meaning: one line.
    """

    name: str
    type: str
    default: str
    allowed: str
    meaning: str


@dataclass(frozen=True)
class TableNote:
    """One table of a file.

    Attributes:
        path: where the table stands; ``[]`` marks an entry of a list, capitals a name of one's own choice. Empty
            for the file's top level.
        meaning: one line.
        fields: its fields, in order.
    """

    path: str
    meaning: str
    fields: tuple[FieldNote, ...]


def tables_of(model: type[InputModel], path: str = "") -> Iterator[TableNote]:
    """Yield the model's table and, after it, the tables inside it."""
    meaning = (model.__doc__ or "").strip().splitlines()[0]
    notes = tuple(_note(name, field) for name, field in model.model_fields.items())
    yield TableNote(path, meaning, notes)
    for name, field in model.model_fields.items():
        for inner, step in _inner_models(field.annotation):
            yield from tables_of(inner, f"{path}.{name}{step}".removeprefix("."))


def _note(name: str, field: FieldInfo) -> FieldNote:
    default = "required" if field.is_required() else _default(field)
    limits = [*_limits(field.metadata), *_inner_limits(field.annotation)]
    return FieldNote(name, _type_name(field.annotation), default, "; ".join(limits), field.description or "")


def _default(field: FieldInfo) -> str:
    match field.get_default(call_default_factory=True):
        case InputModel():
            return "the table's own defaults"
        case None | [] | {}:
            return "none"
        case value:
            return shown(value)


def unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """Return an annotation without aliases, ``Annotated`` and ``None``, and the metadata found on the way."""
    metadata: list[Any] = []
    while True:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            metadata += found
        elif _is_union(annotation) and NoneType in get_args(annotation):
            options = [option for option in get_args(annotation) if option is not NoneType]
            annotation = Union[tuple(options)]  # noqa: UP007 -- built from a runtime list of options
        else:
            return annotation, metadata


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _type_name(annotation: Any) -> str:
    bare, _ = unwrapped(annotation)
    match get_origin(bare), get_args(bare):
        case origin, arguments if origin is Literal:
            return " | ".join(shown(argument) for argument in arguments)
        case origin, (entry, *_) if origin in (list, tuple, frozenset):
            return f"list of {_plural(_type_name(entry))}"
        case origin, (_, entry) if origin is dict:
            return f"table of {_plural(_type_name(entry))}"
        case origin, options if origin in (Union, UnionType):
            return " or ".join(dict.fromkeys(map(_type_name, options)))
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return " | ".join(f"'{member.value}'" for member in bare)
    return "value" if bare is Any else SCALARS.get(bare, "table")


def _plural(name: str) -> str:
    head, _, tail = name.partition(" of ")
    plural = head if head == "text" else f"{head}s"
    return f"{plural} of {tail}" if tail else plural


def _limits(metadata: list[Any]) -> Iterator[str]:
    for limit in metadata:
        match limit:
            case Ge(ge):
                yield f"at least {ge}"
            case Gt(gt):
                yield f"greater than {gt}"
            case Le(le):
                yield f"at most {le}"
            case Lt(lt):
                yield f"less than {lt}"
            case MinLen(1):
                yield "not empty"
            case MinLen(length):
                yield f"at least {length} entries"
            case FieldInfo():
                yield from _limits(limit.metadata)
            case _:
                pass


def _inner_limits(annotation: Any) -> Iterator[str]:
    """Yield the limits of a value, and of every entry if it is a list of numbers or texts."""
    bare, metadata = unwrapped(annotation)
    yield from _limits(metadata)
    if get_origin(bare) in (list, tuple, frozenset):
        entry = get_args(bare)[0]
        yield from (f"each {limit}" for limit in _inner_limits(entry))


def _inner_models(annotation: Any) -> Iterator[tuple[type[InputModel], str]]:
    """Yield the models inside an annotation with the step of the path that leads to each."""
    bare, _ = unwrapped(annotation)
    options = options_of(annotation)
    if options == [bare]:
        yield bare, ""
    elif options:
        yield from ((option, _tag(option)) for option in options)
    elif get_origin(bare) in (list, dict):
        step = "[]" if get_origin(bare) is list else ".NAME"
        for inner, rest in _inner_models(get_args(bare)[-1]):
            yield inner, step + rest


def options_of(annotation: Any, *, installed: bool = True) -> list[type[InputModel]]:
    """Return the tables that can stand where an annotation does: one, those of a union, or those of a registry.

    Args:
        annotation: of a field.
        installed: whether those of installed distributions are among them, which are imported.
    """
    bare, metadata = unwrapped(annotation)
    for choice in metadata:
        if isinstance(choice, Registered):
            return list(choice.tables(installed=installed))
    if isinstance(bare, type) and issubclass(bare, InputModel):
        return [bare]
    return [model for option in get_args(bare) for model in options_of(option)] if _is_union(bare) else []


def _tag(model: type[InputModel]) -> str:
    """Return the choice that selects a model of a union: its one field with a single allowed value."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal:
            return f" with {name} = {shown(get_args(field.annotation)[0])}"
    return ""
