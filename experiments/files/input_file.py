"""How input files are read: TOML into strict models, and each mistake into one line that says what is wrong.

A line names the file, the field by its dotted path, the value found and what is allowed::

    farmers.toml: players.ann.types.modest.endowment[1] is -3.0; it must be at least 0

In a path the entries of a list of tables are called by their name where they have one, else by their position,
counted from 0. What the models can tell is told at once, in the order of the file. When all of that is right, so is
what does not go together: names of nobody, names given twice, sizes that disagree, probabilities that do not add up.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from enum import Enum, StrEnum
from itertools import islice
from math import inf
from os.path import normpath
from pathlib import Path
from typing import Any, Never, Self, get_args, override

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from marketgame.results.names import shortened

LONGEST_VALUE_SHOWN = 60
# Of a file this many mistakes are told, and the others counted.
MOST_MISTAKES = 50
# A message that lists what is allowed lists this many names, and counts the others.
MOST_NAMES_LISTED = 20

# No number of a file may be larger, whatever its unit. The costliest product that is computed is the square of what
# abatement costs, a m³: eight numbers of a file; the eighth power of larger ones leaves the range of float64, 1.8e308.
# An economy that counts money in billionths and goods in billions has none above 1e36 times those that it usually has.
LARGEST_NUMBER = 1e38
# No more may all there is of every good be worth to anybody, since utilities are squared too; powers and exponents make
# more of numbers than products do.
LARGEST_WORTH = 1e150

# Parsing takes up to 2 seconds and 250 megabytes of memory for each megabyte of TOML made to be hard, and a third of a
# second for one of numbers; an economy of 30,000 type profiles under a joint prior has 8.
LARGEST_INPUT = 8 * 2**20
# Certificates list what every type does in every profile, in JSON, which is parsed thirty times as fast.
LARGEST_CERTIFICATE = 64 * 2**20
# The formats need nine levels of tables and lists; a parser that recurses fails beyond some hundreds.
DEEPEST = 24
# What stands for a level, or hides one: strings and comments are skipped whole, in TOML and in JSON, which has fewer.
STRUCTURE = re.compile(
    r'''"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?|"(?:[^"\\\n]++|\\.)*+"?|'''
    r"""'''(?:[^']++|'(?!''))*+(?:''')?|'[^'\n]*+'?|"""
    r"#[^\n]*+|(?P<opens>[\[{])|(?P<closes>[\]}])|(?P<dot>\.)|(?P<ends>[=,\n])",
    re.DOTALL,
)
NOT_REGULAR = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFCHR: "device", stat.S_IFBLK: "device"} | {
    stat.S_IFSOCK: "socket"
}

# Of the context in which a file is checked: whether it may name code of anybody's.
ALLOW_CODE = "allow_code"

# What Pydantic calls a mistake, and how we finish the sentence "FIELD is VALUE; it must ...".
REQUIREMENTS = {
    "string_type": "be text in quotes",
    "int_type": "be a whole number",
    "float_type": "be a number",
    "bool_type": "be true or false",
    "finite_number": "be finite",
    "none_required": "be null",
    "list_type": "be a list",
    "dict_type": "be a table",
    "model_type": "be a table",
    "model_attributes_type": "be a table",
    "greater_than": "be greater than {gt:g}",
    "greater_than_equal": "be at least {ge:g}",
    "less_than": "be less than {lt:g}",
    "less_than_equal": "be at most {le:g}",
    "too_short": "have at least {min_length} entry",
    "string_too_short": "not be empty",
    "enum": "be {expected}",
    "literal_error": "be {expected}",
}


# What we call mistakes that Pydantic would report without advice.
UNKNOWN_KEY, MISSING_KEY = KEY_MISTAKES = ("unknown_key", "missing_key")
# And one that it does not know.
TOO_LARGE = "too_large"

type Location = tuple[str | int, ...]


class InputError(Exception):
    """An input file is wrong: what is, on one line each, for the person who wrote the file."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, in the order of the file."""
        return self.args

    @override
    def __str__(self) -> str:
        return "\n".join(self.args)


