"""A recorder that would not fill its tables as the schema says fails when it is made, before anything is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from marketgame.agents.behaviours import ExponentialWeights
from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.simulation.recording.columns import FLAG, NUMERAIRE, REAL, TEXT, Column, SchemaError
from marketgame.simulation.recording.game import GameRecorder
from marketgame.simulation.recording.market import MarketRecorder
from marketgame.simulation.recording.recorder import Recorder
from marketgame.simulation.recording.tables import (
    CANCELLED_TRADES,
    HOLDINGS,
    LINKS,
    REGRETS,
    ROUNDS,
    SIDE_CONTRACTS,
    STANCES,
    TABLES,
    TRADE_TOTALS,
    TRADES,
    VALUATIONS,
)
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.game_scenario import GameScenario
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.organisers import Organiser
from tests.economy_fixtures import three_trader_economy
from tests.mechanisms.myerson_examples import bilateral_trade

RIVAL = (Blocker("rival"),)
MARKET = MarketScenario(
    "s",
    three_trader_economy(),
    assignments=(Assignment(ExponentialWeights(), ("ann",)),),
    blockers=RIVAL,
    organisers=(Organiser("cartel"),),
)
GAME = bilateral_trade([5.0, 1.0], [[6.0], [2.0]], [0.5, 0.5], [1.0])
KEEP = Mechanism(np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2)))
IN_GAME = GameScenario("s", "g", GAME, KEEP, blockers=RIVAL, rounds=3)
LEAVING = game_on_grid(MARKET.economy, 1)


def on_market() -> Recorder[Any, Any]:
    return MarketRecorder(MARKET, grand_contract(MARKET.economy), MARKET.behaviours(), LEAVING)


def in_game() -> Recorder[Any, Any]:
    return GameRecorder(IN_GAME, IN_GAME.behaviours())


# Each recorder with the tables that it fills.
FILLED = [(on_market, name) for name in TABLES]
ON_MARKETS_ALONE = {
    each.name
    for each in (
        *(HOLDINGS, TRADES, CANCELLED_TRADES, TRADE_TOTALS, SIDE_CONTRACTS, STANCES, REGRETS, LINKS),
        VALUATIONS,
    )
}
FILLED += [(in_game, name) for name in TABLES if name not in ON_MARKETS_ALONE]
COLUMNS = [(made, name, column) for made, name in FILLED for column in TABLES[name].columns]

type Made = Callable[[], Recorder[Any, Any]]


def with_columns(name: str, columns: tuple[Column[Any], ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a table have other columns."""
    schema = TABLES[name]
    monkeypatch.setitem(vars(schema), "arrow", replace(schema, columns=columns).arrow)
    monkeypatch.setitem(vars(schema), "columns", columns)


@pytest.mark.parametrize("made", [on_market, in_game])
def test_the_recorders_are_made_as_the_schema_stands(made: Made) -> None:
    assert list(made().tables()) == list(TABLES)


@pytest.mark.parametrize(("made", "name"), FILLED)
def test_a_column_that_nothing_gives_is_found_when_the_recorder_is_made(
    made: Made, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    surplus = Column[Any]("surplus", REAL, NUMERAIRE, "what nobody measures")
    with_columns(name, (*TABLES[name].columns, surplus), monkeypatch)
    with pytest.raises(SchemaError, match="surplus"):
        made()


@pytest.mark.parametrize(("made", "name"), FILLED)
def test_a_column_that_the_schema_lacks_is_found_when_the_recorder_is_made(
    made: Made, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_columns(name, TABLES[name].columns[1:], monkeypatch)
    with pytest.raises(SchemaError, match=f"{name} has no column 'run'"):
        made()


@pytest.mark.parametrize(("made", "name", "column"), COLUMNS)
def test_a_column_of_another_type_is_found_when_the_recorder_is_made(
    made: Made, name: str, column: Column[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(column, type=TEXT if column.type == FLAG else FLAG)
    columns = TABLES[name].columns
    with_columns(name, tuple(other if each is column else each for each in columns), monkeypatch)
    with pytest.raises(SchemaError, match=f"column {column.name} of table {name} is"):
        made()


def test_a_column_is_added_in_one_place_for_the_market_and_for_games(monkeypatch: pytest.MonkeyPatch) -> None:
    poorest: Column[Any] = Column(
        "poorest", REAL, NUMERAIRE, "the smallest utility of any player", lambda rounds: rounds.utility.min(axis=1)
    )
    with_columns(ROUNDS.name, (*ROUNDS.columns, poorest), monkeypatch)
    for scenario in (replace(MARKET, blockers=(), organisers=(), rounds=3), IN_GAME):
        tables: dict[str, pa.Table] = simulate(scenario)
        utility = tables["players"]["utility"].to_numpy().reshape(3, -1)
        assert tables["rounds"]["poorest"].to_pylist() == utility.min(axis=1).tolist()
