"""Small run folders with made-up numbers, written as the run folder format says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GOODS = ("wheat", "money")
UNITS = ("tonne", "euro")
KEYS = {
    *("scenario", "economy", "player", "counterparty", "neighbour", "type", "reported_type", "good"),
    *("behaviour", "reason", "kind", "benchmark"),
}
COLUMN_UNITS = {
    **dict.fromkeys(("welfare", "first_best_welfare", "autarky_welfare", "utility", "promised_utility"), "numeraire"),
    **dict.fromkeys(("wealth", "value", "volume", "cost", "transfer"), "numeraire"),
    **dict.fromkeys(("quote", "supporting_price", "lowest_supporting_price"), "numeraire per unit of the good"),
    **dict.fromkeys(("endowment", "announced", "net_trade", "claim", "allocation"), "unit of the good"),
    **dict.fromkeys(("consumption", "quantity"), "unit of the good"),
    "bankruptcies": "players",
}


@dataclass
class Play:
    """What a made-up run is to show; arrays are per round, player and good."""

    names: Sequence[str] = ("ann", "bob", "cem")
    rounds: int = 1
    goods: Sequence[str] = GOODS
    units: Sequence[str] = UNITS
    seed: int = 0
    money: float = 30.0
    behaviours: Mapping[str, str] = field(default_factory=dict)
    bankrupt: Mapping[int, Sequence[str]] = field(default_factory=dict)
    short_seller: str = ""
    richest: str = ""
    links: Sequence[tuple[str, str]] = ()
    trades: bool = True
    price: Callable[[int], float] = lambda _: 4.0
    width: Callable[[int], float] = lambda _: 0.0
    quote: Callable[[int, str, float], float] = lambda _round, _player, price: price
    welfare: Callable[[int], tuple[float, float, float]] = lambda _: (109.0, 110.0, 100.0)


def tables_of(play: Play) -> dict[str, list[dict[str, object]]]:
    """Return the rows of every table."""
    random = np.random.default_rng(play.seed)
    rows: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("runs", "rounds", "players", "holdings", "trades", "events", "benchmarks")
    }
    for number in range(play.rounds):
        _add_round(rows, play, number, random)
    rows["runs"] = [
        {"run": 0, "scenario": "made up", "economy": "made up", "seed": 1, "rounds": play.rounds}
        | {"players": len(play.names), "bankruptcies": sum(len(who) for who in play.bankrupt.values()), "misreports": 0}
    ]
    limits = {"run": 0, "limits": "collusion+imitation"}
    rows |= {"links": [limits | {"player": one, "neighbour": other} for one, other in play.links]} if play.links else {}
    for benchmark, welfare in (("first-best", 110.0), ("walrasian", 110.0), ("autarky", 100.0)):
        for profile, probability in ((-1, 1.0), (0, 1.0)):
            rows["benchmarks"].append(
                {"run": 0, "benchmark": benchmark, "profile": profile, "profile_types": ""}
                | {"probability": probability, "welfare": welfare}
            )
    return rows


def _add_round(rows: dict[str, list[dict[str, object]]], play: Play, number: int, random: np.random.Generator) -> None:
    bankrupt = play.bankrupt.get(number, ())
    prices = np.array([play.price(number) * (h + 1) for h in range(len(play.goods) - 1)] + [1.0])
    endowments = random.uniform(1.0, 3.0, (len(play.names), len(play.goods)))
    endowments[:, -1] = play.money
    after = endowments * random.uniform(0.5, 1.5, endowments.shape)
    if not play.trades:
        after = endowments.copy()
    for i, name in enumerate(play.names):
        if name in bankrupt:
            after[i] = 0.0
    if play.richest:
        after[:] = 0.0
        after[list(play.names).index(play.richest)] = 1.0
    if after.any():
        after *= endowments.sum(axis=0) / after.sum(axis=0)
    welfare, first_best, autarky = play.welfare(number)
    rows["rounds"].append(
        {
            "run": 0,
            "round": number,
            "profile": 0,
            "welfare": welfare,
            "first_best_welfare": first_best,
            "autarky_welfare": autarky,
            "bankruptcies": len(bankrupt),
            "misreports": 0,
            "volume": 1.0,
            "price_dispersion": 0.0,
            "wasted": 0.0,
        }
    )
    for i, name in enumerate(play.names):
        behaviour = play.behaviours.get(name, "obedient")
        reason = "budget" if name in bankrupt else "solvent"
        rows["players"].append(
            {"run": 0, "round": number, "player": name, "type": "only", "reported_type": "only"}
            | {"behaviour": behaviour, "transfer": 0.0, "cost": 0.0, "bankrupt": name in bankrupt}
            | {"reason": reason, "utility": float(after[i].sum()), "promised_utility": 10.0 + i}
            | {"wealth": float(after[i] @ prices)}
        )
        if name in bankrupt:
            rows["events"].append(
                {"run": 0, "round": number, "kind": "bankruptcy", "player": name, "good": None}
                | {"reason": reason, "amount": 1.0}
            )
        for h, good in enumerate(play.goods):
            quote = 1.0 if h == len(play.goods) - 1 else play.quote(number, name, prices[h])
            change = float(after[i, h] - endowments[i, h])
            rows["holdings"].append(
                {"run": 0, "round": number, "player": name, "good": good, "endowment": float(endowments[i, h])}
                | {"announced": float(endowments[i, h]), "quote": float(quote)}
                | {"supporting_price": float(prices[h])}
                | {"lowest_supporting_price": float(prices[h] - (play.width(number) if h == 0 else 0.0))}
                | {"net_trade": change, "claim": float(after[i, h]), "allocation": float(after[i, h])}
                | {"consumption": float(after[i, h])}
            )
    if play.trades:
        _add_trades(rows["trades"], play, number, prices, after - endowments)


def _add_trades(rows: list[dict[str, object]], play: Play, number: int, prices: np.ndarray, net: np.ndarray) -> None:
    """Add the flows of the grand contract: each addresses an equal part of its net trade to everybody."""
    for i, receiver in enumerate(play.names):
        for j, giver in enumerate(play.names):
            for h, good in enumerate(play.goods):
                quantity = float(net[i, h] - net[j, h]) / len(play.names)
                if play.short_seller and h == 0 and giver == play.short_seller and receiver != giver:
                    quantity = 1e6 * (1 + i)
                elif play.short_seller == receiver and h == 0:
                    quantity = 0.0
                if quantity > 0:
                    rows.append(
                        {"run": 0, "round": number, "player": receiver, "counterparty": giver, "good": good}
                        | {"quantity": quantity, "charged_to_player": quantity * float(prices[h])}
                        | {"charged_to_counterparty": -quantity * float(prices[h])}
                        | {"value": quantity * float(prices[h])}
                    )


EMPTY = {
    "trades": (
        *("run", "round", "player", "counterparty", "good"),
        *("quantity", "charged_to_player", "charged_to_counterparty", "value"),
    ),
    "events": ("run", "round", "kind", "player", "good", "reason", "amount"),
}


def _arrow_type(column: str, values: Sequence[object]) -> pa.DataType:
    if column in KEYS:
        return pa.dictionary(pa.int32(), pa.string())
    if column in {"run", "round", "profile"}:
        return pa.int64()
    return pa.array(values).type if values else pa.float64()


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as a Parquet file whose fields carry units and meanings."""
    columns = list(rows[0]) if rows else list(EMPTY[path.stem])
    arrays, fields = [], []
    for column in columns:
        values = [row[column] for row in rows]
        kind = _arrow_type(column, values)
        notes = {b"unit": COLUMN_UNITS.get(column, "").encode(), b"meaning": f"what {column} is".encode()}
        arrays.append(pa.array(values, kind))
        fields.append(pa.field(column, kind, metadata=notes))
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)


def write_folder(folder: Path, play: Play) -> Path:
    """Write a whole run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables_of(play).items():
        write_table(folder / f"{name}.parquet", rows)
    economy = f'kind = "market-economy"\ngoods = {list(play.goods)}\nunits = {list(play.units)}\n'
    inputs = {"economies/made-up.toml": {"sha256": "0", "text": economy}, "data/curve.csv": {"text": "a,b"}}
    (folder / "manifest.json").write_text(json.dumps({"marketgame": "0.1.0", "seed": 1, "inputs": inputs}))
    return folder
