"""Coalition-proof transfers on a hundred random economies of three to seven players, and some of two."""

from __future__ import annotations

import pytest

from tests.mechanisms.contracts.test_coalition_proof import an_economy, nobody_gains_by_lying_together


@pytest.mark.parametrize("seed", range(21, 117))
def test_no_coalition_gains_by_lying_together(seed: int) -> None:
    nobody_gains_by_lying_together(an_economy(seed))