class InputModel(BaseModel):
    """One table of an input file: unknown keys, wrong types and undefined numbers are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _with_advice_on_keys(cls, table: object, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Report a misspelt key as such, not as one key missing and another unknown, beside what else is wrong."""
        if not isinstance(table, Mapping):
            return validate(table)
        mistakes = list(_mistaken_keys(cls, table))
        if not mistakes:
            return validate(table)
        try:
            validate({key: value for key, value in table.items() if key in cls.model_fields})
        except ValidationError as error:
            mistakes += (_again(each) for each in error.errors(include_url=False) if each["type"] != "missing")
        raise ValidationError.from_exception_data(cls.__name__, mistakes)


def _mistaken_keys(model: type[BaseModel], table: Mapping[str, object]) -> Iterator[InitErrorDetails]:
    """Yield the keys that a table has and should not, and those it should have and has not."""
    known, meant = list(model.model_fields), set()
    for key in islice((key for key in table if key not in known), MOST_MISTAKES + 1):
        meant |= set(_close(key, known))
        advice = f"is not a known key; this table takes {_advice(key, known)}"
        kind = PydanticCustomError(UNKNOWN_KEY, "{advice}", {"key": key, "advice": advice})
        yield InitErrorDetails(type=kind, input=table)
    for name, field in model.model_fields.items():
        if field.is_required() and name not in table and name not in meant:
            advice = f"is missing; it must be given: {field.description}"
            kind = PydanticCustomError(MISSING_KEY, "{advice}", {"key": name, "advice": advice})
            yield InitErrorDetails(type=kind, input=table)


def _again(error: ErrorDetails) -> InitErrorDetails:
    """Return an error that was told as one that can be told."""
    kind, context = error["type"], error.get("ctx", {})
    told = PydanticCustomError(kind, "{advice}", context) if kind in KEY_MISTAKES else kind
    return InitErrorDetails(type=told, loc=error["loc"], input=error["input"], ctx=context)


class InputFiles:
    """The files that one command reads: each is read and parsed once, and what was parsed is what is kept.

    Who records where a result came from takes ``contents``, not what stands on the disk by then.

    Args:
        allow_code: whether the files may name code of anybody's, ``package.module:Name``, which then is imported.
    """

    def __init__(self, *, allow_code: bool = False) -> None:
        self.allow_code = allow_code
        self._contents: dict[Path, bytes] = {}
        self._tables: dict[Path, dict[str, Any]] = {}

    @property
    def contents(self) -> Mapping[Path, bytes]:
        """The bytes of every file read so far, by absolute path, in the order of first reading."""
        return self._contents

    def read(self, path: Path, largest: int = LARGEST_INPUT) -> bytes:
        """Return the bytes of a file, as they were when it was first read.

        Raises:
            InputError: there is no such file, it is none, or it is too large.
        """
        where = _absolute(path)
        if where not in self._contents:
            self._contents[where] = read_bytes(path, largest)
        return self._contents[where]

    def table(self, path: Path) -> dict[str, Any]:
        """Return the TOML document in a file, the same object to all who ask: nobody changes it.

        Raises:
            InputError: there is no such file, it cannot be read, or it is not TOML.
        """
        where = _absolute(path)
        if where not in self._tables:
            self._tables[where] = parsed(path, self.read(path), tomllib.loads, "TOML")
        return self._tables[where]


def _absolute(path: Path) -> Path:
    return Path(normpath(path.absolute()))


def read_bytes(path: Path, largest: int = LARGEST_INPUT) -> bytes:
    """Return the bytes of a file; pipes and devices are refused before anything is read from them.

    Raises:
        InputError: there is no such file, it is none, or it is too large.
    """
    try:
        _refuse_other_than_files(path, path.stat().st_mode)
        # What the name stands for may have changed since: a pipe without a writer must not be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _refuse_other_than_files(path, os.fstat(descriptor).st_mode)
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; name an existing file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # a name with a null character
        raise InputError(f"{path}: there can be no such file; name an existing file") from None
    if len(content) > largest:
        raise InputError(f"{path}: is larger than {largest // 2**20} megabytes; name a smaller file")
    return content


