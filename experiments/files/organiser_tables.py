"""The ``[[organisers]]`` tables of a scenario file: who proposes side-contracts, and to which coalitions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from marketgame.agents.coalitions.choice import (
    CoalitionChoice,
    CoalitionSelection,
)
from marketgame.experiments.files.class_tables import Name
from marketgame.experiments.files.input_file import (
    InputModel,
    blamed_on,
    refuse,
    unknown_name,
)
from marketgame.simulation.scenario.organisers import (
    Organiser,
    OrganiserEffort,
    SideConcept,
)


class GraphGenerator(StrEnum):
    """A graph on all players, in the order of the economy."""

    COMPLETE = "complete"
    RING = "ring"
    PATH = "path"
    STAR = "star"
    RANDOM = "random"
    SMALL_WORLD = "small-world"


class GraphInput(InputModel):
    """A graph on the players, drawn from its own seed rather than typed link by link."""

    generator: Annotated[GraphGenerator, Field(strict=False)] = Field(
        description="complete, ring, path and star follow the economy's order of players, the first being the centre "
        "of a star; random links each pair with a probability; small-world rewires a ring"
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = Field(0, description="of a random or small-world graph")
    probability: Annotated[float, Field(ge=0, le=1)] = Field(
        0.3, description="that a pair is linked in a random graph, or that a link of a small-world graph is rewired"
    )
    neighbours: Annotated[int, Field(ge=2)] = Field(
        2, description="how many players each is linked to before a small-world graph is rewired"
    )

    def links(self, players: int) -> frozenset[tuple[int, int]]:
        """Return the links of the graph on so many players."""
        # Checking a file without a graph does without the library of graphs.
        import networkx as nx  # noqa: PLC0415

        match self.generator:
            case GraphGenerator.COMPLETE:
                graph = nx.complete_graph(players)
            case GraphGenerator.RING:
                graph = nx.cycle_graph(players)
            case GraphGenerator.PATH:
                graph = nx.path_graph(players)
            case GraphGenerator.STAR:
                graph = nx.star_graph(players - 1)
            case GraphGenerator.RANDOM:
                graph = nx.gnp_random_graph(players, self.probability, seed=self.seed)
            case GraphGenerator.SMALL_WORLD:
                nearest = min(self.neighbours, players - 1)
                graph = nx.watts_strogatz_graph(players, nearest, self.probability, seed=self.seed)
        return frozenset((min(link), max(link)) for link in graph.edges if link[0] != link[1])


class EffortInput(InputModel):
    """How hard side-contracts, and deviations from them, are searched; every search is made once per coalition."""

    quote_vectors: Annotated[int, Field(ge=1, le=10_000)] = Field(
        OrganiserEffort().quote_vectors, description="for how many joint quotes the best orders are sought"
    )
    rounds: Annotated[int, Field(ge=0, le=1000)] = Field(
        OrganiserEffort().rounds, description="how often a lottery is improved by asking for more joint actions"
    )
    breaches: Annotated[int, Field(ge=1, le=1000)] = Field(
        OrganiserEffort().breaches, description="how often what a single member would rather do is excluded"
    )
    cells: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        OrganiserEffort().cells,
        description="for how many combinations of what members know joint actions are sought, the likeliest first",
    )

    def build(self) -> OrganiserEffort:
        """Return the effort."""
        return OrganiserEffort(self.quote_vectors, self.rounds, self.breaches, self.cells)


class OrganiserInput(InputModel):
    """A coalition organiser: it finds side-contracts, proposes them to members, and leads those who accept."""

    name: Name = Field("organiser", description="different from the other organisers' names")
    coalitions: Annotated[CoalitionSelection, Field(strict=False)] = Field(
        CoalitionChoice().selection,
        description="all: one after another, small ones first, until one accepts; random: one drawn each time; "
        "connected: one drawn of those connected by links or graph",
    )
    smallest: Annotated[int, Field(ge=1)] = Field(
        CoalitionChoice().smallest, description="how many members a coalition has at least"
    )
    largest: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many members a coalition has at most; any number without it"
    )
    members: list[Name] | None = Field(None, min_length=1, description="whom it can reach; everybody without it")
    links: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] | None = Field(
        None, description="with coalitions = 'connected': pairs of players who can talk to each other"
    )
    graph: GraphInput | None = Field(None, description="with coalitions = 'connected': such pairs, instead of links")
    frequency: Annotated[float, Field(ge=0, le=1)] = Field(
        CoalitionChoice().frequency, description="in which share of the rounds it tries"
    )
    concept: Annotated[SideConcept, Field(strict=False)] = Field(
        Organiser("any").concept,
        description="what a side-contract must leave members no reason for: lying to the side-device, or also "
        "disobeying it",
    )
    consistent: bool = Field(
        Organiser("any").consistent, description="whether no single member may want to break a side-contract"
    )
    depth: Annotated[int, Field(ge=0)] = Field(
        Organiser("any").depth,
        description="how many members a sub-coalition that breaks a side-contract may have; 0 if none is ever broken",
    )
    effort: EffortInput = Field(EffortInput(), description="how hard it searches")

    def build(self, players: Sequence[str], field: str, path: Path) -> Organiser:
        """Return the organiser.

        Args:
            players: whom it can name.
            field: where the table stands in the file.
            path: the file.

        Raises:
            InputError: a name is nobody's, or settings do not go together.
        """
        members = None
        if self.members is not None:
            members = frozenset(
                _number(name, players, f"{field}.members[{place}]", path) for place, name in enumerate(self.members)
            )
        if self.links is not None and self.graph is not None:
            refuse(path, f"{field}.graph", "is given beside links; an organiser has one of them")
        links = self._links(players, field, path)
        with blamed_on(path, f"{field}: "):
            choice = CoalitionChoice(self.coalitions, self.smallest, self.largest, members, links, self.frequency)
            return Organiser(self.name, choice, self.concept, self.consistent, self.depth, self.effort.build())

    def _links(self, players: Sequence[str], field: str, path: Path) -> frozenset[tuple[int, int]] | None:
        if self.graph is not None:
            return self.graph.links(len(players))
        if self.links is None:
            return None
        found = set()
        for place, pair in enumerate(self.links):
            at = f"{field}.links[{place}]"
            first, second = sorted(_number(name, players, f"{at}[{end}]", path) for end, name in enumerate(pair))
            if first == second:
                refuse(path, at, f"joins {pair[0]!r} to itself; it must name two different players")
            found.add((first, second))
        return frozenset(found)


def _number(name: str, players: Sequence[str], field: str, path: Path) -> int:
    if name not in players:
        refuse(path, field, unknown_name(name, players))
    return list(players).index(name)
