"""What the page draws of a round, from the rows that a run records: the same whether it is played or was saved."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marketgame.results.selection import NEGLIGIBLE

# More arrows cannot be told apart, and the largest say most.
MOST_FLOWS = 300
# What of each player in a round is drawn, in the order in which the page has it.
OF_PLAYERS = (
    *("type", "reported_type", "behaviour", "bankrupt", "reason", "utility", "promised_utility", "wealth"),
    *("transfer", "cost", "mediator", "severance", "side_payment"),
)
OF_HOLDINGS = (
    *("endowment", "quote", "supporting_price", "lowest_supporting_price", "net_trade", "allocation", "consumption"),
)
OF_ROUNDS = ("welfare", "first_best_welfare", "autarky_welfare", "gains", "first_best_gains", "bankruptcies", "volume")
OF_EVENTS = ("kind", "player", "good", "reason", "amount")
TABLES = ("rounds", "players", "holdings", "trades", "trade_totals", "events", "side_contracts", "stances", "actions")

type Columns = Mapping[str, Mapping[str, Sequence[Any]]]
type Frame = dict[str, Any]


def frames_of(tables: Columns, players: Sequence[str], goods: Sequence[str]) -> list[Frame]:
    """Return rounds as the page draws them.

    Args:
        tables: of the rows of these rounds, by table and column.
        players: in the economy's order.
        goods: in the economy's order, the numeraire last; none in a coalitional game.
    """
    frames: dict[int, Frame] = {}
    for row in _rows(tables, "rounds", ("round", *OF_ROUNDS)):
        frames[row[0]] = {
            "round": row[0],
            **dict(zip(OF_ROUNDS, map(_plain, row[1:]), strict=True)),
            "players": [],
            "holdings": {good: [] for good in goods},
            "traded": 0.0,
            "flows": [],
            "events": [],
            "coalitions": [],
            "stances": {},
            "actions": [],
        }
    # Rows of a round stand in the economy's order of players.
    for row in _rows(tables, "players", ("round", *OF_PLAYERS)):
        frames[row[0]]["players"].append(list(map(_plain, row[1:])))
    for row in _rows(tables, "holdings", ("round", "good", *OF_HOLDINGS)):
        frames[row[0]]["holdings"][row[1]].append(list(map(_plain, row[2:])))
    for place, good, value in _rows(tables, "trade_totals", ("round", "good", "value")):
        frames[place]["traded"] += 0.0 if good == goods[-1] else value
    if goods:
        _add_flows(frames, tables, players, goods[-1])
    for row in _rows(tables, "events", ("round", *OF_EVENTS)):
        frames[row[0]]["events"].append(dict(zip(OF_EVENTS, map(_plain, row[1:]), strict=True)))
    _add_coalitions(frames, tables)
    for place, *done in _rows(tables, "actions", ("round", "mediator", "coalition", "action")):
        frames[place]["actions"].append(done)
    for place, player, stance in _rows(tables, "stances", ("round", "player", "stance")):
        frames[place]["stances"][player] = stance
    return list(frames.values())


def _rows(tables: Columns, name: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table; what runs did not record when they were saved is missing."""
    table = tables.get(name)
    if table is None or not (rounds := table.get("round")):
        return
    missing = [None] * len(rounds)
    yield from zip(*(table.get(column, missing) for column in columns), strict=True)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; what is not a number is missing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _add_flows(frames: Mapping[int, Frame], tables: Columns, players: Sequence[str], money: str) -> None:
    """Add who gave goods to whom: their value at the supporting price, and how much of each; money flows against it."""
    number = {name: place for place, name in enumerate(players)}
    flows: dict[int, dict[tuple[int, int], tuple[list[float], dict[str, float]]]]
    flows = defaultdict(lambda: defaultdict(lambda: ([0.0], {})))
    for place, giver, receiver, good, quantity, value in _rows(
        tables, "trades", ("round", "counterparty", "player", "good", "quantity", "value")
    ):
        if good != money:
            worth, much = flows[place][number[giver], number[receiver]]
            worth[0] += value
            much[good] = much.get(good, 0.0) + quantity
    for place, pairs in flows.items():
        holdings = frames[place]["holdings"].values()
        wealth = sum(row[0] * (row[2] or 0.0) for rows in holdings for row in rows)
        largest = sorted(pairs.items(), key=lambda pair: -pair[1][0][0])[:MOST_FLOWS]
        frames[place]["flows"] = [
            [*pair, worth[0], much] for pair, (worth, much) in largest if worth[0] > NEGLIGIBLE * wealth
        ]


def _add_coalitions(frames: Mapping[int, Frame], tables: Columns) -> None:
    """Add which coalitions were tried by organisers, and what became of them."""
    seen: dict[tuple[Any, ...], Frame] = {}
    of_organisers = ("round", "organiser", "coalition", "fate", "player", "expected_gain", "realised_gain")
    for place, organiser, coalition, fate, player, expected, realised in _rows(tables, "side_contracts", of_organisers):
        key = (place, organiser, coalition, fate)
        if key not in seen:
            seen[key] = {"by": organiser, "members": [], "fate": fate, "expected": 0.0, "realised": 0.0}
            frames[place]["coalitions"].append(seen[key])
        seen[key]["members"].append(player)
        seen[key]["expected"] += _plain(expected) or 0.0
        seen[key]["realised"] += _plain(realised) or 0.0
