"""The form of a scenario: every field with its meaning, default and bounds, from the models that check files."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from marketgame.experiments.files.explanation import options_of, unwrapped
from marketgame.experiments.files.input_file import InputModel

type Node = dict[str, Any]


def form_of(model: type[InputModel]) -> Node:
    """Return a table of a file as the page asks for it.

    Returns:
        Of each field its ``key``, ``meaning``, whether it is ``required`` and its ``default``, and as ``node`` what
        can be filled in: a ``table`` with its fields, ``tables`` of which one is chosen by its ``tag``, a ``list`` or
        a ``map`` with what its entries are, ``options``, a ``number`` or ``whole`` number with bounds, a ``flag`` or
        ``text``.
    """
    fields = [_field(name, field) for name, field in model.model_fields.items()]
    return {"kind": "table", "meaning": (model.__doc__ or "").strip().partition("\n")[0], "fields": fields}


def _field(name: str, field: FieldInfo) -> Node:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return {
        "key": name,
        "meaning": field.description or "",
        "required": field.is_required(),
        "default": None if isinstance(default, BaseModel) else to_jsonable_python(default),
        "node": _node(field.annotation, field.metadata),
    }


def _node(annotation: Any, metadata: Iterable[Any] = ()) -> Node:  # noqa: PLR0911 -- one answer for each kind of field
    tables = options_of(annotation, installed=False)
    bare, more = unwrapped(annotation)
    origin, arguments = get_origin(bare), get_args(bare)
    if tables == [bare]:
        return form_of(bare)
    if tables:
        return {"kind": "tables", "tag": _tag(tables[0]), "tables": {_named(each): form_of(each) for each in tables}}
    if origin is Literal:
        return {"kind": "options", "options": list(arguments)}
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return {"kind": "options", "options": [each.value for each in bare]}
    if origin in (list, tuple, frozenset):
        return {"kind": "list", "entry": _node(arguments[0])}
    if origin is dict:
        return {"kind": "map", "entry": _node(arguments[1])}
    if bare is bool:
        return {"kind": "flag"}
    if bare in (int, float):
        return {"kind": "whole" if bare is int else "number", **_bounds([*metadata, *more])}
    return {"kind": "text"}


def _tag(table: type[InputModel]) -> str:
    """Return the key by which a table says which of several it is: its one field with a single allowed value."""
    return next(name for name, field in table.model_fields.items() if get_origin(field.annotation) is Literal)


def _named(table: type[InputModel]) -> str:
    (name,) = get_args(table.model_fields[_tag(table)].annotation)
    return str(name)


def _bounds(metadata: Iterable[Any]) -> Node:
    bounds: Node = {}
    for limit in metadata:
        match limit:
            case Ge(least) | Gt(least):
                bounds["least"] = least
            case Le(most) | Lt(most):
                bounds["most"] = most
            case FieldInfo():
                bounds |= _bounds(limit.metadata)
            case _:
                pass
    return bounds
