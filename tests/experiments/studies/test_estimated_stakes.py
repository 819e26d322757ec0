"""Who reads the contract blocks where theory says so, and who only watches comes to it later."""

from __future__ import annotations

import pandas as pd
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.studies.learning import estimated_stakes as study
from marketgame.experiments.studies.severance import Promises
from marketgame.experiments.studies.sweep_pages import SEVERANCE

PUBLISHED = HOME.parent / "docs" / "tables" / f"{study.SWEEP}.csv"
# Of the scenario that the sweep varies.
PRICE, SIDE_BET = 3.5, 2.5


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(PUBLISHED).set_index([study.STAKES, SEVERANCE])


def test_whoever_reads_the_contract_leads_players_away_just_where_condition_27_fails(table: pd.DataFrame) -> None:
    rows = table.loc["contract"]
    assert len(rows) == 9
    for severance, left in rows["left"].items():
        stable = Promises(PRICE, float(str(severance)), SIDE_BET).predicted_stable
        assert (left == 0) == stable
    assert (rows["left"] == 0).sum() == 1


def test_whoever_only_watches_is_late_and_never_blocks_more_where_the_plan_is_not_in_the_core(
    table: pd.DataFrame,
) -> None:
    watched, read = table.loc["past-rounds"], table.loc["contract"]
    blocked = read["left"] > 0
    assert (watched["left_at_first"] < read["left_at_first"])[blocked].all()
    assert (watched["left_at_first"] / read["left_at_first"] < watched["left"] / read["left"])[blocked].all()
    # Ten rounds are watched before the first estimate.
    assert (watched["left_at_first_high"] <= 1 - 10 / study.FIRST).all()
