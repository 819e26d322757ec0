"""Open registries: what a name in a file stands for, whether it is ours or anybody's own.

Members of ours are listed nowhere: whatever a module of the registry's home defines, is accepted and has a name of its
own is one, so that a new member is a new file. Distributions that are installed add theirs as entry points of the
registry's group, and ``package.module:Name`` names anything that can be imported, where whoever reads the file allows
it to run code. Nothing from outside is imported before something names it.

    >>> from dataclasses import dataclass, field
    >>> @dataclass(frozen=True)
    ... class Late:
    ...     name = "late"
    ...     minutes: float = field(default=5.0, metadata=parameter("by how much", unit="minutes", ge=0))
    >>> from marketgame.agents.behaviours import BEHAVIOURS
    >>> BEHAVIOURS.find("noisy")()
    Noisy(quote_scale=0.1, order_scale=0.1)
    >>> BEHAVIOURS.find("nosy")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    marketgame.registry.UnknownNameError: there is no behaviour 'nosy'; it must be one of arbitraging, ...
    >>> refuse_out_of_bounds(Late(-1.0), "habit 'late'")
    Traceback (most recent call last):
    ValueError: minutes of habit 'late' is -1.0; it must be at least 0
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache, cached_property
from importlib import import_module
from math import isfinite
from operator import attrgetter
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import ModuleType

    from _typeshed import DataclassInstance

CODE = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")
BOUNDS = ("ge", "gt", "le", "lt")
LENGTHS = ("min_length",)


class UnknownNameError(ValueError):
    """Nothing is registered under a name; the message is a sentence that names what is."""


class NotAllowedError(ValueError):
    """A name stands for code that may not be run; the message goes on after "FIELD is VALUE, "."""


class NotAMemberError(ValueError):
    """What a name stands for cannot be had, or is no member; the message goes on after "FIELD is VALUE, "."""


class MisnamedError(ValueError):
    """A parameter of a member names something that is not there.

    Attributes:
        parameter: which one, by its dotted path: ``reports.modest``.
        value: what it names.
        allowed: what there is.
    """

    def __init__(self, message: str, parameter: str, value: str, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.parameter, self.value, self.allowed = parameter, value, allowed


@dataclass(frozen=True, eq=False)
class Registry[Member]:
    """What the names of one key of a file stand for.

    Attributes:
        what: what a member is called in messages: ``behaviour``.
        group: the group of entry points by which installed distributions add members.
        required: what a member must be, in words.
        accepts: whether something is a member.
        home: the module, or the package with modules, that defines members of ours.
        owns: whether something with a name of its own is a member of ours; what ``accepts`` says, without it.
        order: what members of ours are sorted by; their names without it.
    """

    what: str
    group: str
    required: str
    accepts: Callable[[object], bool]
    home: str
    owns: Callable[[object], bool] | None = None
    order: Callable[[Member], Any] = field(default=attrgetter("name"))

    @cached_property
    def own(self) -> tuple[Member, ...]:
        """Members of ours; the modules of their home are imported when somebody asks for the first time."""
        found = (each for module in _modules(self.home) for each in vars(module).values())
        return tuple(sorted(dict.fromkeys(filter(self._is_own, found)), key=self.order))

    def _is_own(self, found: object) -> bool:
        # A class inherits a name from what it refines, and is no member by that: `DiagonalQuadratic`.
        return isinstance(getattr(found, "__dict__", {}).get("name"), str) and (self.owns or self.accepts)(found)

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """Members of ours by name."""
        return {self.name_of(member): member for member in self.own}

    @staticmethod
    def name_of(member: Any) -> str:
        """Return the name of a member of ours."""
        name: str = member.name
        return name

    @property
    def names(self) -> tuple[str, ...]:
        """All names that can be written without allowing code: ours, then those of installed distributions."""
        return (*self.members, *(name for name in sorted(_installed(self.group)) if name not in self.members))

    def find(self, name: str, *, allow_code: bool = False) -> Member:
        """Return what a name stands for.

        Args:
            name: of a member of ours, which comes first; of an entry point; or ``package.module:Name``.
            allow_code: whether a name may be of the last kind.

        Raises:
            UnknownNameError: there is no such name.
            NotAllowedError: the name is of the last kind, and that is not allowed.
            NotAMemberError: what it stands for cannot be imported, or is no member.
        """
        if name in self.members:
            return self.members[name]
        if (code := CODE.fullmatch(name)) is None:
            if name not in self.names:
                raise UnknownNameError(f"there is no {self.what} {name!r}; it must be one of {self._advice(name)}")
            return self._accepted(_loaded(_installed(self.group)[name].load))
        if not allow_code:
            raise NotAllowedError(
                "code that a file names and that is not run unasked; allow it with --allow-code (from Python, "
                f"allow_code=True), or install it as an entry point of the group {self.group!r}"
            )
        return self._accepted(_loaded(lambda: getattr(import_module(code["module"]), code["name"])))

    def called(self, member: Any) -> str:
        """Return the name by which `find` finds a member: ours, of an entry point, else ``package.module:Name``.

        Raises:
            ValueError: it is no member, or nothing that can be imported by a name.
        """
        if member in self.own:
            return self.name_of(member)
        for name, entry in _installed(self.group).items():
            # Only what is imported already can be the member.
            if getattr(sys.modules.get(entry.module), entry.attr, None) is member:
                return name
        name = f"{getattr(member, '__module__', '')}:{getattr(member, '__qualname__', '')}"
        if CODE.fullmatch(name) is None or not self.accepts(member):
            raise ValueError(f"{member!r} is no {self.what} that a file can name; it must be {self.required}")
        return name

    def _accepted(self, found: Any) -> Member:
        if not self.accepts(found):
            raise NotAMemberError(f"which is {found!r}; it must be {self.required}")
        member: Member = found
        return member

    def _advice(self, name: str) -> str:
        close = get_close_matches(name, self.names, n=1)
        return ", ".join(self.names) + (f"; did you mean {close[0]!r}?" if close else "")


def _modules(home: str) -> Iterator[ModuleType]:
    """Yield a module, and those in it if it is a package."""
    package = import_module(home)
    yield package
    for found in iter_modules(getattr(package, "__path__", ()), f"{home}."):
        yield import_module(found.name)


def _installed(group: str) -> Mapping[str, EntryPoint]:
    """Return what installed distributions add to a group, by name; none of it is imported."""
    return _searched(group, tuple(sys.path))


@cache
def _searched(group: str, _path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    # Files that name nothing but members of ours do without looking for others.
    from importlib.metadata import entry_points  # noqa: PLC0415

    return {entry.name: entry for entry in entry_points(group=group)}


def _loaded(load: Callable[[], object]) -> object:
    try:
        return load()
    # Whatever other people's code raises while it is imported, an attempt to leave the process included.
    except (Exception, SystemExit) as error:
        raise NotAMemberError(f"which cannot be imported: {type(error).__name__}: {error}") from error


def is_outside(kind: type) -> bool:
    """Whether a class is somebody else's, so that results depend on sources beside this program's."""
    return kind.__module__.partition(".")[0] != __name__.partition(".")[0]


def parameter(  # noqa: PLR0913 -- one argument for each thing that a field can say
    meaning: str,
    *,
    unit: str = "",
    key: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    min_length: int | None = None,
) -> Mapping[str, Any]:
    """Return the metadata of a dataclass field that a file can set; the names are Pydantic's.

    Args:
        meaning: one line.
        unit: of the number or numbers.
        key: what files call it; as the field if empty.
        ge: they are at least this.
        gt: they are greater than this.
        le: they are at most this.
        lt: they are less than this.
        min_length: how many entries there are at least.
    """
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt, "min_length": min_length}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    named = {"key": key} if key else {}
    return {"description": f"{meaning}, in {unit}" if unit else meaning, **given, **named}


def refuse_out_of_bounds(member: DataclassInstance, of: str = "") -> None:
    """Refuse a number whose field does not allow it; one with bounds must be finite.

    Raises:
        ValueError: naming the field, its value and what is allowed.
    """
    for named, bounds in _bounded(type(member)):
        value = getattr(member, named)
        if isinstance(value, int | float) and not (isfinite(value) and _within(value, bounds)):
            raise ValueError(f"{named}{of and f' of {of}'} is {value}; it must be {_in_words(bounds)}")


@cache
def _bounded(member: type[DataclassInstance]) -> tuple[tuple[str, dict[str, float]], ...]:
    """Return the fields of a class that have bounds, with these."""
    bounds = {
        each.name: {name: each.metadata[name] for name in BOUNDS if name in each.metadata} for each in fields(member)
    }
    return tuple((name, own) for name, own in bounds.items() if own)


def _within(value: float, bounds: Mapping[str, float]) -> bool:
    return (
        ("ge" not in bounds or value >= bounds["ge"])
        and ("gt" not in bounds or value > bounds["gt"])
        and ("le" not in bounds or value <= bounds["le"])
        and ("lt" not in bounds or value < bounds["lt"])
    )


def _in_words(bounds: Mapping[str, float]) -> str:
    if bounds.keys() == {"ge", "le"}:
        return f"from {bounds['ge']:g} to {bounds['le']:g}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{words[name]} {bound:g}" for name, bound in bounds.items())
