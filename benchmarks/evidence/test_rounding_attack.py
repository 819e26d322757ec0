"""Thousands of attacks on the rounding of settlement bring no coalition what counts as a gain.

A short search is among the tests; this is the same at length.
"""

from __future__ import annotations

import pytest

from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import MarketRules
from tests.mechanisms.rounding_attack import REPAIRED_RULES, largest_rounding_gain


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rules", REPAIRED_RULES, ids=lambda r: f"{r.pricing}-{r.bankruptcy}")
def test_no_coalition_is_found_that_gains_from_rounding(rules: MarketRules, seed: int) -> None:
    assert largest_rounding_gain(seed, rules, contracts=60, steps=60) < GAIN_TOLERANCE
