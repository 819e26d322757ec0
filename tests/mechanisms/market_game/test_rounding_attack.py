"""No coalition that a search comes up with gains from rounding what counts as a gain; at length among the evidence."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.mechanisms.market_game.settle import Engine, settle
from tests.mechanisms.market_messages import each_engine
from tests.mechanisms.rounding_attack import REPAIRED_RULES, largest_rounding_gain


@pytest.mark.parametrize("rules", REPAIRED_RULES, ids=lambda r: f"{r.pricing}-{r.bankruptcy}")
def test_no_coalition_is_found_that_gains_from_rounding(rules: MarketRules) -> None:
    assert largest_rounding_gain(7, rules, contracts=5, steps=12) < GAIN_TOLERANCE


@each_engine
def test_a_bankrupt_members_endless_order_lends_its_size_to_nobody(engine: Engine) -> None:
    # The martyr, player 0, gives the good away for nothing, orders without end from player 2 and fails. Its accomplice
    # orders 2^52 from it, which it orders back, and 3/4 from player 2, which its transfer of one pays for. In floating
    # point 2^52 + 3/4 is 2^52 + 1; in exact arithmetic the accomplice gains 3/4.
    quotes = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    orders = np.zeros((3, 3, 2))
    orders[0, 2, 0] = 2.0**60
    orders[1, 0, 0] = orders[0, 1, 0] = 2.0**52
    orders[1, 2, 0] = 0.75
    settlement = settle(Play(quotes, orders, np.ones((3, 2)), np.array([0.0, 1.0, 0.0])), engine=engine)
    assert settlement.bankrupt.tolist() == [True, False, False]
    assert settlement.change[1, 0] == 0.75
