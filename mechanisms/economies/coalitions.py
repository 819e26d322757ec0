"""Coalitions: how they are written, and which ones a question is about.

Players who are equal in all respects can take each other's place. What is true of one coalition is then true of all
that have as many members of each kind, so that one of them stands for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from math import comb, prod

MOST_LISTED = 1023
"""If there are more, coalitions of which one thing is proven together are not listed one by one."""
MOST_JOINT_TYPES = 1024
"""Of members who agree on reports: tables of pairs of them are kept, one for each member."""

type Coalition = tuple[int, ...]
"""The numbers of its members, ascending."""
type _Part = tuple[int, int]


def refuse_joint_types(type_counts: Sequence[int], members: Coalition) -> None:
    """Refuse a coalition that could make too many joint reports to agree on one.

    Raises:
        ValueError: its members have more joint types than tables are kept of.
    """
    joint = prod(type_counts[member] for member in members)
    if joint > MOST_JOINT_TYPES:
        raise ValueError(
            f"members have {joint} joint types; agreements on reports know up to {MOST_JOINT_TYPES}: take fewer members"
        )


def coalition_name(members: Iterable[str]) -> str:
    """Return the name of a coalition: those of its members, in the economy's order.

    >>> coalition_name(["ann", "bob"])
    'ann + bob'
    """
    return " + ".join(members)


@dataclass(frozen=True)
class Coalitions:
    """All coalitions of up to some size, and others by name. There may be too many to list.

    Attributes:
        players: how many there are.
        largest: of how many members those are that need no name; 0 for none.
        named: others.
    """

    players: int
    largest: int
    named: tuple[Coalition, ...] = ()

    @classmethod
    def of(cls, players: int, listed: Collection[Coalition]) -> Coalitions:
        """Return the coalitions of a list.

        >>> Coalitions.of(3, [(0,), (1,), (2,), (0, 2)])
        Coalitions(players=3, largest=1, named=((0, 2),))
        """
        once = sorted(set(listed))
        sizes, largest = Counter(map(len, once)), 0
        while largest < players and sizes[largest + 1] == comb(players, largest + 1):
            largest += 1
        return cls(players, largest, tuple(one for one in once if len(one) > largest))

    @property
    def count(self) -> int:
        """How many they are."""
        return sum(comb(self.players, size) for size in range(1, self.largest + 1)) + len(self.named)

    @property
    def complete(self) -> bool:
        """Whether they are all that there are."""
        return self.largest == self.players

    def __iter__(self) -> Iterator[Coalition]:
        for size in range(1, self.largest + 1):
            yield from combinations(range(self.players), size)
        yield from self.named

    def __contains__(self, coalition: Coalition) -> bool:
        return 0 < len(coalition) <= self.largest or coalition in self.named


def kinds_of_coalitions(alike: Sequence[int], size: int) -> Iterator[tuple[Coalition, int]]:
    """Yield one coalition of each kind, and how many are of its kind.

    Args:
        alike: for each player the number of its kind; players of one kind can take each other's place.
        size: how many members.

    >>> list(kinds_of_coalitions([0, 1, 0], 2))
    [((0, 2), 1), ((0, 1), 2)]
    """
    kinds: dict[int, list[int]] = {}
    for player, kind in enumerate(alike):
        kinds.setdefault(kind, []).append(player)
    groups = list(kinds.values())
    room = [*accumulate(map(len, reversed(groups)), initial=0)][::-1]
    for taken in _divided([len(group) for group in groups], room, size):
        members = (player for place, some in taken for player in groups[place][:some])
        yield tuple(sorted(members)), prod(comb(len(groups[place]), some) for place, some in taken)


def _divided(limits: Sequence[int], room: Sequence[int], total: int) -> Iterator[tuple[_Part, ...]]:
    """Yield how a number can be divided into parts within limits, as places and parts, those of first places first.

    From each place on there is ``room`` for so much.
    """

    def parts(left: int, first: int) -> Iterator[_Part]:
        for place in range(first, len(limits)):
            if room[place] < left:
                return
            for part in range(min(limits[place], left), 0, -1):
                yield place, part

    # What is taken may be as long as there are players, more than functions may call each other.
    taken, lefts, pending = list[_Part](), [total], [parts(total, 0)]
    if total == 0:
        yield ()
    while pending:
        step = next(pending[-1], None)
        if step is None:
            pending.pop()
            lefts.pop()
            if taken:
                taken.pop()
        elif step[1] == lefts[-1]:
            yield (*taken, step)
        else:
            taken.append(step)
            lefts.append(lefts[-1] - step[1])
            pending.append(parts(lefts[-1], step[0] + 1))
