"""Which coalitions an organiser approaches, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from math import comb

from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.registry import parameter, refuse_out_of_bounds

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
    links: frozenset[tuple[int, int]] | None = None
    frequency: float = field(default=1.0, metadata=parameter("in which share of the rounds it tries", ge=0, le=1))

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
        if count > MOST_COALITIONS:
            raise ValueError(f"there are {count} coalitions; at most {MOST_COALITIONS} can be listed: limit their size")
        listed = [members for size in sizes for members in combinations(within, size)]
        if self.links is not None:
            listed = _connected(listed, within, self.links)
        if not listed:
            raise ValueError("no coalition fits: there are too few players for its size, or too few links")
        return tuple(listed)


def _connected(coalitions: list[Coalition], players: list[int], links: frozenset[tuple[int, int]]) -> list[Coalition]:
    """Return the coalitions whose members are connected without the help of others."""
    # Checking a file does without the library of graphs.
    import networkx as nx  # noqa: PLC0415

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(players)
    graph.add_edges_from(links)
    return [members for members in coalitions if nx.is_connected(graph.subgraph(members))]
