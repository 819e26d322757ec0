"""The trades of a round as a directed graph."""

from __future__ import annotations

import networkx as nx
import numpy as np

from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_round


def trade_graph(run: Run, round_number: int, run_number: int = 0) -> nx.DiGraph[str]:
    """Return who gave goods to whom in a round.

    The numeraire is left out: it pays for the goods and flows against them. So are trades worth less than
    1e-9 of the economy's wealth in that round, which are rounding.

    Returns:
        A graph whose nodes are the players, with attributes ``wealth`` (numeraire), ``bankrupt`` and
        ``behaviour``, and whose edges run from giver to receiver, with attribute ``value`` (numeraire): what the
        goods are worth at the supporting price.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    players = rows_of_round(run, "players", round_number, run_number)
    columns = (players[name] for name in ("player", "wealth", "bankrupt", "behaviour"))
    for name, wealth, bankrupt, behaviour in zip(*columns, strict=True):
        graph.add_node(str(name), wealth=float(wealth), bankrupt=bool(bankrupt), behaviour=str(behaviour))
    trades = rows_of_round(run, "trades", round_number, run_number)
    trades = trades[trades["good"] != run.goods[-1]]
    worth = trades.groupby(["counterparty", "player"], observed=True)["value"].sum()
    large = worth[worth > NEGLIGIBLE * _wealth(run, round_number, run_number)].reset_index()
    for giver, receiver, value in zip(large["counterparty"], large["player"], large["value"], strict=True):
        graph.add_edge(str(giver), str(receiver), value=float(value))
    return graph


def edge_values(graph: nx.DiGraph[str]) -> dict[tuple[str, str], float]:
    """Return the value on each edge, by giver and receiver."""
    return {(giver, receiver): float(edge["value"]) for giver, receiver, edge in graph.edges(data=True)}


def node_wealth(graph: nx.DiGraph[str]) -> dict[str, float]:
    """Return the wealth of each player."""
    return {str(name): float(player["wealth"]) for name, player in graph.nodes(data=True)}


def _wealth(run: Run, round_number: int, run_number: int) -> float:
    """Return what all endowments are worth at the supporting price."""
    holdings = rows_of_round(run, "holdings", round_number, run_number)
    return float(np.dot(holdings["endowment"], holdings["supporting_price"]))
