"""Which coalitions an organiser can bring together."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import pytest

from marketgame.agents.coalitions.choice import MOST_COALITIONS, CoalitionChoice, CoalitionSelection, Together


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


def test_among_many_players_the_same_coalitions_hold_together_as_one_by_one() -> None:
    # So many pairs to quintuples are not listed to look at each, but grown along links.
    graph: nx.Graph[int] = nx.gnp_random_graph(25, 0.12, seed=3)
    graph.remove_edges_from(nx.selfloop_edges(graph))
    network = frozenset((min(pair), max(pair)) for pair in graph.edges)
    everybody = [members for size in range(2, 6) for members in combinations(range(25), size)]
    assert len(everybody) > MOST_COALITIONS
    near = [set(graph[player]) for player in range(25)]

    def connected(members: tuple[int, ...]) -> bool:
        reached = {members[0]}
        for _ in members:
            reached |= {player for player in members if near[player] & reached}
        return len(reached) == len(members)

    listed = CoalitionChoice(largest=5, network=network).coalitions(25)
    assert list(listed) == [members for members in everybody if connected(members)]
    cliques = CoalitionChoice(largest=5, network=network, together=Together.CLIQUES).coalitions(25)
    found = (tuple(sorted(clique)) for clique in nx.enumerate_all_cliques(graph) if 2 <= len(clique) <= 5)
    assert list(cliques) == sorted(found, key=lambda members: (len(members), members))
    assert set(cliques) < set(listed)


def test_a_network_limits_whatever_coalitions_an_organiser_selects_and_may_leave_none() -> None:
    path = frozenset({(0, 1), (1, 2), (2, 3)})
    whole = CoalitionChoice(CoalitionSelection.ALL, largest=3, network=path)
    assert whole.coalitions(4) == ((0, 1), (1, 2), (2, 3), (0, 1, 2), (1, 2, 3))
    own = CoalitionChoice(CoalitionSelection.CONNECTED, links=frozenset({(1, 2), (0, 3)}), network=path, largest=2)
    assert own.coalitions(4) == ((1, 2),)
    assert CoalitionChoice(members=frozenset({0, 2}), network=path).coalitions(4) == ()
    ring = frozenset({*((player, player + 1) for player in range(999)), (0, 999)})
    assert set(CoalitionChoice(largest=2, network=ring).coalitions(1000)) == ring


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
    with pytest.raises(ValueError, match=f"over {MOST_COALITIONS} coalitions, more than can be listed"):
        CoalitionChoice(network=frozenset(combinations(range(20), 2))).coalitions(20)
    with pytest.raises(ValueError, match="no coalition fits"):
        CoalitionChoice(smallest=4).coalitions(3)
    with pytest.raises(ValueError, match="no coalition fits"):
        CoalitionChoice(CoalitionSelection.CONNECTED, links=frozenset()).coalitions(3)
