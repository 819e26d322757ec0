"""What incentives cost and what lies gain as markets are copied: what must be so whatever the market."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.studies import replicated_incentives as study

# A market in one copy of which something is lost.
COSTLY = 1
PUBLISHED = HOME.parent / "docs" / "tables" / f"{study.NAME}.csv"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.DataFrame(study.cell(COSTLY, (1, 2, 4)))


def test_nobody_gains_more_than_the_first_best_and_copies_can_always_trade_apart(rows: pd.DataFrame) -> None:
    """Whatever is incentive compatible and leaves all willing in one copy is so in each of many copies by itself."""
    first_best, attained, copies = (rows[name].to_numpy() for name in ("first_best", "attained", "copies"))
    assert (attained <= rows["bound"] * (1 + 1e-9)).all()
    assert (rows["bound"] <= first_best * (1 + 1e-9)).all()
    for gains in (first_best, attained):
        assert (np.diff(gains / copies) >= -1e-9).all()
    # Incentives cost something in this market.
    assert attained[0] < first_best[0] * (1 - 1e-3)


def test_two_lies_there_and_back_never_lose_and_gain_less_in_larger_markets(rows: pd.DataFrame) -> None:
    assert (rows["impact"] >= -1e-12).all()
    assert (rows["impact_error"] == 0).all()
    published = pd.read_csv(PUBLISHED)
    for _, market in published.groupby("economy"):
        assert (np.diff(market["impact"] / market["first_best"]) < 0).all()
        # Bounds that are proven leave nothing open that could be seen in what is printed.
        assert (market["bound"] - market["attained"] <= 1e-6 * market["first_best"]).all()


def test_no_market_that_is_drawn_is_left_out_and_copies_never_cost_more() -> None:
    published = pd.read_csv(PUBLISHED)
    assert sorted(published["economy"].unique()) == list(range(study.ECONOMIES))
    for _, market in published.groupby("economy"):
        assert market["copies"].tolist() == list(study.COPIES)
        assert (np.diff(market["cost"]) <= study.ROUNDING).all()
