"""Networks: who knows whom, and what takes only those who know each other.

What a network limits is chosen:

* collusion: organisers and blocking mediators bring together only coalitions that hold together in it;
* imitation: where stances are published, a learner sees those of its neighbours only;
* trade: the mediator's recommendations run through a clearing house that knows everybody, but on its own account a
  trader orders from its neighbours only: to all others it can order what is recommended, and nothing else.

The contract is therefore what it is without a network, and whatever can be done in one can be done without: who gains
nothing by orders of its own among strangers gains nothing among neighbours. To lead the contract's own flows along
links, from neighbour to neighbour, would need another contract, in which traders hear of others' trades; that is not
offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from marketgame.agents.coalitions.choice import Links, OrganiserStage, Together
from marketgame.mechanisms.arrays import BooleanArray, read_only
from marketgame.registry import parameter, refuse_out_of_bounds
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.organisers import Organiser
from marketgame.simulation.scenario.streams import random_stream

if TYPE_CHECKING:
    import networkx as nx

LARGEST_GRAPH_SEED = 2**32 - 1


class GraphKind(StrEnum):
    """A graph on all players, in the order of the economy."""

    COMPLETE = "complete"
    RING = "ring"
    PATH = "path"
    STAR = "star"
    RANDOM = "random"
    SMALL_WORLD = "small-world"
    SCALE_FREE = "scale-free"


@dataclass(frozen=True)
class GraphLaw:
    """How a graph on the players is drawn.

    Attributes:
        shape: what kind of graph it is.
        probability: of a link, or of rewiring one.
        neighbours: whom each is linked to before rewiring.
        newcomers_links: how many links each newcomer brings.

    Raises:
        ValueError: a number makes no sense.

    Source:
        Watts and Strogatz (1998) for small worlds; Barabási and Albert (1999) for scale-free graphs.
    """

    shape: GraphKind = field(
        default=GraphKind.COMPLETE,
        metadata=parameter(
            "complete, ring, path and star follow the economy's order of players, the first being the centre of a "
            "star; random links each pair with a probability; small-world rewires a ring; in a scale-free graph "
            "newcomers link to those who have many links",
            key="kind",
        ),
    )
    probability: float = field(
        default=0.3,
        metadata=parameter(
            "that a pair is linked in a random graph, or that a link of a small-world graph is rewired", ge=0, le=1
        ),
    )
    neighbours: int = field(
        default=2, metadata=parameter("how many players each is linked to before a small-world graph is rewired", ge=2)
    )
    newcomers_links: int = field(
        default=1, metadata=parameter("how many players each newcomer to a scale-free graph is linked to", ge=1)
    )

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "a graph")

    def links(self, players: int, seed: int) -> Links:
        """Return the links of the graph on so many players that a seed of 32 bits draws."""
        # Scenarios without a graph do without the library of graphs.
        import networkx as nx  # noqa: PLC0415

        graph: nx.Graph[int]
        match self.shape:
            case GraphKind.COMPLETE:
                graph = nx.complete_graph(players)
            case GraphKind.RING:
                graph = nx.cycle_graph(players)
            case GraphKind.PATH:
                graph = nx.path_graph(players)
            case GraphKind.STAR:
                graph = nx.star_graph(players - 1)
            case GraphKind.RANDOM:
                graph = nx.gnp_random_graph(players, self.probability, seed=seed)
            case GraphKind.SMALL_WORLD:
                graph = nx.watts_strogatz_graph(players, min(self.neighbours, players - 1), self.probability, seed=seed)
            case GraphKind.SCALE_FREE if players > 1:
                graph = nx.barabasi_albert_graph(players, min(self.newcomers_links, players - 1), seed=seed)
            case GraphKind.SCALE_FREE:
                graph = nx.empty_graph(players)
        return frozenset((min(link), max(link)) for link in graph.edges if link[0] != link[1])


class Limit(StrEnum):
    """What takes only those who know each other."""

    COLLUSION = "collusion"
    """Coalitions that organisers or blocking mediators bring together."""
    IMITATION = "imitation"
    """Hearing of others' stances, where they are published."""
    TRADE = "trade"
    """Orders other than those recommended."""


