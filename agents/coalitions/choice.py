"""Which coalitions an organiser approaches, when, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from math import comb

from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.registry import parameter, refuse_out_of_bounds

type Links = frozenset[tuple[int, int]]
"""Pairs of players, by number, the smaller first: the edges of a graph."""

# An organiser that had to list more coalitions than this would never get round to them.
MOST_COALITIONS = 20_000


class OrganiserStage(StrEnum):
    """What the members of a coalition agree upon."""

    ORDERS = "orders"
    """What to quote, to order and to announce, once the established mediator has made its recommendations."""
    REPORTS = "reports"
    """What to report to the established mediator; then all obey."""
    BOTH = "both"
    """First what to report, and then what to quote, to order and to announce."""


class CoalitionSelection(StrEnum):
    """How an organiser selects coalitions in a round."""

    ALL = "all"
    """One after another, small ones first, until one accepts."""
    RANDOM = "random"
    """One, each as likely as the others."""
    CONNECTED = "connected"
    """The same, of those whose members are connected among themselves in a given graph."""


class Together(StrEnum):
    """Which groups of players in a network can form a coalition."""

    CONNECTED = "connected"
    """Those connected among themselves: news travels from member to member, through no outsider."""
    CLIQUES = "cliques"
    """Those in which everybody knows everybody."""


@dataclass(frozen=True)
class CoalitionChoice:
    """Which coalitions an organiser can bring together, and how often it tries.

    Attributes:
        selection: how it selects among them.
        smallest: how many members they have at least.
        largest: how many members they have at most; none for any number.
        members: whom it can reach, by number; none for everybody.
        links: pairs of players who can talk to each other, the edges of the graph; given just when coalitions are to
            be connected.
        frequency: in which share of the rounds it tries.
        network: pairs of players who can talk to each other at all, however coalitions are selected; none for all. An
            organiser may find nobody in it to bring together.
        together: which groups of players in the network can form a coalition.

    Raises:
        ValueError: sizes or the frequency make no sense, or there are links and nothing to connect, or none to
            connect by.
    """

    selection: CoalitionSelection = field(
        default=CoalitionSelection.RANDOM,
        metadata=parameter(
            "all: one after another, small ones first, until one accepts; random: one drawn each time; connected: one "
            "drawn of those connected by links or graph",
            key="coalitions",
        ),
    )
    smallest: int = field(default=2, metadata=parameter("how many members a coalition has at least", ge=1))
    largest: int | None = field(
        default=None, metadata=parameter("how many members a coalition has at most; any number without it", ge=1)
    )
    members: frozenset[int] | None = None
    links: Links | None = None
    frequency: float = field(default=1.0, metadata=parameter("in which share of the rounds it tries", ge=0, le=1))
    network: Links | None = None
    together: Together = Together.CONNECTED

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self)
        if self.largest is not None and self.largest < self.smallest:
            raise ValueError(f"largest is {self.largest}; it must be at least {self.smallest}, the smallest")
        if (self.links is not None) != (self.selection is CoalitionSelection.CONNECTED):
            given = "no graph is given" if self.links is None else "a graph is given"
            raise ValueError(f"coalitions is {self.selection.value!r} and {given}; 'connected' goes with a graph")

    def coalitions(self, players: int) -> tuple[Coalition, ...]:
        """Return the coalitions that it can bring together, small ones first.

        Raises:
            ValueError: there are none, or too many to list.
        """
        within = sorted(range(players) if self.members is None else self.members)
        largest = len(within) if self.largest is None else min(self.largest, len(within))
        sizes = range(self.smallest, largest + 1)
        count = sum(comb(len(within), size) for size in sizes)
        graphs = []
        if self.links is not None:
            graphs.append((_neighbours(self.links, within), Together.CONNECTED))
        if self.network is not None:
            graphs.append((_neighbours(self.network, within), self.together))
        if count <= MOST_COALITIONS:
            candidates = (members for size in sizes for members in combinations(within, size))
            listed = [each for each in candidates if all(_hold_together(each, *graph) for graph in graphs)]
        elif graphs:
            grown = (each for each in _grown(*graphs[0], largest) if len(each) >= self.smallest)
            listed = [each for each in grown if all(_hold_together(each, *graph) for graph in graphs[1:])]
            listed.sort(key=lambda members: (len(members), members))
        else:
            raise ValueError(f"there are {count} coalitions; at most {MOST_COALITIONS} can be listed: limit their size")
        if not listed and self.network is None:
            raise ValueError("no coalition fits: there are too few players for its size, or too few links")
        return tuple(listed)


type _Neighbours = dict[int, set[int]]


def _neighbours(links: Links, players: list[int]) -> _Neighbours:
    """Return whom each of some players is linked to among them."""
    linked: _Neighbours = {player: set() for player in players}
    for first, second in links:
        if first in linked and second in linked:
            linked[first].add(second)
            linked[second].add(first)
    return linked


def _hold_together(members: Coalition, linked: _Neighbours, together: Together) -> bool:
    """Whether a group can form a coalition without the help of others."""
    if together is Together.CLIQUES:
        return all(second in linked[first] for first, second in combinations(members, 2))
    others, reached = set(members), [members[0]]
    others.remove(members[0])
    for member in reached:
        found = linked[member] & others
        reached += found
        others -= found
    return not others


def _grown(linked: _Neighbours, together: Together, largest: int) -> Iterator[Coalition]:
    """Yield every group of at most so many players that holds together, once, without looking at those that do not.

    A group grows from its first player by one of those who may still join at a time; who was passed over joins no more.

    Raises:
        ValueError: there are too many to list.

    Source:
        Wernicke (2006), Efficient detection of network motifs, algorithm ESU, for connected groups.
    """
    count = 0
    for first in linked:
        later = {player for player in linked[first] if player > first}
        waiting: list[tuple[Coalition, set[int], set[int]]] = [((first,), later, later | {first})]
        while waiting:
            members, able, known = waiting.pop()
            count += 1
            if count > MOST_COALITIONS:
                raise ValueError(
                    f"there are over {MOST_COALITIONS} coalitions, more than can be listed: limit their size"
                )
            yield tuple(sorted(members))
            left = sorted(able) if len(members) < largest else []
            for place, player in enumerate(left, start=1):
                still = set(left[place:])
                if together is Together.CLIQUES:
                    waiting.append(((*members, player), still & linked[player], known))
                else:
                    new = {each for each in linked[player] if each > first} - known
                    waiting.append(((*members, player), still | new, known | new))
