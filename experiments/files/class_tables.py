"""Tables of a file that set the fields of a dataclass, read from it: types, defaults, bounds and meanings.

Of a class that a registry knows by the name in one of the table's keys, typed fields described by
:func:`marketgame.registry.parameter` say all there is to say: the model that reads the table, what ``marketgame
explain`` prints and the published schema are made from it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from inspect import get_annotations
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import Field as KeyField
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, create_model
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from marketgame.experiments.files.input_file import ALLOW_CODE, InputError, InputModel
from marketgame.registry import BOUNDS, LENGTHS, NotAllowedError, NotAMemberError, Registry, UnknownNameError

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


@dataclass(frozen=True)
class Registered[Table: InputModel]:
    """The annotation of a table that describes a member of a registry.

    Attributes:
        registry: of classes.
        key: of the table, under which the name of the member stands.
        table_of: returns the model of a member's table, given the class and the name that files call it.
        suits: whether a member may be named here.
        unsuited: what is wrong with the others, to follow their name.
    """

    registry: Registry[Any]
    key: str
    table_of: Callable[[Any, str], type[Table]]
    suits: Callable[[Any], bool] = lambda _: True
    unsuited: str = ""

    def names(self) -> tuple[str, ...]:
        """Return the names of our members that suit, and of all of installed distributions; none is imported."""
        ours = self.registry.members
        return tuple(name for name in self.registry.names if name not in ours or self.suits(ours[name]))

    def tables(self, *, installed: bool = True) -> Iterator[type[Table]]:
        """Yield the models of the members that can be named without allowing code.

        Args:
            installed: whether those of installed distributions are among them, which are imported.

        Raises:
            InputError: one of them is no member.
        """
        for name in self.names():
            if installed or name in self.registry.members:
                try:
                    member = self.registry.find(name)
                except NotAMemberError as error:
                    raise InputError(f"the {self.registry.what} {name!r} is installed, {error}") from None
                if self.suits(member):
                    yield self.table_of(member, name)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        named = [handler(table.__pydantic_core_schema__) for table in self.tables()]
        # Of classes that only a file names it is not known what their tables hold.
        outside = {"type": "object", "properties": {self.key: {"pattern": "^[^:]+:[^:]+$"}}, "required": [self.key]}
        return {"oneOf": [*named, outside]}

    def _read(self, given: object, info: ValidationInfo) -> Table:
        if not isinstance(given, Mapping):
            raise PydanticKnownError("dict_type")
        if self.key not in given:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": repr(self.key)})
        name = given[self.key]
        try:
            member = self.registry.find(str(name), allow_code=bool(info.context and info.context[ALLOW_CODE]))
            self._refuse_unsuited(member, str(name))
            table = self.table_of(member, str(name))
        except UnknownNameError:
            expected = ", ".join(map(repr, self.names()))
            context = {"discriminator": repr(self.key), "tag": str(name), "expected_tags": expected}
            raise PydanticKnownError("union_tag_invalid", context) from None
        except (NotAllowedError, NotAMemberError) as error:
            # The field of the message is the key, not the table.
            problem = {"key": self.key, "advice": f"is {name!r}, {error}"}
            raise PydanticCustomError("unknown_key", "{advice}", problem) from None
        # The mistakes that this finds are those of the table around it.
        return table.model_validate(given, context=info.context)

    def _refuse_unsuited(self, member: object, name: str) -> None:
        if not self.suits(member):
            raise UnknownNameError if name in self.registry.members else NotAMemberError(self.unsuited)


def table_model[Table: InputModel](
    member: type, name: str, key: str, base: type[Table], type_of: Callable[[Field[Any]], Any]
) -> type[Table]:
    """Return the model of a member's table: the keys of a base, the member's name, and one key for each of its fields.

    Args:
        member: a dataclass; the first line of its docstring says what it is.
        name: what files call it.
        key: under which the name stands.
        base: what all tables of the registry share.
        type_of: returns the type of a field's values, with bounds.

    Raises:
        NotAMemberError: a field has the name of another key, or values that no file can hold.
    """
    meaning = (member.__doc__ or "").strip().partition("\n")[0]
    keys: dict[str, Any] = {key: (Literal[name], KeyField(description=meaning.removesuffix(".")))}
    for each in fields(member):
        name_of_key = spelt(each)
        if name_of_key in keys or name_of_key in base.model_fields:
            raise NotAMemberError(f"which has a field {name_of_key!r}; that is another key of every such table")
        keys[name_of_key] = (type_of(each), described(each))
    return create_model(f"{member.__name__}Table", __base__=base, __doc__=meaning, **keys)


def spelt(field: Field[Any]) -> str:
    """Return what files call a field."""
    key: str = field.metadata.get("key", field.name)
    return key


def default_of(field: Field[Any]) -> Any:
    """Return the value of a field that is left out, or ``MISSING``."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def described(field: Field[Any], value: Any = MISSING) -> Any:
    """Return what is known of a field's key beside the type of its values."""
    value = default_of(field) if value is MISSING else value
    default = {} if value is MISSING else {"default": value}
    lengths = {length: field.metadata[length] for length in LENGTHS if length in field.metadata}
    return KeyField(description=field.metadata.get("description"), **default, **lengths)


def bounded(annotation: Any, field: Field[Any]) -> Any:
    """Return a type with the bounds of a field."""
    bounds = {bound: field.metadata[bound] for bound in BOUNDS if bound in field.metadata}
    return Annotated[annotation, KeyField(**bounds)] if bounds else annotation
