"""Trades of the bankrupt that are unwound are listed: with those that stand they are all that was ordered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.mechanisms.market_game.rules import Bankruptcy
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.established import establish
from tests.experiments.command_calls import SCENARIOS

WHICH = ["round", "player", "counterparty", "good"]
AMOUNTS = ["quantity", "charged_to_player", "charged_to_counterparty", "value"]


def test_cancelled_trades_and_those_that_stand_are_what_is_traded_where_all_stand() -> None:
    scenario = load_scenario(SCENARIOS / "annex-b-cartel.toml", rounds=10)
    stand = replace(scenario, rules=replace(scenario.rules, bankruptcy=Bankruptcy.TRADES_STAND))
    unwound, standing = (
        {name: table.to_pandas() for name, table in simulate(establish(each)).items()} for each in (scenario, stand)
    )
    kept, gone, ordered = unwound["trades"], unwound["cancelled_trades"], standing["trades"]
    assert len(kept) > 0
    assert len(gone) > 0
    assert standing["cancelled_trades"].empty
    together = pd.concat([kept, gone]).astype({"good": str})
    listed = together.set_index(WHICH)[AMOUNTS].sort_index()
    assert listed.index.is_unique
    pd.testing.assert_frame_equal(listed, ordered.astype({"good": str}).set_index(WHICH)[AMOUNTS].sort_index())
    players = unwound["players"].set_index(["round", "player"])
    assert set(players["wave"]) == {0, 1, 2, 3}
    assert ((players["wave"] > 0) == players["bankrupt"]).all()
    assert set(standing["players"]["wave"]) == {0, 1}
    failed = players["wave"].where(players["wave"] > 0, np.inf)
    ends = [
        failed.loc[pd.MultiIndex.from_frame(gone[["round", side]])].to_numpy() for side in ("player", "counterparty")
    ]
    assert gone["wave"].tolist() == np.minimum(*ends).tolist()
