"""What a round of many traders leaves: their largest trades, what all add up to, and no more memory than a few take."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from marketgame.agents.behaviours import Noisy, ShortSelling
from marketgame.mechanisms.market_game.rules import MarketRules, Pricing
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.recording import recorder
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario import market_scenario
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario, TradeRows
from tests.economy_fixtures import RandomEconomy

KEYS = ["round", "good"]
SUMS = {
    "quantity": "quantity",
    "charged_to_player": "charged_to_players",
    "charged_to_counterparty": "charged_to_counterparties",
    "value": "value",
}


@pytest.fixture(scope="module")
def everything(random_economy: RandomEconomy) -> MarketScenario:
    """Noise, spreads and players who fail."""
    who = (Assignment(Noisy(), share=0.5), Assignment(ShortSelling(), share=0.2))
    rules = MarketRules(pricing=Pricing.SPREAD)
    return MarketScenario("many", random_economy(6, 6, 3, 2), rules, assignments=who, rounds=9, seed=3)


def frames(scenario: MarketScenario) -> dict[str, pd.DataFrame]:
    return {name: table.to_pandas() for name, table in simulate(scenario).items()}


def test_totals_are_what_all_trades_add_up_to_whichever_are_listed(everything: MarketScenario) -> None:
    whole = frames(replace(everything, trades=TradeRows.ALL))
    rows = whole["trades"].astype({"good": str})
    totals = whole["trade_totals"].astype({"good": str}).set_index(KEYS)
    assert len(totals) == 9 * 3
    assert len(rows) > 300
    counted = rows.groupby(KEYS).size().reindex(totals.index, fill_value=0)
    assert counted.tolist() == totals["trades"].tolist()
    for column, total in SUMS.items():
        added = rows.groupby(KEYS)[column].sum().reindex(totals.index, fill_value=0.0)
        np.testing.assert_allclose(totals[total], added, rtol=1e-12, atol=1e-12 * rows[column].abs().max())
    volume = totals["value"].groupby("round").sum()
    np.testing.assert_allclose(volume, whole["rounds"].set_index("round")["volume"], rtol=1e-12)
    for listed in (TradeRows.LARGEST, TradeRows.NONE):
        pd.testing.assert_frame_equal(frames(replace(everything, trades=listed))["trade_totals"], whole["trade_totals"])


@pytest.mark.parametrize(("listed", "most"), [(TradeRows.LARGEST, 7), (TradeRows.AUTOMATIC, 7), (TradeRows.NONE, 0)])
def test_the_largest_trades_of_each_round_are_listed_in_their_order_and_nothing_else_changes(
    everything: MarketScenario, monkeypatch: pytest.MonkeyPatch, listed: TradeRows, most: int
) -> None:
    whole = frames(replace(everything, trades=TradeRows.ALL))
    monkeypatch.setattr(market_scenario, "MOST_TRADES_LISTED", 7)
    monkeypatch.setattr(market_scenario, "MOST_TRADERS_LISTED", 5)
    some = frames(replace(everything, trades=listed))
    everywhere = whole.pop("trades")
    rank = everywhere.groupby("round")["value"].rank(method="first", ascending=False)
    assert (everywhere.groupby("round").size().reindex(range(9)) > 7).all()
    wanted = everywhere[rank <= most].reset_index(drop=True)
    pd.testing.assert_frame_equal(some.pop("trades"), wanted)
    for name, table in whole.items():
        pd.testing.assert_frame_equal(some[name], table)


def test_up_to_a_hundred_traders_every_trade_is_listed(everything: MarketScenario) -> None:
    assert everything.most_trades_listed is None
    assert frames(everything)["trades"].equals(frames(replace(everything, trades=TradeRows.ALL))["trades"])


def test_tables_do_not_depend_on_how_many_bytes_become_rows_at_once(
    everything: MarketScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = frames(everything)
    monkeypatch.setattr(recorder, "BYTES_AT_ONCE", 1)
    for name, table in frames(everything).items():
        pd.testing.assert_frame_equal(table, whole[name], rtol=1e-13)


def test_what_a_run_keeps_in_memory_grows_by_rows_and_not_by_pairs_of_traders(
    random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    players, rounds = 50, 30
    one_round = players * players * 3 * 8
    monkeypatch.setattr(recorder, "BYTES_AT_ONCE", 2 * one_round)
    economy = random_economy(8, players, 3, 1)
    model = MarketModel(MarketScenario("many", economy, trades=TradeRows.NONE, rounds=rounds))
    for _ in range(3):
        model.step()
    tracemalloc.start()
    for _ in range(rounds):
        model.step()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows = sum(table.nbytes for table in model.recorder.tables().values())
    # The orders of all rounds would take thirty times one round's; two rounds wait at most, and one is remembered.
    assert kept < 2 * rows + 4 * one_round
    assert peak < 2 * rows + 30 * one_round
    assert rows < 15 * one_round