@dataclass(frozen=True)
class Network:
    """A network of players, given or drawn.

    Attributes:
        graph: its links, or the law by which they are drawn.
        seed: of the graph; none if each run draws one from its own seed.
        limits: what takes only those who know each other.
        together: which groups can form a coalition, where collusion is limited.

    Raises:
        ValueError: the seed is no number of 32 bits.
    """

    graph: GraphLaw | Links
    seed: int | None = field(
        default=None,
        metadata=parameter(
            "of the graph; without it every run draws one from its own seed", ge=0, le=LARGEST_GRAPH_SEED
        ),
    )
    limits: tuple[Limit, ...] = field(
        default=(Limit.COLLUSION, Limit.IMITATION),
        metadata=parameter(
            "what takes only those who know each other: collusion, coalitions that organisers or blockers bring "
            "together; imitation, hearing of published stances; trade, orders other than those recommended"
        ),
    )
    together: Together = field(
        default=Together.CONNECTED,
        metadata=parameter(
            "which groups can form a coalition: connected, those linked through each other; cliques, those in which "
            "each is linked to each"
        ),
    )

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "the network")

    @classmethod
    def of(cls, graph: nx.Graph[Any], players: Sequence[str], limits: Iterable[Limit] | None = None) -> Self:
        """Return a network as NetworkX has it; its nodes are names of players, or their numbers.

        Raises:
            ValueError: a node is no player.
        """
        numbers: dict[object, int] = {name: number for number, name in enumerate(players)}
        numbers |= {number: number for number in range(len(players)) if number not in numbers}
        for node in graph.nodes:
            if node not in numbers:
                raise ValueError(f"node {node!r} of the network is no player; players are {list(players)}")
        pairs = ((numbers[first], numbers[second]) for first, second in graph.edges)
        links = frozenset((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
        return cls(links) if limits is None else cls(links, limits=tuple(limits))

    def links(self, players: int, seed: int) -> Links:
        """Return its links among so many players in a run with a seed.

        Raises:
            ValueError: a link joins players who are not there.
        """
        if isinstance(self.graph, GraphLaw):
            own = random_stream(seed, "network").integers(LARGEST_GRAPH_SEED + 1) if self.seed is None else self.seed
            return self.graph.links(players, int(own))
        for link in self.graph:
            if not 0 <= link[0] < link[1] < players:
                raise ValueError(f"link {link} of the network must join two of players 0 to {players - 1}")
        return self.graph


@dataclass(frozen=True, eq=False)
class KnownLinks:
    """The network of a run.

    Attributes:
        links: its links.
        limits: what takes only those who know each other.
        together: which groups can form a coalition, where collusion is limited.
        players: how many there are.
    """

    links: Links
    limits: frozenset[Limit]
    together: Together
    players: int

    @property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """Whom each player knows."""
        linked: list[list[int]] = [[] for _ in range(self.players)]
        for first, second in sorted(self.links):
            linked[first].append(second)
            linked[second].append(first)
        return tuple(tuple(sorted(others)) for others in linked)

    @property
    def reach(self) -> BooleanArray | None:
        """Whom each may order from on its own account, ``(N, N)``, itself among them; none if from everybody."""
        if Limit.TRADE not in self.limits:
            return None
        reach = np.eye(self.players, dtype=bool)
        for first, second in self.links:
            reach[first, second] = reach[second, first] = True
        return read_only(reach)

    def organised(self, organisers: Sequence[Organiser]) -> tuple[Organiser, ...]:
        """Return coalition organisers as the network limits them."""
        if Limit.COLLUSION not in self.limits:
            return tuple(organisers)
        return tuple(
            replace(each, choice=replace(each.choice, network=self.links, together=self.together))
            for each in organisers
        )

    def led(self, blockers: Sequence[Blocker]) -> tuple[Blocker, ...]:
        """Return blocking mediators as the network limits them; their own links count where the network has them too.

        Raises:
            ValueError: they are to invite cliques only.
        """
        if Limit.COLLUSION not in self.limits or not blockers:
            return tuple(blockers)
        if self.together is Together.CLIQUES:
            raise ValueError(
                f"network.together is {self.together.value!r}, which blocker {blockers[0].name!r} cannot heed; it must "
                f"be {Together.CONNECTED.value!r} where there are blockers"
            )
        return tuple(
            replace(each, network=self.links if each.network is None else self.links & each.network)
            for each in blockers
        )

    def check(self, organisers: Sequence[Organiser], blockers: Sequence[Blocker]) -> None:
        """Refuse a network that trade keeps to, beside coalitions that would not.

        Raises:
            ValueError: organisers agree on orders, or blockers lead away who do not know each other.
        """
        if Limit.TRADE not in self.limits:
            return
        for organiser in organisers:
            if organiser.stage is not OrganiserStage.REPORTS:
                raise ValueError(
                    f"network.limits has 'trade' and organiser {organiser.name!r} agrees on orders, whose search knows "
                    "no network; its stage must be 'reports', or limits without 'trade'"
                )
        if blockers and Limit.COLLUSION not in self.limits:
            raise ValueError(
                f"network.limits has 'trade' without 'collusion', and blocker {blockers[0].name!r} leads away who then "
                "trades with strangers; limits must have both, or neither"
            )
