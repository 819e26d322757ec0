"""Learners over a menu of stances: ordinary behaviours, of which one is taken in each round.

The menu is written as names of registered behaviours. `misreporting` stands for one stance for each type that a type
can pretend to be; every other name stands for its behaviour with the parameters it has by default, or with those in
brackets behind it, as an inline table of TOML has them: `mispricing(factor = 0.5)`.
"""

from __future__ import annotations

import tomllib
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import get_type_hints, override

from marketgame.agents.behaviours.abreast import Abreast, OneByOne
from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.agents.behaviours.learning import Learning, Outcome
from marketgame.agents.behaviours.misreporting import Misreporting
from marketgame.agents.knowledge import TypeKnowledge
from marketgame.agents.private_type import TypedPlayer, type_names
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import MisnamedError, UnknownNameError, parameter

# Truth and obedience, every lie, and what the papers' markets are attacked by.
STANCES = ("obedient", "misreporting", "short-selling", "arbitraging", "withholding", "mispricing")


@dataclass(frozen=True)
class MenuLearning[Memory](Learning[Memory]):
    """Takes one stance of a menu in each round, drawn by probabilities that follow from its memory and its type.

    A learner says what its memory makes of a menu (`probabilities`), and what a round makes of its memory.

    Attributes:
        stances: the names of behaviours; see :mod:`marketgame.agents.behaviours.menu`.
    """

    stances: tuple[str, ...] = field(
        default=STANCES,
        metadata=parameter(
            "names of behaviours among which it learns, with parameters in brackets: mispricing(factor = 0.5); "
            "misreporting is one for each type there is to pretend",
            min_length=1,
        ),
    )

    @abstractmethod
    def probabilities(self, memory: Memory, type_number: int) -> FloatArray:
        """Return the probability of each stance of the menu of a type, ``(S,)``."""

    def menu(self, own: TypedPlayer, type_number: int) -> tuple[Behaviour, ...]:
        """Return the behaviours that a type of a player can take; equally many, ``S``, for each of its types."""
        return menu_of(self.stances, tuple(type_names(own)), type_number)

    def taken(self, outcome: Outcome) -> int:
        """Return the number of the stance by which the trader acted in a round."""
        return self.menu(outcome.knowledge.own, outcome.type_number).index(outcome.played)

    def abreast(self, memory: Memory, count: int) -> Abreast[Memory]:
        """Return what is remembered in so many replications, in each of them the same as yet."""
        return OneByOne(self, memory, count)

    @override
    def plan(self, memory: Memory, knowledge: TypeKnowledge) -> Behaviour:
        steps = self.probabilities(memory, knowledge.type_number).cumsum()
        drawn = knowledge.stream("stance").random() * steps[-1]
        stances = self.menu(knowledge.own, knowledge.type_number)
        return stances[min(int(steps.searchsorted(drawn, side="right")), len(stances) - 1)]

    @override
    def could_act(self, own: TypedPlayer, type_number: int) -> tuple[Behaviour, ...]:
        return self.menu(own, type_number)

    @override
    def check(self, players: Sequence[TypedPlayer]) -> None:
        for place, name in enumerate(self.stances):
            known = registered()
            if "(" in name:
                try:
                    stated(name)
                except ValueError as error:
                    raise ValueError(f"behaviour {self.name!r} has stance {name!r}: {error}") from None
            elif name not in known:
                message = f"behaviour {self.name!r} has no stance {name!r}; stances are {sorted(known)}"
                raise MisnamedError(message, f"stances[{place}]", name, sorted(known))
        for player in players:
            if not self.menu(player, 0):
                raise ValueError(f"behaviour {self.name!r} leaves {player.name}, who has one type, no stance")


def registered() -> tuple[str, ...]:
    """Return the names of all stances: of behaviours of ours that need no parameters and do not learn, and lies."""
    from marketgame.agents.behaviours import BEHAVIOURS  # noqa: PLC0415 -- it imports every module beside it

    return tuple(
        name
        for name, member in BEHAVIOURS.members.items()
        if not issubclass(member, Learning) and (member is Misreporting or _needs_nothing(member))
    )


def _needs_nothing(member: type[Behaviour]) -> bool:
    try:
        member()
    except TypeError:
        return False
    return True


@cache
def menu_of(stances: tuple[str, ...], types: tuple[str, ...], type_number: int) -> tuple[Behaviour, ...]:
    """Return the behaviours that stances stand for, each once.

    Args:
        stances: their names.
        types: the names of the player's types, in order.
        type_number: which of them it is of.

    Raises:
        UnknownNameError: there is no such stance.
        ValueError: its parameters are wrong.
    """
    from marketgame.agents.behaviours import BEHAVIOURS  # noqa: PLC0415 -- it imports every module beside it

    menu: list[Behaviour] = []
    for name in stances:
        if "(" in name:
            menu.append(stated(name))
            continue
        if name not in registered():
            raise UnknownNameError(f"there is no stance {name!r}; stances are {', '.join(registered())}")
        member = BEHAVIOURS.find(name)
        if member is Misreporting:
            own = types[type_number]
            menu += [Misreporting({own: other}) for other in types if other != own]
        else:
            menu.append(member())
    return tuple(each for number, each in enumerate(menu) if each not in menu[:number])


@cache
def stated(text: str) -> Behaviour:
    """Return the stance of a name with parameters in brackets.

    Raises:
        ValueError: there is no such behaviour, or it has no such parameters.
    """
    from marketgame.agents.behaviours import BEHAVIOURS  # noqa: PLC0415 -- it imports every module beside it

    name, _, rest = text.partition("(")
    member = BEHAVIOURS.members.get(name.strip())
    if member is None or issubclass(member, Learning) or member is Misreporting:
        able = [known for known in registered() if known != Misreporting.name]
        raise UnknownNameError(f"{name!r} takes no parameters in a menu; behaviours that may are {', '.join(able)}")
    values, hints = _inline(rest), get_type_hints(member)
    known = {each.metadata.get("key", each.name): each for each in fields(member)}
    for key in values:
        if key not in known:
            raise ValueError(f"there is no parameter {key!r}; there are {', '.join(known) or 'none'}")
    for key, each in known.items():
        if key not in values and each.default is each.default_factory is MISSING:
            raise ValueError(f"parameter {key!r} is missing")
    return member(**{known[key].name: _checked(key, value, hints[known[key].name]) for key, value in values.items()})


def _inline(rest: str) -> dict[str, object]:
    """Return what stands behind an opening bracket as the entries of an inline table."""
    given = rest.rstrip().removesuffix(")")
    with suppress(tomllib.TOMLDecodeError):
        if given != rest.rstrip() and "\n" not in given:
            values: dict[str, object] = tomllib.loads(f"given = {{{given}}}")["given"]
            return values
    raise ValueError(f"{given!r} are no parameters; write NAME = VALUE, with commas between, and close the bracket")


def _checked(key: str, value: object, kind: object) -> object:
    """Return a value of a file as a parameter of a type."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in list(kind):
            raise ValueError(f"{key} is {value!r}; it must be one of {', '.join(kind)}")
        return kind(str(value))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{key} is {value!r}; it must be of type {getattr(kind, '__name__', kind)}")
    return value


def stance_name(stance: Behaviour) -> str:
    """Return what tables call a stance: its behaviour's name, and what a lie pretends."""
    return stance.called
