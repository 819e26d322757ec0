"""Traders who learn: what they hear when a round is over, what they remember, and how they act by it.

A learner is a behaviour and as frozen as any. What it remembers is a value of its own, which the trader keeps for it,
and three pure functions make, read and update it:

* `Learning.initial_memory` returns what is remembered before the first round,
* `Learning.plan` turns memory into the frozen behaviour by which the trader acts in the round that begins, at every
  moment of it: it reports, answers, quotes and orders as that behaviour does,
* `Learning.learn` turns memory and the outcome of a round into the memory of the next.

A memory is a NumPy array, or a frozen dataclass of arrays, numbers and texts, so that it can be written to a file and
read again, bit for bit (`packed`, `unpacked`); no code is ever stored.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, override

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.agents.knowledge import CommonKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.rules import BankruptcyReason

if TYPE_CHECKING:
    from marketgame.agents.behaviours.behaviour import Order


class Publication(StrEnum):
    """What is told to those who learn when a round is over, beyond what became of themselves."""

    HINDSIGHT = "hindsight"
    """What each stance of its menu would have brought it, had everybody else acted by the same behaviours."""
    STANCES = "stances"
    """Which behaviour those whom it can see acted by, and what they gained."""


@dataclass(frozen=True, eq=False)
class Heard:
    """What is told about somebody else when a round is over, where that is published.

    Attributes:
        player: its number.
        stance: what it acted by, as tables call it.
        gain: its utility above that of its endowment, numeraire.
    """

    player: int
    stance: str
    gain: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a trader knows when a round is over. No object it can reach holds another's type.

    Attributes:
        knowledge: what it knew when it quoted: its type, its report, what it was told, all transfers, its streams.
        played: the behaviour it acted by.
        bound: whether it did not act by it alone: a coalition told it what to do, or it left with a mediator.
        quotes: row j is what player j quoted, ``(N, L)``, numeraire per unit.
        order: what it ordered, and the endowment the market accepted as announced.
        flows: what flowed to it from player j in the trades that stand, ``(N, L)``, units; negative is delivered.
        consumed: what it consumes, ``(L,)``, units, without what it was paid.
        paid: what mediators paid it, and fellow members of a coalition for reports, numeraire.
        gain: its utility above that of its endowment, numeraire, to the digits of what is traded.
        reason: why it is bankrupt, or that it is not.
        hindsight: what each stance of its menu would have gained, ``(S,)``, numeraire; only if it is published.
        heard: what is published of those it can see.
    """

    knowledge: RecommendedKnowledge
    played: Behaviour
    bound: bool
    quotes: FloatArray
    order: Order
    flows: FloatArray
    consumed: FloatArray
    paid: float
    gain: float
    reason: BankruptcyReason
    hindsight: FloatArray | None = None
    heard: tuple[Heard, ...] = ()

    @property
    def type_number(self) -> int:
        """Its own type in the round."""
        return self.knowledge.type_number

    @property
    def bankrupt(self) -> bool:
        """Whether it is."""
        return self.reason is not BankruptcyReason.SOLVENT

    @property
    def utility(self) -> float:
        """Its utility, numeraire: a level, for display."""
        return float(self.knowledge.utility(self.consumed)) + self.paid

    @property
    def stream(self) -> Callable[[str], np.random.Generator]:
        """Opens its own random stream of the round for the purpose named, from its beginning."""
        return self.knowledge.stream


@dataclass(frozen=True)
class Learning[Memory](Behaviour):
    """How a trader acts that remembers earlier rounds: it plans an ordinary behaviour for each round.

    One memory serves all types of a trader to which a scenario gives the same learner.
    """

    @abstractmethod
    def initial_memory(self, common: CommonKnowledge, player: int) -> Memory:
        """Return what a player, by its number, remembers before the first round."""

    @abstractmethod
    def plan(self, memory: Memory, knowledge: TypeKnowledge) -> Behaviour:
        """Return the behaviour by which the trader acts in the round that begins, knowing its type."""

    @abstractmethod
    def learn(self, memory: Memory, outcome: Outcome) -> Memory:
        """Return what is remembered when a round is over; what was remembered before stays as it is."""

    @classmethod
    @override
    def suits_games(cls) -> bool:
        """Not: in a coalitional game nobody is told what became of a round."""
        return False


def fixed[Memory](memory: Memory) -> Memory:
    """Return a memory whose arrays refuse writing: what is remembered may be kept elsewhere, and by several."""
    for each in (memory,) if isinstance(memory, np.ndarray) else getattr(memory, "__dict__", {}).values():
        if isinstance(each, np.ndarray):
            each.flags.writeable = False
    return memory


def packed(memory: object) -> dict[str, NDArray[Any]]:
    """Return a memory as arrays by name, as they are written to a file.

    Raises:
        TypeError: it is neither an array nor a dataclass of arrays, numbers and texts.
    """
    if isinstance(memory, np.ndarray):
        return {"": memory}
    if not is_dataclass(memory) or isinstance(memory, type):
        raise TypeError(f"a memory must be an array or a dataclass of arrays, numbers and texts; it is {memory!r}")
    arrays = {each.name: np.asarray(getattr(memory, each.name)) for each in fields(memory)}
    for name, array in arrays.items():
        if array.dtype.kind not in "biufU":
            raise TypeError(f"field {name!r} of a memory must be an array, a number or a text; it is {array!r}")
    return arrays


def unpacked[Memory](arrays: Mapping[str, NDArray[Any]], like: Memory) -> Memory:
    """Return the memory that was packed as arrays.

    Args:
        arrays: as `packed` returned them.
        like: any memory of the same learner.

    Raises:
        ValueError: they are not those of such a memory.
    """
    wanted = packed(like)
    for name, array in wanted.items():
        if name not in arrays or arrays[name].dtype.kind != array.dtype.kind or arrays[name].ndim != array.ndim:
            raise ValueError(f"{name or 'memory'!r} is not what {type(like).__name__} remembers")
    if isinstance(like, np.ndarray):
        return arrays[""]  # type: ignore[return-value]
    kept = {
        name: arrays[name] if isinstance(getattr(like, name), np.ndarray) else arrays[name].item() for name in wanted
    }
    return type(like)(**kept)


def memory_slots(behaviours: Sequence[Behaviour]) -> dict[int, int]:
    """Return for each type of a player that learns which memory it uses: that of the first type with its learner."""
    learners = {number: each for number, each in enumerate(behaviours) if isinstance(each, Learning)}
    first = {id(each): number for number, each in reversed(learners.items())}
    return {number: first[id(each)] for number, each in learners.items()}
