"""Who can meet on a network, counted by hand, and what follows where lies do not pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.studies.learning import network_collusion as study
from marketgame.experiments.studies.learning.network_collusion import DENSITY, GRAPH, OVER, TRANSFERS
from marketgame.experiments.studies.sweep_pages import SWEEPS
from marketgame.experiments.sweep.file import read_sweep
from marketgame.experiments.sweep.statement import Plan, prepare
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.simulation.scenario.market_scenario import MarketScenario

PUBLISHED = HOME.parent / "docs" / "tables" / f"{study.SWEEP}.csv"
PLACE = 0.4
GRAPHS = (0, 1)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The sweep on two networks of one density."""
    axes: dict[str, Sequence[object]] = {TRANSFERS: ["expected-externality"], DENSITY: [PLACE], GRAPH: list(GRAPHS)}
    return prepare(replace(read_sweep(SWEEPS / f"{study.SWEEP}.toml"), axes=axes))


def test_groups_that_can_meet_are_those_of_liars_whom_the_network_connects_without_others(plan: Plan) -> None:
    counted = study.possible_coalitions(plan)
    for graph in GRAPHS:
        links = nx.gnp_random_graph(10, PLACE, seed=graph)
        groups = (group for size in range(2, 7) for group in combinations(range(6), size))
        assert counted[PLACE, graph] == sum(nx.is_connected(links.subgraph(group)) for group in groups)


def test_all_runs_on_a_network_of_one_seed_have_the_same_groups(plan: Plan) -> None:
    """Else a network would be mistaken for the luck of play."""
    for point in plan.points:
        scenario = point.scenario
        assert isinstance(scenario, MarketScenario)
        found = {
            tuple(each.choice.coalitions(10) for each in replace(scenario, seed=seed).active_organisers)
            for seed in (1, 2, 3)
        }
        assert len(found) == 1


def test_intervals_over_networks_and_seeds_cover_the_mean_as_those_over_runs_do_not() -> None:
    generator = np.random.default_rng(4)
    crossed, runs = 0, 0
    for _ in range(30):
        networks, luck, rest = (generator.normal(size=shape) for shape in ((20, 1), (1, 10), (20, 10)))
        values = networks + luck + rest
        low, high = study.crossed_interval(values, networks=True, seeds=True)
        crossed += low <= 0 <= high
        runs += abs(values.mean()) <= 1.96 * values.std() / np.sqrt(values.size)
    assert crossed >= 25
    assert runs <= 20


def test_what_only_luck_or_only_networks_change_has_no_interval_over_the_other() -> None:
    luck = np.arange(5.0)[None] + np.zeros((4, 1))
    for values, networks in ((luck, True), (luck.T, False)):
        low, high = study.crossed_interval(values, networks=networks, seeds=not networks)
        assert low == pytest.approx(2) == high
        low, high = study.crossed_interval(values, networks=not networks, seeds=networks)
        assert low < 1.5
        assert high > 2.5


def test_nobody_agrees_where_nobody_can_meet_or_transfers_are_coalition_proof() -> None:
    table = pd.read_csv(PUBLISHED)
    proof = table[TRANSFERS] == TransferRule.COALITION_PROOF.value
    assert proof.sum() == (~proof).sum() == 5
    assert (table["agreed"][proof | (table[DENSITY] == 0)] == 0).all()
    assert (table["promised_low"][~proof & (table[DENSITY] > 0)] > 0).all()
    # All pairs linked, every group of two or more of six can meet.
    assert (table["coalitions"][table[DENSITY] == 1] == 2**6 - 6 - 1).all()
    # Where there is one network only, all that is spread is luck.
    one = table[table[DENSITY].isin([0, 1])]
    assert (one["promised_networks_low"] == one["promised_networks_high"]).all()
    for over in OVER:
        assert (table[f"promised{over}_low"] <= table["promised"]).all()
        assert (table["promised"] <= table[f"promised{over}_high"]).all()
