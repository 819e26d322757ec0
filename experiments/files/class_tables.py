"""Tables of a file that set the fields of a dataclass, read from it: types, defaults, bounds and meanings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from inspect import get_annotations
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from pydantic import Field as KeyField
from pydantic import create_model

from marketgame.experiments.files.input_file import InputModel
from marketgame.experiments.files.registered import bounded, default_of, described, spelt, table_model
from marketgame.registry import NotAMemberError

type Name = Annotated[str, KeyField(min_length=1)]


class ClassTable(InputModel):
    """A table that sets the fields of a dataclass.

    Attributes:
        holds: the dataclass.
    """

    holds: ClassVar[type[Any]]

    def build(self) -> Any:
        """Return the object with the fields that the table sets.

        Raises:
            ValueError: they do not go together.
        """
        return built(self, self.holds)


def built(table: InputModel, kind: Any, **others: object) -> Any:
    """Return an object of a dataclass from the keys of a table that are its fields, and from others.

    Raises:
        ValueError: they do not go together.
    """
    for each in fields(kind):
        if each.name not in others and spelt(each) in type(table).model_fields:
            value = getattr(table, spelt(each))
            others[each.name] = value.build() if isinstance(value, ClassTable) else value
    return kind(**others)


def read_from[Table: InputModel](kind: type, *names: str) -> Callable[[type[Table]], type[Table]]:
    """Return what adds to a table those fields of a dataclass that it does not declare itself.

    Args:
        kind: the dataclass.
        names: the fields that files set; all, without any.
    """

    def added(base: type[Table]) -> type[Table]:
        wanted = [each for each in fields(kind) if each.name in (names or (each.name,))]
        keys: dict[str, Any] = {
            spelt(each): (_type_of(kind, each), _described(kind, each))
            for each in wanted
            if spelt(each) not in base.model_fields
        }
        table = create_model(base.__name__, __base__=base, __module__=base.__module__, __doc__=base.__doc__, **keys)
        if issubclass(table, ClassTable):
            table.holds = kind
        return table

    return added


def table_of[Table: ClassTable](member: type, name: str, key: str, base: type[Table]) -> type[Table]:
    """Return the table of a member of a registry: the keys of a base, the member's name, and the member's fields.

    Raises:
        NotAMemberError: a field has the name of another key, or values that no file can hold.
    """
    table = table_model(member, name, key, base, lambda each: _type_of(member, each))
    table.holds = member
    return table


@cache
def _table_inside(kind: type) -> type[ClassTable]:
    """Return the table of a class that no key names."""
    meaning = (kind.__doc__ or "").strip().partition("\n")[0]
    return read_from(kind)(create_model(f"{kind.__name__}Table", __base__=ClassTable, __doc__=meaning))


def _described(kind: type, field: Field[Any]) -> Any:
    """Return what is known of a key beside its type; a table inside has the defaults of its own class."""
    default = default_of(field)
    inside = default is not MISSING and is_dataclass(default)
    return described(field, _type_of(kind, field)() if inside else default)


def _type_of(kind: type, field: Field[Any]) -> Any:
    """Return the type of a field's values in a file; those of other fields may be known to type checkers only."""
    owner = next(each for each in kind.__mro__ if field.name in get_annotations(each))
    alone = SimpleNamespace(__annotations__={field.name: get_annotations(owner)[field.name]})
    try:
        (annotation,) = get_type_hints(alone, vars(sys.modules[owner.__module__]), include_extras=True).values()
    except NameError as error:
        raise NotAMemberError(f"whose field {field.name!r} has a type that is not imported: {error}") from None
    return bounded(_file_type(annotation), field)


def _file_type(annotation: Any) -> Any:
    """Return what Pydantic has to check so that a file can hold a value of a type: enums are text, tuples are lists."""
    kind = get_origin(annotation) or annotation
    if kind is Annotated:
        bare, *metadata = get_args(annotation)
        return Annotated[_file_type(bare), *metadata]
    arguments = [each if each is Ellipsis else _file_type(each) for each in get_args(annotation)]
    file_type: Any = annotation
    if kind in (Union, UnionType):
        file_type = Union[tuple(arguments)]  # noqa: UP007 -- built from a list that is known when it runs
    elif kind is str:
        file_type = Name
    elif isinstance(kind, type) and is_dataclass(kind):
        file_type = _table_inside(kind)
    elif _is(kind, Mapping):
        file_type = dict[Name, arguments[1]]  # type: ignore[valid-type]
    elif _is(kind, StrEnum):
        file_type = Annotated[kind, KeyField(strict=False)]
    elif _is(kind, Sequence | AbstractSet):
        file_type = Annotated[kind[*arguments], KeyField(strict=False)]
    elif kind not in (NoneType, bool, int, float):
        raise NotAMemberError(f"whose field has values that no file can hold: {annotation!r}")
    return file_type


def _is(kind: object, kinds: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, kinds)
