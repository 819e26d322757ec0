"""Measured rounds written out as the rows of each table.

Every function takes rounds measured side by side, dimension ``R`` first, and returns one Arrow table whose
rows stand in the order of round, player, counterparty, good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketgame.agents.behaviours import Behaviour
from marketgame.mechanisms.arrays import (
    BooleanArray,
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.settlement import (
    BankruptcyReason,
    Pricing,
)
from marketgame.simulation.recording.measures import Measures
from marketgame.simulation.recording.tables import (
    HOLDINGS,
    PLAYERS,
    ROUNDS,
    TRADES,
    TableSchema,
)
from marketgame.simulation.scenario.blockers import ESTABLISHED
from marketgame.simulation.stages.charges import charges

REASONS = tuple(reason.name.lower().replace("_", "-") for reason in BankruptcyReason)

type ColumnValues = NDArray[np.generic] | pa.Array | Sequence[object]


class Labels:
    """The names behind the numbers; each has one code throughout a run.

    Args:
        economy: names players, goods and types.
        behaviours: how each player behaves, by its type.
        blockers: names of the blocking mediators.
    """

    def __init__(
        self, economy: Economy, behaviours: tuple[tuple[Behaviour, ...], ...], blockers: Sequence[str] = ()
    ) -> None:
        self.mediators = (ESTABLISHED, *blockers)
        self.players = economy.player_names
        self.goods = economy.goods
        types = [kind.name for player in economy.players for kind in player.types]
        names = [behaviour.name for by_type in behaviours for behaviour in by_type]
        self.types, self._type_codes = numbered(types)
        self.behaviours, self._behaviour_codes = numbered(names)
        self._rows = economy.rows

    def type_names(self, profiles: IntegerArray) -> pa.DictionaryArray:
        """Return the names of types ``(R, N)``, row by row."""
        return keys(self._type_codes[self._rows(profiles)], self.types)

    def behaviour_names(self, profiles: IntegerArray) -> pa.DictionaryArray:
        """Return how players of types ``(R, N)`` behave, row by row."""
        return keys(self._behaviour_codes[self._rows(profiles)], self.behaviours)


def keys(
    codes: NDArray[np.integer[Any]], labels: Sequence[str], missing: BooleanArray | None = None
) -> pa.DictionaryArray:
    """Return a dictionary-encoded column of labels; entries flagged as missing are null."""
    indices = pa.array(codes.reshape(-1).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(labels), pa.string()))


def table_of(schema: TableSchema, columns: Mapping[str, ColumnValues]) -> pa.Table:
    """Return the columns, in the order and of the types the schema says."""
    arrays = [
        values.reshape(-1) if isinstance(values, np.ndarray) else values
        for values in (columns[column.name] for column in schema.columns)
    ]
    return pa.table(
        [
            values if isinstance(values, pa.Array) else pa.array(values, column.type)
            for values, column in zip(arrays, schema.columns, strict=True)
        ],
        schema=schema.arrow,
    )


def round_rows(run: int, first_round: int, measures: Measures) -> pa.Table:
    """Return one row for each round."""
    plays, rounds = measures.plays, len(measures.profile_numbers)
    return table_of(
        ROUNDS,
        {
            "run": np.full(rounds, run),
            "round": first_round + np.arange(rounds),
            "profile": measures.profile_numbers,
            "welfare": measures.utility.sum(axis=-1),
            "first_best_welfare": measures.first_best,
            "autarky_welfare": measures.autarky,
            "gains": measures.gains,
            "first_best_gains": measures.first_best_gains,
            "bankruptcies": plays.settlement.bankrupt.sum(axis=-1),
            "misreports": (plays.reports != plays.profile).sum(axis=-1),
            "volume": measures.volume,
            "price_dispersion": measures.price_dispersion,
            "wasted": measures.wasted,
        },
    )


def player_rows(run: int, first_round: int, measures: Measures, labels: Labels) -> pa.Table:
    """Return one row for each player of each round."""
    plays, settlement = measures.plays, measures.plays.settlement
    numbers = counters(plays.profile.shape)
    return table_of(
        PLAYERS,
        {
            "run": np.full(plays.profile.shape, run),
            "round": first_round + numbers[0],
            "player": keys(numbers[1], labels.players),
            "type": labels.type_names(plays.profile),
            "reported_type": labels.type_names(plays.reports),
            "behaviour": labels.behaviour_names(plays.profile),
            "transfer": plays.transfers,
            "cost": settlement.cost,
            "bankrupt": settlement.bankrupt,
            "reason": keys(settlement.reason, REASONS),
            "utility": measures.utility,
            "promised_utility": measures.promised_utility,
            "wealth": measures.wealth,
            "mediator": keys(1 + plays.followed, labels.mediators),
            "severance": plays.severance,
            "side_payment": plays.side_payments,
        },
    )


def holding_rows(run: int, first_round: int, measures: Measures, labels: Labels) -> pa.Table:
    """Return one row for each good of each player of each round."""
    plays, settlement = measures.plays, measures.plays.settlement
    shape = plays.quotes.shape
    numbers = counters(shape)
    return table_of(
        HOLDINGS,
        {
            "run": np.full(shape, run),
            "round": first_round + numbers[0],
            "player": keys(numbers[1], labels.players),
            "good": keys(numbers[2], labels.goods),
            "endowment": measures.endowments,
            "announced": plays.announced_endowments,
            "quote": plays.quotes,
            "supporting_price": _for_each_player(measures.price, shape),
            "lowest_supporting_price": _for_each_player(measures.lowest_price, shape),
            "net_trade": settlement.net_trade,
            "claim": settlement.claim,
            "allocation": settlement.allocation,
            "consumption": measures.consumed,
        },
    )


def trade_rows(run: int, first_round: int, measures: Measures, labels: Labels, pricing: Pricing) -> pa.Table:
    """Return one row for each good that a player received from another."""
    values = measures.trade_values
    place = np.nonzero(measures.received)
    number, player, counterparty, good = place
    charged = charges(measures.flows, measures.plays.quotes, pricing)
    return table_of(
        TRADES,
        {
            "run": np.full(number.shape, run),
            "round": first_round + number,
            "player": keys(player, labels.players),
            "counterparty": keys(counterparty, labels.players),
            "good": keys(good, labels.goods),
            "quantity": measures.received[place],
            "charged_to_player": charged[place],
            "charged_to_counterparty": charged[number, counterparty, player, good],
            "value": values[place],
        },
    )


def numbered(names: Sequence[str]) -> tuple[tuple[str, ...], IntegerArray]:
    """Return the different names in order of appearance, and the place of each name among them."""
    different = tuple(dict.fromkeys(names))
    return different, np.array([different.index(name) for name in names], np.int64)


def counters(shape: tuple[int, ...]) -> tuple[IntegerArray, ...]:
    """Return, for each dimension of a table of this shape, the number of every entry along it."""
    return tuple(np.broadcast_to(number, shape) for number in np.ogrid[tuple(slice(size) for size in shape)])


def _for_each_player(prices: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return prices ``(R, L)`` repeated for every player, ``(R, N, L)``."""
    return np.broadcast_to(prices[:, None, :], shape)
