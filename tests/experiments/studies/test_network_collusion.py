"""Who can meet on a network, counted by hand, and what follows where lies do not pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import networkx as nx
import pandas as pd

from marketgame.experiments import HOME
from marketgame.experiments.studies import network_collusion as study
from marketgame.experiments.sweep.statement import prepare
from marketgame.mechanisms.contracts.grand_contract import TransferRule

PUBLISHED = HOME.parent / "docs" / "tables" / f"{study.NAME}.csv"


def test_groups_that_can_meet_are_those_of_liars_whom_the_network_connects_without_others() -> None:
    density, graphs = 0.4, [0, 1]
    axes: dict[str, Sequence[object]] = {
        study.TRANSFERS: ["expected-externality"],
        study.DENSITY: [density],
        study.GRAPH: graphs,
    }
    counted = study.possible_coalitions(prepare(replace(study.SWEEP, axes=axes)))
    for (_, count), graph in zip(sorted(counted.items()), graphs, strict=True):
        links = nx.gnp_random_graph(10, density, seed=graph)
        groups = (group for size in range(2, 7) for group in combinations(range(6), size))
        assert count == sum(nx.is_connected(links.subgraph(group)) for group in groups)


def test_nobody_agrees_where_nobody_can_meet_or_transfers_are_coalition_proof() -> None:
    table = pd.read_csv(PUBLISHED)
    proof = table[study.TRANSFERS] == TransferRule.COALITION_PROOF.value
    assert proof.sum() == (~proof).sum() == 4
    assert (table["agreed"][proof | (table[study.DENSITY] == 0)] == 0).all()
    assert (table["promised"][~proof & (table[study.DENSITY] > 0)] > 0).all()
    # All pairs linked, every group of two or more of six can meet.
    assert (table["coalitions"][table[study.DENSITY] == 1] == 2**6 - 6 - 1).all()
