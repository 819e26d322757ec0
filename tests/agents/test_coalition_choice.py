"""Which coalitions an organiser can bring together."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import pytest

from marketgame.agents.coalitions.choice import CoalitionChoice, CoalitionSelection


def test_all_coalitions_of_the_sizes_asked_for_are_listed_small_ones_first() -> None:
    assert CoalitionChoice(CoalitionSelection.ALL).coalitions(3) == ((0, 1), (0, 2), (1, 2), (0, 1, 2))
    assert CoalitionChoice(smallest=1, largest=1).coalitions(3) == ((0,), (1,), (2,))
    assert CoalitionChoice(largest=2, members=frozenset({0, 2, 3})).coalitions(5) == ((0, 2), (0, 3), (2, 3))


@pytest.mark.parametrize("seed", range(5))
def test_connected_coalitions_are_those_with_a_path_between_any_two_members_inside(seed: int) -> None:
    graph = nx.gnp_random_graph(6, 0.35, seed=seed)
    links = frozenset((min(pair), max(pair)) for pair in graph.edges)
    listed = set(CoalitionChoice(CoalitionSelection.CONNECTED, smallest=1, links=links).coalitions(6))
    for size in range(1, 7):
        for members in combinations(range(6), size):
            inside = graph.subgraph(members)
            connected = all(nx.has_path(inside, first, second) for first, second in combinations(members, 2))
            assert (members in listed) == connected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"smallest": 0}, "smallest is 0"),
        ({"smallest": 3, "largest": 2}, "largest is 2; it must be at least 3"),
        ({"frequency": 1.5}, r"frequency is 1\.5"),
        ({"selection": CoalitionSelection.CONNECTED}, "no graph is given"),
        ({"links": frozenset({(0, 1)})}, "a graph is given"),
    ],
)
def test_senseless_choices_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CoalitionChoice(**settings)  # type: ignore[arg-type]  # The table mixes fields.


def test_too_many_coalitions_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="1048555 coalitions"):
        CoalitionChoice().coalitions(20)
    with pytest.raises(ValueError, match="no coalition fits"):
        CoalitionChoice(smallest=4).coalitions(3)
    with pytest.raises(ValueError, match="no coalition fits"):
        CoalitionChoice(CoalitionSelection.CONNECTED, links=frozenset()).coalitions(3)
