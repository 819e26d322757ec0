"""The ``[[organisers]]`` and ``[[blockers]]`` tables of a scenario file: who leads coalitions, and which ones."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from marketgame.agents.coalitions.choice import CoalitionChoice
from marketgame.experiments.files.class_tables import Name, built, read_from
from marketgame.experiments.files.input_file import InputModel, Mistakes, blamed_on, made, refuse, unknown_name
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.organisers import Organiser

type Links = list[Annotated[list[Name], Field(min_length=2, max_length=2)]]


@read_from(Blocker, "stakes", "caution", "largest")
class BlockerInput(InputModel):
    """A blocking mediator: it invites random coalitions to leave, by the plan that promises it the most."""

    name: Name = Field("blocker", description="different from the other mediators' names")
    links: Links | None = Field(
        None, description="pairs of players who can talk to each other: it invites only coalitions they connect"
    )

    def build(self, players: Sequence[str], field: str, path: Path) -> Blocker:
        """Return the mediator.

        Raises:
            InputError: a link names nobody, or the name is taken.
        """
        network = None if self.links is None else _linked(self.links, players, f"{field}.links", path)
        with blamed_on(path, f"{field}: "):
            blocker: Blocker = built(self, Blocker, network=network)
            return blocker


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


@read_from(CoalitionChoice, "selection", "smallest", "largest", "frequency")
@read_from(Organiser, "stage", "sharing", "concept", "consistent", "depth", "effort")
class OrganiserInput(InputModel):
    """A coalition organiser: it finds side-contracts, proposes them to members, and leads those who accept."""

    name: Name = Field("organiser", description="different from the other organisers' names")
    members: list[Name] | None = Field(None, min_length=1, description="whom it can reach; everybody without it")
    links: Links | None = Field(
        None, description="with coalitions = 'connected': pairs of players who can talk to each other"
    )
    graph: GraphInput | None = Field(None, description="with coalitions = 'connected': such pairs, instead of links")

    def build(self, players: Sequence[str], field: str, path: Path) -> Organiser:
        """Return the organiser.

        Raises:
            InputError: a name is nobody's, or settings do not go together.
        """
        mistakes = Mistakes()
        members, links = None, None
        with mistakes.kept():
            if self.members is not None:
                members = frozenset(_numbers(self.members, players, f"{field}.members", path))
        with mistakes.kept():
            if self.links is not None and self.graph is not None:
                refuse(path, f"{field}.graph", "is given beside links; an organiser has one of them")
            links = None if self.graph is None else self.graph.links(len(players))
            if self.links is not None:
                links = _linked(self.links, players, f"{field}.links", path)
        mistakes.tell()
        with blamed_on(path, f"{field}: "):
            choice = built(self, CoalitionChoice, members=members, links=links)
            organiser: Organiser = built(self, Organiser, choice=choice)
            return organiser


def _linked(links: Links, players: Sequence[str], field: str, path: Path) -> frozenset[tuple[int, int]]:
    """Return the pairs of players that are linked, by number."""
    return frozenset(made(partial(_link, pair, players, f"{field}[{n}]", path) for n, pair in enumerate(links)))


def _link(pair: Sequence[str], players: Sequence[str], field: str, path: Path) -> tuple[int, int]:
    first, second = sorted(_numbers(pair, players, field, path))
    if first == second:
        refuse(path, field, f"joins {pair[0]!r} to itself; it must name two different players")
    return first, second


def _numbers(names: Sequence[str], players: Sequence[str], field: str, path: Path) -> tuple[int, ...]:
    return made(partial(_number, name, players, f"{field}[{place}]", path) for place, name in enumerate(names))


def _number(name: str, players: Sequence[str], field: str, path: Path) -> int:
    if name not in players:
        refuse(path, field, unknown_name(name, players))
    return list(players).index(name)
