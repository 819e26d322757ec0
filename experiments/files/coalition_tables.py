"""The tables ``[[organisers]]``, ``[[blockers]]`` and ``[network]`` of a scenario: who leads coalitions, and which."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from marketgame.agents.coalitions.choice import CoalitionChoice
from marketgame.experiments.files.class_tables import Name, built, read_from
from marketgame.experiments.files.examples import file_named
from marketgame.experiments.files.input_file import (
    InputFiles,
    InputModel,
    Mistakes,
    blamed_on,
    made,
    parsed,
    refuse,
    unknown_name,
)
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.network import LARGEST_GRAPH_SEED, GraphKind, GraphLaw, Network
from marketgame.simulation.scenario.organisers import Organiser

KIND_OF_GRAPH = str(next(each for each in fields(GraphLaw) if each.name == "shape").metadata["description"])

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


@read_from(GraphLaw, "probability", "neighbours", "newcomers_links")
class GraphInput(InputModel):
    """A graph on the players, drawn from its own seed rather than typed link by link."""

    generator: Annotated[GraphKind, Field(strict=False)] = Field(description=KIND_OF_GRAPH)
    seed: Annotated[int, Field(ge=0, le=LARGEST_GRAPH_SEED)] = Field(
        0, description="of a random, small-world or scale-free graph"
    )

    def links(self, players: int) -> frozenset[tuple[int, int]]:
        """Return the links of the graph on so many players."""
        law: GraphLaw = built(self, GraphLaw, shape=self.generator)
        return law.links(players, self.seed)


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


@read_from(Network, "seed", "limits", "together")
@read_from(GraphLaw, "probability", "neighbours", "newcomers_links")
class NetworkInput(InputModel):
    """Who knows whom, and what takes only those who do: one of kind, links and path says which links there are."""

    kind: Annotated[GraphKind, Field(strict=False)] | None = Field(None, description=KIND_OF_GRAPH)
    links: Links | None = Field(None, description="instead of kind: the pairs of players who know each other")
    path: Name | None = Field(
        None,
        description="instead of kind: a file, relative to this one, with a pair of players on each line, separated by "
        "a comma or, where names have none, by spaces",
    )

    def build(self, players: Sequence[str], path: Path, files: InputFiles) -> Network:
        """Return the network.

        Raises:
            InputError: there is not one of kind, links and path, or one that names nobody, or a number makes no sense.
        """
        given = [key for key in ("kind", "links", "path") if getattr(self, key) is not None]
        if len(given) != 1:
            refuse(path, "network", f"has {' and '.join(given) or 'none'} of kind, links and path; it must have one")
        for key in ("seed", "probability", "neighbours", "newcomers_links"):
            if self.kind is None and key in self.model_fields_set:
                refuse(path, f"network.{key}", f"is given beside {given[0]}; it is for graphs that are drawn by kind")
        with blamed_on(path, "network."):
            if self.kind is not None:
                graph = built(self, GraphLaw)
            elif self.links is not None:
                graph = _linked(self.links, players, "network.links", path)
            else:
                graph = _read_links(file_named(str(self.path), path, "network.path"), players, files)
            network: Network = built(self, Network, graph=graph)
            return network


# What the first line of a file of links may be, as the table of links has it.
_HEADINGS = ("player", "other")


def _read_links(path: Path, players: Sequence[str], files: InputFiles) -> frozenset[tuple[int, int]]:
    """Return the links in a file.

    Raises:
        InputError: it cannot be read, or a line has no pair of players.
    """
    text = parsed(path, files.read(path), str, "text")
    pairs: list[tuple[str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            (names,) = csv.reader([line], skipinitialspace=True) if "," in line else [line.split()]
            names = [name.strip() for name in names]
            if pairs or tuple(names) != _HEADINGS:
                pairs.append((f"line {number}", names))
    mistakes = Mistakes()
    for where, names in pairs:
        with mistakes.kept():
            if len(names) != 2:
                refuse(path, where, f"has {len(names)} names; it must have two, those of players who know each other")
    mistakes.tell()
    return frozenset(made(partial(_link, names, players, where, path) for where, names in pairs))


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
