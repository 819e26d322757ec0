"""Learners over a menu of stances: ordinary behaviours, of which one is taken in each round.

The menu is written as names of registered behaviours. `misreporting` stands for one stance for each type that a type
can pretend to be; every other name stands for its behaviour with the parameters it has by default.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import override

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
            "names of behaviours among which it learns; misreporting is one for each type there is to pretend",
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
            if name not in known:
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
    """
    from marketgame.agents.behaviours import BEHAVIOURS  # noqa: PLC0415 -- it imports every module beside it

    menu: list[Behaviour] = []
    for name in stances:
        if name not in registered():
            raise UnknownNameError(f"there is no stance {name!r}; stances are {', '.join(registered())}")
        member = BEHAVIOURS.find(name)
        if member is Misreporting:
            own = types[type_number]
            menu += [Misreporting({own: other}) for other in types if other != own]
        else:
            menu.append(member())
    return tuple(each for number, each in enumerate(menu) if each not in menu[:number])


def stance_name(stance: Behaviour) -> str:
    """Return what tables call a stance: its behaviour's name, and what a lie pretends."""
    return stance.called