def _refuse_other_than_files(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: this is a {NOT_REGULAR.get(stat.S_IFMT(mode), 'special file')}; name a file")


def read_table(path: Path, files: InputFiles | None = None) -> dict[str, Any]:
    """Return the TOML document in a file.

    Raises:
        InputError: there is no such file, it cannot be read, or it is not TOML.
    """
    return (InputFiles() if files is None else files).table(path)


def parsed[Document](path: Path, content: bytes, parse: Callable[[str], Document], language: str) -> Document:
    """Return the document in the bytes of a text file.

    Args:
        path: the file, for messages.
        content: its bytes.
        parse: reads the text; its ValueErrors say what is wrong with it.
        language: what the text must be, for messages.

    Raises:
        InputError: it is not of the language, or nested too deeply.
    """
    try:
        text = content.decode("utf-8")
        if is_deep(text):
            raise InputError(f"{path}: is nested too deeply; there may be at most {DEEPEST} levels")
        return parse(text)
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not text; it must be {language} in UTF-8") from None
    except ValueError as error:
        raise InputError(f"{path}: this is not {language}: {error}") from None


def is_deep(text: str) -> bool:
    """Say whether a TOML or JSON text has more than ``DEEPEST`` levels, in time proportional to its length.

    Tables and lists inside each other count, and the parts of dotted keys.
    """
    depth, dots = 0, 0
    for token in STRUCTURE.finditer(text):
        match token.lastgroup:
            case "opens":
                depth, dots = depth + 1, 0
            case "closes":
                depth, dots = depth - 1, 0
            case "dot":
                dots += 1
            case "ends":
                dots = 0
        if depth + dots > DEEPEST:
            return True
    return False


def read_input[Model: InputModel](model: type[Model], path: Path, files: InputFiles | None = None) -> Model:
    """Return a file as a model.

    Raises:
        InputError: the file cannot be read, is of another kind, or a field is wrong.
    """
    table = read_table(path, files)
    kind_of(table, path, [str(kind) for kind in get_args(model.model_fields["kind"].annotation)])
    return validated(model, table, path, allow_code=files is not None and files.allow_code)


def kind_of(table: Mapping[str, Any], path: Path, allowed: Sequence[str]) -> str:
    """Return what a file holds.

    Raises:
        InputError: the file does not say, or holds something that is not allowed here.
    """
    if "kind" not in table:
        refuse(path, "kind", f"is missing; it must be given: {' or '.join(allowed)}")
    kind = table["kind"]
    if not isinstance(kind, str):
        refuse(path, "kind", f"is {shown(kind)}; it must be one of {', '.join(allowed)}")
    if kind not in allowed:
        refuse(path, "kind", unknown_name(kind, allowed))
    return kind


def validated[Model: InputModel](
    model: type[Model], table: Mapping[str, Any], path: Path, *, allow_code: bool = False
) -> Model:
    """Return the table as a model.

    Raises:
        InputError: keys are unknown or missing, or values are not allowed.
    """
    found: list[ErrorDetails] = []
    try:
        stated = model.model_validate(table, context={ALLOW_CODE: allow_code})
    except ValidationError as error:
        found = error.errors(include_url=False)
    mistakes = _in_order(found, table)
    if mistakes:
        told = [f"{path}: {_sentence(each, table)}" for each in mistakes[:MOST_MISTAKES]]
        untold = [f"{path}: has more mistakes than these"] if len(mistakes) > MOST_MISTAKES else []
        raise InputError(*told, *untold)
    return stated


def _in_order(found: Sequence[ErrorDetails], table: Mapping[str, Any]) -> list[ErrorDetails]:
    """Return mistakes in the order of the file, numbers too large among them, and of several about one place the first.

    There are several where a value could be one thing or another, and is neither. What is missing comes first in the
    table that lacks it.
    """
    too_large = (
        ErrorDetails(type=TOO_LARGE, loc=location, msg="", input=value)
        for location, value in _entries(table)
        if isinstance(value, int | float) and LARGEST_NUMBER < abs(value) < inf
    )
    # What stands under a key that is not known is of no interest; a number too large is nothing else.
    of_keys = [each for each in found if each["type"] in KEY_MISTAKES]
    told: dict[Location, ErrorDetails] = {}
    around: set[Location] = set()
    for mistake in (*of_keys, *too_large, *found):
        location = _location(mistake, table)
        above = {location[:depth] for depth in range(1, len(location) + 1)}
        if location not in around and not above & told.keys():
            told[location] = mistake
            around |= above
    places = {location: place for place, (location, _) in enumerate(_entries(table if told else ()))}
    return [told[location] for location in sorted(told, key=lambda each: places.get(each, places.get(each[:-1], -1)))]


def _entries(node: object, location: Location = ()) -> Iterator[tuple[Location, object]]:
    """Yield everything in a document with its place, in order."""
    match node:
        case dict():
            steps: Iterable[tuple[str | int, object]] = node.items()
        case list():
            steps = enumerate(node)
        case _:
            steps = ()
    for step, value in steps:
        yield (*location, step), value
        yield from _entries(value, (*location, step))


def refuse(path: Path, field: str, problem: str) -> Never:
    """Refuse a field of a file.

    Raises:
        InputError: always; the message is "path: field problem".
    """
    raise InputError(f"{path}: {field} {problem}")


@contextmanager
def blamed_on(path: Path, field: str = "") -> Iterator[None]:
    """Turn the ValueError of an object built from a field into an InputError that names the field.

    Args:
        path: the file.
        field: the dotted path in front of what the message names; empty when the message stands alone.
    """
    try:
        yield
    except ValueError as error:
        raise InputError(*(f"{path}: {field}{problem}" for problem in _problems(error))) from None


class MistakesError(ValueError):
    """Several mistakes of one file, one argument each, which begins with the field that is wrong."""


def _problems(error: Exception) -> tuple[object, ...]:
    return error.args if isinstance(error, InputError | MistakesError) else (error,)


class Mistakes:
    """What is wrong with parts of a file that are looked at independently of each other; told together in the end.

    Args:
        told_as: the error that tells them, and of which they are kept: `InputError` where they name their file,
            `MistakesError` where `blamed_on` names it for them.
    """

    def __init__(self, told_as: type[InputError | MistakesError] = InputError) -> None:
        self._told_as = told_as
        self._kept: type[Exception] = InputError if issubclass(told_as, InputError) else ValueError
        self._found: list[object] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is wrong with a part, and go on after it."""
        try:
            yield
        except self._kept as error:
            self._found += _problems(error)

    def tell(self) -> None:
        """Tell what was kept, once a part has to be right for others to be looked at, and in the end.

        Raises:
            InputError: anything was; or a `MistakesError`, as asked for.
        """
        if self._found:
            # Who asks the same of several tables of one entry is told once.
            raise self._told_as(*list(dict.fromkeys(map(str, self._found)))[:MOST_MISTAKES])


def made[Part](
    makers: Iterable[Callable[[], Part]], told_as: type[InputError | MistakesError] = InputError
) -> tuple[Part, ...]:
    """Return the parts of something that are made independently of each other.

    Raises:
        InputError: some cannot be; it holds what is wrong with each; or a `MistakesError`, as asked for.
    """
    parts, mistakes = [], Mistakes(told_as)
    for make in makers:
        with mistakes.kept():
            parts.append(make())
    mistakes.tell()
    return tuple(parts)


def unknown_name(name: object, allowed: Sequence[str]) -> str:
    """Return the end of a sentence about a name that is not among those allowed."""
    return f"is {shown(name)}; {one_of(str(name), allowed)}"


def member[Kind: Enum](kind: type[Kind], given: Kind | str, field: str) -> Kind:
    """Return the member of an enumeration that is given, or that a word names as files and options write it.

    Raises:
        InputError: there is no such member; the message begins with the field.
    """
    if isinstance(given, kind):
        return given
    names = {each.name.lower().replace("_", "-"): each for each in kind}
    if given not in names:
        raise InputError(f"{field} {unknown_name(given, list(names))}")
    return names[str(given)]


def one_of(name: str, allowed: Sequence[str]) -> str:
    """Return the clause that lists what is allowed and suggests what was meant."""
    return f"it must be one of {_advice(name, allowed)}"


def _advice(name: str, allowed: Sequence[str]) -> str:
    return "; did you mean ".join([listed(allowed), *(f"{shown(close)}?" for close in _close(name, allowed))])


def listed(names: Sequence[str]) -> str:
    """Return names as a message lists them, of many the first."""
    first = ", ".join(shortened(each, LONGEST_VALUE_SHOWN) for each in names[:MOST_NAMES_LISTED])
    others = len(names) - MOST_NAMES_LISTED
    return f"{first} and {others} others" if others > 0 else first


def _close(name: str, allowed: Sequence[str]) -> list[str]:
    """Return what was meant, if that can be guessed."""
    return get_close_matches(name[:LONGEST_VALUE_SHOWN], allowed, n=1)


def _location(error: ErrorDetails, table: Mapping[str, Any]) -> Location:
    """Return where a mistake is, the key that is wrong or missing included."""
    key = [error["ctx"]["key"]] if error["type"] in KEY_MISTAKES else []
    return (*_steps(error["loc"], table), *key)


def _sentence(error: ErrorDetails, table: Mapping[str, Any]) -> str:
    field, context = _dotted(error["loc"], table), error.get("ctx", {})
    match error["type"]:
        case _ if error["type"] in KEY_MISTAKES:
            key = shortened(str(context["key"]), LONGEST_VALUE_SHOWN)
            return f"{field}.{key} {context['advice']}" if field else f"{key} {context['advice']}"
        case _ if error["type"] == TOO_LARGE:
            allowed = f"a number of at most {LARGEST_NUMBER:g} in size; products of larger ones cannot be computed"
            return f"{field} is {shown(error['input'])}; it must be {allowed}"
        case "union_tag_invalid":
            key = str(context["discriminator"]).strip("'")
            tags = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
            return f"{field}.{key} {unknown_name(error['input'][key], tags)}"
        case "union_tag_not_found":
            key = str(context["discriminator"]).strip("'")
            return f"{field}.{key} is missing; it must be given"
        case "enum" | "literal_error" if isinstance(error["input"], str):
            names = [name.strip("' ") for name in str(context["expected"]).replace(" or ", ",").split(",")]
            return f"{field} {unknown_name(error['input'], names)}"
        case kind:
            requirement = REQUIREMENTS.get(kind, error["msg"]).format(**context)
            return f"{field or 'the file'} is {shown(error['input'])}; it must {requirement}"


def _steps(location: Location, table: object) -> Location:
    """Return the part of a Pydantic location that the file has: not the tag of a union of models, which is no key."""
    found, node = [], table
    for step in location:
        match node, step:
            case (list(), int()):
                node = node[step]
            case (dict(), str()) if step in node:
                node = node[step]
            case _:
                continue
        found.append(step)
    return tuple(found)


def _dotted(location: Location, table: object) -> str:
    """Return a Pydantic location as the path a reader finds in the file."""
    path = ""
    node: Any = table
    for step in _steps(location, table):
        node = node[step]
        if isinstance(step, int):
            path = entry_path(path, step, name_of(node))
        else:
            path = f"{path}.{shortened(step, LONGEST_VALUE_SHOWN)}"
    return path.removeprefix(".")


def entry_path(field: str, place: int, name: str | None) -> str:
    """Return the path of an entry of a list: by its name if it has one, else by its position."""
    return f"{field}[{place}]" if name is None else f"{field}.{shortened(name, LONGEST_VALUE_SHOWN)}"


def name_of(entry: object) -> str | None:
    """Return what an entry of a list of tables is called, if it has a name."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else None


def shown(value: object) -> str:
    """Return a value as it would be written in TOML, cut short if long."""
    match value:
        case bool():
            text = str(value).lower()
        case dict():
            text = "a table"
        case StrEnum():
            text = repr(value.value)
        case str():
            text = repr(shortened(value, LONGEST_VALUE_SHOWN))
        case int() if abs(value) > LARGEST_NUMBER:
            text = "an even larger number"  # Python refuses to write some, and nobody can read the others
        case _:
            text = repr(value)
    return text if len(text) <= LONGEST_VALUE_SHOWN else f"{text[:LONGEST_VALUE_SHOWN]}..."
