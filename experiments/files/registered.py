"""Tables whose keys are the fields of a class that a registry knows by the name in one of them.

A class with typed fields, described by :func:`marketgame.registry.parameter`, says all there is to say about such a
table: the model that reads it, what ``marketgame explain`` prints and the published schema are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import Field as KeyField
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, create_model
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from marketgame.experiments.files.input_file import ALLOW_CODE, InputError, InputModel
from marketgame.registry import BOUNDS, LENGTHS, NotAllowedError, NotAMemberError, Registry, UnknownNameError


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
    """Return what is known of a field's key beside the type of its values.

    Args:
        field: the field.
        value: what stands for its default in a file; the default itself, without it.
    """
    value = default_of(field) if value is MISSING else value
    default = {} if value is MISSING else {"default": value}
    lengths = {length: field.metadata[length] for length in LENGTHS if length in field.metadata}
    return KeyField(description=field.metadata.get("description"), **default, **lengths)


def bounded(annotation: Any, field: Field[Any]) -> Any:
    """Return a type with the bounds of a field."""
    bounds = {bound: field.metadata[bound] for bound in BOUNDS if bound in field.metadata}
    return Annotated[annotation, KeyField(**bounds)] if bounds else annotation
