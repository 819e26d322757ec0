"""Dataclasses as JSON, and back: a dataclass is the one description of what a certificate stores of it.

Keys are the fields, in their order; what a field means, and the shape of an array, is read from the ``Attributes`` of
the class's docstring, its bounds from its metadata. Arrays are lists inside each other, of sizes that fit together: of
N players, L goods and P type profiles, K_i types of each player, R recommendations of a contract, and any other letter
the same size throughout a table.
Tuples are lists, options their text. What is written otherwise has a `Form` of its own.
"""

from __future__ import annotations

import re
import sys
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from inspect import cleandoc, get_annotations
from types import GenericAlias, NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeAliasType, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import Field, create_model

from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.coalitional_games.game import Coalition
from marketgame.registry import BOUNDS

ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)
SHAPE = re.compile(r"``\(([^`]*)\)``")
LETTER = re.compile(r"\w+")
BY_PLAYER = "K_i"
# Types of fields that modules may import for type checkers alone.
TYPES: dict[str, Any] = {"FloatArray": FloatArray, "BooleanArray": BooleanArray, "Coalition": Coalition}
SCALARS = (str, bool, int, float)
REQUIRED = object()


class MisfitError(ValueError):
    """An array is none, or of another size than the rest asks for."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path, self.problem = path, problem

    def within(self, step: str) -> MisfitError:
        """Return the same, seen from outside of a key or an entry."""
        between = "" if self.path.startswith("[") or not self.path else "."
        return MisfitError(f"{step}{between}{self.path}", self.problem)


@dataclass(frozen=True)
class Seen:
    """What was read or written before, on the way to what is read or written now.

    Attributes:
        parts: by their keys, those of the tables around included.
        sizes: of the arrays of this table, by their letters.
    """

    parts: ChainMap[str, Any] = field(default_factory=ChainMap)
    sizes: dict[str, int] = field(default_factory=dict)

    def inside(self) -> Seen:
        """Return the same for a table in this one."""
        return Seen(self.parts.new_child())

    def size(self, letter: str, found: int) -> int:
        """Return how many entries there must be, given how many there are."""
        if letter == "L" and "economy" in self.parts:
            return len(self.parts["economy"].goods)
        if letter == "N" and self._is_about_players:
            return len(self.type_counts)
        if letter == "P" and self._is_about_players:
            return int(np.prod(self.type_counts))
        if letter == "R" and "stated" in self.parts:
            stated = self.parts["stated"]
            return int(np.prod(self.type_counts)) * (1 if stated is None else len(stated.chances))
        return self.sizes.setdefault(letter, found)

    @property
    def _is_about_players(self) -> bool:
        return "economy" in self.parts or "game" in self.parts

    @property
    def type_counts(self) -> tuple[int, ...]:
        """How many types each player has."""
        game = self.parts.get("game")
        counts: tuple[int, ...] = self.parts["economy"].prior.type_counts if game is None else game.type_counts
        return counts


@dataclass(frozen=True)
class Form:
    """How JSON holds a value.

    Attributes:
        annotation: what Pydantic checks.
        read: returns the value, from what was checked and what was seen before it; its ValueErrors say what is wrong.
        write: returns what JSON holds, from the value and what was seen before it.
    """

    annotation: Any
    read: Callable[[Any, Seen], Any] = lambda stored, _: stored
    write: Callable[[Any, Seen], Any] = lambda value, _: value


@dataclass(frozen=True)
class Key:
    """A key of a table that does not simply hold the field of its name.

    Attributes:
        name: the key.
        path: which field it holds, with a dot that of the object in a field; none if the key means nothing anymore.
        form: how, if not as the field's type says.
        batch: letters of dimensions in front of those that the docstring speaks of.
        default: of a key that may be left out.
    """

    name: str
    path: str | None = ""
    form: Form | None = None
    batch: str = ""
    default: Any = REQUIRED


class StoredTable(InputModel):
    """A table made from a dataclass.

    Attributes:
        record: says how.
    """

    record: ClassVar[Record]

    def build(self) -> Any:
        """Return the object.

        Raises:
            ValueError: the parts do not go together.
        """
        return self.record.read(self, Seen())


@dataclass(frozen=True, eq=False)
class Record:
    """How a table holds an object of a dataclass.

    Attributes:
        kind: the dataclass.
        keys: of the table; as the fields are, without any.
        tag: a key and its value, which tell the table from others in its place.
    """

    kind: type
    keys: Sequence[str | Key] = ()
    tag: tuple[str, str] | None = None

    @cached_property
    def entries(self) -> tuple[tuple[Key, Form, str], ...]:
        """The keys with their forms and meanings."""
        found = []
        for given in self.keys or [each.name for each in fields(self.kind)]:
            key = Key(given) if isinstance(given, str) else given
            if key.path is None and key.form is not None:
                found.append((key, key.form, "no longer used"))
                continue
            *outer, name = (key.path or key.name).split(".")
            holder = _type_of(self.kind, outer[0]) if outer else self.kind
            about = documented(holder)[name]
            deeper = replace(about, shape=(*key.batch, *about.shape))
            found.append((key, key.form or form_of(_type_of(holder, name), deeper, key.batch), about.meaning))
        return tuple(found)

    @cached_property
    def model(self) -> type[StoredTable]:
        """What Pydantic checks."""
        keys: dict[str, Any] = {}
        if self.tag is not None:
            keys[self.tag[0]] = (Literal[self.tag[1]], Field(description="what the table is about"))
        for key, form, meaning in self.entries:
            default = None if _is_optional(form.annotation) and key.default is REQUIRED else key.default
            given: dict[str, Any] = {} if default is REQUIRED else {"default": default}
            keys[key.name] = (form.annotation, Field(description=meaning, **given))
        model = create_model(f"Stored{self.kind.__name__}", __base__=StoredTable, __doc__=self.kind.__doc__, **keys)
        model.record = self
        return model

    def read(self, stored: InputModel, seen: Seen, **others: object) -> Any:
        """Return the object that a table holds, with fields that it does not.

        Raises:
            ValueError: the parts do not go together.
        """
        values: dict[str, Any] = dict(others)
        parts: dict[str, dict[str, Any]] = {}
        for key, form, _ in self.entries:
            if key.path is None:
                continue
            outer, _, name = (key.path or key.name).rpartition(".")
            given, inner = getattr(stored, key.name), parts.pop(name, {})
            record = form.annotation.record if inner else None
            try:
                value = form.read(given, seen) if record is None else record.read(given, seen.inside(), **inner)
            except MisfitError as error:
                raise error.within(key.name) from None
            seen.parts[key.name] = value
            (parts.setdefault(outer, {}) if outer else values)[name] = value
        values |= {name: _type_of(self.kind, name)(**inner) for name, inner in parts.items()}
        return self.kind(**values)

    def write(self, value: object, seen: Seen) -> dict[str, Any]:
        """Return the table that holds an object."""
        document: dict[str, Any] = {} if self.tag is None else {self.tag[0]: self.tag[1]}
        for key, form, _ in self.entries:
            if key.path is not None:
                part = value
                for name in (key.path or key.name).split("."):
                    part = getattr(part, name)
                seen.parts[key.name] = part
                document[key.name] = form.write(part, seen)
        return document

    @property
    def form(self) -> Form:
        """The form of such an object in a table."""
        return Form(
            self.model,
            lambda stored, seen: self.read(stored, seen.inside()),
            lambda value, seen: self.write(value, seen.inside()),
        )


# What is written otherwise than its fields say, and tables whose keys are not simply the fields: see `contents`.
FORMS: dict[Any, Form] = {}
LAYOUTS: dict[type, Record] = {}


def form_of(annotation: Any, about: Documented, batch: str = "") -> Form:
    """Return how JSON holds values of a type.

    Raises:
        TypeError: it is not known how.
    """
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    form: Form | None = FORMS.get(origin)
    if annotation in (FloatArray, BooleanArray):
        form = _array(float if annotation is FloatArray else bool, about.shape)
    elif origin in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
        form = optional(form_of(next(one for one in arguments if one is not NoneType), about, batch))
    elif origin is tuple and arguments[0] is FloatArray and BY_PLAYER in about.shape:
        form = _by_player(len(about.shape))
    elif origin is tuple and arguments[1:] == (Ellipsis,):
        form = listed(form_of(arguments[0], about, batch))
    elif isinstance(origin, type) and issubclass(origin, StrEnum):
        form = Form(_annotated(origin, strict=False), write=lambda value, _: value.value)
    elif origin in SCALARS:
        form = Form(_annotated(origin, **about.bounds), write=lambda value, _: origin(value))
    elif form is None and is_dataclass(origin) and isinstance(origin, type):
        form = _with_batch(LAYOUTS.setdefault(origin, Record(origin)), batch).form
    if form is None:
        raise TypeError(f"it is not known how JSON holds {annotation!r}: {about.meaning}")
    return form


def _with_batch(record: Record, batch: str) -> Record:
    if not batch:
        return record
    keys = record.keys or [each.name for each in fields(record.kind)]
    return replace(record, keys=[Key(key, batch=batch) if isinstance(key, str) else key for key in keys])


def listed(entry: Form, *, maybe_none: bool = False) -> Form:
    """Return the form of a tuple of values; one of tables has at least one, unless it is said that it may have none."""
    tables = isinstance(entry.annotation, type) and issubclass(entry.annotation, InputModel) and not maybe_none
    annotation = GenericAlias(list, (entry.annotation,))

    def read(stored: list[Any], seen: Seen) -> tuple[Any, ...]:
        return tuple(_at(place, entry, one, seen.inside()) for place, one in enumerate(stored))

    return Form(
        _annotated(annotation, min_length=1) if tables else annotation,
        read,
        lambda value, seen: [entry.write(one, seen) for one in value],
    )


def optional(form: Form) -> Form:
    """Return the form of a value that there may be none of."""
    return Form(
        Union[form.annotation, None],  # noqa: UP007 -- annotations are values here
        lambda stored, seen: None if stored is None else form.read(stored, seen),
        lambda value, seen: None if value is None else form.write(value, seen),
    )


def tagged(records: Sequence[Record]) -> Form:
    """Return the form of an object of one of several dataclasses, whose tables a tag tells apart."""
    by_kind = {record.kind: record for record in records}
    keys = {record.tag[0] for record in records if record.tag is not None}
    return Form(
        _annotated(Union[tuple(record.model for record in records)], discriminator=keys.pop()),  # noqa: UP007
        lambda stored, seen: stored.record.read(stored, seen.inside()),
        lambda value, seen: by_kind[type(value)].write(value, seen.inside()),
    )


@dataclass(frozen=True)
class Documented:
    """What a dataclass says of a field.

    Attributes:
        meaning: in one line.
        shape: of an array, a letter for each dimension.
        bounds: of a number.
    """

    meaning: str
    shape: tuple[str, ...]
    bounds: Mapping[str, float]


@cache
def documented(kind: type) -> Mapping[str, Documented]:
    """Return what a dataclass says of each field.

    Raises:
        TypeError: its docstring does not say what a field means.
    """
    _, _, section = cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    meanings = {name: " ".join(text.split()) for name, text in ATTRIBUTE.findall(section.partition("\n\n")[0])}
    found = {}
    for each in fields(kind):
        if each.name not in meanings:
            raise TypeError(f"the docstring of {kind.__name__} does not say what {each.name} is")
        shape = SHAPE.search(meanings[each.name])
        letters = () if shape is None else LETTER.findall(shape[1])
        bounds = {bound: each.metadata[bound] for bound in BOUNDS if bound in each.metadata}
        found[each.name] = Documented(meanings[each.name].removesuffix("."), tuple(letters), bounds)
    return found


def _array(entry: type, letters: tuple[str, ...]) -> Form:
    annotation: Any = entry
    for _ in letters:
        annotation = GenericAlias(list, (annotation,))

    def read(stored: list[Any], seen: Seen) -> np.ndarray[Any, Any]:
        try:
            array: np.ndarray[Any, Any] = np.array(stored, dtype=entry)
        except ValueError:
            raise MisfitError("", "has lists of different lengths; it must be an array") from None
        # Of a list of nothing it is not seen how deep it is.
        sizes = array.shape + (0,) * (len(letters) - array.ndim)
        wanted = tuple(seen.size(letter, size) for letter, size in zip(letters, sizes, strict=True))
        if array.shape != wanted:
            several = len(letters) > 1
            found = f"has shape {array.shape}; it must be {wanted}" if several else f"has {len(array)} entries"
            raise MisfitError("", found if several else f"{found}; it must have {wanted[0]}")
        return array

    return Form(annotation, read, lambda value, _: value.tolist())


def _by_player(dimensions: int) -> Form:
    """Return the form of an array for each player, which runs over its types once or twice."""
    entry = _array(float, (BY_PLAYER,) * dimensions)

    def read(stored: list[Any], seen: Seen) -> tuple[Any, ...]:
        counts = [len(one) for one in stored]
        if counts != list(seen.type_counts):
            raise MisfitError("", f"is for {counts} types; the players have {list(seen.type_counts)}")
        return tuple(_at(place, entry, one, seen.inside()) for place, one in enumerate(stored))

    return Form(GenericAlias(list, (entry.annotation,)), read, lambda value, _: [one.tolist() for one in value])


def _at(place: int, form: Form, stored: Any, seen: Seen) -> Any:
    try:
        return form.read(stored, seen)
    except MisfitError as error:
        raise error.within(f"[{place}]") from None


def _annotated(annotation: Any, **limits: Any) -> Any:
    return Annotated[annotation, Field(**limits)] if limits else annotation


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _type_of(kind: type, name: str) -> Any:
    """Return the type of a field; those of others may be known to type checkers only."""
    owner = next(each for each in kind.__mro__ if name in get_annotations(each))
    alone = SimpleNamespace(__annotations__={name: get_annotations(owner)[name]})
    annotation = get_type_hints(alone, vars(sys.modules[owner.__module__]), TYPES)[name]
    while isinstance(annotation, TypeAliasType) and annotation not in (FloatArray, BooleanArray):
        annotation = annotation.__value__
    return annotation
